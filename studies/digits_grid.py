"""Whether the defaults hold over sizes of the latent and over priors: scikit-learn's digits.

    python -m studies.digits_grid

Nine fits of the default `DirichletVAE`, K 3, 50, 500 by prior concentration .02, .98, 5, and ten
seeds of the default itself, each on 1,400 images, measured on 397 others that are drawn once as 0
or 1 with seed 0. The constant-pixel model predicts each pixel by its mean over the 1,400. Runs that
name a latent are no defaults: from them came the limits within which one is the default.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

import dirvae
from dirvae import DirichletVAE
from dirvae.assessment import decoding_use, encoding_use, lower_bound
from dirvae.reproduce import record
from studies import RESULTS

FILE = RESULTS / "digits_grid.jsonl"
SIZES, PRIORS = (3, 50, 500), (0.02, 0.98, 5)
NAMED = [
    {
        "n_components": k,
        "prior_concentration": a,
        "latent": "StandardizedDirichlet",
        "commitment": c,
    }
    for k, a, c in (
        *((500, 5, 0.0), (500, 10, 0.0), (100, 10, 0.0), (100, 10, 1.5), (200, 10, 1.5)),
        *((500, 0.98, 0.0), (500, 0.02, 0.0), (50, 0.98, 0.0), (50, 0.02, 0.0), (3, 0.02, 0.0)),
    )
]
GRID = [{"n_components": k, "prior_concentration": a} for k in SIZES for a in PRIORS]


def data() -> tuple[Any, torch.Tensor]:
    x = load_digits().data[np.random.default_rng(0).permutation(1797)] / 16
    test = torch.from_numpy(x[1400:]).float()
    return x[:1400], torch.bernoulli(test, generator=torch.Generator().manual_seed(0))


def constant_pixels(x: Any, test: torch.Tensor) -> float:
    p = torch.from_numpy(x.mean(0)).clamp(1e-3, 1 - 1e-3)
    return -float(torch.distributions.Bernoulli(p).log_prob(test.double()).sum(1).mean())


def run(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    x, test = data()
    named = {
        name: getattr(dirvae.distributions, settings[name]) for name in settings.keys() & {"latent"}
    }
    model = DirichletVAE(**settings | named, random_state=seed).fit(x)
    vae = model.vae_
    with torch.no_grad():
        kl = float(vae.terms(test).kl.mean())
    generator = torch.Generator().manual_seed(0)
    return {
        "settings": settings,
        "seed": seed,
        "negative_elbo": -float(lower_bound(vae, test, generator=generator).mean()),
        "constant_pixels": constant_pixels(x, test),
        "kl": kl,
        "active_in_encoding": int((encoding_use(vae, test) > 0.01).sum()),
        "active_in_decoding": int((decoding_use(vae, test) > 0.01).sum()),
        "epochs": model.n_iter_,
    }


def main() -> None:
    plan = [(settings, 0) for settings in GRID + NAMED] + [({}, seed) for seed in range(10)]
    for settings, seed in plan:
        if not any((r["settings"], r["seed"]) == (settings, seed) for r in record.done(FILE)):
            result = run(settings, seed)
            record.add(FILE, result)
            print(result, flush=True)


if __name__ == "__main__":
    main()
