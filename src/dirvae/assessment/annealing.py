"""Annealed importance sampling: log p(x) by chains that walk to the posterior.

The path leads from a law s(z) to the posterior: p_t(z) is proportional to s(z)^(1-t) p(z, x)^t.
From the prior it needs no encoder, and so can check what leans on it; from the encoder's posterior
it is far shorter. Hamiltonian Monte Carlo walks it, in unconstrained coordinates. Densities, which
say what is accepted and how it weighs, are in double precision. The decoder's gradients are in
single precision, at half the time: a trajectory along any function of the place alone is
reversible and keeps volumes, so that the bounds stay bounds (Neal 2011, "MCMC using Hamiltonian
dynamics", on approximate trajectories).
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution

from dirvae.assessment.coordinates import Coordinates, coordinates_of
from dirvae.assessment.embedding import require_rows
from dirvae.distributions._kl import require_same_events
from dirvae.evaluation import Evidence, importance_sampled
from dirvae.models.likelihoods import warn_of_grey
from dirvae.models.vae import VAE, require_batch
from dirvae.objectives import log_likelihood

__all__ = ["AnnealedPath", "annealed_log_evidence", "require_numbers"]

TARGET_ACCEPTANCE = 0.65
_FOR_SCALE = 20  # draws a row; the scale only speeds chains up


class _Place(NamedTuple):
    """A place u of chains, shape (C, N, M), and what a trajectory needs of it."""

    u: Tensor
    log_start: Tensor
    log_prior_ratio: Tensor  # of the prior to the start
    grad_start: Tensor
    grad_ratio: Tensor  # of log p(z, x) - log s(z)

    def grad(self, t: float) -> Tensor:
        return self.grad_start + t * self.grad_ratio


class _State(NamedTuple):
    """Where the chains are, and the log ratio of the path's ends there, shape (C, N)."""

    place: _Place
    log_ratio: Tensor

    def log_density(self, t: float) -> Tensor:
        return self.place.log_start + t * self.log_ratio

    def where(self, chosen: Tensor, other: _State) -> _State:
        """This state in the chains that are ``chosen``, shape (C, N); the other one elsewhere."""

        def pick(here: Tensor, there: Tensor) -> Tensor:
            return torch.where(chosen.reshape(chosen.shape + (1,) * (here.dim() - 2)), here, there)

        return _State(
            _Place(*map(pick, self.place, other.place)),
            pick(self.log_ratio, other.log_ratio),
        )


def annealed_log_evidence(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None = None,
    *,
    num_chains: int = 16,
    num_temperatures: int = 1000,
    num_leapfrog_steps: int = 10,
    generator: torch.Generator | None = None,
) -> Evidence:
    """Log p(x) of each row by annealed importance sampling from the prior.

    If this estimate is clearly higher than that of `log_evidence`, the encoder misses part of the
    posterior. The step size is adapted to the acceptance rate during the run. This leaves a bias,
    which was too small to be seen in tests. `certify` has no such bias, comes nearer to the truth
    as its chains begin at the encoder's draws, and says how far from the truth it may be.

    Args:
        vae: The model, with a latent of shape (K,) and a prior that has a density. A prior that
            names no ``support``, such as a normalizing flow, counts as one of all of R^K. A copy of
            the model is run, in evaluation mode: densities in double precision, gradients in single
            precision.
        x: Rows, shape (N, D...).
        covariates: Covariates of the rows, shape (N, C), optional.
        num_chains: Number of Markov chains for each row. Each gives one importance weight. The
            variation of the weights gives the standard error.
        num_temperatures: Number of steps from prior to posterior. More steps reduce the variation.
        num_leapfrog_steps: Number of leapfrog steps in a trajectory. There is one trajectory at
            each temperature.
        generator: Random generator, on the model's device. If None, the global one.

    Returns:
        Estimate, standard error, effective sample size and Pareto shape (k-hat) of each row, each
        of shape (N,).

    Raises:
        ValueError: If a number is below 1, or x has no rows, or the latent is discrete
            or no vector.

    References:
        Neal 2001, "Annealed importance sampling"; Wu, Burda, Salakhutdinov & Grosse 2017, "On the
        quantitative analysis of decoder-based generative models", sec. 4.

    Example:
        >>> from dirvae.models.zoo import dirichlet
        >>> vae = dirichlet(4, torch.ones(3))
        >>> found = annealed_log_evidence(vae, torch.eye(4), num_chains=2, num_temperatures=10)
        >>> found.value.shape
        (4,)
    """
    require_numbers(
        num_chains=num_chains,
        num_temperatures=num_temperatures,
        num_leapfrog_steps=num_leapfrog_steps,
    )
    warn_of_grey(x, getattr(vae.decoder, "Law", None))
    path = AnnealedPath(vae, x, covariates, num_leapfrog_steps, generator)
    log_weight, _ = path.adapt(path.start(num_chains), num_temperatures)
    return importance_sampled(log_weight.cpu().numpy())


class AnnealedPath:
    """The way from the prior, or the encoder's posterior, to the posterior; chains that walk it.

    Args:
        vae: The model; copies of it are used.
        x: Shape (N, D...).
        covariates: Shape (N, C), optional.
        num_leapfrog_steps: Steps of a trajectory, one trajectory a temperature.
        generator: Source of the noise.
        from_encoder: Whether it begins at the encoder's posterior, in place of the prior.

    Attributes:
        guide: The decoder that trajectories follow, in single precision where it can be run so.

    Example:
        >>> from dirvae.models.zoo import gaussian
        >>> path = AnnealedPath(gaussian(4, 2), torch.eye(4), None, 3, None)
        >>> log_weight, step_sizes = path.adapt(path.start(5), 10)
        >>> log_weight.shape, len(step_sizes)
        (torch.Size([5, 4]), 10)
    """

    def __init__(
        self,
        vae: VAE,
        x: Tensor,
        covariates: Tensor | None,
        num_leapfrog_steps: int,
        generator: torch.Generator | None,
        *,
        from_encoder: bool = False,
    ) -> None:
        require_rows(x)
        self.vae = copy.deepcopy(vae).double().eval().requires_grad_(False)
        self.guide = copy.deepcopy(self.vae.decoder).float()
        self.x, self.guide_x = x.double(), x.float()
        self.num_leapfrog_steps, self.generator = num_leapfrog_steps, generator
        self.context = () if covariates is None else (covariates.double(),)
        with torch.no_grad():
            prior = self.vae.prior(*self.context)
            require_batch(prior, "prior", (), (len(x),))
            if len(prior.event_shape) != 1:
                raise ValueError(
                    f"the prior's events have shape {tuple(prior.event_shape)}, must have (K,): "
                    "chains are of vectors"
                )
            start = self.vae.infer(self.x, *self.context) if from_encoder else prior
            require_batch(start, "encoder" if from_encoder else "prior", (), (len(x),))
            require_same_events(start, prior)
            self.coordinates: Coordinates = coordinates_of(prior)
            self.prior, self.law = map(self.coordinates.place, map(_unchecked, (prior, start)))
            # A prior of all rows is left so: a mixture's densities are products of matrices then.
            self.rows = () if start.batch_shape else (len(x),)
            self.scale = self._scale(max(_FOR_SCALE, 1000 // start.batch_shape.numel()))
        self.from_encoder = from_encoder

    def _scale(self, num_draws: int) -> Tensor:
        """Spread of each coordinate at the start, (M,) or (N, M): the unit that chains step in."""
        # Drawn where the model is, of a seed of its own: chains of one seed start alike.
        source = torch.Generator(self.x.device).manual_seed(0)
        std = self.law.sample(torch.Size([num_draws]), source).std(0)
        return torch.where((std > 0) & std.isfinite(), std, 1.0)

    def latent(self, u: Tensor) -> Tensor:
        """The latent z of chains at u, shape (C, N, K)."""
        return self.coordinates.latent(u * self.scale)

    def start(self, num_chains: int) -> Tensor:
        """Coordinates of draws of the path's first law, shape (C, N, M)."""
        with torch.no_grad():
            drawn = self.law.sample(torch.Size([num_chains, *self.rows]), self.generator)
            return drawn / self.scale

    def adapt(
        self, u: Tensor, num_temperatures: int, rate: float = 0.1
    ) -> tuple[Tensor, list[Tensor]]:
        """Walk from the start; each step size is the last one, mended by its acceptance at a rate.

        Returns:
            Log weights, shape (C, N), and the step sizes of each temperature, shapes (N, 1).
        """
        state, before = self._state(self._place(u)), 0.0
        step_size = torch.full((len(self.x), 1), 0.1, dtype=u.dtype, device=u.device)
        log_weight, used = torch.zeros_like(state.log_ratio), []
        for t in schedule(num_temperatures):
            log_weight = log_weight + (t - before) * state.log_ratio
            used.append(step_size)
            state, acceptance = self._trajectory(state, t, step_size)
            step_size = step_size * torch.exp(rate * (acceptance - TARGET_ACCEPTANCE))
            before = t
        return log_weight, used

    def forward(self, u: Tensor, step_sizes: list[Tensor]) -> Tensor:
        """Walk from the start with given step sizes, one a temperature; log weights, (C, N).

        The mean of the weights is p(x), whatever the number of temperatures.
        """
        state, before, log_weight = self._state(self._place(u)), 0.0, torch.zeros(1).to(u)
        for t, step_size in zip(schedule(len(step_sizes)), step_sizes, strict=True):
            log_weight = log_weight + (t - before) * state.log_ratio
            state, _ = self._trajectory(state, t, step_size)
            before = t
        return log_weight

    def backward(self, u: Tensor, step_sizes: list[Tensor]) -> Tensor:
        """Walk `forward` the other way, from exact draws of the posterior; log weights, (C, N).

        The mean of 1 / weight is 1 / p(x).
        """
        temperatures = [0.0, *schedule(len(step_sizes))]
        state, log_weight = self._state(self._place(u)), torch.zeros(1).to(u)
        for step in range(len(step_sizes), 0, -1):
            t, before = temperatures[step], temperatures[step - 1]
            state, _ = self._trajectory(state, t, step_sizes[step - 1])
            log_weight = log_weight + (t - before) * state.log_ratio
        return log_weight

    def _state(self, place: _Place) -> _State:
        with torch.no_grad():
            law = self.vae.decoder(self.latent(place.u), *self.context)
            require_batch(law, "decoder", place.u.shape[:-1])
            return _State(place, log_likelihood(law, self.x) + place.log_prior_ratio)

    def _place(self, u: Tensor) -> _Place:
        with torch.enable_grad():
            u = u.detach().requires_grad_()
            log_start, guiding = self.law.log_prob(u * self.scale), self._guiding(u)
            grad_start, grad_ratio = _gradient(log_start, u), _gradient(guiding, u)
            log_prior_ratio = torch.zeros_like(log_start)
            if self.from_encoder:
                log_prior = self.prior.log_prob(u * self.scale)
                log_prior_ratio = log_prior - log_start
                grad_ratio = grad_ratio + _gradient(log_prior, u) - grad_start
            log_densities = log_start.detach(), log_prior_ratio.detach()
            return _Place(u.detach(), *log_densities, grad_start, grad_ratio)

    def _guiding(self, u: Tensor) -> Tensor:
        """The log likelihood whose gradient trajectories follow."""
        z = self.latent(u)
        try:
            law = self.guide(z.float(), *(value.float() for value in self.context))
            return log_likelihood(law, self.guide_x)
        except (RuntimeError, ValueError):  # numbers, or a decoder, for double precision only
            return log_likelihood(self.vae.decoder(z, *self.context), self.x)

    def _trajectory(self, start: _State, t: float, step_size: Tensor) -> tuple[_State, Tensor]:
        """One Metropolis-corrected Hamiltonian trajectory of all chains; a step size a row.

        Returns:
            Where they are, and the mean acceptance of each row's chains, shape (N, 1).
        """
        place, momentum = start.place, _randn_like(start.place.u, self.generator)
        p = momentum + step_size / 2 * place.grad(t)
        for step in range(self.num_leapfrog_steps):
            place = self._place(place.u + step_size * p)
            last = step == self.num_leapfrog_steps - 1
            p = p + (step_size / 2 if last else step_size) * place.grad(t)
        end = self._state(place)
        log_ratio = end.log_density(t) - start.log_density(t)
        log_ratio = log_ratio + (momentum.square() - p.square()).sum(-1) / 2
        # A path that left the numbers' range is one that is not accepted.
        log_ratio = torch.where(log_ratio.isfinite(), log_ratio, -torch.inf)
        accepted = _rand_like(log_ratio, self.generator).log() < log_ratio
        return end.where(accepted, start), log_ratio.clamp(max=0).exp().mean(0).unsqueeze(-1)


def require_numbers(**values: int) -> None:
    """Raise ValueError unless each number is 1 or more.

    Example:
        >>> require_numbers(num_chains=0)
        Traceback (most recent call last):
        ValueError: num_chains is 0, must be 1 or more
    """
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} is {value}, must be 1 or more")


def schedule(num_temperatures: int) -> list[float]:
    """Powers of the likelihood up to 1, denser at both ends (Wu et al. 2017, sec. 4).

    Example:
        >>> schedule(2)
        [0.5, 1.0]
    """

    def sigmoid(share: float) -> float:
        return 1 / (1 + math.exp(-4 * (2 * share - 1)))

    first, last = sigmoid(0), sigmoid(1)
    shares = (step / num_temperatures for step in range(1, num_temperatures + 1))
    return [(sigmoid(share) - first) / (last - first) for share in shares]


def _unchecked(law: Distribution) -> Distribution:
    """A copy whose density is NaN, and no error, where a trajectory leaves the numbers' range."""
    law = copy.copy(law)
    law._validate_args = False
    for name, value in list(vars(law).items()):
        if isinstance(value, Distribution):
            setattr(law, name, _unchecked(value))
    return law


def _gradient(log_density: Tensor, u: Tensor) -> Tensor:
    """Zero where there is none: from there chains are passed on, and none stays for ever."""
    return torch.autograd.grad(log_density.sum(), u)[0].nan_to_num(0.0, 0.0, 0.0)


def _randn_like(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)


def _rand_like(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.rand(like.shape, dtype=like.dtype, device=like.device, generator=generator)
