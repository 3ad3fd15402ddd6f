"""A model to save, what it says, and folders that were forged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal

import dirvae
from dirvae.distributions import Dirichlet, DirichletMultinomial, Multinomial
from dirvae.models import zoo
from dirvae.nn import ConvEncoder

D, K = 6, 3
SMALL: dict[str, Any] = {"hidden_sizes": (8, 7), "decoder_hidden_sizes": (5,)}


def learned() -> dirvae.VAE:
    """Weights, initial values and prior other than those that the constructors give."""
    vae = zoo.dirichlet(D, torch.ones(K), **SMALL)
    vae.prior.concentration.copy_(torch.tensor([0.1, 2.0, 3.0]))
    for parameter in vae.parameters():
        nn.init.normal_(parameter)
    return vae


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


class OwnLaw(Normal):
    pass


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


def left_in(tmp_path: Path) -> set[str]:
    return {str(entry.relative_to(tmp_path)) for entry in tmp_path.rglob("*")}
