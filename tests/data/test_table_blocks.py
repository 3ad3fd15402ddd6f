"""Tables that are written in blocks are those that are written at once."""

from __future__ import annotations

import pandas as pd
import pyarrow.parquet
import pytest

from dirvae.data.table_blocks import column_of, kind_of_cells, write_blocks

BLOCKS = [
    {"whole": [1, 2], "some": [None, None], "word": [None, None], "both": [1, "a"]},
    {"whole": [3, 4], "some": [1, 0.5], "word": ["", 'x,"y"'], "both": [2.5, None]},
]
ALL = {name: [cell for block in BLOCKS for cell in block[name]] for name in BLOCKS[0]}
KINDS = {name: kind_of_cells(block[name] for block in BLOCKS) for name in BLOCKS[0]}


def test_kinds_are_those_of_all_cells():
    assert {"whole": int, "some": float, "word": str, "both": str} == KINDS
    assert kind_of_cells([[None], [None]]) is str
    assert kind_of_cells([[None], [1]]) is int
    assert kind_of_cells([[1], [2**63]]) is str
    assert kind_of_cells([[0.5], [2**53]]) is float
    assert kind_of_cells([[0.5], [2**53 + 1]]) is str
    assert kind_of_cells([[1], [True]]) is str


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_blocks_are_one_table(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    write_blocks(path, BLOCKS, KINDS)
    ALL["both"] = ["1", "a", "2.5", None]
    if suffix == "csv":
        assert path.read_text() == pd.DataFrame(ALL).to_csv(index=False)
    else:
        pd.testing.assert_frame_equal(pd.read_parquet(path), pd.DataFrame(ALL))


def test_a_carriage_return_ends_no_row(tmp_path):
    blocks = [{"id": ["a", "b"], "x": [1, 2]}, {"id": ["c\r", None], "x": [3, 4]}]
    write_blocks(tmp_path / "x.csv", blocks, {"id": str, "x": int})
    table = pd.read_csv(tmp_path / "x.csv", keep_default_na=False)
    assert table.to_dict("list") == {"id": ["a", "b", "c\r", ""], "x": [1, 2, 3, 4]}


def test_missing_cells_of_any_kind_are_none():
    for cells in ([pd.NA, 1, 2], [pd.NaT, 1, 0.5], [pd.NA, "a", float("nan")]):
        column = column_of(cells, kind_of_cells([cells]))
        assert column.isna().tolist() == [pd.isna(cell) for cell in cells]
        assert column.dropna().tolist() == [cell for cell in cells if not pd.isna(cell)]


@pytest.mark.parametrize("cells", [[2**53 + 1, None, 3], [2**63 + 1, 5, 6], [2**53 + 1, 0.5, 2]])
def test_whole_numbers_are_not_rounded(tmp_path, cells):
    kinds = {"id": kind_of_cells([cells])}
    for suffix in ("csv", "parquet"):
        write_blocks(tmp_path / f"x.{suffix}", [{"id": cells[:2]}, {"id": cells[2:]}], kinds)
    written = [None if cell is None else str(cell) for cell in cells]
    table = pd.read_csv(tmp_path / "x.csv", dtype=object).replace({float("nan"): None})
    assert table["id"].tolist() == written
    table = pyarrow.parquet.read_table(tmp_path / "x.parquet")
    assert [None if c is None else str(c) for c in table["id"].to_pylist()] == written
