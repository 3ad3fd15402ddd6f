"""What a VAE says of a row: nothing that depends on the rows beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import integrate, sparse, stats
from scipy.special import expit
from torch import nn

from dirvae.data.counts import sparse_rows
from dirvae.distributions import Dirichlet, InverseCDFDirichlet, SoftmaxNormal
from dirvae.models.semi_supervised import LabelledVAE
from dirvae.models.vae import VAE, require_batch
from dirvae.models.zoo import inverse_cdf_dirichlet, mlp_labelled_vae, mlp_vae, softmax_gaussian
from dirvae.nn import MLP, Fixed, Head
from dirvae.nn.counts import WordFeatures
from dirvae.objectives import elbo

SMALL = {"hidden_sizes": (8,), "decoder_hidden_sizes": (8,)}
SIMPLEX = Fixed(SoftmaxNormal, loc=torch.zeros(3), scale=torch.ones(3))


class Own(nn.Module):
    """An encoder of a user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> SoftmaxNormal:
        return SoftmaxNormal(self.net(x), torch.ones(3))


class Doubled(VAE):
    """A VAE that infers from twice the data."""

    def infer(self, x: torch.Tensor, *context: torch.Tensor) -> torch.distributions.Distribution:
        return super().infer(2 * x, *context)


def labelled(label_in_encoder: bool) -> LabelledVAE:
    sizes = {**SMALL, "classifier_hidden_sizes": (8,)}
    return mlp_labelled_vae(
        6, 2, SoftmaxNormal, SIMPLEX, label_in_encoder=label_in_encoder, **sizes
    )


MODELS = {
    "softmax_gaussian": lambda: softmax_gaussian(6, 3, **SMALL),
    "inverse_cdf_dirichlet": lambda: inverse_cdf_dirichlet(6, torch.ones(3), **SMALL),
    "own encoder": lambda: VAE(Own(), nn.Identity(), SIMPLEX),
    "own inference": lambda: Doubled(Head(MLP(6, (8,)), 3, SoftmaxNormal), nn.Identity(), SIMPLEX),
    "label": lambda: labelled(False),
    "label in encoder": lambda: labelled(True),
}


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(9, 6)


@pytest.mark.parametrize("name", MODELS)
def test_a_mean_by_draws_is_that_of_the_row_alone(name, x):
    vae, order = MODELS[name]().double(), torch.randperm(9)
    with torch.no_grad():
        mean = vae.embed(x.double())
        torch.testing.assert_close(vae.embed(x[order].double()), mean[order], rtol=1e-12, atol=0)
        alone = torch.cat([vae.embed(row.double()) for row in x.split(1)])
    torch.testing.assert_close(alone, mean, rtol=1e-12, atol=0)
    assert mean.std(0).min() > 1e-4  # rows do differ


def test_a_subclass_infers_its_own_way(x):
    vae = MODELS["own inference"]()
    plain = VAE(vae.encoder, vae.decoder, vae.prior)
    torch.testing.assert_close(vae.embed(x), plain.embed(2 * x))


def test_a_mean_by_draws_is_the_mean():
    """Of a logistic-normal with two parts, by quadrature; 256 draws err by .03 at most."""
    vae = VAE(Head(nn.Identity(), 2, SoftmaxNormal, project=False), nn.Identity(), SIMPLEX)
    loc, raw_scale = torch.tensor([1.5, 0.0]), torch.zeros(2)
    mean = vae.embed(torch.cat([loc, raw_scale]).expand(3, 4))
    law = vae.infer(torch.cat([loc, raw_scale])[None])
    apart = stats.norm(1.5, float(law.scale.norm()))
    exact = integrate.quad(lambda u: expit(u) * apart.pdf(u), -20, 20)[0]
    np.testing.assert_allclose(mean[:, 0], exact, atol=0.03)


def test_reconstructions_by_draws_are_those_of_the_row_alone(x):
    decoder = Head(MLP(3, (8,)), 6, InverseCDFDirichlet)  # a likelihood whose mean has no formula
    vae, order = VAE(Head(MLP(6, (8,)), 3, SoftmaxNormal), decoder, SIMPLEX), torch.randperm(9)
    torch.testing.assert_close(vae.reconstruct(x[order]), vae.reconstruct(x)[order])


def test_sparse_rows_are_taken_alone_too():
    vae = VAE(Head(WordFeatures(6, 8), 3, SoftmaxNormal), nn.Identity(), SIMPLEX)
    doubled = Doubled(vae.encoder, vae.decoder, vae.prior)
    counts = torch.eye(6)[:4]
    rows = sparse_rows(sparse.csr_matrix(counts.numpy()))
    torch.testing.assert_close(vae.embed(rows), vae.embed(counts))
    torch.testing.assert_close(doubled.embed(rows), doubled.embed(counts))


def test_no_rows_have_no_means():
    assert softmax_gaussian(6, 3, **SMALL).embed(torch.zeros(0, 6)).shape == (0, 3)


def test_a_flow_is_a_prior_on_the_simplex():
    """The example of docs/distributions.md; its density integrates to 1."""
    pytest.importorskip("zuko")
    page = (Path(__file__).parents[2] / "docs" / "distributions.md").read_text(encoding="utf-8")
    [source] = [block for block in page.split("```python\n")[1:] if "import zuko" in block]
    found: dict = {}
    torch.manual_seed(0)
    exec(source.split("```")[0], found)
    prior = found["FlowPrior"](3)()
    uniform = Dirichlet(torch.ones(3))
    z = uniform.sample((20_000,), torch.Generator().manual_seed(0))
    weight = (prior.log_prob(z) - uniform.log_prob(z)).exp().detach()
    assert abs(float(weight.mean()) - 1) < 5 * float(weight.std()) / 20_000**0.5
    elbo(found["vae"].terms(torch.ones(4, 64))).sum().backward()
    assert all(p.grad is not None for p in found["vae"].prior.parameters())


@pytest.mark.parametrize("name", ["softmax_gaussian", "label"])
def test_a_call_is_all_terms_of_the_rows(name, x):
    """Options are passed on, and what torch does around a module's call is done."""
    model, seen = MODELS[name](), []
    model.register_forward_hook(lambda module, given, terms: seen.append(terms))
    seeded = torch.Generator().manual_seed
    known = torch.eye(2).repeat(len(x), 1)[: len(x)] if name == "label" else None
    called = model(x, known, num_samples=3, generator=seeded(0))
    expected = model.terms(x, known, num_samples=3, generator=seeded(0))
    assert seen == [called]
    assert called.z.shape == (3, len(x), 3)
    for part in ("z", "log_likelihood", "kl"):
        assert torch.equal(getattr(called, part), getattr(expected, part))


def test_covariates_of_other_rows_are_refused() -> None:
    torch.manual_seed(0)
    vae = mlp_vae(4, SoftmaxNormal, SIMPLEX, num_covariates=2, **SMALL)
    with pytest.raises(ValueError, match="covariates has 2 rows, must have num_samples=3"):
        vae.sample(3, torch.zeros(2, 2))


class Numbers(nn.Module):
    """Gaussians of mean 0, one for each number, the last ``dims`` axes of them an event."""

    def __init__(self, dims: int, size: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.dims, self.size = dims, size

    def forward(self, *context: torch.Tensor) -> torch.distributions.Distribution:
        loc = torch.zeros(self.size) if self.size else torch.zeros_like(context[0])
        return torch.distributions.Independent(torch.distributions.Normal(loc, 1.0), self.dims)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("part", [None, "encoder", "decoder"])
def test_events_of_single_numbers_are_refused(part: str | None, known: bool) -> None:
    """As many rows as numbers a row, which would broadcast to a bound that is none."""
    x = torch.eye(4)
    encoder, decoder = (Numbers(0 if part == name else 1) for name in ("encoder", "decoder"))
    prior = Numbers(0 if part == "encoder" else 1, (4,))
    model: VAE | LabelledVAE = VAE(encoder, decoder, prior)
    if known:
        probs = Fixed(torch.distributions.OneHotCategorical, probs=torch.tensor([1.0, 1e-9]))
        classes = Head(nn.Linear(4, 3), 2, torch.distributions.OneHotCategorical)
        decoder.forward = lambda z, y: Numbers.forward(decoder, z)  # type: ignore[method-assign]
        model = LabelledVAE(model, classifier=classes, label_prior=probs)
    label = torch.tensor([[1.0, 0.0]]).expand(4, 2) if known else None
    if part is None:
        expected = stats.norm.logpdf(np.eye(4)).sum(1)
        found = elbo(model.terms(x, label, num_samples=2)).detach()
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        return
    shape = r"\(2, 4, 4\), must be \(2, 4\)" if part == "decoder" else r"\(4, 4\), must be \(4,\)"
    told = rf"{part} returned Independent of batch shape {shape}; if its events are single"
    with pytest.raises(ValueError, match=told):
        model.terms(x, label, num_samples=2)


def test_a_prior_of_another_number_of_rows_is_refused() -> None:
    """Each row has its own draw, also of a prior whose parameters have a row."""
    of_all, of_one = (VAE(Numbers(1), Numbers(1), Numbers(1, size)) for size in ((4,), (1, 4)))
    assert len(of_all.sample(5).unique(dim=0)) == 5
    with pytest.raises(ValueError, match=r"prior returned .* shape \(1,\), must be \(\) or \(5,\)"):
        of_one.sample(5)
    assert of_one.sample(1).shape == (1, 4)
    with pytest.raises(ValueError, match=r"of batch shape \(1,\), must be \(3,\)$"):
        require_batch(Numbers(1, (1, 4))(), "encoder", torch.Size([3]))
