"""Files of rows: what is said of them, and one sentence for those that cannot be read."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import dirvae
from dirvae.cli import inputs
from dirvae.data import Corpus, Document
from dirvae.data.corpora import Texts
from dirvae.data.rows import Rows
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


# --- what is made of what was read ----------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_columns_are_put_in_the_order_of_the_models(kind):
    x = np.arange(6).reshape(2, 3)
    model = SimpleNamespace(feature_names_in_=np.array(["c", "a", "b"], dtype=object))
    rows = Rows(kind(x), ["a", "b", "c"])
    found = inputs.columns_in_order(model, rows, "x.csv")
    assert (found.toarray() if sparse.issparse(found) else found).tolist() == [[2, 0, 1], [5, 3, 4]]
    assert inputs.columns_in_order(model, rows._replace(columns=None), "x.csv") is rows.x
    assert inputs.columns_in_order(SimpleNamespace(), rows, "x.csv") is rows.x
    with pytest.raises(
        ValueError, match=r"x\.csv has no column 'c', which the model was fitted on"
    ):
        inputs.columns_in_order(model, Rows(kind(x), ["a", "b", "d"]), "x.csv")
    with pytest.raises(
        ValueError, match=r"x\.csv has a column 'd', which the model was not fitted"
    ):
        inputs.columns_in_order(model, Rows(kind(np.eye(4)), ["a", "d", "b", "c"]), "x.csv")


def test_options_of_another_command_are_those_of_this_one():
    assert inputs.as_read(None, "utf-8") == ""
    assert inputs.as_read("x", "utf-8", id_column=["a", "b c"]) == (
        " --id-column a --id-column 'b c' --array x"
    )
    assert inputs.as_read(None, "cp1252", strip="headers, quotes") == (
        " --strip headers,quotes --encoding cp1252"
    )


def test_classes_that_are_missing_are_empty_or_minus_1():
    assert inputs.known_or_none(["a", "", "-1", "1"]) == ["a", None, None, "1"]


def test_texts_and_counts_are_taken_apart():
    texts, counts = Texts(["a"], columns={"year": [1]}), Rows(np.eye(2), ["u", "v"])
    assert inputs.rows_of(texts) == ["a"]
    assert inputs.rows_of(counts) is counts.x
    assert inputs.covariates_of(texts) == {"year": [1]}
    assert inputs.covariates_of(texts._replace(columns={})) is None
    assert inputs.covariates_of(counts) is None
    on_disk = inputs.OnDisk(None, None, {}, None, {"year": [2]})
    assert inputs.covariates_of(on_disk) == {"year": [2]}
    assert inputs.covariates_of(on_disk._replace(told={})) is None


def test_decimal_commas_of_columns_beside_texts_are_read_and_said(tmp_path, capsys):
    path = tmp_path / "texts.csv"
    path.write_text("text;dose;site\nsea air;1,5;1,5\nthe sea;-2;2,5\n")
    found = inputs.read_documents(str(path), kinds={"dose": "", "site": "words"})
    assert found.columns == {"dose": [1.5, -2.0], "site": ["1,5", "2,5"]}
    assert "texts.csv: decimal commas read as points in dose\n" in capsys.readouterr().err


def test_a_typo_in_a_column_beside_texts_is_said(tmp_path, capsys):
    path = tmp_path / "texts.csv"
    path.write_text("text,year,site\nsea air,1999,1\nthe sea,2OO1,2\nair,2005,x\n")
    found = inputs.read_documents(str(path), kinds={"year": "", "site": "words"})
    assert found.columns == {"year": ["1999", "2OO1", "2005"], "site": ["1", "2", "x"]}
    said = f"{path}: year is read as words, not as numbers, because of '2OO1'\n"
    assert capsys.readouterr().err == said


def test_a_corpus_is_read_with_what_is_asked_for(tmp_path):
    rows = [
        Document("sea air", id="i", label="x", time="1999"),
        Document("air", id="j", time="2001"),
        Document("sea", id="k", label=7, time="2005"),
    ]
    columns = {"id": "name", "label": "kind", "time": "year"}
    source = str(Corpus.build(tmp_path / "corpus", rows, columns=columns).folder)
    plain = inputs.read_documents(source)
    assert (plain.ids, plain.labels, plain.told) == ({"name": ["i", "j", "k"]}, None, {})
    assert plain.columns == ["air", "sea"]
    assert inputs.read_documents(source, named=False).ids == {}
    kinds = {"year": "", "kind": "words"}
    asked = inputs.read_documents(source, id_column=["year"], label_column="kind", kinds=kinds)
    assert asked.ids == {"year": ["1999", "2001", "2005"]}
    assert asked.labels == ["x", "", "7"]
    rows = [Document("sea", label=label) for label in ("1.0", "", "2.0")]
    source = str(Corpus.build(tmp_path / "whole", rows).folder)
    assert inputs.read_documents(source, label_column="label").labels == ["1", "", "2"]
    assert list(asked.told["year"]) == [1999, 2001, 2005]
    assert asked.told["kind"] == ["x", None, 7]
    for option, given in (
        ("--text-column", {"text_column": "a"}),
        ("--encoding", {"encoding": "cp1252"}),
        ("--strip", {"strip": ["headers"]}),
        ("--array", {"array": "x"}),
    ):
        with pytest.raises(ValueError, match=f"{option} cannot be used with .*, which is a corpus"):
            inputs.read_documents(source, **given)


@pytest.mark.parametrize(
    ("fitted_without", "strip", "said"),
    [
        (None, ["headers"], None),
        (["headers"], ["headers"], None),
        (["quotes", "headers"], ["headers", "quotes"], None),
        ([], [], None),
        (["quotes", "headers"], [], "read with --strip headers,quotes, but .* with no --strip,"),
        ([], ["footers"], "read with no --strip, but these texts are read with --strip footers,"),
    ],
)
def test_other_parts_than_those_of_the_model_are_warned_of(tmp_path, fitted_without, strip, said):
    (tmp_path / "x.csv").write_text('id,text\n1,"From: me\n\nsea air"\n')
    model = SimpleNamespace(_stripped=fitted_without)

    def read():
        return inputs.read_documents(str(tmp_path / "x.csv"), strip=strip, model=model)

    if said is None:
        assert read().texts == ["sea air" if "headers" in strip else "From: me\n\nsea air"]
    else:
        with pytest.warns(UserWarning, match=said) as warned:
            read()
        assert [entry.filename for entry in warned] == [__file__]
