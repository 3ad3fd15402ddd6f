"""Words of the command line: each stands for a public constructor that goes with its option."""

from __future__ import annotations

import sys

import pytest

from dirvae import topics
from dirvae.cli.words import DECODERS, LATENTS, LIKELIHOODS, named
from dirvae.models import latents, likelihoods

WORDS = {**LATENTS, **LIKELIHOODS, **DECODERS}


@pytest.mark.parametrize("word", [word for word in WORDS if word != "auto"])
def test_a_word_is_a_public_name(word: str) -> None:
    room, _, name = str(WORDS[word]).partition(":")
    assert name in sys.modules[room].__all__
    assert named(WORDS, word) is getattr(sys.modules[room], name)


def test_latents_and_likelihoods_have_their_rows() -> None:
    assert {named(LATENTS, word) for word in LATENTS} <= latents.LATENTS.keys()
    assert {named(LIKELIHOODS, word) for word in LIKELIHOODS} - {None} <= (
        likelihoods.LIKELIHOODS.keys()
    )
    assert named(LIKELIHOODS, "auto") is None


def test_every_decoder_has_a_word() -> None:
    decoders = {getattr(topics, name) for name in topics.__all__ if name.endswith("Decoder")}
    assert {named(DECODERS, word) for word in DECODERS} == decoders - {topics.TopicDecoder}
