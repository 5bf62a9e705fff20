"""The anchors for Inspect, which selects samples by id (``--sample-id``).

Inspect reads ids as patterns and lists, so any ambiguous id is an error here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinyeval.errors import DataError, examples
from tinyeval.exporters import Exported, Request
from tinyeval.exporters.tasks import TaskName, by_item, known_anchors, task_names
from tinyeval.tables import Table

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank


def export_inspect(bank: ItemBank, request: Request) -> Exported:
    """Return what ``--sample-id`` takes, joined by commas."""
    chosen = inspect_samples(bank.items, request.asked(bank), task=request.task)
    return Exported(",".join(chosen) + "\n", inspect_command(chosen))


def inspect_samples(items: Table, anchors: Sequence[str], *, task: TaskName = None) -> list[str]:
    """Return what Inspect's ``--sample-id`` takes, to be joined by commas: ``task:id`` each.

    An item's task is its benchmark, or the part of its id before the last slash; its sample id is
    the rest of the id.  ``task`` renames the tasks, as in
    :func:`tinyeval.exporters.lm_eval.lm_eval_documents`.

    Raises:
        DataError: an id that Inspect would read as a pattern or as several ids, or two ids that
            it would treat as one.
    """
    benchmark = by_item(items, "benchmark")
    places = [_inspect_place(one, benchmark[one]) for one in known_anchors(items, anchors)]
    names = task_names({group for group, _ in places}, task)
    pairs = [(names[group], sample) for group, sample in places]
    bad = [sample for name, sample in pairs if not _is_plain(name, sample)]
    if bad:
        raise DataError(
            f"Inspect cannot choose {len(bad)} samples by id: {examples(bad)}; it splits "
            "--sample-id at commas and colons, and reads *, ? and [ as patterns"
        )
    # Inspect compares ids made of digits as numbers, and the names of tasks without case
    same = {(name.lower(), s.lstrip("0") if s.isdigit() else s) for name, s in pairs}
    if len(same) < len(pairs):
        raise DataError("several anchors are one sample to Inspect; give the samples other ids")
    return [f"{name}:{sample}" if name else sample for name, sample in pairs]


def inspect_command(selectors: Sequence[str]) -> str:
    """Return the command that runs these samples, with TASK and MODEL to be filled in."""
    chosen = "--sample-id=" + ",".join(selectors)
    return shlex.join(["inspect", "eval", "TASK", chosen, "--model", "MODEL"])


def _inspect_place(item: str, benchmark: str) -> tuple[str, str]:
    if benchmark:
        return benchmark, item.removeprefix(benchmark + "/")
    task, _, sample = item.rpartition("/")
    return task, sample


def _is_plain(task: str, sample: str) -> bool:
    if re.search(r"[,*?\[]", task + sample) or ":" in (task or sample):
        return False
    return sample != "" and sample == sample.strip()
