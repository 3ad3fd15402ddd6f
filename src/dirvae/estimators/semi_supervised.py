"""A classifier that learns from labelled and unlabelled rows, by a VAE with a class."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import (
    ClassifierMixin,
)
from sklearn.metrics import accuracy_score
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted
from torch import Tensor
from torch.distributions import Distribution, Normal
from torch.utils.data import DataLoader

from dirvae.alignment import matched
from dirvae.data.arrays import ArrayDataset, Batch, ShuffledBatches
from dirvae.distributions import Dirichlet
from dirvae.distributions.global_random import DrawingFrom
from dirvae.estimators.arguments import (
    require_positive,
    require_resumable,
    require_sizes,
)
from dirvae.estimators.estimator import RowEstimator, learning, scheduled
from dirvae.estimators.labels import class_indicators, known_labels
from dirvae.estimators.rows import mean_and_std, precision_of
from dirvae.models.latents import standard_prior
from dirvae.models.likelihoods import takes_counts
from dirvae.models.semi_supervised import LabelledVAE, adversarial_divergence
from dirvae.models.zoo import mlp_labelled_vae
from dirvae.nn.surroundings import pinned
from dirvae.objectives import labelled_elbo
from dirvae.training import History, Training
from dirvae.training.trainer import require_trainer
from dirvae.words import meant

__all__ = ["SemiSupervisedVAE"]

LABELLED_SHARE = 0.125  # of each batch at least: of few labels, most batches would have hardly any


class SemiSupervisedVAE(ClassifierMixin, RowEstimator):
    """Classifier that also learns from unlabelled rows: a VAE with a class besides its latent.

    Args:
        n_components: K, number of latent components.
        latent: Distribution of the latent: `distributions.Dirichlet`, `InverseCDFDirichlet`,
            `StickBreakingKumaraswamy`, `SoftmaxNormal` or `torch.distributions.Normal`. Or its
            name, such as "gaussian".
        likelihood: Distribution of the data. If None, it is chosen as in `DirichletVAE`. Values in
            [0, 1] are the probabilities that pixels are on. They are not drawn as 0 or 1: the bound
            is the mean over such draws. `models.likelihoods.unit_normal` is a Gaussian of variance
            1.
        label_in_encoder: Whether the posterior of the latent depends on the class (True: Kingma's
            M2; False: the DirVAE paper).
        label_weight: Weight of log q(y|x), averaged over labelled rows, relative to the bound of a
            row.
        smoothness: Weight of the penalty on changes of q(y|x), relative to the bound of a row. The
            penalty is the change of q(y|x), in nats, under the worst small change of x (virtual
            adversarial training). 0 leaves the penalty out, which is faster. Counts have no small
            changes, so for counts there is no penalty.
        perturbation: Size of these small changes of x, as a share of the rows' root-mean-square
            distance from their mean. With about ten labels of a class among many thousand rows, a
            heavy penalty on large changes can merge classes: try ``smoothness=30`` and
            ``perturbation=0.04`` there, and compare on labels that are held out.
        hidden_sizes: Widths of the encoder's layers.
        decoder_hidden_sizes: Widths of the decoder's layers.
        classifier_hidden_sizes: Widths of the classifier's layers.
        max_epochs: Passes over the rows. There is no early stopping, because it would need held-out
            labels.
        batch_size: Rows per step. If several processes train together, those of each process.
        learning_rate: Adam's step size at the start. It falls linearly to 0.
        random_state: Seed or `numpy.random.RandomState`. The same seed gives the same model.
        device: "cpu", "cuda", "mps" or "auto".
        verbose: Whether to show a progress bar.

    Attributes:
        vae_: The fitted `LabelledVAE`.
        classes_: The classes, shape (C,).
        likelihood_: The distribution of the data that was used.
        history_: Metrics of each epoch.
        n_iter_: Number of epochs trained.
        n_features_in_: Number of columns of X, D.

    References:
        Kingma, Rezende, Mohamed & Welling, "Semi-supervised learning with deep generative models",
        NeurIPS 2014; Joo, Lee, Park & Moon 2020, sec. 4.3; Miyato, Maeda, Koyama & Ishii, "Virtual
        adversarial training", 2019.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X, y = load_digits(return_X_y=True)
        >>> y_known = np.where(np.arange(len(y)) < 200, y, -1)  # the others are unlabelled
        >>> model = SemiSupervisedVAE(5, max_epochs=1, random_state=0).fit(X / 16, y_known)
        >>> model.predict(X[:3] / 16).shape, model.transform(X[:3] / 16).shape
        ((3,), (3, 5))
    """

    vae_: LabelledVAE
    model_type = LabelledVAE
    classes_: NDArray[Any]

    def __init__(
        self,
        n_components: int = 10,
        *,
        latent: Callable[..., Distribution] | str = Dirichlet,
        likelihood: Callable[..., Distribution] | str | None = None,
        label_in_encoder: bool = False,
        label_weight: float = 50.0,
        smoothness: float = 200.0,
        perturbation: float = 0.275,
        hidden_sizes: Sequence[int] = (500, 500),
        decoder_hidden_sizes: Sequence[int] = (500,),
        classifier_hidden_sizes: Sequence[int] = (500, 500),
        max_epochs: int = 40,
        batch_size: int = 250,
        learning_rate: float = 2e-3,
        random_state: Any = None,
        device: str = "cpu",
        verbose: bool = False,
    ) -> None:
        self.n_components = n_components
        self.latent = latent
        self.likelihood = likelihood
        self.label_in_encoder = label_in_encoder
        self.label_weight = label_weight
        self.smoothness = smoothness
        self.perturbation = perturbation
        self.hidden_sizes = hidden_sizes
        self.decoder_hidden_sizes = decoder_hidden_sizes
        self.classifier_hidden_sizes = classifier_hidden_sizes
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    # --- fitting ----------------------------------------------------------------------------------

    @learning
    def fit(
        self,
        X: Any,
        y: Any,
        *,
        checkpoint_dir: str | Path | None = None,
        resume: bool = False,
        trainer: Mapping[str, Any] | None = None,
    ) -> SemiSupervisedVAE:
        """Fit to rows, some of which have a class.

        Args:
            X: Dense or CSR array, shape (N, D), finite.
            y: Classes, shape (N,): words or whole numbers. An unknown class is the number -1, None
                or NaN. If y and X are both pandas objects, y is matched to X by index.
            checkpoint_dir: Folder for a checkpoint after each epoch. If None, none is written.
            resume: Whether to continue from the last checkpoint in ``checkpoint_dir``. Data and
                arguments must be the same, and ``random_state`` must be an integer.
            trainer: Arguments of ``lightning.pytorch.Trainer`` by name, such as ``logger``,
                ``callbacks``, ``precision``, ``accelerator`` (in place of ``device``) and
                ``devices``. `training.History` names the metrics that are logged. A saved model
                does not contain these arguments.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If an argument, or a value of X or y, is out of range; the message says
                which.
        """
        self._check_arguments()
        require_resumable(resume, self.random_state, checkpoint_dir)
        require_trainer(trainer)
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        y = matched("y", y, X)
        X = self._validated(X, reset=True)
        one_hot = self._one_hot(X, y)
        self._choose_likelihood(X)
        self._seed, self._built = self._new_seed(), self._shaping()
        with DrawingFrom(torch.Generator("cpu").manual_seed(self._seed)):
            self.vae_ = self._build(X, one_hot.shape[1])
        how = {"checkpoint_dir": checkpoint_dir, "resume": resume, "trainer": trainer}
        self.history_ = self._train_on(X, one_hot, **how)
        self.vae_.cpu().eval()
        self.n_iter_, self._n_features_out = len(self.history_), self.n_components
        return self

    def _one_hot(self, X: Any, y: Any) -> Tensor:
        """Classes as rows of an identity, rows of zeros for the unknown; sets ``classes_``."""
        numbers = np.asarray(y)
        if numbers.dtype.kind == "f":
            assert_all_finite(numbers, allow_nan=True, input_name="y")
            check_classification_targets(numbers[~np.isnan(numbers)])
        self.classes_, one_hot = class_indicators(y, X.shape[0])
        return torch.from_numpy(one_hot)

    def _build(self, X: Any, num_classes: int) -> LabelledVAE:
        Latent = meant("latent", self.latent)
        return mlp_labelled_vae(
            X.shape[1],
            num_classes,
            Latent,
            standard_prior(Latent, self.n_components),
            likelihood=self.likelihood_,
            label_in_encoder=self.label_in_encoder,
            hidden_sizes=tuple(self.hidden_sizes),
            decoder_hidden_sizes=tuple(self.decoder_hidden_sizes),
            classifier_hidden_sizes=tuple(self.classifier_hidden_sizes),
            moments=mean_and_std(X, None),
        )

    def _train_on(self, X: Any, one_hot: Tensor, **how: Any) -> History:
        data = ArrayDataset(X, label=one_hot, dtype=precision_of(self.vae_))
        generator = torch.Generator("cpu").manual_seed(self._seed)
        batches = _MixedBatches(one_hot.sum(1) > 0, self.batch_size, generator)
        training = _SmoothTraining(
            self.vae_,
            smoothness=0.0 if takes_counts(self.likelihood_) else float(self.smoothness),
            radius=self.perturbation * _half_axes(X, self.likelihood_),
            objective=partial(labelled_elbo, label_weight=self.label_weight / batches.share),
        )
        return self._train(
            scheduled(training, self.learning_rate),
            DataLoader(data, sampler=batches, batch_size=None, generator=generator),
            max_epochs=self.max_epochs,
            seed=generator,
            **how,
        )

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        classes = self.vae_.label_prior().event_shape
        return {**super()._shapes(), "classes_": tuple(classes)}

    # --- using -----------------------------------------------------------------------------------

    def predict_proba(self, X: Any) -> Any:
        """Probability of each class, q(y|x), shape (N, C), in the order of ``classes_``.

        The probabilities of a row depend on this row alone, not on the other rows of X.
        """
        return self._rowwise(X, lambda vae, x: vae.log_labels(x).exp())

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each row, shape (N,)."""
        probability = self.predict_proba(X)
        return self.classes_[probability.argmax(1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy: the share of rows whose most probable class is the true one.

        Args:
            X: As in `fit`.
            y: True classes, shape (N,). Rows of an unknown class, as in `fit`, are left out. Pandas
                objects are matched to X as in `fit`.
            sample_weight: Weights of the rows, shape (N,), or None. Matched to X as y is.

        Raises:
            ValueError: If no class is known.
        """
        predicted = self.predict(X)
        known, labels = known_labels(matched("y", y, X), len(predicted))
        if not known:
            raise ValueError("y is -1 or missing in every row, so there is no accuracy")
        weight = matched("sample_weight", sample_weight, X)
        if weight is not None:
            check_consistent_length(predicted, weight)
            weight = np.asarray(weight)[known]
        return float(accuracy_score(labels, predicted[known], sample_weight=weight))

    @pinned()
    def sample(self, y: Any) -> Any:
        """Draw one row for each given class; ``random_state`` seeds the noise.

        Args:
            y: Classes, shape (M,). A class may be repeated.

        Returns:
            The rows, shape (M, D).

        Raises:
            ValueError: If a class is not among ``classes_``.
        """
        check_is_fitted(self)
        y = column_or_1d(np.asarray(y))
        places = {label: place for place, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in y.tolist() if label not in places]
        if unknown:
            raise ValueError(f"y has {unknown[0]!r}, must be of classes_ {self.classes_.tolist()}")
        generator = torch.Generator().manual_seed(self._new_seed())
        one_hot = torch.eye(len(places))[[places[label] for label in y.tolist()]]
        with torch.no_grad():
            x = self.vae_.sample(len(y), one_hot, generator=generator)
        return x.numpy()

    # --- checks ----------------------------------------------------------------------------------

    def _check_arguments(self) -> None:
        super()._check_arguments()
        require_sizes("classifier_hidden_sizes", self.classifier_hidden_sizes)
        for name in ("label_weight", "perturbation"):
            require_positive(name, getattr(self, name))
        if not isinstance(self.smoothness, Real) or not 0 <= float(self.smoothness) < math.inf:
            raise ValueError(f"smoothness is {self.smoothness!r}, must be a number of 0 or more")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # on a few rows, of which most networks make little
        return tags


def _half_axes(X: Any, likelihood: Callable[..., Distribution]) -> Tensor:
    """Root-mean-square distance from the mean, in each column's own unit where these differ."""
    mean, std = mean_and_std(X, None)
    if likelihood is Normal:
        return std * math.sqrt(len(std))
    squares = X.multiply(X).sum() if sparse.issparse(X) else np.square(X, dtype=np.float64).sum()
    return (squares / X.shape[0] - mean.double().square().sum()).clamp(min=0).sqrt().float()


class _SmoothTraining(Training):
    """Training that also asks of q(y|x) not to change when x hardly does."""

    vae: LabelledVAE
    radius: Tensor

    def __init__(self, vae: LabelledVAE, *, smoothness: float, radius: Tensor, **options: Any):
        super().__init__(vae, **options)
        self.smoothness = smoothness
        self.register_buffer("radius", radius)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        loss = super().training_step(batch, index)
        if not self.smoothness:
            return loss
        change = adversarial_divergence(self.vae.log_labels, batch.x, self.radius, self.noise)
        return loss + self.smoothness * change.mean()


class _MixedBatches(ShuffledBatches):
    """Batches of row indices; those with a label are drawn again where they would be too few.

    An epoch is a pass over the rows without a label. Where labelled rows are many enough by
    themselves, it is a plain pass over all.
    """

    def __init__(
        self, labelled: Tensor, batch_size: int, generator: torch.Generator | None = None
    ) -> None:
        self.labelled, others = labelled.nonzero()[:, 0], (~labelled).nonzero()[:, 0]
        natural = len(self.labelled) / len(labelled)
        mixed = natural < LABELLED_SHARE
        self.share = max(natural, LABELLED_SHARE)
        self.extra = math.ceil(self.share * batch_size) if mixed else 0
        in_order = max(1, batch_size - self.extra)  # rows of a batch that are gone through
        if mixed:
            self.share = self.extra / (self.extra + in_order)
        self.rows = others if mixed else torch.cat((others, self.labelled))
        super().__init__(len(self.rows), in_order, generator)

    def __iter__(self) -> Iterator[Tensor]:
        for part in super().__iter__():
            again = torch.randint(len(self.labelled), (self.extra,), generator=self.generator)
            yield torch.cat((self.rows[part], self.labelled[again]))
