"""The page of a topic model without its script: what is read in print, or where no script runs."""

from __future__ import annotations

from typing import Any

from dirvae.report.explorer.page import as_text
from dirvae.terms import Terms

__all__ = ["plain_page"]


def plain_page(payload: dict[str, Any]) -> str:
    """Return the body of the page, in which the script finds its places.

    Args:
        payload: What the page holds.
    """
    terms = Terms(**payload["terms"])
    order = sorted(range(len(payload["topics"])), key=lambda k: -payload["topics"][k]["share"])
    articles = "\n".join(_article(payload, k, terms) for k in order)
    return f"""<a class="skip" href="#detail">Skip to what is chosen</a>
<header>
<h1>{as_text(payload["title"])}</h1>
<p class="lead">{as_text(payload["sentence"])}</p>
<div id="controls" hidden></div>
</header>
<main id="app" hidden></main>
<section id="plain" aria-label="All {terms.part}s">
{_quality(payload)}{articles}
</section>
<footer><p>{_about(payload, terms)}</p></footer>"""


def _article(payload: dict[str, Any], k: int, terms: Terms) -> str:
    topic = payload["topics"][k]
    words = ", ".join(payload["words"][word] for word in topic["top"])
    name = topic["name"] or ", ".join(payload["words"][word] for word in topic["top"][:3])
    shown = [payload["documents"][d] for d in payload.get("exemplars", {k: []})[k][:3]]
    documents = "".join(
        f"<li><b>{as_text(document['id'])}</b> <span dir=auto>{as_text(document['text'][:300])}"
        f"{'…' if len(document['text']) > 300 else ''}</span></li>"
        for document in shown
    )
    return f"""<article>
<h2><span data-name="{k}" dir="auto">{as_text(name)}</span> <small>{terms.part} {k}, \
{topic["share"]:.1%}</small></h2>
<p dir="auto">{as_text(words)}</p>
{f"<ul>{documents}</ul>" if documents else ""}
</article>"""


def _about(payload: dict[str, Any], terms: Terms) -> str:
    if not payload["documents"]:
        parts = f"{terms.part}s and {terms.column}s".capitalize()
        return f"{parts} of a model, without {terms.row}s. Made by dirvae."
    if len(payload["documents"]) == payload["total"]:
        held = f"This page holds all {terms.many(payload['total'], 'row')}"
        return f"{held}. It opens without a network. Made by dirvae."
    widest = "" if payload["samples"] is None else ", and those with the widest intervals"
    return (
        f"This page holds {terms.many(len(payload['documents']), 'row')} of {payload['total']:,}: "
        f"the {payload['per_topic']} that have most of each {terms.part}{widest}, cut to "
        f"{payload['length']:,} letters. Shares are of all {terms.row}s. It opens without a "
        "network. Made by dirvae."
    )


def _quality(payload: dict[str, Any]) -> str:
    said = ". ".join(
        quality["said"]
        + (f" ({quality['interval']})" if quality["interval"] else "")
        + (f" (scikit-learn's LDA: {quality['baseline']})" if quality["baseline"] else "")
        for quality in payload["quality"]
    )
    return f"<p>{as_text(said)}.</p>\n" if said else ""
