from dataclasses import replace

import numpy as np
import pytest
from helpers import history_of, make_history, simulate, split_models

from tinyeval.estimators.irt_based import fit_gp_irt, fit_p_irt, validation_error
from tinyeval.estimators.means import fit_weighted_anchors
from tinyeval.irt.ability import estimate_ability
from tinyeval.selection.base import Anchors, equal_weights
from tinyeval.tables import Table


def rng(seed=0):
    return np.random.default_rng(seed)


def draw(history, n, seed=0):
    return equal_weights(tuple(rng(seed).permutation(sorted(history.responses.items.ids))[:n]))


def answers_on(history, anchors):
    return history.filled[:, history.positions(anchors.items)].copy()


def test_p_irt_is_the_answers_plus_the_expected_rest():
    source, test = split_models(make_history(30, 25, 2, benchmarks=2), 25)
    anchors = draw(source, 10)
    answers = answers_on(test, anchors)
    answers[0, :4] = np.nan
    columns = source.positions(anchors.items)
    ability = estimate_ability(source.fit.model.take(columns), answers).mean
    expected = source.fit.model.probability(ability)
    for row in range(5):
        for column, answer in zip(columns, answers[row], strict=True):
            if not np.isnan(answer):
                expected[row, column] = answer
    estimate = fit_p_irt(source, anchors, rng=rng()).predict(answers)
    np.testing.assert_allclose(estimate.mean, expected @ source.targets.weights.T, atol=1e-6)


def test_p_irt_spread_agrees_with_simulation():
    history = make_history(40, 60, 2, benchmarks=2, seed=3)
    anchors = draw(history, 25)
    answers = answers_on(history, anchors)[:1]
    model, columns = history.fit.model, history.positions(anchors.items)
    posterior = estimate_ability(model.take(columns), answers)
    theta = rng(1).multivariate_normal(posterior.mean[0], posterior.cov[0], size=20_000)
    p = model.probability(theta)
    scores = (rng(2).random(p.shape) < p).astype(float)
    scores[:, columns] = answers
    simulated = (scores @ history.targets.weights.T).std(axis=0)
    estimate = fit_p_irt(history, anchors, rng=rng()).predict(answers)
    np.testing.assert_allclose(estimate.spread[0], simulated, rtol=0.05)


def test_p_irt_gradient_holds_with_guessing():
    responses, fit = simulate(10, 40)
    # Without noise of the unanswered items, only the ability's uncertainty is left.
    model = replace(fit.model, guessing=np.full(40, 0.3))
    history = history_of(responses, replace(fit, model=model))
    anchors = draw(history, 20)
    answers = answers_on(history, anchors)[:1]
    columns = history.positions(anchors.items)
    ability = estimate_ability(model.take(columns), answers)
    weights = history.targets.weights[0].copy()
    weights[columns] = 0.0
    h = 1e-5
    up, down = (model.probability(ability.mean + step)[0] @ weights for step in (h, -h))
    p = model.probability(ability.mean)[0]
    variance = ((up - down) / (2 * h)) ** 2 * ability.cov[0, 0, 0] + weights**2 @ (p * (1 - p))
    estimate = fit_p_irt(history, anchors, rng=rng()).predict(answers)
    assert estimate.spread[0, 0] == pytest.approx(np.sqrt(variance), rel=1e-5)


def test_everything_answered_leaves_nothing_open():
    source, test = split_models(make_history(30, 20), 25)
    for fit in (fit_p_irt, fit_gp_irt):
        estimate = fit(source, draw(source, 20), rng=rng()).predict(
            answers_on(test, draw(source, 20))
        )
        np.testing.assert_allclose(estimate.mean, test.target_values, atol=1e-6)
        assert (estimate.spread < 1e-3).all()


def test_gp_irt_blends_by_the_published_formula():
    source, test = split_models(make_history(60, 50, benchmarks=2, seed=1), 50)
    items = draw(source, 12).items
    anchors = Anchors(items, rng(1).dirichlet(np.ones(12)))
    answers = answers_on(test, anchors)
    fitted = fit_gp_irt(source, anchors, rng=rng(4))
    z = fit_weighted_anchors(source, anchors, rng=rng())
    v = ((z.predict(answers_on(source, anchors)).mean - source.target_values) ** 2).mean(axis=0)
    b = validation_error(source, rng=rng(4))
    blend = b**2 / (v + b**2)
    assert ((blend > 0.01) & (blend < 0.99)).all()
    np.testing.assert_allclose(fitted.blend, blend, rtol=1e-4)
    p_irt = fit_p_irt(source, anchors, rng=rng()).predict(answers).mean
    expected = blend * z.predict(answers).mean + (1 - blend) * p_irt
    np.testing.assert_allclose(fitted.predict(answers).mean, expected, atol=1e-5)


def test_validation_error_knows_a_good_model_from_a_bad_one():
    good = make_history(80, 200, seed=2)
    scores = good.responses.scores.copy()
    # Half of the models get the items' difficulties reversed: one ability cannot explain that.
    scores[::2] = 1.0 - scores[::2]
    scores[1::4] = rng().permuted(scores[1::4], axis=1)
    bad = history_of(replace(good.responses, scores=scores), good.fit)
    errors = [validation_error(one, rng=rng())[0] for one in (good, bad)]
    # 100 unseen items of a well fitted model: 0.4 / sqrt(100) * sqrt(2 / pi) = 0.03
    assert 0.015 < errors[0] < 0.06
    assert errors[1] > errors[0]


def test_validation_error_tolerates_sparse_histories():
    history = make_history(12, 30, missing=0.85, benchmarks=2, seed=3)
    assert np.isfinite(validation_error(history, rng=rng())).all()
    lonely = make_history(8, 1)
    np.testing.assert_array_equal(validation_error(lonely, rng=rng()), 0.0)


def test_an_external_column_is_reached_by_a_line():
    history = make_history(200, 80, column=True, seed=5)
    source, test = split_models(history, 120)
    anchors = draw(source, 30)
    for fit in (fit_p_irt, fit_gp_irt):
        estimate = fit(source, anchors, rng=rng()).predict(answers_on(test, anchors))
        assert np.abs(estimate.mean - test.target_values).mean() < 0.04
        z = (estimate.mean - test.target_values) / estimate.spread
        assert 0.6 < np.sqrt((z**2).mean()) < 1.4


def test_weights_of_the_target_are_respected():
    responses, fit = simulate(20, 10)
    weight = np.where(np.arange(10) < 2, 1.0, 0.0)
    items = Table(responses.items.ids, {"weight": weight})
    history = history_of(replace(responses, items=items), fit)
    anchors = equal_weights(history.responses.items.ids[:2])
    estimate = fit_p_irt(history, anchors, rng=rng()).predict(np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(estimate.mean, 0.5, atol=1e-9)
