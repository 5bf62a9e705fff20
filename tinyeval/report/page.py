"""The page: one file of HTML that can be mailed, printed and read by a screen reader.

It holds no script and refers to nothing outside it; its Content-Security-Policy forbids both.  The
same bank, predictions and history give the same bytes.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.bank.item_bank import ItemBank
from tinyeval.compute.progress import Progress
from tinyeval.importers import Description, Imported, describe
from tinyeval.irt.ability import estimate_ability
from tinyeval.report import checks, facts, figures, held_sections, leaders, sections, words
from tinyeval.report.citations import citations
from tinyeval.report.held_out import HeldOut, hold_out
from tinyeval.report.names import printable, short
from tinyeval.report.shown import Shown
from tinyeval.report.standing import standings
from tinyeval.report.tables import Safe
from tinyeval.responses import ResponseMatrix
from tinyeval.training.optional import load
from tinyeval.version import __version__

TEMPLATES = Path(__file__).parent / "templates"

SIGNS = {
    checks.PASSED: ("passed", "✓"),
    checks.LOOK: ("look", "!"),
    checks.UNKNOWN: ("unknown", "–"),
}

NOTHING = Shown()


def make_page(
    bank: ItemBank,
    shown: Shown = NOTHING,
    *,
    results: ResponseMatrix | Imported | None = None,
    title: str = "",
    date: str = "",
    folder: str = "BANK",
    progress: Progress | None = None,
) -> str:
    """Return a report on a bank, and on predictions of it, as one page of HTML.

    Args:
        bank: the bank.
        shown: predictions of new models and training runs.
        results: the history that the bank was built from; models are then held out of it again,
            which takes some three times as long as building the bank.
        title: title of the page; the bank's name by default.
        date: date that the page states; none by default.
        folder: folder of the bank, for the commands that the page shows.
        progress: called with (done, total, what).

    Raises:
        DataError: results that lack items of the bank.
        DependencyError: jinja2 or matplotlib is not installed.
    """
    jinja2 = load("jinja2", "report")
    load("matplotlib.figure", "report")  # before the long work
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_kept_together,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    matrix = results.responses if isinstance(results, Imported) else results
    described = None if results is None else describe(results)
    held_out = None if matrix is None else hold_out(bank, matrix, progress)
    values = {
        "title": short(title) or f"Report on {short(bank.name)}",
        "css": Safe((TEMPLATES / "style.css").read_text("utf-8")),
        "footer": f"Made by tinyeval {__version__}" + (f", {short(date)}" if date else "") + ".",
        **_bank_values(bank, shown, matrix, described, held_out),
        **_model_values(shown),
        "folder": shlex.quote(printable(folder)),
    }
    text: str = environment.get_template("page.html.j2").render(values)
    return text.strip() + "\n"


def _bank_values(
    bank: ItemBank,
    shown: Shown,
    results: ResponseMatrix | None,
    described: Description | None,
    held_out: HeldOut | None,
) -> dict[str, Any]:
    seen, line = facts.sight(bank), facts.curve(bank)
    told = facts.telling(bank, seen)
    n, models = len(bank.anchors), bank.source["models"]
    return {
        **_check_values(bank, told, shown, described, held_out),
        "subtitle": f"Bank {short(bank.name)}: {n:,} of {len(bank.items):,} items, chosen from the "
        f"answers of {models:,} models",
        "bank_verdict": words.of_bank(
            told, anchors=n, items=len(bank.items), models=models, level=bank.level
        ),
        "error_words": sections.error_words(line, held_out),
        "error_figures": [
            sections.error_figure(line, held_out),
            sections.sight_figure(seen, _rug(bank, results)),
        ],
        "anchors_figure": sections.anchors_figure(bank),
        "first_anchors": sections.anchor_table(bank, 10),
        "held_figures": held_sections.held_figures(held_out) if held_out else [],
        "held_words": held_sections.held_words(held_out) if held_out else "",
        "benchmarks": sections.benchmark_table(bank, told),
        "audit": sections.audit_section(described),
        "anchors": n,
        "anchor_table": sections.anchor_table(bank),
        "about": sections.about(bank),
        "citations": citations(
            bank.settings["selection"]["method"], bank.settings["estimator"]["method"]
        ),
    }


def _check_values(
    bank: ItemBank,
    told: facts.Telling,
    shown: Shown,
    described: Description | None,
    held_out: HeldOut | None,
) -> dict[str, Any]:
    found = checks.of_bank(bank, told)
    found += [checks.of_held_out(held_out), *checks.of_results(described, bank)]
    found += [] if held_out is None else [checks.of_ridge(held_out)]
    if shown.predictions:
        found += checks.of_predictions(bank, shown.predictions, " ".join(shown.doubts))
    found += checks.of_runs(shown.runs)
    return {"checks": [_check(one) for one in found], "check_summary": _summary(found)}


def _model_values(shown: Shown) -> dict[str, Any]:
    places = standings(shown.predictions, shown.comparisons)
    predictions, comparisons = shown.predictions, shown.comparisons
    level = predictions[0].level if predictions else 0.9
    said = words.of_models(predictions, comparisons, places) if predictions else []
    runs = sections.runs_section(shown.runs)
    return {
        "model_verdict": said + (runs["words"] if runs else []),
        "leaders": leaders.leaders(shown, places),
        "matrix": leaders.matrix(shown, places),
        "pairs": leaders.pair_rows(shown, places),
        "by_model": leaders.by_model(predictions),
        "warnings": leaders.warnings_of(predictions),
        "level": words.level_text(level),
        "sure": words.level_text((1 + level) / 2),
        "runs": runs,
    }


def _rug(bank: ItemBank, results: ResponseMatrix | None) -> NDArray | None:
    """Return the abilities of source models, if their answers are given."""
    if results is None:
        return None
    drawn = figures.some(np.arange(results.n_models))
    answers = results.take(models=drawn).align(bank.items.ids).astype(np.float64)
    answers = answers[~np.isnan(answers).all(axis=1)]
    return facts.abilities_along(bank, estimate_ability(bank.irt, answers).mean)


def _check(one: checks.Check) -> dict[str, str]:
    kind, sign = SIGNS[one.status]
    return {"kind": kind, "sign": sign, **one._asdict()}


def _summary(found: Sequence[checks.Check]) -> str:
    counts = {status: sum(one.status == status for one in found) for status in SIGNS}
    look = [one.what for one in found if one.status == checks.LOOK]
    said = f"{counts[checks.PASSED]} of {len(found)} passed"
    if counts[checks.UNKNOWN]:
        said += f", {counts[checks.UNKNOWN]} could not be made"
    if not look:
        return f"{said}; none failed."
    verb = "needs" if len(look) == 1 else "need"
    return f"{said}, {len(look)} {verb} a look: {', '.join(f'“{one}”' for one in look)}."


def _kept_together(value: object) -> object:
    """Keep a number and its per cent sign on one line."""
    return value.replace(" %", "\u00a0%") if type(value) is str else value
