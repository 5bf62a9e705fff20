"""Backtest: build from source models, predict test models, and measure the errors.

The protocol is that of every published figure: exact duplicates are dropped, everything is learned
from source models only, metrics are of test models only, and random items are the baseline.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tinyeval.backtesting.metrics import error_metrics, interval_metrics
from tinyeval.backtesting.splits import make_splits
from tinyeval.backtesting.trial import DRAWS, Memory, Trial, run_trial
from tinyeval.build_plan import check_methods
from tinyeval.compute.progress import Progress, shown
from tinyeval.config import Settings, as_settings, load_settings
from tinyeval.display.frames import frame
from tinyeval.display.html import html_table
from tinyeval.errors import ConfigError, DataError
from tinyeval.errors.arguments import wrong_type
from tinyeval.estimators import ESTIMATORS
from tinyeval.importers import as_responses
from tinyeval.registry import Method, is_outside
from tinyeval.selection import SELECTORS
from tinyeval.shipped import recipes
from tinyeval.source_models import usable

Row = dict[str, float | int | str]
T = TypeVar("T")

MOST_LINES = 12
"""Lines of a summary that are shown as text."""


@dataclass(frozen=True, repr=False)
class Backtest:
    """Results of a backtest: one row per method, number of items and repeat of the split."""

    rows: tuple[Mapping[str, float | int | str], ...]

    def summary(self) -> list[Row]:
        """Return the rows averaged over repeats."""
        groups: dict[tuple[str, str, int], list[Mapping[str, float | int | str]]] = {}
        for row in self.rows:
            key = (str(row["split"]), str(row["method"]), int(row["items"]))
            groups.setdefault(key, []).append(row)
        out: list[Row] = []
        for (split, method, items), rows in groups.items():
            mean: Row = {"split": split, "method": method, "items": items, "repeats": len(rows)}
            for name in rows[0]:
                if name not in ("split", "method", "items", "repeat"):
                    mean[name] = float(np.mean([float(row[name]) for row in rows]))
            out.append(mean)
        return sorted(out, key=lambda row: (str(row["split"]), int(row["items"])))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __repr__(self) -> str:
        summary = self.summary()
        lines = [f"Backtest({len(self)} rows)"]
        for row in summary[:MOST_LINES]:
            held = _number(row, "coverage")
            told = f", intervals hold {held}" if held else ""
            lines.append(
                f"  {row['split']}, {row['items']} items, {row['method']}: error "
                f"{float(row['mae']):.3f}{told}"
            )
        if len(summary) > MOST_LINES:
            lines.append(f"  ... {len(summary) - MOST_LINES} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the summary as a table for a notebook."""
        rows = self.summary()
        names = [name for name in rows[0] if name != "seconds"] if rows else []
        cells = ([_cell(row[name]) for name in names] for row in rows)
        return html_table(names, cells, "Backtest, mean over repeats")

    def to_frame(self) -> Any:
        """Return a pandas frame of every row, not averaged, in score units.

        Raises:
            DependencyError: pandas is not installed.
        """
        return frame(list(self.rows))

    def to_markdown(self) -> str:
        """Return the summary as a table: errors and widths in percentage points."""
        head = [
            "split",
            "items",
            "method",
            "MAE",
            "RMSE",
            "bias",
            "worst",
            "Kendall",
            "coverage",
            "width",
            "seconds",
        ]
        lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        for row in self.summary():
            percent = [_percent(row, name) for name in ("mae", "rmse", "bias", "worst")]
            cells = [row["split"], row["items"], row["method"], *percent]
            cells += [_number(row, "kendall"), _number(row, "coverage"), _percent(row, "width")]
            cells.append(f"{float(row['seconds']):.1f}")
            lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
        return "\n".join(lines)

    def to_csv(self) -> str:
        """Return every row, not averaged, as comma-separated values in score units."""
        if not self.rows:
            return ""
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()


def _cell(value: float | int | str) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _percent(row: Row, name: str) -> str:
    value = float(row[name])
    return "" if np.isnan(value) else f"{100 * value:.2f}"


def _number(row: Row, name: str) -> str:
    value = float(row[name])
    return "" if np.isnan(value) else f"{value:.2f}"


def backtest(
    responses: object,
    *,
    items: Sequence[int] = (10, 30, 100),
    split: str = "random",
    methods: Sequence[str] = ("default", "random+mean", "random+ridge"),
    repeats: int = 5,
    seed: int = 0,
    settings: Settings | Mapping[str, Any] | str | Path | None = None,
    intervals: bool = True,
    progress: Progress | bool | None = None,
) -> Backtest:
    """Build on source models and predict test models, for several methods.

    Args:
        responses: the whole history: a :class:`ResponseMatrix`, or what
            :func:`tinyeval.read_results` reads.
        items: numbers of anchors.
        split: see :func:`tinyeval.backtesting.splits.make_splits`.
        methods: ``default`` (``settings`` as they are), ``SELECTOR+ESTIMATOR``, or a recipe: its
            path, or the name of one that ships.  A selector or estimator of your own is
            ``MODULE:FUNCTION``.
        repeats: number of random splits.
        seed: seed of the splits and of random selections.
        settings: settings of every method, except those that its name changes.
        intervals: calibrate ``default`` and recipes, for coverage and width.
        progress: called with (done, total, what); True shows a bar on standard error.

    Raises:
        ConfigError: an unknown method, option or split, or more items than the benchmark has.
        DataError: too few models for the split.

    Example:
        >>> from tinyeval import backtest
        >>> methods = ["random+mean", "random+ridge"]
        >>> found = backtest(responses, items=[5], methods=methods, repeats=2, settings=settings)
        >>> [(row["method"], row["items"], row["repeats"]) for row in found.summary()]
        [('random+mean', 5, 2), ('random+ridge', 5, 2)]
        >>> all(0 <= row["mae"] <= 1 for row in found.rows)
        True
    """
    base = as_settings(settings).replace(seed=seed)
    plans = {name: method_settings(name, base) for name in _listed(methods, str)}
    for one in plans.values():
        check_methods(one)  # before any work is done
    matrix, _ = usable(as_responses(responses))
    sizes = _listed(items, int)
    if not sizes or min(sizes) < 1 or max(sizes) > matrix.n_items:
        raise ConfigError(f"items must lie between 1 and {matrix.n_items}, found {sizes}")
    pairs = list(make_splits(matrix, split, repeats, seed))
    rows: list[Row] = []
    with shown(progress) as report:
        for repeat, (source, test) in enumerate(pairs):
            memory = Memory()
            for k, (name, plan) in enumerate(plans.items()):
                if report is not None:
                    report(repeat * len(plans) + k, len(pairs) * len(plans), f"{split}: {name}")
                calibrated = intervals and "+" not in name
                for n in sizes:
                    one = plan.replace(items=n, seed=seed + DRAWS * repeat)
                    trial = run_trial(source, test, one, calibrated=calibrated, memory=memory)
                    key: Row = {"split": split, "repeat": repeat, "method": name, "items": n}
                    rows.append(key | figures(trial))
    return Backtest(tuple(rows))


def _listed(values: Any, kind: type[T]) -> list[T]:
    """Return one value, or several, as a list; raise unless all are of a kind."""
    listed = [values] if isinstance(values, (kind, str)) else values
    if not isinstance(listed, Sequence) or not all(isinstance(one, kind) for one in listed):
        name, of = ("items", "whole numbers") if kind is int else ("methods", "names")
        raise ConfigError(wrong_type(name, f"a list of {of}", values))
    return list(listed)


def method_settings(name: str, base: Settings) -> Settings:
    """Return the settings of a method: ``default``, ``SELECTOR+ESTIMATOR`` or a recipe.

    Raises:
        ConfigError: no such method.
    """
    if name == "default":
        return base
    if "+" in name:
        selector, _, estimator = name.partition("+")
        if not (_is_known(selector, SELECTORS) and _is_known(estimator, ESTIMATORS)):
            raise ConfigError(
                f"unknown method {name!r}; expected SELECTOR+ESTIMATOR with a selector of "
                f"{', '.join(SELECTORS)} and an estimator of {', '.join(ESTIMATORS)}; "
                "one of your own is MODULE:FUNCTION"
            )
        return base.replace(
            selection={"method": selector, "options": {}},
            estimator={"method": estimator, "options": {}},
        )
    if Path(name).is_file() or name in recipes():
        return load_settings(name).replace(seed=base.seed, device=base.device)
    raise ConfigError(
        f"unknown method {name!r}; expected default, SELECTOR+ESTIMATOR, the path of a recipe"
        + (f", or one that ships: {', '.join(recipes())}" if recipes() else "")
    )


def _is_known(name: str, registry: Mapping[str, Method]) -> bool:
    return name in registry or is_outside(name)


def figures(trial: Trial) -> Row:
    """Return the metrics of a trial, over the models whose true scores are known.

    Metrics of several draws are averaged.

    Raises:
        DataError: no true score is known.
    """
    known = np.isfinite(trial.truth)
    if not known.any():
        raise DataError(
            "no test model answered enough of the benchmark for its true score to be known; test "
            "on models with fewer missing answers, or give their full scores as a target column"
        )
    truth = trial.truth[known]
    draws = [error_metrics(truth, scores[known]) for scores in trial.scores]
    row: Row = {"models": len(truth)}
    row |= {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]}
    row |= {"coverage": np.nan, "width": np.nan}
    if trial.bounds is not None:
        row |= interval_metrics(truth, *trial.bounds[:, :, known])
    return row | {"seconds": trial.seconds}
