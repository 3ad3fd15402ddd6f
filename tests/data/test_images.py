"""Images from folders, and MNIST from a data folder or a server."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dirvae.data import images, mnist, read_images


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
    monkeypatch.setattr(images, "MNIST_URL", url)
    monkeypatch.setattr(images, "MNIST_SHA256", hashlib.sha256(file.read_bytes()).hexdigest())
    monkeypatch.setenv("DIRVAE_DATA", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


def test_mnist_is_downloaded_once(home, monkeypatch):
    assert mnist("x_test").max() == 9
    assert [path.name for path in home.iterdir()] == ["mnist.npz"]
    monkeypatch.setattr(images, "MNIST_URL", "http://127.0.0.1:9/gone")
    assert mnist().shape == (60_000, 28, 28)


def test_download_of_other_bytes_is_refused_and_not_kept(home, monkeypatch):
    monkeypatch.setattr(images, "MNIST_SHA256", "0" * 64)
    with pytest.raises(ValueError, match="does not match the known hash"):
        mnist()
    assert not list(home.iterdir())


def test_failed_download_says_what_to_do(home, monkeypatch):
    monkeypatch.setattr(images, "MNIST_URL", "http://127.0.0.1:9/gone")
    with pytest.raises(OSError, match="DIRVAE_DATA"):
        mnist()
    assert not list(home.iterdir())


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


def test_grey_images_of_subfolders_in_order_of_names(tmp_path):
    (tmp_path / "b").mkdir()
    Image.new("L", (3, 2), 10).save(tmp_path / "b" / "a.png")
    Image.new("1", (3, 2), 1).save(tmp_path / "a.PNG")
    (tmp_path / "notes.txt").write_text("no image")
    names, pixels = read_images(tmp_path)
    assert names == ["a.PNG", os.path.join("b", "a.png")]
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.repeat([255, 10], 6).reshape(2, 2, 3))


def test_colour_makes_all_rgb(tmp_path):
    Image.new("L", (2, 2), 7).save(tmp_path / "a.png")
    Image.new("RGBA", (2, 2), (1, 2, 3, 4)).save(tmp_path / "b.png")
    pixels = read_images(tmp_path)[1]
    assert pixels.shape == (2, 2, 2, 3)
    assert pixels[:, 0, 0].tolist() == [[7, 7, 7], [1, 2, 3]]


def test_jpeg_is_read(tmp_path):
    Image.new("RGB", (8, 8), (200, 100, 50)).save(tmp_path / "a.jpg")
    assert np.abs(read_images(tmp_path)[1].astype(int) - [200, 100, 50]).max() <= 3


def bad_folder(kind: str, folder: Path) -> None:
    if kind == "sizes":
        Image.new("L", (2, 2)).save(folder / "a.png")
        Image.new("L", (2, 3)).save(folder / "b.png")
    elif kind == "16 bits":
        Image.fromarray(np.zeros((2, 2), np.uint16)).save(folder / "a.png")
    elif kind == "text":
        (folder / "a.png").write_text("no image")
    elif kind == "cut off":
        Image.effect_noise((64, 64), 50).save(folder / "a.png")
        content = (folder / "a.png").read_bytes()
        (folder / "a.png").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("none", "no .png or .jpg"),
        ("sizes", "b.png is 2 x 3 pixels but .*a.png is 2 x 2"),
        ("16 bits", "more than 8 bits"),
        ("text", "a.png cannot be read"),
        ("cut off", "a.png cannot be read"),
    ],
)
def test_bad_folder_is_told(kind, message, tmp_path):
    bad_folder(kind, tmp_path)
    with pytest.raises(ValueError, match=message):
        read_images(tmp_path)
