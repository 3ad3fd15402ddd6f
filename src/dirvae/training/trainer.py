"""Options that estimators pass on to Lightning's trainer, and those that they set themselves."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import lightning.pytorch as lightning
from lightning.pytorch.callbacks import Callback

from dirvae.text import nearest

__all__ = ["require_trainer", "trainer_options"]

SET_BY = {
    "max_epochs": "the argument max_epochs",
    "enable_progress_bar": "the argument verbose",
    "enable_checkpointing": "the argument checkpoint_dir",
    "plugins": "precision and strategy",
}


def require_trainer(trainer: Any, *, sparse: bool = False) -> None:
    """Raise ValueError unless an estimator can pass its argument ``trainer`` on to Lightning.

    Args:
        trainer: Dict of arguments of ``lightning.pytorch.Trainer``, or None.
        sparse: Whether batches are sparse; torch has no half precision for them.

    Example:
        >>> require_trainer({"max_epochs": 3})
        Traceback (most recent call last):
        ValueError: trainer has max_epochs, which the argument max_epochs sets; leave it out
    """
    if trainer is None:
        return
    if not isinstance(trainer, Mapping):
        raise ValueError(
            f"trainer is {trainer!r}, must be a mapping from arguments of lightning's Trainer, "
            'such as {"logger": True}, or None'
        )
    known = inspect.signature(lightning.Trainer).parameters
    for name in trainer:
        if name in SET_BY:
            raise ValueError(f"trainer has {name}, which {SET_BY[name]} sets; leave it out")
        if name not in known:
            raise ValueError(
                f"trainer has {name!r}, must have arguments of lightning's Trainer"
                f"{nearest(str(name), known)}"
            )
    callbacks = trainer.get("callbacks") or []
    for callback in callbacks if isinstance(callbacks, Collection) else [callbacks]:
        if not isinstance(callback, Callback):
            raise ValueError(
                f"trainer has {callback!r} among its callbacks, must have objects of lightning's "
                "Callback"
            )
    if sparse and "16" in str(trainer.get("precision")):
        raise ValueError(
            f"trainer has precision {trainer['precision']!r}, must be '32-true' or '64-true': "
            "sparse counts have no half precision"
        )


def trainer_options(
    trainer: Mapping[str, Any] | None, device: str, callbacks: Sequence[Callback] = ()
) -> dict[str, Any]:
    """Options of `fit`: those in ``trainer``, with default accelerator and further callbacks.

    Args:
        trainer: As in `require_trainer`.
        device: The accelerator if ``trainer`` names none.
        callbacks: Callbacks that come before those in ``trainer``.

    Example:
        >>> trainer_options({"precision": "64-true"}, "cpu")
        {'accelerator': 'cpu', 'precision': '64-true', 'callbacks': []}
    """
    given = dict(trainer or {})
    more = given.pop("callbacks", None) or []
    more = [more] if isinstance(more, Callback) else list(more)
    return {"accelerator": device, **given, "callbacks": [*callbacks, *more]}
