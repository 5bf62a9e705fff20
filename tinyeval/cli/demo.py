"""``tinyeval demo``: from results to predictions, on results that ship with tinyeval."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from tinyeval.cli.options import PATH, POSITIVE
from tinyeval.cli.output import ProgressBar, check_new_bank, printable, save_bank, table
from tinyeval.cli.predict import interval
from tinyeval.errors import BankError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tinyeval.config import Settings
    from tinyeval.prediction import Prediction
    from tinyeval.responses import ResponseMatrix

ORIGIN = "tinyeval demo: answers of classifiers to images of digits"
"""Marks a bank that a later demo may replace."""

SHOWN = 12
DRAWS = 20
SEED = 0


class Outcome(NamedTuple):
    """Predicted and true scores of the test models, and the error of random items."""

    predictions: list[Prediction]
    truth: NDArray[np.float64]
    random_error: float


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
    """Build a bank from results that ship with tinyeval, and test it, in about a minute.

    The results are the answers of 331 small classifiers to 900 images. The bank is built from three
    quarters of the models. The others are predicted from a few answers each, and compared with
    their true scores.

    \b
    Example:
      tinyeval demo
      tinyeval demo --items 100 --out my-bank
    """
    start = time.perf_counter()
    again = _check_out(out)
    from tinyeval.backtesting.splits import make_splits
    from tinyeval.building import build
    from tinyeval.importers import read_results
    from tinyeval.shipped import dump_path

    dump = dump_path("digits_dump")
    with ProgressBar() as progress:
        responses = read_results(dump)
        source, test = next(make_splits(responses, "random", repeats=1, seed=SEED))
        bank = build(
            source,
            items=items,
            settings=_settings(),
            name="tinyeval-demo",
            source=ORIGIN,
            progress=progress,
        )
    save_bank(bank, out, overwrite=again)
    found = Outcome(bank.predict(test), _true_scores(test), _random_error(test, items))
    click.echo(
        f"{responses.n_models} models x {responses.n_items} items: {source.n_models} models build "
        f"the bank, {test.n_models} are predicted from {items} answers each.\n\n"
        f"{_table(found)}\n\n{_verdict(found, items)}\n\n"
        f"{_next(out, dump, time.perf_counter() - start)}"
    )


def _settings() -> Settings:
    """Return the defaults with four IRT dimensions: the search over dimensions takes longest."""
    from tinyeval.config import Settings

    return Settings(seed=SEED).replace(irt={"dimensions": [4]})


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


def _true_scores(test: ResponseMatrix) -> NDArray[np.float64]:
    """Mean over all items: this benchmark has no weights and no missing answers."""
    return test.scores.mean(axis=1, dtype=float)


def _random_error(test: ResponseMatrix, items: int) -> float:
    """Mean absolute error of the mean over the same number of random items."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    truth = _true_scores(test)
    draws = [rng.permutation(test.n_items)[:items] for _ in range(DRAWS)]
    errors = [test.scores[:, drawn].mean(axis=1) - truth for drawn in draws]
    return float(np.abs(errors).mean())


def _table(found: Outcome) -> str:
    """Return a table of a dozen models, evenly spaced by true score."""
    import numpy as np

    order = np.argsort(found.truth, kind="stable")
    spread = order[np.linspace(0, len(order) - 1, min(SHOWN, len(order))).round().astype(int)]
    rows = [
        [
            found.predictions[k].model,
            f"{found.predictions[k].score:.3f}",
            interval(found.predictions[k].lower, found.predictions[k].upper),
            f"{found.truth[k]:.3f}",
            f"{found.predictions[k].score - found.truth[k]:+.3f}",
        ]
        for k in spread
    ]
    level = f"{100 * found.predictions[0].level:g} % interval"
    return table(["model", "predicted", level, "true score", "error"], rows)


def _verdict(found: Outcome, items: int) -> str:
    import numpy as np

    from tinyeval.backtesting.metrics import error_metrics, interval_metrics

    score, lower, upper = np.array([(p.score, p.lower, p.upper) for p in found.predictions]).T
    error = error_metrics(found.truth, score)["mae"]
    held = interval_metrics(found.truth, lower, upper)["coverage"]
    ours, random = f"tinyeval, {items} items", f"mean of {items} random items"
    level = found.predictions[0].level
    return f"""\
mean absolute error over all {len(score)} predicted models
  {ours:28}{error:.3f}
  {random:28}{found.random_error:.3f}  (average over {DRAWS} draws)
intervals that hold the true score: {100 * held:.0f} % (level {100 * level:g} %)"""


def _next(out: Path, dump: Path, seconds: float) -> str:
    folder = printable(str(out))
    return f"""\
{seconds:.0f} s. The bank is in {folder}. Next:
  tinyeval show {folder}
  tinyeval predict {folder} {printable(str(dump))}
  tinyeval build YOUR_RESULTS --items 100 --out YOUR_BANK"""
