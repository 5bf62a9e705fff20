"""How far can the flags be trusted? False alarms, power, and what the interval makes of them.

    python -m paper_repro.trust --data DIR

Six public sets (DATA.md), 30 and 100 anchors. Two random 75 / 25 splits: how many test models of
scores within the source's range are flagged though nothing is wrong, and how many misfits are found
when their answers are spoilt. Top and bottom splits (test = the strongest or weakest 15 %, source =
60 % from the other end): how many of the models beyond the range are flagged. Writes trust.md and
trust.csv beside this file.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from paper_repro.engine.data import add_data_option
from tinyeval import ItemBank, ResponseMatrix, Settings, build, read_results
from tinyeval.backtesting.splits import make_splits
from tinyeval.source_models import usable

SETS = {
    "ollb2_ifeval_musr": None,
    "arc_challenge_official": None,
    "helm_lite_83": None,
    "ollb1_mix5_dense": 400,
    "glue_87": None,
    "nlu29_90": None,
}
"""Sets, and how many of their models are drawn at random (None: all)."""

SPLITS = {"random": 2, "top": 1, "bottom": 1}
ITEMS = (30, 100)
AS_GIVEN = "as given"
FIGURES = ("models", "out_of_range", "misfit", "flagged", "covered", "width")
NO_FLAG, ANY_FLAG = "not flagged", "flagged"


def spoilt(answers: NDArray, difficulty: NDArray, seed: int = 0) -> dict[str, NDArray]:
    """Answers that are not what they seem, of shape (models, anchors) each."""
    rng = np.random.default_rng(seed)
    half = rng.permutation(answers.shape[1]) < answers.shape[1] // 2
    hard = np.where(difficulty < np.median(difficulty), 1.0, 0.0)
    return {
        "a coin's": rng.integers(0, 2, answers.shape).astype(float),
        "one in four right": (rng.random(answers.shape) < 0.25).astype(float),
        "permuted": rng.permuted(answers, axis=1),
        "the next anchor's": np.roll(answers, 1, axis=1),
        "in reverse order": answers[:, ::-1],
        "half of them: hard right, easy wrong": np.where(half, hard, answers),
        "half of them: all right": np.where(half, 1.0, answers),
    }


def figures(bank: ItemBank, answers: NDArray, truth: NDArray) -> Iterator[dict[str, object]]:
    """Flags, coverage and width of all models, of those flagged and of the others."""
    models = [f"model {k}" for k in range(len(answers))]
    found = bank.predict(ResponseMatrix.from_arrays(answers, models, bank.anchors.items))
    beyond, misfit = (
        np.array([not one.in_range for one in found]),
        np.array([one.misfit for one in found]),
    )
    lower, upper = np.array([(one.lower, one.upper) for one in found]).T
    covered = (lower <= truth + 1e-9) & (truth - 1e-9 <= upper)
    flagged = beyond | misfit
    groups = {"all": np.ones(len(found), bool), NO_FLAG: ~flagged, ANY_FLAG: flagged}
    for group, rows in groups.items():
        if rows.any():
            values = [one[rows].mean() for one in (beyond, misfit, flagged, covered, upper - lower)]
            yield {"group": group, **dict(zip(FIGURES, [int(rows.sum()), *values], strict=True))}


def one_split(
    source: ResponseMatrix, test: ResponseMatrix, inside: bool
) -> Iterator[dict[str, object]]:
    """Figures of one split at every number of anchors; ``inside``: of models within the range."""
    low, high = np.quantile(source.scores.mean(1), [0, 1])
    truth = test.scores.mean(1)
    kept = ((truth >= low) & (truth <= high)) == inside
    test, truth = test.take(kept), truth[kept]
    for n in ITEMS:
        bank = build(source, items=n, settings=Settings().replace(device="cpu"))
        answers = test.align(bank.anchors.items).astype(float)
        kinds = {AS_GIVEN: answers}
        if inside:
            mean = bank.items.column("mean_score")
            kinds |= spoilt(answers, mean[bank.items.index(bank.anchors.items)])
        for kind, given in kinds.items():
            for row in figures(bank, given, truth):
                yield {"items": n, "answers": kind, **row}


def read(data: Path, name: str, models: int | None) -> ResponseMatrix:
    """Read a set without duplicates."""
    responses = read_results(data / name / "responses.parquet")
    if models is not None:
        rows = np.random.default_rng(0).choice(responses.n_models, models, replace=False)
        responses = responses.take(np.sort(rows))
    return usable(responses)[0]


def mean(rows: list[dict[str, object]], figure: str, **where: object) -> str:
    """Mean over sets and repeats, as text; models count alike in each."""
    kept = [row for row in rows if all(row[key] == value for key, value in where.items())]
    values = [float(str(row[figure])) for row in kept]
    return f"{np.mean(values):.2f}" if values else ""


def tables(rows: list[dict[str, object]]) -> str:
    """Return the three tables as Markdown."""
    lines = [
        "Models as they are: share flagged.\n",
        "| test models | anchors | `in_range` false | ",
    ]
    lines[-1] += "`misfit` true | either |"
    lines.append("|---" * 5 + "|")
    names = {
        "random": "within the range (false alarms)",
        "top": "above the range",
        "bottom": "below the range",
    }
    for split, title in names.items():
        for n in ITEMS:
            where = {"split": split, "items": n, "answers": AS_GIVEN, "group": "all"}
            cells = [mean(rows, one, **where) for one in ("out_of_range", "misfit", "flagged")]
            lines.append(f"| {title} | {n} | {' | '.join(cells)} |")
    lines += ["", "Test models within the range whose answers were spoilt: share flagged.\n"]
    lines.append("| answers | anchors | `misfit` true | either flag |")
    lines.append("|---" * 4 + "|")
    kinds = [row["answers"] for row in rows if row["answers"] != AS_GIVEN]
    for kind in dict.fromkeys(kinds):
        for n in ITEMS:
            where = {"items": n, "answers": kind, "group": "all"}
            cells = [mean(rows, one, **where) for one in ("misfit", "flagged")]
            lines.append(f"| {kind} | {n} | {' | '.join(cells)} |")
    lines += ["", "Intervals at 90 %: share that hold the true score, and mean width in points.\n"]
    lines.append("| test models | anchors | not flagged: holds | width | flagged: holds | width |")
    lines.append("|---" * 6 + "|")
    for split, title in names.items():
        for n in ITEMS:
            cells = []
            for group in (NO_FLAG, ANY_FLAG):
                where = {"split": split, "items": n, "answers": AS_GIVEN, "group": group}
                cells += pooled(rows, where)
            lines.append(f"| {title.removesuffix(' (false alarms)')} | {n} | {' | '.join(cells)} |")
    return "\n".join(lines)


def pooled(rows: list[dict[str, object]], where: dict[str, object]) -> list[str]:
    """Coverage with the number of models, and mean width, over all models alike."""
    kept = [row for row in rows if all(row[key] == value for key, value in where.items())]
    models = np.array([float(str(row["models"])) for row in kept])
    if not models.size:
        return ["", ""]
    covered, width = (
        np.average([float(str(row[one])) for row in kept], weights=models)
        for one in ("covered", "width")
    )
    return [f"{covered:.2f} ({int(models.sum())})", f"{100 * width:.1f}"]


def main() -> None:
    """Measure and write the tables."""
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
                rows += [{**where, **row} for row in one_split(source, test, split == "random")]
        print(name, round(time.perf_counter() - start), "s", flush=True)
    note = (
        "\nMean over six sets (two random splits each); in the last table over models, their "
        "number in brackets. "
        f"Command: `python -m paper_repro.trust --data DIR`; {datetime.date.today()}, "
        f"{round(time.perf_counter() - start)} s.\n"
    )
    (arguments.out / "trust.md").write_text(tables(rows) + "\n" + note)
    with (arguments.out / "trust.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {key: round(one, 4) if isinstance(one, float) else one for key, one in row.items()}
            for row in rows
        )


if __name__ == "__main__":
    main()
