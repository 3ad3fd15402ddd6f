"""Decoders say what goes with them; one's own are as good as those that have a name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.sparse import csr_matrix
from torch import nn
from torch.distributions import Normal

from dirvae import load, save
from dirvae.data import sparse_rows
from dirvae.distributions import Dirichlet, DirichletMultinomial, MixedMultinomial, Multinomial
from dirvae.topics import (
    EmbeddedDecoder,
    MixtureDecoder,
    MixtureVAE,
    OverdispersedDecoder,
    ProductDecoder,
    TopicDecoder,
    TopicModel,
)
from dirvae.words import DECODERS, named
from tests.magnitudes import EXAMPLES, magnitudes

SMALL = {"hidden_sizes": (8,), "max_epochs": 2, "batch_size": 20, "random_state": 0}
COUNTS = np.random.default_rng(0).poisson(1.0, (60, 12)).astype(float)


def random(*shape):
    """As ours start, so that the encoder's weights are the same."""
    return nn.init.xavier_uniform_(torch.empty(shape))


class OwnMixture(TopicDecoder):
    """`MixtureDecoder`, written by a user; beta is left to the default."""

    step_size = 40.0

    def __init__(self, num_topics, num_words):
        super().__init__(num_topics, num_words)
        self.logits = nn.Parameter(random(num_topics, num_words))

    def forward(self, *context):
        return MixedMultinomial(context[0], self.logits.softmax(-1), validate_args=False)

    def start(self, log_topics, log_background):
        with torch.no_grad():
            self.logits.copy_(log_topics)


class OwnProduct(TopicDecoder):
    """`ProductDecoder`, likewise."""

    mixes = False

    def __init__(self, num_topics, num_words):
        super().__init__(num_topics, num_words)
        self.logits = nn.Parameter(random(num_topics, num_words))
        self.frequent = nn.Parameter(torch.zeros(num_words))

    def forward(self, *context):
        return Multinomial(context[0] @ self.logits + self.frequent, validate_args=False)

    def start(self, log_topics, log_background):
        with torch.no_grad():
            self.logits.copy_(log_topics - log_background)
            self.frequent.copy_(log_background)


class Certain(OwnMixture):
    """Infers one thing of all documents."""

    def infer(self, x, weights, alpha, words, num_steps):
        self.seen = num_steps
        return Dirichlet(torch.tensor([1.0, 3.0]).to(alpha).expand(len(x), 2))


def test_a_mixture_of_ones_own_is_one():
    own, ours = (
        TopicModel(3, decoder=D, **SMALL).fit(COUNTS) for D in (OwnMixture, MixtureDecoder)
    )
    assert isinstance(own.vae_, MixtureVAE)
    np.testing.assert_allclose(own.topic_word_, ours.topic_word_, rtol=1e-4)
    np.testing.assert_allclose(own.background_, ours.background_, rtol=1e-4)
    np.testing.assert_allclose(own.transform(COUNTS), ours.transform(COUNTS), rtol=1e-3)
    assert own.perplexity(COUNTS) == pytest.approx(ours.perplexity(COUNTS), rel=1e-4)
    assert own.top_words(3) == ours.top_words(3)
    mine, known = (model.posterior(COUNTS).std for model in (own, ours))
    np.testing.assert_allclose(mine, known, rtol=1e-3)


def test_a_product_of_ones_own_is_one():
    options = {"latent": Normal, "prior_concentration": None, **SMALL}
    own, ours = (
        TopicModel(3, decoder=D, **options).fit(COUNTS) for D in (OwnProduct, ProductDecoder)
    )
    assert not hasattr(own, "background_")
    np.testing.assert_allclose(own.topic_word_, ours.topic_word_, rtol=1e-3)
    np.testing.assert_allclose(own.transform(COUNTS), ours.transform(COUNTS), atol=1e-3)
    assert own.perplexity(COUNTS) == pytest.approx(ours.perplexity(COUNTS), rel=1e-4)


def test_a_decoder_may_infer_in_its_own_way():
    model = TopicModel(2, decoder=Certain, background=False, **SMALL).fit(COUNTS)
    np.testing.assert_allclose(model.transform(COUNTS), [[0.25, 0.75]] * 60)
    vae = model.vae_.eval()
    vae.embed(torch.from_numpy(COUNTS).float())
    assert vae.decoder.seen == 4  # 2 in training, where they are not cheap
    vae.train().infer(torch.from_numpy(COUNTS).float())
    assert vae.decoder.seen == 2


def test_a_decoder_that_takes_no_word_vectors_says_so():
    with pytest.raises(ValueError, match="OwnMixture takes no word vectors"):
        OwnMixture.of_vectors(2, torch.ones(4, 3))


@pytest.mark.parametrize("decoder", [OwnMixture, EmbeddedDecoder])
def test_topics_that_cannot_be_merged(decoder):
    model = TopicModel(3, decoder=decoder, **SMALL).fit(COUNTS)
    with pytest.raises(ValueError, match=f"topics of {decoder.__name__} cannot be merged"):
        model.merge([[0, 1]])


def test_a_model_with_a_decoder_of_ones_own_is_saved_as_a_vae(tmp_path):
    model, other = (TopicModel(2, decoder=OwnMixture, **SMALL).fit(COUNTS) for _ in range(2))
    with pytest.raises(ValueError, match="cannot be saved, for it is your own; save vae_ alone"):
        model.save(tmp_path / "model")
    save(model.vae_, tmp_path / "vae")
    with torch.no_grad():
        other.vae_.decoder.logits.zero_()
    load(tmp_path / "vae", into=other.vae_)
    np.testing.assert_array_equal(other.transform(COUNTS), model.transform(COUNTS))


def test_an_overdispersed_decoder_says_of_sparse_counts_what_it_says_of_dense_ones():
    decoder = OverdispersedDecoder(3, 12).double()
    theta = torch.rand(2, 60, 3, dtype=torch.float64).softmax(-1).requires_grad_()
    learned, found = [theta, *decoder.parameters()], []
    for x in (sparse_rows(csr_matrix(COUNTS), torch.float64), torch.from_numpy(COUNTS)):
        log_prob = decoder(theta).log_prob(x)
        slopes = torch.autograd.grad((log_prob * log_prob.detach()).sum(), learned)
        found.append([log_prob, *slopes])
    torch.testing.assert_close(*found)
    assert decoder(theta[0]).expand((4, 60)).log_prob(x.to_sparse_csr()).shape == (4, 60)


@pytest.mark.parametrize("decoder", [OwnMixture(2, 12), nn.Linear, 3, None])
def test_what_is_no_decoder_is_told(decoder):
    with pytest.raises(ValueError, match="must be MixtureDecoder or another subclass of Topic"):
        TopicModel(2, decoder=decoder, **SMALL).fit(COUNTS)


@pytest.mark.parametrize("word", DECODERS)
def test_each_word_of_the_command_line_has_its_decoder(word):
    assert issubclass(named(DECODERS, word), TopicDecoder)


@EXAMPLES
@given(precision=magnitudes(1e-3, 1e6, 1), total=magnitudes(1.0, 1e9, 1))
def test_shares_of_counts_vary_as_those_of_the_effective_number_of_words(precision, total):
    decoder, p = OverdispersedDecoder(2, 3).double(), torch.tensor([2.0, 5.0, 3.0]).double() / 10
    with torch.no_grad():
        decoder.log_precision.copy_(precision.log()[0])
    total = total.round()
    number = decoder.effective(total).detach()
    counts = DirichletMultinomial(precision * p, total[0])
    torch.testing.assert_close(counts.variance / total**2, p * (1 - p) / number, rtol=1e-12, atol=0)
    assert 1 - 1e-12 <= float(number) < 1 + float(precision)


def test_of_ten_thousand_reads_with_a_precision_of_50_there_are_50_7():
    decoder = OverdispersedDecoder(2, 3)
    with torch.no_grad():
        decoder.log_precision.fill_(50).log_()
    assert round(float(decoder.effective(torch.tensor(10_000.0)).detach()), 1) == 50.7
