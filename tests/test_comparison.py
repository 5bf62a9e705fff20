"""Comparisons: by hand from parts, symmetries, shared anchors, and honest on simulated models."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from helpers import reliability, simulate
from hypothesis import given
from hypothesis import strategies as st

from tinyeval.bank.item_bank import ItemBank
from tinyeval.building import build
from tinyeval.calibration.intervals import Calibration, PairCalibration
from tinyeval.calibration.pair_scale import pair_scale
from tinyeval.comparison import MARGIN, Comparison, compare
from tinyeval.config import Settings
from tinyeval.errors import ConfigError, DataError
from tinyeval.estimators.base import Estimate
from tinyeval.irt.ability import estimate_ability
from tinyeval.irt.model import IRTModel
from tinyeval.prediction import Predictor
from tinyeval.report.standing import rank_ranges
from tinyeval.selection.base import equal_weights

NAN = float("nan")
ITEMS = ("d", "b", "c", "a")
IRT = IRTModel(ITEMS, np.ones((4, 1)), np.zeros(4), np.zeros(4), np.zeros(1), np.eye(1))
A, B = [1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]


@dataclass(frozen=True)
class Share:
    """An estimator: the mean of the answers, twice; novelty where every answer is right."""

    def predict(self, answers):
        mean = np.nanmean(answers, axis=1)
        novelty = (mean == 1).astype(float)
        return Estimate(
            mean=np.stack([mean, mean / 2], 1),
            spread=np.full((len(mean), 2), 0.1),
            novelty=novelty,
        )


def predictor(**changes):
    ratios = np.ones((2, 200, 2))
    calibration = Calibration(
        sizes=np.array([2, 4]),
        inside=ratios,
        beyond=ratios,
        score_range=np.array([[0.0, 0.0], [1.0, 1.0]]),
        range_margin=np.zeros(2),
        novelty_limit=np.full(2, 0.5),
        misfit_limit=np.full(2, 9.0),
        expected_error=np.zeros((2, 2)),
        noise=np.zeros(2),
        scale_at=np.zeros((2, 1, 2)),
        scale=np.ones((2, 1, 2)),
    )
    pairs = PairCalibration(
        sizes=np.array([2, 4]),
        inside=ratios * np.array([2.0, 1.0])[:, None, None],
        beyond=ratios * 3.0,
        slope_inside=np.array([[1.0, 1.0], [2.0, 1.0]]),
        slope_beyond=np.array([[0.5, 0.5], [0.4, 3.0]]),
    )
    parts = Predictor(
        anchors=equal_weights(ITEMS),
        targets=("overall", "maths"),
        irt=IRT,
        method="share",
        estimator=Share(),
        calibration=calibration,
        pairs=pairs,
    )
    return replace(parts, **changes)


def both(a=A, b=B, level=0.9, margin=MARGIN, **changes):
    return compare(predictor(**changes), np.array([a, b]), ("a", "b"), level, margin)[0]


def scale_of(a, b):
    answers = np.array([a, b])
    p = IRT.probability(estimate_ability(IRT, answers).mean)
    return pair_scale(np.full((2, 1), 0.1), answers, p, np.array([0]), np.array([1]))[0, 0]


# --- by hand ------------------------------------------------------------------------------------


def test_a_difference_its_interval_and_its_probability_by_hand():
    found = both()
    scale = scale_of(A, B)
    assert (found.a, found.b, found.level) == ("a", "b", 0.9)
    assert (found.n_shared, found.n_different) == (4, 2)
    assert found.difference == pytest.approx(0.5)
    assert (found.lower, found.upper) == pytest.approx((0.5 - scale, 0.5 + scale))
    assert found.probability == pytest.approx(1 / (1 + np.exp(-2 * 0.5 / scale)))
    maths = found.benchmarks["maths"]
    assert maths.difference == pytest.approx(0.25)
    assert maths.probability == pytest.approx(1 / (1 + np.exp(-0.25 / scale)))
    assert found.warnings == ()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_a_margin_by_hand():
    """The interval's ratio is 1, so the unit of the margin is scale / log 19; the slope is 2."""
    found, scale = both(margin=0.1), scale_of(A, B)
    odds, away = 2 * 0.5 / scale, 0.1 * np.log(19) / scale
    assert found.margin == 0.1
    assert found.better == pytest.approx(sigmoid(odds - away))
    assert found.worse == pytest.approx(sigmoid(-odds - away))
    assert found.better + found.within + found.worse == pytest.approx(1)
    assert found.resolution == pytest.approx(np.log(19) / 2 * scale)
    maths = found.benchmarks["maths"]
    assert maths.better == pytest.approx(sigmoid(0.25 / scale - away))
    assert maths.resolution == pytest.approx(min(np.log(19) * scale, 1))


def test_without_a_margin_one_is_ahead_or_the_other():
    found = both(margin=0)
    assert found.better == found.probability
    assert found.worse == pytest.approx(1 - found.probability)
    assert found.within == pytest.approx(0, abs=1e-12)


def test_beyond_the_range_a_margin_counts_in_errors_and_not_by_the_flat_slope():
    found = both(A, [1.0] * 4, margin=0.1)
    scale = scale_of(A, [1.0] * 4)
    odds, away = 0.4 * found.difference / scale, 0.1 * np.log(19) / (3 * scale)
    assert found.better == pytest.approx(sigmoid(odds - away))
    assert found.worse == pytest.approx(sigmoid(-odds - away))


@given(st.floats(0, 0.99), st.floats(0, 0.99), st.floats(0.01, 0.99))
def test_a_larger_margin_makes_more_models_the_same(one, two, level):
    small, large = (both(level=level, margin=m) for m in sorted((one, two)))
    assert small.better >= large.better
    assert small.worse >= large.worse
    assert small.within <= large.within
    assert replace(small, margin=0, better=0, worse=0, within=0, benchmarks={}) == replace(
        large, margin=0, better=0, worse=0, within=0, benchmarks={}
    )


def test_where_no_lead_tells_anything_the_resolution_is_the_whole_scale():
    flat = replace(predictor().pairs, slope_inside=np.zeros((2, 2)))
    found = both(pairs=flat)
    assert (found.resolution, found.probability, found.verdict) == (1.0, 0.5, "undecided")


def test_errors_of_zero_leave_finite_probabilities():
    exact = replace(predictor().pairs, inside=np.zeros((2, 200, 2)))
    found = both(A, A, pairs=exact)
    assert (found.better, found.within, found.worse) == (0, 1, 0)
    assert found.verdict == "tied"


def test_the_scale_by_hand():
    answers = np.array([[1.0, 0.0, 1.0, NAN], [0.0, 0.5, 1.0, 1.0], [1.0, 0.0, 1.0, NAN]])
    p = np.array([[0.5, 0.2, 0.9, 0.3], [0.4, 0.6, 0.8, 0.7], [0.5, 0.2, 0.9, 0.3]])
    spread = np.array([[0.3], [0.4], [0.3]])
    found = pair_scale(spread, answers, p, np.array([0, 0]), np.array([1, 2]))
    unlike = 0.5 * 0.6 + 0.5 * 0.4 + 0.2 * 0.4 + 0.8 * 0.6 + 0.9 * 0.2 + 0.1 * 0.8
    alike = 2 * (0.25 + 0.16 + 0.09)
    assert found[:, 0] == pytest.approx(
        [
            0.5 * np.sqrt((1 + (1 + 1.25) / (1 + unlike)) / 2),
            np.sqrt(0.18 * (1 + 1 / (1 + alike)) / 2),
        ]
    )


def test_with_fewer_answers_the_calibration_is_that_of_fewer():
    found = both([1.0, NAN, 0.0, NAN], [0.0, NAN, 0.0, NAN])
    scale = scale_of([1.0, NAN, 0.0, NAN], [0.0, NAN, 0.0, NAN])
    assert found.n_shared == 2
    assert found.upper - found.difference == pytest.approx(2 * scale)


@pytest.mark.parametrize(("a", "who"), [(A, "the second is"), ([1.0] * 4, "both are")])
def test_beyond_the_range_the_interval_is_wider_and_the_sign_less_sure(a, who):
    found = both(a, [1.0] * 4)
    scale = scale_of(a, [1.0] * 4)
    assert found.upper - found.lower == pytest.approx(2 * 3 * scale)
    slope = 0.4
    assert found.probability == pytest.approx(1 / (1 + np.exp(-slope * found.difference / scale)))
    maths = found.benchmarks["maths"]  # never surer than inside
    assert maths.probability == pytest.approx(1 / (1 + np.exp(-maths.difference / scale)))
    assert found.warnings[0].startswith(who)
    assert "see the warnings of their predictions" in found.warnings[0]


def test_identical_answers_are_even_and_not_known_to_be_equal():
    found = both(A, A)
    assert found.difference == 0
    assert found.probability == 0.5
    assert found.lower < 0 < found.upper
    assert found.n_different == 0
    assert found.upper - found.lower < both().upper - both().lower


def test_an_interval_stays_within_minus_1_and_1():
    found = both([1.0, 1.0, 1.0, 1.0], [0.0] * 4)
    assert found.upper == 1
    assert found.difference == 1


# --- shared anchors -----------------------------------------------------------------------------


def test_only_anchors_that_both_answered_count():
    found = both([1.0, 1.0, NAN, 1.0], [0.0, 1.0, 1.0, NAN])
    same = both([1.0, 1.0, NAN, NAN], [0.0, 1.0, NAN, NAN])
    assert replace(found, warnings=()) == replace(same, warnings=())
    assert found.n_shared == 2
    assert "2 of 4 anchors were answered by both models" in found.warnings[0]
    assert "run the others too" in found.warnings[0]


def test_models_that_share_no_answered_anchor_are_refused_by_name():
    with pytest.raises(
        DataError, match="models 'a' and 'b' answered no anchor in common; run both"
    ):
        both([1.0, NAN, NAN, NAN], [NAN, 1.0, 1.0, 1.0])


def test_pairs_of_several_models_are_those_of_two_at_a_time():
    answers = np.array([A, B, [1.0, NAN, 0.0, 1.0], [0.0, 1.0, NAN, 1.0]])
    names = ("z", "a", "m", "b")
    found = compare(predictor(), answers, names, 0.9)
    assert [(one.a, one.b) for one in found] == [
        ("z", "a"), ("z", "m"), ("z", "b"), ("a", "m"), ("a", "b"), ("m", "b"),
    ]  # fmt: skip
    for one in found:
        rows = [names.index(one.a), names.index(one.b)]
        assert compare(predictor(), answers[rows], (one.a, one.b), 0.9) == [one]


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 90, NAN])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(ConfigError, match="level must lie between 0 and 1, found"):
        both(level=level)


@pytest.mark.parametrize(
    ("margin", "message"),
    [
        (-0.01, "found -0.01"),
        (1, "margin must be a number from 0 to 1, such as 0.02 for 2 points, found 1"),
        (2, "found 2"),
        (NAN, "found nan"),
        ("0.02", "margin: expected a number from 0 to 1, such as 0.02 for 2 points, found str"),
        (None, "found NoneType"),
        (True, "found bool"),
    ],
)
def test_a_margin_that_is_no_difference_of_scores_is_refused(margin, message):
    with pytest.raises(ConfigError, match=message):
        both(margin=margin)


def test_one_model_is_refused():
    with pytest.raises(DataError, match="answers of two models or more, found 1"):
        compare(predictor(), np.array([A]), ("a",), 0.9)


def test_a_comparison_is_one_json_object():
    values = json.loads(json.dumps(both().to_dict()))
    assert values["a"] == "a"
    assert (values["verdict"], values["margin"]) == (both().verdict, 0.02)
    assert {"difference", "better", "worse", "within"} < set(values["benchmarks"]["maths"])
    assert values["warnings"] == []


# --- ranks --------------------------------------------------------------------------------------


def against(a, b, probability):
    return Comparison(
        a, b, 0.0, -1.0, 1.0, probability, 0.0, 0.0, 0.0, 0.1, 0.9, 0.02, {}, 9, 9, 1
    )  # fmt: skip


def test_ranks_by_hand():
    found = rank_ranges("abc", [against("a", "b", 0.96), against("a", "c", 0.97),
                                against("b", "c", 0.94)])  # fmt: skip
    assert found == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}


@given(st.lists(st.floats(0, 1), min_size=10, max_size=10))
def test_ranges_of_ranks_are_ranks(probabilities):
    names = "abcde"
    pairs = [(a, b) for k, a in enumerate(names) for b in names[k + 1 :]]
    found = rank_ranges(names, [against(*p, x) for p, x in zip(pairs, probabilities, strict=True)])
    assert all(1 <= best <= worst <= 5 for best, worst in found.values())


# --- a bank -------------------------------------------------------------------------------------


def test_a_bank_compares_in_either_order(bank, new_models):
    names = new_models.models.ids[:2]
    (one,), (other,) = bank.compare(new_models, names), bank.compare(new_models, names[::-1])
    assert (other.a, other.b) == (one.b, one.a)
    assert other.difference == pytest.approx(-one.difference)
    assert (other.lower, other.upper) == pytest.approx((-one.upper, -one.lower))
    assert other.probability == pytest.approx(1 - one.probability)
    assert (other.better, other.within) == pytest.approx((one.worse, one.within))
    assert other.resolution == pytest.approx(one.resolution)


def test_a_lead_is_decided_from_the_resolution_on(bank, new_models):
    for level in (0.5, 0.8, 0.95):
        for one in bank.compare(new_models, level=level):
            decided = one.verdict in ("ahead", "behind")
            assert decided == (abs(one.difference) >= one.resolution)


def test_a_difference_is_that_of_the_predictions(bank, new_models):
    scores = {one.model: one for one in bank.predict(new_models)}
    for one in bank.compare(new_models.take(np.arange(5))):
        assert one.difference == pytest.approx(scores[one.a].score - scores[one.b].score)
        for name, difference in one.benchmarks.items():
            gap = scores[one.a].benchmarks[name].score - scores[one.b].benchmarks[name].score
            assert difference.difference == pytest.approx(gap)


def test_answers_may_be_given_by_name(bank, new_models):
    few = new_models.take(np.arange(2))
    answers = {
        model: dict(zip(few.items.ids, row.tolist(), strict=True))
        for model, row in zip(few.models.ids, few.scores, strict=True)
    }
    assert bank.compare(answers) == bank.compare(few)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (("nobody", "model0000"), "unknown model"),
        (("model0000", "model0000"), "must be unique"),
        (("model0000",), "two models or more"),
        ((), "at least one model"),
    ],
)
def test_models_that_cannot_be_compared_are_refused(bank, history, models, message):
    with pytest.raises(DataError, match=message):
        bank.compare(history, models)


def test_answers_of_one_model_alone_are_refused(bank):
    with pytest.raises(DataError, match="two models or more, found 1"):
        bank.compare(dict.fromkeys(bank.anchors.items, 1))


def test_answers_to_foreign_items_are_refused(bank):
    with pytest.raises(DataError, match="share no item with the bank"):
        bank.compare({"a": {"x": 1}, "b": {"x": 0}})


def test_a_loaded_bank_compares_exactly_the_same(bank, bank_folder, new_models):
    assert ItemBank.load(bank_folder).compare(new_models) == bank.compare(new_models)


def test_a_head_compares_on_its_anchors(bank, new_models):
    head = bank.head(5)
    for one in head.compare(new_models.take(np.arange(3))):
        assert one.n_shared == 5
        assert one.warnings == () or "unlike" in one.warnings[0]


# --- honest -------------------------------------------------------------------------------------

FIVE = 0.05

FAST = Settings().replace(items=30, device="cpu", irt={"dimensions": [1]}, interval={"folds": 3})


@pytest.fixture(scope="module", params=[{}, {"dimensions": 2}, {"graded": True}])
def differences(request):
    """Predicted, lower, upper, probability and true differences of new models, over four banks."""
    rows = []
    for seed in range(4):
        responses, _ = simulate(160, 120, seed=seed, **request.param)
        bank = build(responses.take(np.arange(80)), settings=FAST)
        truth = dict(zip(responses.models.ids, responses.scores.mean(1), strict=True))
        rows += [
            (one.lower, one.upper, one.probability, one.better, one.within, one.worse,
             truth[one.a] - truth[one.b])
            for one in bank.compare(responses.take(np.arange(80, 160)), margin=FIVE)
        ]  # fmt: skip
    return np.array(rows).T


@pytest.mark.slow
def test_nine_of_ten_differences_lie_in_their_intervals(differences):
    lower, upper, *_, truth = differences
    assert 0.85 <= ((lower <= truth) & (truth <= upper)).mean() <= 0.96


@pytest.mark.slow
def test_of_those_said_to_be_ahead_with_80_percent_80_in_100_are(differences):
    probability, truth = differences[[2, -1]]
    ahead = np.where(truth == 0, 0.5, truth > 0)
    sure, ahead = (
        np.maximum(probability, 1 - probability),
        np.where(probability < 0.5, 1 - ahead, ahead),
    )
    for low, high in ((0.5, 0.7), (0.7, 0.9), (0.9, 1.0)):
        rows = (sure >= low) & (sure < high)
        assert rows.sum() > 300
        assert ahead[rows].mean() == pytest.approx(sure[rows].mean(), abs=0.06)


@pytest.mark.slow
def test_better_by_more_than_the_margin_and_within_it_are_honest(differences):
    _, _, _, better, within, worse, truth = differences
    for said, seen in (
        (np.append(better, worse), np.append(truth, -truth) > FIVE),
        (within, np.abs(truth) <= FIVE),
    ):
        gaps = reliability(said, seen)
        assert len(gaps) >= 3
        assert np.average(np.abs(gaps[:, 0]), weights=gaps[:, 1]) < 0.03
        assert np.abs(gaps[:, 0]).max() < 0.1


@pytest.mark.slow
def test_near_copies_are_told_apart_better_than_strangers():
    responses, _ = simulate(160, 120, seed=1)
    bank = build(responses.take(np.arange(80)), settings=FAST)
    new = responses.take(np.arange(80, 160))
    copies = np.array(new.scores)
    rng = np.random.default_rng(0)
    changed = rng.random(copies.shape) < 0.05
    copies[changed] = 1 - copies[changed]
    answers = bank.predictor, bank.anchors.items
    width, covered = [], []
    for k in range(80):
        pair = np.stack(
            [new.align(answers[1])[k], np.asarray(copies[k])[new.items.index(answers[1])]]
        )
        (one,) = compare(answers[0], pair, ("a", "b"), 0.9)
        truth = new.scores[k].mean() - copies[k].mean()
        covered.append(one.lower <= truth <= one.upper)
        width.append(one.upper - one.lower)
    strangers = [one.upper - one.lower for one in bank.compare(new.take(np.arange(20)))]
    assert np.mean(width) < 0.85 * np.mean(strangers)
    assert np.mean(covered) >= 0.9
