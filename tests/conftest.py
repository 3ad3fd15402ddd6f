"""One thread a process, and the same seed before every test."""

from __future__ import annotations

import os

import pytest
import torch

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that tests start


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)
