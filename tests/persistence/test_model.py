"""Saving and loading: equal to the bit, and one sentence for everything that can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, Poisson, RelaxedBernoulli

import dirvae
from dirvae import ModelFormatError, load, save
from dirvae.distributions import (
    Dirichlet,
    DirichletMultinomial,
    Multinomial,
    NegativeBinomial,
    ScaledDirichlet,
    ZeroInflatedNegativeBinomial,
)
from dirvae.models import LabelledVAE, zoo
from dirvae.models.latents import standard_prior
from dirvae.models.likelihoods import likelihood_head
from dirvae.nn import MLP, ConvDecoder, ConvEncoder, Fixed, Head, Learned, Log1p, Standardize
from dirvae.persistence import read_config
from tests.persistence.saved import SMALL, D, K, OwnLaw, assert_same, forge, forge_config, learned


def conv_vae() -> dirvae.VAE:
    shape = (3, 9, 7)
    standardize = Standardize(torch.full((K,), 0.3), torch.full((K,), 0.7))
    decoder = ConvDecoder(K, shape, (6, 4), num_parameters=2, features=standardize)
    return dirvae.VAE(
        Head(ConvEncoder(shape, (4, 6)), K, Dirichlet),
        Head(decoder, shape, Normal, project=False, initial={"scale": 0.1}),
        Fixed(Dirichlet, concentration=torch.tensor([0.3, 1.0, 5.0])),
    )


def gaussian_likelihood() -> dirvae.VAE:
    """A Gaussian in the units of the data, its scale shared between rows."""
    net = MLP(K, (8,), activation=nn.Tanh, dropout=0.2)
    mean, std = torch.randn(D), torch.rand(D) + 0.5
    encoder = MLP(D, (8,), features=Standardize(mean, std), activation=nn.PReLU)
    return dirvae.VAE(
        Head(encoder, K, Dirichlet),
        likelihood_head(net, D, Normal, (mean, std)),
        Fixed(Dirichlet, concentration=torch.ones(K)),
    )


def relaxed() -> dirvae.VAE:
    prior = Fixed(RelaxedBernoulli, temperature=torch.tensor(0.5), logits=torch.zeros(K))
    return dirvae.VAE(
        Head(MLP(D, (8,)), K, RelaxedBernoulli, temperature=0.4),
        Head(MLP(K, ()), D, Bernoulli),
        prior,
    )


def learned_prior() -> dirvae.VAE:
    prior = Learned(Dirichlet, concentration=torch.tensor([0.3, 1.0, 5.0]))
    return zoo.mlp_vae(D, Dirichlet, prior, **SMALL)


def committed() -> dirvae.VAE:
    """A posterior whose concentrations have a bound."""
    prior = Fixed(Dirichlet, concentration=torch.tensor([0.3, 1.0, 5.0]))
    return zoo.mlp_vae(D, ScaledDirichlet, prior, commitment=1.5, **SMALL)


def counts(likelihood: Any) -> Callable[[], dirvae.VAE]:
    def make() -> dirvae.VAE:
        moments = torch.rand(D) + 1, torch.ones(D)
        decoder = likelihood_head(MLP(K, (8,)), D, likelihood, moments)
        encoder = Head(MLP(D, (8,), features=Log1p()), K, Dirichlet)
        return dirvae.VAE(encoder, decoder, standard_prior(Dirichlet, K))

    return make


MODELS: dict[str, Callable[[], dirvae.VAE]] = {
    "gaussian": lambda: zoo.gaussian(D, K, **SMALL),
    "softmax_gaussian": lambda: zoo.softmax_gaussian(D, K, **SMALL),
    "dirichlet": lambda: zoo.dirichlet(D, torch.tensor([0.1, 1.0, 9.0]), **SMALL),
    "inverse_cdf": lambda: zoo.inverse_cdf_dirichlet(D, torch.ones(K), **SMALL),
    "stick_breaking": lambda: zoo.stick_breaking(D, K, **SMALL),
    "double": lambda: zoo.dirichlet(D, torch.ones(K), **SMALL).double(),
    "conv": conv_vae,
    "gaussian_likelihood": gaussian_likelihood,
    "relaxed": relaxed,
    "learned": learned,
    "learned_prior": learned_prior,
    "committed": committed,
    **{
        law.__name__: counts(law)
        for law in (
            DirichletMultinomial,
            Multinomial,
            NegativeBinomial,
            Poisson,
            ZeroInflatedNegativeBinomial,
        )
    },
}


def test_a_vae_with_a_class_is_saved_by_itself_too(tmp_path: Path) -> None:
    sizes = {**SMALL, "classifier_hidden_sizes": (4,)}
    prior = standard_prior(Dirichlet, K)
    vae = zoo.mlp_labelled_vae(D, 2, Dirichlet, prior, label_in_encoder=True, **sizes).eval()
    save(vae, tmp_path / "model")
    again = load(tmp_path / "model")
    assert type(again) is LabelledVAE
    assert_same(again, vae)
    assert torch.equal(again.log_labels(torch.eye(D)), vae.log_labels(torch.eye(D)))


@pytest.mark.parametrize("name", MODELS)
def test_a_loaded_vae_is_the_saved_one_to_the_bit(name: str, tmp_path: Path) -> None:
    vae = MODELS[name]().eval()
    save(vae, tmp_path / "model")
    again = load(tmp_path / "model")
    assert type(again) is dirvae.VAE
    assert repr(again) == repr(vae)
    assert not again.training
    assert_same(vae, again)
    requires = [p.requires_grad for p in vae.parameters()]
    assert [p.requires_grad for p in again.parameters()] == requires


def test_a_conditional_vae_is_the_same(tmp_path: Path) -> None:
    vae = zoo.dirichlet(D, torch.ones(K), num_covariates=2, **SMALL).eval()
    save(vae, tmp_path / "model")
    x, covariates = torch.ones(4, D), torch.randn(4, 2)
    again = load(tmp_path / "model")
    assert torch.equal(again.reconstruct(x, covariates), vae.reconstruct(x, covariates))


def test_a_loaded_model_is_saved_alike_and_trains_on(tmp_path: Path) -> None:
    save(learned(), tmp_path / "one")
    vae = load(tmp_path / "one")
    save(vae, tmp_path / "two")
    for name in ("config.json", "model.safetensors", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    before = vae.encoder.projection.weight.clone()
    dirvae.fit(vae, torch.eye(D), max_epochs=1, seed=0, verbose=False)
    assert not torch.equal(before, vae.encoder.projection.weight)


def test_the_global_noise_is_left_alone(tmp_path: Path) -> None:
    vae = learned()
    before = torch.get_rng_state()
    save(vae, tmp_path / "model")
    load(tmp_path / "model")
    assert torch.equal(torch.get_rng_state(), before)


def test_the_weights_are_a_plain_state_dict(tmp_path: Path) -> None:
    vae = learned()
    save(vae, tmp_path / "model")
    state = safetensors.torch.load_file(tmp_path / "model" / "model.safetensors")
    assert state.keys() == vae.state_dict().keys()
    assert {entry.name for entry in (tmp_path / "model").iterdir()} == {
        "config.json",
        "manifest.json",
        "model.safetensors",
    }
    assert read_config(tmp_path / "model")["kind"] == "VAE"


class OwnNet(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.layer = nn.Linear(D, width)
        self.out_features = width

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).tanh()


def with_own_net(width: int = 4) -> dirvae.VAE:
    vae = zoo.dirichlet(D, torch.ones(K), **SMALL)
    vae.encoder = Head(OwnNet(width), K, Dirichlet)
    return vae


def with_own_activation() -> dirvae.VAE:
    vae = zoo.dirichlet(D, torch.ones(K), **SMALL)
    vae.encoder = Head(MLP(D, (4,), activation=lambda: nn.LeakyReLU(0.3)), K, Dirichlet)
    return vae


def with_own_law() -> dirvae.VAE:
    return zoo.dirichlet(D, torch.ones(K), likelihood=OwnLaw, **SMALL)


def with_changed_layer() -> dirvae.VAE:
    vae = zoo.dirichlet(D, torch.ones(K), **SMALL)
    vae.decoder.net.layers[-1] = nn.Tanh()
    return vae


def with_own_class() -> dirvae.VAE:
    class OwnVAE(dirvae.VAE):
        pass

    vae = zoo.dirichlet(D, torch.ones(K), **SMALL)
    return OwnVAE(vae.encoder, vae.decoder, vae.prior)


OWN = {
    "OwnNet at encoder.net": with_own_net,
    "<lambda> at encoder.net.activation": with_own_activation,
    "OwnLaw at decoder.Law": with_own_law,
    "changed after it was built": with_changed_layer,
    "OwnVAE": with_own_class,
}


@pytest.mark.parametrize("part", OWN)
def test_own_parts_are_loaded_into_a_vae(part: str, tmp_path: Path) -> None:
    vae = OWN[part]().eval()
    save(vae, tmp_path / "model")
    with pytest.raises(ModelFormatError, match=r"into=vae") as raised:
        load(tmp_path / "model")
    assert part in str(raised.value)
    fresh = OWN[part]()
    assert load(tmp_path / "model", into=fresh) is fresh
    assert_same(vae, fresh)


def test_known_models_are_loaded_into_a_vae_too(tmp_path: Path) -> None:
    save(learned(), tmp_path / "model")
    vae = zoo.dirichlet(D, torch.ones(K), **SMALL)
    assert_same(load(tmp_path / "model", into=vae), load(tmp_path / "model"))


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (
            lambda: with_own_net(5),
            r"encoder\.net\.layer\.weight has shape \(4, 6\) in the file and \(5, 6\) in",
        ),
        (lambda: zoo.dirichlet(D, torch.ones(K), **SMALL), "the file has no tensor encoder"),
        (lambda: with_own_net().double(), "float32 in the file and torch.float64 in the model"),
    ],
)
def test_what_does_not_fit_is_refused_and_left_alone(
    other: Callable[[], dirvae.VAE], sentence: str, tmp_path: Path
) -> None:
    save(with_own_net(), tmp_path / "model")
    vae = other()
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    with pytest.raises(ModelFormatError, match=sentence):
        load(tmp_path / "model", into=vae)
    assert all(torch.equal(before[name], value) for name, value in vae.state_dict().items())


def test_a_tensor_that_the_model_has_not(tmp_path: Path) -> None:
    vae = with_own_net()
    vae.register_buffer("extra", torch.zeros(2))
    save(vae, tmp_path / "model")
    with pytest.raises(ModelFormatError, match="the file has a tensor extra"):
        load(tmp_path / "model", into=with_own_net())


def test_lazy_layers_of_ones_own(tmp_path: Path) -> None:
    def lazy() -> dirvae.VAE:
        vae = with_own_net()
        vae.encoder = Head(nn.Flatten(), K, Dirichlet)
        return vae

    vae = lazy().eval()
    with pytest.raises(ValueError, match=r"encoder\.projection\.\w+ has no shape yet"):
        save(vae, tmp_path / "model")
    vae.embed(torch.ones(2, D))
    save(vae, tmp_path / "model")
    assert_same(load(tmp_path / "model", into=lazy()), vae)


def test_types_of_arguments(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="model is a Linear, must be a VAE or an estimator"):
        save(nn.Linear(1, 1), tmp_path / "model")
    with pytest.raises(TypeError, match="into is a Linear, must be a VAE"):
        load(tmp_path / "model", into=nn.Linear(1, 1))  # type: ignore[arg-type]
    assert not (tmp_path / "model").exists()


def test_state_that_is_no_tensor(tmp_path: Path) -> None:
    class Stateful(nn.Module):
        def get_extra_state(self) -> Any:
            return {"a": 1}

    vae = with_own_net()
    vae.encoder.net.stateful = Stateful()
    with pytest.raises(ValueError, match="_extra_state of the model is a dict, must be a tensor"):
        save(vae, tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("version", [0, 1, 3, "2", None, [2]])
def test_other_versions_are_refused(version: Any, model: Path) -> None:
    forge_config(model, lambda config: config.update(format=version, dirvae="9.9"))
    with pytest.raises(
        ModelFormatError, match=r"is of format .* \(dirvae 9\.9\), but .* format 2: fit and save"
    ):
        load(model)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, (10**15).to_bytes(8, "little") + b"{}", b"\x02" + b"\0" * 7 + b"{"],
    ids=["empty", "zeros", "huge header", "cut header"],
)
def test_broken_safetensors_are_named(content: bytes, model: Path) -> None:
    forge(model, "model.safetensors", content)
    with pytest.raises(
        ModelFormatError, match=r"model\.safetensors is not a safetensors file|no tens"
    ):
        load(model)


def test_pickles_are_not_read(model: Path) -> None:
    torch.save(learned().state_dict(), model / "model.safetensors")
    forge(model, "model.safetensors", (model / "model.safetensors").read_bytes())
    with pytest.raises(ModelFormatError, match="is not a safetensors file"):
        load(model)


def test_tensors_of_other_shapes_or_types_are_refused(model: Path) -> None:
    state = safetensors.torch.load_file(model / "model.safetensors")
    for name, tensor in (
        ("decoder.projection.bias", torch.zeros(9)),
        ("decoder.projection.bias", torch.zeros(D, dtype=torch.int64)),
        ("prior.concentration", -torch.ones(K)),
        ("unheard.of", torch.zeros(1)),
    ):
        forge(model, "model.safetensors", safetensors.torch.save({**state, name: tensor}))
        with pytest.raises(ModelFormatError, match=str(model)):
            load(model)


def test_a_part_of_a_vae_is_none(model: Path) -> None:
    forge_config(model, lambda config: config.update(model=config["model"]["encoder"]))
    state = safetensors.torch.load((model / "model.safetensors").read_bytes())
    own = {name[8:]: value for name, value in state.items() if name.startswith("encoder.")}
    forge(model, "model.safetensors", safetensors.torch.save(own))
    with pytest.raises(ModelFormatError, match="its model is a Head, must be a VAE"):
        load(model)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_neither_loaded_nor_saved(
    value: float, model: Path, tmp_path: Path
) -> None:
    name = "encoder.net.layers.0.weight"
    state = safetensors.torch.load((model / "model.safetensors").read_bytes())
    state[name][0, 0] = value
    forge(model, "model.safetensors", safetensors.torch.save(state))
    sentence = rf"{name} has values that are NaN or infinite$"
    for into in (None, learned()):
        with pytest.raises(ModelFormatError, match=rf"model cannot be loaded: {sentence}"):
            load(model, into=into)
    vae = learned()
    with torch.no_grad():
        vae.encoder.net.layers[0].weight[0, 0] = value
    with pytest.raises(ValueError, match=f"the model is not saved: {sentence}"):
        save(vae, tmp_path / "new")
    assert not (tmp_path / "new").exists()
