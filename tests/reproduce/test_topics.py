"""The paper's topic models: data, runs that are made once, the table and what it concludes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from scipy import sparse

from dirvae import evaluation
from dirvae.data import sparse_rows
from dirvae.distributions import Dirichlet
from dirvae.reproduce import record, topics
from dirvae.reproduce.bags import bags
from dirvae.reproduce.progress import Bars
from dirvae.reproduce.topics import (
    DATA,
    ROWS,
    bound_perplexity,
    completion_perplexity,
    jobs,
    measures,
    run_all,
)
from dirvae.reproduce.topics_table import difference, topics_table
from dirvae.topics.zoo import gsm, prodlda
from studies import results_page

WORDS = 30


def counts(number: int, seed: int) -> sparse.csr_matrix:
    """Documents of 40 tokens of one of three topics, which share no word."""
    rng = np.random.default_rng(seed)
    beta = np.kron(np.eye(3), np.full(10, 0.1))
    return sparse.csr_matrix([rng.multinomial(40, beta[i % 3]) for i in range(number)])


def saved(path: Path, **parts: Any) -> None:
    arrays: dict[str, Any] = {}
    for name, value in parts.items():
        if sparse.issparse(value):
            of = {k: getattr(value, k) for k in ("data", "indices", "indptr", "shape")}
            arrays |= {f"{name}_{k}": v for k, v in of.items()}
        else:
            arrays[name] = value
    np.savez(path, **arrays)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIRVAE_DATA", str(tmp_path))
    monkeypatch.setitem(DATA, "20news", DATA["20news"]._replace(num_topics=3, hidden=16))
    saved(tmp_path / "20news_nvdm2000.npz", train=counts(120, 0), test=counts(30, 1))


def test_bags_leave_out_what_is_empty_and_split_what_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRVAE_DATA", str(tmp_path))
    x, y = counts(10, 0), np.arange(10)
    holed = sparse.csr_matrix(x.toarray() * (y != 4)[:, None])
    saved(tmp_path / "a.npz", train=holed, test=x, train_y=y, test_y=y)
    found = bags("a")
    assert found.train_labels is not None
    assert found.train_labels.tolist() == [i for i in range(10) if i != 4]
    np.testing.assert_array_equal(found.train.toarray(), x.toarray()[found.train_labels])
    saved(tmp_path / "b.npz", all=x, y=y)
    found = bags("b")
    assert found.train_labels is not None
    assert found.test_labels is not None
    assert sorted([*found.train_labels, *found.test_labels]) == y.tolist()
    assert len(found.test_labels) == 2
    np.testing.assert_array_equal(found.test.toarray(), x.toarray()[found.test_labels])


def test_bags_with_an_index_out_of_range_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRVAE_DATA", str(tmp_path))
    x = counts(10, 0)
    x.indices[3] = 10**6
    saved(tmp_path / "c.npz", train=x, test=x)
    with pytest.raises(
        ValueError, match="train is a broken sparse matrix: it has an index 1000000"
    ):
        bags("c")


@pytest.mark.learning
@pytest.mark.usefixtures("corpus")
@pytest.mark.filterwarnings("ignore::dirvae.training.callbacks.CollapseWarning")
def test_study_runs_once_and_finds_planted_topics(tmp_path: Path) -> None:
    file = tmp_path / "out" / "topics-20news.jsonl"
    wanted = list(jobs("20news", rows=["gsm_own", "prodlda_dirichlet"], epochs=20))
    wanted = [
        job._replace(plan=job.plan._replace(batch_size=20, learning_rate=0.02)) for job in wanted
    ]
    for _ in range(2):
        with Bars(Console(quiet=True)) as bars:
            run_all(wanted, file, bars)
    runs = record.done(file)
    assert [run["row"] for run in runs] == ["gsm_own", "prodlda_dirichlet"]
    for run in runs:
        assert run["train_documents"] == 108
        # A document of one topic has 10 words alike; the whole vocabulary has 30.
        assert run["perplexity"] < 20
        assert run["epochs"] <= 20
    assert runs[1]["plan"]["concentration"] == DATA["20news"].concentration["prodlda"]


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("row", ROWS)
def test_every_cell_has_a_finite_bound_and_gradient(data: str, row: str) -> None:
    (job,) = jobs(data, rows=[row])
    torch.manual_seed(0)
    vae = job.model(WORDS)
    terms = vae.terms(sparse_rows(counts(8, 0)))
    bound = (terms.log_likelihood.mean(0) - terms.kl).sum()
    assert torch.isfinite(bound)
    bound.backward()
    gradients = [p.grad for p in vae.parameters() if p.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert sum(float(gradient.abs().sum()) for gradient in gradients) > 0


def test_a_run_that_diverges_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverged(*_: Any, **__: Any) -> Any:
        raise FloatingPointError("the training loss is nan")

    monkeypatch.setattr(topics, "fit", diverged)
    (job,) = jobs("20news", rows=["nvdm_own"])
    data = topics.Bags(counts(20, 0), counts(10, 1))
    with Bars(Console(quiet=True)) as bars:
        assert topics.run(job, data, bars)["failed"] == "the training loss is nan"


def test_perplexity_of_a_mixture_is_that_of_theta_and_beta() -> None:
    torch.manual_seed(0)
    vae = gsm(4, WORDS, Dirichlet, hidden_sizes=(8,)).eval()
    test = counts(30, 0)
    encoded, scored = evaluation.split_tokens(test)
    with torch.no_grad():
        theta, beta = vae.embed(sparse_rows(encoded)).numpy(), vae.decoder.topics.numpy()
    expected = evaluation.completion_perplexity(theta, beta, scored)
    assert completion_perplexity(vae, test, rows=7) == pytest.approx(expected, rel=1e-5)


def test_perplexity_by_the_bound_is_that_of_the_words_and_the_kl() -> None:
    """Of a decoder that ignores z the bound is known: log p of the words, less the KL."""
    torch.manual_seed(0)
    vae = prodlda(3, WORDS, hidden_sizes=(8,)).eval()
    test = counts(30, 0).toarray() * (np.arange(30) % 4 + 1)[:, None]
    with torch.no_grad():
        vae.decoder.weight.zero_()
        vae.decoder.bias.copy_(torch.linspace(-1, 1, WORDS))
        words = torch.log_softmax(vae.decoder.bias, 0).double().numpy()
        kl = vae.terms(torch.from_numpy(test).float()).kl.double().numpy()
    expected = np.exp(((kl - test @ words) / test.sum(1)).mean())
    with_an_empty_one = sparse.csr_matrix(np.vstack([np.zeros(WORDS), test]))
    assert bound_perplexity(vae, with_an_empty_one, rows=7) == pytest.approx(expected, rel=1e-4)


def test_products_are_ranked_by_weights() -> None:
    vae = prodlda(3, WORDS, hidden_sizes=(8,)).eval()
    with torch.no_grad():
        vae.decoder.weight.copy_(torch.eye(3).repeat_interleave(10, 1))
        vae.decoder.bias[0] = 100.0  # one word is likely in every topic
    found = measures(vae, counts(120, 0))
    assert found["td25"] == 30 / 75
    assert found["npmi"] > 0.9 > found["npmi_by_probability"]


def test_bad_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="--rows: 'lda' is unknown, must be of prodlda_own"):
        list(jobs("rcv1", rows=["lda"]))


def run(row: str, seed: int, npmi: float) -> dict[str, Any]:
    figures = {"td25": 0.5, "frequency": 100.0, "npmi_by_probability": 0.1, "perplexity": 900.0}
    return {"row": row, "seed": seed, "plan": 1, "npmi": npmi, "epochs": 20, **figures}


@pytest.mark.parametrize(
    ("values", "others", "words"),
    [
        ([0.30, 0.32], [0.20, 0.22], "improves it (+0.100 ± 0.014)"),
        ([0.20, 0.22], [0.30, 0.32], "makes it worse (-0.100 ± 0.014)"),
        ([0.20, 0.30], [0.20, 0.28], "does not improve it (+0.010 ± 0.064)"),
        ([0.30], [0.20], "differs by +0.100 (one seed, no standard error)"),
    ],
)
def test_verdicts(values: list[float], others: list[float], words: str) -> None:
    assert difference(values, others) == words


def test_the_table_has_the_papers_numbers_and_a_verdict() -> None:
    runs = [run("gsm_own", s, 0.20 + s / 100) for s in range(3)]
    runs += [run("gsm_dirichlet", s, 0.30 + s / 100) for s in range(3)]
    table = topics_table("20news", runs)
    assert len(table.rows) == len(ROWS)
    own = dict(zip(table.header, table.rows[list(ROWS).index("gsm_own")], strict=True))
    assert own["the paper's NPMI / perplexity"] == "0.199 / 954"
    assert (own["NPMI"], own["seeds"]) == ("0.210 ± 0.010", "3")
    assert "GSM: the exact Dirichlet improves it (+0.100 ± 0.008)" in table.note
    assert "ProdLDA: " not in table.note
    assert "Improvement" not in topics_table("20news", []).note


def test_the_papers_own_counts_have_both_perplexities() -> None:
    runs = [run("gsm_own", 0, 0.20) | {"perplexity_by_bound": 1234.4}]
    table = topics_table("20news-v1995", runs)
    own = dict(zip(table.header, table.rows[list(ROWS).index("gsm_own")], strict=True))
    assert own["the paper's NPMI / perplexity"] == "0.199 / 954"
    assert (own["perplexity"], own["by the bound"], own["epochs"]) == ("900", "1234", "20")


def test_the_page_has_topics_once_they_are_there(tmp_path: Path) -> None:
    options: dict[str, Any] = {"picture": False, "benchmark": tmp_path / "none.json"}
    assert "Topic models of the paper" not in results_page.page(tmp_path, **options)
    record.add(tmp_path / "topics-20news.jsonl", run("gsm_own", 0, 0.2))
    text = results_page.page(tmp_path, **options)
    assert "## Topic models of the paper, 20 Newsgroups, K = 50" in text
    assert "| GSM | own | 0.199 / 954 | 0.200 |" in text
    assert "## Topics\n" not in text
    assert "### 20 Newsgroups (V 2,000), K = 50" in results_page.page(picture=False)
