"""The package's own names: complete, lazy, and documented."""

from __future__ import annotations

import importlib.metadata

import pytest

import dirvae


@pytest.mark.parametrize("name", dirvae.__all__)
def test_public_names_are_there_and_documented(name: str) -> None:
    assert name in dir(dirvae)
    assert getattr(dirvae, name).__doc__


def test_version_is_the_installed_one() -> None:
    assert dirvae.__version__ == importlib.metadata.version("dirvae")


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'dirvae' has no attribute 'unheard_of'"):
        dirvae.unheard_of  # noqa: B018
    assert not hasattr(dirvae, "__wrapped__")
