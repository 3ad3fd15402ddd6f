"""What stands where an output should go survives a run that is refused, before any work."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import typer.main

import dirvae
from dirvae.cli import app
from dirvae.cli.outputs import write_table
from dirvae.data import Corpus
from tests.cli.command import Ran

RANDOM = np.random.default_rng(0)
X = RANDOM.random((20, 4)).astype(np.float32)
COUNTS = RANDOM.poisson(1, (20, 4))
SMALL = ["-k", 2, "--hidden-sizes", 4, "--decoder-hidden-sizes", 4, "--max-epochs", 1]

FIT = ["fit", "vae", "x.npy", *SMALL, "-o"]
FIT_TOPICS = ["fit", "topics", "counts.npy", "-k", 2, "--max-epochs", 1, "-o"]
TRANSFORM = ["transform", "vae", "x.npy", "-o"]
TRANSFORM_TOPICS = ["transform", "topics", "counts.npy", "-o"]
DEMO = ["demo", "--quick", "-o"]
DEMO_TOPICS = ["demo", "topics", "--quick", "-o"]
REPRODUCE = ["reproduce", "topics-20news", "--quick", "-o"]
INTO_FOLDERS = {
    "fit vae": FIT,
    "fit topics": FIT_TOPICS,
    "demo": DEMO,
    "demo topics": DEMO_TOPICS,
    "reproduce": REPRODUCE,
}
COMMANDS = {**INTO_FOLDERS, "transform": TRANSFORM, "transform topics": TRANSFORM_TOPICS}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders ``vae`` and ``topics``, each a model."""
    folder = tmp_path_factory.mktemp("models")
    sizes = {"hidden_sizes": (4,), "decoder_hidden_sizes": (4,)}
    dirvae.DirichletVAE(2, max_epochs=1, random_state=0, **sizes).fit(X).save(folder / "vae")
    topics = dirvae.TopicModel(2, max_epochs=1, hidden_sizes=(4,), random_state=0)
    topics.fit(COUNTS).save(folder / "topics")
    return folder


@pytest.fixture
def place(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the data and models that commands take."""
    shutil.copytree(models, tmp_path, dirs_exist_ok=True)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "counts.npy", COUNTS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def ran(*arguments: Any) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            typer.main.get_command(app).main([str(a) for a in arguments], prog_name="dirvae")
        return Ran(int(stop.value.code or 0), *capsys.readouterr())

    return ran


@pytest.fixture
def refused(run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command that must be refused in one sentence before any work, with nothing changed."""

    def work(*_: Any, **__: Any) -> None:
        raise AssertionError("it began to work")

    def ran(*arguments: Any, root: Path) -> str:
        before = tree(root)
        with monkeypatch.context() as patch:
            for name in (
                "dirvae.data.files.read_rows",
                "dirvae.data.corpora.read_texts",
                "dirvae.demo.digits.run",
                "dirvae.demo.topics.run",
                "dirvae.reproduce.topics.run_all",
            ):
                patch.setattr(name, work)
            found = run(*arguments)
        assert tree(root) == before
        assert (found.code, found.out, found.err.count("\n")) == (2, "", 1), found
        return found.err

    return ran


def tree(root: Path) -> dict[str, Any]:
    """All that is in a folder: kinds, modes, links and contents."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            os.readlink(path)
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else None,
        )
        for path in sorted(root.rglob("*"))
    }


# --- what is there stays -------------------------------------------------------------------------


@pytest.mark.parametrize("command", INTO_FOLDERS.values(), ids=INTO_FOLDERS)
def test_a_file_survives(command: list[Any], place: Path, refused: Callable[..., str]) -> None:
    (place / "thesis").write_text("mine")
    said = refused(*command, "thesis", root=place)
    assert "thesis is a file; --output must be a folder or a new path" in said
    if command is not REPRODUCE:
        assert "is a file" in refused(*command, "thesis", "--force", root=place)
    assert "thesis" in refused(*command, "thesis/deep", root=place)


@pytest.mark.parametrize("suffix", [".csv", ".npy", ".parquet"])
@pytest.mark.parametrize("command", [TRANSFORM, TRANSFORM_TOPICS], ids=["vae", "topics"])
def test_a_table_is_replaced_only_with_force(
    command: list[Any], suffix: str, place: Path, run: Callable[..., Ran], refused: Any
) -> None:
    table = place / f"theta{suffix}"
    table.write_text("mine")
    table.chmod(0o640)
    said = refused(*command, table.name, root=place)
    assert f"{table.name} exists: replace it with --force, or choose another --output" in said
    done = run(*command, table.name, "--force")
    assert done.code == 0, done
    read = {".csv": pd.read_csv, ".npy": np.load, ".parquet": pd.read_parquet}[suffix]
    assert len(read(table)) == 20
    assert table.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("command", [FIT, FIT_TOPICS], ids=["vae", "topics"])
def test_a_folder_of_other_files_survives(
    command: list[Any], place: Path, refused: Callable[..., str]
) -> None:
    for name in ("thesis.tex", "config.json", "model.safetensors", "manifest.json"):
        folder = place / f"has {name}"
        folder.mkdir()
        (folder / name).write_text("mine")
        for options in ([], ["--force"]):
            said = refused(*command, folder.name, *options, root=place)
            assert (
                f"has files that are not part of a model ({name}); choose another --output" in said
            )
    shutil.copy(place / "has thesis.tex/thesis.tex", place / "vae")
    assert "(thesis.tex)" in refused(*command, "vae", "--force", root=place)


@pytest.mark.parametrize("command", [FIT, FIT_TOPICS], ids=["vae", "topics"])
def test_a_model_is_replaced_only_with_force(
    command: list[Any], place: Path, run: Callable[..., Ran], refused: Callable[..., str]
) -> None:
    shutil.copytree(place / "vae", place / "mine")
    said = refused(*command, "mine", root=place)
    assert "mine exists: replace it with --force, or choose another --output" in said
    (place / "link").symlink_to("mine")
    assert "link exists: replace it with --force" in refused(*command, "link", root=place)
    done = run(*command, "link", "--force")
    assert done.code == 0, done
    assert (place / "link").is_symlink()
    kind = dirvae.TopicModel if command is FIT_TOPICS else dirvae.DirichletVAE
    assert isinstance(dirvae.load(place / "mine"), kind)
    assert sorted(os.listdir("mine")) == ["config.json", "manifest.json", "model.safetensors"]


@pytest.mark.parametrize(
    "command", [DEMO, DEMO_TOPICS, REPRODUCE], ids=["demo", "demo topics", "reproduce"]
)
def test_results_do_not_go_into_the_folder_of_a_model(
    command: list[Any], place: Path, refused: Callable[..., str]
) -> None:
    assert "vae holds a model; choose another --output" in refused(*command, "vae", root=place)
    Corpus.of_counts(place / "corpus", [np.eye(4)])
    said = refused(*command, "corpus", root=place)
    assert "corpus holds a corpus; choose another --output" in said


@pytest.mark.parametrize(
    ("command", "page", "model"),
    [(DEMO, "report.html", "model"), (DEMO_TOPICS, "topics.html", "topics")],
    ids=["digits", "topics"],
)
def test_page_and_model_of_a_demo_are_replaced_only_with_force(
    command: list[Any],
    page: str,
    model: str,
    place: Path,
    refused: Callable[..., str],
    run: Callable[..., Ran],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (place / "page").mkdir()
    (place / "page" / page).write_text("mine")
    assert f"{page} exists: replace it with --force" in refused(*command, "page", root=place)
    shutil.copytree(place / "vae", place / "whole" / model)
    assert f"{model} exists: replace it with --force" in refused(*command, "whole", root=place)
    (place / "other" / model).mkdir(parents=True)
    (place / "other" / model / "thesis.tex").write_text("mine")
    assert "(thesis.tex)" in refused(*command, "other", "--force", root=place)
    called: list[Any] = []
    monkeypatch.setattr("dirvae.demo.digits.run", lambda *given: called.append(given))
    monkeypatch.setattr("dirvae.demo.topics.run", lambda *given: called.append(given))
    for folder in ("page", "whole"):
        assert run(*command, folder, "--force").code == 0
    assert called == [(Path("page"), True), (Path("whole"), True)]


def test_a_folder_with_the_name_of_a_table_survives(place: Path, refused: Any) -> None:
    (place / "theta.csv").mkdir()
    assert "theta.csv is a folder" in refused(*TRANSFORM, "theta.csv", "--force", root=place)
    os.mkfifo(place / "pipe.csv")
    said = refused(*TRANSFORM, "pipe.csv", "--force", root=place)
    assert "pipe.csv is no file" in said


# --- an output that is an input ------------------------------------------------------------------


def other_names(source: Path) -> Iterator[str]:
    """Ways to say the same file: the last as a file system does that takes no note of case."""
    folder = source.parent
    (folder / "sub").mkdir()
    (folder / "elsewhere").symlink_to(folder)
    (folder / f"link{source.suffix}").symlink_to(source.name)
    (folder / f"hard{source.suffix}").hardlink_to(source)
    upper = source.with_stem(source.stem.upper())
    if not upper.exists():
        upper.hardlink_to(source)
    yield from (source.name, f"./{source.name}", f"sub/../{source.name}", str(source))
    yield from (f"elsewhere/{source.name}", f"link{source.suffix}", f"hard{source.suffix}")
    yield upper.name


@pytest.mark.parametrize("suffix", [".csv", ".npy"])
def test_a_table_that_is_the_input_survives_even_force(
    suffix: str, place: Path, refused: Callable[..., str]
) -> None:
    source = place / f"data{suffix}"
    if suffix == ".csv":
        pd.DataFrame(X).to_csv(source, index=False)
    else:
        np.save(source, X)
    for name in other_names(source):
        for options in ([], ["--force"]):
            said = refused("transform", "vae", source.name, "-o", name, *options, root=place)
            assert f"{Path(name)} is the input data{suffix}; choose another --output" in said
    said = refused("transform", "vae", f"link{suffix}", "-o", source.name, "--force", root=place)
    assert f"is the input link{suffix}" in said


def test_a_table_in_an_input_is_refused(place: Path, refused: Callable[..., str]) -> None:
    """In the model's folder it would be what makes that no model's; in the data's, data."""
    said = refused("transform", "vae", "x.npy", "-o", "vae/theta.csv", "--force", root=place)
    assert "vae/theta.csv is in the input vae; choose another --output" in said
    (place / "images/deep").mkdir(parents=True)
    (place / "linked").symlink_to("images/deep")
    for output in ("images/theta.csv", "images/new/theta.csv", "linked/theta.csv"):
        said = refused("transform", "vae", "images", "-o", output, root=place)
        assert f"{output} is in the input images; choose another --output" in said


@pytest.mark.parametrize("kind", ["vae", "topics"])
def test_a_model_in_its_data_is_refused(
    kind: str, place: Path, refused: Callable[..., str]
) -> None:
    (place / "data/deep").mkdir(parents=True)
    (place / "data/a.txt").write_text("mine")
    (place / "linked").symlink_to("data")
    fit = ["fit", kind, "data", "-k", 2, "-o"]
    for output in ("data", "linked", "data/deep/.."):
        assert f"{output} is the input data" in refused(*fit, output, "--force", root=place)
    for output in ("data/model", "data/deep/a/b", "linked/model"):
        assert f"{output} is in the input data" in refused(*fit, output, root=place)
    assert "is in the input ." in refused("fit", kind, ".", "-k", 2, "-o", "new", root=place)
    said = refused(*fit, "new", "--checkpoint-dir", "data/new", root=place)
    assert "data/new is in the input data; choose another --checkpoint-dir" in said


def test_the_words_of_counts_are_an_input_too(place: Path, refused: Callable[..., str]) -> None:
    (place / "words").mkdir()
    (place / "words/words.txt").write_text("a\nb\nc\nd\n")
    said = refused(
        *FIT_TOPICS, "words/words.txt", "--vocabulary", "words/words.txt", "--force", root=place
    )
    assert "is a file" in said
    said = refused(*FIT_TOPICS, "words", "--vocabulary", "words/words.txt", "--force", root=place)
    assert "has files that are not part of a model (words.txt)" in said


def test_a_model_as_data_and_output(place: Path, refused: Callable[..., str]) -> None:
    assert "vae is the input vae" in refused("fit", "vae", "vae", "-o", "vae", root=place)


@pytest.mark.parametrize("command", [FIT, FIT_TOPICS], ids=["vae", "topics"])
def test_checkpoints_do_not_go_into_the_model(
    command: list[Any], place: Path, refused: Callable[..., str]
) -> None:
    """Where they would keep the model from being saved."""
    for folder in ("new", "new/deep", "./new"):
        said = refused(*command, "new", "--checkpoint-dir", folder, root=place)
        assert "is in --output new; choose another" in said


# --- places --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_read_only_place_survives(
    command: list[Any], place: Path, refused: Callable[..., str], tmpfs: Callable[..., Path]
) -> None:
    mounted = tmpfs("mounted")
    shutil.copytree(place / "vae", mounted / "model")
    (mounted / "theta.csv").write_text("mine")
    (mounted / "results").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    table = command in (TRANSFORM, TRANSFORM_TOPICS)
    outputs = ["new.csv", "a/new.csv"] if table else ["new", "a/new", "results"]
    for output in outputs:
        said = refused(*command, mounted / output, root=place)
        assert "cannot be written to: Read-only file system" in said
    if command in (FIT, FIT_TOPICS, TRANSFORM, TRANSFORM_TOPICS):
        output = mounted / ("theta.csv" if table else "model")
        said = refused(*command, output, "--force", root=place)
        assert "cannot be replaced: Read-only file system" in said


@pytest.mark.skipif(
    not hasattr(os, "seteuid") or os.geteuid() != 0, reason="needs root, who may become another"
)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_place_of_another_user_survives(
    command: list[Any], models: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: only its owner gets that far
        shutil.copytree(models, folder, dirs_exist_ok=True)
        np.save(f"{folder}/x.npy", X)
        np.save(f"{folder}/counts.npy", COUNTS)
        os.chmod(folder, 0o755)
        monkeypatch.chdir(folder)
        before = tree(Path(folder))
        name = "new.csv" if command in (TRANSFORM, TRANSFORM_TOPICS) else "new"
        os.seteuid(65534)
        try:
            found = run(*command, name)
            again = run(*command, "vae", "--force") if command is FIT else None
        finally:
            os.seteuid(0)
        assert tree(Path(folder)) == before
        monkeypatch.undo()
    assert (found.code, found.err.count("\n")) == (2, 1), found
    assert "cannot be written to: Permission denied" in found.err
    assert again is None or "manifest.json cannot be replaced: Permission denied" in again.err


@pytest.mark.parametrize("command", [FIT, FIT_TOPICS], ids=["vae", "topics"])
def test_a_mount_point(
    command: list[Any],
    place: Path,
    run: Callable[..., Ran],
    refused: Callable[..., str],
    tmpfs: Callable[..., Path],
) -> None:
    """A refused run leaves what is on it; others write in it, which has no other name to get."""
    mounted = tmpfs("mounted")
    (mounted / "thesis.tex").write_text("mine")
    said = refused(*command, "mounted", "--force", root=place)
    assert "(thesis.tex)" in said
    (mounted / "thesis.tex").unlink()
    assert run(*command, "mounted").code == 0
    assert "mounted exists: replace it with --force" in refused(*command, "mounted", root=place)
    done = run(*command, "mounted", "--force")
    assert done.code == 0, done
    dirvae.load(mounted)
    assert sorted(os.listdir(mounted)) == ["config.json", "manifest.json", "model.safetensors"]
    assert sorted(os.listdir()) == ["counts.npy", "mounted", "topics", "vae", "x.npy"]


@pytest.mark.parametrize("command", [DEMO, DEMO_TOPICS], ids=["digits", "topics"])
def test_a_mount_point_with_a_demo(
    command: list[Any], place: Path, refused: Callable[..., str], tmpfs: Callable[..., Path]
) -> None:
    mounted = tmpfs("mounted")
    for name in ("report.html", "topics.html"):
        (mounted / name).write_text("mine")
    assert "exists: replace it with --force" in refused(*command, "mounted", root=place)


def test_a_mount_point_with_a_table(
    place: Path, run: Callable[..., Ran], refused: Callable[..., str], tmpfs: Callable[..., Path]
) -> None:
    """Of a folder, which is written to; and of a file, which cannot be replaced."""
    mounted = tmpfs("mounted")
    assert run(*TRANSFORM, "mounted/theta.csv").code == 0
    assert "exists" in refused(*TRANSFORM, "mounted/theta.csv", root=place)
    (place / "theta.csv").touch()
    bind = ["mount", "--bind", mounted / "theta.csv", place / "theta.csv"]
    subprocess.run(bind, check=True)
    try:
        said = refused(*TRANSFORM, "theta.csv", "--force", root=place)
    finally:
        subprocess.run(["umount", place / "theta.csv"], check=True)
    assert "theta.csv cannot be replaced: Device or resource busy" in said


@pytest.mark.parametrize("command", [FIT, FIT_TOPICS], ids=["vae", "topics"])
def test_the_current_folder(
    command: list[Any], place: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model is saved in it, and not in another that takes its name."""
    (place / "here").mkdir()
    monkeypatch.chdir("here")
    command = [f"../{word}" if str(word).endswith(".npy") else word for word in command]
    for options in ([], ["--force"]):
        done = run(*command, ".", *options)
        assert done.code == 0, done
        assert os.path.samefile(".", place / "here")
        assert sorted(os.listdir()) == ["config.json", "manifest.json", "model.safetensors"]
    assert sorted(os.listdir("..")) == ["counts.npy", "here", "topics", "vae", "x.npy"]


def test_a_refused_run_makes_no_folders(place: Path, run: Callable[..., Ran]) -> None:
    before = tree(place)
    assert run("transform", "vae", "gone.npy", "-o", "a/b/theta.csv").code == 2
    assert run("fit", "vae", "gone.npy", "-o", "a/b/model").code == 2
    assert tree(place) == before
    assert run(*TRANSFORM, "a/b/theta.csv").code == 0
    assert len(pd.read_csv("a/b/theta.csv")) == 20


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy"])
def test_a_table_has_its_ids_first_and_no_index(tmp_path: Path, suffix: str) -> None:
    path, values = tmp_path / "new" / f"x{suffix}", np.array([[1.0, 2.0], [3.0, 4.0]])
    write_table(path, values, ["a", "b"], {"id": ["i", "j"]})
    if suffix == ".npy":
        np.testing.assert_array_equal(np.load(path), values)
        return
    frame = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert frame.columns.tolist() == ["id", "a", "b"]
    assert frame["b"].tolist() == [2, 4]
    with pytest.raises(ValueError, match="zip"):
        write_table(path, values, ["a"], {})
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("cells", [["i\r", "j"], ["i", "a\rb"], ["\r\n", '"\r']])
def test_a_carriage_return_ends_no_row(tmp_path: Path, cells: list[str]) -> None:
    for names, ids in (["a", "b"], {"id": cells}), (["a", "\rb"], {"id\r": cells}):
        write_table(tmp_path / "x.csv", np.eye(2), names, ids)
        frame = pd.read_csv(tmp_path / "x.csv")
        assert frame.columns.tolist() == [*ids, *names]
        assert frame.iloc[:, 0].tolist() == cells
        np.testing.assert_array_equal(frame.iloc[:, 1:], np.eye(2))


def test_whole_numbers_beside_others_are_not_rounded(tmp_path: Path) -> None:
    ids = {"id": [2**53 + 1, None], "key": [2**64 + 1, 5], "both": [7, "007"]}
    ids |= {"hash": [2**64 - 1, 1], "least": [-(2**63), 1]}
    for suffix in ("csv", "parquet"):
        write_table(tmp_path / f"x.{suffix}", np.eye(2), ["a", "b"], ids)
    lines = (tmp_path / "x.csv").read_text().splitlines()
    hashes = f"{2**64 - 1},{-(2**63)}"
    assert lines[1:] == [f"{2**53 + 1},{2**64 + 1},7,{hashes},1.0,0.0", ",5,007,1,1,0.0,1.0"]
    table = pyarrow.parquet.read_table(tmp_path / "x.parquet").to_pydict()
    assert table["id"] == [2**53 + 1, None]
    assert table["key"] == [str(2**64 + 1), "5"]
    assert table["both"] == ["7", "007"]
    assert (table["hash"], table["least"]) == ([2**64 - 1, 1], [-(2**63), 1])
