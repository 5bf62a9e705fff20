"""Verdicts in words, ranks and groups: the same for the page and the commands."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from tinyeval.comparison import Comparison
from tinyeval.prediction import Prediction
from tinyeval.report.names import LONGEST, listed, percent, printable, short, warning_lines
from tinyeval.report.standing import chances, standings, tied_sets
from tinyeval.report.words import of_backtest, of_models, of_pair


def predicted(model, score, **values):
    given = {
        "lower": score - 0.05, "upper": score + 0.05, "level": 0.9, "benchmarks": {},
        "ability": (0.0,), "n_answered": 10, "in_range": True, "misfit": False,
    }  # fmt: skip
    return Prediction(model=model, score=score, **{**given, **values})


def compared(a="a", b="b", gap=0.1, half=0.05, probability=0.98, level=0.9, within=0.1, **values):
    better = (1 - within) * probability
    given = {
        "difference": gap, "lower": gap - half, "upper": gap + half, "probability": probability,
        "better": better, "worse": 1 - within - better, "within": within, "resolution": 0.04,
        "level": level, "margin": 0.02, "benchmarks": {}, "n_shared": 10, "n_anchors": 10,
        "n_different": 4,
    }  # fmt: skip
    return Comparison(a=a, b=b, **{**given, **values})


def turned(one):
    """The same comparison with its models in the other order."""
    return replace(
        one, a=one.b, b=one.a, difference=-one.difference, lower=-one.upper, upper=-one.lower,
        probability=1 - one.probability, better=one.worse, worse=one.better,
    )  # fmt: skip


def of_scores(scores, spread=0.05):
    """Predictions of models m0, m1 ... and comparisons whose certainty grows with the gap."""
    predictions = [predicted(f"m{k}", score) for k, score in enumerate(scores)]
    comparisons = [
        compared(
            one.model, two.model, one.score - two.score, spread,
            1 / (1 + np.exp(-(one.score - two.score) / spread * 3)),
        )
        for one, two in combinations(predictions, 2)
    ]  # fmt: skip
    return predictions, comparisons


# --- two models ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "expected", "words"),
    [
        (
            compared(),
            "ahead",
            "a is ahead of b by 10.0 points (90 % interval +5.0 to +15.0; 98.0 % sure, "
            "88.2 % by more than 2.0 points).",
        ),
        (
            compared(gap=0.002, half=0.01, probability=0.6, within=0.93),
            "tied",
            "a and b are tied: their scores differ by at most 2.0 points (93.0 % sure).",
        ),
        (
            compared(gap=0.03, probability=0.8, within=0.4),
            "undecided",
            "Not decided between a and b: a leads by 3.0 points, but the 90 % interval is "
            "-2.0 to +8.0; 80.0 % for a, 40.0 % that they differ by at most 2.0 points. A lead of "
            "about 4.0 points would be decided; for a smaller one, ask more than these 10 anchors.",
        ),
        (
            compared(gap=0.03, probability=0.8, margin=0.05, n_shared=8, resolution=1.0),
            "undecided",
            "Not decided between a and b: a leads by 3.0 points, but the 90 % interval is "
            "-2.0 to +8.0; 80.0 % for a, 10.0 % that they differ by at most 5.0 points. From these "
            "answers no lead would be decided; ask both the other 2 anchors.",
        ),
    ],
)
def test_a_pair_is_ahead_tied_or_not_decided(one, expected, words):
    assert one.verdict == expected
    assert of_pair(one) == words
    other = turned(one)
    assert other.verdict == {"ahead": "behind"}.get(expected, expected)
    if expected == "tied":
        words = words.replace("a and b", "b and a")
    assert of_pair(other) == words


def test_the_level_decides_what_sure_is():
    assert compared(probability=0.94).verdict == "undecided"
    assert compared(probability=0.94, level=0.8).verdict == "ahead"
    assert compared(probability=0.5, within=0.85).verdict == "undecided"
    assert compared(probability=0.5, within=0.85, level=0.8).verdict == "tied"


def test_two_equal_scores_have_no_leader():
    said = of_pair(compared(gap=0.0, probability=0.5, within=0.4))
    assert "their scores are the same" in said
    assert "leads" not in said


def test_a_lead_that_is_decided_but_small_is_ahead():
    """The margin is said beside it: who is ahead does not depend on it."""
    one = compared(gap=0.01, half=0.008, within=0.95)
    assert one.verdict == "ahead"
    assert of_pair(one).endswith("98.0 % sure, 4.9 % by more than 2.0 points).")


# --- many models --------------------------------------------------------------------------------


def test_groups_end_where_all_above_are_ahead_of_all_below():
    rng = np.random.default_rng(0)
    for _ in range(50):
        predictions, comparisons = of_scores(rng.random(8).round(2))
        places = standings(predictions, comparisons)
        order = [one.model for one in places]
        ahead = chances(order, comparisons) >= 0.95
        for k in range(1, len(order)):
            cut = all(ahead[i, j] for i in range(k) for j in range(k, len(order)))
            assert (places[k].group > places[k - 1].group) == cut
        for k, one in enumerate(places, 1):
            assert one.best <= k <= one.worst


def test_a_clear_leader_is_named():
    predictions, comparisons = of_scores([0.9, 0.4, 0.38])
    said = of_models(predictions, comparisons, standings(predictions, comparisons))
    assert said[0] == "m0 is ahead of all 2 others, each with a probability of 95 % or more."
    assert said[1].startswith("The models fall into 2 groups, of 1 and 2 models")
    assert said[2] == (
        "Of 3 pairs, 2 are decided and 1 is not decided. Leads of about 4.0 points are decided."
    )


def tied(pairs, n):
    """Predictions of n models, best first, of which these pairs are tied."""
    scores = np.linspace(0.6, 0.59, n)
    predictions, comparisons = of_scores(scores)
    within = [0.95 if (int(one.a[1:]), int(one.b[1:])) in pairs else 0.1 for one in comparisons]
    changed = [
        replace(one, within=value, probability=0.6)
        for one, value in zip(comparisons, within, strict=True)
    ]
    return predictions, changed


@pytest.mark.parametrize(
    ("pairs", "sets"),
    [
        ([], []),
        ([(0, 1), (0, 2), (1, 2)], ["m0 m1 m2"]),
        ([(0, 1), (1, 2)], ["m0 m1", "m1 m2"]),
        ([(0, 1), (2, 3)], ["m0 m1", "m2 m3"]),
        ([(0, 2), (1, 3)], []),
        ([(0, 1), (1, 2), (1, 3), (2, 3)], ["m0 m1", "m1 m2 m3"]),
        ([(1, 2), (2, 3), (3, 4), (2, 4)], ["m1 m2", "m2 m3 m4"]),
    ],
)
def test_tied_sets_are_the_longest_runs_of_models_all_tied(pairs, sets):
    predictions, comparisons = tied(pairs, 5)
    places = standings(predictions, comparisons)
    assert [" ".join(one) for one in tied_sets(places, comparisons)] == sets
    said = [one for one in of_models(predictions, comparisons, places) if one.startswith("Tied")]
    assert bool(said) == bool(sets)


def test_tied_sets_are_named():
    predictions, comparisons = tied([(0, 1), (2, 3), (2, 4), (3, 4)], 5)
    said = of_models(predictions, comparisons, standings(predictions, comparisons))
    assert said[2].startswith("Of 10 pairs, 0 are decided, 4 are tied and 6 are not decided.")
    assert said[3] == "Tied, within 2.0 points of each other: m0 and m1; m2, m3 and m4."


def test_a_shared_first_place_names_who_may_have_it():
    predictions, comparisons = of_scores([0.5, 0.52, 0.51, 0.2])
    said = of_models(predictions, comparisons, standings(predictions, comparisons))
    assert said[0] == "First place is not decided: it may be that of m1, m2 and m0."


def test_models_that_are_all_told_apart():
    predictions, comparisons = of_scores([0.1, 0.5, 0.9])
    said = of_models(predictions, comparisons, standings(predictions, comparisons))
    assert said[1] == "All 3 models are told apart: each is ahead of the next."


def test_flagged_models_are_named():
    predictions, comparisons = of_scores([0.1, 0.5, 0.9])
    predictions[1] = replace(predictions[1], in_range=False)
    said = of_models(predictions, comparisons, standings(predictions, comparisons))
    assert said[-1] == (
        "Flagged as unlike the source models, with a wider interval: m1 (1 of 3 models)."
    )


def test_predictions_alone_decide_nothing():
    predictions, _ = of_scores([0.1, 0.9])
    (said,) = of_models(predictions, [], [])
    assert "the highest score is that of m1, 0.900 (0.850 to 0.950)" in said
    assert "Who is ahead is not decided here" in said


def test_one_model_has_a_score_and_an_interval():
    (said,) = of_models([predicted("mine", 0.5)], [], [])
    assert said == "mine has a predicted full score of 0.500, 90 % interval 0.450 to 0.550."


def test_a_backtest_says_how_often_the_best_was_better():
    rows = [
        {"method": method, "items": 10, "repeat": k, "mae": mae, "coverage": held}
        for method, errors, held in (("default", (0.02, 0.05), 0.9), ("x+y", (0.03, 0.045), np.nan))
        for k, mae in enumerate(errors)
    ]
    summary = [
        {"method": "default", "items": 10, "mae": 0.035, "coverage": 0.9},
        {"method": "x+y", "items": 10, "mae": 0.0375, "coverage": np.nan},
    ]
    assert of_backtest(summary, rows, 0.9) == [
        "With 10 items, default errs least: 3.5 points; x+y, the next, errs by 3.8 points, and by "
        "more in 1 of 2 splits.",
        "90 % intervals hold the true score of 90 % of the models.",
    ]
    assert (
        of_backtest(summary[:1], rows, 0.9)[0] == "With 10 items, default errs least: 3.5 points."
    )


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 119, 120, 121, 500, 10_000])
def test_a_name_is_cut_in_its_middle(length):
    name = "".join(chr(97 + k % 26) for k in range(length))
    found = short(name)
    assert len(found) == min(length, LONGEST)
    if length > LONGEST:
        start, end = found.split("…")
        assert name.startswith(start)
        assert name.endswith(end)


def test_a_name_cannot_move_the_cursor_or_turn_the_text():
    assert printable("a\nb\x1b[31m\u202ec") == r"a\nb\x1b[31m\u202ec"
    assert short("\u202e" * 10_000).isprintable()
    assert printable("מודל 项目") == "מודל 项目"


def test_names_are_listed_as_in_a_sentence():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdefgh"), 3) == "a, b, c and 5 more"
    assert listed(list("abcd"), 3) == "a, b, c and d"


def test_a_probability_is_never_certain():
    assert [percent(one) for one in (0, 0.5, 1)] == ["0.1 %", "50.0 %", "99.9 %"]


def test_warnings_of_one_kind_are_said_once():
    lines = warning_lines([("a", ["3 are left"]), ("b", ["4 are left"]), ("c", ["else"])])
    assert lines == ["2 models, such as a: 3 are left", "c: else"]
