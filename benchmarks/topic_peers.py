"""Topic models of other libraries and ours, from the same counts to the same two arrays.

Each has the settings that its documentation recommends. tomotopy and topica take lists of words,
which are made from the counts. For ProdLDA beta is the softmax of each topic's weights, which is
how TopMost and topica rank words themselves; TopMost trains for 50 epochs, which was its best of
10, 20, 50 and 100, and topica for its own 200. Held-out words are scored by the law that the model
itself has of them, which topica does not give. tomotopy's LDA makes 1,000 sweeps, or 200, gensim's
and scikit-learn's 10 passes.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from scipy.special import softmax

from dirvae.topics import TopicModel
from dirvae.topics.decoders import ProductDecoder
from dirvae.topics.posterior import proportions

Rows = sparse.csr_matrix


class Fitted(NamedTuple):
    """A model's topics, shape (K, V), its theta of documents, and its law of words given theta.

    `words` is None for a mixture, whose law is theta beta, and False where it is not known. With
    `background`, beta has a last row that is no topic, and theta a last column.
    """

    beta: Any
    transform: Callable[[Rows], Any]
    words: Callable[[Any], Any] | bool | None = None
    background: bool = False

    def topics(self, shares: Any) -> Any:
        """Shares of topics alone, of (N, K) or (N, K + 1)."""
        return _normalized(shares[:, :-1]) if self.background else shares


def installed(package: str) -> str:
    """Import a package, so that this is not timed; why that fails, or nothing."""
    if package == "topmost" and importlib.util.find_spec(package):
        _stand_in_for_torchvision()
    try:
        importlib.import_module(package)
    except ImportError as error:
        return str(error)
    return ""


def _stand_in_for_torchvision() -> None:
    """TopMost takes a function for downloads from it, and it does not fit all builds of torch."""
    for name in ("torchvision", "torchvision.datasets", "torchvision.datasets.utils"):
        sys.modules.setdefault(name, ModuleType(name))
    sys.modules["torchvision.datasets.utils"].__dict__.setdefault("download_url", None)


def _ours(x: Rows, topics: int, seed: int, threads: int) -> Fitted:
    model = TopicModel(topics, random_state=seed).fit(x)

    def shares(rows: Rows) -> Any:
        return proportions(model.vae_, model.counts(rows))

    return Fitted(np.vstack([model.topic_word_, model.background_]), shares, background=True)


def _our_product(x: Rows, topics: int, seed: int, threads: int) -> Fitted:
    model = TopicModel(topics, random_state=seed, decoder=ProductDecoder, prior_concentration=0.5)
    model.fit(x)

    decoder = deepcopy(model.vae_.decoder).double()

    def words(theta: Any) -> Any:
        with torch.no_grad():
            return decoder(torch.as_tensor(theta, dtype=torch.float64)).probs.numpy()

    return Fitted(model.topic_word_, model.transform, words)


def _tomotopy(x: Rows, topics: int, seed: int, threads: int, sweeps: int = 1000) -> Fitted:
    import tomotopy

    model = tomotopy.LDAModel(k=topics, seed=seed)
    for document in tokens(x):
        model.add_doc(document)
    model.train(sweeps, workers=threads)
    columns = np.array([int(word) for word in model.used_vocabs])
    beta = np.full((topics, x.shape[1]), 1e-12)
    for k in range(topics):
        beta[k, columns] = model.get_topic_word_dist(k)
    alpha = np.asarray(model.alpha, dtype=float)

    def infer(documents: list[list[str]]) -> Any:
        made = [model.make_doc(document) for document in documents]
        return np.array(model.infer(made, workers=threads)[0])

    return Fitted(_normalized(beta), _of_tokens(infer, alpha / alpha.sum()))


def _gensim(x: Rows, topics: int, seed: int, threads: int) -> Fitted:
    from gensim.matutils import Sparse2Corpus
    from gensim.models import LdaMulticore

    def documents(rows: Rows) -> Any:
        return Sparse2Corpus(rows.tocsc(), documents_columns=False)

    names = {i: str(i) for i in range(x.shape[1])}
    options: dict[str, Any] = {"id2word": names, "random_state": seed, "minimum_probability": 0.0}
    model = LdaMulticore(documents(x), topics, workers=threads, passes=10, **options)

    def transform(rows: Rows) -> Any:
        return _normalized(model.inference(list(documents(rows)))[0])

    return Fitted(model.get_topics().astype(float), transform)


def _sklearn_lda(x: Rows, topics: int, seed: int, threads: int) -> Fitted:
    from sklearn.decomposition import LatentDirichletAllocation

    options: dict[str, Any] = {"learning_method": "online", "max_iter": 10, "random_state": seed}
    model = LatentDirichletAllocation(topics, n_jobs=threads, **options).fit(x)
    return Fitted(_normalized(model.components_), model.transform)


def _nmf(x: Rows, topics: int, seed: int, threads: int) -> Fitted:
    from sklearn.decomposition import NMF

    model = NMF(topics, init="nndsvda", beta_loss="frobenius", max_iter=300, random_state=seed)
    model.fit(x)
    scale = model.components_.sum(1)
    beta = _normalized(model.components_ / np.maximum(scale, 1e-12)[:, None] + 1e-12)
    return Fitted(beta, lambda rows: _normalized(model.transform(rows) * scale + 1e-12))


def _topica(x: Rows, topics: int, seed: int, threads: int) -> Fitted:
    import topica

    words = [str(i) for i in range(x.shape[1])]
    model = topica.ProdLDA(topics, prior="dirichlet", seed=seed)
    model.fit(topica.Corpus.from_documents(tokens(x), vocabulary=words))
    transform = _of_tokens(model.transform, np.full(topics, 1 / topics))
    return Fitted(_normalized(model.topic_word), transform, False)


def _topmost(x: Rows, topics: int, seed: int, threads: int) -> Fitted:
    from topmost import BasicTrainer, ProdLDA

    torch.manual_seed(seed)
    dense = torch.from_numpy(x.toarray()).float()
    loader = torch.utils.data.DataLoader(dense, batch_size=200, shuffle=True)
    data = SimpleNamespace(train_data=dense, train_dataloader=loader)
    data.vocab = [str(i) for i in range(x.shape[1])]
    model = ProdLDA(x.shape[1], num_topics=topics)
    trainer = BasicTrainer(model, data, epochs=50)
    trainer.train()

    decoder = deepcopy(model).double().eval()  # in single precision a rare word may have 0

    def words(theta: Any) -> Any:
        with torch.no_grad():
            return decoder.decode(torch.as_tensor(theta, dtype=torch.float64)).numpy()

    beta = softmax(trainer.get_beta().astype(float), axis=1)
    return Fitted(beta, lambda rows: _normalized(trainer.test(_dense(rows))), words)


def tokens(rows: Rows) -> list[list[str]]:
    """Each document as a list of the names of its columns."""
    bounds = list(zip(rows.indptr[:-1], rows.indptr[1:], strict=True))
    return [
        [str(w) for w in np.repeat(rows.indices[a:b], rows.data[a:b].astype(int))]
        for a, b in bounds
    ]


def _of_tokens(infer: Callable[[list[list[str]]], Any], prior: Any) -> Callable[[Rows], Any]:
    """Theta by a function of lists of words; of a document without words the prior's."""

    def transform(rows: Rows) -> Any:
        theta = np.tile(prior, (rows.shape[0], 1))
        full = np.flatnonzero(np.diff(rows.indptr))
        theta[full] = infer(tokens(rows[full]))
        return _normalized(theta)

    return transform


def _dense(rows: Rows) -> torch.Tensor:
    return torch.from_numpy(rows.toarray()).float()


def _normalized(rows: Any) -> Any:
    rows = np.asarray(rows, dtype=float)
    return rows / rows.sum(1, keepdims=True)


MODELS: dict[str, tuple[str, str, Callable[[Rows, int, int, int], Fitted]]] = {
    "dirvae": ("dirvae", "dirvae", _ours),
    "dirvae, product": ("dirvae", "dirvae", _our_product),
    "tomotopy LDA": ("tomotopy", "tomotopy", _tomotopy),
    "tomotopy LDA, 200 sweeps": ("tomotopy", "tomotopy", partial(_tomotopy, sweeps=200)),
    "gensim LDA": ("gensim", "gensim", _gensim),
    "scikit-learn LDA": ("sklearn", "scikit-learn", _sklearn_lda),
    "scikit-learn NMF": ("sklearn", "scikit-learn", _nmf),
    "topica ProdLDA": ("topica", "topica", _topica),
    "TopMost ProdLDA": ("topmost", "topmost", _topmost),
}
"""From a name to the package that is imported, its distribution, and what fits the model."""
