"""Files of rows: what is said of them, and one sentence for those that cannot be read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import dirvae
from tests.cli.command import COUNTS, RANDOM, SMALL, X, assert_one_sentence, fit


def test_images_are_announced(run):
    np.save("x.npy", RANDOM.integers(0, 256, (20, 3, 2), dtype=np.uint8))
    assert "x.npy: 20 images of 3 x 2, scaled to [0, 1]" in run(*fit()).err


def broken_matrix() -> bytes:
    """A sparse matrix of six columns with an entry in a seventh."""
    matrix = sparse.csr_matrix(COUNTS)
    matrix.indices[7] = 6
    sparse.save_npz(file := io.BytesIO(), matrix)
    return file.getvalue()


@pytest.mark.parametrize("command", ["fit", "transform", "evaluate"])
@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("gone.npy", None, "does not exist"),
        ("x.npy", b"\x93NUMPY", "cut off"),
        ("x.npy", b"PK\x03\x04", "cut off"),
        ("x.csv", b"", "cut off"),
        ("x.parquet", b"PAR1 no", "cut off"),
        ("x.docx", b"text", "a type that cannot be read"),
        ("x.npz", broken_matrix(), "an index 6, must be from 0 to 5"),
        ("x.npz", b"junk" * 9, "(it is not an array of numbers)"),
        ("x.csv", b"a,b\n1,2\n3,4,5\n", "row 2 has 3 cells, the first line has 2 cells"),
        ("x.csv", "größe;b\n1;2\n".encode("cp1252"), "it is not utf-8 (byte 2)"),
    ],
)
def test_bad_file(command, name, content, word, run, fitted):
    if content is not None:
        Path(name).write_bytes(content)
    arguments = {
        "fit": ["fit", "vae", name, "-o", "model"],
        "transform": ["transform", fitted, name, "-o", "theta.npy"],
        "evaluate": ["evaluate", fitted, name],
    }[command]
    assert_one_sentence(run(*arguments), word)


def test_a_table_of_excel_in_cp1252(run):
    frame = pd.DataFrame(X.astype(np.float64), columns=["größe", "b", "c", "d", "e", "f"])
    frame.to_csv("x.csv", sep=";", decimal=",", index=False, encoding="cp1252")
    options = ["--encoding", "cp1252"]
    done = run("fit", "vae", "x.csv", "-o", "model", *SMALL, "--max-epochs", 1, *options)
    assert done.code == 0, done
    assert "x.csv: separated by semicolons" in done.err
    assert "x.csv: decimal commas read as points" in done.err
    model = dirvae.load("model")
    assert model.feature_names_in_.tolist() == frame.columns.tolist()
    assert run("transform", "model", "x.csv", "-o", "theta.npy", *options).code == 0
    np.testing.assert_array_equal(np.load("theta.npy"), model.transform(frame))
    assert run("evaluate", "model", "x.csv", "--samples", 0, *options).code == 0
    np.save("x.npy", X)
    assert_one_sentence(run(*fit(*options, "--force")), "--encoding cannot be used with x.npy")
