"""How the page of topics can be used in Chromium: widths, keys, colours, print, strange texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.explorer.example import (
    data_of,
    documents,
    model,
)
from tests.report.explorer.tab import (
    IN_CHROMIUM,
    assert_answers_at_once,
    assert_usable_by_all,
    proposed,
    texts,
)

pytestmark = IN_CHROMIUM


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize(
    "address", ["", "#topic=1", "#doc=3", "#word=2", "#q=a", "#topic=0&from=1"]
)
def test_nothing_overflows(opened: Any, path: Path, width: int, address: str) -> None:
    tab = opened(path, address, width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("address", "width"), [("", 1440), ("#topic=1", 390), ("#doc=3", 1440)])
def test_axe_finds_nothing_serious(
    opened: Any, path: Path, address: str, width: int, dark: bool
) -> None:
    tab = opened(path, address, width=width, dark=dark)
    assert_usable_by_all(tab)


def test_keyboard_reaches_a_topic_and_its_slider(opened: Any, path: Path) -> None:
    tab = opened(path)
    tab.locator(".topics a").first.focus()
    tab.keyboard.press("Enter")
    assert texts(tab, "h2:focus") == [proposed(1)]
    tab.locator("#rank").focus()
    before = texts(tab, ".columns .bars a")
    for _ in range(8):
        tab.keyboard.press("ArrowRight")
    assert tab.locator("#rank").get_attribute("aria-valuetext").startswith("100%")
    assert "rank=20" in tab.url
    assert texts(tab, ".columns .bars a") != before


def test_theme_turns_and_stays(opened: Any, path: Path) -> None:
    tab = opened(path)
    paper = "getComputedStyle(document.body).backgroundColor"
    assert tab.evaluate(paper) == "rgb(255, 255, 255)"
    tab.click("#theme")
    assert tab.evaluate(paper) == "rgb(21, 24, 28)"
    tab.reload()
    assert tab.evaluate(paper) == "rgb(21, 24, 28)"


def test_print_has_topics_with_words_and_documents(opened: Any, path: Path) -> None:
    tab = opened(path)
    tab.emulate_media(media="print")
    assert not tab.is_visible("#app")
    assert texts(tab, "#plain article p") == [
        ", ".join(model().top_words(10)[k])
        for k in np.argsort(-model().transform(documents()[0]).mean(0))
    ]


def test_strange_text_runs_nothing(opened: Any, tmp_path: Path) -> None:
    strange = ["</script><script>document.title='run'</script>", "<img src=x onerror=alert(1)>"]
    written = [f"{text} moon {'stars' * (row % 2)} cat" for row, text in enumerate(strange * 4)]
    fitted = type(model())(2, max_epochs=1, random_state=0).fit(written)
    path = tmp_path / "<b>.html"
    fitted.report(
        written, path, labels=strange * 4, ids=strange * 4, names=strange, title=strange[0]
    )
    (tmp_path / "page.html").write_text(path.read_text())
    for address in ("", "#topic=0", "#doc=0", "#q=img"):
        tab = opened(tmp_path / "page.html", address)
        assert tab.title() == strange[0]
        assert tab.locator("img").count() == 0
    assert texts(tab, ".document .head a")[0] in strange


def test_large_pages_answer_at_once(opened: Any, tmp_path: Path) -> None:
    """1,000 documents of 50 topics."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.dirichlet(np.full(2000, 0.02), 50)[rng.integers(50, size=1200)] * 90)
    fitted = type(model())(50, max_epochs=1, hidden_sizes=(4,), random_state=0).fit(counts)
    fitted.report(counts, tmp_path / "page.html", labels=list("abcd") * 300, times=[1, 2, 3] * 400)
    to = ("#topic=3", "#topic=4&rank=3", "#doc=9", "#q=word 1", "#from=1")
    assert_answers_at_once(lambda: opened(tmp_path / "page.html"), *to)
    tab = opened(tmp_path / "page.html", "#q=word")
    words = data_of((tmp_path / "page.html").read_text())["words"]
    assert len(words) >= 1000
    assert f"{len(words):,} words" in texts(tab, "#app h3")
