"""Annealed importance sampling: log p(x) without help from the encoder, to check what leans on it.

The path leads from the prior to the posterior: p_t(z) is proportional to p(z) p(x|z)^t. Hamiltonian
Monte Carlo walks it, in unconstrained coordinates and double precision.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import biject_to

from dirvae.distributions.draws import draw
from dirvae.evaluation import Evidence, importance_sampled
from dirvae.models.vae import VAE
from dirvae.objectives import log_likelihood

__all__ = ["annealed_log_evidence"]

TARGET_ACCEPTANCE = 0.65


class _State(NamedTuple):
    """Where the chains are: u of shape (C, N, M), and what follows from it."""

    u: Tensor
    log_prior: Tensor
    log_likelihood: Tensor
    grad_prior: Tensor
    grad_likelihood: Tensor

    def log_density(self, t: float) -> Tensor:
        return self.log_prior + t * self.log_likelihood

    def grad(self, t: float) -> Tensor:
        return self.grad_prior + t * self.grad_likelihood


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

    Where it says clearly more than `log_evidence`, the encoder misses part of the posterior. The
    step size follows the acceptance along the way, which leaves a bias too small to have been seen.

    Args:
        vae: The model, with a latent of shape (K,) and a density for its prior. A copy of it is
            run, in evaluation mode and double precision.
        x: Shape (N, D...).
        covariates: Shape (N, C), optional.
        num_chains: Weights a row; their spread gives the standard error.
        num_temperatures: Steps from prior to posterior; more of them lessen the spread.
        num_leapfrog_steps: Steps of a trajectory, one trajectory a temperature.
        generator: Source of the noise, on the model's device; the global one if None.

    Returns:
        Estimate, standard error, effective sample size and Pareto shape of each row, shapes (N,).

    Raises:
        ValueError: If a number is below 1.

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
    for name, value in (
        ("num_chains", num_chains),
        ("num_temperatures", num_temperatures),
        ("num_leapfrog_steps", num_leapfrog_steps),
    ):
        if value < 1:
            raise ValueError(f"{name} is {value}, must be 1 or more")
    evaluate, u = _target(vae, x, covariates, num_chains, generator)
    state, step_size = evaluate(u), torch.full((len(x), 1), 0.1, dtype=u.dtype, device=u.device)
    log_weight, before = torch.zeros_like(state.log_prior), 0.0
    for t in _schedule(num_temperatures):
        log_weight = log_weight + (t - before) * state.log_likelihood
        state, step_size = _trajectory(evaluate, state, t, step_size, num_leapfrog_steps, generator)
        before = t
    return importance_sampled(log_weight.cpu().numpy())


def _target(
    vae: VAE,
    x: Tensor,
    covariates: Tensor | None,
    num_chains: int,
    generator: torch.Generator | None,
) -> tuple[Callable[[Tensor], _State], Tensor]:
    """The densities as functions of unconstrained coordinates, and draws of the prior there."""
    vae = copy.deepcopy(vae).double().eval().requires_grad_(False)
    x = x.double()
    context = () if covariates is None else (covariates.double(),)
    prior = vae.prior(*context)
    prior = prior if prior.batch_shape else prior.expand(torch.Size([len(x)]))
    transform: Any = biject_to(prior.support)

    def evaluate(u: Tensor) -> _State:
        with torch.enable_grad():
            u = u.detach().requires_grad_()
            z = transform(u)
            log_prior = prior.log_prob(z) + transform.log_abs_det_jacobian(u, z)
            likelihood = log_likelihood(vae.decoder(z, *context), x)
            (grad_prior,) = torch.autograd.grad(log_prior.sum(), u, retain_graph=True)
            (grad_likelihood,) = torch.autograd.grad(likelihood.sum(), u)
        return _State(
            u.detach(), log_prior.detach(), likelihood.detach(), grad_prior, grad_likelihood
        )

    with torch.no_grad():
        return evaluate, transform.inv(draw(prior, torch.Size([num_chains]), generator))


def _schedule(num_temperatures: int) -> list[float]:
    """Powers of the likelihood up to 1, denser at both ends (Wu et al. 2017, sec. 4)."""

    def sigmoid(share: float) -> float:
        return 1 / (1 + math.exp(-4 * (2 * share - 1)))

    first, last = sigmoid(0), sigmoid(1)
    shares = (step / num_temperatures for step in range(1, num_temperatures + 1))
    return [(sigmoid(share) - first) / (last - first) for share in shares]


def _trajectory(
    evaluate: Callable[[Tensor], _State],
    start: _State,
    t: float,
    step_size: Tensor,
    num_steps: int,
    generator: torch.Generator | None,
) -> tuple[_State, Tensor]:
    """One Metropolis-corrected Hamiltonian trajectory of all chains; a step size a row."""
    momentum = _randn_like(start.u, generator)
    end, p = start, momentum + step_size / 2 * start.grad(t)
    for step in range(num_steps):
        end = evaluate(end.u + step_size * p)
        p = p + (step_size if step < num_steps - 1 else step_size / 2) * end.grad(t)
    log_ratio = end.log_density(t) - start.log_density(t)
    log_ratio = log_ratio + (momentum.square() - p.square()).sum(-1) / 2
    # A path that left the numbers' range is one that is not accepted.
    log_ratio = torch.where(log_ratio.isfinite(), log_ratio, -torch.inf)
    uniform = torch.rand(
        log_ratio.shape, dtype=log_ratio.dtype, device=log_ratio.device, generator=generator
    )
    accepted = uniform.log() < log_ratio
    state = _State(
        *(
            torch.where(accepted.reshape(accepted.shape + (1,) * (new.dim() - 2)), new, old)
            for new, old in zip(end, start, strict=True)
        )
    )
    acceptance = log_ratio.clamp(max=0).exp().mean(0).unsqueeze(-1)
    return state, step_size * torch.exp(0.1 * (acceptance - TARGET_ACCEPTANCE))


def _randn_like(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)
