"""Logs of Inspect AI as they lie on disk: ``.eval``, a ZIP archive of JSON, and ``.json``.

An archive has ``header.json``, and ``summaries.json`` with the scores of all samples; that of a
run that was killed has ``_journal/start.json`` and ``_journal/summaries/<n>.json`` in their place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from tinyeval.errors import DataError
from tinyeval.importers.heads import has_keys, head
from tinyeval.importers.jsonarray import check_values, parse_json
from tinyeval.importers.objects import mapping
from tinyeval.importers.opening import check_bound
from tinyeval.importers.textfiles import read_text
from tinyeval.importers.zipmember import read_member

HEADER, START = "header.json", "_journal/start.json"
SUMMARIES, REDUCTIONS = "summaries.json", "reductions.json"
AS_VALUES = 16
"""How many times the size of its text a sample may take."""

SAMPLE = re.compile(r"samples/(.+)_epoch_1\.json")

JOURNAL = re.compile(r"_journal/summaries/(\d+)\.json")


@dataclass(frozen=True)
class Log:
    """What is read of a log.

    Attributes:
        path: the file.
        header: all but the samples: ``status``, ``eval``, ``plan``, ``results`` ...
        samples: ``id``, ``epoch``, ``scores``, ``error`` ... of each sample and epoch.
        reductions: scores of samples over their epochs, by scorer, where the log has them.
    """

    path: Path
    header: Mapping[str, Any]
    samples: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    reductions: Sequence[Mapping[str, Any]] = field(default=(), repr=False)

    @property
    def spec(self) -> Mapping[str, Any]:
        """Return what the header says of task, data set and model."""
        return mapping(self.header, "eval")

    @property
    def status(self) -> str:
        """Return ``success``, ``error``, ``cancelled``, or ``started`` of a run that was killed."""
        return str(self.header.get("status") or "started")


def is_log(path: Path) -> bool:
    """Say whether a file is a log, from its beginning."""
    if path.suffix == ".eval":
        return path.is_file()
    return path.suffix == ".json" and has_keys(head(path, 4096), "status", "eval", "task")


def read_header(path: Path) -> Log:
    """Return a log without its samples; of ``.json``, as little as is needed is read.

    Raises:
        DataError: a damaged file, or one of another format.
    """
    if path.suffix == ".eval":
        with _opened(path) as archive:
            return Log(path, _header(path, archive))
    found = re.search(r'"eval"\s*:\s*', text := head(path))
    if found:
        try:
            spec, _ = json.JSONDecoder().raw_decode(text, found.end())
        except (ValueError, RecursionError):  # it is long: the whole is read
            return read_log(path)
        status = re.search(r'"status"\s*:\s*"(\w+)"', text[: found.start()])
        return Log(path, {"eval": spec, "status": status[1] if status else ""})
    return read_log(path)


def read_log(path: Path) -> Log:
    """Return a log.

    Raises:
        DataError: a damaged file, or one of another format.
    """
    if path.suffix == ".eval":
        with _opened(path) as archive:
            samples = list(_summaries(path, archive))
            names = archive.namelist()
            reductions = _json(path, archive, REDUCTIONS) if REDUCTIONS in names else []
            return Log(path, _header(path, archive), samples, _objects(path, reductions))
    try:
        content = parse_json(read_text(path))
    except ValueError as error:
        raise DataError(f"{path}: {error}; if the file was cut off, copy it again") from error
    header = _checked(path, content)
    samples = _objects(path, header.pop("samples", None) or [])
    results = mapping(header, "results")
    reductions = header.pop("reductions", None) or results.get("sample_reductions") or []
    return Log(path, header, samples, _objects(path, reductions))


def whole_samples(log: Log, ids: Collection[str]) -> Iterator[Mapping[str, Any]]:
    """Yield samples with their conversations, the first epoch of each.

    Args:
        log: as :func:`read_log` returned it.
        ids: of the samples that are wanted.

    Raises:
        DataError: a damaged file.
    """
    seen: set[str] = set()
    for sample in log.samples if log.path.suffix != ".eval" else _members(log.path, ids):
        one = str(sample.get("id"))
        if one in ids and one not in seen:
            seen.add(one)
            yield sample


def _members(path: Path, ids: Collection[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the samples of an archive, one in memory at a time."""
    with _opened(path) as archive:
        names = {m[1]: one for one in archive.namelist() if (m := SAMPLE.fullmatch(one))}
        for one in ids:
            if one in names:
                yield from _objects(path, [_json(path, archive, names[one])])


def _opened(path: Path) -> ZipFile:
    try:
        return ZipFile(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (BadZipFile, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{path}: is no whole .eval file: {error}; where the run was killed, mend it with "
            "`inspect log recover`, else copy it again or leave it out"
        ) from error


def _header(path: Path, archive: ZipFile) -> dict[str, Any]:
    names = archive.namelist()
    name = next((one for one in (HEADER, START) if one in names), None)
    if name is None:
        raise DataError(f"{path}: expected {HEADER} in this archive, found {len(names)} others")
    return _checked(path, _json(path, archive, name))


def _checked(path: Path, content: object) -> dict[str, Any]:
    if not isinstance(content, dict) or not isinstance(content.get("eval"), dict):
        raise DataError(f"{path}: expected a log of Inspect, which has a key 'eval'")
    for key in ("task", "model"):
        if not isinstance(content["eval"].get(key), str) or not content["eval"][key].strip():
            raise DataError(f"{path}: expected the name of a {key} in this log, found none")
    return content


def _summaries(path: Path, archive: ZipFile) -> Iterator[Mapping[str, Any]]:
    names = archive.namelist()
    if SUMMARIES in names:
        yield from _objects(path, _json(path, archive, SUMMARIES))
        return
    parts = {int(m[1]): one for one in names if (m := JOURNAL.fullmatch(one))}
    size = sum(archive.getinfo(one).file_size for one in parts.values())
    check_bound(path, AS_VALUES * size, f"{size:,} bytes of summaries")
    for number in sorted(parts):
        yield from _objects(path, _json(path, archive, parts[number]))


def _json(path: Path, archive: ZipFile, name: str) -> object:
    content = read_member(path, archive, name)
    try:
        text = content.decode("utf-8")
        check_values(path, text)
        return parse_json(text)
    except ValueError as error:
        raise DataError(f"{path}: {name}: {error}") from error


def _objects(path: Path, values: object) -> list[Mapping[str, Any]]:
    if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
        raise DataError(f"{path}: expected a list of samples, found {str(values)[:40]!r}")
    return values
