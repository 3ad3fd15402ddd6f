"""Two processes that train one model: each row once, and one model in the end.

They are started once, and write what they saw. Here it is compared with what must be.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dirvae
from dirvae import TopicModel
from dirvae.data import Corpus
from tests.data.in_processes import (
    EPOCHS,
    LABELLED,
    SIZES,
    TOPICS,
    documents,
    images,
    small,
)
from tests.pages import FENCE, ROOT

pytestmark = pytest.mark.learning  # two processes begin, and import torch

Found = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What both processes wrote."""
    folder = tmp_path_factory.mktemp("processes")
    Corpus.of_counts(folder / "corpus", [documents()])
    page = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8")
    scripts = [source for language, source in FENCE.findall(page) if language == "py"]
    [script] = [source for source in scripts if "sys.argv" in source]
    (folder / "train.py").write_text(script)
    command = [sys.executable, "-W", "error", "-m", "torch.distributed.run", "--nproc-per-node"]
    command += ["2", "--standalone", "-m", "tests.data.in_processes", str(folder)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> Found:
    first, second = (json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(2))
    return first, second


def of_passes(found: Found, name: str, steps: int) -> list[list[int]]:
    """Rows of both processes in each of two passes."""
    both = [of_rank["passes"][name] for of_rank in found]
    assert [len(batches) for batches in both] == [2 * steps] * 2
    return [
        [row for batches in both for batch in batches[start : start + steps] for row in batch]
        for start in (0, steps)
    ]


@pytest.mark.parametrize(
    ("name", "steps", "largest"), [("rows", 6, 10), ("few", 1, 128), ("one each", 3, 2)]
)
def test_each_row_comes_once_in_a_pass_of_all_processes(
    found: Found, name: str, steps: int, largest: int
) -> None:
    one, other = of_passes(found, f"{name}, data", steps)
    assert sorted(one) == sorted(other) == list(range(SIZES[name][0]))
    assert one != other
    for of_rank in found:
        assert max(map(len, of_rank["passes"][f"{name}, data"])) <= largest


@pytest.mark.parametrize(("name", "steps"), [("rows", 6), ("few", 1), ("one each", 3)])
def test_each_row_of_validation_comes_once(found: Found, name: str, steps: int) -> None:
    num_rows, passes = SIZES[name][0], of_passes(found, f"{name}, validation", 2 * steps)
    for rows in passes:  # of training first, then of validation, in each process
        assert sorted(rows) == sorted([*range(num_rows)] * 2)


def test_a_loader_of_ones_own_is_shared_too_and_is_whole_afterwards(found: Found) -> None:
    one, other = of_passes(found, "rows, loader", 6)
    assert sorted(one) == sorted(other) == list(range(103))
    assert [of_rank["passes"]["after"] for of_rank in found] == [[10] * 10 + [3]] * 2


def test_metrics_are_those_of_all_rows(found: Found) -> None:
    vae, x = small(), images()
    with torch.no_grad():
        terms = vae.terms(x, num_samples=500)
        kl = float(vae.terms(x[:51]).kl.mean())
    for of_rank in found:
        assert of_rank["metrics"]["kl"] == pytest.approx(float(terms.kl.mean()), rel=1e-5)
        assert of_rank["metrics"]["val_kl"] == pytest.approx(kl, rel=1e-5)
        assert of_rank["metrics"]["processes"] == 2
    assert found[0]["metrics"] == found[1]["metrics"]


@pytest.mark.parametrize("seed", ["generator", "integer"])
def test_each_process_has_noise_of_its_own(found: Found, seed: str) -> None:
    first, second = (of_rank["noise"][seed] for of_rank in found)
    assert np.abs(np.subtract(first, second)).max() > 0.01


def test_a_fit_is_resumed_by_both_and_kept_by_the_first(found: Found) -> None:
    first, second = (of_rank["resumed"] for of_rank in found)
    assert (first["saves"], second["saves"]) == (["last.ckpt"] * 4, [])
    assert first["epochs"] == second["epochs"] == [0, 1, 2, 3]
    assert first["weights"] == second["weights"]
    drawn = {tuple(of_rank[when]) for of_rank in (first, second) for when in ("before", "after")}
    assert len(drawn) == 4  # no noise comes twice


def test_the_best_epoch_is_restored_everywhere(found: Found) -> None:
    first, second = (of_rank["best"] for of_rank in found)
    assert first == second
    assert first["epoch"] == first["epochs"] - 4  # and three without a rise, which ended it
    assert first["epochs"] < 30
    assert first["kl"] == pytest.approx(first["val_kl"], rel=1e-5)


def test_the_step_size_falls_over_the_steps_of_each_process(found: Found) -> None:
    steps = EPOCHS * 7  # of 303 documents, twice 25 at a time
    expected = 0.02 * (1 - np.arange(steps) / steps)
    for of_rank in found:
        np.testing.assert_allclose(of_rank["topics"]["steps"], expected)


def test_both_end_with_one_model_and_may_save_it_at_once(folder: Path) -> None:
    files = [
        {path.name: path.read_bytes() for path in (folder / name).iterdir()}
        for name in ("topics", "topics0", "topics1")
    ]
    assert "model.safetensors" in files[0]
    assert files[0] == files[1] == files[2]


def test_what_documents_say_is_that_of_all_documents(folder: Path) -> None:
    model = TopicModel.load(folder / "topics")
    alone = copy.deepcopy(model)
    alone._num_documents, alone.word_documents_ = 0, np.zeros_like(model.word_documents_)
    alone._end(documents())
    np.testing.assert_allclose(model.topic_prevalence_, alone.topic_prevalence_, rtol=1e-5)
    np.testing.assert_allclose(model.word_documents_, alone.word_documents_, rtol=1e-5, atol=1e-5)
    assert model._num_documents == SIZES["topics"][0]


def test_the_bound_is_that_of_one_process(found: Found) -> None:
    alone = [
        TopicModel(**TOPICS, max_epochs=EPOCHS, batch_size=50, random_state=seed)
        .fit(documents())
        .history_[-1]["elbo"]
        for seed in range(3)
    ]
    spread = max(alone) - min(alone)
    assert min(alone) - spread < found[0]["topics"]["elbo"] < max(alone) + spread


def test_estimators_end_with_one_model(found: Found) -> None:
    for name in ("rows", "labelled"):
        assert found[0][name]["weights"] == found[1][name]["weights"]


def test_unlabelled_rows_come_once_beside_labelled_ones(found: Found) -> None:
    both = [of_rank["labelled"]["rows"] for of_rank in found]
    assert len(both[0]) == len(both[1])
    rows = [row for batches in both for batch in batches for row in batch]
    expected = sorted([*range(LABELLED, 103)] * 2)  # two passes
    assert sorted(row for row in rows if row >= LABELLED) == expected
    assert all(min(batch) < LABELLED for batches in both for batch in batches)


def test_what_cannot_be_shared_is_refused(found: Found) -> None:
    for of_rank in found:
        assert of_rank["refused"] == {
            "seeds": "the processes have different seeds, must have the same: give random_state "
            "(or seed) as an integer",
            "rows": "data has fewer rows than the 2 processes; each needs at least one",
        }


def test_the_script_of_the_page_trains_from_a_corpus(folder: Path) -> None:
    model = dirvae.load(folder / "model")
    assert model.transform(documents()).shape == (303, 50)
    assert (folder / "checkpoints" / "last.ckpt").is_file()
