"""Rows in memory: what goes with a row is fetched with it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from dirvae.data import ArrayDataset, Batch
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


def test_labels_of_pandas_go_by_index():
    x = pd.DataFrame(np.eye(3), index=["a", "b", "c"])
    label = pd.DataFrame(LABEL, index=["c", "b", "a"])
    assert ArrayDataset(x, label=label)[[0]].label.tolist() == [[1, 0]]


def test_a_model_is_given_what_is_there_by_name():
    x = torch.zeros(1, 2)
    assert Batch(x, weight=torch.ones(1)).given() == {}
    assert Batch(x, mask=x > 0).given().keys() == {"mask"}
