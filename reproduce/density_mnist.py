"""Likelihoods of seven latents on binarised MNIST, beside the paper's table.

    python -m reproduce.density_mnist                     # all, skipping those on file
    python -m reproduce.density_mnist --rows dirichlet --settings ours --seeds 3
    python -m reproduce.density_mnist --table             # print what is on file

The rows are those of Joo, Lee, Park & Moon, "Dirichlet Variational Autoencoder", Pattern
Recognition 107 (2020), with the exact Dirichlet besides. Each is trained twice:

- "paper": the networks, optimiser and batches that the paper states (2 x 500 and 1 x 500 ReLU,
  Xavier, Adam 5e-4, or 3e-4 for sticks, batches of 100, gradient clipping), and early stopping.
- "ours": networks of the same size with layer norm and GELU, the latent standardised before the
  decoder, warm-up, a decaying step size and batches of 200.

Data: 45,000 / 5,000 images of the training set train and validate, and all 10,000 test images are
scored. Each pixel is drawn as Bernoulli(grey / 255): anew at each step of training, once with seed
0 otherwise. The negative log-likelihood is importance-sampled with the true density of what was
sampled. For the paper's own model, `doubtful_nll` weighs by the Dirichlet density instead, and
`doubtful_negative_elbo` has the KL of MultiGammas, which the paper trains with.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from dirvae import fit
from dirvae.callbacks import MethodOfMoments
from dirvae.data import ArrayDataset, mnist
from dirvae.distributions import (
    Dirichlet,
    InverseCDFDirichlet,
    SoftmaxNormal,
    StickBreakingBeta,
    StickBreakingKumaraswamy,
    WeibullDirichlet,
)
from dirvae.distributions.inverse_cdf import multi_gamma_kl
from dirvae.evaluation import importance_sampled, knn_error
from dirvae.models.assess import decoding_use, encoding_use, log_evidence, lower_bound
from dirvae.models.priors import standard_prior
from dirvae.models.vae import VAE
from dirvae.models.zoo import mlp_vae
from dirvae.nn import Fixed
from dirvae.objectives import Terms, linear_warmup
from dirvae.training import Training, decaying_adam
from reproduce import record

FILE = record.RESULTS / "density_mnist.jsonl"
K, TRAIN, VALIDATE = 50, 45_000, 5_000
SETTINGS = ("paper", "ours")


class Row(NamedTuple):
    """A model: its latent and its training, and the paper's NLL and negative ELBO."""

    Latent: Callable[..., Distribution]
    paper: tuple[float, float] | None
    learning_rate: float = 5e-4
    learn_prior: bool = False


ROWS = {
    "gaussian": Row(Normal, (94.54, 98.58)),
    "softmax_gaussian": Row(SoftmaxNormal, (98.18, 103.49)),
    "stick_breaking_kumaraswamy": Row(StickBreakingKumaraswamy, (99.27, 102.60), 3e-4),
    "stick_breaking_beta": Row(StickBreakingBeta, (102.14, 135.30), 3e-4),
    "weibull": Row(WeibullDirichlet, (114.59, 183.33)),
    "inverse_cdf_dirichlet": Row(InverseCDFDirichlet, (87.64, 100.47)),
    "inverse_cdf_dirichlet_learned": Row(InverseCDFDirichlet, (84.76, 98.32), learn_prior=True),
    "dirichlet": Row(Dirichlet, None),
    "dirichlet_learned": Row(Dirichlet, None, learn_prior=True),
}


class Plan(NamedTuple):
    """How long a run may take."""

    paper_epochs: int = 200
    our_epochs: int = 100
    patience: int = 20
    images: int = 10_000
    samples: int = 1000


def build(row: Row, setting: str, mean: Tensor, std: Tensor) -> VAE:
    latent = row.Latent
    prior = standard_prior(Dirichlet if latent is WeibullDirichlet else latent, K)
    if setting == "ours":
        return mlp_vae(784, latent, prior, moments=(mean, std))
    vae = mlp_vae(784, latent, prior, layer_norm=False, activation=nn.ReLU)
    vae.encoder.exponential = ()  # softplus, as the paper has it
    vae.decoder.net.features = nn.Identity()
    for module in vae.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    return vae


def paper_bound(terms: Terms, prior: Fixed, *, kl_weight: float) -> Tensor:
    """The bound that the paper maximises for its own model: the KL is that of MultiGammas."""
    kl = multi_gamma_kl(terms.q.concentration, prior.concentration)
    return terms.log_likelihood.mean(0) - kl_weight * kl


def train(row: Row, setting: str, seed: int, plan: Plan, images: Tensor) -> tuple[VAE, Any]:
    torch.manual_seed(seed)
    x, validation = images[:TRAIN], images[TRAIN : TRAIN + VALIDATE]
    vae = build(row, setting, x.mean(0), x.std(0))
    if setting == "paper":
        epochs, batch = plan.paper_epochs, 100
        options: dict[str, Any] = {"optimizer": partial(torch.optim.Adam, lr=row.learning_rate)}
        if row.Latent is InverseCDFDirichlet:
            options["objective"] = partial(paper_bound, prior=vae.prior)
        clip = 5.0
    else:
        epochs, batch = plan.our_epochs, 200
        steps = epochs * math.ceil(len(x) / batch)
        options = {"optimizer": decaying_adam(4e-3, steps), "kl_schedule": linear_warmup(1000)}
        clip = None
    history = fit(
        Training(vae, **options),
        ArrayDataset(x, binarize=True),
        validation=ArrayDataset(drawn(validation)),
        max_epochs=epochs,
        batch_size=batch,
        patience=plan.patience,
        seed=seed,
        verbose=False,
        gradient_clip_val=clip,
        callbacks=[MethodOfMoments(epochs)] if row.learn_prior else [],
    )
    return vae, history


def drawn(images: Tensor) -> Tensor:
    return torch.bernoulli(images, generator=torch.Generator().manual_seed(0))


def doubtful_figures(vae: VAE, x: Tensor, samples: int) -> dict[str, float]:
    """The paper's estimates: of the Dirichlet that was meant, and of MultiGammas; in nats."""
    generator = torch.Generator().manual_seed(0)
    evidence, bound = [], []
    with torch.no_grad():
        prior = vae.prior().concentration
        for rows in x.split(max(1, 10_000 // samples)):
            law = vae.encoder(rows)
            log_z = law.log().rsample((samples,), generator)
            likelihood = vae.decoder(log_z.exp()).log_prob(rows)
            log_q = Dirichlet(law.concentration).log().log_prob(log_z)
            log_p = Dirichlet(prior).log().log_prob(log_z)
            weights = (likelihood + log_p - log_q).double().numpy()
            evidence.append(importance_sampled(weights).value)
            bound.append(likelihood.mean(0) - multi_gamma_kl(law.concentration, prior))
    return {
        "doubtful_nll": -float(np.concatenate(evidence).mean()),
        "doubtful_negative_elbo": -float(torch.cat(bound).mean()),
    }


def measure(row: Row, vae: VAE, plan: Plan, images: Tensor) -> dict[str, Any]:
    test = drawn(torch.from_numpy(mnist("x_test")).reshape(-1, 784) / 255)[: plan.images]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        reference, queries = (
            torch.cat([vae.embed(rows) for rows in x.split(1000)]).numpy()
            for x in (images[:TRAIN], test)
        )
        bound = lower_bound(vae, test, generator=generator)
        kl = torch.cat([vae.terms(rows, num_samples=8).kl for rows in test.split(1000)]).mean()
    evidence = log_evidence(vae, test, plan.samples, generator=generator)
    encoding, decoding = (use(vae, test) > 0.01 for use in (encoding_use, decoding_use))
    labels = mnist("y_train")[:TRAIN], mnist("y_test")[: plan.images]
    found = {
        "negative_elbo": -float(bound.mean()),
        "kl": float(kl),
        "nll": -evidence.mean,
        "nll_std_error": evidence.mean_std_error,
        "nll_unreliable_share": evidence.unreliable_share,
        "knn_error": {
            k: knn_error(reference, labels[0], queries, labels[1], k=k) for k in (3, 5, 10)
        },
        "used_in_encoding": int(encoding.sum()),
        "used_in_decoding": int(decoding.sum()),
        "used_in_both": int((encoding & decoding).sum()),
    }
    if row.Latent is InverseCDFDirichlet:
        found |= doubtful_figures(vae, test, plan.samples)
    return found


def run(name: str, setting: str, seed: int, plan: Plan) -> dict[str, Any]:
    """Train and measure one model."""
    images = torch.from_numpy(mnist("x_train")).reshape(-1, 784) / 255
    start = time.perf_counter()
    vae, history = train(ROWS[name], setting, seed, plan, images)
    trained = time.perf_counter()
    result = {
        "row": name,
        "setting": setting,
        "seed": seed,
        "plan": plan._asdict(),
        **measure(ROWS[name], vae, plan, images),
        "epochs": len(history),
        "training_seconds": round(trained - start),
    }
    return result | {"measuring_seconds": round(time.perf_counter() - trained)}


def table(runs: list[dict[str, Any]]) -> str:
    """Every row beside the paper's, means over seeds."""
    lines = ["row, setting: NLL / negative ELBO, k-NN 5, used in both, k-hat > .7; the paper's"]
    for name, row in ROWS.items():
        for setting in SETTINGS:
            found = [r for r in runs if (r["row"], r["setting"]) == (name, setting)]
            if not found:
                continue
            nll, bound, knn, share = (
                np.array([get(r) for r in found])
                for get in (
                    lambda r: r["nll"],
                    lambda r: r["negative_elbo"],
                    lambda r: 100 * r["knn_error"]["5"],
                    lambda r: 100 * r["nll_unreliable_share"],
                )
            )
            used = "/".join(str(r["used_in_both"]) for r in found)
            theirs = "" if row.paper is None else "{} / {}".format(*row.paper)
            lines.append(
                f"{name:<30}{setting:<6} {nll.mean():7.2f} ± {nll.std():.2f} / {bound.mean():7.2f} "
                f"± {bound.std():.2f}  {knn.mean():5.2f} %  {used:>10}  "
                f"{share.mean():.1f} %  {theirs}"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--settings", nargs="*", default=list(SETTINGS), choices=SETTINGS)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="only print what is on file")
    for name, value in Plan()._asdict().items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    options = parser.parse_args()
    plan = Plan(**{name: getattr(options, name) for name in Plan._fields})
    for seed in [] if options.table else range(options.seeds):
        for name in options.rows:
            for setting in options.settings:
                key = (name, setting, seed)
                if any((r["row"], r["setting"], r["seed"]) == key for r in record.done(FILE)):
                    continue
                result = run(name, setting, seed, plan)
                record.add(FILE, result)
                print(result, flush=True)
    print(table(record.done(FILE)))


if __name__ == "__main__":
    main()
