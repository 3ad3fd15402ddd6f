"""From a fitted VAE of rows to its page: which decoders a page can run, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import erf, softmax
from torch import nn
from torch.distributions import Bernoulli, Geometric, Normal, Poisson

from dirvae import DirichletVAE
from dirvae.distributions import Multinomial
from dirvae.estimators import report
from dirvae.estimators.report import decoder_layers
from dirvae.models.likelihoods import unit_normal
from dirvae.nn import MLP, ConvDecoder, Head, LogRatios, Standardize
from tests.report.explorer.example import data_of, digits, flowers, reads


def taken(layers: Any, z: Any) -> Any:
    """What layers make of a latent, by their definitions."""
    for layer in layers:
        n = {name: np.asarray(values) for name, values in layer.numbers.items()}
        match layer.kind:
            case "log ratios":
                logs = np.log(z)
                z = (logs - logs.mean(-1, keepdims=True) - n["mean"]) * n["inverse"]
            case "standardize":
                z = (z - n["mean"]) * n["inverse"]
            case "linear":
                z = z @ n["weight"].T + n["bias"]
            case "norm":
                z = (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + n["eps"])
                z = z * n["weight"] + n["bias"]
            case "gelu":
                z = z * (1 + erf(z / np.sqrt(2))) / 2
            case "relu":
                z = np.maximum(z, 0)
            case "tanh":
                z = np.tanh(z)
            case "sigmoid":
                z = 1 / (1 + np.exp(-z - n["offset"]))
            case "softmax":
                z = n["total"] * softmax(z + n["offset"], axis=-1)
            case "affine":
                z = n["shift"] + n["unit"] * (z[..., : len(n["unit"])] + n["offset"])
    return z


@pytest.mark.parametrize("example", [digits, flowers, reads])
def test_layers_decode_as_the_model_does(example: Any) -> None:
    model, _ = example()
    z = np.random.default_rng(0).dirichlet(np.ones(model.n_components), 5)
    layers = decoder_layers(model.vae_.decoder)
    assert layers is not None
    np.testing.assert_allclose(taken(layers, z), model.inverse_transform(z), rtol=1e-6)


@pytest.mark.parametrize("law", [Bernoulli, Normal, unit_normal, Multinomial])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.Tanh])
def test_layers_of_a_head_make_its_mean(law: Any, activation: Any) -> None:
    torch.manual_seed(0)
    head = Head(MLP(2, (4,), activation=activation), 3, law).double()
    with torch.no_grad():
        z = torch.rand(5, 2, dtype=torch.float64)
        layers = decoder_layers(head.train())
        assert layers is not None
        assert all(layer.kind for layer in layers)
        np.testing.assert_allclose(taken(layers, z.numpy()), head.eval()(z).mean, rtol=1e-9)


@pytest.mark.parametrize(
    "decoder",
    [
        Head(MLP(2, (4,), activation=torch.nn.SiLU), 3, Bernoulli),
        Head(MLP(2, (4,)), 3, Poisson),
        Head(MLP(2, (4,)), 3, Geometric),  # of which outputs are logits, too
        Head(ConvDecoder(2, (1, 8, 8), (4,)), 64, Bernoulli, project=False),
        torch.nn.Linear(2, 3),
    ],
)
def test_other_decoders_are_left_out(decoder: Any) -> None:
    assert decoder_layers(decoder) is None


def test_a_large_decoder_is_left_out() -> None:
    X = np.random.default_rng(0).random((20, 1600))
    sizes: dict[str, Any] = {"hidden_sizes": (4,), "decoder_hidden_sizes": (400,)}
    model = DirichletVAE(2, max_epochs=1, random_state=0, **sizes).fit(X)
    found = data_of(model.report(X))
    assert (found["decoder"], found["shape"]) == (None, [40, 40])


def test_image_shape_is_given(tmp_path) -> None:
    model, X = digits()
    page = model.report(X, tmp_path / "page.html", image_shape=(4, 16))
    assert data_of(page)["shape"] == [4, 16]
    assert (tmp_path / "page.html").read_text() == page


def test_ids_go_by_index() -> None:
    model, X = digits()
    ids = pd.Series([f"digit {row}" for row in range(len(X))])
    straight = data_of(model.report(X, ids=ids.tolist()))
    assert data_of(model.report(pd.DataFrame(X), ids=ids[::-1])) == straight


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ids": pd.DataFrame({"a": range(120)})}, "ids has a table as 'id', must have one value"),
        ({"image_shape": (8, 9)}, r"image_shape is \(8, 9\), must make 64 pixels"),
        ({"image_shape": 64}, r"image_shape is 64, must be \(height, width\)"),
        ({"ids": ["a"]}, "ids must have a value for each of 120 rows"),
    ],
)
def test_wrong_arguments_are_refused(given: Any, said: str) -> None:
    model, X = digits()
    with pytest.raises(ValueError, match=said):
        model.report(X, **given)


def test_a_latent_off_the_simplex_is_refused() -> None:
    X = np.random.default_rng(0).random((20, 3))
    sizes: dict[str, Any] = {"hidden_sizes": (4,), "decoder_hidden_sizes": (4,)}
    model = DirichletVAE(2, latent=Normal, max_epochs=1, random_state=0, **sizes).fit(X)
    with pytest.raises(ValueError, match="the latent is a Normal, must be on the simplex"):
        model.report(X)


def test_a_mixture_prior_has_components_and_a_page() -> None:
    options: Any = {"prior_components": 4, "max_epochs": 1, "hidden_sizes": (8,)}
    model = DirichletVAE(3, decoder_hidden_sizes=(8,), random_state=0, **options).fit(digits()[1])
    corners = model.inverse_transform(np.eye(3))
    np.testing.assert_array_equal(model.components_, corners)
    found = data_of(model.report(digits()[1]))
    assert len(found["corners"]) == 3


# --- parts of the page ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "size", "right"),
    [
        ((4, 16), 64, (4, 16)),
        ([64, 1], 64, (64, 1)),
        ((1, 64), 64, (1, 64)),
        (None, 64, (8, 8)),
        (None, 65, None),
        ((-8, -8), 64, None),
        ((0, 64), 64, None),
        ((8, 8, 1), 64, None),
        ((64,), 64, None),
        ((8.0, 8), 64, None),
    ],
)
def test_rows_are_images_of_as_many_pixels(given: Any, size: int, right: Any) -> None:
    model: Any = SimpleNamespace(likelihood_=Bernoulli)
    if given is None or right is not None:
        assert report._image_shape(given, size, model) == right
    else:
        with pytest.raises(ValueError, match=r"image_shape is .*, must (be|make)"):
            report._image_shape(given, size, model)


def test_rows_are_images_unasked_if_they_may_be() -> None:
    names = np.array(["a"] * 64, dtype=object)
    for other in (
        SimpleNamespace(likelihood_=Normal),
        SimpleNamespace(likelihood_=Bernoulli, feature_names_in_=names),
    ):
        assert report._image_shape(None, 64, other) is None
        assert report._image_shape((8, 8), 64, other) == (8, 8)


def test_rows_and_columns_are_called_by_their_names_or_numbers() -> None:
    assert report._called(None, 3) == ["1", "2", "3"]
    assert report._called(np.array([7, 8]), 2) == ["7", "8"]
    for wrong in ("ab", ["a"], ["a"] * 3, 2):
        with pytest.raises(ValueError, match="ids must have a value for each of 2 rows"):
            report._called(wrong, 2)
    bare: Any = SimpleNamespace(n_features_in_=2)
    assert report._features(bare) == ["column 0", "column 1"]
    bare.feature_names_in_ = np.array(["u", "v"], dtype=object)
    assert report._features(bare) == ["u", "v"]


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (nn.GELU(), "gelu"),
        (nn.GELU(approximate="tanh"), None),
        (nn.ReLU(), "relu"),
        (nn.Tanh(), "tanh"),
        (nn.SiLU(), None),
        (nn.Identity(), ""),
        (nn.Dropout(0.5), ""),
        (nn.LayerNorm(2), "norm"),
        (nn.LayerNorm(2, elementwise_affine=False), None),
        (nn.Linear(2, 2), "linear"),
        (Standardize(torch.zeros(2), torch.ones(2)), "standardize"),
        (LogRatios(torch.zeros(2), torch.ones(2)), "log ratios"),
        (type("Other", (Standardize,), {})(torch.zeros(2), torch.ones(2)), None),
    ],
)
def test_a_step_is_what_a_page_can_take_or_none(module: nn.Module, kind: str | None) -> None:
    layer = report._layer(module)
    assert (None if layer is None else layer.kind) == kind


def test_a_linear_step_without_a_bias_has_one_of_zeros() -> None:
    layer = report._layer(nn.Linear(2, 3, bias=False))
    assert layer is not None
    assert layer.numbers["bias"].tolist() == [0, 0, 0]


def test_the_page_shows_each_component_near_its_corner_and_its_use() -> None:
    model, X = flowers()
    seen: dict[str, Any] = {}

    def kept(components: Any, *, title: str) -> str:
        seen.update(vars(components))
        return title

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "components_page", kept)
        assert model.report(X, title="Iris") == "Iris"
    theta, prior = model.transform(X), model.vae_.prior()
    with torch.no_grad():
        mean, variance = prior.mean.double().numpy(), prior.variance.double().numpy()
    np.testing.assert_allclose(seen["prior_mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(seen["use"], theta.var(0) / variance, rtol=1e-5)
    corners = 0.95 * np.eye(model.n_components) + 0.05 * mean
    np.testing.assert_allclose(seen["near_corners"], model.inverse_transform(corners), rtol=1e-5)
    shown = seen["reconstructions"]
    np.testing.assert_allclose(shown, model.inverse_transform(theta)[: len(shown)], rtol=1e-5)
    np.testing.assert_array_equal(seen["rows"], np.asarray(X))


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
def test_rows_without_names_leave_the_model_its_own() -> None:
    model, X = flowers()
    page = model.report(X.to_numpy())
    assert list(model.feature_names_in_) == list(X.columns)
    assert data_of(page)["features"] == list(X.columns)
