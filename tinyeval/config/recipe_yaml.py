"""YAML that a stranger may have written: plain values, each key once, within bounds.

PyYAML keeps the last of two equal keys, follows brackets until Python gives up, and lets aliases
stand for exponentially many values.  A pipe or device in place of a file would never end.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import yaml

from tinyeval.errors import ConfigError, one_line
from tinyeval.shipped import others, recipes

MOST_BYTES = 2**20
"""Size of a recipe."""

DEEPEST = 20
"""Lists and mappings inside each other."""

MOST_VALUES = 50_000
"""Values of a recipe, those counted again that an alias repeats."""

LONGEST = 300
"""Characters of what the parser says that are shown."""


def read_yaml(path: Path) -> object:
    """Return the value of a YAML file; None where it is empty.

    Raises:
        ConfigError: no regular file, or one that is too large, is no UTF-8 or no YAML, has a key
            twice, or nests too deeply.
    """
    text = _text(path)
    try:
        return yaml.load(text, _Loader)  # a SafeLoader: plain values only
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        at = "" if line is None else f":{line + 1}"
        reason = one_line(getattr(error, "problem", None) or error, LONGEST)
        raise ConfigError(f"{path}{at}: not valid YAML: {reason}") from error
    except ValueError as error:  # of a number or date that is none
        raise ConfigError(f"{path}: not valid YAML: {one_line(error, LONGEST)}") from error


def _text(path: Path) -> str:
    """Read a regular file, without waiting for one that is none."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ConfigError(f"{path}: cannot be read as a recipe: it is no regular file")
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ConfigError(
                f"{path}: cannot be read as a recipe: it has more than {MOST_BYTES:,} bytes"
            )
        return data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        known = others(path, recipes(), "recipes") if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(f"{path}: cannot be read as a recipe: {reason}{known}") from error


class _Loader(yaml.SafeLoader):
    """Counts what it composes, and refuses what :func:`read_yaml` says."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth, self.values = 0, 0
        self.sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self.depth += 1
        if self.depth > DEEPEST:
            raise _refused(f"lists and mappings are nested more than {DEEPEST} deep", mark)
        alias = self.check_event(yaml.AliasEvent)
        before = self.values
        node = super().compose_node(parent, index)  # type: ignore[arg-type]
        self.depth -= 1
        if alias and id(node) not in self.sizes:
            raise _refused("an alias stands for what it lies in", mark)
        self.values += self.sizes[id(node)] if alias else 1
        if self.values > MOST_VALUES:
            raise _refused(f"it holds more than {MOST_VALUES:,} values", mark)
        self.sizes[id(node)] = self.values - before
        return node

    def compose_mapping_node(self, anchor: object) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)  # type: ignore[arg-type]
        seen: dict[str, int] = {}
        for key in (one for one, _ in node.value if isinstance(one, yaml.ScalarNode)):
            line = key.start_mark.line + 1
            if key.value in seen:
                first = seen[key.value]
                raise _refused(
                    f"the key {key.value[:60]!r} appears twice, first in line {first}; keep one",
                    key.start_mark,
                )
            seen[key.value] = line
        return node


def _refused(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
