"""The studies, a record each. Code is named, and imported when run: a list takes no PyTorch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from dirvae.reproduce.progress import Bars
    from dirvae.reproduce.tables import Table

__all__ = ["STUDIES", "Study"]


class Study(NamedTuple):
    """Runs of models on a data set, and the table that shows them.

    Attributes:
        name: What it is called on the command line.
        help: What it is, in a few words.
        data: Name of its data set.
        runs: Module of this package whose ``jobs`` and ``run_all`` make its runs.
        table: Module and function of this package that turn data set and runs into a `Table`.
        options: What ``jobs`` takes besides what it takes in every study.
        views: Studies whose runs it shows, in place of its own. Only those of the first are made;
            of the others it shows what is on file.
    """

    name: str
    help: str
    data: str
    runs: str
    table: str
    options: tuple[str, ...] = ()
    views: tuple[str, ...] = ()

    def file(self, folder: Path, quick: bool) -> Path:
        """Where its runs are; quick ones are kept apart.

        Example:
            >>> STUDIES["knn"].file(Path("results"), quick=True).name
            'density-mnist-quick.jsonl'
        """
        name, *_ = self.views or [self.name]
        return folder / (f"{name}-quick.jsonl" if quick else f"{name}.jsonl")

    def run(self, folder: Path, bars: Bars, device: str, *, quick: bool, **options: Any) -> None:
        """Make the runs that are not on file.

        Args:
            folder: Where results are.
            bars: Shows progress.
            device: "cpu" or "cuda".
            quick: Whether to make a few small ones.
            options: Others of ``jobs``.
        """
        jobs, run_all = (_named(f"{self.runs}:{name}") for name in ("jobs", "run_all"))
        wanted = list(jobs(self.data, quick=quick, **options))
        run_all(wanted, self.file(folder, quick), bars, device)

    def tables(self, folder: Path, quick: bool) -> list[Table]:
        """Its runs on file beside the paper's numbers."""
        from dirvae.reproduce.record import done

        shown = [STUDIES[name] for name in self.views] or [self]
        found = [(study.data, done(study.file(folder, quick))) for study in shown]
        table = _named(self.table)
        return [table(data, runs) for place, (data, runs) in enumerate(found) if runs or not place]


def _named(thing: str) -> Any:
    return resolve_name(f"dirvae.reproduce.{thing}")


_density = partial(
    Study,
    runs="density",
    table="tables:density_table",
    options=("settings", "pixels", "samples", "precision"),
)
_view = partial(
    _density, data="mnist", views=("density-mnist", "density-omniglot", "density-svhn-subset")
)
_certificates = partial(
    Study,
    runs="certificates",
    table="tables:certificates_table",
    options=("settings", "temperatures"),
)
_semi_supervised = partial(
    Study, runs="semi_supervised", table="tables:semi_supervised_table", options=("shares",)
)
_topics = partial(Study, runs="topics", table="topics_table:topics_table")

STUDIES = {
    study.name: study
    for study in (
        _density(
            "density-mnist",
            "likelihood, bound and all other measures of the models on MNIST",
            "mnist",
        ),
        _density(
            "density-mnist-60000",
            "the same with all 60,000 training images, for --settings iwae-200",
            "mnist-60000",
        ),
        _density("density-omniglot", "the same on OMNIGLOT", "omniglot"),
        _density(
            "density-svhn-subset",
            "the same on components of 10,000 of SVHN's test images, of which 7,000 train",
            "svhn-subset",
        ),
        _certificates(
            "certificates-mnist",
            "bounds of the likelihood from both sides, of the models of density-mnist",
            "mnist",
        ),
        _certificates(
            "certificates-mnist-60000",
            "the same, of the models of density-mnist-60000, for --settings iwae-200",
            "mnist-60000",
        ),
        _certificates("certificates-omniglot", "the same on OMNIGLOT", "omniglot"),
        _view(
            "knn",
            "nearest neighbours in the latent space, of the models of density-mnist",
            table="tables:knn_table",
        ),
        _view(
            "collapse",
            "which components are used, of the models of density-mnist",
            table="tables:collapse_table",
        ),
        _view(
            "supervised",
            "classifiers on the latent, of the models of density-mnist",
            table="tables:supervised_table",
        ),
        _semi_supervised(
            "semi-supervised-mnist",
            "classification of MNIST with 10, 5 and 1 % of the labels",
            "mnist",
        ),
        _semi_supervised(
            "semi-supervised-mnist-few", "the same with 1,000, 600 and 100 labels", "mnist-few"
        ),
        _semi_supervised(
            "semi-supervised-mnist-rot", "the same with rotated copies of the digits", "mnist-rot"
        ),
        _semi_supervised(
            "semi-supervised-omniglot", "the same of OMNIGLOT's alphabets", "omniglot"
        ),
        _semi_supervised(
            "semi-supervised-svhn",
            "the same of street view house numbers (not measured yet)",
            "svhn",
        ),
        _semi_supervised(
            "semi-supervised-svhn-subset",
            "the same of 10,000 of SVHN's test images, of which 7,000 train",
            "svhn-subset",
        ),
        _topics(
            "topics-20news",
            "ProdLDA, NVDM and GSM with four latents each, on 20 Newsgroups",
            "20news",
        ),
        _topics(
            "topics-20news-v1995", "the same on the paper's own counts, V 1,995", "20news-v1995"
        ),
        _topics("topics-rcv1", "the same on Reuters-21578, which stands in for RCV1-v2", "rcv1"),
    )
}
"""By name, in the order in which they are listed."""
