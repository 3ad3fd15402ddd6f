"""Options: help has their defaults, and a wrong word is answered with the nearest right one."""

from __future__ import annotations

import inspect

import pytest

from dirvae.cli.fit import fit_vae
from tests.cli.command import assert_one_sentence, help_of


def test_help_shows_every_default(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "500")
    shown = help_of(run, "fit", "vae")
    for name, parameter in inspect.signature(fit_vae).parameters.items():
        default = parameter.default
        if default is inspect.Parameter.empty or default is None or isinstance(default, bool):
            continue
        assert shown[f"--{name.replace('_', '-')}"].endswith(f"[default: {default}]"), name


@pytest.mark.parametrize(
    ("arguments", "option", "said"),
    [
        (["demo", "topic"], "which", "'topic' is not one of digits, topics; did you mean topics?"),
        (
            ["topics", "m", "--by", "relevence"],
            "'--by'",
            "'relevence' is not one of relevance, frex, probability, lift; did you mean relevance?",
        ),
        (
            ["fit", "topics", "docstrings", "-o", "m", "--decoder", "embeded"],
            "'--decoder'",
            "'embeded' is not one of mixture, overdispersed, product, embedded; did you mean "
            "embedded?",
        ),
        (
            ["reproduce", "knn", "--pixels", "gray"],
            "'--pixels'",
            "'gray' is not one of binarised, grey; did you mean grey?",
        ),
        (["topics", "m", "--words", "x"], "'--words'", "'x' must be a whole number, 1 or more"),
        (["topics", "m", "--examples", "-1"], "'--examples'", "'-1' must be a whole number, 0 or"),
    ],
)
def test_a_wrong_word_is_named_with_the_nearest_right_one(arguments, option, said, run):
    done = run(*arguments)
    assert_one_sentence(done, f"': {said}", "Invalid value for")
    assert option in done.err.lower()
    assert "Value error" not in done.err
