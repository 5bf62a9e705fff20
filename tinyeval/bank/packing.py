"""Converts the parts of a bank to the contents of its folder, and back.

The anchors become two columns of the items table.  The arrays of the IRT model, the estimator and
the two calibrations are named ``irt/...``, ``estimator/...``, ``calibration/...``,
``comparison/...``, those of a certifier ``certified/...``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from tinyeval.bank.card import Facts, Stages, card
from tinyeval.bank.codec import Content
from tinyeval.bank.contents import BankFiles
from tinyeval.bank.run_arrays import check_type, read_runs, run_arrays, told_trials
from tinyeval.bank.staged import GROUP, read_continuation, stage_arrays, told_continuation
from tinyeval.calibration.baselines import Baselines
from tinyeval.calibration.intervals import Calibration, PairCalibration
from tinyeval.certified import Certifier
from tinyeval.errors import BankError, examples
from tinyeval.estimators import load_estimator
from tinyeval.irt.model import IRTModel
from tinyeval.prediction import Predictor
from tinyeval.selection.base import Anchors
from tinyeval.stages.continuation import Continuation
from tinyeval.tables import Table
from tinyeval.version import __version__

GROUPS = {"irt": IRTModel, "calibration": Calibration, "comparison": PairCalibration}
"""Groups of arrays whose names the format defines, and the classes that hold them."""

OWN = "estimator"
"""The group of arrays that the estimator names."""

CERTIFIED = "certified"
"""The group of arrays of a certifier, if the bank has one."""

ANCHOR_COLUMNS = ("anchor_rank", "anchor_weight")


class Parts(TypedDict):
    """The attributes of :class:`tinyeval.bank.item_bank.ItemBank`."""

    name: str
    items: Table
    irt: IRTModel
    predictor: Predictor
    settings: Mapping[str, Any]
    source: Mapping[str, Any]
    created: str
    content: Content | None
    baselines: Baselines | None
    certifier: Certifier | None
    continuation: Continuation | None


def pack(parts: Parts) -> BankFiles:
    """Return the contents of a bank's folder.

    Raises:
        BankError: a part that cannot be stored.
    """
    predictor = parts["predictor"]
    errors = predictor.expected_error()
    manifest = {
        "name": parts["name"],
        "created": parts["created"],
        "tinyeval_version": __version__,
        "targets": list(predictor.targets),
        "settings": dict(parts["settings"]),
        "source": dict(parts["source"]),
        "estimator": {"method": predictor.method, "items": list(predictor.irt.items)},
        "expected_error": {str(n): round(error, 6) for n, error in errors.items()},
    }
    if parts["baselines"] is not None:
        manifest["baselines"] = parts["baselines"].to_manifest()
    groups = {
        "irt": {name: getattr(parts["irt"], name) for name in _array_names(IRTModel)},
        OWN: predictor.estimator.state(),
        "calibration": predictor.calibration.state(),
        "comparison": predictor.pairs.state(),
    }
    if parts["certifier"] is not None:
        groups[CERTIFIED] = parts["certifier"].state()
    arrays = {f"{group}/{name}": a for group, own in groups.items() for name, a in own.items()}
    if predictor.trials > 1:
        manifest["trials"] = told_trials(predictor)
        arrays |= run_arrays(predictor)
    if parts["continuation"] is not None:
        manifest["continuation"] = told_continuation(parts["continuation"])
        arrays |= stage_arrays(parts["continuation"])
    return BankFiles(
        manifest=manifest,
        items=_with_anchors(parts["items"], predictor.anchors),
        arrays=arrays,
        content=parts["content"],
        readme=card(_facts(parts)),
    )


def unpack(files: BankFiles) -> Parts:
    """Return the parts of a bank from the contents of its folder.

    Raises:
        BankError: arrays that are missing, unknown, or of another type or shape.
        ConfigError: an unknown estimator.
        TinyEvalError: parts that do not fit each other.
    """
    trials, fewer, arrays = read_runs(files.arrays)
    manifest = files.manifest
    told = manifest.get("baselines")
    items, anchors = _without_anchors(files.items)
    own_arrays = {name: a for name, a in arrays.items() if not name.startswith(GROUP)}
    groups = _groups(own_arrays)
    irt = IRTModel(items=items.ids, **groups["irt"])
    continuation = read_continuation(manifest.get("continuation"), arrays, irt)
    method, own = manifest["estimator"]["method"], manifest["estimator"]["items"]
    predictor = Predictor(
        anchors=anchors,
        targets=tuple(manifest["targets"]),
        irt=irt.take(items.index(own, "anchor")),
        method=method,
        estimator=load_estimator(method, groups[OWN]),
        calibration=Calibration.from_state(groups["calibration"]),
        pairs=PairCalibration.from_state(groups["comparison"]),
        trials=trials,
        fewer=fewer,
    )
    return Parts(
        name=manifest["name"],
        items=items,
        irt=irt,
        predictor=predictor,
        settings=manifest["settings"],
        source=manifest["source"],
        created=manifest["created"],
        content=files.content,
        baselines=None if told is None else Baselines.from_manifest(told),
        certifier=Certifier.from_state(groups[CERTIFIED]) if groups[CERTIFIED] else None,
        continuation=continuation,
    )


def _with_anchors(items: Table, anchors: Anchors) -> Table:
    rank = np.full(len(items), np.nan)
    weight = rank.copy()
    index = items.index(anchors.items)
    rank[index], weight[index] = np.arange(len(index)), anchors.weights
    return items.with_columns(anchor_rank=rank, anchor_weight=weight)


def _without_anchors(items: Table) -> tuple[Table, Anchors]:
    columns = {name: one for name, one in items.columns.items() if name not in ANCHOR_COLUMNS}
    rank, weight = (items.columns[name] for name in ANCHOR_COLUMNS)
    chosen = np.argsort(rank)[: np.isfinite(rank).sum()]  # NaN sorts last
    return Table(items.ids, columns), Anchors(tuple(items.ids[k] for k in chosen), weight[chosen])


def _array_names(kind: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind) if one.name != "items")


def _groups(arrays: Mapping[str, NDArray]) -> dict[str, dict[str, NDArray]]:
    """Return the arrays by group; check that :data:`GROUPS` are complete and of the right type."""
    groups: dict[str, dict[str, NDArray]] = {name: {} for name in (*GROUPS, OWN, CERTIFIED)}
    unknown = []
    for name, array in arrays.items():
        group, _, own = name.partition("/")
        if group in (OWN, CERTIFIED) or (group in GROUPS and own in _array_names(GROUPS[group])):
            groups[group][own] = array
        else:
            unknown.append(name)
    if unknown:
        raise BankError(f"arrays: no bank has {examples(unknown)}")
    for group, kind in GROUPS.items():
        for own in _array_names(kind):
            check_type(f"{group}/{own}", groups[group].get(own))
    return groups


def _facts(parts: Parts) -> Facts:
    """Return the facts on the card."""
    predictor, items = parts["predictor"], parts["items"]
    benchmark = items.column("benchmark", "")[items.index(predictor.anchors.items)]
    errors = {
        name: predictor.expected_error(k) for k, name in enumerate(predictor.targets) if k > 0
    }
    return Facts(
        name=parts["name"],
        source=parts["source"],
        level=parts["settings"]["interval"]["level"],
        items=len(items),
        anchors=len(predictor.anchors),
        expected_error=predictor.expected_error(),
        baselines=parts["baselines"],
        benchmarks={
            name: (int((benchmark == name).sum()), list(error.values())[-1])
            for name, error in errors.items()
            if error
        },
        trials=predictor.trials,
        fewer={
            one.trials: list(predictor.expected_error(0, one.trials).values())[-1]
            for one in predictor.fewer
        },
        stages=_stages(parts),
    )


def _stages(parts: Parts) -> Stages | None:
    one = parts["continuation"]
    if one is None:
        return None
    return Stages(one.policy.first, len(one.items), one.errors["policy"])
