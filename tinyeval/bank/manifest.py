"""The form of ``manifest.json``: the kind of every value that is read from it.

A form maps a key to a kind of value, or to another form.  It mirrors the manifest that a build
writes, including :class:`tinyeval.config.Settings`, but without pydantic, which takes longer to
import than a bank to load.  Other keys are free.  The JSON Schema in docs/ states the same form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from tinyeval.errors import BankError


class Kind(NamedTuple):
    """A kind of value.

    Attributes:
        expected: description that follows "must be" in messages.
        fits: returns whether a JSON value is of this kind.
        required: whether the key must be present.
    """

    expected: str
    fits: Callable[[Any], bool]
    required: bool = True


Form = Mapping[str, "Kind | Form"]


def _is_time(value: Any) -> bool:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return False
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:  # the 30th of February
        return False
    return True


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _are_names(value: Any) -> bool:
    named = isinstance(value, list) and all(isinstance(one, str) and one for one in value)
    return named and 0 < len(value) == len(set(value))


_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

TEXT = Kind("text", lambda value: isinstance(value, str))
NAME = Kind("text that is not blank", lambda value: isinstance(value, str) and bool(value.strip()))
NAMES = Kind("a list of different names", _are_names)
TIME = Kind("a UTC time such as '2026-01-31T09:30:00Z'", _is_time)
COUNT = Kind("a whole number of 0 or more", lambda value: type(value) is int and value >= 0)
COUNTS = Kind(
    "a list of whole numbers", lambda value: isinstance(value, list) and all(map(COUNT.fits, value))
)
NUMBER = Kind("a number", _is_number)
SHARE = Kind("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
LEVEL = Kind("a number between 0 and 1", lambda value: _is_number(value) and 0 < value < 1)
MAPPING = Kind("an object", lambda value: isinstance(value, Mapping))
ANYTHING = Kind("anything", lambda value: True)


def _optional(kind: Kind) -> Kind:
    return kind._replace(required=False)


def _or_null(kind: Kind, required: bool = False) -> Kind:
    return Kind(
        f"{kind.expected} or null", lambda value: value is None or kind.fits(value), required
    )


METHOD: Form = {"method": TEXT, "options": _optional(MAPPING)}

SETTINGS: Form = {
    "items": _or_null(COUNT),
    "budget": _or_null(NUMBER),
    "cost": TEXT,
    "quotas": {"by": _optional(TEXT), "anchors": _optional(ANYTHING)},
    "seed": COUNT,
    "device": _optional(TEXT),
    "target": {
        "column": _or_null(TEXT),
        "columns": _optional(MAPPING),
        "benchmark_weights": _optional(TEXT),
        "average": _optional(TEXT),
    },
    "irt": {
        "method": _optional(TEXT),
        "dimensions": _optional(COUNTS),
        "guessing": _optional(NUMBER),
        "block_size": _or_null(COUNT),
    },
    "selection": METHOD,
    "estimator": METHOD,
    "interval": {"level": LEVEL, "folds": _optional(COUNT), "groups": _or_null(TEXT)},
    "run": {
        **dict.fromkeys(("task", "dataset", "config", "subtask_column"), _or_null(TEXT)),
        "split": _optional(TEXT),
        "key": _or_null(TEXT, required=True),
        "prefix": TEXT,
    },
    "soft": _optional(TEXT),
    "stages": _optional(COUNT),
    "certify": _optional(MAPPING),
}
"""Settings in force when the bank was built; values that are read later are required."""

SOURCE: Form = {
    "origin": TEXT,
    "models": COUNT,
    "duplicates_dropped": COUNT,
    "near_copies": _optional(COUNT),
    "answers": COUNT,
    "missing": SHARE,
    "lowest_score": SHARE,
    "highest_score": SHARE,
    "note": _optional(TEXT),
    "content_licence": _optional(TEXT),
}
"""Where the bank comes from."""

MANIFEST: Form = {
    "name": NAME,
    "created": _optional(TIME),
    "tinyeval_version": NAME,
    "targets": NAMES,
    "settings": SETTINGS,
    "source": SOURCE,
    "estimator": {"method": NAME, "items": NAMES},
    "expected_error": MAPPING,
    "baselines": _optional(MAPPING),
    "trials": _optional(MAPPING),
    "continuation": _optional(MAPPING),
}


def check_form(values: Mapping[str, Any], form: Form, where: str = "") -> None:
    """Check the kinds of some values.

    Args:
        values: JSON values.
        form: form that they must have.
        where: place of the values in the manifest, for messages, such as ``settings/``.

    Raises:
        BankError: a value that is missing or of another kind; the message names its place.
    """
    for key, rule in form.items():
        kind = rule if isinstance(rule, Kind) else MAPPING
        if key not in values and not kind.required:
            continue
        if key not in values or not kind.fits(values[key]):
            found = ascii(values[key])[:80] if key in values else "nothing"
            raise BankError(f"manifest: {where + key!r} must be {kind.expected}, found {found}")
        if not isinstance(rule, Kind):
            check_form(values[key], rule, f"{where}{key}/")
