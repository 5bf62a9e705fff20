"""``python -m tinyeval.cli``: the same as the command ``tinyeval``."""

from __future__ import annotations

from tinyeval.cli import main

main(prog_name="tinyeval")
