"""Choosing one of several scores: explicitly, or because there is only one; never by taste.

A choice is written ``NAME``, ``task=NAME``, or several of these separated by commas.  A bare name
holds for every task that has it; a task that has none of the bare names and one score only needs
no choice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote

from tinyeval.errors import ConfigError, DataError, examples


@dataclass(frozen=True)
class Choice:
    """What the user said about one kind of choice.

    Attributes:
        what: ``metric``, ``filter``, ...
        bare: names that hold for every task that has them.
        by_task: names for single tasks; tasks that are not read do no harm.
    """

    what: str
    bare: Sequence[str] = ()
    by_task: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, what: str, text: str | None) -> Choice:
        """Read ``acc_norm`` or ``gsm8k=exact_match,acc``; raise :class:`ConfigError` if neither."""
        parts = [] if text is None else [part.strip() for part in text.split(",")]
        bare, by_task = [], {}
        for part in parts:
            task, equals, name = (piece.strip() for piece in part.rpartition("="))
            if not name or (equals and not task) or task in by_task:
                raise ConfigError(
                    f"expected {what}=NAME or {what}=task=NAME, or several separated by commas, "
                    f"each task once; found {text!r}"
                )
            if equals:
                by_task[task] = name
            else:
                bare.append(name)
        return cls(what, bare, by_task)

    def pick(
        self, task: str, available: Sequence[str], where: str, note: str = "", group: str = ""
    ) -> str:
        """Return the one name that holds for ``task``.

        Args:
            task: the task.
            available: the names it has.
            where: the file, for messages.
            note: more about the available names, for messages.
            group: another name of the task, which counts after its own.

        Raises:
            DataError: the name asked for is not available, or several are and none was asked for.
        """
        named = next((one for one in (task, group) if one in self.by_task), None)
        if named is not None:
            wanted = [self.by_task[named]]
        else:
            wanted = [name for name in self.bare if name in available]
        wanted = wanted or list(available)
        if len(wanted) == 1 and wanted[0] in available:
            return wanted[0]
        listed = examples(available, 20) or "none"
        if len(wanted) == 1:
            raise DataError(
                f"{where}: task {task!r} has no {self.what} {wanted[0]!r} to read; available: "
                f"{listed}{note}"
            )
        example = available[0] if available else "NAME"
        raise DataError(
            f"{where}: task {task!r} has {len(available)} {self.what}s, expected one; available: "
            f"{listed}{note}; choose with --{self.what} {quote(example)}, or for this task alone "
            f"--{self.what} {quote(f'{task}={example}')} (in Python {self.what}={example!r})"
        )

    def check_used(self, picked: Collection[str]) -> None:
        """Raise :class:`DataError` if a bare name is not among those picked for any task."""
        unused = [name for name in self.bare if name not in picked]
        if unused:
            raise DataError(
                f"no task has the {self.what} {examples(unused)}; read instead would be: "
                f"{examples(sorted(set(picked)), 20)}"
            )
