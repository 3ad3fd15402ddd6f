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

from dirvae.topics import compare
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
    assert re.search(r"\bcomponents?\b", shown, re.I)
    assert re.search(r"\bsamples?\b", shown, re.I)
    assert tab.get_attribute("#q", "placeholder") == "features, samples, names"


def shares_by_name() -> pd.DataFrame:
    """Shares of the samples; columns are names of components, the commonest first."""
    counts, _ = samples()
    theta = pd.DataFrame(composition().transform(counts), counts.index)
    theta.columns = [", ".join(words) for words in composition().top_words(3)]
    return theta.iloc[:, np.argsort(-theta.mean().to_numpy())]


def test_bars_tell_their_samples_and_open_them(opened: Any, counted: Path) -> None:
    tab = opened(counted)
    theta = shares_by_name()
    tab.wait_for_selector(".stack")
    assert texts(tab, ".stacks b") == ["fast", "home", "swap"]
    inside = theta[samples()[1]["diet"] == "home"]
    place = [list(theta.columns).index(name) for name in inside.idxmax(axis=1)]
    order = inside.index[np.lexsort((-inside.max(axis=1), place))]
    strip = tab.locator(".stack").nth(1)
    assert strip.get_attribute("aria-valuemax") == str(len(order))
    strip.focus()
    for _ in range(3):
        tab.keyboard.press("ArrowRight")
    row = inside.loc[order[3]].sort_values(ascending=False)
    told = ", ".join(f"{n} {round(100 * share)}%" for n, share in row.items() if share >= 0.01)
    assert strip.get_attribute("aria-valuetext") == f"{order[3]}: {told}"
    assert texts(tab, ".said")[1].startswith(order[3])
    box = strip.bounding_box()
    x = box["x"] + (len(order) - 0.5) / len(order) * box["width"]
    tab.mouse.click(x, box["y"] + box["height"] / 2)
    assert texts(tab, "#detail h2") == [order[-1]]
    tab.go_back()
    tab.wait_for_selector(".stack")
    tab.locator(".stack").nth(1).focus()
    tab.keyboard.press("End")
    tab.keyboard.press("Enter")
    assert texts(tab, "#detail h2") == [order[-1]]


def test_a_bar_is_as_high_as_its_shares(opened: Any, counted: Path) -> None:
    """Each path goes along the upper ends of a component's bars, and back along the lower ones."""
    tab = opened(counted)
    tab.wait_for_selector(".stack")
    theta, diet = shares_by_name(), samples()[1]["diet"]
    inside = theta[diet == "swap"]
    place = [list(theta.columns).index(name) for name in inside.idxmax(axis=1)]
    shares = inside.iloc[np.lexsort((-inside.max(axis=1), place))]
    paths = tab.locator(".stack").nth(2).locator("path").all()
    for name, path in zip(theta.columns, paths, strict=True):
        ends = [float(end) for end in re.findall(r"V(-?\d+)", path.get_attribute("d") or "")]
        upper, lower = np.array(ends).reshape(2, -1)
        np.testing.assert_allclose((lower[::-1] - upper) / 1000, shares[name], atol=6e-4)
    np.testing.assert_allclose(upper, 0, atol=2)


def test_groups_of_samples_are_chosen_filtered_and_read_as_a_table(
    opened: Any, tmp_path: Path
) -> None:
    counts, known = samples()
    age = known.assign(old=np.where(known["age"] > 35, "old", "young"))
    composition().report(counts, tmp_path / "page.html", labels=known["diet"], covariates=age)
    tab = opened(tmp_path / "page.html")
    theta = shares_by_name()
    tab.select_option("#by", label="old")
    tab.wait_for_timeout(100)
    assert texts(tab, ".stacks b") == ["old", "young"]
    tab.locator("summary", has_text="As a table").first.click()
    means = theta.groupby(age["old"]).mean()
    sizes = age["old"].value_counts()
    assert texts(tab, "tbody tr") == [
        "\t".join([name, str(sizes[name]), *(f"{share:.1%}" for share in means.loc[name])])
        for name in ("old", "young")
    ]
    tab.select_option("#label", label="swap")
    tab.wait_for_timeout(100)
    inside = age[age["diet"] == "swap"]["old"].value_counts()
    assert texts(tab, ".stacks small") == [f"{inside[name]} samples" for name in ("old", "young")]


def test_features_stand_against_the_mean(opened: Any, counted: Path) -> None:
    tab = opened(counted)
    tab.wait_for_selector(".apart")
    theta = composition().transform(samples()[0])
    mean = theta.mean(0) @ composition().topic_word_
    features = samples()[0].columns.tolist()
    apart = data_of(counted.read_text())["apart"]
    most = min(5, max(abs(ratio) for row in apart for _, ratio in row))
    cards = tab.locator(".cards > li:has(.apart)").all()
    for card, k in zip(cards, (-theta.mean(0)).argsort(), strict=True):
        for item in card.locator(".apart li").all():
            times = composition().topic_word_[k, features.index(item.locator("a").inner_text())]
            times /= mean[features.index(item.locator("a").inner_text())]
            shown = item.locator(".number").inner_text()
            size = max(times, 1 / times)
            told = ">999" if size > 999 else f"{size:.1f}" if size < 10 else f"{size:.0f}"
            assert shown == ("\u00f7" if times < 1 else "\u00d7") + told
            length = 50 * min(1, abs(np.log2(times)) / most)
            drawn = item.locator(".bar")
            bar = [drawn.evaluate(f"e => e.style.{side}") for side in ("left", "width")]
            ends = [float(end.removesuffix("%")) for end in bar]
            np.testing.assert_allclose(ends, [50 - length * (times < 1), length], atol=0.02)


def test_effects_name_what_they_are_compared_with(opened: Any, counted: Path) -> None:
    tab = opened(counted)
    tab.wait_for_selector(".forests")
    counts, known = samples()
    effects = composition().effects(counts, known, level=0.9)
    order = (-composition().transform(counts).mean(0)).argsort()
    heads = ["age, for each unit", "diet: home, not fast", "diet: swap, not fast"]
    assert texts(tab, ".forests h4") == heads
    for c, card in enumerate(tab.locator(".forests > li").all(), 1):
        for item, k in zip(card.locator("li").all(), order, strict=True):
            effect, low, high = (part[c, k] for part in effects[1:2] + effects[3:5])
            told = item.locator(".number").all_inner_texts()
            parts = [told[0], *told[1].split(" to ")]
            shown = [float(part.replace("\u2212", "-")) for part in parts]
            np.testing.assert_allclose(shown, [100 * effect, 100 * low, 100 * high], rtol=0.05)
            assert ("sure" in (item.get_attribute("class") or "")) == (low > 0 or high < 0)


def test_the_least_certain_samples_are_listed_and_open(opened: Any, counted: Path) -> None:
    tab = opened(counted)
    tab.wait_for_selector(".widest")
    counts, _ = samples()
    posterior = composition().posterior(counts, level=0.9)
    width = posterior.upper - posterior.lower
    order = np.argsort(-width.max(1))
    assert texts(tab, ".widest .head a") == counts.index[order[:5]].tolist()
    row, k = order[1], width[order[1]].argmax()
    parts = (posterior.mean, posterior.lower, posterior.upper)
    mean, low, high = (round(100 * round(part[row, k], 3)) for part in parts)
    assert texts(tab, ".widest .number")[1] == f"{mean}% ({low}%\u2013{high}%)"
    tab.locator(".widest .head a").nth(1).click()
    assert texts(tab, "#detail h2") == [counts.index[row]]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1440])
def test_a_page_of_counts_fits_and_can_be_used_by_all(
    opened: Any, counted: Path, width: int, dark: bool
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    tab = opened(counted, width=width, dark=dark)
    tab.wait_for_selector(".widest")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(tab).response["violations"]
    serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in serious] == []


# --- comparisons ------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1440])
def test_a_comparison_fits_and_can_be_used_by_all(
    opened: Any, tmp_path: Path, width: int, dark: bool
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    small = type(model())(3, max_epochs=1, hidden_sizes=(4,), random_state=0)
    other = small.fit(documents()[0])
    found = compare([model(), other], documents()[0], names=["long" * 30, "other"])
    found.report(tmp_path / "page.html")
    tab = opened(tmp_path / "page.html", width=width, dark=dark, app="#compare")
    assert tab.locator(".pairs-of > li").count() == 4
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.click("#theme")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != paper
    tab.click("#theme")
    serious = [
        fault
        for fault in axe.Axe().run(tab).response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in serious] == []


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
