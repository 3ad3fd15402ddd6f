"""The command line: what it does, and that whatever goes wrong ends in one sentence."""

from __future__ import annotations

import errno
import inspect
import io
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
import typer.main
from scipy import sparse, stats

import dirvae
from dirvae.cli import app, main
from dirvae.cli.errors import print_json
from dirvae.cli.fit import fit_vae

SMALL = ["-k", 3, "--hidden-sizes", 8, "--decoder-hidden-sizes", 8, "--batch-size", 40]
RANDOM = np.random.default_rng(0)
X = RANDOM.random((60, 6)).astype(np.float32)
COUNTS = RANDOM.poisson(3, (60, 6))
# A process started from one in the background ignores Ctrl-C, unless it says otherwise.
CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
START = [sys.executable, "-c", f"{CTRL_C}; from dirvae.cli import main; main()"]


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run the command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def ran(*arguments: Any) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            typer.main.get_command(app).main([str(a) for a in arguments], prog_name="dirvae")
        return Ran(int(stop.value.code or 0), *capsys.readouterr())

    return ran


@pytest.fixture(scope="module")
def fitted(tmp_path_factory) -> Path:
    """A model of six columns."""
    folder = tmp_path_factory.mktemp("fitted")
    sizes = {"hidden_sizes": (8,), "decoder_hidden_sizes": (8,)}
    model = dirvae.DirichletVAE(3, max_epochs=2, random_state=0, **sizes)
    model.fit(X).save(folder / "model")
    return folder / "model"


def fit(*options: Any) -> list[Any]:
    return ["fit", "vae", "x.npy", "-o", "model", *SMALL, "--max-epochs", 2, *options]


def printed(out: str) -> dict[str, str]:
    """A table of names and values."""
    lines = (line.strip().split("  ", 1) for line in out.splitlines())
    return {name: value.strip() for name, value in lines}


def assert_one_sentence(ran: Ran, *words: str, code: int = 2) -> None:
    assert ran.code == code, ran
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert line.startswith("Error: " if code == 2 else "Interrupted")
    for word in words:
        assert word in line


# --- what it does --------------------------------------------------------------------------------


def test_help_starts_without_torch():
    code = (
        "import sys\nfrom dirvae.cli import main\ntry:\n    main()\nexcept SystemExit as stop:\n"
        "    print(stop.code, *sys.modules.keys() & {'torch', 'lightning', 'sklearn', 'pandas'})"
    )
    for arguments in (["--help"], ["fit", "vae", "--help"], ["--version"], []):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "0"


def help_of(run, *command: str) -> dict[str, str]:
    """From options and arguments to what help says of them."""
    shown: dict[str, str] = {}
    for line in run(*command, "--help").out.splitlines():
        cells = line.strip("│ ").removeprefix("*").split()
        if line.startswith("│") and cells and (cells[0].startswith("--") or cells[0].islower()):
            name = cells[0]
            shown[name] = " ".join(cells[1:])
        elif line.startswith("│") and shown:
            shown[name] += " " + " ".join(cells)
    return shown


def test_help_shows_every_default(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    shown = help_of(run, "fit", "vae")
    for name, parameter in inspect.signature(fit_vae).parameters.items():
        default = parameter.default
        if default is inspect.Parameter.empty or default is None or isinstance(default, bool):
            continue
        assert shown[f"--{name.replace('_', '-')}"].endswith(f"[default: {default}]"), name


COMMANDS = [
    *([], ["demo"], ["fit"], ["fit", "vae"], ["fit", "topics"], ["topics"], ["transform"]),
    *(["evaluate"], ["info"], ["reproduce"]),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words) or "dirvae")
def test_help_names_no_types_of_python(command, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    shown = help_of(run, *command)
    assert shown["--help"] in ("-h Show this message and exit.", "Show this message and exit.")
    assert [name for name, said in shown.items() if "<" in said] == []


def test_version(run):
    assert run("--version") == Ran(0, f"dirvae {dirvae.__version__}\n", "")


def test_fit_transform_evaluate_info(run):
    np.save("x.npy", X)
    done = run(*fit())
    assert done.code == 0, done
    model = dirvae.load("model")
    kept = model.history_[model.best_epoch_]["val_elbo"]
    assert f"model: 2 epochs, held-out ELBO {kept:.2f}" in done.err
    assert sorted(os.listdir()) == ["model", "x.npy"]

    facts = json.loads(run("info", "model", "--json").out)
    assert facts["kind"] == "DirichletVAE"
    assert facts["val_elbo"] == kept
    assert (facts["latent"], facts["likelihood"]) == ("Dirichlet", "Bernoulli")
    assert (facts["components"], facts["columns"], facts["epochs"]) == (3, 6, 2)
    assert facts["prior_concentration"] == pytest.approx(2 / 3)
    assert facts["dirvae"] == dirvae.__version__
    assert facts["parameters"] == sum(p.numel() for p in model.vae_.parameters())
    assert facts["size_bytes"] == sum(file.stat().st_size for file in Path("model").iterdir())
    assert printed(run("info", "model").out) == {
        name.replace("_", " "): f"{value:,.5g}" if isinstance(value, float) else str(value)
        for name, value in facts.items()
    }

    assert run("transform", "model", "x.npy", "-o", "theta.npy").code == 0
    theta = np.load("theta.npy")
    np.testing.assert_array_equal(theta, dirvae.load("model").transform(X))


def test_evaluate_agrees_with_the_estimator(run, fitted):
    binary = (X > 0.5).astype(np.float32)
    np.save("x.npy", binary)
    found = json.loads(run("evaluate", fitted, "x.npy", "--json", "--samples", 50).out)
    model = dirvae.load(fitted)
    assert found["rows"] == 60
    assert found["elbo"] == pytest.approx(model.score(binary), abs=1e-6)
    assert found["elbo"] == pytest.approx(found["reconstruction"] - found["kl"], abs=1e-9)
    theta = model.transform(binary)
    prior = model.vae_.prior()
    assert found["components"] == 3
    active = theta.var(0) > 0.01 * prior.variance.numpy()
    assert found["active_components"] == active.sum()
    assert found["posterior_mean_variance"] == pytest.approx(theta.var(0).sum())
    with torch.no_grad():
        posterior = model.vae_.encoder(torch.from_numpy(binary))
        exact = torch.distributions.kl_divergence(
            torch.distributions.Dirichlet(posterior.concentration.double()),
            torch.distributions.Dirichlet(prior.concentration.double()),
        )
    assert found["kl"] == pytest.approx(float(exact.mean()), rel=1e-5)
    # The bound is below the evidence; 0.05 nat is far more than the noise of 60 x 50 draws here.
    assert found["nll"] < -found["elbo"] + 0.05
    assert 0 <= found["nll_unreliable_share"] < 0.2
    assert found["prior_variance"] == pytest.approx(3 * (1 / 3) * (2 / 3) / (2 + 1), rel=1e-5)
    assert "nll" not in json.loads(run("evaluate", fitted, "x.npy", "--json", "--samples", 0).out)
    shown = printed(run("evaluate", fitted, "x.npy", "--samples", 50).out)
    for name in ("rows", "elbo", "kl", "nll", "active_components", "prior_variance"):
        value = found[name]
        text = f"{value:,.5g}" if isinstance(value, float) else str(value)
        assert shown[name.replace("_", " ")] == text, name


def test_a_model_saved_with_frames_for_output_has_the_same_scores(run, fitted):
    np.save("x.npy", X)
    dirvae.load(fitted).set_output(transform="pandas").save("framed")
    for command in (["evaluate", "--json"], ["transform", "-o", "theta.npy", "--force"]):
        name, *options = command
        found, framed = (run(name, model, "x.npy", *options) for model in (fitted, "framed"))
        assert found.code == 0
        assert framed == found


def test_evaluate_diagnoses_each_component(run, fitted):
    binary = (X > 0.5).astype(np.float32)
    np.save("x.npy", binary)
    facts = json.loads(run("evaluate", fitted, "x.npy", "--json", "--samples", 0).out)
    found = facts["diagnosis"]
    assert found["rows"] == 60
    uses = found["components"]["used_in"]
    assert found["used_in_encoding_and_decoding"] == uses.count("encoding and decoding")
    active = uses.count("encoding and decoding") + uses.count("encoding only")
    assert active == facts["active_components"]
    # The law of the prior, Dirichlet(2/3, 2/3, 2/3): each marginal is Beta(2/3, 4/3).
    mean, var, skewness, kurtosis = stats.beta(2 / 3, 4 / 3).stats("mvsk")
    parts = found["components"]
    assert parts["prior_mean"] == pytest.approx([mean] * 3, abs=0.01)
    assert parts["prior_std"] == pytest.approx([np.sqrt(var)] * 3, abs=0.01)
    assert parts["prior_skewness"] == pytest.approx([skewness] * 3, abs=0.05)
    assert parts["prior_kurtosis"] == pytest.approx([kurtosis] * 3, abs=0.05)
    assert found["kl"] == pytest.approx(facts["kl"], rel=1e-6)
    assert max(parts["marginal_kl"]) <= found["kl"]
    assert (found["marginal_kl_is_exact"], found["marginal_kl_adds_up"]) == (True, False)
    assert found["mutual_information"] <= found["mutual_information_bound"]
    # Component k is column k of transform: there its posterior means vary so much.
    theta, prior = dirvae.load(fitted).transform(binary), stats.beta(2 / 3, 4 / 3)
    assert parts["encoding_variance"] == pytest.approx(theta.var(0) / prior.var(), rel=1e-3)
    shown = printed(run("evaluate", fitted, "x.npy", "--samples", 0).out)
    unused = [str(k) for k, use in enumerate(uses) if use != "encoding and decoding"]
    assert shown["not used in both"] == (", ".join(unused) or "none")
    assert shown["mutual information"] == f"{found['mutual_information']:,.5g}"


def test_components_that_are_not_used_are_named_by_their_column(run, fitted, monkeypatch):
    np.save("x.npy", X)
    uses = ["encoding and decoding", "neither", "encoding only", "encoding and decoding"]
    facts = {"components": 4, "diagnosis": {"components": {"used_in": uses}}}
    monkeypatch.setattr("dirvae.cli.measures.measure", lambda *_: facts)
    assert printed(run("evaluate", fitted, "x.npy").out)["not used in both"] == "1, 2"


def test_a_classifier_transforms_but_is_not_evaluated(run):
    labels = np.where(np.arange(60) < 30, np.arange(60) % 2, -1)
    sizes = {"hidden_sizes": (8,), "decoder_hidden_sizes": (8,), "classifier_hidden_sizes": (8,)}
    dirvae.SemiSupervisedVAE(3, max_epochs=1, random_state=0, **sizes).fit(X, labels).save("model")
    np.save("x.npy", X)
    assert json.loads(run("info", "model", "--json").out)["kind"] == "SemiSupervisedVAE"
    assert run("transform", "model", "x.npy", "-o", "theta.npy").code == 0
    np.testing.assert_array_equal(np.load("theta.npy"), dirvae.load("model").transform(X))
    refused = run("evaluate", "model", "x.npy")
    assert refused.code != 0
    assert "model holds a SemiSupervisedVAE: score it in Python" in refused.err


@pytest.mark.parametrize("options", [["--samples", 1], ["--samples", 0]])
def test_figures_without_a_standard_error_are_json_all_the_same(run, fitted, options):
    np.save("x.npy", (X[:1] > 0.5).astype(np.float32))
    out = run("evaluate", fitted, "x.npy", "--json", *options).out
    facts = json.loads(out, parse_constant=pytest.fail)
    assert facts["elbo_std_error"] is None
    assert facts.get("nll_std_error") is None


@pytest.mark.parametrize(
    "options", [["--text-column", "a"], ["--label-column", "a"], ["--encoding", "latin1"]]
)
def test_options_of_texts_do_not_go_with_a_model_of_rows(run, fitted, options):
    np.save("x.npy", X)
    assert_one_sentence(run("evaluate", fitted, "x.npy", *options), f"{options[0]} does not go")
    if options[0] != "--label-column":
        done = run("transform", fitted, "x.npy", "-o", "theta.csv", *options)
        assert_one_sentence(done, f"{options[0]} does not go with")


def test_evaluate_of_probabilities_is_repeatable(run, fitted):
    np.save("x.npy", X)
    first, second = (run("evaluate", fitted, "x.npy", "--json").out for _ in range(2))
    assert first == second


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_transform_writes_a_table_with_its_ids(suffix, run, fitted):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame.insert(0, "sample", [f"s{i}" for i in range(60)])
    frame.to_csv("x.csv", index=False)
    done = run("transform", fitted, "x.csv", "-o", f"theta.{suffix}", "--id-column", "sample")
    assert done.code == 0, done
    read = pd.read_csv if suffix == "csv" else pd.read_parquet
    table = read(f"theta.{suffix}")
    assert list(table) == ["sample", "dirichletvae0", "dirichletvae1", "dirichletvae2"]
    assert table["sample"].tolist() == frame["sample"].tolist()
    expected = dirvae.load(fitted).transform(X)
    np.testing.assert_allclose(table.iloc[:, 1:], expected, rtol=1e-5)
    assert sorted(os.listdir()) == [f"theta.{suffix}", "x.csv"]


def test_columns_are_matched_by_name(run):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame.to_csv("x.csv", index=False)
    frame[list("fedcba")].to_csv("turned.csv", index=False)
    np.save("x.npy", X.astype(np.float64))
    assert run("fit", "vae", "x.csv", "-o", "model", *SMALL, "--max-epochs", 1).code == 0
    for name in ("x.csv", "turned.csv", "x.npy"):
        done = run("transform", "model", name, "-o", f"{name}.npy")
        assert (done.code, done.err.count("\n")) == (0, 1), done
    np.testing.assert_array_equal(np.load("x.csv.npy"), np.load("turned.csv.npy"))
    np.testing.assert_allclose(np.load("x.csv.npy"), np.load("x.npy.npy"), rtol=1e-5)
    frame.drop(columns="c").to_csv("less.csv", index=False)
    assert_one_sentence(run("transform", "model", "less.csv", "-o", "t.npy"), "no column 'c'")
    frame.assign(g=1).to_csv("more.csv", index=False)
    assert_one_sentence(run("transform", "model", "more.csv", "-o", "t.npy"), "a column 'g'")


WORDS = {
    "dirichlet": "Dirichlet",
    "inverse-cdf": "InverseCDFDirichlet",
    "scaled-dirichlet": "ScaledDirichlet",
    "stick-breaking": "StickBreakingKumaraswamy",
    "softmax-gaussian": "SoftmaxNormal",
    "gaussian": "Normal",
}


@pytest.mark.parametrize("latent", WORDS)
def test_every_latent(latent, run):
    binary = (X > 0.5).astype(np.float32)
    np.save("x.npy", binary)
    assert run(*fit("--latent", latent)).code == 0
    assert json.loads(run("info", "model", "--json").out)["latent"] == WORDS[latent]
    found = json.loads(run("evaluate", "model", "x.npy", "--samples", 2, "--json").out)
    assert found["elbo"] == pytest.approx(dirvae.load("model").score(binary), abs=1e-6)


@pytest.mark.parametrize(
    "likelihood",
    [
        "multinomial",
        "dirichlet-multinomial",
        "negative-binomial",
        "zero-inflated-negative-binomial",
        "gaussian",
    ],
)
def test_every_likelihood_of_sparse_counts(likelihood, run):
    sparse.save_npz("x.npz", sparse.csr_matrix(COUNTS))
    np.save("x.npy", COUNTS)
    options = ["--likelihood", likelihood, "--prior-concentration", "learn"]
    assert run("fit", "vae", "x.npz", "-o", "model", *SMALL, "--max-epochs", 3, *options).code == 0
    found = [json.loads(run("evaluate", "model", f"x.{s}", "--json").out) for s in ("npz", "npy")]
    diagnoses = [f.pop("diagnosis") for f in found]
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    assert found[1]["elbo"] == pytest.approx(dirvae.load("model").score(COUNTS), rel=1e-6)
    uses, costs = (
        [d["components"][name] for d in diagnoses] for name in ("used_in", "marginal_kl")
    )
    assert uses[0] == uses[1]
    assert costs[0] == pytest.approx(costs[1], rel=1e-5)


def test_images_are_announced(run):
    np.save("x.npy", RANDOM.integers(0, 256, (20, 3, 2), dtype=np.uint8))
    assert "x.npy: 20 images of 3 x 2, scaled to [0, 1]" in run(*fit()).err


def test_rows_of_zeros_have_a_defined_result(run):
    counts = COUNTS.copy()
    counts[::2] = 0
    np.save("x.npy", counts)
    for likelihood in ("multinomial", "negative-binomial", "gaussian"):
        options = ["--likelihood", likelihood, "-o", likelihood]
        assert run(*fit(*options)).code == 0
        assert run("transform", likelihood, "x.npy", "-o", "theta.npy", "--force").code == 0
        theta = np.load("theta.npy")
        np.testing.assert_allclose(theta.sum(1), 1, rtol=1e-5)
        assert (theta[::2] == theta[0]).all()
        found = json.loads(run("evaluate", likelihood, "x.npy", "--json").out)
        diagnosis = found.pop("diagnosis")
        assert np.isfinite(list(found.values())).all()
        assert len(diagnosis["components"]["used_in"]) == found["components"]


def test_data_of_zeros_alone_have_a_defined_result(run):
    np.save("x.npy", np.zeros((20, 4)))
    assert run(*fit()).code == 0
    assert run("transform", "model", "x.npy", "-o", "theta.npy").code == 0
    theta = np.load("theta.npy")
    assert (theta == theta[0]).all()
    np.testing.assert_allclose(theta.sum(1), 1, rtol=1e-5)
    assert np.isfinite(json.loads(run("evaluate", "model", "x.npy", "--json").out)["elbo"])


def test_demo_is_called(run, monkeypatch):
    pytest.importorskip("dirvae.report.demo")
    called: list[Any] = []
    monkeypatch.setattr("dirvae.report.demo.run", lambda *arguments: called.extend(arguments))
    assert run("demo", "--quick", "-o", "here").code == 0
    assert called == [Path("here"), True]


# --- bad usage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--components", 0], "'-k'"),
        (["--device", "cdua"], "; did you mean cuda?"),
        (["--components", 1], "--components is 1"),
        (["--components", "many"], "'-k'"),
        (["--prior-concentration", 0], "prior_concentration"),
        (["--prior-concentration", -1], "prior_concentration"),
        (["--prior-concentration", "nan"], "prior_concentration"),
        (["--prior-concentration", "high"], "--prior-concentration is 'high'"),
        (["--latent", "gaussian", "--prior-concentration", 2], "prior_concentration"),
        (["--commitment", -1], "commitment is -1.0"),
        (["--latent", "gaussian", "--commitment", 1.5], "commitment"),
        (["--components", "many"], "'many' must be a whole number, 1 or more"),
        (["--max-epochs", 0], "'0' must be a whole number, 1 or more"),
        (["--learning-rate", "slow"], "'slow' must be a number"),
        (["--latent", "cauchy"], "'cauchy' is not one of dirichlet, inverse-cdf"),
        (["--latent", "dirichelt"], "gaussian; did you mean dirichlet?"),
        (["--likelihood", "bernouli"], "; did you mean bernoulli?"),
        (["--likelihood", "poison"], "'poison' is not one of"),
        (["--hidden-sizes", "5;5"], "--hidden-sizes is '5;5'"),
        (["--hidden-sizes", "5,0"], "hidden_sizes"),
        (["--learning-rate", 0], "learning_rate"),
        (["--batch-size", 0], "--batch-size"),
        (["--validation-fraction", 1], "validation_fraction"),
        (["--device", "tpu"], "'tpu' is not one of"),
        (["--resume"], "holds no checkpoint"),
        (["--array", "x"], "is no .npz file"),
        (["--bogus"], "--bogus"),
    ],
)
def test_bad_option_of_fit(options, word, run):
    np.save("x.npy", X)
    assert_one_sentence(run(*fit(*options)), word)
    assert os.listdir() == ["x.npy"]


@pytest.mark.parametrize(
    ("arguments", "option", "said"),
    [
        (["demo", "topic"], "which", "'topic' is not one of digits, topics; did you mean topics?"),
        (
            ["topics", "m", "--by", "relevence"],
            "'--by'",
            "'relevence' is not one of relevance, frex, probability, lift; did you mean relevance?",
        ),
        (
            ["fit", "topics", "docstrings", "-o", "m", "--decoder", "embeded"],
            "'--decoder'",
            "'embeded' is not one of mixture, overdispersed, product, embedded; did you mean "
            "embedded?",
        ),
        (
            ["reproduce", "knn", "--pixels", "gray"],
            "'--pixels'",
            "'gray' is not one of binarised, grey; did you mean grey?",
        ),
        (["topics", "m", "--words", "x"], "'--words'", "'x' must be a whole number, 1 or more"),
        (["topics", "m", "--examples", "-1"], "'--examples'", "'-1' must be a whole number, 0 or"),
    ],
)
def test_a_wrong_word_is_named_with_the_nearest_right_one(arguments, option, said, run):
    done = run(*arguments)
    assert_one_sentence(done, f"': {said}", "Invalid value for")
    assert option in done.err.lower()
    assert "Value error" not in done.err


@pytest.mark.parametrize(
    "arguments",
    [["fit"], ["fit", "vae"], ["fit", "vae", "x.npy"], ["bogus"], ["info"], ["--bogus"]],
)
def test_bad_command(arguments, run):
    assert_one_sentence(run(*arguments))


def test_device_that_is_not_there(run, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    np.save("x.npy", X)
    assert_one_sentence(run(*fit("--device", "cuda")), "--device cuda is not available")


# --- bad data ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "options", "word"),
    [
        (X[:0], [], "empty"),
        (X[:, :0], [], "empty"),
        (X[:1], [], "one sample"),
        (X[0], [], "must have rows and columns"),
        (np.where(X > 0.9, np.nan, X), [], "missing values (NaN)"),
        (np.where(X > 0.9, np.inf, X), [], "infinite values"),
        (np.full((5, 2), "word"), [], "must be real numbers"),
        (COUNTS - 5, ["--likelihood", "multinomial"], "negative values"),
        (COUNTS - 5, ["--likelihood", "dirichlet-multinomial"], "negative values"),
        (COUNTS - 5, ["--likelihood", "negative-binomial"], "negative values"),
        (COUNTS - 5, ["--likelihood", "zero-inflated-negative-binomial"], "negative values"),
        (COUNTS, ["--likelihood", "bernoulli"], "probabilities in [0, 1]"),
    ],
)
def test_bad_values(values, options, word, run):
    np.save("x.npy", values)
    assert_one_sentence(run(*fit(*options)), word)
    assert os.listdir() == ["x.npy"]


def test_columns_of_words(run):
    Path("x.csv").write_text("a,b\n1,u\n2,v\n")
    assert_one_sentence(run("fit", "vae", "x.csv", "-o", "model"), "not numbers: 'b'")


def broken_matrix() -> bytes:
    """A sparse matrix of six columns with an entry in a seventh."""
    matrix = sparse.csr_matrix(COUNTS)
    matrix.indices[7] = 6
    sparse.save_npz(file := io.BytesIO(), matrix)
    return file.getvalue()


@pytest.mark.parametrize("command", ["fit", "transform", "evaluate"])
@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("gone.npy", None, "does not exist"),
        ("x.npy", b"\x93NUMPY", "cut off"),
        ("x.npy", b"PK\x03\x04", "cut off"),
        ("x.csv", b"", "cut off"),
        ("x.parquet", b"PAR1 no", "cut off"),
        ("x.docx", b"text", "no kind that can be read"),
        ("x.npz", broken_matrix(), "an index 6, must be from 0 to 5"),
        ("x.npz", b"junk" * 9, "(it is no array of numbers)"),
        ("x.csv", b"a,b\n1,2\n3,4,5\n", "row 2 has 3 cells, the first line has 2 cells"),
        ("x.csv", "größe;b\n1;2\n".encode("cp1252"), "it is not utf-8 (byte 2)"),
    ],
)
def test_bad_file(command, name, content, word, run, fitted):
    if content is not None:
        Path(name).write_bytes(content)
    arguments = {
        "fit": ["fit", "vae", name, "-o", "model"],
        "transform": ["transform", fitted, name, "-o", "theta.npy"],
        "evaluate": ["evaluate", fitted, name],
    }[command]
    assert_one_sentence(run(*arguments), word)


def test_a_table_of_excel_in_cp1252(run):
    frame = pd.DataFrame(X.astype(np.float64), columns=["größe", "b", "c", "d", "e", "f"])
    frame.to_csv("x.csv", sep=";", decimal=",", index=False, encoding="cp1252")
    options = ["--encoding", "cp1252"]
    done = run("fit", "vae", "x.csv", "-o", "model", *SMALL, "--max-epochs", 1, *options)
    assert done.code == 0, done
    assert "x.csv: separated by semicolons" in done.err
    assert "x.csv: decimal commas read as points" in done.err
    model = dirvae.load("model")
    assert model.feature_names_in_.tolist() == frame.columns.tolist()
    assert run("transform", "model", "x.csv", "-o", "theta.npy", *options).code == 0
    np.testing.assert_array_equal(np.load("theta.npy"), model.transform(frame))
    assert run("evaluate", "model", "x.csv", "--samples", 0, *options).code == 0
    np.save("x.npy", X)
    assert_one_sentence(run(*fit(*options, "--force")), "--encoding does not go with x.npy")


@pytest.mark.parametrize("command", ["transform", "evaluate"])
def test_wrong_width(command, run, fitted):
    np.save("x.npy", X[:, :5])
    output = ["-o", "theta.csv"] if command == "transform" else []
    assert_one_sentence(run(command, fitted, "x.npy", *output), "5 features", "6 features")


# --- bad model -----------------------------------------------------------------------------------


def damage(model: Path, how: str) -> None:
    name, _, action = how.partition(" ")
    path = model / name
    if action == "missing":
        path.unlink()
    elif action == "truncated":
        path.write_bytes(path.read_bytes()[:-10])
    elif action == "edited":
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("action", ["missing", "truncated", "edited"])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "manifest.json"])
def test_damaged_model(name, action, run, fitted):
    np.save("x.npy", X)
    shutil.copytree(fitted, "model")
    damage(Path("model"), f"{name} {action}")
    for arguments in (["info"], ["transform", "x.npy", "-o", "theta.npy"]):
        command, *rest = arguments
        ran = run(command, "model", *rest)
        assert_one_sentence(ran, "model")
    assert not Path("theta.npy").exists()


def test_model_that_is_none(run):
    Path("empty").mkdir()
    Path("file").touch()
    for name, word in (("gone", "does not exist"), ("empty", "not a model"), ("file", "file")):
        assert_one_sentence(run("info", name), word)


def test_what_a_models_config_says_is_shown_as_text(run, fitted, monkeypatch):
    config = {"kind": "[red]K[/red]", "dirvae": "[/b]\x1b[31m", "format": ":cat:\u202e"}
    monkeypatch.setattr("dirvae.persistence.read_config", lambda path: config)
    found = run("info", fitted).out
    shown = printed(found)
    assert (shown["kind"], shown["dirvae"]) == ("[red]K[/red]", r"[/b]\x1b[31m")
    assert shown["format"] == r":cat:\u202e"
    assert "\x1b" not in found
    assert json.loads(run("info", fitted, "--json").out).items() >= config.items()


def test_letters_that_the_terminal_lacks_are_escaped(monkeypatch):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="cp1252") for _ in range(2))
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.setattr("sys.argv", ["dirvae", "info", "模型é"])
    print_json({"é": "中"})
    with pytest.raises(SystemExit):
        main()
    out.flush()
    err.flush()
    assert json.loads(out.buffer.getvalue()) == {"é": "中"}
    assert err.buffer.getvalue().startswith(b"Error: \\u6a21\\u578b\xe9 does not exist")


def test_model_without_an_estimator(run):
    from dirvae.models.zoo import gaussian

    vae = gaussian(6, 2).eval()
    dirvae.save(vae, "vae")
    shown = printed(run("info", "vae").out)
    assert (shown["kind"], shown["latent"]) == ("VAE", "Normal of shape (2,)")
    assert shown["parameters"] == str(sum(p.numel() for p in vae.parameters()))
    np.save("x.npy", X)
    assert_one_sentence(run("evaluate", "vae", "x.npy"), "dirvae.load")


# --- where it cannot write -----------------------------------------------------------------------


def test_output_of_fit_is_checked_before_training(run):
    np.save("x.npy", X)
    Path("other").mkdir()
    Path("other/thesis.tex").touch()
    for output, word in (("x.npy", "is a file"), ("other", "thesis.tex"), ("x.npy/m", "x.npy")):
        assert_one_sentence(run(*fit("-o", output)), word)
    assert sorted(os.listdir()) == ["other", "x.npy"]


def test_output_of_transform_is_checked_first(run, fitted):
    np.save("x.npy", X)
    Path("folder.csv").mkdir()
    for output, word in (("t.xlsx", ".csv, .npy, .parquet"), ("folder.csv", "is a folder")):
        assert_one_sentence(run("transform", fitted, "x.npy", "-o", output), word)
    assert_one_sentence(run("transform", fitted, "x.npy", "-o", "x.npy/t.csv"), "x.npy")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(run, fitted):
    np.save("x.npy", X)
    Path("closed").mkdir(mode=0o555)
    assert_one_sentence(run(*fit("-o", "closed/model")), "cannot be written to")
    done = run("transform", fitted, "x.npy", "-o", "closed/t.csv")
    assert_one_sentence(done, "cannot be written to")


def test_earlier_model_is_replaced_if_asked_for(run, fitted):
    np.save("x.npy", X)
    shutil.copytree(fitted, "model")
    assert run(*fit("-k", 4, "--force")).code == 0
    assert json.loads(run("info", "model", "--json").out)["components"] == 4


def test_disk_that_is_full_at_saving_keeps_the_checkpoint(run, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    np.save("x.npy", X)
    with monkeypatch.context() as patch:
        patch.setattr("dirvae.persistence.folder._write", full)
        done = run(*fit())
    assert_one_sentence(done, "No space left", "the checkpoint is kept, go on with: dirvae fit vae")
    assert sorted(os.listdir()) == ["model.checkpoints", "x.npy"]
    again = shlex.split(done.err.partition("go on with: dirvae ")[2])
    assert run(*again).code == 0
    assert sorted(os.listdir()) == ["model", "x.npy"]


def limited(arguments: list[Any], size: int) -> Ran:
    """Run with files that cannot grow beyond ``size`` bytes, as on a disk that is full."""
    done = subprocess.run(
        [*START, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_disk_that_is_full_in_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    assert_one_sentence(limited(fit(), 2000), "File too large")


def test_disk_that_is_full_at_the_table_leaves_nothing(tmp_path, monkeypatch, fitted):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    done = limited(["transform", fitted, "x.npy", "-o", "theta.csv"], 100)
    assert_one_sentence(done, "File too large")
    assert os.listdir() == ["x.npy"]


# --- training that is cut off --------------------------------------------------------------------


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not path.is_file():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_interrupted_run_goes_on_to_the_same_model(run):
    np.save("my data.npy", X)
    options = [*SMALL, "--max-epochs", 60, "--patience", 60]
    command = ["fit", "vae", "my data.npy", "-o", "model", *options]
    arguments = [*START, *map(str, command)]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_for(Path("model.checkpoints/last.ckpt"), process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    interrupted = Ran(process.returncode, out, err)
    assert_one_sentence(interrupted, "the checkpoint is kept, go on with: dirvae", code=130)
    assert not Path("model").exists()

    assert_one_sentence(run(*command), "go on from it with --resume")
    different = [*command, "--resume", "-k", 4]
    assert_one_sentence(run(*different), "n_components 3, not 4")
    again = shlex.split(interrupted.err.partition("go on with: dirvae ")[2])
    assert again == [*map(str, command), "--resume"]
    assert run(*again).code == 0
    assert not Path("model.checkpoints").exists()

    assert run("fit", "vae", "my data.npy", "-o", "whole", *options).code == 0
    for name in ("model.safetensors", "config.json"):
        assert Path("model", name).read_bytes() == Path("whole", name).read_bytes()


def test_interrupted_before_the_first_checkpoint(run, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    np.save("x.npy", X)
    monkeypatch.setattr("dirvae.estimators.dirichlet_vae.fit", interrupt)
    assert_one_sentence(run(*fit()), "nothing is kept", code=130)
    assert os.listdir() == ["x.npy"]


def test_interrupted_elsewhere(run, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("dirvae.persistence.load", interrupt)
    assert_one_sentence(run("info", "model"), code=130)


def test_checkpoints_in_a_folder_of_ones_own_are_kept(run):
    np.save("x.npy", X)
    options = ["--checkpoint-dir", "kept", "--validation-fraction", 0]
    assert run(*fit(*options)).code == 0
    assert sorted(os.listdir("kept")) == ["last.ckpt", "settings.json"]
    assert run(*fit(*options, "--resume", "--max-epochs", 5)).code == 0
    assert json.loads(run("info", "model", "--json").out)["epochs"] == 5


def test_damaged_checkpoint(run):
    np.save("x.npy", X)
    folder = Path("kept")
    assert run(*fit("--checkpoint-dir", folder)).code == 0
    (folder / "last.ckpt").write_bytes(b"cut off")
    again = fit("--checkpoint-dir", folder, "--resume")
    assert_one_sentence(run(*again), "the checkpoint in kept is damaged")


def test_loss_that_is_not_finite_leaves_no_checkpoint(run):
    np.save("x.npy", X * np.float32(1e30))
    done = run(*fit("--learning-rate", 1e30, "--likelihood", "gaussian"))
    assert_one_sentence(done, "lower the learning rate")
    assert os.listdir() == ["x.npy"]


def test_our_own_fault_keeps_its_traceback(run, monkeypatch):
    def fail(*_):
        raise AssertionError("a fault of ours")

    monkeypatch.setattr("dirvae.persistence.load", fail)
    with pytest.raises(AssertionError, match="a fault of ours"):
        typer.main.get_command(app).main(["info", "model"])


def test_defaults_of_the_command_are_those_of_the_estimator():
    command = inspect.signature(fit_vae).parameters
    estimator = inspect.signature(dirvae.DirichletVAE).parameters
    shared = ("max_epochs", "batch_size", "learning_rate", "validation_fraction", "patience")
    for name in shared:
        assert command[name].default == estimator[name].default, name
