"""All that is said of a fitted estimator on rows: fit, components in use, diagnosis of collapse."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from dirvae.assessment.certificate import Certificate, certify
from dirvae.assessment.diagnosis import Diagnosis, diagnose
from dirvae.assessment.embedding import ROWS_AT_ONCE, as_array
from dirvae.assessment.likelihood import Bound, bound_of, log_evidence
from dirvae.distributions import location_and_spread
from dirvae.evaluation import Evidence, active_units
from dirvae.models.likelihoods import takes_probabilities
from dirvae.models.vae import VAE
from dirvae.tables import ResultTable

__all__ = ["Estimator", "Summary", "number_or_none", "summarize"]

MOST_DIAGNOSED = 1000  # rows, evenly spaced: the time grows with their square
MOST_CERTIFIED = 100  # rows, evenly spaced, with thousands of gradients each


class Estimator(Protocol):
    """What `summarize` needs of an estimator, such as a `DirichletVAE`."""

    vae_: VAE
    likelihood_: Any

    def _checked(self, X: Any) -> Any:
        """The rows that ``transform`` takes, checked, as an array or CSR matrix of floats."""

    def _bounds_and_means(self, rows: Any) -> tuple[Any, Any]:
        """Bound of each checked row in nats, shape (N,), and posterior means, shape (N, K)."""


class Summary(NamedTuple):
    """Measures of an estimator with K components on N rows.

    Attributes:
        bound: Evidence lower bound of each row, from ``score_samples`` of the estimator, and KL.
        evidence: Importance-sampled log-likelihood of each row; None if it was not asked for.
        active: Whether each component is active, shape (K,): the variance of its posterior means
            over rows is above 1 % of its prior variance.
        posterior_mean_variance: Variance of posterior means over rows, summed over components.
        prior_variance: Variance of the prior, summed over components.
        diagnosis: Diagnosis of collapse, on at most 1,000 evenly spaced rows.
        certificate: Bounds of the log-likelihood of at most 100 evenly spaced rows, and of as many
            as `certify` draws; None if it was not asked for.
    """

    bound: Bound
    evidence: Evidence | None
    active: NDArray[np.bool_]
    posterior_mean_variance: float
    prior_variance: float
    diagnosis: Diagnosis
    certificate: Certificate | None = None

    def table(self) -> ResultTable:
        """A row for each measure; likelihoods, bounds and KL are means over rows in nats."""
        measured = {
            "rows": len(self.bound.elbo),
            "elbo": self.bound.mean,
            "elbo_std_error": number_or_none(self.bound.mean_std_error),
            "reconstruction": self.bound.mean_log_likelihood,
            "kl": self.bound.mean_kl,
            **({} if self.evidence is None else _of_evidence(self.evidence)),
            **(
                {} if self.certificate is None else _of_certificate(self.certificate, self.evidence)
            ),
            "active_components": int(self.active.sum()),
            "components": len(self.active),
            "posterior_mean_variance": self.posterior_mean_variance,
            "prior_variance": self.prior_variance,
        }
        columns = {"measure": list(measured), "value": list(measured.values())}
        return ResultTable(columns, rows_shown=len(measured))

    def to_frame(self) -> Any:
        """The `table` as a DataFrame of pandas or polars; see `ResultTable.to_frame`."""
        return self.table().to_frame()

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def number_or_none(value: float) -> float | None:
    """A number as JSON has it, which knows no NaN.

    Example:
        >>> number_or_none(0.5), number_or_none(float("nan"))
        (0.5, None)
    """
    return None if np.isnan(value) else float(value)


def _of_evidence(evidence: Evidence) -> dict[str, Any]:
    found = {
        "nll": -evidence.mean,
        "nll_std_error": number_or_none(evidence.mean_std_error),
    }
    if np.isnan(evidence.unreliable_share):
        return found
    return {**found, "nll_unreliable_share": evidence.unreliable_share}


def _of_certificate(certificate: Certificate, evidence: Evidence | None) -> dict[str, Any]:
    found = {
        "certified_rows": len(certificate.rows.value),
        "certified_nll": -certificate.rows.mean,
        "certified_gap": certificate.gap,
    }
    if evidence is None:
        return found
    same = _spread(evidence.value, MOST_CERTIFIED)
    return {**found, "nll_of_certified_rows": -float(same.mean())}


def summarize(
    estimator: Estimator, X: Any, num_samples: int = 100, *, certified: bool = False
) -> Summary:
    """Score a fitted estimator. The same rows always give the same numbers.

    If the likelihood is Bernoulli, values in (0, 1) are drawn as 0 or 1 once, with a fixed seed.

    Args:
        estimator: The fitted estimator.
        X: Rows, as its ``transform`` takes them, shape (N, D).
        num_samples: Number of draws for the importance-sampled likelihood. 0 leaves it out.
        certified: Whether to add a certificate (`certify`), which takes minutes.

    Raises:
        ValueError: If a value of X is out of range.
        TypeError: If ``estimator`` is a `VAE`. For a `VAE` use `log_evidence` and `diagnose`.

    Example:
        >>> from dirvae import DirichletVAE
        >>> X = np.eye(6)
        >>> found = summarize(DirichletVAE(3, max_epochs=1, random_state=0).fit(X), X, 5)
        >>> found.bound.elbo.shape, found.evidence.value.shape, found.active.shape
        ((6,), (6,), (3,))
    """
    if isinstance(estimator, VAE):
        raise TypeError(
            "estimator is a VAE, must be an estimator; for a VAE, call log_evidence and diagnose"
        )
    X = estimator._checked(X)
    X = _drawn(X) if takes_probabilities(estimator.likelihood_) else X
    elbo, theta = estimator._bounds_and_means(X)
    vae = copy.deepcopy(estimator.vae_).double()
    prior_var = as_array(location_and_spread(vae.prior())[1].square())
    kl, evidence = _importance(vae, X, num_samples)
    few = _dense(_spread(X, MOST_DIAGNOSED))
    return Summary(
        bound=Bound(elbo, kl),
        evidence=evidence,
        active=active_units(theta, prior_var),
        posterior_mean_variance=float(theta.var(0).sum()),
        prior_variance=float(prior_var.sum()),
        diagnosis=diagnose(vae, few, generator=torch.Generator().manual_seed(0)),
        certificate=_certificate(vae, X) if certified else None,
    )


def _certificate(vae: VAE, X: Any) -> Certificate:
    some = _dense(_spread(X, MOST_CERTIFIED))
    return certify(vae, some, generator=torch.Generator().manual_seed(0))


def _spread(rows: Any, most: int) -> Any:
    """At most so many rows, evenly spaced."""
    return rows[:: -(-rows.shape[0] // most)]


def _drawn(X: Any) -> Any:
    """Each value as 0 or 1, drawn with that probability; what is 0 or 1 stays so.

    Sparse rows are drawn as dense ones are.
    """
    random = np.random.default_rng(0)
    drawn: list[Any] = []
    for start in range(0, X.shape[0], ROWS_AT_ONCE):
        rows = X[start : start + ROWS_AT_ONCE]
        level = random.random(rows.shape)
        if sparse.issparse(rows):
            stored = level[np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr)), rows.indices]
            on = (stored < rows.data).astype(np.float32)
            drawn.append(sparse.csr_matrix((on, rows.indices, rows.indptr), rows.shape))
        else:
            drawn.append((level < rows).astype(np.float32))
    return sparse.vstack(drawn, "csr") if sparse.issparse(X) else np.concatenate(drawn)


def _importance(vae: VAE, X: Any, num_samples: int) -> tuple[NDArray[np.float64], Evidence | None]:
    """KL of each row, shape (N,), and the estimated log-likelihood; the latter None for S = 0."""
    generator = torch.Generator().manual_seed(0)
    kl, evidence = [], []
    for x in _dense_batches(X):
        kl.append(bound_of(vae, x, generator=generator).kl)
        if num_samples:
            evidence.append(log_evidence(vae, x, num_samples, generator=generator))
    return np.concatenate(kl), Evidence.concatenate(evidence) if num_samples else None


def _dense_batches(X: Any) -> Iterator[Tensor]:
    return (_dense(X[start : start + ROWS_AT_ONCE]) for start in range(0, X.shape[0], ROWS_AT_ONCE))


def _dense(rows: Any) -> Tensor:
    dense = rows.toarray() if sparse.issparse(rows) else rows
    return torch.from_numpy(np.array(dense, order="C")).double()  # whose sums go by the order
