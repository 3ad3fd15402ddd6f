"""Few bytes of Parquet that stand for many are refused before they are made."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dirvae.data import documents_in, read_rows
from dirvae.data.corpora import read_texts

BUDGET = 2**20


@pytest.fixture(autouse=True)
def one_mebibyte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIRVAE_MEMORY", str(1 / 1024))


def saved(path: Path, **columns: object) -> Path:
    pd.DataFrame(columns).to_parquet(path / "x.parquet")
    assert (path / "x.parquet").stat().st_size < 2**15
    return path / "x.parquet"


def test_numbers_take_what_rows_and_columns_say(tmp_path: Path) -> None:
    most = BUDGET // (2 * 9)
    path = saved(tmp_path, a=[1] * most, b=[2.0] * most)
    assert read_rows(path).x.shape == (most, 2)
    path = saved(tmp_path, a=[1] * (most + 1), b=[2.0] * (most + 1))
    with pytest.raises(ValueError, match=r"x\.parquet cannot be read: it takes 1\.0 MiB of memory"):
        read_rows(path)


def test_texts_take_what_is_repeated_too(tmp_path: Path) -> None:
    long = "w" * 146  # and 4 bytes that say where it ends
    assert read_texts(saved(tmp_path, text=[long] * 1_700)).texts == [long] * 1_700
    path = saved(tmp_path, text=[long] * 1_850)
    with pytest.raises(ValueError, match=r"x\.parquet cannot be read: it takes 1\.1 MiB of memory"):
        read_texts(path)


def test_names_of_rows_that_are_repeated_are_not_made_first(tmp_path: Path) -> None:
    path = saved(tmp_path, id=["w" * 10_000] * 30, a=[1] * 30)
    with pytest.raises(ValueError, match=r"x\.parquet cannot be read: it takes 1\.1 MiB of memory"):
        read_rows(path, id_columns=["id"])


def test_more_rows_than_are_read_at_a_time_come_in_order(tmp_path: Path) -> None:
    texts = [f"word {row}" for row in range(2_500)]
    path = saved(tmp_path, text=texts)
    assert read_texts(path).texts == texts


def test_pages_of_other_bytes_are_one_sentence(tmp_path: Path) -> None:
    """The footer is whole, so that they are found where the pages are read."""
    pd.DataFrame({"text": ["a word"] * 99, "n": range(99)}).to_parquet(tmp_path / "x.parquet")
    pd.DataFrame({"n": range(99)}).to_parquet(tmp_path / "y.parquet")
    for name, acts in (
        ("x", (read_texts, lambda path: list(documents_in(path, text_column="text")))),
        ("y", (read_rows,)),
    ):
        path = tmp_path / f"{name}.parquet"
        content = path.read_bytes()
        path.write_bytes(content[:4] + b"\xff" * 60 + content[64:])
        for act in acts:
            with pytest.raises(
                ValueError, match=r"\.parquet cannot be read: it is cut off, or not"
            ):
                act(path)


def test_words_are_no_numbers(tmp_path: Path) -> None:
    path = saved(tmp_path, a=[1, 2], b=["x", "y"])
    with pytest.raises(ValueError, match=r"x\.parquet has columns that are not numbers: 'b'; remo"):
        read_rows(path)
