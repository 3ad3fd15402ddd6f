"""scikit-learn estimators."""

from dirvae.estimators.dirichlet_vae import DirichletVAE
from dirvae.estimators.semi_supervised import SemiSupervisedVAE

__all__ = ["DirichletVAE", "SemiSupervisedVAE"]
