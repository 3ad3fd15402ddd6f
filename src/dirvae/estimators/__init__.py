"""scikit-learn estimators."""

from dirvae.estimators.dirichlet_vae import DirichletVAE
from dirvae.estimators.semi_supervised import SemiSupervisedVAE
from dirvae.estimators.topic_ensemble import TopicEnsemble, fit_seeds
from dirvae.estimators.topic_model import TopicModel
from dirvae.estimators.topic_sizes import TopicSizes, compare_sizes

__all__ = [
    "DirichletVAE",
    "SemiSupervisedVAE",
    "TopicEnsemble",
    "TopicModel",
    "TopicSizes",
    "compare_sizes",
    "fit_seeds",
]
