"""The continuation of a bank: an entry of its manifest, and arrays ``stages/...``.

Only a bank that can be asked in two stages has them.  The manifest names the items of every form
and the rule that chooses it; ``stages/estimator/...`` are the arrays of the estimator of all these
items, and ``stages/FORM/calibration/...`` those of each form's calibration, named as the bank's
own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.bank.manifest import COUNT, MAPPING, NAMES, NUMBER, SHARE, Form, check_form
from tinyeval.bank.run_arrays import check_type
from tinyeval.calibration.intervals import Calibration
from tinyeval.errors import BankError
from tinyeval.estimators.stack import Stack
from tinyeval.irt.model import IRTModel
from tinyeval.stages.continuation import Continuation
from tinyeval.stages.continuation import Form as AskedForm
from tinyeval.stages.policy import FORMS, Policy, Reading

GROUP = "stages/"

ENTRY: Form = {
    "first": COUNT,
    "low": SHARE,
    "high": SHARE,
    "middle": SHARE,
    "items": NAMES,
    "forms": {name: {"items": NAMES, "odds": NUMBER, "calm": NUMBER} for name in FORMS},
    "expected_error": MAPPING,
    "shares": MAPPING,
}
"""The entry ``continuation`` of the manifest."""


def told_continuation(one: Continuation) -> dict[str, Any]:
    """Return the entry of the manifest."""
    return {
        "first": one.policy.first,
        "low": one.policy.low,
        "high": one.policy.high,
        "middle": one.policy.middle,
        "items": list(one.items),
        "forms": {
            name: {
                "items": list(form.items),
                "odds": form.reading.odds,
                "calm": form.reading.calm,
            }
            for name, form in one.forms.items()
        },
        "expected_error": {name: round(error, 6) for name, error in one.errors.items()},
        "shares": {name: round(share, 6) for name, share in one.shares.items()},
    }


def stage_arrays(one: Continuation) -> dict[str, NDArray]:
    """Return the arrays of a continuation."""
    arrays = {f"{GROUP}estimator/{name}": a for name, a in one.estimator.state().items()}
    for name, form in one.forms.items():
        named = form.calibration.state().items()
        arrays |= {f"{GROUP}{name}/calibration/{own}": array for own, array in named}
    return arrays


def read_continuation(
    entry: Any, arrays: Mapping[str, NDArray], irt: IRTModel
) -> Continuation | None:
    """Return the continuation of a bank, if it has one.

    Args:
        entry: of the manifest; None: there is none.
        arrays: of the bank.
        irt: parameters of all items.

    Raises:
        BankError: an entry of another form, or arrays that are missing, unknown or of another type.
    """
    own = {name.removeprefix(GROUP): a for name, a in arrays.items() if name.startswith(GROUP)}
    if entry is None:
        if own:
            raise BankError(
                f"arrays: a bank without a continuation has no {GROUP}{next(iter(own))}"
            )
        return None
    check_form({"continuation": entry}, {"continuation": ENTRY})
    place = {item: k for k, item in enumerate(irt.items)}
    unknown = [one for one in entry["items"] if one not in place]
    if unknown:
        raise BankError(f"manifest: the continuation asks {unknown[0]!r}, which is no item")
    forms = {name: _form(name, entry["forms"][name], own) for name in FORMS}
    state = {
        name.removeprefix("estimator/"): own.pop(name)
        for name in list(own)
        if name.startswith("estimator/")
    }
    if own:
        raise BankError(f"arrays: no bank has {GROUP}{next(iter(own))}")
    return Continuation(
        policy=Policy(entry["first"], entry["low"], entry["high"], entry["middle"]),
        irt=irt.take(np.array([place[one] for one in entry["items"]], dtype=np.intp)),
        forms=forms,
        estimator=Stack.from_state(state),
        errors=_numbers(entry["expected_error"]),
        shares=_numbers(entry["shares"]),
    )


def _form(name: str, told: Mapping[str, Any], own: dict[str, NDArray]) -> AskedForm:
    """Return a form, and take its arrays out of ``own``."""
    state = {}
    for one in fields(Calibration):
        key = f"{name}/calibration/{one.name}"
        check_type(GROUP + key, own.get(key))
        state[one.name] = own.pop(key)
    if not (told["odds"] > 0 and told["calm"] > 0):
        raise BankError(f"manifest: odds and calm of the form {name!r} must be above 0")
    reading = Reading(float(told["odds"]), float(told["calm"]))
    return AskedForm(tuple(told["items"]), reading, Calibration.from_state(state))


def _numbers(told: Mapping[str, Any]) -> dict[str, float]:
    check_form(told, dict.fromkeys(told, NUMBER), "continuation/")
    return {name: float(value) for name, value in told.items()}
