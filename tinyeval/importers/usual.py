"""The metric of which a leaderboard was made, where it defines one for each task."""

from __future__ import annotations

from collections.abc import Sequence

from tinyeval.importers.choices import Choice


def pick_usual(
    choice: Choice,
    task: str,
    names: Sequence[str],
    usual: str,
    where: str,
    note: str = "",
    group: str = "",
) -> str:
    """Return the metric that was asked for, else the leaderboard's, else the only one.

    Args:
        choice: what the user said.
        task: the task.
        names: the metrics it has.
        usual: the leaderboard's metric; empty: it defines none.
        where: the file, for messages.
        note: more about the metrics, for messages.
        group: another name of the task.

    Raises:
        DataError: the metric asked for is not there, or several are and none is the one.
    """
    asked = {task, group} & set(choice.by_task) or set(choice.bare) & set(names)
    if usual in names and not asked:
        return usual
    return choice.pick(task, names, where, note, group)
