"""The pictures of docs/figures.md, from its own code: python docs/figure_pictures.py

It needs the extra ``browser`` and a Chromium.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
FOLDER = HERE / "images" / "figures"
SIZE = {"width": 420, "height": 280}
PATIENCE = 300_000  # milliseconds
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def figures() -> dict[str, Any]:
    """What the block of Python in the page makes."""
    text = (HERE / "figures.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    made: dict[str, Any] = names["figures"]
    return made


def page(made: dict[str, Any]) -> str:
    """All figures on white, in one page of HTML."""
    parts = []
    for name, figure in made.items():
        figure.update_layout(**SIZE, paper_bgcolor="white")
        plain = {"full_html": False, "config": {"displayModeBar": False}, "div_id": name}
        parts.append(figure.to_html(include_plotlyjs=not parts, **plain))
    return f"<!doctype html><meta charset=utf-8><body>{''.join(parts)}</body>"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    made = figures()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        file = Path(folder) / "figures.html"
        file.write_text(page(made), encoding="utf-8")
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 500, "height": 360}, device_scale_factor=1.5)
        tab.set_default_timeout(PATIENCE)
        tab.goto(file.as_uri())
        for name in made:
            shot = io.BytesIO(tab.locator(f"#{name}").screenshot())
            Image.open(shot).convert("RGB").save(FOLDER / f"{name}.png", optimize=True)
        browser.close()
