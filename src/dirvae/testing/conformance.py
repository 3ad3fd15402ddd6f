"""One function that tests whether a distribution does what it claims."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from dirvae.distributions.draws import draw, draw_with_log_ratio, log_law
from dirvae.testing.batches import FORMS, check_batches
from dirvae.testing.case import (
    Case,
    Factory,
    NotApplicable,
    Parameters,
    implemented,
    require,
    said,
    worst_z,
)
from dirvae.testing.derivatives import check_derivatives
from dirvae.testing.goodness_of_fit import goodness_of_fit
from dirvae.testing.gradient import check_gradient

__all__ = ["Check", "ConformanceError", "check_distribution"]

_MIN_P = 1e-5


class ConformanceError(AssertionError):
    """A distribution fails at least one check; the message lists every check that failed.

    Example:
        >>> issubclass(ConformanceError, AssertionError)
        True
    """


class Check(NamedTuple):
    """Outcome of one check.

    Attributes:
        name: What was checked.
        status: "passed", "failed" or "skipped".
        detail: The number that decided, or why the check was skipped. `check_distribution` explains
            the numbers.

    Example:
        >>> Check("shapes", "passed", "").status
        'passed'
    """

    name: str
    status: str
    detail: str


def check_distribution(
    factory: Factory,
    parameters: Parameters,
    *,
    others: Sequence[Distribution] = (),
    extremes: Sequence[Parameters] = (),
    skip: Mapping[str, str] | None = None,
    num_samples: int = 20_000,
    seed: int = 0,
) -> list[Check]:
    """Check shapes, support, fit, moments, entropy, KL, gradients and dtype of a distribution.

    It also checks batches, derivatives, draws from a generator, ``vmap`` and ``torch.compile``.
    Comparisons with a random quantity allow 5 standard errors. A goodness-of-fit test fails at
    p < 1e-5. The seed is fixed, so the result is the same in every run. If the seed is varied, a
    correct distribution fails with about one seed in 10,000.

    If all checks pass, the distribution is right at the given parameters. Nothing is known about
    other parameters, except that draws and densities are not NaN at ``extremes``.

    The ``detail`` of a check says what was compared:

    - "17 cells" (batches): 6 forms of the batch, such as "(1,)" or "expanded", with values of
      fewer, equal and more batch axes. A scalar cannot have fewer, so there are 17. In each cell,
      the batch agrees with its members, one by one.
    - "p = 1.000" (fit): the p-value of the test that draws follow the density, times the number of
      tests, and at most 1. A small p-value is evidence against the distribution; a large one is
      no proof.
    - "mean within 0.9 standard errors" (moments, entropy, kl, gradient): the largest difference
      between an estimate from draws and the exact value, or another estimate.
    - "14 right, 2 raise" (derivatives): 14 derivatives agree with their reference. 2 derivatives
      are not available: PyTorch raises an error, so no wrong value can be used by mistake.

    Args:
        factory: Called as ``factory(**parameters)``; returns the distribution.
        parameters: Floating-point tensors whose shapes give a batch of one to a few distributions.
        others: Distributions p whose registered KL(q || p) is compared with Monte Carlo.
        extremes: Further parameters, such as very large ones, at which draws and densities must not
            be NaN, in float32 and in float64.
        skip: Names of checks to leave out, each with the reason. "batches (0,)" leaves out one form
            of the batch; so do the names of the other forms.
        num_samples: Number of draws for each statistic.
        seed: Seed of all draws.

    Returns:
        The result of each check, with the number that decided.

    Raises:
        ConformanceError: If a check fails. The message lists all checks that failed.
        ValueError: If ``skip`` has a name that is not a check.

    Example:
        >>> loc, scale = torch.tensor([0.0, 3.0]), torch.tensor([1.0, 0.5])
        >>> checks = check_distribution(torch.distributions.Normal, {"loc": loc, "scale": scale})
        >>> [check.name for check in checks if check.status == "skipped"]
        ['extremes']
    """
    skip = skip or {}
    known = [*_CHECKS, *(f"batches {form}" for form in FORMS)]
    if set(skip) - set(known):
        raise ValueError(f"skip names {sorted(set(skip) - set(known))}, not in {known}")
    case = Case(factory, parameters, others, extremes, num_samples, seed, skip)
    checks = [_outcome(name, case, skip.get(name)) for name in _CHECKS]
    failed = [f"{check.name}: {check.detail}" for check in checks if check.status == "failed"]
    if failed:
        raise ConformanceError("\n".join([f"{type(case.law()).__name__} fails", *failed]))
    return checks


def _outcome(name: str, case: Case, reason: str | None) -> Check:
    if reason is not None:
        return Check(name, "skipped", reason)
    try:
        return Check(name, "passed", _CHECKS[name](case))
    except NotApplicable as skipped:
        return Check(name, "skipped", str(skipped))
    except Exception as error:  # a distribution that raises fails the check; the others still run
        prefix = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        return Check(name, "failed", prefix + said(error)[:300])


def _shapes(case: Case) -> str:
    q = case.law()
    for shape in (torch.Size([]), torch.Size([2]), torch.Size([2, 3])):
        z = draw(q, shape, case.generator())
        require(z.shape == shape + q.batch_shape + q.event_shape, f"draws have shape {z.shape}")
        require(q.log_prob(z).shape == shape + q.batch_shape, "log_prob has another batch shape")
    expanded = q.expand(torch.Size([2]) + q.batch_shape)
    require(expanded.batch_shape == torch.Size([2]) + q.batch_shape, "expand gives another shape")
    z = draw(expanded, torch.Size([3]), case.generator())
    require(
        z.shape[:2] == (3, 2) and z[:, 0].ne(z[:, 1]).any(),
        "after expand draws repeat",
    )
    torch.testing.assert_close(expanded.log_prob(z), q.log_prob(z))
    return f"batch {tuple(q.batch_shape)}, event {tuple(q.event_shape)}"


def _support(case: Case) -> str:
    z, q = case.draws, case.law()
    support: Any = q.support
    require(support.check(z).all(), "draws leave the support")
    require(not q.log_prob(z).isnan().any(), "log_prob is NaN at a draw")
    return f"{len(z)} draws"


def _fit(case: Case) -> str:
    if len(case.law().event_shape) > 1:
        raise NotApplicable("events are matrices")
    p = goodness_of_fit(case.law(), 2 * case.num_samples, case.generator())
    require(p >= _MIN_P, f"goodness of fit has p = {p:.1e}")
    return f"p = {p:.3f}"


def _moments(case: Case) -> str:
    q, z = case.law(), case.draws.double()
    mean, variance = implemented(q, "mean"), implemented(q, "variance")
    if mean is None:
        raise NotApplicable("no finite mean in closed form")
    detail = worst_z(z, mean, "mean")
    if variance is None:
        return detail
    return f"{detail}, {worst_z((z - mean) ** 2, variance, 'variance')}"


def _entropy(case: Case) -> str:
    q = case.law()
    entropy = implemented(q, "entropy")
    if entropy is None:
        raise NotApplicable("no entropy in closed form")
    return worst_z(-q.log_prob(case.draws), entropy, "entropy")


def _kl(case: Case) -> str:
    q = case.law()
    details = []
    for p in (q, *case.others):
        try:
            exact = kl_divergence(q, p)
        except NotImplementedError:
            continue
        require((exact >= -1e-6).all(), f"KL to {type(p).__name__} is negative")
        size = torch.Size([case.num_samples])
        log_ratio = draw_with_log_ratio(q, p, size, case.generator()).log_ratio
        details.append(worst_z(-log_ratio.detach(), exact.detach(), f"KL to {type(p).__name__}"))
    if not details:
        raise NotApplicable("no KL is registered")
    return ", ".join(details)


def _dtype(case: Case) -> str:
    for dtype in (torch.float32, torch.float64):
        q = case.law(dtype)
        z = draw(q, torch.Size([100]), case.generator())
        log_prob = q.log_prob(z)
        require(log_prob.dtype == dtype, f"log_prob is {log_prob.dtype}, must be {dtype}")
        if q.has_rsample:
            require(z.dtype == dtype, f"draws are {z.dtype}, must be {dtype}")
    single, double = case.law(torch.float32), case.law()
    z = draw(single, torch.Size([1000]), case.generator())
    gap = (single.log_prob(z).double() - double.log_prob(z.double())).abs()
    worst = float((gap / (1 + double.log_prob(z.double()).abs())).nanmedian())
    require(worst < 1e-4, f"float32 log_prob is off by {worst:.1e} in the median")
    return f"float32 log_prob within {worst:.0e} of float64 in the median"


def _extremes(case: Case) -> str:
    if not case.extremes:
        raise NotApplicable("no extremes were given")
    for parameters in case.extremes:
        for dtype in (torch.float32, torch.float64):
            plain = case.factory(**{k: v.to(dtype) for k, v in parameters.items()})
            for q in filter(None, (plain, log_law(plain))):
                z = draw(q, torch.Size([1000]), case.generator())
                log_prob = q.log_prob(z)
                bad = bool(z.isnan().any() or log_prob.isnan().any())
                require(not bad, f"NaN in {type(q).__name__} at {dict(parameters)}")
    return f"{len(case.extremes)} settings"


def _generator(case: Case) -> str:
    q, shape = case.law(), torch.Size([100])
    before = torch.get_rng_state()
    draws = [draw(q, shape, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    require(torch.equal(draws[0], draws[1]), "the same seed gives other draws")
    require(not torch.equal(draws[0], draws[2]), "another seed gives the same draws")
    require(torch.equal(before, torch.get_rng_state()), "the global generator has moved")
    return "same seed, same draws"


def _vmap(case: Case) -> str:
    q = case.law()
    z = draw(q, torch.Size([]), case.generator()).detach()
    doubled = {k: torch.stack((v.double(), v.double())) for k, v in case.parameters.items()}

    def log_prob(parameters: Parameters) -> Tensor:
        return case.factory(**parameters, validate_args=False).log_prob(z)

    torch.testing.assert_close(torch.func.vmap(log_prob)(doubled)[1], q.log_prob(z))
    return "log_prob"


@contextmanager
def validation_kept() -> Iterator[None]:
    """Undo what the first torch.compile of a process does: it turns off all validation."""
    validates = Distribution._validate_args
    try:
        yield
    finally:
        Distribution.set_default_validate_args(validates)
        # So that the next compilation turns it off again: validation breaks its graph.
        torch._dynamo.eval_frame.TorchPatcher.patch.cache_clear()


def _compile(case: Case) -> str:
    q = case.law()
    z = draw(q, torch.Size([]), case.generator()).detach()
    parameters = {k: v.double() for k, v in case.parameters.items()}

    def score(value: Tensor, given: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        law = case.factory(**given, validate_args=False)
        return law.log_prob(value), law.rsample() if law.has_rsample else value

    torch.compiler.reset()
    with warnings.catch_warnings(), validation_kept():
        warnings.simplefilter("ignore")  # the compiler's own
        compiled = torch.compile(score, fullgraph=True, backend="aot_eager")
        log_prob, again = compiled(z, parameters)
    torch.testing.assert_close(log_prob, q.log_prob(z))
    require(again.shape == z.shape and not again.isnan().any(), "compiled draws are off")
    return "log_prob and rsample in one graph"


_CHECKS: dict[str, Callable[[Case], str]] = {
    "shapes": _shapes,
    "batches": check_batches,
    "support": _support,
    "fit": _fit,
    "moments": _moments,
    "entropy": _entropy,
    "kl": _kl,
    "gradient": check_gradient,
    "derivatives": check_derivatives,
    "dtype": _dtype,
    "extremes": _extremes,
    "generator": _generator,
    "vmap": _vmap,
    "compile": _compile,
}
