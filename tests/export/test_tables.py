"""Tables of a model: the numbers are the model's, under its names."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dirvae import DirichletVAE
from dirvae.export import to_csv
from dirvae.export.tables import csv_files
from tests.export.conftest import COUNTS, KNOWN, SMALL, WORDS, X


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    with open(path, newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    return header, lines


def numbers(lines: list[list[str]]) -> np.ndarray:
    return np.array([[float(cell) for cell in line[1:]] for line in lines])


def test_tables_of_topics_are_those_of_the_model(topics, tmp_path):
    model = topics.model
    to_csv(model, tmp_path / "new" / "tables", topics.X, ids={"id": [f"d{i}" for i in range(40)]})
    folder = tmp_path / "new" / "tables"
    header, lines = read(folder / "topic_words.csv")
    assert header == ["word", "topicmodel0", "topicmodel1", "topicmodel2"]
    assert [line[0] for line in lines] == WORDS
    np.testing.assert_array_equal(numbers(lines), model.topic_word_.T)
    header, lines = read(folder / "theta.csv")
    assert header == ["id", "topicmodel0", "topicmodel1", "topicmodel2"]
    assert [line[0] for line in lines] == [f"d{i}" for i in range(40)]
    np.testing.assert_array_equal(numbers(lines), model.transform(topics.X))
    header, lines = read(folder / "topics.csv")
    assert header == ["topic", "name", "share", "words"]
    assert [line[0] for line in lines] == ["0", "1", "2"]
    assert lines[1][1] == "<b>pets</b>"
    assert [float(line[2]) for line in lines] == model.topic_prevalence_.tolist()
    assert lines[2][3] == " ".join(model.top_words(6)[2])
    assert sorted(p.name for p in folder.iterdir()) == sorted(csv_files(True))


def test_tables_of_components_are_means_of_columns(rows, tmp_path):
    model = rows.model
    for output in ("default", "pandas"):
        model.set_output(transform=output)
        to_csv(model, tmp_path, rows.X)
        header, lines = read(tmp_path / "components.csv")
        assert header == ["column", "dirichletvae0", "dirichletvae1", "dirichletvae2"]
        assert [line[0] for line in lines] == ["0", "1", "2", "3", "4"]
        np.testing.assert_array_equal(numbers(lines), model.components_.T)
        _, lines = read(tmp_path / "theta.csv")
        theta = np.array([[float(cell) for cell in line] for line in lines])
        np.testing.assert_array_equal(theta, np.asarray(model.transform(rows.X)))
    model.set_output(transform="default")
    assert sorted(p.name for p in tmp_path.iterdir()) == csv_files(True, of_topics=False)


def test_what_has_nothing_to_write_is_refused(tmp_path):
    model = DirichletVAE(2, latent="gaussian", decoder_hidden_sizes=(8,), **SMALL).fit(X)
    with pytest.raises(ValueError, match="not on the simplex, so that csv has theta alone: give"):
        to_csv(model, tmp_path / "tables")
    assert not (tmp_path / "tables").exists()
    to_csv(model, tmp_path / "tables", X)
    assert [p.name for p in (tmp_path / "tables").iterdir()] == ["theta.csv"]


def test_ids_do_not_hide_a_component(rows, tmp_path):
    with pytest.raises(ValueError, match="ids has 'dirichletvae1', which is a column of theta"):
        to_csv(rows.model, tmp_path / "tables", rows.X, ids={"dirichletvae1": range(30)})


def test_ids_that_are_too_few_leave_the_tables_of_before(topics, tmp_path):
    (tmp_path / "topics.csv").write_text("before")
    with pytest.raises(ValueError, match="ids has 39 values as 'id', must have one for each of 40"):
        to_csv(topics.model, tmp_path, topics.X, ids={"id": range(39)})
    assert (tmp_path / "topics.csv").read_text() == "before"


@pytest.mark.parametrize("word", ["a\rb", "end\r", "a\r\nb", "a\nb", 'a","\rb'])
def test_rows_are_found_again_whatever_their_ids(word, topics, tmp_path):
    ids = [f"{word}{i}" for i in range(40)]
    to_csv(topics.model, tmp_path, topics.X, ids={"id": ids})
    _, lines = read(tmp_path / "theta.csv")
    assert [line[0] for line in lines] == ids
    np.testing.assert_array_equal(numbers(lines), topics.model.transform(topics.X))
    assert pd.read_csv(tmp_path / "theta.csv")["id"].tolist() == ids


def test_a_missing_id_is_an_empty_cell_and_a_word_stays_one(topics, tmp_path):
    """As `dirvae transform` writes them, and as the readers read them."""
    kinds = {
        "words": ["a", None, "nan", "NA"],
        "numbers": [1.5, float("nan"), 2.5, 3.5],
        "whole": pd.Series([1, None, 3, 4], dtype="Int64"),
        "days": pd.to_datetime(pd.Series(["2020-01-31", None, "2020-02-01", "2020-02-02"])),
    }
    ids = {name: [*values, *["z"] * 36] for name, values in kinds.items()}
    to_csv(topics.model, tmp_path, topics.X, ids=ids)
    _, lines = read(tmp_path / "theta.csv")
    assert [line[0] for line in lines[:4]] == ["a", "", "nan", "NA"]
    assert [line[1] for line in lines[:4]] == ["1.5", "", "2.5", "3.5"]
    assert [line[2] for line in lines[:4]] == ["1", "", "3", "4"]
    assert [line[3][:10] for line in lines[:4]] == ["2020-01-31", "", "2020-02-01", "2020-02-02"]


def test_covariates_tell(of_known, tmp_path):
    to_csv(of_known.model, tmp_path, COUNTS, covariates=KNOWN)
    _, lines = read(tmp_path / "theta.csv")
    theta = np.array([[float(cell) for cell in line] for line in lines])
    np.testing.assert_array_equal(theta, of_known.model.transform(COUNTS, covariates=KNOWN))


def test_ids_go_by_index(topics, tmp_path):
    index = [f"r{row}" for row in range(40)]
    ids = pd.Series(index, index)[::-1]
    to_csv(topics.model, tmp_path, pd.DataFrame(COUNTS, index, WORDS), ids={"id": ids})
    _, lines = read(tmp_path / "theta.csv")
    assert [line[0] for line in lines] == index
