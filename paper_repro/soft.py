"""Soft scores: what the probability of the right answer adds to right and wrong.

    python -m paper_repro.soft --data DIR

Checkpoints of training runs of small language models (`language_soft`), whole runs held out: four
random splits by run, and one that learns from the source runs and predicts runs of other mixes and
sizes.  Banks of 60 anchors, cut to 10 and 30.  Every bank is built with and without soft scores,
and with half of the source models lacking them; new models answer with soft scores, without, or
with log-likelihoods that were multiplied by 0.5, 2 and 4, which changes no answer.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from paper_repro.engine.data import add_data_option
from tinyeval import ResponseMatrix, Settings, read_results
from tinyeval.backtesting.splits import make_splits
from tinyeval.backtesting.trial import Memory
from tinyeval.build_plan import BuildPlan
from tinyeval.calibrated import make_predictor
from tinyeval.config.expect import for_models
from tinyeval.estimators.answered import Answered, estimate
from tinyeval.learning import Learned, learn, true_targets
from tinyeval.source_models import usable

HERE = Path(__file__).parent
SIZES = (10, 30, 60)
FACTORS = (0.5, 2.0, 4.0)
REPEATS = 4
RECIPES = {"default": "any", "within_range": "similar", "blocks": "any"}
FIGURES = ("mae", "coverage", "width")


class Row(NamedTuple):
    """Errors of one split."""

    recipe: str
    items: str
    anchors: int
    history: str
    answers: str
    split: int
    mae: float
    coverage: float = float("nan")
    width: float = float("nan")


def log_likelihoods(folder: Path, responses: ResponseMatrix) -> NDArray[np.float64]:
    """Return log-likelihoods of the gold answer and the choices, (models, items, 1 + choices)."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "log_likelihoods.parquet")
    rows = responses.models.index(table["model"].to_pylist(), "model")
    columns = responses.items.index(table["item"].to_pylist(), "item")
    names = ["gold_ll", *(name for name in table.column_names if name.startswith("choice_ll"))]
    values = np.full((*responses.shape, len(names)), np.nan)
    for k, name in enumerate(names):
        values[rows, columns, k] = table[name].to_numpy(zero_copy_only=False)
    return values


def soft_of(values: NDArray[np.float64], factor: float) -> NDArray[np.float16]:
    """Return soft scores of log-likelihoods that are multiplied by a factor."""
    gold, choices = factor * values[..., 0], factor * values[..., 1:]
    chosen = np.isfinite(choices[..., 0])
    most = np.where(chosen, np.nan_to_num(choices, nan=-np.inf).max(-1), 0.0)
    total = np.nansum(np.exp(choices - most[..., None]), axis=-1)
    share = np.exp(gold - most) / np.where(chosen, total, 1.0)
    return np.where(chosen, share, np.exp(gold)).astype(np.float16)


def splits(responses: ResponseMatrix) -> Iterator[tuple[ResponseMatrix, ResponseMatrix]]:
    """Yield source and test models: by run, and runs of other mixes and sizes."""
    yield from make_splits(responses, "group:run", REPEATS, 0)
    known = responses.models.column("group").astype(str) == "source"
    yield responses.take(known), responses.take(~known)


def histories(source: ResponseMatrix) -> dict[str, ResponseMatrix]:
    """Return the source models with soft scores, without, and with half of them."""
    assert source.soft is not None
    order = np.random.default_rng(1).permutation(source.n_models)
    half = source.soft.copy()
    half[order[::2]] = np.nan
    return {
        "without": source.without_soft(),
        "with": source,
        "half": replace(source, soft=half),
    }


def measure(folder: Path, out: Path) -> list[Row]:
    """Measure everything; the rows so far are written after every split."""
    responses, _ = usable(read_results(folder / "responses.parquet"))
    values = log_likelihoods(folder, responses)
    rows: list[Row] = []
    chosen = np.isfinite(values[0, :, 1])
    for number, (source, test) in enumerate(splits(responses)):
        index = responses.models.index(test.models.ids, "model")
        answers = {"with": test, "without": test.without_soft()}
        answers |= {f"x {f:g}": replace(test, soft=soft_of(values[index], f)) for f in FACTORS}
        for items, mask in (("all", np.ones(len(chosen), bool)), ("choices", chosen)):
            for history, models in histories(source.take(None, mask)).items():
                for recipe, expect in RECIPES.items():
                    if recipe == "blocks" and history != "with":
                        continue  # without soft scores it is the default
                    told = {name: one.take(None, mask) for name, one in answers.items()}
                    where = (recipe, items, history, number)
                    settings = for_models(Settings(), expect)
                    if recipe == "blocks":
                        settings = settings.replace(selection={"options": {"blocks": True}})
                    rows += evaluate(where, models, told, settings)
                    write(rows, out)
                    print(time.strftime("%H:%M:%S"), *where, flush=True)
    return rows


def evaluate(
    where: tuple[str, str, str, int],
    source: ResponseMatrix,
    answers: dict[str, ResponseMatrix],
    settings: Settings,
) -> list[Row]:
    """Learn from some models, and predict others by several kinds of answers."""
    recipe, items, history, number = where
    settings = settings.replace(items=max(SIZES), device="cpu", interval={"groups": "run"})
    plan, memory = BuildPlan.of(settings, source), Memory()
    learned = learn(source, plan, history_of=memory.history)
    truth = true_targets(learned, answers["with"])[:, 0]
    if history == "without":
        answers = {"without": answers["without"]}
    elif history == "half":
        answers = {name: answers[name] for name in ("with", "without")}
    calibrated = recipe == "default" and items == "all" and history != "half"
    bounds = intervals(learned, plan, answers, memory) if calibrated else {}
    found = []
    for name, models in answers.items():
        given = Answered.on(learned.anchors.items, models)
        for n in SIZES:
            mean = estimate(learned.estimator, given.first(n)).mean[:, 0]
            more: tuple[float, ...] = ()
            if (name, n) in bounds:
                low, high = bounds[name, n].T
                more = (
                    float(((low <= truth) & (truth <= high)).mean()),
                    float((high - low).mean()),
                )
            error = float(np.abs(mean - truth).mean())
            found.append(Row(recipe, items, n, history, name, number, error, *more))
    return found


def intervals(
    learned: Learned, plan: BuildPlan, answers: dict[str, ResponseMatrix], memory: Memory
) -> dict[tuple[str, int], NDArray[np.float64]]:
    """Return the ends of the 90 % intervals by kind of answers and number of anchors."""
    predictor = make_predictor(learned, plan, history_of=memory.history)
    found = {}
    for n in SIZES:
        few = replace(predictor, anchors=predictor.anchors.head(n))
        for name, models in answers.items():
            given = Answered.on(few.anchors.items, models)
            told = few.predict(given, models.models.ids, 0.9)
            found[name, n] = np.array([(one.lower, one.upper) for one in told])
    return found


def write(rows: list[Row], out: Path) -> None:
    """Write the mean over splits of every figure as a table."""
    keys = list(dict.fromkeys(row[:5] for row in rows))
    with (out / "soft.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*Row._fields[:5], "splits", *FIGURES])
        for key in keys:
            same = [row for row in rows if row[:5] == key]
            means = [np.mean([getattr(row, name) for row in same]) for name in FIGURES]
            writer.writerow([*key, len(same), *(f"{one:.6g}" for one in means)])


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--only-report", action="store_true", help="measure nothing")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the tables")
    given = parser.parse_args()
    start = time.perf_counter()
    if not given.only_report:
        measure(given.data / "language_soft", given.out)
    minutes = (time.perf_counter() - start) / 60
    with (given.out / "soft.csv").open() as file:
        page = report(list(csv.DictReader(file)))
    place = given.out / "soft.md"
    if given.only_report:  # the last line says when it was measured
        note = place.read_text().strip().splitlines()[-1]
    else:
        note = f"Command: `python -m paper_repro.soft --data DIR`; {datetime.date.today()}; "
        note += f"{minutes:.0f} minutes on one of two cores, with other work beside."
    place.write_text(f"{page}\n{note}\n")


def report(rows: list[dict[str, Any]]) -> str:
    """Return the page."""
    known = {tuple(row[name] for name in Row._fields[:5]): row for row in rows}

    def figure(name: str, *key: str) -> float:
        row = known.get(key)
        return float(row[name]) if row else float("nan")

    parts = ["# Soft scores", ABOUT, _errors(figure), _coverage(figure)]
    tried = HERE / "soft_tried.md"
    if tried.exists():
        parts.append(tried.read_text().strip())
    return "\n\n".join(parts) + "\n"


def _errors(figure: Any) -> str:
    head = ["recipe", "items", "anchors", "without", "soft scores", "ratio", "right or wrong alone"]
    head += ["half of the history", *(f"x {one:g}" for one in FACTORS)]
    lines = [f"| {' | '.join(head)} |", "|---|---|--:" + "|--:" * (len(head) - 3) + "|"]
    for recipe in RECIPES:
        for items in ("all", "choices"):
            for n in map(str, SIZES):
                plain = "default" if recipe == "blocks" else recipe
                base = figure("mae", plain, items, n, "without", "without")
                soft = figure("mae", recipe, items, n, "with", "with")
                rest = [("with", "without"), ("half", "with")]
                rest += [("with", f"x {one:g}") for one in FACTORS]
                ratios = [figure("mae", recipe, items, n, *one) / base for one in rest]
                cells = [recipe, items, n, f"{100 * base:.2f}", f"{100 * soft:.2f}"]
                known = (f"{one:.2f}" for one in (soft / base, *ratios))
                cells += ["" if one == "nan" else one for one in known]
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _coverage(figure: Any) -> str:
    lines = [
        "## Intervals",
        "",
        "Share of new models whose true score lies in the 90 % interval, and its mean width in "
        "points; default recipe, all items, calibrated with whole runs held out (`--groups run`).",
        "",
        "| history | answers | " + " | ".join(f"{n}" for n in SIZES) + " |",
        "|---|---|" + "--:|" * len(SIZES),
    ]
    for history, answers in [
        ("without", "without"),
        *(("with", one) for one in ("with", "without", *(f"x {f:g}" for f in FACTORS))),
    ]:
        cells = []
        for n in map(str, SIZES):
            key = ("default", "all", n, history, answers)
            cells.append(f"{figure('coverage', *key):.2f}, {100 * figure('width', *key):.1f}")
        lines.append(f"| {history} | {answers} | {' | '.join(cells)} |")
    return "\n".join(lines)


ABOUT = (
    "Mean absolute error of new checkpoints' full scores on `language_soft`, percentage points, "
    "mean of five splits by run. *Without*: banks of right and wrong alone, and new models like "
    "that. *Soft scores*: banks that read both, and new models with both. The last columns are "
    "errors divided by those *without*: new models of the same banks that give right or wrong "
    "alone; new models with soft scores where half of the source models have none; and new models "
    "whose log-likelihoods were multiplied. `within_range` is the recipe of `--expect similar`; "
    "`blocks` is the default with `selection.options: {blocks: true}`, beside the default's banks "
    "without. "
    "Banks have 60 anchors and are cut to their first 10 and 30. *Choices* are banks of the 1,512 "
    "items with choices."
)

if __name__ == "__main__":
    main()
