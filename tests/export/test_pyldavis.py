"""What pyLDAvis is given keeps what its `prepare` checks, and it is the model's."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dirvae import TopicModel
from dirvae.export import pyldavis_arguments, to_pyldavis
from tests.export.conftest import COUNTS, KNOWN, SMALL, WORDS

NAMES = ["topic_term_dists", "doc_topic_dists", "doc_lengths", "vocab", "term_frequency"]


def test_it_is_what_prepare_takes(topics):
    given = pyldavis_arguments(topics.model, topics.X)
    assert list(given) == NAMES
    beta, theta = given["topic_term_dists"], given["doc_topic_dists"]
    np.testing.assert_allclose(beta, topics.model.topic_word_, rtol=1e-12)
    np.testing.assert_array_equal(theta, topics.model.transform(topics.X))
    np.testing.assert_array_equal(given["doc_lengths"], topics.X.sum(1))
    np.testing.assert_array_equal(given["term_frequency"], topics.X.sum(0))
    assert given["vocab"] == WORDS


def test_words_that_no_document_has_are_left_out(topics):
    some = topics.X[1:]  # without the only one that has the fifth word
    given = pyldavis_arguments(topics.model, some)
    assert given["vocab"] == [*WORDS[:4], WORDS[5]]
    there = np.array([True, True, True, True, False, True])
    beta = topics.model.topic_word_[:, there]
    np.testing.assert_allclose(given["topic_term_dists"], beta / beta.sum(1, keepdims=True))
    np.testing.assert_allclose(given["topic_term_dists"].sum(1), 1)
    np.testing.assert_array_equal(given["term_frequency"], some.sum(0)[there])


def test_covariates_tell(of_known):
    given = pyldavis_arguments(of_known.model, COUNTS, covariates=KNOWN)
    expected = of_known.model.transform(COUNTS, covariates=KNOWN)
    np.testing.assert_array_equal(given["doc_topic_dists"], expected)


def test_the_file_has_the_same(components, tmp_path):
    to_pyldavis(components.model, tmp_path / "topics.json", components.X)
    written = json.loads((tmp_path / "topics.json").read_text())
    given = pyldavis_arguments(components.model, components.X)
    assert list(written) == NAMES
    for name in NAMES:
        assert np.asarray(written[name]).tolist() == np.asarray(given[name]).tolist()


def test_what_gives_no_shares_is_refused(rows):
    with pytest.raises(TypeError, match="model is a DirichletVAE, must be a TopicModel"):
        pyldavis_arguments(rows.model, rows.X)
    model = TopicModel(2, decoder="product", latent="gaussian", **SMALL).fit(COUNTS)
    with pytest.raises(ValueError, match="not on the simplex: it gives no shares for pyLDAvis"):
        pyldavis_arguments(model, COUNTS)


def test_pyldavis_takes_it(topics):
    prepare = pytest.importorskip("pyLDAvis").prepare
    prepared = prepare(**pyldavis_arguments(topics.model, topics.X), mds="pcoa", n_jobs=1)
    assert sorted(prepared.topic_order) == [1, 2, 3]
