"""The anchors as other programs take them: which items to run, in a harness's own terms.

lm-evaluation-harness chooses documents by position (``--samples``), Inspect chooses samples by id
(``--sample-id``).  Both run something else without complaint when they are told wrong, so that
whatever is not certain is an error here.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tinyeval.atomic import write_file
from tinyeval.documents import DataSource, Places, Rows, split_ids
from tinyeval.errors import DataError, examples
from tinyeval.responses import Table, as_ids
from tinyeval.selection.base import Anchors

TaskName = str | Mapping[str, str] | None

_LM_EVAL_TASK = re.compile(r"[^\s,*?\[\]-][^\s,*?\[\]]*")
_FIELDS = ("rank", "item", "benchmark", "subject", "weight")


def lm_eval_samples(
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
) -> dict[str, list[int]]:
    """Return what lm-eval's ``--samples`` takes: task -> document numbers, strictly increasing.

    Strictly increasing, because lm-eval mislabels the results of an unsorted list; never empty,
    because it runs the whole task for an empty list.

    Args:
        items: the bank's items; columns ``benchmark`` and ``hash`` are used where known.
        anchors: ids of the items to run.
        task: see :func:`lm_eval_documents`.
        dataset, split, config, key, prefix, subtask_column: see
            :class:`tinyeval.documents.DataSource`.

    Raises:
        DataError: as :func:`lm_eval_documents`.
    """
    if dataset is not None:
        source = DataSource(dataset, key, prefix, split, config, subtask_column)
    elif key or prefix or config or subtask_column:
        raise DataError("a key, prefix, config or subtask column needs the data set it is in")
    else:
        source = None
    samples: dict[str, list[int]] = {}
    for name, number in sorted(lm_eval_documents(items, anchors, task, source).values()):
        samples.setdefault(name, []).append(number)
    return samples


def lm_eval_documents(
    items: Table,
    anchors: Sequence[str],
    task: TaskName = None,
    source: DataSource | None = None,
) -> Places:
    """Return lm-eval's name of each anchor: anchor -> (leaf task, document number).

    lm-eval reports an answer as item ``task/number``; this is how to find the anchor again.

    Args:
        items: the bank's items; columns ``benchmark`` and ``hash`` are used where known.
        anchors: ids of the items to run.
        task: the harness's leaf task.  None: the anchor's group, which is its value in the
            subtask column, else the task of its id ``task/doc_id``, else its benchmark.  Text
            with ``{value}``: the group put in, with blanks as underscores.  Other text: the one
            task of all anchors.  A mapping: group -> task.
        source: where keys are looked up.  Ids ``task/doc_id`` need none; given one without a
            key, the range and hash of each document of its one task are checked in it.

    Raises:
        DataError: an anchor that the bank or the data set does not know, a number out of range,
            a document that lies elsewhere, two anchors that are one document, an uncertain task.
    """
    ids = _known(items, anchors)
    rows = None if source is None else Rows(source)
    places = split_ids(ids) if rows is None or rows.source.key is None else rows.find(ids)
    if source is not None and source.key is not None and source.subtask_column is None:
        benchmark = _lookup(items, "benchmark")
        places = {one: (benchmark[one], number) for one, (_, number) in places.items()}
    names = _task_names({group for group, _ in places.values()}, task)
    documents = {one: (names[group], number) for one, (group, number) in places.items()}
    bad = sorted(name for name in names.values() if not _LM_EVAL_TASK.fullmatch(name))
    if bad:
        raise DataError(f"not the name of an lm-eval task: {examples(bad)}; name the task")
    if rows is not None:
        _check_source(rows, documents, _lookup(items, "hash"))
    if len(set(documents.values())) < len(documents):
        raise DataError("several anchors are the same document; check the task names")
    return documents


def write_lm_eval(samples: Mapping[str, Sequence[int]], path: Path) -> None:
    """Write the file for ``--samples``, all or nothing.

    Raises:
        DataError: document numbers that lm-eval would run or report wrongly.
    """
    for task, numbers in samples.items():
        if not numbers or list(numbers) != sorted(set(numbers)) or numbers[0] < 0:
            raise DataError(f"the document numbers of {task!r} must increase strictly from 0 up")
    write_file(Path(path), (json.dumps(samples, indent=1) + "\n").encode("ascii"))


def lm_eval_command(samples: Collection[str], path: Path, output: str = "results") -> str:
    """Return the command line that runs the anchors, with MODEL to be filled in.

    It names exactly the tasks of ``samples``, because lm-eval runs any other task in full.  Do
    not add ``--cache_requests`` or ``--use_cache``: neither cache knows of the selection.
    """
    chosen = ["--tasks", ",".join(samples), "--samples", str(path), "--log_samples"]
    model = ["--output_path", output, "--model", "hf", "--model_args", "pretrained=MODEL"]
    return shlex.join(["lm-eval", "run", *chosen, *model])


def export_inspect(items: Table, anchors: Sequence[str], *, task: TaskName = None) -> list[str]:
    """Return what Inspect's ``--sample-id`` takes, to be joined by commas: ``task:id`` each.

    An item's task is its benchmark, or what precedes the last slash of its id; its sample id is
    the item's id without that.  ``task`` renames as in :func:`lm_eval_documents`.

    Raises:
        DataError: an id that Inspect would take for a pattern or for several ids, or two that
            it would take for one.
    """
    benchmark = _lookup(items, "benchmark")
    places = [_inspect_place(one, benchmark[one]) for one in _known(items, anchors)]
    names = _task_names({group for group, _ in places}, task)
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
    """Return the command line that runs these samples, with TASK and MODEL to be filled in."""
    chosen = "--sample-id=" + ",".join(selectors)
    return shlex.join(["inspect", "eval", "TASK", chosen, "--model", "MODEL"])


def export_csv(items: Table, anchors: Anchors) -> str:
    """Return the anchors as csv: rank, item, benchmark, subject, weight."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_anchor_rows(items, anchors))
    return out.getvalue()


def export_jsonl(items: Table, anchors: Anchors) -> str:
    """Return the anchors as JSON lines: rank, item, benchmark, subject, weight."""
    return "".join(json.dumps(row) + "\n" for row in _anchor_rows(items, anchors))


def _anchor_rows(items: Table, anchors: Anchors) -> list[dict[str, object]]:
    chosen = items.take(items.index(anchors.items, "anchor"))
    columns = (
        range(len(anchors)),
        anchors.items,
        chosen.column("benchmark", ""),
        chosen.column("subject", ""),
        anchors.weights.tolist(),
    )
    return [dict(zip(_FIELDS, row, strict=True)) for row in zip(*columns, strict=True)]


def _known(items: Table, anchors: Sequence[str]) -> tuple[str, ...]:
    ids = as_ids(anchors, "anchor")
    items.index(ids, "anchor")
    if not ids:
        raise DataError("there are no anchors to export, and a harness told nothing runs it all")
    return ids


def _lookup(items: Table, column: str) -> dict[str, str]:
    return dict(zip(items.ids, items.column(column, ""), strict=True))


def _task_names(groups: Collection[str], task: TaskName) -> dict[str, str]:
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


def _check_source(rows: Rows, documents: Places, hashes: Mapping[str, str]) -> None:
    source, tasks = rows.source, {name for name, _ in documents.values()}
    if source.subtask_column is None and len(tasks) > 1:
        raise DataError(
            f"{source} is one task without a subtask column, but the anchors are of "
            f"{len(tasks)}: {examples(sorted(tasks))}; name the column or the task"
        )
    if source.key is None:
        rows.check({one: number for one, (_, number) in documents.items()}, hashes)


def _inspect_place(item: str, benchmark: str) -> tuple[str, str]:
    if benchmark:
        return benchmark, item.removeprefix(benchmark + "/")
    task, _, sample = item.rpartition("/")
    return task, sample


def _is_plain(task: str, sample: str) -> bool:
    if re.search(r"[,*?\[]", task + sample) or ":" in (task or sample):
        return False
    return sample != "" and sample == sample.strip()
