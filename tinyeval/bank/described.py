"""What a bank says of itself: its level, errors and cost, in short and as a frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyeval.display.frames import frame
from tinyeval.display.html import html_facts
from tinyeval.display.records import shortened
from tinyeval.importers.base import ItemKey
from tinyeval.prediction import Predictor
from tinyeval.selection.base import Anchors
from tinyeval.tables import Table


class Described:
    """The facts that follow from the parts of a bank."""

    name: str
    items: Table
    predictor: Predictor
    settings: Mapping[str, Any]
    source: Mapping[str, Any]
    created: str

    @property
    def anchors(self) -> Anchors:
        """The items to run, best first."""
        return self.predictor.anchors

    @property
    def level(self) -> float:
        """Default level of the intervals."""
        return float(self.settings["interval"]["level"])

    @property
    def item_key(self) -> ItemKey | None:
        """How a harness's logged documents give item ids; None: by task and number."""
        run = self.settings["run"]
        return ItemKey(run["key"], run["prefix"]) if run["key"] else None

    @property
    def expected_error(self) -> dict[int, float]:
        """Mean absolute error of the overall score, by number of answered anchors."""
        return self.predictor.expected_error()

    @property
    def benchmark_errors(self) -> dict[str, dict[int, float]]:
        """Mean absolute error of each benchmark's score, if the bank covers several benchmarks."""
        targets = self.predictor.targets
        return {one: self.predictor.expected_error(k) for k, one in enumerate(targets) if k > 0}

    @property
    def cost(self) -> float | None:
        """Total cost of the anchors; None if the items' costs are unknown."""
        costs = self.items.columns.get(self.settings["cost"])
        if costs is None or costs.dtype.kind != "f":
            return None
        total = float(costs[self.items.index(self.anchors.items)].sum())
        return total if np.isfinite(total) else None

    def __repr__(self) -> str:
        return (
            f"ItemBank({shortened(self.name)!r}: {len(self.anchors)} of {len(self.items):,} items, "
            f"{self.source['models']} source models)"
        )

    def _repr_html_(self) -> str:
        """Return a table for a notebook."""
        error = list(self.expected_error.values())[-1:]
        facts = {
            "anchors": f"{len(self.anchors)} of {len(self.items):,} items",
            "source models": self.source["models"],
            "origin": shortened(str(self.source["origin"]) or "not stated", 200),
            "expected error": f"{error[0]:.3f}" if error else "not known",
            "intervals": f"{100 * self.level:g} %",
            "created": self.created,
        }
        return html_facts(f"ItemBank {self.name}", facts.items())

    def to_frame(self) -> Any:
        """Return a pandas frame of the items: what is known of each, and its rank as an anchor.

        Raises:
            DependencyError: pandas is not installed.

        Example:
            >>> bank.to_frame().query("anchor_rank <= 2").item.to_list() == list(bank.anchors)[:2]
            True
        """
        rank = dict(zip(self.anchors, range(1, len(self.anchors) + 1), strict=True))
        columns = {"item": list(self.items.ids), **self.items.columns}
        return frame({**columns, "anchor_rank": [rank.get(one) for one in self.items.ids]})
