"""Details of the first Open LLM Leaderboard (Hugging Face, 2023 and 2024).

Each model has a repository ``details_<org>__<model>`` with a Parquet file for each task.  A
document has no id but the number of its row; its text is compared between models.  The 57 tasks
``hendrycksTest_<subject>`` are one benchmark.  Where a task has several metrics, that is read of
which the leaderboard was made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.importers.base import Options, Rules
from tinyeval.importers.block import Merged
from tinyeval.importers.details_files import DetailsFile, describe, details_below
from tinyeval.importers.details_job import DetailsJob
from tinyeval.importers.harness import read_jobs

METRICS = {"arc": "acc_norm", "hellaswag": "acc_norm", "truthfulqa": "mc2"}
"""Beginning of a task's name -> the metric that the leaderboard took; else ``acc``."""

MMLU = "hendrycksTest"


class LeaderboardImporter:
    """Reads files of details, repositories of a model, and folders of these."""

    def sniff(self, path: Path) -> str:
        """Accept Parquet files of tasks called ``harness|...`` or ``harness_...``."""
        found = next(details_below(path, harness=True), None)
        if found is None:
            return ""
        return found.name if "harness" in found.name else f"{found.parent.name}/{found.name}"

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one metric of each task."""
        files: dict[Path, None] = {}
        for path in paths:
            found = list(details_below(path, harness=True))
            if not found:
                raise DataError(
                    f"{path}: found no Parquet files of tasks called harness|TASK|SHOTS; download "
                    "a model's repository details_ORG__MODEL with its folders"
                )
            files |= dict.fromkeys(found)
        return read_jobs([_job(one, options.rules) for one in describe(files)], options)


def _job(file: DetailsFile, rules: Rules) -> DetailsJob:
    task = re.sub(r"\W", "_", file.task.name)
    metric = next((found for start, found in METRICS.items() if task.startswith(start)), "acc")
    benchmark = MMLU if task.startswith(MMLU) else task
    return DetailsJob(
        file.path, task, benchmark, file.run, rules, metric, guessed=file.guessed, start=file.start
    )
