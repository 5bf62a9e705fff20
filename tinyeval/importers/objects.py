"""Objects of other people's JSON, which may be missing or something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_mapping(content: object) -> dict[str, Any]:
    """Return an object as it is, an empty one in place of anything else."""
    return content if isinstance(content, dict) else {}


def mapping(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return an object of an object; an empty one where there is none."""
    return as_mapping(content.get(key))
