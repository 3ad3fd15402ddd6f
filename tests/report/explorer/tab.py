"""Chromium for the tests of pages: how it is started, and what they read in it."""

from __future__ import annotations

import shutil
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


def texts(tab: Any, selector: str) -> list[str]:
    tab.wait_for_timeout(50)  # parts of the page are drawn one after the other
    return [text.strip() for text in tab.locator(selector).all_inner_texts()]


def proposed(k: int) -> str:
    return ", ".join(model().top_words(3)[k])
