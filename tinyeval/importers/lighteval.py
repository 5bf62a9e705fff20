"""Details of lighteval (Hugging Face), written with ``--save-details``.

An item is ``task/id of the document``, or the number of its row where ids are not unique; its
subject is the task, its benchmark what precedes a colon in the task's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from tinyeval.errors import DataError
from tinyeval.importers.base import Options
from tinyeval.importers.block import Merged
from tinyeval.importers.details_files import DetailsFile, describe, details_below, is_results
from tinyeval.importers.details_job import DetailsJob
from tinyeval.importers.details_table import DOCUMENTS, STRUCTURES, count_rows, may_name, schema_of
from tinyeval.importers.harness import read_jobs
from tinyeval.importers.walk import files_below

FEW = 20
"""Files with the results of runs that a sniffer looks into."""


class LightevalImporter:
    """Reads files of details, and folders of them."""

    def sniff(self, path: Path) -> str:
        """Accept details of other suites than ``harness``, and a run's results."""
        found = next(details_below(path, harness=False), None)
        if found is not None:
            return found.name
        if path.is_file():
            there = may_name(path, DOCUMENTS) and may_name(path, STRUCTURES)
            names = set(getattr(schema_of(path) if there else None, "names", ()))
            known = names & set(DOCUMENTS) and names & set(STRUCTURES)
            return "a document and its metrics in each row" if known else ""
        some = islice(files_below(path, r"results_.+\.json"), FEW)
        return next((f"{one.name} with config_general" for one in some if is_results(one)), "")

    def read(self, paths: Sequence[Path], options: Options) -> Merged:
        """Read one metric of each task."""
        files: dict[Path, None] = {}
        for path in paths:
            parquet = path.is_file() and path.suffix == ".parquet"
            there = [path] if parquet else list(details_below(path, harness=False))
            if not there:
                raise DataError(
                    f"{path}: found no details_*.parquet, which hold the scores of single items; "
                    "run lighteval with --save-details"
                )
            files |= dict.fromkeys(there)
        found = describe(files)
        if not options.partial:
            _check_limits(found)
        jobs = [
            DetailsJob(
                one.path,
                one.task.name,
                one.task.name.partition(":")[0],
                one.run,
                options.rules,
                size=one.size,
                higher=one.higher,
                guessed=one.guessed,
                start=one.start,
            )
            for one in found
        ]
        return read_jobs(jobs, options)


def _check_limits(files: Sequence[DetailsFile]) -> None:
    """Raise where a run stopped at ``--max-samples`` and nothing says how many there are."""
    for one in files:
        if one.limit and not one.size and count_rows(one.path) == one.limit:
            raise DataError(
                f"{one.path}: was run with --max-samples {one.limit:,}, and does not say how many "
                f"documents {one.task.name!r} has; pass --partial to take it as it is"
            )
