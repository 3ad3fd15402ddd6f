"""Image sets from a data folder or a server."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.ndimage
from PIL import Image

from dirvae.data import (
    fashion_mnist,
    image_sets,
    mnist,
    omniglot,
    omniglot_iwae,
    rotated_mnist,
    svhn,
)

GONE = "http://127.0.0.1:9/gone"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A file of MNIST's shapes, and the address that a server offers it at."""
    folder = tmp_path_factory.mktemp("server")
    train, test = np.zeros((60_000, 28, 28), np.uint8), np.full((10_000, 28, 28), 9, np.uint8)
    labels = {"y_train": np.zeros(60_000, np.uint8), "y_test": np.ones(10_000, np.uint8)}
    np.savez_compressed(folder / "mnist.npz", x_train=train, x_test=test, **labels)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            if not self.path.endswith("cut-off"):
                super().do_GET()
                return
            content = (folder / "mnist.npz").read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder / "mnist.npz", f"http://127.0.0.1:{server.server_port}/mnist.npz"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, and a server that the download goes to."""
    file, url = served
    known = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    monkeypatch.setattr(image_sets, "MNIST", (url, known))
    monkeypatch.setenv("DIRVAE_DATA", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


def test_mnist_is_downloaded_once(home, monkeypatch):
    assert mnist("x_test").max() == 9
    assert [path.name for path in home.iterdir()] == ["mnist.npz"]
    monkeypatch.setattr(image_sets, "MNIST", (GONE, None))
    assert mnist().shape == (60_000, 28, 28)


def test_download_of_other_bytes_is_refused_and_not_kept(home, monkeypatch):
    monkeypatch.setattr(image_sets, "MNIST", (image_sets.MNIST[0], "sha256:" + "0" * 64))
    with pytest.raises(ValueError, match="does not match the known hash"):
        mnist()
    assert not list(home.iterdir())


def test_failed_download_says_what_to_do(home, monkeypatch):
    monkeypatch.setattr(image_sets, "MNIST", (GONE, None))
    with pytest.raises(OSError, match="DIRVAE_DATA"):
        mnist()
    assert not list(home.iterdir())


@pytest.mark.parametrize("with_hash", [True, False])
def test_a_download_that_is_cut_off_leaves_nothing_and_is_made_again(home, monkeypatch, with_hash):
    url, known = image_sets.MNIST
    known = known if with_hash else None
    monkeypatch.setattr(image_sets, "MNIST", (url.replace("mnist.npz", "cut-off"), known))
    with pytest.raises(OSError, match=r"mnist cannot be downloaded from .*DIRVAE_DATA"):
        mnist()
    assert not list(home.iterdir())
    monkeypatch.setattr(image_sets, "MNIST", (url, known))
    assert mnist("x_test").max() == 9


def test_default_folder_is_the_users_cache(home, monkeypatch):
    monkeypatch.delenv("DIRVAE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.setenv("HOME", str(home))
    mnist("y_test")
    assert [path.parent.name for path in home.rglob("mnist.npz")] == ["dirvae"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_damaged_mnist_is_told(home, content):
    (home / "mnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        mnist()


def test_other_shapes_are_not_mnist(home):
    np.savez(home / "mnist.npz", x_train=np.zeros((3, 28, 28), np.uint8))
    with pytest.raises(ValueError, match="not MNIST"):
        mnist()


REAL = Path(os.environ.get("DIRVAE_DATA", "no folder"), "mnist.npz")


@pytest.mark.skipif(not REAL.is_file(), reason="DIRVAE_DATA names no folder with mnist.npz")
def test_real_mnist():
    assert mnist().mean() == pytest.approx(33.318, abs=1e-3)  # the usual .1307 x 255
    assert np.bincount(mnist("y_test")).tolist()[:3] == [980, 1135, 1032]


# --- the others, from small files of the same form ------------------------------------------------


def test_rotated_digits(home):
    first = rotated_mnist("x_test")
    assert first.shape == (20_000, 28, 28)
    np.testing.assert_array_equal(first[:10_000], mnist("x_test"))
    assert rotated_mnist("y_test").shape == (20_000,)


def test_rotation_is_by_the_angles_that_the_seed_draws(monkeypatch):
    bar = np.zeros((50, 28, 28), np.uint8)
    bar[:, 12:16, 4:24] = 255  # lies flat
    monkeypatch.setattr(image_sets, "mnist", lambda array: bar)
    turned = rotated_mnist(seed=1)[50:]
    np.testing.assert_array_equal(turned, rotated_mnist(seed=1)[50:])
    assert (turned != rotated_mnist(seed=2)[50:]).any()
    angles = np.random.default_rng(1).uniform(0, 360, 50)
    rows, columns = np.mgrid[:28, :28] - 13.5
    for image, angle in zip(turned.astype(float), angles, strict=True):
        mass = image / image.sum()
        across, along = (mass * rows**2).sum(), (mass * columns**2).sum()
        slant = -(mass * rows * columns).sum()  # rows run downwards
        found = np.degrees(np.arctan2(2 * slant, along - across) / 2) % 180
        assert abs((found - angle + 90) % 180 - 90) < 3


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DIRVAE_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        ("x_train", (60_000, 28, 28)),
        ("y_train", (60_000,)),
        ("x_test", (10_000, 28, 28)),
        ("y_test", (10_000,)),
    ],
)
def test_each_array_of_mnist_has_its_shape(folder, monkeypatch, array, shape):
    (folder / "mnist.npz").touch()
    values = np.broadcast_to(np.uint8(7), shape)
    monkeypatch.setattr(image_sets, "read_named_array", lambda path, name: values)
    assert mnist(array).shape == shape
    for wrong in (values[1:], values.reshape(*shape, 1), values.astype(np.int8)):
        monkeypatch.setattr(image_sets, "read_named_array", lambda path, name, wrong=wrong: wrong)
        with pytest.raises(ValueError, match=f"is not MNIST: {array} has shape"):
            mnist(array)


def test_turned_digits_are_rounded_to_grey_values(monkeypatch):
    digit = np.zeros((28, 28), np.uint8)
    digit[8:20, 13:15], digit[8:10, 8:20] = 255, 128
    monkeypatch.setattr(image_sets, "mnist", lambda array: np.stack([digit, digit.T]))
    found = rotated_mnist()
    angles = np.random.default_rng(0).uniform(0, 360, 2)
    exact = [
        scipy.ndimage.rotate(image.astype(float), angle, reshape=False)
        for image, angle in zip((digit, digit.T), angles, strict=True)
    ]
    assert np.min(exact) < -1
    assert np.max(exact) > 256  # splines overshoot
    assert np.abs(found[2:] - np.clip(exact, 0, 255)).max() < 0.51
    assert (found[:2] == [digit, digit.T]).all()


def test_fashion_mnist_from_idx(folder):
    pixels = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    header = b"\0\0\x08\x03" + np.array(pixels.shape, ">u4").tobytes()
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(header + pixels.tobytes()))
    np.testing.assert_array_equal(fashion_mnist("x_test"), pixels)
    labels = b"\0\0\x08\x01" + np.array([2], ">u4").tobytes() + bytes([7, 3])
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    assert fashion_mnist("y_test").tolist() == [7, 3]
    for content in (
        b"no gzip",
        gzip.compress(header[:10]),
        gzip.compress(header + b"cut off"),
        gzip.compress(b"a text"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte\.gz is damaged"):
            fashion_mnist("x_test")


def test_svhn_from_matlab(folder):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 4)).astype(np.uint8)
    labels = np.array([[1], [10], [9], [10]], np.uint8)
    scipy.io.savemat(folder / "test_32x32.mat", {"X": pixels, "y": labels})
    np.testing.assert_array_equal(svhn("x_test")[2], pixels[..., 2])
    assert svhn("y_test").tolist() == [1, 0, 9, 0]
    assert svhn("x_test").shape == (4, 32, 32, 3)
    grey, small = pixels[:, :, :2], pixels[:31]
    for wrong in (
        {"X": pixels},
        {"y": labels},
        {"X": grey, "y": labels},
        {"X": small, "y": labels},
    ):
        scipy.io.savemat(folder / "train_32x32.mat", wrong)
        with pytest.raises(ValueError, match="is not SVHN: it must have X of shape"):
            svhn()


def test_omniglot_of_the_iwae(folder):
    image = np.arange(784.0).reshape(28, 28) / 784
    alphabets = np.eye(50)[:, [3, 41]]
    column = image.T.reshape(-1, 1)  # MATLAB's order
    data = {"data": np.hstack([column, 0 * column]), "target": alphabets}
    scipy.io.savemat(folder / "chardata.mat", data | {"testdata": column, "testtarget": alphabets})
    np.testing.assert_array_equal(omniglot_iwae()[0], image)
    assert omniglot_iwae("x_test").shape == (1, 28, 28)
    assert omniglot_iwae("y_train").tolist() == [3, 41]
    scipy.io.savemat(folder / "chardata.mat", data | {"data": column[1:]})
    with pytest.raises(ValueError, match=r"is not the IWAE's OMNIGLOT: it must have data of shape"):
        omniglot_iwae()
    (folder / "chardata.mat").write_bytes(b"MATLAB 5.0 cut off")
    with pytest.raises(ValueError, match="damaged"):
        omniglot_iwae()


def write_omniglot(folder: Path) -> None:
    """Archives of one alphabet each, of two characters by 20 drawers: a square of growing size."""
    for name, alphabet in (("images_background", "Latin"), ("images_evaluation", "Avesta")):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for character in (1, 2):
                for drawer in range(20):
                    pixels = np.full((105, 105), 255, np.uint8)
                    pixels[: 3 * drawer + 15, : 30 * character] = 0
                    content = io.BytesIO()
                    Image.fromarray(pixels).convert("1").save(content, "PNG")
                    entry = f"{name}/{alphabet}/character{character:02}/07_{drawer + 1:02}.png"
                    archive.writestr(entry, content.getvalue())


def test_omniglot_is_built_once_from_its_archives(folder):
    write_omniglot(folder)
    train, test = omniglot(), omniglot("x_test")
    assert (train.shape, test.shape) == ((60, 28, 28), (20, 28, 28))
    assert np.bincount(omniglot("y_train")).tolist() == [30, 30]
    assert np.bincount(omniglot("character_test")).tolist() == [5, 5, 5, 5]
    # Ink of all drawings: areas are kept by the average, up to rounding at the edges.
    areas = sum((3 * d + 15) * 30 * c for c in (1, 2) for d in range(20)) * 2
    ink = (train.sum(dtype=float) + test.sum(dtype=float)) / 255 * (105 / 28) ** 2
    assert ink == pytest.approx(areas, rel=5e-3)
    for archive in folder.glob("*.zip"):
        archive.unlink()
    np.testing.assert_array_equal(omniglot(), train)
    assert [path.name for path in folder.iterdir()] == ["omniglot28.npz"]
    with np.load(folder / "omniglot28.npz") as archive:
        arrays = dict(archive)
    assert arrays["drawer"].tolist() == [*range(20)] * 4
    assert arrays["character"].tolist() == np.repeat(range(4), 20).tolist()
    assert arrays["alphabet"].tolist() == np.repeat([0, 1], 40).tolist()
    last = arrays["images"][19]  # 72 x 30 pixels of ink, which make 19.2 x 8
    assert (last[:19, :8] == 255).all()
    assert set(last[19, :8].tolist()) < set(range(30, 90))
    assert not last[20:].any()
    assert not last[:, 8:].any()
    rng = np.random.default_rng(0)
    for character in range(4):  # whose drawings are known by their drawers
        of_train = omniglot("x_train")[omniglot("character_train") == character]
        drawers = sorted(rng.permutation(20)[:15].tolist())
        assert (of_train == arrays["images"][20 * character :][drawers]).all()
    np.savez(folder / "omniglot28.npz", **{**arrays, "drawer": arrays["drawer"][1:]})
    with pytest.raises(ValueError, match=r"28\.npz is not OMNIGLOT: its arrays differ in length"):
        omniglot()
    del arrays["alphabet"]
    np.savez(folder / "omniglot28.npz", **arrays)
    with pytest.raises(
        ValueError, match=r"28\.npz is damaged or is not OMNIGLOT: delete it"
    ) as told:
        omniglot("y_train")
    assert "has no array 'alphabet'; it has images" in str(told.value.__cause__)


# --- files that a stranger made -------------------------------------------------------------------


def test_what_a_set_is_unpacked_to_is_held_against_the_budget(folder, monkeypatch):
    """Each file is small, and says or packs more than 4 MiB; none is called damaged."""
    monkeypatch.setenv("DIRVAE_MEMORY", str(4 / 1024))
    bomb = np.zeros((6 * 2**20, 1, 1), np.uint8)
    np.savez_compressed(folder / "mnist.npz", x_train=bomb)
    header = b"\0\0\x08\x03" + np.array(bomb.shape, ">u4").tobytes()
    packed = gzip.compress(header + bomb.tobytes())
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(packed)
    wide = {"X": bomb.reshape(32, 32, 3, -1), "y": np.zeros((2048, 1), np.uint8)}
    scipy.io.savemat(folder / "test_32x32.mat", wide, do_compression=True)
    with zipfile.ZipFile(folder / "images_background.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images_background/A/character01/1_01.png", bomb.tobytes())
    for load in (mnist, partial(fashion_mnist, "x_test"), partial(svhn, "x_test"), omniglot):
        with pytest.raises(ValueError, match=r"it takes [567]\..* of which 4.0 MiB"):
            load()
    assert not (folder / "omniglot28.npz").exists()


@pytest.mark.parametrize("size", [(106, 105), (105, 106), (105, 104)])
def test_a_drawing_of_another_size_is_not_decoded(folder, size):
    write_omniglot(folder)
    content = io.BytesIO()
    Image.new("1", size).save(content, "PNG")
    with zipfile.ZipFile(folder / "images_background.zip", "w") as archive:
        archive.writestr("images_background/A/character01/1_01.png", content.getvalue())
    with pytest.raises(
        ValueError, match=r"images_background\.zip is damaged or is not OMNIGLOT"
    ) as told:
        omniglot()
    assert str(told.value.__cause__).endswith("1_01.png does not have 105 x 105 pixels")


@pytest.mark.parametrize("load", [fashion_mnist, svhn, omniglot, omniglot_iwae])
def test_without_a_network_it_says_where_to_put_the_file(folder, monkeypatch, load):
    for name in ("FASHION_HOME", "SVHN_HOME", "OMNIGLOT_HOME"):
        monkeypatch.setattr(image_sets, name, GONE)
    monkeypatch.setattr(image_sets, "IWAE_OMNIGLOT", GONE)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(OSError, match=f"{load.__name__} cannot be downloaded from .*DIRVAE_DATA"):
        load()
    assert not list(folder.iterdir())


DATA = Path(os.environ.get("DIRVAE_DATA", "no folder"), "omniglot28.npz")


@pytest.mark.skipif(not DATA.is_file(), reason="DIRVAE_DATA names no folder with omniglot28.npz")
def test_real_omniglot():
    assert (omniglot().shape, omniglot("x_test").shape) == ((24_345, 28, 28), (8_115, 28, 28))
    assert len(np.unique(omniglot("y_test"))) == 50
    assert np.bincount(omniglot("character_test")).tolist() == [5] * 1623
    with np.load(DATA) as archive:
        np.testing.assert_array_equal(omniglot(), archive["images"][archive["is_train_15of20"]])
