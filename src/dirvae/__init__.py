"""Variational autoencoders with Dirichlet and other non-Gaussian latents.

Names are imported when they are first used, so that ``import dirvae`` costs next to nothing.

Example:
    >>> import dirvae
    >>> dirvae.VAE.__name__
    'VAE'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dirvae import (
        anndata,
        assessment,
        data,
        distributions,
        evaluation,
        export,
        hub,
        models,
        nn,
        objectives,
        plot,
        topics,
    )
    from dirvae.estimators import DirichletVAE, SemiSupervisedVAE
    from dirvae.models.vae import VAE
    from dirvae.persistence import ModelFormatError, load, save
    from dirvae.topics import CompositionModel, TopicModel
    from dirvae.training import fit

    __version__: str

__all__ = [
    "VAE",
    "CompositionModel",
    "DirichletVAE",
    "ModelFormatError",
    "SemiSupervisedVAE",
    "TopicModel",
    "__version__",
    "anndata",
    "assessment",
    "data",
    "distributions",
    "evaluation",
    "export",
    "fit",
    "hub",
    "load",
    "models",
    "nn",
    "objectives",
    "plot",
    "save",
    "topics",
]

_HOMES = {
    "CompositionModel": "dirvae.topics",
    "DirichletVAE": "dirvae.estimators",
    "ModelFormatError": "dirvae.persistence",
    "SemiSupervisedVAE": "dirvae.estimators",
    "TopicModel": "dirvae.topics",
    "VAE": "dirvae.models.vae",
    "fit": "dirvae.training",
    "load": "dirvae.persistence",
    "save": "dirvae.persistence",
}
_SUBPACKAGES = {
    *("anndata", "assessment", "data", "distributions", "evaluation", "export", "hub"),
    *("models", "nn", "objectives", "plot", "testing", "topics", "training"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name in _SUBPACKAGES:
        return importlib.import_module(f"dirvae.{name}")
    if name == "__version__":
        value: Any = _version()
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'dirvae' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("dirvae")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"
