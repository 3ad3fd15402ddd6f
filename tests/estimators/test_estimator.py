"""What all three estimators do alike."""

from __future__ import annotations

import csv
import inspect
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from lightning.pytorch.callbacks import LambdaCallback
from lightning.pytorch.loggers import CSVLogger
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer

from dirvae import CompositionModel, DirichletVAE, SemiSupervisedVAE, TopicModel
from dirvae.estimators.estimator import VAEEstimator, scheduled
from dirvae.models.zoo import gaussian
from dirvae.training import Training

X = np.random.default_rng(0).integers(0, 2, (20, 5)) * 1.0
Y = np.arange(20) % 2
TEXTS = ["cat dog", "dog cow", "sun moon", "moon star"] * 5
ALL = (DirichletVAE, SemiSupervisedVAE, TopicModel)


# What was measured and is quoted in the docs was measured with these, but for some rows of few
# labels, whose tables say that they had 20 epochs.
DEFAULTS = {
    DirichletVAE: "10 (500, 500) (500,) 1 150 100 0.004 0.1 15",
    SemiSupervisedVAE: "10 False 50.0 200.0 0.275 (500, 500) (500,) (500, 500) 40 250 0.002",
    TopicModel: "50 learn True 30.0 (100, 100) 15 200 0.005",
    CompositionModel: "8 learn (100, 100) None 100 0.005",
}
# Without a value that is measured: a class, None for what is found in the data, or the machine's.
OTHERS = {
    *("latent", "decoder", "commitment", "likelihood", "prior_components", "vectorizer", "guide"),
    *("word_vectors", "random_state", "device", "verbose"),
}


@pytest.mark.parametrize("Estimator", DEFAULTS)
def test_defaults_are_those_of_the_results(Estimator):
    measured = [
        str(parameter.default)
        for name, parameter in inspect.signature(Estimator).parameters.items()
        if name not in OTHERS and not (Estimator is DirichletVAE and name == "prior_concentration")
    ]
    assert " ".join(measured) == DEFAULTS[Estimator]


def estimator(Estimator: type[VAEEstimator], **options) -> VAEEstimator:
    return Estimator(2, hidden_sizes=(4,), max_epochs=1, **{"random_state": 0, **options})


@pytest.mark.parametrize("Estimator", ALL)
def test_what_is_cut_off_is_not_fitted(Estimator, monkeypatch):
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    model = estimator(Estimator).fit(X, Y)
    monkeypatch.setattr("dirvae.training.fitting.lightning.Trainer.fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    with pytest.raises(NotFittedError):
        model.transform(X)


REFUSED = {
    DirichletVAE: lambda m: m.set_params(likelihood="multinomial").fit(X - 1),
    SemiSupervisedVAE: lambda m: m.set_params(likelihood="multinomial").fit(X - 1, ["z", "w"] * 10),
    TopicModel: lambda m: m.fit(X[:, ::-1], ["z"] * 20, vocabulary=list("UVWXY")),
    CompositionModel: lambda m: m.fit(X[:, ::-1], features=list("UVWXY"), covariates=[np.nan] * 20),
}


@pytest.mark.parametrize("Estimator", REFUSED)
def test_a_refused_fit_leaves_what_was_learned(Estimator):
    model = estimator(Estimator).fit(X, Y)
    before, theta = dict(vars(model)), model.transform(X)
    with pytest.raises(ValueError, match=r"X has|y has one class|covariates has missing"):
        REFUSED[Estimator](model)
    after = dict(vars(model))
    after["likelihood"] = before["likelihood"] = None  # which the test has set
    assert after == before
    np.testing.assert_array_equal(model.transform(X), theta)


@pytest.mark.parametrize("Estimator", REFUSED)
def test_a_first_fit_that_is_refused_leaves_nothing(Estimator):
    model = estimator(Estimator)
    before = set(vars(model))
    with pytest.raises(ValueError, match=r"X has|y has one class|covariates has missing"):
        REFUSED[Estimator](model)
    assert set(vars(model)) == before


@pytest.mark.parametrize("Estimator", ALL)
def test_a_fit_without_its_checkpoint_leaves_what_was_learned(Estimator, tmp_path):
    model = estimator(Estimator).fit(X, Y)
    before = dict(vars(model))
    with pytest.raises(FileNotFoundError, match=r"resume: there is no last\.ckpt in"):
        model.fit(X, Y, resume=True, checkpoint_dir=tmp_path)
    assert dict(vars(model)) == before


SAVED = [
    (DirichletVAE, {"latent": "gaussian"}, "latent is Normal, must be None to be saved"),
    (SemiSupervisedVAE, {"latent": "gaussian"}, "latent is Normal, must be Dirichlet to be saved"),
    (TopicModel, {"guide": {"a": ["b"]}}, r"guide is \{'a': \('b',\)\}, must be None to be saved"),
    (CompositionModel, {"hidden_sizes": (7,)}, r"hidden_sizes is \(7,\), must be \(4,\) to be"),
]


@pytest.mark.parametrize("is_loaded", [False, True])
@pytest.mark.parametrize(("Estimator", "changed", "message"), SAVED)
def test_a_folder_has_the_arguments_of_the_fit(Estimator, changed, message, is_loaded, tmp_path):
    """Another value would be what the loaded model says that it was fitted with."""
    model = estimator(Estimator).fit(X, Y)
    model.save(tmp_path / "model")
    if is_loaded:
        model = Estimator.load(tmp_path / "model")
    right = {name: getattr(model, name) for name in changed}
    with pytest.raises(ValueError, match=message):
        model.set_params(**changed).save(tmp_path / "model")
    loaded = Estimator.load(tmp_path / "model")
    assert {name: getattr(loaded, name) for name in changed} == right
    model.set_params(**right, learning_rate=0.5).save(tmp_path / "model")
    assert Estimator.load(tmp_path / "model").learning_rate == 0.5


def test_arguments_of_the_training_alone_may_be_set_before_a_save(tmp_path):
    model = estimator(SemiSupervisedVAE).fit(X, Y)
    told = {"label_weight": 2.0, "smoothness": 30.0, "perturbation": 0.04}
    model.set_params(**told).save(tmp_path / "model")
    loaded = SemiSupervisedVAE.load(tmp_path / "model")
    assert {name: getattr(loaded, name) for name in told} == told


@pytest.mark.parametrize("Estimator", [TopicModel, CompositionModel])
def test_arguments_for_the_next_fit_change_no_page(Estimator):
    model = estimator(Estimator).fit(X)
    page = model.report(X)
    others = {"latent": "softmax-gaussian"} if Estimator is TopicModel else {}
    assert model.set_params(n_components=3, **others).report(X) == page


PASSES = (DirichletVAE, TopicModel, CompositionModel)


@pytest.mark.parametrize("Estimator", PASSES)
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_components": 3}, "n_components is 3, must be 2 for partial_fit, as the fitted model"),
        ({"n_components": 0}, "n_components is 0, must be an integer of 1 or more"),
        ({"learning_rate": -1}, "learning_rate is -1, must be a positive number"),
        ({"hidden_sizes": (0,)}, "hidden_sizes is 0, must be an integer of 1 or more"),
    ],
)
def test_arguments_are_checked_before_each_pass(Estimator, changed, message, tmp_path):
    model = estimator(Estimator).partial_fit(X)
    theta, right = model.transform(X), {name: getattr(model, name) for name in changed}
    model.set_params(**changed)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X)
    assert vars(model) == before
    np.testing.assert_array_equal(model.transform(X), theta)
    model.set_params(**right).partial_fit(X).save(tmp_path / "model")
    assert Estimator.load(tmp_path / "model").transform(X).shape == (20, 2)


SHAPING = [
    (DirichletVAE, {"latent": "gaussian"}, "latent is Normal, must be None"),
    (DirichletVAE, {"likelihood": "multinomial"}, "likelihood is Multinomial, must"),
    (DirichletVAE, {"prior_concentration": 0.5}, "prior_concentration is 0.5, must be None"),
    (DirichletVAE, {"prior_components": 2}, "prior_components is 2, must be None"),
    (DirichletVAE, {"commitment": 0.5}, "commitment is 0.5, must be None"),
    (DirichletVAE, {"decoder_hidden_sizes": (7,)}, r"decoder_hidden_sizes is \(7,\), must be"),
    (TopicModel, {"latent": "softmax-gaussian"}, "latent is .*, must be Dirichlet for partial_fit"),
    (TopicModel, {"decoder": "overdispersed"}, "decoder is OverdispersedDecoder, must be Mixture"),
    (TopicModel, {"background": False}, "background is False, must be True"),
    (TopicModel, {"prior_concentration": 0.5}, "prior_concentration is 0.5, must be 'learn'"),
    (TopicModel, {"guide": {"a": ["b"]}}, r"guide is \{'a': \('b',\)\}, must be None"),
    (TopicModel, {"vectorizer": CountVectorizer()}, "vectorizer is CountVectorizer, must be None"),
    (CompositionModel, {"prior_concentration": None}, "prior_concentration is None, must be 'le"),
    *((Estimator, {"hidden_sizes": (7,)}, r"hidden_sizes is \(7,\), must") for Estimator in PASSES),
]


@pytest.mark.parametrize("is_loaded", [False, True])
@pytest.mark.parametrize(("Estimator", "changed", "message"), SHAPING)
def test_no_pass_changes_the_shape_of_a_model(Estimator, changed, message, is_loaded, tmp_path):
    model = estimator(Estimator).partial_fit(X)
    if is_loaded:
        model.save(tmp_path / "model")
        model = Estimator.load(tmp_path / "model")
    right = {name: getattr(model, name) for name in changed}
    weights = {name: w.clone() for name, w in model.vae_.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        model.set_params(**changed).partial_fit(X)
    assert all(bool((weights[name] == w).all()) for name, w in model.vae_.state_dict().items())
    assert len(model.set_params(**right).partial_fit(X).history_) == 2


@pytest.mark.parametrize(
    ("at_first", "defaults", "other"),
    [
        (
            {},
            {"latent": "standardized-dirichlet", "prior_concentration": 10, "commitment": 1.5},
            {"commitment": 1.25},
        ),
        (
            {"latent": "dirichlet"},  # of K = 2, whose prior has 1 - 1/2
            {"prior_concentration": 0.5, "commitment": 0, "likelihood": "gaussian"},
            {"likelihood": "bernoulli"},
        ),
    ],
)
@pytest.mark.parametrize("is_loaded", [False, True])
def test_defaults_spelled_out_make_one_more_pass(at_first, defaults, other, is_loaded, tmp_path):
    rows = np.random.default_rng(0).normal(size=(20, 5))
    model = estimator(DirichletVAE).set_params(likelihood=None, **at_first).partial_fit(rows)
    if is_loaded:
        model.save(tmp_path / "model")
        model = DirichletVAE.load(tmp_path / "model")
    assert len(model.set_params(**defaults).partial_fit(rows).history_) == 2
    with pytest.raises(ValueError, match=r"(commitment|likelihood) is .*, must be None for"):
        model.set_params(**other).partial_fit(rows)


def test_the_same_argument_in_other_words_makes_one_more_pass():
    model = estimator(TopicModel).set_params(vectorizer=CountVectorizer()).partial_fit(TEXTS)
    same = {"latent": "dirichlet", "decoder": "mixture", "hidden_sizes": [*model.hidden_sizes]}
    model.set_params(**same, vectorizer=CountVectorizer(), max_epochs=7, learning_rate=1e-3)
    assert len(model.partial_fit(TEXTS).history_) == 2
    with pytest.raises(ValueError, match="vectorizer is CountVectorizer, must be as it was for"):
        model.set_params(vectorizer__binary=True).partial_fit(TEXTS)


@pytest.mark.parametrize("Estimator", PASSES)
def test_fit_takes_another_number_of_components(Estimator):
    model = estimator(Estimator).partial_fit(X).set_params(n_components=3).fit(X)
    assert model.transform(X).shape == (20, 3)
    assert len(model.get_feature_names_out()) == 3
    assert model.partial_fit(X).components_.shape == (3, 5)


def test_a_refused_pass_leaves_what_was_learned():
    model = estimator(TopicModel).fit(X, Y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="X has 4 features"):
        model.partial_fit(X[:, :4])
    assert dict(vars(model)) == before


@pytest.mark.parametrize(
    ("callbacks", "told"),
    [
        (3, "3"),
        ([LambdaCallback(), "a"], "'a'"),
        (iter([LambdaCallback()]), "<list_iterator .*>"),  # which a check would use up
    ],
)
def test_callbacks_are_of_lightning(callbacks, told):
    with pytest.raises(ValueError, match=f"trainer has {told} among its callbacks, must have"):
        estimator(DirichletVAE).fit(X, trainer={"callbacks": callbacks})


@pytest.mark.parametrize(
    "as_given",
    [
        lambda y: pd.array(y, dtype="Int64"),
        lambda y: pd.Series(y, dtype="Int64"),
        lambda y: pl.Series(y, dtype=pl.Int64),
    ],
)
def test_whole_numbers_beside_missing_ones_stay_whole(as_given):
    large = 10**17
    y = as_given([large + 1, large + 2, None, large + 3] * 5)
    model = estimator(SemiSupervisedVAE).fit(X, y)
    assert model.classes_.tolist() == [large + 1, large + 2, large + 3]


@pytest.mark.parametrize("Estimator", ALL)
def test_a_random_state_is_drawn_from_and_its_seed_is_kept(Estimator):
    model = estimator(Estimator, random_state=np.random.RandomState(7)).fit(X, Y)
    assert model._seed == np.random.RandomState(7).randint(2**31 - 1)


@pytest.mark.parametrize(
    ("state", "right"),
    [
        (-1, "must be an integer from 0 to 4294967295"),
        (2**32, "must be an integer from 0 to 4294967295"),
        (True, "must be an integer, a numpy.random.RandomState or None"),
        (1.5, "must be an integer, a numpy.random.RandomState or None"),
        (np.random.default_rng(0), "must be an integer, a numpy.random.RandomState or None"),
    ],
)
@pytest.mark.parametrize("Estimator", ALL)
def test_a_random_state_that_is_none_is_named(Estimator, state, right):
    with pytest.raises(ValueError, match=f"random_state is .*, {right}"):
        estimator(Estimator, random_state=state).fit(X, Y)


@pytest.mark.parametrize("state", [0, 2**32 - 1, np.int64(3), None, np.random])
def test_random_states_of_scikit_learn_are_taken(state):
    estimator(DirichletVAE, random_state=state).fit(X)


@pytest.mark.parametrize("Estimator", ALL)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_epochs": 0}, "max_epochs is 0, must be an integer of 1 or more"),
        ({"hidden_sizes": 4}, "hidden_sizes is 4, must be a sequence of integers"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, must be a positive number"),
    ],
)
def test_arguments_that_all_have_are_checked_alike(Estimator, options, message):
    with pytest.raises(ValueError, match=message):
        Estimator(**options).fit(X, Y)


@pytest.mark.parametrize("Estimator", [DirichletVAE, SemiSupervisedVAE])
def test_single_precision_comes_back_as_such(Estimator):
    model = estimator(Estimator).fit(X, Y)
    single = model.transform(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, model.transform(X), rtol=1e-6)


@pytest.mark.parametrize("Estimator", ALL)
def test_what_is_learned_is_saved_and_arguments_once(Estimator, tmp_path):
    model = estimator(Estimator).fit(X, Y)
    model.save(tmp_path / "model")
    loaded = Estimator.load(tmp_path / "model")
    assert type(loaded) is Estimator
    assert vars(loaded).keys() >= vars(model).keys() - Estimator.not_saved
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))


@pytest.mark.parametrize("Estimator", [*ALL, CompositionModel])
def test_the_trainer_is_told_and_nothing_of_it_is_saved(Estimator, tmp_path):
    ended = []
    callback = LambdaCallback(on_train_end=lambda trainer, _: ended.append(trainer.precision))
    told = {"logger": CSVLogger(tmp_path, name=""), "callbacks": callback, "precision": "64-true"}
    model = estimator(Estimator).fit(X, Y, trainer=told)
    with open(tmp_path / "version_0" / "metrics.csv") as file:
        elbos = [float(row["elbo"]) for row in csv.DictReader(file) if row["elbo"]]
    assert elbos == pytest.approx([metrics["elbo"] for metrics in model.history_])
    assert ended == ["64-true"]
    assert next(model.vae_.parameters()).dtype == torch.float32  # as without it
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(
        Estimator.load(tmp_path / "model").transform(X), model.transform(X)
    )
    assert "trainer" not in (tmp_path / "model" / "config.json").read_text()


@pytest.mark.parametrize("Estimator", [*ALL, CompositionModel])
def test_what_the_trainer_may_not_be_told_is_refused_before_work(Estimator):
    model = estimator(Estimator)
    with pytest.raises(ValueError, match="trainer has max_epochs, which the argument max_epochs"):
        model.fit(X, Y, trainer={"max_epochs": 3})
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize(("planned", "rises"), [(100, 50), (10_000, 1000)])
def test_the_kl_has_its_whole_weight_after_half_of_the_steps_or_a_thousand(
    monkeypatch, planned, rises
):
    monkeypatch.setattr(Training, "planned_steps", planned)
    training = scheduled(Training(gaussian(4, 2)), 0.01)
    steps = (0, rises // 2, rises, planned)
    assert [training.kl_schedule(step) for step in steps] == [0, 0.5, 1, 1]


@pytest.mark.parametrize("Estimator", [DirichletVAE, TopicModel])
def test_a_pickle_of_an_earlier_version_makes_another_pass(Estimator):
    model = estimator(Estimator).partial_fit(X)
    del model._built
    again = pickle.loads(pickle.dumps(model)).partial_fit(X)
    assert len(again.history_) == 2
