"""One attempt at each task, or the majority of five? Terminal-Bench 2.0.

    python -m paper_repro.attempts --data DIR

The bank is learned from the majority of an agent's attempts at each task, mostly five.  For 83 of
the agents every attempt is known (DATA.md).  Test agents among them answer the anchors by the
majority, by the share of attempts that succeeded, or by one attempt drawn at random (ten draws).
Their true score is the share of tasks done by the majority, or the share of attempts, which is what
the leaderboard shows.  Five random 75 / 25 splits.  Writes attempts.md beside this file.
"""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from paper_repro.agent_banks import OURS, PLAN, SETS
from paper_repro.engine.data import add_data_option
from paper_repro.engine.markdown import lines_of
from tinyeval import ItemBank, ResponseMatrix
from tinyeval.backtesting.splits import make_splits
from tinyeval.building import build

NAME = "agent_terminal_bench_112"
ITEMS = (10, 30, 50)
REPEATS, DRAWS = 5, 10
WAYS = ("majority", "share of attempts", "one attempt")
Rates = dict[str, NDArray[np.float64]]
Figures = tuple[float, float, float]
"""Mean absolute error, share of intervals that hold, and their mean width."""


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    start = time.perf_counter()
    responses = SETS[NAME].read(given.data)
    rates = attempts(responses, given.data / NAME / "trials.parquet")
    found: dict[tuple[int, str, str], list[Figures]] = {}
    for repeat, (source, test) in enumerate(make_splits(responses, "random", REPEATS, 0)):
        tested = test.select([one for one in test.models.ids if one in rates])
        for n in ITEMS:
            bank = build(source, settings=PLAN.variants[OURS].replace(items=n))
            for way, kind, figures in one_bank(bank, tested, rates, repeat):
                found.setdefault((n, way, kind), []).append(figures)
    rows = [
        [str(n), way, kind, f"{100 * error:.2f}", f"{held:.2f}", f"{100 * width:.1f}"]
        for (n, way, kind), values in found.items()
        for error, held, width in [np.mean(values, axis=0)]
    ]
    note = (
        f"Mean absolute error and width in percentage points, {len(rates)} agents. Command: "
        f"`python -m paper_repro.attempts --data DIR`; {datetime.date.today()}, "
        f"{round(time.perf_counter() - start)} s on one of two cores."
    )
    parts = [f"# {TITLE}", TEXT, "## Results", lines_of(HEAD, rows), note]
    (given.out / "attempts.md").write_text("\n\n".join(parts) + "\n")


def one_bank(
    bank: ItemBank, tested: ResponseMatrix, rates: Rates, repeat: int
) -> Iterator[tuple[str, str, Figures]]:
    """Yield way of answering, kind of true score, and the figures of a bank and a draw."""
    rng = np.random.default_rng(repeat)
    truth = {
        "majority": tested.scores.mean(axis=1, dtype=float),
        "attempts": np.array([rates[one].mean() for one in tested.models.ids]),
    }
    for way in WAYS:
        for answers in answered(way, tested, rates, rng):
            predicted = bank.predict(answers)
            score, low, high = np.array([(p.score, p.lower, p.upper) for p in predicted]).T
            for kind, true in truth.items():
                held = ((low <= true) & (true <= high)).mean()
                error, width = np.abs(score - true).mean(), (high - low).mean()
                yield way, kind, (float(error), float(held), float(width))


HEAD = ("items", "answers", "true score", "MAE", "90 % interval covers", "width")
TITLE = "One attempt at each task, or the majority of five?"
TEXT = (
    "Terminal-Bench 2.0. The bank knows tasks by the majority of attempts. Test agents answer the "
    "anchors by the majority of their attempts, by the share that succeeded, or by one attempt "
    "drawn at random; their true score is the share of all tasks by the majority, or the share of "
    "all attempts."
)


def attempts(responses: ResponseMatrix, path: Path) -> Rates:
    """Return the share of attempts that succeeded by agent, shape (items,) each.

    The two files call agents differently; they are told by their majorities, which must agree on
    every task.  A task without attempts has its majority as the share.
    """
    own = {one: k for k, one in enumerate(responses.items.ids)}
    found: dict[str, list[tuple[int, int, int]]] = {}
    for row in pq.read_table(path).to_pylist():
        at = (own[row["item"]], row["successes"], row["trials"])
        found.setdefault(row["model"], []).append(at)
    rates: Rates = {}
    for rows in found.values():
        index, successes, trials = np.array(rows).T
        share = successes / trials
        same = (responses.scores[:, index] == (share >= 0.5)).all(axis=1)
        if same.sum() == 1:
            agent = int(np.flatnonzero(same)[0])
            name = responses.models.ids[agent]
            rates[name] = responses.scores[agent].astype(np.float64)
            rates[name][index] = share
    return rates


def answered(
    way: str, tested: ResponseMatrix, rates: Rates, rng: np.random.Generator
) -> Iterator[ResponseMatrix]:
    """Yield the agents' answers; several draws of a single attempt."""
    if way == "majority":
        yield tested
        return
    share = np.array([rates[one] for one in tested.models.ids], dtype=np.float32)
    if way == "share of attempts":
        yield replace(tested, scores=share)
        return
    for _ in range(DRAWS):
        yield replace(tested, scores=(rng.random(share.shape) < share).astype(np.float32))


if __name__ == "__main__":
    main()
