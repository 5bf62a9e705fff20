"""Exporters: the anchors in the formats of other programs.

A new exporter is one file with a function ``(bank, request) -> Exported``, and one line in
``EXPORTERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from tinyeval.errors import ConfigError

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.exporters.tasks import TaskName


@dataclass(frozen=True)
class Request:
    """What the user specifies for an export.

    Attributes:
        task: the harness's name of the task, see :data:`tinyeval.exporters.tasks.TaskName`.
        lookup: fields of :class:`~tinyeval.exporters.documents.DataSource` that override the bank's
            recipe.
        path: the file that the printed command names.
        items: ids of the items to export; none: the anchors.
        model: the model that they were drawn for; a table names it in every row.
    """

    task: TaskName = None
    lookup: Mapping[str, str] = field(default_factory=dict)
    path: Path = Path("samples.json")
    items: tuple[str, ...] = ()
    model: str = ""

    def asked(self, bank: ItemBank) -> tuple[str, ...]:
        """Return the ids of the items to export, in their order."""
        return self.items or bank.anchors.items


class Exported(NamedTuple):
    """What is written, and the command line that uses it.

    Attributes:
        text: of the file.
        command: "" if there is none.
        more: stage -> text of a file of its own, for a bank of two stages; the file's name has the
            stage before its ending.
    """

    text: str
    command: str = ""
    more: Mapping[str, str] = MappingProxyType({})


def stage_path(path: Path, stage: str) -> Path:
    """Return the name of a stage's file: ``samples.json`` becomes ``samples.within.json``."""
    return path.with_name(f"{path.stem}.{stage}{path.suffix}")


class Exporter(NamedTuple):
    """How a bank's anchors are exported.

    Attributes:
        function: ``module:function``.
        looks_up: whether it looks items up in a data set.
        file: the usual name of the file that the printed command reads, "" if it reads none.
        results: where the harness writes what ``tinyeval predict`` reads, "" if that is not known.
    """

    function: str
    looks_up: bool = False
    file: str = ""
    results: str = ""


EXPORTERS: dict[str, Exporter] = {
    "lm-eval": Exporter(
        "tinyeval.exporters.lm_eval:export_lm_eval",
        looks_up=True,
        file="samples.json",
        results="results",
    ),
    "swebench": Exporter(
        "tinyeval.exporters.agents:export_swe_bench",
        file="instances.txt",
        results="MODEL.RUN.json",
    ),
    "terminal-bench": Exporter(
        "tinyeval.exporters.agents:export_terminal_bench", file="tasks.txt", results="jobs/JOB"
    ),
    "inspect": Exporter("tinyeval.exporters.inspect:export_inspect"),
    "csv": Exporter("tinyeval.exporters.tables:export_csv"),
    "jsonl": Exporter("tinyeval.exporters.tables:export_jsonl"),
}


def export(bank: ItemBank, target: str, request: Request | None = None) -> Exported:
    """Return a bank's anchors in the format of ``target``.

    Args:
        bank: the bank; ``bank.head(n)`` exports its first n anchors.
        target: a key of ``EXPORTERS``.
        request: what the bank does not state.

    Raises:
        ConfigError: an unknown target, or a data set for a target that needs none.
        DataError: anchors that the target could not identify with certainty.
    """
    if target not in EXPORTERS:
        raise ConfigError(f"unknown export {target!r}; known are: {', '.join(EXPORTERS)}")
    entry = EXPORTERS[target]
    request = request or Request(path=Path(entry.file))
    if request.lookup and not entry.looks_up:
        raise ConfigError(f"an export to {target} looks nothing up in a data set; name none")
    module, name = entry.function.split(":")
    function: Callable[[ItemBank, Request], Exported] = getattr(import_module(module), name)
    return function(bank, request)


__all__ = ["EXPORTERS", "Exported", "Request", "export", "stage_path"]
