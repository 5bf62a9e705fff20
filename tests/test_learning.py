"""What one pass learns, and the true targets of models that answered nearly everything."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import simulate
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval.build_plan import BuildPlan
from tinyeval.irt.ability import estimate_ability, misfit_statistic
from tinyeval.irt.model import IRTModel
from tinyeval.learning import anchor_answers, learn, true_targets
from tinyeval.targets import MIN_KNOWN

NAN = float("nan")


@pytest.fixture(scope="module")
def learned(source, fast):
    return learned_from(source, fast)


def learned_from(responses, settings):
    return learn(responses, BuildPlan.of(settings, responses))


def with_scores(responses, scores):
    return replace(responses, scores=scores)


def test_true_targets_of_complete_answers_are_their_means(learned, new_models):
    found = true_targets(learned, new_models)
    benchmark = new_models.items.column("benchmark")
    assert_allclose(found[:, 0], new_models.scores.mean(1), atol=1e-6)
    for k, name in enumerate(("bench0", "bench1"), 1):
        assert_allclose(found[:, k], new_models.scores[:, benchmark == name].mean(1), atol=1e-6)


def test_a_missing_answer_counts_as_the_probability_that_the_others_imply(learned, new_models):
    new_models = new_models.select(items=learned.irt.items)
    scores = new_models.scores.copy()
    scores[0, [3, 8]] = NAN
    found = true_targets(learned, with_scores(new_models, scores))
    ability = estimate_ability(learned.irt, scores[:1].astype(float)).mean
    p = learned.irt.probability(ability)[0, [3, 8]]
    assert found[0, 0] == pytest.approx((np.nansum(scores[0]) + p.sum()) / 60, abs=1e-6)
    assert_allclose(found[1:], true_targets(learned, new_models)[1:], atol=1e-12)


def test_too_few_answers_leave_the_target_unknown_of_that_benchmark_too(learned, new_models):
    scores = new_models.scores.copy()
    first = np.flatnonzero(new_models.items.column("benchmark") == "bench0")
    least = round(30 * MIN_KNOWN)
    scores[0, first[least:]] = NAN
    scores[1, first[least - 1 :]] = NAN
    scores[2] = NAN
    scores[2, 0] = 1
    found = true_targets(learned, with_scores(new_models, scores))
    assert np.isnan(found[:2]).tolist() == [[False] * 3, [False, True, False]]
    assert np.isnan(found[2]).all()


def test_a_score_known_from_elsewhere_is_known_however_little_is_answered(fast):
    responses, _ = simulate(40, 30, seed=1, column=True)
    learned = learned_from(responses, fast.replace(target={"column": "full"}))
    scores = responses.scores.copy()
    scores[:, 3:] = NAN
    found = true_targets(learned, with_scores(responses, scores))
    assert_allclose(found[:, 0], responses.models.column("full"))


def test_answers_are_found_by_id_whatever_their_order(learned, new_models):
    order = np.random.default_rng(0).permutation(60)
    one = anchor_answers(learned, new_models).scores
    assert_array_equal(one, anchor_answers(learned, new_models.take(None, order)).scores)
    fewer = anchor_answers(learned, new_models.select(items=learned.anchors.items[1:])).scores
    assert np.isnan(fewer[:, 0]).all()
    assert_array_equal(fewer[:, 1:], one[:, 1:])
    assert_allclose(
        true_targets(learned, new_models), true_targets(learned, new_models.take(None, order))
    )


def test_the_anchors_parameters_and_means_are_theirs(learned, source):
    anchors = learned.anchors.items
    assert learned.anchor_model().items == anchors
    assert_allclose(learned.anchor_mean(), source.select(items=anchors).scores.mean(0), atol=1e-6)
    at = [learned.irt.items.index(one) for one in anchors]
    assert_array_equal(learned.anchor_model().intercept, learned.irt.intercept[at])


# --- misfit -------------------------------------------------------------------------------------


def spread_out(n=60):
    """Items from easy to difficult, one dimension, ability N(0, 1)."""
    items = tuple(map(str, range(n)))
    discrimination, intercept = np.full((n, 1), 1.5), np.linspace(3, -3, n)
    return IRTModel(items, discrimination, intercept, np.zeros(n), np.zeros(1), np.eye(1))


def drawn(model, n, seed=0):
    rng = np.random.default_rng(seed)
    p = model.probability(rng.normal(size=(n, 1)))
    return (rng.random(p.shape) < p).astype(float)


def misfit_of(model, answers):
    return misfit_statistic(answers, estimate_ability(model, answers))


def test_misfit_is_the_log_likelihood_ratio_by_quadrature():
    model = spread_out(20)
    answers = drawn(model, 6)
    answers[:, 15:] = NAN
    grid = np.linspace(-8, 8, 4001)
    p = model.probability(grid[:, None])[:, :15]
    for found, y in zip(misfit_of(model, answers), answers[:, :15], strict=True):
        likelihood = np.prod(np.where(y == 1, p, 1 - p), axis=1)
        density = np.exp(-0.5 * grid**2) / np.sqrt(2 * np.pi)
        evidence = np.log(np.trapezoid(likelihood * density, grid))
        mean = y.mean()
        constant = np.log(np.where(y == 1, mean, 1 - mean)).sum()
        assert found == pytest.approx((constant - evidence) / 15, abs=0.01)


def test_answers_that_fit_are_below_0_and_mixed_up_ones_above():
    model = spread_out()
    answers = drawn(model, 300)
    rng = np.random.default_rng(1)
    assert (misfit_of(model, answers) < 0).mean() > 0.95
    for spoilt in (
        rng.permuted(answers, axis=1),
        answers[:, ::-1],
        1 - answers,
        rng.integers(0, 2, answers.shape).astype(float),
    ):
        assert (misfit_of(model, spoilt) > 0).mean() > 0.95


@pytest.mark.parametrize("answers", [[1.0] * 60, [0.0] * 60, [1.0] + [NAN] * 59])
def test_all_right_all_wrong_and_a_single_answer_are_finite(answers):
    assert np.isfinite(misfit_of(spread_out(), np.array([answers]))).all()


def test_misfit_does_not_depend_on_the_order_of_anchors():
    model = spread_out()
    answers, order = drawn(model, 20), np.random.default_rng(0).permutation(60)
    assert_allclose(
        misfit_of(model.take(order), answers[:, order]), misfit_of(model, answers), rtol=1e-6
    )


# --- noise --------------------------------------------------------------------------------------


def test_the_scatter_of_unasked_items_is_that_of_coin_flips(fast):
    responses, fit = simulate(300, 80, seed=3)
    learned = learned_from(responses, fast)
    p = fit.model.probability(fit.ability)
    unasked = ~np.isin(responses.items.ids, learned.anchors.items)
    expected = np.sqrt((p * (1 - p)).mean(0)[unasked].sum()) / 80
    assert learned.noise()[0] == pytest.approx(expected, rel=0.05)


def test_with_all_items_asked_nothing_scatters(fast):
    assert_array_equal(learned_from(simulate(30, 15)[0], fast).noise(), 0)


def test_a_score_known_from_elsewhere_has_no_such_floor(fast):
    responses, _ = simulate(40, 30, seed=1, column=True, benchmarks=2)
    noise = learned_from(responses, fast.replace(target={"column": "full"})).noise()
    assert noise[0] == 0
    assert (noise[1:] > 0.02).all()


def test_what_the_items_do_not_decide_has_no_scatter_of_theirs(fast):
    responses, _ = simulate(40, 30, seed=1, benchmarks=2)
    models = responses.models.with_columns(full=np.linspace(0.2, 0.8, 40))
    responses = replace(responses, models=models)
    plain = learned_from(responses, fast.replace(items=6)).noise()
    target = {"columns": {"bench1": "full"}}
    noise = learned_from(responses, fast.replace(items=6, target=target)).noise()
    assert noise[2] == 0
    assert 0 < noise[0] < plain[0]
    assert noise[1] > 0
