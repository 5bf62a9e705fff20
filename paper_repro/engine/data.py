"""Where the result sets lie: the option ``--data`` of every script, or an environment variable."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

VARIABLE = "TINYEVAL_TEST_DATA"
"""The environment variable, which tests read as well."""


def add_data_option(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Add ``--data``; its default is the environment variable.

    Args:
        parser: of a script.
        required: stop with a usage message where neither says where the sets lie.
    """
    known = os.environ.get(VARIABLE) or None
    text = f"folder of the sets, see DATA.md (default: ${VARIABLE})"
    parser.add_argument(
        "--data", type=Path, default=known, required=required and known is None, help=text
    )
