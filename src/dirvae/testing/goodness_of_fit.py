"""Test that draws follow their density, from ``sample`` and ``log_prob`` alone."""

from __future__ import annotations

import itertools

import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Distribution, constraints

from dirvae.distributions.draws import draw
from dirvae.distributions.log_space import log1mexp, log_simplex

__all__ = ["goodness_of_fit"]

_BINS, _BOXES, _NODES, _POINTS = 48, 8, 24, 1000


def goodness_of_fit(q: Distribution, num_samples: int, generator: torch.Generator) -> float:
    """The p-value of a test that the draws of ``q`` have the density ``q.log_prob``.

    Univariate continuous distributions: half of the draws define quantile bins. A chi-square test
    compares the counts of the other half in these bins with the integrals of the density.
    Discrete distributions: a chi-square test of the values drawn. Vectors: B is a box around one of
    the draws. The mean of 1[z in B] / p(z) over the other draws must be the volume of B. All three
    tests find a wrong normalisation as well as a wrong shape.

    Args:
        q: Distribution of scalars or vectors, any batch shape.
        num_samples: Draws for each member of the batch, at least 1000.
        generator: Source of the draws.

    Returns:
        The smallest p-value over the batch (and boxes), times the number of p-values; at most 1.

    Raises:
        ValueError: If ``num_samples`` is too small, or events are matrices.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> goodness_of_fit(torch.distributions.Normal(0.0, 1.0), 4000, g) > 1e-3
        True
    """
    if num_samples < 1000:
        raise ValueError(f"num_samples is {num_samples}, must be at least 1000")
    if len(q.event_shape) > 1:
        raise ValueError(
            f"q has events of shape {tuple(q.event_shape)}, must be scalars or vectors"
        )
    size = torch.Size([num_samples])
    with torch.no_grad():
        z = draw(q, size, generator)
        if _support(q).is_discrete:
            p_values = _discrete(q, z)
        elif q.event_shape:
            p_values = _boxes(q, z, generator)
        else:
            p_values = _bins(q, z)
    return min(1.0, float(p_values.min()) * p_values.numel())


def _discrete(q: Distribution, z: Tensor) -> Tensor:
    """Chi-square of the distinct values in each member of the batch; those never met are pooled."""
    probability = q.log_prob(z).double().exp().reshape(len(z), -1)
    rows = z.reshape(len(z), probability.shape[1], -1)
    p_values = []
    for member in range(probability.shape[1]):
        _, index, counts = rows[:, member].unique(dim=0, return_inverse=True, return_counts=True)
        p = torch.zeros(len(counts), dtype=torch.float64)
        p[index] = probability[:, member]
        p_values.append(_chi_square(counts.double(), p, len(z)))
    return torch.tensor(p_values)


def _bins(q: Distribution, z: Tensor) -> Tensor:
    first, second = z.reshape(len(z), -1).double().chunk(2)
    levels = torch.linspace(0.01, 0.99, _BINS + 1, dtype=torch.float64)
    edges = first.quantile(levels, 0)
    masses = _bin_masses(q, edges.unflatten(1, q.batch_shape or (1,)), z.dtype)
    masses = masses.reshape(_BINS, -1)
    p_values = []
    for member in range(edges.shape[1]):
        index = torch.bucketize(second[:, member].contiguous(), edges[:, member].contiguous())
        counts = torch.bincount(index, minlength=_BINS + 2).double()[1:-1]
        p_values.append(_chi_square(counts, masses[:, member], len(second)))
    return torch.tensor(p_values)


def _bin_masses(q: Distribution, edges: Tensor, dtype: torch.dtype) -> Tensor:
    """Integrals of the density between ``edges`` (N+1, B): Gauss-Legendre, in log x where x > 0."""
    nodes, weights = _gauss_legendre()
    positive = edges[:1] > 0
    scale = torch.where(positive, edges.clamp_min(1e-300).log(), edges)
    low, width = scale[:-1], scale.diff(dim=0)
    points = low + width * nodes.view(-1, 1, *[1] * (edges.dim() - 1))
    x = torch.where(positive, points.exp(), points)
    log_density = q.log_prob(x.to(dtype).reshape(-1, *q.batch_shape)).double().reshape(x.shape)
    density = (log_density + torch.where(positive, points, 0.0)).exp()
    masses: Tensor = torch.tensordot(weights, density, 1) * width
    return masses


def _gauss_legendre() -> tuple[Tensor, Tensor]:
    """Nodes and weights on (0, 1), by the eigenvalues of the Jacobi matrix."""
    k = torch.arange(1, _NODES, dtype=torch.float64)
    off = k / (4 * k**2 - 1).sqrt()
    values, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return (values + 1) / 2, vectors[0] ** 2


def _chi_square(counts: Tensor, probability: Tensor, total: int) -> float:
    """P-value of ``counts`` out of ``total``, the rest in one more cell, small cells pooled."""
    counts = torch.cat((counts, total - counts.sum().unsqueeze(0)))
    expected = total * torch.cat((probability, (1 - probability.sum()).unsqueeze(0)))
    if bool(expected[-1] < -0.02 * total):
        return 0.0  # the density integrates to more than one
    large = expected >= 5
    rest = (~large).double()
    pooled = torch.stack((counts @ rest, expected @ rest))
    counts, expected = counts[large], expected[large]
    statistic = ((counts - expected) ** 2 / expected).sum()
    if bool(pooled[1] >= 5):
        statistic = statistic + (pooled[0] - pooled[1]) ** 2 / pooled[1]
    elif bool(stats.poisson.sf(pooled[0] - 1, pooled[1].clamp_min(1e-12)) < 1e-9):
        return 0.0  # draws where the density has next to nothing
    return float(stats.chi2.sf(float(statistic), max(1, len(counts) - 1)))


def _boxes(q: Distribution, z: Tensor, generator: torch.Generator) -> Tensor:
    """Two-sided p-values of the boxes, shape (boxes, B)."""
    free = _to_free(q, z)
    free = free.reshape(len(z), -1, free.shape[-1])
    log_prob = q.log_prob(z).double().reshape(len(z), -1)
    first, second = free.chunk(2)
    half = len(first)
    low, high = first.quantile(0.25, 0), first.quantile(0.75, 0)
    p_values = []
    for center in first[:: half // _BOXES][:_BOXES]:
        reach = _shrink(q, center, (high - low) / 2)
        inside = ((second - center).abs() <= reach).all(-1)
        log_volume = (2 * reach).log().sum(-1)
        weights = torch.where(inside, (-log_prob[half:] - log_volume).exp(), 0.0)
        deviation = weights.std(0) * half**0.5  # of their sum
        score = (weights.sum(0) - half) / deviation
        p = torch.from_numpy(stats.norm.sf(score.abs().numpy())) * 2
        # Where the density is low, a rare draw would give much, so that without it the deviation is
        # too small. Uniform points find such places, and of their boxes nothing is said.
        places = 2 * torch.rand(_POINTS, *center.shape, generator=generator) - 1
        points = (center + places * reach).reshape(_POINTS, *q.batch_shape, -1)
        least = q.log_prob(_from_free(q, points).to(z.dtype)).double().reshape(_POINTS, -1).amin(0)
        largest = (-least - log_volume).exp()
        known = (inside.sum(0) >= 30) & (largest <= deviation)
        p_values.append(torch.where(known, p, 1.0))
    return torch.stack(p_values)


def _shrink(q: Distribution, center: Tensor, reach: Tensor) -> Tensor:
    """Halve the boxes whose corners leave the support, which is taken to be convex."""
    signs = itertools.product((-1.0, 1.0), repeat=min(center.shape[-1], 10))
    corners = torch.tensor(list(signs), dtype=center.dtype).unsqueeze(1)
    corners = torch.nn.functional.pad(corners, (0, center.shape[-1] - corners.shape[-1]), value=1.0)
    for _ in range(30):
        valid = _support(q).check(_from_free(q, center + corners * reach)).all(0)
        reach = torch.where(valid.unsqueeze(-1), reach, reach / 2)
    return reach


def _support(q: Distribution) -> constraints.Constraint:
    if q.support is None:
        raise ValueError(f"{type(q).__name__}.support is None, must be a constraint")
    return q.support


def _on_simplex(q: Distribution) -> bool:
    return q.support is constraints.simplex or isinstance(q.support, type(log_simplex))


def _to_free(q: Distribution, z: Tensor) -> Tensor:
    """The coordinates that the density is a density of."""
    return (z[..., :-1] if _on_simplex(q) else z).double()


def _from_free(q: Distribution, free: Tensor) -> Tensor:
    if q.support is constraints.simplex:
        return torch.cat((free, 1 - free.sum(-1, keepdim=True)), -1)
    if isinstance(q.support, type(log_simplex)):
        return torch.cat((free, log1mexp(-free.logsumexp(-1, keepdim=True))), -1)
    return free
