"""The encoder of a mixture of topics: where inference starts."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

__all__ = ["TopicWeights"]


class TopicWeights(nn.Module):
    """A network that puts out one positive weight for each topic: the start of `MixtureVAE`.

    Args:
        net: Module from counts (and covariates) to features. It has ``out_features``.
        num_topics: K.

    Example:
        >>> from dirvae.nn import WordFeatures
        >>> import torch
        >>> TopicWeights(WordFeatures(8, 4), 2)(torch.zeros(1, 8))
        tensor([[0.5000, 0.5000]], grad_fn=<AddBackward0>)
    """

    FLOOR = 1e-6  # so that a topic can come back

    def __init__(self, net: nn.Module, num_topics: int) -> None:
        super().__init__()
        self.net, self.num_topics = net, num_topics
        width: Any = net.out_features
        self.projection = nn.Linear(width, num_topics)
        nn.init.zeros_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    def forward(self, *context: Tensor) -> Tensor:
        """Return weights of shape (B, K)."""
        weights: Tensor = self.projection(self.net(*context)).softmax(-1)
        return weights + self.FLOOR
