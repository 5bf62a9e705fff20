"""Which scale for the error of a difference? Four candidates, on pairs of test models.

    python -m paper_repro.differences --data DIR

The sets and splits of trust.py, 30 and 100 anchors. For each candidate the ratios and the slope are
calibrated on pairs of held-out source models as a build does it, and all pairs of test models are
compared: how many intervals at 90 % hold the true difference, their mean width, and how honest the
probability of being ahead is. Writes differences.md and differences.csv beside this file.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paper_repro.engine.data import add_data_option
from paper_repro.trust import ITEMS, SETS, SPLITS, read
from tinyeval import ResponseMatrix, Settings
from tinyeval.backtesting.splits import make_splits
from tinyeval.backtesting.trial import Memory
from tinyeval.build_plan import BuildPlan
from tinyeval.calibration.folds import draw_folds
from tinyeval.calibration.pair_scale import pair_scale
from tinyeval.calibration.pairs import PairCases, calibrate_pairs, draw_pairs
from tinyeval.irt.ability import estimate_ability
from tinyeval.learning import Learned, anchor_answers, learn

Scale = Callable[[NDArray, NDArray, NDArray, NDArray, NDArray], NDArray]
OURS = "half of the shared part cancels (tinyeval)"


class Held(NamedTuple):
    """Predictions of the overall score of held-out models."""

    mean: NDArray
    spread: NDArray
    truth: NDArray
    answers: NDArray
    p: NDArray
    ids: tuple[str, ...]


def independent(
    spread: NDArray, answers: NDArray, p: NDArray, one: NDArray, two: NDArray
) -> NDArray:
    """As if the two errors had nothing to do with each other."""
    return np.asarray(np.sqrt(spread[one] ** 2 + spread[two] ** 2))


def disagreement(
    spread: NDArray, answers: NDArray, p: NDArray, one: NDArray, two: NDArray
) -> NDArray:
    """As if unasked answers differed as often as asked ones, and nothing else were known."""
    n = answers.shape[1]
    squares = ((answers[one] - answers[two]) ** 2).sum(1, keepdims=True)
    return np.asarray(np.sqrt((1 + squares) / (2 + n) / n))


def full(spread: NDArray, answers: NDArray, p: NDArray, one: NDArray, two: NDArray) -> NDArray:
    """As if unasked answers were shared to the extent that asked ones are."""
    ours, apart = (scale(spread, answers, p, one, two) ** 2 for scale in (pair_scale, independent))
    return np.asarray(np.sqrt(2 * ours - apart))


CANDIDATES: dict[str, Scale] = {
    "independent errors": independent,
    "disagreement alone": disagreement,
    "all of the shared part cancels": full,
    OURS: pair_scale,
}


def hold(learned: Learned, models: ResponseMatrix) -> Held:
    """Predict some models."""
    answers = anchor_answers(learned, models).scores
    estimate = learned.estimator.predict(answers)
    irt = learned.anchor_model()
    p = irt.probability(estimate_ability(irt, answers).mean)
    truth = models.scores.mean(1).astype(float)
    return Held(estimate.mean[:, :1], estimate.spread[:, :1], truth, answers, p, models.models.ids)


def cases(held: Held, scale: Scale) -> PairCases:
    """Differences in units of a scale: :func:`tinyeval.calibration.pairs.pair_cases`."""
    one, two = draw_pairs(len(held.ids), 0)
    unit = scale(held.spread, held.answers, held.p, one, two)
    predicted = held.mean[one] - held.mean[two]
    error = predicted - (held.truth[one] - held.truth[two])[:, None]
    return PairCases((predicted / unit)[None], (error / unit)[None])


def singles(held: list[Held]) -> NDArray:
    """Sorted ratios of single models, shape (1, models, 1)."""
    ratios = [np.abs(one.mean[:, 0] - one.truth) / one.spread[:, 0] for one in held]
    return np.sort(np.concatenate(ratios))[None, :, None]


def measure(
    inside: list[Held], outside: list[Held], test: Held, scale: Scale, beyond: bool
) -> dict[str, float]:
    """Calibrate on held-out source models, compare all pairs of test models."""
    n = test.answers.shape[1]
    pairs = calibrate_pairs(
        np.array([n]),
        [cases(one, scale) for one in inside],
        [cases(one, scale) for one in outside],
        (singles(inside), singles(outside)),
    )
    one, two = np.array(list(combinations(range(len(test.truth)), 2))).T
    unit = scale(test.spread, test.answers, test.p, one, two)
    difference, truth = test.mean[one] - test.mean[two], test.truth[one] - test.truth[two]
    half = pairs.half_width(unit, n, 0.9, beyond)[:, 0]
    covered = np.abs(difference[:, 0] - truth) <= half
    chance = pairs.probability(difference, unit, n, beyond)[:, 0]
    sure, right = np.maximum(chance, 1 - chance), np.where(chance >= 0.5, truth > 0, truth < 0)
    right = np.where(truth == 0, 0.5, right)
    alike = np.argsort(pair_scale(np.ones((len(test.truth), 1)), *test[3:5], one, two)[:, 0])
    tenth = max(len(alike) // 10, 1)
    row = {
        "pairs": len(truth),
        "coverage": covered.mean(),
        "width": 2 * half.mean(),
        "coverage_alike": covered[alike[:tenth]].mean(),
        "coverage_unlike": covered[alike[-tenth:]].mean(),
        "brier": ((sure - right) ** 2).mean(),
        "said": sure.mean(),
        "right": right.mean(),
    }
    doubtful = (sure >= 0.7) & (sure < 0.9)
    row |= {"doubtful": doubtful.mean()}
    row |= {
        name: one[doubtful].mean() if doubtful.any() else np.nan
        for name, one in (("said_doubtful", sure), ("right_doubtful", right))
    }
    return row


def one_split(
    source: ResponseMatrix, test: ResponseMatrix, beyond: bool
) -> list[dict[str, object]]:
    """Figures of one split, for every number of anchors and candidate."""
    rows: list[dict[str, object]] = []
    memory = Memory()
    for n in ITEMS:
        settings = Settings().replace(items=n, device="cpu")
        learned = learn(source, BuildPlan.of(settings, source), history_of=memory.history)
        fixed = settings.replace(irt={"dimensions": [learned.irt.dimensions]})
        held: dict[bool, list[Held]] = {True: [], False: []}
        for fold in draw_folds(source.models, source.scores.mean(1).astype(float), 5, 0):
            own = source.take(fold.source)
            part = learn(own, BuildPlan.of(fixed, own), history_of=memory.history)
            held[fold.beyond].append(hold(part, source.take(fold.held_out)))
        tested = hold(learned, test)
        for name, scale in CANDIDATES.items():
            found = measure(held[False], held[True], tested, scale, beyond)
            rows.append({"items": n, "scale": name, **found})
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """Return the means over sets and repeats as Markdown."""
    lines = [
        "| test models | anchors | scale | interval holds | width | most alike | most unlike "
        "| says | is right | says 0.7 to 0.9 | is right |",
        "|---" * 11 + "|",
    ]
    for split, title in {"random": "like the source", "top": "above", "bottom": "below"}.items():
        for n in ITEMS:
            for name in CANDIDATES:
                kept = [
                    row
                    for row in rows
                    if (row["split"], row["items"], row["scale"]) == (split, n, name)
                ]
                figures = {
                    key: np.nanmean([float(str(row[key])) for row in kept])
                    for key in kept[0]
                    if key not in ("set", "split", "repeat", "items", "scale")
                }
                cells = [f"{figures['coverage']:.2f}", f"{100 * figures['width']:.1f}"]
                cells += [
                    f"{figures[key]:.2f}"
                    for key in (
                        *("coverage_alike", "coverage_unlike", "said", "right"),
                        *("said_doubtful", "right_doubtful"),
                    )
                ]
                lines.append(f"| {title} | {n} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    start = time.perf_counter()
    rows: list[dict[str, object]] = []
    for name, models in SETS.items():
        responses = read(arguments.data, name, models)
        for split, repeats in SPLITS.items():
            for repeat, (source, test) in enumerate(make_splits(responses, split, repeats)):
                where = {"set": name, "split": split, "repeat": repeat}
                rows += [{**where, **row} for row in one_split(source, test, split != "random")]
        print(name, round(time.perf_counter() - start), "s", flush=True)
    note = (
        "\nMean over six sets (two random splits each); all pairs of test models; width in points. "
        "*Most alike*, *most unlike*: share held of a tenth of the pairs. *Says*: mean probability "
        "of the model called ahead; *is right*: share truly ahead. Command: `python -m "
        f"paper_repro.differences --data DIR`; {datetime.date.today()}, "
        f"{round(time.perf_counter() - start)} s.\n"
    )
    (arguments.out / "differences.md").write_text(table(rows) + "\n" + note)
    with (arguments.out / "differences.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {key: round(one, 4) if isinstance(one, float) else one for key, one in row.items()}
            for row in rows
        )


if __name__ == "__main__":
    main()
