"""Soft scores: kept with the answers, read beside them, and never needed."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import make_history, split_models
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal

from tinyeval import ItemBank, ResponseMatrix, Settings, build
from tinyeval.asking import Item
from tinyeval.asking.mark import Mark
from tinyeval.asking.marks import mark_choices
from tinyeval.covariance import soft as module
from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.covariance.soft import soft_covariance
from tinyeval.errors import BankError, DataError
from tinyeval.estimators.answered import Answered
from tinyeval.estimators.kriging import Kriging, fit_kriging
from tinyeval.estimators.soft import TRUSTED, WIDER, SoftMoments
from tinyeval.estimators.stack import Stack, fit_stack
from tinyeval.selection.base import equal_weights
from tinyeval.selection.optimal_design import select_optimal_design
from tinyeval.selection.soft_design import SoftHypothesis
from tinyeval.training.items import collect_scores
from tinyeval.training.kept_answers import AnswerFile

NAN = float("nan")
DRIFT = [0.0, 0.1, 0.3]


def rng():
    return np.random.default_rng(0)


def with_soft(history, scatter=0.1, unknown=0.0, seed=1):
    """The same history, with the models' own probabilities and some scatter as soft scores."""
    draw = np.random.default_rng(seed)
    p = history.fit.model.probability(history.fit.ability)
    soft = np.clip(p + draw.normal(0, scatter, p.shape), 0, 1)
    soft[draw.random(len(soft)) < unknown] = np.nan
    return replace(history, responses=replace(history.responses, soft=soft))


def some(history, n):
    ids = sorted(history.responses.items.ids)
    return equal_weights(tuple(np.random.default_rng(0).permutation(ids)[:n]))


def answered(history, anchors):
    return Answered.on(anchors.items, history.responses)


# --- the matrix ---------------------------------------------------------------------------------


@pytest.fixture
def matrix():
    scores = [[1, 0, 1, NAN], [0, 1, 1, 0], [1, 0, 1, NAN]]
    soft = [[0.9, 0.25, NAN, 0.5], [0.5, 0.75, 1, 0], [0.5, 0.5, 0.5, NAN]]
    return ResponseMatrix.from_arrays(scores, ["b", "c", "a"], ["q2", "q1", "q3", "q4"], soft)


def test_a_soft_score_stands_beside_a_score(matrix):
    assert matrix.soft.dtype == np.float16
    assert_array_equal(np.isnan(matrix.soft[0]), [False, False, True, True])  # q4 has no score
    assert_array_equal(matrix.soft_on(["q4", "other", "q1"])[1], np.float32([0, NAN, 0.75]))
    with pytest.raises(ValueError, match="read-only"):
        matrix.soft[0, 0] = 0


def test_every_view_of_a_matrix_keeps_its_soft_scores(matrix):
    taken = matrix.take([1, 0], np.array([False, True, True, False]))
    assert_array_equal(taken.soft, np.float16([[0.75, 1], [0.25, NAN]]))
    assert_array_equal(matrix.sorted().soft[0], np.float16([0.5, 0.5, 0.5, NAN]))
    assert_array_equal(matrix.select(["c"], ["q4", "q2"]).soft, np.float16([[0, 0.5]]))
    kept, dropped = matrix.drop_duplicates()
    assert dropped == ("b",)
    assert_array_equal(kept.soft, matrix.take([1, 2]).soft)
    assert matrix.without_soft().soft is None
    assert matrix.without_soft().without_soft().soft is None


def test_soft_scores_that_nobody_knows_are_none(matrix):
    assert replace(matrix, soft=np.full(matrix.shape, NAN)).soft is None


def test_what_is_checked_stays_as_it_is(matrix):
    again = replace(matrix, soft=matrix.soft)
    assert np.shares_memory(again.soft, matrix.soft)


@pytest.mark.parametrize(
    ("soft", "message"),
    [
        ([[1, 0, 1, -0.1]] * 3, "that of model 'b' on item 'q4' is -0.1; give exp"),
        ([[1, 0, 1, 2]] * 3, "is 2; give exp"),
        ([[1, 0, -np.inf, 1]] * 3, "on item 'q3' is -inf"),
        ([[1, 0]] * 3, r"expected soft scores, numbers of shape \(3, 4\), found .* \(3, 2\)"),
        ([["a"] * 4] * 3, "expected soft scores"),
    ],
)
def test_what_is_no_probability_is_refused_in_a_line(matrix, soft, message):
    with pytest.raises(DataError, match=message) as caught:
        replace(matrix, soft=np.array(soft))
    assert "\n" not in str(caught.value)


# --- the covariance -----------------------------------------------------------------------------


def test_the_sample_alone_is_the_sample_covariance_of_answers_and_soft_scores():
    history = with_soft(make_history(20, 45))  # fewer models: answers span all their differences
    found = soft_covariance(history, irt_share=0, shrinkage=0)
    y, p = history.filled, history.responses.soft.astype(float)
    joint = np.cov(np.hstack([y, p]), rowvar=False)
    floor = np.diag(np.r_[np.zeros(45), np.full(45, module.LEAST_NOISE)])
    assert_allclose(found.among(np.arange(45), 0.0), joint + floor, atol=1e-8)
    assert_allclose(found.mean, p.mean(axis=0), atol=1e-12)
    target = history.target_values[:, 0]
    direct = (p - p.mean(0)).T @ (target - target.mean()) / 19
    assert_allclose(found.with_targets(0.0)[:, 0], direct, atol=1e-9)


@pytest.mark.parametrize("unknown", [0.0, 0.5])
@pytest.mark.parametrize("s", [0.0, 0.2])
def test_every_part_of_the_covariance_is_of_the_same_matrix(s, unknown):
    history = with_soft(make_history(60, 20, 2, benchmarks=2), unknown=unknown)
    found, index = soft_covariance(history), np.arange(20)
    joint = found.among(index, s)
    for k in (0, 7):
        parts = found.row_parts(k)
        assert_allclose(found.hard.row(k, s, parts), joint[k, :20], atol=1e-12)
        assert_allclose(found.answer_row(k, s, parts[1]), joint[k, 20:], atol=1e-12)
        assert_allclose(np.hstack(found.soft_row(k, s, parts[1])), joint[20 + k], atol=1e-12)
    assert_allclose(found.variance(s), np.diag(joint)[20:], atol=1e-12)
    assert_allclose(found.between(s), np.diag(joint[:20, 20:]), atol=1e-12)
    assert np.linalg.eigvalsh(joint).min() > 0
    # targets are weighted sums of the answers
    weights = history.targets.own
    assert_allclose(found.with_targets(s), joint[20:, :20] @ weights.T, atol=1e-9)
    assert_array_equal(found.hard.mean, item_covariance(history).mean)


def test_the_variance_of_soft_scores_counts_what_was_filled_in():
    whole = soft_covariance(with_soft(make_history(400, 12)))
    half = soft_covariance(with_soft(make_history(400, 12), unknown=0.5))
    assert_allclose(half.mean, whole.mean, atol=0.03)
    assert_allclose(half.variance(0.0), whole.variance(0.0), rtol=0.3)


def test_few_soft_scores_are_not_read():
    history = make_history(40, 15)
    assert soft_covariance(history) is None
    soft = np.full((40, 15), NAN)
    soft[: module.LEAST_MODELS - 1] = 0.5
    few = replace(history, responses=replace(history.responses, soft=soft))
    assert soft_covariance(few) is None
    soft[: module.LEAST_MODELS, 3] = np.linspace(0, 1, module.LEAST_MODELS)
    one = soft_covariance(replace(history, responses=replace(history.responses, soft=soft)))
    assert_array_equal(np.flatnonzero(one.slope), [3])
    assert_array_equal(one.factors[:, 0], 0)
    assert one.variance(0.0)[0] == module.UNREAD


def test_means_of_several_runs_are_read_without_soft_scores():
    history = with_soft(make_history(40, 15))
    trials = np.full((40, 15), 5, dtype=np.uint16)
    repeated = replace(history, responses=replace(history.responses, trials=trials))
    assert soft_covariance(repeated) is None


# --- the design ---------------------------------------------------------------------------------


def brute_gain(covariance, s, chosen, k):
    """Share of the open variance that item k's two columns remove, from dense matrices."""
    n = len(covariance.items)
    joint = covariance.among(np.arange(n), s)
    cross = np.vstack([covariance.hard.with_targets(s), covariance.with_targets(s)])
    open_ = covariance.hard.target_variance(s)
    if chosen:
        at = np.r_[chosen, np.array(chosen) + n]
        gain = np.linalg.solve(joint[np.ix_(at, at)], np.hstack([joint[at], cross[at]]))
        open_ = open_ - (cross[at] * gain[:, 2 * n :]).sum(0)
        joint, cross = (
            joint - joint[:, at] @ gain[:, : 2 * n],
            cross - joint[:, at] @ gain[:, 2 * n :],
        )
    b = [k, k + n]
    removed = cross[b].T @ np.linalg.solve(joint[np.ix_(b, b)], cross[b])
    return removed[0, 0] / open_[0]


def test_the_gain_of_an_item_is_that_of_its_block():
    from tinyeval.selection.optimal_design import _Hypothesis

    history = with_soft(make_history(50, 12))
    covariance = soft_covariance(history)
    for s in (0.0, 0.1):
        one = SoftHypothesis(_Hypothesis(covariance.hard, s, 0), covariance, 3)
        chosen = []
        for k in (4, 9, 0):
            expected = [brute_gain(covariance, s, chosen, j) for j in (1, 2, 7)]
            assert_allclose(one.gains()[[1, 2, 7]], expected, rtol=1e-6)
            one.condition(k, covariance.row_parts(k))
            chosen.append(k)
            assert one.gains()[k] == pytest.approx(0, abs=1e-6)


def test_the_design_knows_no_drift_where_soft_scores_are_known():
    history = make_history(60, 40)
    plain = select_optimal_design(history, 8, rng=rng(), drift=[0.0, 0.03, 0.1, 0.3]).items
    assert select_optimal_design(with_soft(history), 8, rng=rng()).items == plain


def test_blocks_choose_other_items_and_start_alike_with_fewer_anchors():
    history = with_soft(make_history(60, 40))
    plain = select_optimal_design(history, 8, rng=rng()).items
    blocks = select_optimal_design(history, 8, rng=rng(), blocks=True).items
    assert set(blocks) != set(plain)
    assert select_optimal_design(history, 5, rng=rng(), blocks=True).items == blocks[:5]
    without = replace(history, responses=history.responses.without_soft())
    assert select_optimal_design(without, 8, rng=rng(), blocks=True).items == (
        select_optimal_design(without, 8, rng=rng()).items
    )


# --- reading ------------------------------------------------------------------------------------


def oracle(history, anchors, answers, soft, drift, temper):
    """Mean and standard deviation of one model, by dense Gaussian conditioning."""
    covariance = soft_covariance(history)
    n = len(anchors.items)
    index = np.array([covariance.items.index(one) for one in anchors.items])
    means, variances, evidence = [], [], []
    for s in drift:
        joint = covariance.among(index, s) + 1e-6 * np.eye(2 * n)
        cross = np.vstack(
            [covariance.hard.with_targets(s)[index], covariance.with_targets(s)[index]]
        )
        start = np.r_[covariance.hard.mean[index], covariance.mean[index]]
        both, given = np.r_[answers, soft], ~np.isnan(np.r_[answers, soft])
        hard = given & (np.arange(2 * n) < n)
        results = []
        for seen in (hard, given):
            gain = np.linalg.solve(joint[np.ix_(seen, seen)], cross[seen])
            mean = covariance.hard.target_mean + (both - start)[seen] @ gain
            results.append((mean, covariance.hard.target_variance(s) - (cross[seen] * gain).sum(0)))
        evidence.append(
            multivariate_normal(start[hard], joint[np.ix_(hard, hard)]).logpdf(both[hard])
        )
        own = given & ~hard
        slopes = np.linalg.solve(joint[np.ix_(hard, hard)], joint[np.ix_(hard, own)])
        expected = start[own] + (both - start)[hard] @ slopes
        left = joint[np.ix_(own, own)] - joint[np.ix_(own, hard)] @ slopes
        like, wide = (
            multivariate_normal(expected, scale * left).logpdf(both[own]) for scale in (1, WIDER)
        )
        odds = np.log(TRUSTED / (1 - TRUSTED)) + (like - wide) / temper
        w = 1 / (1 + np.exp(-odds))
        (m0, v0), (m1, v1) = results
        mean = (1 - w) * m0 + w * m1
        means.append(mean)
        variances.append((1 - w) * (v0 + m0**2) + w * (v1 + m1**2) - mean**2)
    weight = np.exp((np.array(evidence) - max(evidence)) / temper)
    weight /= weight.sum()
    mean = weight @ np.array(means)
    second = weight @ (np.array(variances) + np.array(means) ** 2)
    return mean, np.sqrt(second - mean**2)


@pytest.mark.parametrize("options", [{}, {"benchmarks": 2}])
def test_kriging_is_dense_conditioning_on_answers_and_soft_scores(options):
    source, new = split_models(with_soft(make_history(70, 30, **options)), 60)
    anchors = some(source, 8)
    kriging = fit_kriging(source, anchors, rng=rng(), drift=DRIFT)
    given = answered(new, anchors)
    answers, soft = given.scores.copy(), given.soft.copy()
    answers[1, 2] = soft[1, 2] = soft[1, 5] = soft[2, 0] = np.nan
    found = kriging.predict(answers, soft=soft)
    for k in range(4):
        mean, spread = oracle(source, anchors, answers[k], soft[k], DRIFT, 2.0)
        assert_allclose(found.mean[k], np.clip(mean, 0, 1), atol=1e-9)
        assert_allclose(found.spread[k], spread, atol=1e-8)


@pytest.mark.parametrize("fit", [fit_kriging, fit_stack])
def test_answers_alone_are_read_as_by_a_bank_without_soft_scores(fit):
    source, new = split_models(make_history(130, 40), 110)
    anchors = some(source, 10)
    plain, reads = fit(source, anchors, rng=rng()), fit(with_soft(source), anchors, rng=rng())
    answers = answered(new, anchors).scores
    answers[0, 3] = np.nan
    expected = plain.predict(answers)
    for soft in (None, np.full(answers.shape, np.nan)):
        found = reads.predict(answers, soft=soft)
        assert_allclose(found.mean, expected.mean, atol=1e-12)
        assert_allclose(found.spread, expected.spread, atol=1e-12)
        assert_allclose(found.novelty, expected.novelty, atol=1e-12)


@pytest.mark.slow
def test_soft_scores_sharpen_and_doubtful_ones_are_left_alone():
    source, new = split_models(with_soft(make_history(260, 200), 0.05), 200)
    anchors = some(source, 12)
    stack = fit_stack(source, anchors, rng=rng())
    given, truth = answered(new, anchors), new.target_values[:, 0]

    def error(soft):
        return np.abs(stack.predict(given.scores, soft=soft).mean[:, 0] - truth).mean()

    alone = error(None)
    assert error(given.soft) < 0.85 * alone
    turned = 1 - given.soft
    assert error(turned) < 1.1 * alone
    plain = stack.kriging.predict(given.scores).spread[:, 0]
    sharp = stack.kriging.predict(given.scores, soft=given.soft).spread[:, 0]
    assert (sharp < plain).mean() > 0.9


def test_models_and_their_order_do_not_matter_to_each_other():
    source, new = split_models(with_soft(make_history(90, 30), unknown=0.3), 70)
    anchors = some(source, 8)
    stack, given = fit_stack(source, anchors, rng=rng()), answered(new, anchors)
    together = stack.predict(given.scores, soft=given.soft).mean
    alone = [stack.predict(given.scores[[k]], soft=given.soft[[k]]).mean[0] for k in range(20)]
    assert_allclose(together, alone, atol=1e-12)


@pytest.mark.parametrize(("fit", "kind"), [(fit_kriging, Kriging), (fit_stack, Stack)])
def test_the_state_holds_the_soft_scores(fit, kind):
    source = with_soft(make_history(60, 30))
    anchors = some(source, 8)
    fitted, given = fit(source, anchors, rng=rng()), answered(source, anchors)
    again = kind.from_state(fitted.state())
    expected = fitted.predict(given.scores, soft=given.soft)
    assert_array_equal(again.predict(given.scores, soft=given.soft).mean, expected.mean)
    plain = fit(make_history(60, 30), anchors, rng=rng()).state()
    assert not any("soft" in name for name in plain)


def test_moments_of_other_shapes_are_refused():
    source = with_soft(make_history(60, 30))
    state = dict(fit_kriging(source, some(source, 8), rng=rng(), drift=DRIFT).state())
    for name, value, message in (
        ("soft/mean", np.zeros(3), "soft scores"),
        ("soft/doubt", np.array([1.0, 4.0]), "no prior"),
        ("soft/cross", np.zeros((3, 8, 4)), "other anchors"),
    ):
        with pytest.raises(BankError, match=message):
            Kriging.from_state({**state, name: value})
    with pytest.raises(TypeError):
        SoftMoments.from_state({"mean": np.zeros(3)})


# --- a bank -------------------------------------------------------------------------------------

FAST = Settings(irt={"dimensions": [1]}, interval={"folds": 3})


@pytest.fixture(scope="module")
def soft_bank():
    history = with_soft(make_history(60, 40), 0.05)
    return build(history.responses, items=8, settings=FAST), history.responses


@pytest.mark.slow
def test_a_bank_reads_soft_scores_and_does_not_need_them(soft_bank, tmp_path):
    bank, responses = soft_bank
    assert bank.predictor.reads_soft
    both, alone = (bank.predict(one) for one in (responses, responses.without_soft()))
    widths = [[one.upper - one.lower for one in found] for found in (both, alone)]
    assert np.mean(widths[0]) < np.mean(widths[1])
    assert bank.save(tmp_path / "bank") == bank.digest
    again = ItemBank.load(tmp_path / "bank")
    assert [one.score for one in again.predict(responses)] == [one.score for one in both]
    few = bank.head(5)
    assert few.predict(responses)[0].score != few.predict(responses.without_soft())[0].score
    assert len(bank.compare(responses.take([0, 1]))) == 1


@pytest.mark.slow
def test_off_is_a_bank_without_soft_scores(soft_bank):
    _, responses = soft_bank
    plain = build(responses.without_soft(), items=8, settings=FAST)
    off = build(responses, items=8, settings=FAST.replace(soft="off"))
    assert not off.predictor.reads_soft
    assert off.anchors.items == plain.anchors.items
    assert [one.score for one in off.predict(responses)] == [
        one.score for one in plain.predict(responses)
    ]
    assert "soft" not in plain.settings  # a bank without is what it was before
    assert off.settings["soft"] == "off"


@pytest.mark.slow
def test_answers_may_be_pairs_and_marks(soft_bank):
    bank, responses = soft_bank
    ids = bank.anchors.items
    scores, soft = responses.align(ids)[0].tolist(), responses.soft_on(ids)[0].tolist()
    pairs = dict(zip(ids, zip(scores, soft, strict=True), strict=True))
    marks = {one: Mark(*pair) for one, pair in pairs.items()}
    expected = bank.predict(responses.take([0]))[0].score
    assert bank.predict(pairs).score == bank.predict(marks).score == expected
    assert bank.predict({"m": marks})[0].score == expected
    assert bank.predict(dict(zip(ids, scores, strict=True))).score != expected
    with pytest.raises(DataError, match="soft scores are probabilities"):
        bank.predict({**pairs, ids[0]: (1.0, -3.0)})
    with pytest.raises(DataError, match="a pair of a score and a soft score"):
        bank.predict({**pairs, ids[0]: (1.0, 0.5, 0.5)})


# --- asking models ------------------------------------------------------------------------------


def test_choices_are_marked_with_the_softmax_of_their_log_likelihoods():
    item = Item("q", {"prompt": "?", "choices": ["a", "bb"], "gold": 1})
    found = mark_choices(item, np.log([0.3, 0.1]))
    assert (found, found.soft) == (0, pytest.approx(0.25))
    several = Item("q", {"prompt": "?", "choices": ["a", "b", "c"], "gold": [0, 2]})
    assert mark_choices(several, np.log([0.2, 0.2, 0.4]), "acc_norm").soft == pytest.approx(0.75)


def test_kept_answers_keep_soft_scores(tmp_path):
    file, keys = AnswerFile(tmp_path / "answers.jsonl"), {"q1": "k1", "q2": "k2"}
    file.append("m", file.checked({"q1": Mark(1, 0.75), "q2": 0.0}, keys))
    known = AnswerFile(file.path).known("m", keys)
    assert known == {"q1": 1, "q2": 0}
    assert known["q1"].soft == 0.75
    assert "soft" not in file.path.read_text().splitlines()[1]
    with pytest.raises(DataError, match="soft score of item 'q1' must be a probability"):
        file.checked({"q1": (1, -2.0)}, keys)
    from tinyeval import read_results

    read = read_results(file.path)
    assert_array_equal(read.soft_on(["q1", "q2"]), np.float32([[0.75, NAN]]))


def test_an_answering_function_may_return_pairs():
    items = [Item("q1", {}), Item("q2", {})]
    found = collect_scores(items, [(1, 0.5), 0])
    assert (found["q1"], found["q1"].soft, found["q2"]) == (1, 0.5, 0)
    assert collect_scores(items, {"q2": (0, 0.25)})["q2"].soft == 0.25
