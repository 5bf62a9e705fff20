"""The contents of an item bank as plain values, with the conditions that they must meet.

Numbers are finite, anchors are ranked 0, 1, ... each once, weights are not negative, and arrays and
content refer to the bank's own items.  The conditions are checked at construction, hence before
every write and after every read; docs/item-bank-format.md states them in words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.bank.codec import COLUMNS, JSON_SUFFIX, Content, dump_json, encode_text
from tinyeval.bank.manifest import MANIFEST, check_form
from tinyeval.bank.parquet import MAX_ROWS
from tinyeval.errors import BankError, examples
from tinyeval.tables import Table

_DTYPES = ("float64", "float32", "int64", "uint8", "bool")
_ARRAY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*")
_PER_ITEM = re.compile(r"irt/(.*/)?(discrimination|intercept|guessing)(_sd)?")


@dataclass(frozen=True, eq=False)
class BankFiles:
    """The contents of a bank's folder.

    Attributes:
        manifest: JSON values by section, of the form :data:`tinyeval.bank.manifest.MANIFEST`.
            Writing fills in ``created`` if it is missing, and computes ``format_version``,
            ``sizes``, ``files``, ``digest`` and ``checksum``; all other sections are free.
        items: every item of the benchmark, in order.  The columns ``anchor_rank`` (0, 1, ... for
            anchors, NaN for other items) and ``anchor_weight`` (sum 1 over the anchors, NaN or 0
            for other items) are required; ``benchmark``, ``subject``, ``hash`` (text), ``weight``,
            ``cost``, ``mean_score`` and any others are optional.
        arrays: slash-separated name -> float64, float32, int64, uint8 or bool array of finite
            numbers; NaN is allowed where the name ends in ``_nan_ok``.
        content: item -> {field: JSON value}, or None.
        readme: text of README.md, front matter included.

    Raises:
        BankError: a value that cannot be stored, or that violates a condition.
    """

    manifest: Mapping[str, Any]
    items: Table
    arrays: Mapping[str, NDArray]
    content: Content | None
    readme: str

    def __post_init__(self) -> None:
        manifest = json.loads(dump_json(dict(self.manifest), "manifest"))
        encode_text(json.dumps(manifest, ensure_ascii=False), "manifest")
        check_form(manifest, MANIFEST)
        _check_items(self.items)
        _check_anchors(self.items)
        arrays = {name: _checked_array(name, self.arrays[name]) for name in sorted(self.arrays)}
        _check_per_item(arrays, len(self.items))
        _check_content(self.content, self.items)
        object.__setattr__(self, "manifest", MappingProxyType(manifest))
        object.__setattr__(self, "arrays", MappingProxyType(arrays))

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of items, anchors and targets."""
        anchors = np.isfinite(self.items.columns["anchor_rank"]).sum()
        targets = len(self.manifest["targets"])
        return {"items": len(self.items), "anchors": int(anchors), "targets": targets}


def _check_items(items: Table) -> None:
    if not 1 <= len(items) <= MAX_ROWS:
        raise BankError(f"items: expected between 1 and {MAX_ROWS} items, found {len(items)}")
    for name, values in items.columns.items():
        if not name or name == "item":
            raise BankError(f"items: a column cannot be named {name!r}; rename it")
        is_text = values.dtype.kind == "O"
        if name in COLUMNS and (COLUMNS[name] == "string") != is_text:
            wanted, found = ("numbers", "text") if is_text else ("text", "numbers")
            raise BankError(f"items: column {name!r} must hold {wanted}, found {found}")
        if not is_text and np.isinf(values).any():
            raise BankError(f"items: column {name!r} holds infinite numbers")
    weight, cost = items.column("weight", 1.0), items.column("cost", 0.0)
    if not (weight >= 0).all() or not weight.any():
        raise BankError("items: column 'weight' must be known, not negative and not all 0")
    if (cost < 0).any():
        raise BankError("items: column 'cost' must not be negative")
    mean = items.column("mean_score", np.nan)
    if ((mean < 0) | (mean > 1)).any():
        raise BankError("items: column 'mean_score' must lie in [0, 1]")


def _check_anchors(items: Table) -> None:
    missing = [name for name in ("anchor_rank", "anchor_weight") if name not in items.columns]
    if missing:
        raise BankError(f"items: there is no column {missing[0]!r}")
    rank, weight = items.columns["anchor_rank"], items.columns["anchor_weight"]
    chosen = np.isfinite(rank)
    if not chosen.any() or not np.array_equal(np.sort(rank[chosen]), np.arange(chosen.sum())):
        raise BankError("items: anchor ranks must be 0, 1, ... each once, for at least one item")
    in_range = (weight[chosen] >= 0) & (weight[chosen] <= 1 + 1e-6)
    if not in_range.all() or abs(weight[chosen].sum() - 1) > 1e-6:
        raise BankError("items: anchor weights must be known, not negative, and sum to 1")
    if np.nan_to_num(weight[~chosen]).any():
        raise BankError("items: only anchors can have an anchor weight")


def _checked_array(name: str, values: NDArray) -> NDArray:
    if not isinstance(name, str) or not _ARRAY_NAME.fullmatch(name):
        raise BankError(
            "arrays: a name is letters, digits, '_', '-' and '.' between slashes, "
            f"found {_shown(name)}"
        )
    array = np.asarray(values, order="C")
    if array.dtype not in _DTYPES:
        raise BankError(f"arrays: {name} has type {array.dtype}, expected {', '.join(_DTYPES)}")
    if array.dtype.kind == "f":
        allowed = ~np.isinf(array) if name.endswith("_nan_ok") else np.isfinite(array)
        if not allowed.all():
            raise BankError(f"arrays: {name} holds numbers that are not finite")
    array = array.view()
    array.setflags(write=False)
    return array


def _check_per_item(arrays: Mapping[str, NDArray], n_items: int) -> None:
    for name, array in arrays.items():
        if _PER_ITEM.fullmatch(name) and array.shape[:1] != (n_items,):
            raise BankError(
                f"arrays: {name} has shape {array.shape}, expected one row for each of the "
                f"{n_items} items"
            )


def _check_content(content: Content | None, items: Table) -> None:
    if content is None:
        return
    unknown = set(content) - set(items.ids)
    if unknown:
        listed = examples(sorted(str(one)[:80] for one in unknown))
        raise BankError(f"content: {len(unknown)} items are not the bank's: {listed}")
    fields = {field for entry in content.values() for field in entry}
    for field in fields:
        if not isinstance(field, str) or field in ("", "item") or field.endswith(JSON_SUFFIX):
            raise BankError(
                "content: a field's name must be text other than 'item' and not end in "
                f"{JSON_SUFFIX!r}, found {_shown(field)}"
            )


def _shown(value: object) -> str:
    return ascii(value)[:80]
