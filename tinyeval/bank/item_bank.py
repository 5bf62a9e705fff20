"""The item bank: anchors, parameters and calibration, ready to predict and to be saved."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from tinyeval import __version__
from tinyeval.bank.answers import Answers, check_shared, read_answers, unanswered
from tinyeval.bank.card import Facts, card
from tinyeval.bank.contents import BankFiles
from tinyeval.bank.folder import bank_digest, read_bank, write_bank
from tinyeval.calibration.intervals import Calibration, PairCalibration
from tinyeval.comparison import Comparison, compare
from tinyeval.errors import BankError, TinyEvalError, UnregisteredError
from tinyeval.estimators import load_estimator
from tinyeval.importers import check_hashes
from tinyeval.importers.base import ItemKey
from tinyeval.irt.model import IRTModel
from tinyeval.prediction import Prediction, Predictor
from tinyeval.responses import ResponseMatrix, Table, as_ids
from tinyeval.selection.base import Anchors

Content = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class ItemBank:
    """A tiny benchmark: which items to run, and how to read the answers.

    Attributes:
        name: of the bank.
        items: every item of the benchmark, with ``mean_score`` and what else is known.
        irt: parameters of every item, in the order of ``items``.
        predictor: anchors, estimator and calibration.
        settings: those in force when it was built.
        source: where it comes from: models, duplicates dropped, origin.
        created: UTC time of building, ``YYYY-MM-DDThh:mm:ssZ``.
        content: item -> prompt, choices, gold answer ..., where it may be shipped.

    Example:
        >>> bank.name, len(bank.anchors), len(bank.items), bank.level
        ('example', 8, 30, 0.9)
        >>> sorted(bank.expected_error)  # known for so many answers
        [5, 8]
    """

    name: str
    items: Table
    irt: IRTModel
    predictor: Predictor
    settings: Mapping[str, Any]
    source: Mapping[str, Any]
    created: str = ""
    content: Content | None = None

    def __post_init__(self) -> None:
        if self.irt.items != self.items.ids:
            raise BankError("the bank's items and its IRT parameters name different items")
        self.items.index(self.anchors.items, "anchor")
        if not self.created:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            object.__setattr__(self, "created", now)

    @property
    def anchors(self) -> Anchors:
        """The items to run, best first."""
        return self.predictor.anchors

    @property
    def level(self) -> float:
        """Level of the intervals unless another is asked for."""
        return float(self.settings["interval"]["level"])

    @property
    def item_key(self) -> ItemKey | None:
        """How item ids follow from the documents that a harness logs; None: task and number."""
        run = self.settings.get("run", {})
        return ItemKey(run["key"], run.get("prefix", "")) if run.get("key") else None

    @property
    def digest(self) -> str:
        """SHA-256 of everything but the time of building: the bank's identity."""
        return bank_digest(self._files())

    @property
    def expected_error(self) -> dict[int, float]:
        """Mean absolute error of the overall score, by number of answered anchors."""
        return self._errors(0)

    @property
    def benchmark_errors(self) -> dict[str, dict[int, float]]:
        """The same of each benchmark's score, where the bank covers several."""
        return {name: self._errors(k) for k, name in enumerate(self.predictor.targets) if k}

    def _errors(self, target: int) -> dict[int, float]:
        calibration = self.predictor.calibration
        return {
            int(n): float(error[target])
            for n, error in zip(calibration.sizes, calibration.expected_error, strict=True)
            if n <= len(self.anchors)
        }

    @property
    def cost(self) -> float | None:
        """What the anchors cost together; None where the items' costs are not known."""
        costs = self.items.columns.get(self.settings.get("cost", "cost"))
        if costs is None or costs.dtype.kind != "f":
            return None
        total = float(costs[self.items.index(self.anchors.items)].sum())
        return total if np.isfinite(total) else None

    @overload
    def predict(self, answers: Answers, *, level: float | None = None) -> Prediction: ...
    @overload
    def predict(
        self, answers: ResponseMatrix | Mapping[str, Answers], *, level: float | None = None
    ) -> list[Prediction]: ...
    def predict(
        self,
        answers: Answers | ResponseMatrix | Mapping[str, Answers],
        *,
        level: float | None = None,
    ) -> Prediction | list[Prediction]:
        """Predict full-benchmark scores from answers on the anchors.

        Args:
            answers: ``{item: score}`` of one model, or ``{model: {item: score}}``, or a
                :class:`ResponseMatrix`.  Items that are no anchors are ignored; unanswered
                anchors may be left out.
            level: of the intervals; the bank's own by default.

        Returns:
            One prediction for one model, else a list in the order given.

        Raises:
            DataError: scores outside [0, 1], or a model that answered none of the anchors.

        Example:
            >>> answers = dict.fromkeys(bank.anchors.items[:6], 1) | {bank.anchors.items[6]: 0}
            >>> one = bank.predict(answers)
            >>> one.n_answered
            7
            >>> 0 <= one.lower <= one.score <= one.upper <= 1
            True
            >>> [one.model for one in bank.predict({"a": answers, "b": answers})]
            ['a', 'b']
        """
        level = self.level if level is None else level
        matrix, single = read_answers(answers)
        predictions = self.predictor.predict(self._aligned(matrix), matrix.models.ids, level)
        return predictions[0] if single else predictions

    def compare(
        self,
        answers: ResponseMatrix | Mapping[str, Answers],
        models: Sequence[str] | None = None,
        *,
        level: float | None = None,
    ) -> list[Comparison]:
        """Compare models by the paired difference of their full-benchmark scores.

        Args:
            answers: ``{model: {item: score}}`` or a :class:`ResponseMatrix`.
            models: which of them to compare; all by default.
            level: of the intervals; the bank's own by default.

        Returns:
            One comparison per pair: first and second, first and third ... in the order given.

        Raises:
            DataError: fewer than two models, an unknown one or one given twice, or two that share
                no answered anchor.
            BankError: a bank that was built before differences were calibrated.

        Example:
            >>> (one,) = bank.compare(responses, ["model-39", "model-0"])
            >>> one.a, one.b, one.n_shared
            ('model-39', 'model-0', 8)
            >>> one.difference > 0 and one.probability > 0.9
            True
        """
        matrix, _ = read_answers(answers)
        if models is not None:
            matrix = matrix.select(as_ids(models, "model"))
        level = self.level if level is None else level
        return compare(self.predictor, self._aligned(matrix), matrix.models.ids, level)

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return dict(zip(self.items.ids, self.items.column("hash", ""), strict=True))

    def _aligned(self, answers: ResponseMatrix) -> NDArray:
        """Return the answers on the anchors, whose hashes must agree where both are known."""
        check_shared(answers, self.anchors.items)
        check_hashes(answers.items, self._hashes)
        return answers.align(self.anchors.items)

    def missing(self, answers: ResponseMatrix) -> dict[str, tuple[str, ...]]:
        """Return model -> the anchors that it left unanswered, for models that left any."""
        return unanswered(answers, self.anchors.items)

    def head(self, n: int) -> ItemBank:
        """Return the bank of the first ``n`` anchors; its intervals are calibrated for them.

        Example:
            >>> few = bank.head(5)
            >>> few.anchors.items == bank.anchors.items[:5]
            True
        """
        return replace(self, predictor=replace(self.predictor, anchors=self.anchors.head(n)))

    def save(self, path: str | Path, *, overwrite: bool = False) -> str:
        """Write the bank to a folder, all or nothing, and return its digest.

        Raises:
            BankError: the folder exists and ``overwrite`` is False, or is no bank.

        Example:
            >>> bank.save("my_bank") == bank.digest
            True
        """
        return write_bank(Path(path), self._files(), overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> ItemBank:
        """Read a bank from a folder; everything in it is verified before use.

        Raises:
            BankError: not a bank, damaged, or of another format version.
            UnregisteredError: its estimator is from outside tinyeval, and was not registered
                (:func:`tinyeval.register_estimator`).

        Example:
            >>> from tinyeval import ItemBank
            >>> digest = bank.save("my_bank")
            >>> ItemBank.load("my_bank").digest == digest
            True
        """
        files = read_bank(Path(path))
        try:
            bank = _from_files(files)
        except UnregisteredError as error:
            raise UnregisteredError(f"{path}: {error}") from error
        except (LookupError, TypeError, ValueError, TinyEvalError) as error:
            reason = str(error) if isinstance(error, TinyEvalError) else f"unusable {error}"
            raise BankError(f"{path}: {reason}; download or build the bank again") from error
        if bank.predictor.pairs is None:
            warnings.warn(
                f"{path}: an earlier tinyeval built this bank; it compares no models and flags no "
                "misfit: build it again",
                stacklevel=2,
            )
        return bank

    def _facts(self) -> Facts:
        """Return what the card says."""
        errors = {name: list(one.values()) for name, one in self.benchmark_errors.items()}
        benchmark = self.items.column("benchmark", "")[self.items.index(self.anchors.items)]
        return Facts(
            self.name,
            self.source,
            self.level,
            len(self.items),
            len(self.anchors),
            self.expected_error,
            {
                name: (int((benchmark == name).sum()), one[-1])
                for name, one in errors.items()
                if one
            },
        )

    def _files(self) -> BankFiles:
        rank = np.full(len(self.items), np.nan)
        weight, reserve = rank.copy(), np.zeros(len(self.items))
        index = self.items.index(self.anchors.items)
        rank[index], weight[index] = np.arange(len(index)), self.anchors.weights
        assert self.anchors.reserve is not None
        reserve[index] = self.anchors.reserve
        columns = {"anchor_rank": rank, "anchor_weight": weight, "reserve": reserve}
        manifest = {
            "name": self.name,
            "created": self.created,
            "tinyeval_version": __version__,
            "targets": list(self.predictor.targets),
            "settings": dict(self.settings),
            "source": dict(self.source),
            "estimator": {
                "method": self.predictor.method,
                "items": list(self.predictor.irt.items),
            },
            "expected_error": {str(n): round(error, 6) for n, error in self.expected_error.items()},
        }
        groups = {
            "irt": _irt_arrays(self.irt),
            "estimator": self.predictor.estimator.state(),
            "calibration": self.predictor.calibration.state(),
            "comparison": self.predictor.pairs.state() if self.predictor.pairs else {},
        }
        arrays = {
            f"{g}/{name}": value for g, group in groups.items() for name, value in group.items()
        }
        table = self.items.with_columns(**columns)
        return BankFiles(manifest, table, arrays, self.content, card(self._facts()))


def _irt_arrays(irt: IRTModel) -> dict[str, Any]:
    return {one.name: getattr(irt, one.name) for one in fields(irt) if one.name != "items"}


def _from_files(files: BankFiles) -> ItemBank:
    """Rebuild a bank from what its folder holds."""
    groups: dict[str, dict[str, Any]] = {}
    for name, array in files.arrays.items():
        group, _, key = name.partition("/")
        groups.setdefault(group, {})[key] = array
    rank = files.items.columns["anchor_rank"]
    chosen = np.flatnonzero(np.isfinite(rank))
    chosen = chosen[np.argsort(rank[chosen])]
    anchors = Anchors(
        tuple(files.items.ids[k] for k in chosen),
        files.items.columns["anchor_weight"][chosen],
        files.items.column("reserve", 0.0)[chosen] > 0,
    )
    dropped = ("anchor_rank", "anchor_weight", "reserve")
    columns = {name: one for name, one in files.items.columns.items() if name not in dropped}
    items = Table(files.items.ids, columns)
    irt = IRTModel(items=items.ids, **groups["irt"])
    manifest = files.manifest
    method, own = manifest["estimator"]["method"], manifest["estimator"]["items"]
    predictor = Predictor(
        anchors,
        tuple(manifest["targets"]),
        irt.take(items.index(own, "anchor")),
        method,
        load_estimator(method, groups["estimator"]),
        Calibration.from_state(groups["calibration"]),
        PairCalibration.from_state(groups["comparison"]) if "comparison" in groups else None,
    )
    bank = ItemBank(
        manifest["name"],
        items,
        irt,
        predictor,
        manifest["settings"],
        manifest["source"],
        manifest["created"],
        files.content,
    )
    bank.predictor.check(bank.level)
    return bank
