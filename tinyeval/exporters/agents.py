"""The anchors for harnesses of agents, which select tasks by name: SWE-bench and Harbor.

Both name files of ids, one a line.  SWE-bench's harness takes ids with ``--instance_ids``
(swebench 5.0), Harbor, which runs Terminal-Bench 2.0, names or patterns with ``-i`` (harbor 0.26).
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from tinyeval.errors import DataError, examples
from tinyeval.exporters import Exported, Request
from tinyeval.exporters.tasks import by_item, known_anchors

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank

_INSTANCE = re.compile(r"[\w.-]+__[\w.-]+", re.ASCII)
_TASK = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


def export_swe_bench(bank: ItemBank, request: Request) -> Exported:
    """Return the ids of the instances, one a line, and the command that evaluates patches of them.

    Raises:
        DataError: an anchor that is not called like an instance of SWE-bench.
    """
    ids = _names(bank, request, _INSTANCE, "instances of SWE-bench, such as 'django__django-11740'")
    dataset = _dataset(bank, request, "DATASET")
    head = ["python", "-m", "swebench.harness.run_evaluation", "--dataset_name", dataset]
    tail = ["--predictions_path", "PREDICTIONS", "--run_id", "RUN"]
    chosen = f"--instance_ids $(cat {shlex.quote(str(request.path))})"
    return Exported(_lines(ids), f"{shlex.join(head)} {chosen} {shlex.join(tail)}")


def export_terminal_bench(bank: ItemBank, request: Request) -> Exported:
    """Return the names of the tasks, one a line, and the command that has an agent do them.

    Raises:
        DataError: an anchor that is not called like a task of Terminal-Bench.
    """
    ids = _names(bank, request, _TASK, "tasks of Terminal-Bench, such as 'fix-git'")
    dataset = _dataset(bank, request, "terminal-bench@2.0")
    chosen = f"$(sed 's/^/-i /' {shlex.quote(str(request.path))})"
    head = shlex.join(["harbor", "run", "-d", dataset])
    return Exported(_lines(ids), f"{head} {chosen} -a AGENT -m MODEL -k ATTEMPTS")


def _names(bank: ItemBank, request: Request, form: re.Pattern[str], what: str) -> list[str]:
    """Return the anchors' names without the benchmark before them; all must have the form."""
    benchmark = by_item(bank.items, "benchmark")
    anchors = known_anchors(bank.items, request.asked(bank))
    names = [one.removeprefix(f"{benchmark[one]}/") for one in anchors]
    wrong = [one for one in names if not form.fullmatch(one)]
    if wrong:
        raise DataError(
            f"{len(wrong)} of {len(names)} anchors are not called like {what}: {examples(wrong)}; "
            "export them as csv or jsonl"
        )
    return names


def _dataset(bank: ItemBank, request: Request, unknown: str) -> str:
    """Return the data set that the request, the bank's recipe or else ``unknown`` names."""
    if isinstance(request.task, str):
        return request.task
    return str(bank.settings.get("run", {}).get("dataset") or unknown)


def _lines(names: list[str]) -> str:
    return "".join(f"{one}\n" for one in names)
