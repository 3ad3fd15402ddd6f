"""Studies: what their records name is there, and takes what they say."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from dirvae.reproduce import tables
from dirvae.reproduce.record import add
from dirvae.reproduce.studies import STUDIES, Study

SHARED = {"data", "rows", "seeds", "epochs", "quick"}  # what every study's jobs take


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_jobs_take_the_options_of_their_study(study: Study) -> None:
    runs = import_module(f"dirvae.reproduce.{study.runs}")
    assert inspect.signature(runs.jobs).parameters.keys() == {*SHARED, *study.options}
    next(runs.jobs(study.data))  # raises if it does not know the data


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_a_table_is_shown_of_nothing(study: Study, tmp_path: Path) -> None:
    [table] = study.tables(tmp_path, quick=False)
    assert all(len(row) == len(table.header) for row in table.rows)


def test_a_view_shows_the_second_data_set_where_it_was_run(tmp_path: Path) -> None:
    run = {"row": "gaussian", "setting": "ours", "pixels": "binarised", "knn_error": {"3": 0.5}}
    add(STUDIES["density-omniglot"].file(tmp_path, quick=False), run)
    shown = STUDIES["knn"].tables(tmp_path, quick=False)
    assert shown == [tables.knn_table("mnist", []), tables.knn_table("omniglot", [run])]
    add(STUDIES["density-svhn-subset"].file(tmp_path, quick=False), run)
    *_, last = STUDIES["collapse"].tables(tmp_path, quick=False)
    assert last == tables.collapse_table("svhn-subset", [run])
    assert [table.title for table in STUDIES["density-mnist"].tables(tmp_path, quick=False)] == [
        "Density, MNIST, K = 50"
    ]


def test_a_view_makes_the_runs_of_its_first_study(tmp_path: Path) -> None:
    assert STUDIES["knn"].file(tmp_path, quick=False) == tmp_path / "density-mnist.jsonl"
    assert STUDIES["knn"].data == STUDIES["density-mnist"].data
    assert STUDIES["knn"].options == STUDIES["density-mnist"].options
