"""Where topics stand on a map, and in which of eight hues."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from dirvae.evaluation.clusters import groups_of_tree

__all__ = ["HUES", "hues", "overlaps", "positions", "radii"]

Floats = NDArray[np.float64]
HUES = 8
STEPS = 300  # of stress majorisation, and of pushing circles apart
COVERED = 0.22  # of the map's area, by all circles


def overlaps(topic_word: ArrayLike) -> Floats:
    r"""Share of words that each two topics have in common.

    It is :math:`\sum_w \min(\beta_{iw}, \beta_{jw})`, 1 less the total variation distance.

    Args:
        topic_word: beta, rows that sum to 1, shape (K, V).

    Returns:
        In [0, 1], shape (K, K), with a diagonal of ones.

    Example:
        >>> overlaps([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])
        array([[1. , 0.5],
               [0.5, 1. ]])
    """
    beta = np.asarray(topic_word, dtype=np.float64)
    return np.stack([np.minimum(beta, row).sum(1) for row in beta])


def radii(shares: ArrayLike) -> Floats:
    """Radii of circles whose areas go with shares, on a map of width and height 1.

    Example:
        >>> radii([0.8, 0.2]).round(3)
        array([0.237, 0.118])
    """
    shares = np.maximum(np.asarray(shares, dtype=np.float64), 1e-3)
    return np.sqrt(COVERED * shares / shares.sum() / np.pi)


def positions(distances: ArrayLike, sizes: ArrayLike) -> Floats:
    """Places of circles in the unit square, nearly as far apart as asked for, without overlaps.

    Classical scaling, then stress majorisation with weights 1 / distance squared, so that near
    topics stay near; then circles that overlap are pushed apart.

    Args:
        distances: Symmetric, shape (K, K).
        sizes: Radii of the circles, shape (K,).

    Returns:
        Shape (K, 2).

    References:
        Torgerson 1952; de Leeuw 1977 (majorisation); Gansner, Koren & North 2005 (weights).

    Example:
        >>> places = positions([[0, 1, 9], [1, 0, 9], [9, 9, 0]], [0.01, 0.01, 0.01])
        >>> near, far = np.linalg.norm(places[0] - places[1:], axis=1)
        >>> bool(far > 5 * near)
        True
    """
    distances = np.asarray(distances, dtype=np.float64)
    sizes = np.asarray(sizes, dtype=np.float64)
    if len(distances) == 1:
        return np.array([[0.5, 0.5]])
    places = _majorised(_scaled(distances), distances)
    places -= places.min(0)
    places *= (1 - 2 * sizes.max()) / max(places.max(), 1e-12)
    places += (1 - places.max(0)) / 2
    return _apart(places, sizes)


def _scaled(distances: Floats) -> Floats:
    """Classical scaling to the plane; signs are settled, so that the map is always the same."""
    center = np.eye(len(distances)) - 1 / len(distances)
    values, vectors = np.linalg.eigh(-0.5 * center @ distances**2 @ center)
    axes = vectors[:, :-3:-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), range(axes.shape[1])])
    return axes * np.sqrt(np.maximum(values[:-3:-1], 1e-9))


def _majorised(places: Floats, distances: Floats) -> Floats:
    weights = 1 / np.maximum(distances, 1e-2) ** 2
    np.fill_diagonal(weights, 0)
    laplacian = np.diag(weights.sum(1)) - weights
    inverse = np.linalg.pinv(laplacian)
    for _ in range(STEPS):
        apart = np.linalg.norm(places[:, None] - places, axis=2)
        ratio = weights * distances / np.maximum(apart, 1e-9)
        places = inverse @ ((np.diag(ratio.sum(1)) - ratio) @ places)
    return places


def _apart(places: Floats, sizes: Floats) -> Floats:
    """Push apart circles that overlap, and keep them on the map."""
    least = 1.04 * (sizes[:, None] + sizes)
    np.fill_diagonal(least, 0)
    # Circles of topics that are the same stand at one place, from where nothing points away.
    angle = 2.4 * np.arange(len(places))
    places = places + 1e-6 * np.column_stack([np.cos(angle), np.sin(angle)])
    for _ in range(STEPS):
        between = places[:, None] - places
        apart = np.maximum(np.linalg.norm(between, axis=2), 1e-9)
        missing = np.maximum(least - apart, 0)
        if not missing.any():
            break
        places = places + 0.25 * (between * (missing / apart)[..., None]).sum(1)
        places = np.clip(places, sizes[:, None], 1 - sizes[:, None])
    return places


def hues(overlap: ArrayLike, count: int = HUES) -> NDArray[np.int64]:
    """A hue from 0 for each topic, the same for topics that share many words.

    Args:
        overlap: As `overlaps` gives it, shape (K, K).
        count: Most hues.

    Returns:
        Shape (K,); up to ``count`` topics have a hue each.

    Example:
        >>> hues([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]], 2).tolist()
        [0, 0, 1]
    """
    overlap = np.asarray(overlap, dtype=np.float64)
    if len(overlap) <= count:
        return np.arange(len(overlap))
    distance = squareform(1 - overlap, checks=False)
    # By Ward's rule groups are of like size: by averages one would have nearly all topics.
    return groups_of_tree(linkage(distance, "ward"), count)
