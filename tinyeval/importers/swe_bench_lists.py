"""Lists of SWE-bench instances: what became of each, and which were asked at all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinyeval.errors import DataError, examples
from tinyeval.importers.textfiles import read_json

SOLVED = ("resolved_ids", "resolved")
WRONG = ("unresolved_ids", "empty_patch_ids", "error_ids", "ambiguous_failure_ids", "no_generation")
LOST = {
    "infra_failure_ids": "were lost to failures of the infrastructure",
    "no_logs": "have no logs of their evaluation",
    "incomplete_ids": "had no prediction",
    "submitted_ids": "were submitted and have no outcome",
}
"""Lists of instances without an outcome, and what they were; the first that has one counts."""

SIZES = {"lite": 300, "verified": 500, "bash-only": 500, "multilingual": 300, "test": 2294}
"""Instances of the parts of the benchmark, by folders of the experiments."""


@dataclass(frozen=True)
class Report:
    """What a file says.

    Attributes:
        path: the file.
        benchmark: of its instances.
        lists: ids of instances by name of their list.
        total: number of all instances; 0 where the file does not say.
        complete: whether the lists have every instance that was asked.
    """

    path: Path
    benchmark: str
    lists: Mapping[str, Sequence[str]]
    total: int = 0
    complete: bool = True

    @property
    def ids(self) -> frozenset[str]:
        """All instances of which it says something."""
        return frozenset(one for ids in self.lists.values() for one in ids)


@dataclass
class Outcomes:
    """What became of instances.

    Attributes:
        marks: instance -> 1, 0, or NaN where there is no outcome.
        lost: why instances have no outcome -> these.
        errors: instances whose evaluation ended with an error.
    """

    marks: dict[str, float] = field(default_factory=dict)
    lost: dict[str, list[str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def read_report(path: Path) -> Report:
    """Read a report, a list of results, or true and false by instance.

    Raises:
        DataError: it is none of these, or has counts without the instances.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path}: expected a JSON object with lists of instances")
    if all(type(one) is bool for one in content.values()):
        pro: dict[str, list[str]] = {"resolved_ids": [], "unresolved_ids": []}
        for one, solved in content.items():
            pro["resolved_ids" if solved else "unresolved_ids"].append(one)
        return Report(path, "swe_bench_pro", pro)
    lists = {
        name: _ids(path, name, content[name])
        for name in (*SOLVED, *WRONG, *LOST)
        if content.get(name) is not None
    }
    if not any(name in lists for name in SOLVED):
        raise DataError(
            f"{path}: has counts of instances, but no 'resolved_ids' that tell which were "
            "resolved; evaluate the predictions again with swebench 2 or later"
        )
    total = content.get("total_instances")
    complete = any(name in lists for name in WRONG if name.endswith("_ids"))
    return Report(path, "swe_bench", lists, total if type(total) is int else 0, complete)


def _ids(path: Path, name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise DataError(f"{path}: expected {name!r} to be a list of instances, found {value!r:.60}")
    return value


def outcomes(report: Report, listed: Iterable[str] = ()) -> Outcomes:
    """Return what became of every instance.

    Args:
        report: the lists.
        listed: instances that were asked and count as not resolved unless a list has them.

    Raises:
        DataError: an instance was resolved and was not.
    """
    found, lists = Outcomes(), report.lists
    solved = {one for name in SOLVED for one in lists.get(name, ())}
    both = [one for one in lists.get("unresolved_ids", ()) if one in solved]
    if both:
        raise DataError(
            f"{report.path}: {len(both)} instance(s) are listed as resolved and as unresolved: "
            f"{examples(both)}"
        )
    found.marks = dict.fromkeys(sorted(solved), 1.0)
    infra = [one for one in lists.get("infra_failure_ids", ()) if one not in solved]
    _lose(found, "infra_failure_ids", infra)
    for name in WRONG:
        for one in lists.get(name, ()):
            if name == "error_ids" and one not in found.marks:
                found.errors.append(one)
            found.marks.setdefault(one, 0.0)
    for name in LOST:
        _lose(found, name, [one for one in lists.get(name, ()) if one not in found.marks])
    for one in listed:
        found.marks.setdefault(one, 0.0)
    return found


def _lose(found: Outcomes, name: str, ids: Sequence[str]) -> None:
    if ids:
        found.lost.setdefault(LOST[name], []).extend(ids)
        found.marks |= dict.fromkeys(ids, math.nan)


def instances_of(reports: Sequence[Report]) -> dict[Path, tuple[str, ...]]:
    """Return, for each file that lists what it resolved only, the instances that were asked.

    They are those of a report that lists all, read together with it; or those that all files of
    one part of the experiments name together, where they are as many as that part has.

    Raises:
        DataError: such a file of which the instances are not known.
    """
    whole = {one.ids for one in reports if one.complete and one.total and len(one.ids) >= one.total}
    parts: dict[str, set[str]] = {}
    for one in reports:
        if not one.complete:
            parts.setdefault(_part(one.path), set()).update(one.ids)
    found: dict[Path, tuple[str, ...]] = {}
    for one in reports:
        if one.complete:
            continue
        part = _part(one.path)
        named = parts[part]
        fitting = [ids for ids in whole if ids >= one.ids]
        if len(fitting) == 1:
            found[one.path] = tuple(sorted(fitting[0]))
        elif len(named) == SIZES.get(part):
            found[one.path] = tuple(sorted(named))
        else:
            raise DataError(_unknown(one, part, len(named), len(fitting)))
    return found


def _part(path: Path) -> str:
    """Return the part of the benchmark by whose name a folder of the file is called."""
    return next((one for one in reversed(path.resolve().parts[:-1]) if one in SIZES), "")


def _unknown(report: Report, part: str, n_named: int, n_fitting: int) -> str:
    n = len(report.ids)
    known = f"; all files of {part!r} name {n_named} of its {SIZES[part]}" if part else ""
    several = " (those given list different ones)" if n_fitting > 1 else ""
    return (
        f"{report.path}: lists {n} instances, those resolved and those without an outcome, not "
        f"all that were asked{known}; read it together with one report of swebench's harness "
        f"(MODEL.RUN.json) on the same instances{several}"
    )
