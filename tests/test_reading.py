"""Regular files alone, and no more of them in memory than the budget says."""

from __future__ import annotations

import gzip
import os
import socket
from pathlib import Path

import pytest

from dirvae import reading
from dirvae.reading import (
    fitting_memory,
    memory_budget,
    open_regular,
    read_regular,
    require_memory,
    unpacked,
)

MIB = 2**20


@pytest.fixture(autouse=True)
def one_mebibyte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIRVAE_MEMORY", str(1 / 1024))


def test_the_budget_is_half_of_the_machine_or_what_the_variable_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert memory_budget() == MIB
    monkeypatch.delenv("DIRVAE_MEMORY")
    assert memory_budget() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    monkeypatch.delattr(reading.os, "sysconf")  # Windows
    assert memory_budget() == 8 * 2**30


@pytest.mark.parametrize("word", ["", "-1", "0", "nan", "inf", "8 GB"])
def test_a_budget_that_is_none_is_refused(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIRVAE_MEMORY", word)
    with pytest.raises(ValueError, match=r"DIRVAE_MEMORY is .* must be a number of GiB above 0"):
        memory_budget()


def test_as_much_as_the_budget_is_read_and_no_byte_more(tmp_path: Path) -> None:
    (tmp_path / "fits").write_bytes(b"x" * MIB)
    assert read_regular(tmp_path / "fits") == b"x" * MIB
    (tmp_path / "over").write_bytes(b"x" * (MIB + 1))
    message = r"over cannot be read: it takes 1\.0 MiB of memory, of which 1\.0 MiB may be used; "
    with pytest.raises(ValueError, match=message):
        read_regular(tmp_path / "over")
    with pytest.raises(ValueError, match=r"fits cannot be read: it takes 2\.0 MiB"):
        read_regular(tmp_path / "fits", share=2)
    require_memory("x", MIB // 3, share=3)


def test_a_file_of_holes_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(20 * 2**30)
    with pytest.raises(ValueError, match=r"sparse cannot be read: it takes 20\.0 GiB of memory"):
        read_regular(tmp_path / "sparse")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX files")
@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "folder"])
def test_what_is_no_file_is_named_and_not_waited_for(
    kind: str, linked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    monkeypatch.chdir(tmp_path)  # names of sockets must be short
    with socket.socket(socket.AF_UNIX) as server:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path = Path("/dev/zero")
        elif kind == "socket":
            server.bind("x")
        else:
            path.mkdir()
        if linked:
            (tmp_path / "link").symlink_to(path)
            path = tmp_path / "link"
        with pytest.raises(
            ValueError, match=f"^{path} cannot be read: it is a {kind}, must be a file$"
        ):
            read_regular(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX files")
def test_a_pipe_put_in_place_of_a_file_meanwhile_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "x")
    ordinary = os.stat(__file__)
    monkeypatch.setattr(reading.os, "stat", lambda path: ordinary)
    with pytest.raises(ValueError, match="x cannot be read: it is a pipe, must be a file"):
        open_regular(tmp_path / "x")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_a_file_that_lies_about_its_size_is_refused() -> None:
    with pytest.raises(ValueError, match="maps has more bytes than it says"):
        read_regular("/proc/self/maps")


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(bytes(2 * MIB))
    assert len(bomb) < 4096
    with pytest.raises(ValueError, match=r"a\.gz cannot be read: it takes 2\.0 MiB"):
        unpacked("a.gz", bomb)
    assert unpacked("a.gz", gzip.compress(bytes(MIB)) + bytes(7)) == bytes(MIB)
    with pytest.raises(EOFError):
        unpacked("a.gz", bomb[:20])


def test_what_is_nested_too_deep_is_one_sentence() -> None:
    with (
        pytest.raises(ValueError, match=r"^a\.json cannot be read: it is nested too deep$"),
        fitting_memory("a.json"),
    ):
        raise RecursionError
