"""The result: a predicted full-benchmark score with its interval, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tinyeval.calibration.reading import Interval
from tinyeval.calibration.run_levels import cells_of_runs
from tinyeval.certified import Certificate
from tinyeval.display.html import html_facts
from tinyeval.display.records import Records, shortened


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
            **cells_of_runs(self.trials, self.of_runs),
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
