"""The bank's README: a data-set card that says what it is, how good, and how to run it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyeval.bank import ItemBank


def card(bank: ItemBank) -> str:
    """Return the text of README.md, front matter first."""
    source = bank.source
    rows = "\n".join(f"| {n} | {100 * error:.2f} |" for n, error in bank.expected_error.items())
    low, high = source["lowest_score"], source["highest_score"]
    note = str(source.get("note", "")).strip()
    return f"""---
pretty_name: {json.dumps(bank.name, ensure_ascii=False)}
tags: [tinyeval, item-bank, evaluation]
configs:
- config_name: items
  data_files: items.parquet
---
# {bank.name}

A tinyeval item bank: {len(bank.anchors)} anchors of {len(bank.items)} items, chosen from the
answers of {source["models"]} models whose scores run from {low:.3f} to {high:.3f}.

Source: {source["origin"] or "not stated"}.
{chr(10) + note + chr(10) if note else ""}
## How wrong is it?

Mean absolute error of the full score on held-out source models, in percentage points, by number of
answered anchors; intervals at level {bank.level:g} are calibrated on the same models.

| anchors | error |
|---|---|
{rows}
{_by_benchmark(bank)}
A model beyond the range of the source models is flagged (`in_range: false`) and gets a wider
interval.

## How to run it

    tinyeval export BANK --to jsonl            # the anchors, best first
    tinyeval predict BANK ANSWERS              # a table, a jsonl or a harness's folder
"""


def _by_benchmark(bank: ItemBank) -> str:
    """The table by benchmark; nothing where there is only one."""
    errors = {name: list(one.values()) for name, one in bank.benchmark_errors.items()}
    if not errors or not bank.expected_error:
        return ""
    benchmark = bank.items.column("benchmark")[bank.items.index(bank.anchors.items)]
    rows = "\n".join(
        f"| {name} | {int((benchmark == name).sum())} | {100 * one[-1]:.2f} |"
        for name, one in errors.items()
    )
    return f"""
With all of them, by benchmark:

| benchmark | anchors | error |
|---|---|---|
{rows}
"""
