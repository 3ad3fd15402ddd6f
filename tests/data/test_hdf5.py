"""What an HDF5 file of a stranger may not do: lead to other files, or unpack to any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dirvae.data import hdf5, read_rows
from dirvae.data.hdf5 import opened, require_own

h5py = pytest.importorskip("h5py")
anndata = pytest.importorskip("anndata")
biom = pytest.importorskip("biom")

NAMES = {"obs": ["a", "b"], "var": ["x", "y", "z"]}
COUNTS = np.array([[0, 4, 1], [7, 0, 2]])


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    path = tmp_path / "cells.h5ad"
    names = {axis: pd.DataFrame(index=pd.Index(n, dtype=object)) for axis, n in NAMES.items()}
    data = anndata.AnnData(COUNTS.astype(np.float32), **names)
    data.layers["counts"] = COUNTS.astype(np.float32)
    data.write_h5ad(path)
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = COUNTS.astype(np.float32)
    (tmp_path / "secret.bin").write_bytes(COUNTS.astype(np.float32).tobytes())
    return tmp_path / "other.h5"


def outside(file, other: Path) -> None:
    file.create_dataset("X", (2, 3), "f4", external=[(str(other.with_name("secret.bin")), 0, 24)])


def virtual(file, other: Path) -> None:
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource(str(other), "secret", (2, 3))
    file.create_virtual_dataset("X", layout)


def linked(file, other: Path) -> None:
    file["X"] = h5py.ExternalLink(str(other), "secret")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (outside, r"cells.h5ad has /X in another file, must have it in the same file"),
        (virtual, r"cells.h5ad has /X in another file, must have it in the same file"),
        (linked, r"cells.h5ad has X as a link, must have the data themselves"),
    ],
)
def test_other_files_are_not_read(cells: Path, other: Path, change, message) -> None:
    np.testing.assert_array_equal(read_rows(cells).x.toarray(), COUNTS)
    with h5py.File(cells, "r+") as file:
        del file["X"]
        change(file, other)
        if change is not linked:
            file["X"].attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
            np.testing.assert_array_equal(file["X"][:], COUNTS)  # h5py reads it
    with pytest.raises(ValueError, match=message):
        read_rows(cells)


@pytest.mark.parametrize("name", ["layers", "layers/counts", "obs/_index"])
def test_links_within_a_part_are_refused(cells: Path, other: Path, name: str) -> None:
    with h5py.File(cells, "r+") as file:
        file.move(name, "elsewhere")
        file[name] = h5py.SoftLink("/elsewhere")
    with pytest.raises(ValueError, match=rf"has {name.split('/')[-1]} as a link"):
        read_rows(cells, layer="counts")


@pytest.mark.parametrize("name", ["layers", "obs", "var"])
def test_an_array_in_the_place_of_a_group_is_refused(cells: Path, name: str) -> None:
    """Its rows would be taken for names: a million of eight megabytes each, in a small file."""
    with h5py.File(cells, "r+") as file:
        del file[name]
        file.create_dataset(name, (10**6, 10**6), "i8", chunks=(245, 489))
        file[name].attrs["_index"] = "_index"
    assert cells.stat().st_size < 100_000
    with pytest.raises(ValueError, match=rf"cells.h5ad has /{name} as an array, must have it as a"):
        read_rows(cells)


def test_an_array_of_modalities_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5mu", "w") as file:
        file.create_dataset("mod", (10**6, 10**6), "i8", chunks=(245, 489))
    with pytest.raises(ValueError, match=r"x.h5mu has /mod as an array, must have it as a group"):
        read_rows(tmp_path / "x.h5mu", modality="rna")


def test_what_was_never_written_takes_no_memory(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(cells, "r+") as file:
        del file["X"]
        file.create_dataset("X", (50_000, 10_000), "f4", chunks=(1000, 1000))
    table = tmp_path / "x.biom"
    with biom.util.biom_open(str(table), "w") as file:
        biom.Table(COUNTS, ["a", "b"], ["s", "t", "u"]).to_hdf5(file, "a test")
        file.create_dataset("bomb", (2**28,), "f4", chunks=(2**20,))
    assert cells.stat().st_size + table.stat().st_size < 500_000
    monkeypatch.setenv("DIRVAE_MEMORY", "1")
    with pytest.raises(ValueError, match=r"cells.h5ad cannot be read: it takes 1\.9 GiB of memory"):
        read_rows(cells)
    with pytest.raises(ValueError, match=r"x.biom cannot be read: it takes 2\.0 GiB of memory"):
        read_rows(table)


def test_groups_in_groups_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        for number in range(10):
            file.create_group(f"wide/{number}")
        file["loop"] = file["/"]
    with h5py.File(path) as file:
        monkeypatch.setattr(hdf5, "MOST_PARTS", 11)
        require_own(path, file["wide"])
        monkeypatch.setattr(hdf5, "MOST_PARTS", 10)
        with pytest.raises(ValueError, match="too many parts, must have 10 at most"):
            require_own(path, file["wide"])
        monkeypatch.setattr(hdf5, "MOST_PARTS", 10_000)
        with pytest.raises(ValueError, match="nested too deeply at /"):
            require_own(path, file)


def test_a_library_that_a_part_takes_is_no_damage(cells: Path) -> None:
    with pytest.raises(ImportError, match="awkward"), opened(cells, "anndata"):
        raise ImportError("awkward is not installed")


def test_all_arrays_of_a_part_take_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["part/a"] = np.zeros((30, 5), np.float32)
        file["part/inner/b"] = np.zeros(70)
        file["other"] = np.zeros(1000)
    size = 30 * 5 * 4 + 70 * 8
    with h5py.File(path) as file:
        for share in (1, 2, 3):
            monkeypatch.setenv("DIRVAE_MEMORY", str(size * share / 2**30))
            require_own(path, file["part"], share)
            monkeypatch.setenv("DIRVAE_MEMORY", str((size * share - 1) / 2**30))
            with pytest.raises(ValueError, match="cannot be read: it takes"):
                require_own(path, file["part"], share)
        require_own(path, file, 0)


def test_eight_groups_may_be_in_each_other(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["1/2/3/4/5/6/7/8/array"] = np.zeros(3)
        require_own(tmp_path / "x.h5", file["1"])
        with pytest.raises(ValueError, match=r"x\.h5 is nested too deeply at /1/2/3/4/5/6/7/8"):
            require_own(tmp_path / "x.h5", file)
