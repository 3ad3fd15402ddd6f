"""Rows in memory: what goes with a row is fetched with it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from dirvae.data import ArrayDataset, Batch, Corpus, arrays, processes
from dirvae.data.arrays import OrderedBatches, ShuffledBatches, loader
from dirvae.data.corpus.part import CorpusPart
from dirvae.data.counts import CountDataset
from dirvae.models.zoo import gaussian
from dirvae.training import fit

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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("given", [np.asarray, torch.as_tensor, np.ndarray.tolist])
def test_all_that_goes_with_a_row_has_the_precision_of_the_row(dtype, given):
    seconds = np.array([[1.7e9 + 0.5], [1.7e9 + 0.25], [16777217.0]])  # float32 has none of them
    weight, label = np.array([1.0, 3.0, 5.0]), LABEL.astype(np.float64)
    data = ArrayDataset(
        np.eye(3), given(seconds), weight=given(weight), label=given(label), dtype=dtype
    )
    batch = data[[0, 1, 2]]
    assert {batch.x.dtype, batch.covariates.dtype, batch.weight.dtype, batch.label.dtype} == {dtype}
    numpy_type = {torch.float32: np.float32, torch.float64: np.float64}[dtype]
    np.testing.assert_array_equal(batch.covariates, seconds.astype(numpy_type))
    np.testing.assert_array_equal(batch.label, LABEL)
    eps = torch.finfo(dtype).eps
    np.testing.assert_allclose(batch.weight.double(), weight / 3, rtol=2 * eps, atol=0)


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


# --- what is taken --------------------------------------------------------------------------------


def test_weights_have_a_mean_of_one_whatever_their_scale():
    for scale in (1.0, 0.01, 3e38 / 4, 4e307, 1e-44, 1e-45, 1e-300, 5e-324):
        found = ArrayDataset(np.eye(3), weight=scale * np.array([0, 2, 4])).weight
        torch.testing.assert_close(found, torch.tensor([0.0, 1.0, 2.0]))
    with pytest.raises(ValueError, match="weight must be finite, 0 or more"):
        ArrayDataset(np.eye(3), weight=[np.inf, 1, 1])


def test_values_must_be_finite_where_they_were_observed():
    x = np.array([[1.0, 2.0], [3.0, np.nan], [np.inf, 6.0]])
    said = "x has a NaN or infinite value in row {}; all values must be finite"
    with pytest.raises(ValueError, match=said.format(1)):
        ArrayDataset(x)
    with pytest.raises(ValueError, match=said.format(2)):
        ArrayDataset(x, mask=[[1, 1], [1, 0], [1, 1]])
    ArrayDataset(x, mask=[[1, 1], [1, 0], [0, 1]])
    for row, stored in enumerate(([[0, 0], [3, np.nan]], [[np.nan, 0], [3, 4]])):
        with pytest.raises(ValueError, match=said.format(1 - row)):
            ArrayDataset(sparse.csr_matrix(stored))


def test_values_whose_sum_alone_is_infinite_are_finite():
    x = np.full((2, 2), 3e38, np.float32)
    assert ArrayDataset(x)[[1]].x.tolist() == [[x[0, 0], x[0, 0]]]
    assert len(ArrayDataset(sparse.csr_matrix(x))) == 2


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ([[0.5, 1.25]], "x has values from 0.5 to 1.25,"),
        ([[-0.25, 1]], "x has values from -0.25 to 1"),
    ],
)
def test_pixels_are_drawn_by_probabilities_alone(x, said):
    for rows in (np.array(x), sparse.csr_matrix(x)):
        with pytest.raises(ValueError, match=f"{said}.*binarize=True takes probabilities in"):
            ArrayDataset(rows, binarize=True)
    assert len(ArrayDataset(np.array(x))) == 1
    assert len(ArrayDataset(np.array(x), mask=np.zeros((1, 2)), binarize=True)) == 1
    assert len(ArrayDataset(np.zeros((3, 0)), binarize=True)) == 3


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_pixels_are_drawn_anew_at_each_fetch(kind):
    chance = np.tile([0.0, 0.25, 1.0], (2000, 1))
    data = ArrayDataset(kind(chance), binarize=True, generator=torch.Generator().manual_seed(0))
    first, second = data[range(2000)].x, data[range(2000)].x
    assert set(first.unique().tolist()) == {0, 1}
    np.testing.assert_allclose(first.mean(0), [0, 0.25, 1], atol=0.05)  # five standard errors
    assert (first != second).any()
    expected = torch.bernoulli(
        data[[0]].x.new_tensor(chance), generator=torch.Generator().manual_seed(0)
    )
    assert torch.equal(first, expected)
    assert data.observed().max() == 1


def test_what_was_not_observed_is_no_probability():
    x = np.array([[1.0, np.nan], [7.0, 1.0]])
    mask = np.array([[1, 0], [0, 1]])
    batch = ArrayDataset(x, mask=mask, binarize=True)[[1, 0]]
    assert batch.x.tolist() == [[0, 1], [1, 0]]
    assert batch.mask.tolist() == [[False, True], [True, False]]
    assert ArrayDataset(x, mask=mask).observed().tolist() == [1, 1]


def test_rows_of_a_tensor_are_its_own_and_those_of_an_array_a_copy():
    tensor, array = torch.zeros(2, 2), np.zeros((2, 2))
    kept, copied = ArrayDataset(tensor), ArrayDataset(array)
    tensor[0], array[0] = 5, 5
    assert kept[[0]].x.tolist() == [[5, 5]]
    assert copied[[0]].x.tolist() == [[0, 0]]


def test_a_loader_has_the_rows_in_order_unless_it_is_told_to_shuffle():
    data = ArrayDataset(np.arange(40.0)[:, None])
    rows = [batch.x.flatten().tolist() for batch in loader(data, 7)]
    assert rows == [list(range(start, min(start + 7, 40))) for start in range(0, 40, 7)]
    shuffled = loader(data, 7, shuffle=True, generator=torch.Generator().manual_seed(3))
    found = torch.cat([batch.x.flatten() for batch in shuffled]).tolist()
    assert found == torch.randperm(40, generator=torch.Generator().manual_seed(3)).tolist()


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


def test_a_corpus_is_shuffled_by_its_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("dirvae.data.corpus.matrices.ROWS", 5)
    monkeypatch.setattr(arrays, "WINDOW", 2)
    corpus = Corpus.of_counts(tmp_path / "corpus", [np.arange(1, 61).reshape(-1, 1)])
    data = ArrayDataset(corpus)
    assert data.blocks.tolist() == list(range(0, 61, 5))
    assert data.observed().size == 0
    assert ArrayDataset(np.eye(3)).blocks is None
    found = torch.cat([batch.x.flatten() for batch in loader(data, 10, shuffle=True)])
    assert sorted(found.tolist()) == list(range(1, 61))
    assert [len(set(((part - 1) // 5).tolist())) for part in found.split(10)] == [2] * 6


def test_ten_blocks_are_shuffled_together_and_the_eleventh_after_them():
    def order(num_blocks):
        blocks = np.arange(num_blocks + 1) * 3
        return torch.cat(
            list(ShuffledBatches(3 * num_blocks, 4, torch.Generator().manual_seed(0), blocks))
        )

    expected = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(order(10), expected)
    assert len(set((order(11)[:30] // 3).tolist())) == 10
    assert len(set((order(11)[30:] // 3).tolist())) == 1


def test_fewer_rows_than_a_batch_are_one():
    for Batches in (OrderedBatches, ShuffledBatches):
        assert [sorted(batch.tolist()) for batch in Batches(1, 4)] == [[0]]
        assert len(Batches(1, 4)) == 1
        assert [len(Batches(rows, 4)) for rows in (4, 5, 8)] == [1, 2, 2]


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


@pytest.mark.parametrize("dtype", ["u2", "u4", "u8", ">f4", ">i4", "<f8"])
def test_numbers_of_any_machine_are_read(dtype):
    x = np.array([[0, 3], [2, 1]], dtype=dtype)
    assert ArrayDataset(x)[[0, 1]].x.tolist() == [[0, 3], [2, 1]]
    quiet = {"max_epochs": 1, "verbose": False}
    assert np.isfinite(fit(gaussian(2, 2, hidden_sizes=4), x / 3, **quiet)[0]["elbo"])
    assert float(ArrayDataset(x).observed().min()) == 0


@pytest.mark.parametrize(
    ("x", "said"),
    [
        ((row for row in [[1.0]]), "x is a generator, must hold numbers only"),
        (np.ones(3), r"x has shape \(3,\), must be \(N, D...\), with a row for each example"),
        (torch.eye(2).to_sparse(), "x is a sparse tensor, must be dense, or a SciPy sparse"),
        ([["a"]], "x is a list, must hold numbers only"),
    ],
)
def test_what_has_no_rows_of_numbers_is_told(x, said):
    with pytest.raises(ValueError, match=said):
        ArrayDataset(x)


def test_data_have_one_fingerprint_wherever_they_lie_and_others_have_others(tmp_path):
    x = np.random.default_rng(0).poisson(1.0, (6, 4)).astype(np.float32)
    told = torch.arange(6.0)[:, None]
    corpora = [Corpus.of_counts(tmp_path / str(k), [x.astype(int) + k]) for k in (0, 1)]
    different = [
        ArrayDataset(x),
        ArrayDataset(x[::-1]),
        ArrayDataset(x + 1),
        ArrayDataset(x[:5]),
        ArrayDataset(x.reshape(6, 2, 2)),
        ArrayDataset(x, told),
        ArrayDataset(x, told.flip(0)),
        ArrayDataset(x, label=told),
        ArrayDataset(x, weight=told[:, 0]),
        ArrayDataset(x, mask=x > 0),
        ArrayDataset(sparse.csr_matrix(x)),
        ArrayDataset(sparse.csr_matrix(x[::-1])),
        *(ArrayDataset(corpus) for corpus in corpora),
        ArrayDataset(CorpusPart(corpora[0], np.array([0, 2]))),
        ArrayDataset(CorpusPart(corpora[0], np.array([2, 0]))),
        ArrayDataset(torch.zeros(2, 3, dtype=torch.bfloat16)),
        CountDataset(2 * x),
        CountDataset(x, told.numpy()),
        CountDataset(x, label=told.numpy()),
    ]
    assert len({data.fingerprint for data in different}) == len(different)
    for same in (np.asfortranarray(x), x.astype(np.float64), torch.tensor(x), pd.DataFrame(x)):
        assert ArrayDataset(same).fingerprint == different[0].fingerprint
    assert CountDataset(x).fingerprint == CountDataset(sparse.csr_matrix(x)).fingerprint
    images = torch.tensor(x).reshape(6, 1, 2, 2).permute(0, 2, 3, 1)  # channels last
    assert ArrayDataset(images).fingerprint == ArrayDataset(x.reshape(6, 2, 2, 1)).fingerprint
