"""Trust checks: what was looked at before a number is believed, passed or not.

A check has one of three outcomes: passed; "look", with what to look at; or not checked, with what
it would need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tinyeval.bank.item_bank import ItemBank
from tinyeval.groups import AUTO
from tinyeval.importers import Description
from tinyeval.importers.audit.thin import FEW, MOST_MISSING
from tinyeval.prediction import Prediction
from tinyeval.report.facts import Telling
from tinyeval.report.held_out import OWN, RIDGE, HeldOut
from tinyeval.report.names import listed, short
from tinyeval.report.words import level_text, points
from tinyeval.training.trajectory import Trajectory

PASSED, LOOK, UNKNOWN = "passed", "look", "not checked"

MUCH = 0.5
"""Share of the error of guessing the mean above which a bank tells little."""


class Check(NamedTuple):
    """A check and its outcome.

    Attributes:
        what: what should be so.
        status: PASSED, LOOK or UNKNOWN.
        found: what was found, in a sentence.
    """

    what: str
    status: str
    found: str


def of_bank(bank: ItemBank, told: Telling) -> list[Check]:
    """Check a bank by what it says of itself."""
    return [*_history(bank), *_calibration(bank), *_gain(bank, told)]


def _history(bank: ItemBank) -> list[Check]:
    source = bank.source
    n, missing, dropped = source["models"], source["missing"], source["duplicates_dropped"]
    some = f"{100 * missing:.1f} % of the source models' answers are missing."
    copies = "No two source models gave the same answers."
    if dropped:
        copies = f"Of models with the same answers one was kept: {dropped:,} were left out."
    return [
        _check("Enough source models", n >= FEW, f"{n:,} models; {FEW} or more are needed."),
        _check(
            "Few missing answers",
            missing <= MOST_MISSING,
            some if missing else "The source models answered every item.",
        ),
        Check("No model counts twice", PASSED, copies),
    ]


def _calibration(bank: ItemBank) -> list[Check]:
    cases = bank.predictor.calibration.inside.shape[1]
    needed = int(np.ceil(bank.level / (1 - bank.level) - 1e-9))
    return [
        _check(
            "Enough held-out models for the intervals",
            cases >= needed,
            f"{cases:,} models were held out; a level of {level_text(bank.level)} needs {needed}.",
        ),
        _families(bank),
    ]


def _families(bank: ItemBank) -> Check:
    """Check that no model was predicted from its own relatives."""
    what, groups = "Relatives are held out together", bank.settings["interval"].get("groups")
    if groups == AUTO:
        n = bank.source.get("near_copies", 0)
        found = "No source model is a near copy of another."
        if n:
            found = f"{n:,} source models are near copies of others, and were held out with them."
        return Check(what, PASSED, found)
    if groups:
        return Check(what, PASSED, f"Models of the same {short(groups, 40)!r} were.")
    found = (
        "Every model was held out by itself. If the source models are families of relatives, a "
        "model of a new family is predicted less well than stated: name groups and build again."
    )
    return Check(what, UNKNOWN, found)


def _gain(bank: ItemBank, told: Telling) -> list[Check]:
    checks = [
        _check(
            "It tells more than the mean of the source models",
            told.error <= MUCH * told.guess,
            f"Its error is {points(told.error)}; that of always saying the mean is "
            f"{points(told.guess)}.",
        )
    ]
    what = "It tells more than the mean of random items"
    if told.random is None:
        found = "The score is no plain mean of right or wrong answers, so theory does not say."
        checks.append(Check(what, UNKNOWN, found))
    else:
        checks.append(_beats(what, told.error, told.random))
    if told.ridge is not None:
        checks.append(_beats("It tells more than ridge on random items", told.error, told.ridge))
    return checks


def _beats(what: str, error: float, other: float) -> Check:
    found = f"Its error is {points(error)}; that of as many random items, {points(other)}."
    return _check(what, error < other, found)


def of_predictions(
    bank: ItemBank, predictions: Sequence[Prediction], same: str = ""
) -> list[Check]:
    """Check predictions of new models.

    Args:
        bank: the bank.
        predictions: its predictions.
        same: what is known of the bank that made them; empty if this bank made them just now.
    """
    n = len(bank.anchors)
    beyond = [one.model for one in predictions if not one.in_range]
    misfit = [one.model for one in predictions if one.misfit]
    partial = [one.model for one in predictions if one.n_answered < n]
    found = [
        _models("All anchors are answered", partial, len(predictions), "lack answers"),
        _models(
            "The models are like the source models",
            beyond,
            len(predictions),
            "look stronger, weaker or otherwise unlike; their intervals are wider",
        ),
        _models(
            "The answers fit the item-response model",
            misfit,
            len(predictions),
            "do not fit: check prompt format, metric and item ids",
        ),
    ]
    if same:
        found.append(Check("This bank made the predictions", UNKNOWN, same))
    else:
        found.append(
            Check(
                "This bank made the predictions",
                PASSED,
                "Their digest is this bank's.",
            )
        )
    return found


def of_runs(runs: Mapping[str, Trajectory]) -> list[Check]:
    """Check the checkpoints of training runs."""
    if not runs:
        return []
    n = sum(map(len, runs.values()))
    flagged = sum(int(one.flagged.sum()) for one in runs.values())
    found = f"{flagged:,} of {n:,} are flagged: they look unlike, or their answers do not fit."
    return [_check("Checkpoints are like the source models, and fit", not flagged, found)]


def _models(what: str, those: Sequence[str], n: int, wrong: str) -> Check:
    if not those:
        return Check(what, PASSED, "True of the model." if n == 1 else f"True of all {n:,} models.")
    return Check(what, LOOK, f"{len(those):,} of {n:,} {wrong}: {listed(list(those), 3)}.")


def of_ridge(found: HeldOut) -> Check:
    """Check that held-out models are predicted better than by ridge on random items."""
    error, other = (list(found.errors[name].values())[-1] for name in (OWN, RIDGE))
    return _beats("Held-out models: it tells more than ridge on random items", error, other)


def of_held_out(found: HeldOut | None) -> Check:
    """Check that intervals hold as often as they say."""
    what = "Intervals hold as often as they say"
    if found is None:
        return Check(what, UNKNOWN, "It can be tested if the report is given the history.")
    held, n, level = found.covered, len(found.models), found.level
    slack = 2 * np.sqrt(level * (1 - level) / n)
    words = (
        f"{100 * held:.0f} % of {n:,} held-out models have their true score in the "
        f"{level_text(level)} interval; by chance, {100 * max(level - slack, 0):.0f} to "
        f"{100 * min(level + slack, 1):.0f} % would."
    )
    return _check(what, held >= level - slack, words)


def of_results(described: Description | None, bank: ItemBank) -> list[Check]:
    """Check the history behind a bank."""
    whats = ("The results are those behind the bank", "No item speaks against the rest",
             "Source models are no near copies")  # fmt: skip
    if described is None:
        needs = "It can be looked at if the report is given the history."
        return [Check(what, UNKNOWN, needs) for what in whats[1:]]
    audit, source = described.audit, bank.source
    models = described.models - source["duplicates_dropped"]
    same = models == source["models"] and described.items >= len(bank.items)
    copies = audit.copies
    share = copies.rows / max(copies.models, 1)
    return [
        _check(
            whats[0],
            same,
            f"Given are {described.models:,} models and {described.items:,} items; the bank was "
            f"built from {source['models']:,} different models and has {len(bank.items):,} items.",
        ),
        _check(
            whats[1],
            not audit.against,
            f"{len(audit.against):,} of {described.items:,} items do"
            + ("." if not audit.against else "; they are listed under Items to check."),
        ),
        _check(
            whats[2],
            share <= 0.1,
            f"{copies.rows:,} of {copies.models:,} models looked at are near copies of others"
            + (
                "."
                if share <= 0.1
                else "; name their groups, or let near copies be groups, and build again."
            ),
        ),
    ]


def _check(what: str, passed: bool, found: str) -> Check:
    return Check(what, PASSED if passed else LOOK, found)
