"""Kinds of data files, a row each: who reads it, and with which options.

Readers are named, and imported (`pkgutil.resolve_name`) when a file is read: help and refusals of
the command line list the kinds without PyTorch. A new kind is a reader in `dirvae.data` and a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "CORPORA",
    "COUNTS",
    "FORMATS",
    "MANIFEST",
    "NUMBERS",
    "TABLES",
    "TEXTS",
    "Format",
    "is_corpus",
    "kind_of",
    "listed",
    "taking",
]


class Format(NamedTuple):
    """How files of one kind are read.

    Attributes:
        numbers: Reader from a path and ``options`` to `dirvae.data.Rows`, or "" for none.
        texts: Reader of some columns of a table, or "" for none. It takes a path, the columns'
            names and an encoding, and returns the columns and notes of what was recognised.
        options: Of ``array``, ``id_columns``, ``encoding``, ``layer`` and ``modality`` those that
            the reader of numbers takes.
        table: Reader from a path and an encoding to a DataFrame of all columns and notes, or "".
        is_text: Whether it is a file of text, which may be packed by gzip.
        names_rows: Whether the first column of ``table`` is always the names of the rows.
    """

    numbers: str = ""
    texts: str = ""
    options: tuple[str, ...] = ()
    table: str = ""
    is_text: bool = False
    names_rows: bool = False


_DELIMITED = Format(
    "dirvae.data.number_tables:read_numbers",
    "dirvae.data.text_tables:delimited_columns",
    ("id_columns", "encoding"),
    "dirvae.data.metadata:delimited_table",
    is_text=True,
)
FORMATS = {
    ".npy": Format("dirvae.data.array_files:read_array"),
    ".npz": Format("dirvae.data.array_files:read_archive", options=("array",)),
    ".csv": _DELIMITED,
    ".tsv": _DELIMITED,
    ".parquet": Format(
        "dirvae.data.number_tables:read_parquet",
        "dirvae.data.text_tables:parquet_columns",
        ("id_columns",),
        "dirvae.data.metadata:parquet_table",
    ),
    ".jsonl": Format(
        texts="dirvae.data.text_tables:json_columns", options=("encoding",), is_text=True
    ),
    ".h5ad": Format(
        "dirvae.data.annotated:read_h5ad",
        options=("layer",),
        table="dirvae.data.annotated:read_obs",
        names_rows=True,
    ),
    ".h5mu": Format("dirvae.data.annotated:read_h5mu", options=("modality", "layer")),
    ".biom": Format("dirvae.data.biom_tables:read_biom"),
    ".mtx": Format("dirvae.data.matrix_market:read_matrix_market", is_text=True),
}
"""By suffix."""

NUMBERS = tuple(suffix for suffix, row in FORMATS.items() if row.numbers)
TEXTS = tuple(suffix for suffix, row in FORMATS.items() if row.texts)
TABLES = tuple(suffix for suffix, row in FORMATS.items() if row.table)
COUNTS = tuple(suffix for suffix in NUMBERS if suffix not in TEXTS)  # to a topic model

MANIFEST = "manifest.json"
"""The file that makes a folder a corpus of `dirvae.data.Corpus`."""

CORPORA = {
    "docstrings": "dirvae.data.corpora:docstrings",
    "20news": "dirvae.data.corpora:newsgroups",
}
"""Words for texts that are at hand, or can be downloaded."""


def taking(option: str, suffixes: Iterable[str] = FORMATS) -> tuple[str, ...]:
    """Return the suffixes of files that an option goes with.

    Example:
        >>> taking("encoding")
        ('.csv', '.tsv', '.jsonl')
    """
    return tuple(suffix for suffix in suffixes if option in FORMATS[suffix].options)


def listed(suffixes: Iterable[str]) -> str:
    """Write suffixes as a sentence has them.

    Example:
        >>> listed([".csv", ".tsv", ".jsonl"]), listed([".npz"])
        ('.csv, .tsv or .jsonl', '.npz')
    """
    *first, last = suffixes
    return f"{', '.join(first)} or {last}" if first else last


def is_corpus(source: str | Path) -> bool:
    """Whether a folder holds a corpus of `dirvae.data.Corpus`.

    Example:
        >>> is_corpus("nowhere")
        False
    """
    return (Path(source) / MANIFEST).is_file()


def kind_of(path: str | Path) -> str:
    """Return the suffix in lower case, without the .gz of a packed file of text.

    Example:
        >>> kind_of("Texts.TSV.gz"), kind_of("x.npy.gz")
        ('.tsv', '.gz')
    """
    *_, inner, suffix = ["", "", *(part.lower() for part in Path(path).suffixes)]
    packed = (".txt", *(kind for kind, row in FORMATS.items() if row.is_text))
    return inner if suffix == ".gz" and inner in packed else suffix
