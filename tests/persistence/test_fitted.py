"""Estimators on disk: equal to the bit, and one sentence for what is forged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from torch import nn
from torch.distributions import Bernoulli, Normal, Poisson
from typing_extensions import TypeAliasType

import dirvae
from dirvae import ModelFormatError, load, save
from dirvae.distributions import (
    Dirichlet,
    DirichletMultinomial,
    InverseCDFDirichlet,
    Multinomial,
    NegativeBinomial,
    ScaledDirichlet,
    SoftmaxNormal,
    StandardizedDirichlet,
    StickBreakingBeta,
    StickBreakingKumaraswamy,
    ZeroInflatedNegativeBinomial,
)
from dirvae.persistence.fitted import _of_type
from dirvae.persistence.vectorizers import MOST_NGRAMS
from tests.persistence.saved import D, K, OwnLaw, forge, forge_config, left_in


def rows(likelihood: Any) -> Any:
    noise = np.random.RandomState(0)
    if likelihood is Normal:
        return noise.randn(30, D) * 3 + 5
    if likelihood is Bernoulli or likelihood is None:
        return noise.rand(30, D)
    return noise.poisson(3.0, (30, D)).astype(float)


def estimator(**arguments: Any) -> dirvae.DirichletVAE:
    small = {"hidden_sizes": (8,), "decoder_hidden_sizes": (8,), "max_epochs": 2, "random_state": 3}
    return dirvae.DirichletVAE(K, **{**small, **arguments})


def assert_same_estimator(ours: dirvae.DirichletVAE, theirs: dirvae.DirichletVAE, X: Any) -> None:
    assert type(theirs) is type(ours)
    assert vars(theirs).keys() == vars(ours).keys()
    np.testing.assert_equal(theirs.get_params(), ours.get_params())
    for name, value in vars(ours).items():
        if name not in ("vae_", "_optimizer_state"):
            np.testing.assert_equal(getattr(theirs, name), value)
    for method in ("transform", "score_samples"):
        np.testing.assert_array_equal(getattr(theirs, method)(X), getattr(ours, method)(X))
    z = np.array(ours.transform(X))
    np.testing.assert_array_equal(theirs.inverse_transform(z), ours.inverse_transform(z))


NAMES = ("config.json", "manifest.json", "model.safetensors")
LATENTS = (
    Dirichlet,
    InverseCDFDirichlet,
    ScaledDirichlet,
    SoftmaxNormal,
    StickBreakingBeta,
    StickBreakingKumaraswamy,
    Normal,
)
LIKELIHOODS = (
    Bernoulli,
    Normal,
    Multinomial,
    DirichletMultinomial,
    NegativeBinomial,
    ZeroInflatedNegativeBinomial,
    Poisson,
)


@pytest.mark.parametrize("latent", LATENTS)
def test_each_latent_of_the_estimator(latent: Any, tmp_path: Path) -> None:
    X = rows(None)
    fitted = estimator(latent=latent).fit(X)
    fitted.save(tmp_path / "model")
    again = dirvae.DirichletVAE.load(tmp_path / "model")
    assert_same_estimator(fitted, again, X)
    np.testing.assert_array_equal(again.sample(4), fitted.sample(4))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_each_likelihood_of_the_estimator(likelihood: Any, tmp_path: Path) -> None:
    X = rows(likelihood)
    fitted = estimator(likelihood=likelihood).fit(X)
    save(fitted, tmp_path / "model")
    assert_same_estimator(fitted, load(tmp_path / "model"), X)


@pytest.mark.parametrize(
    "arguments",
    [
        {"prior_concentration": 0.5},
        {"prior_concentration": np.array([0.1, 1.0, 2.0], dtype=np.float32)},
        {"prior_concentration": (0.1, 1.0, 2.0), "validation_fraction": 0.0},
        {"prior_concentration": "learn", "max_epochs": 4},
        {"prior_concentration": 5.0, "latent": ScaledDirichlet, "commitment": 1.5},
        {"latent": StandardizedDirichlet, "prior_components": 3, "commitment": 0.5},
        {"learning_rate": np.float64(1e-3), "random_state": np.int64(5)},
    ],
)
def test_each_kind_of_argument(arguments: dict[str, Any], tmp_path: Path) -> None:
    X = sparse.csr_matrix(rows(None))
    fitted = estimator(**arguments).fit(X)
    fitted.save(tmp_path / "model")
    assert_same_estimator(fitted, load(tmp_path / "model"), X)


def test_names_of_features_and_the_output_container(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(rows(None), columns=[f"Größe {i}" for i in range(D)])
    fitted = estimator().set_output(transform="pandas").fit(X)
    fitted.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert_same_estimator(fitted, again, X)
    pandas.testing.assert_frame_equal(again.transform(X), fitted.transform(X))


def test_a_random_state_without_a_number_is_none(tmp_path: Path) -> None:
    fitted = estimator(random_state=np.random.RandomState(0)).fit(rows(None))
    fitted.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert again.random_state is None
    np.testing.assert_array_equal(again.transform(rows(None)), fitted.transform(rows(None)))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_loaded_estimator_is_fitted_further(method: str, tmp_path: Path) -> None:
    X = rows(None)
    getattr(estimator(), method)(X).save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert (
        len(again.partial_fit(X).history_) == again.n_iter_ == {"fit": 3, "partial_fit": 2}[method]
    )


def test_metrics_that_are_not_finite(tmp_path: Path) -> None:
    fitted = estimator().fit(rows(None))
    fitted.history_[0].update(active=float("nan"), kl=float("inf"))
    fitted.save(tmp_path / "model")
    first = load(tmp_path / "model").history_[0]
    assert np.isnan(first["active"])
    assert first["kl"] == np.inf


def test_the_vae_of_an_estimator_is_loaded_into_a_vae(tmp_path: Path) -> None:
    one, two = estimator().fit(rows(None)), estimator(random_state=8).fit(rows(None))
    one.save(tmp_path / "model")
    load(tmp_path / "model", into=two.vae_)
    np.testing.assert_array_equal(one.transform(rows(None)), two.transform(rows(None)))


def test_estimators_that_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        estimator().save(tmp_path / "model")
    fitted = estimator().fit(rows(None))
    fitted.vae_.decoder.net.layers[-1] = nn.Tanh()
    with pytest.raises(ValueError, match=r"vae_ has parts of your own .*: save vae_ alone"):
        fitted.save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"likelihood=.*OwnLaw.* cannot be saved"):
        estimator(likelihood=OwnLaw).fit(rows(Normal)).save(tmp_path / "model")
    assert not left_in(tmp_path)


def test_an_estimator_loads_no_plain_vae(model: Path) -> None:
    with pytest.raises(
        ModelFormatError, match=r"holds a VAE, not a DirichletVAE: use dirvae\.load"
    ):
        dirvae.DirichletVAE.load(model)


@pytest.fixture(scope="module")
def fitted_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("estimator") / "model"
    estimator().fit(rows(None)).save(path)
    return path


@pytest.mark.parametrize(
    ("part", "name", "value", "sentence"),
    [
        ("parameters", "n_components", "many", "n_components is 'many', must be an integer"),
        ("parameters", "n_components", {"law": "os.system"}, "distribution that is not known here"),
        ("parameters", "hidden_sizes", None, "the estimator cannot be built"),
        (
            "parameters",
            "prior_concentration",
            {"labels": {"items": ["a"], "words": True}},
            "cannot be built",
        ),
        ("parameters", "prior_concentration", {"array": [1]}, "the file has no array"),
        ("parameters", "prior_concentration", {"array": [1], "dtype": "object"}, "malformed"),
        ("parameters", "prior_concentration", {"anything": 1}, "malformed"),
        ("parameters", "unheard_of", 1, "the parameters must be those of DirichletVAE"),
        ("fitted", "transform", "replaced", "fitted attributes are not those"),
        ("fitted", "vae_", None, "fitted attributes are not those"),
        ("fitted", "n_iter_", -1, "n_iter_ is '-1', must be an integer, 0 or more"),
        ("fitted", "n_iter_", True, "n_iter_ is 'True', must be an integer, 0 or more"),
        ("fitted", "history_", 1, "history_ is '1', must be of type list"),
        ("fitted", "history_", [1], "history_ is '1', must be of type dict"),
        ("fitted", "history_", [{"map": {"elbo": "low"}}], "history_ is 'low', must be a number"),
        ("fitted", "history_", [{"map": {"elbo": None}}], "history_ is 'None', must be a number"),
        ("fitted", "history_", [{"elbo": 1.0, "kl": 1.0}], "malformed"),
        ("fitted", "feature_names_in_", [1], "feature_names_in_ is .*, must be of type ndarray"),
        ("fitted", "feature_names_in_", {"labels": {"items": [[1]]}}, "list of numbers or words"),
        ("fitted", "history_", [{"map": {"elbo": {"float": "1"}}}], "'1' in the model is malfor"),
        (None, "kind", "SemiSupervisedVAE", "its model is a VAE, must be a LabelledVAE"),
        ("fitted", "likelihood_", None, "likelihood_ is 'None', must be of type Callable"),
        ("fitted", "likelihood_", {"law": "os.system"}, "distribution that is not known here"),
        ("fitted", "prior_concentration_", {"array": "transform"}, "no array 'transform'"),
        ("fitted", "_optimizer_state", None, "fitted attributes are not those"),
        (None, "fitted", None, "has no fitted"),
        (None, "parameters", [], "has no parameters"),
        (None, "output", "exec", "fitted attributes are not those"),
    ],
)
def test_forged_estimators_are_refused(
    part: str | None, name: str, value: Any, sentence: str, fitted_config: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for file in fitted_config.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    forge_config(model, lambda c: (c[part] if part else c).update({name: value}))
    with pytest.raises(ModelFormatError, match=sentence) as raised:
        load(model)
    assert str(model) in str(raised.value)


@pytest.mark.parametrize("kind", ["rows", "classes", "topics"])
def test_a_folder_that_lacks_what_was_learned_is_refused(kind: str, tmp_path: Path) -> None:
    """Whatever was left out: a use of the model would fail later, without a reason."""
    few: dict[str, Any] = {"max_epochs": 1, "hidden_sizes": (4,), "random_state": 0}
    x = np.random.RandomState(0).rand(20, D)
    fitted: Any = {
        "rows": lambda: dirvae.DirichletVAE(2, **few).fit(x),
        "classes": lambda: dirvae.SemiSupervisedVAE(2, **few).fit(x, np.arange(20) % 2),
        "topics": lambda: dirvae.TopicModel(2, **few).fit(np.ceil(x * 3)),
    }[kind]()
    fitted.save(tmp_path / "model")
    sound = json.loads((tmp_path / "model" / "config.json").read_text())
    assert {"history_", "n_iter_", "n_features_in_", "_n_features_out"} <= sound["fitted"].keys()
    for name in sound["fitted"].keys() - fitted.not_always:
        value = sound["fitted"][name]
        forge_config(tmp_path / "model", lambda c, name=name: c["fitted"].pop(name))
        with pytest.raises(ModelFormatError, match=f"the fitted attributes lack {name}"):
            load(tmp_path / "model")
        forge_config(tmp_path / "model", lambda c, n=name, v=value: c["fitted"].update({n: v}))
    load(tmp_path / "model")


def test_networks_that_do_not_go_with_each_other_are_refused(tmp_path: Path) -> None:
    few: dict[str, Any] = {"max_epochs": 1, "hidden_sizes": (4,), "random_state": 0}
    x = np.random.RandomState(0).rand(20, D)
    classes = dirvae.SemiSupervisedVAE(2, **few).fit(x, np.arange(20) % 2)
    classes.save(tmp_path / "model")
    forge_config(tmp_path / "model", lambda c: c["model"].update(label_in_encoder=True))
    with pytest.raises(ModelFormatError, match=f"cannot take rows of {D} features"):
        load(tmp_path / "model")
    rows = dirvae.DirichletVAE(2, **few).fit(x)
    topics = dirvae.TopicModel(2, **few).fit(np.ceil(x * 3))
    for fitted, what in ((rows, f"rows of {D} features"), (topics, f"counts of {D} words")):
        fitted.save(tmp_path / "sound")
        fitted.vae_.encoder = dirvae.TopicModel(2, **few).fit(np.ones((4, D - 1))).vae_.encoder
        with pytest.raises(ValueError, match=f"vae_ cannot take {what}"):
            fitted.save(tmp_path / "other")


def test_a_folder_from_before_an_argument_was_added_is_loaded(
    fitted_config: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for file in fitted_config.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    forge_config(model, lambda c: c["parameters"].pop("prior_components"))
    again = load(model)
    assert again.prior_components is None
    np.testing.assert_array_equal(
        again.transform(rows(None)), load(fitted_config).transform(rows(None))
    )


@pytest.fixture(scope="module")
def model_with_covariates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("topics") / "model"
    counts = np.random.RandomState(0).poisson(1.0, (20, D))
    model = dirvae.TopicModel(2, max_epochs=1, hidden_sizes=(4,), random_state=0)
    model.fit(counts, covariates=pd.DataFrame({"age": np.arange(20.0)})).save(path)
    return path


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": 1}, "name is '1', must be of type str"),
        ({"levels": "ab"}, "levels is 'ab', must be of type list"),
        ({"levels": [1]}, "levels is '1', must be of type str"),
        ({"origin": "0"}, "origin is '0', must be a number"),
        ({"unit": 0.0}, "age has no origin and unit, must have finite ones"),
        ({"origin": {"float": "nan"}}, "age has no origin and unit, must have finite ones"),
        ({"extra": 1}, "_covariates is .* must be of type Covariate"),
        ({"knots": [0.0, 2.0, 1.0]}, r"age has knots \[0.0, 2.0, 1.0\], must have rising ones"),
    ],
)
def test_forged_covariates_are_refused(
    change: dict[str, Any], sentence: str, model_with_covariates: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(model_with_covariates, model)
    assert load(model)._covariates[0].name == "age"

    def forged(config: dict[str, Any]) -> None:
        config["fitted"]["_covariates"][0]["record"]["map"].update(change)

    forge_config(model, forged)
    with pytest.raises(ModelFormatError, match=sentence):
        load(model)


@pytest.mark.parametrize(
    ("part", "name", "value", "sentence"),
    [
        ("fitted", "_n_features_out", 10**9, r"vae_ has \(6, 3\) features and components, must"),
        ("fitted", "n_features_in_", 10**9, r"vae_ has \(6, 3\) features and components, must"),
        (
            "fitted",
            "feature_names_in_",
            {"labels": {"items": ["a"], "words": True}},
            r"feature_names_in_ has shape \(1,\), must have \(6,\), as the model has",
        ),
        ("fitted", "history_", [{"map": {"a": [[[1.0]]]}}], "must be a number"),
    ],
)
def test_estimators_that_contradict_their_weights_are_refused(
    part: str, name: str, value: Any, sentence: str, fitted_config: Path, tmp_path: Path
) -> None:
    shutil.copytree(fitted_config, tmp_path / "model")
    forge_config(tmp_path / "model", lambda config: config[part].update({name: value}))
    with pytest.raises(ModelFormatError, match=sentence):
        load(tmp_path / "model")


def test_what_would_not_load_is_not_saved(tmp_path: Path) -> None:
    fitted = estimator().fit(rows(None))
    fitted.n_features_in_ = 7
    with pytest.raises(ValueError, match=r"vae_ has \(6, 3\) features and components, must have"):
        fitted.save(tmp_path / "model")
    assert not left_in(tmp_path)


def test_what_is_learned_may_not_be_nested_too_deep(fitted_config: Path, tmp_path: Path) -> None:
    shutil.copytree(fitted_config, tmp_path / "model")
    tree: Any = 1.0
    for _ in range(420):
        tree = {"map": {"a": tree}}
    forge_config(tmp_path / "model", lambda config: config["fitted"].update(history_=[tree]))
    with pytest.raises(ModelFormatError, match=r"must be a number|nested too deep|recursion"):
        load(tmp_path / "model")


@pytest.mark.parametrize("depth", [40, 300])
def test_arguments_may_not_be_nested_too_deep(
    depth: int, fitted_config: Path, tmp_path: Path
) -> None:
    """What shows a model, such as `repr`, would run out of levels."""
    shutil.copytree(fitted_config, tmp_path / "model")
    tree: Any = 1.0
    for _ in range(depth):
        tree = [tree]
    forge_config(tmp_path / "model", lambda config: config["parameters"].update(device=tree))
    with pytest.raises(ModelFormatError, match="is nested too deep"):
        load(tmp_path / "model")


@pytest.fixture(scope="module")
def model_of_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "model"
    texts = ["some words here", "other words there", "some other texts"] * 4
    dirvae.TopicModel(2, max_epochs=1, hidden_sizes=(4,), random_state=0).fit(texts).save(path)
    return path


def forged_vectorizer(model: Path, to: Path, **change: Any) -> Path:
    shutil.copytree(model, to / "model")

    def forged(config: dict[str, Any]) -> None:
        config["fitted"]["vectorizer_"]["vectorizer"].update(change)

    forge_config(to / "model", forged)
    return to / "model"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"input": "filename"}, "its input is 'filename', must be 'content', not files"),
        ({"input": "file"}, "its input is 'file', must be 'content', not files"),
        ({"token_pattern": r"(\w+)+!", "tokenizer": None}, "may take too long on a text"),
        ({"analyzer": "unheard of"}, "the vectorizer of the model is broken: .*analyzer"),
        ({"encoding": "unheard of", "decode_error": "ab"}, "the vectorizer of the model is broken"),
        ({"words": ["one"]}, "vectorizer_ must have 2 words, as the model has"),
        ({"words": ["one"] * 2}, "the vectorizer of the model is broken"),
        ({"unheard_of": 1}, "the vectorizer of the model is malformed"),
    ],
)
def test_vectorizers_that_act_on_use_are_refused(
    change: dict[str, Any], sentence: str, model_of_texts: Path, tmp_path: Path
) -> None:
    model = forged_vectorizer(model_of_texts, tmp_path, **change)
    with pytest.raises(ModelFormatError, match=sentence):
        load(model)


def test_a_pattern_of_ones_own_that_is_plain_comes_back(tmp_path: Path) -> None:
    texts = ["a-b words", "c-d words", "words a-b"] * 4
    known = {"max_epochs": 1, "hidden_sizes": (4,), "random_state": 0}
    vectorizer = CountVectorizer(token_pattern=r"\w+(?:-\w+)*")
    dirvae.TopicModel(2, vectorizer=vectorizer, **known).fit(texts).save(tmp_path / "plain")
    assert load(tmp_path / "plain").vocabulary_.tolist() == ["a-b", "c-d", "words"]
    other = CountVectorizer(token_pattern=r"\w+(?=\s|$)")
    with pytest.raises(ValueError, match=r"cannot be saved: its token_pattern .* too long"):
        dirvae.TopicModel(2, vectorizer=other, **known).fit(texts).save(tmp_path / "other")
    assert left_in(tmp_path) == {"plain", *(f"plain/{name}" for name in NAMES)}


def test_long_sequences_of_words_are_not_saved(tmp_path: Path) -> None:
    texts = ["some words here", "other words there", "some other texts"] * 4
    vectorizer = CountVectorizer(ngram_range=(1, MOST_NGRAMS + 1))
    model = dirvae.TopicModel(2, max_epochs=1, hidden_sizes=(4,), vectorizer=vectorizer).fit(texts)
    said = f"sequences of {MOST_NGRAMS + 1} words, must be of at most {MOST_NGRAMS} to be saved"
    with pytest.raises(ValueError, match=said):
        model.save(tmp_path / "model")


def test_names_that_are_no_words_are_not_saved(tmp_path: Path) -> None:
    fitted = estimator().fit(rows(None))
    fitted.feature_names_in_ = np.array([None] * D)
    with pytest.raises(ValueError, match="cannot be saved: its items must be numbers or words"):
        fitted.save(tmp_path / "model")
    assert not left_in(tmp_path)


def test_topics_that_contradict_their_weights_are_not_saved(tmp_path: Path) -> None:
    counts = np.random.RandomState(0).poisson(1.0, (20, D))
    model, wider = (
        dirvae.TopicModel(2, max_epochs=1, hidden_sizes=(4,), random_state=0).fit(X)
        for X in (counts, np.hstack([counts, counts]))
    )
    model.vae_ = wider.vae_
    said = rf"vae_ has \({2 * D}, 3\) words and topics, must have \({D}, 2\)"  # and a background
    with pytest.raises(ValueError, match=said):
        model.save(tmp_path / "model")
    assert not left_in(tmp_path)


def test_a_name_for_a_type_stands_for_its_class():
    """As NDArray is one from NumPy 2.5 on: models could not be loaded there."""
    scalar = TypeVar("scalar")
    array = TypeAliasType("array", np.ndarray[Any, np.dtype[scalar]], type_params=(scalar,))
    value = np.zeros(2)
    assert _of_type(value, array[np.float64], "x") is value
    with pytest.raises(ModelFormatError, match="x is '0', must be of type ndarray"):
        _of_type("0", array[np.float64], "x")


def forged_tensor(model: Path, name: str, change: Any) -> None:
    state = safetensors.torch.load((model / "model.safetensors").read_bytes())
    state[name] = change(state[name])
    forge(model, "model.safetensors", safetensors.torch.save(state))


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("fitted.topic_prevalence_", lambda v: v * np.nan, "values that are NaN or infinite"),
        ("fitted.word_documents_", lambda v: v + np.inf, "values that are NaN or infinite"),
        ("encoder.net.features.weight", lambda v: v.to(torch.float8_e4m3fn), "in which nothing is"),
    ],
)
def test_numbers_that_are_none_are_refused(
    name: str, change: Any, said: str, model_with_covariates: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(model_with_covariates, model)
    state = safetensors.torch.load((model / "model.safetensors").read_bytes())
    assert name in state
    forged_tensor(model, name, change)
    with pytest.raises(ModelFormatError, match=f"{name} (has|is) .*{said}"):
        load(model)


def test_a_number_of_words_below_0_is_neither_saved_nor_loaded(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).poisson(2.0, (30, D))
    model = dirvae.TopicModel(2, max_epochs=1, hidden_sizes=(4,)).fit(counts)
    model.save(tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    known = f'"_num_words": {model._num_words}'
    assert known in config.read_text()
    forge(
        tmp_path / "model",
        "config.json",
        config.read_bytes().replace(known.encode(), b'"_num_words": -1.0'),
    )
    with pytest.raises(ModelFormatError, match="_num_words must be 0 or more"):
        load(tmp_path / "model")
    model._num_words = -1.0
    with pytest.raises(ValueError, match="_num_words must be 0 or more"):
        model.save(tmp_path / "other")


@pytest.mark.parametrize("words", [None, list("abcdef")])
def test_word_vectors_that_were_given_are_there_for_another_fit(words: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    counts, vectors = rng.poisson(2.0, (30, D)), rng.normal(size=(D, 4)).astype(np.float32)
    model = dirvae.TopicModel(
        2, decoder="embedded", word_vectors=vectors, max_epochs=2, hidden_sizes=(4,), random_state=0
    )
    model.fit(counts, vocabulary=words).save(tmp_path / "model")
    model.set_params(word_vectors=None).save(tmp_path / "model")  # they are among the weights
    again = load(tmp_path / "model").fit(counts, vocabulary=words)
    np.testing.assert_array_equal(again.transform(counts), model.transform(counts))
    if words:
        np.testing.assert_array_equal(again.word_vectors["c"], vectors[2])
    loaded = load(tmp_path / "model").set_params(word_vectors=vectors)
    assert len(loaded.partial_fit(counts).history_) == 3


def test_word_vectors_that_were_learned_are_learned_anew(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).poisson(2.0, (30, D))
    model = dirvae.TopicModel(2, decoder="embedded", max_epochs=1, hidden_sizes=(4,))
    model.fit(counts).save(tmp_path / "model")
    assert load(tmp_path / "model").word_vectors is None
