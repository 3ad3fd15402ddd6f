"""A run that is cut off goes on to the result of one that was not, to the bit."""

from __future__ import annotations

import errno
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer.main
from scipy import sparse

import dirvae
from dirvae.cli import app, checkpoints, main
from dirvae.cli.errors import Stop
from dirvae.writing import whole
from tests.cli.command import Ran

RANDOM = np.random.default_rng(0)
X = RANDOM.random((60, 6)).astype(np.float32)
WORDS = [["cat", "dog", "fur"], ["moon", "star", "night"]]
TEXTS = [" ".join(RANDOM.choice(WORDS[n % 2], 8)) for n in range(60)]
LABELS = ["pets" if n % 2 == 0 else "sky" for n in range(60)]
START = [sys.executable, "-c", "from dirvae.cli import main; main()"]
SMALL = ["-k", 3, "--hidden-sizes", 8, "--decoder-hidden-sizes", 8, "--batch-size", 40]
FIT = ["fit", "vae", "x.npy", *SMALL, "--patience", 60]
FIT_TOPICS = ["fit", "topics", "texts.csv", "-k", 2, "--label-column", "class"]


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Run the command in this process, in a folder with data."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    pd.DataFrame({"text": TEXTS, "class": LABELS}).to_csv("texts.csv", index=False)

    def ran(*arguments: Any) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            typer.main.get_command(app).main([str(a) for a in arguments], prog_name="dirvae")
        return Ran(int(stop.value.code or 0), *capsys.readouterr())

    return ran


def assert_refused(ran: Ran, *words: str) -> None:
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), ran
    for word in words:
        assert word in ran.err


def assert_same_files(one: str, other: str) -> None:
    assert sorted(os.listdir(one)) == ["config.json", "manifest.json", "model.safetensors"]
    for name in os.listdir(one):
        assert Path(one, name).read_bytes() == Path(other, name).read_bytes(), name


@pytest.fixture
def handlers() -> Iterator[None]:
    """Signals as a shell gives them to a command; afterwards as they were."""
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(kind) for kind in kinds]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for kind, handler in zip(kinds, before, strict=True):
        signal.signal(kind, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("command", [FIT, FIT_TOPICS], ids=["vae", "topics"])
def test_a_run_that_is_cut_off_while_it_writes_a_checkpoint(
    command: list[Any],
    by: signal.Signals,
    run: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written = 0

    @contextmanager
    def interrupted(path: Path) -> Iterator[Any]:
        nonlocal written
        with whole(path) as file:
            yield file
            written += Path(path).name == "last.ckpt"
            if written == 3:
                signal.raise_signal(by)

    arguments = [str(word) for word in [*command, "--max-epochs", 6, "-o", "model"]]
    with monkeypatch.context() as patch:
        patch.setattr("dirvae.training.checkpoints.whole", interrupted)
        patch.setattr(sys, "argv", ["dirvae", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
    again = [*arguments, "--resume"]
    said = (
        f"Interrupted; the checkpoint is saved, continue with: {shlex.join(['dirvae', *again])}\n"
    )
    assert (stop.value.code, capsys.readouterr().err) == (130, said)
    assert sorted(os.listdir("model.checkpoints"))[-2:] == ["last.ckpt", "settings.json"]
    assert_refused(run(*arguments), "continue that run with --resume")
    assert run(*again).code == 0
    assert sorted(os.listdir()) == ["model", "texts.csv", "x.npy"]
    assert run(*arguments[:-1], "whole").code == 0
    assert_same_files("model", "whole")


@pytest.mark.learning
def test_topics_that_are_killed_go_on_to_the_same_model(run: Callable[..., Ran]) -> None:
    fit = [*FIT_TOPICS, "--max-epochs", 20, "-o"]
    arguments = [*START, *map(str, fit), "model"]
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(arguments, **options) as process:
        deadline, seen = time.monotonic() + 120, set[int]()
        while len(seen) < 3:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.001)
            with suppress(FileNotFoundError):
                seen.add(os.stat("model.checkpoints/last.ckpt").st_mtime_ns)
        process.kill()
        assert process.communicate() == ("", "")
    assert_refused(run(*fit, "model"), "model.checkpoints has the checkpoint of an earlier run")
    assert run(*fit, "model", "--resume").code == 0
    assert sorted(os.listdir()) == ["model", "texts.csv", "x.npy"]
    assert run(*fit, "whole").code == 0
    assert_same_files("model", "whole")


def test_topics_interrupted_before_the_first_epoch_ended(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dirvae.topics.model.cluster_start", interrupt)
    done = run(*FIT_TOPICS, "-o", "model")
    assert done == Ran(130, "", "Interrupted before the first epoch ended; nothing is saved\n")
    assert sorted(os.listdir()) == ["texts.csv", "x.npy"]


def test_topics_that_cannot_be_saved_are_kept(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("dirvae.persistence.folder._write", full)
        done = run(*FIT_TOPICS, "-o", "model", "--max-epochs", 2)
    assert_refused(
        done, "No space left", "the checkpoint is saved, continue with: dirvae fit topics"
    )
    again = shlex.split(done.err.partition("continue with: dirvae ")[2])
    assert run(*again).code == 0
    assert sorted(os.listdir()) == ["model", "texts.csv", "x.npy"]
    assert run(*FIT_TOPICS, "-o", "whole", "--max-epochs", 2).code == 0
    assert_same_files("model", "whole")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["-k", 3], "n_components 2, not 3"),
        (["--decoder", "overdispersed"], "decoder mixture, not overdispersed"),
        (["--seed", 1], "random_state 0, not 1"),
        (["--batch-size", 7], "batch_size 200, not 7"),
        (["--label-column", "text"], "had other data"),
        (["--ngrams", 2], "had other options of words"),
        (["--stop-words", "none"], "had other options of words"),
        (["--guide", "guide.txt"], "had other guide"),
        (["--covariates", "class"], "had other covariates"),
    ],
)
def test_other_options_of_topics_do_not_go_on(
    change: list[Any], said: str, run: Callable[..., Ran]
) -> None:
    Path("guide.txt").write_text("sky: star, moon\n")
    fit = [*FIT_TOPICS, "--max-epochs", 1, "--checkpoint-dir", "kept", "-o"]
    assert run(*fit, "model").code == 0
    before = Path("kept/last.ckpt").read_bytes(), Path("kept/settings.json").read_bytes()
    assert_refused(run(*fit, "model"), "model exists: replace it with --force")
    assert_refused(run(*fit, "other"), "kept has the checkpoint of an earlier run")
    assert_refused(run(*fit, "model", *change, "--resume"), said, "or delete kept")
    after = Path("kept/last.ckpt").read_bytes(), Path("kept/settings.json").read_bytes()
    assert after == before


def test_topics_do_not_go_on_without_the_guide_that_they_had(run: Callable[..., Ran]) -> None:
    Path("guide.txt").write_text("sky: star, moon\n")
    fit = [*FIT_TOPICS, "--max-epochs", 1, "--checkpoint-dir", "kept", "-o", "model", "--resume"]
    with_guide = [*fit, "--guide", "guide.txt"]
    assert run(*with_guide[:-3], *with_guide[-2:]).code == 0
    assert_refused(run(*fit), "had other guide", "or delete kept")
    assert run(*with_guide).code == 0


@pytest.mark.parametrize("command", [FIT, FIT_TOPICS], ids=["vae", "topics"])
def test_other_data_do_not_go_on(command: list[Any], run: Callable[..., Ran]) -> None:
    fit = [*command, "--max-epochs", 1, "--checkpoint-dir", "kept", "-o", "model"]
    assert run(*fit).code == 0
    changed = X.copy()
    changed[7, 3] += 1e-3
    np.save("x.npy", changed)
    texts = [*TEXTS[:-1], TEXTS[-1] + " star"]
    pd.DataFrame({"text": texts, "class": LABELS}).to_csv("texts.csv", index=False)
    assert_refused(run(*fit, "--resume"), "the interrupted run had other data; give the same")
    np.save("x.npy", X)
    pd.DataFrame({"text": TEXTS, "class": LABELS}).to_csv("texts.csv", index=False)
    assert run(*fit, "--resume").code == 0


@pytest.mark.parametrize("name", ["settings.json", "best.ckpt"])
def test_a_folder_whose_files_only_have_those_names_survives(
    name: str, run: Callable[..., Ran]
) -> None:
    Path(name).write_text('{"theme": "dark"}')
    done = run(*FIT, "--max-epochs", 1, "--checkpoint-dir", ".", "-o", "model")
    assert_refused(done, f". has a file {name} that is not of dirvae; choose another folder")
    assert Path(name).read_text() == '{"theme": "dark"}'
    assert sorted(os.listdir()) == sorted([name, "texts.csv", "x.npy"])


def test_what_a_run_left_that_was_killed_early_is_in_no_ones_way(run: Callable[..., Ran]) -> None:
    settings = {"n_components": 2, "random_state": 0}
    Path("model.checkpoints").mkdir()
    Path("model.checkpoints/settings.json").write_text(json.dumps(settings))
    Path("model.checkpoints/.last.ckpt.0123abcd.partial").write_text("half")
    assert run(*FIT_TOPICS, "--max-epochs", 1, "-o", "model").code == 0
    assert sorted(os.listdir()) == ["model", "texts.csv", "x.npy"]


def test_checkpoints_of_a_mount_point_are_in_it(
    run: Callable[..., Ran], tmpfs: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The place beside it may be on a disk that goes with its container, or cannot be written."""
    mounted, seen = tmpfs("mounted"), []
    save = dirvae.DirichletVAE.save

    def look(self: Any, path: Any) -> None:
        seen.extend(sorted(str(entry.relative_to(mounted)) for entry in mounted.rglob("*")))
        save(self, path)

    monkeypatch.setattr(dirvae.DirichletVAE, "save", look)
    assert run(*FIT, "--max-epochs", 1, "-o", "mounted").code == 0
    names = ("", "/best.ckpt", "/last.ckpt", "/settings.json")
    assert seen == [f"checkpoints{name}" for name in names]
    assert sorted(os.listdir("mounted")) == ["config.json", "manifest.json", "model.safetensors"]


def test_a_folder_in_one_that_cannot_be_written(
    run: Callable[..., Ran], tmpfs: Callable[..., Path]
) -> None:
    """As where only the output is writable."""
    outer = tmpfs("outer")
    (outer / "model").mkdir()
    subprocess.run(["mount", "--bind", outer / "model", outer / "model"], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(outer)], check=True)
        done = run(*FIT, "--max-epochs", 1, "-o", "outer/model")
        assert done.code == 0, done
        names = sorted(os.listdir("outer/model"))
        assert names == ["config.json", "manifest.json", "model.safetensors"]
        assert os.listdir("outer") == ["model"]
    finally:
        subprocess.run(["umount", outer / "model"], check=True)


# --- the folder of a run --------------------------------------------------------------------------


def test_data_have_one_fingerprint_in_any_order_of_memory_and_others_have_others() -> None:
    x = np.arange(6.0).reshape(2, 3)
    told: list[tuple[Any, ...]] = [
        (x,),
        (x.reshape(3, 2),),
        (x.astype(np.float32),),
        (x + 1,),
        (sparse.csr_matrix(x),),
        (sparse.csr_matrix(x.reshape(3, 2)),),
        (["a", "b"],),
        (["ab"],),
        (["a", "b"], None),
        (x, x),
    ]
    assert len({checkpoints.fingerprint(*parts) for parts in told}) == len(told)
    assert checkpoints.fingerprint(np.asfortranarray(x)) == checkpoints.fingerprint(x.copy())
    on_disk = SimpleNamespace(fingerprint="f")
    assert checkpoints.fingerprint(on_disk) == checkpoints.fingerprint("f")


def test_checkpoints_are_in_no_model_and_no_input(tmp_path: Path) -> None:
    output, chosen = tmp_path / "model", tmp_path / "kept"
    assert checkpoints.place(output, chosen, []) == chosen
    assert checkpoints.place(output, None, []) == tmp_path / "model.checkpoints"
    assert checkpoints.place(output, tmp_path, []) == tmp_path
    for inside in (output, output / "a", output / "a" / "b"):
        with pytest.raises(ValueError, match=r"--checkpoint-dir .* is in --output .*; choose ano"):
            checkpoints.place(output, inside, [])


SETTINGS = {"n_components": 3, "random_state": 0, "max_epochs": 5, "data": "x"}


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (SETTINGS, None),
        (SETTINGS | {"max_epochs": 2}, None),
        (SETTINGS | {"more": 1}, None),
        ({"n_components": 3, "random_state": 0}, None),
        (SETTINGS | {"data": "y"}, "the interrupted run had other data; give the same data"),
        (SETTINGS | {"n_components": 4}, "the interrupted run had n_components 4, not 3; give"),
        ({}, "the checkpoint in .* is damaged"),
        ([1], "the checkpoint in .* is damaged"),
    ],
)
def test_a_run_goes_on_with_the_settings_that_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: Any, said: str | None
) -> None:
    monkeypatch.setattr("dirvae.training.checkpoints.read_checkpoint", lambda path: None)
    (tmp_path / "last.ckpt").touch()
    (tmp_path / "settings.json").write_text(json.dumps(before))
    if said is None:
        checkpoints._open(tmp_path, SETTINGS, resume=True)
        assert json.loads((tmp_path / "settings.json").read_text()) == SETTINGS
    else:
        with pytest.raises(ValueError, match=f"--resume: {said}"):
            checkpoints._open(tmp_path, SETTINGS, resume=True)
        assert json.loads((tmp_path / "settings.json").read_text()) == before


@pytest.mark.parametrize("name", ["settings.json", "best.ckpt"])
def test_files_of_others_are_not_taken_for_ones_own(tmp_path: Path, name: str) -> None:
    (tmp_path / "new").mkdir()
    checkpoints._open(tmp_path / "new", SETTINGS, resume=False)
    (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match=f"has a file {name} that is not of dirvae"):
        checkpoints._open(tmp_path, SETTINGS, resume=False)
    (tmp_path / "settings.json").write_text(json.dumps({"n_components": 3}))
    with pytest.raises(ValueError, match="that is not of dirvae"):
        checkpoints._open(tmp_path, SETTINGS, resume=False)
    (tmp_path / "settings.json").write_text(json.dumps(SETTINGS))
    checkpoints._open(tmp_path, SETTINGS, resume=False)
    with pytest.raises(ValueError, match=r"--resume: .* has no checkpoint of an interrupted run"):
        checkpoints._open(tmp_path, SETTINGS, resume=True)
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(ValueError, match="has the checkpoint of an earlier run: continue that"):
        checkpoints._open(tmp_path, SETTINGS, resume=False)


def cut_off(
    folder: Path, error: BaseException, arguments: Sequence[str] = (), names: Sequence[str] = ()
) -> None:
    """A run that leaves files and ends in an error."""
    with checkpoints.resumable(folder, SETTINGS, [*arguments], resume=False, keep=False):
        for name in names:
            (folder / name).touch()
        raise error


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(errno.ENOSPC, "No space left on device"), 2, "No space left on device"),
    ],
)
def test_a_run_that_is_cut_off_says_how_to_go_on_and_keeps_what_it_saved(
    tmp_path: Path, saved: bool, error: BaseException, code: int, said: str
) -> None:
    folder = tmp_path / "kept"
    for arguments in (["fit", "vae", "a b"], ["fit", "vae", "a b", "--resume"]):
        with pytest.raises(Stop) as stop:
            cut_off(folder, error, arguments, names=["best.ckpt", *["last.ckpt"] * saved])
        message = str(stop.value)
        assert said in message
        assert stop.value.exit_code == code
        assert folder.exists() == saved
        if saved:
            assert message.endswith("continue with: dirvae fit vae 'a b' --resume")
            (folder / "last.ckpt").unlink()
        else:
            assert ("nothing is saved" in message) == (code == 130)


def test_the_folders_that_hold_checkpoints_are_made(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with checkpoints.resumable(folder, {"seed": 1}, [], resume=False, keep=True):
        [settings] = folder.iterdir()
    assert json.loads(settings.read_text()) == {"seed": 1}


def test_two_runs_at_once_do_not_mix(run: Callable[..., Ran]) -> None:
    command = [*FIT_TOPICS, "--max-epochs", 2, "-o"]
    assert run(*command, "whole").code == 0
    folder = Path("model.checkpoints")
    with checkpoints.resumable(folder, SETTINGS, [], resume=False, keep=True):
        (folder / "last.ckpt").write_bytes(b"of the first run")
        before = {file.name: file.read_bytes() for file in folder.iterdir()}
        for option in ([], ["--resume"], ["--force"]):
            assert_refused(run(*command, "model", *option), "model.checkpoints is being written by")
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert not Path("model").exists()
    (folder / "last.ckpt").unlink()
    assert run(*command, "model").code == 0
    assert_same_files("model", "whole")


@pytest.mark.parametrize("keep", [False, True])
def test_what_a_run_left_goes_at_its_end_unless_it_is_kept(tmp_path: Path, keep: bool) -> None:
    folder = tmp_path / "kept"
    with checkpoints.resumable(folder, SETTINGS, [], resume=False, keep=keep):
        (folder / "last.ckpt").touch()
    assert folder.exists() == keep
    for there in (False, True):
        with pytest.raises(ValueError, match="a wrong option"):
            cut_off(tmp_path / "own", ValueError("a wrong option"), names=["last.ckpt"] * there)
        assert (tmp_path / "own").exists() == there
    (tmp_path / "own" / "letter.txt").touch()
    checkpoints._remove(tmp_path / "own")
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["letter.txt"]
