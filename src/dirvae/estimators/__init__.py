"""scikit-learn estimators."""

from dirvae.estimators.dirichlet_vae import DirichletVAE
from dirvae.estimators.semi_supervised import SemiSupervisedVAE
from dirvae.estimators.topic_model import TopicModel

__all__ = ["DirichletVAE", "SemiSupervisedVAE", "TopicModel"]
