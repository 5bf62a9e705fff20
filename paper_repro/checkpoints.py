"""Checkpoints of a training run, predicted from the checkpoints of other models.

    python -m paper_repro.checkpoints --data DIR [--jobs 2]

18 transformers on 29 benchmarks, each at five points of its training (1, 10, 25, 50 % and the
best); every split puts whole models on one side, so a test model's own checkpoints are all unseen.
"""

from __future__ import annotations

import numpy as np

from paper_repro.engine.catalogue import RIVALS, SETS
from paper_repro.engine.markdown import lines_of, means, shown
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.table import Table, Unit

PLAN = Plan(
    "checkpoints",
    (Case(SETS["nlu29_90"], "group:base_model", 5),),
    ("default", *RIVALS, "floor"),
    items=(30, 100, 300),
)

STAGES = ("1", "10", "25", "50", "best")
"""What a model's id ends in, after an underscore."""


def by_stage(table: Table, unit: Unit) -> str:
    """Return the error at each stage, and the share of a run's stages that come in true order."""
    rows = []
    for method in table.plan.methods:
        errors: dict[str, list[float]] = {stage: [] for stage in STAGES}
        orders: list[float] = []
        for one in table.results[unit].get(method, []):
            runs = np.array([model.rpartition("_")[0] for model in one.models])
            stages = np.array([model.rpartition("_")[2] for model in one.models])
            error = np.abs(one.trial.scores - one.trial.truth).mean(axis=0)
            for stage in STAGES:
                errors[stage] += list(error[stages == stage])
            for run in sorted(set(runs)):
                orders += _orders(one.trial.truth[runs == run], one.trial.scores[:, runs == run])
        if orders:
            found = [shown(float(np.mean(errors[stage])), "mae") for stage in STAGES]
            rows.append([method, *found, f"{np.mean(orders):.3f}"])
    return lines_of(["method", *STAGES, "stages in order"], rows)


def _orders(truth: np.ndarray, scores: np.ndarray) -> list[float]:
    """Share of pairs of one run's checkpoints in the true order, for every draw."""
    one, two = np.triu_indices(len(truth), 1)
    gap, guess = np.sign(truth[one] - truth[two]), np.sign(scores[:, one] - scores[:, two])
    return list((guess == gap)[:, gap != 0].mean(axis=1)) if (gap != 0).any() else []


def report(table: Table) -> str:
    """Return the page."""
    parts = [
        "# Checkpoints",
        "Mean absolute error of the score over 29 benchmarks (12,418 items), percentage points; "
        "five splits, each with four of the 18 models as test models. Early checkpoints are near "
        "chance, the best near the top, so a run covers the whole range.",
        means(table),
    ]
    for unit in table.units:
        parts.append(f"## {unit.items} items, by share of the training done")
        parts.append(by_stage(table, unit))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    main(PLAN, report, __doc__)
