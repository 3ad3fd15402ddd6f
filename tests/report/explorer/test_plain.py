"""What a page says without its script."""

from __future__ import annotations

import re
from html import unescape

import pytest

from dirvae.report.explorer.plain import plain_page
from dirvae.terms import COUNTS, TEXTS
from tests.report.explorer.example import composition, data_of, documents, model, page, samples


def said(html: str) -> str:
    """The text of a page's body."""
    body = html.partition("<body>")[2].partition("<script")[0]
    return " ".join(unescape(re.sub("<[^>]*>", " ", body)).split())


def test_documents_topics_and_words_are_called_so() -> None:
    text = said(page())
    assert text.startswith("Skip to what is chosen Topics 72 documents, 4 topics. The largest is")
    assert "This page holds all 72 documents. It opens without a network." in text
    assert said(model().report()).endswith(
        "Topics and words of a model, without documents. Made by dirvae."
    )


def test_a_topic_has_its_words_and_the_first_documents() -> None:
    written, _, _, ids = documents()
    theta = model().transform(written)
    articles = re.findall(r"<article>(.*?)</article>", page(), re.S)
    for article, k in zip(articles, (-theta.mean(0)).argsort(), strict=True):
        assert f"topic {k}, {theta[:, k].mean():.1%}" in article
        assert ", ".join(model().top_words(10)[k]) in article
        first = (-theta[:, k]).argsort(kind="stable")[:3]
        assert re.findall("<b>(.*?)</b>", article) == [ids[row] for row in first]


def test_samples_components_and_features_are_called_so() -> None:
    counts, _ = samples()
    html = composition().report(counts, ids=list(counts.index))
    text = said(html)
    assert text.startswith(
        "Skip to what is chosen Components 48 samples, 3 components. The largest"
    )
    theta = composition().transform(counts)
    for k in range(3):
        assert f"component {k}, {theta[:, k].mean():.1%}" in text
    assert not re.search(r"\b(document|topic|word)s?\b", text)
    signs = " ".join(sign[2] for topic in data_of(html)["topics"] for sign in topic["signs"])
    how = " ".join(data_of(html)["how"].values())
    assert not re.search(r"\b(document|topic|word|text)s?\b", f"{signs} {how}")
    assert all(document["off"] is None for document in data_of(html)["documents"])
    alone = said(composition().report())
    assert alone.endswith("Components and features of a model, without samples. Made by dirvae.")


@pytest.mark.parametrize("covariates", [None, samples()[1]])
def test_names_of_features_are_numbered_where_there_are_none(covariates) -> None:
    nameless = type(composition())(2, max_epochs=1, hidden_sizes=(4,), random_state=0)
    counts = samples()[0].to_numpy()
    found = data_of(nameless.fit(counts, covariates=covariates).report())
    assert set(found["words"]) == {f"feature {column}" for column in range(12)}


# --- small examples, by hand ------------------------------------------------------------------


def payload(**more):
    topics = [
        {"share": 0.25, "name": "", "top": [1, 0, 2, 3]},
        {"share": 0.75, "name": "<Named>", "top": [3]},
    ]
    return {
        "title": "T&",
        "sentence": "All & more.",
        "terms": TEXTS._asdict(),
        "topics": topics,
        "words": ["a", "b<", "c", "d"],
        "documents": [],
        "samples": None,
        "quality": [],
        **more,
    }


def with_documents(count, total, **more):
    documents = [{"id": f"i{d}<", "text": "t" * (298 + d)} for d in range(count)]
    exemplars = [[4, 2, 0, 1], [3, 1, 2]]
    known = {"documents": documents, "exemplars": exemplars, "total": total}
    return payload(**known, per_topic=5, length=1500, **more)


def articles(html):
    return re.findall(r"<article>(.*?)</article>", html, re.S)


def text_of(html):
    return " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())


def test_topics_are_told_the_largest_first_by_name_or_by_three_words():
    html = plain_page(payload())
    assert list(map(text_of, articles(html))) == [
        "<Named> topic 1, 75.0% d",
        "b<, a, c topic 0, 25.0% b<, a, c, d",
    ]
    assert re.findall('data-name="(.)"', html) == ["1", "0"]
    assert "<ul>" not in html
    assert "<h1>T&amp;</h1>" in html
    assert '<p class="lead">All &amp; more.</p>' in html
    assert '<section id="plain" aria-label="All topics">\n<article>' in html
    assert text_of(html).endswith("Topics and words of a model, without documents. Made by dirvae.")


def test_three_documents_of_a_topic_are_told_by_300_letters():
    first, second = articles(plain_page(with_documents(5, 5)))
    assert re.findall("<b>(.*?)</b>", first) == ["i3&lt;", "i1&lt;", "i2&lt;"]
    assert re.findall("<b>(.*?)</b>", second) == ["i4&lt;", "i2&lt;", "i0&lt;"]
    texts = re.findall("<span dir=auto>(.*?)</span>", first)
    assert texts == ["t" * 300 + "…", "t" * 299, "t" * 300]


@pytest.mark.parametrize(
    ("total", "more", "said"),
    [
        (5, {}, "This page holds all 5 documents. It opens"),
        (
            6,
            {},
            "5 documents of 6: the 5 that have most of each topic, cut to 1,500 letters. Shares",
        ),
        (
            2000,
            {"samples": {}, "terms": COUNTS._asdict()},
            "5 samples of 2,000: the 5 that have most of each component, and those with the widest "
            "intervals, cut to 1,500 letters. Shares are of all samples.",
        ),
    ],
)
def test_a_page_says_which_documents_it_holds(total, more, said):
    [footer] = re.findall(
        "<footer>(.*?)</footer>", plain_page(with_documents(5, total) | more), re.S
    )
    assert said in text_of(footer)
    assert text_of(footer).endswith("It opens without a network. Made by dirvae.")


def test_quality_is_told_with_what_it_is_beside():
    quality = [
        {"said": "A < 1", "interval": "0 to 2", "baseline": "3"},
        {"said": "B 2", "interval": None, "baseline": None},
    ]
    html = plain_page(payload(quality=quality))
    assert "<p>A &lt; 1 (0 to 2) (scikit-learn&#x27;s LDA: 3). B 2.</p>" in html
