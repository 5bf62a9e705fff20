"""Write the answers of a size, in a process of its own: who starts the others stays small."""

from __future__ import annotations

from pathlib import Path

from paper_repro.timing.answers import Size, simulate, write_scores
from paper_repro.timing.child import Figures, Job, answer


def prepare(job: Job) -> Figures:
    """Write simulated answers, or those of a real set."""
    size, path = Size(**job["size"]), Path(job["path"])
    if not size.set:
        simulate(path, size)
        return {}
    from tinyeval import read_results
    from tinyeval.source_models import usable

    responses, _ = usable(read_results(Path(job["data"]) / size.set / "responses.parquet"))
    write_scores(path, responses.scores)
    return {"models": responses.n_models, "items": responses.n_items}


if __name__ == "__main__":
    answer(prepare)
