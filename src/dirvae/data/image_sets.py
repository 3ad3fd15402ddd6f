"""The image sets of the papers: found in the data folder, or downloaded to it once.

The data folder is the one that the environment variable ``DIRVAE_DATA`` names, else the user's
cache.
Downloads are checked against their hash, but for the one whose home gives none.
"""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.ndimage
from numpy.typing import NDArray

from dirvae.data.array_files import read_named_array
from dirvae.data.images import required
from dirvae.reading import (
    OverBudgetError,
    fitting_memory,
    open_regular,
    read_regular,
    require_memory,
    unpacked,
)
from dirvae.writing import whole

__all__ = ["fashion_mnist", "mnist", "omniglot", "omniglot_iwae", "rotated_mnist", "svhn"]

Pixels = NDArray[np.uint8]

MNIST = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)
# SHA-256 where a hash names no other kind.
FASHION = {
    "x_train": (
        "train-images-idx3-ubyte.gz",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    "y_train": (
        "train-labels-idx1-ubyte.gz",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    "x_test": (
        "t10k-images-idx3-ubyte.gz",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    "y_test": (
        "t10k-labels-idx1-ubyte.gz",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}
FASHION_HOME = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"
SVHN = {
    "train": (
        "train_32x32.mat",
        "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    ),
    "test": ("test_32x32.mat", "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),
}
SVHN_HOME = "http://ufldl.stanford.edu/housenumbers/"
OMNIGLOT = {
    "images_background.zip": "md5:68d2efa1b9178cc56df9314c21c6e718",
    "images_evaluation.zip": "md5:6b91aef0f799c5bb55b94e3f2daec811",
}
OMNIGLOT_HOME = "https://github.com/brendenlake/omniglot/raw/master/python/"
IWAE_OMNIGLOT = "https://github.com/yburda/iwae/raw/master/datasets/OMNIGLOT/chardata.mat"

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
DRAWERS, DRAWERS_IN_TRAINING = 20, 15  # of each character
DRAWING = (105, 105)  # pixels


def mnist(array: str = "x_train") -> Pixels:
    """Handwritten digits (LeCun et al. 1998), from ``mnist.npz``.

    Args:
        array: "x_train" or "x_test" for the images, "y_train" or "y_test" for the labels.

    Returns:
        Pixels, shape (60000, 28, 28) in training and (10000, 28, 28) in test; or labels, shape
        (60000,) or (10000,).

    Raises:
        ValueError: If the file is not MNIST, or ``array`` is not one of these names.
        OSError: If the file does not exist and cannot be downloaded.
        ImportError: If pooch is needed and not installed.

    Example:
        >>> mnist("x_valid")
        Traceback (most recent call last):
        ValueError: array is 'x_valid', must be one of x_train, y_train, x_test, y_test
    """
    _require_array(array)
    path = _found_or_fetched("mnist", "mnist.npz", *MNIST)
    values: Pixels = _read(path, "MNIST", partial(read_named_array, name=array))
    shapes = {"x_train": (60_000, 28, 28), "y_train": (60_000,)}
    shapes |= {"x_test": (10_000, 28, 28), "y_test": (10_000,)}
    if values.shape != shapes[array] or values.dtype != np.uint8:
        raise ValueError(f"{path} is not MNIST: {array} has shape {values.shape}")
    return values


def rotated_mnist(array: str = "x_train", seed: int = 0) -> Pixels:
    """MNIST, followed by a copy of MNIST in which each digit is turned by a random angle.

    The angles are uniform in [0, 2 pi), as in "MNIST-rot" (Larochelle et al. 2007). "MNIST+rot" in
    the DirVAE paper also consists of MNIST and a turned copy (Joo et al. 2020, sec. 4.3). Turned
    digits are interpolated by cubic splines.

    Args:
        array: As in `mnist`. The labels are repeated for the copy.
        seed: Seed of ``numpy.random.default_rng``, which draws the angles.

    Returns:
        Pixels, shape (120000, 28, 28) in training and (20000, 28, 28) in test; or labels, shape
        (120000,) or (20000,).

    Raises:
        ValueError, OSError, ImportError: As in `mnist`.

    Example:
        >>> rotated_mnist("x_valid")
        Traceback (most recent call last):
        ValueError: array is 'x_valid', must be one of x_train, y_train, x_test, y_test
    """
    original = mnist(array)
    if array.startswith("y"):
        return np.concatenate([original, original])
    angles = np.random.default_rng(seed).uniform(0, 360, len(original))
    turned = [
        scipy.ndimage.rotate(image.astype(np.float32), angle, reshape=False)
        for image, angle in zip(original, angles, strict=True)
    ]
    return np.concatenate([original, np.stack(turned).round().clip(0, 255).astype(np.uint8)])


def fashion_mnist(array: str = "x_train") -> Pixels:
    """Pictures of clothes in ten classes (Xiao, Rasul & Vollgraf 2017), from the four IDX files.

    Args:
        array: As in `mnist`.

    Returns:
        Pixels or labels, in the shapes of `mnist`.

    Raises:
        ValueError, OSError, ImportError: As in `mnist`.

    Example:
        >>> fashion_mnist("images")
        Traceback (most recent call last):
        ValueError: array is 'images', must be one of x_train, y_train, x_test, y_test
    """
    _require_array(array)
    name, known_hash = FASHION[array]
    path = _found_or_fetched("fashion_mnist", name, FASHION_HOME + name, known_hash)
    return _read(path, "an IDX file", _from_idx)


def svhn(array: str = "x_train") -> Pixels:
    """SVHN: cropped photographs of house numbers (Netzer et al. 2011).

    They are read from ``train_32x32.mat`` or ``test_32x32.mat``.

    Args:
        array: As in `mnist`.

    Returns:
        Pixels, shape (73257, 32, 32, 3) in training and (26032, 32, 32, 3) in test; or labels, 0 to
        9.

    Raises:
        ValueError, OSError, ImportError: As in `mnist`.

    Example:
        >>> svhn("extra")
        Traceback (most recent call last):
        ValueError: array is 'extra', must be one of x_train, y_train, x_test, y_test
    """
    _require_array(array)
    name, known_hash = SVHN[array[2:]]
    path = _found_or_fetched("svhn", name, SVHN_HOME + name, known_hash)
    content = _read(path, "SVHN", partial(_from_mat, names=["X", "y"]))
    if not {"X", "y"} <= set(content) or content["X"].shape[:3] != (32, 32, 3):
        raise ValueError(f"{path} is not SVHN: it must have X of shape (32, 32, 3, N), and y")
    if array.startswith("y"):
        labels: Pixels = (content["y"].ravel() % 10).astype(np.uint8)  # there 0 is written 10
        return labels
    return np.ascontiguousarray(content["X"].transpose(3, 0, 1, 2))


def omniglot(array: str = "x_train") -> Pixels:
    """Characters of 50 alphabets, each drawn by 20 people (Lake, Salakhutdinov & Tenenbaum 2015).

    The data are read from ``omniglot28.npz`` in the data folder. If this file does not exist, it is
    made from the two official archives and saved. The 105 x 105 pixels of the archives are averaged
    over area to 28 x 28. Ink is 255. The pixels are not those of `omniglot_iwae`. So likelihoods
    are near those in papers that use `omniglot_iwae`, but small differences mean nothing. For each
    character, the drawings of fifteen people are in the training set (24,345 images), and those of
    five people in the test set (8,115).

    Args:
        array: "x_train" or "x_test" for the images. "y_train" or "y_test" for the alphabet, 0 to
            49. "character_train" or "character_test" for the character, 0 to 1622.

    Returns:
        Pixels, shape (24345, 28, 28) in training and (8115, 28, 28) in test; or labels, shape
        (24345,) or (8115,).

    Raises:
        ValueError, OSError, ImportError: As in `mnist`.

    Example:
        >>> omniglot("drawer")
        Traceback (most recent call last):
        ValueError: array is 'drawer', must be one of x_train, y_train, x_test, y_test,
        character_train, character_test
    """
    _require_array(array, (*ARRAYS, "character_train", "character_test"))
    path = _data_folder() / "omniglot28.npz"
    if not path.is_file():
        _build_omniglot(path)
    part, _, split = array.partition("_")
    name = {"x": "images", "y": "alphabet", "character": "character"}[part]
    values, character, drawer = (
        _read(path, "OMNIGLOT", partial(read_named_array, name=key))
        for key in (name, "character", "drawer")
    )
    if not len(values) == len(character) == len(drawer):
        raise ValueError(f"{path} is not OMNIGLOT: its arrays differ in length")
    rng = np.random.default_rng(0)
    order = np.stack([rng.permutation(DRAWERS) for _ in range(character.max() + 1)])
    trains = order.argsort(1)[character, drawer] < DRAWERS_IN_TRAINING
    chosen: Pixels = values[trains == (split == "train")]
    return chosen


def omniglot_iwae(array: str = "x_train") -> NDArray[np.float64]:
    """OMNIGLOT as Burda, Grosse & Salakhutdinov (2016) use it, from their ``chardata.mat``.

    Args:
        array: "x_train" or "x_test" for the images. "y_train" or "y_test" for the alphabet, 0 to
            49.

    Returns:
        Grey values in [0, 1], shape (24345, 28, 28) in training and (8070, 28, 28) in test; or
        alphabets, int64.

    Raises:
        ValueError, OSError, ImportError: As in `mnist`. The source publishes no hash of the file,
            so only the form of a download is checked.

    Example:
        >>> omniglot_iwae("drawer")
        Traceback (most recent call last):
        ValueError: array is 'drawer', must be one of x_train, y_train, x_test, y_test
    """
    _require_array(array)
    path = _found_or_fetched("omniglot_iwae", "chardata.mat", IWAE_OMNIGLOT, None)
    part = "test" if array.endswith("_test") else ""
    names = [f"{part}data", f"{part}target"]
    content = _read(path, "the IWAE's OMNIGLOT", partial(_from_mat, names=names))
    if not set(names) <= set(content) or len(content[f"{part}data"]) != 784:
        raise ValueError(f"{path} is not the IWAE's OMNIGLOT: it must have data of shape (784, N)")
    if array.startswith("y"):
        alphabets: Any = content[f"{part}target"].argmax(0)
        return alphabets
    # Columns are images, and within one MATLAB runs down first.
    images: NDArray[np.float64] = content[f"{part}data"].T.reshape(-1, 28, 28).transpose(0, 2, 1)
    return np.ascontiguousarray(images, dtype=np.float64)


# --- finding and reading --------------------------------------------------------------------------


def _require_array(array: str, allowed: tuple[str, ...] = ARRAYS) -> None:
    if array not in allowed:
        raise ValueError(f"array is {array!r}, must be one of {', '.join(allowed)}")


def _data_folder() -> Path:
    folder = os.environ.get("DIRVAE_DATA")
    return Path(folder or required("pooch", "a data set").os_cache("dirvae"))


def _found_or_fetched(what: str, name: str, url: str, known_hash: str | None) -> Path:
    named = os.environ.get("DIRVAE_DATA")
    if named and Path(named, name).is_file():
        return Path(named, name)  # without pooch
    pooch = required("pooch", what)
    path = _data_folder() / name
    if path.is_file():
        return path
    try:
        pooch.retrieve(url, known_hash, fname=name, path=path.parent)
    except OSError as error:
        raise OSError(
            f"{what} cannot be downloaded from {url} to {path.parent}: put {name} into a "
            f"folder and set DIRVAE_DATA to it ({type(error).__name__})"
        ) from error
    return path


def _read(path: Path, what: str, parse: Callable[[Path], Any]) -> Any:
    """Parse a file; of what kind an error is depends on where a damaged one ends."""
    try:
        with fitting_memory(path):
            return parse(path)
    except OverBudgetError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is damaged or is not {what}: delete it") from error


def _from_mat(path: Path, names: list[str]) -> dict[str, Any]:
    """Read some variables of a MATLAB file; what they are unpacked to is declared before them."""
    with open_regular(path) as file:
        require_memory(path, os.fstat(file.fileno()).st_size)
        for name, shape, _ in scipy.io.whosmat(file):
            if name in names:
                require_memory(path, math.prod(shape))  # of a byte at least
        file.seek(0)
        return dict(scipy.io.loadmat(file, variable_names=names))


def _from_idx(path: Path) -> Pixels:
    """Read the IDX format: two zeros, type 8 for bytes, the number of axes, their lengths."""
    content = unpacked(path, read_regular(path))
    if content[:3] != b"\0\0\x08":
        raise ValueError("not an IDX file of bytes")
    shape = np.frombuffer(content, ">u4", content[3], 4)
    pixels: Pixels = np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)
    return pixels.copy()


def _drawings(image: Any, path: Path) -> Iterator[tuple[str, Pixels]]:
    """Names of the PNG files in an archive, and the ink of the drawings, 28 x 28 pixels each."""
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        entries = sorted(
            (entry for entry in archive.infolist() if entry.filename.endswith(".png")),
            key=lambda entry: entry.filename,
        )
        require_memory(path, sum(entry.file_size for entry in entries))
        for entry in entries:
            packed = io.BytesIO(archive.read(entry))
            with image.open(packed, formats=("PNG",)) as drawing:
                if drawing.size != DRAWING:
                    raise ValueError(f"{entry.filename} does not have 105 x 105 pixels")
                ink = image.eval(drawing.convert("L"), lambda grey: 255 - grey)
            small = ink.resize((28, 28), image.Resampling.BOX)
            yield entry.filename, np.asarray(small, dtype=np.uint8)


def _build_omniglot(path: Path) -> None:
    image = required("PIL.Image", "omniglot")
    found: dict[str, list[Any]] = {"images": [], "alphabet": [], "character": [], "drawer": []}
    alphabets: dict[str, int] = {}
    characters: dict[str, int] = {}
    for name, known_hash in OMNIGLOT.items():
        source = _found_or_fetched("omniglot", name, OMNIGLOT_HOME + name, known_hash)
        for entry, ink in _read(source, "OMNIGLOT", lambda path: list(_drawings(image, path))):
            folder, alphabet, character, file_name = Path(entry).parts[-4:]
            key = f"{folder}/{alphabet}"
            found["images"].append(ink)
            found["alphabet"].append(alphabets.setdefault(key, len(alphabets)))
            key = f"{key}/{character}"
            found["character"].append(characters.setdefault(key, len(characters)))
            found["drawer"].append(int(file_name.removesuffix(".png").rpartition("_")[2]) - 1)
    arrays: dict[str, Any] = {"images": np.stack(found["images"])}
    arrays["alphabet"] = np.array(found["alphabet"], np.uint8)
    arrays["character"] = np.array(found["character"], np.int16)
    arrays["drawer"] = np.array(found["drawer"], np.uint8)
    with whole(path) as file:
        np.savez_compressed(file, **arrays)
