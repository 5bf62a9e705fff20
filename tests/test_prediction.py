"""Predictions from parts made by hand: intervals, flags, warnings, and what is refused."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tinyeval.calibration.intervals import Calibration, PairCalibration
from tinyeval.errors import ConfigError, DataError
from tinyeval.estimators.base import Estimate
from tinyeval.irt.ability import estimate_ability, misfit_statistic
from tinyeval.irt.model import IRTModel
from tinyeval.prediction import Predictor
from tinyeval.prediction import predictor as module
from tinyeval.selection.base import equal_weights

ITEMS = ("d", "b", "c", "a")
NAN = float("nan")
TYPICAL = [1.0, 0.0, 1.0, 0.0]


@dataclass(frozen=True)
class Fixed:
    """An estimator that says the same of every model: means, spreads, novelty."""

    mean: tuple[float, ...] = (0.5, 0.4)
    spread: tuple[float, ...] = (0.1, 0.05)
    novelty: float = 0.2

    def state(self):
        return {}

    def predict(self, answers):
        n = len(answers)
        return Estimate(
            mean=np.tile(self.mean, (n, 1)),
            spread=np.tile(self.spread, (n, 1)),
            novelty=np.full(n, self.novelty),
        )


def calibration(**changes):
    ratios = np.ones((2, 200, 2))
    values = {
        "sizes": np.array([2, 4]),
        "inside": ratios * np.array([3.0, 1.0])[:, None, None],  # with 2 answers, with 4
        "beyond": ratios * 2.0,
        "score_range": np.array([[0.3, 0.2], [0.7, 0.9]]),
        "novelty_limit": np.full(2, 0.5),
        "range_margin": np.zeros(2),
        "misfit_limit": np.full(2, 1.5),
        "expected_error": np.zeros((2, 2)),
        "noise": np.zeros(2),
        "scale_at": np.zeros((2, 1, 2)),
        "scale": np.ones((2, 1, 2)),
    }
    return Calibration(**{**values, **changes})


def pair_calibration(targets):
    ratios, slopes = np.ones((2, 9, targets)), np.ones((2, targets))
    return PairCalibration(
        sizes=np.array([2, 4]),
        inside=ratios,
        beyond=ratios,
        slope_inside=slopes,
        slope_beyond=slopes,
    )


IRT = IRTModel(ITEMS, np.ones((4, 1)), np.zeros(4), np.zeros(4), np.zeros(1), np.eye(1))


def misfit_of(answers):
    given = np.array([answers])
    return misfit_statistic(given, estimate_ability(IRT, given))[0]


def predictor(targets=("overall", "maths"), limits=None, **estimate):
    return Predictor(
        anchors=equal_weights(ITEMS),
        targets=targets,
        irt=IRT,
        method="fixed",
        estimator=Fixed(**estimate),
        calibration=calibration(**limits or {}),
        pairs=pair_calibration(len(targets)),
    )


def one(answers=TYPICAL, level=0.9, **parts):
    return predictor(**parts).predict(np.array([answers]), ("m",), level)[0]


def test_an_interval_is_the_calibrated_spread_around_the_mean():
    prediction = one()
    assert (prediction.model, prediction.level, prediction.n_answered) == ("m", 0.9, 4)
    assert prediction.score == pytest.approx(0.5)
    assert (prediction.lower, prediction.upper) == pytest.approx((0.4, 0.6))
    assert prediction.benchmarks["maths"] == pytest.approx((0.4, 0.35, 0.45))
    assert list(prediction.benchmarks) == ["maths"]
    assert prediction.in_range
    assert not prediction.misfit
    assert prediction.warnings == ()


def test_one_benchmark_has_no_list_of_benchmarks():
    short = {name: np.ones((2, 200, 1)) for name in ("inside", "beyond")}
    short |= {"expected_error": np.zeros((2, 1)), "noise": np.zeros(1)}
    short |= {name: np.ones((2, 1, 1)) for name in ("scale_at", "scale")}
    limits = {**short, "score_range": np.array([[0.0], [1.0]])}
    prediction = one(targets=("overall",), limits=limits, mean=(0.5,), spread=(0.1,))
    assert prediction.benchmarks == {}


def test_an_interval_stays_within_0_and_1():
    prediction = one(mean=(0.68, 0.02), spread=(0.5, 0.5))
    assert prediction.upper == 1
    assert prediction.benchmarks["maths"].lower == 0
    assert prediction.lower == pytest.approx(0.18)


def test_with_fewer_answers_the_calibration_is_that_of_fewer():
    prediction = one([1.0, NAN, 0.0, NAN])
    assert prediction.n_answered == 2
    assert (prediction.lower, prediction.upper) == pytest.approx((0.2, 0.8))
    assert "2 of 4 anchors are unanswered" in prediction.warnings[0]
    assert "run them" in prediction.warnings[0]


def test_no_interval_is_narrower_than_the_scatter_of_unasked_items():
    noise = {"noise": np.array([0.2, 0.0])}
    prediction = one(limits=noise)
    assert prediction.upper - prediction.score == pytest.approx(0.2 * 1.6449, abs=1e-4)
    assert prediction.benchmarks["maths"].upper == pytest.approx(0.45)


# --- flags --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimate", "word"),
    [
        ({"mean": (0.71, 0.4)}, "above the range (0.300 to 0.700)"),
        ({"mean": (0.29, 0.4)}, "below the range (0.300 to 0.700)"),
        ({"novelty": 0.51}, "unlike those"),
    ],
)
def test_a_model_unlike_the_source_models_is_flagged_and_its_interval_wider(estimate, word):
    prediction = one(**estimate)
    assert not prediction.in_range
    assert prediction.upper - prediction.score == pytest.approx(0.2)
    assert len(prediction.warnings) == 1
    assert word in prediction.warnings[0]
    assert "run more items, or rebuild the bank with newer models" in prediction.warnings[0]


def test_the_limits_are_those_of_the_number_of_answers():
    few = [1.0, NAN, 0.0, NAN]
    novel = {"novelty_limit": np.array([0.3, 0.1])}
    assert one(few, limits=novel).in_range
    assert not one(limits=novel).in_range
    statistic = misfit_of(few)
    for limit, misfit in ((statistic - 0.01, True), (statistic + 0.01, False)):
        found = one(few, limits={"misfit_limit": np.array([limit, 99.0])})
        assert found.misfit == misfit
    assert one(few, mean=(0.75, 0.4), limits={"range_margin": np.array([0.06, 0.0])}).in_range
    assert not one(mean=(0.75, 0.4), limits={"range_margin": np.array([0.06, 0.0])}).in_range


def test_the_margin_widens_the_range_at_both_ends():
    margin = {"range_margin": np.full(2, 0.05)}
    for score, within in ((0.74, True), (0.76, False), (0.26, True), (0.24, False)):
        assert one(mean=(score, 0.4), limits=margin).in_range == within


@pytest.mark.parametrize("edge", [0.3, 0.7])
def test_the_ends_of_the_range_belong_to_it(edge):
    assert one(mean=(edge, 0.4)).in_range


def test_a_benchmark_beyond_its_range_alone_does_not_flag():
    assert one(mean=(0.5, 0.99)).in_range


def test_answers_that_do_not_fit_are_flagged_and_the_interval_wider():
    limit = misfit_of(TYPICAL)
    fits = one(limits={"misfit_limit": np.full(2, limit + 0.01)})
    misfits = one(limits={"misfit_limit": np.full(2, limit - 0.01)})
    assert not fits.misfit
    assert misfits.misfit
    assert misfits.in_range
    assert misfits.upper - misfits.score == pytest.approx(0.2)
    assert "do not fit the item-response model" in misfits.warnings[0]
    assert "check the prompt format, the metric, and that each" in misfits.warnings[0]
    assert "new kind" not in misfits.warnings[0]


def test_a_misfit_beyond_the_range_may_be_a_model_of_a_new_kind():
    both = one(novelty=0.9, limits={"misfit_limit": np.full(2, -9.0)})
    assert both.misfit
    assert not both.in_range
    assert "if all are right, the model is of a new kind" in both.warnings[1]


# --- several models, and what is refused ---------------------------------------------------------


def test_models_come_back_in_the_order_given():
    answers = np.array([TYPICAL, [1.0] * 4, [0.0] * 4])
    found = predictor().predict(answers, ("z", "a", "m"), 0.9)
    assert [p.model for p in found] == ["z", "a", "m"]
    ability = [p.ability[0] for p in found]
    assert ability == pytest.approx(list(estimate_ability(IRT, answers).mean[:, 0]))
    assert ability[2] < ability[0] < ability[1]


def test_blocks_of_models_change_nothing(monkeypatch):
    answers = np.random.default_rng(0).integers(0, 2, (7, 4)).astype(float)
    answers[[1, 4], 2] = NAN
    names = tuple("abcdefg")
    together = predictor().predict(answers, names, 0.9)
    monkeypatch.setattr(module, "MODELS_AT_ONCE", 2)
    assert predictor().predict(answers, names, 0.9) == together
    alone = [
        predictor().predict(row[None], (name,), 0.9)[0]
        for row, name in zip(answers, names, strict=True)
    ]
    for one, other in zip(alone, together, strict=True):
        assert one.ability == pytest.approx(other.ability, abs=1e-9)
        assert replace(one, ability=()) == replace(other, ability=())


def test_a_model_without_answers_is_refused_by_name():
    answers = np.array([TYPICAL, [NAN] * 4])
    with pytest.raises(DataError, match=r"model 'n' answered none of the bank's 4 anchors; .*run"):
        predictor().predict(answers, ("m", "n"), 0.9)


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 90, NAN])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(ConfigError, match="level must lie between 0 and 1, found"):
        one(level=level)


def test_a_head_answers_the_first_anchors_of_a_longer_estimator():
    whole = predictor()
    head = replace(whole, anchors=whole.anchors.head(2))
    short = head.predict(np.array([[1.0, 0.0]]), ("m",), 0.9)[0]
    same = whole.predict(np.array([[1.0, 0.0, NAN, NAN]]), ("m",), 0.9)[0]
    assert (short.score, short.lower, short.upper) == (same.score, same.lower, same.upper)
    assert short.warnings == ()
    assert short.n_answered == 2


def test_anchors_must_be_the_estimators_first():
    with pytest.raises(DataError, match="the first of the estimator's items, in order"):
        replace(predictor(), anchors=equal_weights(("b", "d")))


def test_overall_must_come_first():
    with pytest.raises(DataError, match="the first target must be 'overall', found 'maths'"):
        predictor(targets=("maths", "overall"))


def test_a_calibration_of_differences_must_be_of_the_same_targets():
    with pytest.raises(DataError, match="comparison is of 1 targets, expected 2"):
        replace(predictor(), pairs=pair_calibration(1))


def test_parts_that_give_no_finite_numbers_do_not_pass_the_check():
    predictor().check(0.9)
    with pytest.raises(DataError, match="not finite"):
        predictor(mean=(NAN, 0.4)).check(0.9)


def test_a_prediction_is_one_json_object():
    values = json.loads(json.dumps(one([1.0, NAN, 0.0, NAN]).to_dict()))
    assert values["benchmarks"] == {
        "maths": pytest.approx({"score": 0.4, "lower": 0.25, "upper": 0.55})
    }
    assert values["model"] == "m"
    assert values["n_answered"] == 2
    assert values["in_range"] is True
    assert values["misfit"] is False
    assert len(values["ability"]) == 1
    assert len(values["warnings"]) == 1
