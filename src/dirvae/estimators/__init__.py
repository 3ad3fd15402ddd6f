"""scikit-learn estimators; of texts and counts, `dirvae.topics.TopicModel`."""

from dirvae.estimators.dirichlet_vae import DirichletVAE
from dirvae.estimators.semi_supervised import SemiSupervisedVAE

__all__ = ["DirichletVAE", "SemiSupervisedVAE"]
