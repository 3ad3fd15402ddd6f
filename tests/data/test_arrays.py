"""Rows in memory: what goes with a row is fetched with it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from dirvae.data import ArrayDataset, Batch, arrays
from dirvae.data.arrays import ShuffledBatches
from dirvae.data.counts import CountDataset

LABEL = np.array([[0, 1], [0, 0], [1, 0]], dtype=np.float32)


@pytest.mark.parametrize("Data", [ArrayDataset, CountDataset])
def test_labels_are_fetched_with_their_rows(Data):
    covariates = np.array([[5.0], [6.0], [7.0]])
    batch = Data(np.eye(3), covariates, label=LABEL)[[2, 0]]
    assert batch.label.tolist() == [[1, 0], [0, 1]]
    assert batch.covariates.tolist() == [[7], [5]]
    assert batch.given().keys() == {"covariates", "label"}
    assert Data(np.eye(3))[[0]].label is None


@pytest.mark.parametrize("Data", [ArrayDataset, CountDataset])
def test_labels_must_be_those_of_the_rows(Data):
    with pytest.raises(ValueError, match="label has 2 rows, x has 3; they must agree"):
        Data(np.eye(3), label=LABEL[:2])


@pytest.mark.parametrize(
    ("x", "given", "said"),
    [
        (
            np.eye(3),
            {"mask": np.ones((3, 2))},
            r"mask has shape \(3, 2\), x has \(3, 3\); they must",
        ),
        (sparse.eye(3, format="csr"), {"mask": np.ones((3, 3))}, "mask needs a dense x; x is spar"),
        (np.eye(3), {"weight": np.zeros(3)}, "weight must be finite, 0 or more, and not 0 in eve"),
        (np.eye(3), {"weight": [-1.0, 1.0, 1.0]}, "weight must be finite, 0 or more"),
        (np.eye(3), {"weight": [np.nan, 1.0, 1.0]}, "weight must be finite, 0 or more"),
    ],
)
def test_masks_and_weights_that_do_not_fit_are_refused(x, given, said):
    with pytest.raises(ValueError, match=said):
        ArrayDataset(x, **given)


def test_labels_of_pandas_go_by_index():
    x = pd.DataFrame(np.eye(3), index=["a", "b", "c"])
    label = pd.DataFrame(LABEL, index=["c", "b", "a"])
    assert ArrayDataset(x, label=label)[[0]].label.tolist() == [[1, 0]]


def test_a_model_is_given_what_is_there_by_name():
    x = torch.zeros(1, 2)
    assert Batch(x, weight=torch.ones(1)).given() == {}
    assert Batch(x, mask=x > 0).given().keys() == {"mask"}


# --- blocks on disk -------------------------------------------------------------------------------


def test_each_row_comes_once_in_batches_of_one_size():
    blocks = np.array([0, 7, 30, 31, 60, 64, 101])
    order = ShuffledBatches(101, 8, torch.Generator().manual_seed(0), blocks)
    batches = list(order)
    assert [len(batch) for batch in batches] == [8] * 12 + [5]
    assert len(batches) == len(order)
    assert sorted(torch.cat(batches).tolist()) == list(range(101))
    assert torch.cat(list(order)).tolist() != torch.cat(batches).tolist()


def test_rows_of_some_blocks_are_shuffled_together(monkeypatch):
    monkeypatch.setattr(arrays, "WINDOW", 3)
    blocks = np.arange(0, 901, 100)
    rows = torch.cat(list(ShuffledBatches(900, 50, torch.Generator().manual_seed(0), blocks)))
    windows = [set((part // 100).tolist()) for part in rows.split(300)]
    assert [len(window) for window in windows] == [3, 3, 3]
    assert set.union(*windows) == set(range(9))
    assert windows != [{0, 1, 2}, {3, 4, 5}, {6, 7, 8}]
    first = rows[:300]
    assert (first[1:] - first[:-1] != 1).sum() > 280  # no runs of neighbours


def test_few_blocks_are_shuffled_as_rows_in_memory_are():
    def order(blocks):
        return list(ShuffledBatches(90, 8, torch.Generator().manual_seed(5), blocks))

    expected = torch.randperm(90, generator=torch.Generator().manual_seed(5)).split(8)
    for blocks in (None, np.array([0, 20, 90])):
        found = order(blocks)
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_the_order_is_drawn_when_a_pass_begins():
    """What draws from the same generator afterwards must not change it, nor seeds their models."""
    torch.manual_seed(0)
    batches = iter(ShuffledBatches(10, 3))
    torch.rand(5)
    found = torch.cat(list(batches))
    torch.manual_seed(0)
    assert torch.equal(found, torch.randperm(10))
