"""Answers of new models: what is known of them beside the scores, and who reads it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tinyeval.estimators.answered import Answered, estimate
from tinyeval.estimators.base import Estimate
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table

NAN = np.nan


@pytest.fixture
def answered():
    scores = np.array([[1.0, NAN, 0.5], [NAN, NAN, NAN]])
    trials = np.array([[1, 0, 2], [0, 0, 0]], dtype=np.uint16)
    soft = np.array([[0.7, NAN, NAN], [NAN, NAN, NAN]])
    return Answered(scores, trials, soft)


def test_answers_are_found_by_item_with_their_trials():
    scores = np.array([[1, 0.5, NAN]], dtype=np.float32)
    trials = np.array([[1, 4, 0]], dtype=np.uint16)
    matrix = ResponseMatrix(scores, Table(("a",)), Table(("x", "y", "z")), trials)
    found = Answered.on(("y", "none", "x"), matrix)
    assert_array_equal(found.scores, [[0.5, NAN, 1]])
    assert_array_equal(found.trials, [[4, 0, 1]])
    assert Answered.on(("y",), ResponseMatrix(scores, matrix.models, matrix.items)).trials is None


def test_scores_alone_are_answers_too(answered):
    assert Answered.of(answered) is answered
    plain = Answered.of([[1, 0]])
    assert plain.scores.dtype == np.float64
    assert plain.trials is None
    assert plain.soft is None


def test_parts_of_the_answers_keep_all_that_is_known(answered):
    assert answered.some.tolist() == [True, False]
    one = answered.take(answered.some)
    assert len(one) == 1
    first = one.first(1)
    assert_array_equal(first.scores, [[1, NAN, NAN]])
    assert_array_equal(first.trials, [[1, 0, 0]])
    assert_array_equal(first.soft, [[0.7, NAN, NAN]])
    wide = one.widened(4)
    assert_array_equal(wide.scores, [[1, NAN, 0.5, NAN]])
    assert_array_equal(wide.trials, [[1, 0, 2, 0]])
    assert one.widened(3) is one


def test_a_model_without_answers_can_be_given_some(answered):
    assert_array_equal(answered.or_else(np.array([0.1, 0.2, 0.3])).scores[1], [0.1, 0.2, 0.3])


class Told:
    """An estimator that keeps what it is given."""

    def predict(self, answers, *, trials=None):
        self.given = answers, trials
        return Estimate(mean=answers[:, :1], spread=answers[:, :1], novelty=answers[:, 0])


class Deaf(Told):
    """One that reads scores alone."""

    def predict(self, answers):
        return super().predict(answers)


def test_an_estimator_is_given_what_it_takes(answered):
    told = Told()
    estimate(told, answered)
    assert told.given[0] is answered.scores
    assert told.given[1] is answered.trials
    deaf = Deaf()
    estimate(deaf, answered)
    assert deaf.given == (answered.scores, None)
