"""Training runs that the bank has never seen: every checkpoint predicted, then asked everything.

    python paper_repro/checkpoints_live.py [--each 3] [--device auto]

Small transformers of item_banks/language are trained here, as the bank's source models were but for
other seeds, a larger size, or another data mix. At every checkpoint the anchors are answered first,
then all items; both are timed. Runs are kept in ``.results``, so that a run that is killed goes on
where it was. Writes checkpoints_live.md and checkpoints_live.csv beside this file.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from engine.markdown import lines_of

from tinyeval import ItemBank
from tinyeval.atomic import write_file
from tinyeval.errors import DataError, TinyEvalError
from tinyeval.metrics import interval_metrics
from tinyeval.training import QuickEval, bank_items

HERE = Path(__file__).parent
BANKS = HERE.parent / "item_banks"
sys.path.insert(0, str(BANKS / "language"))

from population import CHECKPOINTS, STEPS, find_device  # noqa: E402
from runs import GROUPS, Run, held_out_runs  # noqa: E402

TITLES = {
    "seed": "another seed",
    "size": "a larger size, about 1.8 million parameters",
    "mix": "another mix, the families in turn",
}
DRAWS = 500
"""Of random items, for the plain mean beside."""

Row = dict[str, Any]
"""A checkpoint: what was predicted, what is true, what it cost."""

FIGURES = ("group", "run", "step", "truth", "score", "lower", "upper", "in_range", "misfit")
SECONDS = ("train_seconds", "quick_seconds", "full_seconds")


@dataclass(frozen=True)
class Live:
    """What is measured of every held-out run.

    Attributes:
        bank: that predicts, with content.
        at: steps of the checkpoints.
        device: where runs are trained and asked.
        results: folder of what is kept.
    """

    bank: ItemBank
    at: tuple[int, ...]
    device: str
    results: Path

    def rows(self, run: Run, group: str) -> list[Row]:
        """Return the checkpoints of a run, measured now or before."""
        about = [repr(run), list(self.at), self.device, self.bank.digest]
        path = self.results / f"{run.name}.json"
        if path.is_file():
            known = json.loads(path.read_text(encoding="utf-8"))
            if known["about"] == about:
                return known["rows"]
        rows = self._measure(run, group)
        write_file(path, json.dumps({"about": about, "rows": rows}).encode())
        return rows

    def _measure(self, run: Run, group: str) -> list[Row]:
        from answering import make_answer
        from learning import train

        # a runner keeps the tokens of what it was asked last: one for the anchors, one for all
        quick, full = QuickEval(self.bank, make_answer()), QuickEval(self.bank, make_answer())
        everything = bank_items(self.bank, anchors_only=False)
        rows = []
        for one in train(run, self.at, self.device):
            predicted, quick_seconds = timed(lambda model=one.model: quick.run(model))
            answers, full_seconds = timed(lambda model=one.model: full.ask(everything, model))
            rows.append(
                {"group": group, "run": run.name, "step": one.step}
                | {"truth": float(np.mean(list(answers.values())))}
                | {name: getattr(predicted, name) for name in FIGURES[4:]}
                | {"train_seconds": one.seconds, "quick_seconds": quick_seconds}
                | {"full_seconds": full_seconds}
                | {"answers": "".join(str(int(score)) for score in answers.values())}
            )
        return rows


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
    return "\n\n".join(
        [
            "# Checkpoints of unseen runs, predicted while they train",
            f"{n} anchors of {len(bank.items)} items. True scores, errors and widths in percentage "
            "points; neighbours are two checkpoints of a run, one after the other.",
            lines_of(["held-out runs with", "runs", "checkpoints", *HEAD], lines),
            "## By step",
            lines_of(["step", "true score", *HEAD[:5]], by_step),
            f"Seconds per checkpoint, mean: {spent[1]:.2f} for the anchors, {spent[2]:.2f} for all "
            f"items ({spent[2] / spent[1]:.1f} times as long), {spent[0]:.1f} of training before.",
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
    parser.add_argument("--each", type=int, default=3, help="runs of every group")
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
        import torch
        from learning import log_spaced

        torch.set_num_threads(1)  # models so small are slower on several
        bank, device = ItemBank.load(given.bank), find_device(given.device)
        if bank.content is None:
            raise DataError(f"{given.bank}: expected a bank with content.parquet, found none")
        live = Live(bank, log_spaced(given.steps, given.checkpoints), device, given.results)
        rows = []
        for run in held_out_runs(given.each):
            rows += live.rows(run, run.name.split("-")[0])
            print(run.name, f"{rows[-1]['truth']:.3f}", file=sys.stderr, flush=True)
    except TinyEvalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    seconds = column(rows, "quick_seconds") + column(rows, "full_seconds")
    spent = (seconds + column(rows, "train_seconds")).sum()
    note = (
        f"Command: `python paper_repro/checkpoints_live.py --each {given.each} --steps "
        f"{given.steps} --device {device}`; {datetime.date.today()}, {spent:.0f} s on one "
        f"{'GPU' if device.startswith('cuda') else 'CPU core'}.\n"
    )
    write(rows, bank, given.out, note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
