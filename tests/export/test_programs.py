"""Programs: for batches of any size what transform and the decoder say, to 1e-5."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.distributions import Cauchy, InverseGamma, Laplace, OneHotCategorical

from dirvae import DirichletVAE, SemiSupervisedVAE, TopicModel
from dirvae.export import programs, to_onnx, to_torch_export
from dirvae.export.programs import _digamma, _program
from dirvae.models import zoo
from dirvae.nn import Fixed
from dirvae.topics import MixtureDecoder, posterior
from tests.export.conftest import COUNTS, SMALL, X


def assert_is(program, model, rows, mean, tolerance=1e-5):
    for size in (len(rows), 1, 7):
        latent, found = program(rows[:size])
        np.testing.assert_allclose(latent, model.transform(rows[:size]), atol=tolerance, rtol=0)
        np.testing.assert_allclose(found, mean[:size], atol=tolerance, rtol=tolerance)


def loaded(model, tmp_path):
    to_torch_export(model, tmp_path / "model.pt2")
    module = torch.export.load(tmp_path / "model.pt2").module()

    def program(rows):
        with torch.no_grad():
            return [part.numpy() for part in module(torch.as_tensor(rows, dtype=torch.float32))]

    return program


def by_onnx(model, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    to_onnx(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    assert [given.name for given in session.get_inputs()] == ["x"]
    assert [put.name for put in session.get_outputs()] == ["latent", "mean"]
    return lambda rows: session.run(None, {"x": np.asarray(rows, dtype=np.float32)})


FORMS = [loaded, by_onnx]
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def words_of(model, counts):
    """The decoder's distribution of words at the means of the latent, in double precision."""
    weights = posterior.proportions(model.vae_, model.counts(counts))
    if model.vae_.decoder.mixes:
        return weights @ model._mixed()
    with torch.no_grad():
        return model.vae_.decoder(torch.from_numpy(weights).float()).probs.numpy()


@quiet
@pytest.mark.parametrize("form", FORMS)
def test_a_program_of_rows_is_transform_and_its_inverse(form, rows, tmp_path):
    mean = rows.model.inverse_transform(rows.model.transform(rows.X))
    assert_is(form(rows.model, tmp_path), rows.model, rows.X, mean)


@quiet
@pytest.mark.parametrize(
    ("form", "kind"),
    [
        pytest.param(loaded, "topics"),
        pytest.param(by_onnx, "topics"),
        pytest.param(loaded, "components", marks=pytest.mark.compiled),
        pytest.param(by_onnx, "components", marks=pytest.mark.compiled),
    ],
)
def test_a_program_of_topics_is_transform_and_words(form, kind, request, tmp_path):
    """Words with the background; a document without words has the prior."""
    model, counts = request.getfixturevalue(kind)
    before = model.transform(counts)
    assert_is(form(model, tmp_path), model, counts, words_of(model, counts))
    np.testing.assert_array_equal(model.transform(counts), before)


def tried(model, dtype=torch.float32):
    """The program as a module, which takes no time to trace."""
    module, x = _program(model)
    assert x.dtype is dtype

    def program(rows):
        with torch.no_grad():
            return [part.numpy() for part in module(torch.as_tensor(rows, dtype=dtype))]

    return program


@pytest.mark.parametrize(
    "options",
    [
        {"decoder": "overdispersed"},
        {"decoder": "product"},
        {"decoder": "product", "latent": "gaussian"},
        {"decoder": "embedded"},
        {"background": False},
    ],
)
def test_programs_of_all_decoders_say_the_same(options):
    model = TopicModel(3, **options, **SMALL).fit(COUNTS)
    for counts in (COUNTS, 50 * COUNTS):  # of counts that repeat, steps are longer
        assert_is(tried(model), model, counts, words_of(model, counts))


def test_what_needs_double_precision_has_it():
    far = 10 * X.astype(np.float64) + 1e6
    model = DirichletVAE(3, decoder_hidden_sizes=(8,), **SMALL).fit(far)
    mean = model.inverse_transform(model.transform(far))
    assert_is(tried(model, torch.float64), model, far, mean)


def test_a_vae_alone_has_one_too():
    vae = zoo.dirichlet(5, 3, hidden_sizes=8, decoder_hidden_sizes=8).train()
    latent, mean = tried(vae)(X)
    x = torch.from_numpy(X)
    torch.testing.assert_close(torch.from_numpy(latent), vae.eval().embed(x).detach())
    torch.testing.assert_close(torch.from_numpy(mean), vae.reconstruct(x).detach())


class Own(MixtureDecoder):
    def infer(self, *given):
        return super().infer(*given)


def test_what_has_no_program_is_refused(tmp_path):
    drawn = DirichletVAE(3, latent="softmax-gaussian", decoder_hidden_sizes=(8,), **SMALL).fit(X)
    with pytest.raises(ValueError, match="latent is SoftmaxNormal, whose mean takes draws"):
        to_torch_export(drawn, tmp_path / "a.pt2")
    with pytest.raises(ValueError, match="Own has an infer of its own"):
        to_torch_export(TopicModel(2, decoder=Own, **SMALL).fit(COUNTS), tmp_path / "a.pt2")
    other = TopicModel(2, **SMALL).fit(COUNTS)
    other.vae_.encoder = torch.nn.Linear(6, 2)
    with pytest.raises(
        ValueError, match="the encoder is of your own, must be that of a TopicModel"
    ):
        to_torch_export(other, tmp_path / "a.pt2")
    labelled = SemiSupervisedVAE(2, **SMALL).fit(X, np.arange(30) % 2)
    with pytest.raises(TypeError, match="model is a SemiSupervisedVAE, must be a DirichletVAE"):
        to_torch_export(labelled, tmp_path / "a.pt2")
    assert list(tmp_path.iterdir()) == []


REALS, POSITIVE = (
    {name: torch.ones(3) for name in names.split()} for names in ("loc scale", "concentration rate")
)


@pytest.mark.parametrize(
    ("law", "prior", "options", "told"),
    [
        # At the start its mean is finite in some rows only.
        (InverseGamma, POSITIVE, {}, "latent is InverseGamma, whose mean may be infinite"),
        (Cauchy, REALS, {}, "latent is Cauchy, whose mean may be infinite"),
        (Laplace, REALS, {"likelihood": Cauchy}, "decoder's distribution is Cauchy, whose"),
        (Laplace, REALS, {"num_covariates": 2}, r"on rows of shape \(2, 5\) alone, as a program"),
        (OneHotCategorical, {"probs": torch.full((3,), 1 / 3)}, {}, "torch.export cannot follow"),
    ],
)
def test_a_vae_whose_mean_is_no_program_is_refused(law, prior, options, told, tmp_path):
    vae = zoo.mlp_vae(5, law, Fixed(law, **prior), hidden_sizes=8, **options)
    with pytest.raises(ValueError, match=told):
        to_torch_export(vae, tmp_path / "a.pt2")
    assert list(tmp_path.iterdir()) == []


def test_a_decoder_that_does_not_know_its_size_is_refused(tmp_path):
    vae = zoo.gaussian(5, 3, hidden_sizes=8)
    vae.decoder = torch.nn.Sequential(vae.decoder)
    with pytest.raises(ValueError, match="decoder Sequential has no event_shape, must have"):
        to_torch_export(vae, tmp_path / "a.pt2")
    assert list(tmp_path.iterdir()) == []


def test_a_decoder_of_ones_own_that_knows_its_size_has_a_program(tmp_path):
    vae = zoo.gaussian(5, 3, hidden_sizes=8)
    vae.decoder = torch.nn.Sequential(vae.decoder)
    vae.decoder.event_shape = torch.Size([5])
    to_torch_export(vae, tmp_path / "a.pt2")
    x = torch.rand(4, 5, generator=torch.Generator().manual_seed(0))
    z, mean = torch.export.load(tmp_path / "a.pt2").module()(x)
    torch.testing.assert_close(z, vae.embed(x))
    torch.testing.assert_close(mean, vae.decoder(z).mean)


def test_what_onnx_lacks_is_said(tmp_path):
    pytest.importorskip("onnxscript")
    vae = zoo.standardized_dirichlet(5, 3, hidden_sizes=8, decoder_hidden_sizes=8)
    with pytest.raises(ValueError, match=r"ONNX has no operator for aten.polygamma"):
        to_onnx(vae, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("no decomposition of aten.polygamma.default", "operator for aten.polygamma"),
        ("", "form of"),
    ],
)
def test_what_onnx_lacks_is_said_in_its_words(error, said, rows, tmp_path, monkeypatch):
    """Without the library, which few have."""

    def fail(*_, **__):
        raise torch.onnx.OnnxExporterError("it failed") from ValueError(error)

    for package in ("onnx", "onnxscript"):
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
    monkeypatch.setattr(programs, "_exported", lambda model: model)
    monkeypatch.setattr("torch.onnx.export", fail)
    with pytest.raises(ValueError, match=f"^ONNX has no {said}.*, which this model takes$"):
        to_onnx(rows.model, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_onnx_is_asked_for_where_it_is_missing(rows, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"ONNX needs onnx: pip install 'dirvae\[onnx\]'"):
        to_onnx(rows.model, tmp_path / "a.onnx")


def test_digamma_is_that_of_torch():
    y = torch.logspace(-30, 8, 400, dtype=torch.float64)
    torch.testing.assert_close(_digamma(y), torch.digamma(y), rtol=1e-12, atol=1e-12)
