"""What a model learned, and what it says of data, as tables of text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from dirvae.export.documents import ids_of, names_of, theta_of
from dirvae.topics import TopicModel
from dirvae.writing import line_end, made, write_text

__all__ = ["csv_files", "to_csv"]

TOPICS, WORDS, COMPONENTS, THETA = "topics.csv", "topic_words.csv", "components.csv", "theta.csv"


def csv_files(with_data: bool, *, of_topics: bool = True) -> list[str]:
    """Names of the files that `to_csv` writes.

    Args:
        with_data: Whether data are given.
        of_topics: Whether the model is a `TopicModel` or a `CompositionModel`.

    Example:
        >>> csv_files(True, of_topics=False)
        ['components.csv', 'theta.csv']
    """
    return [*([TOPICS, WORDS] if of_topics else [COMPONENTS]), *([THETA] if with_data else [])]


def to_csv(
    model: Any,
    folder: str | Path,
    X: Any = None,
    *,
    covariates: Any = None,
    ids: Mapping[str, Iterable[Any]] | None = None,
) -> None:
    """Write tables of a fitted model to a folder.

    The folder is created if it does not exist. Existing files are replaced. The tables are:

    - ``topics.csv`` of a topic model: number, name, share and first words of each topic;
    - ``topic_words.csv`` of a topic model: beta, a row for each word, a column for each topic;
    - ``components.csv`` of a `DirichletVAE` on the simplex: its ``components_``, a row for each
      column of the data, a column for each component;
    - ``theta.csv``, if X is given: the result of ``transform``, a row for each row of X.

    Args:
        model: A fitted estimator.
        folder: Folder for the tables.
        X: Data, as in ``transform``, or None.
        covariates: As in ``transform``.
        ids: Columns of ids that come first in ``theta.csv``, by name. The cell of a missing id
            (None, NaN, NA or NaT) is empty.

    Raises:
        ValueError: If there is nothing to write, as for a Gaussian latent without X.
        OSError: If the folder cannot be written to.

    Example:
        >>> import tempfile
        >>> counts = np.random.default_rng(0).poisson(1, (40, 12))
        >>> model = TopicModel(3, max_epochs=1, hidden_sizes=(8,), random_state=0).fit(counts)
        >>> with tempfile.TemporaryDirectory() as place:
        ...     to_csv(model, place, counts)
        ...     sorted(path.name for path in Path(place).iterdir())
        ['theta.csv', 'topic_words.csv', 'topics.csv']
    """
    check_is_fitted(model)
    tables = _learned(model)
    if X is not None:
        theta = theta_of(model, X, covariates)
        names, before = _columns(model), ids_of(ids, X)
        for name, values in before.items():
            if name in names:
                raise ValueError(f"ids has {name!r}, which is a column of theta; call it otherwise")
            if len(values) != len(theta):
                raise ValueError(
                    f"ids has {len(values):,} values as {name!r}, must have one for each of "
                    f"{len(theta):,} rows"
                )
        tables[THETA] = {**before, **dict(zip(names, theta.T, strict=True))}
    if not tables:
        raise ValueError("the latent is not on the simplex, so that csv has theta alone: give data")
    with made(Path(folder)):
        for name, columns in tables.items():
            write_text(Path(folder) / name, _text(columns))


def _learned(model: Any) -> dict[str, Mapping[str, Iterable[Any]]]:
    columns = _columns(model)
    if isinstance(model, TopicModel):
        info = model.topic_info().columns
        *_, first = info  # what tells each: words, or features
        info[first] = [" ".join(map(str, words)) for words in info[first]]
        beta = dict(zip(columns, model.topic_word_, strict=True))
        return {TOPICS: info, WORDS: {"word": names_of(model), **beta}}
    if not hasattr(model, "components_"):
        return {}
    means = dict(zip(columns, model.components_, strict=True))
    return {COMPONENTS: {"column": names_of(model), **means}}


def _columns(model: Any) -> list[str]:
    return [str(name) for name in model.get_feature_names_out()]


def _text(columns: Mapping[str, Iterable[Any]]) -> str:
    file = io.StringIO()
    values = [v.tolist() if isinstance(v, np.ndarray) else list(v) for v in columns.values()]
    writer = csv.writer(file, lineterminator=line_end(chain(columns, *values)))
    writer.writerow(columns)
    writer.writerows(zip(*values, strict=True))
    return file.getvalue()
