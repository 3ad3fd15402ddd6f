"""What all estimators do alike: draw seeds, train, forget what failed, answer by row, and save."""

from __future__ import annotations

import copy
import reprlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, cast

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state, estimator_html_repr
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Normal

from dirvae.estimators.arguments import (
    likelihood_of,
    require_integer,
    require_likelihood,
    require_positive,
    require_random_state,
    require_sizes,
)
from dirvae.estimators.kinds import warn_of_kind
from dirvae.estimators.rows import (
    batches,
    finite,
    require_deviations,
    validated_rows,
    without_rounding,
)
from dirvae.models.likelihoods import require_support
from dirvae.models.semi_supervised import LabelledVAE
from dirvae.models.vae import VAE
from dirvae.nn.surroundings import pinned
from dirvae.objectives import linear_warmup
from dirvae.persistence import load_as
from dirvae.persistence import save as save_model
from dirvae.tables import ResultTable
from dirvae.training import History, Training, decaying_adam, fit
from dirvae.training.trainer import trainer_options
from dirvae.words import WORDS, meant

__all__ = ["RowEstimator", "VAEEstimator", "embedded", "learning", "scheduled"]

OF_EACH_PASS = {  # arguments that any pass may change; n_components is checked by itself
    "n_components",
    "label_weight",
    "smoothness",
    "perturbation",
    "num_samples",
    "max_epochs",
    "batch_size",
    "learning_rate",
    "validation_fraction",
    "patience",
    "random_state",
    "device",
    "verbose",
}
WARMUP = 1000  # steps in which the KL's weight rises to 1; half of those planned if that is less


def scheduled(training: Training, learning_rate: float) -> Training:
    """Let the KL's weight rise and the step size fall, over the steps that the trainer plans."""

    @cache  # the trainer counts anew each time, and the schedule asks at each step
    def planned() -> int:
        return training.planned_steps

    def warmup(step: int) -> float:
        return linear_warmup(min(WARMUP, planned() // 2))(step)

    def decay(weights: Any) -> Any:
        return decaying_adam(learning_rate, planned())(weights)

    training.kl_schedule, training.optimizer = warmup, decay
    return training


def embedded(vae: VAE | LabelledVAE, x: Tensor) -> Tensor:
    """Posterior mean of each row, shape (B, K)."""
    return vae.embed(x)


def _as_is(name: str, value: Any) -> Any:
    """The value of an argument, in a form that can be compared with that of another pass."""
    value = meant(name, value) if name in WORDS else value
    if hasattr(value, "get_params"):
        return {"class": type(value), **value.get_params()}
    if isinstance(value, Mapping):
        return {key: _as_is("", item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return [*one] == [*other] and all(_alike(one[key], other[key]) for key in one)
    return one is other or np.array_equal(one, other)


def _briefly(value: Any) -> str:
    of_class = value.get("class") if isinstance(value, dict) else value
    return of_class.__name__ if isinstance(of_class, type) else reprlib.repr(value)


P = ParamSpec("P")
R = TypeVar("R")
Estimator = TypeVar("Estimator", bound="VAEEstimator")


def learning(
    method: Callable[Concatenate[Estimator, P], R],
) -> Callable[Concatenate[Estimator, P], R]:
    """Run a method with torch's own defaults, and see to the estimator if the method fails.

    If it fails before training, the estimator stays as it was. If it fails in training, the
    estimator is not fitted.
    """

    @wraps(method)
    def whole(self: Estimator, /, *args: P.args, **kwargs: P.kwargs) -> R:
        before = dict(vars(self))
        try:
            with pinned():
                return method(self, *args, **kwargs)
        except BaseException:
            if hasattr(self, "vae_") or "vae_" not in before:
                self.__dict__ = before
            raise

    return whole


class VAEEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A VAE as a scikit-learn estimator: it is fitted if it has ``vae_``.

    A subclass names the class of ``vae_`` in ``model_type``. In ``not_saved`` it names the
    arguments and fitted attributes that a saved folder leaves out. In ``not_always`` it names the
    fitted attributes that only some fits have; a folder without one of the others is damaged.
    """

    not_saved = frozenset[str]()
    not_always = frozenset({"feature_names_in_"})
    history_: History
    n_iter_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    _n_features_out: int
    _seed: int

    if TYPE_CHECKING:  # the model, and arguments that every estimator has
        vae_: VAE | LabelledVAE
        _built: dict[str, Any]
        _optimizer_state: dict[str, Any] | None
        n_components: int
        latent: Callable[..., Distribution] | str | None
        hidden_sizes: Sequence[int]
        max_epochs: Any  # an integer; None where the estimator chooses
        batch_size: int
        learning_rate: float
        random_state: Any
        device: str
        verbose: bool

    def save(self, path: str | Path) -> None:
        """Save to a folder, as `dirvae.save` does, but not the optimiser of `partial_fit`.

        Raises:
            ValueError: If an argument that shapes the model, such as ``latent``, was set to another
                value after the fit, or an argument cannot be saved.
            OSError: If the folder cannot be written.
        """
        save_model(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load what `save` wrote; outputs equal those of the saved estimator, bit for bit.

        Raises:
            ModelFormatError: If the folder is missing or damaged, or has another kind of model.
        """
        return load_as(cls, path)

    def _new_seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _train(
        self,
        training: Training,
        data: Any,
        *,
        trainer: Mapping[str, Any] | None = None,
        callbacks: Sequence[Callback] = (),
        **options: Any,
    ) -> History:
        handed_on = trainer_options(trainer, self.device, callbacks)
        with self._forgotten_if_cut_off():
            return fit(training, data, verbose=bool(self.verbose), **options, **handed_on)

    @contextmanager
    def _forgotten_if_cut_off(self) -> Iterator[None]:
        """Let an estimator whose fit fails, or is interrupted, not look like a fitted one."""
        try:
            yield
        except BaseException:
            del self.vae_
            raise

    def _frames(self) -> str | None:
        """Whose frames results are turned to: those that ``set_output`` was told, or None."""
        told = getattr(self, "_sklearn_output_config", {}).get("transform")
        return None if told == "default" else told

    def _shown(self) -> tuple[str, ResultTable | None]:
        """What a fitted estimator shows itself as: a sentence, and a table if there is one."""
        return f"{self._n_features_out} components of {self.n_features_in_:,} columns", None

    def __str__(self) -> str:
        if not self.__sklearn_is_fitted__():
            return repr(self)
        told, table = self._shown()
        return f"{type(self).__name__}: {told}" + ("" if table is None else f"\n{table}")

    def _repr_html_(self) -> str:
        """What was learned, and below scikit-learn's diagram of the arguments."""
        diagram = estimator_html_repr(self)
        if not self.__sklearn_is_fitted__():
            return diagram
        told, table = self._shown()
        rows = "" if table is None else table._repr_html_()
        return f"<p><b>{type(self).__name__}</b>: {told}</p>{rows}{diagram}"

    def _repr_mimebundle_(self, **ignored: Any) -> dict[str, str]:
        if get_config()["display"] != "diagram":
            return {"text/plain": repr(self)}
        return {"text/plain": str(self), "text/html": self._repr_html_()}

    def _note_pass(self, training: Training) -> None:
        """Keep the epoch of a `partial_fit`, and its optimiser's state for the next one."""
        [metrics] = training.history
        self.history_.append({**metrics, "epoch": float(len(self.history_))})
        optimizer = cast(torch.optim.Optimizer, training.optimizers(use_pl_optimizer=False))
        self._optimizer_state = optimizer.state_dict()

    def _check_arguments(self) -> None:
        meant("latent", self.latent)
        for name in ("n_components", "batch_size"):
            require_integer(name, getattr(self, name), 1)
        self._require_epochs()
        require_sizes("hidden_sizes", self.hidden_sizes)
        require_positive("learning_rate", self.learning_rate)
        require_random_state(self.random_state)

    def _check_next_pass(self) -> None:
        """Check the arguments of a fitted model before one more pass, which keeps its size."""
        self._check_arguments()
        if self.n_components != self._n_features_out:
            raise ValueError(
                f"n_components is {self.n_components}, must be {self._n_features_out} for "
                "partial_fit, as the fitted model has: for another number call fit"
            )
        self._require_as_built("for partial_fit", "for another one call fit")

    def _require_as_built(self, use: str, advice: str, but: Collection[str] = ()) -> None:
        """Raise ValueError where an argument that shapes the model was set anew since the fit."""
        for name, now in self._shaping().items():
            if name in but:
                continue
            before = getattr(self, "_built", {}).get(name, now)  # of a pickle it may be unknown
            if _alike(now, before) or (before is None and _alike(now, self._stood_for(name))):
                continue
            told, right = _briefly(now), _briefly(before)
            right = "as it was" if told == right else right
            raise ValueError(
                f"{name} is {told}, must be {right} {use}, as the fitted model has: {advice}"
            )

    def _stood_for(self, name: str) -> Any:
        """What the fit took for an argument that was None."""
        return _as_is(name, getattr(self, f"{name}_", None))

    def _shaping(self) -> dict[str, Any]:
        """Arguments that shape the model when it is built, as they are now."""
        given = self.get_params(deep=False)
        return {name: _as_is(name, given[name]) for name in sorted(given.keys() - OF_EACH_PASS)}

    def _require_consistent(self) -> None:
        """Raise ValueError where what was learned does not go with ``vae_``, as loaded it may."""
        for name, wanted in self._shapes().items():
            found = np.shape(getattr(self, name)) if hasattr(self, name) else wanted
            if found != wanted:
                raise ValueError(f"{name} has shape {found}, must have {wanted}, as the model has")

    def _restore_unsaved(self) -> None:
        """Set what a saved folder leaves out but the loaded weights or arguments have."""
        self._built = self._shaping()

    def _require_use(self, use: Callable[[Tensor], Any], what: str) -> None:
        """Raise ValueError where networks, as loaded, cannot take rows of this width."""
        try:
            with torch.no_grad(), suppress(NotImplementedError):  # a likelihood may have no mean
                use(torch.ones(2, self.n_features_in_))
        except RuntimeError as error:
            raise ValueError(
                f"vae_ cannot take {what}: its networks do not go with each other"
            ) from error

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of attributes, where they are there, as the weights have them."""
        return {"feature_names_in_": (self.n_features_in_,)}

    def _require_epochs(self) -> None:
        require_integer("max_epochs", self.max_epochs, 1)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "vae_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class RowEstimator(VAEEstimator):
    """An estimator of rows of numbers, dense or sparse, whose likelihood is given or chosen."""

    likelihood_: Callable[..., Distribution]

    def _require_consistent(self) -> None:
        super()._require_consistent()
        wanted = self.n_features_in_, self._n_features_out
        decoder: Any = self.vae_.decoder
        found = decoder.event_shape.numel(), self.vae_.prior().event_shape.numel()
        if found != wanted:
            raise ValueError(f"vae_ has {found} features and components, must have {wanted}")
        self._require_use(self.vae_.reconstruct, f"rows of {self.n_features_in_} features")

    if TYPE_CHECKING:
        likelihood: Callable[..., Distribution] | str | None
        decoder_hidden_sizes: Sequence[int]

    def transform(self, X: Any) -> Any:
        """Posterior mean of the latent of each row, shape (N, K); on a simplex, rows sum to 1.

        The mean depends on the row alone, not on the other rows of X. A model with classes takes
        the posterior at the expected class of the row.
        """
        z = self._rowwise(X, embedded)
        return z.astype(np.float32) if getattr(X, "dtype", None) == np.float32 else z

    def _validated(self, X: Any, *, reset: bool) -> Any:
        X = validated_rows(self, X, reset=reset)
        of = self.likelihood if reset else self.likelihood_
        # By name too: arguments are checked later.
        return without_rounding(X) if of is None or of is Bernoulli or of == "bernoulli" else X

    def _choose_likelihood(self, X: Any) -> None:
        asked_for = meant("likelihood", self.likelihood)
        self.likelihood_ = likelihood_of(X, asked_for)
        self._require_support(X)
        if self.likelihood_ is Normal:
            require_deviations(X)
        warn_of_kind(X, self.likelihood_, chosen=asked_for is None)

    def _require_support(self, X: Any) -> None:
        require_support(X, self.likelihood_)

    def _rowwise(self, X: Any, function: Callable[[Any, Tensor], Tensor]) -> Any:
        return self._of_rows(self._checked(X), function)

    def _checked(self, X: Any) -> Any:
        """Rows that a fitted model is asked about, as an array or CSR matrix."""
        check_is_fitted(self)
        X = self._validated(X, reset=False)
        self._require_support(X)
        return X

    @pinned()
    def _of_rows(self, rows: Any, function: Callable[[Any, Tensor], Tensor]) -> Any:
        """Apply a function of rows in double precision, in which the batch does not show."""
        vae = copy.deepcopy(self.vae_).double()
        with torch.no_grad():
            found = np.concatenate([function(vae, x).numpy() for x in batches(rows)])
        return finite("what it says of rows", found)

    def _check_arguments(self) -> None:
        super()._check_arguments()
        require_sizes("decoder_hidden_sizes", self.decoder_hidden_sizes)
        require_likelihood(meant("likelihood", self.likelihood))
