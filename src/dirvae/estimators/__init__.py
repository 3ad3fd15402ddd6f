"""scikit-learn estimators."""

from dirvae.estimators.dirichlet_vae import DirichletVAE
from dirvae.estimators.semi_supervised import SemiSupervisedVAE
from dirvae.estimators.topic_model import TopicModel
from dirvae.estimators.topic_sizes import TopicSizes, compare_sizes

__all__ = ["DirichletVAE", "SemiSupervisedVAE", "TopicModel", "TopicSizes", "compare_sizes"]
