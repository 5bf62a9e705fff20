"""Banks rehearsed: built without some of the source models, they predict those models.

Every fold's history is fitted once; each recipe and number of items then chooses its anchors and
fits its estimator on it.  No intervals are calibrated, so that many recipes and numbers can be
tried.  Folds are those of the calibration (:mod:`tinyeval.calibration.folds`): random ones, which
hold out whole groups, and those that learn from one end of the scores and predict the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.build_plan import BuildPlan
from tinyeval.calibration.folds import Fold, draw_folds, some_models
from tinyeval.calibration.replayed import replayed
from tinyeval.compute.arrays import Array
from tinyeval.compute.progress import Progress
from tinyeval.compute.threads import one_thread, side_by_side
from tinyeval.config import Settings
from tinyeval.estimators.answered import estimate
from tinyeval.history import History
from tinyeval.learning import learn, make_history
from tinyeval.responses import ResponseMatrix
from tinyeval.selection import draws_at_random
from tinyeval.source_models import MIN_MODELS

DRAWS = 4
"""Banks drawn in each fold if the selection is random."""

KEPT = 60_000_000
"""Cells of all folds together up to which their histories are kept for the next call."""


class Cases(NamedTuple):
    """Overall scores that were predicted for held-out models: arrays of shape (cases,).

    Attributes:
        model: position of the model in the history.
        bank: number of the bank that predicted it; models of one bank can be compared.
        truth, error, spread: true score, predicted minus true score, and the method's own standard
            deviation of that error.
        sources: number of models that the bank was built from.
    """

    model: NDArray[np.intp]
    bank: NDArray[np.intp]
    truth: Array
    error: Array
    spread: Array
    sources: NDArray[np.intp]


@dataclass(frozen=True)
class Rehearsal:
    """The folds of a history, and what was fitted on them.

    Attributes:
        responses: usable models of the history.
        settings: settings of the fit and the targets; the methods may be others.
        dimensions: dimensions of the IRT model, chosen once on all models.
        score: overall score of every model, shape (models,).
        folds: folds to predict, random ones or those beyond the range.
        share: share of the models of each fold that its banks learn from.  Below 1 the dimensions
            are chosen again.
    """

    responses: ResponseMatrix
    settings: Settings
    dimensions: int
    score: Array
    folds: tuple[Fold, ...]
    share: float = 1.0
    _kept: dict[int, History] = field(default_factory=dict, repr=False)

    def cases(
        self, recipes: Sequence[Settings], progress: Progress | None = None, what: str = ""
    ) -> list[Cases]:
        """Return the predicted cases of each recipe, with the number of items that it names.

        Args:
            recipes: settings that differ from ``settings`` in methods and number of items only.
            progress: called with (done, total, what).
            what: what is being done, for ``progress``.
        """

        def report(done: int) -> None:
            if progress is not None:
                progress(done, len(self.folds), what)

        report(0)
        cells = self.responses.scores.size
        parallel = self.settings.irt.method != "pyro"  # Pyro keeps global state
        with one_thread(cells):
            found = side_by_side(
                lambda k: self._fold(k, recipes),
                range(len(self.folds)),
                cells if parallel else np.inf,
                report,
            )
        return [_joined(parts) for parts in zip(*found, strict=True)]

    def _fold(self, k: int, recipes: Sequence[Settings]) -> list[Cases]:
        """Predict the held-out models of one fold with each recipe."""
        history = self._history(k)
        asked = self.responses.items.index(history.responses.items.ids)
        held_out = self.responses.take(self.folds[k].held_out, asked)
        return [self._predict(k, held_out, history, one) for one in recipes]

    def _history(self, k: int) -> History:
        if k in self._kept:
            return self._kept[k]
        rows = some_models(self.folds[k].source, self.settings.seed)
        if self.share < 1:
            rng = np.random.default_rng([self.settings.seed, k])
            some = max(round(self.share * len(rows)), MIN_MODELS)
            rows = np.sort(rng.permutation(rows)[:some])
        part = self.responses.take(rows)
        part = part.take(None, part.answered()[1])
        plan = BuildPlan.of(self.settings.replace(items=1), self.responses)
        dimensions = self.settings.irt.dimensions if self.share < 1 else [self.dimensions]
        plan = plan.within(part, self.dimensions)
        plan = replace(plan, settings=plan.settings.replace(irt={"dimensions": dimensions}))
        history = make_history(part, plan)
        if len(self.folds) * self.responses.scores.size <= KEPT:
            self._kept[k] = history
        return history

    def _predict(
        self, k: int, held_out: ResponseMatrix, history: History, recipe: Settings
    ) -> Cases:
        """Predict the held-out models of one fold with one recipe, a few times if it draws."""
        draws = DRAWS if draws_at_random(recipe.selection.method) else 1
        rows = np.flatnonzero(self.folds[k].held_out)
        parts = []
        for bank in range(k * draws, (k + 1) * draws):
            plan = BuildPlan.of(recipe.replace(seed=recipe.seed + bank), self.responses)
            plan = plan.within(history.responses, history.fit.model.dimensions)
            learned = learn(history.responses, plan, history_of=lambda *_: history)
            again = replayed(learned, held_out, None, bank)
            found = estimate(learned.estimator, again.answers.or_else(learned.anchor_mean()))
            of_runs = None if found.run_mean is None else found.of_runs()
            error = again.error((found.mean, found.spread), of_runs)[:, 0]
            truth = again.truth[:, 0]
            known = np.isfinite(truth) & held_out.answered()[0]
            parts.append(
                Cases(
                    model=rows[known],
                    bank=np.full(known.sum(), bank),
                    truth=truth[known],
                    error=error[known],
                    spread=found.spread[known, 0],
                    sources=np.full(known.sum(), history.responses.n_models),
                )
            )
        return _joined(parts)


def _joined(parts: Sequence[Cases]) -> Cases:
    return Cases(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def random_folds(
    responses: ResponseMatrix, score: Array, settings: Settings, repeats: int
) -> tuple[Fold, ...]:
    """Return the random folds of several repeats: each predicts every model, or enough of them."""
    interval = settings.interval
    n_folds = min(interval.folds, responses.n_models)
    return tuple(
        fold
        for repeat in range(repeats)
        for fold in draw_folds(
            responses.models, score, n_folds, settings.seed + repeat, interval.groups
        )
        if not fold.beyond
    )


def beyond_folds(responses: ResponseMatrix, score: Array, settings: Settings) -> tuple[Fold, ...]:
    """Return the folds that learn from one end of the scores and predict the other."""
    interval = settings.interval
    found = draw_folds(responses.models, score, 2, settings.seed, interval.groups)
    return tuple(fold for fold in found if fold.beyond)
