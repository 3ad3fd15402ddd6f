"""The demo of topics prints and saves what it found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirvae import TopicModel
from dirvae.data.corpora import Texts
from dirvae.demo import topics

THEMES = {"sky": ["moon", "stars", "comet"], "pets": ["cat", "dog", "fur"], "food": ["egg", "oil"]}
LABELS = [*["sky"] * 14, *["pets"] * 9, *["food"] * 5]


def texts_of(labels: list[str]) -> list[str]:
    rng = np.random.default_rng(0)
    others = [[name for name in THEMES if name != label] for label in labels]
    return [
        " ".join([*rng.choice(THEMES[label], 8 + row), *rng.choice(THEMES[other[row % 2]], 2)])
        for row, (label, other) in enumerate(zip(labels, others, strict=True))
    ]


def test_the_demo_prints_and_saves_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(topics, "NUM_TOPICS", 3)
    monkeypatch.setattr(topics, "docstrings", lambda: Texts(texts_of(LABELS), labels=LABELS))
    monkeypatch.setenv("COLUMNS", "200")
    found = topics.run(tmp_path / "[red]out", quick=True)
    model = found["model"]
    np.testing.assert_array_equal(TopicModel.load(found["folder"]).topic_word_, model.topic_word_)
    words = model.top_words(8)
    order = sorted(range(3), key=lambda k: -model.topic_prevalence_[k])
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1:5] == [
        "topic share words",
        *(f"{k} {model.topic_prevalence_[k]:.1%} {', '.join(words[k])}" for k in order),
    ]
    assert lines[5] == f"Report: {tmp_path}/[red]out/topics.html Model: {tmp_path}/[red]out/topics"
