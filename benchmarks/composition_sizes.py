"""How many components atlas1006 has: `python -m benchmarks composition_sizes`.

Each size is fitted to nine tenths of the samples of each split. Scored are the others' counts of a
hidden half of the taxa, given the other half's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.compositions import samples
from dirvae.topics import CompositionModel, TopicSizes, compare_sizes
from dirvae.writing import whole, write_text

RESULTS = Path(__file__).parent / "results" / "composition_sizes.json"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "composition_sizes.png"


def picture(found: TopicSizes, name: str, path: Path) -> None:
    """Nats by K, with the error of the difference to the best K."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 3.4), layout="constrained")
    place = np.arange(len(found.sizes))
    lost = found.mean - found.mean.min()
    axes.errorbar(place, lost, found.std_error, fmt="o-", color="#35608a", capsize=3, lw=1.5)
    axes.set_xticks(place, [str(size) for size in found.sizes])
    axes.axvline(found.sizes.index(found.chosen), color="0.6", lw=1, ls=":", zorder=0)
    axes.set_xlabel(f"components (dotted: chosen, {found.chosen})")
    axes.set_ylabel("nats a sample behind the best")
    axes.set_title(f"{name}, hidden taxa of held-out samples", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    with whole(path) as file:
        figure.savefig(file, format="png", dpi=160)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="atlas1006")
    parser.add_argument("--sizes", nargs="+", type=int, default=[5, 10, 20, 30, 50])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args()
    model = CompositionModel(random_state=options.seed)
    counts = samples(options.data).counts
    splits: dict[str, Any] = {"num_splits": options.splits, "seed": options.seed}
    found = compare_sizes(model, counts, options.sizes, **splits)
    content = {
        "setting": {
            "data": options.data,
            **splits,
            "threads": torch.get_num_threads(),
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "versions": {p: version(p) for p in ("torch", "scikit-learn", "numpy")},
        },
        **{name: np.asarray(value).tolist() for name, value in found._asdict().items()},
    }
    write_text(options.output, json.dumps(content, indent=1) + "\n")
    picture(found, options.data, options.picture)
    print(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
