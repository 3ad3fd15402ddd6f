"""A folder is one model or another, whatever happens while it is written."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dirvae import load, save
from dirvae.data import Corpus
from dirvae.models import zoo
from dirvae.persistence import folder
from dirvae.persistence.folder import (
    CONFIG,
    MANIFEST,
    WEIGHTS,
    ModelFormatError,
    holds_model,
    read_folder,
    require_replaceable,
    write_folder,
)
from tests.persistence.saved import SMALL, D, K, assert_same, forge, learned, left_in

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
    read, reads = folder.read_regular, []

    def meanwhile(file: Path, *limits: Any) -> bytes:
        content = read(file, *limits)
        reads.append(file.name)
        if reads == [MANIFEST]:
            write_folder(path, NEW)
        return content

    monkeypatch.setattr(folder, "read_regular", meanwhile)
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


def test_a_corpus_is_no_model(tmp_path: Path) -> None:
    Corpus.of_counts(tmp_path / "corpus", [np.eye(4)])
    write_folder(tmp_path / "model", OLD)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    found = [holds_model(tmp_path / name) for name in ("corpus", "model", "broken", "none")]
    assert found == [False, True, True, False]


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


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"absent does not exist$"):
        load(tmp_path / "absent")


def test_a_folder_that_never_rests_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the manifest finds another, and no file is the one that it names."""
    write_folder(tmp_path / "model", OLD)
    manifests = itertools.count()
    monkeypatch.setattr(folder, "_manifest_of", lambda _: {"name": next(manifests)})

    def edited(*_: object) -> None:
        raise ModelFormatError("edited")

    monkeypatch.setattr(folder, "_files", edited)
    with pytest.raises(ModelFormatError, match="is being saved to again and again: try later"):
        read_folder(tmp_path / "model")


def test_another_kind_of_folder_or_file(tmp_path: Path) -> None:
    with pytest.raises(
        ModelFormatError, match=r"is not a model folder: there is no manifest\.json"
    ):
        load(tmp_path)
    (tmp_path / "file").write_text("{}")
    with pytest.raises(ModelFormatError, match="file is not a model folder"):
        load(tmp_path / "file")
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(ModelFormatError, match=r"manifest\.json is not the manifest of a model"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_truncated_or_edited_file_is_named(name: str, model: Path) -> None:
    content = (model / name).read_bytes()
    (model / name).write_bytes(content[:-1])
    with pytest.raises(ModelFormatError, match=f"{name} is truncated or edited: it has"):
        load(model)
    (model / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelFormatError, match=f"{name} was edited: its SHA-256"):
        load(model)
    (model / name).unlink()
    with pytest.raises(ModelFormatError, match=f"{name} is missing"):
        load(model)
    (model / name).mkdir()
    with pytest.raises(ModelFormatError, match=f"{name} cannot be read"):
        load(model)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"\xff\xfe", b"NaN", b'{"a": NaN}', b"[" * 100_000],
    ids=["empty", "open", "list", "number", "bytes", "nan", "inner nan", "deep"],
)
@pytest.mark.parametrize("name", ["config.json", "manifest.json"])
def test_malformed_json_is_named(name: str, content: bytes, model: Path) -> None:
    if name == "manifest.json":
        (model / name).write_bytes(content)
    else:
        forge(model, name, content)
    with pytest.raises(ModelFormatError, match=f"{name} is not the JSON of a model"):
        load(model)


@pytest.mark.parametrize(
    "files",
    [
        None,
        {},
        {"config.json": {"sha256": "", "size": 1}},
        {"config.json": 1, "model.safetensors": 2},
        {"config.json": {"sha256": "", "size": True}, "model.safetensors": {}},
        {"../secret": {"sha256": "", "size": 1}},
        {"/etc/passwd": {"sha256": "", "size": 1}},
        {"..": {"sha256": "", "size": 1}},
    ],
)
def test_manifests_of_other_types_are_refused(files: Any, model: Path) -> None:
    (model / "manifest.json").write_text(json.dumps({"content": "dirvae model", "files": files}))
    with pytest.raises(ModelFormatError, match=r"manifest\.json (is|does not)"):
        load(model)


def test_a_model_is_replaced_and_nothing_left_beside_it(model: Path) -> None:
    vae = zoo.gaussian(D, K, **SMALL).eval()
    save(vae, model)
    assert_same(load(model), vae)
    assert [entry.name for entry in model.parent.iterdir()] == ["model"]


def test_empty_folders_parents_and_relative_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae = learned().eval()
    (tmp_path / "empty").mkdir()
    save(vae, tmp_path / "empty")
    assert_same(load(tmp_path / "empty"), vae)
    monkeypatch.chdir(tmp_path)
    save(vae, "a/b/model/")
    assert_same(load("a/b/model"), vae)


def test_a_damaged_model_is_replaced(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"")
    save(learned(), model)
    load(model)


@pytest.mark.parametrize("name", ["notes.txt", "config.json", "manifest.json", ".git"])
def test_other_folders_are_not_overwritten(name: str, tmp_path: Path) -> None:
    other = tmp_path / "folder"
    other.mkdir()
    (other / name).write_text("mine")
    with pytest.raises(FileExistsError, match=f"could not be saved to .*folder: .*{name}"):
        save(learned(), other)
    assert left_in(tmp_path) == {"folder", f"folder/{name}"}
    assert (other / name).read_text() == "mine"


def test_a_model_folder_with_ones_own_files_is_not_overwritten(model: Path) -> None:
    (model / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="files that are not a model's"):
        save(learned(), model)
    assert (model / "notes.txt").read_text() == "mine"
    load(model)


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match=r"file: there is a file of that name$"):
        save(learned(), tmp_path / "file")
    with pytest.raises(OSError, match=r"could not be saved to .*file/model: "):
        save(learned(), tmp_path / "file" / "model")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_full_disk_leaves_what_was_there(
    written: int, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before, old = left_in(model.parent), load(model)
    monkeypatch.setattr(folder.os, "fsync", full)
    for path in (model, model.parent / "new"):
        calls.clear()
        with pytest.raises(
            OSError, match=f"^the model could not be saved to {path}: No space left"
        ):
            save(zoo.gaussian(D, K, **SMALL), path)
    assert left_in(model.parent) == before
    assert_same(load(model), old)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), KeyboardInterrupt()])
def test_a_failed_swap_leaves_the_old_model(
    error: BaseException, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, digest = os.replace, (model / "manifest.json").read_bytes()

    def failing(old: Path, new: Path) -> None:
        if new.name == "manifest.json":
            raise error
        replace(old, new)

    before = left_in(model.parent)
    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(type(error)):
        save(zoo.gaussian(D, K, **SMALL), model)
    assert left_in(model.parent) == before
    assert (model / "manifest.json").read_bytes() == digest


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX users")
def test_a_read_only_folder(model: Path) -> None:
    vae, user = load(model), os.geteuid()
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: only its owner gets that far
        os.chmod(folder, 0o555)
        try:
            if user == 0:  # whom no permission stops
                os.seteuid(65534)
            with pytest.raises(PermissionError, match=r"could not be saved to .*new: Permission"):
                save(vae, f"{folder}/new")
        finally:
            os.seteuid(user)
            os.chmod(folder, 0o755)
        assert not os.listdir(folder)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX users")
def test_a_file_that_may_not_be_read(model: Path) -> None:
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copytree(model, f"{folder}/model")
        os.chmod(f"{folder}/model/config.json", 0)
        try:
            if user == 0:
                os.seteuid(65534)
            with pytest.raises(ModelFormatError, match=r"config\.json cannot be read: Permission"):
                load(f"{folder}/model")
        finally:
            os.seteuid(user)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX files")
@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, MANIFEST])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_folder_with_a_pipe_or_a_link_to_a_device_is_not_waited_for(
    name: str, kind: str, model: Path
) -> None:
    (model / name).unlink()
    if kind == "pipe":
        os.mkfifo(model / name)
    else:
        (model / name).symlink_to("/dev/zero")
    sentence = (
        "is not a model folder"
        if name == MANIFEST
        else f"{name} cannot be read: it is a {kind}, must"
    )
    with pytest.raises(ModelFormatError, match=sentence):
        load(model)
    if name == MANIFEST:
        with pytest.raises(FileExistsError, match="files that are not a model's"):
            save(learned(), model)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX files")
def test_a_pipe_in_place_of_a_save_that_was_cut_off_is_not_waited_for(model: Path) -> None:
    listed = json.loads((model / MANIFEST).read_bytes())["files"]
    os.mkfifo(model / f"{CONFIG}.{listed[CONFIG]['sha256'][:16]}")
    load(model)


def test_sizes_are_held_against_the_manifest_before_anything_is_read(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (model / WEIGHTS).open("ab") as file:
        file.truncate(20 * 2**30)
    read, asked = folder.read_regular, []
    monkeypatch.setattr(
        folder, "read_regular", lambda file, *limits: asked.append(file.name) or read(file, *limits)
    )
    with pytest.raises(ModelFormatError, match=r"has 21474836480 bytes, manifest\.json says"):
        load(model)
    assert set(asked) == {MANIFEST, CONFIG}


def test_weights_and_manifests_larger_than_the_budget_are_refused(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (model / WEIGHTS).stat().st_size
    monkeypatch.setenv("DIRVAE_MEMORY", str((3 * size - 1) / 2**30))
    with pytest.raises(ModelFormatError, match=r"model\.safetensors cannot be read: it takes"):
        load(model)
    monkeypatch.setenv("DIRVAE_MEMORY", str((3 * size + 1) / 2**30))
    load(model)
    with (model / MANIFEST).open("ab") as file:
        file.write(b" " * 2**17)
    with pytest.raises(ModelFormatError, match=r"manifest\.json has .* bytes, must have 131,072"):
        load(model)


def test_json_of_too_many_values_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folder, "_JSON_VALUES", 5)
    assert folder.parse(b'{"a": [1, 2, 3]}', "x") == {"a": [1, 2, 3]}
    monkeypatch.setattr(folder.json, "loads", None)
    with pytest.raises(ModelFormatError, match="x is not the JSON of a model: too large"):
        folder.parse(b'{"a": [1, 2, 3], "b": [4]}', "x")


def test_a_planted_manifest_does_not_make_a_users_files_ours(tmp_path: Path) -> None:
    mine = tmp_path / "thesis.tex"
    mine.write_text("mine")
    staged = hashlib.sha256(b"").hexdigest()
    entries = {name: {"sha256": staged, "size": 4} for name in (CONFIG, WEIGHTS, mine.name)}
    (tmp_path / MANIFEST).write_text(json.dumps({"content": "dirvae model", "files": entries}))
    (tmp_path / f"{mine.name}.{staged[:16]}").write_text("theirs")
    for write in (require_replaceable, lambda path: write_folder(path, NEW)):
        with pytest.raises(FileExistsError, match=r"files that are not a model's \(thesis"):
            write(tmp_path)
    folder._settle(tmp_path)
    assert mine.read_text() == "mine"


def test_only_config_and_weights_are_read(model: Path) -> None:
    manifest = json.loads((model / MANIFEST).read_bytes())
    manifest["files"]["more.bin"] = {"sha256": "0" * 64, "size": 2**60}
    (model / MANIFEST).write_text(json.dumps(manifest))
    assert set(read_folder(model)) == {CONFIG, WEIGHTS}


def test_messages_are_one_line_that_can_be_read() -> None:
    short = "x" * 300
    assert str(ModelFormatError(short)) == short
    long = str(ModelFormatError("begins\nhere " + "x" * 10_000 + " and ends there"))
    assert len(long) == 300
    assert long.startswith("begins here xxx")
    assert long.endswith("xxx and ends there")
    assert "x ... x" in long
