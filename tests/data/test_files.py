"""Every kind of file, as it should be and as it should not."""

from __future__ import annotations

import gzip
import io
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse

from dirvae.data import files, images, read_rows
from dirvae.data.rows import Rows, rows_of, transposed

X = np.arange(12, dtype=np.float32).reshape(4, 3) / 7


def saved(folder: Path, kind: str) -> Path:
    path = folder / f"x.{kind}"
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    if kind == "npy":
        np.save(path, X)
    elif kind == "npz":
        np.savez(path, x=X, other=X[:2])
    elif kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "parquet"])
def test_numbers_come_back(kind, tmp_path):
    rows = read_rows(saved(tmp_path, kind))
    np.testing.assert_allclose(rows.x, X, rtol=1e-6)
    assert rows.columns == (["a", "b", "c"] if kind in ("csv", "parquet") else None)


@pytest.mark.parametrize("kind", ["npy", "npz", "parquet"])
def test_cut_off_file_is_told(kind, tmp_path):
    path = saved(tmp_path, kind)
    content = path.read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=rf"x\.{kind} cannot be read: it is cut off"):
            read_rows(path)


@pytest.mark.parametrize("kind", ["npy", "npz", "parquet", "csv"])
def test_file_of_another_kind_is_told(kind, tmp_path):
    path = tmp_path / f"x.{kind}"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(ValueError, match=f"{kind} cannot be read"):
        read_rows(path)


def test_array_under_the_name_of_an_archive(tmp_path):
    with (tmp_path / "x.npz").open("wb") as file:
        np.save(file, X)
    with pytest.raises(ValueError, match="not what its name says: it contains a ndarray"):
        read_rows(tmp_path / "x.npz")


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_python_objects_are_never_unpickled(kind, tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "exploded",)

    path = tmp_path / f"x.{kind}"
    save = np.save if kind == "npy" else np.savez
    save(path, np.array([[Bomb()]], dtype=object))
    with pytest.raises(ValueError, match="cannot be read"):
        read_rows(path)
    assert not (tmp_path / "exploded").exists()


# --- which array -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "chosen"),
    [
        ({"y": X[:, 0], "counts": X}, "counts"),
        ({"a": X[:1], "x_train": X, "x_test": X[:2]}, "x_train"),
        ({"x_train": X[:1], "X": X}, "X"),
        ({"X": X[:1], "x": X}, "x"),
    ],
)
def test_archive_array_is_chosen_and_told(arrays, chosen, tmp_path):
    np.savez(tmp_path / "x.npz", **arrays)
    rows = read_rows(tmp_path / "x.npz")
    np.testing.assert_array_equal(rows.x, X)
    assert rows.notes[0].startswith(f"array '{chosen}' is read; the file has")


def test_archive_array_can_be_named(tmp_path):
    path = saved(tmp_path, "npz")
    assert len(read_rows(path, array="other").x) == 2
    with pytest.raises(ValueError, match="no array 'z'; it has x, other"):
        read_rows(path, array="z")


@pytest.mark.parametrize(("arrays", "found"), [({"p": X, "q": X}, "2"), ({"p": X[0]}, "no")])
def test_archive_without_a_choice_is_told(arrays, found, tmp_path):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(ValueError, match=f"{found} arrays with rows and columns.*--array"):
        read_rows(tmp_path / "x.npz")


@pytest.mark.parametrize("layout", ["csr", "csc", "coo"])
def test_sparse_archive_stays_sparse(layout, tmp_path):
    sparse.save_npz(tmp_path / "x.npz", sparse.csr_matrix(X).asformat(layout))
    x = read_rows(tmp_path / "x.npz").x
    assert x.format == "csr"
    np.testing.assert_array_equal(x.toarray(), X)


# --- images and further axes ---------------------------------------------------------------------


def test_bytes_with_more_axes_are_images(tmp_path):
    pixels = np.arange(2 * 2 * 3 * 3, dtype=np.uint8).reshape(2, 2, 3, 3) * 7
    np.save(tmp_path / "x.npy", pixels)
    rows = read_rows(tmp_path / "x.npy")
    assert rows.notes == ("2 images of 2 x 3 x 3, scaled to [0, 1] and flattened to 18 columns",)
    np.testing.assert_allclose(rows.x, pixels.reshape(2, 18) / 255, rtol=1e-6)


def test_bytes_in_a_matrix_are_counts(tmp_path):
    np.save(tmp_path / "x.npy", np.full((2, 3), 200, np.uint8))
    assert read_rows(tmp_path / "x.npy").x.max() == 200


def test_other_numbers_with_more_axes_are_flattened_only(tmp_path):
    np.save(tmp_path / "x.npy", np.full((2, 3, 2), 5.0))
    rows = read_rows(tmp_path / "x.npy")
    assert rows.x.shape == (2, 6)
    assert rows.x.max() == 5
    assert rows.notes == ("rows of 3 x 2 flattened to 6 columns",)


def test_folder_of_images(tmp_path):
    for name, grey in (("b.png", 255), ("a.png", 51)):
        Image.new("L", (3, 2), grey).save(tmp_path / name)
    rows = read_rows(tmp_path)
    np.testing.assert_allclose(rows.x, np.repeat([0.2, 1.0], 6).reshape(2, 6), rtol=1e-6)
    assert rows.ids == {"file": ["a.png", "b.png"]}


def test_the_word_mnist(monkeypatch):
    monkeypatch.setattr(files, "mnist", lambda array: np.full((2, 28, 28), len(array), np.uint8))
    assert read_rows("mnist").x.shape == (2, 784)
    assert read_rows("mnist", array="x_test").x.max() == pytest.approx(6 / 255)
    with pytest.raises(ValueError, match="mnist is not a table"):
        read_rows("mnist", id_columns=["a"])


# --- tables --------------------------------------------------------------------------------------


def table(folder: Path, text: str) -> Path:
    path = folder / "x.csv"
    path.write_text(text)
    return path


def test_id_columns_are_set_aside(tmp_path):
    path = table(tmp_path, "name,a,group,b\nx,1,u,2\ny,3,v,4\n")
    rows = read_rows(path, id_columns=["name", "group"])
    assert rows.columns == ["a", "b"]
    assert rows.ids == {"name": ["x", "y"], "group": ["u", "v"]}
    assert rows.x.tolist() == [[1, 2], [3, 4]]


def test_column_without_a_name_numbers_the_rows(tmp_path):
    rows = read_rows(table(tmp_path, ",a,b\n7,1,2\n8,3,4\n"))
    assert rows.columns == ["a", "b"]
    assert list(rows.ids.values()) == [[7, 8]]
    assert "set aside" in rows.notes[0]


def test_table_without_a_header(tmp_path):
    rows = read_rows(table(tmp_path, "5,0.5\n6,0.25\n"))
    assert rows.x.tolist() == [[5, 0.5], [6, 0.25]]
    assert rows.columns is None


def test_header_of_column_numbers(tmp_path):
    rows = read_rows(table(tmp_path, "0,1\n5,6\n"))
    assert rows.x.tolist() == [[5, 6]]
    assert rows.columns == ["0", "1"]


def test_booleans_and_nullable_integers_are_numbers(tmp_path):
    frame = pd.DataFrame({"a": [True, False], "b": pd.array([1, 2], dtype="Int64")})
    frame.to_parquet(tmp_path / "x.parquet")
    assert read_rows(tmp_path / "x.parquet").x.tolist() == [[1, 1], [0, 2]]


def test_index_of_a_parquet_file_is_a_column(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["u", "v"], name="sample"))
    frame.to_parquet(tmp_path / "x.parquet")
    assert read_rows(tmp_path / "x.parquet", id_columns=["sample"]).ids == {"sample": ["u", "v"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("a,b\n", "empty: its size is 0 x 2"),
        ("a,b\n1,x\n", "columns that are not numbers: 'b'"),
        ("a,b\n1,2020-01-01\n", "columns that are not numbers: 'b'"),
        ("a,b\n1,2\n3,\n", r"missing values \(NaN\), the first in row 2, column 'b'"),
        ("a,b\n1,2\n3\n", "row 2 has 1 cell, the first line has 2 cells"),
        ("a,b\n1,inf\n", "infinite values, the first in row 1, column 'b'"),
        ("a,b\n1,2\n1,2,3\n", "cannot be read"),
    ],
)
def test_bad_table_is_told(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_rows(table(tmp_path, text))


def test_many_columns_of_words_are_counted(tmp_path):
    header = ",".join(f"c{i}" for i in range(8))
    with pytest.raises(ValueError, match="'c4' and 3 more; remove"):
        read_rows(table(tmp_path, f"{header}\n{','.join('x' * 8)}\n"))


def test_unknown_id_column_is_told(tmp_path):
    with pytest.raises(ValueError, match="no column 'z'"):
        read_rows(table(tmp_path, "a,b\n1,2\n"), id_columns=["z"])


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((0, 3)), "empty: its size is 0 x 3"),
        (np.zeros((3, 0)), "empty"),
        (np.zeros((0, 2, 2), np.uint8), "empty"),
        (np.zeros(3), r"shape \(3,\), must have rows and columns"),
        (np.array(3.0), "must have rows and columns"),
        (np.array([["a", "b"]]), "must be real numbers"),
        (np.zeros((2, 2), complex), "must be real numbers"),
        (np.array([[1.0, 2.0], [3.0, np.nan]]), r"\(NaN\), the first in row 2, column 2"),
        (np.array([[1.0, -np.inf]]), "infinite values, the first in row 1, column 2"),
    ],
)
def test_bad_array_is_told(values, message, tmp_path):
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(ValueError, match=message):
        read_rows(tmp_path / "x.npy")


def test_bad_sparse_value_is_told(tmp_path):
    x = sparse.csr_matrix(np.array([[0.0, 1.0], [0.0, 0.0], [np.inf, 0.0]]))
    sparse.save_npz(tmp_path / "x.npz", x)
    with pytest.raises(ValueError, match="infinite values, the first in row 3, column 1"):
        read_rows(tmp_path / "x.npz")


def test_missing_file_and_unknown_kind_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"does not exist; data are \.npy"):
        read_rows(tmp_path / "x.npy")
    (tmp_path / "x.xlsx").touch()
    with pytest.raises(ValueError, match="a type that cannot be read"):
        read_rows(tmp_path / "x.xlsx")


@pytest.mark.parametrize("option", [{"array": "x"}, {"id_columns": ["x"]}])
def test_options_of_other_kinds_are_told(option, tmp_path):
    with pytest.raises(ValueError, match=r"is not a (\.npz file|table)"):
        read_rows(saved(tmp_path, "npy"), **option)


@pytest.mark.parametrize(("kind", "package"), [("csv", "pandas"), ("parquet", "pyarrow")])
def test_missing_package_says_how_to_install_it(kind, package, tmp_path, monkeypatch):
    real = images.import_module

    def without(name):
        if name == package:
            raise ModuleNotFoundError(name)
        return real(name)

    monkeypatch.setattr(images, "import_module", without)
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'dirvae\[data\]'"):
        read_rows(saved(tmp_path, kind))


def npy(values: Any) -> bytes:
    np.save(file := io.BytesIO(), np.array(values))
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    np.savez(file := io.BytesIO(), **{name: np.array(value) for name, value in arrays.items()})
    return file.getvalue()


def csr(indices: Any, indptr: Any, shape: tuple[int, ...] = (2, 2), values: Any = None) -> bytes:
    """As `scipy.sparse.save_npz` writes it."""
    data = np.ones(len(indices)) if values is None else values
    return npz(format=b"csr", shape=shape, data=data, indices=indices, indptr=indptr)


def zipped(name: str, content: bytes) -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def as_npz(matrix: Any) -> bytes:
    sparse.save_npz(file := io.BytesIO(), matrix)
    return file.getvalue()


def declaring(header: str, content: bytes = b"") -> bytes:
    """An .npy file with a header of one's own."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def encrypted(archive: bytes) -> bytes:
    """Say so in both places where an archive tells it of its first member."""
    changed = bytearray(archive)
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        changed[archive.index(start) + flags] |= 1
    return bytes(changed)


NUMBERS = [[1, 2], [3, 4]]
HUGE = declaring("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 4), }", b"1234")

FILES: dict[str, tuple[str, bytes, list[list[float]] | str]] = {
    "npy": ("x.npy", npy([[1, 2], [3, 4]]), NUMBERS),
    "npy that is a text": ("x.npy", b"1,2\n3,4\n", "what its name says (it is not an array of"),
    "npy that declares more than it has": ("x.npy", HUGE, "declares 32,000,000,000,000 bytes and"),
    "npy nested deep": ("x.npy", declaring("(" * 9000), "cannot be read: it is cut off"),
    "npy of a later version": (
        "x.npy",
        b"\x93NUMPY\x03\x00" + HUGE[8:],
        "version (3, 0) is not one of an array of numbers",
    ),
    "npz that declares more than it has": (
        "x.npz",
        zipped("x.npy", HUGE),
        "declares 32,000,000,000,000 bytes and has 4",
    ),
    "npz that is encrypted": ("x.npz", encrypted(npz(x=[[1, 2]])), "'x.npy' is encrypted"),
    "npz that is a text": ("x.npz", b"junk" * 50, "what its name says (it is not an array of"),
    "npz with other files": (
        "x.npz",
        zipped("notes.txt", b"1,2"),
        "what its name says ('notes.txt' in it is not an array)",
    ),
    "npz with arrays": ("x.npz", npz(x=[[1, 2], [3, 4]]), NUMBERS),
    "sparse npz": ("sparse.npz", as_npz(sparse.csr_matrix([[1, 2], [3, 4]])), NUMBERS),
    "sparse npz in coordinates": (
        "sparse.npz",
        as_npz(sparse.coo_array(([1, 2, 3, 1, 3], ([0, 0, 1, 1, 1], [0, 1, 0, 1, 1])))),
        NUMBERS,
    ),
    "sparse npz with duplicates": (
        "sparse.npz",
        csr([0, 1, 1, 0, 1], [0, 3, 5], values=[1.0, 1, 1, 3, 4]),
        NUMBERS,
    ),
    "index out of range": ("x.npz", csr([0, 2], [0, 1, 2]), "an index 2, must be from 0 to 1"),
    "index far out of range": ("x.npz", csr([0, 10**9], [0, 1, 2]), "an index 1000000000"),
    "negative index": ("x.npz", csr([0, -1], [0, 1, 2]), "an index -1, must be from 0 to 1"),
    "pointers that fall": (
        "x.npz",
        csr([0, 1, 0], [0, 9, 3]),
        "its pointers do not rise from 0 to 3, its entries",
    ),
    "pointers that end early": (
        "x.npz",
        csr([0, 1, 0], [0, 1, 2]),
        "its pointers end before its 3 values do",
    ),
    "pointers that end late": ("x.npz", csr([0], [0, 1, 7]), "cannot be read: it is cut off"),
    "too many pointers": ("x.npz", csr([0], [0, 1, 1, 1]), "cannot be read: it is cut off"),
    "too narrow a shape": ("x.npz", csr([0, 1], [0, 1, 2], (2, 1)), "an index 1, must be from"),
    "indices that are no whole numbers": (
        "x.npz",
        csr([0.0, 1.5], [0, 1, 2]),
        "'indices' in it are not whole numbers",
    ),
    "a format that is none": ("x.npz", npz(format=3, shape=(1, 1), data=[1.0]), "it is cut off"),
    "absurd height": ("x.npz", csr([0], [0, 1], (2**40, 1)), "takes 8,192.0 GiB of memory"),
    "absurd width": ("x.npz", csr([0], [0, 1], (1, 2**40)), "has 1,099,511,627,776 columns"),
    "shape of one axis": ("x.npz", csr([0], [0, 1], (2,)), "cannot be read"),
    "negative shape": ("x.npz", csr([0], [0, 1], (1, -2)), "cannot be read"),
    "sparse NaN": (
        "x.npz",
        csr([0, 1], [0, 1, 2], values=[1.0, np.nan]),
        "has missing values (NaN), the first in row 2, column 2",
    ),
    "sparse words": ("x.npz", csr([0], [0, 1, 1], values=["a"]), "must be real numbers"),
}


@pytest.mark.parametrize(("name", "content", "expected"), FILES.values(), ids=FILES)
def test_files_of_arrays(name, content, expected, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=re.escape(expected)) as refusal:
            read_rows(path)
        assert name in str(refusal.value)
        assert "pickle" not in str(refusal.value)
        return
    x = read_rows(path).x
    assert sparse.issparse(x) == name.startswith("sparse")
    np.testing.assert_array_equal(x.toarray() if sparse.issparse(x) else x, expected)


@pytest.mark.parametrize("kind", ["npy", "npz", "sparse"])
def test_arrays_that_take_more_than_the_budget_are_refused(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("DIRVAE_MEMORY", str(1 / 1024))
    path = tmp_path / ("x.npy" if kind == "npy" else "x.npz")
    for rows in (300, 600):
        x = np.zeros((rows, 400))  # 0.9 MiB, and 1.8
        if kind == "npy":
            np.save(path, x)
        elif kind == "npz":
            np.savez_compressed(path, x=x)
        else:
            sparse.save_npz(path, sparse.csr_array((x[0, :2], ([0, 1], [0, 1])), x.shape))
            with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("more.npy", npy(x))
        if rows == 300:
            assert read_rows(path).x.shape == (300, 400)
    with pytest.raises(ValueError, match=r"cannot be read: it takes 1\.8 MiB of memory"):
        read_rows(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX files")
@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "tsv", "parquet", "csv.gz"])
def test_a_pipe_under_the_name_of_a_file_is_not_waited_for(kind, tmp_path):
    os.mkfifo(tmp_path / f"x.{kind}")
    with pytest.raises(
        ValueError, match=rf"x\.{kind} cannot be read: it is a pipe, must be a file"
    ):
        read_rows(tmp_path / f"x.{kind}")


def test_a_packed_text_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setenv("DIRVAE_MEMORY", str(1 / 1024))
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 60_000))
    assert len(read_rows(tmp_path / "x.csv.gz").x) == 60_000
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 70_000))
    with pytest.raises(ValueError, match=r"csv\.gz cannot be read: it takes 1\.1 MiB of memory"):
        read_rows(tmp_path / "x.csv.gz")


# --- thresholds -----------------------------------------------------------------------------------


def test_a_note_says_which_of_several_arrays_is_read(tmp_path):
    path = tmp_path / "x.npz"
    for arrays, array, notes in (
        ({"x": X}, None, ()),
        ({"a": X}, None, ()),
        ({"a": X, "y": X[0]}, None, ("array 'a' is read; the file has a, y",)),
        ({"x": X, "X": 2 * X}, None, ("array 'x' is read; the file has x, X",)),
        ({"x_train": X, "b": X}, None, ("array 'x_train' is read; the file has x_train, b",)),
        ({"x": 2 * X, "b": X}, "b", ("array 'b' is read; the file has x, b",)),
    ):
        np.savez(path, **arrays)
        rows = read_rows(path, array=array)
        assert rows.notes == notes
        assert (rows.x == arrays[array or next(iter(arrays))]).all()
    np.savez(path, a=X, b=X)
    with pytest.raises(ValueError, match="has 2 arrays with rows and columns, and none is called"):
        read_rows(path)
    np.savez(path, a=X[0], b=X[0])
    with pytest.raises(ValueError, match="has no arrays with rows and columns, and none is called"):
        read_rows(path)


def test_an_array_declares_the_bytes_that_there_are(tmp_path):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }"
    path, content = tmp_path / "x.npy", np.arange(4.0).tobytes()
    for more in (b"", b"behind it"):
        path.write_bytes(declaring(header, content + more))
        assert read_rows(path).x.tolist() == [[0, 1], [2, 3]]
    path.write_bytes(declaring(header, content[:-1]))
    with pytest.raises(ValueError, match="it declares 32 bytes and has 31"):
        read_rows(path)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_headers_of_both_lengths_are_read(tmp_path, version):
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array(file, X, version)
    np.testing.assert_array_equal(read_rows(tmp_path / "x.npy").x, X)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-1])
    with pytest.raises(ValueError, match="it declares 48 bytes and has 47"):
        read_rows(tmp_path / "x.npy")


def test_a_pointer_of_each_row_takes_memory(tmp_path, monkeypatch):
    rows = 100_000
    path = tmp_path / "x.npz"
    path.write_bytes(csr([0], [0, 1], (rows, 1)))
    for more, said in ((-1, "it takes .* of memory"), (1, "cannot be read: it is cut off")):
        monkeypatch.setenv("DIRVAE_MEMORY", str((8 * rows + more) / 2**30))
        with pytest.raises(ValueError, match=said):
            read_rows(path)


@pytest.mark.parametrize(
    ("values", "x", "notes"),
    [
        (np.full((2, 3), 7, np.uint8), [[7] * 3] * 2, ()),
        (
            np.full((1000, 1, 2), 51, np.uint8),
            [[0.2, 0.2]] * 1000,
            ("1,000 images of 1 x 2, scaled to [0, 1] and flattened to 2 columns",),
        ),
        (
            np.arange(12.0).reshape(2, 1, 3, 2),
            np.arange(12.0).reshape(2, 6),
            ("rows of 1 x 3 x 2 flattened to 6 columns",),
        ),
        (np.full((1, 2, 1), 7, np.int8), [[7, 7]], ("rows of 2 x 1 flattened to 2 columns",)),
    ],
)
def test_axes_after_the_first_are_one(values, x, notes):
    found = rows_of("x", values)
    np.testing.assert_allclose(found.x, x, rtol=1e-6)
    assert found.notes == notes


def test_features_by_samples_are_turned():
    rows = Rows(sparse.csr_matrix([[1, 2], [3, 4], [5, 6]]), None, {"taxon": ["a", 7, "b"]}, ("n",))
    turned = transposed("x", rows)
    assert turned.x.toarray().tolist() == [[1, 3, 5], [2, 4, 6]]
    assert (turned.columns, turned.ids, turned.notes) == (["a", "7", "b"], {}, ("n",))
    bare = transposed("x", Rows(np.eye(2), ["s", "t"]))
    assert transposed("x", Rows(np.eye(2), ids={"taxon": [None, "a"]})).columns == ["", "a"]
    assert (bare.columns, bare.ids) == (None, {"sample": ["s", "t"]})
    with pytest.raises(ValueError, match="x has two rows named 'b'; each name must be unique"):
        transposed("x", Rows(np.eye(3), ids={"taxon": ["a", "b", "b"]}))
    with pytest.raises(ValueError, match=r"x has 2 columns that identify rows \(u, v\)\. With"):
        transposed("x", Rows(np.eye(1), ids={"u": ["a"], "v": ["b"]}))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize(
    ("place", "said"), [((0, 1), "row 1, column 2"), ((2, 0), "row 3, column 1")]
)
def test_what_is_not_finite_is_told_with_its_place(kind, place, said):
    x = np.ones((3, 2))
    x[place] = x[2, 1] = np.inf
    with pytest.raises(ValueError, match=f"x has infinite values, the first in {said} "):
        files._require_finite(Path("x"), Rows(kind(x)))
    names = {0: "u", 1: "v"}
    with pytest.raises(
        ValueError, match=f"the first in row {place[0] + 1}, column '{names[place[1]]}'"
    ):
        files._require_finite(Path("x"), Rows(kind(x), ["u", "v"]))
    files._require_finite(Path("x"), Rows(kind(np.ones((1, 1)))))
