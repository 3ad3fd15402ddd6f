"""The first layer of an encoder of documents: a product with sparse counts of words."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dirvae.distributions._sparse import as_sparse_rows, row_sums, sparse_product, with_values

__all__ = ["WordFeatures"]


class WordFeatures(nn.Module):
    r"""Features of counts: log(1 + x), rows scaled to length 1, linear map, layer norm and GELU.

    The cost grows with the number of words present. Rows without words get the features of zeros.

    Args:
        in_features: V.
        out_features: H.

    Example:
        >>> WordFeatures(10, 4)(torch.zeros(2, 10)).shape
        torch.Size([2, 4])
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        bound = math.sqrt(6 / (in_features + out_features))
        self.weight = nn.Parameter(torch.empty(in_features, out_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(out_features))
        self.norm = nn.LayerNorm(out_features)

    def forward(self, x: Tensor) -> Tensor:
        """Map counts of shape (B, V), sparse CSR or dense, to (B, H)."""
        x = as_sparse_rows(x)
        values = x.values().to(self.weight.dtype).log1p()
        length = row_sums(x, values.square()).sqrt().clamp(min=torch.finfo(values.dtype).tiny)
        scaled = values / length.repeat_interleave(x.crow_indices().diff())
        hidden = sparse_product(with_values(x, scaled), self.weight) + self.bias
        features: Tensor = nn.functional.gelu(self.norm(hidden))
        return features
