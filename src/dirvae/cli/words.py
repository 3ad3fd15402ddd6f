"""The command line's words for constructors, which are imported when one is used.

So help lists the words without PyTorch, and a new constructor takes one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

__all__ = ["DECODERS", "LATENTS", "LIKELIHOODS", "named"]

LATENTS = {
    "dirichlet": "dirvae.distributions:Dirichlet",
    "inverse-cdf": "dirvae.distributions:InverseCDFDirichlet",
    "scaled-dirichlet": "dirvae.distributions:ScaledDirichlet",
    "standardized-dirichlet": "dirvae.distributions:StandardizedDirichlet",
    "stick-breaking": "dirvae.distributions:StickBreakingKumaraswamy",
    "softmax-gaussian": "dirvae.distributions:SoftmaxNormal",
    "concrete": "torch.distributions:RelaxedOneHotCategorical",
    "gaussian": "torch.distributions:Normal",
}
LIKELIHOODS = {
    "auto": None,
    "bernoulli": "torch.distributions:Bernoulli",
    "gaussian": "torch.distributions:Normal",
    "multinomial": "dirvae.distributions:Multinomial",
    "dirichlet-multinomial": "dirvae.distributions:DirichletMultinomial",
    "negative-binomial": "dirvae.distributions:NegativeBinomial",
    "zero-inflated-negative-binomial": "dirvae.distributions:ZeroInflatedNegativeBinomial",
}
DECODERS = {
    "mixture": "dirvae.topics:MixtureDecoder",
    "overdispersed": "dirvae.topics:OverdispersedDecoder",
    "product": "dirvae.topics:ProductDecoder",
    "embedded": "dirvae.topics:EmbeddedDecoder",
}


def named(words: Mapping[str, str | None], word: str) -> Any:
    """Import what a word stands for; None if that is left to the estimator.

    Example:
        >>> named(LATENTS, "gaussian").__name__
        'Normal'
    """
    name = words[word]
    return None if name is None else resolve_name(name)
