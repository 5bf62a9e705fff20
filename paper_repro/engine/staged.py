"""Trials of a policy in two stages: every test model is asked the form that its answers choose."""

from __future__ import annotations

import time

import numpy as np

from paper_repro.engine.sets import SEED, Split
from tinyeval import Settings
from tinyeval.backtesting.trial import Trial
from tinyeval.build_plan import BuildPlan
from tinyeval.estimators.answered import Answered
from tinyeval.learning import learn
from tinyeval.stages.building import Calibrated, calibrated_in_stages
from tinyeval.stages.forms import learn_forms
from tinyeval.stages.next_items import Asked
from tinyeval.stages.replay import predict_forms

FEW, AT = 100, 30
"""Source models up to which, and items at which, intervals are made: in the first repeat."""


def staged_trial(split: Split, settings: Settings, items: int) -> Trial:
    """Ask the test models of a split in as many stages as the settings say, and predict them."""
    start, saved = time.perf_counter(), split.memory.saved
    source = split.source.take(None, split.source.answered()[1])
    source, settings, _ = split.memory.families(source, settings)
    plan = BuildPlan.of(settings, source)
    learned = learn(source, plan, history_of=split.memory.history, anchors_of=split.memory.anchors)
    if settings.stages == 1:
        answers = Answered.on(learned.anchors.items, split.test).or_else(learned.anchor_mean())
        scores = learned.estimator.predict(answers.scores).mean[:, 0]
    else:
        forms = learn_forms(learned, plan)
        answers = Answered.on(forms.items, split.test)
        mean = np.full(answers.scores.shape, np.nan)
        mean[:, : len(learned.anchors)] = learned.anchor_mean()
        answers = Answered(np.where(answers.some[:, None], answers.scores, mean))
        names = learned.history.targets.names
        scores = predict_forms(learned, forms, answers, items, names).mean[:, 0]
    bounds = None
    if items == AT and split.seed == SEED and source.n_models <= FEW:
        found = calibrated_in_stages(
            learned, plan, history_of=split.memory.history, baselines=False
        )
        bounds = _bounds(found, split, settings.interval.level)
    seconds = time.perf_counter() - start + split.memory.saved - saved
    return Trial(split.truth, np.asarray(scores)[None], bounds, seconds)


def _bounds(found: Calibrated, split: Split, level: float) -> np.ndarray:
    """Ends of the intervals, shape (2, 1, models); from 0 to 1 for a model without answers."""
    base, continuation = found.predictor, found.continuation
    asking = Asked(base, continuation, level)
    answers = Answered.on(asking.items(), split.test)
    if continuation is not None:
        place = {item: k for k, item in enumerate(continuation.items)}
        kept = np.zeros(answers.scores.shape, dtype=bool)
        for row, form in enumerate(continuation.forms_of(base, answers)):
            kept[row, [place[one] for one in continuation.plan(base, form)]] = True
        answers = answers.only(kept)
    able = np.flatnonzero(answers.some)
    ids, some = tuple(split.test.models.ids[k] for k in able), answers.take(able)
    if continuation is None:
        predicted = base.predict(some, ids, level)
    else:
        predicted = continuation.predict(base, some, ids, level)
    bounds = np.tile([[[0.0]], [[1.0]]], len(answers))
    bounds[:, 0, able] = np.array([(one.lower, one.upper) for one in predicted]).T
    return bounds
