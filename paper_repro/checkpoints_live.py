"""Training runs that the bank has never seen: every checkpoint predicted, then asked everything.

    python -m paper_repro.checkpoints_live [--each 7] [--jobs 1] [--device auto]

Small transformers of item_banks/language are trained here, as the bank's source models were but for
other seeds, a larger size, or another data mix. At every checkpoint the anchors are answered and
the score predicted, then all items are answered; both are timed. What a run answered is kept in
``.results``: a run that is killed goes on where it was, and another bank predicts the same runs
without training them again. Writes checkpoints_live.md and checkpoints_live.csv beside this file.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from item_banks.language.population import CHECKPOINTS, STEPS, find_device
from item_banks.language.runs import GROUPS, Run, held_out_runs
from paper_repro.engine.markdown import lines_of
from tinyeval import ItemBank, Prediction, TinyEvalError
from tinyeval.atomic import write_file
from tinyeval.backtesting.metrics import interval_metrics
from tinyeval.errors import DataError
from tinyeval.training import QuickEval, bank_items

HERE = Path(__file__).parent
BANKS = HERE.parent / "item_banks"

TITLES = {
    "seed": "another seed",
    "size": "a larger size, about 1.4 million parameters",
    "mix": "another mix, the families in turn",
}
DRAWS = 500
"""Of random items, for the plain mean beside."""

Row = dict[str, Any]
"""A checkpoint: what was predicted, what is true, what it cost."""

FIGURES = ("group", "run", "step", "truth", "score", "lower", "upper", "in_range", "misfit")
SECONDS = ("train_seconds", "quick_seconds", "full_seconds")


@dataclass(frozen=True)
class Plan:
    """What is measured of every held-out run.

    Attributes:
        bank: folder of the bank whose anchors are timed, with content.
        at: steps of the checkpoints.
        device: where runs are trained and asked.
        results: folder of what is kept.
    """

    bank: Path
    at: tuple[int, ...]
    device: str
    results: Path

    def known(self, run: Run, asked: str) -> list[Row] | None:
        """Return what is kept of a run's checkpoints, if these items were asked."""
        path = self.results / f"{run.name}.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return kept["rows"] if kept.get("about") == self._about(run, asked) else None

    def keep(self, run: Run, asked: str, rows: list[Row]) -> None:
        """Keep a run's checkpoints."""
        text = json.dumps({"about": self._about(run, asked), "rows": rows})
        write_file(self.results / f"{run.name}.json", text.encode())

    def _about(self, run: Run, asked: str) -> list[Any]:
        return [repr(run), list(self.at), self.device, asked]


def items_key(bank: ItemBank) -> str:
    """Return what identifies a bank's items with their content."""
    if bank.content is None:
        raise DataError(f"{bank.name}: expected a bank with content.parquet, found none")
    listed = [[one, dict(bank.content[one])] for one in sorted(bank.items.ids)]
    return sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()


def anchors_key(asked: Iterable[str]) -> str:
    """Return what identifies the anchors that were timed."""
    return sha256("\n".join(sorted(asked)).encode()).hexdigest()[:12]


def measure(plan: Plan, run: Run) -> str:
    """Train a run, keep what its checkpoints answer and how long that takes; return its name."""
    import torch

    from item_banks.language.answering import make_answer
    from item_banks.language.learning import train

    torch.set_num_threads(1)  # models so small are slower on several
    bank = ItemBank.load(plan.bank)
    # a runner keeps the tokens of what it was asked last: one for the anchors, one for all
    quick, full = QuickEval(bank, make_answer()), QuickEval(bank, make_answer())
    everything = bank_items(bank, anchors_only=False)
    rows = []
    for one in train(run, plan.at, plan.device):
        (asked, _), quick_seconds = timed(partial(ask_and_predict, quick, one.model))
        answers, full_seconds = timed(partial(full.ask, everything, one.model))
        rows.append(
            {"step": one.step, "train_seconds": one.seconds, "quick_seconds": quick_seconds}
            | {"full_seconds": full_seconds, "timed": len(asked), "anchors": anchors_key(asked)}
            | {"otherwise": sum(answers[item] != score for item, score in asked.items())}
            | {"answers": "".join(str(int(answers[item])) for item in sorted(answers))}
        )
    plan.keep(run, items_key(bank), rows)
    return run.name


def ask_and_predict(quick: QuickEval, model: Any) -> tuple[dict[str, float], Prediction]:
    """Do what ``quick.run`` does, and return the answers too."""
    answers = quick.ask(quick.items, model)
    return answers, quick.predict(answers)


def measure_missing(plan: Plan, runs: Sequence[Run], jobs: int) -> None:
    """Measure the runs of which nothing is kept."""
    asked = items_key(ItemBank.load(plan.bank))
    missing = [run for run in runs if plan.known(run, asked) is None]
    # forking a process that has used a GPU, or threads, is not safe
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        each = map if jobs == 1 else pool.map
        for name in each(measure, [plan] * len(missing), missing):
            print(name, file=sys.stderr, flush=True)


def predicted(rows: Sequence[Row], run: Run, bank: ItemBank) -> list[Row]:
    """Return what a bank says of a run's checkpoints, from their answers to its anchors."""
    ids = sorted(bank.items.ids)
    out = []
    for row in rows:
        answers = dict(zip(ids, map(int, row["answers"]), strict=True))
        found = bank.predict({one: answers[one] for one in bank.anchors.items})
        out.append(
            {"group": run.name.split("-")[0], "run": run.name, **row}
            | {"truth": float(np.mean(list(answers.values())))}
            | {name: getattr(found, name) for name in FIGURES[4:]}
        )
    return out


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what some work gives, and its seconds."""
    start = time.perf_counter()
    found = work()
    return found, time.perf_counter() - start


def column(rows: Sequence[Row], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=float)


def in_order(rows: Sequence[Row], scores: np.ndarray) -> float:
    """Return the share of neighbouring checkpoints of a run that are ordered as they truly are.

    Args:
        rows: checkpoints.
        scores: of them, shape (checkpoints,) or (draws, checkpoints).
    """
    same = [one["run"] == two["run"] for one, two in pairwise(rows)]
    gap, guess = np.sign(np.diff(column(rows, "truth"))), np.sign(np.diff(scores))
    counted = np.array(same, dtype=bool) & (gap != 0)
    return float((guess == gap)[..., counted].mean()) if counted.any() else float("nan")


def random_means(rows: Sequence[Row], n: int) -> np.ndarray:
    """Return mean scores on ``n`` random items, the same for all rows; (draws, checkpoints)."""
    answers = np.array([[int(one) for one in row["answers"]] for row in rows])
    rng = np.random.default_rng(0)
    drawn = [rng.choice(answers.shape[1], n, replace=False) for _ in range(DRAWS)]
    return np.array([answers[:, items].mean(axis=1) for items in drawn])


def figures(rows: Sequence[Row], n: int) -> list[str]:
    """Return error, coverage, width and order of some checkpoints, random items beside."""
    truth, score = column(rows, "truth"), column(rows, "score")
    held = interval_metrics(truth, column(rows, "lower"), column(rows, "upper"))
    plain = random_means(rows, n)
    return [
        f"{100 * np.abs(score - truth).mean():.2f}",
        f"{100 * np.abs(plain - truth).mean():.2f}",
        f"{held['coverage']:.2f}",
        f"{100 * held['width']:.1f}",
        f"{column(rows, 'in_range').mean():.2f}",
        f"{in_order(rows, score):.2f}",
        f"{in_order(rows, plain):.2f}",
    ]


HEAD = (
    *("MAE", "random items, mean", "90 % interval covers", "width", "in range"),
    *("neighbours in order", "random items"),
)


def page(rows: Sequence[Row], bank: ItemBank) -> str:
    """Return the readable tables."""
    n, groups = len(bank.anchors), [one for one in GROUPS if any(r["group"] == one for r in rows)]
    lines = []
    for group in (*groups, ""):
        kept = [row for row in rows if group in ("", row["group"])]
        runs = len({row["run"] for row in kept})
        title = TITLES.get(group, "all")
        lines.append([title, str(runs), str(len(kept)), *figures(kept, n)])
    by_step = []
    for step in sorted({row["step"] for row in rows}):
        kept = [row for row in rows if row["step"] == step]
        truth = 100 * column(kept, "truth")
        spread = f"{truth.min():.1f} to {truth.max():.1f}"
        by_step.append([str(step), spread, *figures(kept, n)[:5]])
    spent = [float(column(rows, name).mean()) for name in SECONDS]
    same = {row.get("anchors") for row in rows} == {anchors_key(bank.anchors.items)}
    other = "" if same else " of another bank (for this one: quick_seconds.md)"
    return "\n\n".join(
        [
            "# Checkpoints of unseen runs, predicted while they train",
            f"{n} anchors of {len(bank.items)} items. True scores, errors and widths in percentage "
            "points; neighbours are two checkpoints of a run, one after the other.",
            lines_of(["held-out runs with", "runs", "checkpoints", *HEAD], lines),
            "## By step",
            lines_of(["step", "true score", *HEAD[:5]], by_step),
            f"Seconds per checkpoint, mean: {spent[1]:.2f} for {rows[0]['timed']} anchors{other} "
            f"and the prediction, {spent[2]:.2f} for all items ({spent[2] / spent[1]:.1f} times as "
            f"long), {spent[0]:.1f} of training before. Asked among all items, the models answered "
            f"{column(rows, 'otherwise').sum():.0f} of {column(rows, 'timed').sum():.0f} anchors "
            "otherwise than alone.",
        ]
    )


def write(rows: Sequence[Row], bank: ItemBank, out: Path, note: str) -> None:
    """Write the page and the figures behind it."""
    (out / "checkpoints_live.md").write_text(page(rows, bank) + "\n\n" + note)
    with (out / "checkpoints_live.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*FIGURES, *SECONDS])
        for row in rows:
            cells = [row[name] for name in (*FIGURES, *SECONDS)]
            writer.writerow([round(one, 5) if isinstance(one, float) else one for one in cells])


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--bank", type=Path, default=BANKS / "language_bank", help="with content")
    parser.add_argument("--each", type=int, default=7, help="runs of every group")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--steps", type=int, default=STEPS, help="of a run")
    parser.add_argument("--checkpoints", type=int, default=CHECKPOINTS, help="of a run")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--results", type=Path, default=HERE / ".results" / "checkpoints_live")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the tables")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing and write the tables."""
    given = parsed(arguments)
    try:
        from item_banks.language.learning import log_spaced

        bank, device = ItemBank.load(given.bank), find_device(given.device)
        asked = items_key(bank)
        at = log_spaced(given.steps, given.checkpoints)
        plan = Plan(given.bank, at, device, given.results)
        runs = held_out_runs(given.each)
        measure_missing(plan, runs, given.jobs)
        rows = [row for run in runs for row in predicted(plan.known(run, asked) or [], run, bank)]
    except TinyEvalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    spent = sum(column(rows, name).sum() for name in SECONDS)
    note = (
        f"Command: `python -m paper_repro.checkpoints_live --each {given.each} --steps "
        f"{given.steps} --device {device}`; {datetime.date.today()}, {spent:.0f} s on one "
        f"{'GPU' if device.startswith('cuda') else 'CPU core'}.\n"
    )
    write(rows, bank, given.out, note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
