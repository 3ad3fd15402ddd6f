"""Tests stand where the code stands: tests/a/test_b.py has what src/dirvae/a/b.py promises."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Test files about no one source file, and what they are about.
ABOUT_MORE = {
    "test_cross_references": "names in docs and docstrings",
    "test_accelerator": "all that computes, on a GPU",
    "test_any_latent": "training with each distribution of torch and ours",
    "test_benchmarks": "the folder benchmarks/",
    "test_topic_frontier": "benchmarks/topic_frontier.py",
    "test_side_by_side": "benchmarks/all.py, and what it runs",
    "test_layers": "imports between all packages",
    "test_layout": "the folder tests/",
    "test_packaging": "the package as it is installed",
    "test_public_names": "the names of all packages",
    "test_readme": "the examples of README.md and docs/",
    "test_resume": "checkpoints of all estimators",
    "test_site": "the site that `make docs` builds",
    "test_sparse_entries": "every function that takes a sparse matrix",
    "distributions/test_contract": "every distribution, against torch's contract",
    "distributions/test_oracles": "every distribution, against SciPy",
    "distributions/test_rows_for_all": "rows under each of many distributions",
    "distributions/test_pyro": "every distribution, inside Pyro",
    "report/explorer/test_browser": "the page of topics in a browser",
    "report/explorer/test_browser_components": "the page of components in a browser",
    "report/explorer/test_browser_samples": "pages of counts and of models in a browser",
    "report/explorer/test_browser_use": "how a page in a browser can be used by all",
    "reproduce/test_command": "the command `reproduce` and its studies",
}

# Source files that another file's test goes through, for they have no promise of their own.
TESTED_IN = {
    "assessment/test_diagnosis": ["assessment/embedding", "assessment/marginals"],
    "cli/test_fit_counts": ["cli/counts", "cli/effects"],
    "cli/test_topics": ["cli/fit_topics"],
    "data/corpus/test_building": ["data/corpus/unfinished"],
    "data/corpus/test_corpus": ["data/corpus/manifest"],
    "data/test_files": ["data/array_files", "data/rows"],
    "data/test_sparse_matrix": ["data/counts"],
    "data/test_number_tables": ["data/delimited"],
    "data/test_text_tables": ["data/text_files"],
    "demo/test_digits": [
        "assessment/latent_space",
        "demo/images",
        "demo/pictures",
    ],
    "distributions/test_contract": ["distributions/named_parameters", "distributions/_vectors"],
    "distributions/test_oracles": [
        "distributions/inverse_cdf",
        "distributions/moments",
        "distributions/softmax_normal",
        "distributions/stick_breaking",
        "distributions/_log_sum_of_log_normals",
        "distributions/_quadrature",
        "distributions/_quantile",
        "distributions/_tails",
    ],
    "distributions/test_counts": ["distributions/log_space", "distributions/_count_sums"],
    "distributions/test_draws": ["distributions/_kl", "distributions/global_random"],
    "distributions/test_implicit": ["distributions/mixture"],
    "distributions/test_kumaraswamy": ["distributions/_expected_log1m"],
    "distributions/test_log_gamma": [
        "distributions/precision",
        "distributions/_log_gamma_gradient",
        "distributions/_log_gamma_sampler",
        "distributions/_log_gamma_tables",
        "distributions/_polynomial",
    ],
    "distributions/test_mixed_multinomial": ["distributions/_sparse"],
    "distributions/test_multinomial": [
        "distributions/dirichlet_multinomial",
        "distributions/_count_rows",
    ],
    "distributions/test_spherical": [
        "distributions/power_spherical",
        "distributions/von_mises_fisher",
        "distributions/_cosine",
    ],
    "distributions/test_weibull": ["distributions/weibull_dirichlet"],
    "estimators/test_dirichlet_vae": ["estimators/arguments"],
    "estimators/test_semi_supervised": ["estimators/labels"],
    "evaluation/test_representation": ["evaluation/_labels"],
    "evaluation/test_topics": ["evaluation/_counts"],
    "export/test_tables": ["export/documents"],
    "models/test_zoo": ["models/latents", "models/likelihoods"],
    "nn/test_conditional": ["nn/parameters"],
    "models/test_vae": ["nn/counts"],
    "report/test_topics": ["report/examples"],
    "reproduce/test_command": [
        "cli/reproduce",
        "reproduce/paper",
        "reproduce/progress",
        "reproduce/runs",
    ],
    "reproduce/test_density": [
        "reproduce/images",
        "reproduce/measures",
        "reproduce/rows",
        "reproduce/settings",
    ],
    "reproduce/test_tables": ["reproduce/record"],
    "reproduce/test_topics": ["reproduce/bags", "reproduce/topics_table"],
    "testing/test_conformance": [
        "testing/batches",
        "testing/case",
        "testing/derivatives",
        "testing/goodness_of_fit",
        "testing/gradient",
    ],
    "topics/test_composition": ["topics/hidden_features"],
    "topics/test_covariates": ["topics/columns"],
    "topics/test_decoders": ["topics/decoder"],
    "topics/test_documents": [
        "data/vectorizing",
        "persistence/vectorizers",
        "topics/document_kinds",
    ],
    "topics/test_effects": ["topics/merging"],
    "topics/test_exploring": ["topics/learned"],
    "topics/test_inference": ["topics/zoo"],
    "topics/test_results": ["topics/contrasts", "topics/information"],
    "topics/test_model": [
        "topics/arguments",
        "topics/building",
        "topics/questions",
        "topics/sizes",
    ],
    "topics/test_training": ["topics/encoder", "topics/prior"],
    "training/test_fitting": [
        "training/checkpoints",
        "training/module",
        "training/optimisers",
    ],
}


def names_in(folder: Path, pattern: str) -> set[str]:
    """Paths of files from a folder, without the suffix."""
    return {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob(pattern)}


SOURCES = names_in(ROOT / "src" / "dirvae", "*.py")
TESTS = names_in(ROOT / "tests", "test_*.py")


def place_of(source: str) -> str:
    """Where the test of a source file stands."""
    folder, _, name = source.rpartition("/")
    name = name.strip("_")  # test_init is of __init__, test_sparse of _sparse
    return f"{folder}/test_{name}" if folder else f"test_{name}"


OWN = {place_of(source): source for source in SOURCES}
NEIGHBOURS = {source: test for test, sources in TESTED_IN.items() for source in sources}


@pytest.mark.parametrize("source", sorted(s for s in SOURCES if not s.endswith("__init__")))
def test_every_source_file_has_its_test(source: str) -> None:
    if source in NEIGHBOURS:
        assert place_of(source) not in TESTS, f"{source} has a test of its own: strike it here"
    assert NEIGHBOURS.get(source, place_of(source)) in TESTS


@pytest.mark.parametrize("test", sorted(TESTS))
def test_every_test_file_has_its_source(test: str) -> None:
    assert (test in OWN) != (test in ABOUT_MORE)


def test_the_lists_name_files_that_are_there() -> None:
    assert ABOUT_MORE.keys() - TESTS == set()
    assert NEIGHBOURS.keys() - SOURCES == set()
    assert len(NEIGHBOURS) == sum(map(len, TESTED_IN.values()))
