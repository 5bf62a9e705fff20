"""Reads answers on the anchors: calibrated parts in, predictions out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration import run_levels
from tinyeval.calibration.doubts import doubts_about_runs, doubts_in_words
from tinyeval.calibration.intervals import Calibration, PairCalibration
from tinyeval.calibration.reading import Interval, Reading
from tinyeval.calibration.run_levels import RunLevel
from tinyeval.errors import ConfigError, DataError
from tinyeval.errors.arguments import check_level
from tinyeval.estimators.answered import Answered, estimate
from tinyeval.estimators.base import Estimate, FittedEstimator
from tinyeval.irt.ability import estimate_ability, misfit_statistic
from tinyeval.irt.model import IRTModel
from tinyeval.prediction.result import Prediction
from tinyeval.selection.base import Anchors
from tinyeval.targets import OVERALL

MODELS_AT_ONCE = 1000
"""Number of models whose targets are estimated together; bounds memory and fits caches."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Predictor:
    """The parts of a bank that a prediction needs.

    Attributes:
        anchors: the items that a new model answers.
        targets: names of the targets, ``overall`` first.
        irt: parameters of the estimator's anchors, in their order.
        method: name of the estimator.
        estimator: the fitted estimator; it has more anchors than ``anchors`` in a bank's head.
        calibration: calibration of the estimator's spread.
        pairs: calibration of differences.
        trials: number of runs that the history's scores are usually the mean of.
        fewer: calibrations for models that were run fewer times.
        due: number of anchors that a model is asked; None: all of them.
    """

    anchors: Anchors
    targets: tuple[str, ...]
    irt: IRTModel
    method: str
    estimator: FittedEstimator
    calibration: Calibration
    pairs: PairCalibration
    trials: int = 1
    fewer: tuple[RunLevel, ...] = ()
    due: int | None = None

    def __post_init__(self) -> None:
        if self.anchors.items != self.irt.items[: len(self.anchors)]:
            raise DataError("the anchors must be the first of the estimator's items, in order")
        if self.targets[0] != OVERALL:
            raise DataError(f"the first target must be {OVERALL!r}, found {self.targets[0]!r}")
        found = self.pairs.slope_inside.shape[1]
        if found != len(self.targets):
            raise DataError(f"comparison is of {found} targets, expected {len(self.targets)}")

    def __repr__(self) -> str:
        return f"Predictor({self.method}, {len(self.anchors)} anchors, {len(self.targets)} targets)"

    @property
    def levels(self) -> tuple[RunLevel, ...]:
        """The calibrations by number of runs, ascending; the last is for the history's number."""
        return (*self.fewer, RunLevel(self.trials, self.calibration, self.pairs))

    @property
    def reads_soft(self) -> bool:
        """Whether the estimator reads soft scores beside the answers."""
        return any("soft/" in name for name in self.estimator.state())

    def expected_error(self, target: int = 0, trials: int | None = None) -> dict[int, float]:
        """Return the mean absolute error of a target by number of answered anchors.

        Args:
            target: position in ``targets``; 0 is the overall score.
            trials: number of runs of the new models; as many as the history had by default.
        """
        calibration = run_levels.level_of(
            self.levels, self.trials if trials is None else trials
        ).calibration
        return {
            int(n): float(error[target])
            for n, error in zip(calibration.sizes, calibration.expected_error, strict=True)
            if n <= len(self.anchors)
        }

    def check(self, level: float) -> None:
        """Predict once, with every answer 0.5, so that parts that do not fit each other fail now.

        Raises:
            DataError: a prediction that is not finite.
            Exception: any error of parts that do not fit each other.
        """
        half = np.full((1, len(self.anchors)), 0.5)
        answers = Answered(half, soft=half if self.reads_soft else None)
        values = self.predict(answers, ("check",), level)[0]
        if not np.isfinite([values.score, values.lower, values.upper]).all():
            raise DataError("the estimator's arrays give numbers that are not finite")

    def predict(
        self, answers: Answered | NDArray, models: tuple[str, ...], level: float
    ) -> list[Prediction]:
        """Predict the targets of some models.

        Args:
            answers: on the anchors; or their scores alone, shape (models, anchors), in [0, 1], NaN
                where unanswered.
            models: ids of the models.
            level: level of the intervals, in (0, 1).

        Raises:
            DataError: a model that answered none of the anchors.
            ConfigError: a level outside (0, 1).
        """
        check_level(level, ConfigError)
        given = Answered.of(answers)
        reading = self.read(given, models)
        in_range, misfit = self.doubts(reading)
        n_answered = (~np.isnan(reading.answers)).sum(axis=1)
        found = reading.estimate
        told: dict[str, Any] = {"n_answered": n_answered, "beyond": ~in_range | misfit}
        told |= {"n_anchors": self.due or len(self.irt.items), "level": level}
        bounds, of_runs = (
            run_levels.bounds_by_runs(self.levels, reading.runs, mean=mean, spread=spread, **told)
            for mean, spread in ((found.mean, found.spread), found.of_runs())
        )
        doubts = doubts_about_runs(given.scores, given.trials, self.trials > 1)
        columns = (bounds, reading.ability.mean, n_answered, in_range, misfit, doubts, reading.runs)
        rows = zip(models, *(one.tolist() for one in (*columns, of_runs[:, 0])), strict=True)
        return [self._one(level, *row) for row in rows]

    def read(self, answers: Answered | NDArray, models: tuple[str, ...]) -> Reading:
        """Estimate targets and abilities; raise if a model answered none of the anchors."""
        padded = Answered.of(answers).widened(len(self.irt.items))
        nothing = np.flatnonzero(~padded.some)
        if nothing.size:
            raise DataError(
                f"model {models[nothing[0]]!r} answered none of the bank's {len(self.anchors)} "
                "anchors; `tinyeval export` lists the items to run"
            )
        blocks = [
            estimate(self.estimator, padded.take(slice(k, k + MODELS_AT_ONCE)))
            for k in range(0, len(padded), MODELS_AT_ONCE)
        ]
        return Reading(
            answers=padded.scores,
            estimate=Estimate.join(blocks),
            ability=estimate_ability(self.irt, padded.scores),
            runs=padded.runs,
        )

    def doubts(self, reading: Reading) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return ``in_range`` and ``misfit`` of every model, both of shape (models,)."""
        found, misfit = reading.estimate, misfit_statistic(reading.answers, reading.ability)
        n = (~np.isnan(reading.answers)).sum(axis=1)
        told = (found.mean[:, 0], found.novelty, misfit, n)
        return run_levels.flags_by_runs(self.levels, reading.runs, *told)

    def _one(
        self,
        level: float,
        model: str,
        bounds: list[list[float]],
        ability: list[float],
        n_answered: int,
        in_range: bool,
        misfit: bool,
        doubt: str,
        runs: float,
        of_runs: list[float],
    ) -> Prediction:
        overall, *benchmarks = map(Interval._make, bounds)
        told = (overall.score, self.calibration.score_range[:, 0], in_range, misfit)
        warnings = doubts_in_words(self.due or len(self.anchors), n_answered, *told)
        return Prediction(
            model=model,
            **overall._asdict(),
            level=level,
            benchmarks=dict(zip(self.targets[1:], benchmarks, strict=True)),
            ability=tuple(ability),
            n_answered=n_answered,
            in_range=in_range,
            misfit=misfit,
            warnings=(*warnings, doubt) if doubt else tuple(warnings),
            trials=round(runs, 3) if self.trials > 1 else None,
            of_runs=Interval._make(of_runs) if self.trials > 1 else None,
        )
