"""The gate for sparse matrices: whatever is wrong is told before SciPy's compiled code sees it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from dirvae.data import ArrayDataset, CountDataset
from dirvae.data.sparse_matrix import checked_csr, require_size, sound_csr

DENSE = np.array([[0, 2, 0, 1], [0, 0, 0, 0], [3, 0, 0, 5], [0, 7, 0, 0]])
FORMATS = ["csr", "csc", "bsr", "coo", "dok", "lil", "dia"]


def changed(kind=sparse.csr_matrix, **parts):
    """A matrix of DENSE, with parts exchanged behind SciPy's back."""
    matrix = kind(DENSE)
    for part, values in parts.items():
        setattr(matrix, part, values)
    return matrix


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float64])
def test_every_format_keeps_its_values(layout, kind, dtype):
    dense = DENSE.astype(dtype)
    matrix = getattr(sparse, f"{layout}_{kind}")(dense)
    checked = checked_csr("X", matrix)
    assert type(checked) is sparse.csr_matrix
    assert checked.has_canonical_format
    np.testing.assert_array_equal(checked.toarray(), dense)
    np.testing.assert_array_equal(matrix.toarray(), dense)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (3, 4), (1, 1)])
@pytest.mark.parametrize("layout", FORMATS)
def test_without_entries(layout, shape):
    checked = checked_csr("X", sparse.csr_matrix(shape).asformat(layout))
    assert (checked.shape, checked.nnz) == (shape, 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("layout", ["csr", "coo"])
def test_duplicates_are_summed_without_wrapping(layout, dtype):
    row, column, values = [0, 0, 0, 1], [2, 0, 2, 1], np.array([200, 1, 100, 4], dtype)
    if layout == "coo":
        matrix = sparse.coo_matrix((values, (row, column)), shape=(2, 3))
        matrix.has_canonical_format = True  # a lie, as changing its arrays leaves behind
    else:
        matrix = sparse.csr_matrix((values, column, [0, 3, 4]), shape=(2, 3))
    before = matrix.data.copy()
    checked = checked_csr("X", matrix)
    assert checked.toarray().tolist() == [[1, 0, 300], [0, 4, 0]]
    assert checked.indices.tolist() == [0, 2, 1]
    np.testing.assert_array_equal(matrix.data, before)


def test_unsorted_columns_are_sorted_in_a_copy():
    matrix = sparse.csr_matrix(([1.0, 2.0], [2, 0], [0, 2]), shape=(1, 3))
    assert checked_csr("X", matrix).indices.tolist() == [0, 2]
    assert matrix.indices.tolist() == [2, 0]


@pytest.mark.parametrize("dtype", [">f8", ">f4", ">i4", np.float16, np.longdouble])
def test_types_of_other_machines_become_native(dtype):
    checked = checked_csr("X", changed(data=sparse.csr_matrix(DENSE).data.astype(dtype)))
    assert checked.dtype.isnative
    assert checked.dtype.itemsize in (4, 8)
    np.testing.assert_array_equal(checked.toarray(), DENSE)


INDICES = np.array([1, 3, 0, 3, 1])
POINTERS = np.array([0, 2, 2, 4, 5])


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (changed(indices=INDICES + 1), "an index 4, must be from 0 to 3"),
        (changed(indices=INDICES - 1), "an index -1, must be from 0 to 3"),
        (changed(indices=INDICES + 2**40), "an index 1099511627777"),
        (changed(indices=INDICES.astype(float)), "must be whole numbers"),
        (changed(indices=INDICES[:, None]), "indices in 2 axes"),
        (changed(indices=INDICES[:4]), "5 values and 4 indices"),
        (changed(data=np.ones(4)), "4 values and 5 indices"),
        (changed(data=np.ones(6)), "6 values and 5 indices"),
        (changed(indptr=POINTERS[:-1]), "4 pointers, must have 5"),
        (changed(indptr=np.append(POINTERS, 5)), "6 pointers, must have 5"),
        (changed(indptr=np.array([], int)), "0 pointers, must have 5"),
        (changed(indptr=np.array([1, 2, 2, 4, 5])), "do not rise from 0 to 5"),
        (changed(indptr=np.array([-1, 2, 2, 4, 5])), "do not rise from 0 to 5"),
        (changed(indptr=np.array([0, 2, 2, 4, 9])), "do not rise from 0 to 5"),
        (changed(indptr=np.array([0, 2, 2, 4, 4])), "do not rise from 0 to 5"),
        (changed(indptr=np.array([0, 4, 2, 4, 5])), "do not rise from 0 to 5"),
        (changed(indptr=np.array([0, 4, 2, 4, 5], np.uint32)), "do not rise from 0 to 5"),
        (changed(_shape=(4, 3)), "an index 3, must be from 0 to 2"),
        (changed(_shape=(3, 4)), "5 pointers, must have 4"),
        (changed(_shape=(9, 4)), "5 pointers, must have 10"),
        (changed(sparse.csc_matrix, indices=INDICES + 3), "an index 4, must be from 0 to 3"),
        (changed(sparse.csc_matrix, _shape=(3, 4)), "an index 3, must be from 0 to 2"),
        (changed(sparse.csc_matrix, indptr=np.array([0, 1, 9, 3, 5])), "do not rise"),
        (changed(sparse.bsr_matrix, indices=np.array([9] * 5)), "an index 9"),
        (changed(sparse.bsr_matrix, data=np.ones((5, 3, 3))), r"blocks of shape \(3, 3\)"),
        (changed(sparse.bsr_matrix, data=np.ones((5, 0, 1))), r"blocks of shape \(0, 1\)"),
        (changed(sparse.coo_matrix, data=np.ones(4)), "5 column indices, 4 values"),
        (changed(sparse.coo_matrix, _shape=(4, 3)), "an index 3, must be from 0 to 2"),
        (changed(sparse.coo_matrix, _shape=(3, 4)), "an index 3, must be from 0 to 2"),
    ],
)
def test_broken_parts_are_told(matrix, message):
    with pytest.raises(ValueError, match=f"counts is a broken sparse matrix: .*{message}"):
        checked_csr("counts", matrix)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array, sparse.coo_array])
def test_broken_arrays_are_told_as_matrices_are(kind):
    matrix = kind(DENSE)
    indices = matrix.row if matrix.format == "coo" else matrix.indices
    indices[2] = -5
    with pytest.raises(ValueError, match="an index -5"):
        checked_csr("X", matrix)


def test_broken_lists_are_told():
    matrix = sparse.lil_matrix(DENSE)
    matrix.rows[0].append(2)
    with pytest.raises(ValueError, match="lists of columns and of values differ"):
        checked_csr("X", matrix)
    matrix.data[0].append(1)
    matrix.rows[0][0] = 4
    with pytest.raises(ValueError, match="an index 4"):
        checked_csr("X", matrix)


def test_broken_diagonals_and_keys_are_told():
    matrix = sparse.dia_matrix(DENSE)
    matrix.offsets = np.append(matrix.offsets, 3)
    with pytest.raises(ValueError, match=r"broken sparse matrix: it has \d offsets, \d diagonals"):
        checked_csr("X", matrix)
    matrix = sparse.dok_matrix(DENSE)
    if not hasattr(matrix, "_dict"):
        pytest.skip("this SciPy keeps entries elsewhere")
    matrix._dict[9, 0] = 1
    with pytest.raises(ValueError, match=r"is a broken sparse matrix: .*index 9"):
        checked_csr("X", matrix)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, r"missing values \(NaN\), the first in row 2, column 3"),
        (-np.inf, "infinite values, the first in row 2, column 3"),
    ],
)
@pytest.mark.parametrize("layout", FORMATS)
def test_values_that_are_not_finite_are_told(layout, value, message):
    dense = DENSE.astype(float)
    dense[2, 3] = value
    with pytest.raises(ValueError, match=message):
        checked_csr("X", sparse.csr_matrix(dense).asformat(layout))


def test_sums_that_overflow_are_told():
    values = np.full(2, np.finfo(np.float64).max)
    with pytest.raises(ValueError, match="infinite values, the first in row 0, column 1"):
        checked_csr("X", sparse.csr_matrix((values, [1, 1], [0, 2]), shape=(1, 2)))


@pytest.mark.parametrize("dtype", [complex, object, "M8[s]"])
def test_values_that_are_no_numbers_are_told(dtype):
    with pytest.raises(ValueError, match="must be real numbers"):
        checked_csr("X", changed(data=np.ones(5).astype(dtype)))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 10_000_001), "10,000,001 columns, must have 10,000,000 at most"),
        ((2, 2**62), "columns, must have 10,000,000 at most"),
        ((2**40, 3), "1,099,511,627,776 rows, must have 1,000,000,000 at most"),
    ],
)
def test_absurd_sizes_are_told(shape, message):
    with pytest.raises(ValueError, match=message):
        checked_csr("X", sparse.coo_matrix(([1.0], ([1], [2])), shape=shape))


def test_the_widest_that_is_taken():
    wide = sparse.csr_matrix(([1.0], [9_999_999], [0, 1]), shape=(1, 10_000_000))
    assert checked_csr("X", wide)[0, 9_999_999] == 1


@pytest.mark.parametrize("matrix", [DENSE, [[1]], None])
def test_what_is_not_sparse_is_told(matrix):
    with pytest.raises(TypeError, match="must be a SciPy sparse matrix"):
        checked_csr("X", matrix)


def test_a_sparse_row_alone_is_told():
    row = sparse.coo_array(np.arange(3))
    if row.ndim > 1:
        pytest.skip("this SciPy has no sparse rows alone")
    with pytest.raises(ValueError, match=r"X has shape \(3,\), must have rows and columns"):
        checked_csr("X", row)


@pytest.mark.parametrize("dataset", [ArrayDataset, CountDataset])
def test_datasets_go_through_the_gate(dataset):
    with pytest.raises(ValueError, match="x is a broken sparse matrix: it has an index 4"):
        dataset(changed(indices=INDICES + 1))
    twice = sparse.csr_matrix(([200, 1, 100], [1, 0, 1], [0, 3]), shape=(1, 2), dtype=np.uint8)
    rows = dataset(twice)
    assert rows.x.has_canonical_format
    batch = rows[[0]].x
    assert (batch if batch.layout == torch.strided else batch.to_dense()).tolist() == [[1, 300]]


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("shape", [(2, 6), (6, 2), (4, 6)])
def test_rows_and_columns_are_not_exchanged(layout, shape):
    dense = np.zeros(shape, int)
    dense[-1, -1], dense[0, -1], dense[-1, 0] = 1, 2, 3
    matrix = sparse.csr_matrix(dense)
    matrix = sparse.bsr_matrix(dense, blocksize=(2, 1)) if layout == "bsr" else matrix
    assert checked_csr("X", matrix.asformat(layout)).toarray().tolist() == dense.tolist()


@pytest.mark.parametrize(
    ("layout", "dtype", "twice", "right"),
    [
        ("csr", "i1", False, "i1"),
        ("csr", "i1", True, "i8"),
        ("csr", "u4", True, "i8"),
        ("csr", "u8", True, "u8"),
        ("csr", "f4", True, "f4"),
        ("csr", "f8", True, "f8"),
        ("csr", "f2", False, "f4"),
        ("csr", "g", False, "f8"),
        ("csr", "?", False, "?"),
        ("coo", "i1", False, "i8"),
        ("coo", "u4", True, "i8"),
        ("coo", "u8", True, "u8"),
        ("coo", "f4", True, "f4"),
    ],
)
def test_types_hold_the_sums_and_are_no_wider_than_that(layout, dtype, twice, right):
    columns = [1, 1] if twice else [0, 1]
    matrix = sparse.csr_matrix((np.ones(2), columns, [0, 2]), shape=(1, 2))
    matrix = sparse.coo_matrix(([1, 1], ([0, 0], columns)), (1, 2)) if layout == "coo" else matrix
    matrix.data = np.ones(2, dtype)
    found = checked_csr("X", matrix)
    assert found.dtype == np.dtype(right)
    assert found.toarray().tolist() == ([[0, 2]] if twice else [[1, 1]])


def test_the_largest_size_is_taken_and_the_next_is_not():
    require_size("X", 1_000_000_000, 10_000_000)
    with pytest.raises(ValueError, match="X has 1,000,000,001 rows, must have 1,000,000,000 at"):
        require_size("X", 1_000_000_001, 1)
    with pytest.raises(ValueError, match="X has 10,000,001 columns, must have 10,000,000 at most"):
        require_size("X", 1, 10_000_001)


def test_blocks_must_tile_the_matrix():
    def blocks(data, indices, indptr):
        matrix = sparse.bsr_matrix(np.ones((4, 6)), blocksize=(2, 3))
        matrix.data, matrix.indices, matrix.indptr = data, np.array(indices), np.array(indptr)
        return matrix

    tall = np.arange(6.0).reshape(1, 2, 3)
    found = checked_csr("X", blocks(tall, [1], [0, 0, 1])).toarray()
    assert found[2:, 3:].tolist() == tall[0].tolist()
    assert found.sum() == tall.sum()
    for broken, said in (
        (blocks(tall, [2], [0, 0, 1]), "an index 2, must be from 0 to 1"),
        (blocks(tall, [1], [0, 0, 0, 1]), "4 pointers, must have 3"),
        (blocks(np.ones((1, 4, 1)), [6], [0, 1]), "an index 6, must be from 0 to 5"),
        (blocks(np.ones((1, 3, 3)), [0], [0, 1]), r"blocks of shape \(3, 3\) do not tile \(4, 6\)"),
        (blocks(np.ones((1, 2, 4)), [0], [0, 1]), r"blocks of shape \(2, 4\) do not tile \(4, 6\)"),
        (blocks(np.ones((1, 2, 0)), [0], [0, 1]), r"blocks of shape \(2, 0\) do not tile"),
        (blocks(np.ones(1), [0], [0, 1]), "blocks of shape"),
    ):
        with pytest.raises(ValueError, match=said):
            checked_csr("X", broken)


def test_lists_are_as_many_as_rows():
    matrix = sparse.lil_matrix(DENSE)
    matrix.rows, matrix.data = matrix.rows[:-1], matrix.data[:-1]
    with pytest.raises(ValueError, match="lists of columns and of values differ"):
        checked_csr("X", matrix)


@pytest.mark.parametrize(
    ("place", "said"), [((0, 1), "row 0, column 1"), ((3, 1), "row 3, column 1")]
)
def test_the_first_value_that_is_not_finite_is_named(place, said):
    dense = DENSE.astype(float)
    dense[place] = dense[3, 1] = np.inf
    with pytest.raises(ValueError, match=f"infinite values, the first in {said}"):
        checked_csr("X", sparse.csr_matrix(dense))
    assert np.isinf(sound_csr("X", sparse.csr_matrix(dense)).toarray()[3, 1])
