"""Images from folders."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from dirvae.data import read_images


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


def test_images_take_what_their_sizes_say(tmp_path, monkeypatch):
    monkeypatch.setenv("DIRVAE_MEMORY", str(1 / 1024))
    Image.new("L", (400, 400)).save(tmp_path / "a.png")
    assert read_images(tmp_path)[1].shape == (1, 400, 400)
    Image.new("L", (400, 400)).save(tmp_path / "b.png")
    with pytest.raises(ValueError, match=r"cannot be read: it takes 1\.8 MiB of memory"):
        read_images(tmp_path)


def test_a_bomb_of_pixels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 99)
    Image.new("L", (10, 10)).save(tmp_path / "a.png")  # of which Pillow warns
    with pytest.raises(ValueError, match=r"a\.png cannot be read: it has more than 99 pixels"):
        read_images(tmp_path)
    Image.new("L", (10, 20)).save(tmp_path / "a.png")  # which it refuses
    with pytest.raises(ValueError, match=r"a\.png cannot be read: it has more than 99 pixels"):
        read_images(tmp_path)


def test_postscript_under_the_name_of_an_image_is_not_run(tmp_path, monkeypatch):
    run = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *given, **more: run.append(given))
    Image.new("L", (10, 10)).save(tmp_path / "a.png", format="EPS")
    with pytest.raises(
        ValueError, match=r"a\.png cannot be read: it is cut off, or is not an image"
    ):
        read_images(tmp_path)
    assert run == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX files")
def test_a_pipe_among_images_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png cannot be read: it is a pipe, must be a file"):
        read_images(tmp_path)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("LA", 1), ("P", 3)])
def test_each_channel_of_a_pixel_takes_memory(tmp_path, monkeypatch, mode, channels):
    for name in "abc":
        Image.new(mode, (20, 30)).save(tmp_path / f"{name}.png")
    size = 3 * 20 * 30 * channels * 6
    monkeypatch.setenv("DIRVAE_MEMORY", str(size / 2**30))
    assert read_images(tmp_path)[1].shape == (3, 30, 20, 3)[: 3 + (channels > 1)]
    monkeypatch.setenv("DIRVAE_MEMORY", str((size - 1) / 2**30))
    with pytest.raises(ValueError, match="cannot be read: it takes"):
        read_images(tmp_path)


def test_the_first_of_another_size_is_named_with_both(tmp_path):
    for name, size in (("a", (2, 3)), ("b", (2, 3)), ("c", (3, 2)), ("d", (2, 4))):
        Image.new("L", size).save(tmp_path / f"{name}.png")
    with pytest.raises(ValueError, match=r"c\.png is 3 x 2 pixels but .*a\.png is 2 x 3: all"):
        read_images(tmp_path)
