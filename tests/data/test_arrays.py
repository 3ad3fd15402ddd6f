"""Rows in memory: what goes with a row is fetched with it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from dirvae.data import ArrayDataset, Batch, arrays, processes
from dirvae.data.arrays import OrderedBatches, ShuffledBatches
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


def test_numbers_are_kept_in_one_precision_and_whole_ones_as_they_are():
    assert ArrayDataset(np.eye(3)).x.dtype == torch.float32
    assert ArrayDataset(np.eye(3), dtype=torch.float64).x.dtype == torch.float64
    pixels = ArrayDataset(np.eye(3, dtype=np.uint8))
    assert pixels.x.dtype == torch.uint8
    assert pixels[[0]].x.dtype == torch.float32


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


# --- several processes ----------------------------------------------------------------------------


def shares(monkeypatch, batches, num_processes):
    """The batches of each of several processes, whose generators are not alike."""
    batches.num_processes, found, told = num_processes, [], []
    for rank in range(num_processes):
        monkeypatch.setattr(processes.distributed, "get_rank", lambda rank=rank: rank)
        told_by_first = partial(_tell, told)
        monkeypatch.setattr(processes.distributed, "broadcast_object_list", told_by_first)
        torch.manual_seed(rank)
        found.append(list(batches))
        assert len(found[-1]) == len(batches)
    return found


def _tell(told, values):
    told.extend(values[: 1 - len(told)])
    values[:] = told


@pytest.mark.parametrize("num_processes", [2, 3, 7])
@pytest.mark.parametrize(
    ("num_rows", "size"), [(101, 8), (96, 8), (97, 8), (8, 1), (9, 1), (7, 128), (15, 2)]
)
@pytest.mark.parametrize("Batches", [OrderedBatches, ShuffledBatches])
def test_processes_share_out_the_rows(monkeypatch, Batches, num_rows, size, num_processes):
    found = shares(monkeypatch, Batches(num_rows, size), num_processes)
    assert len({len(batches) for batches in found}) == 1
    sizes = [len(batch) for batches in found for batch in batches]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 2
    assert max(sizes) <= max(size, 2)
    rows = torch.cat([torch.cat(batches) for batches in found]).tolist()
    assert sorted(rows) == list(range(num_rows))
    assert (rows == list(range(num_rows))) == (Batches is OrderedBatches)


def test_the_order_of_processes_is_that_of_one(monkeypatch):
    """Whose generator has the seed that the first of them drew."""
    monkeypatch.setattr(arrays, "WINDOW", 2)
    blocks = np.array([0, 7, 30, 31, 60, 64, 101])
    found = shares(monkeypatch, ShuffledBatches(101, 8, blocks=blocks), 3)
    torch.manual_seed(0)
    seeded = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
    alone = torch.cat(list(ShuffledBatches(101, 8, seeded, blocks)))
    assert torch.cat([torch.cat(batches) for batches in found]).tolist() == alone.tolist()


def test_a_process_reads_only_some_of_many_blocks(monkeypatch):
    monkeypatch.setattr(arrays, "WINDOW", 2)
    blocks = np.arange(0, 801, 100)
    found = shares(monkeypatch, ShuffledBatches(800, 50, blocks=blocks), 2)
    read = [set((torch.cat(batches) // 100).tolist()) for batches in found]
    assert [len(of_rank) for of_rank in read] == [4, 4]
