"""mRMR's own setting: 15, 30 or 50 source models that span the range, a share of the items.

python -m paper_repro.mrmr_table --data DIR [--jobs 2]
"""

from __future__ import annotations

import numpy as np

from paper_repro.engine.markdown import lines_of, shown
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.sets import ResultSet
from paper_repro.engine.table import Table, Unit

REPEATS = 3

SETS = {
    ResultSet("arc_challenge_official", ""): 1172,
    ResultSet("ifeval", "", folder="ollb2_ifeval_musr", benchmark="ifeval"): 541,
    ResultSet("musr", "", folder="ollb2_ifeval_musr", benchmark="musr"): 756,
    ResultSet("ollb2_math_hard", ""): 894,
    ResultSet("helm_legalbench_79", ""): 2047,
    ResultSet("helm_commonsense", "", folder="helm_lite_83", benchmark="commonsense"): 500,
    ResultSet("helm_gsm", "", folder="helm_lite_83", benchmark="gsm"): 1000,
    ResultSet("helm_math", "", folder="helm_lite_83", benchmark="math"): 437,
    ResultSet("helm_med_qa", "", folder="helm_lite_83", benchmark="med_qa"): 1000,
    ResultSet("helm_mmlu", "", folder="helm_lite_83", benchmark="mmlu"): 567,
}
"""Ten of the thirteen binary sets of the publication, with their numbers of items."""

SHARES = {30: (5, 10), 15: (10,), 50: (10, 15)}
"""Percentages of the items by number of source models."""

TUTORIAL = (58, 175)
"""Numbers of items on ARC-Challenge besides a tenth, in the authors' tutorial."""


def count(which: ResultSet, share: int) -> int:
    """Return how many items a percentage of a set is."""
    return round(SETS[which] * share / 100)


def cases() -> tuple[Case, ...]:
    """Return every set with every number of source models."""
    found = []
    for models, shares in SHARES.items():
        for which in SETS:
            items = {count(which, share) for share in shares}
            items |= set(TUTORIAL) if which.name.startswith("arc") and models == 30 else set()
            found.append(Case(which, f"spread:{models}", REPEATS, tuple(sorted(items))))
    return tuple(found)


PLAN = Plan(
    "mrmr_table",
    cases(),
    (
        *("default", "random+mean", "random+ridge", "random+kernel_ridge"),
        *("anchor_points+weighted_anchors", "anchor_points+kernel_ridge"),
        *("anchor_points+gp_irt", "mrmr+ridge", "mrmr+kernel_ridge", "mrmr_mid+kernel_ridge"),
    ),
)

FIGURES = ("rmse", "mae", "kendall", "spearman")

PUBLISHED = {
    "random+mean": ("5.53/4.42/.742/.866", "3.81/3.06/.804/.916", "3.83/3.07/.804/.916"),
    "random+ridge": ("3.86/3.10/.754/.891", "2.83/2.25/.815/.933", "3.37/2.70/.792/.918"),
    "random+kernel_ridge": ("3.64/2.96/.768/.905", "2.67/2.16/.827/.942", "3.16/2.59/.813/.935"),
    "anchor_points+weighted_anchors": (
        *("5.92/4.75/.764/.890", "4.87/3.84/.798/.915", "6.44/4.96/.777/.904"),
    ),
    "anchor_points+kernel_ridge": (
        *("3.40/2.76/.794/.920", "2.65/2.14/.839/.949", "2.98/2.43/.827/.946"),
    ),
    "anchor_points+gp_irt": ("3.58/2.79/.757/.898", "2.62/2.07/.818/.937", "2.87/2.26/.818/.937"),
    "mrmr+ridge": ("3.32/2.71/.801/.931", "2.59/2.08/.847/.957", "4.07/3.28/.795/.929"),
    "mrmr+kernel_ridge": ("3.11/2.47/.802/.932", "2.34/1.87/.853/.960", "3.52/2.82/.808/.938"),
}
"""Mean over thirteen sets at (30 models, 5 %), (30, 10 %) and (15, 10 %), as FIGURES."""

MORE = {
    "random+mean": ("3.76/3.02/.804/.916", "2.90/2.33/.839/.941"),
    "random+ridge": ("2.61/2.12/.834/.943", "2.20/1.76/.863/.957"),
    "random+kernel_ridge": ("2.50/2.01/.840/.948", "2.04/1.64/.874/.966"),
    "anchor_points+weighted_anchors": ("4.71/3.78/.823/.934", "4.07/3.23/.845/.947"),
    "anchor_points+kernel_ridge": ("2.43/1.95/.857/.957", "2.10/1.68/.877/.967"),
    "anchor_points+gp_irt": ("2.67/2.11/.816/.936", "2.21/1.75/.841/.951"),
    "mrmr+ridge": ("2.34/1.88/.855/.959", "1.99/1.60/.878/.969"),
    "mrmr+kernel_ridge": ("2.31/1.84/.860/.961", "1.90/1.51/.886/.973"),
}
"""The same at (50, 10 %) and (50, 15 %)."""

ARC = {
    (58, "gp-IRT"): "3.92/3.14",
    (58, "anchor_points+kernel_ridge"): "3.37/2.71",
    (117, "gp-IRT"): "2.64/2.10",
    (117, "anchor_points+kernel_ridge"): "2.52/1.95",
    (175, "gp-IRT"): "2.21/1.77",
    (175, "anchor_points+kernel_ridge"): "2.29/1.84",
}
"""RMSE / MAE on ARC-Challenge with 30 source models, the authors' tutorial."""


def averages(table: Table, models: int, share: int, place: int) -> str:
    """Return the means over sets at one number of models and percentage of items."""
    units = [Unit(which.name, f"spread:{models}", count(which, share)) for which in SETS]
    units = [unit for unit in units if unit in table.results]
    rows = []
    for method in table.plan.methods:
        known = [unit for unit in units if method in table.results[unit]]
        if known and len(known) == len(units):
            values = [np.mean([table.figure(unit, method, f) for unit in known]) for f in FIGURES]
            row = [shown(float(v), f) for v, f in zip(values, FIGURES, strict=True)]
            reported = (PUBLISHED.get(method, ()) + MORE.get(method, ()))[place : place + 1]
            rows.append([method, *row, *(reported[0].split("/") if reported else [""] * 4)])
    heads = ["RMSE", "MAE", "Kendall", "Spearman"]
    return lines_of(["method", *heads, *(f"published {h}" for h in heads)], rows)


def arc(table: Table) -> str:
    """Return ARC-Challenge by itself, with the figures of the authors' tutorial."""
    rows = []
    for items in (58, 117, 175):
        unit = Unit("arc_challenge_official", "spread:30", items)
        only = [m for n, m in ARC if n == items and m not in table.plan.methods]
        for method in [*table.plan.methods, *only]:
            reported = ARC.get((items, method), "/").split("/")
            if method in table.results.get(unit, {}) or method in only:
                found = ["", ""]
                if method not in only:
                    found = [shown(table.figure(unit, method, f), f) for f in FIGURES[:2]]
                rows.append([str(items), method, *found, *reported])
    return lines_of(["items", "method", "RMSE", "MAE", "published RMSE", "published MAE"], rows)


def report(table: Table) -> str:
    """Return the page."""
    parts = ["# mRMR's setting", TEXT]
    columns = [(30, 5), (30, 10), (15, 10), (50, 10), (50, 15)]
    for place, (models, share) in enumerate(columns):
        parts += [f"## {models} source models, {share} % of the items"]
        parts += [averages(table, models, share, place)]
    parts += ["## ARC-Challenge, 30 source models", arc(table)]
    return "\n\n".join(parts) + "\n"


TEXT = f"""Source models are taken in turn from ten equal bins of the range of scores, so every test
model lies within it. Ten of the publication's thirteen binary sets (without BBH, GPQA and
MMLU-Pro), {REPEATS} repeats where it has five; its rank correlations may include the source models,
these do not. Published anchor points and gp-IRT are the authors' runs of those methods. Errors in
percentage points."""


if __name__ == "__main__":
    main(PLAN, report, __doc__)
