"""Commands on a saved model: what they write and say, and one sentence for what goes wrong."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import dirvae
from dirvae.cli import apply
from tests.cli.command import SMALL, X, assert_one_sentence, fit, limited, printed


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
    assert (facts["latent"], facts["likelihood"]) == ("StandardizedDirichlet", "Bernoulli")
    assert (facts["components"], facts["columns"], facts["epochs"]) == (3, 6, 2)
    assert facts["prior_concentration"] == 10
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


@pytest.mark.parametrize(
    "options",
    [["--text-column", "a"], ["--label-column", "a"], ["--encoding", "latin1"], ["--drop-missing"]],
)
def test_options_of_texts_do_not_go_with_a_model_of_rows(run, fitted, options):
    np.save("x.npy", X)
    assert_one_sentence(run("evaluate", fitted, "x.npy", *options), f"{options[0]} cannot be")
    if options[0] != "--label-column":
        done = run("transform", fitted, "x.npy", "-o", "theta.csv", *options)
        assert_one_sentence(done, f"{options[0]} cannot be used with")


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


@pytest.mark.parametrize("command", ["transform", "evaluate"])
def test_wrong_width(command, run, fitted):
    np.save("x.npy", X[:, :5])
    output = ["-o", "theta.csv"] if command == "transform" else []
    assert_one_sentence(run(command, fitted, "x.npy", *output), "5 features", "6 features")


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


def test_model_without_an_estimator(run):
    from dirvae.models.zoo import gaussian

    vae = gaussian(6, 2).eval()
    dirvae.save(vae, "vae")
    shown = printed(run("info", "vae").out)
    assert (shown["kind"], shown["latent"]) == ("VAE", "Normal of shape (2,)")
    assert shown["parameters"] == str(sum(p.numel() for p in vae.parameters()))
    np.save("x.npy", X)
    assert_one_sentence(run("evaluate", "vae", "x.npy"), "dirvae.load")


def test_output_of_transform_is_checked_first(run, fitted):
    np.save("x.npy", X)
    Path("folder.csv").mkdir()
    for output, word in (("t.xlsx", ".csv, .npy or .parquet"), ("folder.csv", "is a folder")):
        assert_one_sentence(run("transform", fitted, "x.npy", "-o", output), word)
    assert_one_sentence(run("transform", fitted, "x.npy", "-o", "x.npy/t.csv"), "x.npy")


def test_disk_that_is_full_at_the_table_leaves_nothing(run, fitted):
    np.save("x.npy", X)
    with limited(100):
        done = run("transform", fitted, "x.npy", "-o", "theta.csv")
    assert_one_sentence(done, "File too large")
    assert os.listdir() == ["x.npy"]


# --- what the commands print and refuse -----------------------------------------------------------


def test_each_mean_is_followed_by_the_ends_of_its_interval():
    mean = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = SimpleNamespace(mean=mean, lower=mean - 0.5, upper=mean + 0.25)
    assert apply._with_ends(found).tolist() == [
        [1.0, 0.5, 1.25, 2.0, 1.5, 2.25],
        [3.0, 2.5, 3.25, 4.0, 3.5, 4.25],
    ]


@pytest.mark.parametrize(
    ("level", "output", "kind", "said"),
    [
        (0.9, "x.csv", "TopicModel", None),
        (0.9, "x.parquet", "CompositionModel", None),
        (1.0, "x.csv", "TopicModel", r"level is 1\.0, must be in \(0, 1\)"),
        (0.0, "x.csv", "TopicModel", r"level is 0\.0, must be in \(0, 1\)"),
        (0.9, "x.csv", "DirichletVAE", None),
        (0.9, "x.csv", "SemiSupervisedVAE", "--level cannot be used with m, which has no interv"),
        (0.9, "x.h5ad", "CompositionModel", r"x\.h5ad, which always has quantiles of 5% and 95%"),
        (0.9, "x.npy", "TopicModel", r"x\.npy must end in \.csv or \.parquet: --level adds named"),
    ],
)
def test_intervals_need_a_model_that_has_them_and_columns_with_names(level, output, kind, said):
    given = level, Path(output), "texts.csv", Path("m"), kind
    if said is None:
        apply._require_intervals(*given)
    else:
        with pytest.raises(ValueError, match=said):
            apply._require_intervals(*given)


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        ("y.h5ad", "CompositionModel", None),
        (
            "y.csv",
            "CompositionModel",
            r"a \.h5ad output is a copy of .*, and y\.csv is none; dirvae",
        ),
        ("y.h5ad", "TopicModel", "m is not a model of counts; dirvae export --format h5ad makes a"),
        ("y.h5ad", "DirichletVAE", "m is not a model of counts$"),
    ],
)
def test_cells_are_written_into_a_copy_of_their_file(data, kind, said):
    given = Path("x.h5ad"), data, Path("m"), kind
    if said is None:
        apply._require_cells(*given)
    else:
        with pytest.raises(ValueError, match=rf"x\.h5ad must end in \.csv, .*: {said}"):
            apply._require_cells(*given)


@pytest.mark.parametrize(
    ("values", "shown"), [(None, None), (0.5, 0.5), ([2.0, 2.0], 2.0), ([2.0, 3.0], [2.0, 3.0])]
)
def test_a_prior_is_one_number_if_all_are_alike(values, shown):
    prior = None if values is None else np.array(values)
    assert apply._prior(SimpleNamespace(prior_concentration_=prior)) == shown
    assert apply._prior(SimpleNamespace()) is None


def test_facts_of_the_epoch_that_was_kept_are_shown():
    history = [
        {"epoch": 0.0, "elbo": -3.0},
        {"epoch": 1.0, "elbo": -2.0},
        {"epoch": 2.0, "elbo": -9},
    ]
    model = SimpleNamespace(
        history_=history,
        best_epoch_=1,
        latent_=dict,
        _n_features_out=3,
        n_features_in_=6,
        n_iter_=3,
    )
    found = apply._facts(model)
    assert (found["elbo"], found["latent"], found["epochs"]) == (-2, "dict", 3)
    assert "epoch" not in found
    assert "likelihood" not in found
    del model.best_epoch_
    assert apply._facts(model)["elbo"] == -9
    model.history_ = []
    assert "elbo" not in apply._facts(model)


def test_components_that_are_not_used_in_both_are_counted_from_0():
    both = "encoding and decoding"
    uses = [both, "encoding", both, "neither"]
    facts = {"kl": 1.0, "diagnosis": {"kl": 2.0, "rows": 5, "components": {"used_in": uses}}}
    found = apply._in_brief(facts)
    assert (found["not_used_in_both"], found["kl"], found["rows"]) == ("1, 3", 1.0, 5)
    facts["diagnosis"]["components"]["used_in"] = [both]
    assert apply._in_brief(facts)["not_used_in_both"] == "none"


def test_facts_are_printed_with_five_digits(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    apply._print({"the_elbo": -1234.5678, "rows": 123456, "name": "[b]x"}, as_json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["the", "elbo", "-1,234.6"], ["rows", "123456"], ["name", "[b]x"]]
    apply._print({"the_elbo": -1234.5678}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"the_elbo": -1234.5678}
