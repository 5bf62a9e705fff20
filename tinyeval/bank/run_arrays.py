"""Calibrations by number of runs, as arrays of a bank: ``trials/...``.

Only a bank whose history was repeated has them: ``trials/usual``, the history's number of runs, and
for every smaller number N that is calibrated ``trials/N/calibration/...`` and
``trials/N/comparison/...``, which are named as the bank's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration.intervals import Calibration, PairCalibration
from tinyeval.calibration.run_levels import RunLevel
from tinyeval.errors import BankError
from tinyeval.prediction import Predictor

Arrays = Mapping[str, NDArray]
USUAL = "trials/usual"
KINDS: dict[str, Any] = {"calibration": Calibration, "comparison": PairCalibration}
MOST = 65_535
_NAME = re.compile(r"trials/([1-9][0-9]{0,4})/(calibration|comparison)/(.+)")


def run_arrays(predictor: Predictor) -> dict[str, NDArray]:
    """Return the arrays of a predictor whose history was repeated."""
    arrays: dict[str, NDArray] = {USUAL: np.array(predictor.trials, dtype=np.int64)}
    for one in predictor.fewer:
        for kind, held in (("calibration", one.calibration), ("comparison", one.pairs)):
            named = held.state().items()
            arrays |= {f"trials/{one.trials}/{kind}/{name}": value for name, value in named}
    return arrays


def told_trials(predictor: Predictor) -> dict[str, Any]:
    """Return what the manifest says of runs, for people."""
    by_runs = {str(one.trials): predictor.expected_error(0, one.trials) for one in predictor.fewer}
    return {
        "history": predictor.trials,
        "expected_error": {
            runs: {str(n): round(error, 6) for n, error in errors.items()}
            for runs, errors in by_runs.items()
        },
    }


def read_runs(arrays: Arrays) -> tuple[int, tuple[RunLevel, ...], dict[str, NDArray]]:
    """Return the history's number of runs, the calibrations for fewer, and all other arrays.

    Raises:
        BankError: arrays that are missing, unknown, or of another type.
    """
    rest = {name: one for name, one in arrays.items() if not name.startswith("trials/")}
    own = {name: one for name, one in arrays.items() if name.startswith("trials/")}
    if not own:
        return 1, (), rest
    usual = own.pop(USUAL, None)
    check_type(USUAL, usual, "int64")
    assert usual is not None
    if usual.shape != () or not 2 <= int(usual) <= MOST:
        raise BankError(f"arrays: {USUAL} must be a number of runs from 2 to {MOST:,}")
    found: dict[int, dict[str, dict[str, NDArray]]] = {}
    for name, array in own.items():
        told = _NAME.fullmatch(name)
        if told is None or told[3] not in {one.name for one in fields(KINDS[told[2]])}:
            raise BankError(f"arrays: no bank has {name}")
        found.setdefault(int(told[1]), {}).setdefault(told[2], {})[told[3]] = array
    if any(runs >= int(usual) for runs in found):
        raise BankError(f"arrays: trials/{max(found)}/... must be of fewer runs than {USUAL}")
    levels = [_level(runs, found[runs]) for runs in sorted(found)]
    return int(usual), tuple(levels), rest


def _level(runs: int, groups: Mapping[str, Mapping[str, NDArray]]) -> RunLevel:
    for kind, form in KINDS.items():
        for one in fields(form):
            name = f"trials/{runs}/{kind}/{one.name}"
            check_type(name, groups.get(kind, {}).get(one.name))
    held = {kind: form.from_state(groups[kind]) for kind, form in KINDS.items()}
    return RunLevel(runs, held["calibration"], held["comparison"])


def check_type(name: str, array: NDArray | None, expected: str = "") -> None:
    """Raise :class:`BankError` unless there is an array, of the type that its name asks for."""
    expected = expected or ("int64" if name.endswith("/sizes") else "float64")
    if array is None:
        raise BankError(f"arrays: there is no {name}")
    if array.dtype != expected:
        raise BankError(f"arrays: {name} has type {array.dtype}, expected {expected}")
