"""The default probability of intervals (their level), in results, on pages and in commands."""

from __future__ import annotations

from typing import Any

__all__ = ["LEVEL", "in_percent", "require_level"]

LEVEL = 0.9


def require_level(level: Any) -> None:
    """Raise ValueError if the level of intervals is not in (0, 1).

    Example:
        >>> require_level(95)
        Traceback (most recent call last):
        ValueError: level is 95, must be in (0, 1)
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}, must be in (0, 1)")


def in_percent(level: float) -> str:
    """Return a level as a percentage for readers.

    Example:
        >>> in_percent(0.9), in_percent(0.995)
        ('90%', '99.5%')
    """
    return f"{100 * level:.6g}%"
