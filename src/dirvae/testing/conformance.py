"""One function that holds a distribution against its own claims."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints, kl_divergence
from torch.distributions.constraints import Constraint

from dirvae.distributions.kl import draw, draw_with_log_ratio, log_law
from dirvae.testing.goodness_of_fit import goodness_of_fit

__all__ = ["Check", "ConformanceError", "check_distribution"]

Parameters = Mapping[str, Tensor]
Factory = Callable[..., Distribution]

_MAX_Z = 5.0
_MIN_P = 1e-5


class ConformanceError(AssertionError):
    """A distribution is not what it says; the message lists every check that failed."""


class Check(NamedTuple):
    """Outcome of one check.

    Attributes:
        name: What was checked.
        status: "passed", "failed" or "skipped".
        detail: The figure that decided, or why it was skipped.
    """

    name: str
    status: str
    detail: str


class _Case(NamedTuple):
    """What every check reads."""

    factory: Factory
    parameters: Parameters
    others: Sequence[Distribution]
    extremes: Sequence[Parameters]
    num_samples: int
    seed: int

    def law(self, dtype: torch.dtype = torch.float64) -> Distribution:
        return self.factory(**{k: v.to(dtype) for k, v in self.parameters.items()})

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)

    def draws(self) -> Tensor:
        with torch.no_grad():
            return draw(self.law(), torch.Size([self.num_samples]), self.generator())


class _Skip(Exception):  # noqa: N818
    """Raised by a check that does not apply."""


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
    """Check a law: shapes, support, fit, moments, entropy, KL, gradient, dtype, and how it runs.

    Every comparison with a random quantity is to 5 standard errors, and a goodness of fit fails at
    p < 1e-5; with the fixed seed a result is the same in every run. Over seeds, about one right law
    in 10,000 fails.

    Args:
        factory: Called as ``factory(**parameters)``; returns the law.
        parameters: Floating-point tensors whose shapes give a batch of one to a few laws.
        others: Laws p whose registered KL(q || p) is held against Monte Carlo.
        extremes: Parameters at which draws and densities must be free of NaN.
        skip: Names of checks to leave out, each with the reason.
        num_samples: Draws for each statistic.
        seed: Seed of all draws.

    Returns:
        What was checked, with the figures.

    Raises:
        ConformanceError: If a check fails; its message lists all that did.
        ValueError: If ``skip`` names no check.

    Example:
        >>> loc, scale = torch.tensor([0.0, 3.0]), torch.tensor([1.0, 0.5])
        >>> checks = check_distribution(torch.distributions.Normal, {"loc": loc, "scale": scale})
        >>> [check.name for check in checks if check.status == "skipped"]
        ['extremes']
    """
    case = _Case(factory, parameters, others, extremes, num_samples, seed)
    skip = skip or {}
    if set(skip) - set(_CHECKS):
        raise ValueError(f"skip names {sorted(set(skip) - set(_CHECKS))}, not in {list(_CHECKS)}")
    checks = [_outcome(name, case, skip.get(name)) for name in _CHECKS]
    failed = [f"{check.name}: {check.detail}" for check in checks if check.status == "failed"]
    if failed:
        raise ConformanceError("\n".join([f"{type(case.law()).__name__} fails", *failed]))
    return checks


def _outcome(name: str, case: _Case, reason: str | None) -> Check:
    if reason is not None:
        return Check(name, "skipped", reason)
    try:
        return Check(name, "passed", _CHECKS[name](case))
    except _Skip as skipped:
        return Check(name, "skipped", str(skipped))
    except Exception as error:  # a law that raises fails the check; the others still run
        message = str(error) or "no message"
        prefix = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
        return Check(name, "failed", prefix + message.splitlines()[0])


def _require(condition: Any, message: str) -> None:
    if not bool(condition):
        raise AssertionError(message)


def _worst_z(estimates: Tensor, exact: Tensor, what: str) -> str:
    """Compare means over the first dimension of ``estimates`` with ``exact``; worst z-score."""
    estimates, exact = estimates.double(), exact.double()
    error = estimates.std(0) / len(estimates) ** 0.5
    rounding = 1e-9 * (1 + exact.abs())
    z = ((estimates.mean(0) - exact).abs() / (error + rounding)).max()
    _require(z <= _MAX_Z, f"{what} is off by {float(z):.1f} standard errors")
    return f"{what} within {float(z):.1f} standard errors"


def _shapes(case: _Case) -> str:
    q = case.law()
    for shape in (torch.Size([]), torch.Size([2]), torch.Size([2, 3])):
        z = draw(q, shape, case.generator())
        _require(z.shape == shape + q.batch_shape + q.event_shape, f"draws have shape {z.shape}")
        _require(q.log_prob(z).shape == shape + q.batch_shape, "log_prob has another batch shape")
    wide = q.expand(torch.Size([2]) + q.batch_shape)
    _require(wide.batch_shape == torch.Size([2]) + q.batch_shape, "expand gives another shape")
    z = draw(wide, torch.Size([3]), case.generator())
    _require(z.shape[:2] == (3, 2) and z[:, 0].ne(z[:, 1]).any(), "expanded laws repeat draws")
    torch.testing.assert_close(wide.log_prob(z), q.log_prob(z))
    return f"batch {tuple(q.batch_shape)}, event {tuple(q.event_shape)}"


def _support(case: _Case) -> str:
    z, q = case.draws(), case.law()
    support: Any = q.support
    _require(support.check(z).all(), "draws leave the support")
    _require(not q.log_prob(z).isnan().any(), "log_prob is NaN at a draw")
    return f"{len(z)} draws"


def _fit(case: _Case) -> str:
    if len(case.law().event_shape) > 1:
        raise _Skip("events are matrices")
    p = goodness_of_fit(case.law(), 2 * case.num_samples, case.generator())
    _require(p >= _MIN_P, f"goodness of fit has p = {p:.1e}")
    return f"p = {p:.3f}"


def _implemented(q: Distribution, name: str) -> Tensor | None:
    """The property or the value of the method ``name``, None where not implemented."""
    try:
        member = getattr(q, name)
        value: Tensor = member() if callable(member) else member
    except (NotImplementedError, AttributeError):
        return None
    return value if bool(value.isfinite().all()) else None


def _moments(case: _Case) -> str:
    q, z = case.law(), case.draws().double()
    mean, variance = _implemented(q, "mean"), _implemented(q, "variance")
    if mean is None:
        raise _Skip("no finite mean in closed form")
    detail = _worst_z(z, mean, "mean")
    if variance is None:
        return detail
    return f"{detail}, {_worst_z((z - mean) ** 2, variance, 'variance')}"


def _entropy(case: _Case) -> str:
    q = case.law()
    entropy = _implemented(q, "entropy")
    if entropy is None:
        raise _Skip("no entropy in closed form")
    return _worst_z(-q.log_prob(case.draws()), entropy, "entropy")


def _kl(case: _Case) -> str:
    q = case.law()
    details = []
    for p in (q, *case.others):
        try:
            exact = kl_divergence(q, p)
        except NotImplementedError:
            continue
        _require((exact >= -1e-6).all(), f"KL to {type(p).__name__} is negative")
        size = torch.Size([case.num_samples])
        _, log_ratio, _ = draw_with_log_ratio(q, p, size, case.generator())
        details.append(_worst_z(-log_ratio.detach(), exact.detach(), f"KL to {type(p).__name__}"))
    if not details:
        raise _Skip("no KL is registered")
    return ", ".join(details)


def _leaves(case: _Case) -> dict[str, Tensor]:
    """Parameters repeated once a draw, so that each draw has a gradient of its own."""
    law = case.law()
    leaves = {}
    for name, value in case.parameters.items():
        dims = len(law.batch_shape) + _constraint(law, name).event_dim
        aligned = value.double().reshape([1] * (dims - value.dim()) + list(value.shape))
        leaves[name] = aligned.expand(case.num_samples, *aligned.shape).clone().requires_grad_()
    return leaves


def _constraint(law: Distribution, name: str) -> Constraint:
    declared: Any = law.arg_constraints
    constraint: Constraint = declared.get(name, constraints.real)
    return constraint


def _test_functions(q: Distribution) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    """A linear and a square function of the event, with weights that no symmetry cancels."""
    count = max(1, q.event_shape.numel())
    weights = torch.cos(torch.arange(count, dtype=torch.float64) + 0.5).reshape(q.event_shape)
    dims = tuple(range(-len(q.event_shape), 0))

    def total(z: Tensor) -> Tensor:
        return (z * weights).sum(dims) if dims else z * weights

    yield "E[z]", total
    yield "E[z^2]", lambda z: total(z**2)


def _gradient(case: _Case) -> str:
    q = case.law()
    if not q.has_rsample:
        raise _Skip("no path")
    details = []
    for power, (what, function) in enumerate(_test_functions(q), 1):
        leaves = _leaves(case)
        z = draw(case.factory(**leaves), torch.Size([]), case.generator())
        paths = torch.autograd.grad(function(z).sum(), tuple(leaves.values()), allow_unused=True)
        for (name, leaf), path in zip(leaves.items(), paths, strict=True):
            path = torch.zeros_like(leaf) if path is None else path
            exact = _exact_slope(case, name, power, function)
            label = f"d {what} / d {name}"
            if exact is None:
                score = _score_gradient(case, name, function)
                details.append(_worst_z(path - score, torch.zeros_like(leaf[0]), label))
            else:
                details.append(_worst_z(path, exact.reshape(path.shape[1:]), label))
    return ", ".join(details)


def _exact_slope(
    case: _Case, name: str, power: int, function: Callable[[Tensor], Tensor]
) -> Tensor | None:
    """Central finite difference of the law's own moments in each entry of a parameter."""

    def moment(value: Tensor) -> Tensor | None:
        q = case.factory(**{k: v.double() for k, v in case.parameters.items()} | {name: value})
        mean, variance = _implemented(q, "mean"), _implemented(q, "variance")
        if mean is None or (power == 2 and variance is None):
            return None
        # The test function is linear in the moments: it squares its argument at power 2.
        raw = mean if variance is None or power == 1 else (mean**2 + variance).clamp_min(0).sqrt()
        return function(raw).sum()

    value = case.parameters[name].double()
    if moment(value) is None:
        return None
    slope = torch.zeros_like(value).flatten()
    for index in range(value.numel()):
        step = torch.zeros_like(slope)
        step[index] = 1e-5 * (1 + value.flatten()[index].abs())
        sides = [moment(value + s * step.view_as(value)) for s in (1, -1)]
        slope[index] = (sides[0] - sides[1]) / (2 * step[index])  # type: ignore[operator]
    return slope.view_as(value)


def _score_gradient(case: _Case, name: str, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Unbiased for the same gradient, of the density alone: f(z) d log q(z) / d parameter."""
    leaves = _leaves(case)
    with torch.no_grad():
        z = draw(
            case.law(), torch.Size([case.num_samples]), case.generator().manual_seed(~case.seed)
        )
    law = case.factory(**leaves)
    value = function(z)
    advantage = (value - value.mean(0)).detach() * len(value) / (len(value) - 1)
    return torch.autograd.grad((advantage * law.log_prob(z)).sum(), leaves[name])[0]


def _dtype(case: _Case) -> str:
    for dtype in (torch.float32, torch.float64):
        q = case.law(dtype)
        z = draw(q, torch.Size([100]), case.generator())
        log_prob = q.log_prob(z)
        _require(log_prob.dtype == dtype, f"log_prob is {log_prob.dtype}, must be {dtype}")
        if q.has_rsample:
            _require(z.dtype == dtype, f"draws are {z.dtype}, must be {dtype}")
    narrow, wide = case.law(torch.float32), case.law()
    z = draw(narrow, torch.Size([1000]), case.generator())
    gap = (narrow.log_prob(z).double() - wide.log_prob(z.double())).abs()
    worst = float((gap / (1 + wide.log_prob(z.double()).abs())).nanmedian())
    _require(worst < 1e-4, f"float32 log_prob is off by {worst:.1e} in the median")
    return f"float32 log_prob within {worst:.0e} of float64 in the median"


def _extremes(case: _Case) -> str:
    if not case.extremes:
        raise _Skip("no extremes were given")
    for parameters in case.extremes:
        for dtype in (torch.float32, torch.float64):
            plain = case.factory(**{k: v.to(dtype) for k, v in parameters.items()})
            for q in filter(None, (plain, log_law(plain))):
                z = draw(q, torch.Size([1000]), case.generator())
                log_prob = q.log_prob(z)
                bad = bool(z.isnan().any() or log_prob.isnan().any())
                _require(not bad, f"NaN in {type(q).__name__} at {dict(parameters)}")
    return f"{len(case.extremes)} settings"


def _generator(case: _Case) -> str:
    q, shape = case.law(), torch.Size([100])
    before = torch.get_rng_state()
    draws = [draw(q, shape, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    _require(torch.equal(draws[0], draws[1]), "the same seed gives other draws")
    _require(not torch.equal(draws[0], draws[2]), "another seed gives the same draws")
    _require(torch.equal(before, torch.get_rng_state()), "the global generator has moved")
    return "same seed, same draws"


def _vmap(case: _Case) -> str:
    q = case.law()
    z = draw(q, torch.Size([]), case.generator()).detach()
    doubled = {k: torch.stack((v.double(), v.double())) for k, v in case.parameters.items()}

    def log_prob(parameters: Parameters) -> Tensor:
        return case.factory(**parameters, validate_args=False).log_prob(z)

    torch.testing.assert_close(torch.func.vmap(log_prob)(doubled)[1], q.log_prob(z))
    return "log_prob"


@contextmanager
def validation_kept() -> Iterator[None]:
    """Undo what the first torch.compile of a process does: it turns validation off in all laws."""
    validates = Distribution._validate_args
    try:
        yield
    finally:
        Distribution.set_default_validate_args(validates)
        # So that the next compilation turns it off again: laws that validate break its graph.
        torch._dynamo.eval_frame.TorchPatcher.patch.cache_clear()


def _compile(case: _Case) -> str:
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
    _require(again.shape == z.shape and not again.isnan().any(), "compiled draws are off")
    return "log_prob and rsample in one graph"


_CHECKS: dict[str, Callable[[_Case], str]] = {
    "shapes": _shapes,
    "support": _support,
    "fit": _fit,
    "moments": _moments,
    "entropy": _entropy,
    "kl": _kl,
    "gradient": _gradient,
    "dtype": _dtype,
    "extremes": _extremes,
    "generator": _generator,
    "vmap": _vmap,
    "compile": _compile,
}
