"""How answers are filtered and marked; lm-evaluation-harness's own code is the oracle."""

import random

import numpy as np
import pytest

from tinyeval.asking import Item
from tinyeval.asking.filters import apply_filters, why_not
from tinyeval.asking.marks import CHOICE_METRICS, check_askable, mark_choices, why_not_marked
from tinyeval.asking.texts import mark_text
from tinyeval.errors import DataError

FIRST = {"function": "take_first"}


def choice(gold=1, **content):
    return Item("q", {"prompt": "?", "choices": ["a", "bb", "ccc"], "gold": gold, **content})


# --- choices ------------------------------------------------------------------------------------


def test_choices_are_marked_by_total_by_character_by_byte_and_by_share():
    values = np.array([-3.0, -4.0, -6.3])
    wide = Item("q", {"prompt": "?", "choices": ["éé", "abc"], "gold": 0})
    # per character -2 and -1.9; per byte -1 and -1.9
    assert mark_choices(wide, np.array([-4.0, -5.7]), "acc_norm") == 0
    assert mark_choices(wide, np.array([-4.0, -5.7]), "acc_bytes") == 1
    assert mark_choices(choice(0), values) == 1
    assert mark_choices(choice(1), values, "acc_norm") == 1 - mark_choices(choice(2), values, "acc")
    share = np.exp(values) / np.exp(values).sum()
    assert mark_choices(choice([0, 2], metric="mc2"), values) == pytest.approx(share[0] + share[2])
    assert mark_choices(choice(2, metric="probability"), values) == pytest.approx(share[2])
    assert mark_choices(choice([1, 0]), values) == 1
    assert mark_choices(choice([1, 2]), values) == 0


def test_a_share_survives_likelihoods_that_are_next_to_nothing():
    assert mark_choices(choice([0, 1], metric="mc2"), np.array([-900.0, -900.0, -901.0])) > 0.8


def test_the_metric_of_the_item_counts_unless_another_is_asked_for():
    values = np.array([-1.0, -3.0, -2.9])
    assert mark_choices(choice(0), values) == 1
    assert mark_choices(choice(2, metric="acc_norm"), values) == 1
    assert mark_choices(choice(2, metric="acc_norm"), values, "acc") == 0


@pytest.mark.parametrize("broken", [float("nan"), float("-inf")])
def test_likelihoods_that_are_none_are_refused(broken):
    with pytest.raises(DataError, match="weights or its precision are broken"):
        mark_choices(choice(), np.array([broken, -1.0, -2.0]))


# --- filters ------------------------------------------------------------------------------------

TEXTS = [
    "#### 1,234.",
    "so $3.50, or 7; The answer is (B).",
    "",
    "  Yes \n",
    "#### -5 and #### 6",
    "none here",
    "A: x=,y=2",
]
STEPS = [
    [{"function": "regex", "regex_pattern": r"#### (\-?[0-9\.\,]+)"}, FIRST],
    [{"function": "regex"}, FIRST],
    [{"function": "regex", "group_select": -1, "regex_pattern": "(-?[$0-9.,]{2,})|(-?[0-9]+)"}],
    [{"function": "regex", "regex_pattern": r"x=(\w*),y=(\w*)", "fallback": "?"}, FIRST],
    [{"function": "regex", "regex_pattern": r"()z?(q?)", "fallback": " ? "}, FIRST],
    [{"function": "remove_whitespace"}, {"function": "lowercase"}, FIRST],
    [{"function": "uppercase"}, {"function": "majority_vote"}, FIRST],
    [{"function": "map", "mapping_dict": {"": "empty"}, "default_value": "full"}, FIRST],
]


@pytest.mark.parametrize("steps", STEPS)
def test_filters_are_those_of_the_harness(steps):
    pytest.importorskip("lm_eval", reason="needs tinyeval[lm-eval]")
    import lm_eval.filters
    from lm_eval.api.registry import get_filter

    assert lm_eval.filters is not None
    assert why_not(steps) == ""
    responses = [[one] for one in TEXTS]
    for step in (one for one in steps if one is not FIRST):
        options = {name: value for name, value in step.items() if name != "function"}
        responses = list(get_filter(step["function"])(**options).apply(responses, [{}] * 99))
    assert [apply_filters(steps, one) for one in TEXTS] == [one[0] for one in responses]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"function": "custom"}, "there is no filter 'custom' here"),
        ({"function": "multi_choice_regex"}, "there is no filter 'multi_choice_regex' here"),
        ({"function": "regex", "flags": 2}, "the filter 'regex' has no option 'flags' here"),
        ({"function": "regex", "regex_pattern": "("}, r"expression '\(' is not valid"),
        ({"function": "regex", "regex_pattern": "a" * 9999}, "is no text, or too long"),
        ({"function": "regex", "regex_pattern": 7}, "'7' is no text"),
        ({"function": "regex", "group_select": "1"}, "needs a number as group_select"),
        ({"function": "map", "mapping_dict": {"a": 1}}, "'map' needs texts"),
        ({"function": ["regex"]}, "expected 'filters' to be a list of objects with function"),
    ],
)
def test_filters_that_are_not_known_are_named_before_anything_is_asked(step, said):
    item = Item(
        "q", {"prompt": "?", "gold": "!", "metric": "exact_match", "filters": [step, FIRST]}
    )
    with pytest.raises(DataError, match=said):
        check_askable([item])


# --- written answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ignore_case": True},
        {"ignore_punctuation": True, "ignore_case": True},
        {"ignore_numbers": True},
        {"regexes_to_ignore": [",", r"\$", "(?s).*#### ", r"\.$"], "ignore_case": True},
    ],
)
def test_exact_match_is_that_of_the_harness(options):
    pytest.importorskip("lm_eval", reason="needs tinyeval[lm-eval]")
    from lm_eval.api.metrics import exact_match_hf_evaluate

    golds = ["1234", "(b)", "the\n#### $3.50", "yes", "A", "  Yes \n"]
    found = []
    for text in (*TEXTS, "1,234", "$3.50", "(B)", "B", "YES!", "a1"):
        for gold in golds:
            item = Item("q", {"gold": gold, "metric": "exact_match", "match": options})
            expected = exact_match_hf_evaluate([text], [gold], **options)["exact_match"]
            assert mark_text(item, text) == expected, (text, gold)
            found.append(expected)
    assert 0 < sum(found) < len(found)


def test_any_of_several_right_answers_counts_and_white_space_counts_where_the_metric_is_known():
    assert mark_text(Item("q", {"gold": ["x", "y"], "metric": "exact_match"}), "y") == 1
    assert mark_text(Item("q", {"gold": "y", "metric": "exact_match"}), " y") == 0
    assert mark_text(Item("q", {"gold": "y"}), " y") == 1


@pytest.mark.parametrize(
    ("metric", "options", "text", "mark"),
    [
        ("match", {}, "It is **Paris**.", 1),
        ("match", {}, "Paris it is", 0),
        ("match", {"location": "begin"}, "Paris it is", 1),
        ("match", {"location": "any"}, "I say paris, yes", 1),
        ("match", {"location": "exact"}, "I say paris", 0),
        ("match", {"ignore_case": False}, "paris", 0),
        ("includes", {}, "In PARIS, yes", 1),
        ("includes", {"ignore_case": False}, "In PARIS, yes", 0),
    ],
)
def test_scorers_of_inspect(metric, options, text, mark):
    item = Item("q", {"prompt": "?", "gold": " Paris", "metric": metric, "match": options})
    assert why_not_marked(item) == ""
    assert mark_text(Item("q", {**item.content, "gold": ["Rome", "Paris"]}), text) == mark


# --- what cannot be done ------------------------------------------------------------------------


def test_what_cannot_be_marked_is_one_line_with_reason_number_and_examples():
    good = [Item(f"good{k}", {"prompt": "?", "gold": "!"}) for k in range(3)]
    bleu = [Item(f"b{k}", {"prompt": "?", "gold": "!", "metric": "bleu"}) for k in range(4)]
    brier = [Item("c", {"prompt": "?", "choices": ["x", "y"], "gold": 0, "metric": "brier"})]
    check_askable(good)
    with pytest.raises(DataError) as found:
        check_askable([*good, *bleu, *brier])
    assert str(found.value) == (
        "4 of 8 items cannot be answered as their history was: there is no metric 'bleu' of "
        "written answers here (known: exact_match, match, includes) ('b0', 'b1', 'b2', ... (4 in "
        "all), and 1 for other reasons); run them in the harness they come from, or answer them "
        "with a function of your own"
    )
    # a metric of one's own takes the place of that of choices
    check_askable(brier, "acc")


def test_answers_that_were_drawn_at_random_are_not_taken_for_the_likeliest():
    drawn = {"prompt": "?", "gold": "!", "sampling": {"temperature": 0.7, "do_sample": True}}
    assert why_not_marked(Item("q", drawn)) == (
        "answers were drawn at random (do_sample=True, temperature=0.7), not the likeliest"
    )


def test_marks_never_fail_on_text_that_a_model_may_write():
    rng = random.Random(1)
    steps = [one for one in STEPS if why_not(one) == ""]
    for _ in range(500):
        text = "".join(rng.choices("ab#1,$.\n\0é\U0001f600 ()", k=rng.randint(0, 30)))
        item = Item("q", {"gold": "a", "metric": "exact_match", "filters": rng.choice(steps)})
        assert mark_text(item, text) in (0, 1)
    assert set(CHOICE_METRICS) >= {"acc", "acc_norm", "acc_bytes", "mc1", "mc2"}
