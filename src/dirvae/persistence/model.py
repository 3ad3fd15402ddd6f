"""Save a model to a folder, and load it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from dirvae.nn.surroundings import pinned
from dirvae.persistence.constructors import (
    build,
    describe,
    mismatch,
    own_parts,
    require_small,
)
from dirvae.persistence.fitted import ARRAYS, build_estimator, describe_estimator
from dirvae.persistence.folder import (
    CONFIG,
    WEIGHTS,
    ModelFormatError,
    parse,
    read_folder,
    write_folder,
)
from dirvae.persistence.known import estimators, models

__all__ = ["load", "load_as", "read_config", "save"]

FORMAT = 2


def save(model: Any, path: str | Path) -> None:
    """Save a model to a folder, completely or not at all.

    The folder has ``config.json`` (how the model is built), ``model.safetensors`` (its state dict)
    and ``manifest.json`` (size and SHA-256 of both). A model that is already in the folder is
    replaced inside the folder, so the folder may be a mount point. Another process that reads the
    folder at the same time gets the old model or the new one, never a mixture.

    Args:
        model: A `VAE` or `models.LabelledVAE`, or a fitted estimator. A ``random_state`` that is
            neither an integer nor None is saved as None.
        path: The folder.

    Raises:
        TypeError: If ``model`` is none of these.
        ValueError: If the model cannot be saved: a layer has not seen data yet, weights are NaN or
            infinite, or an estimator has arguments out of range or parts of your own. In the last
            case save its ``vae_``.
        OSError: If the folder has other content than a model, or cannot be written to. Nothing is
            changed in this case.

    Example:
        >>> import tempfile
        >>> from dirvae.models.zoo import gaussian
        >>> vae = gaussian(4, 2).eval()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(vae, f"{folder}/vae")
        ...     bool((load(f"{folder}/vae").embed(torch.eye(4)) == vae.embed(torch.eye(4))).all())
        True
    """
    from dirvae import __version__

    config: dict[str, Any] = {"format": FORMAT, "dirvae": __version__}
    arrays: dict[str, Tensor] = {}
    if isinstance(model, models()):
        vae, config["kind"] = model, "VAE"
    elif type(model) in estimators().values():
        described, arrays = describe_estimator(model)
        config |= {"kind": type(model).__name__, **described}
        vae = model.vae_
    else:
        name = type(model).__name__
        raise TypeError(f"model is a {name}, must be a VAE or an estimator of dirvae")
    state = _state(vae)
    config["model"] = _describe_checked(vae, state)
    if config["kind"] != "VAE" and own_parts(config["model"]):
        raise ValueError(f"vae_ has parts of your own ({_own(config)}): save vae_ alone")
    files = {
        CONFIG: json.dumps(config, indent=2, allow_nan=False).encode(),
        WEIGHTS: safetensors.torch.save({**state, **arrays}),
    }
    write_folder(path, files)


@pinned()
def load(path: str | Path, *, into: nn.Module | None = None) -> Any:
    """Load a model that `save` wrote.

    All files are verified first. The model is built only by constructors of this library, whatever
    the files say. Its outputs equal those of the saved model, bit for bit. The memory used is
    bounded by the sizes of the files. These sizes must be within the memory budget
    (`dirvae.reading`).

    Args:
        path: The folder.
        into: A VAE built like the saved one. Its weights are replaced by the saved weights. Needed
            if the saved model has modules, distributions or activations of your own.

    Returns:
        The `VAE` or estimator, on the CPU, in evaluation mode. If ``into`` is given, ``into``
        itself, on its device, in evaluation mode.

    Raises:
        ModelFormatError: If the folder is missing or damaged, has no model, or has an unknown
            version. Or if the model cannot be built, has weights that are NaN or infinite, or does
            not fit ``into``.
        TypeError: If ``into`` is not a `VAE`.

    Example:
        >>> load("no-such-folder")
        Traceback (most recent call last):
        dirvae.persistence.folder.ModelFormatError: no-such-folder does not exist
    """
    if into is not None and not isinstance(into, models()):
        raise TypeError(f"into is a {type(into).__name__}, must be a VAE")
    files = read_folder(path)
    config = _checked(parse(files[CONFIG], Path(path) / CONFIG), path)
    tensors = _tensors(files[WEIGHTS], Path(path) / WEIGHTS)
    arrays = {name: tensors.pop(name) for name in list(tensors) if name.startswith(ARRAYS)}
    try:
        problem = _not_finite({**tensors, **arrays})
        if problem:
            raise ModelFormatError(problem)
        return _built(config, tensors, arrays) if into is None else _filled(into, tensors)
    except (ModelFormatError, RecursionError, LookupError) as error:
        raise ModelFormatError(f"{path} cannot be loaded: {error}") from error


Model = TypeVar("Model")


def load_as(cls: type[Model], path: str | Path) -> Model:
    """Load a model that must be of one class.

    Args:
        cls: The class.
        path: The folder.

    Raises:
        ModelFormatError: As in `load`, and if the folder has another kind of model.

    Example:
        >>> import dirvae
        >>> load_as(dirvae.VAE, "no-such-folder")
        Traceback (most recent call last):
        dirvae.persistence.folder.ModelFormatError: no-such-folder does not exist
    """
    loaded = load(path)
    if not isinstance(loaded, cls):
        held = type(loaded).__name__
        raise ModelFormatError(f"{path} holds a {held}, not a {cls.__name__}: use dirvae.load")
    return loaded


def read_config(path: str | Path) -> dict[str, Any]:
    """Return the configuration of a saved model: kind, version, parameters and constructors.

    Raises:
        ModelFormatError: As in `load`.

    Example:
        >>> import tempfile
        >>> from dirvae.models.zoo import gaussian
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(gaussian(4, 2), folder)
        ...     read_config(folder)["kind"]
        'VAE'
    """
    return _checked(parse(read_folder(path)[CONFIG], Path(path) / CONFIG), path)


# --- saving ---------------------------------------------------------------------------------------


def _state(vae: nn.Module) -> dict[str, Tensor]:
    state = vae.state_dict()
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise ValueError(f"{name} of the model is a {type(value).__name__}, must be a tensor")
        if torch.nn.parameter.is_lazy(value):
            raise ValueError(f"{name} has no shape yet: fit the model or call it once, then save")
    problem = _not_finite(state)
    if problem:
        raise ValueError(f"the model is not saved: {problem}")
    # Copies, because safetensors takes no tensors that share memory.
    return {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}


def _not_finite(state: Mapping[str, Tensor]) -> str | None:
    """Say in one sentence which weights are no numbers to compute with; None if all are."""
    for name, value in state.items():
        if value.is_floating_point() and value.dtype.itemsize == 1:
            return f"{name} is {value.dtype}, in which nothing is computed"
        if value.is_floating_point() and not value.isfinite().all():
            return f"{name} has values that are NaN or infinite"
    return None


def _describe_checked(vae: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Describe the VAE; as the user's own if it is not what the description builds."""
    described = describe(vae)
    if own_parts(described):
        return described
    try:
        reason = "changed after it was built"
        if repr(build(described, state)) == repr(vae):
            return described
    except ModelFormatError as error:
        reason = str(error)
    return {"own": f"{type(vae).__name__} ({reason})"}


def _own(config: Mapping[str, Any]) -> str:
    return ", ".join(own_parts(config["model"]))


# --- loading --------------------------------------------------------------------------------------


def _checked(config: dict[str, Any], path: str | Path) -> dict[str, Any]:
    if config.get("format") != FORMAT:
        writer = f"format {config.get('format')!r} (dirvae {str(config.get('dirvae'))[:20]})"
        raise ModelFormatError(
            f"{path} is of {writer}, but this dirvae reads format {FORMAT}: fit and save it again"
        )
    if not isinstance(config.get("model"), dict):
        raise ModelFormatError(f"{Path(path) / CONFIG} has no model")
    try:
        require_small(config["model"])
    except ModelFormatError as error:
        raise ModelFormatError(f"{path} cannot be loaded: {error}") from error
    return config


def _tensors(content: bytes, source: Path) -> dict[str, Tensor]:
    try:
        tensors = safetensors.torch.load(content)
    except (SafetensorError, LookupError, ValueError, RuntimeError, TypeError) as error:
        raise ModelFormatError(f"{source} is not a safetensors file: {error}") from error
    # Copies, because the last bits of a matrix product may depend on how memory is aligned.
    return {name: tensor.clone() for name, tensor in tensors.items()}


def _built(
    config: Mapping[str, Any],
    state: Mapping[str, Tensor],
    arrays: Mapping[str, Tensor],
) -> Any:
    if own_parts(config["model"]):
        raise ModelFormatError(
            f"it has parts of your own ({_own(config)}); build the same VAE and give it as "
            "load(path, into=vae)"
        )
    kind = config.get("kind")
    if kind != "VAE" and (not isinstance(kind, str) or kind not in estimators()):
        raise ModelFormatError(f"its kind is not known here: {kind!r}")
    vae: Any = build(config["model"], state).eval()
    if not isinstance(vae, models()):
        raise ModelFormatError(f"its model is a {type(vae).__name__}, must be a VAE")
    return vae if kind == "VAE" else build_estimator(estimators()[kind], config, vae, arrays)


def _filled(vae: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    problem = mismatch(vae, state) or _dtype_mismatch(vae, state)
    if problem:
        raise ModelFormatError(problem)
    vae.load_state_dict(state)
    return vae.eval()


def _dtype_mismatch(vae: nn.Module, state: Mapping[str, Tensor]) -> str | None:
    for name, tensor in vae.state_dict().items():
        if tensor.dtype != state[name].dtype and not torch.nn.parameter.is_lazy(tensor):
            return f"{name} is {state[name].dtype} in the file and {tensor.dtype} in the model"
    return None
