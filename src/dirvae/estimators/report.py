"""The page of a VAE of rows: what the model says of them, as plain arrays."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.distributions import Bernoulli, Normal

from dirvae.alignment import matched
from dirvae.distributions import Multinomial, draw, posterior_mean
from dirvae.distributions.moments import location_and_spread
from dirvae.models.likelihoods import affine_normal, unit_normal
from dirvae.nn import MLP, Head, LogRatios, Standardize
from dirvae.report.examples import document_names
from dirvae.report.explorer.components import (
    RECONSTRUCTED,
    SAMPLES,
    Components,
    Layer,
    components_page,
    image_shape_of,
)

if TYPE_CHECKING:
    from dirvae.estimators.dirichlet_vae import DirichletVAE

__all__ = ["decoder_layers", "page_of"]

NEAR = 0.95  # share of a component where its meaning is shown; the rest is as in the prior
ACTIVATIONS: Mapping[type[nn.Module], str] = {nn.GELU: "gelu", nn.ReLU: "relu", nn.Tanh: "tanh"}


def page_of(model: DirichletVAE, X: Any, *, ids: Any, image_shape: Any, title: str) -> str:
    """Return the page; arguments are those of `DirichletVAE.report`."""
    check_is_fitted(model)
    if model.latent_ is Normal:
        raise ValueError("the latent is a Normal, must be on the simplex: it has no shares")
    theta = np.asarray(model.transform(X), dtype=np.float64)
    rows = model._validated(X, reset=False)
    rows = np.asarray(rows.toarray() if sparse.issparse(rows) else rows, dtype=np.float64)
    with torch.no_grad():
        prior = model.vae_.prior()
        mean = posterior_mean(prior).double().numpy()
        spread = location_and_spread(prior)[1].double().numpy()
        generator = torch.Generator().manual_seed(model._seed)
        drawn = draw(prior, torch.Size([SAMPLES]), generator).double().numpy()
    corners = NEAR * np.eye(theta.shape[1]) + (1 - NEAR) * mean
    return components_page(
        Components(
            theta=theta,
            prior_mean=mean,
            use=theta.var(0) / spread**2,
            near_corners=np.asarray(model.inverse_transform(corners), dtype=np.float64),
            rows=rows,
            reconstructions=np.asarray(model.inverse_transform(theta[:RECONSTRUCTED])),
            samples=np.asarray(model.inverse_transform(drawn)),
            ids=_called(matched("ids", ids, X), len(rows)),
            features=_features(model),
            image_shape=_image_shape(image_shape, rows.shape[1], model),
            decoder=decoder_layers(model.vae_.decoder),
        ),
        title=title,
    )


def _called(ids: Any, count: int) -> list[str]:
    if ids is None:
        return document_names({}, count)[1]
    if isinstance(ids, str) or not hasattr(ids, "__len__") or len(ids) != count:
        raise ValueError(f"ids must have a value for each of {count} rows")
    return document_names({"id": ids}, count)[1]


def _features(model: DirichletVAE) -> list[str]:
    names = getattr(model, "feature_names_in_", None)
    return [f"column {d}" for d in range(model.n_features_in_)] if names is None else list(names)


def _image_shape(given: Any, num_features: int, model: DirichletVAE) -> tuple[int, int] | None:
    """As given; without, a square of probabilities whose columns have no names."""
    if given is None:
        named = hasattr(model, "feature_names_in_")
        return None if named or model.likelihood_ is not Bernoulli else image_shape_of(num_features)
    shape = tuple(given) if isinstance(given, Sequence) else ()
    if len(shape) != 2 or not all(isinstance(side, int) for side in shape):
        raise ValueError(f"image_shape is {given!r}, must be (height, width)")
    if shape[0] * shape[1] != num_features or min(shape) < 1:
        raise ValueError(f"image_shape is {given!r}, must make {num_features} pixels")
    return shape[0], shape[1]


def decoder_layers(decoder: Any) -> list[Layer] | None:
    """Return a decoder as steps that a page can take; None where it is of another build.

    Args:
        decoder: A `Head` on an `MLP`, of a Bernoulli, Gaussian or multinomial.
    """
    if not isinstance(decoder, Head) or not isinstance(decoder.net, MLP) or not decoder.project:
        return None
    wide = copy.deepcopy(decoder).double().eval()
    net = cast(MLP, wide.net)
    last = _last(wide)
    inner = [_layer(module) for module in [net.features, *net.layers, wide.projection]]
    if last is None or any(layer is None for layer in inner):
        return None
    return [layer for layer in inner if layer is not None and layer.kind] + [last]


def _last(head: Head) -> Layer | None:
    """From raw outputs to the mean."""
    law: Callable[..., Any] = head.Law
    name = next(iter(head.layout))
    size = head.event_shape.numel()
    offset = _numbers(getattr(head, f"offset_{name}").expand(size))
    if law is Bernoulli and name == "logits":
        return Layer("sigmoid", {"offset": offset})
    if law is Multinomial and name == "logits":
        total = _numbers(head.given_total_count) if "total_count" in head.given else np.ones(1)
        return Layer("softmax", {"offset": offset, "total": total.reshape(1)})
    if law in (Normal, unit_normal):
        return Layer("affine", {"offset": offset, "shift": 0 * offset, "unit": 0 * offset + 1})
    if law is affine_normal:
        shift, unit = (_numbers(getattr(head, f"given_{part}")) for part in ("shift", "unit"))
        return Layer("affine", {"offset": offset, "shift": shift, "unit": unit})
    return None


def _layer(module: nn.Module) -> Layer | None:
    """One step; of a module that does nothing one without a kind, None for an unknown one."""
    if isinstance(module, Standardize):
        kind = "log ratios" if type(module) is LogRatios else "standardize"
        numbers = {"mean": _numbers(module.mean), "inverse": _numbers(module.inverse_std)}
        return Layer(kind, numbers) if type(module) in (LogRatios, Standardize) else None
    if isinstance(module, nn.Linear):
        bias = torch.zeros(module.out_features) if module.bias is None else module.bias
        return Layer("linear", {"weight": _numbers(module.weight), "bias": _numbers(bias)})
    if isinstance(module, nn.LayerNorm) and module.elementwise_affine:
        numbers = {"weight": _numbers(module.weight), "bias": _numbers(module.bias)}
        return Layer("norm", {**numbers, "eps": np.array([module.eps])})
    if isinstance(module, nn.Identity | nn.Dropout):
        return Layer("", {})
    kind = ACTIVATIONS.get(type(module), "")
    exact = getattr(module, "approximate", "none") == "none"
    return Layer(kind, {}) if kind and exact else None


def _numbers(values: Any) -> Any:
    return values.detach().double().numpy()
