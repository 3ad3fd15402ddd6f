"""Some rows of a corpus are those of its matrix."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from dirvae.data import Corpus
from dirvae.data.corpus.part import CorpusPart

COUNTS = np.arange(30).reshape(10, 3)


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    monkeypatch.setattr("dirvae.data.corpus.matrices.ROWS", 4)
    return Corpus.of_counts(tmp_path / "corpus", [COUNTS])


@pytest.mark.parametrize(
    ("rows", "ends"),
    [([1, 2, 5, 9], [0, 2, 3, 4]), ([8, 9], [0, 0, 0, 2]), ([9, 0, 4], [0, 3]), ([3, 3], [0, 2])],
)
def test_rows_are_those_of_the_matrix_in_their_order(corpus, rows, ends):
    part, expected = CorpusPart(corpus, np.array(rows)), COUNTS[rows]
    assert part.shape == expected.shape
    assert part.ends.tolist() == ends
    assert (part[:].toarray() == expected).all()
    assert (part[[1, 0]].toarray() == expected[[1, 0]]).all()
    blocks = list(part.blocks(3))
    assert [block.shape[0] for block in blocks] == [min(3, len(rows)), *([1] * (len(rows) > 3))]
    assert (sparse.vstack(blocks).toarray() == expected).all()
