"""DirichletVAE as scikit-learn has it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch.distributions import Bernoulli, Normal, RelaxedOneHotCategorical

from dirvae.data import Batch, Corpus
from dirvae.distributions import (
    Dirichlet,
    DirichletMultinomial,
    InverseCDFDirichlet,
    Multinomial,
    NegativeBinomial,
    ScaledDirichlet,
    SoftmaxNormal,
    StandardizedDirichlet,
    StickBreakingKumaraswamy,
    ZeroInflatedNegativeBinomial,
)
from dirvae.estimators import DirichletVAE, SemiSupervisedVAE, arguments
from dirvae.estimators import dirichlet_vae as module
from dirvae.estimators.dirichlet_vae import _elbo_by_row
from dirvae.models.vae import closed_form_kl
from dirvae.models.zoo import gaussian
from dirvae.objectives import doubly_reparameterized_bound
from dirvae.training.callbacks import MethodOfMoments

SMALL = {
    "n_components": 4,
    "hidden_sizes": (16,),
    "decoder_hidden_sizes": (16,),
    "max_epochs": 3,
    "batch_size": 30,
    "random_state": 0,
}


def small(**options):
    return DirichletVAE(**{**SMALL, **options})


@pytest.fixture(scope="module")
def digits():
    return load_digits().data[:300] / 16


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(0)
    return rng.poisson(rng.gamma(0.5, 4, (80, 12))).astype(float)


def expected_failures(estimator):
    return {
        "check_sample_weight_equivalence_on_dense_data": (
            "training is by random minibatches and noise, which repeated rows change"
        ),
        "check_sample_weight_equivalence_on_sparse_data": (
            "training is by random minibatches and noise, which repeated rows change"
        ),
    }


# Its data are whatever numbers: whole ones for a Gaussian, fractions for counts.
@pytest.mark.filterwarnings("ignore:X has (whole numbers|fractions|rows that sum):UserWarning")
@parametrize_with_checks(
    [DirichletVAE(max_epochs=2, hidden_sizes=(8,), decoder_hidden_sizes=(8,))],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_estimator_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("latent", [StandardizedDirichlet, torch.distributions.Normal])
def test_a_mixture_prior_is_learned(digits, latent):
    estimator = small(latent=latent, prior_components=5).fit(digits)
    prior = estimator.vae_.prior
    assert prior().component_distribution.batch_shape == (5,)
    assert prior.less_certain == (latent is StandardizedDirichlet)  # it has a commitment
    assert bool((prior.certainty != (0.5 if prior.less_certain else 1.0)).any())
    assert np.isfinite(estimator.score_samples(digits[:5])).all()
    assert not hasattr(estimator, "prior_concentration_")


def test_several_draws_train_the_importance_weighted_bound(digits, monkeypatch):
    counts = []

    def counted(terms, *, kl_weight):
        counts.append(len(terms.z))
        return doubly_reparameterized_bound(terms, kl_weight=kl_weight)

    monkeypatch.setattr(module, "doubly_reparameterized_bound", counted)
    estimator = small(num_samples=3, prior_components=2, validation_fraction=0.25).fit(digits)
    assert {*counts} == {3}
    # Both are of the same draws, since the KL of a mixture is estimated: log E[w] >= E[log w].
    assert all(epoch["val_bound"] > epoch["val_elbo"] for epoch in estimator.history_)
    best = max(estimator.history_, key=lambda epoch: epoch["val_bound"])
    assert estimator.best_epoch_ == best["epoch"]
    counts.clear()
    estimator.partial_fit(digits)
    assert {*counts} == {3}
    counts.clear()
    assert "val_bound" not in small(validation_fraction=0.25).fit(digits).history_[0]
    assert not counts


def test_a_standardized_posterior_starts_at_the_prior(digits):
    options = {"latent": StandardizedDirichlet, "commitment": 0.0}
    options |= {"learning_rate": 1e-9, "max_epochs": 1}
    vae = small(**options).fit(digits).vae_
    q = vae.encoder.law(torch.zeros(1, vae.encoder.num_raw))
    torch.testing.assert_close(q.mean, vae.prior().mean.expand(1, 4))
    torch.testing.assert_close(q.variance, vae.prior().variance.expand(1, 4), rtol=1e-3, atol=0)


def test_the_default_is_a_committed_standardized_dirichlet(digits):
    default = small().fit(digits)
    said = {"latent": StandardizedDirichlet, "prior_concentration": 10.0, "commitment": 1.5}
    assert default.latent_ is StandardizedDirichlet
    np.testing.assert_array_equal(
        default.transform(digits), small(**said).fit(digits).transform(digits)
    )
    free = small(commitment=0.0).fit(digits)
    assert np.abs(free.transform(digits) - default.transform(digits)).max() > 0.01
    x = torch.tensor(digits, dtype=torch.float32)
    assert float(default.vae_.infer(x).concentration.detach().min()) >= 15


def test_a_latent_that_is_named_has_its_own_prior_and_no_commitment(digits):
    plain = small(latent=Dirichlet).fit(digits)
    np.testing.assert_array_equal(plain.prior_concentration_, np.full(4, 0.75, np.float32))
    assert plain.vae_.encoder.least == ()
    assert (
        small(latent=torch.distributions.Normal).fit(digits).latent_ is torch.distributions.Normal
    )


@pytest.mark.parametrize(
    ("prior", "latent"),
    [(0.3, Dirichlet), ([0.9, 2.0, 2.0, 2.0], Dirichlet), (1.0, StandardizedDirichlet)],
)
def test_a_prior_below_1_has_a_plain_dirichlet_by_default(digits, prior, latent):
    estimator = small(prior_concentration=prior, max_epochs=1).fit(digits)
    assert estimator.latent_ is latent
    assert estimator.vae_.encoder.least == (() if latent is Dirichlet else ("certainty",))


def test_more_than_50_components_are_free_by_default(digits):
    many, fewer = (small(n_components=k, max_epochs=1).fit(digits) for k in (51, 50))
    assert many.latent_ is fewer.latent_ is StandardizedDirichlet
    assert many.vae_.encoder.least == ()
    assert fewer.vae_.encoder.least == ("certainty",)
    np.testing.assert_array_equal(many.prior_concentration_, np.full(51, 10))


def test_one_component_alone_is_a_plain_dirichlet(digits):
    alone = small(n_components=1, max_epochs=1).fit(digits)
    assert alone.latent_ is Dirichlet
    np.testing.assert_array_equal(alone.transform(digits), np.ones((300, 1)))


@pytest.mark.parametrize(
    "latent", [Dirichlet, InverseCDFDirichlet, StickBreakingKumaraswamy, SoftmaxNormal]
)
def test_rows_of_a_simplex_latent_sum_to_one(digits, latent):
    theta = small(latent=latent).fit(digits).transform(digits)
    assert theta.shape == (300, 4)
    np.testing.assert_allclose(theta.sum(1), 1, atol=1e-6)
    assert (theta >= 0).all()


def test_gaussian_latent(digits):
    assert small(latent=torch.distributions.Normal).fit(digits).transform(digits).min() < 0


@pytest.mark.parametrize(
    "likelihood",
    [
        Multinomial,
        DirichletMultinomial,
        NegativeBinomial,
        ZeroInflatedNegativeBinomial,
        torch.distributions.Poisson,
    ],
)
def test_counts_dense_and_csr_agree(counts, likelihood):
    dense = small(likelihood=likelihood).fit(counts)
    csr = small(likelihood=likelihood).fit(sparse.csr_matrix(counts))
    np.testing.assert_allclose(
        dense.score_samples(counts), csr.score_samples(sparse.csr_matrix(counts))
    )
    assert np.isfinite(dense.score(counts))
    assert (dense.sample(5) >= 0).all()


def test_likelihood_is_chosen_by_the_data(digits):
    assert small().fit(digits).likelihood_ is torch.distributions.Bernoulli
    assert small().fit(digits * 16 - 3).likelihood_ is torch.distributions.Normal


def test_gaussian_scores_are_in_units_of_the_data(digits):
    """Data times ten costs log 10 nats a feature, all else equal."""
    x = digits[:, 2:6] + np.random.default_rng(0).normal(size=(300, 4))
    first, second = small().fit(x), small().fit(10 * x)
    difference = first.score(x) - second.score(10 * x)
    assert difference == pytest.approx(4 * np.log(10), abs=0.1)


@pytest.mark.learning
def test_learning_raises_the_score(digits):
    sizes = {"hidden_sizes": (64,), "learning_rate": 1e-2}
    few, more = (small(max_epochs=epochs, **sizes) for epochs in (1, 15))
    assert more.fit(digits).score(digits) > few.fit(digits).score(digits) + 1


def test_score_of_a_row_depends_on_neither_batch_nor_order(digits):
    estimator = small().fit(digits)
    scores = estimator.score_samples(digits)
    order = np.random.default_rng(0).permutation(300)
    np.testing.assert_allclose(estimator.score_samples(digits[order]), scores[order], rtol=1e-12)
    one = [estimator.score_samples(digits[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(one, scores[:5], rtol=1e-12)
    assert estimator.score(digits) == pytest.approx(scores.mean())
    signed = np.where(digits == 0, -0.0, digits)
    np.testing.assert_array_equal(estimator.score_samples(signed), scores)


def test_score_is_a_bound_that_agrees_with_the_model(digits):
    """Against the average of many fresh draws, within 5 standard errors over rows."""
    x = (digits > 0.5).astype(float)
    estimator = small(max_epochs=5, learning_rate=1e-2).fit(x)
    tensor = torch.from_numpy(x).float()
    with torch.no_grad():
        terms = estimator.vae_.terms(tensor, num_samples=400)
        fresh = (terms.log_likelihood.mean(0) - terms.kl).numpy()
    difference = estimator.score_samples(x) - fresh
    assert abs(difference.mean()) < 5 * difference.std() / np.sqrt(300)


def test_same_seed_same_model(digits):
    first, second = small().fit(digits), small().fit(digits)
    np.testing.assert_array_equal(first.transform(digits), second.transform(digits))
    np.testing.assert_array_equal(first.sample(3), second.sample(3))
    assert first.sample().shape == (1, digits.shape[1])
    assert not np.array_equal(
        small(random_state=1).fit(digits).transform(digits), first.transform(digits)
    )


def test_inverse_transform_is_the_decoders_mean(digits):
    estimator = small().fit(digits)
    theta = estimator.transform(digits)
    with torch.no_grad():
        expected = estimator.vae_.decoder(torch.from_numpy(theta).float()).mean
    np.testing.assert_allclose(estimator.inverse_transform(theta), expected, atol=1e-5)
    estimator.set_params(n_components=9)
    np.testing.assert_allclose(estimator.inverse_transform(theta), expected, atol=1e-5)


@pytest.mark.learning
def test_partial_fit_goes_on(digits):
    estimator = small()
    scores = [estimator.partial_fit(digits).score(digits) for _ in range(30)]
    assert scores[-1] > scores[0] + 1
    assert estimator.n_iter_ == 30


@pytest.mark.parametrize("value", [0.3, [0.1, 0.2, 0.3, 0.4]])
def test_prior_concentration(digits, value):
    estimator = small(prior_concentration=value).fit(digits)
    np.testing.assert_allclose(estimator.prior_concentration_, np.broadcast_to(value, 4), rtol=1e-6)


def test_commitment_keeps_the_posterior_off_its_prior(digits):
    options = {"latent": ScaledDirichlet, "prior_concentration": 5.0, "learning_rate": 0.02}
    x = torch.tensor(digits, dtype=torch.float32)
    free, committed = (
        small(commitment=value, **options).fit(digits).vae_.infer(x).concentration.detach()
        for value in (0.0, 1.5)
    )
    assert float(committed.min()) >= 7.5 > float(free.min())


@pytest.mark.learning
def test_prior_is_learned_by_moments(digits):
    estimator = small(prior_concentration="learn", max_epochs=40, patience=1).fit(digits)
    assert not np.allclose(estimator.prior_concentration_, 10)
    assert (estimator.prior_concentration_ > 0).all()


def learned(z, weight, reduce=lambda sums, reduce_op: sums):
    """The prior after an epoch of one batch."""
    prior = SimpleNamespace(concentration=torch.ones(3))
    training = SimpleNamespace(latent=z, vae=SimpleNamespace(prior=prior))
    stages = MethodOfMoments(3)
    trainer = SimpleNamespace(current_epoch=1, strategy=SimpleNamespace(reduce=reduce))
    stages.on_train_batch_end(trainer, training, None, Batch(z, weight=weight), 0)
    stages.on_train_epoch_end(trainer, training)
    return prior.concentration


def test_a_prior_learned_from_weighted_rows_is_that_of_repeated_rows():
    z = Dirichlet(torch.tensor([0.5, 1.0, 3.0])).sample((2, 4))  # (S, B, K)
    weight = torch.tensor([0.0, 1.0, 2.0, 5.0])
    repeated = learned(z.repeat_interleave(weight.long(), 1), None)
    torch.testing.assert_close(learned(z, weight), repeated)
    assert not torch.allclose(repeated, learned(z, None), rtol=0.01)


def test_a_prior_is_learned_from_the_latents_of_all_processes():
    z, sums = Dirichlet(torch.tensor([0.5, 1.0, 3.0])).sample((2, 7)), []

    def noted(own, reduce_op):
        sums.append(own)
        return own

    def added(own, reduce_op):
        assert reduce_op == "sum"
        return own + sums.pop(0)

    learned(z[:, 5:], None, noted)
    torch.testing.assert_close(learned(z[:, :5], None, added), learned(z, None))


# With so few rows one of the four components does die, which is not what is tested here.
@pytest.mark.filterwarnings("ignore::dirvae.training.callbacks.CollapseWarning")
def test_zero_weight_rows_do_not_count(digits):
    """Rows of weight zero far from all others leave the model's score of the others unharmed."""
    weight = np.r_[np.ones(150), np.zeros(150)]
    x = digits.copy()
    x[150:] = 1 - x[150:]
    options = {"validation_fraction": 0.0, "max_epochs": 8, "learning_rate": 1e-2}
    weighted = small(**options).fit(x, sample_weight=weight)
    unweighted = small(**options).fit(x)
    assert weighted.score(x[:150]) > unweighted.score(x[:150]) + 0.5


def test_pipeline_and_grid_search(digits):
    y = load_digits().target[:300]
    pipeline = make_pipeline(small(max_epochs=2), StandardScaler(), LogisticRegression())
    assert 0 <= pipeline.fit(digits, y).score(digits, y) <= 1
    search = GridSearchCV(small(), {"n_components": [2, 3]}, cv=2).fit(digits)
    assert search.best_params_["n_components"] in (2, 3)


@pytest.mark.parametrize("latent", [None, Dirichlet, InverseCDFDirichlet, SoftmaxNormal])
def test_transform_of_a_row_depends_on_neither_batch_nor_order(digits, latent):
    estimator = small(latent=latent).fit(digits)
    theta = estimator.transform(digits)
    np.testing.assert_allclose(estimator.transform(digits[::-1]), theta[::-1], rtol=1e-9)
    np.testing.assert_allclose(estimator.transform(digits[7:8]), theta[7:8], rtol=1e-9)


def test_rows_of_weight_zero_are_as_if_left_out(digits):
    weight = np.r_[np.ones(150), np.zeros(150)]
    weighted = small().fit(digits, sample_weight=weight)
    left_out = small().fit(digits[:150])
    np.testing.assert_allclose(weighted.transform(digits), left_out.transform(digits), rtol=1e-5)


def test_counts_are_drawn_with_the_total_of_the_data(counts):
    estimator = small(likelihood=Multinomial).fit(counts)
    total = round(counts.sum(1).mean())
    assert (estimator.sample(5).sum(1) == total).all()
    theta = estimator.transform(counts)
    np.testing.assert_allclose(estimator.inverse_transform(theta).sum(1), total, rtol=1e-5)


def test_interrupted_fit_does_not_look_fitted(digits):
    estimator = small(learning_rate=1e30)
    with pytest.raises(FloatingPointError, match="learning rate"):
        estimator.fit(digits)
    with pytest.raises(NotFittedError):
        estimator.transform(digits)


def test_bad_weights_are_refused(digits):
    with pytest.raises(
        ValueError, match="sample_weight is zero in every row; at least one must be pos"
    ):
        small().fit(digits, sample_weight=np.zeros(300))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        small().fit(digits, sample_weight=-np.ones(300))


def test_nan_in_a_latent_is_refused(digits):
    with pytest.raises(ValueError, match="NaN"):
        small().fit(digits).inverse_transform([[np.nan, 0, 0, 1]])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output(digits, library):
    pytest.importorskip(library)
    frame = small().set_output(transform=library).fit(digits).transform(digits)
    assert list(frame.columns) == [f"dirichletvae{k}" for k in range(4)]


def test_all_zero_rows_are_rows_like_any_other(counts):
    x = np.vstack([counts, np.zeros((2, 12))])
    for likelihood in (Multinomial, DirichletMultinomial, NegativeBinomial):
        estimator = small(likelihood=likelihood).fit(x)
        assert np.isfinite(estimator.score_samples(x)).all()
        np.testing.assert_allclose(estimator.transform(x).sum(1), 1, atol=1e-6)


def test_checkpoint_and_resume(digits, tmp_path):
    whole = small(max_epochs=6).fit(digits)
    small(max_epochs=6).fit(digits, checkpoint_dir=tmp_path)
    assert (tmp_path / "last.ckpt").is_file()
    again = small(max_epochs=6).fit(digits, checkpoint_dir=tmp_path, resume=True)
    np.testing.assert_array_equal(whole.transform(digits), again.transform(digits))
    for state in (None, np.random.RandomState(0)):
        with pytest.raises(ValueError, match=r"random_state is .*must be an integer"):
            small(random_state=state).fit(digits, checkpoint_dir=tmp_path, resume=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components is 0, must be an integer of 1 or more"),
        ({"n_components": 2.5}, "n_components"),
        ({"prior_concentration": 0.0}, "prior_concentration is 0.0, must be a positive number"),
        ({"prior_concentration": -1}, "prior_concentration"),
        ({"prior_concentration": "lern"}, "prior_concentration is 'lern'"),
        ({"prior_concentration": [1.0, 2.0]}, "shape"),
        ({"prior_concentration": "learn", "latent": SoftmaxNormal}, "Dirichlet latent"),
        ({"num_samples": 0}, "num_samples is 0, must be an integer of 1 or more"),
        ({"prior_components": 0}, "prior_components is 0, must be an integer of 1 or more"),
        ({"prior_components": 5, "prior_concentration": "learn"}, "components needs .*concentr"),
        ({"prior_components": 5, "latent": StickBreakingKumaraswamy}, "must be a Dirichlet"),
        ({"commitment": -1.5}, "commitment is -1.5, must be a finite number of 0 or more"),
        ({"commitment": float("nan")}, "commitment is nan"),
        ({"commitment": "high"}, "commitment is 'high'"),
        (
            {"commitment": 1.5, "latent": SoftmaxNormal},
            "commitment=1.5 needs a Dirichlet latent",
        ),
        ({"likelihood": 3}, "likelihood is 3, must be a distribution or None"),
        (
            {
                "n_components": 2,
                "latent": StickBreakingKumaraswamy,
                "prior_concentration": [1.0, 2.0],
            },
            r"prior_concentration has shape \(2,\), must be one number for a stick-breaking latent",
        ),
        (
            {"latent": RelaxedOneHotCategorical, "prior_concentration": 1.0},
            "prior_concentration does not apply to latent=RelaxedOneHotCategorical; leave it out",
        ),
        ({"likelihood": "bernouli"}, "likelihood is 'bernouli', must be a class or one of auto, b"),
        ({"hidden_sizes": 10}, "hidden_sizes is 10"),
        ({"validation_fraction": "a"}, "validation_fraction"),
        ({"max_epochs": 0}, "max_epochs"),
        ({"batch_size": -3}, "batch_size"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"hidden_sizes": (0,)}, "hidden_sizes"),
        ({"latent": torch.distributions.Cauchy}, "latent"),
        ({"likelihood": Multinomial}, "negative values"),
        ({"likelihood": torch.distributions.Bernoulli}, r"probabilities in \[0, 1\]"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options).fit(np.array([[0.0, -1.0], [1.0, 3.0], [0.5, 0.5]]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_rounding_of_a_scaler_decides_nothing(kind, dtype):
    exact = np.random.default_rng(0).uniform(size=(40, 6)).astype(dtype)
    exact[0], exact[1] = 1, 0
    scaled = exact.copy()
    scaled[0, :2], scaled[1, 2] = np.nextafter(dtype(1), dtype(2)), -np.finfo(dtype).eps
    given = kind(scaled)
    for likelihood in (None, torch.distributions.Bernoulli):
        of_exact = small(likelihood=likelihood).fit(kind(exact))
        model = small(likelihood=likelihood).fit(given)
        assert model.likelihood_ is torch.distributions.Bernoulli
        np.testing.assert_array_equal(model.transform(given), of_exact.transform(kind(exact)))
        assert model.score(given) == of_exact.score(kind(exact))
    assert (given != kind(scaled)).sum() == 0
    for far in (scaled + dtype(1e-3), dtype(1e-13) * (scaled - dtype(0.5))):
        assert small().fit(far).likelihood_ is torch.distributions.Normal


def test_a_prior_is_not_learned_in_single_passes(digits):
    with pytest.raises(ValueError, match="'learn' needs fit; partial_fit cannot learn it"):
        small(prior_concentration="learn").partial_fit(digits)


def test_wrong_width_and_bad_latents(digits):
    estimator = small().fit(digits)
    with pytest.raises(ValueError, match="features"):
        estimator.transform(digits[:, :5])
    with pytest.raises(ValueError, match="must be"):
        estimator.inverse_transform(digits)


def test_clone_keeps_arguments():
    assert clone(small(latent=InverseCDFDirichlet)).latent is InverseCDFDirichlet


# --- counts on disk -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(counts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus") / "corpus"
    words = [f"w{column}" for column in range(12)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dirvae.data.corpus.matrices.ROWS", 20)
        return Corpus.of_counts(folder, [counts], vocabulary=words)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_corpus_is_fitted_as_memory_is(counts, corpus, weighted):
    weight = np.arange(80) % 3 / 2 if weighted else None
    vae = small(likelihood="multinomial").fit(counts, sample_weight=weight)
    of_corpus = small().fit(corpus, sample_weight=weight)
    assert of_corpus.likelihood_ is Multinomial
    assert of_corpus.history_ == vae.history_
    assert (of_corpus.transform(corpus) == vae.transform(counts)).all()
    assert of_corpus.score(corpus) == vae.score(counts)
    assert of_corpus.get_feature_names_out().tolist() == vae.get_feature_names_out().tolist()
    assert of_corpus.feature_names_in_.tolist() == corpus.vocabulary.tolist()
    passed = small().partial_fit(corpus).partial_fit(corpus)
    in_memory = small(likelihood="multinomial").partial_fit(counts).partial_fit(counts)
    assert (passed.transform(corpus) == in_memory.transform(counts)).all()


def test_a_corpus_of_many_shards_is_read_some_shards_at_a_time(corpus, monkeypatch):
    asked, rows = [], Corpus.__getitem__

    def noted(self, wanted):
        found = rows(self, wanted)
        if not isinstance(wanted, slice):
            asked.append(np.asarray(wanted))
        return found

    monkeypatch.setattr(Corpus, "__getitem__", noted)
    monkeypatch.setattr("dirvae.data.arrays.WINDOW", 1)
    monkeypatch.setattr("dirvae.estimators.rows.WINDOW", 1)
    small(max_epochs=2, batch_size=9).fit(corpus)
    assert max(map(len, asked)) == 9
    in_training = [part for part in asked if len(part) == 9]  # 8 are held out
    # A batch has rows of one shard, or where one ends of two.
    assert max(len(np.unique(part // 20)) for part in in_training) == 2
    seen = np.bincount(np.concatenate(in_training), minlength=80)
    assert sorted(seen) == [0] * 8 + [2] * 72


def test_a_corpus_has_counts_and_the_words_of_the_model(counts, corpus, tmp_path):
    with pytest.raises(ValueError, match="likelihood is Normal, must be a distribution of counts"):
        small(likelihood="gaussian").fit(corpus)
    vae = small(max_epochs=1).fit(corpus)
    words = corpus.vocabulary.tolist()[::-1]
    other = Corpus.of_counts(tmp_path / "other", [counts], vocabulary=words)
    with pytest.raises(ValueError, match="has other words than the model"):
        vae.transform(other)
    with pytest.raises(ValueError, match="X has 1 features, but DirichletVAE is expecting 12"):
        vae.transform(Corpus.of_counts(tmp_path / "narrow", [counts[:, :1]]))
    with pytest.raises(ValueError, match="must be rows in memory for a SemiSupervisedVAE"):
        SemiSupervisedVAE(n_components=3).fit(corpus, np.arange(80) % 2)
    fractions = Corpus.of_counts(tmp_path / "fractions", [counts / 2])
    with pytest.warns(UserWarning, match="X has fractions, such as"):
        small(max_epochs=1).fit(fractions)


# --- arguments ------------------------------------------------------------------------------------

INTEGER, POSITIVE = "must be an integer of 2 or more", "must be a positive number"


@pytest.mark.parametrize(
    ("check", "given", "said"),
    [
        *((arguments.require_integer, ("k", value, 2), None) for value in (2, 3, np.int64(2))),
        *(
            (arguments.require_integer, ("k", value, 2), f"k is .*, {INTEGER}")
            for value in (1, -5, 2.0, "2", None, np.float64(3))
        ),
        (arguments.require_integer, ("k", True, 1), "k is True, must be an integer of 1 or more"),
        *((arguments.require_positive, ("r", value), None) for value in (1, 1e-300, np.float32(2))),
        *(
            (arguments.require_positive, ("r", value), f"r is .*, {POSITIVE}")
            for value in (0, 0.0, -1, np.inf, np.nan, "1", None)
        ),
        *((arguments.require_sizes, ("w", value), None) for value in ((), (1,), [5, 6])),
        *(
            (arguments.require_sizes, ("w", value), "w is .*, must be")
            for value in ("12", 5, (0,), (1, 2.5), (3, -1))
        ),
        (arguments.require_resumable, (False, None, None), None),
        (arguments.require_resumable, (True, None, None), "random_state is None, must be an"),
        (arguments.require_likelihood, (None,), None),
        (arguments.require_likelihood, (Multinomial,), None),
        (arguments.require_likelihood, (3,), "likelihood is 3, must be a distribution or None"),
    ],
)
def test_an_argument_is_taken_or_told_what_would_be_right(check, given, said):
    if said is None:
        check(*given)
    else:
        with pytest.raises(ValueError, match=said):
            check(*given)


@pytest.mark.parametrize(
    ("value", "learnable", "said"),
    [
        (None, False, None),
        (0.5, False, None),
        ([0.5, 1e-9, 3], True, None),
        ("learn", True, None),
        ("learn", False, "prior_concentration='learn' needs a Dirichlet latent"),
        ("Learn", True, "prior_concentration is 'Learn', must be a positive number"),
        (0, True, "prior_concentration is 0, must be a positive number"),
        ([1.0, 0.0, 1.0], True, "must be a positive number"),
        ([1.0, np.inf, 1.0], True, "must be a positive number"),
        (np.nan, True, "must be a positive number"),
        ([1.0, 1.0], True, r"prior_concentration has shape \(2,\), must be"),
        ([[1.0, 1.0, 1.0]], True, r"prior_concentration has shape \(1, 3\), must be"),
        ([1.0], True, r"prior_concentration has shape \(1,\), must be"),
    ],
)
def test_a_concentration_is_of_all_components_or_of_each(value, learnable, said):
    if said is None:
        arguments.require_concentration(value, 3, learnable=learnable)
    else:
        with pytest.raises(ValueError, match=said):
            arguments.require_concentration(value, 3, learnable=learnable)


@pytest.mark.parametrize(
    ("values", "law"),
    [
        ([0.0, 1.0], Bernoulli),
        ([0.5, 0.5], Bernoulli),
        ([0.0, 1.001], Normal),
        ([-0.001, 1.0], Normal),
        ([2.0, 3.0], Normal),
        ([], Bernoulli),
    ],
)
def test_data_from_0_to_1_are_probabilities_and_others_gaussian(values, law):
    for x in (np.array([values]), sparse.csr_matrix(np.array([values]))):
        assert arguments.likelihood_of(x, None) is law
        assert arguments.likelihood_of(x, Multinomial) is Multinomial


@pytest.mark.parametrize(
    ("options", "is_right"),
    [
        ({"patience": 1}, True),
        ({"patience": 0}, False),
        ({"validation_fraction": 0}, True),
        ({"validation_fraction": 0.999}, True),
        ({"validation_fraction": -0.001}, False),
        ({"validation_fraction": 1}, False),
        ({"prior_components": 1}, True),
        ({"prior_components": 2, "prior_concentration": 1.0}, True),
        ({"commitment": 0}, True),
        ({"commitment": 0, "latent": SoftmaxNormal}, True),
        ({"commitment": 1e9}, True),
        ({"commitment": np.inf}, False),
        ({"commitment": -1e-9}, False),
        ({"learning_rate": np.inf}, False),
        ({"decoder_hidden_sizes": (0,)}, False),
        ({"decoder_hidden_sizes": ()}, True),
        ({"batch_size": 1, "n_components": 1, "max_epochs": 1}, True),
    ],
)
def test_arguments_have_their_ranges(options, is_right):
    if is_right:
        small(**options)._check_arguments()
    else:
        with pytest.raises(ValueError, match=f"^{next(iter(options))} is .*, must be"):
            small(**options)._check_arguments()


@pytest.mark.parametrize(
    ("num_rows", "fraction", "held_out"), [(10, 0.1, 1), (9, 0.1, 0), (29, 0.1, 2), (10, 0, 0)]
)
def test_a_share_of_rows_is_held_out_with_their_weights(num_rows, fraction, held_out):
    model = small(validation_fraction=fraction)
    model._seed, model.likelihood_, model.vae_ = 0, Normal, SimpleNamespace(decoder=None)
    x, weight = np.arange(1.0, num_rows + 1)[:, None], np.arange(1.0, num_rows + 1)
    for given in (weight, None):
        train, validation = model._split(x, given)
        parts = [train] if validation is None else [train, validation]
        assert [len(part) for part in parts[1:]] == [held_out] * (held_out > 0)
        assert sorted(torch.cat([part.x for part in parts]).ravel().tolist()) == weight.tolist()
        for part in parts:
            right = None if given is None else (part.x[:, 0] / part.x.mean()).tolist()
            found = None if part.weight is None else part.weight.tolist()
            assert found == pytest.approx(right)


def test_two_rows_are_enough_and_one_is_not():
    with pytest.raises(
        ValueError, match=r"X has one sample \(n_samples=1\); at least 2 are needed"
    ):
        small().fit(np.eye(4)[:1])
    model = small(max_epochs=1).fit(np.eye(4)[:2])
    assert model.sample().shape == (1, 4)
    with pytest.raises(ValueError, match="n_samples is 0, must be an integer of 1 or more"):
        model.sample(0)
    with pytest.raises(ValueError, match=r"X has shape \(1, 3\), must be \(N, 4\): one latent per"):
        model.inverse_transform([[1.0, 0.0, 0.0]])


def test_a_divergence_that_is_drawn_is_the_exact_one_on_average(monkeypatch):
    """The draws of the latent are the same, and so is what they say of the data."""
    torch.manual_seed(0)
    sizes = {"hidden_sizes": (4,), "decoder_hidden_sizes": (4,)}
    vae, x = gaussian(3, 2, **sizes).double(), torch.rand(5, 3, dtype=torch.float64)
    monkeypatch.setattr(module, "ELBO_SAMPLES", 20_000)
    with torch.no_grad():
        exact = _elbo_by_row(vae, x)
        monkeypatch.setattr(module, "closed_form_kl", lambda *_: None)
        drawn = _elbo_by_row(vae, x)
    divergence = closed_form_kl(vae.encoder(x), vae.prior())
    assert divergence.min() > 0.02
    torch.testing.assert_close(drawn, exact, atol=0.02, rtol=0)  # three standard errors
    assert (drawn != exact).all()
    assert exact.shape == (5,)
