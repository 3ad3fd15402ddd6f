"""Every estimator goes on from a checkpoint to the result of a fit that was not interrupted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dirvae import DirichletVAE, SemiSupervisedVAE, TopicModel
from dirvae.distributions import SoftmaxNormal
from dirvae.topics.decoders import EmbeddedDecoder, OverdispersedDecoder, ProductDecoder
from dirvae.training import CheckpointError
from dirvae.writing import whole

RANDOM = np.random.default_rng(0)
X = RANDOM.random((60, 6)).astype(np.float32)
COUNTS = RANDOM.poisson(1.5, (60, 9))
LABELS = np.where(np.arange(60) % 3 == 0, -1, np.arange(60) % 2)
COVARIATES = RANDOM.random((60, 2))


def rows() -> DirichletVAE:
    sizes = {"hidden_sizes": (4,), "decoder_hidden_sizes": (4,)}
    return DirichletVAE(3, max_epochs=6, batch_size=20, random_state=0, **sizes)


def classes() -> SemiSupervisedVAE:
    sizes = {"hidden_sizes": (4,), "decoder_hidden_sizes": (4,), "classifier_hidden_sizes": (4,)}
    return SemiSupervisedVAE(3, max_epochs=6, batch_size=20, random_state=0, **sizes)


def topics(**options: Any) -> Callable[[], TopicModel]:
    small = {"max_epochs": 6, "batch_size": 20, "hidden_sizes": (4,), "random_state": 0}
    return lambda: TopicModel(3, **small, **options)


CASES: dict[str, tuple[Callable[[], Any], tuple[Any, ...], dict[str, Any]]] = {
    "rows": (rows, (X,), {}),
    "classes": (classes, (X, LABELS), {}),
    "topics": (topics(), (COUNTS,), {}),
    "labels": (topics(), (COUNTS, LABELS), {}),
    "covariates": (topics(), (COUNTS,), {"covariates": COVARIATES}),
    "overdispersed": (topics(decoder=OverdispersedDecoder), (COUNTS,), {}),
    "product": (topics(decoder=ProductDecoder, latent=SoftmaxNormal), (COUNTS,), {}),
    "embedded": (topics(decoder=EmbeddedDecoder), (COUNTS,), {}),
}


def interrupt_at_the_third_checkpoint(patch: pytest.MonkeyPatch) -> None:
    written = 0

    @contextmanager
    def interrupted(path: Path) -> Iterator[Any]:
        nonlocal written
        with whole(path) as file:
            yield file
            written += Path(path).name == "last.ckpt"
            if written == 3:
                raise KeyboardInterrupt

    patch.setattr("dirvae.training.checkpoints.whole", interrupted)


@pytest.mark.parametrize("case", CASES)
def test_an_interrupted_fit_goes_on_to_the_same_result(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, data, options = CASES[case]
    undisturbed, cut_off = make().fit(*data, **options), make()
    with monkeypatch.context() as patch:
        interrupt_at_the_third_checkpoint(patch)
        with pytest.raises(KeyboardInterrupt, match=r"last\.ckpt is kept: go on from it with"):
            cut_off.fit(*data, checkpoint_dir=tmp_path, **options)
    assert not hasattr(cut_off, "vae_")
    kept = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert kept["epoch"] == 1  # the second: the third was not written whole
    again = make().fit(*data, checkpoint_dir=tmp_path, resume=True, **options)
    assert again.history_ == undisturbed.history_
    assert len(again.history_) == 6
    for name, value in undisturbed.vae_.state_dict().items():
        assert torch.equal(again.vae_.state_dict()[name], value), name
    fitted = [name for name in vars(undisturbed) if name.endswith("_") and name != "vae_"]
    for name in fitted:
        np.testing.assert_array_equal(getattr(again, name), getattr(undisturbed, name))


@pytest.mark.parametrize("case", ["rows", "classes", "topics"])
def test_a_fit_goes_on_only_with_a_seed_that_is_a_number(case: str, tmp_path: Path) -> None:
    make, data, _ = CASES[case]
    for state in (None, np.random.RandomState(0)):
        model = make().set_params(random_state=state)
        with pytest.raises(ValueError, match=r"random_state is .*must be an integer"):
            model.fit(*data, checkpoint_dir=tmp_path, resume=True)
    with pytest.raises(FileNotFoundError, match=r"resume: there is no last\.ckpt"):
        make().fit(*data, checkpoint_dir=tmp_path, resume=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"n_components": 4},
            r"of shape \(3,\), not \(4,\): give the arguments",
        ),
        ({"hidden_sizes": (5,)}, r"layers\.0\.weight of shape \(4, 6\), not \(5, 6\)"),
        ({"hidden_sizes": (4, 4)}, r"which lacks .*layers.*weight"),
    ],
)
def test_a_fit_does_not_go_on_from_that_of_another_model(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    rows().set_params(max_epochs=1).fit(X, checkpoint_dir=tmp_path)
    before = (tmp_path / "last.ckpt").read_bytes()
    other = rows().set_params(**change)
    with pytest.raises(CheckpointError, match=rf"the checkpoint is of another model.*{said}"):
        other.fit(X, checkpoint_dir=tmp_path, resume=True)
    assert (tmp_path / "last.ckpt").read_bytes() == before


def test_checkpoints_need_no_room_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From where they would be copied, which a process may be killed at."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError("the temporary folder is full")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    rows().set_params(max_epochs=1).fit(X, checkpoint_dir=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt"]
