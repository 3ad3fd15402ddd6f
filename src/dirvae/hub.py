"""Share fitted models on the Hugging Face Hub, each with a card that describes it.

An upload consists of the folder that `dirvae.save` writes, and a README.md: the card of the model.
A download is read by `dirvae.load`, which does not run downloaded code.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from dirvae.data.images import required
from dirvae.estimators import DirichletVAE
from dirvae.persistence import load, save
from dirvae.persistence.folder import CONFIG, MANIFEST, WEIGHTS
from dirvae.text import visible
from dirvae.topics import CompositionModel, TopicModel
from dirvae.writing import write_text

__all__ = ["from_pretrained", "model_card", "push_to_hub", "save_for_hub"]

CARD = "README.md"
MARKED = re.compile(r"([\\`*_{}\[\]()#+.!|~$:-])")  # what Markdown takes for more than text
UNNAMED = "USER/NAME"


def push_to_hub(
    model: Any,
    repo_id: str,
    X: Any = None,
    *,
    license: str | None = None,
    private: bool = True,
    token: str | None = None,
    message: str = "Upload a model of dirvae",
) -> str:
    """Upload a fitted estimator with its card to the Hub.

    The repository is created if it does not exist.

    Args:
        model: A fitted estimator.
        repo_id: Name of the repository, such as "me/my-topics".
        X: Data on which the quality is measured, as in `model_card`, or None.
        license: As in `model_card`.
        private: Whether a new repository is private. The words of a topic model come from the data,
            so look at the card before you make a repository public.
        token: Access token of the Hub. If None, the token of ``hf auth login``.
        message: Message of the commit.

    Returns:
        The address of the commit.

    Raises:
        ImportError: If huggingface_hub is not installed.
        ValueError: As in `model_card`.
    """
    api = required("huggingface_hub", "the Hub", "hub").HfApi(token=token)
    with tempfile.TemporaryDirectory() as folder:
        save_for_hub(model, f"{folder}/model", X, license=license, repo_id=repo_id)
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id, folder_path=f"{folder}/model", commit_message=message
        )
    return str(commit)


def from_pretrained(repo_id: str, *, revision: str | None = None, token: str | None = None) -> Any:
    """Download a model from the Hub, and load it with `dirvae.load`. No downloaded code is run.

    Args:
        repo_id: Name of the repository, such as "me/my-topics".
        revision: Branch, tag or commit. If None, the newest version. A commit always gives the same
            model.
        token: As in `push_to_hub`.

    Raises:
        ImportError: If huggingface_hub is not installed.
        ModelFormatError: If the download is not a model, or is damaged.
    """
    hub = required("huggingface_hub", "the Hub", "hub")
    with tempfile.TemporaryDirectory() as folder:
        hub.snapshot_download(
            repo_id,
            revision=revision,
            token=token,
            local_dir=folder,
            allow_patterns=[CONFIG, WEIGHTS, MANIFEST],
        )
        return load(folder)


def save_for_hub(
    model: Any,
    folder: str | Path,
    X: Any = None,
    *,
    license: str | None = None,
    repo_id: str = UNNAMED,
) -> None:
    """Write the files that `push_to_hub` uploads to a new or empty folder.

    Args:
        model: As in `model_card`.
        folder: The folder.
        X: As in `model_card`.
        license: As in `model_card`.
        repo_id: As in `model_card`.

    Raises:
        OSError: If the folder has other files, or cannot be written to.
        ValueError: As in `model_card`.

    Example:
        >>> from dirvae import TopicModel
        >>> texts = ["the cat and the dog", "dog and cat", "stars and moon", "moon, stars"] * 5
        >>> model = TopicModel(2, max_epochs=1, random_state=0).fit(texts)
        >>> with tempfile.TemporaryDirectory() as place:
        ...     save_for_hub(model, place)
        ...     sorted(path.name for path in Path(place).iterdir())
        ['README.md', 'config.json', 'manifest.json', 'model.safetensors']
    """
    card = model_card(model, X, license=license, repo_id=repo_id)
    save(model, folder)
    write_text(Path(folder) / CARD, card)


def model_card(
    model: Any,
    X: Any = None,
    *,
    license: str | None = None,
    repo_id: str = UNNAMED,
) -> str:
    """Return the card of a model as Markdown: kind, topics, quality, use, and how to load it.

    Words and names that come from data are escaped, so they cannot act as Markdown.

    Args:
        model: A fitted estimator.
        X: Data on which the quality is measured, preferably data that the model was not fitted to.
            If None, and for a classifier, the card has no quality.
        license: Licence identifier of the Hub, such as "cc-by-4.0". If None, the card states none.
        repo_id: Name of the repository where the model is, or will be.

    Raises:
        ValueError: If the Hub does not accept the form of ``license`` or ``repo_id``.
    """
    check_is_fitted(model)
    if license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", license):
        raise ValueError(f"license is {license!r}, must be an identifier such as 'cc-by-4.0'")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo_id, re.ASCII):
        raise ValueError(f"repo_id is {repo_id!r}, must be such as 'me/my-topics'")
    name = repo_id.partition("/")[2]
    licence = "stated above" if license else "not stated; ask whoever shares the model"
    return f"""{_header(model, license)}
# {_text(name)}

{_kind(model)}

{_table(("", ""), _facts(model).items())}

{_learned(model)}## Quality

{_quality(model, X)}

## Use

It is meant for rows of the same kind as those that it was fitted to: for others its answers mean
little. Components are summaries of data, and have its biases and errors. Do not decide about people
by them alone. Names of columns and words of the data are part of the model.

## How to load it

```python
from dirvae.hub import from_pretrained

model = from_pretrained("{repo_id}")
theta = model.transform(X)  # X: your data, as the model was fitted to
```

It needs `pip install "dirvae[hub]"`. Loading runs no code of the model.

## Licence

The licence is {licence}.
"""


def _header(model: Any, licence: str | None) -> str:
    subject = "topic-modeling" if isinstance(model, TopicModel) else "variational-autoencoder"
    lines = ["---", "library_name: dirvae", *([f"license: {licence}"] if licence else [])]
    return "\n".join([*lines, "tags:", "- dirvae", f"- {subject}", "---"])


def _kind(model: Any) -> str:
    kinds = {
        CompositionModel: "Components of counts: each sample is a mixture of compositions.",
        TopicModel: "Topics of documents: each document is a mixture of topics.",
        DirichletVAE: "A variational autoencoder: each row has a place in a latent space.",
    }
    return kinds.get(type(model), "A classifier that also learned from rows without a label.")


def _facts(model: Any) -> dict[str, str]:
    from dirvae import __version__

    documents = getattr(model, "_num_documents", None)
    facts = {
        "class": type(model).__name__,
        "version of dirvae": __version__,
        "latent": type(model.vae_.prior()).__name__,
        "components": f"{model._n_features_out:,}",
        "columns": f"{model.n_features_in_:,}",
        "epochs": f"{model.n_iter_:,}",
        "parameters": f"{sum(p.numel() for p in model.vae_.parameters()):,}",
    }
    return facts if documents is None else {**facts, "rows seen in training": f"{documents:,}"}


def _learned(model: Any) -> str:
    if not isinstance(model, TopicModel):
        return ""
    numbers, names, shares, words = model.topic_info().columns.values()
    lines = zip(
        map(str, numbers),
        map(_text, names),
        (f"{share:.1%}" for share in shares),
        (_text(" ".join(map(str, first))) for first in words),
        strict=True,
    )
    what = "Components" if isinstance(model, CompositionModel) else "Topics"
    return f"## {what}\n\n{_table(('number', 'name', 'share', 'first words'), lines)}\n\n"


def _quality(model: Any, X: Any) -> str:
    if X is None:
        return "Not measured."
    if isinstance(model, CompositionModel):
        found = {
            "log probability of hidden features, nats a sample": model.completion_log_prob(X),
            "that of the mean composition": model.mean_log_prob(X),
        }
        measured = {name: float(values.mean()) for name, values in found.items()}
    elif isinstance(model, TopicModel):
        measured = {"perplexity of held-out words": model.perplexity(X)}
    elif isinstance(model, DirichletVAE):
        measured = {"evidence lower bound, nats a row": model.score(X)}
    else:
        raise ValueError("X is given, must be None: there is no score of rows without classes")
    rows = X.shape[0] if hasattr(X, "shape") else len(X)
    values = ((name, f"{value:,.5g}") for name, value in measured.items())
    return f"Measured on {rows:,} rows.\n\n{_table(('measure', 'value'), values)}"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(header)
    lines = [names, ["---"] * len(names)]
    return "\n".join(map(_row, [*lines, *rows]))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Text that Markdown and HTML show as it is."""
    return MARKED.sub(r"\\\1", escape(visible(text), quote=False))
