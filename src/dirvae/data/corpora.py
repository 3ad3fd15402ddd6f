"""Texts: from files that people have, and two corpora to try things on."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

from dirvae.data.delimited import identifiers
from dirvae.data.text_files import UTF8, name_of, read_text, require_encoding
from dirvae.data.text_tables import TEXT_COLUMN, as_classes, as_texts, read_columns
from dirvae.formats import CORPORA, TEXTS, kind_of, taking

__all__ = ["Texts", "docstrings", "newsgroups", "read_texts"]

KINDS = f"a folder of .txt files, {', '.join(TEXTS)}, or the words {' or '.join(CORPORA)}"
BREAKS = re.compile("\r\n?")
PACKAGES = ("numpy", "scipy", "sklearn")
LEAST_WORDS = 20  # a docstring of less says hardly more than its name


class Texts(NamedTuple):
    """Documents that were read from a file or folder.

    Attributes:
        texts: N strings.
        ids: Columns that identify the documents, each of length N, by name.
        labels: Class of each document, length N, or None. A missing class is the empty string.
        notes: Sentences that say what was recognised in the file, such as its separator.
        columns: Other columns that were asked for, each of length N, with unchanged cells.

    Example:
        >>> Texts(["a b", "c"], {"file": ["1.txt", "2.txt"]}).labels is None
        True
    """

    texts: list[str]
    ids: Mapping[str, Sequence[Any]] = {}
    labels: list[str] | None = None
    notes: tuple[str, ...] = ()
    columns: Mapping[str, Sequence[Any]] = {}


def read_texts(
    source: str | Path,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    id_columns: Sequence[str] = (),
    columns: Sequence[str] = (),
    encoding: str = UTF8,
) -> Texts:
    r"""Read texts from a file or folder. A missing text is the empty string.

    A text table may be separated by commas, semicolons, tabs or bars (``|``), and may be compressed
    with gzip. The separator and the compression are recognised. The attribute ``notes`` of the
    result says what was recognised. Cells stay as written. A label ``NA``,
    ``null`` or ``007`` is a word like any other; only an empty cell is missing. If the format of a
    table is not certain, ValueError is raised. An example is a row with more cells than the first
    line.

    Args:
        source: A folder of ``.txt`` files, in which the names of subfolders are the labels. Or a
            file of a kind in `dirvae.formats.TEXTS` with a column of texts. Or ``docstrings`` (see
            `docstrings`) or ``20news`` (see `newsgroups`). Text files may be compressed with gzip,
            such as ``.csv.gz``.
        text_column: Column of texts. If None, ``text``.
        label_column: Column of classes, optional.
        id_columns: Columns of a table that identify documents. If there are none, documents are
            identified by the numbers of their rows.
        columns: Other columns of a table to return, such as covariates.
        encoding: Encoding of text files. UTF-16 is recognised by its byte-order mark.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is of another kind, empty or damaged, has another encoding, or lacks
            a column.
        ImportError: If pyarrow is needed and not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "x.csv").write_text("id;text\n007;some words\n")
        ...     found = read_texts(Path(folder, "x.csv"), id_columns=["id"])
        >>> found.texts, found.ids, found.notes
        (['some words'], {'id': ['007']}, ('separated by semicolons',))
    """
    require_encoding(encoding)
    path, corpus = Path(source), str(source) in CORPORA
    if not corpus and not path.exists():
        raise FileNotFoundError(f"{source} does not exist; texts are {KINDS}")
    is_table = not corpus and not path.is_dir()
    if is_table and kind_of(path) not in TEXTS:
        raise ValueError(f"{path} is of a type that cannot be read; texts are {KINDS}")
    named = [name for name in (text_column, label_column, *id_columns, *columns) if name]
    if named and not is_table:
        raise ValueError(f"{source} is not a table, so it has no column {named[0]!r}")
    if encoding != UTF8 and not path.is_dir() and kind_of(path) not in taking("encoding"):
        raise ValueError(f"{source} is not a text file, so it has no encoding {encoding!r}")
    if corpus:
        texts: Texts = resolve_name(CORPORA[str(source)])()
        return texts
    if not is_table:
        return _folder(path, encoding)
    wanted = text_column or TEXT_COLUMN, label_column, id_columns, columns
    return _table(path, *wanted, encoding)


def _folder(path: Path, encoding: str) -> Texts:
    files = sorted(file for file in path.rglob("*") if kind_of(file) == ".txt")
    files = [file for file in files if not file.is_dir()]
    if not files:
        raise ValueError(f"{path} holds no .txt file")
    decoded = [read_text(file, encoding) for file in files]
    parents = [name_of(file.parent, path) for file in files]
    marked = sum(bool(notes) for _, notes in decoded)
    return Texts(
        [BREAKS.sub("\n", text) for text, _ in decoded],
        {"file": [name_of(file, path) for file in files]},
        parents if len(set(parents)) > 1 else None,
        (f"files read as utf-16 or utf-32, by their marks: {marked}",) if marked else (),
    )


def _table(
    path: Path,
    text_column: str,
    label_column: str | None,
    id_columns: Sequence[str],
    columns: Sequence[str],
    encoding: str,
) -> Texts:
    ids = list(dict.fromkeys(id_columns))
    wanted = [text_column, *([label_column] if label_column else []), *ids, *columns]
    cells, notes = read_columns(path, wanted, encoding)
    found = dict(zip(wanted, cells, strict=True))
    texts = as_texts(path, text_column, found[text_column])
    if empty := sum(not text.strip() for text in texts):
        notes += (f"rows without a text: {empty}",)
    labels = as_classes(found[label_column]) if label_column else None
    rows = {"row": list(range(1, len(texts) + 1))}
    others = {name: found[name] for name in columns}
    known = {name: identifiers(found[name]) for name in ids} or rows
    return Texts(texts, known, labels, notes, others)


# --- corpora -------------------------------------------------------------------------------------


def newsgroups(subset: str = "train") -> Texts:
    """20 Newsgroups, without headers, footers and quotes, labelled by group.

    scikit-learn's fetcher downloads the data (14 MB) at the first call.

    Args:
        subset: "train" (11,314 posts) or "test" (7,532).
    """
    from sklearn.datasets import fetch_20newsgroups

    bunch = fetch_20newsgroups(subset=subset, remove=("headers", "footers", "quotes"))
    rows = list(range(1, len(bunch.data) + 1))
    return Texts(list(bunch.data), {"row": rows}, [bunch.target_names[i] for i in bunch.target])


def docstrings(packages: Sequence[str] = PACKAGES) -> Texts:
    """Docstrings of installed packages, labelled by subpackage: real texts that need no network.

    Docstrings are parsed from source, and nothing is imported. Docstrings of less than 20 words, of
    private names or of tests are left out, and so are repeated ones.

    Args:
        packages: Names of packages. Packages that are not installed are left out.

    Raises:
        ValueError: If no package has a docstring.

    Example:
        >>> found = docstrings(["numpy"])
        >>> len(found.texts) > 500, "numpy.lib" in found.labels
        (True, True)
    """
    seen, texts, names, labels = set(), [], [], []
    for package in packages:
        for name, label, text in _documented(package):
            if text not in seen and len(text.split()) >= LEAST_WORDS:
                seen.add(text)
                texts.append(text)
                names.append(name)
                labels.append(label)
    if not texts:
        raise ValueError(f"packages has {list(packages)}, of which none has docstrings here")
    return Texts(texts, {"name": names}, labels)


def _documented(package: str) -> Iterator[tuple[str, str, str]]:
    """Name, subpackage and docstring of what is public."""
    spec = importlib.util.find_spec(package)
    for root in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(root).rglob("*.py")):
            parts = file.relative_to(root).with_suffix("").parts
            if {"tests", "externals", "_lib", "conftest", "setup"} & set(parts):
                continue
            module = ".".join([package, *(p for p in parts if p != "__init__")])
            inner = len(parts) > 1 and not parts[0].startswith("_")
            label = f"{package}.{parts[0]}" if inner else package
            yield from ((name, label, text) for name, text in _docstrings_of(file, module))


def _docstrings_of(file: Path, module: str) -> Iterator[tuple[str, str]]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    waiting: list[tuple[str, Any]] = [(module, tree)]
    while waiting:
        name, node = waiting.pop()
        text = ast.get_docstring(node)
        if text:
            yield name, text
        children = (child for child in node.body if isinstance(child, kinds[1:]))
        waiting += [(f"{name}.{c.name}", c) for c in children if not c.name.startswith("_")]
