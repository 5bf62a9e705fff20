"""What it is worth to say which models will come: ``--expect`` similar, any and beyond.

    python -m paper_repro.expect --data DIR

Every model is predicted once from four fifths of the others (within the range), and the strongest
and weakest from the rest, with and without a gap (beyond it), as ``plan`` does.
"""

from __future__ import annotations

import argparse
import csv
import datetime
from pathlib import Path

import numpy as np

from paper_repro.engine.data import add_data_option
from paper_repro.engine.markdown import lines_of
from tinyeval import Settings, read_results
from tinyeval.backtesting.studies import make_studies
from tinyeval.config.expect import EXPECT, for_models
from tinyeval.source_models import usable

SETS = ("swebench_verified", "helm_lite_83", "ollb2_ifeval_musr")

SIZES = (10, 30, 100)

FIELDS = ("set", "models", "items", "expect", "within", "within_se", "beyond", "beyond_se")


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="of the tables")
    parser.add_argument("--sets", default=",".join(SETS), help="with commas")
    given = parser.parse_args()
    rows = [row for name in given.sets.split(",") for row in _measured(given.data, name)]
    with (given.out / "expect.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows(rows)
    (given.out / "expect.md").write_text(_page(rows))


def _measured(data: Path, name: str) -> list[tuple]:
    responses, _ = usable(read_results(data / name / "responses.parquet"))
    settings = Settings().replace(device="cpu")
    recipes = {word: for_models(settings, word) for word in EXPECT}
    within, beyond = make_studies(responses, recipes, "any", 1, None)
    sizes = [n for n in SIZES if n <= responses.n_items]
    for study in (within, beyond):
        study.measure(list(recipes), sizes)
    found = [(n, word, within.at(word, n), beyond.at(word, n)) for n in sizes for word in recipes]
    rows = [
        (
            *(name, responses.n_models, n, word),
            *(round(one.error, 6) for one in (a,)),
            round(a.standard_error, 6),
            round(b.error, 6),
            round(b.standard_error, 6),
        )
        for n, word, a, b in found
    ]
    print(*rows, sep="\n", flush=True)
    return rows


def _page(rows: list[tuple]) -> str:
    """Return errors within and beyond the range, by set and number of items."""
    lines = []
    for name, n in dict.fromkeys((row[0], row[2]) for row in rows):
        own = {row[3]: row for row in rows if (row[0], row[2]) == (name, n)}
        cells = [f"{100 * own[word][4]:.2f}" for word in EXPECT]
        cells += [f"{100 * own[word][6]:.2f}" for word in EXPECT]
        lines.append([str(name), str(n), *cells])
    means = []
    for n in dict.fromkeys(row[2] for row in rows):
        of = [
            np.mean([row[k] for row in rows if row[2:4] == (n, w)]) for k in (4, 6) for w in EXPECT
        ]
        means.append([f"mean of {len({row[0] for row in rows})} sets", str(n)])
        means[-1] += [f"{100 * one:.2f}" for one in of]
    head = ["set", "items", *(f"within: {w}" for w in EXPECT), *(f"beyond: {w}" for w in EXPECT)]
    note = f"Command: `python -m paper_repro.expect --data DIR`; {datetime.date.today()}."
    return f"{TEXT}\n\n{lines_of(head, lines + means)}\n\n{note}\n"


TEXT = """# Which models will come: similar, any, beyond

Mean absolute error in percentage points by `--expect`. Within: every model predicted once from four
fifths of the others, near copies together. Beyond: the strongest and weakest 15 and 20 % predicted
from the other end of the scores."""


if __name__ == "__main__":
    main()
