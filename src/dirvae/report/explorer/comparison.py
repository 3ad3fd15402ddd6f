"""The page that puts topic models side by side: what each is worth, which topics go together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dirvae.report.explorer.measures import Measure, measures_in_words
from dirvae.report.explorer.page import as_text, cut, html_page
from dirvae.terms import TEXTS, Terms
from dirvae.text import visible

__all__ = ["Compared", "Partners", "comparison_page"]

HUES = 8


class Partners(NamedTuple):
    """Topics of one model that go with those of the first, shape (K,) each.

    Attributes:
        order: The partner of each topic of the first; -1 for none.
        similarity: Cosine of their words.
        agreement: Correlation of their shares over documents; NaN where it is not known.
    """

    order: NDArray[np.int64]
    similarity: NDArray[np.float64]
    agreement: NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """What is shown of a model.

    Attributes:
        name: Of the model.
        topics: Names of its K topics.
        shares: Of the topics, shape (K,).
        words: Those that tell each topic best, K lists.
        num_words: Words that it knows.
        measures: Some of "perplexity", "coherence" and "diversity".
    """

    name: str
    topics: Sequence[str]
    shares: NDArray[np.float64]
    words: Sequence[Sequence[str]]
    num_words: int
    measures: Mapping[str, float]


def comparison_page(
    models: Sequence[Compared],
    partners: Sequence[Partners],
    shared: int,
    documents: int,
    terms: Terms = TEXTS,
    *,
    title: str | None = None,
) -> str:
    """Return one HTML page.

    Args:
        models: Two or more.
        partners: Of the topics of the first, for each model after it.
        shared: Words that all know.
        documents: On which they are compared; 0 for none.
        terms: What documents, words and topics are called.
        title: Of the page; what it shows if None.

    Example:
        >>> one = Compared("a", ["sea"], np.ones(1), [["ship"]], 1, {"diversity": 1.0})
        >>> match = Partners(np.zeros(1, int), np.ones(1), np.array([np.nan]))
        >>> "1 of 1 topic has a partner" in comparison_page([one, one], [match], 1, 0)
        True
    """
    title = f"{terms.part.capitalize()}s compared" if title is None else title
    body = f"""<header>
<h1>{as_text(title)}</h1>
<p class="lead">{as_text(_sentence(models, shared, documents, terms))}</p>
<div id="controls" hidden></div>
</header>
<main id="compare">
{_worth(models, terms)}
{_matched(models, partners, terms)}
{_alone(models, partners, terms)}
</main>
<footer><p>It opens without a network. Made by dirvae.</p></footer>"""
    return html_page(title, {"title": visible(title)}, body, "comparison.js")


def _sentence(models: Sequence[Compared], shared: int, documents: int, terms: Terms) -> str:
    told = ", ".join(
        f"{cut(model.name)} ({terms.many(len(model.topics), 'part')})" for model in models
    )
    on = f" on {terms.many(documents, 'row')}" if documents else ""
    known = {model.num_words for model in models}
    words = terms.many(shared, "column")
    if known == {shared}:
        return f"{told}{on}. All know the same {words}."
    most = max(known)
    return f"{told}{on}. All know {words}, of up to {most:,}; they are compared by these."


# --- what each is worth ---------------------------------------------------------------------------


def _worth(models: Sequence[Compared], terms: Terms) -> str:
    shown = [
        (key, measure)
        for key, measure in measures_in_words(terms).items()
        if any(key in model.measures for model in models)
    ]
    if not shown:
        return ""
    head = "".join(f"<th scope='col'>{measure.name}</th>" for _, measure in shown)
    rows = "".join(
        f"<tr><th scope='row' dir='auto'>{as_text(cut(model.name))}</th>"
        f"{''.join(_value(models, model, key, measure) for key, measure in shown)}</tr>"
        for model in models
    )
    meanings = "".join(
        f"<details><summary>{measure.name}: {measure.better}</summary>"
        f"<p class='soft'>{measure.meaning}</p></details>"
        for _, measure in shown
    )
    return f"""<section id="worth"><h2>What each is worth</h2>
<div class="scroll"><table><thead><tr><th scope='col'>Model</th>{head}</tr></thead>
<tbody>{rows}</tbody></table></div>
<p class="soft">The best of each column is in bold. Small differences are within chance. \
On {terms.row}s that it was fitted to, a model does better than on others.</p>
{meanings}</section>"""


def _value(models: Sequence[Compared], model: Compared, key: str, measure: Measure) -> str:
    value = model.measures.get(key)
    if value is None or not math.isfinite(value):
        return "<td>not defined</td>"
    known = [m.measures[key] for m in models if math.isfinite(m.measures.get(key, math.nan))]
    best = (min if measure.low_is_good else max)(known) == value
    text = format(value, measure.digits)
    return f"<td>{f'<b>{text}</b>' if best else text}</td>"


# --- topics ---------------------------------------------------------------------------------------


def _matched(models: Sequence[Compared], partners: Sequence[Partners], terms: Terms) -> str:
    first, *others = models
    pairs = list(zip(others, partners, strict=True))
    order = np.argsort(-first.shares, kind="stable").tolist()
    cards = "\n".join(_card(first, k, place % HUES, pairs, terms) for place, k in enumerate(order))
    counts = " ".join(_count(match, model, terms) for model, match in pairs)
    part, column, row = terms.part, terms.column, terms.row
    return f"""<section id="matched"><h2>The {part}s of {as_text(cut(first.name))}, and their \
partners</h2>
<p class="soft">{as_text(counts)} Partners are matched one to one, so that their {column}s are as \
alike as can be.</p>
<details><summary>What is alike?</summary><p class="soft">{column.capitalize()}s alike: the cosine \
of the {column}s of both, 1 if they are the same. Below 0.5 a {part} has no partner. \
{row.capitalize()}s alike: the correlation of their shares over the {row}s. \
{column.capitalize()}s that are among the first of both are in bold.</p></details>
<ul class="plain cards pairs-of">{cards}</ul></section>"""


def _card(
    first: Compared, k: int, hue: int, pairs: Sequence[tuple[Compared, Partners]], terms: Terms
) -> str:
    others = "".join(_partner(first, k, model, match, terms) for model, match in pairs)
    words = as_text(", ".join(map(cut, first.words[k])))
    return (
        f'<li class="hue{hue}"><h3><i class="dot"></i>{_topic(first, k, terms)}</h3>'
        f'<p class="soft" dir="auto">{words}</p><ul class="partners">{others}</ul></li>'
    )


def _count(match: Partners, model: Compared, terms: Terms) -> str:
    count, size = int((match.order >= 0).sum()), len(match.order)
    has = "has a partner" if count == 1 else "have partners"
    return f"{count} of {terms.many(size, 'part')} {has} in {cut(model.name)}."


def _topic(model: Compared, k: int, terms: Terms) -> str:
    return (
        f'<span dir="auto">{as_text(visible(model.topics[k]))}</span> '
        f'<small class="soft">{terms.part} {k}, {model.shares[k]:.1%}</small>'
    )


def _partner(first: Compared, k: int, model: Compared, match: Partners, terms: Terms) -> str:
    j = int(match.order[k])
    head = f"<small class='soft' dir='auto'>{as_text(cut(model.name))}</small>"
    if j < 0:
        return f"<li>{head}<p class='soft'>No partner.</p></li>"
    words = ", ".join(
        f"<b>{as_text(cut(word))}</b>" if word in first.words[k] else as_text(cut(word))
        for word in model.words[j]
    )
    agreement = match.agreement[k]
    bars = _bar(f"{terms.column}s alike", match.similarity[k])
    bars += "" if math.isnan(agreement) else _bar(f"{terms.row}s alike", agreement)
    told = f"<p>{_topic(model, j, terms)}</p><p class='soft' dir='auto'>{words}</p>"
    return f"<li>{head}{told}{bars}</li>"


def _bar(name: str, value: float) -> str:
    return (
        f'<p class="alike"><span class="soft">{name}</span><span class="track" aria-hidden="true">'
        f'<i class="bar" style="width:{100 * max(value, 0):.1f}%"></i></span>'
        f'<span class="number">{value:.2f}</span></p>'
    )


def _alone(models: Sequence[Compared], partners: Sequence[Partners], terms: Terms) -> str:
    items = []
    for model, match in zip(models[1:], partners, strict=True):
        left = sorted(set(range(len(model.topics))) - set(match.order.tolist()))
        items += [_left(model, k, terms) for k in sorted(left, key=lambda k: -model.shares[k])]
    name = as_text(cut(models[0].name))
    inside = f'<ul class="plain">{"".join(items)}</ul>' if items else "<p class='soft'>None.</p>"
    return f"""<section id="alone"><h2>{terms.part.capitalize()}s that {name} has not</h2>
{inside}</section>"""


def _left(model: Compared, k: int, terms: Terms) -> str:
    words = as_text(", ".join(map(cut, model.words[k])))
    of = f"<small class='soft' dir='auto'>of {as_text(cut(model.name))}</small>"
    return f"<li><p>{_topic(model, k, terms)} {of}</p><p class='soft' dir='auto'>{words}</p></li>"
