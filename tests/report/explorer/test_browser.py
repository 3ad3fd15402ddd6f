"""The pages in Chromium: what stands there after each thing a reader does."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.report.explorer.example import (
    composition,
    data_of,
    digits,
    documents,
    flowers,
    model,
    page,
    reads,
    samples,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# A browser asks its maker's servers of its own accord, unless it is told not to.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# Longest task that kept the page from answering, and when it could be used, in milliseconds.
WATCH = """
window.longest = 0;
new PerformanceObserver((list) => list.getEntries().forEach(
  (entry) => { window.longest = Math.max(window.longest, entry.duration); },
)).observe({ type: "longtask", buffered: true });
"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install dirvae[browser]")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory: Any) -> Path:
    place = tmp_path_factory.mktemp("page") / "page.html"
    place.write_text(page())
    return place


@pytest.fixture(scope="module")
def data() -> Any:
    return data_of(page())


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a page; at the end nothing may have been said on the console, or asked of a network."""
    contexts, faults = [], []

    def open_(
        path: Path, address: str = "", *, width: int = 1440, dark: bool = False, app: str = "#app"
    ) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(5000)
        tab.add_init_script(WATCH)
        tab.on("console", lambda message: faults.append(message.text))
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith(("file:", "data:", "blob:"))
                else faults.append(asked.url)
            ),
        )
        tab.goto(f"file://{path}{address}")
        tab.wait_for_selector(f"{app}:not([hidden])")
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert faults == []


def texts(tab: Any, selector: str) -> list[str]:
    tab.wait_for_timeout(50)  # parts of the page are drawn one after the other
    return [text.strip() for text in tab.locator(selector).all_inner_texts()]


def proposed(k: int) -> str:
    return ", ".join(model().top_words(3)[k])


def test_first_screen_has_topics_by_share(opened: Any, path: Path) -> None:
    tab = opened(path)
    theta = model().transform(documents()[0])
    order = np.argsort(-theta.mean(0))
    names = ["Named" if k == 2 else proposed(k) for k in order]
    assert texts(tab, ".topics .name") == names
    assert texts(tab, ".topics .number") == [f"{theta[:, k].mean():.1%}" for k in order]
    assert texts(tab, ".topics .words") == [proposed(2)]
    assert tab.locator(".map circle").count() == 4


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
    assert numbers[1::2] == [f"\u00d7{beta[w] / frequency[w]:.1f}" for w in order]


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
    assert texts(tab, ".effects li > span:first-child") == ["size", "kind_b", "kind_c"]
    numbers = texts(tab, ".effects .number")
    for c in range(3):
        parts = (effects.effect, effects.lower, effects.upper)
        shown = " to ".join(numbers[2 * c : 2 * c + 2]).replace("\u2212", "-").split(" to ")
        expected = [100 * part[1 + c, 2] for part in parts]
        np.testing.assert_allclose([float(value) for value in shown], expected, rtol=0.05)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


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


def test_address_of_nothing_shows_all_topics(opened: Any, path: Path) -> None:
    tab = opened(path, "#topic=99&doc=-1&word=x&label=7&rank=&q=")
    assert texts(tab, "#detail h2") == ["All topics"]


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
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    tab = opened(path, address, width=width, dark=dark)
    found = axe.Axe().run(tab).response["violations"]
    serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in serious] == []


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
    best = [answered(opened(tmp_path / "page.html")) for _ in range(3)]
    # Where more processes wait than there are cores, each thing takes as many times as long.
    waiting = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert min(ready for ready, _ in best) < 1500 * waiting
    assert min(longest for _, longest in best) < 200 * waiting


def answered(tab: Any) -> tuple[float, float]:
    """Milliseconds until the page could be used, and of the longest task in which it could not."""
    ready = tab.evaluate("performance.now()")
    for address in ("#topic=3", "#topic=4&rank=3", "#doc=9", "#q=word 1", "#from=1"):
        tab.evaluate("(to) => { location.hash = to; }", address)
        tab.wait_for_timeout(50)
    return ready, tab.evaluate("window.longest")


# --- compositions -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counted(tmp_path_factory: Any) -> Path:
    """A page of counts."""
    place = tmp_path_factory.mktemp("counts") / "page.html"
    counts, known = samples()
    ids = {"sample": list(counts.index)}
    composition().report(counts, place, labels=known["diet"], ids=ids, covariates=known)
    return place


@pytest.mark.parametrize("address", ["", "#topic=1", "#doc=3", "#word=2", "#q=taxon"])
def test_a_page_of_counts_speaks_of_samples(opened: Any, counted: Path, address: str) -> None:
    tab = opened(counted, address)
    tab.wait_for_timeout(100)
    shown = tab.inner_text("body") + " ".join(
        part.get_attribute("aria-label") or "" for part in tab.locator("[aria-label]").all()
    )
    assert not re.search(r"\b(document|topic|word|text)s?\b", shown, re.I)
    assert {"component", "sample"} <= set(re.findall("[a-z]+", shown.lower().replace("s ", " ")))
    assert tab.get_attribute("#q", "placeholder") == "features, samples, names"


# --- components -------------------------------------------------------------------------------


@pytest.fixture
def played(opened: Any, tmp_path: Path) -> Any:
    def open_(example: Any, address: str = "", **options: Any) -> Any:
        fitted, X = example()
        fitted.report(X, tmp_path / "page.html")
        tab = opened(tmp_path / "page.html", address, app="#parts", **options)
        tab.wait_for_timeout(50)
        return tab

    return open_


def shades(tab: Any) -> Any:
    return np.array(
        tab.evaluate(
            """() => { const c = document.querySelector("canvas.decoded");
            const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            return Array.from(d).filter((_, i) => i % 4 === 0); }"""
        )
    )


def test_page_decodes_as_the_model_does(played: Any) -> None:
    z = [0.4, 0.1, 0.2, 0.3]
    tab = played(digits, f"#z={','.join(map(str, z))}")
    expected = digits()[0].inverse_transform([z])[0]
    np.testing.assert_allclose(shades(tab) / 255, expected, atol=1e-2)
    tab.fill("#z2", "0.6")
    moved = [0.4 * 0.5, 0.1 * 0.5, 0.6, 0.3 * 0.5]
    expected = digits()[0].inverse_transform([moved])[0]
    np.testing.assert_allclose(shades(tab) / 255, expected, atol=1e-2)
    numbers = {
        int(item.locator("input").get_attribute("id")[1:]): item.locator(".number").inner_text()
        for item in tab.locator(".sliders li").all()
    }
    assert numbers == {k: f"{v:.1%}" for k, v in enumerate(moved)}
    tab.click("text=Go to component 1")
    expected = digits()[0].inverse_transform([[0.0, 1.0, 0.0, 0.0]])[0]
    np.testing.assert_allclose(shades(tab) / 255, expected, atol=1e-2)


def test_triangle_is_dragged(played: Any) -> None:
    tab = played(digits)
    box = tab.locator(".triangle").bounding_box()
    corners = [int(text) for text in tab.locator(".triangle text").all_text_contents()]
    x, y = 40, 60  # in the drawing, whose corners are (0, 86.6), (100, 86.6) and (50, 0)
    tab.mouse.move(*at(box, 50, 50))
    tab.mouse.down()
    tab.mouse.move(*at(box, x, y), steps=3)
    tab.mouse.up()
    top = 1 - y / 86.6
    right = (x - 50 * top) / 100
    z = np.zeros(4)
    z[corners] = 1 - top - right, right, top
    shown = [float(v) for v in tab.url.partition("#z=")[2].split(",")]
    np.testing.assert_allclose(shown, z, atol=0.01)
    expected = digits()[0].inverse_transform([shown])[0]
    np.testing.assert_allclose(shades(tab) / 255, expected, atol=1e-2)


def at(box: Any, x: float, y: float) -> tuple[float, float]:
    """Where a point of the triangle's drawing is on the screen."""
    return box["x"] + (x + 12) / 124 * box["width"], box["y"] + (y + 12) / 112 * box["height"]


@pytest.mark.parametrize(("example", "z"), [(flowers, [0.2, 0.5, 0.3]), (reads, [0.7, 0.3])])
def test_page_decodes_columns(played: Any, example: Any, z: list[float]) -> None:
    tab = played(example, f"#z={','.join(map(str, z))}")
    fitted, X = example()
    x, values = fitted.inverse_transform([z])[0], np.asarray(X)
    found = data_of(fitted.report(X))["features"]
    numbers = iter(texts(tab, ".decoded .number"))
    apart = (x - values.mean(0)) / values.std(0)
    for name in texts(tab, ".decoded li span:first-child"):
        column = found.index(name)
        assert float(next(numbers)) == pytest.approx(x[column], rel=1e-2)
        told = next(numbers).removesuffix(" sd").replace("\u2212", "-")
        assert float(told) == pytest.approx(apart[column], abs=0.06)
    assert next(numbers, None) is None


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("example", "width"), [(digits, 390), (digits, 1440), (flowers, 390)])
def test_components_fit_and_can_be_used_by_all(
    played: Any, example: Any, width: int, dark: bool
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    tab = played(example, width=width, dark=dark)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(tab).response["violations"]
    serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in serious] == []
