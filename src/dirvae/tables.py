"""Results as tables with named columns, which can become data frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import import_module
from numbers import Integral, Real
from typing import Any

from dirvae.text import visible

__all__ = ["ResultTable"]

LETTERS_SHOWN = 60  # of a text in a cell; in a notebook, where it wraps, more
LETTERS_WRAPPED = 400


class ResultTable:
    """A table of results: named columns of equal length.

    A notebook draws it as a table. Texts in cells are escaped, so they cannot act as HTML.

    Args:
        columns: Values of each column, by name, in the order of the rows.
        frames: The kind of DataFrame that `to_frame` returns, "pandas" or "polars". If None, the
            kind that scikit-learn's ``set_config(transform_output=...)`` sets. If that sets none,
            pandas, or polars if only polars is installed.
        rows_shown: Number of rows that are printed.

    Raises:
        ValueError: If the columns differ in length.

    Example:
        >>> table = ResultTable({"topic": [0, 1], "share": [0.75, 0.25]})
        >>> table
        topic  share
            0   0.75
            1   0.25
        >>> table["share"], len(table)
        ([0.75, 0.25], 2)
    """

    def __init__(
        self,
        columns: Mapping[str, Iterable[Any]],
        *,
        frames: str | None = None,
        rows_shown: int = 10,
    ) -> None:
        self.columns: dict[str, list[Any]] = {
            name: values.tolist() if hasattr(values, "tolist") else list(values)
            for name, values in columns.items()
        }
        if len({len(values) for values in self.columns.values()}) > 1:
            lengths = {name: len(values) for name, values in self.columns.items()}
            raise ValueError(f"columns have lengths {lengths}, must be of one length")
        self.frames, self.rows_shown = frames, rows_shown

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def __getitem__(self, name: str) -> list[Any]:
        """The values of a column."""
        return self.columns[name]

    def to_frame(self) -> Any:
        """Return a DataFrame of the kind that ``frames`` sets. Lists in cells become texts.

        Raises:
            ImportError: If the package of this kind is not installed.
        """
        columns = {name: [_plain(v) for v in values] for name, values in self.columns.items()}
        return _frames_module(self.frames).DataFrame(columns)

    def __repr__(self) -> str:
        rows = [self._header(), *self._cells(LETTERS_SHOWN)]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        right = [_are_numbers(values) for values in self.columns.values()]
        lines = [
            "  ".join(
                cell.rjust(width) if number else cell.ljust(width)
                for cell, width, number in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in rows
        ]
        left = len(self) - self.rows_shown
        return "\n".join([*lines, *([f"... {left:,} more rows"] if left > 0 else [])])

    def _repr_html_(self) -> str:
        right = [_are_numbers(values) for values in self.columns.values()]
        styles = [f"text-align: {'right' if n else 'left'}; padding: 0.1em 0.5em" for n in right]
        header = _html_row("th", self._header(), styles)
        body = "".join(_html_row("td", cells, styles) for cells in self._cells(LETTERS_WRAPPED))
        left = len(self) - self.rows_shown
        more = f"<p>{left:,} more rows</p>" if left > 0 else ""
        return f"<table><thead>{header}</thead><tbody>{body}</tbody></table>{more}"

    def _header(self) -> list[str]:
        return [visible(name) for name in self.columns]

    def _cells(self, letters: int) -> list[list[str]]:
        """Texts of the first rows, of so many letters at most."""
        return [
            [_shown(values[row], letters) for values in self.columns.values()]
            for row in range(min(self.rows_shown, len(self)))
        ]


def _are_numbers(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(value, Real) for value in values)


def _html_row(tag: str, cells: Sequence[str], styles: Sequence[str]) -> str:
    inner = "".join(
        f'<{tag} style="{style}">{escape(cell)}</{tag}>'
        for cell, style in zip(cells, styles, strict=True)
    )
    return f"<tr>{inner}</tr>"


def _shown(value: Any, letters: int) -> str:
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{float(value):.4g}"
    text = visible(_plain(value))
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _plain(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _frames_module(frames: str | None) -> Any:
    from sklearn import get_config

    configured = get_config()["transform_output"]
    frames = frames or (None if configured == "default" else configured)
    for name in (frames,) if frames else ("pandas", "polars"):
        try:
            return import_module(name)
        except ImportError:
            continue
    raise ImportError(f"to_frame needs {frames or 'pandas'}: pip install {frames or 'pandas'}")
