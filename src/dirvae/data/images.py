"""Images in files as 8-bit pixels."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dirvae.data.text_files import name_of
from dirvae.reading import fitting_memory, open_regular, require_memory

__all__ = ["read_images", "required"]

PACKAGES = {"PIL": "pillow", "biom": "biom-format"}  # of modules that are called otherwise
SUFFIXES = {".png", ".jpg", ".jpeg"}
DECODERS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # what has such a suffix may be any of them

MEMORY_OF_PIXEL = 6  # bytes: one as read, one in the array of all, four as a float
DAMAGE = (OSError, ValueError, SyntaxError, TypeError, LookupError, struct.error, zlib.error)

Pixels = NDArray[np.uint8]
Header = tuple[tuple[int, int], str]  # width and height, and mode


def read_images(folder: str | Path) -> tuple[list[str], Pixels]:
    """Read all images in a folder and its subfolders, in the order of their names.

    Args:
        folder: Folder of ``.png`` or ``.jpg`` files of one size. Files in subfolders are read too.
            If any image has colours, all are read as RGB, otherwise as grey. Transparency is
            dropped.

    Returns:
        Names of the files relative to the folder, and pixels of shape (N, H, W) or (N, H, W, 3).

    Raises:
        ValueError: If there is no image, one cannot be read, sizes differ, or all images together
            need more than the memory budget (`dirvae.reading`).
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
                "must have the same size"
            )
    mode = "RGB" if any(mode not in ("1", "L", "LA") for _, mode in headers) else "L"
    width, height = headers[0][0]
    require_memory(folder, len(paths) * width * height * len(mode), MEMORY_OF_PIXEL)
    names = [name_of(path, folder) for path in paths]
    return names, np.stack([_pixels(image, path, mode) for path in paths])


def _header(image: Any, path: Path) -> Header:
    with _opened(image, path) as opened:
        size, mode = opened.size, str(opened.mode)
    if mode[0] in "IF":
        raise ValueError(f"{path} has pixels of more than 8 bits (mode {mode}), must have 8")
    return size, mode


def _pixels(image: Any, path: Path, mode: str) -> Pixels:
    with _opened(image, path) as opened:
        return np.asarray(opened.convert(mode), dtype=np.uint8)


@contextmanager
def _opened(image: Any, path: Path) -> Iterator[Any]:
    """Open an image by decoders of pixels alone: what is PostScript, whatever its name, is not."""
    with open_regular(path) as file, fitting_memory(path), warnings.catch_warnings():
        warnings.simplefilter("error", image.DecompressionBombWarning)
        try:
            with image.open(file, formats=DECODERS) as opened:
                yield opened
        except (image.DecompressionBombError, image.DecompressionBombWarning) as error:
            most = f"{image.MAX_IMAGE_PIXELS:,}"
            raise ValueError(f"{path} cannot be read: it has more than {most} pixels") from error
        except DAMAGE as error:
            raise ValueError(f"{path} cannot be read: it is cut off, or is not an image") from error


def required(module: str, what: Any, extra: str = "data") -> Any:
    """Import a package of an extra, or say how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        package = PACKAGES.get(package, package)
        raise ImportError(f"{what} needs {package}: pip install 'dirvae[{extra}]'") from error
