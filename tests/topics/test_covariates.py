"""Covariates as people have them, each with the numbers that must come out or what must be said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from dirvae import TopicModel, load
from dirvae.topics.columns import columns_of, names_of
from dirvae.topics.covariates import as_numbers, covariates_of

DAYS = [18262.0, 18263.5]  # noon of the second day of 2020, in days since 1970
TIMES = [datetime(2020, 1, 1), datetime(2020, 1, 2, 12)]
EAST = [t.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=5))) for t in TIMES]
SIZES = ["low", "mid", "high", "none"]


def numbers_of(covariates):
    columns = columns_of(covariates)
    values = np.hstack([column.numbers() for column in columns])
    return dict(zip(names_of(columns), values.T.tolist(), strict=True))


@pytest.mark.parametrize(
    ("covariates", "numbers"),
    [
        ([1, 2.5], {"covariate0": [1, 2.5]}),
        ([True, False], {"covariate0": [1, 0]}),
        ([Decimal("1.5"), 2], {"covariate0": [1.5, 2]}),
        (["b", "a"], {"covariate0_a": [0, 1], "covariate0_b": [1, 0]}),
        (["1", "2"], {"covariate0_1": [1, 0], "covariate0_2": [0, 1]}),
        (np.array(["1", "2"]), {"covariate0_1": [1, 0], "covariate0_2": [0, 1]}),
        (np.array([2, 3]), {"covariate0": [2, 3]}),
        (np.array([[2, 3], [4, 5]]), {"covariate0": [2, 4], "covariate1": [3, 5]}),
        (np.array([[2], [True]], dtype=object), {"covariate0": [2, 1]}),
        (sparse.csr_matrix([[2.0], [0.0]]), {"covariate0": [2, 0]}),
        (
            [[1, "b"], [2, "a"]],
            {"covariate0": [1, 2], "covariate1_a": [0, 1], "covariate1_b": [1, 0]},
        ),
        (
            np.array([[1.5, "b"], [2.5, "a"]]),  # of which NumPy has made words
            {"covariate0": [1.5, 2.5], "covariate1_a": [0, 1], "covariate1_b": [1, 0]},
        ),
        (pd.Series([1, 2], name="age"), {"age": [1, 2]}),
        (pd.Series([1, 2]), {"covariate0": [1, 2]}),
        (pd.Series(["b", "a"], name="kind"), {"kind_a": [0, 1], "kind_b": [1, 0]}),
        (pl.Series("age", [1, 2]), {"age": [1, 2]}),
        (pl.Series("kind", ["b", "a"]), {"kind_a": [0, 1], "kind_b": [1, 0]}),
        (
            pl.DataFrame({"age": [30, 41], "gdp": [2e13, 3e13]}),
            {"age": [30, 41], "gdp": [2e13, 3e13]},
        ),
        (pl.DataFrame({"k": ["b", "a"], "n": [1, 2]}), {"n": [1, 2], "k_a": [0, 1], "k_b": [1, 0]}),
        (pl.Series("d", ["1.5", "2"]).cast(pl.Decimal(10, 2)), {"d": [1.5, 2]}),
        (pl.Series("yes", [True, False]), {"yes": [1, 0]}),
        (pd.DataFrame({1: [3, 4]}, dtype=object), {"1": [3, 4]}),
        (pd.DataFrame({"n": pd.array([1, 2], dtype="Int64")}), {"n": [1, 2]}),
        (pd.DataFrame({"n": pd.arrays.SparseArray([0, 2])}), {"n": [0, 2]}),
        (pd.Series([True, False], dtype="boolean"), {"covariate0": [1, 0]}),
        (pd.Series(TIMES, name="day"), {"day": DAYS}),
        (pd.Series(TIMES, name="day").astype("datetime64[ns]"), {"day": DAYS}),
        (pd.Series(TIMES, name="day").astype(object), {"day": DAYS}),
        (pd.Series(EAST, name="day"), {"day": DAYS}),
        (pl.Series("day", TIMES), {"day": DAYS}),
        (pl.Series("day", EAST), {"day": DAYS}),
        (pl.Series("day", [date(2020, 1, 1), date(1969, 12, 31)]), {"day": [18262, -1]}),
        (pd.Series([date(2020, 1, 1), date(1969, 12, 31)]), {"covariate0": [18262, -1]}),
        (np.array(TIMES, dtype="datetime64[ns]"), {"covariate0": DAYS}),
        (list(np.array(TIMES, dtype="datetime64[ns]")), {"covariate0": DAYS}),
        ([timedelta(hours=6), timedelta(days=2)], {"covariate0": [0.25, 2]}),
        (pd.Series([timedelta(hours=6), timedelta(days=2)]), {"covariate0": [0.25, 2]}),
        (
            pd.Series(pd.Categorical(["high", "mid"], SIZES, ordered=True), name="size"),
            {"size_mid": [0, 1], "size_high": [1, 0]},
        ),
        (
            pl.Series("size", ["high", "mid"], dtype=pl.Enum(SIZES)),
            {"size_mid": [0, 1], "size_high": [1, 0]},
        ),
        (pl.Series("k", ["b", "a"], dtype=pl.Categorical), {"k_a": [0, 1], "k_b": [1, 0]}),
        (pd.Categorical([10, 9]), {"covariate0_9": [0, 1], "covariate0_10": [1, 0]}),
        (
            pd.cut(pd.Series([30, 5], name="age"), [0, 10, 20, 40]),
            {"age_(0, 10]": [0, 1], "age_(20, 40]": [1, 0]},
        ),
    ],
)
def test_covariates_are_read_as_they_are_meant(covariates, numbers):
    assert numbers_of(covariates) == numbers
    assert list(numbers_of(covariates)) == list(numbers)


@pytest.mark.parametrize(
    ("covariates", "sentence"),
    [
        (["a", None], "missing values in column 'covariate0', .* .row 1."),
        ([1.0, float("nan")], "missing values in column 'covariate0'"),
        ([pd.NA, "a"], "missing values in column 'covariate0'"),
        ([date(2020, 1, 1), pd.NaT], "missing values in column 'covariate0'"),
        (pl.DataFrame({"n": [1, None]}), "missing values in column 'n'"),
        (pl.DataFrame({"k": ["a", None]}), "missing values in column 'k'"),
        (pl.DataFrame({"d": [date(2020, 1, 1), None]}), "missing values in column 'd'"),
        (pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}), "missing values in column 'n'"),
        (pd.Series(["a", None], name="k", dtype="category"), "missing values in column 'k'"),
        (pl.Series("k", ["a", None], dtype=pl.Enum(["a"])), "missing values in column 'k'"),
        (np.ma.masked_array([[1], [2]], [[0], [1]]), "missing values in column 'covariate0'"),
        (pd.Series([np.zeros(2), np.ones(2)]), "has array.* must have numbers"),
        ([1.0, float("inf")], "infinite in column 'covariate0'"),
        ([1, "a"], "numbers and words in column 'covariate0', must be of one kind"),
        ([1, date(2020, 1, 1)], "dates and numbers in column 'covariate0'"),
        ([1, {"a": 2}], "has {'a': 2} in column 'covariate0', must have numbers, booleans"),
        (np.array([1j, 2]), "has 1j in column 'covariate0', must have numbers, booleans"),
        (pd.Series(pd.period_range("2020", periods=2, freq="Y")), "has Period.* must have numbers"),
        ([[1, 2], [3]], "rows of 1 to 2 values, must have C in each"),
        ("words", "is a str of shape .., must be .N, C. or .N,., or a data frame"),
        (3, "is a int of shape .., must be"),
        (np.zeros((2, 2, 2)), "is a ndarray of shape .2, 2, 2., must be"),
        ([], "is empty, must have a row for each"),
        (pd.DataFrame(index=[0, 1]), "is empty, must have a row for each"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns named 'a': rename one"),
        (pd.DataFrame({"a": ["b"], "a_b": [1]}), "two columns named 'a_b': rename one"),
        ({"a": [1, 2, 3], "b": [1, 2]}, "3 values in column 'a' and 2 in column 'b', must have"),
        ({"a": ["x", "y"], "b": [1]}, "2 values in column 'a' and 1 in column 'b', must have"),
        ({"a": np.ones((3, 1))}, "has shape .3, 1. in column 'a', must have a value for each row"),
        ({"a": "sea", "b": ["air"]}, "has shape .. in column 'a', must have a value for each row"),
        ({"a": 3}, "has shape .. in column 'a', must have a value for each row"),
    ],
)
def test_what_covariates_cannot_be_is_told_in_one_sentence(covariates, sentence):
    with pytest.raises(ValueError, match=f"^covariates .*{sentence}"):
        columns_of(covariates)


def test_other_rows_are_read_as_those_of_fit():
    frame = pd.DataFrame({"k": ["b", "a", "b"], "day": pd.to_datetime(["2020", "2021", "2022"])})
    known = covariates_of(columns_of(frame))
    again = pl.DataFrame({"day": [date(2021, 7, 1)], "k": ["b"]})
    days = frame["day"].map(lambda day: day.timestamp() / 86400)
    unit = days.max() - days.min()
    expected = [(date(2021, 7, 1) - date(1970, 1, 1)).days, 0, 1]
    assert as_numbers(columns_of(again), known).tolist() == [expected]
    assert unit < days.mean() < 1e3 * unit  # so that days are left as they are
    with pytest.raises(ValueError, match="covariates has numbers in column 'day', must have dates"):
        as_numbers(columns_of(pd.DataFrame({"day": [1577836800000], "k": ["a"]})), known)
    with pytest.raises(ValueError, match=r"levels that were not in fit, .'k_c'.; .* of .'a', 'b'."):
        as_numbers(columns_of(again.with_columns(k=pl.lit("c"))), known)


def test_a_word_for_each_row_is_no_covariate():
    columns = columns_of(pd.DataFrame({"day": ["2020-01-01", "2021-02-03"]}))
    with pytest.raises(ValueError, match="a different word in each row of column 'day'"):
        covariates_of(columns)


# --- in models ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counts():
    return np.random.default_rng(0).poisson(2, (40, 6)).astype(float)


def fitted(counts, covariates):
    model = TopicModel(2, hidden_sizes=(4,), max_epochs=2, batch_size=10, random_state=0)
    return model.fit(counts, covariates=covariates)


@pytest.mark.parametrize(
    ("offset", "unit"),
    [(1.6e12, 60_000), (0, 1e20), (0, 1e-25), (-1e9, 1e-3)],
    ids=["unix milliseconds in an hour", "squares of GDP", "tiny", "far"],
)
def test_units_and_origins_of_covariates_change_nothing(counts, offset, unit):
    minutes = np.random.default_rng(1).integers(0, 60, (40, 1)).astype(float)
    plain, other = fitted(counts, minutes), fitted(counts, offset + unit * minutes)
    assert np.abs(plain.vae_.prior.weight.detach().numpy()).max() > 1e-3
    told = offset + unit * minutes[:5]
    np.testing.assert_allclose(
        other.transform(counts[:5], covariates=told),
        plain.transform(counts[:5], covariates=minutes[:5]),
        rtol=1e-4,
    )


def test_frames_of_polars_and_pandas_are_one(counts, tmp_path):
    rng = np.random.default_rng(2)
    frame = pl.DataFrame({"k": rng.choice(["a", "b"], 40), "age": rng.integers(20, 60, 40)})
    frame = frame.with_columns(size=pl.Series(SIZES[1:3] * 20, dtype=pl.Enum(SIZES)))
    first, second = (fitted(counts, told) for told in (frame, frame.to_pandas()))
    assert first.covariate_names_.tolist() == ["age", "k_a", "k_b", "size_mid", "size_high"]
    theta = first.transform(counts, covariates=frame)
    np.testing.assert_array_equal(second.transform(counts, covariates=frame.to_pandas()), theta)
    first.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.covariate_names_.tolist() == first.covariate_names_.tolist()
    np.testing.assert_array_equal(again.transform(counts, covariates=frame.to_pandas()), theta)


def test_words_alone_are_covariates(counts):
    words = ["few", "many"] * 20
    model = fitted(counts, words)
    assert model.covariate_names_.tolist() == ["covariate0_few", "covariate0_many"]
    dummies = np.column_stack([np.array(words) == "few", np.array(words) == "many"]).astype(float)
    np.testing.assert_allclose(
        model.transform(counts, covariates=words),
        fitted(counts, dummies).transform(counts, covariates=dummies),
        rtol=1e-9,
    )
    assert not hasattr(model.fit(counts), "covariate_names_")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1e6 + 2, 1e6, 1e6 + 4], [0.0, -0.5, 0.5]),  # far from 0: from the mean, in ranges
        ([2.0, 0.0, 4.0], [2.0, 0.0, 4.0]),
    ],
)
def test_numbers_far_from_0_are_counted_from_their_mean_in_ranges(given, expected) -> None:
    known = covariates_of(columns_of(given))
    assert as_numbers(columns_of(given), known)[:, 0].tolist() == expected
