"""Selectors choose the items that become anchors.  A new selector is one file and one line here."""

from __future__ import annotations

from tinyeval.registry import Method, is_outside, own_method
from tinyeval.selection.base import Anchors, Selector
from tinyeval.selection.outside import outside_selector

SELECTORS: dict[str, Method] = {
    "random": Method(
        "tinyeval.selection.random:select_random",
        "items at random, all subsets equally likely",
        ("cochran1977",),
        draws=True,
    ),
    "stratified": Method(
        "tinyeval.selection.random:select_stratified",
        "items at random, each benchmark and subject in proportion to its weight",
        ("cochran1977",),
        draws=True,
    ),
    "anchor_points": Method(
        "tinyeval.selection.clustering:select_by_correctness",
        "weighted k-means on the source models' answers",
        ("vivek2024", "maiapolo2024"),
    ),
    "anchor_points_irt": Method(
        "tinyeval.selection.clustering:select_by_irt",
        "weighted k-means on the items' IRT parameters",
        ("maiapolo2024",),
    ),
    "information": Method(
        "tinyeval.selection.information:select_information",
        "most Fisher information over the range of abilities (metabench)",
        ("kipnis2025",),
    ),
    "mrmr": Method(
        "tinyeval.selection.mrmr:select_mrmr",
        "items most informative about the score and least redundant (mRMR)",
        ("ding2005",),
    ),
    "sparse_eval": Method(
        "tinyeval.selection.sparse_eval:select_sparse_eval",
        "anchor points refined by a network's gradients (SparseEval)",
        ("zhang2026",),
    ),
    "optimal_design": Method(
        "tinyeval.selection.optimal_design:select_optimal_design",
        "greedy choice of the item that leaves the least variance of the score",
        ("krause2008",),
    ),
}


def get_selector(name: str) -> Selector:
    """Return the selector of that name, or the function that ``MODULE:FUNCTION`` names.

    Raises:
        ConfigError: an unknown name, or a function that cannot be imported or used.
    """
    if is_outside(name):
        return outside_selector(name)
    return own_method(name, SELECTORS, "selection method").load()


def draws_at_random(name: str) -> bool:
    """Say whether a selector draws anchors at random; an outside one says so by ``draws``."""
    if is_outside(name):
        return bool(getattr(outside_selector(name), "draws", False))
    return own_method(name, SELECTORS, "selection method").draws


__all__ = ["SELECTORS", "Anchors", "Selector", "draws_at_random", "get_selector"]
