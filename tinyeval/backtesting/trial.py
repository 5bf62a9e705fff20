"""One trial: learn a method from source models, predict test models.

Random selections are drawn several times, so that one draw does not decide how a method looks.  A
memory, shared by trials on the same source models, avoids repeating the same fit and the same
selection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from tinyeval.build_plan import BuildPlan
from tinyeval.calibrated import make_predictor
from tinyeval.compute.arrays import Array
from tinyeval.compute.progress import Progress
from tinyeval.config import Settings
from tinyeval.estimators.answered import Answered, estimate
from tinyeval.families import Families, find_families
from tinyeval.groups import AUTO
from tinyeval.history import History
from tinyeval.learning import (
    Learned,
    anchor_answers,
    learn,
    make_history,
    true_targets,
)
from tinyeval.prediction import Predictor
from tinyeval.responses import ResponseMatrix
from tinyeval.selection import Anchors, draws_at_random

T = TypeVar("T")

DRAWS = 10
"""Number of draws of anchors that are averaged for a random selection."""


@dataclass(frozen=True)
class Trial:
    """Predicted and true scores of test models.

    Attributes:
        truth: full-benchmark scores, shape (models,); NaN for a model whose score is not known,
            because it answered too few items.
        scores: predicted, shape (draws, models); one draw unless the selection is random.
        bounds: lower and upper ends of the intervals, shape (2, draws, models), of the first draw
            or of all; None if the method was not calibrated.
        seconds: time of one draw; a fit or selection from the memory counts with the time that it
            took originally.
    """

    truth: Array
    scores: Array
    bounds: Array | None
    seconds: float


class Memory:
    """Remembers histories and anchors; one memory serves trials on the same source models.

    Attributes:
        saved: seconds that it has saved so far.
    """

    def __init__(self) -> None:
        self.saved = 0.0
        self._done: dict[object, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def history(
        self, responses: ResponseMatrix, plan: BuildPlan, progress: Progress | None = None
    ) -> History:
        """Return the history of these models under this plan's settings of fit and target."""
        settings = plan.settings
        fit, target = settings.irt.model_dump_json(), settings.target.model_dump_json()
        groups = settings.interval.groups
        key = (responses.models.ids, responses.items.ids, fit, target, groups, settings.soft)
        return self._once(key, lambda: make_history(responses, plan, progress))

    def families(self, responses: ResponseMatrix, settings: Settings) -> Families:
        """Return these models with their groups under these settings."""
        if settings.interval.groups != AUTO:
            return find_families(responses, settings)
        key = (AUTO, responses.models.ids, responses.items.ids)
        found = self._once(key, lambda: find_families(responses, settings))
        own = {"groups": found.settings.interval.groups}
        return found._replace(settings=settings.replace(interval=own))

    def anchors(self, plan: BuildPlan, history: History, rng: np.random.Generator) -> Anchors:
        """Return the anchors, and leave ``rng`` as choosing them leaves it."""

        def choose() -> tuple[History, Anchors, Any]:
            chosen = plan.choose_anchors(history, rng)
            return history, chosen, rng.bit_generator.state

        # The result holds the history, so that no other one can take its id.
        chosen_by = {"selection", "items", "budget", "cost", "quotas", "seed"}
        key = (id(history), plan.settings.model_dump_json(include=chosen_by))
        _, anchors, rng.bit_generator.state = self._once(key, choose)
        return anchors

    def _once(self, key: object, make: Callable[[], T]) -> T:
        if key not in self._done:
            start = time.perf_counter()
            result = make()
            self._done[key] = (time.perf_counter() - start, result)
            return result
        seconds, known = self._done[key]
        with self._lock:
            self.saved += seconds
        return known


def run_trial(
    source: ResponseMatrix,
    test: ResponseMatrix,
    settings: Settings,
    *,
    calibrated: bool = False,
    memory: Memory | None = None,
) -> Trial:
    """Learn from ``source`` what the settings say, and predict ``test``.

    Args:
        source: usable models (:func:`tinyeval.source_models.usable`).
        test: other models; only their answers on the anchors are used to predict them.
        settings: the method, the number of items and the seed.
        calibrated: also calibrate intervals, which takes about ten times as long.
        memory: of earlier trials on the same source models.
    """
    memory = memory or Memory()
    start, saved = time.perf_counter(), memory.saved
    source, settings, _ = memory.families(source.take(None, source.answered()[1]), settings)
    draws = DRAWS if draws_at_random(settings.selection.method) else 1
    plans = [BuildPlan.of(settings.replace(seed=settings.seed + k), source) for k in range(draws)]
    learned = [
        learn(source, plan, history_of=memory.history, anchors_of=memory.anchors) for plan in plans
    ]
    scores = np.array([_scores(one, test) for one in learned])
    seconds = (time.perf_counter() - start + memory.saved - saved) / draws
    bounds = None
    if calibrated:
        start, saved = time.perf_counter(), memory.saved
        predictor = make_predictor(learned[0], plans[0], history_of=memory.history)
        bounds = _bounds(predictor, test, settings.interval.level)
        seconds += time.perf_counter() - start + memory.saved - saved
    truth = true_targets(learned[0], test)[:, 0]
    truth[~test.answered()[0]] = np.nan
    return Trial(truth, scores, bounds, seconds)


def _scores(learned: Learned, test: ResponseMatrix) -> Array:
    """Predicted scores; a model that answered no anchor gets the source models' mean answers.

    Where runs were repeated, they are scores of the test models' own runs, as are the true ones.
    """
    answers = anchor_answers(learned, test).or_else(learned.anchor_mean())
    return np.asarray(estimate(learned.estimator, answers).of_runs()[0][:, 0])


def _bounds(predictor: Predictor, test: ResponseMatrix, level: float) -> Array:
    """Ends of the intervals, shape (2, 1, models); from 0 to 1 for a model without answers."""
    answers = Answered.on(predictor.anchors.items, test)
    able = np.flatnonzero(answers.some)
    bounds = np.tile([[[0.0]], [[1.0]]], len(answers))
    if able.size:
        ids = tuple(test.models.ids[k] for k in able)
        found = predictor.predict(answers.take(able), ids, level)
        bounds[:, 0, able] = np.array([one.shown[1:] for one in found]).T
    return bounds
