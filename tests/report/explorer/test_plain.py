"""What a page says without its script."""

from __future__ import annotations

import re
from html import unescape

import pytest

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
