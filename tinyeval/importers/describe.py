"""What was understood of results: their shape, what was done to them, and what is in doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyeval.importers.audit import Audit, audit
from tinyeval.importers.audit.facts import (
    Benchmark,
    Trials,
    benchmarks_of,
    marks_of,
    number,
    overall_of,
    pattern_of,
    percent,
    soft_known,
    span,
    trials_of,
)
from tinyeval.importers.audit.tally import tally
from tinyeval.importers.audit.zeros import treat_zeros
from tinyeval.importers.block import Finding, Imported
from tinyeval.importers.formats import FORMATS
from tinyeval.responses import ResponseMatrix

SHOWN = 20
"""Benchmarks, groups and items that the full text lists."""

FEW = 6
"""Near copies that it names of each group."""


@dataclass(frozen=True)
class Description:
    """What was understood of results.

    Attributes:
        format: key of ``FORMATS``; empty if it is not known.
        why: what was recognised.
        files: number of files with scores.
        chosen: benchmark -> which of its scores were read.
        models, items: their numbers.
        benchmarks: one by one.
        overall: how the overall score follows from the items.
        missing: share of the cells without a score.
        pattern: of what is missing, in words.
        marks: what the scores are: "0 or 1", "graded" ...
        trials: of a score, where any is a mean of several.
        soft: number of answers that have a soft score.
        findings: what reading did to the data, or saw in them.
        audit: what was seen in the scores.
    """

    format: str
    why: str
    files: int
    chosen: Mapping[str, Mapping[str, str]]
    models: int
    items: int
    benchmarks: tuple[Benchmark, ...]
    overall: str
    missing: float
    pattern: str
    marks: str
    trials: Trials | None
    soft: int
    findings: tuple[Finding, ...]
    audit: Audit

    @property
    def told(self) -> tuple[Finding, ...]:
        """All findings, those of the audit last."""
        return (*self.findings, *self.audit.doubts)

    def lines(self) -> list[str]:
        """Return it in short: three lines, and one per finding."""
        soft = f", {number(self.soft, 'soft score')}" if self.soft else ""
        found = (
            f"{number(self.models, 'model')} x {number(self.items, 'item')}{self._parts()}, "
            f"scores {self.marks}{soft}; overall: {self.overall}"
        )
        holes = f"missing: {percent(self.missing)}, {self.pattern}" if self.missing else ""
        rest = [one for one in (holes or "missing: nothing", str(self.audit.constant)) if one]
        head = [f"read: {self._origin()}"] if self.format else []
        return [*head, f"found: {found}", "; ".join(rest), *map(str, self.told)]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        constant, copies = self.audit.constant, self.audit.copies
        return {
            "format": self.format,
            "why": self.why,
            "files": self.files,
            "chosen": {name: dict(one) for name, one in self.chosen.items()},
            "models": self.models,
            "items": self.items,
            "benchmarks": [one._asdict() for one in self.benchmarks],
            "overall": self.overall,
            "missing": self.missing,
            "pattern": self.pattern,
            "marks": self.marks,
            "trials": None if self.trials is None else self.trials._asdict(),
            "soft": self.soft,
            "findings": [
                {
                    "kind": one.kind,
                    "what": one.what,
                    "count": one.count,
                    "examples": list(one.examples),
                }
                for one in self.told
            ],
            "constant_items": {
                "right": constant.right,
                "wrong": constant.wrong,
                "other": constant.other,
            },
            "items_against": [one._asdict() for one in self.audit.against],
            "copies": {
                "exact": list(copies.exact),
                "groups": [list(one) for one in copies.groups],
                "models": copies.models,
                "distinct": copies.distinct,
                "agreement": copies.agreement,
                "expected": copies.expected,
            },
        }

    def __str__(self) -> str:
        text = self.lines()
        if len(self.benchmarks) > 1:
            text += ["benchmarks:", *_listed(self.benchmarks, _benchmark_line)]
        if self.chosen:
            text += ["scores that were chosen:", *_listed(self.chosen.items(), _choice_line)]
        if self.audit.against:
            text += [
                f"items that speak against the rest, by {self.audit.compared:,} models "
                "(correlation ± standard error):",
                *_listed(self.audit.against, str),
            ]
        if self.audit.copies.groups:
            text += [
                f"near copies among {self.audit.copies.models:,} models:",
                *_listed(self.audit.copies.groups, _some),
            ]
        return "\n".join(text)

    def _origin(self) -> str:
        known = FORMATS.get(self.format)
        why = f" ({self.why})" if self.why else ""
        names = {
            kind: dict.fromkeys(one[kind] for one in self.chosen.values() if kind in one)
            for kind in ("metric", "filter")
        }
        kinds = [f"{kind} {', '.join(some)}" for kind, some in names.items() if some]
        files = number(self.files, "file")
        return f"{known.title if known else self.format}{why}, {', '.join([files, *kinds])}"

    def _parts(self) -> str:
        several = len(self.benchmarks) > 1
        trials = "" if self.trials is None else f", {span(self.trials)} trials a score"
        return (f" of {len(self.benchmarks):,} benchmarks" if several else "") + trials


def describe(found: Imported | ResponseMatrix, *, overall: str = "") -> Description:
    """Say what was understood of results, and look at them.

    Args:
        found: what :func:`tinyeval.importers.import_results` returns, or the scores alone.
        overall: how a recipe defines the overall score, where it says more than the items do.

    Example:
        >>> from tinyeval.importers import describe
        >>> for line in describe(responses).lines():
        ...     print(line)
        found: 40 models x 30 items, scores 0 or 1; overall: mean over all items
        missing: nothing
    """
    if isinstance(found, ResponseMatrix):
        found = Imported(found, "", "", 0, {}, treat_zeros(found, "keep")[1])
    responses = found.responses
    counts = tally(responses)
    return Description(
        found.format,
        found.why,
        found.files,
        found.chosen,
        responses.n_models,
        responses.n_items,
        benchmarks_of(counts),
        overall or overall_of(responses),
        counts.missing,
        pattern_of(counts),
        marks_of(responses, counts),
        trials_of(responses),
        soft_known(responses),
        found.findings,
        audit(responses, counts),
    )


def _listed(values: Any, text: Any) -> list[str]:
    listed = list(values)
    more = [f"  ... and {len(listed) - SHOWN:,} more"] if len(listed) > SHOWN else []
    return [*(f"  {text(one)}" for one in listed[:SHOWN]), *more]


def _some(names: Sequence[str]) -> str:
    more = f" ... and {len(names) - FEW:,} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def _benchmark_line(one: Benchmark) -> str:
    missing = f", {percent(one.missing)} missing" if one.missing else ""
    models = number(one.models, "model")
    return f"{one.name}: {number(one.items, 'item')}, {models}, mean {one.mean:.3f}{missing}"


def _choice_line(one: tuple[str, Mapping[str, str]]) -> str:
    name, chosen = one
    return f"{name}: {', '.join(f'{kind} {value}' for kind, value in chosen.items())}"
