"""Does it help to learn several benchmarks together? Per-benchmark errors and coverage.

    python -m paper_repro.several_benchmarks --data DIR

Public sets of several benchmarks (DATA.md), random 75 / 25 splits, everything learned on source
models only. Three ways to spend the same number of anchors: one bank of all benchmarks whose design
divides the anchors by itself, the same with an equal quota for each benchmark, and a bank for each
benchmark by itself. Writes several_benchmarks.md beside this file.
"""

from __future__ import annotations

import argparse
import datetime
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paper_repro.engine.data import add_data_option
from tinyeval import ResponseMatrix, Settings, build, read_results
from tinyeval.backtesting.splits import make_splits
from tinyeval.build_plan import BuildPlan
from tinyeval.estimators.answered import estimate
from tinyeval.learning import Learned, anchor_answers, learn, true_targets
from tinyeval.source_models import usable

SETS = {
    "helm_lite_83": ("HELM Lite, 83 models", 20, 5),
    "glue_87": ("GLUE, 87 models", 20, 5),
    "nlu29_90": ("29 NLU tasks, 90 models", 5, 3),
    "ollb2_ifeval_musr": ("IFEval + MuSR, 429 models", 20, 3),
    "ollb1_mix5_dense": ("Open LLM Leaderboard v1, 1,278 models", 20, 3),
}
"""Title, anchors per benchmark, repeats."""

WAYS = ("together", "quotas", "apart")
SETTINGS = Settings().replace(device="cpu")


def learned_from(source: ResponseMatrix, **changes: object) -> Learned:
    """Learn from all these models under the settings with some changes."""
    return learn(source, BuildPlan.of(SETTINGS.replace(**changes), source))


def main() -> None:
    """Run the splits and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--sets", default=",".join(SETS), help="names, separated by commas")
    arguments = parser.parse_args()
    start = time.perf_counter()
    lines = [
        "| set | anchors | benchmark | together | quotas | apart | 90 % interval covers | width |",
        "|---" * 8 + "|",
    ]
    for name in arguments.sets.split(","):
        lines += table_rows(name, arguments.data)
        print("\n".join(lines), flush=True)
    seconds = round(time.perf_counter() - start)
    note = (
        "\nMean absolute error in percentage points on test models; coverage and width are of one "
        "bank of all benchmarks (together). Command: `python -m paper_repro.several_benchmarks "
        f"--data DIR`; {datetime.date.today()}, {seconds} s on one CPU core.\n"
    )
    (arguments.out / "several_benchmarks.md").write_text("\n".join(lines) + "\n" + note)


def table_rows(name: str, data: Path) -> list[str]:
    """Return a row for the overall score and, up to five, for each benchmark, or for their mean."""
    title, each, repeats = SETS[name]
    responses, _ = usable(read_results(data / name / "responses.parquet"))
    benchmarks = responses.benchmarks
    n = each * len(benchmarks)
    errors: dict[str, list[NDArray]] = {way: [] for way in WAYS}
    covered, width = [], []
    for source, test in make_splits(responses, "random", repeats, 0):
        source = source.take(None, source.observed.any(axis=0))
        learned = learned_from(source, items=n)
        truth = true_targets(learned, test)
        quotas = learned_from(source, quotas={"anchors": each})
        errors["together"].append(np.abs(predicted(learned, test) - truth))
        errors["quotas"].append(np.abs(predicted(quotas, test) - truth))
        errors["apart"].append(np.abs(apart(source, test, each, learned) - truth))
        bank = build(source, settings=SETTINGS.replace(items=n))
        found = [
            [(p.lower, p.upper), *(b[1:] for b in p.benchmarks.values())]
            for p in bank.predict(test)
        ]
        lower, upper = np.moveaxis(np.array(found), -1, 0)
        covered.append((truth >= lower) & (truth <= upper))
        width.append(upper - lower)
    figures = [np.concatenate(errors[way]).mean(0) for way in WAYS]
    figures += [np.concatenate(covered).mean(0), np.concatenate(width).mean(0)]
    names = ["overall", *benchmarks]
    rows = [(names[k], [one[k] for one in figures]) for k in range(len(names))]
    if len(benchmarks) > 5:
        rows = [rows[0]]
    rows.append(("mean over benchmarks", [one[1:].mean() for one in figures]))
    return [
        f"| {title} | {n} | {label} | "
        + " | ".join(f"{100 * one:.2f}" for one in values[:3])
        + f" | {values[3]:.2f} | {100 * values[4]:.1f} |"
        for label, values in rows
    ]


def predicted(learned: Learned, test: ResponseMatrix) -> NDArray[np.float64]:
    """Predicted targets of the test models, shape (models, targets)."""
    return estimate(learned.estimator, anchor_answers(learned, test)).mean


def apart(
    source: ResponseMatrix, test: ResponseMatrix, each: int, joint: Learned
) -> NDArray[np.float64]:
    """The same from one bank for each benchmark; the overall score is their weighted mean."""
    benchmark = source.items.column("benchmark")
    scores = []
    for name in source.benchmarks:
        part = learned_from(source.take(None, benchmark == name), items=each)
        scores.append(predicted(part, test)[:, 0])
    own = np.stack(scores, axis=1)
    return np.column_stack([own @ joint.history.targets.share, own])


if __name__ == "__main__":
    main()
