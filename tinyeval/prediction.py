"""From answers on the anchors to predicted full-benchmark scores with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.calibration import run_levels
from tinyeval.calibration.doubts import doubts_about_runs, doubts_in_words
from tinyeval.calibration.intervals import Calibration, PairCalibration
from tinyeval.calibration.reading import Interval as Interval
from tinyeval.calibration.reading import Reading as Reading
from tinyeval.calibration.run_levels import RunLevel
from tinyeval.certified import Certificate
from tinyeval.display.html import html_facts
from tinyeval.display.records import Records, shortened
from tinyeval.errors import ConfigError, DataError
from tinyeval.errors.arguments import check_level
from tinyeval.estimators.answered import Answered, estimate
from tinyeval.estimators.base import Estimate, FittedEstimator
from tinyeval.irt.ability import estimate_ability, misfit_statistic
from tinyeval.irt.model import IRTModel
from tinyeval.selection.base import Anchors
from tinyeval.targets import OVERALL

MODELS_AT_ONCE = 1000
"""Number of models whose targets are estimated together; bounds memory and fits caches."""


@dataclass(frozen=True, repr=False)
class Prediction:
    """The full score predicted from a model's answers on the anchors.

    Attributes:
        model: id of the model.
        score, lower, upper: predicted overall score and its interval, in [0, 1].
        level: probability with which the interval should contain the true score.
        benchmarks: predicted score and interval by benchmark, if the bank covers several.
        ability: estimated ability, one number per dimension.
        n_answered: number of anchors answered.
        in_range: False if the model looks stronger, weaker or otherwise unlike the source models;
            the interval is then wider.
        misfit: True if the answers do not fit the item-response model (a broken prompt format,
            contaminated or mixed-up items ...); the interval is then wider too.
        warnings: doubts about the prediction, and what to do about them.
        trials: number of runs that the answers are the mean of, if the bank's history was repeated;
            ``score`` is then the expected score, the mean over any number of runs.
        of_runs: predicted score and interval of the same number of full runs: what the whole
            benchmark would show beside these answers; None where ``trials`` is.
        certified: the score with an interval that needs no likeness of models; None unless the
            bank draws items (``--certify``) and the model has answered them.

    Example:
        >>> answers = {item: k % 2 for k, item in enumerate(bank.anchors.items)}
        >>> one = bank.predict({"my-model": answers})[0]
        >>> one.model, one.level, one.n_answered
        ('my-model', 0.9, 8)
        >>> one.lower < one.score < one.upper
        True
    """

    model: str
    score: float
    lower: float
    upper: float
    level: float
    benchmarks: Mapping[str, Interval]
    ability: tuple[float, ...]
    n_answered: int
    in_range: bool
    misfit: bool
    warnings: tuple[str, ...] = ()
    trials: float | None = None
    of_runs: Interval | None = None
    certified: Certificate | None = None

    @property
    def shown(self) -> Interval:
        """What a full evaluation of the same runs shows: ``of_runs`` if known, else the score.

        Example:
            >>> one = bank.predict(responses)[0]
            >>> one.shown == (one.score, one.lower, one.upper)  # nothing was repeated
            True
        """
        return self.of_runs or Interval(self.score, self.lower, self.upper)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists, as ``--json`` prints them.

        Example:
            >>> sorted(bank.predict(responses)[0].to_dict())[:4]
            ['ability', 'benchmarks', 'in_range', 'level']
        """
        values = asdict(self)
        values["benchmarks"] = {name: one._asdict() for name, one in self.benchmarks.items()}
        values["ability"] = list(self.ability)
        values["warnings"] = list(self.warnings)
        values["of_runs"] = None if self.of_runs is None else self.of_runs._asdict()
        if self.trials is None:
            del values["trials"], values["of_runs"]
        if self.certified is None:
            del values["certified"]
        return values

    def to_frame(self) -> Any:
        """Return a pandas frame of one row; a list of predictions has the same method.

        Raises:
            DependencyError: pandas is not installed.
        """
        return Records("prediction", [self]).to_frame()

    def cells(self) -> dict[str, str]:
        """Return the cells of its line in a table, by their headings."""
        return {
            "model": shortened(self.model),
            "score": f"{self.score:.3f}",
            f"{100 * self.level:g} % interval": f"{self.lower:.3f} to {self.upper:.3f}",
            **run_levels.cells_of_runs(self.trials, self.of_runs),
            "answered": str(self.n_answered),
            "flags": ", ".join(self._flags()),
        }

    def _flags(self) -> list[str]:
        certified = [] if self.certified is None else [f"certified {self.certified}"]
        return certified + ["beyond range"] * (not self.in_range) + ["misfit"] * self.misfit

    def __repr__(self) -> str:
        model, score, between, *_, answered, flags = self.cells().values()
        told = f"; {flags}" if flags else ""
        return (
            f"Prediction({model!r}: {score}, {between} at {100 * self.level:g} %, {answered} "
            f"answered{told})"
        )

    def _repr_html_(self) -> str:
        """Return a table for a notebook."""
        rows = [*self.cells().items(), *(("warning", one) for one in self.warnings)]
        return html_facts("Prediction", rows)


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
