"""Counts from .biom files, as biom-format writes them."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from dirvae.data import read_rows

biom = pytest.importorskip("biom")

TABLE = np.array([[0, 4, 1], [7, 0, 0]])  # observations x samples
TAXA, SAMPLES = ["otu 1", "otu 2"], ["s1", "s2", "s3"]


def written(path, kind):
    table = biom.Table(TABLE, TAXA, SAMPLES)
    if kind == "JSON":
        path.write_text(table.to_json("a test"))
    else:
        with biom.util.biom_open(str(path), "w") as file:
            table.to_hdf5(file, "a test")
    return path


@pytest.mark.parametrize("kind", ["JSON", "HDF5"])
def test_samples_are_rows(kind, tmp_path):
    rows = read_rows(written(tmp_path / "x.biom", kind))
    np.testing.assert_array_equal(rows.x.toarray(), TABLE.T)
    assert (rows.columns, rows.ids) == (TAXA, {"sample": SAMPLES})


def test_what_is_damaged_or_hostile_is_one_sentence(tmp_path):
    path = written(tmp_path / "x.biom", "JSON")
    told = json.loads(path.read_text())
    for change in ({"data": [[0, 99, 4]]}, {"rows": []}, {"data": [[0, 10**15, 4]]}):
        path.write_text(json.dumps({**told, **change}))
        with pytest.raises(ValueError, match=r"x.biom (cannot be read|is a broken|has)"):
            read_rows(path)
    path.write_text(json.dumps({**told, "columns": [{"id": "s", "metadata": ["x" * 9000]}]}))
    with pytest.raises(ValueError, match="cannot be read") as refused:
        read_rows(path)
    assert len(str(refused.value)) < 300 + len(str(path))
    path.write_text(json.dumps({**told, "shape": [2, 10**15]}))  # names say otherwise
    assert read_rows(path).x.shape == (3, 2)
    content = written(path, "HDF5").read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"x.biom cannot be read: it is cut off"):
        read_rows(path)


def test_the_library_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "biom", None)
    (tmp_path / "x.biom").write_text("{}")
    with pytest.raises(ImportError, match=r"needs biom-format: pip install 'dirvae\[biom\]'"):
        read_rows(tmp_path / "x.biom")
