"""What does it bring to know the items' costs? Error at equal cost, with and without.

    python -m paper_repro.budgets --data DIR

Costs are lognormal (standard deviation of the logarithm 0.8), drawn independently of everything
else; the budget is 30 times the mean cost. Random and blind: random items and the default's order,
leaving out what no longer fits. Cheapest: the cheapest items. Thrifty: the default under the same
budget. Random 75 / 25 splits of public sets (DATA.md), five repeats, a draw of costs each. Writes
budgets.md beside this file.
"""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from paper_repro.engine.data import add_data_option
from tinyeval import ResponseMatrix, Settings, read_results
from tinyeval.backtesting.splits import make_splits
from tinyeval.build_plan import BuildPlan
from tinyeval.estimators import get_estimator
from tinyeval.estimators.answered import estimate
from tinyeval.history import History
from tinyeval.learning import Learned, anchor_answers, make_history, true_targets
from tinyeval.selection.base import Anchors, equal_weights
from tinyeval.selection.budget import Budget
from tinyeval.selection.choose import choose
from tinyeval.selection.optimal_design import select_optimal_design
from tinyeval.selection.random import select_random
from tinyeval.source_models import usable

SETS = {
    "helm_lite_83": "HELM Lite, 83 models",
    "arc_challenge_official": "ARC-Challenge, 212 models",
    "ollb2_ifeval_musr": "IFEval + MuSR, 429 models",
}
ITEMS = 30
LOG_SD = 0.8


def blind(history: History, n: int, *, rng: np.random.Generator) -> Anchors:
    """Choose by optimal design without looking at costs."""
    return select_optimal_design(history, n, rng=rng)


def cheapest(history: History, n: int, *, rng: np.random.Generator) -> Anchors:
    """Choose by nothing but the cost."""
    items = history.responses.items
    order = np.argsort(items.column("cost"), kind="stable")[:n]
    return equal_weights(tuple(items.ids[k] for k in order))


WAYS = {
    "random": select_random,
    "blind": blind,
    "cheapest": cheapest,
    "thrifty": select_optimal_design,
}


def main() -> None:
    """Run the splits and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    start = time.perf_counter()
    lines = [
        "| set | selection | anchors | cost | MAE |",
        "|---" * 5 + "|",
    ]
    for name, title in SETS.items():
        responses, _ = usable(read_results(arguments.data / name / "responses.parquet"))
        results: dict[str, list[tuple[float, ...]]] = {way: [] for way in WAYS}
        for repeat, (source, test) in enumerate(make_splits(responses, "random", 5, 0)):
            for way, figures in one_split(source, test, repeat).items():
                results[way].append(figures)
        for way, found in results.items():
            n, cost, error = np.mean(found, axis=0)
            lines.append(f"| {title} | {way} | {n:.0f} | {cost:.1f} | {100 * error:.2f} |")
        print("\n".join(lines), flush=True)
    seconds = round(time.perf_counter() - start)
    note = (
        "\nCost in mean costs of an item, error of the overall score in percentage points on test "
        "models, kriging throughout. Command: `python -m paper_repro.budgets --data DIR`; "
        f"{datetime.date.today()}, {seconds} s on one CPU core.\n"
    )
    (arguments.out / "budgets.md").write_text("\n".join(lines) + "\n" + note)


def one_split(
    source: ResponseMatrix, test: ResponseMatrix, repeat: int
) -> Mapping[str, tuple[float, ...]]:
    """Number of anchors, their cost and the mean absolute error, by way of choosing."""
    source = source.take(None, source.observed.any(axis=0))
    cost = np.random.default_rng(repeat).lognormal(0.0, LOG_SD, source.n_items)
    cost /= cost.mean()
    source = replace(source, items=source.items.with_columns(cost=cost))
    settings = Settings().replace(items=ITEMS, device="cpu")
    history = make_history(source, BuildPlan.of(settings, source))
    fit, found = get_estimator("kriging"), {}
    for way, select in WAYS.items():
        rng = np.random.default_rng(repeat)
        budget = Budget(source.n_items, float(ITEMS))
        anchors = choose(select, history, budget, rng=rng, options={})
        learned = Learned(history, anchors, fit(history, anchors, rng=rng))
        predicted = estimate(learned.estimator, anchor_answers(learned, test)).mean[:, 0]
        error = np.abs(predicted - true_targets(learned, test)[:, 0]).mean()
        found[way] = (len(anchors), cost[history.positions(anchors.items)].sum(), float(error))
    return found


if __name__ == "__main__":
    main()
