"""The picture of a page to explore, in README and on the site: python docs/explorer_picture.py

It needs the extra ``browser`` and a Chromium.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from dirvae import TopicModel
from dirvae.data import docstrings

PICTURE = Path(__file__).parent / "images" / "explorer.png"
TOPIC = 4  # the one that is opened
SIZE = {"width": 1080, "height": 660}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def write_page(path: Path) -> None:
    """Topics of SciPy's documentation, labelled by module."""
    corpus = docstrings(["scipy"])
    model = TopicModel(10, random_state=0).fit(corpus.texts)
    ids = [text.strip().splitlines()[0] for text in corpus.texts]
    model.report(corpus.texts, path, labels=corpus.labels, ids=ids, title="SciPy's documentation")


def screenshot(page: Path, topic: int) -> bytes:
    """The page with one topic opened, light."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport=SIZE, color_scheme="light")
        tab.goto(f"{page.as_uri()}#topic={topic}")
        tab.wait_for_timeout(1000)
        shot: bytes = tab.screenshot()
        browser.close()
    return shot


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "topics.html"
        write_page(page)
        image = Image.open(io.BytesIO(screenshot(page, TOPIC))).convert("RGB")
    image.save(PICTURE, optimize=True)
