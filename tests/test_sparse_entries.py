"""Every function that takes a sparse matrix refuses a broken one, and canonicalises the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from dirvae.data import ArrayDataset
from dirvae.data.counts import CountDataset
from dirvae.distributions import Multinomial
from dirvae.estimators import DirichletVAE, SemiSupervisedVAE
from dirvae.evaluation import (
    completion_perplexity,
    documents_of_words,
    mean_document_frequency,
    split_tokens,
    topic_coherence,
)
from dirvae.topics import TopicModel, compare_sizes
from dirvae.topics.columns import columns_of
from dirvae.topics.decoders import ProductDecoder
from dirvae.topics.inference import decoded_perplexity

DENSE = np.random.default_rng(0).poisson(1.0, (12, 4)).astype(float)
CLASSES = np.arange(12) % 2
SMALL: dict[str, Any] = {"hidden_sizes": (4,), "max_epochs": 1, "random_state": 0}
LAYERS: dict[str, Any] = {"decoder_hidden_sizes": (4,), **SMALL}
THETA, BETA, TOP = np.full((12, 2), 0.5), np.full((2, 4), 0.25), [[0, 1], [2, 3]]
PRODUCT = ProductDecoder(2, 4)


def vae() -> DirichletVAE:
    return DirichletVAE(2, likelihood=Multinomial, **LAYERS)


def classifier() -> SemiSupervisedVAE:
    sizes: Any = {"classifier_hidden_sizes": (4,), **LAYERS}
    return SemiSupervisedVAE(2, likelihood=Multinomial, **sizes)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    return {
        "vae": vae().fit(DENSE),
        "classifier": classifier().fit(DENSE, CLASSES),
        "topics": TopicModel(2, **SMALL).fit(DENSE),
    }


ENTRIES: dict[str, Callable[[Any, Any], Any]] = {
    "DirichletVAE.fit": lambda x, _: vae().fit(x).transform(DENSE),
    "DirichletVAE.partial_fit": lambda x, _: vae().partial_fit(x).transform(DENSE),
    "DirichletVAE.transform": lambda x, models: models["vae"].transform(x),
    "DirichletVAE.score_samples": lambda x, models: models["vae"].score_samples(x),
    "SemiSupervisedVAE.fit": lambda x, _: classifier().fit(x, CLASSES).transform(DENSE),
    "SemiSupervisedVAE.predict_proba": lambda x, models: models["classifier"].predict_proba(x),
    "TopicModel.fit": lambda x, _: TopicModel(2, **SMALL).fit(x).topic_word_,
    "TopicModel.partial_fit": lambda x, _: TopicModel(2, **SMALL).partial_fit(x).topic_word_,
    "TopicModel.transform": lambda x, models: models["topics"].transform(x),
    "TopicModel.perplexity": lambda x, models: models["topics"].perplexity(x),
    "compare_sizes": lambda x, _: compare_sizes(TopicModel(**SMALL), x, (2,), num_splits=2).nats,
    "columns_of": lambda x, _: np.stack([column.values for column in columns_of(x)]),
    "ArrayDataset": lambda x, _: ArrayDataset(x)[[0, 3]].x,
    "CountDataset": lambda x, _: CountDataset(x)[[0, 3]].x.to_dense(),
    "documents_of_words": lambda x, _: documents_of_words(THETA, BETA, x),
    "mean_document_frequency": lambda x, _: mean_document_frequency(TOP, x),
    "split_tokens": lambda x, _: split_tokens(x)[0].toarray(),
    "completion_perplexity": lambda x, _: completion_perplexity(THETA, BETA, x),
    "topic_coherence": lambda x, _: topic_coherence(TOP, x),
    "decoded_perplexity": lambda x, _: decoded_perplexity(
        PRODUCT, ArrayDataset(THETA).x, sparse.csr_matrix(x) if x is DENSE else x
    ),
}


def broken(part: str, value: int) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix(DENSE)
    getattr(matrix, part)[1] = value
    return matrix


BROKEN = {
    "too large": lambda: broken("indices", 10**6),
    "negative": lambda: broken("indices", -3),
    "pointers": lambda: broken("indptr", 10**6),
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("name", ENTRIES)
def test_a_broken_matrix_is_refused(fitted, name, fault):
    with pytest.raises(ValueError, match=r"(X|x|covariates|counts|documents|held_out) is a broken"):
        ENTRIES[name](BROKEN[fault](), fitted)


def with_duplicates() -> sparse.coo_matrix:
    """Each count in two halves, the second of them first."""
    rows, columns = DENSE.nonzero()
    low = DENSE[rows, columns] // 2
    values = np.concatenate([DENSE[rows, columns] - low, low])[::-1]
    return sparse.coo_matrix((values, (np.r_[rows, rows][::-1], np.r_[columns, columns][::-1])))


@pytest.mark.parametrize("form", ["coo", "csr"])
@pytest.mark.parametrize("name", ENTRIES)
def test_entries_that_are_there_twice_are_summed(fitted, name, form):
    twice = with_duplicates()
    if form == "csr":  # as its parts say; tocsr would sum
        order = np.argsort(twice.row, kind="stable")
        pointers = np.concatenate([[0], np.bincount(twice.row, minlength=12).cumsum()])
        parts = twice.data[order], twice.col[order], pointers
        twice = sparse.csr_matrix(parts, shape=(12, 4))
        assert not twice.has_canonical_format
    before = twice.copy()
    np.testing.assert_allclose(
        np.asarray(ENTRIES[name](twice, fitted)),
        np.asarray(ENTRIES[name](DENSE, fitted)),
        rtol=1e-5,
        atol=1e-7,
    )
    np.testing.assert_array_equal(twice.data, before.data)
