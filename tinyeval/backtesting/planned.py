"""What a plan finds: the smallest bank that reaches a goal, and everything measured for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tinyeval.display.frames import frame
from tinyeval.display.html import html_table


@dataclass(frozen=True)
class PlanRow:
    """A recipe with a number of items, as measured on held-out models; all in score units.

    Attributes:
        recipe: ``any``, ``similar``, ``beyond``, ``recipe`` (the settings given), or random items
            with ``random+ridge`` or ``random+mean``.
        items: number of anchors.
        error: mean absolute error of the overall score.
        standard_error: of ``error``, over models.
        width: mean width of the intervals.
        tell_apart: difference of two predicted scores that is beyond chance at the plan's level.
        other_error: error on the models not expected, NaN where it was not measured: those stronger
            or weaker than all source models, or, if these are expected, those within the range.
    """

    recipe: str
    items: int
    error: float
    standard_error: float
    width: float
    tell_apart: float
    other_error: float = float("nan")


@dataclass(frozen=True)
class ModelsRow:
    """Error of the advised bank, built from some number of models; in score units.

    Attributes:
        models: number of source models.
        error: mean absolute error of the overall score.
        measured: False for more models than there are: a power law.
    """

    models: int
    error: float
    measured: bool


@dataclass(frozen=True, repr=False)
class Plan:
    """The smallest bank that reaches a goal, and what was measured on the way.

    Attributes:
        goal: ``error``, ``width``, ``tell_apart`` or ``items``.
        value: what the goal is to be, in score units or items.
        expect: the models expected: ``similar``, ``any`` or ``beyond``.
        recipe: the recipe advised.
        items: smallest number of items that reaches the goal; None if none up to ``most`` does.
        most: largest number of items that was tried.
        promise: what the advised bank will do, or that of ``most`` items if no number is enough.
        low, high: range of the true ``promise.error`` that is likely (90 %), in score units.
        rows: everything measured, by number of items and recipe.
        models: error by number of source models; empty if the history is too small for it.
        level: probability of the intervals and of differences.
        history_error: error of predicting the history's mean for every model, without any items.
        better: recipes that err clearly less on the models expected and yet are not advised,
            because they err more on others, or are not for them.

    Example:
        >>> import tinyeval
        >>> found = tinyeval.plan(responses, error=0.08, settings=settings)
        >>> found
        Plan(error <= 0.080: 10 items, recipe 'any', expected error 0.077 (0.067 to 0.088))
    """

    goal: str
    value: float
    expect: str
    recipe: str
    items: int | None
    most: int
    promise: PlanRow
    low: float
    high: float
    rows: tuple[PlanRow, ...]
    models: tuple[ModelsRow, ...]
    level: float
    history_error: float
    better: tuple[str, ...]

    def __repr__(self) -> str:
        """Return the answer in one line."""
        of = f"{self.value:g}" if self.goal == "items" else f"{self.goal} <= {self.value:.3f}"
        number = f"no number up to {self.most}" if self.items is None else f"{self.items} items"
        error = f"{self.promise.error:.3f} ({self.low:.3f} to {self.high:.3f})"
        return f"Plan({of}: {number}, recipe {self.recipe!r}, expected error {error})"

    def to_frame(self) -> Any:
        """Return a pandas frame of ``rows``, everything that was measured, in score units.

        Raises:
            DependencyError: pandas is not installed.
        """
        return frame([asdict(one) for one in self.rows])

    def _repr_html_(self) -> str:
        """Return the answer and what was measured as a table for a notebook."""
        names = ["items", "recipe", "error", "standard_error", "width", "tell_apart"]
        cells = ([_cell(getattr(one, name)) for name in names] for one in self.rows)
        return html_table(names, cells, repr(self))

    def row(self, recipe: str, items: int) -> PlanRow | None:
        """Return what was measured of a recipe with this number of items, if it was."""
        found = [one for one in self.rows if (one.recipe, one.items) == (recipe, items)]
        return found[0] if found else None


def _cell(value: float | int | str) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
