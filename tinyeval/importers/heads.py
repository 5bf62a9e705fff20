"""The beginning of a file, which tells its format where its name does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

LENGTH = 2**16
"""Characters that a sniffer looks at."""

CUT = object()
"""In place of a value that goes on beyond them."""


class Beginning(NamedTuple):
    """What JSON text begins with.

    Attributes:
        kind: ``[`` for an array of objects, ``{`` for an object or lines of objects; else empty.
        members: of the first object, by key, as far as they were read; ``CUT`` where a value is
            not all there.
    """

    kind: str = ""
    members: Mapping[str, object] = {}

    def has(self, *keys: str) -> bool:
        """Say whether the first object itself has all these keys."""
        return self.members.keys() >= set(keys)

    def is_cut(self) -> bool:
        """Say whether the first object may have more members."""
        return CUT in self.members.values()


def head(path: Path, length: int = LENGTH) -> str:
    """Return the first characters of a text file; empty where there are none to read.

    Never raises: what cannot be read is of no format, and its reader says why.
    """
    if not path.is_file():
        return ""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return file.read(length)
    except OSError:
        return ""


def has_keys(text: str, *keys: str) -> bool:
    """Say whether the beginning of JSON text has all these keys, at whatever depth.

    >>> has_keys('[{"instance_id": "id1", "stats": [', "instance_id", "stats")
    True
    """
    return all(re.search(rf'"{re.escape(key)}"\s*:', text) for key in keys)


def beginning(path: Path) -> Beginning:
    """Return the first object of a file called .json or .jsonl; empty where it has none.

    Never raises.
    """
    text = head(path).lstrip() if path.suffix.lower() in (".json", ".jsonl") else ""
    kind = text[:1]
    if kind == "[":
        text = text[1:].lstrip()
    return Beginning(kind, dict(_members(text))) if text[:1] == "{" else Beginning()


def _members(text: str) -> Iterator[tuple[str, object]]:
    decoder, place = json.JSONDecoder(), 1
    while text[place := _next(text, place)] == '"':
        try:
            key, place = decoder.raw_decode(text, place)
        except ValueError:
            return
        if text[place := _next(text, place)] != ":":
            return
        try:
            value, place = decoder.raw_decode(text, _next(text, place + 1))
        except (ValueError, RecursionError):
            yield key, CUT
            return
        yield key, value
        if text[place := _next(text, place)] != ",":
            return
        place += 1


def _next(text: str, place: int) -> int:
    """Return where the next character is that is no space; that of the last one at the end."""
    while place < len(text) - 1 and text[place] in " \t\r\n":
        place += 1
    return min(place, len(text) - 1)
