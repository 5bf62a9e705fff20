"""Make the bank of Terminal-Bench 2.0: 30 anchors of 89 tasks, parameters only.

    python -m item_banks.make_terminal_bench_2 --data DIR

DIR/agent_terminal_bench_112 holds ``responses.parquet`` and ``models.csv``: 112 agents on the 89
tasks, 1 where most attempts succeeded (github.com/dariakryvosheieva/agent-psychometrics, commit
62851ff8, ``data/terminalbench/responses.jsonl``, MIT).  See paper_repro/DATA.md.  Its card quotes
what ``python -m paper_repro.agent_banks`` and ``python -m paper_repro.attempts`` measured.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from item_banks.measured import PAGE, measured
from item_banks.months import with_months
from tinyeval import Settings, build
from tinyeval.importers import import_results
from tinyeval.tables import Table

NAME = "agent_terminal_bench_112"
BENCHMARK = "terminal-bench"
ITEMS = 30
ORIGIN = (
    "112 agents of the public leaderboard, language models of March 2025 to February 2026 "
    "(github.com/dariakryvosheieva/agent-psychometrics, commit 62851ff8, MIT)"
)
NOTE = """\
Which tasks an agent did is a fact of the public leaderboard, collected by the repository above. The
answers of the agents are not part of this bank, only parameters learned from them. Item ids are
`terminal-bench/` and the names of the tasks. A score is 1 if most of the agent's attempts at the
task succeeded, else 0.

    tinyeval export terminal_bench_2 --to terminal-bench --out tasks.txt
    tinyeval predict terminal_bench_2 jobs/JOB

Run each task several times (`harbor run -k 5`) and answer with the share of attempts that
succeeded: that is what the leaderboard averages, and the prediction is then of that. One attempt is
noisier than the intervals allow for. Measured by `python -m paper_repro.attempts`, on agents that
the bank has not seen (mean absolute error and width in percentage points; `attempts`: the
leaderboard's score):

{attempts}

Anchors are ordered: the first 10 or 20 are themselves a good choice. Intervals are calibrated on
agents of whole months held out, for agents that come later.

Measured by `python -m paper_repro.agent_banks`, answers and score both by the majority of attempts:

{table}

`random` is the mean of five random splits (75 % of the agents to learn from), `top` learns from the
weakest 60 % and tests on the strongest 15 %, `date` learns from the oldest 75 % and tests on the
newest 25 %, by the language model's release. An agent much stronger than all 112 (the best has
0.798) is predicted too low, as `top` shows: from 20 tasks on, the mean of random tasks is nearer.
Such an agent is flagged (`in_range: false`)."""


def main() -> None:
    """Build the bank and write it."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    known = os.environ.get("TINYEVAL_TEST_DATA") or None
    text = f"folder that holds {NAME} (default: $TINYEVAL_TEST_DATA)"
    parser.add_argument("--data", type=Path, default=known, required=known is None, help=text)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "terminal_bench_2")
    given = parser.parse_args()
    responses = import_results(given.data / NAME / "responses.parquet").responses
    names = [f"{BENCHMARK}/{task}" for task in responses.items.ids]  # as Harbor's jobs are read
    benchmark = np.full(responses.n_items, BENCHMARK, dtype=object)
    responses = replace(responses, items=Table(tuple(names), {"benchmark": benchmark}))
    settings = Settings(items=ITEMS, device="cpu").replace(
        interval={"groups": "month"},
        run={"dataset": "terminal-bench@2.0"},
    )
    bank = build(
        with_months(responses, "release_date"),
        settings=settings,
        name="terminal_bench_2",
        source=ORIGIN,
    )
    attempts = measured("Results", PAGE.parent / "attempts.md")
    note = NOTE.format(table=measured("Terminal-Bench"), attempts=attempts)
    digest = replace(bank, source={**bank.source, "note": note}).save(given.out, overwrite=True)
    print(f"{given.out}: {digest}")


if __name__ == "__main__":
    main()
