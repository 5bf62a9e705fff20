"""The digest: the identity of a bank, independent of its name, its folder and the software version.

    digest = SHA-256 of the canonical JSON of {items, anchors, arrays, estimator, targets, settings}

and of ``continuation``, for a bank that has one.


It covers everything that a prediction depends on, as logical content: ids and texts as JSON,
numbers as the bytes of their arrays.  It does not cover the encoding of the files, the versions
that wrote them, the bank's name and card, the source of the results, the time, or the items'
content.
docs/item-bank-format.md defines it exactly, with a program that computes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.bank.contents import BankFiles

TYPES = {"float64": "F64", "float32": "F32", "int64": "I64", "uint8": "U8", "bool": "BOOL"}
"""numpy's names of types -> those of safetensors."""

FOR_PEOPLE = ("expected_error", "shares")
"""Keys of the continuation that no prediction depends on."""

IDLE = ("device", "run")
"""Settings without effect on predictions: where a build ran, and how a harness finds the items.

``irt.block_size``, the number of items fitted at a time, is left out as well.
"""


def identity(files: BankFiles) -> str:
    """Return the digest of a bank: SHA-256, 64 hexadecimal digits."""
    return _sha256(json.dumps(_content(files), sort_keys=True, separators=(",", ":")).encode())


def _content(files: BankFiles) -> dict[str, Any]:
    """Return the content that the digest covers, as JSON values; :func:`_told` describes arrays."""
    columns = dict(files.items.columns)
    rank, weight = columns.pop("anchor_rank"), columns.pop("anchor_weight")
    chosen = np.argsort(rank)[: np.isfinite(rank).sum()]  # other items have NaN, which sorts last
    manifest = files.manifest
    staged = _asked_in_stages(manifest)
    return {
        "items": {
            "ids": list(files.items.ids),
            "columns": {name: _told(values) for name, values in columns.items()},
        },
        "anchors": {
            "items": [files.items.ids[k] for k in chosen],
            "weights": _told(weight[chosen]),
        },
        "arrays": {name: _told(array) for name, array in files.arrays.items()},
        "estimator": {key: manifest["estimator"][key] for key in ("method", "items")},
        "targets": manifest["targets"],
        "settings": _lasting(manifest["settings"]),
        **({} if staged is None else {"continuation": staged}),
    }


def _asked_in_stages(manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what predictions depend on of the entry ``continuation``; None where there is none."""
    told = manifest.get("continuation")
    return None if told is None else {k: v for k, v in told.items() if k not in FOR_PEOPLE}


def _lasting(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings without those that no prediction depends on."""
    kept = {key: value for key, value in settings.items() if key not in IDLE}
    kept["irt"] = {key: value for key, value in settings["irt"].items() if key != "block_size"}
    return kept


def _told(values: NDArray) -> object:
    """Return texts as a list, and numbers as type, shape and the hash of their bytes.

    The bytes are little-endian, in C order, with a single NaN and a single zero: the bits of a NaN
    and the sign of a zero depend on how numbers were read and rounded.
    """
    if values.dtype.kind == "O":
        return list(values)
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.nan, values + 0.0)
    kind = TYPES[values.dtype.name]
    data = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False)
    return {"dtype": kind, "shape": list(values.shape), "sha256": _sha256(data.tobytes())}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
