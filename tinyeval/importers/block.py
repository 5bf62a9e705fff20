"""What a reader makes of one file: a block of scores, the run it is of, and what was found.

A reader returns blocks and :mod:`tinyeval.importers.merge` joins them by id.  A :class:`Finding`
is whatever reading did to the data, or saw in it, that their owner must know: it travels with the
block, and comes out of :func:`tinyeval.importers.import_results` beside the matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.errors.wording import worded
from tinyeval.responses import ResponseMatrix

Notes = Mapping[str, Mapping[str, object]]
"""What is known of items or models: {column: {id: value}}, raw as found."""

KINDS = ("dropped", "joined", "guessed", "turned", "missing", "doubt")
"""What a finding may be: each is told as its first word."""

SHOWN, WIDTH = 3, 120
"""Examples that a finding keeps, and characters that are shown of each."""


@dataclass(frozen=True)
class Finding:
    """One thing that reading did to, or saw in, the data and that its owner must know.

    Attributes:
        kind: one of ``KINDS``.
        what: plain words that follow the count: "perturbed instances left out".
        count: how many.
        examples: ids, or names of files; the first three are shown.
    """

    kind: str
    what: str
    count: int = 1
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        some = self.examples[:SHOWN]
        cut = (one if len(one) <= WIDTH else f"{one[:WIDTH]}..." for one in some)
        shown = ", ".join(one if one.startswith(("'", '"')) else repr(one) for one in cut)
        more = ", ..." if len(some) == SHOWN < self.count else ""
        what = worded(self.what)
        return f"{self.kind}: {self.count:,} {what}{': ' if shown else ''}{shown}{more}"


def gather(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings of one kind and one wording as one: counts added, examples joined."""
    found: dict[tuple[str, str], Finding] = {}
    for one in findings:
        before = found.get((one.kind, one.what))
        count = one.count + (before.count if before else 0)
        examples = dict.fromkeys((*(before.examples if before else ()), *one.examples))
        found[one.kind, one.what] = Finding(one.kind, one.what, count, tuple(examples)[:SHOWN])
    return tuple(found.values())


@dataclass(frozen=True)
class Run:
    """Which model a file is of, and what tells its run from others.

    Facts whose value is empty are unknown, and left out; a reader gives no fact for what is the
    harness's default, so that files which say nothing of it agree with those that do.

    Attributes:
        model: the model, as the harness calls it.
        identity: facts that make another model: ``revision``, ``adapter``, ``agent`` ...
        settings: facts that make scores incomparable on one benchmark: ``n-shot``,
            ``temperature``, ``version`` (of the task) ...; those that are a model's own, such as
            ``dtype``, begin with ``args.`` or are in ``naming.OWN``.
        date: of the run, ISO text; empty: unknown.  Runs that differ in it alone are repeats.
    """

    model: str
    identity: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    date: str = ""

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise DataError("expected the name of a model, found an empty one")
        for name in ("identity", "settings"):
            known = {str(key): str(value) for key, value in getattr(self, name).items() if value}
            object.__setattr__(self, name, known)


@dataclass(frozen=True)
class Block:
    """Scores out of one file.

    Attributes:
        source: the file, for messages.
        models: unique ids of the rows; a block with a run has one row.
        items: unique ids of the columns.
        scores: float32 in [0, 1] or NaN, shape (models, items); or (answers,) where ``cells``
            says which cells they are.
        cells: row * number of items + column of each answer, unique, shape (answers,); None:
            ``scores`` has all cells.
        trials: shaped as ``scores``: number of trials that a score is the mean of, 0 where it is
            missing; None: one each.
        soft: shaped as ``scores``: soft scores, NaN where not known; None: of none.
        item_notes, model_notes: what the file says of its items and models.
        chosen: which of several scores were read, by kind of choice (``metric``, ``filter``).
        layout: digest of items and item notes where it is known: those of equal layouts are equal.
        run: of which the scores are; None: the file itself names its models.
        sizes: benchmark, or task -> number of items that all of it has, where the file knows it.
        findings: what the owner of the data must know.
    """

    source: Path
    models: Sequence[str]
    items: Sequence[str]
    scores: NDArray[np.float32]
    item_notes: Notes = field(default_factory=dict)
    model_notes: Notes = field(default_factory=dict)
    chosen: Mapping[str, str] = field(default_factory=dict)
    layout: str = ""
    cells: NDArray[np.int64] | None = None
    trials: NDArray[np.uint16] | None = None
    run: Run | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    soft: NDArray[np.float16] | None = None

    def __post_init__(self) -> None:
        shape = (len(self.models), len(self.items)) if self.cells is None else self.cells.shape
        given = [one for one in (self.scores, self.trials, self.soft) if one is not None]
        if any(one.shape != shape for one in given):
            raise ValueError(f"{self.source}: scores, trials or soft are not shaped {shape}")
        if self.run is not None and len(self.models) != 1:
            raise ValueError(f"{self.source}: a run has one model, not {len(self.models)}")


class Merged(NamedTuple):
    """What blocks make together.

    Attributes:
        responses: all their scores.
        files: number of files with scores.
        chosen: benchmark -> which of its scores were read, by kind of choice.
        findings: of all blocks and of joining them, each wording once.
    """

    responses: ResponseMatrix
    files: int = 0
    chosen: Mapping[str, Mapping[str, str]] = {}
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Imported:
    """Results, and what was understood of them.

    Attributes:
        responses: the scores.
        format: key of ``FORMATS``.
        why: what was recognised, in words; empty where the format was named.
        files: number of files with scores.
        chosen: benchmark -> ``{"metric": ..., "filter": ...}``, where there is a choice.
        findings: what was dropped, joined, guessed or turned, what is missing, what is in doubt.
    """

    responses: ResponseMatrix
    format: str
    why: str
    files: int
    chosen: Mapping[str, Mapping[str, str]]
    findings: tuple[Finding, ...]
