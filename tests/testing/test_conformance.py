"""Every law of the library passes its own conformance suite, torch's too; wrong laws do not."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, distributions
from torch.distributions import Distribution, Normal, constraints, register_kl

from dirvae import distributions as dd
from dirvae.distributions.draws import log_law
from dirvae.testing import ConformanceError, check_distribution, goodness_of_fit
from dirvae.testing.batches import AXES, batch_cells
from dirvae.testing.case import Case
from dirvae.testing.conformance import _CHECKS
from tests.testing.laws import NORMAL, OURS, RAISES, TORCHS, t


@pytest.mark.conformance
@pytest.mark.parametrize("name", OURS)
def test_our_laws_conform(name: str) -> None:
    case = OURS[name]
    checks = check_distribution(
        case.factory,
        case.parameters,
        others=case.others,
        extremes=case.extremes,
        skip={"compile": "it takes seconds: see below", **case.skip},
    )
    status = {check.name: check.status for check in checks}
    detail = {check.name: check.detail for check in checks}
    applied = {"shapes", "batches", "support", "fit", "derivatives", "dtype", "generator", "vmap"}
    assert {status[n] for n in applied - set(case.skip)} == {"passed"}
    assert detail["batches"] == grid(case.skip)
    assert re.findall(r"\d+ raise", detail["derivatives"]) == [
        f"{RAISES[n]} raise" for n in (name,) if n in RAISES
    ]


@pytest.mark.compiled
@pytest.mark.parametrize("name", [name for name in OURS if "compile" not in OURS[name].skip])
def test_our_laws_compile_to_one_graph(name: str) -> None:
    case = OURS[name]
    others = dict.fromkeys(set(_CHECKS) - {"compile"}, "see above")
    checks = check_distribution(case.factory, case.parameters, skip=others)
    assert [check.name for check in checks if check.status == "passed"] == ["compile"]


def grid(skip: Mapping[str, str]) -> str:
    """All 17 cells but those that stand in the table with a reason."""
    left_out = 3 * sum(key.startswith("batches ") for key in skip)
    return f"{17 - left_out} cells" + (f", {left_out} left out" if left_out else "")


def test_the_grid_is_whole() -> None:
    """36 laws by 17 cells, of which 3 are left out, for a class that is torch's."""
    left_out = {name: key for name, case in OURS.items() for key in case.skip if "batches" in key}
    assert left_out == {"independent Gammas": "batches (0,)"}
    assert len(OURS) * 17 == 612
    assert sum(RAISES.values()) == 235


def test_every_law_of_the_library_is_in_the_table() -> None:
    known: set[type] = set()
    for case in OURS.values():
        law = case.factory(**case.parameters)
        for one in filter(None, (law, log_law(law))):
            known.update(type(one).__mro__)
    exported = {value for value in vars(dd).values() if isinstance(value, type)}
    assert {law for law in exported if issubclass(law, Distribution)} <= known


@pytest.mark.conformance
@pytest.mark.parametrize("name", TORCHS)
def test_torchs_laws_conform(name: str) -> None:
    case = TORCHS[name]
    check_distribution(case.factory, case.parameters, others=case.others, skip=case.skip)


# --- tests of the tests: each wrong in one way, caught by the check of that name ---


class WrongGradient(Normal):
    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        z = super().rsample(sample_shape)
        return z.detach() + 1.03 * (z - z.detach())


class NoPathInScale(Normal):
    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        noise = torch.randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + self.scale.detach() * noise


class BiasedSampler(Normal):
    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.loc + 1.05 * (super().rsample(sample_shape) - self.loc)


class ClampedSampler(Normal):
    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        return self.loc + (super().rsample(sample_shape) - self.loc).clamp(-self.scale, self.scale)


class Unnormalised(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value) + 0.1


class WrongEntropy(Normal):
    def entropy(self) -> Tensor:
        return super().entropy() + 0.05


class WrongVariance(Normal):
    @property
    def variance(self) -> Tensor:
        return 1.1 * super().variance


class WrongKL(Normal):
    pass


class Forgetful(Normal):
    """Draws with a generator of its own."""

    def rsample(self, sample_shape: Any = torch.Size(), generator: Any = None) -> Tensor:
        return super().rsample(sample_shape)


class NarrowDtype(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value).float()


class TooWide(Normal):
    support = constraints.positive


class NanFarOut(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value) + 0 * (self.scale * 1e300).log1p() * (value.exp() * 1e300)


class BreaksGraph(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        torch._dynamo.graph_break()
        return super().log_prob(value)


class Backwards(Normal):
    """Wrong where the value has fewer axes than the batch."""

    def log_prob(self, value: Tensor) -> Tensor:
        log_prob = super().log_prob(value)
        return log_prob.flip(-1) if value.dim() < self.loc.dim() else log_prob


class Square(torch.autograd.Function):
    """Its derivative holds x for a constant."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x**2

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.x = inputs[0].detach()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return 2 * ctx.x * grad


class HeldConstant(Normal):
    """The derivative of the density is right, the second one is not."""

    def log_prob(self, value: Tensor) -> Tensor:
        spread = Square.apply((value - self.loc) / self.scale)
        return -spread / 2 - self.scale.log() - math.log(2 * math.pi) / 2


class Straight(Normal):
    """The path is right, its second derivative is not."""

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        z = super().rsample(sample_shape)
        return z + Square.apply(self.scale) - self.scale**2


class WrongShape(Normal):
    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value).sum(-1)


@register_kl(WrongKL, WrongKL)
def _wrong_kl(q: WrongKL, p: WrongKL) -> Tensor:
    return distributions.kl._kl_normal_normal(q, p) * 1.05


WRONG = {
    WrongGradient: "gradient",
    NoPathInScale: "gradient",
    BiasedSampler: "fit",
    ClampedSampler: "fit",
    Unnormalised: "fit",
    WrongEntropy: "entropy",
    WrongVariance: "moments",
    WrongKL: "kl",
    Forgetful: "generator",
    NarrowDtype: "dtype",
    TooWide: "support",
    NanFarOut: "extremes",
    BreaksGraph: "compile",
    WrongShape: "shapes",
    Backwards: "batches",
    HeldConstant: "derivatives",
    Straight: "derivatives",
}


@pytest.mark.parametrize("law", WRONG, ids=lambda law: law.__name__)
def test_a_wrong_law_is_caught(law: type[Normal]) -> None:
    others = (law(t(1.0), t(2.0), validate_args=False),)
    extremes = ({"loc": t([800.0]), "scale": t([1.0])},)
    with pytest.raises(ConformanceError, match=f"(?m)^{WRONG[law]}: "):
        check_distribution(law, NORMAL, others=others, extremes=extremes)


class BiasedDirichlet(dd.Dirichlet):
    def rsample(self, sample_shape: Any = torch.Size(), generator: Any = None) -> Tensor:
        return (1.02 * self.log().rsample(sample_shape, generator)).softmax(-1)


class InverseCDFAsDirichlet(dd.InverseCDFDirichlet):
    """What the paper does: its approximate draws with the density of the exact law."""

    def log_prob(self, value: Tensor) -> Tensor:
        return dd.Dirichlet(self.concentration).log_prob(value)


@pytest.mark.parametrize("law", [BiasedDirichlet, InverseCDFAsDirichlet])
def test_a_biased_sampler_on_the_simplex_is_caught(law: type[Distribution]) -> None:
    q = law(t([2.0, 3.0, 1.5]))
    assert goodness_of_fit(q, 1_600_000, torch.Generator().manual_seed(0)) < 1e-20


def test_a_biased_count_is_caught() -> None:
    class Biased(distributions.Poisson):
        def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
            return super().sample(sample_shape) + (torch.rand((*sample_shape, 1)) < 0.1)

    assert goodness_of_fit(Biased(t([4.0])), 40_000, torch.Generator().manual_seed(0)) < 1e-5


def test_p_values_of_a_right_law_are_not_small() -> None:
    p = [
        goodness_of_fit(Normal(t(0.0), t(1.0)), 2000, torch.Generator().manual_seed(seed))
        for seed in range(200)
    ]
    # 20 expected below .1, standard deviation 4.2.
    assert 3 <= sum(value < 0.1 for value in p) <= 41


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="skip names"):
        check_distribution(Normal, NORMAL, skip={"colour": "none"})
    with pytest.raises(ValueError, match="num_samples"):
        goodness_of_fit(Normal(0.0, 1.0), 10, torch.Generator())


class Unsupported(Normal):
    support = None


@pytest.mark.parametrize(
    ("law", "said"),
    [
        (distributions.LKJCholesky(3), r"q has events of shape \(3, 3\), must be scalars or vec"),
        (Unsupported(0.0, 1.0), "Unsupported.support is None, must be a constraint"),
    ],
)
def test_what_has_no_boxes_or_bins_is_refused(law: Distribution, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        goodness_of_fit(law, 1000, torch.Generator())


def test_matrices_have_no_goodness_of_fit() -> None:
    skip = dict.fromkeys(_CHECKS.keys() - {"fit"}, "not the subject")
    law = partial(distributions.LKJCholesky, 3)
    checks = check_distribution(law, {"concentration": t(1.0)}, skip=skip, num_samples=100)
    [found] = [check for check in checks if check.name == "fit"]
    assert (found.status, found.detail) == ("skipped", "events are matrices")


def test_skipped_checks_say_why() -> None:
    checks = check_distribution(Normal, NORMAL, skip={"compile": "slow"}, num_samples=1000)
    assert {check.detail for check in checks if check.name == "compile"} == {"slow"}


class Unexpanded(Normal):
    expand = Distribution.expand  # says nothing but NotImplementedError


def test_a_method_that_is_missing_is_named() -> None:
    others = dict.fromkeys(("compile", "derivatives", "gradient", "vmap"), "not the subject")
    with pytest.raises(
        ConformanceError, match=r"(?m)^shapes: NotImplementedError: raised by expand"
    ):
        check_distribution(Unexpanded, NORMAL, skip=others, num_samples=100)


def test_of_an_empty_batch_of_torchs_vectors_it_is_said_what_to_do() -> None:
    given = {"concentration": t([[1.0, 2.0], [3.0, 0.5]])}
    cells = batch_cells(Case(distributions.Dirichlet, given, (), (), 100, 0))
    failed = [cell for cell in cells if cell.status == "failed"]
    assert [(cell.form, cell.axes) for cell in failed] == [("(0,)", axes) for axes in AXES]
    assert all("skip={'batches (0,)': 'the reason'}" in cell.detail for cell in failed)


class Ring(Distribution):
    """A density that is next to nothing at the origin, which boxes around its draws cover."""

    arg_constraints = {}
    support = distributions.constraints.independent(distributions.constraints.real, 1)
    radius = distributions.LogNormal(t(0.0), t(0.3))

    def __init__(self) -> None:
        super().__init__(event_shape=torch.Size([2]), validate_args=False)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:
        angle = 2 * math.pi * torch.rand(sample_shape)
        return self.radius.sample(sample_shape).unsqueeze(-1) * torch.stack(
            [angle.cos(), angle.sin()], -1
        )

    def log_prob(self, value: Tensor) -> Tensor:
        r = value.norm(dim=-1)
        return self.radius.log_prob(r) - (2 * math.pi * r).log()


def test_a_place_that_few_draws_reach_is_no_fault() -> None:
    p = [goodness_of_fit(Ring(), 20_000, torch.Generator().manual_seed(seed)) for seed in range(20)]
    assert min(p) > 1e-3
