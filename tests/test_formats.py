"""Kinds of files: every reader is there and takes what its row says; messages list the rows."""

from __future__ import annotations

import inspect
from pathlib import Path
from pkgutil import resolve_name

import pytest

from dirvae.cli import inputs
from dirvae.data import corpora, files
from dirvae.formats import CORPORA, FORMATS, NUMBERS, TABLES, TEXTS, kind_of

READERS = {
    reader for row in FORMATS.values() for reader in (row.numbers, row.texts, row.table) if reader
}


@pytest.mark.parametrize("name", sorted({*READERS, *CORPORA.values()} - {""}))
def test_readers_are_public(name: str) -> None:
    room, _, reader = name.partition(":")
    assert reader in resolve_name(room).__all__


@pytest.mark.parametrize("suffix", TABLES)
def test_a_reader_of_tables_takes_an_encoding(suffix: str) -> None:
    parameters = inspect.signature(resolve_name(FORMATS[suffix].table)).parameters
    assert list(parameters) == ["path", "encoding"]


@pytest.mark.parametrize("suffix", NUMBERS)
def test_a_reader_of_numbers_takes_the_options_of_its_row(suffix: str) -> None:
    row = FORMATS[suffix]
    path, *options = inspect.signature(resolve_name(row.numbers)).parameters
    assert (path, tuple(options)) == ("path", row.options)


@pytest.mark.parametrize("suffix", TEXTS)
def test_a_reader_of_texts_takes_names_and_an_encoding(suffix: str, tmp_path: Path) -> None:
    read = resolve_name(FORMATS[suffix].texts)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / f"absent{suffix}", ["text"], "utf-8")


def test_help_and_refusals_list_every_kind() -> None:
    for said in (files.KINDS, inputs.ROWS):
        kinds = ".npy, .npz, .csv, .tsv, .parquet, .h5ad, .h5mu, .biom, .mtx"
        assert said.startswith(f"{kinds}, a folder of .png or .jpg")
    for said in (corpora.KINDS, inputs.DOCUMENTS):
        assert all(suffix in said for suffix in (*TEXTS, ".txt", "docstrings", "20news"))


def test_only_files_of_text_are_packed() -> None:
    packed = {suffix for suffix in FORMATS if kind_of(f"a.b{suffix.upper()}.gz") == suffix}
    assert packed == {".csv", ".tsv", ".jsonl", ".mtx"}
    assert (kind_of("x.txt.gz"), kind_of("x"), kind_of("x.gz")) == (".txt", "", ".gz")
