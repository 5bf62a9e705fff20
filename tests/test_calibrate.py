"""What calibration keeps of held-out models, under an estimator that says what it is told to."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from helpers import history_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tinyeval.calibration.calibrate import calibrate
from tinyeval.calibration.folds import BEYOND, draw_folds
from tinyeval.calibration.intervals import NO_LIMIT
from tinyeval.calibration.single_models import FALSE_ALARM
from tinyeval.estimators.base import Estimate
from tinyeval.irt.ability import estimate_ability, misfit_statistic
from tinyeval.irt.model import IRTFit, IRTModel
from tinyeval.learning import Learned
from tinyeval.responses import ResponseMatrix
from tinyeval.selection.base import equal_weights

N_ITEMS = 16
ANCHORS = tuple(f"q{k:02d}" for k in range(10))
"""Half-widths and limits are then known for 5 and for 10 answers."""


def world(truth, missing=()):
    """Models with these full scores; every answer of a model tells which one it is."""
    n = len(truth)
    scores = np.tile((np.arange(n)[:, None] + 1) / (n + 1), (1, N_ITEMS))
    for model, items in missing:
        scores[model, items] = np.nan
    ids = [f"m{k:03d}" for k in range(n)]
    responses = ResponseMatrix.from_arrays(scores, ids, [f"q{k:02d}" for k in range(N_ITEMS)])
    columns = responses.models.with_columns(full=np.asarray(truth, dtype=float))
    return replace(responses, models=columns)


def models_of(answers, n):
    """Positions of the models that gave these answers."""
    return np.round(np.nanmean(answers, axis=1) * (n + 1)).astype(int) - 1


@dataclass(frozen=True)
class Told:
    """An estimator that says of each model what ``say(model, n_answered)`` returns."""

    n: int
    say: Callable[[int, int], tuple[float, float, float]]

    def predict(self, answers):
        answered = (~np.isnan(answers)).sum(axis=1)
        rows = [self.say(*one) for one in zip(models_of(answers, self.n), answered, strict=True)]
        mean, spread, novelty = np.array(rows, dtype=float).T
        return Estimate(mean=mean[:, None], spread=spread[:, None], novelty=novelty)

    def state(self):
        raise AssertionError("it is not saved")

    from_state = state


def learn_from(n, say):
    """A function that learns nothing; ``say(model, n_answered, low, high)`` knows the range."""

    def learn(part):
        items = part.n_items
        ones, irt = np.ones((part.n_models, 1)), (np.ones((items, 1)), np.zeros(items))
        model = IRTModel(part.items.ids, *irt, np.zeros(items), np.zeros(1), np.eye(1))
        history = history_of(part, IRTFit(model, 0 * ones, 0.0, {}), "full")
        low, high = np.quantile(history.target_values[:, 0], [0, 1])
        told = Told(n, lambda model, answered: say(model, answered, low, high))
        return Learned(history, equal_weights(ANCHORS), told)

    return learn


def calibrated(responses, say, folds=2, learn=None):
    learn = learn or learn_from(responses.n_models, say)
    return calibrate(learn(responses), learn, folds=folds, seed=0, parallel=False)[0]


def plan_of(responses, folds=2):
    """The folds that ``calibrated`` draws."""
    return list(draw_folds(responses.models, responses.models.columns["full"], folds, 0))


def within(responses):
    """Whether a random fold holds out a model whose score lies in the range of the others."""
    truth, found = responses.models.columns["full"], np.zeros(responses.n_models, dtype=bool)
    for beyond, source, held_out in plan_of(responses):
        if not beyond:
            low, high = truth[source].min(), truth[source].max()
            found |= held_out & (truth >= low) & (truth <= high)
    return found


LEVELS = np.tile([0.2, 0.5, 0.8], 67)[:199]
"""True scores of 199 models of three kinds, so that no fold's range lacks an end."""


def brute_limit(values):
    """The smallest value that FALSE_ALARM of these models and one more exceed at most."""
    most = FALSE_ALARM * (len(values) + 1)
    allowed = [v for v in values if (values > v).sum() + 1 <= most]
    return min(allowed, default=max(values))


def saying(novelty, excess=None):
    """A score beyond the range by ``excess`` of each model, or in its middle, and its novelty."""

    def say(model, answered, low, high):
        mean = (low + high) / 2 if excess is None else high + excess[model]
        return mean, 0.1, novelty[model]

    return say


# --- how many are flagged -----------------------------------------------------------------------


@pytest.mark.parametrize("n", [199, 30, 12])
def test_the_limit_of_novelty_is_exceeded_by_no_more_than_the_false_alarms(n):
    responses, novelty = world(LEVELS[:n]), np.random.default_rng(0).random(n)
    assert within(responses).all()
    calibration = calibrated(responses, saying(novelty))
    assert_allclose(calibration.novelty_limit, brute_limit(novelty))
    flagged = ~calibration.in_range(np.full(n, 0.5), novelty, np.full(n, 10))
    assert flagged.sum() == {199: 9, 30: 0, 12: 0}[n]  # 5 % of 200, less the new one itself


def test_the_limit_of_misfit_is_exceeded_by_no_more_than_the_false_alarms():
    responses, quiet = world(LEVELS), saying(np.zeros(199))
    calibration = calibrated(responses, quiet)
    irt = learn_from(199, quiet)(responses).anchor_model()
    for k, size in enumerate((5, 10)):
        answers = responses.align(ANCHORS).astype(float)
        answers[:, size:] = np.nan
        misfit = misfit_statistic(answers, estimate_ability(irt, answers))
        assert_allclose(calibration.misfit_limit[k], brute_limit(misfit))
        assert calibration.is_misfit(misfit, np.full(199, size)).sum() == 9


def test_a_model_that_answered_none_of_the_anchors_sets_no_limit():
    novelty = np.random.default_rng(0).random(40)
    responses = world(LEVELS[:40], missing=[(k, slice(10)) for k in range(0, 40, 4)])
    calibration = calibrated(responses, saying(novelty))
    assert_allclose(calibration.novelty_limit, brute_limit(novelty[np.arange(40) % 4 > 0]))
    assert np.isfinite(calibration.misfit_limit).all()


def test_where_every_model_lies_beyond_the_others_there_is_no_limit():
    novelty = np.random.default_rng(0).random(40)
    first = next(fold for fold in plan_of(world(LEVELS[:40])) if not fold.beyond)
    apart = world(np.where(first.held_out, 0.2, 0.8))
    assert not within(apart).any()
    calibration = calibrated(apart, saying(novelty))
    assert (calibration.novelty_limit == NO_LIMIT).all()
    assert (calibration.misfit_limit == NO_LIMIT).all()
    assert (calibration.range_margin == 0).all()


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(12, 199), st.floats(0, 1))
def test_margin_and_novelty_together_flag_no_more_than_the_false_alarms(seed, n, beyond):
    rng = np.random.default_rng(seed)
    responses, novelty = world(rng.random(n).round(1)), rng.random(n).round(2)
    excess = np.where(rng.random(n) < beyond, 0.1, -0.1) * rng.random(n).round(2)
    calibration = calibrated(responses, saying(novelty, excess))
    (margin, _), (limit, _) = calibration.range_margin, calibration.novelty_limit
    flagged = ((excess > margin + 1e-12) | (novelty > limit))[within(responses)]
    assert flagged.sum() <= FALSE_ALARM * (len(flagged) + 1)
    assert margin >= 0


def test_the_margin_is_0_where_few_are_predicted_beyond_and_novelty_gets_the_rest():
    rng = np.random.default_rng(0)
    excess, novelty = np.where(np.arange(199) < 4, 0.1, -0.1), rng.random(199)
    calibration = calibrated(world(LEVELS), saying(novelty, excess))
    assert (calibration.range_margin == 0).all()
    assert (novelty[4:] > calibration.novelty_limit[0]).sum() == 5  # 9 in all
    many = np.where(np.arange(199) < 40, np.linspace(0.1, 0.2, 199), -0.1)
    calibration = calibrated(world(LEVELS), saying(novelty, many))
    margin = calibration.range_margin[0]
    assert (many > margin + 1e-12).sum() == 9
    assert calibration.novelty_limit[0] == novelty[many <= margin + 1e-12].max()


# --- who is predicted by whom -------------------------------------------------------------------


def test_a_model_is_never_learned_from_when_it_is_predicted():
    responses, pairs = world(np.linspace(0, 1, 25)), []

    def learn(part):
        pairs.append((set(part.models.ids), predicted := set()))

        def say(model, answered, low, high):
            predicted.add(responses.models.ids[model])
            return 0.5, 0.1, 0.0

        return learn_from(25, say)(part)

    calibrated(responses, None, folds=3, learn=learn)
    (everyone, none), *pairs = pairs
    assert everyone == set(responses.models.ids)
    assert not none
    assert len(pairs) == 3 + 2 * len(BEYOND)
    for learned_from, predicted in pairs:
        assert predicted
        assert not learned_from & predicted
    for learned_from, predicted in pairs[:3]:
        assert learned_from | predicted == set(responses.models.ids)


def test_a_model_without_the_first_anchors_counts_there_as_it_does_with_more():
    truth, rng = np.tile([0.4, 0.5, 0.6], 10), np.random.default_rng(0)
    error = {5: rng.normal(0, 0.1, 30), 10: rng.normal(0, 0.05, 30)}
    lacking = [3, 8, 20]
    # of these models the second five anchors are answered, of the others all ten
    error[5][lacking] = error[10][lacking] = rng.normal(0, 0.2, 3)
    responses = world(truth, missing=[(k, slice(5)) for k in lacking])

    def say(model, answered, low, high):
        return truth[model] + error[answered][model], 0.1, 0.0

    one, other = (calibrated(each, say) for each in (responses, world(truth)))
    assert_allclose(one.inside, other.inside)
    assert_allclose(one.scale, other.scale)
    assert_allclose(one.scale_at, other.scale_at)
    assert one.inside.shape == (2, 30, 1)
