"""A learned prior of topics' shares, which may depend on covariates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dirvae.distributions import Dirichlet
from dirvae.nn import Conditional

__all__ = ["PrevalencePrior"]


class PrevalencePrior(Conditional):
    r"""A Dirichlet whose concentration is learned: :math:`\alpha_k = e^{a_k + c^\top w_k}`.

    Here c are standardized covariates: minus their mean, divided by their standard deviation;
    `standardize` sets both. Without covariates the prior is one Dirichlet for all documents, with a
    concentration for each topic.

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
        # Weights of no covariates never have a gradient, for which processes would wait.
        weight = torch.zeros(num_covariates, num_topics)
        self.weight = nn.Parameter(weight, requires_grad=num_covariates > 0)
        self.register_buffer("shift", torch.zeros(num_covariates))
        self.register_buffer("unit", torch.ones(num_covariates))

    def standardize(self, covariates: Tensor) -> None:
        """Set means and standard deviations to those of covariates of shape (N, C)."""
        std = covariates.std(0, correction=0)
        self.shift.copy_(covariates.mean(0))
        self.unit.copy_(torch.where(std > 0, std, 1.0))

    def forward(self, *context: Tensor) -> Dirichlet:
        """Return p(theta | covariates), given shape (B, C). Without any, the prior at the means."""
        log_concentration: Tensor = self.log_concentration
        if context:
            standard = (context[0] - self.shift) / self.unit
            log_concentration = log_concentration + standard @ self.weight
        return Dirichlet(log_concentration.clamp(-12, 12).exp(), validate_args=False)
