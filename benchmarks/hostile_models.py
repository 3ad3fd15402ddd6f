"""Model folders as a stranger may forge them: each loads, or is refused in one sentence, in time.

Each case takes a sound folder, changes it by a seed, makes the manifest agree, and loads and uses
it. A process of its own does a batch of them, under limits of memory and time. What is neither
loaded nor refused by `ModelFormatError` is kept by its seed: `--only SEED` does it again.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import dirvae
from benchmarks.hostile import MESSAGE, changed_bytes, changed_json, run
from dirvae.models.vae import VAE
from dirvae.persistence.folder import CONFIG, MANIFEST, WEIGHTS

X = np.random.default_rng(0).random((30, 6))
TEXTS = ["the cat and the dog", "a dog, a cat", "stars and the moon", "the moon, a star"] * 5


def sound_models(folder: Path) -> None:
    """Fit and save one model of each kind."""
    small: dict[str, Any] = {"max_epochs": 1, "hidden_sizes": (4,), "random_state": 0}
    y = np.arange(len(X)) % 2
    models = {
        "rows": dirvae.DirichletVAE(3, **small).fit(X),
        "classes": dirvae.SemiSupervisedVAE(2, **small).fit(X, y),
        "topics": dirvae.TopicModel(2, **small).fit(TEXTS),
    }
    for name, model in models.items():
        model.save(folder / name)


def changed_header(content: bytes, rng: random.Random) -> bytes:
    """Change the header of safetensors, its length with it."""
    size = int.from_bytes(content[:8], "little")
    header = changed_json(content[8 : 8 + size], rng)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


CHANGES: dict[str, tuple[str, Callable[[bytes, random.Random], bytes]]] = {
    "values of the configuration": (CONFIG, changed_json),
    "bytes of the configuration": (CONFIG, changed_bytes),
    "values of the weights' header": (WEIGHTS, changed_header),
    "bytes of the weights": (WEIGHTS, changed_bytes),
    "values of the manifest": (MANIFEST, changed_json),
    "bytes of the manifest": (MANIFEST, changed_bytes),
}


def forged(sound: Path, folder: Path, seed: int) -> str:
    """Write the folder of a seed; return what was changed."""
    rng = random.Random(seed)
    kind = rng.choice(list(CHANGES))
    name, change = CHANGES[kind]
    shutil.copytree(sound, folder)
    content = change((folder / name).read_bytes(), rng)
    (folder / name).write_bytes(content)
    if name != MANIFEST:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        digest = hashlib.sha256(content).hexdigest()
        manifest["files"][name] = {"sha256": digest, "size": len(content)}
        (folder / MANIFEST).write_text(json.dumps(manifest))
    return kind


def outcome(folder: Path) -> str:
    """Load a folder; a model that loads must have an output, or refuse in one sentence."""
    try:
        model = dirvae.load(folder)
    except dirvae.ModelFormatError as error:
        long = len(str(error)) > MESSAGE or "\n" in str(error)
        return "told by too long a message" if long else "refused"
    except Exception as error:
        return f"load raised {type(error).__name__}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(model, VAE):  # of an estimator's folder that only says that it is one
                model.embed(torch.from_numpy(X).float())
            else:
                model.transform(TEXTS if hasattr(model, "vectorizer_") else X)
                model.get_feature_names_out()
            repr(model)
    except (ValueError, TypeError):
        return "loaded, and its use refused"
    except Exception as error:
        return f"use raised {type(error).__name__}"
    return "loaded"


def case(sound: Path, work: Path, seed: int) -> tuple[str, str]:
    """Forge the folder of a seed and load it."""
    models = sorted(sound.iterdir())
    kind = forged(models[seed % len(models)], work / "model", seed)
    return kind, outcome(work / "model")


if __name__ == "__main__":
    run("benchmarks.hostile_models", __doc__, sound_models, case)
