"""The page of topics in Chromium: what stands there after each thing a reader does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.report.explorer.example import (
    data_of,
    documents,
    model,
    page,
)
from tests.report.explorer.tab import IN_CHROMIUM, proposed, texts

pytestmark = IN_CHROMIUM


@pytest.fixture(scope="module")
def data() -> Any:
    return data_of(page())


def test_first_screen_has_topics_by_share(opened: Any, path: Path) -> None:
    tab = opened(path)
    theta = model().transform(documents()[0])
    order = np.argsort(-theta.mean(0))
    names = ["Named" if k == 2 else proposed(k) for k in order]
    assert texts(tab, ".topics .name") == names
    assert texts(tab, ".topics .number") == [f"{theta[:, k].mean():.1%}" for k in order]
    assert texts(tab, ".topics .words") == [proposed(2)]
    assert tab.locator(".map circle").count() == 4


def test_shares_that_the_page_has_not_are_not_those_of_all(
    opened: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("dirvae.report.explorer.groups.MOST_NUMBERS", 3)
    rows, labels, years, _ = documents()
    model().report(rows, tmp_path / "page.html", labels=labels, times=years)
    tab = opened(tmp_path / "page.html")
    tab.select_option("#label", label="b")
    theta = model().transform(rows)[np.array(labels) == "b"].mean(0)
    assert texts(tab, ".topics .number") == [f"{share:.1%}" for share in -np.sort(-theta)]
    assert "no shares by" not in tab.inner_text("body")
    tab.select_option("#from", label="2001")
    assert texts(tab, ".topics .number") == []
    assert len(texts(tab, ".topics .name")) == 4
    assert tab.locator(".topics .bar").count() == 0
    assert "no shares by label and time together. Choose one of the two." in (
        tab.inner_text("body")
    )
    assert "Over time" not in texts(tab, "h3")


@pytest.mark.parametrize("step", [None, 0, 5, 20])
def test_slider_goes_from_lift_to_probability(opened: Any, path: Path, step: int | None) -> None:
    tab = opened(path)
    tab.click('nav [data-topic="3"]')
    if step is not None:
        tab.fill("#rank", str(step))
    beta, frequency = model().topic_word_[3], model().word_frequency_
    weight = (12 if step is None else step) / 20
    score = weight * np.log(beta) + (1 - weight) * np.log(beta / frequency)
    order = np.argsort(-score, kind="stable")[:15]
    assert texts(tab, ".columns .bars a") == [str(model().vocabulary_[w]) for w in order]
    numbers = texts(tab, ".columns .bars .number")
    assert numbers[::2] == [f"{100 * beta[w]:.2f}%" for w in order]
    assert numbers[1::2] == [lift(beta[w] / frequency[w]) for w in order]


def lift(ratio: float) -> str:
    size = max(ratio, 1 / ratio)
    return ("\u00f7" if ratio < 1 else "\u00d7") + (f"{size:.1f}" if size < 9.95 else f"{size:.0f}")


def test_topic_has_its_documents_and_a_document_its_topics(opened: Any, path: Path) -> None:
    tab = opened(path)
    tab.click('nav [data-topic="1"]')
    written, _, _, ids = documents()
    posterior = model().posterior(written, level=0.9)
    order = np.argsort(-posterior.mean[:, 1], kind="stable")
    assert texts(tab, ".document .head a") == [ids[row] for row in order[:5]]
    tab.click("text=Show 15 more")
    assert texts(tab, ".document .head a") == [ids[row] for row in order[:20]]
    row = order[2]
    tab.click(f".document >> text={ids[row]}")
    assert texts(tab, "h2:focus") == [ids[row]]
    likely = [k for k in np.argsort(-posterior.mean[row]) if posterior.mean[row, k] >= 0.05]
    numbers = texts(tab, ".of .number")
    assert numbers[::2] == [f"{round(100 * posterior.mean[row, k])}%" for k in likely]
    ends = zip(posterior.lower[row], posterior.upper[row], strict=True)
    ends = [f"{round(100 * low)}%\u2013{round(100 * high)}%" for low, high in ends]
    assert numbers[1::2] == [ends[k] for k in likely]
    assert texts(tab, ".text.whole") == [written[row]]
    assert set(texts(tab, ".text mark")) <= set(written[row].replace(".", "").split())
    tab.go_back()
    assert texts(tab, ".document .head a")[:5] == [ids[row] for row in order[:5]]
    tab.go_forward()
    assert texts(tab, ".text.whole") == [written[row]]


def test_one_box_finds_words_topics_and_documents(opened: Any, path: Path) -> None:
    tab = opened(path)
    written, _, _, ids = documents()
    tab.fill("#q", "MOON")
    having = [k for k, words in enumerate(model().top_words(10)) if "moon" in words]
    held = {document["id"] for document in data_of(page())["documents"]}
    found = {ids[row] for row, text in enumerate(written) if "moon" in text} & held
    assert texts(tab, "#detail h3") == [
        f"{len(having)} topic{'s' * (len(having) != 1)}",
        "1 word",
        f"{len(found)} documents",
    ]
    tab.fill("#q", ids[5])
    assert texts(tab, ".document .head a") == [ids[5]]
    assert "q=" in tab.url
    tab.fill("#q", "nothing-of-the-kind")
    assert texts(tab, "#detail h3") == ["0 topics", "0 words", "0 documents"]


def test_filters_change_shares_and_documents(opened: Any, path: Path) -> None:
    tab = opened(path)
    written, labels, years, ids = documents()
    theta = model().transform(written)
    tab.select_option("#label", label="b")
    tab.select_option("#from", label="2001")
    tab.select_option("#to", label="2001")
    inside = [row for row in range(len(ids)) if (labels[row], years[row]) == ("b", 2001)]
    mean = theta[inside].mean(0)
    shown = {int(a.get_attribute("data-topic")): a for a in tab.locator("nav [data-topic]").all()}
    for k, link in shown.items():
        assert link.locator(".number").inner_text() == f"{mean[k]:.1%}"
    assert list(shown) == sorted(shown, key=lambda k: -mean[k])
    tab.click('nav [data-topic="0"]')
    order = [row for row in np.argsort(-theta[:, 0], kind="stable")[:20] if row in inside]
    assert texts(tab, ".document .head a") == [ids[row] for row in order][:5]


def test_filter_of_several_years_has_the_error_of_their_documents(opened: Any, path: Path) -> None:
    tab = opened(path, "#topic=1&from=1&to=3")
    written, labels, years, _ = documents()
    theta = model().transform(written)
    for label, percent in zip(
        texts(tab, ".by a"), zip(*[iter(texts(tab, ".by .number"))] * 2, strict=True), strict=True
    ):
        rows = [
            row
            for row in range(len(years))
            if labels[row] == label and years[row] is not None and 2001 <= years[row] <= 2004
        ]
        years_at = data_of(page())["times"][1:4]
        rows = [row for row in rows if str(years[row]) in years_at]
        part = theta[rows, 1]
        half = 1.6448536 * part.std(ddof=1) / np.sqrt(len(part))
        told = [float(value) for value in percent[1].replace("%", "").split("\u2013")]
        assert float(percent[0][:-1]) == pytest.approx(100 * part.mean(), abs=0.06)
        ends = [max(part.mean() - half, 0), min(part.mean() + half, 1)]
        np.testing.assert_allclose(told, 100 * np.array(ends), atol=0.08)


def test_shares_over_time_have_intervals(opened: Any, path: Path) -> None:
    tab = opened(path, "#topic=3")
    shares = model().shares(documents()[0], documents()[2])
    tab.click("text=As a table")
    rows = [row.split("\t") for row in texts(tab, "tbody tr")]
    assert [row[0] for row in rows] == [str(year) for year in shares.groups]
    assert [row[3] for row in rows] == [str(n) for n in shares.documents]
    half = 1.6448536 * shares.std_error[:, 3]
    for row, share, error in zip(rows, shares.share[:, 3], half, strict=True):
        assert row[1] == f"{share:.1%}"
        assert row[2] == f"{max(share - error, 0):.1%}\u2013{min(share + error, 1):.1%}"


def test_effects_stand_by_their_names(opened: Any, tmp_path: Path) -> None:
    written = documents()[0]
    frame = pd.DataFrame({"size": np.arange(len(written)) % 7, "kind": ["b", "a", "c"] * 24})
    model().report(written, tmp_path / "page.html", covariates=frame)
    tab = opened(tmp_path / "page.html", "#topic=2", width=390)
    effects = model().effects(written, frame, level=0.9)
    assert texts(tab, ".effects li > span:first-child") == [
        "size",
        "kind: b, not a",
        "kind: c, not a",
    ]
    numbers = texts(tab, ".effects .number")
    for c in range(3):
        parts = (effects.effect, effects.lower, effects.upper)
        shown = " to ".join(numbers[2 * c : 2 * c + 2]).replace("\u2212", "-").split(" to ")
        expected = [100 * part[1 + c, 2] for part in parts]
        np.testing.assert_allclose([float(value) for value in shown], expected, rtol=0.05)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_quality_is_said_in_words_and_how_one_click_away(opened: Any, tmp_path: Path) -> None:
    model().report(documents()[0], tmp_path / "page.html", baseline=True)
    tab = opened(tmp_path / "page.html")
    scores = model().evaluate(documents()[0])
    tab.wait_for_selector(".quality")
    said = texts(tab, ".quality summary span:first-child")
    assert f"{scores.perplexity:,.1f} equal words" in said[0]
    quality = data_of((tmp_path / "page.html").read_text())["quality"]
    told = [f"LDA: {measure['baseline']}" for measure in quality]
    assert texts(tab, ".quality summary .soft") == told
    how = tab.locator(".quality p").first
    assert not how.is_visible()
    tab.locator(".quality summary").first.click()
    assert how.inner_text().startswith("Perplexity; lower is better.")


def test_names_are_typed_kept_and_downloaded(opened: Any, path: Path) -> None:
    tab = opened(path, "#topic=0")
    tab.fill("#name", ' "quoted"  <b>name ')
    assert texts(tab, 'nav [data-name="0"]') == ['"quoted" <b>name']
    with tab.expect_download() as download:
        tab.click("#names")
    assert download.value.suggested_filename == "topic-names.json"
    names = json.loads(Path(download.value.path()).read_text())
    assert names == {"0": '"quoted" <b>name', "2": "Named"}
    again = data_of(model().report(names=names))
    assert [topic["name"] for topic in again["topics"]] == ['"quoted" <b>name', "", "Named", ""]
    tab.reload()
    assert tab.input_value("#name") == '"quoted" <b>name'


def test_the_words_of_the_reader_are_kept(opened: Any, tmp_path: Path) -> None:
    """A column of labels has its name, and a long name of a topic ends where it is cut."""
    written, labels, years, ids = documents()
    given = {"times": years, "ids": ids, "names": {2: "A name as long as none"}}
    board = pd.Series(labels, name="board")
    model().report(written, tmp_path / "page.html", labels=board, **given)
    tab = opened(tmp_path / "page.html")
    first = [model().top_words(1)[k][0] for k in range(4)]
    drawn = [tab.locator(f'.map [data-name1="{k}"]').text_content() for k in range(4)]
    assert drawn == [*first[:2], "A name as lon\u2026", first[3]]
    title = tab.locator('.map [data-topic="2"] title').text_content()
    assert title.startswith("A name as long as none: ")
    assert texts(tab, "label:has(#label) span") == ["board"]
    assert "What each board is about" in texts(tab, "h3")
    tab = opened(tmp_path / "page.html", "#topic=2")
    assert "By board" in texts(tab, "h3")
    assert texts(tab, "h2 ~ p small")[0].endswith("give the file to dirvae report --names.")
    row = int(model().transform(written)[:, 2].argmax())
    about = [labels[row], years[row], f"{model().counts([written[row]]).sum():.0f} counted words"]
    shown = " \u00b7 ".join(str(part) for part in about if part is not None)
    assert texts(tab, ".document .head .soft")[0] == shown


def test_address_of_nothing_shows_all_topics(opened: Any, path: Path) -> None:
    tab = opened(path, "#topic=99&doc=-1&word=x&label=7&rank=&q=")
    assert texts(tab, "#detail h2") == ["All topics"]
