"""The paper's topic table for 20 Newsgroups: `python -m reproduce.topic_table`.

ProdLDA, NVDM and GSM, each with its own Gaussian latent, with stick-breaking, with the paper's
inverse-CDF Dirichlet and with the exact Dirichlet. Networks start at random, as the papers' do; one
hidden layer of 500. The data are the NVDM bag of words (V 2,000), since the paper's own 1,995 words
are not at hand. NPMI is over whole training documents, of the top 10 words by probability;
perplexity is document completion, not the paper's bound.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.topics import Corpus, corpus
from dirvae import evaluation
from dirvae.data import CountDataset, sparse_rows
from dirvae.distributions import Dirichlet, InverseCDFDirichlet, StickBreakingKumaraswamy
from dirvae.models.topic_decoders import topic_word
from dirvae.models.topic_zoo import gsm, nvdm, prodlda
from dirvae.objectives import linear_warmup
from dirvae.training import Training, fit

RESULTS = Path(__file__).parent / "results" / "topic_table.jsonl"
MODELS = {"ProdLDA": (prodlda, 0.98), "NVDM": (nvdm, 0.95), "GSM": (gsm, 0.20)}
LATENTS: dict[str, Any] = {
    "Gaussian": None,
    "stick-breaking": StickBreakingKumaraswamy,
    "inverse CDF": InverseCDFDirichlet,
    "Dirichlet": Dirichlet,
}
PAPER = {  # NPMI: the model's own latent, stick-breaking, DirVAE
    "ProdLDA": (0.273, 0.247, 0.359),
    "NVDM": (0.119, 0.162, 0.247),
    "GSM": (0.199, 0.162, 0.201),
}


def run(name: str, latent: str, data: Corpus, epochs: int, seed: int) -> dict[str, Any]:
    make, alpha = MODELS[name]
    torch.manual_seed(seed)
    options: dict[str, Any] = {"hidden_sizes": (500,)}
    if LATENTS[latent] is not None:
        options["Latent"] = LATENTS[latent]
    if latent in ("inverse CDF", "Dirichlet"):
        options["concentration"] = alpha
    vae = make(50, data.train.shape[1], **options)
    steps = epochs * -(-data.train.shape[0] // 200)
    training = Training(
        vae,
        kl_schedule=linear_warmup(steps // 4),
        optimizer=partial(torch.optim.Adam, lr=2e-3),
    )
    start = time.process_time()
    history = fit(
        training,
        CountDataset(data.train),
        max_epochs=epochs,
        batch_size=200,
        seed=seed,
        verbose=False,
    )
    seconds = time.process_time() - start
    with torch.no_grad():
        beta = topic_word(vae.decoder, 50).double().numpy()
        encoded, scored = evaluation.split_tokens(data.test)
        log_p = vae.decoder(vae.embed(sparse_rows(encoded))).log_prob(sparse_rows(scored))
        fixed = _coefficient(scored)
    ten, more = (evaluation.top_word_ids(beta, n) for n in (10, 25))
    return {
        "model": name,
        "latent": latent,
        "seed": seed,
        "epochs": epochs,
        "npmi": float(evaluation.topic_coherence(ten, data.train).mean()),
        "td25": evaluation.diversity(more),
        "frequency": evaluation.mean_document_frequency(ten, data.train),
        "perplexity": float(np.exp(-(log_p.double().numpy() - fixed).sum() / scored.sum())),
        "elbo": history[-1]["elbo"],
        "kl": history[-1]["kl"],
        "cpu_seconds": seconds,
    }


def _coefficient(counts: Any) -> Any:
    from scipy.special import gammaln

    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    parts = np.bincount(rows, gammaln(counts.data + 1), counts.shape[0])
    return gammaln(np.asarray(counts.sum(1)).ravel() + 1) - parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--latents", nargs="+", default=list(LATENTS), choices=list(LATENTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    data = corpus("20news_nvdm2000")
    print("| model | latent | NPMI | paper | TD25 | perplexity | CPU s |\n" + "|---" * 7 + "|")
    for name in options.models:
        for latent in options.latents:
            for seed in options.seeds:
                found = run(name, latent, data, options.epochs, seed)
                with options.output.open("a") as file:
                    file.write(json.dumps(found) + "\n")
                paper = PAPER[name][min(list(LATENTS).index(latent), 2)]
                cells = (found["npmi"], paper, found["td25"], found["perplexity"])
                shown = " | ".join(f"{cell:.3f}" if cell < 2 else f"{cell:.0f}" for cell in cells)
                print(f"| {name} | {latent} | {shown} | {found['cpu_seconds']:.0f} |", flush=True)
                sys.stdout.flush()


if __name__ == "__main__":
    main()
