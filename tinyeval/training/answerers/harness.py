"""Answers of any model that the installed lm-evaluation-harness can run.

The harness runs as a process of its own, on exactly the documents of the items (``--samples``), and
its logs are read.  Its tasks ask and mark as they did in the history, if they run by the same
options.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tinyeval.asking.mark import Mark
from tinyeval.bank.item_bank import ItemBank
from tinyeval.errors import (
    ConfigError,
    DataError,
    DependencyError,
    TinyEvalError,
    examples,
    one_line,
)
from tinyeval.exporters.lm_eval import lm_eval_places
from tinyeval.importers import check_hashes, import_results
from tinyeval.responses import ResponseMatrix
from tinyeval.training.answerers.base import Answerer, Part
from tinyeval.training.answerers.function import seen
from tinyeval.training.items import Item

MODEL = "{model}"
"""Stands for the model's folder or name in the harness's arguments."""

OWN = {
    **dict.fromkeys(("--tasks", "-t", "--samples", "-E"), "the bank names the items"),
    **dict.fromkeys(("--limit", "-L"), "the bank names the items"),
    **dict.fromkeys(("--output_path", "-o", "--log_samples", "-s"), "the logs are read from there"),
    **dict.fromkeys(("--use_cache", "-c", "--cache_requests"), "it ignores the choice of items"),
}
"""Options of the harness that tinyeval sets or that would spoil the answers, and why."""

_ERROR = re.compile(r"[\w.]*(?:Error|Exception|Exit)\b")

TAIL = 4000
"""Bytes of the harness's last words that are kept for a message."""


@dataclass(frozen=True)
class HarnessAnswerer(Answerer):
    """Runs lm-evaluation-harness.

    Attributes:
        bank: the bank whose items are asked: they must be documents of the harness's tasks.
        arguments: further options of the harness, in which ``{model}`` stands for the model.
        metric: which metric to read, as ``predict --metric``; None: that which the items' content
            names.
        filter: which answer filter to read, as ``predict --filter``.
        show: called with what the harness prints while it runs.
    """

    bank: ItemBank
    arguments: tuple[str, ...]
    metric: str | None = None
    filter: str | None = None
    show: Callable[[bytes], None] = lambda data: None
    needs_content = False

    @classmethod
    def of(cls, bank: ItemBank, text: str, **options: Any) -> HarnessAnswerer:
        """Return the answerer for options as they are written on a command line.

        Args:
            bank: see the class.
            text: options of the harness; none of ``--model_args``: ``{model}`` is run by ``hf``.
            options: further attributes.

        Raises:
            ConfigError: text that a shell cannot split, or an option that tinyeval sets.
        """
        try:
            given = shlex.split(text)
        except ValueError as error:
            raise ConfigError(f"--lm-eval {text!r}: cannot be split ({error})") from error
        for one in given:
            name = one.partition("=")[0]
            if name in OWN:
                raise ConfigError(f"--lm-eval {text!r}: leave out {name}: {OWN[name]}")
        if not {"--model_args", "-a"} & {one.partition("=")[0] for one in given}:
            given += ["--model_args", f"pretrained={MODEL}"]
        return cls(bank, tuple(given), **options)

    @property
    def takes_a_model(self) -> bool:
        """Whether the arguments have a place for the model's name."""
        return any(MODEL in one for one in self.arguments)

    def check(self, items: Sequence[Item], model: Any) -> str:
        """Raise unless the harness is installed, and the items are documents of its tasks.

        Raises:
            DependencyError: it is not installed.
            DataError: an item whose document is not certain.
        """
        _version()
        self._places(items)
        return ""

    def answer(self, items: Sequence[Item], model: Any) -> Iterator[Part]:
        """Run the harness and yield the scores at its end.

        Raises:
            TinyEvalError: it failed.
            DataError: logs without some items, or of other documents.
        """
        places = self._places(items)
        metric = self.metric or _metrics(places, items)
        folder = Path(tempfile.mkdtemp(prefix="tinyeval-lm-eval-"))
        self._run(places, folder, model)
        try:
            scores = self._read(folder / "logs", places, metric)
        except TinyEvalError as error:
            logs = folder / "logs"
            raise DataError(
                f"{error} (no answer is lost: `tinyeval predict BANK {logs}` reads them by the "
                "options that it names)"
            ) from error
        shutil.rmtree(folder, ignore_errors=True)
        yield scores

    def identity(self, model: Any) -> dict[str, Any]:
        """Return the harness's version and arguments, and the files of the model."""
        asked = {"metric": self.metric, "filter": self.filter, "model": seen(model)}
        return {"lm-eval": _version(), "arguments": list(self.arguments), **asked}

    def name(self, model: Any) -> str:
        """Return the model's name, or the arguments that name one."""
        return shlex.join(self.arguments) if model is None else super().name(model)

    def _places(self, items: Sequence[Item]) -> dict[str, tuple[str, int]]:
        run = self.bank.settings["run"]
        return lm_eval_places(self.bank.items, [one.id for one in items], **run)

    def _run(self, places: Mapping[str, tuple[str, int]], folder: Path, model: Any) -> None:
        samples: dict[str, list[int]] = {}
        for task, number in sorted(places.values()):
            samples.setdefault(task, []).append(number)
        (folder / "samples.json").write_text(json.dumps(samples), encoding="utf-8")
        command = [sys.executable, "-m", "lm_eval", "--tasks", ",".join(samples)]
        command += ["--samples", str(folder / "samples.json"), "--log_samples"]
        command += ["--output_path", str(folder / "logs")]
        own = [one.replace(MODEL, str(model)) for one in self.arguments]
        command += own
        code, words = _listen(command, self.show)
        if code != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise TinyEvalError(
                f"lm-eval ended with code {code}: {_last_error(words)}; its arguments were "
                f"{shlex.join(own)}"
            )

    def _read(
        self, logs: Path, places: Mapping[str, tuple[str, int]], metric: str | None
    ) -> dict[str, float]:
        found = import_results(
            [logs], format="lm_eval", metric=metric, filter=self.filter, partial=True
        ).responses
        ids = {f"{task}/{number}": item for item, (task, number) in places.items()}
        other = [one for one in found.items.ids if one not in ids]
        if other or found.n_models != 1:
            raise DataError(f"the logs hold items that were not asked: {examples(other)}")
        named = ResponseMatrix.from_arrays(
            found.scores, found.models.ids, [ids[one] for one in found.items.ids]
        )
        hashes = found.items.column("hash", "")
        check_hashes(
            named.items.with_columns(hash=hashes),
            dict(zip(self.bank.items.ids, self.bank.items.column("hash", ""), strict=True)),
        )
        soft = named.soft_on(named.items.ids)[0]
        marks = map(Mark, named.scores[0].tolist(), soft.tolist())
        return dict(zip(named.items.ids, marks, strict=True))


def _metrics(places: Mapping[str, tuple[str, int]], items: Sequence[Item]) -> str | None:
    """Return the metric of each task as the items' content names it; None if it names none."""
    of_task: dict[str, set[str]] = {}
    for one in items:
        if one.metric:
            of_task.setdefault(places[one.id][0], set()).add(one.metric)
    single = [f"{task}={found.pop()}" for task, found in of_task.items() if len(found) == 1]
    return ",".join(single) or None


def _version() -> str:
    try:
        return version("lm_eval")
    except PackageNotFoundError as error:
        raise DependencyError(
            "lm-evaluation-harness is not installed here: pip install 'tinyeval[lm-eval]'"
        ) from error


def _listen(command: Sequence[str], show: Callable[[bytes], None]) -> tuple[int, str]:
    """Run a command; return its exit code and the end of what it wrote to stderr."""
    words = b""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        try:
            while data := process.stderr.read1(4096):  # type: ignore[attr-defined]
                show(data)
                words = (words + data)[-TAIL:]
        except BaseException:
            process.terminate()
            raise
    return process.returncode, words.decode("utf-8", "replace")


def _last_error(words: str) -> str:
    """Return the last exception that a program told of, which may take several lines, or line."""
    lines = [line for line in words.replace("\r", "\n").splitlines() if line.strip()]
    begins = [k for k, line in enumerate(lines) if _ERROR.match(line)]
    told = "\n".join(lines[begins[-1] if begins else -1 :])
    return one_line(told, 400) if told else "without a word"
