"""The benchmark of coherence against diversity: its curves, its table, its picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from scipy import sparse

from benchmarks import topic_frontier
from benchmarks.topic_frontier import beaten, curve, groups, picture, table
from benchmarks.topic_peers import Fitted
from dirvae.evaluation import (
    diversity,
    documents_of_words,
    top_words_by_documents,
    topic_coherence,
)
from dirvae.reproduce.record import done
from studies.choosing_tables import filled


def test_a_curve_is_scored_at_its_weights_without_the_background() -> None:
    rng = np.random.default_rng(0)
    beta = rng.dirichlet(np.full(40, 0.2), 4)  # the last is no topic
    theta = rng.dirichlet(np.ones(4), 50)
    counts = sparse.csr_matrix(rng.poisson(60 * theta @ beta).astype(float))
    fitted = Fitted(beta, lambda rows: theta, background=True)
    found = curve(fitted, counts, (1.0, 0.2))
    documents = documents_of_words(theta, beta, counts)[:3]
    for point, weight in zip(found, (1.0, 0.2), strict=True):
        ten, more = (
            top_words_by_documents(documents, n, frequency_weight=weight) for n in (10, 25)
        )
        assert point["weight"] == weight
        assert point["td25"] == pytest.approx(diversity(more))
        assert point["npmi"] == pytest.approx(np.mean(topic_coherence(ten, counts)))
    assert found[0] != found[1]


def point(weight: float, npmi: float, td25: float) -> dict[str, float]:
    return {"weight": weight, "npmi": npmi, "td25": td25}


def runs(ours: list[Any], theirs: list[Any]) -> list[dict[str, Any]]:
    about = {"corpus": "ap", "topics": 20, "seed": 0}
    named = {topic_frontier.OURS: ours, topic_frontier.REFERENCE: theirs}
    return [{**about, "model": name, "curve": points} for name, points in named.items()]


def test_a_point_is_beaten_by_one_that_is_better_in_both() -> None:
    ours = [point(1.0, 0.2, 0.5), point(0.4, 0.4, 0.9)]
    theirs = [point(1.0, 0.3, 0.8), point(0.4, 0.4, 0.8), point(0.2, 0.1, 0.95)]
    assert beaten(ours, theirs) == [1.0]
    assert beaten(theirs, ours) == [1.0]
    (header, _, line) = table(runs(ours, [*theirs, point(0.1, 0.39, 0.89)])).splitlines()
    assert line == "| Associated Press | 20 | 1, 0.1 | 1 | 1 |"
    assert len(header.split("|")) == len(line.split("|"))
    assert (
        table(runs(ours, theirs[1:])).splitlines()[-1] == "| Associated Press | 20 | none | 1 | 1 |"
    )


def test_the_page_has_the_table_of_the_runs_on_file() -> None:
    text = topic_frontier.PAGE.read_text(encoding="utf-8")
    made = {"frontier": lambda: table(done(topic_frontier.RESULTS))}
    assert text == filled(text, made)


def test_a_picture_has_a_panel_for_each_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    figures = topic_frontier.Figure
    monkeypatch.setattr(
        topic_frontier, "Figure", lambda **how: drawn.append(figures(**how)) or drawn[-1]
    )
    both = runs([point(1.0, 0.2, 0.5), point(0.4, 0.4, 0.9)], [point(0.4, 0.3, 0.7)])
    other = [{**run, "topics": 50} for run in both]
    picture([*both, *both, *both, *other], tmp_path / "frontier.png")
    assert matplotlib.image.imread(tmp_path / "frontier.png").std() > 0
    (figure,) = drawn
    panels = [axis for axis in figure.axes if axis.get_visible()]
    assert [a.get_title() for a in panels] == [
        "Associated Press, K = 20",
        "Associated Press, K = 50",
    ]
    lines = panels[0].get_lines()
    assert len(lines) == 10  # of each model: three seeds, the mean, the default
    np.testing.assert_allclose(lines[3].get_xydata(), [[0.5, 0.2], [0.9, 0.4]])
    np.testing.assert_allclose(lines[4].get_xydata(), [[0.9, 0.4]])
    assert list(groups(both)) == [("ap", 20)]
