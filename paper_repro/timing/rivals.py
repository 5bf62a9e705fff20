"""The rivals' own environments: made with pip where they are missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RIVALS = {
    "py_irt": ("torch==2.13.0", "py-irt==0.7.1"),
    "girth": ("girth==0.8.0",),
}
"""What is installed, in this order; torch first, so that pip takes no other one."""


def python_of(who: str, venvs: Path | None) -> Path:
    """The Python that runs a rival; for everybody else the one that runs this."""
    if who not in RIVALS or venvs is None:
        return Path(sys.executable)
    return venvs.absolute() / who / "bin" / "python"


def install(venvs: Path) -> None:
    """Make the environments that are missing.

    py-irt 0.7.1 wants a Python below 3.12; make ``venvs/py_irt`` with one beforehand if this one
    is newer.
    """
    for who, packages in RIVALS.items():
        python = python_of(who, venvs)
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", venvs / who], check=True)
            for package in packages:
                subprocess.run([python, "-m", "pip", "install", "-q", package], check=True)
