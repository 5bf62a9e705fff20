"""Calibrates the whole policy: every fold learns its own forms, and asks its held-out models so.

A held-out model gets the form that its first block chooses, answers it, and is predicted from its
first 15, 20, ... answers.  The ratios |error| / spread of the models of a form calibrate that form
(:mod:`tinyeval.calibration.calibrate`).  Forms that few held-out models got are calibrated on more:

* Models beyond the range are rare in random folds.  Where fewer than ENOUGH of them got a form,
  those of the folds beyond the range that got it count as well.
* Where there are still fewer, all models count, whatever their form.

The limits of ``in_range`` and ``misfit`` are those of the whole policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.build_plan import BuildPlan
from tinyeval.calibration.calibrate import SIZES, Replay
from tinyeval.calibration.held_out import (
    Cases,
    beyond_range,
    join,
    known_ratios,
    mean_error,
    named_targets,
    read_held_out,
)
from tinyeval.calibration.single_models import calibration_of
from tinyeval.compute.arrays import Array
from tinyeval.estimators.answered import Answered
from tinyeval.learning import Learned, true_targets
from tinyeval.responses import ResponseMatrix
from tinyeval.selection.base import equal_weights
from tinyeval.stages.continuation import Continuation, Form
from tinyeval.stages.forms import Forms, learn_forms
from tinyeval.stages.policy import FORMS, UNDECIDED, read_with

ENOUGH = 20
"""Held-out models that are enough to calibrate a form by itself."""


class Replayed(NamedTuple):
    """The held-out models of a fold, asked in two stages.

    Attributes:
        form: of each model, shape (models,).
        cases: predictions from their first answers, by number of answers.
    """

    form: NDArray[np.object_]
    cases: Cases

    def of(self, form: str | None) -> Cases:
        """Return the cases of the models that got a form; None: of all."""
        rows = np.ones(len(self.form), dtype=bool) if form is None else self.form == form
        arrays: list[Any] = [array[:, rows] for array in self.cases]
        return Cases(*arrays)


def sizes_of(first: int, n: int) -> NDArray[np.int64]:
    """Return the numbers of answers after the first block at which forms are calibrated."""
    return np.array([s for s in SIZES if first < s < n] + [n])


def replay(
    part: Learned,
    plan: BuildPlan,
    held_out: ResponseMatrix,
    sizes: NDArray[np.int64],
    names: tuple[str, ...],
) -> Replayed:
    """Ask the held-out models of a fold in two stages.

    Args:
        part: learned in the fold.
        plan: under which it was learned.
        held_out: its held-out models.
        sizes: numbers of answers, above the first block.
        names: of the targets.
    """
    forms = learn_forms(part, plan)
    answers = Answered.on(forms.items, held_out)
    form = _form_of(part, forms, answers)
    truth = named_targets(part, true_targets(part, held_out), names)
    within = ~(beyond_range(part, truth) > 1e-9)
    found = []
    for size in sizes:
        one = _read(part, forms, answers, form, int(size), names)
        excess = beyond_range(part, one.mean)
        found.append(one._replace(error=one.mean - truth, excess=excess, within=within))
    return Replayed(form, Cases(*(np.array(arrays) for arrays in zip(*found, strict=True))))


def _form_of(part: Learned, forms: Forms, answers: Answered) -> NDArray[np.object_]:
    """Return the form of each model from its answers on the items of ``forms``."""
    block = answers.scores[:, : len(part.anchors)]
    return np.array(forms.policy.forms(part.estimator, block), dtype=object)


def predict_forms(
    part: Learned, forms: Forms, answers: Answered, size: int, names: tuple[str, ...]
) -> Cases:
    """Predict models from their first ``size`` answers to the form that their answers choose.

    Args:
        part, forms: what was learned.
        answers: on the items of ``forms``.
        size: number of answers.
        names: of the targets.

    Returns:
        Cases without errors, of a single size.
    """
    return _read(part, forms, answers, _form_of(part, forms, answers), size, names)


def _read(
    part: Learned,
    forms: Forms,
    answers: Answered,
    form: NDArray[np.object_],
    size: int,
    names: tuple[str, ...],
) -> Cases:
    """Predict every model from its first ``size`` answers to its form."""
    place = {item: k for k, item in enumerate(forms.items)}
    anchors, n = part.anchors.items, len(form)
    mean, spread = np.full((2, n, len(names)), np.nan)
    novelty, misfit = np.full((2, n), np.nan)
    for name in (UNDECIDED, *FORMS):
        rows = np.flatnonzero(form == name)
        if not rows.size:
            continue
        beside = forms.asked.get(name, anchors[forms.policy.first :])
        asked = (*anchors[: forms.policy.first], *beside)[:size]
        kept = np.zeros(len(forms.items), dtype=bool)
        kept[[place[one] for one in asked]] = True
        some = answers.take(rows).only(np.broadcast_to(kept, (len(rows), len(kept))))
        reader = part
        if name == UNDECIDED:
            some = some.narrowed(len(anchors))
        else:
            own = read_with(forms.estimator, forms.readings[name])
            reader = replace(part, anchors=equal_weights(forms.items), estimator=own)
        one = read_held_out(reader, some, names)
        mean[rows], spread[rows] = one.mean, one.spread
        novelty[rows], misfit[rows] = one.novelty, one.misfit
    nothing = np.zeros(n)
    return Cases(mean, mean, spread, novelty, misfit, nothing, nothing.astype(bool))


def calibrated_forms(
    learned: Learned, forms: Forms, replays: Sequence[Replay], sizes: NDArray[np.int64]
) -> Continuation:
    """Return the continuation of a bank from what was replayed in the folds.

    Args:
        learned: the fixed set, on all source models.
        forms: learned on all of them.
        replays: what :func:`replay` found in every fold.
        sizes: numbers of answers that were replayed.
    """
    inside: list[Replayed] = [one.found for one in replays if not one.beyond]
    beyond: list[Replayed] = [one.found for one in replays if one.beyond]
    values, noise = learned.history.target_values, learned.noise()
    everyone = join([one.of(None) for one in inside])
    made = {}
    for name in FORMS:
        known, far, own = _ratios(name, inside, beyond)
        one = calibration_of(sizes, known, far, everyone, values, noise)
        if own is not None:
            one = replace(one, expected_error=mean_error(own))
        made[name] = Form(forms.asked[name], forms.readings[name], one)
    share = np.concatenate([one.form for one in inside])
    return Continuation(
        policy=forms.policy,
        irt=learned.irt.take(learned.history.positions(forms.items)),
        forms=made,
        estimator=forms.estimator,
        errors=_errors(inside, made, float(mean_error(everyone)[-1, 0])),
        shares={name: float((share == name).mean()) for name in (*FORMS, UNDECIDED)},
    )


def _ratios(
    name: str, inside: Sequence[Replayed], beyond: Sequence[Replayed]
) -> tuple[list[tuple[Array, Array]], Array, Cases | None]:
    """Return ratios by fold, ratios beyond the range, and the cases that got the form, if enough.

    The ratios beyond are sorted, of shape (sizes, cases, targets).
    """
    near, far = ([one.of(name) for one in side] for side in (inside, beyond))
    folds = near if _known(near) >= ENOUGH else [*near, *far]
    own: Cases | None = join(folds)
    if _known(folds) < ENOUGH:
        folds, own = [one.of(None) for one in inside], None
    away = far if _known(far) >= ENOUGH else [one.of(None) for one in beyond]
    ratios = [ratio for _, ratio in known_ratios(away)]
    return known_ratios(folds), np.sort(np.concatenate(ratios, axis=1), axis=1), own


def _known(cases: Sequence[Cases]) -> int:
    """Return the number of models whose scores are known."""
    return sum(int(np.isfinite(one.error).all(axis=(0, 2)).sum()) for one in cases)


def _errors(inside: Sequence[Replayed], made: dict[str, Form], policy: float) -> dict[str, float]:
    """Return the error with all answers by form, and that of the whole policy."""
    undecided = [one.of(UNDECIDED) for one in inside]
    errors = {name: float(form.calibration.expected_error[-1, 0]) for name, form in made.items()}
    if _known(undecided):
        errors[UNDECIDED] = float(mean_error(join(undecided))[-1, 0])
    return errors | {"policy": policy}
