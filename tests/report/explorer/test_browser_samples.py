"""The page of counts in Chromium, and that of several models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dirvae.topics import compare
from tests.report.explorer.example import (
    composition,
    data_of,
    documents,
    model,
    samples,
)
from tests.report.explorer.tab import IN_CHROMIUM, assert_usable_by_all, settle, texts

pytestmark = IN_CHROMIUM


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
    settle(tab)
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
    settle(tab)
    assert texts(tab, ".stacks b") == ["old", "young"]
    tab.locator("summary", has_text="As a table").first.click()
    means = theta.groupby(age["old"]).mean()
    sizes = age["old"].value_counts()
    assert texts(tab, "tbody tr") == [
        "\t".join([name, str(sizes[name]), *(f"{share:.1%}" for share in means.loc[name])])
        for name in ("old", "young")
    ]
    tab.select_option("#label", label="swap")
    settle(tab)
    inside = age[age["diet"] == "swap"]["old"].value_counts()
    assert texts(tab, ".stacks small") == [f"{inside[name]} samples" for name in ("old", "young")]


def test_a_page_of_many_samples_tells_which_numbers_are_of_its_bars(
    opened: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("dirvae.report.explorer.samples.MOST_BARS", 20)
    counts, known = samples()
    old = known.assign(old=np.where(known["age"] > 35, "old", "young"))
    composition().report(counts, tmp_path / "page.html", labels=known["diet"], covariates=old)
    tab = opened(tmp_path / "page.html")
    theta, swaps = shares_by_name(), known["diet"] == "swap"
    tab.select_option("#label", label="swap")
    settle(tab)
    tab.locator("summary", has_text="As a table").first.click()
    means = "\t".join(f"{share:.1%}" for share in theta[swaps].mean())
    assert texts(tab, "tbody tr") == [f"swap\t{swaps.sum()}\t{means}"]
    assert "are of these alone" not in tab.inner_text("body")
    tab.select_option("#by", label="old")
    settle(tab)
    bars = [int(told.split()[0]) for told in texts(tab, ".stacks small")]
    assert 0 < sum(bars) < swaps.sum()
    assert "20 of 48, evenly chosen. The numbers of each group are of these alone." in (
        tab.inner_text("body")
    )


def test_every_sample_has_a_bar_whatever_its_label(opened: Any, tmp_path: Path) -> None:
    counts, _ = samples()
    labels = [f"site {row % 34:02}" for row in range(43)] + [None] * 5  # nine sites have two
    composition().report(counts, tmp_path / "page.html", labels={"site": labels})
    tab = opened(tmp_path / "page.html")
    kept = [f"site {n:02}" for n in range(30)]
    assert texts(tab, ".stacks b") == [*kept, "other", "no site"]
    sizes = [2] * 9 + [1] * 21 + [4, 5]
    told = [f"{n} sample{'s' if n > 1 else ''}" for n in sizes]
    assert texts(tab, ".stacks small") == told
    bars = [bar.get_attribute("aria-valuemax") for bar in tab.locator(".stack").all()]
    assert [int(count or 0) for count in bars] == sizes
    tab.locator("summary", has_text="As a table").first.click()
    theta = shares_by_name().to_numpy()
    of = np.array(
        [label if label in kept else "no site" if label is None else "other" for label in labels]
    )
    for name, row in zip(("other", "no site"), texts(tab, "tbody tr")[-2:], strict=True):
        inside = theta[of == name]
        means = "\t".join(f"{share:.1%}" for share in inside.mean(axis=0))
        assert row == f"{name}\t{len(inside)}\t{means}"
    tab.select_option("#label", label="site 03")
    assert texts(tab, ".stacks b") == ["site 03"]
    tab.select_option("#label", label="all")
    tab.locator("#app nav a").first.click()
    said = "Share of the samples of each site, with 90% intervals."
    [by] = [part for part in texts(tab, "#detail section") if part.startswith("By site")]
    assert f"{said} The 30 largest of 34." in by


def test_a_list_of_all_labels_says_nothing_of_the_largest(opened: Any, counted: Path) -> None:
    tab = opened(counted, "#topic=1")
    assert "By diet" in texts(tab, "#detail h3")
    assert "largest of" not in tab.inner_text("#detail")


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


@pytest.mark.parametrize(
    ("wider", "said"), [(1.05, "is 5% wider"), (1.003, "is less than 1% wider"), (1.06, None)]
)
def test_intervals_that_are_alike_are_not_ranked(
    opened: Any, counted: Path, tmp_path: Path, wider: float, said: str | None
) -> None:
    page, count = re.subn(r'"wider": ?[0-9.]+', f'"wider":{wider}', counted.read_text())
    assert count == 1
    (tmp_path / "page.html").write_text(page)
    tab = opened(tmp_path / "page.html")
    section = tab.locator("section:has(> .widest)")
    section.wait_for()
    ranked = section.locator("h3").inner_text() == "Samples with the widest intervals"
    assert ranked == (said is None)
    assert said is None or said in section.locator("p").first.inner_text()


def test_components_have_their_numbers_beside_their_names(opened: Any, counted: Path) -> None:
    tab = opened(counted)
    names = [", ".join(words) for words in composition().top_words(3)]
    places = [names.index(name) for name in texts(tab, ".topics .name")]
    assert sorted(places) == list(range(len(names)))
    assert texts(tab, ".topics .place") == [str(k) for k in places]
    tab.wait_for_selector(".forest")
    for item in tab.locator(".forest a").all():
        place = names.index(item.inner_text().strip())
        assert item.get_attribute("title") == f"component {place}"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1440])
def test_a_page_of_counts_fits_and_can_be_used_by_all(
    opened: Any, counted: Path, width: int, dark: bool
) -> None:
    tab = opened(counted, width=width, dark=dark)
    tab.wait_for_selector(".widest")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert_usable_by_all(tab)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1440])
def test_a_comparison_fits_and_can_be_used_by_all(
    opened: Any, tmp_path: Path, width: int, dark: bool
) -> None:
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
    assert_usable_by_all(tab)
