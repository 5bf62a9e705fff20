"""Blocks of scores from several files -> one matrix, joined by id.

Files may bring new models, new items, or both.  A cell that two tables give must be the same in
both; runs of one model are its repeats, and are averaged.  Of two different documents under one
item id, the content hashes tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.assemble import Part, assemble
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged, Notes, gather
from tinyeval.importers.ledger import Ledger
from tinyeval.importers.lookalikes import doubts
from tinyeval.importers.naming import Names, compare_settings, name_runs
from tinyeval.importers.partial import find_partial
from tinyeval.responses import ResponseMatrix


def merge(blocks: Iterable[Block], options: Options) -> Merged:
    """Join blocks by model and item id; ids keep the order in which they first appear.

    Args:
        blocks: one by one; what is kept of each is small where all scores are 0 or 1.
        options: whether repeats of tables, changed documents and parts of benchmarks are
            accepted, and what names runs.

    Raises:
        DataError: two tables give one cell different scores, one item or model has different
            notes (a different ``hash``: different documents under one item id), a model has part
            of a benchmark only, one benchmark is read by different metrics; no block at all.
    """
    gathered = _gather(blocks)
    parts = gathered.parts
    if not parts:
        why = "; ".join(str(one) for one in gather(gathered.findings)[:3])
        raise DataError(f"there are no results to read: {why or 'every file was empty'}")
    findings = gathered.findings + gathered.name_models(options.name_by)
    models, items = tuple(gathered.models), tuple(gathered.items)
    benchmarks = gathered.item_notes.known.get("benchmark", {})
    of_item = {gathered.items[one]: str(said.value) for one, said in benchmarks.items()}
    partial, told = find_partial(parts, models, of_item, options.partial)
    made = assemble(parts, models, items, options.repeats == "average")
    findings += told + _joined(parts, made.averaged, models)
    findings += [*doubts(models, "model"), *doubts(items, "item")]
    noted = gathered.model_notes.table(models)
    if any(partial):
        noted = noted.with_columns(partial=np.array(partial, dtype=object))
    described = gathered.item_notes.table(items)
    responses = ResponseMatrix(made.scores, noted, described, trials=made.trials, soft=made.soft)
    responses, dropped = _without_changed(responses, gathered.item_notes, options)
    files = len({part.source for part in parts})
    return Merged(responses, files, gathered.chosen(), gather(findings + dropped))


def _gather(blocks: Iterable[Block]) -> _Gathered:
    gathered = _Gathered()
    for block in blocks:
        gathered.add(block)
    if len(gathered.parts) > 1:
        gathered.parts[-1].make_small()
    return gathered  # and forget the last block: its scores may be as large as the matrix


class _Gathered:
    """What has been read: parts of the matrix, positions of ids, notes."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.models: dict[str, int] = {}
        self.items: dict[str, int] = {}
        self.item_notes, self.model_notes = Ledger("item"), Ledger("model")
        self.findings: list[Finding] = []
        self._columns: dict[bytes, NDArray[np.int32]] = {}
        self._layouts: dict[str, tuple[NDArray[np.int32], frozenset[str], frozenset[str]]] = {}
        self._models: list[Sequence[str]] = []
        self._notes: list[Notes] = []
        self._chosen: dict[str, tuple[Mapping[str, str], Path, frozenset[str]]] = {}
        self._copies: set[bytes] = set()

    def add(self, block: Block) -> None:
        """Take a block: positions of its items, its notes, and its scores in a small form."""
        columns, benchmarks, subjects = self._layout(block)
        self.findings += block.findings
        if not block.models:  # a table of notes
            self.model_notes.add(block.model_notes, block.source)
            return
        self._choose(block, subjects or benchmarks, benchmarks)
        if self.parts:
            self.parts[-1].make_small()  # a single block's scores are the matrix as they are
        part = Part.of(block, columns, benchmarks)
        if part.run is not None:
            digest = _digest(part)
            if digest in self._copies:
                self.findings.append(
                    Finding("joined", "copies of a run were read once", 1, (str(part.source),))
                )
                return
            self._copies.add(digest)
        self.parts.append(part)
        self._models.append(block.models)
        self._notes.append(block.model_notes)

    def _layout(self, block: Block) -> tuple[NDArray[np.int32], frozenset[str], frozenset[str]]:
        """Return positions, benchmarks and subjects of a block's items."""
        found = self._layouts.get(block.layout)
        if found is not None:
            return found
        columns = positions(self.items, block.items)
        columns = self._columns.setdefault(columns.tobytes(), columns)  # files of a task share it
        self.item_notes.add(block.item_notes, block.source)
        names = (block.item_notes.get(key, {}) for key in ("benchmark", "subject"))
        benchmarks, subjects = (frozenset(map(str, set(one.values()) - {None})) for one in names)
        found = columns, benchmarks, subjects
        if block.layout:
            self._layouts[block.layout] = found
        return found

    def _choose(self, block: Block, tasks: frozenset[str], benchmarks: frozenset[str]) -> None:
        """Refuse another choice of scores for a task than files before have."""
        for task in tasks if block.chosen else ():
            known = (block.chosen, block.source, benchmarks)
            before, earlier, _ = self._chosen.setdefault(task, known)
            if before != block.chosen:
                one, other = (
                    " and ".join(f"{kind} {name!r}" for kind, name in each.items())
                    for each in (block.chosen, before)
                )
                raise DataError(
                    f"{block.source}: task {task!r} has {one} here, but {other} in {earlier}; "
                    f"choose a {' and a '.join(block.chosen)} that all models have"
                )

    def name_models(self, name_by: Sequence[str]) -> list[Finding]:
        """Give models their names, and parts their rows."""
        ran = [(part.run, part.benchmarks) for part in self.parts if part.run is not None]
        sources = [part.source for part in self.parts if part.run is not None]
        if name_by and not ran:
            raise ConfigError(
                "these results name their models themselves: name_by has nothing to choose from"
            )
        named = name_runs(ran, name_by, sources) if ran else Names([])
        names = iter(named.names)
        for part, models, notes in zip(self.parts, self._models, self._notes, strict=True):
            ids = models
            if part.run is not None:
                ids = [next(names)]
                notes = {
                    name: {ids[0] if one == models[0] else one: value for one, value in of.items()}
                    for name, of in notes.items()
                }
            part.rows = positions(self.models, ids)
            self.model_notes.add(notes, part.source)
        return [*named.findings, *compare_settings(ran, named.names)]

    def chosen(self) -> dict[str, dict[str, str]]:
        """Return what was chosen for every benchmark."""
        found: dict[str, dict[str, dict[str, None]]] = {}
        for chosen, _, benchmarks in self._chosen.values():
            for one in sorted(benchmarks):
                for kind, name in chosen.items():
                    found.setdefault(one, {}).setdefault(kind, {})[name] = None
        return {
            one: {kind: ", ".join(names) for kind, names in kinds.items()}
            for one, kinds in found.items()
        }


def positions(known: dict[str, int], ids: Sequence[str]) -> NDArray[np.int32]:
    """Return the positions of ids, new ones at the end."""
    return np.array([known.setdefault(one, len(known)) for one in ids], dtype=np.int32)


def _digest(part: Part) -> bytes:
    """Return what is the same for copies of a run's file."""
    found = sha256(repr((part.run, part.scores.dtype, part.columns.shape)).encode())
    for array in (part.columns, part.scores, part.cells, part.trials, part.soft):
        found.update(b"" if array is None else array.tobytes())
    return found.digest()


def _joined(
    parts: Sequence[Part], averaged: frozenset[int], models: Sequence[str]
) -> list[Finding]:
    """Say which runs, and which tables, had cells that others have, too."""
    findings = []
    for runs, what in (
        (True, "runs were averaged with others of the same model and settings"),
        (False, "tables had cells that others have, too; they were averaged"),
    ):
        those = [parts[k] for k in sorted(averaged) if (parts[k].run is not None) == runs]
        if those:
            named = dict.fromkeys(
                models[part.rows[0]] if runs else str(part.source) for part in those
            )
            findings.append(Finding("joined", what, len(those), tuple(named)))
    return findings


def _without_changed(
    responses: ResponseMatrix, notes: Ledger, options: Options
) -> tuple[ResponseMatrix, list[Finding]]:
    """Drop, or refuse, items whose documents differ between files."""
    changed = tuple(notes.changed)
    if not changed:
        return responses, []
    n = len(notes.known["hash"])
    if options.changed == "refuse":
        raise DataError(
            f"{notes.first_change}; {len(changed):,} of {n:,} items differ so, and --changed drop "
            "leaves them out"
        )
    kept = [one not in notes.changed for one in responses.items.ids]
    if not any(kept):
        raise DataError(
            f"the documents of all {n:,} items differ between models, so none is left: "
            f"{notes.first_change}"
        )
    what = f"of {n:,} items have another document for some models and were left out"
    return responses.take(items=np.array(kept)), [Finding("dropped", what, len(changed), changed)]
