"""Predictions to show: of answers, of ``predict --json``, and of journals that ``watch`` writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyeval.bank.item_bank import ItemBank
from tinyeval.comparison import Comparison
from tinyeval.errors import DataError, examples, one_line
from tinyeval.prediction import Interval, Prediction
from tinyeval.responses import ResponseMatrix
from tinyeval.training.journal import FILE, parse_prediction, read_journal
from tinyeval.training.trajectory import Trajectory, read_trajectory

Read = Callable[[Sequence[Path]], ResponseMatrix]
"""Reads files of answers together."""

MOST_COMPARED = 60
"""Models that are compared, best first: pairs grow with the square."""

HEAD = 1 << 20
"""Bytes by which a file of predictions is told from one of answers."""


@dataclass(frozen=True)
class Shown:
    """Predictions of new models, and of training runs.

    Attributes:
        predictions: of models, in the order given.
        comparisons: of every pair of the models that were compared.
        runs: name of a training run -> its trajectory.
        doubts: what could not be checked of predictions that were made elsewhere.
    """

    predictions: tuple[Prediction, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    runs: Mapping[str, Trajectory] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


def of_answers(bank: ItemBank, answers: Any) -> Shown:
    """Predict and compare models from their answers, in any form that ``bank.predict`` takes."""
    found = bank.predict(answers)
    predictions = [found] if isinstance(found, Prediction) else list(found)
    if len(predictions) < 2:
        return Shown(tuple(predictions))
    best = sorted(predictions, key=lambda one: (-one.score, one.model))[:MOST_COMPARED]
    return Shown(tuple(predictions), tuple(bank.compare(answers, [one.model for one in best])))


def read_shown(bank: ItemBank, paths: Iterable[Path], read: Read) -> Shown:
    """Read files of answers, of predictions and of training runs, told apart by their content.

    Args:
        bank: the bank whose anchors were answered.
        paths: files or folders.
        read: reads answers.

    Raises:
        DataError: a file that cannot be read or is of another bank, or a model that occurs twice.
    """
    answers: list[Path] = []
    parts: list[Shown] = []
    for path in (one for given in paths for one in _runs(given)):
        if is_journal(path):
            parts.append(_run(bank, path))
        elif is_predictions(path):
            parts.append(_stored(bank, path))
        else:
            answers.append(path)
    if answers:
        parts.insert(0, of_answers(bank, read(answers)))
    return _together(parts)


def _runs(path: Path) -> list[Path]:
    """Return the journals in a folder of training runs; anything else as it is."""
    if not path.is_dir() or is_journal(path):
        return [path]
    return sorted(path.glob(f"*/{FILE}")) or [path]


def is_journal(path: Path) -> bool:
    """Say whether a file, or a file in a folder, is a journal of predictions."""
    if path.is_dir():
        return (path / FILE).is_file()
    head = _head(path)
    try:
        first = json.loads(head.split(b"\n")[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(first, dict) and {"step", "digest", "model"} <= set(first)


def is_predictions(path: Path) -> bool:
    """Say whether a file is what ``predict --json`` prints."""
    head = _head(path).lstrip()
    return head.startswith(b"{") and b'"predictions"' in head and b'"bank"' in head


def _head(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as handle:
        return handle.read(HEAD)


def _stored(bank: ItemBank, path: Path) -> Shown:
    """Return the predictions that ``predict --json`` printed."""
    try:
        values = json.loads(path.read_bytes())
        level, name, digest = values["level"], str(values["bank"]), values.get("digest")
        found = tuple(parse_prediction({"level": level, **one}) for one in values["predictions"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path}: expected the JSON that `tinyeval predict` prints, found something else "
            f"({type(error).__name__}: {one_line(error, 200)})"
        ) from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    _check(bank, found, path)
    if digest is None:
        if name != bank.name:
            raise DataError(
                f"{path}: holds predictions of the bank {name!r}, but this bank is {bank.name!r}; "
                "predict again with this bank"
            )
        return Shown(found, doubts=(f"{path.name} names the bank, but not its digest.",))
    _check_digest(bank, str(digest), found, path)
    return Shown(found)


def _check(bank: ItemBank, found: Sequence[Prediction], path: Path) -> None:
    """Raise unless there are predictions, of this bank's benchmarks, with scores in [0, 1]."""
    if not found:
        raise DataError(f"{path}: expected predictions, found none")
    benchmarks = list(bank.predictor.targets[1:])
    for one in found:
        overall = Interval(one.score, one.lower, one.upper)
        for name, ends in {"": overall, **one.benchmarks}.items():
            if not 0 <= ends.lower <= ends.score <= ends.upper <= 1:
                raise DataError(
                    f"{path}: model {one.model!r}{f', {name!r}' if name else ''}: expected 0 <= "
                    f"lower <= score <= upper <= 1, found {ends.lower}, {ends.score}, {ends.upper}"
                )
        if list(one.benchmarks) != benchmarks:
            raise DataError(
                f"{path}: model {one.model!r} has scores of the benchmarks "
                f"{examples(one.benchmarks)}, but this bank covers {examples(benchmarks)}"
            )


def _check_digest(bank: ItemBank, digest: str, found: Sequence[Prediction], path: Path) -> None:
    if digest not in _digests(bank, {one.n_answered for one in found}):
        raise DataError(
            f"{path}: holds predictions of another bank (digest {digest[:12]}; this bank has "
            f"{bank.digest[:12]}): predict again with this bank, or report on the other"
        )


def _digests(bank: ItemBank, answered: set[int]) -> set[str]:
    """Return the digests of a bank and of its heads that ask as many items as were answered."""
    return {bank.digest, *(bank.head(n).digest for n in answered if 0 < n < len(bank.anchors))}


def _run(bank: ItemBank, path: Path) -> Shown:
    file = path / FILE if path.is_dir() else path
    entries = read_journal(file)
    known = _digests(bank, {one.prediction.n_answered for one in entries})
    digests = [one for one in dict.fromkeys(entry.digest for entry in entries) if one in known]
    if not digests:
        banks = sorted({f"{one.bank} ({one.digest[:12]})" for one in entries})
        raise DataError(
            f"{file}: expected predictions of the bank {bank.name!r} ({bank.digest[:12]}), found "
            f"those of {examples(banks) if banks else 'none'}"
        )
    name = file.resolve().parent.name if file.name == FILE else file.stem
    named = {name if len(digests) == 1 else f"{name} ({one[:12]})": one for one in digests}
    return Shown(runs={run: read_trajectory(file, one) for run, one in named.items()})


def _together(parts: Sequence[Shown]) -> Shown:
    predictions = [one for part in parts for one in part.predictions]
    names = [one.model for one in predictions]
    twice = sorted(one for one, n in Counter(names).items() if n > 1)
    if twice:
        raise DataError(f"models are predicted more than once: {examples(twice)}; give each once")
    levels = sorted({one.level for one in predictions})
    if len(levels) > 1:
        raise DataError(
            f"the predictions have intervals of {len(levels)} levels: {examples(levels)}; predict "
            "all of them at one level"
        )
    runs: dict[str, Trajectory] = {}
    for part in parts:
        for name, one in part.runs.items():
            runs[_free(name, runs)] = one
    comparisons = tuple(one for part in parts for one in part.comparisons)
    return Shown(tuple(predictions), comparisons, runs, tuple(t for p in parts for t in p.doubts))


def _free(name: str, taken: Mapping[str, object]) -> str:
    k = 2
    while name in taken:
        name = f"{name.removesuffix(f' ({k - 1})')} ({k})"
        k += 1
    return name
