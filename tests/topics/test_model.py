"""TopicModel: scikit-learn's contract, planted topics, one document alone, bad input."""

from __future__ import annotations

import copy
import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from scipy import sparse
from scipy.special import log_softmax
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch.distributions import Normal

from dirvae import CompositionModel, TopicModel, load
from dirvae.distributions import (
    Dirichlet,
    InverseCDFDirichlet,
    SoftmaxNormal,
    StickBreakingKumaraswamy,
)
from dirvae.evaluation import (
    match_topics,
    split_tokens,
    top_word_ids,
    top_words_by_documents,
)
from dirvae.topics import compare_sizes
from dirvae.topics.decoders import (
    EmbeddedDecoder,
    MixtureDecoder,
    OverdispersedDecoder,
    ProductDecoder,
)
from tests.magnitudes import EXAMPLES, magnitudes, reals

SMALL = {"hidden_sizes": (8,), "max_epochs": 2, "batch_size": 50, "random_state": 0}
TEXTS = ["the cat sat by the dog", "a dog and a cat", "moon and stars", "the moon, a star"] * 5


# Its data are whatever numbers: whole ones for a Gaussian, fractions for counts.
@pytest.mark.filterwarnings("ignore:X has (whole numbers|fractions|rows that sum):UserWarning")
@parametrize_with_checks([TopicModel(2, max_epochs=1, hidden_sizes=(4,))])
def test_scikit_learn_estimator_contract(estimator, check):
    check(estimator)


def planted(num_topics=5, num_words=200, num_documents=600, seed=0):
    rng = np.random.default_rng(seed)
    beta = rng.dirichlet(np.full(num_words, 0.05), num_topics)
    theta = rng.dirichlet(np.full(num_topics, 0.1), num_documents)
    return rng.multinomial(80, theta @ beta).astype(float), theta, beta


@pytest.fixture(scope="module")
def data():
    return planted()


@pytest.fixture(scope="module")
def fitted(data):
    return TopicModel(5, hidden_sizes=(32,), max_epochs=40, random_state=0).fit(data[0])


def test_planted_topics_are_found(data, fitted):
    _, theta, beta = data
    matched = match_topics(beta, fitted.topic_word_)
    assert matched.similarity.mean() > 0.95
    found = fitted.transform(data[0])[:, matched.order]
    assert np.abs(found - theta).mean() < 0.03


def test_intervals_hold_the_planted_proportions(data, fitted):
    counts, theta, beta = data
    order = match_topics(beta, fitted.topic_word_).order
    posterior = fitted.posterior(counts, level=0.9)
    held = (posterior.lower[:, order] <= theta) & (theta <= posterior.upper[:, order])
    large = theta > 0.05
    assert 0.7 < held[large].mean() <= 1
    np.testing.assert_allclose(posterior.mean, fitted.transform(counts), atol=1e-12)
    np.testing.assert_allclose(posterior.dominates.sum(1), 1)


def test_noise_is_off_topic(fitted, data):
    noise = np.random.default_rng(1).multinomial(80, fitted.word_frequency_, 50).astype(float)
    on, off = (fitted.posterior(x).off_topic for x in (data[0][:50], noise))
    assert on.mean() < off.mean()
    assert np.isnan(fitted.posterior(np.zeros((1, 200))).off_topic).all()


@pytest.mark.learning
@pytest.mark.parametrize("background", [True, False])
def test_documents_of_other_topics_are_off_topic(background):
    """They have the corpus's background too, so that only their topics tell them."""
    rng = np.random.default_rng(0)
    common, (own, other) = rng.dirichlet(np.full(200, 0.3)), rng.dirichlet([0.05] * 200, (2, 5))
    words = [
        (0.7 * rng.dirichlet(np.full(5, 0.1), size) @ topics + 0.3 * common)
        for topics, size in ((own, 400), (other, 100))
    ]
    corpus, others = (rng.multinomial(80, p).astype(float) for p in words)
    options = {"background": background, "hidden_sizes": (16,), "batch_size": 50}
    model = TopicModel(5, max_epochs=15, random_state=0, **options).fit(corpus)
    on, off = (model.posterior(x).off_topic for x in (corpus, others))
    assert (off[:, None] > on).mean() > 0.9
    assert np.quantile(on, 0.9) < np.median(off) - 0.2


@pytest.mark.parametrize(
    ("value", "topics"), [(None, [2 / 3] * 3), (0.2, [0.2] * 3), ("learn", [0.1] * 3)]
)
def test_the_background_starts_at_a_fifth_of_all_topics(data, value, topics):
    model = TopicModel(3, prior_concentration=value, **{**SMALL, "learning_rate": 1e-9})
    alpha = model.fit(data[0]).vae_.prior().concentration.detach()
    np.testing.assert_allclose(alpha, [*topics, 0.2 * sum(topics)], rtol=1e-5)


def test_theta_of_one_document_is_that_in_any_batch(data, fitted, tmp_path):
    counts = data[0][:40]
    together = fitted.transform(counts)
    alone = np.concatenate([fitted.transform(counts[[i]]) for i in range(40)])
    np.testing.assert_allclose(alone, together, atol=1e-12)
    np.testing.assert_allclose(fitted.transform(sparse.csr_matrix(counts)), together, atol=1e-12)
    fitted.save(tmp_path / "model")
    again = TopicModel.load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(counts), together)
    assert again.top_words(5) == fitted.top_words(5)


@pytest.mark.parametrize("latent", [SoftmaxNormal, InverseCDFDirichlet])
@pytest.mark.parametrize("decoder", [MixtureDecoder, ProductDecoder])
def test_theta_taken_by_draws_is_that_in_any_batch_and_order(data, latent, decoder):
    counts, order = data[0][:40], np.random.default_rng(0).permutation(40)
    model = TopicModel(3, latent=latent, decoder=decoder, **{**SMALL, "max_epochs": 1}).fit(counts)
    theta = model.transform(counts)
    np.testing.assert_allclose(model.transform(counts[order]), theta[order], rtol=1e-9)
    np.testing.assert_allclose(model.transform(counts[7:8]), theta[7:8], rtol=1e-9)


def test_same_seed_same_topics(data):
    first, second, other = (
        TopicModel(5, **{**SMALL, "random_state": seed}).fit(data[0]).topic_word_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 1e-3


def _among_topics(concentration, num_topics):
    alpha = concentration.detach().double().numpy()[:num_topics]
    return alpha / alpha.sum()


def test_documents_without_words_have_the_prior(fitted):
    prior = _among_topics(fitted.vae_.prior().concentration, 5)
    np.testing.assert_allclose(fitted.transform(np.zeros((2, 200))), np.stack([prior] * 2), 1e-5)


@pytest.mark.parametrize(
    "decoder", [MixtureDecoder, OverdispersedDecoder, ProductDecoder, EmbeddedDecoder]
)
@pytest.mark.parametrize(
    "latent", [Dirichlet, InverseCDFDirichlet, SoftmaxNormal, StickBreakingKumaraswamy]
)
def test_any_decoder_with_any_latent(data, decoder, latent, tmp_path):
    prior = "learn" if latent in (Dirichlet, InverseCDFDirichlet) else None
    model = TopicModel(3, decoder=decoder, latent=latent, prior_concentration=prior, **SMALL)
    theta = model.fit(data[0]).transform(data[0][:5])
    np.testing.assert_allclose(theta.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(model.topic_word_.sum(1), 1)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").transform(data[0][:5]), theta)


def test_texts_to_topics_and_back_from_disk(tmp_path):
    model = TopicModel(2, max_epochs=20, random_state=0).fit(TEXTS)
    assert sorted(sorted(w) for w in model.top_words(2)) == [["cat", "dog"], ["moon", "stars"]] or (
        {"cat", "dog"} in [set(w) for w in model.top_words(2)]
    )
    theta = model.transform(["cat dog", "moon"])
    assert theta[0].argmax() != theta[1].argmax()
    model.save(tmp_path / "model")
    again = TopicModel.load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(["cat dog", "moon"]), theta)
    assert again.top_words(2) == model.top_words(2)


def test_top_words_take_the_weight_of_frequency(fitted) -> None:
    documents = fitted.word_documents_[: fitted.n_components].astype(float)
    for weight in (0.0, 1.0):
        wanted = top_words_by_documents(documents, 5, frequency_weight=weight)
        np.testing.assert_array_equal(fitted.top_word_ids(5, frequency_weight=weight), wanted)
        frex = top_word_ids(fitted.topic_word_, 5, by="frex", frequency_weight=weight)
        assert fitted.top_words(5, by="frex", frequency_weight=weight) == frex.tolist()
    with pytest.raises(ValueError, match="frequency_weight is 2, must be from 0 to 1"):
        fitted.top_words(5, frequency_weight=2)


def test_a_vectorizer_of_ones_own():
    with pytest.warns(UserWarning, match="X has fractions, such as"):
        model = TopicModel(2, vectorizer=TfidfVectorizer(), **SMALL).fit(TEXTS)
    assert "the" in model.vocabulary_
    with pytest.raises(ValueError, match="TfidfVectorizer, which cannot be saved"):
        model.save("nowhere")
    assert (
        TopicModel(2, vectorizer=CountVectorizer(min_df=6), **SMALL).fit(TEXTS).n_features_in_ < 8
    )


@pytest.mark.learning
def test_guided_topics_come_first(data):
    words = [f"w{i}" for i in range(200)]
    seeds = [words[i] for i in np.argsort(-data[2][3])[:4]]
    model = TopicModel(5, guide={"mine": seeds}, **{**SMALL, "max_epochs": 20})
    model.fit(data[0], vocabulary=words)
    assert match_topics(data[2], model.topic_word_).order[3] == 0
    with pytest.raises(ValueError, match=r"guide\['x'\] has no word of the vocabulary"):
        TopicModel(5, guide={"x": ["absent"]}, **SMALL).fit(data[0], vocabulary=words)


def test_word_vectors_of_ones_own(data):
    vectors = np.linalg.svd(data[0], full_matrices=False)[2][:20].T
    small = {"decoder": EmbeddedDecoder, **SMALL}
    model = TopicModel(5, word_vectors=vectors, **{**small, "max_epochs": 20}).fit(data[0])
    assert isinstance(model.vae_.decoder, EmbeddedDecoder)
    np.testing.assert_allclose(model.vae_.decoder.word_vectors.detach(), vectors, atol=1e-6)
    assert match_topics(data[2], model.topic_word_).similarity.mean() > 0.8
    with pytest.raises(ValueError, match="word_vectors has shape"):
        TopicModel(5, word_vectors=vectors[:3], **small).fit(data[0])
    words = [f"w{i}" for i in range(len(vectors))]
    some = TopicModel(5, word_vectors={"w7": vectors[7]}, **small).fit(data[0], vocabulary=words)
    given = some.vae_.decoder.word_vectors.detach()
    np.testing.assert_allclose(given[7], vectors[7], atol=1e-6)
    assert not given[:7].any()
    for none in ({}, {"absent": vectors[0]}):
        with pytest.raises(ValueError, match="word_vectors has no word of the vocabulary"):
            TopicModel(5, word_vectors=none, **small).fit(data[0], vocabulary=words)


@pytest.mark.parametrize("size", [2, 9])
def test_a_parameter_set_after_fit_is_for_the_next_fit(data, fitted, size, tmp_path):
    changed = copy.deepcopy(fitted).set_params(n_components=size)
    changed.save(tmp_path / "model")
    for model in (changed, TopicModel.load(tmp_path / "model")):
        np.testing.assert_array_equal(model.topic_word_, fitted.topic_word_)
        np.testing.assert_array_equal(model.transform(data[0]), fitted.transform(data[0]))
        assert model.reduce(4).topic_word_.shape[0] == 4
    assert changed.fit(data[0]).topic_word_.shape[0] == size


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"latent": Normal}, "latent is Normal, must be a distribution on the simplex"),
        ({"n_components": 0}, "n_components is 0, must be an integer of 1 or more"),
    ],
)
def test_what_cannot_be_loaded_is_not_saved(data, fitted, changed, message, tmp_path):
    fitted.save(tmp_path / "model")
    changed = copy.deepcopy(fitted).set_params(**changed)
    with pytest.raises(ValueError, match=message):
        changed.save(tmp_path / "model")
    before = TopicModel.load(tmp_path / "model")
    np.testing.assert_array_equal(before.transform(data[0]), fitted.transform(data[0]))


def test_passes_one_at_a_time(data):
    model = TopicModel(5, **{**SMALL, "hidden_sizes": (32,)})
    for _ in range(8):
        model.partial_fit(data[0])
    assert model.n_iter_ == 8
    assert model.history_[-1]["elbo"] > model.history_[0]["elbo"]
    assert match_topics(data[2], model.topic_word_).similarity.mean() > 0.9


def test_perplexity_is_between_the_truth_and_chance(data, fitted):
    assert 20 < fitted.perplexity(data[0]) < 80


@pytest.mark.parametrize("latent", [Dirichlet, Normal])
def test_perplexity_of_a_product_is_by_its_own_law(data, latent):
    options = {"decoder": ProductDecoder, "latent": latent, "prior_concentration": None}
    model = TopicModel(5, **options, **{**SMALL, "max_epochs": 10}).fit(data[0])
    encoded, scored = split_tokens(data[0], seed=3)
    weight, bias = (
        model.vae_.decoder.state_dict()[name].double().numpy() for name in ("weight", "bias")
    )
    log_words = log_softmax(model.transform(encoded) @ weight + bias, axis=1)
    expected = np.exp(-(scored.toarray() * log_words).sum() / scored.sum())
    assert model.perplexity(data[0], seed=3) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("X", "sentence"),
    [
        (["", " "], "X has empty strings only, must have texts with words"),
        ([[1, 2], [2, 3], [1]], "X has 2 numbers in row 0 and 1 in row 2, must have a count of"),
        ([[], [1, 2]], "X has 0 numbers in row 0 and 2 in row 1, must have a count of each word"),
        ([1, 2, 3], "X has one number in row 0, must have a count of each word in every row"),
        ([[1, 2], 3], "X has one number in row 1, must have a count of each word in every row"),
        (["some words here"], "X has one document"),
        (["the and of", "or the"], "X has no words to count"),
        (["a text", None], "X has a NoneType in row 1, must be strings only"),
        (["a text", 3.5], "X has a float in row 1"),
        (np.array([[1.0, -1.0], [0.0, 1.0]]), "Negative values in data passed to X"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), "contains NaN"),
        (np.array([[1.0], [2.0]]), "X has one word"),
        (np.zeros((3, 4)), "X has no words: every count is 0"),
        (np.eye(2), "n_components is 3, must be at most the number of documents, 2"),
    ],
)
def test_bad_documents_are_told_in_one_sentence(X, sentence):
    with pytest.raises(ValueError, match=sentence):
        TopicModel(3, **SMALL).fit(X)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n_components": 0}, "n_components is 0, must be an integer of 1 or more"),
        ({"decoder": "lda"}, "decoder is 'lda', must be a class or one of mixture, "),
        ({"background": "no"}, "background is 'no', must be True or False"),
        ({"prior_concentration": "yes"}, "must be a positive number, 'learn' or None"),
        ({"prior_concentration": np.ones(3)}, "prior_concentration is"),
        ({"guide": ["a"]}, "guide is .*, must be a mapping from names of topics to lists of words"),
        ({"guide": {"x": "abc"}}, "must be a mapping from names of topics to lists of words"),
        (
            {"word_vectors": {"a": [1.0]}, "decoder": EmbeddedDecoder},
            "^word_vectors .* fit .*a vocabulary$",
        ),
        ({"word_vectors": np.eye(2)}, "word_vectors is given with decoder=MixtureDecoder"),
        ({"guide": {str(i): ["a"] for i in range(9)}}, "guide has 9 topics"),
        ({"guide": {"a": ["b"]}}, "guide names words"),
    ],
)
def test_bad_arguments_are_told_in_one_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        TopicModel(**{"n_components": 2, **SMALL, **options}).fit(np.eye(8))


def test_topics_are_not_made_more(fitted):
    with pytest.raises(ValueError, match="n_components is 6, must be at most 5"):
        fitted.reduce(6)


def test_documents_without_words_have_no_perplexity(fitted):
    for score in (fitted.perplexity, fitted.evaluate):
        with pytest.raises(ValueError, match="X has none of the model's words, must have some to"):
            score(np.zeros((3, 200)))


def test_sizes_to_compare_are_some():
    with pytest.raises(ValueError, match="sizes is empty, must be one number of topics or more"):
        compare_sizes(TopicModel(2), np.eye(8), ())


@pytest.mark.parametrize(
    ("sizes", "said"),
    [(3, "is 3, must be a sequence of integers"), ((2.7, 3), "is 2.7, must be an integer of 1")],
)
def test_sizes_to_compare_are_whole_numbers(sizes, said):
    with pytest.raises(ValueError, match=f"sizes {said}"):
        compare_sizes(TopicModel(2, max_epochs=1, hidden_sizes=(4,)), np.eye(8), sizes)


def test_texts_for_a_model_of_counts(fitted):
    with pytest.raises(ValueError, match="the model was fitted on counts"):
        fitted.transform(["a text"])
    with pytest.raises(ValueError, match="level is 2, must be in"):
        fitted.posterior(np.eye(200), level=2)
    with pytest.raises(NotFittedError):
        TopicModel(2).transform(np.eye(2))


def test_posterior_of_another_latent(data):
    model = TopicModel(3, latent=SoftmaxNormal, prior_concentration=None, **SMALL).fit(data[0])
    with pytest.raises(ValueError, match="topics can be merged in a mixture with a Dirichlet lat"):
        model.reduce(2)
    ages = np.arange(len(data[0]))
    with pytest.raises(ValueError, match="covariates need a Dirichlet latent and a mixture of to"):
        model.fit(data[0], covariates=ages)
    with pytest.raises(ValueError, match="posterior takes a topic model with a Dirichlet latent"):
        model.posterior(data[0])


def test_counts_of_the_caller_stay_as_they_are(fitted):
    data, columns = np.array([1.0, 0.0, 2.0, 3.0]), np.array([7, 3, 7, 9])
    given = sparse.csr_matrix((data, columns, [0, 3, 4]), shape=(2, 200))
    theta = fitted.transform(given)
    assert given.data.tolist() == [1, 0, 2, 3]
    assert given.indices.tolist() == [7, 3, 7, 9]
    assert given.indptr.tolist() == [0, 3, 4]
    np.testing.assert_allclose(theta, fitted.transform(given.toarray()), atol=1e-12)


@pytest.mark.parametrize(
    "vectorizer",
    [
        CountVectorizer(min_df=6, max_features=np.int64(3), decode_error="ignore"),
        CountVectorizer(vocabulary=["dog", "cat"]),
        CountVectorizer().fit(["words that are not used"]),
    ],
)
def test_a_vectorizer_given_is_saved_by_its_settings(vectorizer, tmp_path):
    model = TopicModel(2, vectorizer=vectorizer, **SMALL).fit(TEXTS)
    model.save(tmp_path / "model")
    again = TopicModel.load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(TEXTS), model.transform(TEXTS))
    for name in ("min_df", "max_features", "decode_error"):
        assert getattr(again.vectorizer, name) == getattr(vectorizer, name)
        assert getattr(again.vectorizer_, name) == getattr(vectorizer, name)
    assert again.fit(TEXTS).vocabulary_.tolist() == model.vocabulary_.tolist()


@pytest.mark.parametrize("decoder", [MixtureDecoder, EmbeddedDecoder])
def test_a_mixture_needs_a_latent_on_the_simplex(decoder):
    model = TopicModel(2, decoder=decoder, latent=Normal, prior_concentration=None, **SMALL)
    with pytest.raises(ValueError, match="latent is Normal, must be a distribution on the simplex"):
        model.fit(np.eye(8))


def test_a_product_takes_any_latent_but_no_word_vectors(data):
    options = {"decoder": ProductDecoder, "latent": Normal, "prior_concentration": None, **SMALL}
    assert np.isfinite(TopicModel(2, **options).fit(data[0]).topic_word_).all()
    with pytest.raises(ValueError, match="word_vectors is given with decoder=ProductDecoder"):
        TopicModel(2, word_vectors=np.eye(8), **options).fit(np.eye(8))


def test_a_gaussian_latent_is_no_share_of_anything(data):
    options = {"decoder": ProductDecoder, "latent": Normal, "prior_concentration": None, **SMALL}
    model = TopicModel(2, **options).fit(data[0], (data[0][:, :100].sum(1) > 40).astype(int))
    with torch.no_grad():
        mean = model.vae_.embed(torch.from_numpy(data[0]).float()).numpy()
    np.testing.assert_allclose(model.transform(data[0]), mean, atol=1e-4)
    np.testing.assert_allclose(model.topic_prevalence_, mean.mean(0), atol=1e-4)
    assert model.predict_proba(data[0]).shape == (600, 2)


def test_empty_texts_have_the_prior():
    model = TopicModel(2, **SMALL).fit(TEXTS)
    prior = _among_topics(model.vae_.prior().concentration, 2)
    np.testing.assert_allclose(model.transform(["", " "]), np.stack([prior] * 2), 1e-5)


def test_documents_of_all_passes_count(data, tmp_path):
    first, second = data[0][:400], data[0][400:]
    model = TopicModel(5, **SMALL).partial_fit(first)
    theta = model.transform(first).sum(0)
    model.save(tmp_path / "model")
    again = TopicModel.load(tmp_path / "model")
    for passes in (model, again):
        passes.partial_fit(second)
        both = (theta + passes.transform(second).sum(0)) / 600
        np.testing.assert_allclose(passes.topic_prevalence_, both, rtol=1e-6)
        frequency = (data[0] > 0).sum(0)  # documents that have the word
        np.testing.assert_allclose(passes.word_documents_.sum(0), frequency, rtol=1e-4)
    model.fit(first)
    np.testing.assert_allclose(model.topic_prevalence_, model.transform(first).mean(0))


def test_words_of_all_passes_count(data, tmp_path):
    """The share of a word, and what is off topic by it, are as after a fit to all documents."""
    first, second = data[0][:400].copy(), data[0][400:]
    first[:, 0] = 0  # a word that comes later
    model = TopicModel(5, **SMALL).partial_fit(first)
    model.save(tmp_path / "model")
    for passes in (model, TopicModel.load(tmp_path / "model")):
        for part in (second[:50], second[50:]):
            passes.partial_fit(part)
        totals = np.concatenate([first, second]).sum(0) + 0.5
        np.testing.assert_allclose(passes.word_frequency_, totals / totals.sum(), rtol=1e-5)
    whole = TopicModel(5, **SMALL).fit(np.concatenate([first, second]))
    np.testing.assert_allclose(model.word_frequency_, whole.word_frequency_, rtol=1e-5)


def test_a_pass_over_other_words_is_refused(data):
    """They would count as the model's words, which are in the same columns."""
    words = [f"w{column}" for column in range(data[0].shape[1])]
    for model in (TopicModel(5, **SMALL), CompositionModel(5, max_epochs=1)):
        name = "features" if isinstance(model, CompositionModel) else "vocabulary"
        model.partial_fit(data[0], **{name: words})
        top = model.top_words(5)
        for others in (words[::-1], words[:-1], [*words[:-1], "other"]):
            with pytest.raises(ValueError, match=f"^{name} has .*, "):
                model.partial_fit(data[0], **{name: others})
        assert (model.top_words(5), model.n_iter_) == (top, 1)
        assert model.partial_fit(data[0], **{name: words}).n_iter_ == 2
    unnamed = TopicModel(5, **SMALL).partial_fit(data[0])
    with pytest.raises(ValueError, match="vocabulary has other words than the fitted model"):
        unnamed.partial_fit(data[0], vocabulary=words)


def test_topics_leave_batch_statistics_alone():
    decoder = ProductDecoder(2, 8, batch_norm=True)
    decoder(torch.randn(16, 2))
    before = [value.clone() for value in decoder.norm.buffers()]
    topics = decoder.topics
    assert decoder.training
    assert decoder.norm.training
    for old, new in zip(before, decoder.norm.buffers(), strict=True):
        assert torch.equal(old, new)
    torch.testing.assert_close(topics, decoder.eval().topics)


class OfKnownLoss(TopicModel):
    """Its losses are told one after another, split by split."""

    told = iter(())

    def fit(self, X, y=None, **_):
        return self

    def _held_out_nats(self, X):
        return float(next(OfKnownLoss.told))

    def _nats_of_mean(self, X):
        return math.nan


@EXAMPLES
@given(nats=reals(1.0, 12), level=magnitudes(1e-3, 1e6, 1))
def test_the_chosen_size_is_the_smallest_within_an_error_of_the_best(nats, level):
    nats = (level * (nats + 7)).view(3, 4).numpy()  # splits by sizes, in no order
    OfKnownLoss.told = iter(nats.ravel())
    sizes = [8, 2, 5, 3]
    found = compare_sizes(OfKnownLoss(), np.eye(20, dtype=int), sizes, num_splits=3)
    np.testing.assert_array_equal(found.nats, nats.T)
    np.testing.assert_allclose(found.mean, nats.mean(0))
    best = sizes.index(found.best)
    assert found.mean[best] == found.mean.min()
    error = [np.std(nats[:, k] - nats[:, best], ddof=1) / 3**0.5 for k in range(4)]
    np.testing.assert_allclose(found.std_error, error)
    assert found.std_error[best] == 0
    near = [
        s
        for s, m, e in zip(sizes, found.mean, found.std_error, strict=True)
        if m <= found.mean.min() + e
    ]
    assert found.chosen == min(near)


@pytest.mark.parametrize("kind", [np.ndarray.tolist, sparse.coo_matrix, pd.DataFrame])
def test_sizes_take_documents_as_fit_does(data, kind):
    counts = data[0][:60].astype(int)
    model = TopicModel(**{**SMALL, "max_epochs": 1})
    found, known = (compare_sizes(model, X, (2,), num_splits=2) for X in (kind(counts), counts))
    assert found.mean_composition is None
    np.testing.assert_allclose(found.nats, known.nats, rtol=1e-6)


@pytest.mark.learning
def test_planted_components_of_overdispersed_counts_are_found():
    """Samples of 5,000 reads each with a composition of its own around its mixture."""
    rng = np.random.default_rng(0)
    beta = rng.dirichlet(np.full(30, 0.2), 3)
    theta = rng.dirichlet(np.full(3, 0.5), 200)
    compositions = np.stack([rng.dirichlet(50 * p + 1e-9) for p in theta @ beta])
    counts = rng.multinomial(5000, compositions).astype(float)
    options = {"background": False, "hidden_sizes": (16,), "max_epochs": 30, "random_state": 0}
    model = TopicModel(3, decoder=OverdispersedDecoder, batch_size=50, **options).fit(counts)
    matching = match_topics(beta, model.topic_word_)
    assert matching.similarity.min() > 0.97
    assert model.vae_.decoder.precision.item() == pytest.approx(50, rel=0.15)
    posterior, truth = model.posterior(counts), theta[:, np.argsort(matching.order)]
    assert np.abs(posterior.mean - truth).mean() < 0.06
    inside = ((posterior.lower <= truth) & (truth <= posterior.upper)).mean()
    assert 0.75 < inside < 0.97  # nominal: .9; taken for words, under .2
    words = TopicModel(3, **options).fit(counts)
    taken, order = words.posterior(counts), match_topics(beta, words.topic_word_).order
    truth = theta[:, np.argsort(order)]
    assert ((taken.lower <= truth) & (truth <= taken.upper)).mean() < 0.2


ONE_STEP = {"hidden_sizes": (8,), "max_epochs": 1, "batch_size": 1000, "random_state": 0}


def test_weights_that_run_away_in_the_last_step_are_told(data):
    counts = data[0]
    model = TopicModel(5, decoder=EmbeddedDecoder, learning_rate=1e30, **ONE_STEP)
    with pytest.raises(FloatingPointError, match="theta is NaN or infinite"):
        model.fit(counts)
    assert not hasattr(model, "vae_")


def test_a_perplexity_is_a_number(data):
    counts = data[0]
    model = TopicModel(5, learning_rate=1e6, **ONE_STEP).fit(counts)
    with pytest.raises(FloatingPointError, match="no topic has a held-out word"):
        model.perplexity(counts)
    assert np.isfinite(model.transform(counts)).all()
    assert np.isfinite(model.word_documents_).all()
    np.testing.assert_allclose(model.word_documents_.sum(0), (counts > 0).sum(0), rtol=1e-4)


def test_counts_that_float64_does_not_tell_apart_are_refused(data):
    counts = np.asarray(data[0], dtype=float).copy()
    counts[0, 0] = 1e17
    with pytest.raises(ValueError, match=r"X has a count of 1e\+17, must be 9\.0072e\+15 at most"):
        TopicModel(5, **ONE_STEP).fit(counts)
