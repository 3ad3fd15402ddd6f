"""What components are shown by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn
from torch.distributions import Normal

from dirvae import DirichletVAE
from dirvae.distributions import SoftmaxNormal
from dirvae.estimators.components import standing_out

SMALL = {"max_epochs": 1, "hidden_sizes": (4,), "decoder_hidden_sizes": (4,), "random_state": 0}
X = np.random.default_rng(0).random((20, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def fitted():
    frame = pd.DataFrame(X, columns=["<b>a</b>", "b", "c"])
    return DirichletVAE(2, **SMALL).fit(frame)


def test_columns_that_are_higher_and_lower_than_the_mean_of_components():
    components = np.array([[1.0, 500, 7], [3.0, 100, 7], [2.0, 0, 7]])
    found = standing_out(components, ["a", "b", "c"])
    assert found["higher"] == [["b"], ["a"], []]
    assert found["lower"] == [["a"], ["b"], ["b"]]


def test_components_are_what_the_corners_decode_to(fitted):
    np.testing.assert_array_equal(fitted.components_, fitted.inverse_transform(np.eye(2)))
    assert DirichletVAE(2, latent=SoftmaxNormal, **SMALL).fit(X).components_.shape == (2, 3)
    gaussian = DirichletVAE(2, latent=Normal, **SMALL).fit(X)
    assert not hasattr(gaussian, "components_")
    assert "2 components of 3 columns" in str(gaussian)


def test_a_fitted_estimator_shows_components_and_runs_nothing(fitted):
    assert str(fitted).splitlines()[0] == "DirichletVAE: 2 components of 3 columns"
    html = fitted._repr_html_()
    assert "&lt;b&gt;a&lt;/b&gt;" in html
    assert "<b>a</b>" not in html
    bundle = fitted._repr_mimebundle_()
    assert bundle["text/plain"] == str(fitted)
    assert bundle["text/html"].startswith("<p><b>DirichletVAE</b>: 2 components")
    with sklearn.config_context(display="text"):
        assert fitted._repr_mimebundle_() == {"text/plain": repr(fitted)}
    assert str(DirichletVAE(3)) == repr(DirichletVAE(3)) == "DirichletVAE(n_components=3)"


def test_evaluate_has_what_the_command_says(fitted):
    frame = pd.DataFrame(X, columns=fitted.feature_names_in_)
    table = fitted.evaluate(frame, 2).table()
    found = dict(zip(table["measure"], table["value"], strict=True))
    assert found["rows"] == 20
    assert found["elbo"] == pytest.approx(found["reconstruction"] - found["kl"])
    assert found["components"] == 2
    assert fitted.evaluate(frame, 0).to_frame().shape == (9, 2)
