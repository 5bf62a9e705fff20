"""``predictions.jsonl``: every prediction of a run, one JSON object per line, never rewritten.

A line holds ``step``, ``bank``, ``digest`` (of the bank), ``time`` and the fields of
:class:`~tinyeval.prediction.Prediction`, whose ``model`` is the checkpoint's name.  A writer that
is stopped within a line leaves the line unfinished; the next writer removes it.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.prediction import Interval, Prediction

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
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            object.__setattr__(self, "time", now)

    def to_json(self) -> str:
        """Return the line, without its line break."""
        values = {"step": self.step, "bank": self.bank, "digest": self.digest, "time": self.time}
        return json.dumps(values | self.prediction.to_dict())


def append(path: Path, entry: Entry) -> None:
    """Append a line to the file, and flush it to disk.

    Raises:
        DataError: something that is no regular file.
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_regular(path)
    _drop_unfinished(path)
    with path.open("ab") as handle:
        handle.write(entry.to_json().encode() + b"\n")
        handle.flush()
        os.fsync(handle.fileno())


def read_journal(path: Path) -> list[Entry]:
    """Return the entries of a file, in order.

    A file that does not exist has none.  An unfinished last line is skipped.

    Raises:
        DataError: a line that is not an entry; something that is no regular file.
    """
    _check_regular(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    *lines, _ = data.split(b"\n")
    return [_parse(line, f"{path}:{k}") for k, line in enumerate(lines, 1) if line.strip()]


def _check_regular(path: Path) -> None:
    """Raise :class:`DataError` for a pipe or a device, which would hang or never end."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise DataError(
            f"{path}: expected a regular file of predictions, found a pipe, device or socket; "
            "remove it, or name another file"
        )


def _drop_unfinished(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as handle:
        end = handle.seek(0, os.SEEK_END)
        handle.seek(max(0, end - _LONGEST))
        tail = handle.read()
        if tail and not tail.endswith(b"\n"):
            handle.truncate(end - len(tail) + tail.rfind(b"\n") + 1)


_LONGEST = 1 << 24
"""Upper limit on the bytes of a line; a bank of a thousand benchmarks needs about 10^5."""


def _parse(line: bytes, where: str) -> Entry:
    try:
        values = json.loads(line)
        prediction = _prediction(values)
        bank, digest, time = str(values["bank"]), str(values["digest"]), values.get("time", "")
        return Entry(values["step"], bank, digest, prediction, str(time))
    except KeyError as error:
        raise DataError(f"{where}: expected a prediction with {error}, found none") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{where}: expected a prediction as one JSON object, found {line[:60]!r} ({error})"
        ) from error
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _prediction(values: Mapping[str, Any]) -> Prediction:
    given = {one.name: values[one.name] for one in fields(Prediction) if one.name in values}
    numbers = [float(values[name]) for name in ("score", "lower", "upper", "level")]
    if not all(map(math.isfinite, numbers)):
        raise DataError("score, lower, upper and level must be finite numbers")
    given["benchmarks"] = {name: Interval(**one) for name, one in values["benchmarks"].items()}
    given["ability"] = tuple(map(float, values["ability"]))
    given["warnings"] = tuple(map(str, values.get("warnings", ())))
    return Prediction(**given)
