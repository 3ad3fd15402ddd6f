"""Networks for encoders and decoders; any other module can be used instead."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from dirvae.distributions.log_space import log_proportions

__all__ = [
    "MLP",
    "ConvDecoder",
    "ConvEncoder",
    "Log1p",
    "LogRatios",
    "SideBySide",
    "Standardize",
]


class MLP(nn.Module):
    """Linear layers with activations; several inputs are concatenated along the last axis.

    Args:
        in_features: Number of input features, all inputs together.
        hidden_sizes: Width of each layer. If empty, the joined inputs are returned unchanged.
        activation: Constructor of the activation.
        dropout: Probability in [0, 1) of dropping each activation.
        layer_norm: Whether to normalize each row (Ba, Kiros & Hinton 2016) before each activation.
        features: Module applied to the first input (the data or the latent, not the covariates)
            before the first layer, such as `Standardize` or `Log1p`. It may work in any precision;
            its output is converted to that of the layers' weights.

    Example:
        >>> net = MLP(10, (32, 16))
        >>> net(torch.zeros(4, 7), torch.zeros(4, 3)).shape
        torch.Size([4, 16])
    """

    def __init__(
        self,
        in_features: int,
        hidden_sizes: Sequence[int],
        *,
        activation: Callable[[], nn.Module] = nn.ReLU,
        dropout: float = 0.0,
        layer_norm: bool = False,
        features: nn.Module | None = None,
    ) -> None:
        super().__init__()
        sizes = [in_features, *hidden_sizes]
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            layers += [_xavier(nn.Linear(fan_in, fan_out))]
            layers += [nn.LayerNorm(fan_out)] if layer_norm else []
            layers += [activation()]
            layers += [nn.Dropout(dropout)] if dropout else []
        self.features = nn.Identity() if features is None else features
        self.layers = nn.Sequential(*layers)
        self.in_features, self.out_features = in_features, sizes[-1]
        self.hidden_sizes, self.activation = tuple(hidden_sizes), activation
        self.dropout, self.layer_norm = dropout, layer_norm

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """Map inputs of shape (..., features) to (..., out_features).

        The leading axes of the inputs are broadcast.
        """
        joined = _join((self.features(x), *others))
        weight = next(self.layers.parameters(), joined)
        output: Tensor = self.layers(joined.to(weight.dtype))
        return output


class ConvEncoder(nn.Module):
    """Strided convolutions over images, flattened to features.

    Args:
        image_shape: (channels, height, width), with 1 channel for grey and 3 for RGB.
        channels: Output channels of each convolution. Each convolution halves height and width.
        num_covariates: Number of covariates, which are appended to the flattened features.

    Example:
        >>> ConvEncoder((3, 28, 28), (8, 16))(torch.zeros(2, 3, 28, 28)).shape
        torch.Size([2, 784])
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        channels: Sequence[int] = (32, 64),
        *,
        num_covariates: int = 0,
    ) -> None:
        super().__init__()
        depth, *size = image_shape
        layers: list[nn.Module] = []
        for width in channels:
            layers += [nn.Conv2d(depth, width, 3, stride=2, padding=1), nn.ReLU()]
            depth, size = width, [(s + 1) // 2 for s in size]
        self.layers = nn.Sequential(*layers, nn.Flatten(-3))
        self.image_shape = torch.Size(image_shape)
        self.channels, self.num_covariates = tuple(channels), num_covariates
        self.out_features = depth * math.prod(size) + num_covariates

    def forward(self, x: Tensor, *covariates: Tensor) -> Tensor:
        """Map images (..., C, H, W) or flat rows (..., C*H*W), and covariates, to features."""
        if x.shape[-3:] != self.image_shape:
            x = x.unflatten(-1, self.image_shape)
        features = self.layers(x.reshape(-1, *self.image_shape))
        return _join((features.reshape(*x.shape[:-3], -1), *covariates))


class ConvDecoder(nn.Module):
    """Upsampling convolutions from features to maps of raw parameters, which are flattened.

    Use it as ``Head(ConvDecoder(K, shape), shape, Bernoulli, project=False)``.

    Args:
        in_features: Number of input features, all inputs together.
        image_shape: (channels, height, width) of the images.
        channels: Channels before each upsampling, from small images to large. Each upsampling
            doubles height and width. If the next size is odd, it is one less than the double.
        num_parameters: Number of raw maps for each output channel: 1 for a Bernoulli, 2 for a
            Gaussian.
        features: Module applied to the latent before the first layer, such as `Standardize`.

    Example:
        >>> ConvDecoder(5, (1, 28, 28), (16, 8))(torch.zeros(2, 5)).shape
        torch.Size([2, 784])
    """

    def __init__(
        self,
        in_features: int,
        image_shape: Sequence[int],
        channels: Sequence[int] = (64, 32),
        *,
        num_parameters: int = 1,
        features: nn.Module | None = None,
    ) -> None:
        super().__init__()
        depth, height, width = image_shape
        sizes = [(height, width)]
        for _ in channels:
            sizes.insert(0, tuple((s + 1) // 2 for s in sizes[0]))  # type: ignore[arg-type]
        outputs = [*channels[1:], depth * num_parameters]
        self.start = nn.Sequential(
            nn.Linear(in_features, channels[0] * math.prod(sizes[0])),
            nn.ReLU(),
            nn.Unflatten(-1, (channels[0], *sizes[0])),
        )
        layers: list[nn.Module] = []
        for fan_in, fan_out, size in zip(channels, outputs, sizes[1:], strict=True):
            layers += [nn.Upsample(size=size), nn.Conv2d(fan_in, fan_out, 3, padding=1), nn.ReLU()]
        self.maps = nn.Sequential(*layers[:-1])
        self.image_shape, self.channels = torch.Size(image_shape), tuple(channels)
        self.in_features, self.num_parameters = in_features, num_parameters
        self.out_features = depth * num_parameters * height * width
        self.features = nn.Identity() if features is None else features

    def forward(self, z: Tensor, *others: Tensor) -> Tensor:
        """Map inputs of shape (..., features) to (..., num_parameters * C * H * W)."""
        joined = _join((self.features(z), *others))
        maps = self.maps(self.start(joined.reshape(-1, joined.shape[-1])))
        return maps.reshape(*joined.shape[:-1], -1)


class Standardize(nn.Module):
    """Subtract a mean and divide by a standard deviation, both fixed buffers.

    Example:
        >>> Standardize(torch.tensor([1.0]), torch.tensor([2.0]))(torch.tensor([[5.0]]))
        tensor([[2.]])
    """

    mean: Tensor
    inverse_std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.register_buffer("inverse_std", std.reciprocal())

    @classmethod
    def tensor_arguments(cls, tensors: Mapping[str, Tensor], **others: Any) -> dict[str, Tensor]:
        """Mean and standard deviation, for the constructor of a module that has these tensors."""
        return {"mean": tensors["mean"], "std": tensors["inverse_std"].reciprocal()}

    def forward(self, x: Tensor) -> Tensor:
        """Standardize ``x`` of shape (..., F)."""
        return (x - self.mean) * self.inverse_std


class LogRatios(Standardize):
    r"""Centred log ratios of proportions, log z_k - mean_j log z_j, standardized.

    Args:
        mean: Mean of the log ratios, shape (K,).
        std: Standard deviation of the log ratios, shape (K,).

    References:
        Aitchison 1982, "The statistical analysis of compositional data", sec. 2.

    Example:
        >>> LogRatios(torch.zeros(2), torch.ones(2))(torch.tensor([[0.5, 0.5]]))
        tensor([[0., 0.]])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map proportions of shape (..., K); 0 is replaced by the smallest normal float."""
        log_x = log_proportions(x)
        return super().forward(log_x - log_x.mean(-1, keepdim=True))


class SideBySide(nn.Module):
    """The outputs of two modules for the same input, along the last axis.

    Args:
        first: Module from (..., F) to (..., G).
        second: Module from (..., F) to (..., H).

    Example:
        >>> SideBySide(nn.Identity(), Log1p())(torch.zeros(4, 3)).shape
        torch.Size([4, 6])
    """

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` of shape (..., F) to (..., G + H)."""
        return torch.cat([self.first(x), self.second(x)], -1)


class Log1p(nn.Module):
    """log(1 + x) of counts, so that a few large counts do not dominate the others.

    Example:
        >>> Log1p()(torch.tensor([[0.0]]))
        tensor([[0.]])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` >= 0 of any shape."""
        return torch.log1p(x)


def _join(inputs: Sequence[Tensor]) -> Tensor:
    if len(inputs) == 1:
        return inputs[0]
    lead = torch.broadcast_shapes(*(x.shape[:-1] for x in inputs))
    return torch.cat([x.expand(*lead, x.shape[-1]) for x in inputs], -1)


def _xavier(layer: nn.Linear) -> nn.Linear:
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
