"""Saving and loading: equal to the bit, and one sentence for everything that can go wrong."""

from __future__ import annotations

import errno
import hashlib
import inspect
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, Poisson, RelaxedBernoulli

import dirvae
from dirvae import ModelFormatError, distributions, load, save
from dirvae.distributions import (
    Dirichlet,
    DirichletMultinomial,
    InverseCDFDirichlet,
    Multinomial,
    NegativeBinomial,
    ScaledDirichlet,
    SoftmaxNormal,
    StickBreakingBeta,
    StickBreakingKumaraswamy,
    ZeroInflatedNegativeBinomial,
)
from dirvae.models import zoo
from dirvae.models.latents import standard_prior
from dirvae.models.likelihoods import likelihood_head
from dirvae.nn import (
    MLP,
    ConvDecoder,
    ConvEncoder,
    Fixed,
    Head,
    Learned,
    Log1p,
    LogRatios,
    Standardize,
)
from dirvae.persistence import constructors, folder, known, read_config

D, K = 6, 3
SMALL: dict[str, Any] = {"hidden_sizes": (8, 7), "decoder_hidden_sizes": (5,)}


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


def learned() -> dirvae.VAE:
    """Weights, initial values and prior other than those that the constructors give."""
    vae = zoo.dirichlet(D, torch.ones(K), **SMALL)
    vae.prior.concentration.copy_(torch.tensor([0.1, 2.0, 3.0]))
    for parameter in vae.parameters():
        nn.init.normal_(parameter)
    return vae


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


def data_for(vae: dirvae.VAE) -> Tensor:
    shape = (3, 9, 7) if isinstance(vae.encoder.net, ConvEncoder) else (D,)
    x = torch.randint(0, 2, (5, *shape), generator=torch.Generator().manual_seed(1))
    return x.to(next(vae.parameters()).dtype)


def outputs(vae: dirvae.VAE) -> list[Tensor]:
    x = data_for(vae)
    with torch.no_grad():
        terms = vae.terms(x, num_samples=2, generator=torch.Generator().manual_seed(2))
        # The counts' number of trials is known only where there is data.
        counted = isinstance(terms.q, Dirichlet) and vae.decoder.Law in (
            Multinomial,
            DirichletMultinomial,
        )
        draws = [] if counted else [vae.sample(4, generator=torch.Generator().manual_seed(3))]
        return [terms.log_likelihood, terms.kl, terms.z, vae.embed(x), *draws]


def assert_same(ours: dirvae.VAE, theirs: dirvae.VAE) -> None:
    state, other = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(other)
    for name, value in state.items():
        assert value.dtype == other[name].dtype, name
        assert torch.equal(value, other[name]), name
    for one, two in zip(outputs(ours), outputs(theirs), strict=True):
        assert torch.equal(one, two)


# --- round trips ----------------------------------------------------------------------------------


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


@pytest.mark.parametrize("cls", known.modules().values(), ids=lambda cls: cls.__name__)
def test_every_argument_of_a_constructor_is_saved(cls: type[nn.Module]) -> None:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    wanted = {n for n, p in inspect.signature(cls).parameters.items() if p.kind not in kinds}
    of_units = {cls: {"mean", "std"} for cls in (Standardize, LogRatios)}
    in_the_state = {Head: {"initial", "least"}, **of_units}.get(cls, set())
    assert wanted - in_the_state == set(constructors._arguments(cls)) - {"tensors"}
    assert ("tensors" in constructors._arguments(cls)) == bool(
        in_the_state | {cls} & {Fixed, Learned}
    )


@pytest.mark.parametrize("name", known.activations())
def test_activations_come_back(name: str) -> None:
    net = MLP(2, (3,), activation=getattr(nn, name))
    again = constructors.build(constructors.describe(net), net.state_dict())
    assert repr(again) == repr(net)
    assert torch.equal(again(torch.ones(1, 2)), net(torch.ones(1, 2)))


def test_laws_have_one_name_each() -> None:
    for law in (Normal, Dirichlet, distributions.GEM, torch.distributions.Dirichlet):
        assert known.law_from_name(known.law_name(law)) is law
    assert known.law_name(Dirichlet) != known.law_name(torch.distributions.Dirichlet)


# --- the user's own parts -------------------------------------------------------------------------


class OwnNet(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.layer = nn.Linear(D, width)
        self.out_features = width

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).tanh()


class OwnLaw(Normal):
    pass


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


# --- damage ---------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save(learned(), tmp_path / "model")
    return tmp_path / "model"


def forge(model: Path, name: str, content: bytes) -> None:
    """Replace a file, and make the manifest say so."""
    (model / name).write_bytes(content)
    manifest = json.loads((model / "manifest.json").read_text())
    digest = hashlib.sha256(content).hexdigest()
    manifest["files"][name] = {"sha256": digest, "size": len(content)}
    (model / "manifest.json").write_text(json.dumps(manifest))


def forge_config(model: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((model / "config.json").read_text())
    change(config)
    forge(model, "config.json", json.dumps(config).encode())


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"absent does not exist$"):
        load(tmp_path / "absent")


def test_another_kind_of_folder_or_file(tmp_path: Path) -> None:
    with pytest.raises(
        ModelFormatError, match=r"is not a model folder: there is no manifest\.json"
    ):
        load(tmp_path)
    (tmp_path / "file").write_text("{}")
    with pytest.raises(ModelFormatError, match="file is not a model folder"):
        load(tmp_path / "file")
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(ModelFormatError, match=r"manifest\.json is not the manifest of a model"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_truncated_or_edited_file_is_named(name: str, model: Path) -> None:
    content = (model / name).read_bytes()
    (model / name).write_bytes(content[:-1])
    with pytest.raises(ModelFormatError, match=f"{name} is truncated or edited: it has"):
        load(model)
    (model / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ModelFormatError, match=f"{name} was edited: its SHA-256"):
        load(model)
    (model / name).unlink()
    with pytest.raises(ModelFormatError, match=f"{name} is missing"):
        load(model)
    (model / name).mkdir()
    with pytest.raises(ModelFormatError, match=f"{name} cannot be read"):
        load(model)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"\xff\xfe", b"NaN", b'{"a": NaN}', b"[" * 100_000],
    ids=["empty", "open", "list", "number", "bytes", "nan", "inner nan", "deep"],
)
@pytest.mark.parametrize("name", ["config.json", "manifest.json"])
def test_malformed_json_is_named(name: str, content: bytes, model: Path) -> None:
    if name == "manifest.json":
        (model / name).write_bytes(content)
    else:
        forge(model, name, content)
    with pytest.raises(ModelFormatError, match=f"{name} is not the JSON of a model"):
        load(model)


@pytest.mark.parametrize(
    "files",
    [
        None,
        {},
        {"config.json": {"sha256": "", "size": 1}},
        {"config.json": 1, "model.safetensors": 2},
        {"config.json": {"sha256": "", "size": True}, "model.safetensors": {}},
        {"../secret": {"sha256": "", "size": 1}},
        {"/etc/passwd": {"sha256": "", "size": 1}},
        {"..": {"sha256": "", "size": 1}},
    ],
)
def test_manifests_of_other_types_are_refused(files: Any, model: Path) -> None:
    (model / "manifest.json").write_text(json.dumps({"content": "dirvae model", "files": files}))
    with pytest.raises(ModelFormatError, match=r"manifest\.json (is|does not)"):
        load(model)


@pytest.mark.parametrize("version", [0, 1, 3, "2", None, [2]])
def test_other_versions_are_refused(version: Any, model: Path) -> None:
    forge_config(model, lambda config: config.update(format=version, dirvae="9.9"))
    with pytest.raises(
        ModelFormatError, match=r"is of format .* \(dirvae 9\.9\), but .* format 2: fit and save"
    ):
        load(model)


def at(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        *parents, last = ("model", *path)
        for key in parents:
            config = config[key]
        config[last] = value

    return change


FORGERIES: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda c: c.pop("model"), "has no model"),
    (lambda c: c.update(model=[]), "has no model"),
    (lambda c: c.update(kind="os.system"), "its kind is not known here: 'os.system'"),
    (lambda c: c.update(kind=["VAE"]), "its kind is not known here"),
    (lambda c: c.update(model=c["model"]["prior"]), "the file has no tensor concentration"),
    (lambda c: c.update(model={"module": "Log1p"}), "the file has a tensor decoder"),
    (at("module", value="os.system"), "module that is not known here: 'os.system'"),
    (at("module", value={"a": 1}), "module that is not known here"),
    (at("encoder", "net", value="torch.nn.Linear"), "module that is not known here: None"),
    (at("encoder", "net", value=None), "module that is not known here"),
    (at("prior", "Law", value="os.system"), "law that is not known here: 'os.system'"),
    (at("prior", "Law", value="torch.distributions.kl_divergence"), "law that is not known"),
    (at("prior", "Law", value=["a"]), "law that is not known here"),
    (at("prior", "Law", value="torch.distributions.Normal"), "cannot be built"),
    (at("prior", "tensors", value=["forward"]), "no tensor prior.forward"),
    (at("prior", "tensors", value=[1]), "prior.tensors is .* must be a list of names"),
    (at("prior", "extra", value=1), "the arguments of Fixed must be"),
    (at("encoder", "project", value=1), "encoder.project is '1' .* must be true or false"),
    (at("encoder", "event_shape", value=3), "event_shape is '3' .* must be a list of integers"),
    (at("encoder", "event_shape", value=[]), "cannot be built"),
    (at("encoder", "event_shape", value=[4]), "has shape .* in the file and .* in the model"),
    (at("encoder", "shared", value=["nothing"]), "cannot be built: shared names"),
    (at("encoder", "tensors", value=["given_nothing"]), "no tensor encoder.given_nothing"),
    (at("encoder", "net", "activation", value="Linear"), "must be one of CELU"),
    (at("encoder", "net", "dropout", value=2), "must be a number in"),
    (at("encoder", "net", "dropout", value=True), "must be a number in"),
    (at("encoder", "net", "features", value="eval"), "module that is not known here"),
    (at("encoder", "net", "in_features", value=True), "must be an integer from 0"),
    (at("encoder", "net", "in_features", value=-1), "must be an integer from 0"),
    (at("encoder", "net", "in_features", value=6.0), "must be an integer from 0"),
    (at("encoder", "net", "in_features", value=10**12), "must be an integer from 0"),
    (at("encoder", "net", "hidden_sizes", value=[8, 8]), "has shape"),
    (at("encoder", "net", "hidden_sizes", value=[8, 7, 7]), "the file has no tensor"),
    (at("encoder", "net", "hidden_sizes", value=[1] * 100_000), "must be a list of integers"),
]


@pytest.mark.parametrize(("change", "sentence"), FORGERIES, ids=range(len(FORGERIES)))
def test_forged_configs_are_refused(
    change: Callable[[dict[str, Any]], object], sentence: str, model: Path
) -> None:
    forge_config(model, change)
    with pytest.raises(ModelFormatError, match=sentence) as raised:
        load(model)
    assert str(model) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_deep_configs_are_refused(model: Path) -> None:
    tree: dict[str, Any] = {"module": "Log1p"}
    for _ in range(300):
        tree = {
            "module": "MLP",
            "in_features": 1,
            "hidden_sizes": [],
            "activation": "ReLU",
            "dropout": 0.0,
            "features": tree,
        }
    forge_config(model, at("encoder", "net", value=tree))
    with pytest.raises(ModelFormatError):
        load(model)


def test_a_few_words_cannot_ask_for_all_memory(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge_config(model, at("encoder", "net", "hidden_sizes", value=[4096] * 3))
    monkeypatch.setattr(constructors, "_SIDE", 4000)
    with pytest.raises(ModelFormatError, match="must be an integer from 0 to 4000"):
        load(model)
    forge_config(model, at("encoder", "net", "hidden_sizes", value=[50] * 3))
    monkeypatch.setattr(constructors, "_SIDE", 50)
    monkeypatch.setattr(constructors._Bounded, "__init__", _bounded_by_1000)
    with pytest.raises(ModelFormatError, match=r"asks for a tensor of shape \(50, 50\)"):
        load(model)


def _bounded_by_1000(self: Any, limit: int) -> None:
    super(constructors._Bounded, self).__init__()
    self.limit = min(limit, 1000)


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


# --- writing --------------------------------------------------------------------------------------


def left_in(tmp_path: Path) -> set[str]:
    return {str(entry.relative_to(tmp_path)) for entry in tmp_path.rglob("*")}


def test_a_model_is_replaced_and_nothing_left_beside_it(model: Path) -> None:
    vae = zoo.gaussian(D, K, **SMALL).eval()
    save(vae, model)
    assert_same(load(model), vae)
    assert [entry.name for entry in model.parent.iterdir()] == ["model"]


def test_empty_folders_parents_and_relative_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae = learned().eval()
    (tmp_path / "empty").mkdir()
    save(vae, tmp_path / "empty")
    assert_same(load(tmp_path / "empty"), vae)
    monkeypatch.chdir(tmp_path)
    save(vae, "a/b/model/")
    assert_same(load("a/b/model"), vae)


def test_a_damaged_model_is_replaced(model: Path) -> None:
    (model / "model.safetensors").write_bytes(b"")
    save(learned(), model)
    load(model)


@pytest.mark.parametrize("name", ["notes.txt", "config.json", "manifest.json", ".git"])
def test_other_folders_are_not_overwritten(name: str, tmp_path: Path) -> None:
    other = tmp_path / "folder"
    other.mkdir()
    (other / name).write_text("mine")
    with pytest.raises(FileExistsError, match=f"could not be saved to .*folder: .*{name}"):
        save(learned(), other)
    assert left_in(tmp_path) == {"folder", f"folder/{name}"}
    assert (other / name).read_text() == "mine"


def test_a_model_folder_with_ones_own_files_is_not_overwritten(model: Path) -> None:
    (model / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="files that are not a model's"):
        save(learned(), model)
    assert (model / "notes.txt").read_text() == "mine"
    load(model)


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match=r"file: there is a file of that name$"):
        save(learned(), tmp_path / "file")
    with pytest.raises(OSError, match=r"could not be saved to .*file/model: "):
        save(learned(), tmp_path / "file" / "model")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_full_disk_leaves_what_was_there(
    written: int, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before, old = left_in(model.parent), load(model)
    monkeypatch.setattr(folder.os, "fsync", full)
    for path in (model, model.parent / "new"):
        calls.clear()
        with pytest.raises(
            OSError, match=f"^the model could not be saved to {path}: No space left"
        ):
            save(zoo.gaussian(D, K, **SMALL), path)
    assert left_in(model.parent) == before
    assert_same(load(model), old)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), KeyboardInterrupt()])
def test_a_failed_swap_leaves_the_old_model(
    error: BaseException, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, digest = os.replace, (model / "manifest.json").read_bytes()

    def failing(old: Path, new: Path) -> None:
        if new.name == "manifest.json":
            raise error
        replace(old, new)

    before = left_in(model.parent)
    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(type(error)):
        save(zoo.gaussian(D, K, **SMALL), model)
    assert left_in(model.parent) == before
    assert (model / "manifest.json").read_bytes() == digest


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX users")
def test_a_read_only_folder(model: Path) -> None:
    vae, user = load(model), os.geteuid()
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: only its owner gets that far
        os.chmod(folder, 0o555)
        try:
            if user == 0:  # whom no permission stops
                os.seteuid(65534)
            with pytest.raises(PermissionError, match=r"could not be saved to .*new: Permission"):
                save(vae, f"{folder}/new")
        finally:
            os.seteuid(user)
            os.chmod(folder, 0o755)
        assert not os.listdir(folder)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="needs POSIX users")
def test_a_file_that_may_not_be_read(model: Path) -> None:
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        shutil.copytree(model, f"{folder}/model")
        os.chmod(f"{folder}/model/config.json", 0)
        try:
            if user == 0:
                os.seteuid(65534)
            with pytest.raises(ModelFormatError, match=r"config\.json cannot be read: Permission"):
                load(f"{folder}/model")
        finally:
            os.seteuid(user)


# --- estimators -----------------------------------------------------------------------------------


def rows(likelihood: Any) -> Any:
    noise = np.random.RandomState(0)
    if likelihood is Normal:
        return noise.randn(30, D) * 3 + 5
    if likelihood is Bernoulli or likelihood is None:
        return noise.rand(30, D)
    return noise.poisson(3.0, (30, D)).astype(float)


def estimator(**arguments: Any) -> dirvae.DirichletVAE:
    small = {"hidden_sizes": (8,), "decoder_hidden_sizes": (8,), "max_epochs": 2, "random_state": 3}
    return dirvae.DirichletVAE(K, **{**small, **arguments})


def assert_same_estimator(ours: dirvae.DirichletVAE, theirs: dirvae.DirichletVAE, X: Any) -> None:
    assert type(theirs) is type(ours)
    assert vars(theirs).keys() == vars(ours).keys()
    np.testing.assert_equal(theirs.get_params(), ours.get_params())
    for name, value in vars(ours).items():
        if name not in ("vae_", "_optimizer_state"):
            np.testing.assert_equal(getattr(theirs, name), value)
    for method in ("transform", "score_samples"):
        np.testing.assert_array_equal(getattr(theirs, method)(X), getattr(ours, method)(X))
    z = np.array(ours.transform(X))
    np.testing.assert_array_equal(theirs.inverse_transform(z), ours.inverse_transform(z))


LATENTS = (
    Dirichlet,
    InverseCDFDirichlet,
    ScaledDirichlet,
    SoftmaxNormal,
    StickBreakingBeta,
    StickBreakingKumaraswamy,
    Normal,
)
LIKELIHOODS = (
    Bernoulli,
    Normal,
    Multinomial,
    DirichletMultinomial,
    NegativeBinomial,
    ZeroInflatedNegativeBinomial,
    Poisson,
)


@pytest.mark.parametrize("latent", LATENTS)
def test_each_latent_of_the_estimator(latent: Any, tmp_path: Path) -> None:
    X = rows(None)
    fitted = estimator(latent=latent).fit(X)
    fitted.save(tmp_path / "model")
    again = dirvae.DirichletVAE.load(tmp_path / "model")
    assert_same_estimator(fitted, again, X)
    np.testing.assert_array_equal(again.sample(4), fitted.sample(4))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_each_likelihood_of_the_estimator(likelihood: Any, tmp_path: Path) -> None:
    X = rows(likelihood)
    fitted = estimator(likelihood=likelihood).fit(X)
    save(fitted, tmp_path / "model")
    assert_same_estimator(fitted, load(tmp_path / "model"), X)


@pytest.mark.parametrize(
    "arguments",
    [
        {"prior_concentration": 0.5},
        {"prior_concentration": np.array([0.1, 1.0, 2.0], dtype=np.float32)},
        {"prior_concentration": (0.1, 1.0, 2.0), "validation_fraction": 0.0},
        {"prior_concentration": "learn", "max_epochs": 4},
        {"prior_concentration": 5.0, "latent": ScaledDirichlet, "commitment": 1.5},
        {"learning_rate": np.float64(1e-3), "random_state": np.int64(5)},
    ],
)
def test_each_kind_of_argument(arguments: dict[str, Any], tmp_path: Path) -> None:
    X = sparse.csr_matrix(rows(None))
    fitted = estimator(**arguments).fit(X)
    fitted.save(tmp_path / "model")
    assert_same_estimator(fitted, load(tmp_path / "model"), X)


def test_names_of_features_and_the_output_container(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(rows(None), columns=[f"Größe {i}" for i in range(D)])
    fitted = estimator().set_output(transform="pandas").fit(X)
    fitted.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert_same_estimator(fitted, again, X)
    pandas.testing.assert_frame_equal(again.transform(X), fitted.transform(X))


def test_a_random_state_without_a_number_is_none(tmp_path: Path) -> None:
    fitted = estimator(random_state=np.random.RandomState(0)).fit(rows(None))
    fitted.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.random_state is None
    np.testing.assert_array_equal(again.transform(rows(None)), fitted.transform(rows(None)))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_loaded_estimator_is_fitted_further(method: str, tmp_path: Path) -> None:
    X = rows(None)
    getattr(estimator(), method)(X).save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert (
        len(again.partial_fit(X).history_) == again.n_iter_ == {"fit": 3, "partial_fit": 2}[method]
    )


def test_metrics_that_are_not_finite(tmp_path: Path) -> None:
    fitted = estimator().fit(rows(None))
    fitted.history_[0].update(active=float("nan"), kl=float("inf"))
    fitted.save(tmp_path / "model")
    first = load(tmp_path / "model").history_[0]
    assert np.isnan(first["active"])
    assert first["kl"] == np.inf


def test_the_vae_of_an_estimator_is_loaded_into_a_vae(tmp_path: Path) -> None:
    one, two = estimator().fit(rows(None)), estimator(random_state=8).fit(rows(None))
    one.save(tmp_path / "model")
    load(tmp_path / "model", into=two.vae_)
    np.testing.assert_array_equal(one.transform(rows(None)), two.transform(rows(None)))


def test_estimators_that_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        estimator().save(tmp_path / "model")
    fitted = estimator().fit(rows(None))
    fitted.vae_.decoder.net.layers[-1] = nn.Tanh()
    with pytest.raises(ValueError, match=r"vae_ has parts of your own .*: save vae_ alone"):
        fitted.save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"likelihood=.*OwnLaw.* cannot be saved"):
        estimator(likelihood=OwnLaw).fit(rows(Normal)).save(tmp_path / "model")
    assert not left_in(tmp_path)


def test_an_estimator_loads_no_plain_vae(model: Path) -> None:
    with pytest.raises(
        ModelFormatError, match=r"holds a VAE, not a DirichletVAE: use dirvae\.load"
    ):
        dirvae.DirichletVAE.load(model)


@pytest.fixture(scope="module")
def fitted_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("estimator") / "model"
    estimator().fit(rows(None)).save(path)
    return path


@pytest.mark.parametrize(
    ("part", "name", "value", "sentence"),
    [
        ("parameters", "n_components", "many", "n_components is 'many', must be an integer"),
        ("parameters", "n_components", {"law": "os.system"}, "law that is not known here"),
        ("parameters", "hidden_sizes", None, "the estimator cannot be built"),
        (
            "parameters",
            "prior_concentration",
            {"labels": {"items": ["a"], "words": True}},
            "cannot be built",
        ),
        ("parameters", "prior_concentration", {"array": [1]}, "the file has no array"),
        ("parameters", "prior_concentration", {"array": [1], "dtype": "object"}, "malformed"),
        ("parameters", "prior_concentration", {"anything": 1}, "malformed"),
        ("parameters", "unheard_of", 1, "the parameters must be those of DirichletVAE"),
        ("fitted", "transform", "replaced", "fitted attributes are not those"),
        ("fitted", "vae_", None, "fitted attributes are not those"),
        ("fitted", "n_iter_", -1, "n_iter_ is '-1', must be an integer, 0 or more"),
        ("fitted", "n_iter_", True, "n_iter_ is 'True', must be an integer, 0 or more"),
        ("fitted", "history_", 1, "history_ is '1', must be of type list"),
        ("fitted", "history_", [1], "history_ is '1', must be of type dict"),
        ("fitted", "history_", [{"map": {"elbo": "low"}}], "history_ is 'low', must be a number"),
        ("fitted", "history_", [{"map": {"elbo": None}}], "history_ is 'None', must be a number"),
        ("fitted", "history_", [{"elbo": 1.0, "kl": 1.0}], "malformed"),
        ("fitted", "feature_names_in_", [1], "feature_names_in_ is .*, must be of type ndarray"),
        ("fitted", "feature_names_in_", {"labels": {"items": [[1]]}}, "list of numbers or words"),
        ("fitted", "likelihood_", None, "likelihood_ is 'None', must be of type Callable"),
        ("fitted", "likelihood_", {"law": "os.system"}, "law that is not known here"),
        ("fitted", "prior_concentration_", {"array": "transform"}, "no array 'transform'"),
        ("fitted", "_optimizer_state", None, "fitted attributes are not those"),
        (None, "fitted", None, "has no fitted"),
        (None, "parameters", [], "has no parameters"),
        (None, "output", "exec", "fitted attributes are not those"),
    ],
)
def test_forged_estimators_are_refused(
    part: str | None, name: str, value: Any, sentence: str, fitted_config: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for file in fitted_config.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    forge_config(model, lambda c: (c[part] if part else c).update({name: value}))
    with pytest.raises(ModelFormatError, match=sentence) as raised:
        load(model)
    assert str(model) in str(raised.value)


@pytest.fixture(scope="module")
def model_with_covariates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("topics") / "model"
    counts = np.random.RandomState(0).poisson(1.0, (20, D))
    model = dirvae.TopicModel(2, max_epochs=1, hidden_sizes=(4,), random_state=0)
    model.fit(counts, covariates={"age": np.arange(20.0)}).save(path)
    return path


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": 1}, "name is '1', must be of type str"),
        ({"levels": "ab"}, "levels is 'ab', must be of type list"),
        ({"levels": [1]}, "levels is '1', must be of type str"),
        ({"origin": "0"}, "origin is '0', must be a number"),
        ({"unit": 0.0}, "age has no origin and unit, must have finite ones"),
        ({"origin": {"float": "nan"}}, "age has no origin and unit, must have finite ones"),
        ({"extra": 1}, "_covariates is .* must be of type Covariate"),
    ],
)
def test_forged_covariates_are_refused(
    change: dict[str, Any], sentence: str, model_with_covariates: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(model_with_covariates, model)
    assert load(model)._covariates[0].name == "age"

    def forged(config: dict[str, Any]) -> None:
        config["fitted"]["_covariates"][0]["record"]["map"].update(change)

    forge_config(model, forged)
    with pytest.raises(ModelFormatError, match=sentence):
        load(model)
