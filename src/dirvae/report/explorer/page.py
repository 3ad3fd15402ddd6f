"""One file of HTML around data: no network, and all that came from outside is shown as text."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from dirvae.text import visible

__all__ = ["as_text", "cut", "html_page", "json_in_html"]

PLACES = 60  # letters of a name, a label or an id


def as_text(text: object) -> str:
    """Return text as HTML shows it.

    Example:
        >>> as_text("a < b")
        'a &lt; b'
    """
    return escape(visible(text))


def cut(text: object) -> str:
    """Return a name, a label or an id as it is shown, at most 60 letters of it.

    Example:
        >>> cut("a" * 70)[-3:], len(cut("a" * 70))
        ('aa…', 60)
    """
    shown = visible(text)
    return shown if len(shown) <= PLACES else shown[: PLACES - 1] + "…"


def json_in_html(payload: Any) -> str:
    r"""Return JSON that no text in it can end: of `<` there is none, nor any line separator.

    Raises:
        ValueError: If a number is NaN or infinite.

    Example:
        >>> json_in_html({"a": "</script>"})
        '{"a":"\\u003c/script>"}'
    """
    options: dict[str, Any] = {"ensure_ascii": False, "allow_nan": False}
    text = json.dumps(payload, separators=(",", ":"), **options)
    # A surrogate alone has no bytes; in JSON of ASCII it has.
    text = text.encode("utf-8", "backslashreplace").decode()
    for sign in "<\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def html_page(title: str, payload: Any, body: str, *scripts: str) -> str:
    """Return the page.

    A policy in its head lets nothing run but this script, and nothing be fetched.

    Args:
        title: Of the page.
        payload: What the script reads, as JSON.
        body: HTML that reads well without the script; texts in it are escaped.
        scripts: Names of files in this folder, which make a module after ``parts.js``.
    """
    code, style = "".join(map(_file, ("parts.js", *scripts))), _file("explorer.css")
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}; img-src data:; base-uri 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{as_text(title)}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
{body}
<script type="application/json" id="data">{json_in_html(payload)}</script>
<script type="module">{code}</script>
</body>
</html>
"""


@cache
def _file(name: str) -> str:
    return files("dirvae.report.explorer").joinpath(name).read_text(encoding="utf-8")
