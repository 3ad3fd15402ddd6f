"""scikit-learn estimators."""

from dirvae.estimators.dirichlet_vae import DirichletVAE

__all__ = ["DirichletVAE"]
