"""A learned prior of topics' shares, which may depend on covariates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dirvae.distributions import Dirichlet
from dirvae.nn import Conditional

__all__ = ["PrevalencePrior"]


class PrevalencePrior(Conditional):
    r"""A Dirichlet whose concentration is learned: :math:`\alpha_k = e^{a_k + c^\top w_k}`.

    Here c are the covariates less their mean, in their standard deviations, which `standardize`
    sets. Without covariates it is one asymmetric Dirichlet for all documents.

    Args:
        num_topics: K.
        num_covariates: C.

    References:
        Mimno & McCallum 2008 (Dirichlet-multinomial regression); Wallach, Mimno & McCallum 2009
        (why the prior of theta should be asymmetric).

    Example:
        >>> PrevalencePrior(2)().concentration
        tensor([0.1000, 0.1000], grad_fn=<ExpBackward0>)
    """

    shift: Tensor
    unit: Tensor
    START = 0.1  # of each concentration

    def __init__(self, num_topics: int, num_covariates: int = 0) -> None:
        super().__init__()
        self.num_topics, self.num_covariates = num_topics, num_covariates
        start = torch.full((num_topics,), self.START).log()
        self.log_concentration = nn.Parameter(start)
        self.weight = nn.Parameter(torch.zeros(num_covariates, num_topics))
        self.register_buffer("shift", torch.zeros(num_covariates))
        self.register_buffer("unit", torch.ones(num_covariates))

    def standardize(self, covariates: Tensor) -> None:
        """Take means and standard deviations, where these are not 0, from rows of shape (N, C)."""
        std = covariates.std(0, correction=0)
        self.shift.copy_(covariates.mean(0))
        self.unit.copy_(torch.where(std > 0, std, 1.0))

    def forward(self, *context: Tensor) -> Dirichlet:
        """Return p(theta | covariates), shape (B, C); at their means where none are given."""
        log_concentration: Tensor = self.log_concentration
        if context:
            standard = (context[0] - self.shift) / self.unit
            log_concentration = log_concentration + standard @ self.weight
        return Dirichlet(log_concentration.clamp(-12, 12).exp(), validate_args=False)
