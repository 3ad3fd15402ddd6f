"""What estimators hand on to Lightning's trainer."""

from __future__ import annotations

import pytest
from lightning.pytorch.callbacks import LambdaCallback

from dirvae.training.trainer import SET_BY, require_trainer, trainer_options


@pytest.mark.parametrize("name", SET_BY)
def test_what_estimators_set_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"^trainer has {name}, which .* sets; leave it out$"):
        require_trainer({name: 1})


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ("logger", "trainer is 'logger', must be a mapping from arguments of lightning's Trainer"),
        ({"loger": True}, "trainer has 'loger', must have .*; did you mean logger"),
        ({"precision": "bf16-mixed"}, "precision 'bf16-mixed', must be '32-true' or '64-true'"),
        ({"precision": 16}, "precision 16, must be '32-true' or '64-true'"),
    ],
)
def test_what_cannot_be_handed_on_is_refused(trainer, message):
    with pytest.raises(ValueError, match=message):
        require_trainer(trainer, sparse=True)


def test_half_precision_is_for_dense_batches():
    require_trainer({"precision": "bf16-mixed", "logger": True})


def test_our_callbacks_come_first_and_a_device_is_the_users():
    ours, theirs = LambdaCallback(), LambdaCallback()
    for given in (theirs, [theirs], (theirs,)):
        told = trainer_options({"callbacks": given, "accelerator": "gpu"}, "cpu", [ours])
        assert told == {"callbacks": [ours, theirs], "accelerator": "gpu"}
    assert trainer_options({"callbacks": None}, "cpu") == {"callbacks": [], "accelerator": "cpu"}
