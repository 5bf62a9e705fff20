"""The anchors for lm-evaluation-harness, which selects documents by position (``--samples``).

Given a wrong position, it runs another document and reports no error.  So any uncertainty is an
error here.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyeval.errors import DataError, examples
from tinyeval.exporters import Exported, Request, stage_path
from tinyeval.exporters.documents import DataSource, Places, Rows, split_ids
from tinyeval.exporters.tasks import TaskName, by_item, known_anchors, task_names
from tinyeval.stages.next_items import FIRST_PART
from tinyeval.tables import Table

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank

_LM_EVAL_TASK = re.compile(r"[^\s,*?\[\]-][^\s,*?\[\]]*")


def export_lm_eval(bank: ItemBank, request: Request) -> Exported:
    """Return the file for ``--samples``; the bank's ``run`` fills in what the request omits."""
    run = {**bank.settings.get("run", {}), **request.lookup}
    if request.task is not None:
        run["task"] = request.task
    asked = request.asked(bank)
    samples = lm_eval_samples(bank.items, asked, **run)
    parts = bank.asking.parts() if asked == bank.anchors.items else {}
    stages = {name: lm_eval_samples(bank.items, items, **run) for name, items in parts.items()}
    more = {name: _text(one) for name, one in stages.items()}
    if not more:
        return Exported(_text(samples), lm_eval_command(samples, request.path))
    first = stages[FIRST_PART]
    path = stage_path(request.path, FIRST_PART)
    return Exported(_text(samples), lm_eval_command(first, path), more)


def _text(samples: Mapping[str, list[int]]) -> str:
    return json.dumps(samples, indent=1) + "\n"


def lm_eval_samples(items: Table, anchors: Sequence[str], **run: Any) -> dict[str, list[int]]:
    """Return what lm-eval's ``--samples`` takes: task -> document numbers, strictly increasing.

    The numbers increase strictly, because lm-eval mislabels the results of an unsorted list.  No
    list is empty, because lm-eval runs the whole task for an empty list.

    Args:
        items, anchors, run: see :func:`lm_eval_places`.

    Raises:
        DataError: as :func:`lm_eval_documents`.
    """
    samples: dict[str, list[int]] = {}
    for name, number in sorted(lm_eval_places(items, anchors, **run).values()):
        samples.setdefault(name, []).append(number)
    return samples


def lm_eval_places(
    items: Table,
    anchors: Sequence[str],
    *,
    task: TaskName = None,
    dataset: str | Path | None = None,
    split: str = "test",
    config: str | None = None,
    key: str | None = None,
    prefix: str = "",
    subtask_column: str | None = None,
) -> Places:
    """Return anchor -> (leaf task, document number), from what a bank's ``run`` says.

    Args:
        items: the bank's items; columns ``benchmark`` and ``hash`` are used where known.
        anchors: ids of the items to run.
        task: see :func:`lm_eval_documents`.
        dataset, split, config, key, prefix, subtask_column: see
            :class:`tinyeval.exporters.documents.DataSource`.

    Raises:
        DataError: as :func:`lm_eval_documents`.
    """
    if dataset is not None:
        source = DataSource(dataset, key, prefix, split, config, subtask_column)
    elif key or prefix or config or subtask_column:
        raise DataError("a key, prefix, config or subtask column needs the data set it is in")
    else:
        source = None
    return lm_eval_documents(items, anchors, task, source)


def lm_eval_documents(
    items: Table,
    anchors: Sequence[str],
    task: TaskName = None,
    source: DataSource | None = None,
) -> Places:
    """Return anchor -> (leaf task, document number).

    lm-eval reports an answer as item ``task/number``; this mapping leads back to the anchor.

    Args:
        items: the bank's items; columns ``benchmark`` and ``hash`` are used where known.
        anchors: ids of the items to run.
        task: the harness's leaf task.  None: the anchor's group, which is its value in the
            subtask column, else the task of its id ``task/doc_id``, else its benchmark.  Text
            with ``{value}``: replaced by the group, with underscores for blanks.  Other text: the
            task of all anchors.  A mapping: group -> task.
        source: data set in which keys are looked up.  Ids ``task/doc_id`` need none.  A source
            without a key is used to check the range and hash of each document of its one task.

    Raises:
        DataError: an anchor that the bank or the data set does not know, a number out of range,
            a document at another position, two anchors that are one document, an unclear task.
    """
    ids = known_anchors(items, anchors)
    rows = None if source is None else Rows(source)
    places = split_ids(ids) if rows is None or rows.source.key is None else rows.find(ids)
    if source is not None and source.key is not None and source.subtask_column is None:
        benchmark = by_item(items, "benchmark")
        places = {one: (benchmark[one], number) for one, (_, number) in places.items()}
    names = task_names({group for group, _ in places.values()}, task)
    documents = {one: (names[group], number) for one, (group, number) in places.items()}
    bad = sorted(name for name in names.values() if not _LM_EVAL_TASK.fullmatch(name))
    if bad:
        raise DataError(f"not the name of an lm-eval task: {examples(bad)}; name the task")
    if rows is not None:
        _check_source(rows, documents, by_item(items, "hash"))
    if len(set(documents.values())) < len(documents):
        raise DataError("several anchors are the same document; check the task names")
    return documents


def lm_eval_command(samples: Collection[str], path: Path, output: str = "results") -> str:
    """Return the command that runs the anchors, with MODEL to be filled in.

    It names exactly the tasks of ``samples``, because lm-eval runs any other task in full.  Do
    not add ``--cache_requests`` or ``--use_cache``: both caches ignore the selection.
    """
    chosen = ["--tasks", ",".join(samples), "--samples", str(path), "--log_samples"]
    model = ["--output_path", output, "--model", "hf", "--model_args", "pretrained=MODEL"]
    return shlex.join(["lm-eval", "run", *chosen, *model])


def _check_source(rows: Rows, documents: Places, hashes: Mapping[str, str]) -> None:
    source, tasks = rows.source, {name for name, _ in documents.values()}
    if source.subtask_column is None and len(tasks) > 1:
        raise DataError(
            f"{source} is one task without a subtask column, but the anchors are of "
            f"{len(tasks)}: {examples(sorted(tasks))}; name the column or the task"
        )
    if source.key is None:
        rows.check({one: number for one, (_, number) in documents.items()}, hashes)
