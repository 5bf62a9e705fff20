"""``predictions.jsonl``: every prediction of a run, one JSON object per line, never rewritten.

A line holds ``step``, ``bank``, ``digest`` (of the bank), ``time`` and the fields of
:class:`~tinyeval.prediction.Prediction`, whose ``model`` is the checkpoint's name.  Where a
checkpoint could not be predicted, a line holds ``error`` and ``traceback`` instead.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.prediction import Interval, Prediction
from tinyeval.training.lines import append_lines, finished_lines

FILE = "predictions.jsonl"


@dataclass(frozen=True)
class Entry:
    """One line.

    Attributes:
        step: training step at which the checkpoint was saved.
        bank: name of the bank.
        digest: its identity, by which a run goes on; the name may change.
        prediction: the bank's prediction; its ``model`` is the checkpoint's name.
        time: time of writing, UTC.
    """

    step: int
    bank: str
    digest: str
    prediction: Prediction
    time: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.step, bool) or not isinstance(self.step, int) or self.step < 0:
            raise DataError(f"expected a step of 0 or more, found {self.step!r}")
        if not self.time:
            object.__setattr__(self, "time", _now())

    def to_json(self) -> str:
        """Return the line, without its line break."""
        values = {"step": self.step, "bank": self.bank, "digest": self.digest, "time": self.time}
        return json.dumps(values | self.prediction.to_dict())


@dataclass(frozen=True)
class Failure:
    """One line about a checkpoint that could not be predicted; it is tried again.

    Attributes:
        step: training step at which the checkpoint was saved.
        model: the checkpoint's name.
        digest: identity of the bank.
        error: the exception in one line.
        traceback: all of it, with the exceptions that caused it.
        time: time of writing, UTC.
    """

    step: int
    model: str
    digest: str
    error: str
    traceback: str
    time: str = field(default_factory=lambda: _now())

    def to_json(self) -> str:
        """Return the line, without its line break."""
        return json.dumps(asdict(self))


def append(path: Path, entry: Entry | Failure) -> None:
    """Append a line to the file, and flush it to disk.

    Raises:
        DataError: something that is no regular file.
        OSError: the file cannot be written.
    """
    append_lines(path, [entry.to_json()])


def read_journal(path: Path) -> list[Entry]:
    """Return the entries of a file, in order; failures are no entries.

    A file that does not exist has none.  An unfinished last line is skipped.

    Raises:
        DataError: a line that is neither; something that is no regular file.
    """
    found = (_parse(line, where) for where, line in finished_lines(path))
    return [one for one in found if one is not None]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse(line: bytes, where: str) -> Entry | None:
    try:
        values = json.loads(line)
        if "error" in values and "score" not in values:
            return None
        prediction = parse_prediction(values)
        bank, digest, time = str(values["bank"]), str(values["digest"]), values.get("time", "")
        return Entry(values["step"], bank, digest, prediction, str(time))
    except KeyError as error:
        raise DataError(f"{where}: expected a prediction with {error}, found none") from error
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{where}: expected a prediction as one JSON object, found {line[:60]!r} ({error})"
        ) from error
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def parse_prediction(values: Mapping[str, Any]) -> Prediction:
    """Return a prediction from the plain values that ``Prediction.to_dict`` gives.

    Raises:
        DataError: numbers that are not finite.
        KeyError, TypeError, ValueError, AttributeError: values that are missing or of another kind.
    """
    given = {one.name: values[one.name] for one in fields(Prediction) if one.name in values}
    numbers = [float(values[name]) for name in ("score", "lower", "upper", "level")]
    if not all(map(math.isfinite, numbers)):
        raise DataError("score, lower, upper and level must be finite numbers")
    given["benchmarks"] = {name: Interval(**one) for name, one in values["benchmarks"].items()}
    given["ability"] = tuple(map(float, values["ability"]))
    given["warnings"] = tuple(map(str, values.get("warnings", ())))
    return Prediction(**given)
