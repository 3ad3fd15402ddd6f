"""Words for constructors, in estimators as on the command line; one is imported when it is used.

So help lists the words without PyTorch, and a new constructor takes one line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import Any

from dirvae.text import nearest

__all__ = ["DECODERS", "LATENTS", "LIKELIHOODS", "meant", "named"]

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


WORDS: Mapping[str, Mapping[str, str | None]] = {
    "latent": LATENTS,
    "likelihood": LIKELIHOODS,
    "decoder": DECODERS,
}


def named(words: Mapping[str, str | None], word: str) -> Any:
    """Import what a word stands for; None if that is left to the estimator.

    Example:
        >>> named(LATENTS, "gaussian").__name__
        'Normal'
    """
    name = words[word]
    return None if name is None else resolve_name(name)


def meant(argument: str, value: Any) -> Any:
    """Return what the argument of an estimator stands for: of a word its constructor.

    Args:
        argument: "latent", "likelihood" or "decoder".
        value: A word; what is none stays as it is.

    Raises:
        ValueError: If the word is unknown.

    Example:
        >>> meant("latent", "gaussian").__name__, meant("likelihood", "auto"), meant("decoder", 3)
        ('Normal', None, 3)
    """
    if not isinstance(value, str):
        return value
    words = WORDS[argument]
    if value not in words:
        raise ValueError(
            f"{argument} is {value!r}, must be a class or one of {', '.join(words)}"
            f"{nearest(value, words)}"
        )
    return named(words, value)
