"""The stack against its own formula, and what its gate and its share are for."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import make_history, split_models
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import norm

from tinyeval.errors import BankError, ConfigError
from tinyeval.estimators import kernel_share as shares
from tinyeval.estimators import stack as module
from tinyeval.estimators.gate import (
    ODDS,
    ODDS_CHECKPOINTS,
    prior_beyond,
    share_beyond_chance,
)
from tinyeval.estimators.kriging import DRIFT_GRID, fit_kriging
from tinyeval.estimators.regression import fit_kernel_ridge
from tinyeval.estimators.shift import fit_shift
from tinyeval.estimators.slopes import KEPT, fit_slopes
from tinyeval.estimators.stack import ROBUST_DRIFT, Stack, fit_stack
from tinyeval.selection.base import equal_weights
from tinyeval.selection.optimal_design import select_optimal_design


def rng():
    return np.random.default_rng(0)


def some(history, n, seed=0):
    ids = sorted(history.responses.items.ids)
    return equal_weights(tuple(np.random.default_rng(seed).permutation(ids)[:n]))


def answers_of(history, anchors):
    return history.responses.align(anchors.items).astype(float)


@pytest.fixture(scope="module")
def parts():
    return split_models(make_history(60, 120, benchmarks=2, seed=3), 45)


def by_quadrature(mean, spread, low, high, prior):
    """Probability of a score beyond the range and the mean there, by scipy, of one model."""

    def density(t):
        away = max(t - high, low - t, 0.0)
        edge, reach = prior[[1, 3]] if t > high else prior[[0, 2]]
        return norm.pdf(t, mean, spread) * (edge * (1 + away / reach) ** -2 if away else 1.0)

    def integral(function):
        ends = [(0.0, low), (high, 1.0)]
        return [quad(function, *end, epsabs=1e-12, limit=200)[0] for end in ends]

    beyond, within = sum(integral(density)), quad(density, low, high, epsabs=1e-12)[0]
    return beyond / (beyond + within), sum(integral(lambda t: t * density(t))) / beyond


def test_it_is_the_gated_mixture_of_its_experts(parts):
    source, new = parts
    anchors = some(source, 20)
    answers = answers_of(new, anchors)
    stack = fit_stack(source, anchors, rng=rng())
    found = stack.predict(answers)
    scores = source.target_values[:, 0]
    moved = 2 * scores.std() * np.sqrt(share_beyond_chance(source))
    kriging = fit_kriging(source, anchors, rng=rng(), undrifted=0.8, moved=moved)
    large = [s for s in DRIFT_GRID if s >= ROBUST_DRIFT]
    robust = fit_kriging(source, anchors, rng=rng(), drift=large).predict(answers)
    shift = fit_slopes(source, anchors, rng=rng()).predict(answers).mean
    kernel = fit_kernel_ridge(source, anchors, rng=rng()).predict(answers).mean
    inside = (1 - stack.share) * kriging.predict(answers).mean + stack.share * kernel
    beyond = (robust.mean + shift) / 2
    low, high = np.quantile(scores, [0.01, 0.99])
    prior = prior_beyond(scores, share_beyond_chance(source), ODDS)
    gate, expected = np.transpose(
        [
            by_quadrature(mean, spread, low, high, prior)
            for mean, spread in zip(beyond[:, 0], robust.spread[:, 0], strict=True)
        ]
    )
    # the overall score decides for the benchmarks as well, and moves them by their own spreads
    shift_spread = fit_slopes(source, anchors, rng=rng()).predict(answers).spread
    apart = (robust.mean - shift) / 2
    spread = np.sqrt((robust.spread**2 + shift_spread**2) / 2 + apart**2)
    steps = (expected - beyond[:, 0]) / spread[:, 0]
    beyond = np.clip(beyond + steps[:, None] * spread, 0, 1)
    gate = gate[:, None]
    assert_allclose(found.mean, (1 - gate) * inside + gate * beyond, atol=2e-3)
    assert ((gate > 0.01) & (gate < 0.99)).any()
    assert (found.spread > 0).all()


def test_a_bank_from_before_the_prior_has_the_gate_of_then(parts):
    source, new = parts
    anchors = some(source, 20)
    answers = answers_of(new, anchors)
    state = fit_stack(source, anchors, rng=rng()).state()
    del state["prior"]
    old = Stack.from_state(state)
    assert "prior" not in old.state()
    large = [s for s in DRIFT_GRID if s >= ROBUST_DRIFT]
    robust = fit_kriging(source, anchors, rng=rng(), drift=large).predict(answers)
    beyond = (robust.mean + old.shift.predict(answers).mean) / 2
    inside = old.kriging.predict(answers).mean
    low, high = np.quantile(source.target_values, [0.01, 0.99], axis=0)
    gate = norm.sf(high, beyond, robust.spread) + norm.cdf(low, beyond, robust.spread)
    gate = gate[:, :1]
    expected = (1 - gate) * inside + gate * beyond
    assert_allclose(old.predict(answers).mean, expected, atol=1e-9)


def test_a_bank_from_before_the_slopes_has_one(parts):
    source, new = parts
    anchors = some(source, 20)
    answers = answers_of(new, anchors)
    state = fit_stack(source, anchors, rng=rng()).state()
    rest = {name: value for name, value in state.items() if not name.startswith("shift/")}
    one = fit_shift(source, anchors, rng=rng(), kept=KEPT)
    old = Stack.from_state(rest | {f"shift/{name}": v for name, v in one.state().items()})
    assert_allclose(old.shift.predict(answers).mean, one.predict(answers).mean, atol=0)
    assert "shift/slopes" not in old.state()
    assert "shift/slopes" in state


def variants(n=45, items=700, spread=0.0, seed=0):
    """A history of variants of one model, whose abilities have a standard deviation ``spread``."""
    draws = np.random.default_rng(seed)
    difficulty, ability = draws.normal(0.4, 1.5, items), draws.normal(0, spread, (n, 1))
    right = draws.random((n, items)) < 1 / (1 + np.exp(-(difficulty + ability)))
    history = make_history(n, items)
    scores = right.astype(np.float32)
    responses = replace(history.responses, scores=scores)
    mean = np.clip(scores.mean(0), 0.02, 0.98)
    model = replace(
        history.fit.model,
        discrimination=np.zeros_like(history.fit.model.discrimination),
        intercept=np.log(mean / (1 - mean)),
    )
    return replace(history, responses=responses, fit=replace(history.fit, model=model))


def test_a_history_without_signal_predicts_its_mean():
    error, of_mean, of_answers = 0.0, 0.0, 0.0
    for seed in range(5):
        source, new = split_models(variants(60, seed=seed), 45)
        anchors = some(source, 30)
        answers, truth = answers_of(new, anchors), new.target_values[:, 0]
        found = fit_stack(source, anchors, rng=rng()).predict(answers).mean[:, 0]
        error += np.abs(found - truth).mean()
        of_mean += np.abs(source.target_values[:, 0].mean() - truth).mean()
        of_answers += np.abs(answers.mean(1) - truth).mean()
    assert error < 1.15 * of_mean
    assert error < 0.3 * of_answers


def test_even_there_answers_have_the_last_word():
    source = variants(45)
    anchors = some(source, 50)
    stack = fit_stack(source, anchors, rng=rng())
    right, wrong = stack.predict(np.array([np.ones(50), np.zeros(50)])).mean[:, 0]
    assert right > source.target_values.max() + 0.2
    assert wrong < source.target_values.min() - 0.2


def test_checkpoints_are_taken_at_their_word(parts):
    source, _ = parts
    anchors = some(source, 10)
    models = source.responses.models
    named = models.with_columns(
        run=np.array([f"run {k % 5}" for k in range(len(models))], dtype=object),
        step=np.arange(len(models), dtype=float),
    )
    runs = replace(source, responses=replace(source.responses, models=named))
    plain, told = (fit_stack(one, anchors, rng=rng()).prior for one in (source, runs))
    assert_allclose(told[:2], plain[:2] * ODDS_CHECKPOINTS / ODDS)
    assert_allclose(fit_stack(runs, anchors, rng=rng(), odds=ODDS).prior, plain)


def test_a_model_beyond_the_range_is_not_pulled_back():
    history = make_history(120, 200, seed=5)
    order = np.argsort(history.target_values[:, 0])
    weak, strong = history.take(order[:72]), history.take(order[-18:])
    anchors = some(weak, 40)
    answers, truth = answers_of(strong, anchors), strong.target_values[:, 0]
    trusting = fit_kriging(weak, anchors, rng=rng(), drift=[0.0]).predict(answers).mean[:, 0]
    estimate = fit_stack(weak, anchors, rng=rng()).predict(answers)
    assert abs((estimate.mean[:, 0] - truth).mean()) < abs((trusting - truth).mean())
    assert np.median(estimate.novelty) > 0.9


def test_inside_the_range_it_is_nearly_kriging_without_drift(parts):
    source, new = parts
    anchors = some(source, 60)
    answers = answers_of(new, anchors)
    stack = fit_stack(source, anchors, rng=rng())
    trusting = fit_kriging(source, anchors, rng=rng(), drift=[0.0]).predict(answers).mean[:, 0]
    truth = new.target_values[:, 0]
    error = np.abs(stack.predict(answers).mean[:, 0] - truth).mean()
    assert error < 1.3 * np.abs(trusting - truth).mean()


def test_a_short_history_gives_kernel_ridge_no_share():
    source = make_history(99, 40)
    stack = fit_stack(source, some(source, 10), rng=rng())
    assert (stack.share == 0).all()


def test_groups_stay_together_where_the_share_is_chosen(monkeypatch):
    history = make_history(110, 50)
    names = np.array([f"run {k % 11}" for k in range(110)], dtype=object)
    models = history.responses.models.with_columns(run=names)
    history = replace(history, responses=replace(history.responses, models=models), groups="run")
    anchors, parts = some(history, 10), []

    def watched(part, *args, **options):
        parts.append(set(part.responses.models.columns["run"]))
        return fit_kriging(part, *args, **options)

    monkeypatch.setattr(module, "fit_kriging", watched)
    fit_stack(history, anchors, rng=rng())
    assert sorted(11 - len(part) for part in parts) == [0, 2, 2, 2, 2, 3]
    few = history.take(np.isin(names, ["run 0", "run 1", "run 2", "run 3"]))
    monkeypatch.setattr(shares, "LONG_HISTORY", 10)
    assert (fit_stack(few, anchors, rng=rng()).share == 0).all()


def test_many_models_need_one_fold(monkeypatch):
    source = make_history(110, 50)
    anchors, fits = some(source, 10), []
    monkeypatch.setattr(shares, "MANY", 109)
    monkeypatch.setattr(
        shares, "fit_kernel_ridge", lambda *a, **k: fits.append(a) or fit_kernel_ridge(*a, **k)
    )
    stack = fit_stack(source, anchors, rng=rng())
    assert len(fits) == 1
    assert ((stack.share >= 0) & (stack.share <= 1)).all()


def test_the_share_finds_what_only_kernel_ridge_sees(monkeypatch):
    source = make_history(110, 50)
    anchors = some(source, 10)

    class Wrong:
        def predict(self, answers):
            estimate = fit_kriging(source, anchors, rng=rng(), drift=[0.0]).predict(answers)
            return replace(estimate, mean=estimate.mean + 0.3)

    def wrong_inside(*args, drift, **options):
        trusting = max(drift) == 0
        return Wrong() if trusting else fit_kriging(*args, drift=drift, **options)

    with monkeypatch.context() as patch:
        patch.setattr(module, "fit_kriging", wrong_inside)
        assert (fit_stack(source, anchors, rng=rng()).share > 0.6).all()
    monkeypatch.setattr(shares, "fit_kernel_ridge", lambda *_, **__: Wrong())
    assert (fit_stack(source, anchors, rng=rng()).share < 0.05).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"odds": -0.1}, "odds must be a number from 0, found -0.1"),
        ({"odds": "much"}, "odds must be a number from 0, found 'much'"),
        ({"tail": "thin"}, "tail must lie in"),
        ({"odds": float("inf")}, "odds must be a number from 0, found inf"),
        ({"tail": 0.5}, r"tail must lie in \[0, 0.5\), found 0.5"),
        ({"tail": -0.1}, "tail must lie"),
        ({"drift": [0.0, 0.1]}, "stack needs a drift size from 0.15 on"),
        ({"undrifted": 1.0}, "undrifted must lie between 0 and 1"),
        ({"temper": 0}, "temper must be above 0"),
    ],
)
def test_options_out_of_range(options, message):
    source = make_history(12, 20)
    with pytest.raises(ConfigError, match=message):
        fit_stack(source, some(source, 5), rng=rng(), **options)


@pytest.mark.parametrize(
    ("name", "value"),
    [("share", np.zeros(2)), ("score_range", np.zeros(2)), ("prior", np.zeros(2))],
)
def test_states_of_the_wrong_shape(name, value):
    source = make_history(12, 20)
    state = fit_stack(source, some(source, 5), rng=rng()).state()
    with pytest.raises(BankError, match=f"stack {name} has shape"):
        Stack.from_state({**state, name: value})


def test_a_state_without_large_drift():
    source = make_history(12, 20)
    state = fit_stack(source, some(source, 5), rng=rng()).state()
    with pytest.raises(BankError, match=r"stack has no drift size from 0\.15 on"):
        Stack.from_state({**state, "kriging/drift": state["kriging/drift"] / 100})


def leaderboard(ability, seed):
    """Answers to 200 items, of which weak models solve a quarter next to never."""
    draws = np.random.default_rng(seed)
    difficulty = np.concatenate([draws.normal(0, 1.2, 150), draws.normal(4.5, 0.8, 50)])
    right = draws.random((len(ability), 200)) < 1 / (1 + np.exp(difficulty - ability[:, None]))
    return right.astype(np.float32)


def test_with_half_of_the_items_stronger_models_are_no_worse_off_than_with_random_items():
    errors = []
    for seed in range(4):
        draws = np.random.default_rng([seed, 1])
        history = make_history(60, 200)
        scores = leaderboard(draws.normal(-0.5, 0.8, 60), seed)
        responses = replace(history.responses, scores=scores)
        mean = np.clip(scores.mean(0), 0.005, 0.995)
        model = replace(
            history.fit.model,
            discrimination=np.full_like(history.fit.model.discrimination, 0.5),
            intercept=np.log(mean / (1 - mean)),
        )
        history = replace(history, responses=responses, fit=replace(history.fit, model=model))
        new = leaderboard(np.linspace(2.5, 4.5, 12), seed)
        truth, errors_here = new.mean(1), []
        for options in ({}, {"unsolved": 0.0}):
            anchors = select_optimal_design(history, 100, rng=rng(), **options)
            answers = new[:, history.positions(anchors.items)].astype(float)
            found = fit_stack(history, anchors, rng=rng()).predict(answers).mean[:, 0]
            errors_here.append(np.abs(found - truth).mean())
        of_random = [new[:, draws.permutation(200)[:100]].mean(1) for _ in range(20)]
        errors.append([*errors_here, np.abs(np.array(of_random) - truth).mean()])
    careful, careless, random = np.mean(errors, axis=0)
    assert careful < random
    assert careful < careless
