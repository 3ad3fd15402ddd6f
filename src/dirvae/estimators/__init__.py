"""scikit-learn estimators of rows of numbers; for texts and counts see `dirvae.TopicModel`."""

from dirvae.estimators.dirichlet_vae import DirichletVAE
from dirvae.estimators.posterior import RowPosterior
from dirvae.estimators.semi_supervised import SemiSupervisedVAE

__all__ = ["DirichletVAE", "RowPosterior", "SemiSupervisedVAE"]
