"""Options: help has their defaults, and a wrong word is answered with the nearest right one."""

from __future__ import annotations

import inspect

import pytest
from typer import BadParameter

from dirvae.cli.fit import fit_vae
from dirvae.cli.options import available, integer, number, numeral
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


# --- parsers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("20", 20), ("0.0", 0.0), ("0.5", 0.5), ("1.0", 1.0), (5, 5), (0.25, 0.25)],
)
def test_a_number_of_documents_is_whole_or_a_share(text, value):
    assert (numeral(text), type(numeral(text))) == (value, type(value))


@pytest.mark.parametrize("text", ["0", "1.01", "1.5", "2.0", "-0.1", "-1", "x", "nan", ""])
def test_what_is_no_number_of_documents_is_told(text):
    with pytest.raises(BadParameter, match=r"must be a whole number, 1 or more, or a share in \["):
        numeral(text)


def test_whole_numbers_have_a_least_one_and_others_none():
    whole, any_number = integer(2).parser, number().parser
    assert (whole("2"), whole(7), any_number("-1.5")) == (2, 7, -1.5)
    for text in ("1", "-3", "2.0", "x"):
        with pytest.raises(BadParameter, match=f"'{text}' must be a whole number, 2 or more"):
            whole(text)
    with pytest.raises(BadParameter, match="'x' must be a number"):
        any_number("x")


@pytest.mark.parametrize("is_there", [True, False])
def test_a_device_is_available_where_pytorch_has_it(monkeypatch, is_there):
    monkeypatch.setattr("torch.cuda.is_available", lambda: is_there)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: not is_there)
    assert [available(device) for device in ("auto", "cpu")] == ["auto", "cpu"]
    there, absent = ("cuda", "mps") if is_there else ("mps", "cuda")
    assert available(there) == there
    with pytest.raises(ValueError, match=f"--device {absent} is not available to PyTorch on this"):
        available(absent)
