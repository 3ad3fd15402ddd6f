"""The order in which scripts of the site stand."""

from __future__ import annotations

ORDER = (
    *("documents.py", "counts.py", "latent.py"),
    *("topics_of_documents.py", "reading_a_page.py", "microbes.py", "own_distribution.py"),
    *("learned_prior.py", "few_labels.py", "serving.py", "logging_and_devices.py"),
)


class ReadingOrder:
    """A key to sort by, as sphinx-gallery asks for; scripts that are not named come last."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, name: str) -> tuple[int, str]:
        return (ORDER.index(name) if name in ORDER else len(ORDER), name)
