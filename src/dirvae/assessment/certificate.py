"""Bidirectional Monte Carlo: how far an estimate of log p(x) may be from the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dirvae.assessment.annealing import AnnealedPath, require_numbers
from dirvae.assessment.embedding import ROWS_AT_ONCE, batches
from dirvae.distributions import draw
from dirvae.evaluation import Evidence, importance_sampled
from dirvae.models.vae import VAE

__all__ = ["Certificate", "certify"]

AHEAD = 20, 5  # temperatures of the walk that settles step sizes: so many, or this part of all
AHEAD_RATE = 0.5  # at which they follow the acceptance there
STD_ERRORS = 3  # by which bounds are widened: chance breaks one in some 700 times


class Certificate(NamedTuple):
    """Lower bounds of log p(x) on given rows; lower and upper bounds on rows drawn by the model.

    When the model draws a row, the latent that it draws first is an exact draw of the row's
    posterior. Markov chains that walk back from this latent bound log p(x) from above. So the
    true value lies between two bounds. If the given rows are no harder for the chains than the
    drawn ones, the estimates in ``rows`` are on average at most ``gap`` too low. ``lower`` and
    ``upper`` include a margin of three standard errors.

    Attributes:
        rows: Estimate from below of log p(x) of each given row.
        drawn: The M rows that the model drew, shape (M, D...).
        below: Estimate from below of log p(x) of each drawn row.
        above: Estimate from above of log p(x) of each drawn row, shape (M,), in nats.

    Example:
        >>> low = Evidence(np.full(4, -9.0), *[np.zeros(4)] * 3)
        >>> Certificate(low, torch.zeros(4, 2), low, np.full(4, -8.75)).gap
        0.25
    """

    rows: Evidence
    drawn: Tensor
    below: Evidence
    above: NDArray[np.float64]

    @classmethod
    def concatenate(cls, parts: Iterable[Certificate]) -> Certificate:
        """Join the certificates of several parts of x into one, with the rows of all."""
        rows, drawn, below, above = zip(*parts, strict=True)
        return cls(
            Evidence.concatenate(rows),
            torch.cat(drawn),
            Evidence.concatenate(below),
            np.concatenate(above),
        )

    @property
    def lower(self) -> float:
        """Lower bound of the mean log p(x) of the drawn rows, in nats."""
        return self.below.mean - STD_ERRORS * self.below.mean_std_error

    @property
    def upper(self) -> float:
        """Upper bound of the mean log p(x) of the drawn rows, in nats."""
        # Walks of a row begin at the same draw: their spread says too little, the rows' does not.
        noise = (self.above - self.below.value).std(ddof=1) / np.sqrt(len(self.above))
        return float(self.above.mean() + STD_ERRORS * noise)

    @property
    def gap(self) -> float:
        """``upper`` minus ``lower``, in nats."""
        return self.upper - self.lower


def certify(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None = None,
    *,
    num_drawn: int = 100,
    num_chains: int = 8,
    num_temperatures: int = 300,
    num_leapfrog_steps: int = 5,
    generator: torch.Generator | None = None,
) -> Certificate:
    """Bound the mean log p(x) of rows from below, and say by how much the bound may be too low.

    The method is annealed importance sampling. Chains begin at draws from the encoder and walk to
    the posterior. The bounds hold whatever the encoder is; the better it is, the smaller is the
    gap. A trial run fixes the step sizes, so the bounds have no bias. Rows that the model draws
    itself also have an upper bound: see `Certificate`. 500 rows and their chains are in memory at a
    time.

    Args:
        vae: The model, with a latent of shape (K,) and a prior that has a density. A prior that
            names no ``support``, such as a normalizing flow, counts as one of all of R^K. A copy of
            the model is run, in evaluation mode: densities in double precision, gradients in single
            precision.
        x: Rows, shape (N, D...).
        covariates: Covariates of the rows, shape (N, C), optional. The model draws its rows with
            the first ``num_drawn`` of them.
        num_drawn: Number of rows that the model draws, 2 or more.
        num_chains: Number of Markov chains for each row, 2 or more.
        num_temperatures: Number of steps from encoder to posterior. More steps make the gap
            smaller.
        num_leapfrog_steps: Number of leapfrog steps of the one trajectory at each temperature.
        generator: Random generator, on the model's device. If None, the global one.

    Raises:
        ValueError: If ``num_drawn`` or ``num_chains`` is below 2, another number is below 1, or
            there are fewer rows of covariates than ``num_drawn``, or x has no rows, or the latent
            is discrete or no vector, or encoder and prior have events of different shapes.

    References:
        Grosse, Ghahramani & Adams 2015, "Sandwiching the marginal likelihood using bidirectional
        Monte Carlo"; Wu, Burda, Salakhutdinov & Grosse 2017, sec. 4, with chains from an encoder.

    Example:
        >>> from dirvae.models.zoo import dirichlet
        >>> quick = {"num_drawn": 5, "num_chains": 2, "num_temperatures": 10}
        >>> found = certify(dirichlet(4, torch.ones(3)), torch.eye(4), **quick)
        >>> found.rows.value.shape, found.above.shape
        ((4,), (5,))
    """
    require_numbers(num_temperatures=num_temperatures, num_leapfrog_steps=num_leapfrog_steps)
    for name, value in (("num_chains", num_chains), ("num_drawn", num_drawn)):
        if value < 2:
            raise ValueError(f"{name} is {value}, must be 2 or more: their spread is needed")
    if covariates is not None and len(covariates) < num_drawn:
        raise ValueError(
            f"num_drawn is {num_drawn}, must be at most the {len(covariates)} rows of covariates"
        )

    def paths(x: Tensor, covariates: Tensor | None) -> Iterator[AnnealedPath]:
        for rows, context in batches(ROWS_AT_ONCE, x, covariates):
            how = num_leapfrog_steps, generator
            yield AnnealedPath(vae, rows, context, *how, from_encoder=True)

    rows, below, above = [], [], []
    for path in paths(x, covariates):
        steps = _step_sizes(path, num_chains, num_temperatures)
        rows.append(_from_below(path, num_chains, steps))
    told = None if covariates is None else covariates[:num_drawn]
    drawn, exact = _drawn(path, told, num_drawn)
    for path, place in zip(paths(drawn, told), exact.split(ROWS_AT_ONCE), strict=True):
        steps = _step_sizes(path, num_chains, num_temperatures)
        u = place / path.scale
        back = path.backward(u.expand(num_chains, *u.shape), steps)
        above.append(-importance_sampled(-back.cpu().numpy()).value)
        below.append(_from_below(path, num_chains, steps))
    of_rows, of_drawn = map(Evidence.concatenate, (rows, below))
    return Certificate(of_rows, drawn, of_drawn, np.concatenate(above))


def _from_below(path: AnnealedPath, num_chains: int, step_sizes: list[Tensor]) -> Evidence:
    return importance_sampled(path.forward(path.start(num_chains), step_sizes).cpu().numpy())


def _step_sizes(path: AnnealedPath, num_chains: int, num_temperatures: int) -> list[Tensor]:
    """Those that a short walk ahead came to, each for the temperatures nearest to its own."""
    few = max(AHEAD[0], num_temperatures // AHEAD[1])
    _, found = path.adapt(path.start(num_chains), few, AHEAD_RATE)
    return [found[step * few // num_temperatures] for step in range(num_temperatures)]


def _drawn(path: AnnealedPath, told: Tensor | None, num_drawn: int) -> tuple[Tensor, Tensor]:
    """Rows that the model draws, and the coordinates of the latents that they are drawn from."""
    context = () if told is None else (told.double(),)
    with torch.no_grad():
        prior = path.vae.prior(*context)
        each = torch.Size(() if prior.batch_shape else (num_drawn,))
        exact = path.coordinates.place(prior).sample(each, path.generator)
        law = path.vae.decoder(path.coordinates.latent(exact), *context)
        return draw(law, torch.Size(), path.generator), exact
