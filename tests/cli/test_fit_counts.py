"""Counts on the command line: from tables to components, their effects, and one sentence."""

from __future__ import annotations

import inspect
import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

from dirvae import CompositionModel, TopicModel, load
from dirvae.cli import counts
from dirvae.cli.effects import _print as print_effects
from dirvae.cli.effects import _rows as rows_of_effects
from dirvae.cli.fit_counts import fit_counts
from dirvae.data.rows import Rows
from dirvae.topics.effects import Coefficient
from tests.cli.command import assert_one_sentence
from tests.report.explorer.example import data_of

TAXA = [f"taxon {place}" for place in range(8)]
IDS = [f"S{row:02}" for row in range(60)]
FIT = ["fit", "counts", "counts.csv", "--id-column", "sample", "-k", 2, "--seed", 3, "-o", "model"]
META = ["--covariates", "meta.csv"]


@pytest.fixture(scope="module")
def tables():
    """Counts of two components; a diet moves their shares from .2 to .8. The table is shuffled."""
    rng = np.random.default_rng(0)
    diet = np.array(["home", "swap"])[rng.integers(0, 2, 60)]
    share = np.where(diet == "swap", 0.8, 0.2) + rng.uniform(-0.1, 0.1, 60)
    beta = np.kron(np.eye(2), np.full(4, 0.25))
    probs = np.stack(
        [rng.dirichlet(100 * (row @ beta + 0.01)) for row in np.stack([share, 1 - share], 1)]
    )
    counts = pd.DataFrame(
        rng.multinomial(500, probs), columns=TAXA, index=pd.Index(IDS, name="sample")
    )
    meta = pd.DataFrame({"key": IDS, "diet": diet, "age": rng.integers(20, 60, 60).astype(float)})
    return counts, meta


@pytest.fixture(scope="module")
def fitted(tables, tmp_path_factory):
    """What the command should fit: the same in Python."""
    counts, meta = tables
    told = meta[["diet", "age"]]
    model = CompositionModel(2, max_epochs=25, random_state=3)
    model.fit(counts.to_numpy(), features=TAXA, covariates=told)
    folder = tmp_path_factory.mktemp("fitted") / "model"
    model.save(folder)
    return folder, model


@pytest.fixture
def files(tables, tmp_path):
    counts, meta = tables
    counts.to_csv(tmp_path / "counts.csv")
    meta.sample(frac=1, random_state=0).to_csv(tmp_path / "meta.csv", index=False)
    return tables


def test_batches_are_of_the_size_that_is_asked_for(run, files):
    counts, _ = files
    same = CompositionModel(2, max_epochs=2, batch_size=7, random_state=3)
    same.fit(counts.to_numpy(), features=TAXA)
    ran = run(*FIT, "--max-epochs", 2, "--batch-size", 7)
    assert ran.code == 0, ran.err
    np.testing.assert_array_equal(load("model").components_, same.components_)
    command, model = (inspect.signature(f).parameters for f in (fit_counts, CompositionModel))
    assert command["batch_size"].default == model["batch_size"].default


def test_from_two_tables_to_components_and_effects(run, files, fitted):
    counts, meta = files
    _, same = fitted
    ran = run(*FIT, *META, "--max-epochs", 25)
    assert ran.code == 0, ran.err
    model = load("model")
    np.testing.assert_array_equal(model.components_, same.components_)
    assert model.features_.tolist() == TAXA
    then = ran.err.splitlines()[-1].removeprefix("Next: dirvae ").split()
    ran = run(*then, "--json", "--level", 0.8)  # as it stands there
    assert ran.code == 0, ran.err
    told = meta[["diet", "age"]]
    found, table = same.effects(counts.to_numpy(), told, level=0.8), json.loads(ran.out)
    assert [(row["covariate"], row["level"], row["reference"]) for row in table[::2]] == [
        ("age", None, None),
        ("diet", "swap", "home"),
    ]
    assert found.names == ["intercept", "age", "diet_swap"]
    for place, name in enumerate(found.names[1:], 1):
        for k in (0, 1):
            row = table[2 * (place - 1) + k]
            assert (row["component"], row["column"]) == (k, f"compositionmodel{k}"), name
            for value in ("effect", "std_error", "lower", "upper"):
                assert row[value] == getattr(found, value)[place, k]
            assert row["name"] == ", ".join(model.top_features(3)[k])
    assert list(table[0])[-2:] == ["upper", "name"]
    assert abs(table[2]["effect"]) == pytest.approx(0.6, abs=0.1)
    ran = run(*then, "-o", "effects.csv", "--level", 0.8)
    assert (ran.code, f"effects.csv: {len(table)} effects on components" in ran.err) == (0, True)
    written = pd.read_csv("effects.csv", dtype={"level": object, "reference": object})
    # None is written as an empty cell, which is read as NaN.
    pd.testing.assert_frame_equal(
        written.fillna(""), pd.DataFrame(table).fillna(""), check_dtype=False
    )


def test_columns_in_another_order_are_refused_in_python_too(run, files, fitted):
    folder, _ = fitted
    counts = files[0]
    told = files[1].set_index(counts.index)[["diet", "age"]]
    transform = partial(load(folder).transform, covariates=told)
    np.testing.assert_array_equal(transform(counts), transform(counts.to_numpy()))
    with pytest.raises(ValueError, match="the columns of the fit in another order"):
        transform(counts[counts.columns[::-1]])
    with pytest.raises(ValueError, match="other columns than the fit, such as 'odd'"):
        transform(counts.rename(columns={counts.columns[1]: "odd"}))


def test_intervals_of_samples_are_those_of_the_posterior(run, files, fitted):
    folder, same = fitted
    source = ["counts.csv", "--id-column", "sample", *META]
    ran = run("transform", folder, *source, "--level", 0.5, "-o", "shares.csv")
    assert ran.code == 0, ran.err
    told = files[1][["diet", "age"]]
    found = same.posterior(files[0].to_numpy(), level=0.5, covariates=told)
    table = pd.read_csv("shares.csv", index_col="sample")
    np.testing.assert_allclose(table["compositionmodel1_lower"], found.lower[:, 1], atol=1e-12)
    np.testing.assert_allclose(table["compositionmodel1_upper"], found.upper[:, 1], atol=1e-12)


def test_a_file_has_room_for_names(run, files, fitted, monkeypatch):
    folder, same = fitted
    monkeypatch.delenv("COLUMNS", raising=False)
    place = "a place with a long name, " + files[1]["diet"]
    files[1].assign(place=place).to_csv("long.csv", index=False)
    told = ["--covariates", "long.csv", "--covariate-columns", "age,place"]
    lines = run("effects", folder, "counts.csv", "--id-column", "sample", *told).out.splitlines()
    for k, words in enumerate(same.top_features(3)):
        assert lines[1 + k].endswith("  " + ", ".join(words))
    assert lines[3].startswith("place: a place with a long name, ")


def test_what_is_printed_marks_intervals_without_0_and_names_the_reference(
    run, files, fitted, monkeypatch
):
    folder, same = fitted
    monkeypatch.setenv("COLUMNS", "120")
    ran = run("effects", folder, "counts.csv", "--id-column", "sample", *META)
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    found = same.effects(files[0].to_numpy(), files[1][["diet", "age"]])
    assert lines[0] == "covariate component effect 90% interval name"
    assert lines[-2] == "* The 90% interval does not contain 0."
    assert lines[-1] == "Of many intervals, some have a star by chance."
    names = [", ".join(words) for words in same.top_features(3)]
    for line, place, k in zip(lines[1:-2], (1, 1, 2, 2), (0, 1, 0, 1), strict=True):
        low, high = found.lower[place, k], found.upper[place, k]
        star = " *" if low > 0 or high < 0 else ""
        said = f"{k} {found.effect[place, k]:+.4f} {low:+.4f} to {high:+.4f}{star}"
        name = {(1, 0): "age ", (2, 0): "diet: swap, not home "}.get((place, k), "")
        assert line == f"{name}{said} {names[k]}"
    assert f"* {names[0]}" in lines[3]
    monkeypatch.setenv("COLUMNS", "68")  # where a name is cut, rather than a row broken
    ran = run("effects", folder, "counts.csv", "--id-column", "sample", *META)
    assert [len(line) <= 68 for line in ran.out.splitlines()] == [True] * len(lines)


def test_transform_and_evaluate_take_samples_in_any_order_of_features(run, files, fitted, tmp_path):
    counts, meta = files
    folder, same = fitted
    told = meta[["diet", "age"]]
    turned = counts[TAXA[::-1]].drop(columns="taxon 3").assign(new=7)
    turned.to_csv(tmp_path / "turned.csv")
    options = ["--id-column", "sample", *META]
    ran = run("transform", folder, "turned.csv", *options, "-o", "theta.csv")
    assert ran.code == 0, ran.err
    assert "1 of the model's 8 features are not in it; their counts are taken as 0" in ran.err
    assert "left out 1 features that the model does not have" in ran.err
    expected = counts.assign(**{"taxon 3": 0}).to_numpy()
    theta = pd.read_csv("theta.csv")
    assert theta["sample"].tolist() == IDS
    np.testing.assert_allclose(
        theta.iloc[:, 1:], same.transform(expected, covariates=told), atol=1e-12
    )
    ran = run("evaluate", folder, "counts.csv", *options, "--json")
    said = json.loads(ran.out)
    x = counts.to_numpy()
    log_prob, mean = same.completion_log_prob(x, covariates=told), same.mean_log_prob(x)
    assert said["samples"] == 60
    assert said["completion_log_prob"] == pytest.approx(log_prob.mean(), rel=1e-12)
    assert said["gain"] == pytest.approx((log_prob - mean).mean(), rel=1e-9)
    assert said["gain"] > 1
    assert said["precision"] == same.precision_


def test_topics_speak_of_components_features_and_samples(run, files, fitted, monkeypatch):
    folder, same = fitted
    monkeypatch.setenv("COLUMNS", "200")
    theta = same.transform(files[0].to_numpy(), covariates=files[1][["diet", "age"]])
    ran = run("topics", folder, "counts.csv", "--id-column", "sample", "--words", 3, *META)
    assert ran.code == 0, ran.err
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert lines[0] == "component share features, then samples by sample"
    order = np.argsort(-same.prevalence_)
    for place, k in enumerate(order):
        names = ", ".join(same.top_features(3)[k])
        assert lines[1 + 2 * place] == f"{k} {same.prevalence_[k]:.1%} {names}"
        best = theta[:, k].argmax()
        assert lines[2 + 2 * place] == f"{IDS[best]}: {theta[best, k]:.0%} of the sample"
    found = json.loads(run("topics", folder, "--words", 2, "--json").out)
    assert [row["component"] for row in found] == order.tolist()
    assert [f["feature"] for f in found[0]["features"]] == same.top_features(2)[order[0]]


def shapes_of_counts(kind, counts, folder):
    """The same counts in a file of another kind, and the options that it takes."""
    if kind == "transposed":
        counts.T.rename_axis("taxon").to_csv(folder / "counts.tsv", sep="\t")
        return ["counts.tsv", "--transpose", "--id-column", "taxon"]
    if kind == "parquet":
        counts.to_parquet(folder / "counts.parquet")
        return ["counts.parquet", "--id-column", "sample"]
    if kind == "mtx":
        io.mmwrite(folder / "matrix.mtx", sparse.coo_matrix(counts.to_numpy().T))
        (folder / "barcodes.tsv").write_text("\n".join(IDS))
        (folder / "features.tsv").write_text("\n".join(f"{name}\t{name}" for name in TAXA))
        return ["matrix.mtx"]
    if kind == "biom":
        biom = pytest.importorskip("biom")
        table = biom.Table(counts.to_numpy().T, TAXA, IDS)
        (folder / "counts.biom").write_text(table.to_json("a test"))
        return ["counts.biom"]
    anndata = pytest.importorskip("anndata")
    names = {"obs": IDS, "var": TAXA}
    frames = {k: pd.DataFrame(index=pd.Index(v, dtype=object)) for k, v in names.items()}
    made = anndata.AnnData(X=np.log1p(counts.to_numpy()), **frames)
    made.layers["counts"] = sparse.csr_matrix(counts.to_numpy())
    made.write_h5ad(folder / "counts.h5ad")
    return ["counts.h5ad", "--layer", "counts"]


@pytest.mark.parametrize("kind", ["transposed", "parquet", "mtx", "biom", "h5ad"])
def test_every_kind_of_file_gives_the_same_effects(kind, run, files, fitted, tmp_path):
    folder, _ = fitted
    source = shapes_of_counts(kind, files[0], tmp_path)
    ran = run("effects", folder, *source, *META, "--json")
    assert ran.code == 0, ran.err
    plain = run("effects", folder, "counts.csv", "--id-column", "sample", *META, "--json")
    assert json.loads(ran.out) == json.loads(plain.out)


def test_samples_with_missing_covariates_are_left_out_if_asked(run, files, fitted, tmp_path):
    counts, meta = files
    folder, same = fitted
    holes = meta.copy()
    holes.loc[[4, 9], "age"] = np.nan
    holes.loc[9, "diet"] = None
    holes.to_csv(tmp_path / "meta.csv", index=False)
    command = ["effects", folder, "counts.csv", "--id-column", "sample", *META, "--json"]
    assert_one_sentence(
        run(*command),
        "meta.csv has missing values in 2 of the 60 samples: age (2), diet (1)",
        "--drop-missing",
    )
    ran = run(*command, "--drop-missing")
    kept = meta.drop(index=[4, 9])
    found = same.effects(counts.to_numpy()[kept.index], kept[["diet", "age"]])
    assert json.loads(ran.out)[2]["effect"] == found.effect[2, 0]
    meta.assign(age=np.nan).to_csv(tmp_path / "meta.csv", index=False)
    ran = run(*command, "--drop-missing")
    assert_one_sentence(ran, "meta.csv has missing values in all samples: age (60)")


@pytest.fixture
def holed(files, fitted):
    """A table that lacks what is known of two samples; the rows of the others, and their shares."""
    counts, meta = files
    holes = meta.copy()
    holes.loc[[0, 9], "age"] = np.nan
    holes.loc[9, "diet"] = None
    holes.to_csv("holes.csv", index=False)
    kept = meta.drop(index=[0, 9])[["diet", "age"]]
    x = counts.to_numpy()[kept.index]
    return kept.index, x, kept, fitted[1].transform(x, covariates=kept)


HOLES = ["counts.csv", "--id-column", "sample", "--covariates", "holes.csv"]
TOLD = "holes.csv has missing values in 2 of the 60 samples: age (2), diet (1); leave these samples"


@pytest.mark.parametrize(
    "command",
    [
        ["transform", "MODEL", *HOLES, "-o", "theta.csv"],
        ["evaluate", "MODEL", *HOLES],
        ["topics", "MODEL", *HOLES],
        ["export", "MODEL", *HOLES, "--format", "csv", "-o", "tables"],
        ["export", "MODEL", *HOLES, "--format", "h5ad", "-o", "out.h5ad"],
        ["compare", "MODEL", "MODEL", *HOLES, "-o", "page.html"],
        ["report", "MODEL", *HOLES, "-o", "page.html"],
        ["effects", "MODEL", *HOLES],
    ],
    ids=lambda command: "-".join(command[:1] + command[7:9]),
)
def test_every_command_tells_of_missing_covariates_alike(run, holed, fitted, command) -> None:
    folder = str(fitted[0])
    command = [folder if word == "MODEL" else word for word in command]
    assert_one_sentence(run(*command), TOLD, "--drop-missing")
    assert not any(Path(name).exists() for name in ("theta.csv", "out.h5ad", "page.html"))
    ran = run(*command, "--drop-missing")
    assert ran.code == 0, ran.err
    left_out = "holes.csv: left out 2 samples with missing values: age (2), diet (1)"
    assert ran.err.splitlines().count(left_out) == 1
    without = [word for word in command if word not in ("--covariates", "holes.csv")]
    ran = run(*without, "--drop-missing", *(["--force"] if "-o" in command else []))
    assert ran.code != 0
    if command[0] != "effects":  # which always needs the table
        assert_one_sentence(ran, "--drop-missing needs --covariates")


def test_a_file_without_ids_does_not_leave_samples_out(run, holed, fitted) -> None:
    ran = run("transform", fitted[0], *HOLES, "--drop-missing", "-o", "theta.npy")
    assert_one_sentence(ran, "--drop-missing cannot be used with theta.npy, which has no ids")
    assert not Path("theta.npy").exists()


def test_what_is_written_is_of_the_samples_that_are_left(run, holed, fitted) -> None:
    (rows, x, known, theta), (folder, same) = holed, fitted
    ids = [IDS[row] for row in rows]
    for command, path in (
        (["transform", folder, *HOLES, "-o", "theta.csv"], "theta.csv"),
        (["export", folder, *HOLES, "--format", "csv", "-o", "tables"], "tables/theta.csv"),
    ):
        ran = run(*command, "--drop-missing")
        assert ran.code == 0, ran.err
        table = pd.read_csv(path)
        assert table["sample"].tolist() == ids
        np.testing.assert_allclose(table.iloc[:, 1:], theta, atol=1e-12)
    said = json.loads(run("evaluate", folder, *HOLES, "--drop-missing", "--json").out)
    log_prob = same.completion_log_prob(x, covariates=known)
    assert said["samples"] == 58
    assert said["completion_log_prob"] == pytest.approx(log_prob.mean(), rel=1e-12)
    ran = run("compare", folder, folder, *HOLES, "--drop-missing", "-o", "page.html")
    assert ran.code == 0, ran.err
    page = Path("page.html").read_text()
    assert "on 58 samples" in page
    for k, share in enumerate(theta.mean(0)):
        assert f"component {k}, {share:.1%}" in page


def test_rows_of_examples_are_those_of_the_file(run, holed, fitted) -> None:
    rows, _, _, theta = holed
    asked = ["--drop-missing", "--json", "--examples", 3]
    for topic in json.loads(run("topics", fitted[0], *HOLES, *asked).out):
        k = topic["component"]
        best = np.argsort(-theta[:, k])[:3]
        found = topic["examples"]
        assert [example["row"] for example in found] == [int(rows[row]) + 1 for row in best]
        assert [example["sample"] for example in found] == [IDS[rows[row]] for row in best]
        np.testing.assert_allclose([example["theta"] for example in found], theta[best, k])


def test_a_file_that_keeps_all_its_cells_leaves_none_out(run, holed, fitted, tmp_path) -> None:
    source = shapes_of_counts("h5ad", pd.read_csv("counts.csv", index_col="sample"), tmp_path)
    told = ["--covariates", "holes.csv", "-o", "out.h5ad"]
    assert_one_sentence(run("transform", fitted[0], *source, *told), TOLD)
    ran = run("transform", fitted[0], *source, *told, "--drop-missing")
    assert_one_sentence(ran, "--drop-missing cannot be used with out.h5ad, which keeps the cells")
    assert not Path("out.h5ad").exists()


def test_samples_of_a_file_without_ids_are_not_matched(run, files, fitted):
    np.save("counts.npy", files[0].to_numpy())
    ran = run("effects", fitted[0], "counts.npy", *META)
    assert_one_sentence(ran, "counts.npy has no ids: give the counts in a table")


def test_effects_are_those_of_counts(run, files):
    TopicModel(2, max_epochs=1, hidden_sizes=(4,)).fit(files[0].to_numpy()).save("topics")
    ran = run("effects", "topics", "counts.csv", "--id-column", "sample", *META)
    assert_one_sentence(ran, "topics is not ", "dirvae fit counts: compute its effects in Python")


def test_two_features_of_one_name_are_refused(run, files, fitted, tmp_path):
    folder, _ = fitted
    source, *options = shapes_of_counts("transposed", files[0], tmp_path)
    text = (tmp_path / source).read_text()
    (tmp_path / source).write_text(text.replace("taxon 3", "taxon 2"))
    ran = run("transform", folder, source, *options, *META, "-o", "theta.csv")
    assert_one_sentence(ran, "counts.tsv has two ", "'taxon 2'")
    ran = run("transform", folder, source, *options, "--id-column", "S00", "-o", "theta.csv")
    assert_one_sentence(ran, "counts.tsv has 2 columns ", "(taxon, S00)", "--transpose")
    h5py = pytest.importorskip("h5py")
    source, *options = shapes_of_counts("h5ad", files[0], tmp_path)
    with h5py.File(source, "r+") as file:
        names = file["var"][file["var"].attrs["_index"]]
        names[3] = "taxon 2"
    ran = run("transform", folder, source, *options, *META, "-o", "theta.csv")
    assert_one_sentence(ran, "counts.h5ad has two features ", "'taxon 2'")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([*FIT, "--covariates", "none.csv"], "none.csv does not exist"),
        (
            [*FIT, *META, "--covariate-columns", "dose"],
            "no column 'dose'; its columns are diet, age",
        ),
        ([*FIT, "--covariate-columns", "diet"], "--covariate-columns needs --covariates"),
        ([*FIT, "--drop-missing"], "--drop-missing needs --covariates"),
        (
            [*FIT, "--layer", "x"],
            "--layer cannot be used with counts.csv, which is not a .h5ad or .h5mu file",
        ),
        ([*FIT[:3], *FIT[5:]], "that are not numbers: 'sample'; remove them, or name the column"),
        ([*FIT, "--transpose", *META], "no row for 8 of the 8 samples, such as 'taxon 0'"),
        ([*FIT, "-k", 99], "--components is 99, must be at most the number of samples, 60"),
    ],
)
def test_what_goes_wrong_is_one_sentence(run, files, options, said):
    ran = run(*options)
    assert (ran.code, ran.err.count("\n")) == (2, 1), ran
    assert said in ran.err


def test_what_does_not_go_with_the_model_is_refused(run, files, fitted, tmp_path):
    folder, _ = fitted
    counts = files[0]
    counts.T.rename_axis("taxon").to_csv(tmp_path / "wide.csv")
    counts.to_csv(tmp_path / "plain.csv", index=False)
    ids = ["--id-column", "sample"]
    for command, said in (
        (["transform", folder, "wide.csv", "--id-column", "taxon", "-o", "t.csv"], "--transpose"),
        (["effects", folder, "counts.csv", *ids], "--covariates is missing"),
        (["evaluate", folder, "counts.csv", *ids, "--samples", 5], "--samples cannot be used with"),
        (["evaluate", folder, "counts.csv", *ids, "--certified"], "--certified cannot be used"),
        (
            ["topics", folder, "counts.csv", "--text-column", "a"],
            "--text-column cannot be used with",
        ),
        (["effects", folder, "counts.csv", *META, "-o", "x.npy"], "must end in .csv or .parquet"),
        (["effects", folder, "plain.csv", *META], "with --id-column"),
    ):
        assert_one_sentence(run(*command), said)
    ran = run("effects", folder, "counts.csv", *ids, "--id-column", "taxon 0", *META)
    assert_one_sentence(ran, "--covariates ", "one --id-column", " 2")
    ran = run("report", folder, "counts.csv", *ids, *META, *META, "-o", "page.html")
    assert_one_sentence(ran, "--covariates is meta.csv meta.csv, must be one table")
    CompositionModel(2, max_epochs=1, hidden_sizes=(4,)).fit(counts.to_numpy()).save("other")
    ran = run("transform", "other", "counts.csv", *ids, *META, "-o", "t.csv")
    assert_one_sentence(ran, "covariates is given, must be None: the model was fitted without any")


def test_an_h5ad_file_gets_the_proportions_in_obsm(run, files, fitted, tmp_path):
    anndata = pytest.importorskip("anndata")
    folder, same = fitted
    source, *options = shapes_of_counts("h5ad", files[0], tmp_path)
    ran = run("transform", folder, source, *options, *META, "-o", "with.h5ad")
    assert ran.code == 0, ran.err
    written = anndata.read_h5ad("with.h5ad")
    told = files[1][["diet", "age"]]
    expected = same.transform(files[0].to_numpy(), covariates=told)
    np.testing.assert_allclose(written.obsm["X_dirvae"], expected, atol=1e-12)
    assert written.obsm["X_dirvae_q95"].index.tolist() == IDS
    assert [name for name in written.layers if name is not None] == ["counts"]
    assert_one_sentence(run("transform", folder, source, *META, "-o", "with.h5ad"), "--force")
    csv = ["transform", folder, "counts.csv", "--id-column", "sample", *META, "-o", "new.h5ad"]
    said = "new.h5ad must end in .csv, .npy or .parquet: a .h5ad output is a copy of a .h5ad input"
    assert_one_sentence(run(*csv), said)
    csv[0], csv[-1:] = "export", ["new.h5ad", "--format", "h5ad"]  # as it says there
    ran = run(*csv)
    assert ran.code == 0, ran.err
    other = anndata.read_h5ad("new.h5ad")
    assert other.obs_names.tolist() == IDS
    pd.testing.assert_frame_equal(
        other.obs[["diet", "age"]].astype({"diet": object}).reset_index(drop=True),
        told.astype({"diet": object}),
        check_dtype=False,
    )
    np.testing.assert_allclose(other.obsm["X_dirvae"], expected, atol=1e-12)
    np.testing.assert_allclose(other.obsm["X_dirvae_q05"], written.obsm["X_dirvae_q05"], atol=1e-9)


def test_an_obsm_in_another_file_is_left_alone(run, files, fitted, tmp_path):
    h5py = pytest.importorskip("h5py")
    folder, _ = fitted
    source, *options = shapes_of_counts("h5ad", files[0], tmp_path)
    with h5py.File("other.h5", "w") as other:
        other.create_group("g")
    with h5py.File(source, "r+") as file:
        if "obsm" in file:
            del file["obsm"]
        file["obsm"] = h5py.ExternalLink("other.h5", "/g")
    before = (tmp_path / "other.h5").read_bytes()
    ran = run("transform", folder, source, *options, *META, "-o", "with.h5ad")
    assert_one_sentence(ran, "counts.h5ad has its obsm in another file, must have it in")
    assert (tmp_path / "other.h5").read_bytes() == before
    assert not (tmp_path / "with.h5ad").exists()


def test_an_obsm_that_is_no_group_is_told(run, files, fitted, tmp_path):
    h5py = pytest.importorskip("h5py")
    folder, _ = fitted
    source, *options = shapes_of_counts("h5ad", files[0], tmp_path)
    with h5py.File(source, "r+") as file:
        if "obsm" in file:
            del file["obsm"]
        file["obsm"] = [1, 2]
    ran = run("transform", folder, source, *options, *META, "-o", "with.h5ad")
    assert_one_sentence(ran, "counts.h5ad has /obsm as an array, must have it as a group")
    assert not (tmp_path / "with.h5ad").exists()


@pytest.mark.parametrize("kind", ["transposed", "h5ad"])
def test_a_page_is_of_the_same_counts_in_every_kind_of_file(kind, run, files, fitted, tmp_path):
    folder, _ = fitted
    plain = ["counts.csv", "--id-column", "sample", *META]
    source = [*shapes_of_counts(kind, files[0], tmp_path), *META]
    for arguments, page in ((plain, "plain.html"), (source, "other.html")):
        ran = run("report", folder, *arguments, "-o", page)
        assert ran.code == 0, ran.err
    pages = [data_of((tmp_path / name).read_text()) for name in ("plain.html", "other.html")]
    assert {p.pop("known_by") for p in pages} >= {"sample"}
    assert pages[0] == pages[1]


def test_codes_that_were_words_stay_words_in_new_samples(run, files, tmp_path):
    """In fit a batch "x" stands among numbers; new samples have numbers only."""
    counts, meta = files
    batch = np.array(["1", "2", "x"])[np.arange(60) % 3]
    meta.assign(batch=batch).to_csv(tmp_path / "all.csv", index=False)
    few = np.flatnonzero(batch != "x")[:8]
    counts.iloc[few].to_csv(tmp_path / "new.csv")
    meta.assign(batch=batch).iloc[few].to_csv(tmp_path / "known.csv", index=False)
    told = ("--covariates", "all.csv", "--covariate-columns", "batch", "--max-epochs", 2)
    assert run(*FIT, *told).code == 0
    ran = run(
        *("transform", "model", "new.csv", "--id-column", "sample"),
        *("--covariates", "known.csv", "-o", "theta.npy"),
    )
    assert ran.code == 0, ran.err
    expected = load("model").transform(
        counts.iloc[few].to_numpy(), covariates=pd.DataFrame({"batch": batch[few].astype(object)})
    )
    np.testing.assert_allclose(np.load(tmp_path / "theta.npy"), expected, rtol=1e-6)


def test_a_page_shows_effects_of_other_columns(run, files, fitted, tmp_path):
    """Of columns that the model was not fitted to, without the samples that lack them."""
    folder, same = fitted
    counts, meta = files
    site = np.array(["sea", "air", None], dtype=object)[np.arange(60) % 3]
    meta.assign(site=site).to_csv(tmp_path / "more.csv", index=False)
    report = ("report", folder, "counts.csv", "--id-column", "sample", "-o", "page.html")
    more = ("--covariates", "more.csv", "--covariate-columns", "diet,age,site")
    assert_one_sentence(run(*report, *more), "missing values in 20 of the 60 samples: site (20)")
    ran = run(*report, *more, "--drop-missing")
    assert ran.code == 0, ran.err
    kept = np.flatnonzero(np.arange(60) % 3 != 2)
    known = meta.assign(site=site)[["diet", "age", "site"]].iloc[kept]
    effects = same.effects(counts.to_numpy()[kept], known, level=0.9)
    found = data_of((tmp_path / "page.html").read_text())
    assert found["effects"]["told"] == ["age", "diet: swap, not home", "site: sea, not air"]
    parts = (effects.effect, effects.lower, effects.upper)
    np.testing.assert_allclose(found["effects"]["values"], np.stack(parts, -1)[1:], atol=1e-6)
    theta = same.transform(counts.to_numpy()[kept], covariates=known[["diet", "age"]])
    shares = [topic["share"] for topic in found["topics"]]
    np.testing.assert_allclose(shares, theta.mean(0), atol=5.1e-6)
    refused = run(*report, "--drop-missing", "--force")
    assert_one_sentence(refused, "--drop-missing needs --covariates")


# --- samples and features by name -----------------------------------------------------------------


def test_features_are_put_in_the_order_of_the_models_and_what_differs_is_told(capsys):
    model = SimpleNamespace(vocabulary_=np.array(["a", "b", "c"], dtype=object))
    x = np.arange(1, 7).reshape(2, 3)
    same = Rows(x, ["a", "b", "c"])
    assert counts.features_in_order(model, same, "x.csv") is same.x
    assert counts.features_in_order(model, Rows(x), "x.csv") is x
    assert counts.features_in_order(SimpleNamespace(), same, "x.csv") is same.x
    assert capsys.readouterr().err == ""
    for form in (np.asarray, sparse.csr_matrix):
        found = counts.features_in_order(model, Rows(form(x), ["c", "a", "b"]), "x.csv")
        assert found.toarray().tolist() == [[2, 3, 1], [5, 6, 4]]
        assert capsys.readouterr().err == ""
        found = counts.features_in_order(model, Rows(form(x), ["c", "new", "a"]), "x.csv")
        assert found.toarray().tolist() == [[3, 0, 1], [6, 0, 4]]
        assert capsys.readouterr().err.splitlines() == [
            "x.csv: 1 of the model's 3 features are not in it; their counts are taken as 0",
            "x.csv: left out 1 features that the model does not have",
        ]
    counts.features_in_order(model, Rows(x[:, :2], ["c", "a"]), "x.csv")
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(
        ValueError, match=r"x\.csv has two features named 'b'; each name must be un"
    ):
        counts.features_in_order(model, Rows(x, ["a", "b", "b"]), "x.csv")
    with pytest.raises(
        ValueError, match=r"none of the model's 3 features\. A feature of the model is"
    ):
        counts.features_in_order(model, Rows(x, ["u", "v", "w"]), "x.csv")


def test_samples_with_missing_values_are_counted_by_column(capsys):
    path, nan = Path("meta.csv"), float("nan")
    rows = Rows(np.arange(4)[:, None], ids={"id": ["i", "j", "k", "l"]})
    whole = pd.DataFrame({"age": [1.0, 2, 3, 4], "diet": ["x", "y", "x", "y"]})
    assert counts.complete(whole, rows, False, path)[1] is rows
    gaps = pd.DataFrame({"age": [1, nan, nan, 4], "diet": ["x", None, "x", "y"], "sex": [1] * 4})
    said = r"meta\.csv has missing values in 2 of the 4 samples: age \(2\), diet \(1\); leave"
    with pytest.raises(ValueError, match=said):
        counts.complete(gaps, rows, False, path)
    frame, kept = counts.complete(gaps, rows, True, path)
    assert (frame["age"].tolist(), frame.index.tolist()) == ([1, 4], [0, 1])
    assert (kept.x.tolist(), kept.ids, kept.kept) == ([[0], [3]], {"id": ["i", "l"]}, [0, 3])
    said = "meta.csv: left out 2 samples with missing values: age (2), diet (1)\n"
    assert capsys.readouterr().err == said
    with pytest.raises(ValueError, match=r"missing values in all samples: age \(4\)$"):
        counts.complete(gaps.assign(age=nan)[["age"]], rows, True, path)


def test_a_source_is_told_as_on_the_command_line():
    assert counts.Source("x.csv").arguments() == ["x.csv"]
    every = counts.Source("x", "a", ["u", "v"], "cp1252", True, "raw", "rna")
    assert every.arguments() == [
        *("x", "--transpose", "--id-column", "u", "--id-column", "v", "--array", "a"),
        *("--layer", "raw", "--modality", "rna", "--encoding", "cp1252"),
    ]


def test_covariates_are_matched_by_one_column_of_ids(tmp_path):
    meta = tmp_path / "meta.csv"
    meta.write_text("key,age,diet\nj,2,y\ni,1,\n")
    rows, csv = Rows(np.eye(2), ids={"id": ["i", "j"]}), counts.Source("x.csv")
    frame = counts.read_covariates(meta, " age", rows, csv)
    assert (list(frame), frame["age"].tolist()) == (["age"], [1, 2])
    assert list(counts.read_covariates(meta, None, rows, csv)) == ["age", "diet"]
    assert list(counts.read_covariates(meta, None, rows, csv, kinds={"diet": "words"})) == ["diet"]
    assert counts.read_covariates(None, None, rows, csv) is None
    for given, source, said in (
        (rows._replace(ids={}), csv, r"x\.csv has no ids: name the column of ids with --id-column"),
        (rows._replace(ids={}), counts.Source("x.npy"), r"x\.npy has no ids: give the counts in a"),
        (rows._replace(ids={"a": [1, 2], "b": [3, 4]}), csv, "needs one --id-column, but .* are 2"),
    ):
        with pytest.raises(ValueError, match=said):
            counts.read_covariates(meta, None, given, source)
    with pytest.raises(ValueError, match="--covariate-columns"):
        counts.read_covariates(None, "age", rows, csv)
    assert counts.read_labels(meta, "diet", rows, csv) == [None, "y"]
    assert counts.read_labels(meta, "age", rows, csv) == ["1", "2"]
    assert counts.read_labels(meta, None, rows, csv) is None
    with pytest.raises(ValueError, match="--label-column names a column of --covariates: give"):
        counts.read_labels(None, "diet", rows, csv)


def test_labels_that_may_be_missing_are_those_of_the_same_table_in_text(tmp_path):
    frame = pd.DataFrame(
        {
            "key": ["i", "j", "k"],
            "whole": pd.array([1, None, 2], dtype="Int64"),
            "either": pd.array([None, True, False], dtype="boolean"),
            "word": pd.array(["x", "y", None], dtype="string"),
            "day": pd.to_datetime(["2001-02-03", None, "2001-02-04"]),
        }
    )
    frame.to_parquet(tmp_path / "x.parquet")
    frame.to_csv(tmp_path / "x.csv", index=False)
    rows = Rows(np.eye(3), ids={"key": ["i", "j", "k"]})

    def labels(name, column):
        return counts.read_labels(tmp_path / name, column, rows, counts.Source("counts.csv"))

    assert labels("x.parquet", "whole") == ["1", None, "2"]
    assert labels("x.parquet", "either") == [None, "True", "False"]
    assert labels("x.parquet", "word") == ["x", "y", None]
    assert labels("x.parquet", "day") == ["2001-02-03 00:00:00", None, "2001-02-04 00:00:00"]
    for column in ("whole", "either", "word"):
        assert labels("x.csv", column) == labels("x.parquet", column)


def test_effects_have_a_row_for_each_coefficient_but_the_intercept(capsys, monkeypatch):
    numbers = np.array([[9.0, 9.0], [0.5, -0.25], [0.125, 0.0]])
    found = SimpleNamespace(
        coefficients=[
            Coefficient("", "intercept"),
            Coefficient("age", "numbers"),
            Coefficient("diet", "words", "swap", "home"),
        ],
        effect=numbers,
        std_error=numbers / 10,
        lower=numbers - 0.125,
        upper=numbers + 0.25,
    )
    table = rows_of_effects(found, ["model0", "model1"], ["sea", "[b]air"])
    assert [(row["covariate"], row["component"], row["column"], row["name"]) for row in table] == [
        ("age", 0, "model0", "sea"),
        ("age", 1, "model1", "[b]air"),
        ("diet", 0, "model0", "sea"),
        ("diet", 1, "model1", "[b]air"),
    ]
    assert [row["effect"] for row in table] == [0.5, -0.25, 0.125, 0.0]
    assert (table[0]["lower"], table[0]["upper"], table[0]["std_error"]) == (0.375, 0.75, 0.05)
    assert (table[2]["level"], table[2]["reference"]) == ("swap", "home")
    monkeypatch.delenv("COLUMNS", raising=False)
    print_effects(table, 0.95)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "covariate component effect 95% interval name",
        "age 0 +0.5000 +0.3750 to +0.7500 * sea",
        "1 -0.2500 -0.3750 to +0.0000 [b]air",
        "diet: swap, not home 0 +0.1250 +0.0000 to +0.3750 sea",
        "1 +0.0000 -0.1250 to +0.2500 [b]air",
        "* The 95% interval does not contain 0.",
        "Of many intervals, some have a star by chance.",
    ]
    print_effects([{**table[0], "lower": -2.0, "upper": -1e-9}], 0.95)
    assert " * " in capsys.readouterr().out
