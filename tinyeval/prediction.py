"""From answers on the anchors to predicted full-benchmark scores with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import ConfigError, DataError
from tinyeval.estimators.base import FittedEstimator
from tinyeval.intervals import Calibration
from tinyeval.irt.ability import estimate_ability
from tinyeval.irt.model import IRTModel
from tinyeval.learned import residual_fit
from tinyeval.selection.base import Anchors
from tinyeval.targets import OVERALL


class Interval(NamedTuple):
    """A predicted score and the interval that holds the true one with the stated level."""

    score: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Prediction:
    """What the answers on the anchors say about a model's full-benchmark score.

    Attributes:
        model: id of the model.
        score, lower, upper: predicted overall score and its interval, in [0, 1].
        level: probability with which the interval should hold the true score.
        benchmarks: the same per benchmark, where the bank covers several.
        ability: estimated ability, one number per dimension.
        n_answered: anchors answered.
        in_range: False where the model looks stronger, weaker or otherwise unlike every model
            that the bank was built from; its interval is then wider.
        misfit: True where the answers do not fit the item-response model (a broken prompt
            format, a contaminated item set, mixed-up items ...).
        warnings: what to know before using the number, and what to do about it.
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

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists, as ``--json`` prints them."""
        values = asdict(self)
        values["benchmarks"] = {name: one._asdict() for name, one in self.benchmarks.items()}
        values["ability"] = list(self.ability)
        values["warnings"] = list(self.warnings)
        return values


@dataclass(frozen=True)
class Predictor:
    """The parts of a bank that a prediction needs.

    Attributes:
        anchors: the items that a new model answers.
        targets: names of the targets, ``overall`` first.
        irt: parameters of the estimator's anchors, in their order.
        method: name of the estimator.
        estimator: the fitted estimator; its anchors may be more than ``anchors`` (a bank's head).
        calibration: of its spread.
    """

    anchors: Anchors
    targets: tuple[str, ...]
    irt: IRTModel
    method: str
    estimator: FittedEstimator
    calibration: Calibration

    def __post_init__(self) -> None:
        if self.anchors.items != self.irt.items[: len(self.anchors)]:
            raise DataError("the anchors must be the first of the estimator's items, in order")
        if self.targets[0] != OVERALL:
            raise DataError(f"the first target must be {OVERALL!r}, found {self.targets[0]!r}")

    def check(self, level: float) -> None:
        """Predict the mean answers once, so that parts which do not fit each other show now."""
        answers = np.full((1, len(self.anchors)), 0.5)
        values = self.predict(answers, ("check",), level)[0]
        if not np.isfinite([values.score, values.lower, values.upper]).all():
            raise DataError("the estimator's arrays give numbers that are not finite")

    def predict(self, answers: NDArray, models: tuple[str, ...], level: float) -> list[Prediction]:
        """Predict the targets of some models.

        Args:
            answers: shape (models, anchors), in [0, 1], NaN where unanswered.
            models: their ids.
            level: of the intervals, in (0, 1).

        Raises:
            DataError: a model that answered none of the anchors.
            ConfigError: a level outside (0, 1).
        """
        if not 0 < level < 1:
            raise ConfigError(f"level must lie between 0 and 1, found {level}")
        padded = np.full((len(models), len(self.irt.items)), np.nan)
        padded[:, : len(self.anchors)] = answers
        answered = (~np.isnan(padded)).sum(1)
        if (answered == 0).any():
            name = models[int(np.flatnonzero(answered == 0)[0])]
            raise DataError(
                f"model {name!r} answered none of the bank's {len(self.anchors)} anchors; "
                "`tinyeval export` writes the list of items to run"
            )
        estimate = self.estimator.predict(padded)
        ability = estimate_ability(self.irt, padded)
        fit = residual_fit(self.irt, padded, ability.mean)
        return [
            self._one(
                models[k],
                estimate.mean[k],
                estimate.spread[k],
                float(estimate.novelty[k]),
                float(fit[k]),
                ability.mean[k],
                int(answered[k]),
                level,
            )
            for k in range(len(models))
        ]

    def _one(
        self,
        model: str,
        mean: NDArray,
        spread: NDArray,
        novelty: float,
        fit: float,
        ability: NDArray,
        n_answered: int,
        level: float,
    ) -> Prediction:
        calibration = self.calibration
        low, high = calibration.score_range[:, 0]
        novel = calibration.is_novel(novelty, n_answered)
        in_range = bool(not novel and low <= mean[0] <= high)
        misfit = calibration.is_misfit(fit, n_answered)
        half = calibration.half_width(
            spread, n_answered, len(self.irt.items), level, not in_range or misfit
        )
        intervals = {
            name: Interval(float(m), float(max(m - h, 0.0)), float(min(m + h, 1.0)))
            for name, m, h in zip(self.targets, mean, half, strict=True)
        }
        overall = intervals.pop(OVERALL)
        return Prediction(
            model,
            *overall,
            level,
            intervals,
            tuple(float(one) for one in ability),
            n_answered,
            in_range,
            misfit,
            tuple(self._warnings(in_range, misfit, mean[0], n_answered)),
        )

    def _warnings(self, in_range: bool, misfit: bool, score: float, n_answered: int) -> list[str]:
        low, high = self.calibration.score_range[:, 0]
        warnings = []
        if n_answered < len(self.anchors):
            warnings.append(
                f"{len(self.anchors) - n_answered} of {len(self.anchors)} anchors are unanswered; "
                "the interval is wider for it: run them for a sharper one"
            )
        if not in_range:
            where = "above" if score > high else "below" if score < low else "unlike"
            what = "those" if where == "unlike" else f"the range ({low:.3f} to {high:.3f}) of those"
            warnings.append(
                f"this model looks {where} {what} the bank was built from; the interval is widened:"
                " run more items, or rebuild the bank with newer models"
            )
        if misfit:
            warnings.append(
                "the answers do not fit the item-response model; check the prompt format, the "
                "metric, and that each answer belongs to its item"
            )
        return warnings
