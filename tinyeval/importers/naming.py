"""What a model is called whose runs differ: ``org/model [revision=step1000]``.

Facts of a run's identity are appended to the name of its model where they differ among its runs;
settings only where they differ on one benchmark, for else one run has what the other lacks.
Runs that are called the same are repeats of one model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tinyeval.errors import ConfigError, examples
from tinyeval.importers.block import Finding, Run

FILE, DATE, MODEL = "file", "date", "model"
"""Names for ``name_by`` that are no facts: folders, the date of the run, nothing more."""

OWN = frozenset({"template", "tokenizer", "dtype", "thinking"})
OWN_START = "args."
"""Settings that every model has its own of, and how others of this kind begin: they tell its runs
apart, and nothing of other models."""

Ran = tuple[Run, frozenset[str]]
"""A run, and the benchmarks that a file has of it."""

Facts = tuple[tuple[str, str], ...]


class Names(NamedTuple):
    """Names of models, one for each run, and what they were made of."""

    names: list[str]
    findings: tuple[Finding, ...] = ()


def name_runs(
    runs: Sequence[Ran], name_by: Sequence[str] = (), sources: Sequence[Path] = ()
) -> Names:
    """Name the model of every run.

    Args:
        runs: with the benchmarks of each.
        name_by: facts that are appended wherever they are known; ``file`` takes the folders in
            place of the model's name, ``date`` keeps repeats apart, ``model`` adds nothing.
            Empty: what tells the runs of a model apart.
        sources: the runs' files, for ``file``.

    Raises:
        ConfigError: no run has a fact called like one of ``name_by``.
    """
    if name_by:
        return Names(_by_facts(runs, name_by, sources))
    facts: list[Facts] = [()] * len(runs)
    for same in _grouped(range(len(runs)), lambda k: runs[k][0].model):
        for k, found in zip(same, _identities([runs[k][0] for k in same]), strict=True):
            facts[k] = found
    names = [_with(run.model, found) for (run, _), found in zip(runs, facts, strict=True)]
    for same in _grouped(range(len(runs)), lambda k: names[k]):
        for k, found in zip(same, _settings([runs[k] for k in same]), strict=True):
            facts[k] += found
    names = [_with(run.model, found) for (run, _), found in zip(runs, facts, strict=True)]
    return Names(names, _told(names, facts))


def compare_settings(runs: Sequence[Ran], names: Sequence[str]) -> tuple[Finding, ...]:
    """Return a doubt for each setting in which models differ on one benchmark."""
    findings = []
    for setting in sorted({one for run, _ in runs for one in run.settings} - OWN):
        if setting.startswith(OWN_START):
            continue
        by_benchmark: dict[str, dict[str, str]] = {}
        for (run, benchmarks), name in zip(runs, names, strict=True):
            for one in benchmarks if run.settings else ():
                value = run.settings.get(setting, "default")
                by_benchmark.setdefault(one, {}).setdefault(value, name)
        told = [
            f"{one}: " + ", ".join(f"{value} ({name})" for value, name in list(values.items())[:3])
            for one, values in by_benchmark.items()
            if len(values) > 1
        ]
        if told:
            what = (
                f"benchmarks were not run in the same way for all models ({setting} differs), so "
                "scores may not be comparable"
            )
            findings.append(Finding("doubt", what, len(told), tuple(told)))
    return tuple(findings)


def _by_facts(runs: Sequence[Ran], name_by: Sequence[str], sources: Sequence[Path]) -> list[str]:
    known = {name for run, _ in runs for name in (*run.identity, *run.settings)}
    unknown = [name for name in name_by if name not in known | {FILE, DATE, MODEL}]
    if unknown:
        raise ConfigError(
            f"no run says anything of {examples(unknown)}; models can be named by "
            f"{examples([*sorted(known), DATE, FILE, MODEL], 20)}"
        )
    folders = folder_names(sources) if FILE in name_by else [run.model for run, _ in runs]
    names = []
    for (run, _), first in zip(runs, folders, strict=True):
        facts = {**run.settings, **run.identity, DATE: run.date}
        names.append(_with(first, tuple((k, facts[k]) for k in name_by if facts.get(k))))
    return names


def folder_names(sources: Sequence[Path]) -> list[str]:
    """Return the parts of files' folders that differ among them, joined by ``/``.

    >>> folder_names([Path("out/a/run/x.json"), Path("out/b/run/y.json")])
    ['a', 'b']
    """
    folders = [one.resolve().parent.parts for one in sources]
    depth = max(map(len, folders), default=0)
    differ = [len({one[k : k + 1] for one in folders}) > 1 for k in range(depth)]
    names = []
    for one in folders:
        parts = [part for part, kept in zip(one, differ, strict=False) if kept]
        names.append("/".join(parts) or one[-1])
    return names


def _grouped(indices: Iterable[int], key: object) -> list[list[int]]:
    groups: dict[object, list[int]] = {}
    for k in indices:
        groups.setdefault(key(k), []).append(k)  # type: ignore[operator]
    return list(groups.values())


def _with(name: str, facts: Facts) -> str:
    shown = ", ".join(f"{key}={value}" for key, value in facts)
    return f"{name} [{shown}]" if shown else name


def _identities(runs: Sequence[Run]) -> list[Facts]:
    """Return, for each run of a model, the facts in which its runs differ."""
    keys = dict.fromkeys(key for run in runs for key in run.identity)
    differ = [key for key in keys if len({run.identity.get(key, "") for run in runs}) > 1]
    return [tuple((k, run.identity[k]) for k in differ if k in run.identity) for run in runs]


class _Session:
    """Runs that were made together, and the settings of each benchmark in them."""

    def __init__(self) -> None:
        self.members: list[int] = []
        self.settings: dict[str, Mapping[str, str]] = {}

    def clashes(self, settings: Mapping[str, Mapping[str, str]]) -> bool:
        return any(self.settings.get(one, found) != found for one, found in settings.items())

    def take(self, members: Iterable[int], settings: Mapping[str, Mapping[str, str]]) -> None:
        self.members += members
        self.settings |= settings

    def agreement(self, other: _Session) -> int:
        """Return how many settings agree less those that do not, the default being one, too."""
        both = [*self.settings.values(), *other.settings.values()]
        keys = {key for one in both for key in one}
        return sum(1 if self._values(key) & other._values(key) else -1 for key in keys)

    def _values(self, key: str) -> set[str]:
        return {one.get(key, "") for one in self.settings.values()}


def _settings(runs: Sequence[Ran]) -> list[Facts]:
    """Return, for each run of a model, the settings in which its runs of a benchmark differ."""
    if all(run.settings == runs[0][0].settings for run, _ in runs):
        return [()] * len(runs)
    groups = _compatible(_sessions(runs))
    facts: list[Facts] = [()] * len(runs)
    for group in groups:
        for k in group.members:
            facts[k] = _differing(group, groups)
    return facts


def _sessions(runs: Sequence[Ran]) -> list[_Session]:
    by_date: dict[str, list[_Session]] = {}
    for k, (run, benchmarks) in enumerate(runs):
        own = _Session()
        own.take([k], dict.fromkeys(benchmarks, run.settings))
        sessions = by_date.setdefault(run.date, [])
        fitting = [one for one in sessions if run.date and not one.clashes(own.settings)]
        best = max(fitting, key=own.agreement, default=None)
        if best is None:
            sessions.append(own)
        else:
            best.take(own.members, own.settings)
    return [one for sessions in by_date.values() for one in sessions]


def _compatible(sessions: Sequence[_Session]) -> list[_Session]:
    """Join sessions that do not clash; those that clash with others first."""
    clashing = [any(one.clashes(other.settings) for other in sessions) for one in sessions]
    order = sorted(range(len(sessions)), key=lambda k: not clashing[k])
    groups: list[_Session] = []
    for session in (sessions[k] for k in order):
        fitting = [one for one in groups if not one.clashes(session.settings)]
        best = max(fitting, key=session.agreement, default=None)
        if best is None:
            groups.append(best := _Session())
        best.take(session.members, session.settings)
    return groups


def _differing(group: _Session, groups: Sequence[_Session]) -> Facts:
    """Return the settings that differ between groups, as this one has them."""
    facts = []
    keys = dict.fromkeys(k for one in groups for found in one.settings.values() for k in found)
    for key in keys:
        values = [
            found.get(key, "")
            for one, found in sorted(group.settings.items())
            if any(
                other.settings.get(one, found).get(key, "") != found.get(key, "")
                for other in groups
            )
        ]
        if any(values):
            shown = dict.fromkeys(values)
            facts.append((key, "/".join(value or "default" for value in shown)))
    return tuple(facts)


def _told(names: Sequence[str], facts: Sequence[Facts]) -> tuple[Finding, ...]:
    by: dict[str, dict[str, None]] = {}
    for name, found in zip(names, facts, strict=True):
        if found:
            by.setdefault(" and ".join(key for key, _ in found), {})[name] = None
    return tuple(
        Finding("guessed", f"models are told apart by their {keys}", len(named), tuple(named))
        for keys, named in by.items()
    )
