"""Does a plan keep what it promises?  Fresh models, planned without and measured with the bank.

    python -m paper_repro.plan --data DIR [--splits 6]

A quarter of the models is held out, near copies together.  ``plan`` sees the others and finds the
number of items for an error; ``build`` builds that bank from them; the held-out models are
predicted.  A split that lies in plan.csv already is not measured again.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import time
from pathlib import Path
from typing import Any

import numpy as np

from paper_repro.engine.data import add_data_option
from paper_repro.engine.markdown import lines_of
from tinyeval import ResponseMatrix, Settings, build, plan, read_results
from tinyeval.config.expect import for_models
from tinyeval.families import find_families
from tinyeval.groups import number_groups
from tinyeval.source_models import usable

GOALS = {
    "swebench_verified": 0.03,
    "agent_terminal_bench_112": 0.05,
    "ollb1_arc": 0.02,
    "helm_legalbench_79": 0.03,
    "ollb2_ifeval_musr": 0.025,
}
"""Sets, and the error to reach in score units."""

LARGEST = 240
"""Models drawn of a larger set, once."""

HELD_OUT = 0.25

FIELDS = (
    *("set", "split", "expect", "goal", "models", "items", "recipe", "promised", "low", "high"),
    *("measured", "promised_width", "width", "coverage", "test_models", "seconds"),
)

Row = dict[str, Any]


def main() -> None:
    """Measure what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="of the tables")
    parser.add_argument("--sets", default="", help="only these, with commas")
    parser.add_argument("--splits", type=int, default=6, help="number of splits of each set")
    parser.add_argument("--expect", default="any", help="similar, any or beyond; with commas")
    given = parser.parse_args()
    path = given.out / "plan.csv"
    rows = _read(path)
    done = {(row["set"], row["split"], row["expect"]) for row in rows}
    names = given.sets.split(",") if given.sets else list(GOALS)
    for split in range(given.splits):
        for name in names:
            for expect in given.expect.split(","):
                if (name, str(split), expect) not in done:
                    rows.append(_measured(given.data, name, split, expect))
                    _write(path, rows)
                    print(*rows[-1].values(), flush=True)
    if rows:
        (given.out / "plan.md").write_text(_page(_read(path)))


def _measured(data: Path, name: str, split: int, expect: str) -> Row:
    """Plan on three quarters of the models, build, and predict the others."""
    responses, goal = _responses(data, name), GOALS[name]
    source, test = _split(responses, split)
    settings = Settings().replace(device="cpu")
    start = time.perf_counter()
    found = plan(source, error=goal, expect=expect, settings=settings)
    seconds = time.perf_counter() - start
    items = found.items or found.most
    if found.recipe == "random+ridge":
        recipe = settings.replace(selection={"method": "random"}, estimator={"method": "ridge"})
    else:
        recipe = for_models(settings, found.recipe)
    predictions = build(source, items=items, settings=recipe).predict(test)
    truth = np.nanmean(test.scores, axis=1)
    lower, upper = (np.array([getattr(p, end) for p in predictions]) for end in ("lower", "upper"))
    error = np.abs([one.score for one in predictions] - truth)
    values = (
        *(name, split, expect, goal, source.n_models, items, found.recipe),
        *(round(one, 6) for one in (found.promise.error, found.low, found.high, error.mean())),
        *(round(one, 6) for one in (found.promise.width, (upper - lower).mean())),
        round(float(((lower <= truth) & (truth <= upper)).mean()), 4),
        *(len(truth), round(seconds, 1)),
    )
    return dict(zip(FIELDS, values, strict=True))


def _split(responses: ResponseMatrix, split: int) -> tuple[ResponseMatrix, ResponseMatrix]:
    """Hold out a quarter of the models; a model and its near copies stay on one side."""
    families = find_families(responses, Settings())
    rng = np.random.default_rng([0, split])
    group = number_groups(families.responses.models, families.settings.interval.groups, rng)
    before = np.cumsum(np.bincount(group)) - np.bincount(group)  # groups have a random order
    out = before[group] < round(HELD_OUT * len(group))
    return responses.take(~out), responses.take(out)


def _responses(data: Path, name: str) -> ResponseMatrix:
    responses, _ = usable(read_results(data / name / "responses.parquet"))
    order = np.random.default_rng(0).permutation(responses.n_models)
    return responses.take(np.sort(order[:LARGEST]))


def _read(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _page(rows: list[Row]) -> str:
    """Return the means over the splits of each set."""
    lines = []
    for key in dict.fromkeys((row["set"], row["expect"]) for row in rows):
        own = [row for row in rows if (row["set"], row["expect"]) == key]

        def column(name: str, own: list[Row] = own) -> np.ndarray:
            return np.array([float(row[name]) for row in own])

        promised, measured = column("promised"), column("measured")
        ratio = measured.mean() / promised.mean()
        doubt = (measured / promised).std(ddof=1) / np.sqrt(len(own)) if len(own) > 1 else np.nan
        inside = (column("low") <= measured) & (measured <= column("high"))
        low, high = column("items").min(), column("items").max()
        lines.append(
            [
                *key,
                f"{column('models')[0]:.0f}",
                f"{100 * column('goal')[0]:g}",
                f"{np.median(column('items')):.0f} ({low:.0f} to {high:.0f})",
                f"{100 * promised.mean():.2f}",
                f"{100 * measured.mean():.2f}",
                f"{ratio:.2f} ({doubt:.2f})",
                f"{inside.sum()} of {len(own)}",
                f"{100 * column('promised_width').mean():.1f}",
                f"{100 * column('width').mean():.1f}",
                f"{column('coverage').mean():.2f}",
            ]
        )
    head = ["set", "expect", "models", "goal", "items", "promised", "measured"]
    head += ["measured / promised", "within the range stated", "width promised", "width"]
    head += ["coverage"]
    return f"{TEXT}\n\n{lines_of(head, lines)}\n\n{_note(rows)}\n"


def _note(rows: list[Row]) -> str:
    seconds = sum(float(row["seconds"]) for row in rows)
    return (
        f"Command: `python -m paper_repro.plan --data DIR`; {datetime.date.today()}; "
        f"{len(rows)} plans, {seconds / len(rows):.0f} s each on a busy core."
    )


TEXT = """# Does a plan keep what it promises?

A quarter of the models is held out, near copies together; `plan --error` sees the others, `build`
makes the bank that it advises, and the held-out models are predicted. Errors and widths in
percentage points, means over splits; in brackets the standard error of the ratio over splits. A
single split has 20 to 60 held-out models, whose mean error is by itself uncertain by 10 to 15 %.
The range that a plan states is for many models, so single splits often miss it."""


if __name__ == "__main__":
    main()
