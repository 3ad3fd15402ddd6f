"""Counts on disk: a folder of shards of CSR arrays, and how it is written from documents."""

from dirvae.data.corpus.corpus import Corpus
from dirvae.data.corpus.documents import Document, documents_in

__all__ = ["Corpus", "Document", "documents_in"]
