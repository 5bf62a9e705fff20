"""Selectors: which items become anchors.  A new one is one file and one line here."""

from __future__ import annotations

from importlib import import_module

from tinyeval.errors import ConfigError
from tinyeval.selection.base import Anchors, Selector

SELECTORS: dict[str, str] = {
    "random": "tinyeval.selection.random:select_random",
    "stratified": "tinyeval.selection.random:select_stratified",
    "anchor_points": "tinyeval.selection.clustering:select_by_correctness",
    "anchor_points_irt": "tinyeval.selection.clustering:select_by_irt",
    "information": "tinyeval.selection.information:select_information",
    "mrmr": "tinyeval.selection.mrmr:select_mrmr",
    "sparse_eval": "tinyeval.selection.sparse_eval:select_sparse_eval",
    "optimal_design": "tinyeval.selection.optimal_design:select_optimal_design",
}


def get_selector(name: str) -> Selector:
    """Return the selector of that name, or raise :class:`ConfigError` with the known names."""
    if name not in SELECTORS:
        raise ConfigError(f"unknown selection method {name!r}; known are: {', '.join(SELECTORS)}")
    module, function = SELECTORS[name].split(":")
    return getattr(import_module(module), function)


__all__ = ["SELECTORS", "Anchors", "Selector", "get_selector"]
