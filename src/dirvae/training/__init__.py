"""Training of models, in one call, by Lightning."""

from dirvae.training.callbacks import (
    CollapseWarning,
    CollapseWatch,
    CommitmentRelease,
    MethodOfMoments,
)
from dirvae.training.checkpoints import CheckpointError
from dirvae.training.fitting import fit
from dirvae.training.module import History, Training
from dirvae.training.optimisers import adam, decaying_adam, resumed_adam

__all__ = [
    "CheckpointError",
    "CollapseWarning",
    "CollapseWatch",
    "CommitmentRelease",
    "History",
    "MethodOfMoments",
    "Training",
    "adam",
    "decaying_adam",
    "fit",
    "resumed_adam",
]
