"""Where topics start: how many documents are clustered, and what the words' frequencies are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from dirvae import CompositionModel
from dirvae.data.counts import CountDataset
from dirvae.topics import start

COUNTS = sparse.csr_matrix(np.random.default_rng(0).poisson(2.0, (60, 9)).astype(np.float32))
SMALL = {"hidden_sizes": (4,), "max_epochs": 1, "random_state": 0}


@pytest.fixture
def clustered(monkeypatch):
    """Numbers of documents that were clustered."""
    sizes, real = [], start.document_clusters

    def counted(x, *options):
        assert x.dtype == np.float64
        sizes.append(x.shape[0])
        return real(x, *options)

    monkeypatch.setattr(start, "document_clusters", counted)
    return sizes


@pytest.mark.parametrize(("entries", "wanted"), [(10**6, 60), (COUNTS.nnz // 2, 30), (1, 3)])
def test_as_many_documents_are_clustered_as_have_so_many_entries(
    clustered, monkeypatch, entries, wanted
):
    monkeypatch.setattr(start, "ENTRIES_AT_MOST", entries)
    start.cluster_start(COUNTS, 3, seed=0)
    assert clustered == [wanted]


def test_frequencies_of_single_counts_are_summed_in_double_precision():
    first = np.array([[2.0**24, 1e6]], dtype=np.float32)  # to which a single float can add no 1
    ones = np.tile(np.array([[1, 0]], dtype=np.float32), (50_000, 1))
    many = sparse.csr_matrix(np.concatenate([first, ones]))
    found = start.cluster_start(many, 1, seed=0).log_background.double().exp()
    assert float(found[0] / found[1]) == pytest.approx((2**24 + 50_000) / 1e6, rel=1e-4)


def test_a_fit_to_single_counts_copies_none_and_is_that_to_double_ones(monkeypatch):
    shared = []
    monkeypatch.setattr(
        CountDataset,
        "__len__",
        lambda self: (shared.append(np.shares_memory(self.x.data, COUNTS.data)), 60)[1],
    )
    single = CompositionModel(2, **SMALL).fit(COUNTS)
    assert set(shared) == {True}
    double = CompositionModel(2, **SMALL).fit(COUNTS.astype(np.float64))
    np.testing.assert_array_equal(single.components_, double.components_)
    np.testing.assert_array_equal(single.word_documents_, double.word_documents_)
