"""``tinyeval demo``: a bank of yesterday's agents meets those of today, on results that ship."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from tinyeval.cli.options import PATH, POSITIVE
from tinyeval.cli.output import ProgressBar, check_new_bank, printable, save_bank, table
from tinyeval.cli.predict import interval
from tinyeval.errors import BankError, DependencyError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.config import Settings
    from tinyeval.prediction import Prediction
    from tinyeval.responses import ResponseMatrix

ORIGIN = "tinyeval demo: agents on SWE-bench Verified, submitted before a date"
"""Marks a bank that a later demo may replace."""

DUMP = "swebench_verified_dump"
BEFORE = "2025-07-01"
"""Agents submitted from this day on are new to the bank."""

ANSWERS, PAGE = "new_agents.csv", "report.html"
"""Files in the bank's folder: the new agents' answers on the anchors, and a page on them."""

SHOWN = 12
SEED = 0


class Found(NamedTuple):
    """Predicted and true scores of the new agents, and the errors of random items."""

    predictions: list[Prediction]
    truth: NDArray[np.float64]
    ridge: float
    mean: float


@click.command("demo", short_help="Try tinyeval on results that ship with it.")
@click.option(
    "--out",
    type=PATH,
    metavar="BANK",
    default="tinyeval-demo-bank",
    show_default=True,
    help="Folder to write the bank to.",
)
@click.option(
    "--items",
    type=POSITIVE,
    metavar="N",
    default=30,
    show_default=True,
    help="Number of anchors.",
)
def demo_command(out: Path, items: int) -> None:
    """Predict today's agents on SWE-bench Verified from 30 of its 500 tasks.

    The results ship with tinyeval: which of 134 agents of the public leaderboard resolved which
    task. Those submitted before July 2025 build the bank. Those submitted later are new to it: each
    is predicted from its answers to 30 tasks, and compared with its true score. It takes less than
    a minute.

    \b
    Example:
      tinyeval demo
      tinyeval demo --items 50 --out my-bank
    """
    start = time.perf_counter()
    again = _check_out(out)
    from tinyeval.building import build
    from tinyeval.importers import write_results
    from tinyeval.shipped import dump_path

    source, new = _by_date(dump_path(DUMP))
    with ProgressBar() as progress:
        bank = build(
            source,
            items=items,
            settings=_settings(),
            name="tinyeval-demo",
            source=ORIGIN,
            progress=progress,
        )
        progress(0, 1, "random tasks, for comparison")
        found = _found(bank, source, new)
    save_bank(bank, out, overwrite=again)
    answers = new.select(items=bank.anchors.items)
    write_results(answers, out / ANSWERS)
    page = _page(bank, answers, out)
    click.echo(
        f"SWE-bench Verified: {source.n_models} agents submitted before {BEFORE} chose {items} of "
        f"{new.n_items} tasks.\n{new.n_models} agents submitted later are predicted from their "
        f"answers to these {items}.\n\n{_table(found)}\n\n{_verdict(found, items)}\n\n"
        f"{_next(out, found, time.perf_counter() - start, page)}"
    )


def _page(bank: ItemBank, answers: ResponseMatrix, out: Path) -> str:
    """Write a page on the new agents beside the bank, and say where it is, or what it needs."""
    title = "New agents on SWE-bench Verified"
    try:
        bank.report(out / PAGE, predictions=answers, title=title, overwrite=True)
    except DependencyError:
        return "A page to show needs: pip install 'tinyeval[report]'"
    return f"A page to show is {printable(str(out / PAGE))}"


def _by_date(path: Path) -> tuple[ResponseMatrix, ResponseMatrix]:
    """Return the agents submitted before the date, with the month of each, and the others."""
    import numpy as np

    from tinyeval.importers import read_results

    responses = read_results(path)
    date = responses.models.column("date")
    months = np.array([one[:7] for one in date], dtype=object)
    old = np.array([one < BEFORE for one in date])
    responses = replace(responses, models=responses.models.with_columns(month=months))
    return responses.take(old), responses.take(~old)


def _settings() -> Settings:
    """Return the defaults, with intervals for agents of later months."""
    from tinyeval.config import Settings

    return Settings(seed=SEED).replace(interval={"groups": "month"})


def _check_out(out: Path) -> bool:
    """Say whether ``out`` holds the bank of an earlier demo; raise unless it does or is free."""
    check_new_bank(out, overwrite=True)
    if not out.exists():
        return False
    from tinyeval.bank.folder import read_bank

    # Reads the files only: this version may be unable to use a bank of an older one.
    if read_bank(out).manifest["source"]["origin"] != ORIGIN:
        raise BankError(f"{out}: is a bank, but not one that demo made; choose another --out")
    return True


def _found(bank: ItemBank, source: ResponseMatrix, new: ResponseMatrix) -> Found:
    """Predict the new agents by the bank, and by random items as many as it has anchors."""
    from tinyeval.backtesting.backtest import figures, method_settings
    from tinyeval.backtesting.trial import Memory, run_trial

    memory, errors = Memory(), []
    base = _settings().replace(items=len(bank.anchors), irt={"dimensions": [2]})
    for name in ("random+ridge", "random+mean"):
        trial = run_trial(source, new, method_settings(name, base), memory=memory)
        errors.append(float(figures(trial)["mae"]))
    truth = new.scores.mean(axis=1, dtype=float)  # every task counts alike, and none is missing
    return Found(bank.predict(new), truth, *errors)


def _table(found: Found) -> str:
    """Return a table of a dozen agents, evenly spaced by true score."""
    import numpy as np

    order = np.argsort(found.truth, kind="stable")
    spread = order[np.linspace(0, len(order) - 1, min(SHOWN, len(order))).round().astype(int)]
    rows = [
        [
            _short(found.predictions[k].model),
            f"{found.predictions[k].score:.3f}",
            interval(found.predictions[k].lower, found.predictions[k].upper),
            f"{found.truth[k]:.3f}",
            f"{found.predictions[k].score - found.truth[k]:+.3f}",
        ]
        for k in spread
    ]
    level = f"{100 * found.predictions[0].level:g} % interval"
    return table(["agent", "predicted", level, "true score", "error"], rows)


def _short(agent: str) -> str:
    return agent if len(agent) <= 33 else f"{agent[:32]}…"


def _verdict(found: Found, items: int) -> str:
    import numpy as np

    from tinyeval.backtesting.metrics import error_metrics, interval_metrics
    from tinyeval.backtesting.trial import DRAWS

    score, lower, upper = np.array([(p.score, p.lower, p.upper) for p in found.predictions]).T
    error = error_metrics(found.truth, score)["mae"]
    held = interval_metrics(found.truth, lower, upper)["coverage"]
    level = found.predictions[0].level
    return f"""\
mean absolute error over all {len(score)} new agents
  tinyeval, {items} tasks              {error:.3f}
  ridge on {items} random tasks        {found.ridge:.3f}  (average over {DRAWS} draws)
  mean of {items} random tasks         {found.mean:.3f}  (average over {DRAWS} draws)
intervals that hold the true score: {100 * held:.0f} % (level {100 * level:g} %)"""


def _next(out: Path, found: Found, seconds: float, page: str) -> str:
    folder, answers = printable(str(out)), printable(str(out / ANSWERS))
    best = sorted(found.predictions, key=lambda one: -one.score)[:2]
    pair = ",".join(one.model for one in best)
    return f"""\
{seconds:.0f} s. The bank is in {folder}, and in it the new agents' answers.
{page}

Next:
  tinyeval show {folder}
  tinyeval predict {folder} {answers}
  tinyeval compare {folder} {answers} --models {pair}
  tinyeval export swebench_verified --to swebench --items 30
  tinyeval build YOUR_RESULTS --items 100 --out YOUR_BANK"""
