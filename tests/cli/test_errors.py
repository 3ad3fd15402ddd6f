"""What is told of expected errors, and that faults of ours keep their traceback."""

from __future__ import annotations

import io
import json
import sys

import pytest
import typer.main

from dirvae.cli import app, main
from dirvae.cli.errors import print_json, sentence
from tests.cli.command import assert_one_sentence


def test_letters_that_the_terminal_lacks_are_escaped(monkeypatch):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="cp1252") for _ in range(2))
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.setattr("sys.argv", ["dirvae", "info", "模型é"])
    print_json({"é": "中"})
    with pytest.raises(SystemExit):
        main()
    out.flush()
    err.flush()
    assert json.loads(out.buffer.getvalue()) == {"é": "中"}
    assert err.buffer.getvalue().startswith(b"Error: \\u6a21\\u578b\xe9 does not exist")


def test_interrupted_elsewhere(run, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("dirvae.persistence.load", interrupt)
    assert_one_sentence(run("info", "model"), code=130)


def test_our_own_fault_keeps_its_traceback(run, monkeypatch):
    def fail(*_):
        raise AssertionError("a fault of ours")

    monkeypatch.setattr("dirvae.persistence.load", fail)
    with pytest.raises(AssertionError, match="a fault of ours"):
        typer.main.get_command(app).main(["info", "model"])


def test_a_reader_that_went_away_is_left_to_python(run, monkeypatch):
    def gone(*_):
        raise BrokenPipeError

    monkeypatch.setattr("dirvae.persistence.load", gone)
    with pytest.raises(BrokenPipeError):
        typer.main.get_command(app).main(["info", "model"])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("n_components is 9, must be 3", "Error: --components is 9, must be 3"),
        ("times has 'May'", "Error: --time-column has 'May'"),
        ("covariates has levels", "Error: covariates has levels"),  # --covariates was not given
        ("max_epochs is 0, must be 1", "Error: --max-epochs is 0, must be 1"),
        ("random_state is -1, must be 0", "Error: --seed is -1, must be 0"),
        ("y has one class only", "Error: --label-column has one class only"),
        ("documents is empty", "Error: documents is empty"),  # an argument, not an option
        ("X has max_epochs is 0", "Error: X has max_epochs is 0"),
    ],
)
def test_errors_speak_of_options(run, monkeypatch, said, told):
    def fail(*_, **__):
        raise ValueError(said)

    monkeypatch.setattr(sys.modules["dirvae.cli.fit_topics"], "require_model_folder", fail)
    ran = run("fit", "topics", "docs.csv", "-o", "model", "--max-epochs", 5)
    assert (ran.code, ran.err) == (2, told + "\n")


def test_too_little_memory_is_told(run, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("dirvae.persistence.load", fail)
    assert_one_sentence(run("info", "model"), "there is not enough memory for this")


def test_a_long_message_is_cut(run, tmp_path):
    """A column's name of 5,000 letters is quoted by its refusal."""
    (tmp_path / "x.csv").write_text("x" * 5000 + "," + "x" * 5000 + "\n1,2\n")
    ran = run("fit", "vae", tmp_path / "x.csv", "-o", tmp_path / "model")
    assert_one_sentence(ran, "has two columns named 'xxx")
    assert len(ran.err) == len("Error: ") + 500 + len("...\n")


def test_an_output_that_links_lead_around_to_is_named(run, tmp_path):
    loop, rows = tmp_path / "loop", tmp_path / "rows.csv"
    loop.symlink_to("loop")
    rows.write_text("a,b\n1,2\n3,4\n")
    assert_one_sentence(run("fit", "vae", rows, "-o", loop), str(loop))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "x.csv"), "No space left on device: x.csv"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("the pipe broke"), "the pipe broke"),
        (ValueError("one\n  two\n\nthree"), "one two"),
        (ValueError(""), "ValueError"),
        (ValueError("x" * 500), "x" * 500),
        (ValueError("x" * 501), "x" * 500 + "..."),
        (MemoryError("1 TiB"), "there is not enough memory for this; give fewer rows or columns"),
    ],
)
def test_an_error_is_one_sentence(error, said):
    assert sentence(error).startswith(said)
    assert len(sentence(error)) == len(said) or isinstance(error, MemoryError)
