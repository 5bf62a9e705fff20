"""The item bank: anchors, parameters and calibration, ready to predict and to be saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from tinyeval.bank.answers import Answers, check_shared, read_answers, who_answered
from tinyeval.bank.asks import Asks
from tinyeval.bank.certifying import Certifying, needed
from tinyeval.bank.codec import Content
from tinyeval.bank.contents import BankFiles
from tinyeval.bank.described import Described
from tinyeval.bank.folder import read_bank, write_bank
from tinyeval.bank.identity import identity
from tinyeval.bank.manifest import SETTINGS, SOURCE, check_form
from tinyeval.bank.packing import pack, unpack
from tinyeval.bank.pictures import Pictures
from tinyeval.calibration.baselines import Baselines
from tinyeval.certified import Certifier
from tinyeval.comparison import MARGIN, Comparison, compare
from tinyeval.display.records import Records
from tinyeval.errors import BankError, ConfigError, TinyEvalError, UnregisteredError
from tinyeval.errors.arguments import as_path
from tinyeval.estimators.answered import Answered
from tinyeval.importers import check_hashes
from tinyeval.irt.model import IRTModel
from tinyeval.prediction import Prediction, Predictor
from tinyeval.responses import ResponseMatrix
from tinyeval.shipped import find_bank
from tinyeval.stages.continuation import Continuation
from tinyeval.tables import Table, as_ids


@dataclass(frozen=True, eq=False, repr=False)
class ItemBank(Asks, Described, Pictures):
    """A tiny benchmark: which items to run, and how to read the answers.

    Attributes:
        name: name of the bank.
        items: every item of the benchmark, with ``mean_score`` and other columns.
        irt: parameters of every item, in the order of ``items``.
        predictor: anchors, estimator and calibration.
        settings: settings in force when the bank was built.
        source: origin, numbers of models and answers, range of scores ..., see
            :data:`tinyeval.bank.manifest.SOURCE`.
        created: UTC time of building, ``YYYY-MM-DDThh:mm:ssZ``.
        content: item -> prompt, choices, gold answer ..., if it may be shipped.
        baselines: errors of methods that choose nothing, measured as ``expected_error`` is; None in
            a bank built before they were.
        certifier: draws items for each model and certifies its score; None unless asked for.
        continuation: what is asked after a first block of anchors, if the bank was built for two
            stages.

    Raises:
        BankError: parts that name different items, or incomplete settings or source.

    Example:
        >>> bank.name, len(bank.anchors), len(bank.items), bank.level
        ('example', 8, 30, 0.9)
        >>> sorted(bank.expected_error)  # by number of answered anchors
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
    baselines: Baselines | None = None
    certifier: Certifier | None = None
    continuation: Continuation | None = None

    def __post_init__(self) -> None:
        if self.irt.items != self.items.ids:
            raise BankError("the bank's items and its IRT parameters name different items")
        check_form({"settings": self.settings}, {"settings": SETTINGS})
        check_form({"source": self.source}, {"source": SOURCE})
        self.items.index(self.anchors.items, "anchor")
        if self.certifier is not None:
            self.certifier.check(self.items.index(self.anchors.items), len(self.items))
        if self.continuation is not None:
            self.continuation.check(self.predictor)
        if self.baselines is not None:
            self.baselines.check_sizes(tuple(self.expected_error))
        if not self.created:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            object.__setattr__(self, "created", now)

    @cached_property
    def digest(self) -> str:
        """The bank's identity: SHA-256 of everything that a prediction depends on.

        It does not depend on name, card, source, content, time, folder or software versions; see
        :mod:`tinyeval.bank.identity`.  A loaded bank has the verified digest of its manifest.
        """
        return identity(self.files())

    @overload
    def predict(self, answers: Answers, *, level: float | None = None) -> Prediction: ...
    @overload
    def predict(
        self, answers: ResponseMatrix | Mapping[str, Answers], *, level: float | None = None
    ) -> Records[Prediction]: ...
    @overload
    def predict(
        self, answers: object, *, level: float | None = None
    ) -> Prediction | Records[Prediction]: ...
    def predict(
        self, answers: object, *, level: float | None = None
    ) -> Prediction | Records[Prediction]:
        """Predict full-benchmark scores from answers on the anchors.

        Args:
            answers: ``{item: score}`` of one model, or ``{model: {item: score}}``, or a
                :class:`ResponseMatrix`; a pandas Series of one model by item; or what
                :func:`tinyeval.read_results` reads: a path, a DataFrame, a list of records, arrays
                with ids.  Answers to items that are not anchors are ignored; unanswered anchors may
                be left out.
            level: level of the intervals; the bank's own by default.

        Returns:
            A single prediction where the answers are of one model that they do not name, as in
            ``{item: score}``; else a list in the order given, with ``to_frame``.  Models that
            answered none of the anchors are left out with a warning, and so are answers to items
            that are not in the bank.

        Raises:
            DataError: scores outside [0, 1], no model that answered an anchor, or answers of a
                form that is not known.

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
        matrix, single = read_answers(answers, self.items.ids, self.item_key)
        aligned = self._aligned(matrix, self.asked_items)
        some = who_answered(aligned.scores, matrix.models.ids)
        if not some.all():
            aligned, matrix = aligned.take(some), matrix.take(some)
        predictions = self._predicted(aligned, matrix.models.ids, level)
        if self._certifying is not None:
            predictions = self._certifying.certified(predictions, matrix, level)
        return predictions[0] if single else Records("predictions", predictions)

    def compare(
        self,
        answers: object,
        models: Sequence[str] | None = None,
        *,
        level: float | None = None,
        margin: float = MARGIN,
    ) -> Records[Comparison]:
        """Compare models by the paired difference of their full-benchmark scores.

        Args:
            answers: of several models, as :meth:`predict` takes them.
            models: ids of the models to compare; by default all that answered an anchor.
            level: level of the intervals; the bank's own by default.
            margin: difference of two scores up to which they count as the same; 0.02 is 2 points.

        Returns:
            A comparison for each pair: first and second, first and third ... in the order given;
            a list with ``to_frame``.

        Raises:
            DataError: fewer than two models, an unknown model, a model given twice, or a pair that
                shares no answered anchor.
            ConfigError: a level outside (0, 1), or a margin outside [0, 1).

        Example:
            >>> (one,) = bank.compare(responses, ["model-39", "model-0"])
            >>> one.a, one.b, one.n_shared
            ('model-39', 'model-0', 8)
            >>> one.difference > 0 and one.probability > 0.9
            True
            >>> (one,) = bank.compare(responses, ["model-39", "model-0"], margin=0.05)
            >>> one.verdict, one.better <= one.probability
            ('ahead', True)
        """
        matrix, _ = read_answers(answers, self.items.ids, self.item_key)
        if models is not None:
            matrix = matrix.select(as_ids(models, "model"))
        aligned = self._aligned(matrix, self.anchors.items)
        level = self.level if level is None else level
        some = who_answered(
            aligned.scores, matrix.models.ids, least=2 if models is None else matrix.n_models
        )
        names = matrix.take(some).models.ids
        found = compare(self.predictor, aligned.take(some), names, level, margin)
        return Records("comparisons", found)

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return dict(zip(self.items.ids, self.items.column("hash", ""), strict=True))

    def _aligned(self, answers: ResponseMatrix, items: tuple[str, ...]) -> Answered:
        """Return the answers on some items, whose hashes must agree where both are known."""
        check_shared(answers, self._hashes, items)
        check_hashes(answers.items, self._hashes)
        return Answered.on(items, answers)

    @cached_property
    def _certifying(self) -> Certifying | None:
        if self.certifier is None:
            return None
        anchors = self.items.index(self.anchors.items)
        return Certifying(self.certifier, self.items.ids, anchors, self.digest)

    def drawn(self, answers: object) -> dict[str, tuple[str, ...]]:
        """Return the items drawn for each model, to be asked beside the anchors.

        The draws depend on the bank, on the model's id and on its answers to the anchors; they are
        the same whenever these are.

        Args:
            answers: of models that have answered all anchors, as :meth:`predict` takes them.

        Returns:
            Model -> its items, in the order in which they were drawn.

        Raises:
            BankError: a bank that was not built with ``--certify``.
            DataError: a model that has not answered all anchors.

        Example:
            >>> from tinyeval import build
            >>> one = build(responses, settings=settings.replace(certify={"items": 10}))
            >>> answers = dict(zip(responses.items.ids, responses.scores[7].tolist(), strict=True))
            >>> (items,) = one.drawn(answers).values()
            >>> len(items), set(items) & set(one.anchors.items)
            (10, set())
            >>> found = one.predict(answers).certified
            >>> found.n_drawn, found.lower <= found.score <= found.upper
            (10, True)
        """
        found = needed(self._certifying)
        matrix, _ = read_answers(answers, self.items.ids, self.item_key)
        check_hashes(matrix.items, self._hashes)
        return found.drawn(matrix)

    def head(self, n: int) -> ItemBank:
        """Return the bank of the first ``n`` anchors; its intervals are calibrated for them.

        It has no continuation: that goes on from a first block of all anchors.

        Example:
            >>> few = bank.head(5)
            >>> few.anchors.items == bank.anchors.items[:5]
            True
        """
        predictor = replace(self.predictor, anchors=self.anchors.head(n))
        few = None if self.baselines is None else self.baselines.head(n)
        return replace(self, predictor=predictor, baselines=few, continuation=None)

    def save(self, path: str | Path, *, overwrite: bool = False) -> str:
        """Write the bank to a folder, all or nothing, and return its digest.

        Args:
            path: path of the folder.
            overwrite: replace a bank at that path; other files in the folder are kept.

        Raises:
            BankError: the folder exists, and is not a bank or ``overwrite`` is False.

        Example:
            >>> bank.save("my_bank") == bank.digest
            True
        """
        folder = as_path(path, "the folder of the bank", BankError)
        return write_bank(folder, self.files(), overwrite=overwrite)

    def files(self) -> BankFiles:
        """Return the contents of the bank's folder.

        Raises:
            BankError: a part that cannot be stored.
        """
        return pack(
            {
                "name": self.name,
                "items": self.items,
                "irt": self.irt,
                "predictor": self.predictor,
                "settings": self.settings,
                "source": self.source,
                "created": self.created,
                "content": self.content,
                "baselines": self.baselines,
                "certifier": self.certifier,
                "continuation": self.continuation,
            }
        )

    @classmethod
    def load(cls, path: str | Path) -> ItemBank:
        """Read a bank from a folder, or one that ships; everything in it is verified before use.

        Args:
            path: path of the folder, or the name of a bank that ships with tinyeval.

        Raises:
            BankError: not a bank, damaged, of another format version, or with an unknown estimator.
            UnregisteredError: its estimator is from outside tinyeval and is not registered
                (:func:`tinyeval.register_estimator`).

        Example:
            >>> from tinyeval import ItemBank
            >>> digest = bank.save("my_bank")
            >>> ItemBank.load("my_bank").digest == digest
            True
        """
        files = read_bank(find_bank(path))
        try:
            bank = cls(**unpack(files))
            bank.check()
        except UnregisteredError as error:
            raise UnregisteredError(f"{path}: {error}") from error
        except ConfigError as error:
            raise BankError(f"{path}: {error}") from error
        except (LookupError, TypeError, ValueError, TinyEvalError) as error:
            reason = str(error) if isinstance(error, TinyEvalError) else f"unusable {error}"
            raise BankError(f"{path}: {reason}; download or build the bank again") from error
        vars(bank)["digest"] = files.manifest["digest"]  # verified, and kept
        return bank
