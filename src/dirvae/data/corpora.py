"""Texts: from files that people have, and two corpora to try things on."""

from __future__ import annotations

import ast
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dirvae.data.images import required

__all__ = ["Texts", "docstrings", "newsgroups", "read_texts"]

TABLES = (".csv", ".parquet", ".jsonl")
KINDS = "a folder of .txt files, .csv, .parquet or .jsonl, or the words docstrings or 20news"
PACKAGES = ("numpy", "scipy", "sklearn")
LEAST_WORDS = 20  # a docstring of less says hardly more than its name


class Texts(NamedTuple):
    """Documents, as read.

    Attributes:
        texts: N strings.
        ids: What identifies documents, each of length N, by column name.
        labels: Class of each document, length N, or None; a missing one is the empty string.

    Example:
        >>> Texts(["a b", "c"], {"file": ["1.txt", "2.txt"]}).labels is None
        True
    """

    texts: list[str]
    ids: Mapping[str, Sequence[Any]] = {}
    labels: list[str] | None = None


def read_texts(
    source: str | Path,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    encoding: str = "utf-8",
) -> Texts:
    """Read texts; a missing one is the empty string.

    Args:
        source: A folder of ``.txt`` files (those in subfolders too, which are then the labels);
            ``.csv``, ``.parquet`` or ``.jsonl`` with a column of texts; ``docstrings`` (see
            `docstrings`) or ``20news`` (see `newsgroups`).
        text_column: The column; ``text`` by default.
        label_column: Column of classes, optional.
        encoding: Of text files.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is of another kind, empty, damaged, in another encoding, or without the
            column.
        ImportError: If pandas or pyarrow is needed and not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.txt").write_text("some words")
        ...     read_texts(folder).texts
        ['some words']
    """
    _require_encoding(encoding)
    path = Path(source)
    if str(source) == "docstrings":
        return docstrings()
    if str(source) == "20news":
        return newsgroups()
    if not path.exists():
        raise FileNotFoundError(f"{source} does not exist; texts are {KINDS}")
    if path.is_dir():
        return _folder(path, encoding)
    if path.suffix.lower() not in TABLES:
        raise ValueError(f"{path} is of no kind that can be read; texts are {KINDS}")
    return _table(path, text_column, label_column, encoding)


def _require_encoding(encoding: str) -> None:
    try:
        "".encode(encoding)
    except LookupError:
        raise ValueError(
            f"encoding is {encoding!r}, which is not known; try utf-8 or latin-1"
        ) from None


def _folder(path: Path, encoding: str) -> Texts:
    files = sorted(path.rglob("*.txt"))
    if not files:
        raise ValueError(f"{path} holds no .txt file")
    texts = [_decoded(file, encoding) for file in files]
    parents = [str(file.parent.relative_to(path)) for file in files]
    names = [str(file.relative_to(path)) for file in files]
    return Texts(texts, {"file": names}, parents if len(set(parents)) > 1 else None)


def _decoded(file: Path, encoding: str) -> str:
    try:
        return file.read_text(encoding=encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not {encoding} (byte {error.start}); give its encoding, such as latin-1"
        ) from error


def _table(path: Path, text_column: str | None, label_column: str | None, encoding: str) -> Texts:
    pandas = required("pandas", path)
    try:
        frame = _frame(pandas, path, encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not {encoding} (byte {error.start}); give its encoding, such as latin-1"
        ) from error
    except (ValueError, EOFError) as error:
        detail = " ".join(str(error).split()).rstrip(".")
        raise ValueError(f"{path} cannot be read as {path.suffix} ({detail})") from error
    column = text_column or "text"
    for wanted in filter(None, (column, label_column)):
        if wanted not in frame.columns:
            names = ", ".join(map(str, frame.columns[:8]))
            raise ValueError(f"{path} has no column {wanted!r}; its columns are {names}")
    if not len(frame):
        raise ValueError(f"{path} has no rows")
    texts = ["" if value is None or value != value else value for value in frame[column].tolist()]
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"{path} has {text!r} in row {row + 1} of {column!r}, must be text")
    labels = None if label_column is None else _classes(frame[label_column])
    return Texts(texts, {"row": list(range(1, len(texts) + 1))}, labels)


def _classes(column: Any) -> list[str]:
    """As words; whole numbers among missing values, which pandas makes fractions, as such."""
    values = zip(column.tolist(), column.isna().tolist(), strict=True)
    whole = (
        "" if missing else int(v) if isinstance(v, float) and v.is_integer() else v
        for v, missing in values
    )
    return [str(value) for value in whole]


def _frame(pandas: Any, path: Path, encoding: str) -> Any:
    match path.suffix.lower():
        case ".csv":
            return pandas.read_csv(path, encoding=encoding, low_memory=False)
        case ".parquet":
            required("pyarrow", path)
            return pandas.read_parquet(path, engine="pyarrow")
        case _:
            lines = path.read_text(encoding=encoding).split("\n")  # JSON may hold other breaks
            return pandas.DataFrame([json.loads(line) for line in lines if line.strip()])


# --- corpora -------------------------------------------------------------------------------------


def newsgroups(subset: str = "train") -> Texts:
    """20 Newsgroups, without headers, footers and quotes, labelled by group.

    By scikit-learn's fetcher, which downloads the 14 MB once.

    Args:
        subset: "train" (11,314 posts) or "test" (7,532).
    """
    from sklearn.datasets import fetch_20newsgroups

    bunch = fetch_20newsgroups(subset=subset, remove=("headers", "footers", "quotes"))
    return Texts(list(bunch.data), {}, [bunch.target_names[i] for i in bunch.target])


def docstrings(packages: Sequence[str] = PACKAGES) -> Texts:
    """Docstrings of installed packages, labelled by subpackage: real texts, without a network.

    They are parsed from source, and nothing is imported. Those of less than 20 words, private
    names, tests and repetitions are left out.

    Args:
        packages: Names of packages; those that are not installed are left out.

    Raises:
        ValueError: If none has a docstring.

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
