"""Files are whole or not there, and the trial finds what writing would."""

from __future__ import annotations

import errno
import io
import os
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dirvae import writing
from dirvae.writing import (
    alone,
    made,
    partial_of,
    require_writable,
    save_array,
    try_writing,
    whole,
    write_text,
)


def test_writing_replaces_the_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    write_text(target, "long old text")
    write_text(target, "new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    write_text(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(target, "new \ud800")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("before", ["old", None])
def test_a_write_that_breaks_off_in_the_middle_changes_nothing(
    tmp_path: Path, before: str | None
) -> None:
    target = tmp_path / "a.csv"
    if before is not None:
        target.write_text(before)
    names = sorted(tmp_path.iterdir())

    def break_off() -> None:
        with whole(target) as file:
            file.write(b"half of it")
            file.flush()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert sorted(tmp_path.iterdir()) == names
    assert before is None or target.read_text() == before


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_modes_are_those_of_the_old_file_or_of_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "new", "")
    finally:
        os.umask(old)
    assert mode(tmp_path / "new") == 0o640
    (tmp_path / "new").chmod(0o604)
    write_text(tmp_path / "new", "again")
    assert mode(tmp_path / "new") == 0o604


def test_a_link_stays_and_leads_to_the_new_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/file").write_text("old")
    (tmp_path / "link").symlink_to("deep/file")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "deep/file").read_text() == "new"
    assert [entry.name for entry in (tmp_path / "deep").iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["x" * 255, "詩" * 85])
def test_the_longest_names(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "text")
    assert (tmp_path / name).read_text() == "text"


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "absent" / "a.csv"
    with pytest.raises(FileNotFoundError) as raised:
        write_text(target, "")
    assert raised.value.filename == str(target)


def test_what_a_killed_process_leaves_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(os, "replace", killed)
    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(Killed):
        write_text(tmp_path / "a.b.csv", "")
    (left,) = tmp_path.iterdir()
    assert partial_of(left.name) == "a.b.csv"
    for name in ("a.b.csv", ".a.partial", ".a.csv.0123456.partial", "a.csv.01234567.partial"):
        assert partial_of(name) is None


def test_folders_that_were_made_go_again_after_an_error(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match="of ours"), made(tmp_path / "there/a/b"):
        raise ValueError("of ours")
    assert not list((tmp_path / "there").iterdir())
    with made(tmp_path / "there/a/b"):
        pass
    assert (tmp_path / "there/a/b").is_dir()


def test_trials_leave_nothing(tmp_path: Path) -> None:
    require_writable(tmp_path / "a/b")
    try_writing(tmp_path / "a/b.csv")
    assert not list(tmp_path.iterdir())
    (tmp_path / "c.csv").write_text("old")
    try_writing(tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.csv"]


def test_trials_find_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    for folder in (tmp_path / "file", tmp_path / "file/a"):
        with pytest.raises(OSError, match=r"file.* cannot be written to: "):
            require_writable(folder)
    for path in (tmp_path / "folder", tmp_path / "fifo"):
        with pytest.raises(FileExistsError, match="is no file"):
            try_writing(path)
    assert (tmp_path / "file").read_text() == "old"


def test_trials_find_a_read_only_mount(tmpfs: Callable[..., Path]) -> None:
    path = tmpfs("mounted")
    (path / "a.csv").write_text("old")
    subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)
    with pytest.raises(OSError, match="mounted cannot be written to: Read-only file system"):
        require_writable(path)
    with pytest.raises(OSError, match=r"a\.csv cannot be replaced: Read-only file system"):
        try_writing(path / "a.csv")
    with pytest.raises(OSError, match="Read-only file system"):
        write_text(path / "a.csv", "new")
    assert (path / "a.csv").read_text() == "old"


def test_trials_find_a_file_that_is_a_mount_point(tmpfs: Callable[..., Path]) -> None:
    """As containers mount single files; these cannot be renamed over."""
    path = tmpfs("mounted")
    (path / "a.csv").write_text("old")
    (path / "b.csv").touch()
    subprocess.run(["mount", "--bind", path / "a.csv", path / "b.csv"], check=True)
    try:
        with pytest.raises(OSError, match=r"b\.csv cannot be replaced: Device or resource busy"):
            try_writing(path / "b.csv")
        assert (path / "b.csv").read_text() == "old"
    finally:
        subprocess.run(["umount", path / "b.csv"], check=True)
    assert sorted(entry.name for entry in path.iterdir()) == ["a.csv", "b.csv"]


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX users")
def test_trials_find_what_permissions_forbid() -> None:
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: only its owner gets that far
        path = Path(folder, "a.csv")
        path.write_text("old")
        os.chmod(folder, 0o555)
        try:
            if user == 0:  # whom no permission stops
                os.seteuid(65534)
            with pytest.raises(PermissionError, match="cannot be written to: Permission denied"):
                require_writable(Path(folder, "new"))
            with pytest.raises(PermissionError, match="cannot be replaced: Permission denied"):
                try_writing(path)
        finally:
            os.seteuid(user)
            os.chmod(folder, 0o755)
        assert os.listdir(folder) == ["a.csv"]
        assert path.read_text() == "old"


@pytest.mark.skipif(not hasattr(os, "seteuid") or os.geteuid() != 0, reason="needs two users")
def test_trials_find_the_file_of_another_in_a_sticky_folder() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_text("old")
        os.chmod(folder, 0o1777)
        os.seteuid(65534)
        try:
            with pytest.raises(PermissionError, match="be replaced: Operation not permitted"):
                try_writing(path)
        finally:
            os.seteuid(0)
        assert os.listdir(folder) == ["a.csv"]
        assert path.read_text() == "old"


@pytest.mark.parametrize(
    "array", [np.arange(6000.0).reshape(60, 100), np.asfortranarray(np.eye(3, dtype="u1")), ()]
)
def test_arrays_are_those_of_numpy(array: object) -> None:
    ours, theirs = io.BytesIO(), io.BytesIO()
    save_array(ours, array)
    np.save(theirs, np.asarray(array))
    assert ours.getvalue() == theirs.getvalue()


def test_an_array_for_which_the_disk_has_no_room_is_told_by_the_system(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**12, limits[1]))
    try:
        with (
            pytest.raises(OSError, match=os.strerror(errno.EFBIG)),
            whole(tmp_path / "a.npy") as file,
        ):
            save_array(file, np.zeros(2**12))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_what_is_held_is_free_afterwards_whoever_else_has_the_handle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is forked meanwhile, such as a worker, has a copy of the handle."""
    opened, copies = os.open, []

    def copied(*arguments: object) -> int:
        handle = opened(*arguments)  # type: ignore[arg-type]
        copies.append(os.dup(handle))
        return handle

    with monkeypatch.context() as patch:
        patch.setattr(writing.os, "open", copied)
        with (
            alone(tmp_path, wait=False),
            pytest.raises(BlockingIOError, match="another process"),
            alone(tmp_path, wait=False),
        ):
            pass
    with alone(tmp_path, wait=False):
        pass
    for copy in copies:
        os.close(copy)
    gone = alone(tmp_path / "renamed meanwhile", wait=False)
    with pytest.raises(BlockingIOError, match="is being written by another process"), gone:
        pass
