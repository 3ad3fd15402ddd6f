"""What stands in files."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd


def utf(text: str, encoding: str = "utf-8") -> bytes:
    return text.encode(encoding)


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pd.DataFrame(columns).to_parquet(file)
    return file.getvalue()
