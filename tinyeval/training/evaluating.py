"""Asks models the items of a bank, keeps their answers, and predicts their full scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tinyeval.bank.item_bank import ItemBank
from tinyeval.compute.progress import Progress
from tinyeval.errors import ConfigError, DataError, TinyEvalError, examples, reason
from tinyeval.prediction import Prediction
from tinyeval.training.answerers.base import Answerer
from tinyeval.training.giving_content import check_content
from tinyeval.training.items import Item, items_of
from tinyeval.training.kept_answers import AnswerFile, keys_of, unfinished_file
from tinyeval.training.stages import Ask, ask_stages
from tinyeval.training.true_scores import check_means, true_scores


@dataclass
class Keeper:
    """An answering function that keeps every answer, and asks no item twice.

    Attributes:
        answerer: who answers.
        bank: digest of the bank whose items are asked.
        path: file of answers; None: one in the user's cache, until :meth:`forget`.
        progress: called with (answered, asked, name of the model).
        report: called with a line about answers that are there already.
    """

    answerer: Answerer
    bank: str
    path: Path | None = None
    progress: Progress = lambda done, total, what: None
    report: Callable[[str], None] = lambda line: None
    _files: list[AnswerFile] = field(default_factory=list)
    _told: bool = False

    def __call__(self, items: Sequence[Item], model: Any = None) -> dict[str, float]:
        """Return item -> score; see :meth:`ask`."""
        return self.ask(items, model, self.answerer.name(model))

    def ask(self, items: Sequence[Item], model: Any, name: str) -> dict[str, float]:
        """Return item -> score of the items that got an answer.

        Args:
            items: the items.
            model: what the answerer takes.
            name: name of the model in the file of answers.

        Raises:
            DataError: the file holds other answers of this model, or is no file of answers.
            OSError: the file cannot be written.
        """
        keys = keys_of(items, self.bank, self.answerer.identity(model))
        file = AnswerFile(self.path or unfinished_file(name, keys))
        self._files.append(file)
        scores = file.known(name, keys)
        if scores:
            self.report(f"{name}: {len(scores)} of {len(items)} answers are in {file.path}")
        rest = [one for one in items if one.id not in scores]
        self.progress(len(scores), len(items), name)
        for part in self.answerer.answer(rest, model) if rest else ():
            scores |= self._keep(file, name, part, keys)
            self.progress(len(scores), len(items), name)
        return {one.id: scores[one.id] for one in items if one.id in scores}

    def _keep(
        self, file: AnswerFile, name: str, part: Mapping[str, float], keys: Mapping[str, str]
    ) -> dict[str, float]:
        """Add answers to the file; without a cache the evaluation goes on all the same."""
        new = file.checked(part, keys)
        try:
            file.append(name, new)
        except OSError as error:
            if self.path is not None:
                raise
            if not self._told:
                self._told = True
                self.report(f"answers are not kept while they come: {reason(error)}")
        return {item: one.score for item, one in new.items()}

    def forget(self) -> None:
        """Remove the answers that were kept in the cache."""
        if self.path is None:
            for one in self._files:
                one.remove()
        self._files.clear()


@dataclass(frozen=True)
class Evaluation:
    """What a model answered, and what follows.

    Attributes:
        prediction: its full score, predicted from its answers on the anchors.
        answers: item -> score.
        true: target -> score over all that it answered, if all items were asked.
    """

    prediction: Prediction
    answers: Mapping[str, float]
    true: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Asking:
    """What is asked: which items of which bank.

    A bank with a continuation is asked in two stages, unless ``n_items`` or ``full`` is given.

    Attributes:
        bank: the bank.
        n_items: number of anchors that are asked, the best first, in one stage; None: all.
        full: ask every item that can be asked, and not only anchors.
        level: level of the intervals; None: the bank's own.

    Raises:
        ConfigError: more anchors than the bank has, or both ``n_items`` and ``full``.
        DataError: ``full`` for a bank that predicts scores which are no means of items.
    """

    bank: ItemBank
    n_items: int | None = None
    full: bool = False
    level: float | None = None

    def __post_init__(self) -> None:
        if self.full and self.n_items is not None:
            raise ConfigError("full asks all items; leave out the number of anchors")
        if self.n_items is not None and not 1 <= self.n_items <= len(self.bank.anchors):
            n = len(self.bank.anchors)
            raise ConfigError(f"the bank has {n} anchors; expected 1 to {n}, found {self.n_items}")
        if self.full:
            check_means(self.bank)

    @property
    def asked_bank(self) -> ItemBank:
        """The bank of the anchors that are asked."""
        return self.bank if self.n_items is None else self.bank.head(self.n_items)

    def items(self, needs_content: bool) -> tuple[Item, ...]:
        """Return the items that may be asked.

        Args:
            needs_content: leave out items without content that are no anchors.

        Raises:
            DataError: anchors without content, or content of the anchors alone with ``full``.
        """
        asked = self._items
        if not needs_content:
            return asked
        anchors = set(self.asked_bank.asked_items)
        check_content(self.bank, [one for one in asked if one.id in anchors])
        with_content = tuple(one for one in asked if one.content)
        if self.full and len(with_content) == len(anchors) < len(self.bank.items):
            raise DataError(
                f"only the {len(anchors)} anchors have content, so that all of the "
                f"{len(self.bank.items)} items cannot be asked: give it with `build --content-of "
                "all` or `tinyeval content BANK FILE --of all`"
            )
        return with_content

    @property
    def _items(self) -> tuple[Item, ...]:
        return items_of(
            self.bank, self.bank.items.ids if self.full else self.asked_bank.asked_items
        )

    def ask(self, items: Sequence[Item], ask: Ask) -> dict[str, float]:
        """Return item -> score of what a model is asked, in as many stages as the bank has.

        Args:
            items: that may be asked.
            ask: asks some of them.
        """
        return ask(items) if self.full else ask_stages(self.asked_bank, ask)

    def evaluation(self, name: str, scores: Mapping[str, float]) -> Evaluation:
        """Return what follows from the scores of a model."""
        if not scores:
            raise DataError(f"no answer came for model {name!r}")
        prediction = self.asked_bank.predict({name: scores}, level=self.level)[0]
        return Evaluation(prediction, scores, true_scores(self.bank, scores) if self.full else None)


class Evaluated(NamedTuple):
    """Evaluations, and what was raised for models of which there is none."""

    evaluations: list[Evaluation]
    failures: dict[str, Exception]

    def check(self) -> None:
        """Raise :class:`TinyEvalError` if some models could not be evaluated."""
        if self.failures:
            raise _failure(self.failures, len(self.evaluations) + len(self.failures))


def evaluate(
    asking: Asking,
    answerer: Answerer,
    models: Sequence[Any] = (None,),
    *,
    answers: Path | None = None,
    progress: Progress = lambda done, total, what: None,
    report: Callable[[str], None] = lambda line: None,
    failed: Callable[[Exception], None] = lambda error: None,
) -> Evaluated:
    """Ask models the items of a bank and predict their full scores.

    An interrupted evaluation goes on where it was: every answer is kept as soon as it comes.

    Args:
        asking: bank and items.
        answerer: who answers.
        models: folders or names, as the answerer takes them; None: the one that it knows.
        answers: file to keep the answers in, as `tinyeval predict` reads it; None: they are kept
            in the user's cache until all models are done.
        progress: called with (answered, asked, name of the model).
        report: called with lines about what was found or failed.
        failed: called with each exception, for its traceback.

    Returns:
        Evaluations, and why there is none of some models.

    Raises:
        ConfigError: two models of one name.
        DataError: items that cannot be asked.
        TinyEvalError: no model could be evaluated; what was raised is its cause.

    Example:
        >>> from tinyeval.training.answerers import FunctionAnswerer
        >>> from tinyeval.training.evaluating import Asking, evaluate
        >>> mine = FunctionAnswerer(lambda items, model: [1.0] * len(items), "mine")
        >>> (one,) = evaluate(Asking(bank), mine, ["a"]).evaluations
        >>> one.prediction.model, one.prediction.n_answered
        ('a', 8)
    """
    items = asking.items(answerer.needs_content)
    if asking.full and len(items) < len(asking.bank.items):
        n = len(asking.bank.items)
        report(f"{len(items)} of {n} items have content: true scores are means over these")
    names = [answerer.name(one) for one in models]
    if len(set(names)) < len(names):
        raise ConfigError(f"several models have one name: {examples(sorted(names))}")
    for line in dict.fromkeys(answerer.check(items, one) for one in models):
        if line:
            report(line)
    keeper = Keeper(answerer, asking.bank.digest, answers, progress, report)
    found: list[Evaluation] = []
    failures: dict[str, Exception] = {}
    for one, name in zip(models, names, strict=True):
        try:
            scores = asking.ask(items, partial(keeper.ask, model=one, name=name))
            found.append(asking.evaluation(name, scores))
        except Exception as error:  # whatever a model or a function of the user's raises
            failed(error)
            failures[name] = error
            if len(models) > 1:
                report(f"{name}: {reason(error)}")
    if not failures:
        keeper.forget()
    if not found:
        raise _failure(failures, len(failures))
    return Evaluated(found, failures)


def _failure(failures: Mapping[str, Exception], n_models: int) -> Exception:
    """Return the error of the only model, or one that names those that failed."""
    name, first = next(iter(failures.items()))
    if n_models == 1 and isinstance(first, (TinyEvalError, OSError, MemoryError)):
        return first
    many = f"{len(failures)} of {n_models} models could not be evaluated, such as "
    error = TinyEvalError(f"{many * (n_models > 1)}{name}: {reason(first)}")
    error.__cause__ = ExceptionGroup("what was raised", [*failures.values()])
    return error
