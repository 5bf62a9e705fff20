"""``tinyeval show``: describe a bank."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyeval.cli.build import behind_ridge
from tinyeval.cli.options import BANK, json_option
from tinyeval.cli.output import WIDTH, print_json, printable, sentences, table
from tinyeval.report.citations import citations

if TYPE_CHECKING:
    from tinyeval.bank.item_bank import ItemBank
    from tinyeval.report.facts import Telling

FIRST = 10
"""Number of anchors listed without ``--all``."""


@click.command("show", short_help="Describe a bank.")
@click.argument("bank", type=BANK)
@click.option("--all", "everything", is_flag=True, help="List all anchors, not only the first ten.")
@json_option
def show_command(bank: Path, everything: bool, as_json: bool) -> None:
    """Describe a BANK: its source, anchors and expected error, how to run it, how to cite it.

    \b
    Example:
      tinyeval show bank
      tinyeval show bank --json
    """
    from tinyeval.bank.item_bank import ItemBank

    loaded = ItemBank.load(bank)
    if as_json:
        print_json(_record(loaded))
    else:
        shown = len(loaded.anchors) if everything else FIRST
        click.echo(_text(loaded, bank, shown))


def _record(bank: ItemBank) -> dict[str, Any]:
    from tinyeval.report.facts import telling

    told = telling(bank)
    return {
        "name": bank.name,
        "digest": bank.digest,
        "created": bank.created,
        "items": len(bank.items),
        "models": bank.source["models"],
        "benchmarks": _benchmarks(bank),
        "anchors": list(bank.anchors.items),
        "drawn": None if bank.certifier is None else bank.certifier.draws,
        "cost": bank.cost,
        "expected_error": bank.expected_error,
        **({"trials": _trials(bank)} if bank.predictor.trials > 1 else {}),
        "baselines": None if bank.baselines is None else asdict(bank.baselines),
        "level": bank.level,
        "soft": bank.predictor.reads_soft,
        "stages": _stages(bank),
        "half_width": told.half_width,
        "decided_lead": told.lead,
        "verdict": _verdict(bank, told),
        "settings": dict(bank.settings),
        "source": dict(bank.source),
    }


def _trials(bank: ItemBank) -> dict[str, Any]:
    """Return the history's number of runs, and the error of models that were run fewer times."""
    predictor = bank.predictor
    fewer = {one.trials: predictor.expected_error(0, one.trials) for one in predictor.fewer}
    return {"history": predictor.trials, "expected_error": fewer}


SOFT = "soft scores are read beside right and wrong, where answers have them"


def _stages(bank: ItemBank) -> dict[str, Any] | None:
    """Return what a bank of two stages asks, and how wrong it is in each form."""
    if bank.continuation is None:
        return None
    parts = bank.asking.parts()
    return {
        "items": {name: list(items) for name, items in parts.items()},
        "expected_error": dict(bank.continuation.errors),
        "shares": dict(bank.continuation.shares),
    }


def _benchmarks(bank: ItemBank) -> dict[str, dict[str, Any]]:
    """Return the numbers of items and anchors of each benchmark, and its error with all anchors."""
    benchmark = bank.items.column("benchmark", "benchmark")
    chosen = benchmark[bank.items.index(bank.anchors.items)]
    errors = bank.benchmark_errors
    return {
        name: {
            "items": int((benchmark == name).sum()),
            "anchors": int((chosen == name).sum()),
            "expected_error": _last(errors.get(name, bank.expected_error)),
        }
        for name in sorted(set(benchmark))
    }


def _last(errors: dict[int, float]) -> float | None:
    return list(errors.values())[-1] if errors else None


def _facts(bank: ItemBank) -> str:
    """Return what a bank is, line by line."""
    settings, source = bank.settings, bank.source
    origin = str(source["origin"]) or "not stated"
    low, high = bank.predictor.calibration.score_range[:, 0]
    what = {
        "items": f"{len(bank.anchors)} anchors of {len(bank.items)} items"
        + ("" if bank.cost is None else f", at a cost of {bank.cost:,.6g} in all"),
        "drawn": ""
        if bank.certifier is None
        else f"{bank.certifier.draws} more items for each model, for a certified score",
        "benchmarks": ", ".join(_benchmarks(bank)) if "benchmark" in bank.items.columns else "",
        "source": f"{source['models']} models, scores from {low:.3f} to {high:.3f}; origin: "
        f"{origin}",
        "runs": _runs(bank),
        "method": f"{settings['selection']['method']} + {settings['estimator']['method']}, "
        f"{bank.irt.dimensions} IRT dimensions, seed {settings['seed']}",
        "intervals": f"{100 * bank.level:g} %",
        "soft": SOFT if bank.predictor.reads_soft else "",
        "stages": _told_stages(bank),
        "content": _content(bank),
        "created": bank.created,
        "digest": bank.digest,
    }
    return "\n".join(_fact(key, printable(text)) for key, text in what.items() if text)


def _told_stages(bank: ItemBank) -> str:
    """Say how a bank is asked in two stages; nothing for a single stage."""
    one = bank.continuation
    if one is None:
        return ""
    asked = len(bank.asked_items)
    error = one.errors["policy"]
    return (
        f"2: the first {one.policy.first} anchors, then a form: within, below, above or undecided "
        f"(`tinyeval next`); {asked} items in all; expected error {error:.3f} in two stages"
    )


def _text(bank: ItemBank, path: Path, shown: int) -> str:
    from tinyeval.report.facts import telling

    settings, folder = bank.settings, printable(str(path))
    return f"""{printable(bank.name)}
{_facts(bank)}

{sentences(_verdict(bank, telling(bank)))}

Anchors, best first

{_anchors(bank, shown)}

Expected error: mean absolute error of the full score on held-out source models

{_errors(bank)}{_by_benchmark(bank)}

How to run it

{_ask(bank, folder)}tinyeval export {folder} --to csv    (--help: lm-eval, swebench and other forms)
tinyeval predict {folder} ANSWERS{_drawn(bank)}

How to cite it

{citations(settings["selection"]["method"], settings["estimator"]["method"])}"""


def _drawn(bank: ItemBank) -> str:
    """Return the hint that lists the items drawn for each model, if the bank draws any."""
    return "" if bank.certifier is None else "    (--drawn: the items to ask besides)"


def _ask(bank: ItemBank, folder: str) -> str:
    """Return the commands that ask a model: if the bank knows prompts, and if it has stages."""
    first = (bank.content or {}).get(bank.anchors.items[0], {})
    known = {"prompt", "prompts", "messages"} & first.keys()
    steps = "" if bank.continuation is None else f"tinyeval next {folder} ANSWERS\n"
    return f"tinyeval eval {folder} MODEL\n{steps}" if known else steps


def _content(bank: ItemBank) -> str:
    """Say whose content a bank has, so that models can be asked."""
    if not bank.content:
        return "none: `tinyeval content` adds what is asked"
    anchors = bank.asked_items
    asked = sum(one in bank.content for one in anchors)
    licence = bank.source.get("content_licence") or "not stated"
    return f"{asked} of {len(anchors)} anchors, {len(bank.content)} items; licence: {licence}"


def _fact(key: str, text: str) -> str:
    lines = textwrap.wrap(text, WIDTH - 12, break_on_hyphens=False) or [""]
    return f"{key + ':':12}" + ("\n" + 12 * " ").join(lines)


def _verdict(bank: ItemBank, told: Telling) -> list[str]:
    from tinyeval.report.words import of_bank

    n, models = len(bank.anchors), bank.source["models"]
    return of_bank(told, anchors=n, items=len(bank.items), models=models, level=bank.level)


def _anchors(bank: ItemBank, shown: int) -> str:
    ids = bank.anchors.items[:shown]
    rows = bank.items.take(bank.items.index(ids, "anchor"))
    columns = {"item": list(rows.ids)}
    columns |= {
        name: list(rows.column(name)) for name in ("benchmark", "subject") if name in rows.columns
    }
    columns["mean score"] = [f"{score:.3f}" for score in rows.column("mean_score")]
    columns["weight"] = [f"{weight:.4f}" for weight in bank.anchors.weights[:shown]]
    text = table(list(columns), list(zip(*columns.values(), strict=True)), WIDTH)
    more = len(bank.anchors) - len(ids)
    return f"{text}\n... {more} more (--all lists them)" if more else text


def _runs(bank: ItemBank) -> str:
    """Say how often the history was run, and what models that were run fewer times err."""
    told = _trials(bank)
    if told["history"] == 1:
        return ""
    words = {1: "once", 2: "twice"}
    errors = [
        f"{_last(errors):.3f} of a model run {words.get(runs, f'{runs} times')}"
        for runs, errors in told["expected_error"].items()
        if errors
    ]
    fewer = f"; with all anchors, the error is {' and '.join(errors)}" if errors else ""
    return f"scores of the history are means of {told['history']} runs{fewer}"


def _errors(bank: ItemBank) -> str:
    errors, known = bank.expected_error, bank.baselines
    if known is None:
        rows = [[str(n), f"{error:.3f}"] for n, error in errors.items()]
        return table(["answered", "error"], rows)
    rows = [
        [str(n), f"{error:.3f}", f"{known.random_mean[n]:.3f}", f"{known.random_ridge[n]:.3f}"]
        for n, error in errors.items()
    ]
    header = ["answered", "error", "random items: mean", "ridge"]
    return f"""{table(header, rows)}
history's mean, without any answer: {known.history_mean:.3f}{_warning(bank)}"""


def _warning(bank: ItemBank) -> str:
    """Say with how few answers ridge regression on random items is expected to err less."""
    few = behind_ridge(bank)
    if not few:
        return ""
    counts = ", ".join(map(str, few))
    return f"\nwith {counts} answers ridge on random items errs less: see `tinyeval plan`"


def _by_benchmark(bank: ItemBank) -> str:
    """Return a table of anchors and error by benchmark; empty if there is only one benchmark."""
    found = _benchmarks(bank)
    if len(found) == 1:
        return ""
    rows = []
    for name, one in found.items():
        error = one["expected_error"]
        shown = "" if error is None else f"{error:.3f}"
        rows.append([name, str(one["items"]), str(one["anchors"]), shown])
    header = ["benchmark", "items", "anchors", "error"]
    return f"\n\nBy benchmark, with all anchors answered\n\n{table(header, rows, WIDTH)}"
