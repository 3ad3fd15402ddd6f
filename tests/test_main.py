"""The command line without its command."""

from __future__ import annotations

import subprocess
import sys

from dirvae import __version__


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "dirvae"]
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == f"dirvae {__version__}\n"
    wrong = subprocess.run([*command, "no"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "has no command no; its commands are demo" in wrong.stderr
