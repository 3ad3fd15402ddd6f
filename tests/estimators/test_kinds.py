"""Warnings of data that their law takes for another kind of numbers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from torch.distributions import Bernoulli, Normal, Poisson

from dirvae.distributions import DirichletMultinomial, Multinomial, NegativeBinomial
from dirvae.estimators import DirichletVAE, SemiSupervisedVAE
from dirvae.estimators.kinds import (
    _common_sum,
    _first_fraction,
    warn_of_fractions,
    warn_of_kind,
)
from dirvae.topics import TopicModel

COUNTS = np.random.default_rng(0).poisson(3, (8, 5)).astype(float) + 1
SHARES = COUNTS / COUNTS.sum(1, keepdims=True)
SMALL: dict[str, Any] = {"hidden_sizes": (4,), "max_epochs": 1, "random_state": 0}
ABUNDANT = "and rows that sum to 1, as relative abundances do, but"
GAUSSIAN = (
    f"X has whole numbers from {COUNTS.min():g} to {COUNTS.max():g}, which look like counts, but "
    "are fitted by a Gaussian: likelihood=NegativeBinomial"
)

CASES: list[tuple[Any, Any, bool, str | None]] = [
    (COUNTS, Normal, True, GAUSSIAN),
    (COUNTS, Normal, False, None),
    (COUNTS, NegativeBinomial, False, None),
    (COUNTS - 2, Normal, True, None),
    (COUNTS + 0.5, Normal, True, None),
    (COUNTS + 0.5, Poisson, False, "X has fractions, such as {first}, but likelihood=Poisson"),
    (SHARES, Multinomial, False, f"X has fractions, such as {{first}}, {ABUNDANT}"),
    (SHARES * 100, DirichletMultinomial, False, "rows that sum to 100, as percentages do, but"),
    (SHARES * 1e6, NegativeBinomial, False, "rows that sum to 1e+06, as shares do, but"),
    (SHARES.round(4), Multinomial, False, ABUNDANT),
    (SHARES, Bernoulli, True, "X has rows that sum to 1, as relative abundances do, but each"),
    (SHARES, Bernoulli, False, None),
    (SHARES / 2 + 0.1 * COUNTS / COUNTS.max(), Bernoulli, True, None),
    (np.eye(5), Bernoulli, True, None),
    (SHARES * 2, Normal, True, None),
]


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize(("X", "likelihood", "chosen", "message"), CASES)
def test_what_looks_like_another_kind_is_named(X, likelihood, chosen, message, form):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warn_of_kind(form(X), likelihood, chosen=chosen)
    assert len(told) == (message is not None)
    if message is not None:
        assert message.format(first=f"{X[0, 0]:g}") in str(told[0].message)


def test_rows_of_zeros_have_no_sum():
    rows = np.vstack([SHARES, np.zeros(5)])
    with pytest.warns(UserWarning, match=ABUNDANT):
        warn_of_fractions(rows, "counts", "none")


@pytest.mark.parametrize(
    ("model", "X", "message"),
    [
        (DirichletVAE(2, **SMALL), COUNTS, "which look like counts"),
        (DirichletVAE(2, likelihood=Multinomial, **SMALL), SHARES, "relative abundances"),
        (SemiSupervisedVAE(2, **SMALL), COUNTS, "which look like counts"),
        (TopicModel(2, **SMALL), SHARES, f"{ABUNDANT} topics are fitted to counts: give the whole"),
        (TopicModel(2, **SMALL), sparse.csr_matrix(COUNTS + 0.5), "X has fractions, such as"),
        (
            TopicModel(2, vectorizer=TfidfVectorizer(), **SMALL),
            ["two cats", "two dogs", "a cat and dogs"],
            "X has fractions, such as",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_estimators_warn_when_they_are_fitted(model, X, message, method):
    if not hasattr(model, method):
        pytest.skip("it has no such method")
    y = [np.arange(len(COUNTS)) % 2] if isinstance(model, SemiSupervisedVAE) else []
    with pytest.warns(UserWarning, match=message):
        getattr(clone(model), method)(X, *y)


@pytest.mark.parametrize(
    ("sums", "common"),
    [
        ([5.0], 0),
        ([5.0, 5.0], 5),
        ([5.0, 0.0], 0),
        ([5.0, 0.0, 5.0], 5),
        ([1000.0, 1001.0], 1000.5),
        ([1000.0, 1001.1], 0),
        ([1.0, 1.00002], 1),
        ([-4.0, -4.0], -4),
        ([0.12345, 0.12345], 0.123),
    ],
)
def test_rows_have_one_sum_if_they_differ_by_a_thousandth_at_most(sums, common):
    rows = np.stack([sums, np.zeros(len(sums))], 1)
    assert _common_sum(rows) == _common_sum(sparse.csr_matrix(rows)) == common


@pytest.mark.parametrize("at_once", [1, 3, 7, 8])
def test_the_first_fraction_is_found_wherever_it_is(monkeypatch, at_once):
    monkeypatch.setattr("dirvae.estimators.kinds.VALUES_AT_ONCE", at_once)
    for place in range(8):
        values = np.arange(1.0, 9)
        assert _first_fraction(values.reshape(2, 4)) is None
        values[place:] += 0.25
        for rows in (values.reshape(2, 4), sparse.csr_matrix(values.reshape(2, 4))):
            assert _first_fraction(rows) == place + 1.25


def test_zero_is_a_count_and_the_warning_points_at_the_caller():
    with pytest.warns(UserWarning, match="X has whole numbers from 0 to ") as told:
        warn_of_kind(COUNTS - COUNTS.min(), Normal, chosen=True)
    with pytest.warns(UserWarning, match="X has rows that sum to 1,") as shares:
        warn_of_kind(SHARES, Bernoulli, chosen=True)
    with pytest.warns(UserWarning, match="X has fractions") as fractions:
        warn_of_kind(SHARES, Poisson, chosen=False)
    assert {entry.filename for entry in (*told, *shares, *fractions)} == {__file__}
