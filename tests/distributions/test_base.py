"""Expanded laws keep what they hold; batches that cannot be are refused; empty draws are drawn."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dirvae import distributions as dd
from dirvae.distributions.base import OnSimplex, Reparameterized
from dirvae.distributions.spherical import Spherical


class Named(dd.Dirichlet):
    """As people subclass a law: a constructor and an attribute of its own."""

    def __init__(self, concentration: Tensor, *, label: str) -> None:
        super().__init__(concentration)
        self.label = label

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value) + len(self.label)


class NamedSphere(dd.PowerSpherical):
    def __init__(self, loc: Tensor, scale: Tensor, *, label: str) -> None:
        super().__init__(loc, scale)
        self.label = label


class NamedSticks(dd.GEM):
    def __init__(self, concentration: Tensor, *, label: str) -> None:
        super().__init__(concentration, 3)
        self.label = label


class NamedBeta(dd.Beta):
    def __init__(self, both: Tensor, *, label: str) -> None:
        super().__init__(both, both)
        self.label = label


class NamedCounts(dd.Multinomial):
    def __init__(self, logits: Tensor, *, label: str) -> None:
        super().__init__(logits, 7)
        self.label = label


class NamedRejection(dd.RejectionDirichlet):
    def __init__(self, concentration: Tensor, *, label: str) -> None:
        super().__init__(concentration, boost=4)
        self.label = label


@pytest.mark.parametrize(
    "law",
    [
        Named(torch.ones(3), label="four"),
        NamedSphere(torch.ones(3), torch.tensor(2.0), label="four"),
        NamedSticks(torch.tensor(2.0), label="four"),
        NamedBeta(torch.tensor(2.0), label="four"),
        NamedCounts(torch.zeros(3), label="four"),
        NamedRejection(torch.ones(3), label="four"),
    ],
    ids=lambda law: type(law).__name__,
)
def test_a_subclass_keeps_its_attributes(law) -> None:
    wide = law.expand(torch.Size([2]))
    assert type(wide) is type(law)
    assert wide.label == "four"
    z = wide.sample(generator=torch.Generator().manual_seed(0))
    assert z.shape == (2, *law.event_shape)
    torch.testing.assert_close(wide.log_prob(z), law.log_prob(z))
    assert law.batch_shape == ()  # the law itself is as it was


def test_a_subclass_may_fill_an_instance_of_its_own() -> None:
    """Torch's own way: the subclass makes the instance, and the law fills it."""

    class Filled(dd.Gamma):
        def expand(self, batch_shape, _instance=None):
            new = self._get_checked_instance(Filled, _instance)
            new.label = "new"
            return super().expand(batch_shape, _instance=new)

    wide = Filled(torch.tensor([1.0, 2.0])).expand((3, 2))
    assert wide.label == "new"
    torch.testing.assert_close(wide.mean, torch.tensor([1.0, 2.0]).expand(3, 2))


@pytest.mark.parametrize("shape", [(3,), (4, 1), (), (2, 3)])
def test_a_batch_of_four_does_not_become_another(shape: tuple[int, ...]) -> None:
    four = dd.HyperSphericalUniform(3).expand((4,))
    for law in (four, dd.Dirichlet(torch.ones(4, 3)), dd.GEM(torch.ones(4), 3)):
        with pytest.raises(ValueError, match=r"batch shape \(4,\) .* cannot be expanded"):
            law.expand(shape)
    assert four.expand((2, 4)).sample().shape == (2, 4, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_draws_are_an_empty_tensor(dtype: torch.dtype) -> None:
    one = torch.tensor(1.0, dtype=dtype)
    assert dd.GEM(one, 3).sample((0,)).shape == (0, 3)
    assert dd.GEM(one.expand(0), 3).sample((2,)).shape == (2, 0, 3)
    assert dd.Dirichlet(one.expand(0, 3)).log_prob(torch.ones(0, 3, dtype=dtype)).shape == (0,)


@pytest.mark.parametrize("law", [dd.PowerSpherical, dd.VonMisesFisher])
@pytest.mark.parametrize("loc", [[0.0, 0.0, 0.0], [1e-45, 0.0, 0.0], [1e30, 1e30, 0.0]])
def test_a_vector_without_direction_is_refused(law, loc: list[float]) -> None:
    with pytest.raises(ValueError, match="loc has a vector that gives no direction"):
        law(torch.tensor([[1.0, 0.0, 0.0], loc]), torch.tensor(1.0), validate_args=True)


def test_a_subclass_must_say_how_it_is_drawn() -> None:
    class Undrawn(Reparameterized):
        arg_constraints = {}

    class Unlogged(OnSimplex):
        arg_constraints = {}

    class Unturned(Spherical):
        arg_constraints = {}
        spread_name = "scale"

    sphere = Unturned(torch.ones(3), 1.0, validate_args=False)
    with pytest.raises(NotImplementedError):
        _ = sphere.mean
    for law in (Undrawn(), Unlogged(event_shape=torch.Size([3])), sphere):
        with pytest.raises(NotImplementedError):
            law.rsample()
        with pytest.raises(NotImplementedError):
            law.sample()


@pytest.mark.parametrize("law", [dd.Gamma, dd.LogGamma])
def test_a_scalar_in_float32_is_drawn_as_a_batch_of_one_is(law) -> None:
    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(0)

    scalar = law(torch.tensor(2.5), torch.tensor(3.0))
    one = law(torch.tensor([2.5]), torch.tensor([3.0]))
    assert scalar.sample(generator=seeded()) == one.sample(generator=seeded())[0]
    assert scalar.sample().shape == ()
    draws = scalar.sample((20_000,), seeded())
    error = 5 * float(scalar.variance) ** 0.5 / 20_000**0.5
    assert abs(float(draws.mean() - scalar.mean)) < error
