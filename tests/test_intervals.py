"""Intervals: the quantile by brute force, what is held out, and coverage of new models."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from helpers import simulate
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval.build_plan import BuildPlan
from tinyeval.building import build
from tinyeval.calibration.calibrate import calibrate
from tinyeval.calibration.folds import BEYOND, draw_folds
from tinyeval.calibration.intervals import Calibration
from tinyeval.calibration.scale_by_score import scale_of
from tinyeval.config import Settings
from tinyeval.errors import BankError, ConfigError
from tinyeval.learning import learn
from tinyeval.responses import ResponseMatrix

FAST = Settings().replace(items=15, device="cpu", irt={"dimensions": [1]}, interval={"folds": 3})


def calibrated(responses, settings=FAST, **options):
    responses = responses.sorted()
    plan = BuildPlan.of(settings, responses)
    learned = learn(responses, plan)

    def again(part):
        return learn(part, plan.within(part, learned.irt.dimensions))

    chosen = {"folds": settings.interval.folds, "seed": 0, **options}
    return calibrate(learned, again, **chosen)[0]


def folds_of(responses, folds, seed, groups=None):
    score = np.nanmean(responses.scores, axis=1)
    return draw_folds(responses.models, score, folds, seed, groups)


def with_families(responses, families):
    """The same models, each of a family drawn at random."""
    drawn = np.random.default_rng(0).integers(0, families, responses.n_models)
    names = np.array([f"family {one}" for one in drawn], dtype=object)
    return replace(responses, models=responses.models.with_columns(family=names))


# --- the quantile -------------------------------------------------------------------------------


def plain(ratios):
    """A calibration of these ratios, shape (models, targets), that scales and floors nothing."""
    ratios = np.sort(np.asarray(ratios, dtype=float), axis=0)[None]
    one, targets = np.zeros(1), ratios.shape[2]
    return Calibration(
        sizes=np.array([5]),
        inside=ratios,
        beyond=ratios,
        score_range=np.zeros((2, targets)),
        range_margin=one,
        novelty_limit=one,
        misfit_limit=one,
        expected_error=np.zeros((1, targets)),
        noise=np.zeros(targets),
        scale_at=np.zeros((1, 1, targets)),
        scale=np.ones((1, 1, targets)),
    )


def quantile(ratios, level):
    """Half-widths for a spread of 1: the quantile of each target's ratios."""
    calibration = plain(ratios)
    ones = np.ones((1, len(calibration.noise)))
    return calibration.half_width(ones / 2, ones, np.array([5]), 5, level, np.array([False]))[0]


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=60),
    st.sampled_from((10, 25, 50, 80, 90, 95, 99)),
)
def test_the_quantile_is_the_smallest_ratio_that_covers_enough(ratios, percent):
    found = quantile(np.array(ratios)[:, None], percent / 100)[0]
    needed = (len(ratios) + 1) * percent
    enough = [r for r in ratios if 100 * sum(other <= r for other in ratios) >= needed]
    if enough:
        assert found == min(enough)
    else:
        assert found > max(ratios)


def test_the_quantile_of_nine_ratios_at_90_percent_is_the_largest():
    ratios = np.arange(1.0, 10.0)[::-1, None]
    assert quantile(ratios, 0.9)[0] == 9
    assert quantile(ratios, 0.5)[0] == 5


def test_too_few_ratios_are_stretched_by_the_normal_tail():
    z = NormalDist().inv_cdf
    ratios = np.array([[0.5, 3.0], [0.2, 1.0], [0.1, 2.0], [0.3, 0.0]])  # 4 stand for up to 80 %
    assert_allclose(quantile(ratios, 0.9), np.array([1.0, 3.0]) * z(0.95) / z(0.9), rtol=1e-12)


def test_the_quantile_grows_with_the_level():
    ratios = np.abs(np.random.default_rng(0).normal(size=(12, 2)))
    found = [quantile(ratios, level) for level in np.linspace(0.05, 0.99, 40)]
    assert (np.diff(found, axis=0) >= 0).all()


def test_conformal_intervals_cover_new_draws_of_any_distribution():
    rng = np.random.default_rng(0)
    for draw in (rng.standard_cauchy, rng.normal, rng.exponential):
        ratios = np.abs(draw(size=(39, 4000)))
        covered = np.abs(draw(size=4000)) <= quantile(ratios, 0.9)
        assert 0.88 < covered.mean() < 0.92


# --- what is held out ---------------------------------------------------------------------------


def test_every_model_is_held_out_once_and_the_rest_learned_from():
    plan = [fold for fold in folds_of(simulate(40, 30, seed=1)[0], 4, 0) if not fold.beyond]
    held_out = np.array([held_out for _, _, held_out in plan])
    assert_array_equal(held_out.sum(0), 1)
    assert_array_equal(held_out.sum(1), 10)
    assert_array_equal([kept for _, kept, _ in plan], ~held_out)


def test_beyond_are_the_strongest_and_the_weakest():
    responses, _ = simulate(40, 30, seed=1)
    score = responses.scores.mean(1)
    plan = [fold for fold in folds_of(responses, 4, 0) if fold.beyond]
    ends = []
    for _, kept, held_out in plan:
        above = score[held_out].mean() > score[kept].mean()
        ends.append(above)
        low, high = (kept, held_out) if above else (held_out, kept)
        assert score[high].min() >= score[low].max()
        # the very strongest, or the very weakest
        assert np.sort(score[held_out]) == pytest.approx(
            np.sort(score)[-held_out.sum() :] if above else np.sort(score)[: held_out.sum()]
        )
    assert sum(ends) == len(ends) / 2 == len(BEYOND)


@pytest.mark.parametrize("n", [*range(5, 20), 33, 57, 100])
def test_no_fold_of_any_number_of_models_overlaps_or_is_empty(n):
    for _, kept, held_out in folds_of(simulate(n, 30)[0], 5, 0):
        assert kept.sum() >= 2
        assert held_out.any()
        assert not (kept & held_out).any()


def test_folds_follow_the_seed():
    responses, _ = simulate(20, 30, seed=1)

    def names(matrix, seed):
        return [
            tuple(frozenset(np.array(matrix.models.ids)[side]) for side in sides)
            for _, *sides in folds_of(matrix, 4, seed)
        ]

    assert names(responses, 0) == names(responses, 0)
    assert names(responses, 0) != names(responses, 1)


@pytest.mark.parametrize("families", [5, 12, 200])
def test_no_fold_predicts_a_model_from_its_family(families):
    responses = with_families(simulate(60, 30, seed=1)[0], families)
    family = responses.models.columns["family"]
    plan = list(folds_of(responses, 5, 0, "family"))
    for _, kept, held_out in plan:
        assert not set(family[kept]) & set(family[held_out])
        assert kept.any()
        assert held_out.any()
    inside = [fold for fold in plan if not fold.beyond]
    assert_array_equal(np.sum([held_out for _, _, held_out in inside], axis=0), 1)
    score = responses.scores.mean(1)
    for _, kept, held_out in plan[len(inside) :]:
        above, below = score[held_out].min(), score[held_out].max()
        assert above >= score[kept].max() or below <= score[kept].min()


@pytest.mark.slow
def test_families_of_one_model_are_as_none():
    responses, _ = simulate(30, 40, seed=1)
    names = np.array(responses.models.ids, dtype=object)
    responses = replace(responses, models=responses.models.with_columns(family=names))
    one, other = calibrated(responses), calibrated(responses, groups="family")
    for name, value in vars(one).items():
        assert_array_equal(getattr(other, name), value)


def siblings(seed=0):
    """20 families of four models that answer alike, item by item."""
    rng = np.random.default_rng(seed)
    own = np.repeat(rng.normal(0, 1.5, (20, 80)), 4, axis=0)
    p = 1 / (1 + np.exp(-own - rng.normal(0, 0.7, (80, 1)) - rng.normal(0, 1, 80)))
    scores = (rng.random(p.shape) < p).astype(float)
    responses = ResponseMatrix.from_arrays(
        scores, [f"m{k:02d}" for k in range(80)], [f"i{k}" for k in range(80)]
    )
    family = np.array([f"f{k // 4}" for k in range(80)], dtype=object)
    return replace(responses, models=responses.models.with_columns(family=family))


@pytest.mark.slow
def test_new_families_are_not_promised_what_siblings_get():
    responses = siblings()
    siblings_help, new = calibrated(responses), calibrated(responses, groups="family")
    assert new.expected_error[-1, 0] > 1.1 * siblings_help.expected_error[-1, 0]


def test_groups_that_cannot_be_had_are_refused():
    responses = with_families(simulate(30, 40)[0], 3)
    with pytest.raises(ConfigError, match="at least 5 groups of models, found 3 in the column"):
        BuildPlan.of(FAST.replace(interval={"groups": "family"}), responses)
    with pytest.raises(ConfigError, match="no column 'org'; its columns are: family"):
        BuildPlan.of(FAST.replace(interval={"groups": "org"}), responses)


@pytest.mark.slow
def test_progress_counts_the_folds():
    seen = []
    calibrated(simulate(12, 30)[0], progress=lambda *now: seen.append(now))
    total = 3 + 2 * len(BEYOND)
    assert [now[:2] for now in seen] == [(k, total) for k in range(total + 1)]


# --- the calibration ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def calibration():
    return calibrated(simulate(60, 60, seed=2, benchmarks=2)[0])


def test_it_is_done_at_several_numbers_of_answers(calibration):
    assert calibration.sizes.tolist() == [5, 10, 15]
    assert calibration.inside.shape == (3, 60, 3)
    ends = 2 * sum(round(60 * share) for _, share in BEYOND)
    assert calibration.beyond.shape == (3, ends, 3)
    assert (np.diff(calibration.inside, axis=1) >= 0).all()
    assert (calibration.inside >= 0).all()
    assert calibration.expected_error.shape == (3, 3)
    assert calibration.expected_error[0, 0] > calibration.expected_error[2, 0] > 0


@pytest.mark.slow
def test_the_range_is_that_of_the_source_models():
    responses, _ = simulate(60, 60, seed=2)
    low, high = calibrated(responses).score_range[:, 0]
    assert low == pytest.approx(responses.scores.mean(1).min())
    assert high == pytest.approx(responses.scores.mean(1).max())


def test_the_factor_of_the_next_smaller_number_of_answers_is_used(calibration):
    for n, k in ((1, 0), (5, 0), (9, 0), (10, 1), (14, 1), (15, 2), (400, 2)):
        expected = quantile(calibration.inside[k], 0.9) * scale_at(calibration, k)
        assert_allclose(half_widths(calibration, np.ones(3), n)[0], expected)


def test_beyond_the_range_no_interval_is_narrower(calibration):
    for level in (0.5, 0.8, 0.9, 0.99):
        for n in (5, 10, 15):
            inside = half_widths(calibration, np.ones(3), n, level)
            assert (half_widths(calibration, np.ones(3), n, level, beyond=True) >= inside).all()


MEAN = 0.4


def scale_at(calibration, k):
    return scale_of(calibration.scale_at[k], calibration.scale[k], np.full((1, 3), MEAN))[0]


def half_widths(calibration, spread, n_answered, level=0.9, beyond=False, mean=MEAN):
    n_answered = np.atleast_1d(n_answered)
    models = len(n_answered)
    doubtful = np.broadcast_to(beyond, models)
    means, spreads = np.full((models, 3), mean), np.tile(spread, (models, 1))
    return calibration.half_width(means, spreads, n_answered, 15, level, doubtful)


def test_half_widths_scale_with_the_spread_and_grow_with_the_level(calibration):
    spread = np.array([0.1, 0.2, 0.3])
    half = half_widths(calibration, spread, 15)[0]
    factor = quantile(calibration.inside[2], 0.9) * scale_at(calibration, 2)
    assert_allclose(half, factor * spread)
    assert (half_widths(calibration, spread, 15, 0.99) > half).all()


def test_half_widths_of_many_models_are_those_of_each(calibration):
    spread, n, beyond = np.array([0.1, 0.2, 0.3]), [4, 15, 7, 15, 7], [0, 1, 0, 0, 1]
    together = half_widths(calibration, spread, n, beyond=np.array(beyond, dtype=bool))
    for one, answered, doubtful in zip(together, n, beyond, strict=True):
        alone = half_widths(calibration, spread, answered, beyond=bool(doubtful))
        assert_array_equal(one, alone[0])


def test_no_interval_is_narrower_than_the_scatter_of_unasked_items(calibration):
    z = NormalDist().inv_cdf(0.95)
    for n, scale in ((15, 1.0), (5, 3**0.5)):
        half = half_widths(calibration, np.full(3, 1e-9), n)[0]
        assert_allclose(half, calibration.noise * z * scale)


def test_a_state_of_plain_arrays_is_the_same_calibration(calibration):
    again = Calibration.from_state(calibration.state())
    for name, value in vars(calibration).items():
        assert_array_equal(getattr(again, name), value)


@pytest.mark.parametrize(
    "name", ["sizes", *(n for n in Calibration.__annotations__ if n != "sizes")]
)
def test_arrays_that_do_not_fit_each_other_are_refused(calibration, name):
    for wrong in (np.zeros((0, 4)), np.zeros(7), np.zeros(())):
        with pytest.raises(BankError, match="calibration "):
            replace(calibration, **{name: wrong})


# --- hard cases ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_five_models_are_enough():
    calibration = calibrated(simulate(5, 30, seed=1)[0])
    assert calibration.inside.shape == (3, 5, 1)
    assert calibration.beyond.shape == (3, 2 * len(BEYOND), 1)
    means = np.array([[0.0], [0.5], [1.0]])
    for doubtful in (False, True):
        half = calibration.half_width(
            means, means + 0.1, np.full(3, 15), 15, 0.95, np.full(3, doubtful)
        )
        assert (np.isfinite(half) & (half > 0)).all()


def test_four_models_are_not():
    responses, _ = simulate(4, 30)
    with pytest.raises(ConfigError, match="at least 5 models, found 4"):
        calibrated(responses)


@pytest.mark.slow
def test_more_folds_than_models_leave_out_one_at_a_time():
    settings = FAST.replace(interval={"folds": 50})
    assert calibrated(simulate(7, 30)[0], settings).inside.shape == (3, 7, 1)


@pytest.mark.slow
def test_missing_answers_are_calibrated_on_like_others():
    whole, _ = simulate(80, 80, seed=1)
    scores = whole.scores.copy()
    scores[np.random.default_rng(0).random(scores.shape) < 0.04] = np.nan
    holes = ResponseMatrix(scores, whole.models, whole.items)
    one, other = calibrated(whole), calibrated(holes)
    assert other.inside.shape[1] > 60
    assert np.isfinite(other.inside).all()
    assert other.expected_error[-1, 0] == pytest.approx(one.expected_error[-1, 0], rel=0.3)


@pytest.mark.slow
def test_models_that_answered_too_little_are_not_calibrated_on():
    whole, _ = simulate(40, 60, seed=1)
    scores = whole.scores.copy()
    scores[:10, :30] = np.nan
    holes = ResponseMatrix(scores, whole.models, whole.items)
    assert calibrated(holes).inside.shape == (3, 30, 1)


@pytest.mark.slow
def test_where_no_model_answered_enough_it_says_so():
    responses, _ = simulate(40, 60, seed=1, missing=0.7)
    with pytest.raises(ConfigError, match="no held-out model has a known target to calibrate on"):
        calibrated(responses)


# --- coverage -----------------------------------------------------------------------------------

SIMULATIONS = {
    "two dimensions": {"dimensions": 2},
    "graded": {"graded": True},
    "missing": {"missing": 0.05},
    "two benchmarks": {"benchmarks": 2},
}


@pytest.fixture(scope="module", params=SIMULATIONS)
def worlds(request):
    """Four banks of 80 source models, and for each the answers and truth of 120 new models.

    The coverage of one bank varies, by 80 held-out models, with a standard deviation of 0.03.
    """
    made = []
    for seed in range(4):
        responses, fit = simulate(200, 120, seed=seed, **SIMULATIONS[request.param])
        bank = build(responses.take(np.arange(80)), settings=FAST.replace(items=30))
        p = fit.model.probability(fit.ability)
        truth = np.where(responses.observed, responses.scores, p).mean(1)[80:]
        made.append((bank, responses.take(np.arange(80, 200)), truth))
    return made


def coverage_and_width(worlds, n=30, level=0.9):
    """Share of the new models in their intervals from ``n`` answers, and mean width, over banks."""
    figures = []
    for bank, answers, truth in worlds:
        predictions = bank.head(n).predict(answers, level=level)
        lower, upper = np.array([(one.lower, one.upper) for one in predictions]).T
        figures.append((((lower <= truth) & (truth <= upper)).mean(), (upper - lower).mean()))
    return np.mean(figures, axis=0)


@pytest.mark.slow
def test_nine_of_ten_new_models_lie_in_their_intervals(worlds):
    assert 0.84 <= coverage_and_width(worlds)[0] <= 0.97


@pytest.mark.slow
def test_other_levels_are_held_too(worlds):
    figures = [coverage_and_width(worlds, level=level) for level in (0.5, 0.75, 0.97)]
    coverage, width = np.transpose(figures)
    assert_allclose(coverage, (0.5, 0.75, 0.97), atol=0.09)
    assert (np.diff(width) > 0).all()


@pytest.mark.slow
def test_fewer_answers_are_covered_too_by_wider_intervals(worlds):
    coverage, width = np.transpose([coverage_and_width(worlds, n) for n in (30, 20, 10, 5)])
    assert (coverage >= 0.84).all()
    assert (coverage <= 0.97).all()
    assert (np.diff(width) > 0).all()


@pytest.mark.slow
def test_stronger_models_than_the_source_are_flagged_and_covered():
    responses, _ = simulate(400, 120, seed=2)
    score = responses.scores.mean(1)
    order = np.argsort(score)
    bank = build(responses.take(order[:200]), settings=FAST.replace(items=30))
    inside, beyond = order[:200], order[-60:]
    similar = bank.predict(responses.take(inside))
    stronger = bank.predict(responses.take(beyond))
    assert np.mean([p.in_range for p in similar]) > 0.9
    assert np.mean([p.in_range for p in stronger]) < 0.5
    lower, upper = np.array([(one.lower, one.upper) for one in stronger]).T
    assert ((lower <= score[beyond]) & (score[beyond] <= upper)).mean() > 0.8
    assert (upper - lower).mean() > np.mean([one.upper - one.lower for one in similar])


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 5])
def test_few_answers_are_no_reason_to_flag_a_model(n):
    responses, _ = simulate(200, 120, seed=3, graded=True)
    bank = build(responses.take(np.arange(80)), settings=FAST.replace(items=30))
    flagged = [not p.in_range or p.misfit for p in bank.head(n).predict(responses)]
    assert np.mean(flagged) < 0.15
