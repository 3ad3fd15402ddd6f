"""Components that fall out of use are told of, once."""

from __future__ import annotations

import warnings
from functools import partial
from types import SimpleNamespace as Named

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from dirvae.distributions import Dirichlet
from dirvae.models import zoo
from dirvae.nn import Fixed
from dirvae.training import CollapseWarning, CollapseWatch, CommitmentRelease, Training, fit

quiet = partial(fit, verbose=False, seed=0, batch_size=30)
FAST = partial(torch.optim.Adam, lr=0.01)
LARGE = partial(torch.optim.Adam, lr=0.05)


@pytest.fixture
def x():
    z = torch.rand(120, 2, generator=torch.Generator().manual_seed(0)).round()
    return torch.cat([z, 1 - z, z.flip(1)], 1)


def nothing_to_encode():
    """Independent coins: whatever the latent says is paid for and worth nothing."""
    x = torch.bernoulli(torch.full((60, 6), 0.5), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    return zoo.gaussian(6, 3, hidden_sizes=(8,), decoder_hidden_sizes=(8,)), x


def test_components_that_die_are_told_of_once():
    vae, x = nothing_to_encode()
    training = Training(vae, optimizer=LARGE)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = quiet(training, x, max_epochs=15)
    [warning] = [w for w in caught if w.category is CollapseWarning]
    active = [int(metrics["active"]) for metrics in history]
    count = str(warning.message).split()[0]
    since = int(str(warning.message).split("since epoch ")[1].split(":")[0])
    assert f"{count} of 3 components have been out of use since epoch" in str(warning.message)
    # In each of the ten epochs before it spoke, no more were in use than it says.
    assert max(active[since - 1 : since + 9]) == 3 - int(count)
    assert since == 1 or active[since - 2] > 3 - int(count)


def test_components_out_of_use_are_named_by_their_column():
    watch = CollapseWatch(patience=2)
    steps = {"global_step": 0, "estimated_stepping_batches": 9, "current_epoch": 0}
    trainer = Named(callbacks=[], is_global_zero=True, **steps)
    active = torch.tensor([True, False, True, False, True])
    training = Named(history=[{"epoch": 0.0}], active=active, kl_schedule=lambda step: 1.0)
    watch.on_train_epoch_start(trainer, training)
    training.history = [{"epoch": 0.0}, {"epoch": 1.0}]
    with pytest.warns(CollapseWarning) as caught:
        watch.on_train_epoch_start(trainer, training)
    (warning,) = caught
    assert "2 of 5 components have been out of use since epoch 1" in str(warning.message)
    assert "numbers 1, 3, counted from 0" in str(warning.message)


def test_a_warning_may_stop_the_run():
    vae, x = nothing_to_encode()
    training = Training(vae, optimizer=LARGE)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CollapseWarning)
        with pytest.raises(CollapseWarning, match="fewer components"):
            quiet(training, x, max_epochs=15)
    assert 10 <= len(training.history) < 15


def test_warming_up_and_short_runs_do_not_warn():
    vae, x = nothing_to_encode()
    warming = Training(vae, optimizer=LARGE, kl_schedule=lambda step: 1.0 if step < 30 else 2.0)
    history = quiet(warming, x, max_epochs=15)  # of two steps; a warning here is an error
    assert min(metrics["active"] for metrics in history[-10:]) < 3
    quiet(Training(nothing_to_encode()[0], optimizer=LARGE), x, max_epochs=9)


def test_components_in_use_do_not_warn(x):
    torch.manual_seed(0)
    vae = zoo.gaussian(6, 2, hidden_sizes=(16,), decoder_hidden_sizes=(16,))
    history = quiet(Training(vae, optimizer=FAST), x, max_epochs=20)
    assert min(metrics["active"] for metrics in history[-10:]) == 2


def test_a_law_without_a_mean_has_no_active_components(x):
    prior = Fixed(torch.distributions.Cauchy, loc=torch.zeros(2), scale=torch.ones(2))
    vae = zoo.mlp_vae(6, torch.distributions.Cauchy, prior, hidden_sizes=(8,))
    assert "active" not in quiet(vae, x, max_epochs=11, batch_size=120)[-1]  # and no warning


def test_a_resumed_run_counts_on(tmp_path):
    training = Training(nothing_to_encode()[0], optimizer=LARGE)
    _, x = nothing_to_encode()
    quiet(training, x, max_epochs=9, checkpoint_dir=tmp_path)
    alone = nothing_to_encode()[0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quiet(Training(alone, optimizer=LARGE), x, max_epochs=15)
        quiet(training, x, max_epochs=15, checkpoint_dir=tmp_path, resume=True)
    told = [str(w.message) for w in caught if w.category is CollapseWarning]
    assert len(told) == 2
    assert told[0] == told[1]


def test_one_sentence_waits_for_those_that_are_dying():
    assert _told_at([[1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]]) == {5: 2}
    # At the end of training there is nothing to wait for.
    assert _told_at([[1, 0, 0], [1, 1, 0], [1, 0, 0], [1, 0, 0]]) == {4: 1}


def test_only_epochs_in_a_row_count():
    assert _told_at([[1, 1], [1, 0], [1, 0], [1, 0], [1, 0], [1, 0]]) == {4: 1}
    assert _told_at([[1, 1], [1, 0], [1, 0], [1, 1], [1, 0], [1, 0]]) == {}


def _told_at(used):
    """From the epoch after which a watch of patience 3 warned to the number that it named."""
    watch = CollapseWatch(patience=3)
    trainer = Named(callbacks=[], global_step=0, estimated_stepping_batches=1, is_global_zero=True)
    training = Named(kl_schedule=lambda step: 1.0, history=[], active=None)
    told = {}
    for epoch, active in enumerate(used, 1):
        training.history.append({"epoch": float(len(training.history))})
        training.active = torch.tensor(active, dtype=torch.bool)
        look = watch.on_train_end if epoch == len(used) else watch.on_train_epoch_start
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            look(trainer, training)
        for warning in caught:
            told[epoch] = int(str(warning.message).split()[0])
    return told


def committed():
    torch.manual_seed(0)
    prior = Fixed(Dirichlet, concentration=torch.tensor([1.0, 2.0, 4.0]))
    sizes = {"hidden_sizes": (8,), "decoder_hidden_sizes": (8,)}
    return zoo.mlp_vae(6, Dirichlet, prior, commitment=1.5, **sizes)


class Bounds(Callback):
    """Keeps the smallest concentrations of each epoch."""

    def __init__(self):
        self.seen = []

    def on_train_epoch_end(self, trainer, training):
        self.seen.append(training.vae.encoder.bounds["concentration"].tolist())


def test_a_commitment_is_let_go_in_the_second_third(x):
    watch = Bounds()
    quiet(committed(), x, max_epochs=12, callbacks=[CommitmentRelease(), watch])
    shares = torch.tensor([1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0, 0])
    expected = shares.unsqueeze(-1) * torch.tensor([1.5, 3.0, 6.0])
    torch.testing.assert_close(torch.tensor(watch.seen), expected)


def test_a_released_commitment_that_was_broken_off_goes_on(x, tmp_path):
    class BreakOff(CommitmentRelease):
        def on_train_epoch_start(self, trainer, training):
            super().on_train_epoch_start(trainer, training)
            if trainer.current_epoch == 7 and not self.resumed:
                raise KeyboardInterrupt

    whole, broken, watch = committed(), committed(), Bounds()
    quiet(whole, x, max_epochs=12, callbacks=[CommitmentRelease()])
    BreakOff.resumed = False
    with pytest.raises(KeyboardInterrupt):
        quiet(broken, x, max_epochs=12, callbacks=[BreakOff()], checkpoint_dir=tmp_path)
    BreakOff.resumed = True
    again = committed()
    options = {"checkpoint_dir": tmp_path, "resume": True}
    quiet(again, x, max_epochs=12, callbacks=[BreakOff(), watch], **options)
    assert watch.seen[0] == [0.25 * value for value in (1.5, 3.0, 6.0)]
    assert watch.seen[1:] == [[0.0] * 3] * 4
    for name, value in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


def test_a_watch_does_not_count_epochs_with_a_commitment_that_is_let_go(x):
    watch, told = CollapseWatch(patience=100), []
    quiet(committed(), x, max_epochs=12, callbacks=[CommitmentRelease(), Told(watch, told)])
    assert told == [*[0] * 8, *range(1, 5)]  # nothing of it is left from the ninth on


class Told(Callback):
    """How many settled epochs a watch has counted, when it has judged an epoch."""

    def __init__(self, watch, told):
        self.watch, self.told = watch, told

    def on_train_epoch_start(self, trainer, training):
        self.watch.on_train_epoch_start(trainer, training)
        if training.history:
            self.told.append(self.watch.settled_for)

    def on_train_end(self, trainer, training):
        self.watch.on_train_end(trainer, training)
        self.told.append(self.watch.settled_for)


def test_a_release_may_serve_another_model(x):
    release, first, second = CommitmentRelease(), committed(), committed()
    second.encoder.bounds["concentration"].mul_(2)
    watch = Bounds()
    quiet(first, x, max_epochs=3, callbacks=[release])
    quiet(second, x, max_epochs=3, callbacks=[release, watch])
    assert watch.seen[0] == [3.0, 6.0, 12.0]


def test_a_release_needs_a_commitment_and_two_epochs(x):
    vae = zoo.gaussian(6, 2, hidden_sizes=(8,), decoder_hidden_sizes=(8,))
    with pytest.raises(ValueError, match="the encoder must have a commitment to let go"):
        quiet(vae, x, max_epochs=3, callbacks=[CommitmentRelease()])
    with pytest.raises(ValueError, match="max_epochs is 1, must be 2 or more"):
        quiet(committed(), x, max_epochs=1, callbacks=[CommitmentRelease()])
