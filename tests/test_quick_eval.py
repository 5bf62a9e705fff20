"""A bank and an answering function together."""

import random

import numpy as np
import pytest

from tinyeval.errors import BankError, ConfigError, DataError
from tinyeval.training import Item, QuickEval, bank_items


@pytest.fixture
def answers(bank, new_models):
    """Answers of one model by item."""
    row = new_models.take(np.array([0])).scores[0]
    return dict(zip(new_models.items.ids, row.tolist(), strict=True))


def same(left, right):
    return left.to_dict() | {"model": ""} == right.to_dict() | {"model": ""}


def test_answers_by_item_in_order_or_as_an_array_are_one_prediction(bank, answers):
    expected = bank.predict({one: answers[one] for one in bank.anchors.items})
    for answer in (
        lambda items: {one.id: answers[one.id] for one in items},
        lambda items: [answers[one.id] for one in items],
        lambda items: np.array([answers[one.id] for one in items]),
        lambda items: {one.id: bool(answers[one.id]) for one in reversed(items)},
    ):
        assert same(QuickEval(bank, answer).run(), expected)


def test_the_model_and_the_anchors_are_handed_on(bank, answers):
    seen = []

    def answer(items, model):
        seen.append((items, model))
        return [answers[one.id] for one in items]

    prediction = QuickEval(bank, answer, n_items=5, level=0.5).run("checkpoint-7", name="seven")
    items, model = seen[0]
    assert model == "checkpoint-7"
    assert tuple(one.id for one in items) == bank.anchors.items[:5]
    assert {one.benchmark for one in items} <= {"bench0", "bench1"}
    assert (prediction.model, prediction.level, prediction.n_answered) == ("seven", 0.5, 5)
    expected = bank.head(5).predict({one.id: answers[one.id] for one in items}, level=0.5)
    assert same(prediction, expected)


def test_items_may_be_left_unanswered(bank, answers):
    first = bank.anchors.items[:4]
    prediction = QuickEval(bank, lambda items: {one: answers[one] for one in first}).run()
    assert prediction.n_answered == 4
    assert "11 of 15 anchors are unanswered" in prediction.warnings[0]


def test_a_bank_is_read_from_its_folder(bank_folder, bank):
    quick = QuickEval(str(bank_folder), lambda items: [1] * len(items))
    assert quick.digest == bank.digest
    assert quick.run().n_answered == 15


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda items: [1, 0], "15 items were asked, but 2 scores came back"),
        (lambda items: {"other": 1}, "1 items that were not asked: 'other'"),
        (lambda items: {}, "returned no score"),
        (lambda items: None, "found NoneType"),
        (lambda items: "1" * 15, "found str"),
        (lambda items: [2.0] * 15, r"\[0, 1\]|between 0 and 1"),
        (lambda items: ["1"] * 15, "must be a number"),
        (lambda items: [float("inf")] * 15, r"\[0, 1\]|finite"),
        (lambda items: [float("nan")] * 15, "answered none"),
    ],
)
def test_answers_of_another_form_are_refused(bank, answer, message):
    with pytest.raises(DataError, match=message):
        QuickEval(bank, answer).run()


def test_wrong_parts_are_refused(bank, tmp_path):
    with pytest.raises(ConfigError, match="found str"):
        QuickEval(bank, "answer")
    with pytest.raises(ConfigError, match=r"1\.\.15, found 16"):
        QuickEval(bank, len, n_items=16)
    with pytest.raises(BankError):
        QuickEval(tmp_path, len)


def test_errors_of_the_answering_function_are_its_own(bank):
    def answer(items):
        raise RuntimeError("the GPU is gone")

    with pytest.raises(RuntimeError, match="the GPU is gone"):
        QuickEval(bank, answer).run()


def test_random_states_are_as_before(bank):
    import torch

    def draws():
        return random.random(), np.random.random(), torch.rand(1).item()

    def answer(items):
        random.seed(1)
        np.random.seed(2)
        torch.manual_seed(3)
        draws()
        return [1] * len(items)

    random.seed(7), np.random.seed(7), torch.manual_seed(7)
    expected = draws()
    random.seed(7), np.random.seed(7), torch.manual_seed(7)
    QuickEval(bank, answer).run()
    assert draws() == expected


def test_modes_are_as_before_even_after_an_error(bank):
    import torch

    model = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Sequential(torch.nn.BatchNorm1d(2)))
    model[1].eval()
    before = [one.training for one in model.modules()]
    assert before == [True, True, False, False]

    def answer(items, model):
        model.train() if model[1].training else model.eval()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        QuickEval(bank, answer).run(model)
    assert [one.training for one in model.modules()] == before


def test_items_carry_the_banks_content(bank):
    from dataclasses import replace

    first = bank.anchors.items[0]
    filled = replace(bank, content={first: {"prompt": "Why?", "gold": "So."}})
    items = bank_items(filled)
    assert items[0] == Item(first, {"prompt": "Why?", "gold": "So."}, items[0].benchmark)
    assert items[1].content == {}
    assert [one.id for one in bank_items(filled, anchors_only=False)] == list(bank.items.ids)


def test_predictions_are_those_of_simulated_models(bank, new_models):
    """The interval holds the full score of most models that the bank has not seen."""
    held = 0
    for row in new_models.scores:
        by_item = dict(zip(new_models.items.ids, row.tolist(), strict=True))
        p = QuickEval(bank, lambda items, by=by_item: [by[one.id] for one in items]).run()
        held += p.lower <= np.nanmean(row) <= p.upper
    assert held >= 0.8 * len(new_models.scores)
