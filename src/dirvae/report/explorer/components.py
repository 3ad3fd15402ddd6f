"""The page of a VAE of rows: what each component means, and its latent to play with."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dirvae.report.explorer.page import as_text, cut, html_page
from dirvae.text import visible

__all__ = ["Components", "Layer", "components_page", "halves", "image_shape_of"]

Floats = NDArray[np.float64]
EXAMPLES = 8  # rows a component
RECONSTRUCTED = SAMPLES = 16
MAPPED_IMAGES, MAPPED = 150, 600  # rows on the map
FEATURES = 8  # named of each component
MOST_NUMBERS = 600_000  # of a decoder that is written into the page
USED = 0.01


@dataclass(frozen=True)
class Layer:
    """A step of a decoder.

    Attributes:
        kind: "standardize", "log ratios", "linear", "norm", "gelu", "relu", "tanh", or, at the end,
            "sigmoid", "softmax" or "affine".
        numbers: Its arrays by name.
    """

    kind: str
    numbers: Mapping[str, ArrayLike]


@dataclass(frozen=True)
class Components:
    """A model of rows and what it says of N of them, as arrays.

    Attributes:
        theta: Posterior means of the latent, shape (N, K).
        prior_mean: Shape (K,).
        use: Variance of theta over that of the prior, shape (K,).
        near_corners: Mean of a row that is nearly all of one component, shape (K, D).
        rows: The N rows, shape (N, D).
        reconstructions: Of the first rows, shape (M, D).
        samples: Means of rows at draws from the prior, shape (S, D).
        ids: What each row is called, length N.
        features: Names of the D columns.
        image_shape: Height and width, where rows are images; None otherwise.
        decoder: From the latent to the mean of a row; None where it cannot be written down.
    """

    theta: Floats
    prior_mean: Floats
    use: Floats
    near_corners: Floats
    rows: Floats
    reconstructions: Floats
    samples: Floats
    ids: Sequence[str]
    features: Sequence[str]
    image_shape: tuple[int, int] | None
    decoder: Sequence[Layer] | None


def image_shape_of(num_features: int) -> tuple[int, int] | None:
    """A square of as many pixels, of 64 or more; None if there is none.

    Example:
        >>> image_shape_of(784), image_shape_of(100_000), image_shape_of(9)
        ((28, 28), None, None)
    """
    side = math.isqrt(num_features)
    return (side, side) if side * side == num_features and side >= 8 else None


def components_page(found: Components, *, title: str = "Components") -> str:
    """Return one HTML page.

    Args:
        found: The model and rows.
        title: Of the page.
    """
    payload = components_payload(found, title=title)
    return html_page(title, payload, _body(payload), "components.js")


def components_payload(found: Components, *, title: str) -> dict[str, Any]:
    """Return what the page holds, as JSON can."""
    low, high = float(found.rows.min()), float(found.rows.max())
    width = (high - low) or 1.0
    image = found.image_shape
    examples = [_most(found.theta[:, k]) for k in range(found.theta.shape[1])]
    mean, std = found.rows.mean(0), found.rows.std(0)
    return {
        "title": visible(title),
        "sentence": _sentence(found),
        "shape": image and list(image),
        "range": [low, high],
        "mean": _digits(found.theta.mean(0)),
        "prior": _digits(found.prior_mean),
        "use": _digits(found.use),
        "features": [] if image else [cut(name) for name in found.features],
        "average": [] if image else _digits(mean),
        "spread": [] if image else _digits(std),
        "corners": [
            _pixels((corner - low) / width) if image else _told(corner, mean, std)
            for corner in found.near_corners
        ],
        "examples": [
            [
                {
                    "id": cut(found.ids[row]),
                    "share": round(float(found.theta[row, k]), 3),
                    "image": _pixels((found.rows[row] - low) / width) if image else None,
                }
                for row in rows
            ]
            for k, rows in enumerate(examples)
        ],
        "reconstructions": [
            [cut(found.ids[row]), *(_pixels((part[row] - low) / width) for part in pair)]
            for pair in [(found.rows, found.reconstructions)]
            for row in range(len(found.reconstructions) if image else 0)
        ],
        "samples": [_pixels((row - low) / width) for row in (found.samples if image else ())],
        "map": [
            [*place, int(found.theta[row].argmax()), cut(found.ids[row])]
            + ([_pixels((found.rows[row] - low) / width)] if image else [])
            for row, place in _map(found.theta, MAPPED_IMAGES if image else MAPPED)
        ],
        "decoder": None if found.decoder is None else _written(found.decoder),
        "total": len(found.rows),
    }


def _map(theta: Floats, most: int) -> list[tuple[int, list[float]]]:
    """Rows, evenly spaced where there are many, and places in the unit square by their shares.

    They are the first two principal components of the roots of shares, by whose distances
    compositions are alike (Hellinger). The longer side is 1.
    """
    root = np.sqrt(np.maximum(theta, 0))
    left, scale, axes = np.linalg.svd(root - root.mean(0), full_matrices=False)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])  # else by chance
    place = np.zeros((len(theta), 2))
    size = min(2, len(scale))
    place[:, :size] = (left * scale * signs)[:, :size]
    extent = np.ptp(place, axis=0)
    place = 0.5 + (place - place.min(0) - extent / 2) / max(extent.max(), 1e-12)
    rows = np.unique(np.linspace(0, len(theta) - 1, min(most, len(theta))).round().astype(int))
    return [(int(row), [round(float(at), 4) for at in place[row]]) for row in rows]


def halves(values: ArrayLike) -> str:
    """Numbers as base64 of 16-bit floats, of which eyes cannot tell the difference.

    Raises:
        ValueError: If one is too large for 16 bits.

    Example:
        >>> halves([1.0, -2.0])
        'ADwAwA=='
    """
    with np.errstate(over="ignore"):
        found = np.asarray(values, dtype="<f2")
    if not np.isfinite(found).all():
        raise ValueError("values has numbers that 16 bits do not hold, must be within 65504 of 0")
    return base64.b64encode(found.tobytes()).decode()


def _written(decoder: Sequence[Layer]) -> list[dict[str, Any]] | None:
    """Layers as JSON: large matrices in half precision, all else in single; None if too many."""
    sizes = [np.size(array) for layer in decoder for array in layer.numbers.values()]
    if sum(sizes) > MOST_NUMBERS:
        return None
    try:
        return [
            {"kind": layer.kind, **{name: _array(a) for name, a in layer.numbers.items()}}
            for layer in decoder
        ]
    except ValueError:
        return None


def _array(values: ArrayLike) -> Any:
    array = np.asarray(values)
    if array.ndim == 2:
        return {"shape": list(array.shape), "half": halves(array)}
    single = base64.b64encode(array.astype("<f4").tobytes()).decode()
    return {"shape": list(array.shape), "single": single}


def _most(share: Floats) -> NDArray[np.int64]:
    return np.argsort(-share, kind="stable")[:EXAMPLES]


def _told(corner: Floats, mean: Floats, std: Floats) -> list[list[float]]:
    """Columns in which a corner is farthest from the mean in standard deviations, and its value."""
    apart = (corner - mean) / np.where(std > 0, std, np.inf)
    order = np.argsort(-np.abs(apart), kind="stable")[:FEATURES]
    return [[int(d), *_digits([corner[d], apart[d]])] for d in order]


def _pixels(image: Floats) -> str:
    grey = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    return base64.b64encode(grey.tobytes()).decode()


def _digits(values: ArrayLike) -> list[float]:
    return [float(f"{value:.5g}") for value in np.asarray(values, dtype=np.float64)]


def _sentence(found: Components) -> str:
    used, count = int((found.use > USED).sum()), found.theta.shape[1]
    told = "all" if used == count else f"{used} of them"
    return f"{len(found.rows):,} rows, {count} components, {told} in use."


def _body(payload: dict[str, Any]) -> str:
    order = np.argsort(-np.array(payload["mean"]), kind="stable").tolist()
    items = "\n".join(
        f"<li><b>Component {k}</b>, {payload['mean'][k]:.1%}: "
        + as_text(", ".join(example["id"] for example in payload["examples"][k][:5]))
        + "</li>"
        for k in order
    )
    return f"""<header>
<h1>{as_text(payload["title"])}</h1>
<p class="lead">{as_text(payload["sentence"])}</p>
<div id="controls" hidden></div>
</header>
<main id="parts" hidden></main>
<section id="plain" aria-label="Components">
<p>Components, their mean share, and the rows that have most of each.</p>
<ul>
{items}
</ul>
</section>
<footer><p>It opens without a network. Made by dirvae.</p></footer>"""
