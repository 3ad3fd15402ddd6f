"""The folder of a saved model."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirvae import save
from tests.persistence.saved import learned


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save(learned(), tmp_path / "model")
    return tmp_path / "model"
