"""What is made from result files, and smaller studies of our own; `dirvae reproduce` makes most."""

from pathlib import Path

RESULTS = Path(__file__).parent / "results"
