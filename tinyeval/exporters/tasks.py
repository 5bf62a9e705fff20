"""The harness's task of each item; shared by the exporters."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tinyeval.errors import DataError, examples
from tinyeval.tables import Table, as_ids

TaskName = str | Mapping[str, str] | None
"""One name, a name with ``{value}`` for the group, group -> name, or None: the group's own."""


def known_anchors(items: Table, anchors: Sequence[str]) -> tuple[str, ...]:
    """Return the anchors' ids; raise :class:`DataError` unless the bank knows them all."""
    ids = as_ids(anchors, "anchor")
    items.index(ids, "anchor")
    if not ids:
        raise DataError("there are no anchors to export; a harness would then run the whole task")
    return ids


def by_item(items: Table, column: str) -> dict[str, str]:
    """Return item -> its text in a column, "" if it has none."""
    return dict(zip(items.ids, items.column(column, ""), strict=True))


def task_names(groups: Collection[str], task: TaskName) -> dict[str, str]:
    """Return group -> name of the task that asks its items."""
    if task is None:
        return {group: group for group in groups}
    if isinstance(task, Mapping):
        unnamed = sorted(group for group in groups if group not in task)
        if unnamed:
            raise DataError(f"no task is given for {examples(unnamed)}")
        return {group: task[group] for group in groups}
    if "{value}" in task:
        return {group: task.replace("{value}", group.replace(" ", "_")) for group in groups}
    if len(groups) > 1:
        raise DataError(
            f"one task {task!r} is given for {len(groups)} groups of items: "
            f"{examples(sorted(groups))}; give one for each, or a name with {{value}} in it"
        )
    return dict.fromkeys(groups, task)
