"""What `python -m benchmarks all` measures is what it says, and its page has what is on file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributions import Dirichlet, kl_divergence

from benchmarks import all as everything
from benchmarks import dirichlet_speed, growth, images, topics_shown
from benchmarks.topic_size import synthetic
from studies.choosing_tables import filled


def cells(table: str) -> list[list[str]]:
    """The rows of a table below its header."""
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_exponents_are_those_of_power_laws() -> None:
    assert growth.exponent([1, 2, 4], [3.0, 12.0, 48.0]) == 2
    assert growth.exponent([10, 20, 80], [5.0, 5.0, 5.0]) == 0
    assert growth.exponent([1, 4], [1.0, 2.0]) == 0.5


def test_synthetic_documents_have_the_tokens_that_are_asked_for() -> None:
    assert synthetic(7, 30, tokens=12).sum(1).A1.tolist() == [12] * 7
    assert synthetic(3, 30).sum(1).A1.tolist() == [100] * 3


def test_each_size_grows_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[dict[str, int]] = []

    def epoch(size: dict[str, int]) -> float:
        seen.append(size)
        return float(size["documents"])

    monkeypatch.setattr(growth, "epoch", epoch)
    monkeypatch.setattr(sys, "argv", ["growth", "--output", str(tmp_path / "found.jsonl")])
    growth.main()
    sizes = json.loads((tmp_path / "found.jsonl").read_text())["sizes"]
    for name, grid in growth.GRID.items():
        own = [size for size in seen if {**size, name: 0} == {**growth.BASE, name: 0}]
        assert {size[name] for size in own} >= set(grid)
        assert sizes[name]["sizes"] == list(grid)
        assert sizes[name]["exponent"] == (name == "documents")


def test_terms_are_those_of_the_same_distribution() -> None:
    a = torch.tensor([[0.5, 2.0, 3.0], [4.0, 0.2, 1.0]])
    prior = Dirichlet(torch.full((3,), 0.98))
    truth = {"kl": kl_divergence(Dirichlet(a), prior), "entropy": Dirichlet(a).entropy()}
    terms = dirichlet_speed.terms()
    for term, expected in truth.items():
        for library in ("dirvae", "torch"):
            torch.testing.assert_close(terms[f"{term}, {library}"](a, a), expected)
    for library in ("dirvae", "torch"):
        torch.manual_seed(0)
        z = terms[f"draw, {library}"](a, a)
        torch.manual_seed(0)
        found = terms[f"together, {library}"](a, a)
        torch.testing.assert_close(z.sum(-1), torch.ones(2))
        scores = Dirichlet(a, validate_args=False).log_prob(z) + truth["kl"]
        torch.testing.assert_close(found, z + scores.unsqueeze(-1))


def test_ratios_of_images_are_of_the_same_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 1, 1, 4, 10, 12, 12, 17, 20, 21, 21, 29])  # seconds: 1 3, 2 5, 1 8
    calls = []
    ways = {
        name: (lambda x, epochs, name=name: calls.append((name, len(x), epochs)))
        for name in (images.OURS, images.PEER)
    }
    monkeypatch.setattr(images, "WAYS", ways)
    monkeypatch.setattr(images.time, "perf_counter", lambda: float(next(clock)))
    found = images.measure([images.OURS, images.PEER], torch.zeros(3000, 2), 4, 3)
    assert calls[:2] == [(images.OURS, 2000, 1), (images.PEER, 2000, 1)]
    order = [images.OURS, images.PEER, images.PEER, images.OURS, images.OURS, images.PEER]
    assert calls[2:] == [(name, 3000, 4) for name in order]
    assert found[images.OURS]["runs"] == [1, 5, 1]
    assert found[images.PEER]["runs"] == [3, 2, 8]
    assert found[images.PEER]["seconds"] == 3
    assert found["times_as_fast"] == 3  # the median of 3, .4 and 8


def test_our_ways_train_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def fit(vae: Any, x: Any, **options: Any) -> None:
        seen["options"], seen["vae"] = options, vae

    monkeypatch.setattr(images, "fit", fit)
    x = torch.zeros(2, 784)
    for name, latent in {images.OURS: "Normal", "dirvae, Dirichlet": "Dirichlet"}.items():
        images.WAYS[name](x, 3)
        q = seen["vae"].infer(x)
        assert type(getattr(q, "base_dist", q)).__name__ == latent
        assert (seen["options"]["max_epochs"], seen["options"]["batch_size"]) == (3, 100)
        shapes = [tuple(w.shape) for w in seen["vae"].parameters() if w.dim() == 2]
        assert {(500, 784), (500, 500), (500, 50), (784, 500)} <= set(shapes)


def model(name: str, seconds: list[float], **mean: float) -> dict[str, Any]:
    measures = {f"{m}_{by}": 0.5 for m in ("npmi", "td25") for by in topics_shown.RANKINGS}
    measures |= {"seconds": sum(seconds) / len(seconds), "documents_a_second": 1234.5, **mean}
    runs = [{"seconds": value} for value in seconds]
    return {"corpus": "m10", "topics": 50, "model": name, "mean": measures, "runs": runs}


def test_models_are_in_the_order_of_their_times(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [
        model("slow", [9.0, 11.0], perplexity=1000.4, nmi=0.25),
        model("dirvae", [1.0]),
        {**model("other K", [0.1]), "topics": 20},
        {**model("other corpus", [0.1]), "corpus": "ap"},
    ]
    (tmp_path / "topics.json").write_text(json.dumps({"results": rows}))
    monkeypatch.setattr(topics_shown, "RESULTS", tmp_path / "topics.json")
    found = cells(everything.topics("m10"))
    both = "0.500 / 0.500"
    assert found == [
        ["**dirvae**", "1.000", "1,234", "-", both, both, "-"],
        ["slow", "10.0 ± 1.4", "1,234", "1,000", both, both, "0.250"],
    ]


def test_a_part_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[list[str]] = []

    def run(command: list[Any], **_: Any) -> None:
        ran.append([str(word) for word in command])
        if "growth" in ran[-1]:
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(everything.subprocess, "run", run)
    growth_part = everything.Part(everything.HERE, "growth")
    topics_part = everything.Part(everything.HERE, "topics", ("--models", "dirvae"))
    assert not everything.run(growth_part, tmp_path, tmp_path, True)
    assert everything.run(topics_part, tmp_path, tmp_path, True)
    command = [sys.executable, "-m", "benchmarks", "topics", "--models", "dirvae"]
    assert ran[1][:6] == command
    assert ran[1][6:] == [
        *everything.QUICK["topics"],
        *("--output", str(tmp_path / "topics.json")),
        *("--picture", str(tmp_path / "topics.png")),
    ]


def test_each_part_is_known_and_has_packages() -> None:
    from benchmarks.topic_peers import MODELS

    models = {word for part in everything.PARTS for word in part.options if word in MODELS}
    assert models == set(MODELS)
    environments = {part.environment for part in everything.PARTS}
    assert environments == {everything.HERE, *everything.PACKAGES}
    assert {part.module for part in everything.PARTS} == set(everything.QUICK)


@pytest.mark.slow
def test_an_environment_has_its_packages_before_ours(tmp_path: Path) -> None:
    python = everything.environment(tmp_path / "own", ["numpy"])  # which ours has already
    code = "import dirvae, torch, sys; print(sys.prefix, dirvae.__file__)"
    ran = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    prefix, file = ran.stdout.split()
    assert Path(prefix) == tmp_path / "own"
    assert Path(file).is_relative_to(everything.ROOT / "src")


def test_the_page_is_the_one_that_the_files_make() -> None:
    text = everything.PAGE.read_text(encoding="utf-8")
    assert all(f"<!-- table: {name} -->" in text for name in everything.TABLES)
    assert text == filled(text, everything.TABLES)
