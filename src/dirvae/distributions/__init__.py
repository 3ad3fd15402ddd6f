"""Distributions, each a `torch.distributions.Distribution`.

Those whose draws can underflow are computed in log space.
"""

import dirvae.distributions._constraint_maps  # noqa: F401  registers them
from dirvae.distributions.beta import Beta
from dirvae.distributions.counts import NegativeBinomial, ZeroInflatedNegativeBinomial
from dirvae.distributions.dirichlet import Dirichlet, LogDirichlet
from dirvae.distributions.dirichlet_multinomial import DirichletMultinomial
from dirvae.distributions.draws import Draws, KLResult, draw, draw_with_log_ratio, kl, log_law
from dirvae.distributions.implicit import ImplicitCDF, from_cdf, from_icdf
from dirvae.distributions.inverse_cdf import (
    InverseCDFDirichlet,
    LogInverseCDFDirichlet,
    multi_gamma_kl,
)
from dirvae.distributions.kumaraswamy import Kumaraswamy, LogKumaraswamy
from dirvae.distributions.laplace import laplace_softmax_normal
from dirvae.distributions.log_gamma import Gamma, LogGamma
from dirvae.distributions.mixed_multinomial import MixedMultinomial
from dirvae.distributions.mixture import ImplicitMixture
from dirvae.distributions.moments import location_and_spread, posterior_mean
from dirvae.distributions.multinomial import Multinomial
from dirvae.distributions.multivariate_kumaraswamy import (
    LogMVKumaraswamy,
    LogOrderedKumaraswamy,
    MVKumaraswamy,
    OrderedKumaraswamy,
)
from dirvae.distributions.power_spherical import PowerSpherical
from dirvae.distributions.rejection import LogRejectionDirichlet, RejectionDirichlet
from dirvae.distributions.scaled_dirichlet import LogScaledDirichlet, ScaledDirichlet
from dirvae.distributions.softmax_normal import LogSoftmaxNormal, SoftmaxNormal
from dirvae.distributions.spherical import (
    HyperSphericalUniform,
)
from dirvae.distributions.standardized_dirichlet import StandardizedDirichlet
from dirvae.distributions.stick_breaking import (
    GEM,
    LogStickBreaking,
    StickBreakingBeta,
    StickBreakingKumaraswamy,
)
from dirvae.distributions.transformed import MonotoneTransform, from_transform
from dirvae.distributions.von_mises_fisher import VonMisesFisher
from dirvae.distributions.weibull import (
    LogWeibull,
    Weibull,
)
from dirvae.distributions.weibull_dirichlet import LogWeibullDirichlet, WeibullDirichlet

__all__ = [
    "GEM",
    "Beta",
    "Dirichlet",
    "DirichletMultinomial",
    "Draws",
    "Gamma",
    "HyperSphericalUniform",
    "ImplicitCDF",
    "ImplicitMixture",
    "InverseCDFDirichlet",
    "KLResult",
    "Kumaraswamy",
    "LogDirichlet",
    "LogGamma",
    "LogInverseCDFDirichlet",
    "LogKumaraswamy",
    "LogMVKumaraswamy",
    "LogOrderedKumaraswamy",
    "LogRejectionDirichlet",
    "LogScaledDirichlet",
    "LogSoftmaxNormal",
    "LogStickBreaking",
    "LogWeibull",
    "LogWeibullDirichlet",
    "MVKumaraswamy",
    "MixedMultinomial",
    "MonotoneTransform",
    "Multinomial",
    "NegativeBinomial",
    "OrderedKumaraswamy",
    "PowerSpherical",
    "RejectionDirichlet",
    "ScaledDirichlet",
    "SoftmaxNormal",
    "StandardizedDirichlet",
    "StickBreakingBeta",
    "StickBreakingKumaraswamy",
    "VonMisesFisher",
    "Weibull",
    "WeibullDirichlet",
    "ZeroInflatedNegativeBinomial",
    "draw",
    "draw_with_log_ratio",
    "from_cdf",
    "from_icdf",
    "from_transform",
    "kl",
    "laplace_softmax_normal",
    "location_and_spread",
    "log_law",
    "multi_gamma_kl",
    "posterior_mean",
]
