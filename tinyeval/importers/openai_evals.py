"""Logs of OpenAI Evals (``oaieval``): a line with the run's ``spec``, then one for each event.

A mark is ``correct`` of a ``match``, or a number of the event ``metrics``, such as the ``score`` of
a grader.  Several of one sample are trials.  A sample of which an error was recorded, and no mark,
is lost.  An item is the sample's own id, such as ``coqa.dev.12``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyeval.errors import DataError
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Merged, Run
from tinyeval.importers.find import files_of, sniff_below
from tinyeval.importers.harness import FileJob, lost, lost_mark, read_jobs, run_block
from tinyeval.importers.heads import has_keys, head
from tinyeval.importers.objects import as_mapping, mapping
from tinyeval.importers.rawtable import parse_score
from tinyeval.importers.textfiles import json_records

FILES = r".+\.jsonl"
SPEC = ("spec", "eval_name", "run_config")
MARKED = ("match", "metrics")
"""Kinds of events that have marks."""


class OpenAiEvalsImporter:
    """Reads logs, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept lines of which the first has a spec with eval_name and run_config."""
        return sniff_below(path, FILES, _why)

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one mark of each sample."""
        missing = "found no log whose first line is the spec of a run with eval_name here"
        jobs = [LogJob(one, options.rules) for one in files_of(paths, FILES, _why, missing)]
        for job in jobs:
            job.check(options.partial)
        return read_jobs(jobs, options)


def _why(path: Path) -> str:
    line = head(path).partition("\n")[0] if path.suffix == ".jsonl" else ""
    known = line.lstrip().startswith('{"spec"') and has_keys(line, *SPEC)
    return f"the spec of a run with eval_name and run_config ({path.name})" if known else ""


@dataclass
class Samples:
    """What a log says of its samples.

    Attributes:
        marks: metric -> sample -> marks.
        failed: samples with an error, and its kind.
        ended: whether the run wrote its final report.
    """

    marks: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    ended: bool = False


class LogJob(FileJob):
    """How a log is read."""

    def check(self, partial: bool) -> None:
        """Raise where a run was told to take only some samples, unless that is accepted."""
        most = as_mapping(self._spec().get("run_config")).get("max_samples")
        if most is not None and not partial:
            raise DataError(
                f"{self.path}: was run with --max_samples {most!r:.20}, and does not say how many "
                "samples there are; pass --partial to take it as it is"
            )

    def read(self) -> Block:
        """Read one metric."""
        spec = self._spec()
        name = str(spec.get("eval_name") or self.path.stem)
        samples = self._samples()
        if not samples.marks:
            raise DataError(
                f"{self.path}: has no event 'match', nor 'metrics' with a number, so nothing tells "
                "which samples are right; only its final report may say how many are"
            )
        metric = self.rules.metric.pick(name, list(samples.marks), str(self.path))
        marks = dict(samples.marks[metric])
        failed = [one for one in samples.failed if one not in marks]
        marks |= {one: [lost_mark(self.rules)] for one in failed}
        told = [f"{samples.failed[one]}: {one}" for one in failed]
        findings = [*lost(self.rules, "samples ended with an error", told)]
        if not samples.ended:
            what = "logs have no final report: their runs may have ended early"
            findings.append(Finding("doubt", what, 1, (self.path.name,)))
        return run_block(
            self.path,
            _run(self.path, spec),
            marks,
            self.rules,
            benchmark=name,
            chosen={"metric": metric},
            findings=findings,
        )

    def _spec(self) -> Mapping[str, Any]:
        line, first = next(json_records(self.path), (1, {}))
        spec = first.get("spec")
        if not isinstance(spec, dict):
            raise DataError(f"{self.path}:{line}: expected the spec of a run, found {first!r:.60}")
        return spec

    def _samples(self) -> Samples:
        found = Samples()
        for line, event in json_records(self.path):
            found.ended |= "final_report" in event
            kind, sample, data = event.get("type"), event.get("sample_id"), event.get("data")
            if not isinstance(sample, str) or not isinstance(data, dict):
                continue
            if kind == "error":
                found.failed.setdefault(sample, str(data.get("type") or "error"))
            elif kind in MARKED:
                for name, mark in self._marks(str(kind), data, line):
                    found.marks.setdefault(name, {}).setdefault(sample, []).append(mark)
        return found

    def _marks(self, kind: str, data: Mapping[str, Any], line: int) -> Iterator[tuple[str, float]]:
        if kind == "match":
            try:
                yield "correct", parse_score(data.get("correct"))
            except ValueError as error:
                where = f"{self.path}:{line}"
                raise DataError(f"{where}: 'correct' is no number but {error}") from error
            return
        for name, value in data.items():
            if isinstance(value, bool | int | float):
                yield name, float(value)


def _run(path: Path, spec: Mapping[str, Any]) -> Run:
    """Return the run: the first completion function answers, the others grade or help."""
    named = spec.get("completion_fns") or mapping(spec, "model_names").get("completions")
    names = [str(one) for one in named] if isinstance(named, list) else []
    model = names[0] if names else str(spec.get("model_name") or "")
    if not model.strip():
        raise DataError(f"{path}: expected completion_fns in the spec, found {spec!r:.60}")
    asked = mapping(spec, "run_config")
    seed = str(asked.get("seed") or "")
    settings = {"grader": ",".join(names[1:]), "seed": "" if seed == "20220722" else seed}
    return Run(model, {}, settings, str(spec.get("created_at") or "")[:19])
