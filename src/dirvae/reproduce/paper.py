"""The numbers that the paper prints, by our names of its models.

Joo, Lee, Park & Moon, "Dirichlet Variational Autoencoder", Pattern Recognition 107 (2020) 107514;
the nearest neighbours of raw pixels are in arXiv 1901.02739 alone. Where it says SBVAE and no more,
that is put beside Kumaraswamy sticks.
"""

from __future__ import annotations

__all__ = [
    "ACTIVE_UNITS",
    "DENSITY",
    "KNN",
    "SEMI_SUPERVISED",
    "SKEWNESS_KURTOSIS",
    "TOPICS",
    "TOPICS_PERPLEXITY",
]

DENSITY: dict[str, dict[str, tuple[float, float, float]]] = {
    "mnist": {
        "gaussian": (94.54, 98.58, 74.31),
        "softmax_gaussian": (98.18, 103.49, 79.36),
        "stick_breaking_kumaraswamy": (99.27, 102.60, 83.90),
        "stick_breaking_beta": (102.14, 135.30, 113.89),
        "weibull": (114.59, 183.33, 150.92),
        "inverse_cdf_dirichlet": (87.64, 100.47, 81.50),
        "inverse_cdf_dirichlet_learned": (84.76, 98.32, 79.56),
    },
    "omniglot": {
        "gaussian": (119.29, 126.42, 98.90),
        "softmax_gaussian": (130.01, 139.73, 123.34),
        "stick_breaking_kumaraswamy": (130.73, 132.86, 119.25),
        "stick_breaking_beta": (128.82, 149.30, 136.36),
        "weibull": (140.89, 198.01, 145.52),
        "inverse_cdf_dirichlet": (104.42, 118.84, 96.75),
        "inverse_cdf_dirichlet_learned": (95.82, 116.33, 95.11),
    },
}
"""Negative log-likelihood, negative ELBO and reconstruction, in nats."""

KNN: dict[str, dict[str, tuple[float, float, float]]] = {
    "mnist": {
        "gaussian": (27.16, 20.20, 14.89),
        "softmax_gaussian": (25.68, 21.79, 18.75),
        "stick_breaking_kumaraswamy": (10.01, 9.58, 9.39),
        "inverse_cdf_dirichlet": (5.98, 5.29, 5.06),
        "raw pixels": (3.00, 3.21, 3.44),
    },
    "omniglot": {
        "gaussian": (92.34, 91.21, 88.79),
        "stick_breaking_kumaraswamy": (86.90, 85.10, 82.96),
        "inverse_cdf_dirichlet": (76.55, 73.81, 70.95),
        "raw pixels": (69.94, 69.41, 70.10),
    },
}
"""Error of 3, 5 and 10 nearest neighbours, in %."""

ACTIVE_UNITS: dict[str, dict[str, float]] = {
    "mnist": {
        "gaussian": 18.0,
        "softmax_gaussian": 16.8,
        "stick_breaking_kumaraswamy": 15.4,
        "inverse_cdf_dirichlet": 45.2,
    },
    "omniglot": {
        "gaussian": 29.8,
        "softmax_gaussian": 13.2,
        "stick_breaking_kumaraswamy": 17.8,
        "inverse_cdf_dirichlet": 63.6,
    },
}
"""Components whose posterior mean varies by more than an absolute threshold."""

SKEWNESS_KURTOSIS: dict[str, tuple[float, float]] = {
    "stick_breaking_kumaraswamy": (4.35, 20.85),
    "inverse_cdf_dirichlet": (2.03, 5.76),
}
"""Mean over components, MNIST."""

SEMI_SUPERVISED: dict[str, dict[str, tuple[float, float, float]]] = {
    "mnist": {
        "dirichlet": (4.60, 5.05, 7.00),
        "gaussian": (3.95, 4.74, 11.55),
        "stick_breaking_kumaraswamy": (4.86, 5.29, 7.34),
    },
    "mnist-rot": {
        "dirichlet": (11.18, 13.53, 26.20),
        "gaussian": (21.78, 27.72, 38.13),
        "stick_breaking_kumaraswamy": (11.78, 14.27, 27.67),
    },
    "svhn": {
        "dirichlet": (24.81, 28.45, 55.99),
        "gaussian": (36.08, 48.75, 69.58),
        "stick_breaking_kumaraswamy": (32.08, 37.07, 61.37),
    },
}
"""Error at 10, 5 and 1 % labels, in %."""

TOPICS: dict[str, dict[str, tuple[float, float, float]]] = {
    "20news": {
        "prodlda": (0.273, 0.247, 0.359),
        "nvdm": (0.119, 0.162, 0.247),
        "gsm": (0.199, 0.162, 0.201),
    },
    "rcv1": {
        "prodlda": (0.194, 0.190, 0.193),
        "nvdm": (0.023, 0.116, 0.131),
        "gsm": (0.267, 0.207, 0.308),
    },
}
"""NPMI of topic models: with their own latent, with sticks, with the Dirichlet."""

TOPICS_PERPLEXITY: dict[str, dict[str, tuple[float, float, float]]] = {
    "20news": {
        "prodlda": (1219, 1164, 1114),
        "nvdm": (810, 878, 752),
        "gsm": (954, 980, 916),
    },
    "rcv1": {
        "prodlda": (1190, 1077, 992),
        "nvdm": (796, 1050, 809),
        "gsm": (1386, 1670, 1526),
    },
}
"""Their perplexity."""
