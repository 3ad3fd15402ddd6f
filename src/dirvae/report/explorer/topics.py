"""The page of a topic model: from plain arrays to what the page holds."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from dirvae.evaluation import Interval
from dirvae.levels import LEVEL
from dirvae.report.examples import most_of
from dirvae.report.explorer.documents import Marks, Shown, per_topic, short, text_length
from dirvae.report.explorer.groups import Differences, Groups, Means
from dirvae.report.explorer.layout import hues, overlaps, positions, radii
from dirvae.report.explorer.measures import quality_payload
from dirvae.report.explorer.page import cut, html_page
from dirvae.report.explorer.plain import plain_page
from dirvae.report.explorer.samples import Samples, against_mean, samples_payload
from dirvae.report.explorer.signs import Sign, signs_of
from dirvae.report.explorer.words import SHOWN, STEPS, listed_words, uses
from dirvae.terms import COUNTS, TEXTS, Terms
from dirvae.text import visible

__all__ = ["Documents", "Pairs", "Topics", "explorer_page"]

Floats = NDArray[np.float64]
NEAREST = 5
SCRIPTS = ("drawing.js", "topic.js", "documents.js", "explorer.js")  # the last one begins to draw
MOST_WORDS = 3_000  # that can be searched
LONGEST_TOLD = 180  # letters of a covariate with its level and its reference


@dataclass(frozen=True)
class Topics:
    """A topic model, as arrays.

    Attributes:
        topic_word: beta, rows that sum to 1, shape (K, V).
        shares: Mean proportions of topics over the documents, shape (K,).
        frequency: Share of each word in the documents that the model was fitted to, shape (V,).
        top_words: Columns of the words that tell each topic best, shape (K, n).
        words: The V words.
        names: Of topics; empty where there is none, length K.
        stability: How far other seeds find each topic, in [0, 1], shape (K,); None if not known.
        terms: What the page calls documents, words and topics.
    """

    topic_word: Floats
    shares: Floats
    frequency: Floats
    top_words: NDArray[np.int64]
    words: Sequence[str]
    names: Sequence[str]
    stability: Floats | None = None
    terms: Terms = TEXTS


class Pairs(NamedTuple):
    """How often topics are in the same documents, as `topics.pairs` has it, each shape (K, K).

    Attributes:
        ratio: To what is expected; the diagonal is not read.
        lower: Lower ends of the intervals, at `LEVEL`.
        upper: Upper ends.
    """

    ratio: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Documents:
    """N documents, of which a page shows some.

    Attributes:
        theta: Proportions of topics, shape (N, K).
        counts: Of the model's words, CSR, shape (N, V).
        ids: What each is called, length N.
        known_by: What these names are, such as "file".
        labelled_by: What labels are, such as "board".
        groups: By label and time.
        shown: Those that the page shows.
        level: Of the intervals of proportions of a document.
        effects: Of covariates; None without any.
        samples: What is shown of samples of counts alone; None of documents.
        measures: Of the model on these documents, by the names of `measures_in_words`.
        baseline: The same of scikit-learn's LDA; empty for none.
        measure_intervals: Of the model's measures, those that have one, at `LEVEL`.
        pairs: Which topics go together; None where that is not known.
        drawn_from: How many documents these were drawn from at random; None where they are all.
    """

    theta: Floats
    counts: Any
    ids: Sequence[str]
    known_by: str
    groups: Groups
    shown: Shown
    level: float = LEVEL
    labelled_by: str = "label"
    effects: Differences | None = None
    samples: Samples | None = None
    measures: Mapping[str, float] = field(default_factory=dict)
    baseline: Mapping[str, float] = field(default_factory=dict)
    measure_intervals: Mapping[str, Interval] = field(default_factory=dict)
    pairs: Pairs | None = None
    drawn_from: int | None = None


def explorer_page(
    topics: Topics, documents: Documents | None = None, *, title: str = "Topics"
) -> str:
    """Return one HTML page that shows a topic model and, where there are any, its documents.

    Args:
        topics: The model.
        documents: They and what is known of them; None shows topics and words alone.
        title: Of the page.

    Example:
        >>> beta = np.array([[0.9, 0.1], [0.2, 0.8]])
        >>> ids, names = np.array([[0, 1], [1, 0]]), ["", ""]
        >>> topics = Topics(beta, np.array([0.5, 0.5]), beta.mean(0), ids, ["cat", "moon"], names)
        >>> page = explorer_page(topics)
        >>> "2 topics" in page, "http" in page.partition("</head>")[2].partition("<script")[0]
        (True, False)
    """
    payload = topics_payload(topics, documents, title=title)
    more = ("samples.js",) if topics.terms is COUNTS else ()
    return html_page(title, payload, plain_page(payload), *more, *SCRIPTS)


def topics_payload(topics: Topics, documents: Documents | None, *, title: str) -> dict[str, Any]:
    """Return what the page holds, as JSON can: numbers are rounded where eyes cannot tell."""
    overlap = overlaps(topics.topic_word)
    size = radii(topics.shares)
    lists = listed_words(topics.topic_word, topics.frequency)
    apart = against_mean(topics.topic_word, topics.frequency) if topics.terms is COUNTS else []
    columns = _searched(topics, [*lists, *_columns(apart)], documents)
    place = {int(column): index for index, column in enumerate(columns)}
    signs = signs_of(
        topics.topic_word,
        topics.shares,
        topics.top_words,
        overlap,
        topics.terms,
        stability=topics.stability,
        theta=None if documents is None else documents.theta,
        counts=None if documents is None else documents.counts,
    )
    payload: dict[str, Any] = {
        "title": visible(title),
        "sentence": _sentence(topics, documents),
        "terms": topics.terms._asdict(),
        "key": _key(topics),
        "steps": STEPS,
        "shown": SHOWN,
        "words": [cut(topics.words[column]) for column in columns],
        "frequency": [_digits(topics.frequency[column], 5) for column in columns],
        "uses": _uses(topics, columns),
        "how": {sign.kind: sign.how for of_topic in signs for sign in of_topic},
        "topics": _topics(topics, overlap, size, lists, place, signs),
        "apart": [[[place[column], ratio] for column, ratio in row] for row in apart],
        "samples": None,
        "quality": [],
        "documents": [],
    }
    if documents is not None:
        payload |= _documents_payload(topics, documents, place)
    return payload


# --- topics and words -----------------------------------------------------------------------------


def _topics(
    topics: Topics,
    overlap: Floats,
    size: Floats,
    lists: Sequence[NDArray[np.int64]],
    place: dict[int, int],
    signs: Sequence[Sequence[Sign]],
) -> list[dict[str, Any]]:
    where, hue = positions(1 - overlap, size), hues(overlap)
    near = np.argsort(-overlap + 2 * np.eye(len(overlap)), axis=1, kind="stable")[:, :NEAREST]
    return [
        {
            "share": round(float(topics.shares[k]), 5),
            "name": visible(topics.names[k]),
            "hue": int(hue[k]),
            "x": round(float(where[k, 0]), 3),
            "y": round(float(where[k, 1]), 3),
            "r": round(float(size[k]), 4),
            "top": [place[int(column)] for column in topics.top_words[k]],
            "list": [place[int(column)] for column in words],
            "p": [_digits(topics.topic_word[k, column], 6) for column in words],
            "near": [[int(j), round(float(overlap[k, j]), 4)] for j in near[k] if j != k],
            "signs": [[sign.kind, sign.fine, sign.text] for sign in signs[k]],
        }
        for k, words in enumerate(lists)
    ]


def _searched(topics: Topics, lists: Any, documents: Documents | None) -> NDArray[np.int64]:
    """Columns of the words that the page holds: all that it shows, and the commonest others."""
    shown = [*lists, topics.top_words.ravel()]
    if documents is not None:
        shown += [[word for word, _ in words] for words in _spoken(documents)]
    needed = np.unique(np.concatenate([np.asarray(part, dtype=np.int64) for part in shown]))
    common = np.argsort(-topics.frequency, kind="stable")[:MOST_WORDS]
    rest = common[~np.isin(common, needed)][: max(MOST_WORDS - len(needed), 0)]
    return np.concatenate([needed, rest])


def _columns(apart: Sequence[Sequence[tuple[int, float]]]) -> list[list[int]]:
    return [[column for column, _ in row] for row in apart]


def _uses(topics: Topics, columns: NDArray[np.int64]) -> list[list[int]]:
    """Topics with a twentieth or more of each word's uses, and the share in percent."""
    share = uses(topics.topic_word[:, columns], topics.shares)
    first = np.argsort(-share, axis=0, kind="stable")[:4]
    return [
        [x for k in first[:, w] if share[k, w] >= 0.05 for x in (int(k), round(100 * share[k, w]))]
        for w in range(len(columns))
    ]


def _sentence(topics: Topics, documents: Documents | None) -> str:
    first, *others = np.argsort(-topics.shares, kind="stable")[:2]
    about = topics.terms.many(len(topics.shares), "part")
    if documents is not None:
        rows = topics.terms.many(len(documents.theta), "row")
        if documents.drawn_from is not None:
            rows = f"{rows}, drawn at random from {documents.drawn_from:,}"
        about = f"{rows}, {about}"
    largest = f"The largest is {_called(topics, first)} with {topics.shares[first]:.1%}"
    then = "".join(f", then {_called(topics, k)} with {topics.shares[k]:.1%}" for k in others)
    return f"{about}. {largest}{then}."


def _key(topics: Topics) -> str:
    """What tells pages apart, so that the names typed into one do not show in another."""
    words = [topics.words[column] for column in topics.top_words.ravel().tolist()]
    told = repr([*words, *topics.names]).encode("utf-8", "backslashreplace")
    return hashlib.sha256(told).hexdigest()[:12]


def _called(topics: Topics, k: int) -> str:
    words = ", ".join(cut(topics.words[column]) for column in topics.top_words[k][:3])
    return f"“{visible(topics.names[k]) or words}”"


def _digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _three(value: float) -> float:
    return round(float(value), 3)


# --- documents ------------------------------------------------------------------------------------


def _documents_payload(
    topics: Topics, documents: Documents, place: dict[int, int]
) -> dict[str, Any]:
    shown, groups, theta = documents.shown, documents.groups, documents.theta
    index = {int(row): number for number, row in enumerate(shown.rows)}
    length = text_length(len(shown.rows))
    most = [most_of(theta, k, per_topic(len(topics.shares))) for k in range(theta.shape[1])]
    return {
        "total": len(documents.theta),
        "per_topic": len(most[0]),
        "length": length,
        "known_by": cut(documents.known_by),
        "sure": LEVEL,
        "z": round(float(norm.ppf((1 + LEVEL) / 2)), 6),
        "level": None if shown.lower is None else documents.level,
        "labelled_by": cut(documents.labelled_by),
        "labels": [cut(label) for label in groups.labels],
        "num_labels": groups.num_labels,
        "times": [cut(time) for time in groups.times],
        "at": [_digits(at, 15) for at in groups.at],
        "by_label": _means(groups.by_label, 5),
        "by_time": _means(groups.by_time, 5),
        "by_both": _means(groups.by_both, 4),
        "effects": None if documents.effects is None else _effects(documents.effects),
        "samples": None
        if documents.samples is None
        else samples_payload(documents.samples, theta, documents.ids, index, groups),
        "quality": quality_payload(
            documents.measures, documents.baseline, documents.measure_intervals, topics.terms
        ),
        "together": _together(documents.pairs, theta.shape[1]),
        "exemplars": [[index[int(row)] for row in rows] for rows in most],
        "most": [[_three(theta[row, k]) for row in rows] for k, rows in enumerate(most)],
        "documents": [
            _document(documents, number, length, place) for number in range(len(shown.rows))
        ],
    }


def _together(pairs: Pairs | None, num_topics: int) -> list[list[list[float]]]:
    """For each topic those that surely go with it, the surest first: number, ratio and interval."""
    if pairs is None:
        return [[] for _ in range(num_topics)]
    lower = pairs.lower.copy()
    np.fill_diagonal(lower, 0)
    order = np.argsort(-lower, axis=1, kind="stable")[:, :NEAREST]
    return [
        [[int(j), *(_three(part[k, j]) for part in pairs)] for j in order[k] if lower[k, j] > 1]
        for k in range(num_topics)
    ]


def _means(means: Means | None, digits: int) -> dict[str, Any] | None:
    """Shares and errors as whole numbers of 10 to the power of minus ``digits``; None for NaN."""
    if means is None:
        return None
    scale = 10**digits
    errors = np.where(np.isnan(means.std_error), -1, np.rint(means.std_error * scale))
    return {
        "scale": scale,
        "groups": [int(group) for group in means.groups],
        "n": [int(n) for n in means.documents],
        "share": np.rint(means.share * scale).astype(int).tolist(),
        "error": errors.astype(int).tolist(),
    }


def _effects(effects: Differences) -> dict[str, Any]:
    parts = (effects.effect, effects.lower, effects.upper)
    return {
        "values": np.round(np.stack(parts, axis=-1), 7).tolist(),
        "told": [visible(told)[:LONGEST_TOLD] for told in effects.told],
        "kinds": list(effects.kinds),
    }


def _topics_of(mean: Floats) -> list[int]:
    """Topics that a document is said to have: those of a twentieth or more, and the largest."""
    order = np.argsort(-mean, kind="stable")[:8]
    return [int(k) for place, k in enumerate(order) if place == 0 or mean[k] >= 0.05]


def _spoken(documents: Documents) -> list[Sequence[tuple[int, float]]]:
    return [
        words.get(k, ())
        for words, mean in zip(documents.shown.speaking, documents.shown.mean, strict=True)
        for k in _topics_of(mean)
    ]


def _document(
    documents: Documents, number: int, length: int, place: dict[int, int]
) -> dict[str, Any]:
    shown, groups = documents.shown, documents.groups
    row = int(shown.rows[number])
    text, is_cut = short(shown.texts[number], length)
    words, topics = shown.speaking[number], _topics_of(shown.mean[number])
    return {
        "id": cut(documents.ids[row]),
        "label": int(groups.label[row]),
        "time": int(groups.time[row]),
        "words": int(shown.lengths[number]),
        "text": text,
        "cut": is_cut,
        "marks": _marks(shown.marks[number], topics),
        "topics": [
            [
                k,
                *_interval(shown, number, k),
                [x for w, n in words.get(k, ()) for x in (place[w], n)],
            ]
            for k in topics
        ],
        "off": None if shown.off_topic is None else _finite(shown.off_topic[number]),
    }


def _marks(marks: Marks, topics: list[int]) -> list[int]:
    """Two numbers for each mark of a topic that the document is said to have.

    They are the letters since the end of the last one, and eight times its letters plus the place
    of its topic among the document's.
    """
    found, end = [], 0
    for start, length, topic in marks:
        if topic in topics:
            found += [start - end, 8 * length + topics.index(topic)]
            end = start + length
    return found


def _interval(shown: Shown, number: int, k: int) -> list[float | None]:
    if shown.lower is None or shown.upper is None:
        return [_three(shown.mean[number, k]), None, None]
    return [_three(part[number, k]) for part in (shown.mean, shown.lower, shown.upper)]


def _finite(value: float) -> float | None:
    return _three(value) if math.isfinite(value) else None
