"""Chromium for the tests of pages: how it is started, and what they read in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.report.explorer.example import model

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

IN_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def assert_usable_by_all(tab: Any) -> None:
    """Axe finds nothing serious; skipped where it is not installed."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(tab).response["violations"]
    serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in serious] == []


def assert_answers_at_once(open_: Callable[[], Any], *addresses: str) -> None:
    """A page can be used within 1.5 s, and no task of it takes 200 ms, there or at addresses."""
    best = [_answered(open_(), addresses) for _ in range(3)]
    # Where more processes wait than there are cores, each thing takes as many times as long.
    waiting = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert min(ready for ready, _ in best) < 1500 * waiting
    assert min(longest for _, longest in best) < 200 * waiting


def _answered(tab: Any, addresses: Sequence[str]) -> tuple[float, float]:
    """Milliseconds until the page could be used, and of the longest task in which it could not."""
    ready = tab.evaluate("performance.now()")
    settle(tab)
    for address in addresses:
        tab.evaluate("(to) => { location.hash = to; }", address)
        settle(tab)
    tab.wait_for_timeout(200)  # the browser tells of long tasks when it finds time
    return ready, tab.evaluate("window.longest")


def settle(tab: Any) -> None:
    """Wait for what is drawn in tasks of its own, and for what these put off in turn."""
    tab.evaluate(
        """async () => {
        for (let i = 0; i < 5; i++) await new Promise((done) => setTimeout(done)); }"""
    )


def texts(tab: Any, selector: str) -> list[str]:
    settle(tab)
    return [text.strip() for text in tab.locator(selector).all_inner_texts()]


def proposed(k: int) -> str:
    return ", ".join(model().top_words(3)[k])
