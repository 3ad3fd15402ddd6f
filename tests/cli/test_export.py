"""`dirvae export`: each format from the command line, and refusals before work."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import dirvae
from dirvae.cli.export import FORMATS
from dirvae.models.zoo import gaussian
from tests.cli.command import COUNTS, X, assert_one_sentence

TEXTS = ["cat dog cat", "dog cat dog", "moon star sea", "star sea moon"] * 5
SMALL = {"hidden_sizes": (4,), "max_epochs": 1, "random_state": 0}


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """Folders of models, each with its data."""
    folder = tmp_path_factory.mktemp("models")
    dirvae.TopicModel(2, **SMALL).fit(TEXTS).save(folder / "texts")
    dirvae.CompositionModel(2, **SMALL).fit(COUNTS, features=list("abcdef")).save(folder / "counts")
    dirvae.DirichletVAE(2, decoder_hidden_sizes=(4,), **SMALL).fit(X).save(folder / "rows")
    texts = "".join(f"{i},{text}\n" for i, text in enumerate(TEXTS))
    (folder / "texts.csv").write_text(f"id,text\n{texts}")
    lines = (f"s{i}," + ",".join(map(str, row)) for i, row in enumerate(COUNTS))
    (folder / "counts.csv").write_text("\n".join(["id,a,b,c,d,e,f", *lines]))
    np.save(folder / "rows.npy", X)
    (folder / "old.onnx").mkdir()
    return folder


@pytest.mark.parametrize("name", ["texts", "counts"])
def test_tables_have_the_rows_by_their_ids(name, run, models):
    data, options = models / f"{name}.csv", ["--id-column", "id"]
    told = run("export", models / name, data, "--format", "csv", "-o", "out", *options)
    assert told.code == 0
    assert told.err == f"out: csv of {models / name}\n"
    with open("out/theta.csv", newline="") as file:
        header, *lines = csv.reader(file)
    given = TEXTS if name == "texts" else COUNTS
    assert header[0] == "id"
    assert lines[1][0] == ("1" if name == "texts" else "s1")
    theta = np.array([[float(cell) for cell in line[1:]] for line in lines])
    np.testing.assert_array_equal(theta, dirvae.load(models / name).transform(given))
    again = run("export", models / name, "--format", "csv", "-o", "out")
    assert_one_sentence(again, "out/topics.csv exists: replace it with --force")


def test_pyldavis_and_programs(run, models):
    arguments = ["export", models / "texts", models / "texts.csv", "--format", "pyldavis"]
    assert run(*arguments, "-o", "new/folder/topics.json").code == 0
    assert json.loads(Path("new/folder/topics.json").read_text())["doc_lengths"] == [3.0] * 20
    assert run("export", models / "rows", "--format", "torch-export", "-o", "a.pt2").code == 0
    latent, _ = torch.export.load("a.pt2").module()(torch.from_numpy(X))
    expected = dirvae.load(models / "rows").transform(X)
    np.testing.assert_allclose(latent.detach(), expected, atol=1e-5)


def test_a_vae_becomes_a_program_but_no_tables(run, tmp_path):
    vae = gaussian(4, 2, hidden_sizes=3).eval()
    dirvae.save(vae, tmp_path / "vae")
    assert run("export", "vae", "--format", "torch-export", "-o", "a.pt2").code == 0
    latent, mean = torch.export.load("a.pt2").module()(torch.eye(4))
    torch.testing.assert_close(latent, vae.embed(torch.eye(4)))
    torch.testing.assert_close(mean, vae.reconstruct(torch.eye(4)))
    ran = run("export", "vae", "--format", "csv", "-o", "tables")
    assert_one_sentence(ran, "vae holds a VAE: load it in Python with dirvae.load")


def test_h5ad(run, models):
    anndata = pytest.importorskip("anndata")
    arguments = ["export", models / "counts", models / "counts.csv", "--format", "h5ad"]
    assert run(*arguments, "-o", "a.h5ad", "--id-column", "id").code == 0
    found = anndata.read_h5ad("a.h5ad")
    assert found.obs_names.tolist() == [f"s{i}" for i in range(60)]
    expected = dirvae.load(models / "counts").transform(COUNTS)
    np.testing.assert_allclose(found.obsm["X_dirvae"], expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rows", "--format", "onx", "-o", "a"], "'onx' is not one of csv, h5ad, pyldavis, onnx"),
        (["texts", "--format", "h5ad", "-o", "a.h5ad"], "--format h5ad needs DATA after MODEL"),
        (["rows", "rows.npy", "--format", "onnx", "-o", "a.onnx"], "--format onnx takes no DATA"),
        (["rows", "rows.npy", "--format", "pyldavis", "-o", "a.json"], "rows is a DirichletVAE"),
        (["texts", "texts.csv", "--format", "pyldavis", "-o", "a.txt"], "a.txt must end in .json"),
        (["texts", "--format", "csv", "-o", "texts"], "texts is the input"),
        (["texts", "--format", "csv", "-o", "rows"], "rows holds a model; choose another"),
        (
            ["texts", "--format", "csv", "-o", "a", "--strip", "quotes"],
            "--strip cannot be used with",
        ),
        *(
            (
                ["counts", "--format", "csv", "-o", "a", *option],
                f"{option[0]} cannot be used with an export without DATA",
            )
            for option in (["--covariate-columns", "age"], ["--drop-missing"])
        ),
        (["texts", "texts.csv", "--format", "csv", "-o", "texts.csv"], "is the input"),
        (["rows", "--format", "onnx", "-o", "old.onnx"], "old.onnx is a folder; --output must be"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_work(arguments, message, run, models):
    there = {path.name for path in models.iterdir()}
    given = [models / word if word in there else word for word in arguments]
    assert_one_sentence(run("export", *given), message)
    assert list(Path().iterdir()) == []


def test_every_format_has_a_function() -> None:
    from dirvae import export

    written = {row.write.removeprefix("dirvae.export:") for row in FORMATS.values()}
    assert written == {name for name in export.__all__ if name.startswith("to_")}
