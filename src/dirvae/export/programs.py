"""Encoder and decoder means as one program, which runs without this library."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.distributions import Independent

from dirvae.data.images import required
from dirvae.distributions.moments import has_mean, posterior_mean
from dirvae.estimators.rows import precision_of
from dirvae.models.vae import VAE
from dirvae.nn import Head, WordFeatures
from dirvae.nn.surroundings import pinned
from dirvae.topics import MixtureVAE, OverdispersedDecoder, TopicDecoder
from dirvae.writing import whole

__all__ = ["to_onnx", "to_torch_export"]

INPUTS, OUTPUTS = ("x",), ("latent", "mean")
BATCH = ({0: torch.export.Dim("batch", max=2**31 - 1)},)


@pinned()
def to_torch_export(model: Any, path: str | Path) -> None:
    """Write encoder and decoder as a program of ``torch.export``, a ``.pt2`` file.

    The program runs without this library. ``torch.export.load(path).module()`` takes rows x, shape
    (B, D), for any B. Rows are in float32, or in float64 if the data of the fit needed float64. The
    program returns two tensors:

    - the posterior mean of the latent, as ``transform`` returns it, shape (B, K);
    - the mean of the data given this latent, as ``inverse_transform`` returns it, shape (B, D). For
      a topic model this is the distribution of words, including the background.

    Covariates are taken at their mean. In float32, both tensors differ from the library's results
    by about 1e-5.

    Args:
        model: A fitted `DirichletVAE`, `TopicModel` or `CompositionModel`, or a `VAE`.
        path: The file. An existing file is replaced.

    Raises:
        TypeError: If the model is none of these.
        ValueError: If the mean of the latent or of the data has no formula, or may be infinite, as
            that of a Cauchy. Or if the encoder or the inference of a topic model is your own. Or if
            a `VAE` takes covariates, has a decoder without ``event_shape``, or is one that
            ``torch.export`` cannot follow.

    Example:
        >>> import tempfile
        >>> from dirvae.models.zoo import dirichlet
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     to_torch_export(dirichlet(4, 3, hidden_sizes=8), f"{folder}/vae.pt2")
        ...     latent, mean = torch.export.load(f"{folder}/vae.pt2").module()(torch.eye(4))
        >>> latent.shape, mean.shape
        (torch.Size([4, 3]), torch.Size([4, 4]))
    """
    exported = _exported(model)
    with whole(path) as file:
        torch.export.save(exported, file)


@pinned()
def to_onnx(model: Any, path: str | Path) -> None:
    """Write the program of `to_torch_export` as ONNX: input "x", outputs "latent" and "mean".

    Args:
        model: As in `to_torch_export`.
        path: The file. An existing file is replaced.

    Raises:
        ImportError: If onnx and onnxscript are not installed.
        TypeError: As in `to_torch_export`.
        ValueError: As in `to_torch_export`. Or if ONNX lacks an operator that the model needs. This
            is so for latents whose mean is computed by quadrature: `StandardizedDirichlet`,
            `ScaledDirichlet` and stick-breaking latents.
    """
    for package in ("onnx", "onnxscript"):
        required(package, "ONNX", "onnx")
    names: dict[str, Any] = {"input_names": INPUTS, "output_names": OUTPUTS}
    try:
        with _without_advice():
            made: Any = torch.onnx.export(_exported(model), dynamo=True, verbose=False, **names)
    except torch.onnx.OnnxExporterError as error:
        found = re.search(r"\b(aten|prims)\.\w+", f"{error} {error.__cause__}")
        what = f"operator for {found[0]}" if found else "form of a step"
        raise ValueError(f"ONNX has no {what}, which this model takes") from error
    with whole(path) as file:
        file.write(made.model_proto.SerializeToString())


@contextmanager
def _without_advice() -> Iterator[None]:
    """Leave out that torchvision is not installed, which nothing here asks for."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _exported(model: Any) -> torch.export.ExportedProgram:
    program, x = _program(model)
    with torch.no_grad():
        try:
            # strict=False is what torch does by itself from 2.7 on.
            return torch.export.export(program, (x,), dynamic_shapes=BATCH, strict=False)
        except Exception as error:  # of torch's, which has many, or of a module of the user's own
            raise ValueError(f"torch.export cannot follow this model: {_first(error)}") from error


def _program(model: Any) -> tuple[nn.Module, Tensor]:
    """The program of a model, and rows to try it with."""
    if not isinstance(model, VAE):
        check_is_fitted(model)
    vae = copy.deepcopy(getattr(model, "vae_", model)).cpu().eval()
    if not isinstance(vae, VAE):
        name = type(model).__name__
        raise TypeError(f"model is a {name}, must be a DirichletVAE, TopicModel or VAE")
    if isinstance(vae.decoder, TopicDecoder):
        num_topics = getattr(model, "_n_features_out", vae.decoder.num_topics)
        Program: Any = _Mixture if isinstance(vae, MixtureVAE) else _Topics
        return Program(vae, num_topics).eval(), torch.ones(2, vae.decoder.num_words)
    size = getattr(model, "n_features_in_", None)
    if size is None:
        if not hasattr(vae.decoder, "event_shape"):
            raise ValueError(
                f"the decoder {type(vae.decoder).__name__} has no event_shape, must have that of a "
                "row, as a Head has"
            )
        size = cast(Any, vae.decoder).event_shape.numel()
    x = torch.zeros(2, size, dtype=precision_of(vae))
    try:
        q = vae.infer(x)
    except (TypeError, RuntimeError) as error:
        raise ValueError(
            f"the encoder cannot be run on rows of shape {tuple(x.shape)} alone, as a program is, "
            f"and as a VAE with covariates cannot be: {_first(error)}"
        ) from error
    _require_formula(q, "latent", vae.encoder)
    _require_formula(vae.decoder(q.mean), "decoder's distribution", vae.decoder)
    return _Rows(vae).eval(), x


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _require_formula(law: Any, what: str = "latent", module: Any = None) -> None:
    name = type(law.base_dist if isinstance(law, Independent) else law).__name__
    if not has_mean(law):
        raise ValueError(f"the {what} is {name}, whose mean takes draws; a program needs a formula")
    tried = [law]
    if isinstance(module, Head):  # also where other rows may lead
        start = torch.zeros(2, module.num_raw)
        tried += [module.law(start + raw) for raw in (-3.0, 3.0)]
    if not all(bool(one.mean.isfinite().all()) for one in tried):
        raise ValueError(
            f"the {what} is {name}, whose mean may be infinite; a program needs a finite one"
        )


class _Rows(nn.Module):
    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.vae.infer(x).mean
        return z, cast(Tensor, self.vae.decoder(z).mean)


class _Topics(nn.Module):
    """A topic model whose network says all; documents without words have the prior."""

    of_none: Tensor

    def __init__(self, vae: VAE, num_topics: int) -> None:
        super().__init__()
        self.vae, self.num_topics = vae, num_topics
        self.register_buffer("of_none", posterior_mean(vae.prior()).detach().clone())
        self._require_known()
        net = cast(Any, vae.encoder).net
        net.features = _DenseFeatures(net.features)

    def _require_known(self) -> None:
        net = getattr(self.vae.encoder, "net", None)
        if not isinstance(getattr(net, "features", None), WordFeatures):
            raise ValueError("the encoder is of your own, must be that of a TopicModel")
        _require_formula(self.vae.infer(torch.ones(2, cast(Any, self.vae.decoder).num_words)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        weights = torch.where(x.sum(-1, keepdim=True) > 0, self.weights(x), self.of_none)
        theta = weights
        if weights.shape[-1] > self.num_topics:  # less the background
            theta = weights[:, : self.num_topics]
            theta = theta / theta.sum(-1, keepdim=True)
        return theta, self.words(weights)

    def weights(self, x: Tensor) -> Tensor:
        return self.vae.infer(x).mean

    def words(self, weights: Tensor) -> Tensor:
        return cast(Any, self.vae.decoder(weights)).probs


class _Mixture(_Topics):
    """Inference by words of dense counts: `TopicDecoder.infer`, `OverdispersedDecoder.infer`."""

    topics: Tensor
    prior: Tensor

    def __init__(self, vae: MixtureVAE, num_topics: int) -> None:
        super().__init__(vae, num_topics)
        self.num_steps = vae.num_steps * vae.decoder.more_steps
        self.register_buffer("topics", vae.decoder.topics.detach().clone())
        self.register_buffer("prior", vae.prior().concentration.detach().clone())

    def _require_known(self) -> None:
        super()._require_known()
        decoder = cast(MixtureVAE, self.vae).decoder
        self.repeats = type(decoder).infer is OverdispersedDecoder.infer
        if not self.repeats and type(decoder).infer is not TopicDecoder.infer:
            raise ValueError(f"{type(decoder).__name__} has an infer of its own")

    def weights(self, x: Tensor) -> Tensor:
        started = self.vae.encoder(x)
        found = self.by_fresh_counts(x, started) if self.repeats else self.by_words(x, started)
        return found / found.sum(-1, keepdim=True)

    def words(self, weights: Tensor) -> Tensor:
        return weights @ self.topics

    def assigned(self, x: Tensor, weights: Tensor) -> Tensor:
        probs = (weights @ self.topics).clamp(min=torch.finfo(weights.dtype).tiny)
        return weights * ((x / probs) @ self.topics.t())

    def by_words(self, x: Tensor, weights: Tensor) -> Tensor:
        for _ in range(self.num_steps):
            weights = self.prior + self.assigned(x, weights)
        return weights

    def by_fresh_counts(self, x: Tensor, weights: Tensor) -> Tensor:
        decoder = cast(OverdispersedDecoder, self.vae.decoder)
        known = decoder.effective(x.sum(-1))
        log_weights, mean = weights.log(), weights
        for _ in range(self.num_steps):
            fresh = self.fresh(x, weights, decoder.precision)
            mean = self.prior + self.assigned(fresh, weights)
            mean = mean / mean.sum(-1, keepdim=True)
            longer = fresh.sum(-1) / known.clamp(min=1e-6)
            longer = longer.clamp(min=1.0).clamp(max=decoder.LONGEST_STEP)
            step = longer.unsqueeze(-1) * (mean.log() - log_weights)
            log_weights = (log_weights + step).log_softmax(-1)
            weights = log_weights.exp()
        return mean

    def fresh(self, x: Tensor, weights: Tensor, precision: Tensor) -> Tensor:
        theta = weights / weights.sum(-1, keepdim=True)
        probs = (theta @ self.topics).clamp(min=torch.finfo(theta.dtype).tiny)
        a = (precision * probs).double()
        grown, started = _digamma(torch.stack([x + a, a]))
        return (a * (grown - started)).to(x.dtype)


class _DenseFeatures(nn.Module):
    """`WordFeatures` of dense counts."""

    def __init__(self, features: WordFeatures) -> None:
        super().__init__()
        self.words = features

    def forward(self, x: Tensor) -> Tensor:
        values = x.log1p()
        length = values.square().sum(-1, keepdim=True).sqrt()
        scaled = values / length.clamp(min=torch.finfo(values.dtype).tiny)
        hidden = scaled @ self.words.weight + self.words.bias
        return nn.functional.gelu(self.words.norm(hidden))


def _digamma(y: Tensor) -> Tensor:
    """Of positive numbers in double precision, by the recurrence to y + 8 and Stirling's series.

    ONNX has no such operator.
    """
    far = y + 8
    square = far.square().reciprocal()
    series = 1 / 252 - square * (1 / 240 - square / 132)
    series = square * (1 / 12 - square * (1 / 120 - square * series))
    steps = (y.unsqueeze(-1) + torch.arange(8, device=y.device)).reciprocal().sum(-1)
    return far.log() - 0.5 / far - series - steps
