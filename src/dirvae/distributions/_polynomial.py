"""Polynomials in two variables, evaluated elementwise in as few operations as torch allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Rows = tuple[tuple[tuple[float, ...], ...], ...]


# Elements of a block: larger temporaries cost page faults, smaller ones leave cores idle, since
# torch shares out operations from 32,768 elements on. A quadrature has many temporaries at once.
BLOCK, SMALL_BLOCK = 131_072, 16_384


def in_blocks(
    function: Callable[..., Tensor], *arguments: Tensor, size: int = SMALL_BLOCK
) -> Tensor:
    """An elementwise function of tensors of one shape, block by block where that is faster.

    Example:
        >>> import torch
        >>> in_blocks(torch.add, torch.ones(2), torch.ones(2))
        tensor([2., 2.])
    """
    first = arguments[0]
    if torch.compiler.is_compiling() or first.device.type != "cpu" or first.numel() <= 2 * size:
        return function(*arguments)
    blocks = zip(*(a.reshape(-1).split(size) for a in arguments), strict=True)
    return torch.cat([function(*block) for block in blocks]).view(first.shape)


class BivariatePolynomial:
    """p_c(r, t) = sum_ij coefficients[i][c][j] r^i t^j for every output c.

    Args:
        coefficients: Powers of r by outputs by powers of t; at most 8 powers of t.

    Example:
        >>> import torch
        >>> p = BivariatePolynomial((((1.0, 2.0),), ((3.0, 4.0),)))  # 1 + 2 t + 3 r + 4 r t
        >>> p(torch.tensor([0.5]), torch.tensor([10.0]))
        [tensor([42.5000])]
    """

    def __init__(self, coefficients: Rows) -> None:
        self.coefficients = coefficients
        self.outputs = len(coefficients[0])
        self._double = torch.tensor(coefficients, dtype=torch.float64).flatten(0, 1)
        self._single = self._double.float()

    def __call__(self, r: Tensor, t: Tensor) -> list[Tensor]:
        """One value per output; r and t share shape and dtype."""
        if torch.compiler.is_compiling():
            return [self._fused(c, r, t) for c in range(self.outputs)]
        *lower, values = self._product(t)
        for row in reversed(lower):
            values = torch.addcmul(row, values, r)
        return list(values)

    def _fused(self, output: int, r: Tensor, t: Tensor) -> Tensor:
        """Horner's rule twice, which a compiler turns into one loop."""
        return _horner([_horner(row[output], t) for row in self.coefficients], r)

    def _product(self, t: Tensor) -> list[Tensor]:
        """All coefficients of r as one matrix product, since eager time is operation count."""
        square = t * t
        cube, fourth = square * t, square * square
        powers = [torch.ones_like(t), t, square, cube, fourth, fourth * t, fourth * square]
        powers = [*powers, fourth * cube][: self._single.shape[1]]
        stacked = torch.stack(powers).reshape(len(powers), t.numel())
        matrix = self._single if _products_keep_float32(t.device.type) else self._double
        product = matrix.to(t.device) @ stacked.to(matrix.dtype)
        return list(product.to(t.dtype).view(len(self.coefficients), self.outputs, *t.shape))


def _horner(coefficients: Sequence[Any], x: Tensor) -> Tensor:
    """The polynomial in x with these coefficients, tensors or floats, lowest power first."""
    value = torch.zeros_like(x)
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value


def _products_keep_float32(device: str) -> bool:
    """Whether a float32 matrix product is one: autocast, TF32 and bfloat16 modes shorten it."""
    full = torch.get_float32_matmul_precision() == "highest"
    return device == "mps" or (device == "cpu" and full and not torch.is_autocast_enabled(device))
