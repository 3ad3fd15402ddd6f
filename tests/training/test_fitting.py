"""fit: the trainer's promises."""

from __future__ import annotations

import errno
import math
import os
import shutil
import signal
from functools import partial

import lightning.pytorch as lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.utilities.exceptions import SIGTERMException
from scipy import sparse
from torch.distributions import Bernoulli, Poisson

from dirvae.data import ArrayDataset, Batch, loader
from dirvae.models import zoo
from dirvae.nn import MLP, Head
from dirvae.objectives import constant, elbo, importance_weighted_bound, linear_warmup
from dirvae.training import CheckpointError, Training, adam, decaying_adam, fit
from dirvae.training.checkpoints import BEST, LAST, WholeCheckpoints, read_checkpoint
from dirvae.training.module import _Meter


@pytest.fixture
def x():
    generator = torch.Generator().manual_seed(0)
    z = torch.rand(120, 2, generator=generator).round()
    return torch.cat([z, 1 - z, z.flip(1)], 1)


def small(seed: int = 0):
    torch.manual_seed(seed)
    return zoo.dirichlet(6, torch.ones(4), hidden_sizes=(16,), decoder_hidden_sizes=(16,))


FAST, FASTER = (partial(torch.optim.Adam, lr=rate) for rate in (0.01, 0.05))
quiet = partial(fit, verbose=False, seed=0, batch_size=30)


@pytest.mark.learning
def test_training_raises_the_bound_and_every_parameter_moves(x):
    vae = small()
    before = {name: p.detach().clone() for name, p in vae.named_parameters()}
    history = quiet(Training(vae, optimizer=FAST), x, max_epochs=60)
    assert history[-1]["elbo"] > history[0]["elbo"] + 1
    assert all(not torch.equal(before[name], p) for name, p in vae.named_parameters())
    assert [metrics["epoch"] for metrics in history] == list(range(60))


def test_metrics_keep_their_digits_in_half_precision(x):
    vae = small()
    frozen = Training(vae, optimizer=partial(torch.optim.SGD, lr=0.0))
    history = quiet(frozen, x.repeat(20, 1), max_epochs=1, precision="bf16-mixed")
    with torch.no_grad():
        kl = float(vae.terms(x).kl.mean())
    assert history[0]["kl"] == pytest.approx(kl, rel=0.02)  # the networks' own rounding


def test_metrics_are_the_mean_over_rows(x):
    vae = small()
    frozen = Training(vae, optimizer=partial(torch.optim.SGD, lr=0.0))
    history = quiet(frozen, x, max_epochs=1, batch_size=50)
    with torch.no_grad():
        terms = vae.terms(x, num_samples=500)
    error = float(terms.log_likelihood.mean(1).std())
    assert history[0]["kl"] == pytest.approx(float(terms.kl.mean()), rel=1e-4)
    assert abs(history[0]["reconstruction"] - float(terms.log_likelihood.mean())) < 5 * error
    assert history[0]["elbo"] == pytest.approx(
        history[0]["reconstruction"] - history[0]["kl"], rel=1e-4
    )


def test_metrics_are_those_of_all_devices_together(x, monkeypatch):
    vae, sums = small(), []
    frozen = partial(Training, vae, optimizer=partial(torch.optim.SGD, lr=0.0))

    def noted(strategy, tensor, group=None, reduce_op="mean"):
        sums.extend([tensor] if reduce_op == "sum" else [])
        return tensor

    def added(strategy, tensor, group=None, reduce_op="mean"):
        return tensor + sums.pop(0) if reduce_op == "sum" else tensor

    monkeypatch.setattr(SingleDeviceStrategy, "reduce", noted)
    quiet(frozen(), x[30:], validation=x[20:50], max_epochs=1)  # what another device would have
    monkeypatch.setattr(SingleDeviceStrategy, "reduce", added)
    training = frozen()
    [found] = quiet(training, x[:30], validation=x[:20], max_epochs=1)
    assert sums == []
    with torch.no_grad():
        kl, of_validation = (float(vae.terms(rows).kl.mean()) for rows in (x, x[:50]))
    assert found["kl"] == pytest.approx(kl, rel=1e-4)
    assert found["val_kl"] == pytest.approx(of_validation, rel=1e-4)
    monkeypatch.undo()
    whole = frozen()
    [wanted] = quiet(whole, x, max_epochs=1)
    assert found["active"] == wanted["active"]
    assert torch.equal(training.active, whole.active)
    one, other, both = _Meter(), _Meter(), _Meter()
    for meter, rows in ((one, x[:30]), (other, x[30:]), (both, x[:30]), (both, x[30:])):
        meter.add(vae.terms(rows), None)
    one.gather(lambda sums: sums + (other.sums if sums.dim() == 1 else other.embedding))
    torch.testing.assert_close(one.embedding_var(), both.embedding_var())


def test_a_generator_is_the_only_source_of_order_and_noise(x, tmp_path):
    """The same numbers as from its seed; also where the run was cut off between two epochs."""
    data = ArrayDataset(x * 0.5, binarize=True)
    expected = quiet(small(), data, max_epochs=3, seed=7)
    state = torch.get_rng_state()
    seeded = torch.Generator().manual_seed
    vae = small()
    torch.set_rng_state(state)
    assert quiet(vae, data, max_epochs=3, seed=seeded(7)) == expected
    assert torch.equal(torch.get_rng_state(), state)
    assert data.generator is None  # the caller's stays as it was
    vae = small()
    quiet(vae, data, max_epochs=2, seed=seeded(7), checkpoint_dir=tmp_path)
    again = {"seed": seeded(7), "checkpoint_dir": tmp_path, "resume": True}
    assert quiet(vae, data, max_epochs=3, **again) == expected


def test_same_seed_same_weights_and_global_generator_untouched(x):
    results = []
    for _ in range(2):
        vae = small()
        state = torch.get_rng_state()
        quiet(vae, x, max_epochs=2)
        assert torch.equal(state, torch.get_rng_state())
        results.append(vae.state_dict())
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


def test_different_seeds_differ(x):
    first, second = (small(), small())
    fit(first, x, max_epochs=1, seed=0, verbose=False)
    fit(second, x, max_epochs=1, seed=1, verbose=False)
    assert not torch.equal(first.encoder.projection.weight, second.encoder.projection.weight)


def test_resume_gives_the_uninterrupted_run_to_the_bit(x, tmp_path):
    make = lambda vae: Training(vae, kl_schedule=linear_warmup(10))  # noqa: E731
    whole, parts = small(), small()
    history = quiet(make(whole), x, validation=x[:40], max_epochs=6, patience=50)
    quiet(make(parts), x, validation=x[:40], max_epochs=3, patience=50, checkpoint_dir=tmp_path)
    again = small(seed=5)
    resumed = quiet(
        make(again),
        x,
        validation=x[:40],
        max_epochs=6,
        patience=50,
        checkpoint_dir=tmp_path,
        resume=True,
    )
    assert all(
        torch.equal(p, q) for p, q in zip(whole.parameters(), again.parameters(), strict=True)
    )
    assert resumed == history


@pytest.mark.parametrize("name", ["data", "validation"])
def test_a_training_is_not_resumed_with_other_data(x, tmp_path, name):
    given = {"data": x, "validation": x[:40]}
    options = {"checkpoint_dir": tmp_path, "patience": 50}
    quiet(small(), **given, max_epochs=2, **options)
    before = (tmp_path / LAST).read_bytes()
    other = given | {name: given[name].flip(0)}
    with pytest.raises(CheckpointError, match=f"of a training with other {name}: give the arg"):
        quiet(small(), **other, max_epochs=3, resume=True, **options)
    assert (tmp_path / LAST).read_bytes() == before
    assert len(quiet(small(), **given, max_epochs=3, resume=True, **options)) == 3


def test_a_dataset_of_the_users_own_is_resumed_whatever_it_has(x, tmp_path):
    class Molecules(torch.utils.data.Dataset):
        fingerprint = x.numpy()  # of chemistry

        def __len__(self):
            return 4

        def __getitem__(self, part):
            return Batch(x[part::4])

    batches = torch.utils.data.DataLoader(Molecules(), batch_size=None)
    quiet(small(), batches, max_epochs=1, checkpoint_dir=tmp_path)
    resumed = quiet(small(), batches, max_epochs=2, checkpoint_dir=tmp_path, resume=True)
    assert [metrics["epoch"] for metrics in resumed] == [0, 1]


def test_a_module_that_a_callback_adds_is_resumed_too(x, tmp_path):
    class Counted(torch.nn.Linear):
        def get_extra_state(self):
            return {"count": 1}

        def set_extra_state(self, state):
            self.count = state["count"]

    class Probe(lightning.Callback):
        def setup(self, trainer, module, stage):
            module.probe = Counted(3, 2)

    for epochs, resume in ((1, False), (2, True)):
        how = {"checkpoint_dir": tmp_path, "resume": resume, "callbacks": [Probe()]}
        training = Training(small())
        assert len(quiet(training, x, max_epochs=epochs, **how)) == epochs
    stored = read_checkpoint(tmp_path / LAST)["state_dict"]["probe.weight"]
    assert torch.equal(stored, training.probe.weight)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Checkpoints of a training that was at its best in epoch 1 of 4; what it would come to."""
    folder = tmp_path_factory.mktemp("begun") / "checkpoints"
    whole = small()
    assert _rising_then_falling(whole, max_epochs=6).best_epoch == 1
    _rising_then_falling(small(), max_epochs=4, checkpoint_dir=folder)
    return folder, whole


def _rising_then_falling(vae, **options):
    """The validation rows are those of the training in two epochs, and then are turned about."""

    class Turn(lightning.Callback):
        def on_validation_epoch_start(self, trainer, module):
            rows[:] = 1 - start if trainer.current_epoch > 1 else start

    start = torch.cat([torch.ones(20, 3), torch.zeros(20, 3)], 1)
    rows = start.clone()
    training = Training(vae, optimizer=FAST)
    data = loader(ArrayDataset(start), 20)
    held_out = loader(ArrayDataset(rows), 20)
    options = {"validation": held_out, "patience": 50, "callbacks": [Turn()], **options}
    quiet(training, data, **options)
    return training


def test_a_folder_of_checkpoints_may_be_moved(begun, tmp_path):
    folder, whole = begun
    shutil.copytree(folder, tmp_path / "moved")
    hidden = folder.rename(folder.with_name("hidden"))
    again = small(seed=5)
    try:
        moved = _rising_then_falling(
            again, max_epochs=6, checkpoint_dir=tmp_path / "moved", resume=True
        )
    finally:
        hidden.rename(folder)
    assert moved.best_epoch == 1
    assert all(
        torch.equal(p, q) for p, q in zip(whole.parameters(), again.parameters(), strict=True)
    )


@pytest.mark.parametrize("name", [LAST, BEST])
def test_no_byte_of_a_checkpoint_changes_the_result(begun, tmp_path, name):
    folder, _ = begun
    content = (folder / name).read_bytes()
    expected = torch.load(folder / name, weights_only=True)
    refused = 0
    for place in np.random.default_rng(0).choice(len(content), 200, replace=False):
        changed = bytearray(content)
        changed[place] ^= 16
        (tmp_path / name).write_bytes(changed)
        try:
            found = read_checkpoint(tmp_path / name)
        except CheckpointError:
            refused += 1
        else:  # it was between the parts, where nothing is read
            assert repr(_plain(found)) == repr(_plain(expected))
    assert refused > 100


def test_a_full_disk_is_told_as_one_and_leaves_the_earlier_checkpoint(tmp_path):
    resource = pytest.importorskip("resource")
    WholeCheckpoints().save_checkpoint({"epoch": 3}, tmp_path / LAST)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**14, limits[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            WholeCheckpoints().save_checkpoint({"w": torch.zeros(2**14)}, tmp_path / LAST)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == [LAST]
    assert read_checkpoint(tmp_path / LAST) == {"epoch": 3}


def _plain(value):
    """Tensors as lists, in whatever they are kept."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {name: _plain(kept) for name, kept in value.items()}
    return [_plain(kept) for kept in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("max_epochs", [1, 3])
def test_fewer_epochs_than_the_checkpoint_has_are_refused(begun, max_epochs):
    folder, _ = begun
    vae = small(seed=5)
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    message = f"max_epochs is {max_epochs}, must be 4 or more: the training to resume has 4 epochs"
    with pytest.raises(ValueError, match=message):
        _rising_then_falling(vae, max_epochs=max_epochs, checkpoint_dir=folder, resume=True)
    assert all(torch.equal(before[name], value) for name, value in vae.state_dict().items())


@pytest.mark.filterwarnings("ignore")  # advice of Lightning
def test_a_checkpoint_serves_lightning_in_other_ways(begun, x):
    """Only `fit` is about epochs; -1 is Lightning's word for no end."""
    folder, _ = begun
    path, vae = folder / LAST, small(seed=5)
    loaded = Training.load_from_checkpoint(path, vae=vae)
    assert len(loaded.history) == 4
    rows = loader(ArrayDataset(x), 30)
    options = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    options |= {"enable_model_summary": False, "accelerator": "cpu"}
    for trainer in (
        lightning.Trainer(max_epochs=-1, max_steps=12, **options),
        lightning.Trainer(max_epochs=5, **options),
    ):
        trainer.fit(Training(small(), optimizer=FAST), rows, ckpt_path=path, weights_only=True)
    lightning.Trainer(max_epochs=1, **options).validate(
        Training(small(), optimizer=FAST), rows, ckpt_path=path, verbose=False, weights_only=True
    )


def test_a_training_that_had_come_to_its_end_is_resumed_at_it(begun):
    folder, _ = begun
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = _rising_then_falling(small(seed=5), max_epochs=4, checkpoint_dir=folder, resume=True)
    assert (len(again.history), again.best_epoch) == (4, 1)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == content


def test_damaged_or_missing_checkpoints_are_told_before_training(begun, tmp_path):
    class Never(lightning.Callback):
        def on_train_epoch_start(self, trainer, module):
            pytest.fail("training began")

    folder, _ = begun
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / BEST).unlink()
    options = {"max_epochs": 6, "checkpoint_dir": tmp_path / "copy", "resume": True}
    options |= {"callbacks": [Never()]}
    with pytest.raises(CheckpointError, match=r"best\.ckpt is missing"):
        _rising_then_falling(small(), **options)
    (tmp_path / "copy" / LAST).write_bytes((folder / LAST).read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"last\.ckpt is damaged: delete it"):
        _rising_then_falling(small(), **options)


def test_early_stopping_restores_the_best_weights(x):
    vae = small()
    training = Training(vae, optimizer=partial(torch.optim.Adam, lr=0.05))
    history = quiet(training, x[:30], validation=x[60:], max_epochs=200, patience=3)
    best = max(metrics["val_elbo"] for metrics in history)
    assert len(history) < 200
    with torch.no_grad():
        terms = vae.terms(x[60:], num_samples=2000)
    spread = 0.5  # the validation metric is from one sample of each of 60 rows
    assert abs(float(elbo(terms).mean()) - best) < spread
    assert history[-1]["val_elbo"] < best


def test_an_importance_weighted_training_is_judged_by_its_own_bound(x):
    vae = small()
    training = Training(vae, num_samples=5, importance=True)

    def best_in_epoch_2(terms, *, kl_weight):
        bound = importance_weighted_bound(terms, kl_weight=kl_weight)
        return bound - 100 * abs(training.current_epoch - 2)

    training.objective = best_in_epoch_2
    history = quiet(training, x[:30], validation=x[60:], max_epochs=20, patience=3)
    assert training.best_epoch == 2
    assert len(history) == 6
    assert max(range(6), key=lambda epoch: history[epoch]["val_elbo"]) != 2
    with torch.no_grad():
        terms = vae.terms(x[60:].repeat(200, 1), num_samples=5, importance=True)
    bound = float(importance_weighted_bound(terms).mean())
    assert history[2]["val_bound"] == pytest.approx(bound, abs=0.2)
    assert history[2]["val_bound"] > history[2]["val_elbo"] + 0.2


def test_the_validation_bound_is_weighted_and_has_the_whole_kl(x):
    training = Training(small(), kl_schedule=constant(0.5), importance=True)
    bounds = torch.tensor([1.0, 2.0, 6.0])
    training.objective = lambda terms, *, kl_weight: 0 * terms.kl + kl_weight * bounds
    validation = ArrayDataset(x[:3], weight=torch.tensor([1.0, 2.0, 0.0]))
    (metrics,) = quiet(training, x[:3], validation=validation, max_epochs=1, batch_size=3)
    assert metrics["val_bound"] == pytest.approx((1 * 1 + 2 * 2) / 3)


def test_interrupted_training_keeps_a_checkpoint_and_says_how_to_resume(tmp_path):
    class Interrupt(lightning.Callback):
        def on_train_batch_start(self, trainer, module, batch, index):
            if trainer.current_epoch == 2:
                signal.raise_signal(signal.SIGINT)

    vae = zoo.gaussian(4, 2, hidden_sizes=(8,), decoder_hidden_sizes=(8,))
    options = {"seed": 0, "verbose": False, "checkpoint_dir": tmp_path}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt, match="resume=True"):
            fit(vae, torch.eye(4), max_epochs=50, callbacks=[Interrupt()], **options)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(fit(vae, torch.eye(4), max_epochs=3, resume=True, **options)) == 3


@pytest.mark.parametrize(
    ("exit_", "told"),
    [(SystemExit(3), SystemExit), (SIGTERMException(), KeyboardInterrupt)],
)
def test_only_an_interruption_is_told_as_one(exit_, told):
    class Exit(lightning.Callback):
        def on_train_batch_start(self, trainer, module, batch, index):
            raise exit_

    vae = zoo.gaussian(4, 2, hidden_sizes=(8,), decoder_hidden_sizes=(8,))
    try:
        fit(vae, torch.eye(4), max_epochs=1, callbacks=[Exit()], seed=0, verbose=False)
    except BaseException as error:  # not by pytest.raises: of a KeyboardInterrupt the run would end
        found = error
    assert type(found) is told
    assert found is exit_ or "training was interrupted" in str(found)


def test_non_finite_loss_stops_with_a_clear_error(x):
    with pytest.raises(FloatingPointError, match="learning rate"):
        quiet(Training(small(), objective=lambda terms, kl_weight: terms.kl * math.nan), x)


def test_weights_that_the_last_step_made_infinite_are_told(x):
    far = Training(
        small(),
        optimizer=partial(torch.optim.SGD, lr=3e38),
        objective=lambda terms, kl_weight: 1e3 * elbo(terms),
    )
    with pytest.raises(FloatingPointError, match="is NaN or infinite after training: lower the"):
        quiet(far, x, max_epochs=1, batch_size=120)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"max_epochs": 0}, "max_epochs"), ({"batch_size": 0}, "batch_size")],
)
def test_arguments_out_of_range(x, options, message):
    with pytest.raises(ValueError, match=message):
        quiet(small(), x, **options)


def test_empty_data_is_refused():
    with pytest.raises(ValueError, match="data has no rows"):
        quiet(small(), torch.zeros(0, 6))


def test_non_finite_data_is_refused(x):
    x[3, 2] = float("nan")
    with pytest.raises(ValueError, match="row 3"):
        quiet(small(), x)


def test_nothing_to_resume_from(x, tmp_path):
    with pytest.raises(FileNotFoundError, match="resume"):
        quiet(small(), x, checkpoint_dir=tmp_path, resume=True)


def test_row_weights_are_repetitions(x):
    """One step on weights 2, 1, 1, 3 is one step on the repeated rows; KL alone has no noise."""
    weight = torch.tensor([2, 1, 1, 3])
    found = []
    for data in (
        ArrayDataset(x[:4].repeat_interleave(weight, 0)),
        ArrayDataset(x[:4], weight=weight),
    ):
        vae = small()
        objective = lambda terms, kl_weight: -terms.kl  # noqa: E731
        sgd = partial(torch.optim.SGD, lr=0.1)
        quiet(Training(vae, objective=objective, optimizer=sgd), data, max_epochs=1)
        found.append(vae.encoder.projection.weight)
    assert not torch.equal(found[0], small().encoder.projection.weight)
    torch.testing.assert_close(found[0], found[1])


def test_covariates_and_mask_reach_the_model(x):
    seen = []

    class Spy(torch.nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def forward(self, *context):
            seen.append(context)
            return self.module(*context)

    vae = zoo.gaussian(6, 2, num_covariates=3, hidden_sizes=(8,))
    vae.encoder, vae.decoder = Spy(vae.encoder), Spy(vae.decoder)
    mask = torch.ones_like(x, dtype=torch.bool)
    mask[:, 0] = False
    data = ArrayDataset(x + 7 * ~mask, torch.ones(120, 3), mask=mask)
    quiet(vae, data, max_epochs=1)
    assert {len(context) for context in seen} == {2}
    assert all((context[0][:, 0] == 0).all() for context in seen[::2])


def test_a_prior_of_covariates_is_learned(x):
    prior = Head(MLP(2, (4,)), 2, torch.distributions.Normal)
    vae = zoo.gaussian(6, 2, num_covariates=2, hidden_sizes=(8,))
    vae.prior = prior
    before = prior.projection.weight.detach().clone()
    history = quiet(vae, ArrayDataset(x, x[:, :2]), max_epochs=2)
    assert not torch.equal(before, prior.projection.weight)
    assert "active" not in history[0]


def test_users_own_checkpoint_passes_through(x, tmp_path):
    own = ModelCheckpoint(tmp_path, "own")
    quiet(small(), x, max_epochs=1, callbacks=[own])
    assert (tmp_path / "own.ckpt").is_file()


@pytest.mark.learning
def test_importance_weighted_training(x):
    vae = small()
    many: dict = {"num_samples": 5, "importance": True}

    def bound() -> float:
        with torch.no_grad():
            return float(importance_weighted_bound(vae.terms(x, **many)).mean())

    before = bound()
    objective = Training(vae, objective=importance_weighted_bound, optimizer=FAST, **many)
    quiet(objective, x, max_epochs=60)
    assert bound() > before + 1


def test_any_logger_and_callback_pass_through(x, tmp_path):
    class Count(lightning.Callback):
        epochs = 0

        def on_train_epoch_end(self, trainer, module):
            self.epochs += 1

    count = Count()
    logger = CSVLogger(tmp_path)
    quiet(small(), x, max_epochs=2, callbacks=[count], logger=logger, log_every_n_steps=1)
    assert count.epochs == 2
    assert "elbo" in (tmp_path / "lightning_logs/version_0/metrics.csv").read_text()


def test_users_own_loader_passes_through():
    rows = [Batch(torch.eye(4))] * 3
    from torch.utils.data import DataLoader

    batches = DataLoader(rows, batch_size=None)
    assert len(fit(zoo.gaussian(4, 2), batches, max_epochs=2, verbose=False, seed=0)) == 2


def test_pixels_are_drawn_anew_at_each_fetch():
    batches = loader(ArrayDataset(torch.full((50, 40), 0.3), binarize=True), 50)
    first, second = next(iter(batches)).x, next(iter(batches)).x
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(first, second)
    assert abs(float(first.mean()) - 0.3) < 5 * (0.21 / 2000) ** 0.5


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("algorithm", [None, "value"])
def test_fused_adam_is_adam_and_its_gradients_are_clipped(x, precision, algorithm):
    def weights(optimizer, clip):
        torch.manual_seed(0)
        vae = zoo.gaussian(6, 2, hidden_sizes=(16,), decoder_hidden_sizes=(16,))
        options = {"precision": precision, "gradient_clip_algorithm": algorithm}
        training = Training(vae, optimizer=optimizer)
        quiet(training, x, max_epochs=2, gradient_clip_val=clip, **options)
        return torch.cat([p.detach().flatten() for p in vae.parameters()])

    def fused_sgd(parameters):  # of which, unlike Adam's, the step is as long as the gradient
        return torch.optim.SGD(parameters, lr=0.1, fused=True)

    fused, plain = partial(adam, learning_rate=0.05), partial(torch.optim.Adam, lr=0.05)
    torch.testing.assert_close(weights(fused, 0.1), weights(plain, 0.1), rtol=1e-3, atol=1e-4)
    clipped = weights(fused_sgd, 0.1)
    torch.testing.assert_close(clipped, weights(partial(torch.optim.SGD, lr=0.1), 0.1))
    assert not torch.allclose(clipped, weights(fused_sgd, None), rtol=0.01)


@pytest.mark.parametrize(("law", "values"), [(Bernoulli, [0.0, 16.0]), (Poisson, [-1.0, 3.0])])
@pytest.mark.parametrize("part", ["data", "validation"])
def test_data_that_the_decoder_cannot_give_are_refused(law, values, part):
    good, bad = torch.zeros(6, 2), torch.tensor([values] * 6)
    rows = {"data": good, "validation": good, part: bad}
    vae = zoo.gaussian(2, 2, likelihood=law, hidden_sizes=(4,), decoder_hidden_sizes=(4,))
    with pytest.raises(ValueError, match=rf"{part} has .*values"):
        quiet(vae, rows["data"], validation=rows["validation"], max_epochs=1)
    masked = ArrayDataset(bad, mask=(bad >= 0) & (bad <= 1))
    assert len(quiet(vae, masked, validation=good, max_epochs=1)) == 1


def test_probabilities_are_in_the_unit_interval():
    with pytest.raises(ValueError, match=r"x has values from 0 to 2, but binarize=True"):
        ArrayDataset(2 * np.eye(2), binarize=True)
    with pytest.raises(ValueError, match=r"x has values from 2 to 2, but binarize=True"):
        ArrayDataset(sparse.csr_matrix(2 * np.eye(2)), binarize=True)


def test_a_training_that_stopped_by_itself_stays_stopped(x, tmp_path):
    def stopped(**options):
        training = Training(small(), optimizer=FASTER)
        history = quiet(
            training, x, validation=x[:20], max_epochs=30, patience=1, checkpoint_dir=tmp_path,
            **options,
        )  # fmt: skip
        return history, training.best_epoch, training.vae.state_dict()

    history, best, weights = stopped()
    assert len(history) < 30
    again, same, others = stopped(resume=True)
    assert (again, same) == (history, best)
    assert all(torch.equal(weights[name], others[name]) for name in weights)


@pytest.mark.parametrize("own", ["dataset", "loader", "sampler"])
def test_generators_of_the_data_go_on_where_they_were(x, own, tmp_path):
    class BreakOff(lightning.Callback):
        def on_train_epoch_start(self, trainer, training):
            if trainer.current_epoch == 2:
                raise KeyboardInterrupt

    def run(**options):
        source = torch.Generator().manual_seed(3)
        if own == "dataset":
            data = ArrayDataset(x * 0.8, binarize=True, generator=source)
        else:
            rows = ArrayDataset(x)
            draw = torch.utils.data.RandomSampler(rows, generator=source)
            batches = torch.utils.data.BatchSampler(draw, 30, drop_last=False)
            data = torch.utils.data.DataLoader(
                rows,
                sampler=batches,
                batch_size=None,
                generator=source if own == "loader" else torch.Generator(),
            )
        training = Training(small(), optimizer=FAST)
        quiet(training, data, max_epochs=4, **options)
        return training.vae.state_dict()

    whole = run()
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint_dir=tmp_path, callbacks=[BreakOff()])
    parts = run(checkpoint_dir=tmp_path, resume=True)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_stopped_training_goes_on_with_more_patience(x, tmp_path):
    options = {"validation": x[:20], "max_epochs": 30, "checkpoint_dir": tmp_path}
    first, more = (Training(small(), optimizer=FASTER) for _ in range(2))
    done = len(quiet(first, x, patience=1, **options))
    assert done < 30
    assert len(quiet(more, x, patience=5, resume=True, **options)) > done


def test_a_second_fit_of_one_training_is_told_from_the_first(x, tmp_path):
    training = Training(small(), optimizer=FAST)
    quiet(training, x, max_epochs=3)
    options = {"validation": x[:20], "checkpoint_dir": tmp_path}
    history = quiet(training, x, max_epochs=3, **options)
    assert [metrics["epoch"] for metrics in history] == [0, 1, 2, 0, 1, 2]
    assert training.best_epoch == 3 + int(np.argmax([m["val_elbo"] for m in history[3:]]))
    again = Training(small(), optimizer=FAST)
    assert len(quiet(again, x, max_epochs=4, resume=True, **options)) == 7


def test_best_epoch_is_that_of_the_weights_kept(x):
    training = Training(zoo.gaussian(6, 2, hidden_sizes=(16,)), optimizer=FASTER)
    history = quiet(training, x, validation=x[:20], max_epochs=12, patience=3)
    bounds = [metrics["val_elbo"] for metrics in history]
    assert training.best_epoch == int(np.argmax(bounds))
    training = Training(zoo.gaussian(6, 2, hidden_sizes=(16,)), kl_schedule=linear_warmup(10**6))
    assert len(quiet(training, x, validation=x[:20], max_epochs=3)) == training.best_epoch + 1 == 3


@pytest.mark.parametrize("strategy", ["ddp_spawn", "ddp_notebook"])
def test_processes_whose_results_would_be_lost_are_refused(x, strategy):
    with pytest.raises(ValueError, match=r"strategy starts copies .* must be 'ddp'"):
        quiet(small(), x, max_epochs=1, strategy=strategy, devices=2)


def test_planned_steps_are_those_of_all_epochs(x):
    told = []

    def schedule(step):
        told.append(training.planned_steps)
        return 1.0

    training = Training(small(), kl_schedule=schedule)
    quiet(training, x, max_epochs=2, batch_size=50)
    assert set(told) == {6}
    assert training.num_processes == 1


def test_step_size_falls_linearly_to_zero():
    found = decaying_adam(4e-3, 8)([torch.nn.Parameter(torch.ones(2))])
    optimizer, schedule = found["optimizer"], found["lr_scheduler"]
    sizes = []
    for _ in range(10):
        sizes.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule["scheduler"].step()
    assert schedule["interval"] == "step"
    np.testing.assert_allclose(sizes, 4e-3 * np.maximum(0, 1 - np.arange(10) / 8), atol=1e-18)
