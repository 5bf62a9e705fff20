"""Near copies: intervals when many source models are variants of a few.

    python -m paper_repro.near_copies --data DIR

Simulated: 12 models, each in 8 variants with 2 % of the answers changed, 300 items; 120 independent
models are predicted, those within the range count.  Real: at most 500 models of sets with
fine-tunes or releases of one model; a quarter is predicted, drawn at random or by whole groups of
near copies.  Each bank has 30 anchors and is built twice: each model by itself (``--groups none``),
and near copies held out together (the default).  Writes near_copies.md and near_copies.csv.
"""

from __future__ import annotations

import argparse
import csv
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paper_repro.engine.data import add_data_option
from tinyeval import ResponseMatrix, Settings, build, read_results
from tinyeval.importers.audit.copies import near_copies

SETS = {
    "ollb1_arc": "ARC, Open LLM Leaderboard v1",
    "arc_challenge_official": "ARC-Challenge, Open LLM Leaderboard",
    "atlas_arc_mixtral_family": "ARC, fine-tunes of one model",
    "glue_87": "GLUE",
}
MOST, ITEMS, REPEATS = 500, 30, 3


class Case(NamedTuple):
    """Source models, new models, and which of these count."""

    world: str
    split: str
    source: ResponseMatrix
    new: ResponseMatrix
    counts: NDArray[np.bool_]


def simulated(seed: int) -> Case:
    """Draw 12 models in 8 variants each, and 120 independent ones, of two dimensions."""
    rng = np.random.default_rng(seed)
    ability, easy = rng.normal(size=(132, 2)), rng.normal(0.3, 1.3, 300)
    slope = rng.lognormal(0, 0.4, (300, 2)) * [1, 0.7]
    slope[:, 1] *= rng.choice([-1, 1], 300)
    right = rng.random((132, 300)) < 1 / (1 + np.exp(-(ability @ slope.T + easy)))
    own = np.repeat(right[:12], 8, axis=0)
    own ^= rng.random(own.shape) < 0.02
    items = [f"q{k:03d}" for k in range(300)]
    source = ResponseMatrix.from_arrays(own, [f"source{k:03d}" for k in range(96)], items)
    new = ResponseMatrix.from_arrays(right[12:], [f"new{k:03d}" for k in range(120)], items)
    score = right[12:].mean(1)
    within = (score >= own.mean(1).min()) & (score <= own.mean(1).max())
    return Case("simulated", "independent models", source, new, within)


def real(name: str, folder: Path, split: str, seed: int) -> Case:
    """Draw models of a set, and a quarter of them to be predicted."""
    rng = np.random.default_rng(seed)
    path = next(one for one in (folder / name).iterdir() if one.name.startswith("responses."))
    every, _ = read_results(path).drop_duplicates()
    some = np.sort(rng.choice(every.n_models, min(every.n_models, MOST), replace=False))
    responses = every.take(some)
    group = {one: one for one in responses.models.ids}
    group |= {one: own[0] for own in near_copies(responses).groups for one in own}
    names = np.unique(list(group.values())) if split == "groups" else np.array(list(group))
    drawn = set(rng.permutation(names)[: len(names) // 4])
    key = group if split == "groups" else {one: one for one in group}
    test = np.array([key[one] in drawn for one in responses.models.ids])
    words = "whole groups" if split == "groups" else "at random"
    return Case(
        SETS[name], words, responses.take(~test), responses.take(test), np.ones(test.sum(), bool)
    )


def cases(folder: Path) -> Iterator[Case]:
    """Yield every case, repeats of one after another."""
    for seed in range(2 * REPEATS):
        yield simulated(seed)
    for name in SETS:
        for split in ("random", "groups"):
            for seed in range(REPEATS):
                yield real(name, folder, split, seed)


def measure(case: Case) -> Iterator[dict[str, float | str]]:
    """Build both banks and predict the new models."""
    truth = np.array([np.nanmean(row) for row in case.new.scores])
    for groups in (None, "auto"):
        settings = Settings(items=ITEMS, device="cpu").replace(interval={"groups": groups})
        bank = build(case.source, settings=settings)
        found = bank.predict(case.new)
        score, low, high = np.array([(one.score, one.lower, one.upper) for one in found]).T
        yield {
            "set": case.world,
            "new models": case.split,
            "held out": "near copies together" if groups else "each by itself",
            "stated": bank.expected_error[ITEMS],
            "error": float(np.abs(score - truth)[case.counts].mean()),
            "held": float(((low <= truth) & (truth <= high))[case.counts].mean()),
            "width": float((high - low)[case.counts].mean()),
        }


def page(rows: list[dict[str, float | str]]) -> str:
    """Return the table of means over repeats."""
    keys = ("set", "new models", "held out")
    lines = [
        "# Near copies\n",
        str(__doc__).split("\n\n", 2)[2].strip() + "\n",
        "| set | new models | held out | stated error | true error | intervals hold | width |",
        "|---|---|---|---|---|---|---|",
    ]
    for key in dict.fromkeys(tuple(row[one] for one in keys) for row in rows):
        own = [row for row in rows if tuple(row[one] for one in keys) == key]
        mean = {k: np.mean([float(row[k]) for row in own]) for k in own[0] if k not in keys}
        lines.append(
            f"| {' | '.join(map(str, key))} | {100 * mean['stated']:.2f} | "
            f"{100 * mean['error']:.2f} | {mean['held']:.2f} | {100 * mean['width']:.1f} |"
        )
    lines.append(f"\nErrors and widths in points; 90 % intervals. {datetime.date.today()}.\n")
    return "\n".join(lines)


def main() -> None:
    """Measure every case and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    folder = parser.parse_args().data
    rows = []
    for case in cases(folder):
        rows += list(measure(case))
        print(*rows[-1].values(), flush=True)
    place = Path(__file__).with_suffix(".csv")
    with place.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    place.with_suffix(".md").write_text(page(rows))


if __name__ == "__main__":
    main()
