"""The bank's README: a data-set card that describes the bank, its error and how to run it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tinyeval.calibration.baselines import Baselines


@dataclass(frozen=True)
class Stages:
    """What the card says of a bank of two stages: sizes, and the error of the whole policy."""

    first: int
    items: int
    error: float


@dataclass(frozen=True)
class Facts:
    """The facts on the card of a bank.

    Attributes:
        name: name of the bank.
        source: source of the bank, as in the manifest.
        level: level of the intervals.
        items, anchors: numbers of items and of anchors.
        expected_error: expected error of the overall score, by number of answered anchors.
        baselines: errors of methods that choose nothing, if they were measured.
        benchmarks: name -> number of anchors, and the expected error with all of them; empty if
            there is only one benchmark.
        trials: number of runs that the history's scores are usually the mean of.
        fewer: number of runs -> the expected error with all anchors, of models run fewer times.
        stages: None: a single one.
    """

    name: str
    source: Mapping[str, Any]
    level: float
    items: int
    anchors: int
    expected_error: Mapping[int, float]
    baselines: Baselines | None
    benchmarks: Mapping[str, tuple[int, float]]
    trials: int = 1
    fewer: Mapping[int, float] = field(default_factory=dict)
    stages: Stages | None = None


def card(facts: Facts) -> str:
    """Return the text of README.md, front matter first."""
    source = facts.source
    low, high = source["lowest_score"], source["highest_score"]
    note = str(source.get("note", "")).strip()
    if "content_licence" in source:
        told = source["content_licence"] or "not stated; make it clear before you pass the bank on"
        note = f"{note}\n\nLicence of content.parquet: {told}.".strip()
    return f"""---
pretty_name: {json.dumps(facts.name, ensure_ascii=False)}
tags: [tinyeval, item-bank, evaluation]
configs:
- config_name: items
  data_files: items.parquet
---
# {facts.name}

A tinyeval item bank: {facts.anchors} anchors of {facts.items} items, chosen from the
answers of {source["models"]} models whose scores run from {low:.3f} to {high:.3f}.

Source: {source["origin"] or "not stated"}.
{chr(10) + note + chr(10) if note else ""}
## How wrong is it?

Mean absolute error of the full score on held-out source models, in percentage points, by number of
answered anchors; intervals at level {facts.level:g} are calibrated on the same models.

{_errors(facts)}
{_runs(facts)}{_by_benchmark(facts.benchmarks)}
A model beyond the range of the source models is flagged (`in_range: false`) and gets a wider
interval.

## How to run it

    tinyeval export BANK --to jsonl            # the anchors, best first
    tinyeval predict BANK ANSWERS              # a table, a jsonl or a harness's folder
{_stages(facts)}"""


def _stages(facts: Facts) -> str:
    """Return how to run a bank of two stages; nothing for a single one."""
    one = facts.stages
    if one is None:
        return ""
    return f"""
In two stages: ask the first {one.first} anchors, then what `tinyeval next` names, which depends on
their answers ({one.items} items in all). As many answers then err by {100 * one.error:.2f} points.

    tinyeval export BANK --to lm-eval --out samples.json   # run samples.first.json, then the
    tinyeval next BANK ANSWERS                             # file of the form that this names
"""


def _errors(facts: Facts) -> str:
    """Return the table of errors by number of anchors, beside those of baselines if known."""
    known = facts.baselines
    if known is None:
        rows = [f"| {n} | {100 * error:.2f} |" for n, error in facts.expected_error.items()]
        return "\n".join(["| anchors | error |", "|---|---|", *rows])
    rows = [
        f"| {n} | {100 * error:.2f} | {100 * known.random_mean[n]:.2f} | "
        f"{100 * known.random_ridge[n]:.2f} |"
        for n, error in facts.expected_error.items()
    ]
    head = "| anchors | error | as many random items: mean | ridge regression |"
    none = (
        f"Without any answer, the mean of the source models errs by {100 * known.history_mean:.2f}."
    )
    return "\n".join([head, "|---|---|---|---|", *rows, "", none])


def _runs(facts: Facts) -> str:
    """Say how often the history was run; nothing if once."""
    if facts.trials == 1:
        return ""
    fewer = "".join(
        f" A model run {runs} time{'s' * (runs > 1)}: {100 * error:.2f} with all anchors."
        for runs, error in facts.fewer.items()
    )
    return (
        f"\nScores of the history are means of {facts.trials} runs; the errors are of models run "
        f"as often, against their expected scores.{fewer}\n"
    )


def _by_benchmark(benchmarks: Mapping[str, tuple[int, float]]) -> str:
    """Return the table by benchmark, or nothing if there is only one benchmark."""
    if not benchmarks:
        return ""
    rows = "\n".join(
        f"| {name} | {anchors} | {100 * error:.2f} |"
        for name, (anchors, error) in benchmarks.items()
    )
    return f"""
With all of them, by benchmark:

| benchmark | anchors | error |
|---|---|---|
{rows}
"""
