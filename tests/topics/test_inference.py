"""Inference of topic models, where numbers are small and where counts vary more than words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse, stats
from torch.distributions import OneHotCategorical

from dirvae.assessment import diagnose
from dirvae.distributions import Dirichlet, SoftmaxNormal
from dirvae.distributions._sparse import as_sparse_rows
from dirvae.models.zoo import mlp_labelled_vae
from dirvae.nn import Fixed
from dirvae.objectives import elbo
from dirvae.topics.decoders import MixtureDecoder, OverdispersedDecoder, ProductDecoder
from dirvae.topics.inference import decoded_perplexity
from dirvae.topics.posterior import beta_of, evidence_of, marginals
from dirvae.topics.zoo import topic_prior, topic_vae


def test_gradients_are_finite_for_sparse_priors_and_short_documents() -> None:
    torch.manual_seed(0)
    prior = topic_prior(Dirichlet, 100, 0.01, learn=True)
    vae = topic_vae(MixtureDecoder(100, 2000), Dirichlet, prior)
    x = torch.zeros(6, 2000)
    for row, words in enumerate((1, 2, 5, 10, 20, 50)):
        x[row, torch.randperm(2000)[:words]] = 1.0
    elbo(vae.train().terms(x)).sum().backward()
    learned = [(name, p) for name, p in vae.named_parameters() if p.numel()]
    for name, parameter in learned:
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name


def test_the_softmax_over_words_is_taken_once_a_step(monkeypatch) -> None:
    torch.manual_seed(0)
    vae = topic_vae(MixtureDecoder(3, 8), Dirichlet, topic_prior(Dirichlet, 3, 0.5)).train()
    taken, softmax = [], torch.Tensor.softmax

    def noted(self, *arguments):
        taken.append(tuple(self.shape))
        return softmax(self, *arguments)

    monkeypatch.setattr(torch.Tensor, "softmax", noted)
    before = vae.decoder.topics
    for step in range(2):
        taken.clear()
        elbo(vae.terms(torch.eye(8))).sum().backward()
        assert taken.count((3, 8)) == 1, step
        with torch.no_grad():
            vae.decoder.weight[0, 0] += 1
    assert bool((vae.decoder.topics[0] != before[0]).any())


def test_models_with_inference_of_their_own_are_diagnosed() -> None:
    torch.manual_seed(0)
    prior = topic_prior(Dirichlet, 3, 0.5)
    topics = topic_vae(MixtureDecoder(3, 8), Dirichlet, prior)
    assert diagnose(topics, torch.eye(8)).decoding_cost.shape == (3,)
    labelled = mlp_labelled_vae(
        8, 2, Dirichlet, Fixed(Dirichlet, concentration=torch.ones(3)), label_in_encoder=True
    )
    labels = OneHotCategorical(torch.ones(2)).sample(torch.Size([8]))
    assert diagnose(labelled, torch.eye(8), labels).decoding_cost.shape == (3,)


def overdispersed(precision: float, num_words: int = 6) -> OverdispersedDecoder:
    """Two topics, far apart."""
    decoder = OverdispersedDecoder(2, num_words)
    topics = torch.tensor([[0.4, 0.3, 0.15, 0.1, 0.04, 0.01]])
    with torch.no_grad():
        decoder.log_precision.fill_(precision).log_()
        decoder.weight.copy_(torch.cat([topics, topics.flip(-1)]).log())
    return decoder


def test_overdispersed_counts_have_scipys_probability() -> None:
    decoder, theta = overdispersed(30.0).double(), torch.tensor([[0.3, 0.7]]).double()
    x = torch.tensor([[900.0, 30.0, 0.0, 60.0, 7.0, 3.0]]).double()
    a = (decoder.precision * (theta @ decoder.topics)).detach().numpy()[0]
    assert abs(a.sum() - 30) < 1e-4
    oracle = stats.dirichlet_multinomial(a, 1000).logpmf(x[0].numpy())
    law = decoder(theta)
    np.testing.assert_allclose(law.log_prob(x).detach(), [oracle], 1e-9)
    np.testing.assert_allclose(law.log_prob(as_sparse_rows(x)).detach(), [oracle], 1e-9)


def test_overdispersed_counts_of_a_vast_precision_are_words() -> None:
    decoder, theta = overdispersed(1e8).double(), torch.tensor([[0.3, 0.7]]).double()
    words = MixtureDecoder(2, 6).double()
    words.load_state_dict({k: v for k, v in decoder.state_dict().items() if "log_" not in k})
    x = torch.tensor([[9.0, 3.0, 0.0, 6.0, 7.0, 3.0]]).double()
    torch.testing.assert_close(
        decoder(theta).log_prob(x), words(theta).log_prob(x), rtol=1e-6, atol=0
    )
    prior = topic_prior(Dirichlet, 2, 0.5)
    vaes = [topic_vae(d, Dirichlet, prior).double().eval() for d in (decoder, words)]
    vaes[0].num_steps = vaes[1].num_steps = 50  # both at rest
    vaes[1].encoder.load_state_dict(vaes[0].encoder.state_dict())
    found, wanted = (vae.infer(x).concentration for vae in vaes)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=0)


def test_posterior_of_overdispersed_counts_is_near_the_exact_one() -> None:
    """Ten thousand reads, quadrature over theta: taken for words, they would seem to tell all."""
    torch.manual_seed(0)
    grid = (torch.arange(2000).double() + 0.5) / 2000
    theta = torch.stack([grid, 1 - grid], -1)
    rng = np.random.default_rng(0)
    prior = topic_prior(Dirichlet, 2, 1.0)
    errors, ratios = [], []
    for share in (0.2, 0.5, 0.7, 0.9):
        decoder = overdispersed(50.0).double()
        p = (torch.tensor([share, 1 - share]).double() @ decoder.topics).detach().numpy()
        x = torch.from_numpy(rng.multinomial(10_000, rng.dirichlet(50 * p))).double()
        log_prob = decoder(theta).log_prob(x.expand(2000, 6)).detach()
        weight = log_prob.softmax(0)
        mean = float(weight @ grid)
        std = float((weight @ (grid - mean) ** 2).sqrt())
        vae = topic_vae(decoder, Dirichlet, prior).double().eval()
        found, shapes, _ = marginals(evidence_of(vae, sparse.csr_matrix(x[None].numpy())), 2)
        errors.append(abs(found[0, 0] - mean) / std)
        ratios.append(float(beta_of(found, shapes).std()[0, 0]) / std)
    assert max(errors) < 0.5
    assert min(ratios) > 0.9
    assert max(ratios) < 1.15  # those of words are near .05


def test_what_a_count_tells_is_the_observed_information_about_log_p() -> None:
    decoder = overdispersed(30.0).double()
    theta, x = torch.tensor([[0.3, 0.7]]).double(), torch.tensor([[9.0, 0, 1, 400, 2, 3]]).double()
    told = decoder.information(as_sparse_rows(x), theta)
    log_p = (theta @ decoder.topics).detach().log().requires_grad_()
    a = 30 * log_p.exp()
    of_word = torch.lgamma(x + a) - torch.lgamma(a)
    (fresh,) = torch.autograd.grad(of_word.sum(), log_p, create_graph=True)
    (slope,) = torch.autograd.grad(fresh.sum(), log_p)
    torch.testing.assert_close(told.to_dense(), (fresh - slope).detach() * (x > 0))
    words = overdispersed(1e8).double().information(as_sparse_rows(x), theta)
    torch.testing.assert_close(words.to_dense(), x, rtol=1e-4, atol=0)


def test_every_part_of_an_overdispersed_model_has_a_gradient() -> None:
    torch.manual_seed(0)
    decoder = OverdispersedDecoder(5, 40)
    vae = topic_vae(decoder, Dirichlet, topic_prior(Dirichlet, 5, 0.1, learn=True)).train()
    x = torch.zeros(3, 40)
    x[0, 3], x[1, :9] = 1e6, 1.0  # and a row without counts
    elbo(vae.terms(x)).sum().backward()
    for name, parameter in vae.named_parameters():
        if parameter.numel():
            assert parameter.grad is not None, name
            assert bool(parameter.grad.isfinite().all()), name
    assert float(decoder.log_precision.grad) != 0.0


def test_what_is_learned_needs_a_dirichlet() -> None:
    with pytest.raises(ValueError, match="a prior that is learned needs a Dirichlet latent"):
        topic_prior(SoftmaxNormal, 3, learn=True)


def test_nothing_held_out_has_no_perplexity() -> None:
    with pytest.raises(ValueError, match="held_out has no tokens, must have one or more"):
        decoded_perplexity(ProductDecoder(2, 4), torch.ones(1, 2), sparse.csr_matrix((1, 4)))
