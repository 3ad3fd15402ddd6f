"""Images in files as 8-bit pixels."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirvae.data.text_files import name_of

__all__ = ["read_images", "required"]

PACKAGES = {"PIL": "pillow", "biom": "biom-format"}  # of modules that are called otherwise
SUFFIXES = {".png", ".jpg", ".jpeg"}

Pixels = NDArray[np.uint8]


def read_images(folder: str | Path) -> tuple[list[str], Pixels]:
    """Read all images below a folder, in the order of their names.

    Args:
        folder: Holds ``.png`` or ``.jpg`` files, in subfolders too, all of one size. If any has
            colours all are read as RGB, otherwise as grey; transparency is dropped.

    Returns:
        Names relative to the folder, and pixels of shape (N, H, W) or (N, H, W, 3).

    Raises:
        ValueError: If there is no image, one cannot be read, or sizes differ.
        ImportError: If pillow is not installed.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (3, 2), 7).save(Path(folder, "a.png"))
        ...     names, pixels = read_images(folder)
        >>> names, pixels.shape
        (['a.png'], (1, 2, 3))
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise ValueError(f"{folder} has no .png or .jpg images")
    image = required("PIL.Image", folder)
    headers = [_header(image, path) for path in paths]
    for path, (size, _) in zip(paths, headers, strict=True):
        if size != headers[0][0]:
            first = "{} x {}".format(*headers[0][0])
            raise ValueError(
                f"{path} is {size[0]} x {size[1]} pixels but {paths[0]} is {first}: all images "
                "must be of one size"
            )
    mode = "RGB" if any(mode not in ("1", "L", "LA") for _, mode in headers) else "L"
    names = [name_of(path, folder) for path in paths]
    return names, np.stack([_pixels(image, path, mode) for path in paths])


def _header(image: Any, path: Path) -> tuple[tuple[int, int], str]:
    try:
        with image.open(path) as opened:
            size, mode = opened.size, str(opened.mode)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: it is cut off, or is no image") from error
    if mode[0] in "IF":
        raise ValueError(f"{path} has pixels of more than 8 bits (mode {mode}), must have 8")
    return size, mode


def _pixels(image: Any, path: Path, mode: str) -> Pixels:
    try:
        with image.open(path) as opened:
            return np.asarray(opened.convert(mode), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"{path} cannot be read: it is cut off, or is no image") from error


def required(module: str, what: Any, extra: str = "data") -> Any:
    """Import a package of an extra, or say how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{what} takes {PACKAGES.get(module, module.partition('.')[0])}: "
            f"pip install 'dirvae[{extra}]'"
        ) from error
