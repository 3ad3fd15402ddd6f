"""Images as 8-bit pixels: a folder of them, and MNIST."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["mnist", "read_images"]

SUFFIXES = {".png", ".jpg", ".jpeg"}
MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"

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
    names = [str(path.relative_to(folder)) for path in paths]
    return names, np.stack([_pixels(image, path, mode) for path in paths])


def mnist(array: str = "x_train") -> Pixels:
    """Handwritten digits (LeCun et al. 1998), found in the data folder or downloaded to it once.

    The data folder is the one that the environment variable ``DIRVAE_DATA`` names, else the user's
    cache. The file is ``mnist.npz``; a download is checked against its SHA-256.

    Args:
        array: "x_train" or "x_test", or "y_train" or "y_test" for the labels.

    Returns:
        Pixels of shape (60000, 28, 28) or (10000, 28, 28); labels of shape (60000,) or (10000,).

    Raises:
        ValueError: If the file is not MNIST, or ``array`` is not in it.
        OSError: If it is not there and cannot be downloaded.
        ImportError: If pooch is needed and not installed.

    Example:
        >>> mnist("x_valid")
        Traceback (most recent call last):
        ValueError: array is 'x_valid', must be one of x_train, y_train, x_test, y_test
    """
    shapes = {"x_train": (60_000, 28, 28), "y_train": (60_000,)}
    shapes |= {"x_test": (10_000, 28, 28), "y_test": (10_000,)}
    if array not in shapes:
        raise ValueError(f"array is {array!r}, must be one of {', '.join(shapes)}")
    path = _mnist_file()
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            values: Pixels = archive[array]
    except Exception as error:  # of many kinds, from a damaged file
        raise ValueError(f"{path} is damaged or is not MNIST: delete it") from error
    if values.shape != shapes[array] or values.dtype != np.uint8:
        raise ValueError(f"{path} is not MNIST: {array} has shape {values.shape}")
    return values


def _mnist_file() -> Path:
    folder = os.environ.get("DIRVAE_DATA")
    if folder and Path(folder, "mnist.npz").is_file():
        return Path(folder, "mnist.npz")
    pooch = required("pooch", "mnist")
    path = Path(folder or pooch.os_cache("dirvae"), "mnist.npz")
    if path.is_file():
        return path
    try:
        pooch.retrieve(MNIST_URL, f"sha256:{MNIST_SHA256}", fname=path.name, path=path.parent)
    except OSError as error:
        raise OSError(
            f"mnist cannot be downloaded from {MNIST_URL} to {path.parent}: put mnist.npz into a "
            f"folder and name that in DIRVAE_DATA ({type(error).__name__})"
        ) from error
    return path


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


def required(module: str, what: Any) -> Any:
    """Import a package of the extra ``data``, or say how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{what} takes {module.partition('.')[0].replace('PIL', 'pillow')}: "
            "pip install 'dirvae[data]'"
        ) from error
