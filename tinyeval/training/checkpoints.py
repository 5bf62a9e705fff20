"""The checkpoints of a run: which exist, and which are complete.

A trainer's folder changes while it is read: checkpoints appear file by file, and old ones are
removed.  ``transformers`` writes ``trainer_state.json`` last.  Any other checkpoint counts as
complete when it has not changed for a while.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyeval.errors import ConfigError, DataError

PATTERNS = (
    r"(?:checkpoint|global_step|step|iter|ckpt)[-_]?(?P<step>\d+)(?:[-_]unsharded)?(?:\.(?:pt|pth|ckpt|safetensors))?",
    r"(?:.*[-_])?step=(?P<step>\d+)(?:[-_].*)?\.ckpt",
)
"""Checkpoint names of transformers, DeepSpeed, torchtitan, OLMo, Megatron and Lightning."""

Signature = tuple[tuple[str, int, int], ...]
"""Name, size and modification time of every file."""

LAST_FILE = "trainer_state.json"


@dataclass(frozen=True)
class Checkpoint:
    """A folder or file that a trainer saved at some step."""

    path: Path
    step: int

    @property
    def name(self) -> str:
        """Its name in the run's folder."""
        return self.path.name

    def signature(self) -> Signature:
        """Return name, size and modification time of every file; nothing if it is gone."""
        files = [self.path] if self.path.is_file() else self.path.rglob("*")
        found = []
        try:
            for one in files:
                facts = one.stat()
                if not one.is_dir():
                    found.append((str(one), facts.st_size, facts.st_mtime_ns))
        except FileNotFoundError:
            # removed during the scan, so it differs from any earlier signature
            return (("", -1, -1),)
        return tuple(sorted(found))


def compile_patterns(pattern: str | None) -> tuple[re.Pattern[str], ...]:
    """Return the patterns of checkpoint names.

    Raises:
        ConfigError: an invalid regular expression, or one without the group ``step``.
    """
    texts = PATTERNS if pattern is None else (pattern,)
    try:
        compiled = tuple(re.compile(one) for one in texts)
    except re.error as error:
        raise ConfigError(f"{pattern!r} is not a regular expression: {error}") from error
    if not all("step" in one.groupindex for one in compiled):
        raise ConfigError(
            rf"the pattern {pattern!r} must say where the step is: 'checkpoint-(?P<step>\d+)'"
        )
    return compiled


def find_checkpoints(run_dir: Path, patterns: Sequence[re.Pattern[str]]) -> list[Checkpoint]:
    """Return the existing checkpoints, ordered by step; none if the run has not begun.

    Raises:
        DataError: a step is not a number.
    """
    if not run_dir.is_dir():
        return []
    found = []
    for path in run_dir.iterdir():
        match = next((m for one in patterns if (m := one.fullmatch(path.name))), None)
        if match:
            found.append(Checkpoint(path, _step(match)))
    return sorted(found, key=lambda one: (one.step, one.name))


def _step(match: re.Match[str]) -> int:
    try:
        return int(match["step"])
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the pattern takes {match['step']!r} in {match[0]!r} as the step; it is not a number"
        ) from error


class Settled:
    """Remembers the files of checkpoints, to tell which are complete.

    Args:
        quiet: seconds without changes after which a checkpoint is complete.
    """

    def __init__(self, quiet: float) -> None:
        self.quiet = quiet
        self._seen: dict[Path, tuple[object, float]] = {}

    def __call__(self, checkpoint: Checkpoint, now: float) -> bool:
        """Return whether a checkpoint is complete at the time ``now``, in seconds."""
        if (checkpoint.path / LAST_FILE).is_file():
            return True
        look = checkpoint.signature()
        before, since = self._seen.get(checkpoint.path, (None, now))
        if look != before:
            since = now
            self._seen[checkpoint.path] = (look, now)
        return bool(look) and now - since >= self.quiet
