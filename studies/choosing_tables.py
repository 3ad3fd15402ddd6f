"""The tables of docs/choosing.md, from the result files: `python -m studies.choosing_tables`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import topics_shown
from dirvae.reproduce.record import Run, done
from dirvae.reproduce.tables import latest, mean_of
from dirvae.writing import write_text
from studies import RESULTS
from studies.default_latent import CHOSEN, CHOSEN_ABOVE, VARIANTS

PAGE = Path(__file__).parent.parent / "docs" / "choosing.md"
COUNTS = Path(__file__).parent.parent / "benchmarks" / "results" / "compositions.json"
PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)

# As it is called, and the row and training of the paper's tables.
COMMITTED = "standardized_dirichlet_mixture_committed"
LATENTS = (
    ("Gaussian, mixture prior of 500", "gaussian_mixture_500", "iwae"),
    ("`StandardizedDirichlet`, mixture prior of 500", "standardized_dirichlet_mixture_500", "iwae"),
    (
        "`StandardizedDirichlet`, mixture prior of 500, commitment let go",
        "standardized_dirichlet_mixture_500_released",
        "iwae",
    ),
    (
        "`StandardizedDirichlet`, mixture prior of 500, proportions seen",
        "standardized_dirichlet_mixture_500_with_proportions",
        "iwae",
    ),
    (
        "`StandardizedDirichlet`, committed, mixture prior of 500, proportions seen",
        "standardized_dirichlet_mixture_500_committed_with_proportions",
        "iwae",
    ),
    (
        "`StandardizedDirichlet`, slightly committed, mixture prior of 500, proportions seen",
        "standardized_dirichlet_mixture_500_slightly_committed_with_proportions",
        "iwae",
    ),
    ("Gaussian, mixture prior", "gaussian_mixture", "iwae"),
    ("`StandardizedDirichlet`, committed, mixture prior", COMMITTED, "iwae"),
    ("Gaussian", "gaussian", "iwae"),
    ("`ScaledDirichlet`", "scaled_dirichlet", "iwae"),
    ("`ScaledDirichlet`, committed", "scaled_dirichlet_committed", "iwae"),
    ("`SoftmaxNormal`", "softmax_gaussian", "iwae"),
    ("Gaussian", "gaussian", "ours"),
    ("`SoftmaxNormal`", "softmax_gaussian", "ours"),
    ("Gaussian, mixture prior", "gaussian_mixture", "ours"),
    ("`StandardizedDirichlet`, mixture prior", "standardized_dirichlet_mixture", "ours"),
    ("`Dirichlet`", "dirichlet", "ours"),
    ("`StickBreakingKumaraswamy`", "stick_breaking_kumaraswamy", "paper"),
    ("`InverseCDFDirichlet`", "inverse_cdf_dirichlet", "paper"),
)
DEFAULTS_ON = {
    "mnist": "MNIST, K = 50",
    "omniglot": "OMNIGLOT, K = 100",
    "digits": "digits, K = 10",
    "svhn": "SVHN test subset, K = 50",
    "counts": "20 Newsgroups, K = 50",
}
_OF_DEFAULTS = (
    "latent",
    "-ELBO",
    "used in encoding",
    "used in decoding",
    "k-NN error, %",
    "largest share",
    "seeds",
)
CORPORA = ("20news_nvdm2000", "reuters_modapte5000", "bbc_news", "ap")
MODELS = ("dirvae", "dirvae, product", "tomotopy LDA", "scikit-learn NMF", "gensim LDA")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def latents() -> str:
    """Latents of images: what is gained in likelihood, what in components that are used."""
    runs = done(RESULTS / "density-mnist.jsonl")
    rows = []
    for name, row, setting in LATENTS:
        found = latest(runs, row=row, setting=setting, pixels="binarised")
        rows.append([name, setting, *_measured(found), str(len({run["seed"] for run in found}))])
    header = ("latent", "training", "NLL", "-ELBO", "components in use", "k-NN error, %", "seeds")
    return table(header, rows)


def _measured(found: Sequence[Run]) -> list[str]:
    return [
        mean_of(found, lambda run: run["nll"]),
        mean_of(found, lambda run: run["negative_elbo"]),
        mean_of(found, lambda run: run["used_in_both"], 1),
        _nearest(found),
    ]


def _nearest(found: Sequence[Run]) -> str:
    """Error of five neighbours in %: on means as decoded, where that was measured."""
    decoded = [run for run in found if run.get("knn_error_as_decoded")]
    if decoded:
        return mean_of(decoded, lambda run: 100 * run["knn_error_as_decoded"]["5"])
    return mean_of(found, lambda run: 100 * run["knn_error"]["5"])


def choice() -> str:
    """The default latent: what was tried on MNIST."""
    runs = _runs_of("mnist")
    names = [name for name in VARIANTS if any(run["variant"] == name for run in runs)]
    return table(_OF_DEFAULTS, [_by_variant(runs, name) for name in names])


def defaults() -> str:
    """The default latent on five data sets, beside a Gaussian and the plain Dirichlet."""
    rows = []
    for data, title in DEFAULTS_ON.items():
        runs = _runs_of(data)
        names = ["gaussian", "dirichlet", CHOSEN]
        names += [CHOSEN_ABOVE] if data == "omniglot" else []  # of 100 components
        chosen = names[-1]
        rows += [[title, *_by_variant(runs, name, chosen)] for name in names]
    return table(("data", *_OF_DEFAULTS), rows)


def _runs_of(data: str) -> list[Run]:
    return [run for run in done(RESULTS / "default_latent.jsonl") if run["data"] == data]


def _by_variant(runs: Sequence[Run], name: str, chosen: str = CHOSEN) -> list[str]:
    found = [run for run in runs if run["variant"] == name]
    return [
        f"**{_called(name)}**" if name == chosen else _called(name),
        mean_of(found, lambda run: run["negative_elbo"]),
        mean_of(found, lambda run: run["used_in_encoding"], 1),
        mean_of(found, lambda run: run["used_in_decoding"], 1),
        mean_of(found, lambda run: 100 * run["knn_error"]["5"], 1),
        mean_of(found, lambda run: run["largest_share"]),
        str(len({run["seed"] for run in found})),
    ]


def _called(name: str) -> str:
    """The names of distributions as they stand in code; a prior that is not said is 1 - 1/K."""
    known = {"gaussian": "Gaussian", "dirichlet": "`Dirichlet`, prior 1 - 1/K"}
    if not name.startswith("standardized"):
        return known.get(name, name)
    prior = "" if "prior" in name else ", prior 1 - 1/K"
    return name.replace("standardized", f"`StandardizedDirichlet`{prior}").replace(".0", "")


def decoders() -> str:
    """Decoders of topics, and peers, on one corpus."""
    rows = {row["model"]: row["mean"] for row in _topics() if _is(row, "20news_nvdm2000", 50)}
    shown = [
        [
            name,
            f"{rows[name]['npmi_relevance']:.3f}",
            f"{rows[name]['td25_relevance']:.3f}",
            f"{rows[name]['perplexity']:,.0f}",
            f"{rows[name]['nmi']:.3f}",
            f"{rows[name]['seconds']:.0f}",
        ]
        for name in MODELS
    ]
    return table(("model", "NPMI", "TD25", "perplexity", "NMI", "seconds"), shown)


def sizes() -> str:
    """What more topics do: on four corpora."""
    rows = []
    for corpus in CORPORA:
        few, many = (
            next(r["mean"] for r in _topics() if _is(r, corpus, k) and r["model"] == "dirvae")
            for k in (20, 50)
        )
        shown = [f"{few[name]:.3f} → {many[name]:.3f}" for name in ("npmi_relevance", *_DISTINCT)]
        perplexity = f"{few['perplexity']:,.0f} → {many['perplexity']:,.0f}"
        rows.append([topics_shown.TITLES[corpus], *shown, perplexity])
    return table(("corpus", "NPMI", "TD25", "stability", "perplexity"), rows)


_DISTINCT = ("td25_relevance", "stability")


def _topics() -> list[dict[str, Any]]:
    return topics_shown.on_file(topics_shown.RESULTS)


def _is(row: dict[str, Any], corpus: str, topics: int) -> bool:
    return bool(row["corpus"] == corpus and row["topics"] == topics)


def counts() -> str:
    """Models of microbes, by the mean over splits of nats a held-out sample, reads hidden."""
    results = json.loads(COUNTS.read_text(encoding="utf-8"))["results"]
    names = list(dict.fromkeys(row["model"] for row in results))
    rows = [
        [name, *(_nats(results, data, name) for data in ("atlas1006", "dietswap"))]
        for name in names
    ]
    return table(("model", "atlas1006", "dietswap"), rows)


def _nats(results: Sequence[dict[str, Any]], data: str, model: str) -> str:
    found = [row["scores"] for row in results if (row["data"], row["model"]) == (data, model)]
    by = ("reads dirichlet", "reads multinomial")
    return " / ".join(f"{np.mean([scores[name]['nats'] for scores in found]):,.1f}" for name in by)


TABLES: dict[str, Callable[[], str]] = {
    "latents": latents,
    "choice": choice,
    "defaults": defaults,
    "decoders": decoders,
    "sizes": sizes,
    "counts": counts,
}


def filled(text: str, tables: Mapping[str, Callable[[], str]] = TABLES) -> str:
    """A page with each of its tables made anew."""
    return PLACE.sub(lambda found: f"{found[1]}{tables[found[2]]()}{found[3]}", text)


def fill(page: Path = PAGE, tables: Mapping[str, Callable[[], str]] = TABLES) -> None:
    """Write each of a page's tables anew; each must have its place there."""
    text = page.read_text(encoding="utf-8")
    if missing := tables.keys() - {found[2] for found in PLACE.finditer(text)}:
        raise ValueError(f"{page} has no place for the table {min(missing)}")
    write_text(page, filled(text, tables))


if __name__ == "__main__":
    fill()
