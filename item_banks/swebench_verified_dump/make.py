"""Write the dump of SWE-bench Verified: which of 134 agents resolved which of 500 issues.

    python -m item_banks.swebench_verified_dump.make --source responses.jsonl

The source is ``data/swebench_verified/responses.jsonl`` of
github.com/dariakryvosheieva/agent-psychometrics, commit 62851ff8 (MIT, see LICENSE): a line for
each agent, ``{"subject_id": ..., "responses": {instance: 0 or 1}}``.  README.md says the rest.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tinyeval.atomic import write_file

HERE = Path(__file__).parent


def main() -> None:
    """Read the source, and write the long table and the notes beside it."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--source", type=Path, required=True, help="responses.jsonl")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the dump")
    given = parser.parse_args()
    lines = given.source.read_text(encoding="utf-8").splitlines()
    resolved = {one["subject_id"]: one["responses"] for one in map(json.loads, lines)}
    agents = sorted(resolved)
    items = sorted(resolved[agents[0]])
    if any(sorted(one) != items for one in resolved.values()):
        raise SystemExit(f"{given.source}: the agents were not asked the same instances")
    columns = {
        "model": [agent for agent in agents for _ in items],
        "item": items * len(agents),
        "score": pa.array(
            [int(resolved[agent][item]) for agent in agents for item in items], pa.uint8()
        ),
    }
    table = pa.table(columns)
    pq.write_table(table, given.out / "responses.parquet", compression="zstd", compression_level=19)
    _write(given.out / "models.csv", ["model", "date"], [[one, date(one)] for one in agents])
    rows = [[one, "swebench_verified", repository(one)] for one in items]
    _write(given.out / "items.csv", ["item", "benchmark", "subject"], rows)


def date(agent: str) -> str:
    """Return the day of a submission, which its name begins with.

    >>> date("20241029_OpenHands-CodeAct-2.1-sonnet-20241022")
    '2024-10-29'
    """
    return f"{agent[:4]}-{agent[4:6]}-{agent[6:8]}"


def repository(instance: str) -> str:
    """Return the repository of an instance.

    >>> repository("scikit-learn__scikit-learn-10297")
    'scikit-learn/scikit-learn'
    """
    return instance.rpartition("-")[0].replace("__", "/")


def _write(path: Path, head: list[str], rows: list[list[str]]) -> None:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    write_file(path, out.getvalue().encode(), overwrite=True)


if __name__ == "__main__":
    main()
