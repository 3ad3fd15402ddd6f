"""A folder is one model or another, whatever happens while it is written."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dirvae.persistence.folder import (
    CONFIG,
    MANIFEST,
    WEIGHTS,
    ModelFormatError,
    read_folder,
    require_replaceable,
    write_folder,
)

OLD = {CONFIG: b'{"a": 1}', WEIGHTS: b"old weights"}
NEW = {CONFIG: b'{"a": 2}', WEIGHTS: b"new weights, longer"}
NAMES = {CONFIG, WEIGHTS, MANIFEST}


class Killed(BaseException):
    """As by SIGKILL: nothing is done after it."""


class Steps:
    """Counts what changes a disk, and calls ``before`` with the number of each."""

    def __init__(self, patch: pytest.MonkeyPatch, before: Callable[[int], None]) -> None:
        self.count, self.before = 0, before
        for owner, name in (
            (os, "replace"),
            (os, "fsync"),
            (os, "chmod"),
            (Path, "mkdir"),
            (Path, "open"),
            (Path, "unlink"),
            (Path, "rmdir"),
        ):
            patch.setattr(owner, name, self.counted(getattr(owner, name)))

    def counted(self, function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            self.before(self.count)
            return function(*arguments, **options)

        return call


def killed_at(step: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Save the new files in a process that is killed before a step; whether it got that far."""

    def kill(count: int) -> None:
        if count >= step:
            raise Killed

    with monkeypatch.context() as patch:
        Steps(patch, kill)
        try:
            write_folder(path, NEW)
        except Killed:
            return True
    return False


def test_killed_at_any_step_a_folder_has_the_old_model_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, step = [], 1
    while True:
        path = tmp_path / str(step)
        write_folder(path, OLD)
        if not killed_at(step, path, monkeypatch):
            break
        found.append(read_folder(path))
        assert found[-1] in (OLD, NEW)
        write_folder(path, OLD)  # whatever was left is cleared up
        assert read_folder(path) == OLD
        assert {entry.name for entry in path.iterdir()} == NAMES
        step += 1
    assert found[0] == OLD
    assert found[-1] == NEW
    assert found == sorted(found, key=lambda files: files == NEW)  # never back again
    assert step > 8


def test_killed_twice_with_the_same_files_loses_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # slow
    first = 1
    while True:
        write_folder(tmp_path / "trial", OLD)
        if not killed_at(first, tmp_path / "trial", monkeypatch):
            break
        for second in range(1, 40):
            path = tmp_path / f"{first}-{second}"
            write_folder(path, OLD)
            killed_at(first, path, monkeypatch)
            before = read_folder(path)
            went_on = killed_at(second, path, monkeypatch)
            assert read_folder(path) in (before, NEW)
            if not went_on:
                break
        first += 2


def test_killed_while_a_folder_is_new_there_is_a_whole_model_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = 1
    while killed_at(step, tmp_path / str(step) / "deep", monkeypatch):
        path = tmp_path / str(step) / "deep"
        if (path / MANIFEST).exists():
            assert read_folder(path) == NEW
        else:
            with pytest.raises(ModelFormatError):
                read_folder(path)
        require_replaceable(path)
        write_folder(path, OLD)
        assert {entry.name for entry in path.iterdir()} == NAMES
        step += 1
    assert step > 8


def test_read_at_any_step_a_folder_has_the_old_model_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "model", OLD)
    seen = []
    reading = False

    def read(_: int) -> None:
        nonlocal reading
        if not reading:
            reading = True
            seen.append(read_folder(tmp_path / "model"))
            reading = False

    with monkeypatch.context() as patch:
        Steps(patch, read)
        write_folder(tmp_path / "model", NEW)
    assert len(seen) > 8
    assert seen == [OLD] * seen.count(OLD) + [NEW] * seen.count(NEW)
    assert 0 < seen.count(NEW) < len(seen)


def test_a_model_saved_while_another_is_read_is_read_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    write_folder(path, OLD)
    read_bytes, reads = Path.read_bytes, []

    def meanwhile(self: Path) -> bytes:
        content = read_bytes(self)
        reads.append(self.name)
        if reads == [MANIFEST]:
            write_folder(path, NEW)
        return content

    monkeypatch.setattr(Path, "read_bytes", meanwhile)
    assert read_folder(path) == NEW


def test_two_who_save_and_one_who_reads(tmp_path: Path) -> None:
    path, errors = tmp_path / "model", []
    write_folder(path, OLD)
    done = threading.Event()

    def told(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def save(files: dict[str, bytes]) -> Callable[[], None]:
        return lambda: [write_folder(path, files) for _ in range(20)] and None

    def read() -> None:
        while not done.is_set():
            assert read_folder(path) in (OLD, NEW)

    reader, savers = told(read), [told(save(OLD)), told(save(NEW))]
    for thread in savers:
        thread.join()
    done.set()
    reader.join()
    assert not errors
    assert {entry.name for entry in path.iterdir()} == NAMES


def test_files_have_plain_names_which_earlier_versions_read(tmp_path: Path) -> None:
    for files in (OLD, NEW):
        write_folder(tmp_path, files)
        assert {entry.name for entry in tmp_path.iterdir()} == NAMES
        listed = json.loads((tmp_path / MANIFEST).read_bytes())["files"]
        for name, content in files.items():
            assert (tmp_path / name).read_bytes() == content
            assert listed[name] == {
                "sha256": hashlib.sha256(content).hexdigest(),
                "size": len(content),
            }


def test_the_folder_itself_stays(tmp_path: Path) -> None:
    """A shell that stands in it, a mount or a link is not left behind."""
    (tmp_path / "model").mkdir(mode=0o750)
    (tmp_path / "link").symlink_to("model")
    before = (tmp_path / "model").stat()
    for files in (OLD, NEW):
        write_folder(tmp_path / "link", files)
        assert read_folder(tmp_path / "model") == files
    after = (tmp_path / "model").stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert (tmp_path / "link").is_symlink()
    assert {entry.name for entry in tmp_path.iterdir()} == {"model", "link"}


def test_a_hash_that_is_none_does_not_name_a_file(tmp_path: Path) -> None:
    write_folder(tmp_path, OLD)
    manifest = json.loads((tmp_path / MANIFEST).read_bytes())
    manifest["files"][CONFIG]["sha256"] = "/../../../dev/zero"
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelFormatError, match=r"manifest\.json is malformed at 'config\.json'"):
        read_folder(tmp_path)


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs POSIX users")
def test_files_that_cannot_be_replaced_are_found_by_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As immutable ones, or those of others in a folder with the sticky bit."""
    write_folder(tmp_path / "model", OLD)

    def refuse(old: Any, new: Any) -> None:
        if Path(new).exists():
            raise PermissionError(1, "Operation not permitted", str(old), None, str(new))
        os.rename(old, new)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError, match=r"manifest\.json cannot be replaced: Operation not"):
        require_replaceable(tmp_path / "model")
    assert read_folder(tmp_path / "model") == OLD
    assert {entry.name for entry in (tmp_path / "model").iterdir()} == NAMES


def test_the_trial_leaves_all_as_it_was(tmp_path: Path) -> None:
    require_replaceable(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())
    write_folder(tmp_path, OLD)
    require_replaceable(tmp_path)
    assert read_folder(tmp_path) == OLD
    assert {entry.name for entry in tmp_path.iterdir()} == NAMES


def test_a_mount_point(tmp_path: Path, tmpfs: Callable[..., Path]) -> None:
    """It cannot be renamed."""
    path = tmpfs("model")
    for files in (OLD, NEW):
        require_replaceable(path)
        write_folder(path, files)
        assert read_folder(path) == files
    assert os.path.ismount(path)


def test_a_read_only_mount(tmpfs: Callable[..., Path]) -> None:
    path = tmpfs("model")
    write_folder(path, OLD)
    subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)
    for place in (path, path / "new"):
        with pytest.raises(OSError, match=r"(written to|replaced): Read-only"):
            require_replaceable(place)
        with pytest.raises(OSError, match=r"could not be saved to .*: Read-only file system"):
            write_folder(place, NEW)
    assert read_folder(path) == OLD
