"""Train the population: small transformers, and what their checkpoints answer to every item.

    python -m item_banks.language.population --runs 30 --jobs 2

Each run's answers are a file of their own in the folder of parts: a population that is stopped
goes on where it was, and grows with a larger ``--runs``.  ``dump.py`` joins the parts.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from item_banks.language.benchmark import PER_LEVEL, TextItem, make_items
from item_banks.language.parts import Part, key_of, measure, read_part
from item_banks.language.runs import Run, draw_run
from tinyeval import TinyEvalError
from tinyeval.errors import ConfigError, DataError

PARTS = Path(__file__).parent / ".parts"
RUNS, STEPS, CHECKPOINTS = 24, 2000, 10


@dataclass(frozen=True)
class Plan:
    """What is measured of every run.

    Attributes:
        items: of the benchmark.
        at: steps of the checkpoints.
        folder: of the parts.
        device: where runs are trained.
    """

    items: tuple[TextItem, ...]
    at: tuple[int, ...]
    folder: Path
    device: str

    def path(self, run: Run) -> Path:
        """Return where a run's part lies."""
        return self.folder / f"{run.name}.npz"

    def is_done(self, run: Run) -> bool:
        """Say whether a run's part is there, whole, and made from the same settings."""
        try:
            return read_part(self.path(run))[1] == key_of(run, self.items, self.at)
        except DataError:
            return False


def grow(plan: Plan, runs: Sequence[Run], jobs: int = 1) -> int:
    """Measure the runs whose parts are not there, and return how many they were.

    Args:
        plan: what is measured.
        runs: the population.
        jobs: processes; the order in which runs end changes nothing.
    """
    missing = [run for run in runs if not plan.is_done(run)]
    with tqdm(total=len(runs), initial=len(runs) - len(missing), unit="run") as bar:
        for part in _measured(plan, missing, jobs, bar):
            score = part.scores.mean(axis=1)
            seconds = part.train_seconds.sum(), part.answer_seconds.sum()
            tqdm.write(
                f"{part.run.name}: {part.run.architecture} of {part.parameters:,}, "
                f"{score[0]:.3f} to {score[-1]:.3f}, "
                f"{seconds[0]:.0f} s learning and {seconds[1]:.0f} s answering",
                file=sys.stderr,
            )
            bar.update()
    return len(missing)


def _measured(plan: Plan, runs: Sequence[Run], jobs: int, bar: tqdm) -> Iterator[Part]:
    if jobs == 1:
        for run in runs:
            yield measure_and_save(plan, run, bar)
        return
    # forking a process that has used a GPU, or threads, is not safe
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        for done in as_completed([pool.submit(measure_and_save, plan, run) for run in runs]):
            yield done.result()


def measure_and_save(plan: Plan, run: Run, bar: tqdm | None = None) -> Part:
    """Measure a run on one thread, and keep what it answered."""
    import torch

    torch.set_num_threads(1)  # models so small are slower on several
    said = bar.set_postfix_str if bar is not None else None
    part = measure(run, plan.items, plan.at, plan.device, said)
    part.save(plan.path(run), key_of(run, plan.items, plan.at))
    return part


def find_device(name: str) -> str:
    """Return the device to use; ``auto`` is a GPU where there is one.

    Raises:
        ConfigError: a GPU is asked for and there is none, or another name.
    """
    import torch

    there = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
    if name not in ("auto", *there):
        raise ConfigError(f"expected --device auto or {' or '.join(there)}, found {name!r}")
    return there[-1] if name == "auto" else name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--runs", type=int, default=RUNS, help="runs in all")
    parser.add_argument("--steps", type=int, default=STEPS, help="of a run")
    parser.add_argument("--checkpoints", type=int, default=CHECKPOINTS, help="of a run, from 0 on")
    parser.add_argument("--per-level", type=int, default=PER_LEVEL, help="items of a family")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--parts", type=Path, default=PARTS, help="folder of the parts")
    given = parser.parse_args(arguments)
    for name in ("runs", "jobs", "per_level"):
        if getattr(given, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be 1 or more")
    try:
        from item_banks.language.learning import log_spaced

        at = log_spaced(given.steps, given.checkpoints)
        plan = Plan(
            make_items(per_level=given.per_level), at, given.parts, find_device(given.device)
        )
        grow(plan, [draw_run(number) for number in range(given.runs)], given.jobs)
    except TinyEvalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
