"""Counts from Matrix Market files with names beside them, as SciPy and 10x write them."""

from __future__ import annotations

import gzip
import shutil

import numpy as np
import pytest
from scipy import io, sparse

from dirvae.data import matrix_market, read_rows

X = np.array([[0, 3], [1, 0], [0, 0], [2, 7]])  # features x cells
GENES = [["ENSG1", "ACTB"], ["ENSG2", "MT"], ["ENSG3", "MT"], ["ENSG4", "B2M"]]


def packed(path):
    with path.open("rb") as file, gzip.open(f"{path}.gz", "wb") as target:
        shutil.copyfileobj(file, target)
    path.unlink()


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("prefix", ["", "GSM1_"])
@pytest.mark.parametrize("word", ["features", "genes"])
def test_cells_are_rows_and_names_are_beside(gz, prefix, word, tmp_path):
    paths = [tmp_path / f"{prefix}{name}" for name in ("matrix.mtx", "barcodes.tsv", f"{word}.tsv")]
    io.mmwrite(paths[0], sparse.coo_matrix(X))
    paths[1].write_text("AAC-1\nGGT-1\n")
    paths[2].write_text("".join("\t".join([*row, "Gene Expression\n"]) for row in GENES))
    if gz:
        for path in paths:
            packed(path)
    rows = read_rows(tmp_path / f"{prefix}matrix.mtx{'.gz' * gz}")
    np.testing.assert_array_equal(rows.x.toarray(), X.T)
    assert rows.columns == ["ACTB", "MT (ENSG2)", "MT (ENSG3)", "B2M"]
    assert rows.ids == {"sample": ["AAC-1", "GGT-1"]}


def test_without_names_there_are_none(tmp_path):
    io.mmwrite(tmp_path / "x.mtx", X)  # dense
    rows = read_rows(tmp_path / "x.mtx")
    np.testing.assert_array_equal(rows.x.toarray(), X.T)
    assert (rows.columns, rows.ids) == (None, {})
    assert rows.notes == (
        "rows of the file taken for features, columns for samples; no names of rows and columns "
        "beside it",
    )


HEAD = "%%MatrixMarket matrix coordinate integer general\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{HEAD}-4 2 1\n1 1 5\n", r"cannot be read: .* \(a size below 0\)"),
        (f"{HEAD}4 -2 1\n1 1 5\n", r"\(a size below 0\)"),
        (f"{HEAD}4 2 -1\n1 1 5\n", r"\(a size below 0\)"),
        (f"{HEAD}4 2 1 1\n1 1 5\n", "cannot be read: .*too many values"),
        (f"{HEAD}2 1000000001 1\n1 1 5\n", "1,000,000,001 rows, must have 1,000,000,000 at"),
        (f"{HEAD}4 2 3\n1 1 5\n4 2 5\n5 2 5\n", "entry 3 is outside of the matrix"),
        (f"{HEAD}4 2 3\n1 1 5\n4 3 5\n4 2 5\n", "entry 2 is outside of the matrix"),
        (f"{HEAD}4 2 3\n1 0 5\n4 0 5\n9 2 5\n", "entry 1 is outside of the matrix"),
        (f"{HEAD}4 2 2\n1 1\n1 1\n1 1\n", "declares 2 entries and has 3"),
        (f"{HEAD}4 2 2\n1 1 5\n1 2 5\n1 2 5\n1 2 5\n", "declares 2 entries and has 3"),
        (f"{HEAD}4 2 0\n1 1 5\n", "declares 0 entries and has 1"),
        (f"{HEAD}4 2\n1 1 5\n", "cannot be read: .*not enough values"),
        (f"{HEAD}four 2 1\n1 1 5\n", "cannot be read: .*'four'"),
        (f"{HEAD}4 2 1\n9 1 5\n", "cannot be read"),
        (f"{HEAD}4 2 3\n1 1 5\n", "cannot be read"),
        (f"{HEAD}1000000000000 2 1\n1 1 5\n", "1,000,000,000,000 columns, must have 10,000,000"),
        (f"{HEAD}4 2 1000000000000\n1 1 5\n", "too small for 1,000,000,000,000 entries"),
        (HEAD.replace("integer", "complex") + "4 2 1\n1 1 5 0\n", "complex numbers"),
        (HEAD.replace("integer", "real") + "4 2 1\n1 1 nan\n", "missing values"),
        (f"{HEAD}4 2 1\n1.5 1 5\n", "entry 1 is outside of the matrix"),
        (f"{HEAD}4 2 1\n0 1 5\n", "entry 1 is outside of the matrix"),
        (f"{HEAD}4 2 1\n1 1 5\n2 1 5\n", "declares 1 entries and has 2"),
        (f"{HEAD}4 2 1\n1 1 5\n[[[[", "cannot be read"),  # SciPy's reader ends the process
        (f"{HEAD}4 2 1\n1 1 5\0\0\n", "cannot be read"),  # on these two
        (f"{HEAD}4 2 1\n1 1 é\n", "cannot be read"),
        (f"{HEAD}4 2 1\n1 1 {'5' * 2**16}\n", "has a line of more than 65,536 characters"),
        (HEAD.replace("general", "symmetric") + "2 2 1\n1 1 5\n", "is symmetric, must be general"),
        (HEAD.replace("integer", "whole") + "4 2 1\n1 1 5\n", "coordinate of whole is not"),
        (HEAD.replace("coordinate", "list") + "4 2 1\n1 1 5\n", "list of integer is not"),
        ("%%MatrixMarket matrix array pattern general\n1 1\n1\n", "array of pattern is not"),
        ("a,b\n1,2\n", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_what_is_damaged_or_hostile_is_one_sentence(text, said, tmp_path):
    (tmp_path / "x.mtx").write_text(text)
    with pytest.raises(ValueError, match=said):
        read_rows(tmp_path / "x.mtx")


@pytest.mark.filterwarnings("ignore:The default value for `spmatrix`:DeprecationWarning")
@pytest.mark.parametrize("field", ["integer", "real", "pattern"])
@pytest.mark.parametrize("entries", [0, 40])
def test_entries_are_those_that_scipy_reads(field, entries, tmp_path):
    places = np.random.default_rng(0).choice(9 * 7, entries, replace=False)
    values = np.arange(entries) * (1 if field == "integer" else 0.37)
    matrix = sparse.coo_matrix((values, np.divmod(places, 7)), (9, 7))
    io.mmwrite(tmp_path / "x.mtx", matrix, comment="counts of é\nof today", field=field)
    rows = read_rows(tmp_path / "x.mtx")
    np.testing.assert_array_equal(rows.x.toarray(), io.mmread(tmp_path / "x.mtx").toarray().T)


def test_a_packed_file_that_is_cut_off_is_one_sentence(tmp_path):
    packed = gzip.compress(f"{HEAD}4 2 3\n1 1 5\n2 1 5\n3 1 5\n".encode())
    (tmp_path / "x.mtx.gz").write_bytes(packed[:-12])
    with pytest.raises(ValueError, match=r"x\.mtx\.gz cannot be read: it is cut off, or not what"):
        read_rows(tmp_path / "x.mtx.gz")


def test_names_must_fit_the_size(tmp_path):
    io.mmwrite(tmp_path / "matrix.mtx", sparse.coo_matrix(X))
    (tmp_path / "barcodes.tsv").write_text("AAC-1\n")
    with pytest.raises(ValueError, match=r"barcodes.tsv has 1 names for the 2 columns of .*mtx"):
        read_rows(tmp_path / "matrix.mtx")


@pytest.mark.parametrize(
    ("kind", "numbers"), [("coordinate integer", 3), ("coordinate pattern", 2)]
)
def test_each_number_of_an_entry_takes_memory(kind, numbers, tmp_path, monkeypatch):
    path, entries = tmp_path / "x.mtx", 100_000
    lines = "% \n" * 1000
    path.write_text(f"%%MatrixMarket matrix {kind} general\n{lines}400 400 {entries}\n1 1 5\n")
    monkeypatch.setenv("DIRVAE_MEMORY", str((8 * numbers * entries - 1) / 2**30))
    with pytest.raises(ValueError, match=r"x.mtx cannot be read: it takes .* of memory"):
        read_rows(path)
    monkeypatch.setenv("DIRVAE_MEMORY", str((8 * numbers * entries + 1) / 2**30))
    with pytest.raises(ValueError, match=r"x.mtx cannot be read: (?!it takes)"):
        read_rows(path)


def test_an_array_takes_memory_for_each_of_its_numbers(tmp_path, monkeypatch):
    path = tmp_path / "x.mtx"
    path.write_text("%%MatrixMarket matrix array integer general\n3000 7\n" + "1\n" * 1000)
    for more, said in (
        (-1, r"it takes .* of memory"),
        (0, "declares 21,000 entries and has 1,000"),
    ):
        monkeypatch.setenv("DIRVAE_MEMORY", str((8 * 21_000 + more) / 2**30))
        with pytest.raises(ValueError, match=said):
            read_rows(path)


def test_a_file_of_a_byte_has_no_more_than_100_entries(tmp_path):
    path, head = tmp_path / "x.mtx", f"{HEAD}400 400 "
    size = len(head) + len("1 1 5\n") + len("9999\n")
    for more, said in ((0, f"declares {100 * size:,} entries"), (1, "the file is too small for")):
        path.write_text(f"{head}{100 * size + more}\n1 1 5\n")
        assert path.stat().st_size == size
        with pytest.raises(ValueError, match=said):
            read_rows(path)


def test_lines_are_short_but_for_comments(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix_market, "LONGEST", 60)
    path = tmp_path / "x.mtx"
    comment = f"%{'long ' * 40}comment\n\n% \n%{'x' * 59}\n"
    path.write_text(f"{HEAD}{comment}4 2 1\n1 1 5{' ' * 55}\n")  # 60 characters and the break
    with pytest.raises(ValueError, match="a line of more than 60 characters"):
        read_rows(path)
    path.write_text(f"{HEAD}{comment}4 2 1\n1 1 5{' ' * 54}\n")
    assert read_rows(path).x.toarray().tolist() == [[5, 0, 0, 0], [0] * 4]


def test_names_of_features_are_the_second_cells_with_ids_where_they_are_not_alone(tmp_path):
    io.mmwrite(tmp_path / "matrix.mtx", sparse.coo_matrix(X))
    (tmp_path / "genes.tsv").write_text("ENSG1\r\nENSG2\tMT\r\n\r\nENSG3\tMT\tgene\nB2M\n")
    rows = read_rows(tmp_path / "matrix.mtx")
    assert rows.columns == ["ENSG1", "MT (ENSG2)", "MT (ENSG3)", "B2M"]
    assert rows.ids == {}
    assert rows.notes[0].endswith("; names taken from genes.tsv")
    (tmp_path / "barcodes.tsv").write_text("AAC-1\tx\nGGT-1\ty\n")
    rows = read_rows(tmp_path / "matrix.mtx")
    assert rows.ids == {"sample": ["AAC-1", "GGT-1"]}
    assert rows.notes[0].endswith("; names taken from barcodes.tsv, genes.tsv")
    (tmp_path / "genes.tsv").write_text("A\nB\nC\nD\nE\n")
    with pytest.raises(ValueError, match=r"genes.tsv has 5 names for the 4 rows of .*mtx"):
        read_rows(tmp_path / "matrix.mtx")
