"""Modules from their arguments: all that the library has, and nothing that is forged."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dirvae import ModelFormatError, load
from dirvae.distributions import Dirichlet
from dirvae.models.latents import standard_prior
from dirvae.models.zoo import mlp_labelled_vae
from dirvae.nn import MLP, Fixed, Head, Learned, LogRatios, Standardize
from dirvae.persistence import constructors, known, read_config
from tests.persistence.saved import forge_config


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
    (at("prior", "Law", value="os.system"), "distribution that is not known here: 'os.system'"),
    (
        at("prior", "Law", value="torch.distributions.kl_divergence"),
        "distribution that is not known",
    ),
    (at("prior", "Law", value=["a"]), "distribution that is not known here"),
    (at("prior", "Law", value="torch.distributions.Normal"), "cannot be built"),
    (at("prior", "tensors", value=["forward"]), "no tensor prior.forward"),
    (at("prior", "tensors", value=[1]), "prior.tensors is .* must be a list of names"),
    (at("prior", "extra", value=1), "the arguments of Fixed must be"),
    (lambda c: c["model"]["encoder"]["net"].pop("activation"), "the arguments of MLP must be"),
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


def test_a_module_in_the_place_of_another_is_refused() -> None:
    model = mlp_labelled_vae(4, 2, Dirichlet, standard_prior(Dirichlet, 3))
    described, state = constructors.describe(model), model.state_dict()
    described["vae"] = described["vae"]["prior"]
    state["vae.concentration"] = state["vae.prior.concentration"]
    with pytest.raises(ModelFormatError, match="vae is 'Fixed' in the model, must be a VAE"):
        constructors.build(described, state)


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


def _bounded_by_1000(self: Any, limit: int, total: int) -> None:
    super(constructors._Bounded, self).__init__()
    self.limit, self.left = min(limit, 1000), 10**6


def test_many_small_tensors_cannot_ask_for_all_memory_either(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constructors, "_WORKING", 4000)
    load(model)
    forge_config(model, at("encoder", "event_shape", value=[4000]))
    with pytest.raises(ModelFormatError, match=r"asks for a tensor of shape \(4000,\)"):
        load(model)


def test_what_weights_fill_takes_no_memory_before_they_do(model: Path) -> None:
    """Layers far larger than the file are compared with it, and nothing is allocated."""
    forge_config(model, at("encoder", "net", "hidden_sizes", value=[4096] * 200))
    resource = pytest.importorskip("resource")  # not on Windows
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelFormatError, match="has shape"):
        load(model)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000  # kilobytes, of 13 million for the layers


@pytest.mark.parametrize("depth", [40, 900])
def test_nested_arguments_are_counted_before_anything_is_built(depth: int, model: Path) -> None:
    tree: Any = 1
    for _ in range(depth):
        tree = [tree]
    forge_config(model, at("encoder", "net", value=tree))
    for read in (load, read_config):
        with pytest.raises(ModelFormatError, match="too many parts, or is nested too deep"):
            read(model)
