"""Bounds of a VAE with a class, against the sums they are written as."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, OneHotCategorical

from dirvae.data import ArrayDataset
from dirvae.distributions import Dirichlet
from dirvae.models.semi_supervised import (
    LabelledVAE,
    _thinned,
    adversarial_divergence,
)
from dirvae.models.vae import VAE
from dirvae.models.zoo import mlp_labelled_vae
from dirvae.nn import Fixed
from dirvae.objectives import elbo, labelled_elbo
from dirvae.training import Training, fit

D, C, K = 6, 3, 2


def model(label_in_encoder: bool, Latent=Dirichlet) -> LabelledVAE:
    torch.manual_seed(0)
    if Latent is Dirichlet:
        prior = Fixed(Dirichlet, concentration=torch.ones(K))
    else:
        prior = Fixed(Normal, loc=torch.zeros(K), scale=torch.ones(K))
    sizes = {"hidden_sizes": (8,), "decoder_hidden_sizes": (8,), "classifier_hidden_sizes": (8,)}
    return mlp_labelled_vae(D, C, Latent, prior, label_in_encoder=label_in_encoder, **sizes)


class Given(nn.Module):
    """Encoder and decoder of one class, for a VAE of that class alone."""

    def __init__(self, net: nn.Module, y: Tensor, told: bool = True) -> None:
        super().__init__()
        self.net, self.y, self.told = net, y, told

    def forward(self, x: Tensor) -> torch.distributions.Distribution:
        return self.net(x, self.y.expand(*x.shape[:-1], C)) if self.told else self.net(x)


def of_class(vae: LabelledVAE, c: int) -> VAE:
    y = torch.eye(C)[c]
    return VAE(Given(vae.encoder, y, vae.label_in_encoder), Given(vae.decoder, y), vae.prior)


@pytest.mark.parametrize("label_in_encoder", [False, True])
def test_terms_are_the_sums_over_classes(label_in_encoder: bool) -> None:
    vae = model(label_in_encoder).double()
    x = torch.rand(5, D, dtype=torch.float64).round()
    y = torch.zeros(5, C, dtype=torch.float64)
    y[0, 1] = y[3, 2] = 1
    samples = 20_000
    with torch.no_grad():
        terms = vae.terms(x, y, num_samples=samples)
        log_q = vae.log_labels(x)
        apart = [of_class(vae, c).terms(x, num_samples=samples) for c in range(C)]
    for row in range(5):
        known = y[row].sum() > 0
        share = y[row] if known else log_q[row].exp()
        kl = sum(share[c] * apart[c].kl[row] for c in range(C))
        kl = kl + (math.log(C) if known else (share * (log_q[row] + math.log(C))).sum())
        torch.testing.assert_close(terms.kl[row], kl)
        draws = sum(share[c] * apart[c].log_likelihood[:, row] for c in range(C))
        error = math.hypot(terms.log_likelihood[:, row].std(), draws.std()) / samples**0.5
        assert abs(terms.log_likelihood[:, row].mean() - draws.mean()) < 5 * error
        expected = (y[row] * log_q[row]).sum()
        torch.testing.assert_close(terms.log_label[row], expected)


@pytest.mark.parametrize("label_in_encoder", [False, True])
def test_bounds_are_below_the_evidence(label_in_encoder: bool) -> None:
    """log p(x) by quadrature over a one-dimensional simplex."""
    vae = model(label_in_encoder).double()
    x = torch.rand(4, D, dtype=torch.float64).round()
    first = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    z = torch.stack((first, 1 - first), -1)
    with torch.no_grad():
        joint = torch.stack(
            [
                torch.stack(
                    [vae.decoder(z, y.expand(len(z), C)).log_prob(row).logsumexp(0) for row in x]
                )
                for y in torch.eye(C, dtype=torch.float64)
            ],
            -1,
        )
        joint = joint - math.log(len(z)) - math.log(C)  # log p(x, y), shape (4, C)
        unknown = elbo(vae.terms(x, num_samples=4000))
        known = elbo(vae.terms(x, torch.eye(C)[[0, 1, 2, 0]], num_samples=4000))
    assert (unknown < joint.logsumexp(-1) + 0.02).all()
    assert (unknown > joint.logsumexp(-1) - 3).all()
    assert (known < joint[range(4), [0, 1, 2, 0]] + 0.02).all()


def test_gradient_is_that_of_the_sum() -> None:
    torch.manual_seed(0)
    vae = model(True, Normal).double()
    x = torch.rand(3, D, dtype=torch.float64).round()

    def gradient(bound: Tensor) -> Tensor:
        grads = torch.autograd.grad(bound.sum(), list(vae.parameters()))
        return torch.cat([g.flatten() for g in grads])

    def apart() -> Tensor:
        log_q, total = vae.log_labels(x), torch.zeros(3, dtype=torch.float64)
        for c in range(C):
            bound = elbo(of_class(vae, c).terms(x, num_samples=300))
            total = total + log_q[:, c].exp() * (bound - log_q[:, c] - math.log(C))
        return total

    found = torch.stack([gradient(elbo(vae.terms(x, num_samples=300))) for _ in range(50)])
    expected = torch.stack([gradient(apart()) for _ in range(50)])
    error = ((found.var(0) + expected.var(0)) / 50).sqrt()
    gap = (found.mean(0) - expected.mean(0)).abs()
    assert (gap <= 6 * error + 1e-9).all()


def test_of_known_classes_it_says_what_the_vae_within_says() -> None:
    labelled, y = model(True), torch.eye(C)[[0, 1, 2, 0]]
    x = torch.rand(4, D).round()
    assert not isinstance(labelled, VAE)
    with torch.no_grad():
        held = labelled.vae.terms(x, y)
        torch.testing.assert_close(labelled.terms(x, y).kl, held.kl + math.log(C))
        assert torch.equal(labelled.embed(x, y), labelled.vae.embed(x, y))
        assert torch.equal(labelled.reconstruct(x, y), labelled.vae.reconstruct(x, y))


def test_label_weight_counts_known_labels_only() -> None:
    vae = model(False)
    y = torch.zeros(4, C)
    y[1, 0] = 1
    with torch.no_grad():
        terms = vae.terms(torch.ones(4, D), y)
    difference = labelled_elbo(terms, label_weight=3.0) - labelled_elbo(terms, label_weight=0.0)
    torch.testing.assert_close(difference, 3 * terms.log_label)
    assert (terms.log_label[[0, 2, 3]] == 0).all()
    assert float(terms.log_label[1]) < 0


@pytest.mark.parametrize("label_in_encoder", [False, True])
def test_embedding_reconstruction_and_samples(label_in_encoder: bool) -> None:
    vae = model(label_in_encoder)
    x = torch.ones(4, D)
    assert vae.embed(x).shape == (4, K)
    assert vae.reconstruct(x).shape == (4, D)
    told = torch.zeros(4, C)
    told[0, 2] = 1  # the others are completed by the classifier
    embedded = vae.embed(x, told)
    torch.testing.assert_close(embedded[1:], vae.embed(x)[1:])
    torch.testing.assert_close(embedded[:1], vae.embed(x[:1], torch.eye(C)[2:]))
    drawn = vae.sample(4, torch.eye(C)[[0, 0, 1, 2]], generator=torch.Generator().manual_seed(0))
    again = vae.sample(4, torch.eye(C)[[0, 0, 1, 2]], generator=torch.Generator().manual_seed(0))
    assert drawn.shape == (4, D)
    assert torch.equal(drawn, again)
    assert vae.sample(5).shape == (5, D)


class Unpathed(Dirichlet):
    has_rsample = False


def test_what_does_not_go_with_classes_is_refused() -> None:
    vae = model(False)
    x = torch.ones(2, D)
    with pytest.raises(ValueError, match="no mask and no importance"):
        vae.terms(x, mask=torch.ones(2, D, dtype=torch.bool))
    with pytest.raises(ValueError, match="must have num_samples=3"):
        vae.sample(3, torch.eye(C)[:2])
    vae.encoder.Law = Bernoulli  # no path
    with pytest.raises((ValueError, TypeError)):
        vae.terms(x)
    vae.encoder.Law = Unpathed
    with pytest.raises(ValueError, match="the latent Unpathed has no path, which is needed here"):
        vae.terms(x)


def test_classifier_and_prior_are_laws_of_classes() -> None:
    vae = model(False)
    assert isinstance(vae.classifier(torch.ones(2, D)), OneHotCategorical)
    torch.testing.assert_close(vae.label_prior().probs, torch.full((C,), 1 / C))


def test_classes_left_out_leave_weights_and_their_gradients_unbiased() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([[4.0, 1.0, 0.0, -9.0], [0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    share = logits.softmax(-1).requires_grad_()
    value = torch.tensor([1.0, -3.0, 7.0, 90.0], dtype=torch.float64)
    weights, kept = _thinned(share.expand(5000, 2, 4), None)
    assert (weights.sum(-1) - 1).abs().max() < 1e-12
    assert (weights[~kept] == 0).all()
    assert kept[:, 0].double().mean(0)[3] < 0.01
    assert kept[:, 1].all()
    chance = (share.detach() / 0.1).clamp(max=1).scatter(1, share.argmax(-1, True), 1.0)
    spread = share.detach() * ((1 - chance) / chance / 5000).sqrt()
    error = spread.scatter(1, share.argmax(-1, True), spread.sum(-1, keepdim=True))
    assert ((weights.mean(0) - share).abs() <= 5 * error + 1e-12).all()
    # A change of the shares, which sum to 1, changes the mean by as much as it does the exact sum.
    (gradient,) = torch.autograd.grad((weights.mean(0) @ value).sum(), share)
    centred = gradient - gradient[:, :1]
    expected = value - value[0]
    error = expected.abs() * ((1 - chance[0]) / chance[0] / 5000).sqrt()
    assert ((centred[0] - expected).abs() <= 5 * error + 1e-9).all()


def test_adversarial_change_is_the_worst_of_a_linear_classifier() -> None:
    """Of a logistic regression the worst change is along the difference of the two columns."""
    torch.manual_seed(0)
    weight = torch.randn(2, D, dtype=torch.float64)
    x, half_axes = torch.randn(50, D, dtype=torch.float64), torch.rand(D).double() + 0.1

    def log_labels(x: Tensor) -> Tensor:
        return torch.log_softmax(x @ weight.T, -1)

    def divergence(change: Tensor) -> Tensor:
        log_q = log_labels(x)
        return (log_q.exp() * (log_q - log_labels(x + 0.01 * half_axes * change))).sum(-1)

    found = adversarial_divergence(log_labels, x, 0.01 * half_axes)
    worst = nn.functional.normalize(half_axes * (weight[0] - weight[1]), dim=0)
    sides = torch.stack((divergence(worst), divergence(-worst)))
    error = torch.minimum(*(found - sides).abs())
    assert (error <= 1e-6 * found).all()
    other = nn.functional.normalize(torch.randn(50, D, dtype=torch.float64), dim=1)
    assert (divergence(other) <= sides.amax(0)).all()


def test_gradient_of_the_adversarial_divergence_leaves_inputs_and_targets_alone() -> None:
    vae = model(False)
    x = torch.rand(4, D)
    adversarial_divergence(vae.log_labels, x, torch.tensor(0.5)).sum().backward()
    assert x.grad is None
    reached = {name for name, p in vae.named_parameters() if p.grad is not None}
    assert reached == {f"classifier.{name}" for name, _ in vae.classifier.named_parameters()}
    first, second = (
        adversarial_divergence(
            vae.log_labels, x, torch.tensor(0.5), torch.Generator().manual_seed(0)
        )
        for _ in range(2)
    )
    assert torch.equal(first, second)
    assert (first > 0).all()


@pytest.mark.parametrize("gap", [40.0, 50.0, 60.0, 80.0])
def test_no_step_is_longer_than_its_radius(gap: float) -> None:
    torch.manual_seed(0)
    weight, bias = torch.randn(5, 2), torch.tensor([gap, 0.0])
    seen = []

    def log_labels(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return (0.1 * x @ weight + bias).log_softmax(-1)

    x = torch.randn(20, 5)
    divergence = adversarial_divergence(log_labels, x, torch.tensor(0.1))
    assert float((seen[-1] - x).norm(dim=-1).max()) < 0.1001
    assert bool((divergence < 1e-3).all())


def test_labels_of_a_batch_reach_the_model() -> None:
    """Trained on the bound alone, without q(y|x): a known class asks for no classifier."""
    x, label = torch.rand(6, D).round(), torch.eye(C)[[0, 1, 2, 0, 1, 2]]
    for given, moved in ((label, False), (None, True)):
        vae = model(False)
        before = torch.nn.utils.parameters_to_vector(vae.classifier.parameters()).detach()
        fit(Training(vae), ArrayDataset(x, label=given), max_epochs=1, seed=0, verbose=False)
        after = torch.nn.utils.parameters_to_vector(vae.classifier.parameters()).detach()
        assert torch.equal(after, before) is not moved
