"""Make the bank of SWE-bench Verified: 50 anchors of 500 tasks, parameters only.

    python -m item_banks.make_swebench_verified

Built from ``swebench_verified_dump`` beside this file.  Its card quotes what
``python -m paper_repro.agent_banks`` measured.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from item_banks.measured import measured
from item_banks.months import with_months
from tinyeval import Settings, build, read_results

HERE = Path(__file__).parent
ITEMS = 50
ORIGIN = (
    "134 agents of the public leaderboard, October 2023 to December 2025 "
    "(github.com/dariakryvosheieva/agent-psychometrics, commit 62851ff8, MIT)"
)
NOTE = """\
What an agent resolved is a fact of the public leaderboard, collected by the repository above. The
answers are in `item_banks/swebench_verified_dump` of tinyeval's repository and in its package; this
bank holds parameters learned from them. Item ids are the public instance ids. A score is 1 if the
patch that was submitted resolves the task, else 0; the full score is the share of the 500 tasks
that were resolved.

    tinyeval export swebench_verified --to swebench --items 30 --out instances.txt
    tinyeval predict swebench_verified MODEL.RUN.json

Anchors are ordered: the first 10, 20 or 30 are themselves a good choice. Intervals are calibrated
on agents of whole months held out, for agents that come later.

Measured by `python -m paper_repro.agent_banks` (mean absolute error, worst error and width in
percentage points, on agents that the bank has not seen):

{table}

`random` is the mean of five random splits (75 % of the agents to learn from), `top` learns from the
weakest 60 % and tests on the strongest 15 %, `date` learns from the oldest 75 % and tests on the
newest 25 %. Within the range intervals hold a little less often than they say. Agents of one team,
or with one language model, resemble each other; random splits have such agents on both sides."""


def main() -> None:
    """Build the bank and write it."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "swebench_verified")
    out: Path = parser.parse_args().out
    dump = read_results(HERE / "swebench_verified_dump" / "responses.parquet")
    settings = Settings(items=ITEMS, device="cpu").replace(
        interval={"groups": "month"},
        run={"dataset": "SWE-bench/SWE-bench_Verified"},
    )
    bank = build(
        with_months(dump, "date"), settings=settings, name="swebench_verified", source=ORIGIN
    )
    note = NOTE.format(table=measured("SWE-bench Verified"))
    digest = replace(bank, source={**bank.source, "note": note}).save(out, overwrite=True)
    print(f"{out}: {digest}")


if __name__ == "__main__":
    main()
