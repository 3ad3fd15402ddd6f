"""A VAE with a latent on the simplex, as a scikit-learn transformer."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.distributions import Distribution, constraints

from dirvae.alignment import matched, require_plain
from dirvae.assessment import Summary, summarize
from dirvae.data.arrays import ArrayDataset
from dirvae.data.corpus.corpus import Corpus
from dirvae.distributions import Multinomial, draw_with_log_ratio
from dirvae.distributions.global_random import DrawingFrom
from dirvae.estimators.arguments import (
    require_concentration,
    require_integer,
    require_resumable,
)
from dirvae.estimators.components import standing_out
from dirvae.estimators.estimator import RowEstimator, embedded, learning, scheduled
from dirvae.estimators.kinds import warn_of_kind
from dirvae.estimators.posterior import RowPosterior, intervals_by_row
from dirvae.estimators.report import page_of
from dirvae.estimators.rows import (
    corpus_moments,
    generator_of,
    is_on_disk,
    mean_and_std,
    precision_of,
    split_rows,
    taken,
    validated_corpus,
    weighted,
)
from dirvae.levels import LEVEL, require_level
from dirvae.models.latents import (
    default_commitment,
    default_latent,
    has_dirichlet_prior,
    standard_prior,
)
from dirvae.models.likelihoods import takes_counts, takes_probabilities
from dirvae.models.vae import VAE, closed_form_kl, mean_by_row
from dirvae.models.zoo import mlp_vae
from dirvae.nn import Head
from dirvae.nn.surroundings import pinned
from dirvae.objectives import doubly_reparameterized_bound, log_likelihood
from dirvae.tables import ResultTable
from dirvae.training import Training, resumed_adam
from dirvae.training.callbacks import MethodOfMoments
from dirvae.training.trainer import require_trainer
from dirvae.words import meant
from dirvae.writing import write_text

__all__ = ["DirichletVAE"]

ELBO_SAMPLES = 8
ROWS_LOOKED_AT = 2000  # of a corpus, for fractions


class DirichletVAE(RowEstimator):
    """Variational autoencoder with a latent on the simplex: each row is a mixture of K components.

    Args:
        n_components: K, number of latent components. On the simplex, K = 1 carries no information.
        prior_concentration: Concentration of the Dirichlet prior: a positive number or an array
            (K,). If None, 10 for a `StandardizedDirichlet` and 1 - 1/K for other Dirichlets (1/2 if
            K = 1). "learn" starts from this default and updates the concentration by the method of
            moments. A stick-breaking latent has a GEM prior instead, and takes the concentration of
            the GEM: one number, 5 if None. `SoftmaxNormal` and `Normal` need None.
        prior_components: Number of distributions in a learned mixture prior (`MixturePrior`). They
            start near the prior that would be used without a mixture. With a ``commitment`` above
            1, none becomes more certain than it. If None, the prior is not a mixture.
        latent: Distribution of the latent: `distributions.StandardizedDirichlet`,
            `ScaledDirichlet` (the same distribution, with parameters that are harder to learn),
            `Dirichlet` (the same family as the prior, with looser bounds),
            `InverseCDFDirichlet`, `StickBreakingKumaraswamy`, `SoftmaxNormal` or
            `torch.distributions.Normal`. Or its name on the command line, such as "gaussian". If
            None, `StandardizedDirichlet`; but `Dirichlet` if ``prior_concentration`` is below 1 or
            there is only one component. For any other distribution build a `VAE`.
        commitment: Smallest concentration of a Dirichlet posterior, as a multiple of the prior's
            concentration. Above 1, the KL of an unused component cannot be 0, so most components
            come into use. If None, 1.5 for a `StandardizedDirichlet` of up to 50 components, and 0
            otherwise.
        likelihood: Distribution of the data: Bernoulli, Normal, or a distribution of counts such as
            `distributions.Multinomial`. Or its name, such as "multinomial". If None, it is chosen
            by the data. Values in [0, 1] are probabilities of a Bernoulli, drawn as 0 or 1 anew in
            each epoch. Other real numbers are Gaussian. Counts of a corpus are multinomial.
        hidden_sizes: Widths of the encoder's layers.
        decoder_hidden_sizes: Widths of the decoder's layers.
        num_samples: S, draws of the latent for each row and step. With more than one, the model is
            trained by the importance-weighted bound, with the doubly reparameterised gradient. Its
            likelihood is then better, and a step takes longer: it decodes S times as many rows.
        max_epochs: Largest number of passes over the data.
        batch_size: Rows per step. If several processes train together, those of each process.
        learning_rate: Adam's step size at the start. It falls linearly to 0.
        validation_fraction: Share of rows, in [0, 1), held out to stop early and to keep the best
            weights. With 0, training takes ``max_epochs`` on all rows.
        patience: Epochs without a rise of the validation ELBO before training stops; with several
            draws, of the importance-weighted bound.
        random_state: Seed or `numpy.random.RandomState`. The same seed gives the same model.
        device: "cpu", "cuda", "mps" or "auto".
        verbose: Whether to show a progress bar.

    Attributes:
        vae_: The fitted `VAE`.
        likelihood_: The distribution of the data that was used.
        latent_: The distribution of the latent that was used.
        components_: Decoded mean of a row that consists of one component alone, shape (K, D). Only
            for a latent on the simplex.
        prior_concentration_: Concentration of the prior, if it has one: shape (K,), or () for a GEM
            prior.
        history_: Metrics of each epoch.
        best_epoch_: Index in ``history_`` of the epoch whose weights were kept.
        n_iter_: Number of epochs trained.
        n_features_in_: Number of columns of X, D.

    References:
        Joo, Lee, Park & Moon, "Dirichlet Variational Autoencoder", Pattern Recognition 107, 2020.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X = load_digits().data[:200] / 16
        >>> vae = DirichletVAE(n_components=5, max_epochs=2, random_state=0).fit(X)
        >>> theta = vae.transform(X)
        >>> theta.shape, bool(np.allclose(theta.sum(1), 1))
        ((200, 5), True)
    """

    vae_: VAE
    model_type = VAE
    not_saved = frozenset({"_optimizer_state"})
    not_always = RowEstimator.not_always | {"prior_concentration_"}
    prior_concentration_: NDArray[Any]
    best_epoch_: int
    _optimizer_state: dict[str, Any] | None

    def __init__(
        self,
        n_components: int = 10,
        *,
        prior_concentration: float | Sequence[float] | str | None = None,
        prior_components: int | None = None,
        latent: Callable[..., Distribution] | str | None = None,
        commitment: float | None = None,
        likelihood: Callable[..., Distribution] | str | None = None,
        hidden_sizes: Sequence[int] = (500, 500),
        decoder_hidden_sizes: Sequence[int] = (500,),
        num_samples: int = 1,
        max_epochs: int = 150,
        batch_size: int = 100,
        learning_rate: float = 4e-3,
        validation_fraction: float = 0.1,
        patience: int = 15,
        random_state: Any = None,
        device: str = "cpu",
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.prior_concentration = prior_concentration
        self.prior_components = prior_components
        self.latent = latent
        self.commitment = commitment
        self.likelihood = likelihood
        self.hidden_sizes = hidden_sizes
        self.decoder_hidden_sizes = decoder_hidden_sizes
        self.num_samples = num_samples
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    # --- fitting ----------------------------------------------------------------------------------

    @learning
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        checkpoint_dir: str | Path | None = None,
        resume: bool = False,
        trainer: Mapping[str, Any] | None = None,
    ) -> DirichletVAE:
        """Fit to rows.

        Args:
            X: Dense or CSR array, shape (N, D), finite. Or a `data.Corpus` of counts, which is not
                held in memory.
            y: Ignored.
            sample_weight: Non-negative weights, shape (N,). A pandas Series is matched by index if
                X is a pandas DataFrame.
            checkpoint_dir: Folder for a checkpoint after each epoch. If None, none is written.
            resume: Whether to continue from the last checkpoint in ``checkpoint_dir``. Data and
                arguments must be the same, and ``random_state`` must be an integer. With a larger
                ``max_epochs`` training goes on for longer, but not as one that was planned so from
                the start: step sizes depend on the number of planned epochs.
            trainer: Arguments of ``lightning.pytorch.Trainer`` by name, such as ``logger``,
                ``callbacks``, ``precision``, ``accelerator`` (in place of ``device``) and
                ``devices``. `training.History` names the metrics that are logged. A saved model
                does not contain these arguments.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If an argument or a value of X is out of range; the message says which.

        Warns:
            UserWarning: If X looks like counts but was given a Gaussian because ``likelihood`` is
                None. Or if X has fractions and the likelihood is a distribution of counts.
        """
        require_resumable(resume, self.random_state, checkpoint_dir)
        require_trainer(trainer)
        sample_weight = matched("sample_weight", sample_weight, X)
        X, weight = self._begin(self._validated(X, reset=True), sample_weight)
        train, validation = self._split(X, weight)
        training = scheduled(self._training(), self.learning_rate)
        learn = isinstance(self.prior_concentration, str)
        self.history_ = self._train(
            training,
            train,
            validation=validation,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            patience=self.patience,
            seed=torch.Generator("cpu").manual_seed(self._seed),
            checkpoint_dir=checkpoint_dir,
            resume=resume,
            trainer=trainer,
            callbacks=[MethodOfMoments(self.max_epochs)] if learn else [],
        )
        self._end(training.best_epoch)
        return self

    @learning
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> DirichletVAE:
        """Make one more pass over rows, old or new, at a constant step size.

        The optimiser keeps its state from one call to the next. After `fit` it starts anew. The KL
        has no warm-up. The first call fixes the scaling of the data and all arguments that shape
        the model, such as ``n_components`` and ``likelihood``: another one raises ValueError.
        Arguments and errors are those of `fit`. `prior_concentration="learn"` raises ValueError,
        because learning the prior needs whole epochs.
        """
        if isinstance(self.prior_concentration, str):
            raise ValueError("prior_concentration='learn' needs fit; partial_fit cannot learn it")
        first = not hasattr(self, "vae_")
        if not first:
            self._check_next_pass()
        sample_weight = matched("sample_weight", sample_weight, X)
        X = self._validated(X, reset=first)
        if first:
            X, weight = self._begin(X, sample_weight)
        else:
            self._require_support(X)
            X, weight = weighted(X, sample_weight)
        optimizer = resumed_adam(self.learning_rate, self._optimizer_state)
        training = self._training()
        training.optimizer = optimizer
        data = self._dataset(X, weight)
        epoch = len(self.history_)
        self._train(
            training,
            data,
            max_epochs=1,
            batch_size=self.batch_size,
            seed=torch.Generator("cpu").manual_seed(self._seed + epoch),
        )
        self._note_pass(training)
        self._end(epoch)
        return self

    def _begin(self, X: Any, sample_weight: Any) -> tuple[Any, Any]:
        """Check arguments and data, and build the model; returns the rows with their weights."""
        self._check_arguments()
        if X.shape[0] < 2:
            raise ValueError("X has one sample (n_samples=1); at least 2 are needed to fit")
        X, weight = weighted(X, sample_weight)
        self._choose_likelihood(X)
        self.history_, self._optimizer_state = [], None
        self._n_features_out = self.n_components
        self._seed, self._built = self._new_seed(), self._shaping()
        with DrawingFrom(torch.Generator("cpu").manual_seed(self._seed)):
            self.vae_ = self._build(X, weight)
        return X, weight

    def _validated(self, X: Any, *, reset: bool) -> Any:
        if isinstance(X, Corpus):
            return validated_corpus(self, X, reset=reset)
        return super()._validated(X, reset=reset)

    def _choose_likelihood(self, X: Any) -> None:
        if not is_on_disk(X):
            super()._choose_likelihood(X)
            return
        self.likelihood_ = meant("likelihood", self.likelihood) or Multinomial
        self._require_support(X)
        warn_of_kind(X[:ROWS_LOOKED_AT], self.likelihood_, chosen=False)

    def _require_support(self, X: Any) -> None:
        if not is_on_disk(X):
            super()._require_support(X)
        elif not takes_counts(self.likelihood_):
            name = getattr(self.likelihood_, "__name__", repr(self.likelihood_))
            raise ValueError(
                f"likelihood is {name}, must be a distribution of counts, such as Multinomial, for "
                "a corpus"
            )

    def _end(self, best_epoch: int) -> None:
        self.vae_.cpu().eval()
        self.n_iter_, self.best_epoch_ = len(self.history_), best_epoch
        concentration = getattr(self.vae_.prior, "concentration", None)
        if concentration is not None:
            self.prior_concentration_ = concentration.numpy().copy()

    def _training(self) -> Training:
        if self.num_samples == 1:
            return Training(self.vae_)
        bound = doubly_reparameterized_bound
        return Training(self.vae_, objective=bound, num_samples=self.num_samples, importance=True)

    def _build(self, X: Any, weight: Any) -> VAE:
        Latent, commitment = self._latent(), self.commitment
        if commitment is None:
            commitment = default_commitment(Latent, self.n_components)
        return mlp_vae(
            X.shape[1],
            Latent,
            standard_prior(Latent, self.n_components, self._concentration()),
            likelihood=self.likelihood_,
            hidden_sizes=tuple(self.hidden_sizes),
            decoder_hidden_sizes=tuple(self.decoder_hidden_sizes),
            moments=(corpus_moments if is_on_disk(X) else mean_and_std)(X, weight),
            commitment=commitment,
            prior_components=self.prior_components,
        )

    def _dataset(self, X: Any, weight: Any) -> ArrayDataset:
        binarize = takes_probabilities(self.likelihood_)
        return ArrayDataset(X, weight=weight, binarize=binarize, dtype=precision_of(self.vae_))

    def _split(self, X: Any, weight: Any) -> tuple[ArrayDataset, ArrayDataset | None]:
        held_out = int(self.validation_fraction * X.shape[0])
        if held_out == 0:
            return self._dataset(X, weight), None
        train, validation = (
            self._dataset(taken(X, rows), None if weight is None else weight[rows])
            for rows in split_rows(X, held_out, self._seed)
        )
        return train, validation

    # --- using -----------------------------------------------------------------------------------

    def posterior(self, X: Any, *, level: float = LEVEL) -> RowPosterior:
        """Return the encoder's posterior of the latent of each row, with credible intervals.

        The encoder approximates the exact posterior. `evaluate` tells how well: it has the share of
        rows whose k-hat is above .7, and for these rows the intervals can be far off. The model's
        weights are treated as known. Spreads and intervals are computed from 1,000 draws for each
        row. The random seed of a row is computed from the row itself.

        Args:
            X: Rows, as in `fit`.
            level: Probability of the credible intervals, in (0, 1). Above .99 the ends are rough,
                because few of the draws are beyond them.

        Raises:
            ValueError: If ``level`` or a value of X is out of range.
        """
        require_level(level)
        found = self._rowwise(X, partial(intervals_by_row, level=level))
        return RowPosterior(*found.transpose(1, 0, 2))

    @pinned()
    def inverse_transform(self, X: Any) -> Any:
        """Mean of the data, shape (N, D), given latents of shape (N, K)."""
        check_is_fitted(self)
        require_plain("X", X)
        z = check_array(X, dtype=[np.float64, np.float32], input_name="X")
        if z.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has shape {z.shape}, must be (N, {self._n_features_out}): one latent per row"
            )
        with torch.no_grad():
            decoder = copy.deepcopy(self.vae_.decoder).double()
            mean: Any = mean_by_row(decoder, torch.tensor(z, dtype=torch.float64)).numpy()
        return mean.astype(z.dtype)

    @property
    def latent_(self) -> Callable[..., Distribution]:
        """The distribution of the latent that was used."""
        check_is_fitted(self)
        return cast(Head, self.vae_.encoder).Law

    @property
    def components_(self) -> Any:
        """Decoded mean of a row of one component alone, shape (K, D); on the simplex only."""
        check_is_fitted(self)
        if not self._is_on_simplex():
            raise AttributeError(
                f"a {type(self).__name__} has components_ only if the latent is on a simplex"
            )
        return self.inverse_transform(np.eye(self._n_features_out))

    @pinned()
    def sample(self, n_samples: int = 1) -> Any:
        """Draw rows from the model, shape (n_samples, D); ``random_state`` seeds the noise."""
        check_is_fitted(self)
        require_integer("n_samples", n_samples, 1)
        generator = torch.Generator().manual_seed(self._new_seed())
        with torch.no_grad():
            return self.vae_.sample(n_samples, generator=generator).numpy()

    @pinned()
    def report(
        self,
        X: Any,
        path: str | Path | None = None,
        *,
        ids: Any = None,
        image_shape: tuple[int, int] | None = None,
        title: str = "Components",
    ) -> str:
        """Return a page, as HTML, that shows what each component means.

        The page has a map of the rows. Images are shown with their reconstructions and with decoded
        draws of the prior. The page works offline. A decoder that is a perceptron of up to 600,000
        weights is written into the page. The page then decodes while you move the latent.

        Args:
            X: Rows, shape (N, D).
            path: File to write the page to. An existing file is replaced.
            ids: Names of the rows. If None, the rows are numbered from 1. A series is matched by
                index to a DataFrame X.
            image_shape: Height and width of rows that are images. If None, rows count as square
                images if the likelihood is Bernoulli, the columns have no names and D is a square.
            title: Title of the page.

        Raises:
            ValueError: If an argument is out of range, or the latent is not on the simplex.
            OSError: If the file cannot be written.
        """
        page = page_of(self, X, ids=ids, image_shape=image_shape, title=title)
        if path is not None:
            write_text(path, page)
        return page

    def score_samples(self, X: Any) -> Any:
        """Evidence lower bound of each row in nats, shape (N,).

        The random seed of a row is computed from the row itself, so the bound does not depend on
        the other rows or on their order. This seed is used to draw the latent, and to draw
        Bernoulli probabilities as 0 or 1. The bound is computed in double precision, with 8 draws
        of the latent.
        """
        return self._rowwise(X, _elbo_by_row)

    def _bounds_and_means(self, rows: Any) -> tuple[Any, Any]:
        """`score_samples` and `transform` of rows that are checked, and need no names for it."""
        return self._of_rows(rows, _elbo_by_row), self._of_rows(rows, embedded)

    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples`."""
        return float(self.score_samples(X).mean())

    def evaluate(self, X: Any, num_samples: int = 100, *, certified: bool = False) -> Summary:
        """Return the measures that ``dirvae evaluate`` prints; see `assessment.summarize`.

        Args:
            X: Rows, as in `fit`.
            num_samples: Draws for the importance-sampled likelihood. 0 leaves this measure out.
            certified: Whether to bound the likelihood of at most 100 rows (`assessment.certify`).
                This takes minutes.
        """
        return summarize(self, X, num_samples, certified=certified)

    def _is_on_simplex(self) -> bool:
        prior: Any = self.vae_.prior()
        # The support of a mixture is one of its own, which holds that of its parts.
        return getattr(prior, "component_distribution", prior).support is constraints.simplex

    def _shown(self) -> tuple[str, ResultTable | None]:
        told, _ = super()._shown()
        if not self._is_on_simplex():
            return told, None
        names = getattr(self, "feature_names_in_", np.arange(self.n_features_in_))
        return told, standing_out(self.components_, names, self._frames())

    # --- checks ----------------------------------------------------------------------------------

    def _stood_for(self, name: str) -> Any:
        if name == "commitment":
            return default_commitment(self.latent_, self._n_features_out)
        if name == "prior_concentration" and hasattr(self, "prior_concentration_"):
            values = self.prior_concentration_
            first = values.flat[0]  # of single precision, whose shortest digits are those given
            return float(str(first)) if (values == first).all() else values
        return super()._stood_for(name)

    def _latent(self) -> Callable[..., Distribution]:
        if self.latent is None:
            return default_latent(self.n_components, self._concentration())
        found: Callable[..., Distribution] = meant("latent", self.latent)
        return found

    def _concentration(self) -> Tensor | None:
        value = self.prior_concentration
        return None if value is None or isinstance(value, str) else torch.as_tensor(value).float()

    def _check_arguments(self) -> None:
        super()._check_arguments()
        require_integer("patience", self.patience, 1)
        require_integer("num_samples", self.num_samples, 1)
        fraction = self.validation_fraction
        if not isinstance(fraction, Real) or not 0 <= fraction < 1:
            raise ValueError(
                f"validation_fraction is {self.validation_fraction!r}, must be in [0, 1)"
            )
        learnable = self.latent is None or has_dirichlet_prior(meant("latent", self.latent))
        require_concentration(self.prior_concentration, self.n_components, learnable=learnable)
        if self.prior_components is not None:
            require_integer("prior_components", self.prior_components, 1)
            if isinstance(self.prior_concentration, str):
                raise ValueError("prior_components needs a prior_concentration that is a number")
        commitment = 0.0 if self.commitment is None else self.commitment
        if not isinstance(commitment, Real) or not 0 <= commitment < math.inf:
            raise ValueError(f"commitment is {commitment!r}, must be a finite number of 0 or more")
        if commitment and not learnable:
            raise ValueError(f"commitment={commitment} needs a Dirichlet latent")


def _elbo_by_row(vae: VAE, x: Tensor) -> Tensor:
    """ELBO of each row, all of its noise drawn from a generator that the row itself seeds."""
    generators = [generator_of(row) for row in x]
    if isinstance(vae.decoder, Head) and takes_probabilities(vae.decoder.Law):
        drawn = [torch.bernoulli(r, generator=g) for r, g in zip(x, generators, strict=True)]
        x = torch.stack(drawn)
    encoder, prior = cast(Head, vae.encoder), vae.prior()
    raw = encoder.raw(x)
    draws = [
        draw_with_log_ratio(encoder.law(row), prior, torch.Size([ELBO_SAMPLES]), generator)
        for row, generator in zip(raw, generators, strict=True)
    ]
    z = torch.stack([d[0] for d in draws], 1)
    divergence = closed_form_kl(encoder.law(raw), prior)
    if divergence is None:
        divergence = -torch.stack([d[1] for d in draws], 1).mean(0)
    return log_likelihood(vae.decoder(z), x).mean(0) - divergence
