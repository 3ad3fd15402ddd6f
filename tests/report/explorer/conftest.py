"""A browser, pages in it, and the page of all documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.explorer.example import page
from tests.report.explorer.tab import CHROMIUM, QUIET, WATCH


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
