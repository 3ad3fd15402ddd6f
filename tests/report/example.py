"""Diagnoses whose numbers are known."""

from __future__ import annotations

import numpy as np

from dirvae.assessment import Diagnosis
from dirvae.assessment.marginals import MarginalDivergence
from dirvae.evaluation import Information, LatentMoments, Use


def diagnosis(uses=(Use.BOTH, Use.NEITHER, Use.DECODING), *, additive=True, norms=True):
    """Of three components, of which the last one does not vary."""

    def values(*numbers):
        return np.array(numbers)

    constant = np.nan
    return Diagnosis(
        uses=tuple(uses),
        encoding_variance=values(0.5, 0.0, 0.0),
        decoding_cost=values(1.0, 0.0, 0.5),
        weight_norms=values(0.5, 0.25, 2.0) if norms else None,
        means=LatentMoments(values(1, 2, 3), values(0.1, 0.2, 0), *[values(9, 9, 9)] * 2),
        draws=LatentMoments(
            *[values(9, 9, 9)] * 2, values(1, -0.5, constant), values(-1, 3, constant)
        ),
        prior=LatentMoments(*[values(9, 9, 9)] * 2, values(-0.004, 0, 0), values(0.25, 0.75, 0.5)),
        prior_location=values(0.25, 0.5, 0.75),
        prior_spread=values(1.0, 1.5, 2.0),
        marginal_kl=MarginalDivergence(values(0.5, 0.0, 2.5), values(0, 0, 0), True, additive),
        kl=3.14159,
        information=Information(values(0.5, 0.75, 1.0, 0.75), num_rows=10),
    )
