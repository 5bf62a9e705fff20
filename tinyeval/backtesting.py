"""Backtest: build on some models, predict the others, and say how wrong that was.

The protocol is the one behind every figure we publish: exact duplicates dropped, everything chosen
on source models only, metrics on test models only, random items as a baseline beside.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyeval.building import build, learn, make_history, usable
from tinyeval.config import Settings, load_settings
from tinyeval.errors import ConfigError, DataError
from tinyeval.estimators import ESTIMATORS
from tinyeval.history import History
from tinyeval.learned import Learned, anchor_answers, true_targets
from tinyeval.metrics import error_metrics, interval_metrics
from tinyeval.progress import Progress
from tinyeval.responses import ResponseMatrix
from tinyeval.selection import SELECTORS
from tinyeval.splits import make_splits

Row = dict[str, float | int | str]

DRAWS = 10
"""Draws of anchors averaged for selections that are random, within each split."""


@dataclass(frozen=True)
class Backtest:
    """Results of a backtest: one row per method, number of items and split repeat."""

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


def _percent(row: Row, name: str) -> str:
    value = float(row[name])
    return "" if np.isnan(value) else f"{100 * value:.2f}"


def _number(row: Row, name: str) -> str:
    value = float(row[name])
    return "" if np.isnan(value) else f"{value:.2f}"


def backtest(
    responses: ResponseMatrix,
    *,
    items: Sequence[int] = (10, 30, 100),
    split: str = "random",
    methods: Sequence[str] = ("default", "random+mean", "random+ridge"),
    repeats: int = 5,
    seed: int = 0,
    settings: Settings | None = None,
    intervals: bool = True,
    progress: Progress | None = None,
) -> Backtest:
    """Build on source models and predict test models, for several methods.

    Args:
        responses: the whole history.
        items: numbers of anchors.
        split: see :func:`tinyeval.splits.make_splits`.
        methods: ``default`` (``settings`` as they are), ``SELECTOR+ESTIMATOR``, or the path of a
            recipe.
        repeats: of random splits.
        seed: of splits and of random selections.
        settings: of every method but for what its name says.
        intervals: calibrate ``default`` and recipes, for coverage and width.
        progress: called with (done, total, what).

    Raises:
        ConfigError: an unknown method or split, or more items than the benchmark has.
        DataError: too few models for the split.
    """
    responses, _ = usable(responses)
    base = (settings or Settings()).replace(seed=seed)
    plans = {name: _method(name, base) for name in methods}
    if not items or min(items) < 1 or max(items) > responses.n_items:
        raise ConfigError(f"items must lie between 1 and {responses.n_items}, found {list(items)}")
    rows: list[Row] = []
    pairs = list(make_splits(responses, split, repeats, seed))
    for repeat, (source, test) in enumerate(pairs):
        memory = _Memory()
        for k, (name, plan) in enumerate(plans.items()):
            if progress is not None:
                progress(repeat * len(plans) + k, len(pairs) * len(plans), f"{split}: {name}")
            calibrated = intervals and "+" not in name
            for row in _run(source, test, plan, items, calibrated, memory):
                rows.append({"split": split, "repeat": repeat, "method": name, **row})
    return Backtest(tuple(rows))


class _Memory:
    """Remembers the histories of the same models under the same fit settings."""

    def __init__(self) -> None:
        self.histories: dict[object, History] = {}

    def __call__(
        self, responses: ResponseMatrix, settings: Settings, progress: Progress | None = None
    ) -> History:
        key = (
            responses.models.ids,
            responses.items.ids,
            settings.irt.model_dump_json(),
            settings.target.model_dump_json(),
        )
        if key not in self.histories:
            self.histories[key] = make_history(responses, settings, progress)
        return self.histories[key]


def _method(name: str, base: Settings) -> Settings:
    """Return the settings of a method by its name."""
    if name == "default":
        return base
    if "+" in name:
        selector, _, estimator = name.partition("+")
        if selector not in SELECTORS or estimator not in ESTIMATORS:
            raise ConfigError(
                f"unknown method {name!r}; expected SELECTOR+ESTIMATOR with a selector of "
                f"{', '.join(SELECTORS)} and an estimator of {', '.join(ESTIMATORS)}"
            )
        return base.replace(
            selection={"method": selector, "options": {}},
            estimator={"method": estimator, "options": {}},
        )
    if Path(name).is_file():
        return load_settings(name).replace(seed=base.seed, device=base.device)
    raise ConfigError(
        f"unknown method {name!r}; expected default, SELECTOR+ESTIMATOR or the path of a recipe"
    )


def _run(
    source: ResponseMatrix,
    test: ResponseMatrix,
    settings: Settings,
    items: Iterable[int],
    intervals: bool,
    memory: _Memory,
) -> Iterable[Row]:
    """Yield the figures of one method on one split, for every number of items."""
    source = source.take(None, source.observed.any(axis=0))
    for n in items:
        start = time.perf_counter()
        plan = settings.replace(items=n)
        known, predicted, bounds = _predict(source, test, plan, intervals, memory)
        row: Row = {"items": n, "models": len(known)}
        draws = [error_metrics(known, one) for one in predicted]
        row.update({name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]})
        row.update({"coverage": np.nan, "width": np.nan})
        if bounds is not None:
            row.update(interval_metrics(known, *bounds))
        row["seconds"] = time.perf_counter() - start
        yield row


def _predict(
    source: ResponseMatrix,
    test: ResponseMatrix,
    settings: Settings,
    intervals: bool,
    memory: _Memory,
) -> tuple[NDArray, list[NDArray], tuple[NDArray, NDArray] | None]:
    """True scores of the test models, predicted ones by draw, and the bounds if calibrated."""
    draws = DRAWS if settings.selection.method in ("random", "stratified") else 1
    learned = [
        learn(source, settings.replace(seed=settings.seed + k), None, memory) for k in range(draws)
    ]
    truth = true_targets(learned[0], test)[:, 0]
    known = np.isfinite(truth) & test.observed.any(axis=1)
    if not known.any():
        raise DataError(
            "no test model answered enough of the benchmark for its true score to be known; test "
            "on models with fewer missing answers, or give their full scores as a target column"
        )
    predicted = [_scores(one, test)[known] for one in learned]
    if not intervals:
        return truth[known], predicted, None
    bank = build(source, settings=settings, history_of=memory)
    answers = test.take(known)
    able = np.asarray(~np.isnan(answers.align(bank.anchors.items)).all(axis=1))
    # A model that answered no anchor may be anywhere.
    bounds = np.tile([[0.0], [1.0]], len(able))
    found = bank.predict(answers.take(able)) if able.any() else []
    bounds[:, able] = np.array([(one.lower, one.upper) for one in found]).reshape(-1, 2).T
    return truth[known], predicted, (bounds[0], bounds[1])


def _scores(learned: Learned, test: ResponseMatrix) -> NDArray:
    answers = anchor_answers(learned, test)
    nothing = np.isnan(answers).all(axis=1)
    answers[nothing] = learned.anchor_mean()
    return learned.estimator.predict(answers).mean[:, 0]
