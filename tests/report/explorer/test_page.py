"""One file of HTML: what is cut, what is escaped, and what may run."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from dirvae.report.explorer.page import as_text, cut, html_page, json_in_html


def test_sixty_letters_are_shown_and_of_more_the_first_59():
    assert cut("a" * 60) == "a" * 60
    assert cut("a" * 61) == "a" * 59 + "…"
    assert cut("\n" * 31) == "\\n" * 29 + "\\" + "…"  # letters as they are shown
    assert cut(7) == "7"


def test_json_comes_back_and_ends_nothing():
    told = {"a": "</script>\u2028\u2029é", "b": [1, None, True, 0.5]}
    text = json_in_html(told)
    assert json.loads(text) == told
    assert not set(text) & set("<\u2028\u2029 ")
    assert "é" in text  # as itself, which is short
    assert json.loads(json_in_html(["\ud800"])) == ["\ud800"]
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            json_in_html([number])


def test_only_the_script_of_the_page_may_run():
    page = html_page("A <b>", {"x": 1}, "<p>body</p>", "samples.js", "explorer.js")
    [code] = re.findall(r'<script type="module">(.*?)</script>', page, re.S)
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    [policy] = re.findall(r'Content-Security-Policy" content="(.*?)"', page)
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "<title>A &lt;b&gt;</title>" in page
    assert "<body>\n<p>body</p>\n" in page
    assert as_text('<"&\n') == "&lt;&quot;&amp;\\n"
