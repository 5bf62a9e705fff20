"""Which way metrics point."""

import numpy as np
import pytest

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.base import Options
from tinyeval.importers.direction import is_lower_better, orient

MARKS = np.array([0.25, np.nan, 1.0])


def oriented(marks=MARKS, metric="m", higher=None, lines=(), **options):
    return orient(
        np.asarray(marks, float), metric, "f.json", Options(**options).rules, higher, lines
    )


@pytest.mark.parametrize(
    "metric", ["error", "WER", "brier_score", "Brier score", "eval/cer", "err,none", "error-rate"]
)
def test_metrics_known_by_name_are_turned(metric):
    marks, told = oriented(metric=metric)
    np.testing.assert_array_equal(marks, [0.75, np.nan, 0])
    (finding,) = told
    assert (finding.kind, finding.count) == ("turned", 2)
    assert repr(metric) in finding.what


@pytest.mark.parametrize("metric", ["acc", "exact_match", "f1", "errors_found_acc", "score", ""])
def test_other_metrics_are_not(metric):
    marks, told = oriented(metric=metric)
    np.testing.assert_array_equal(marks, MARKS)
    assert told == ()
    assert not is_lower_better(metric)


def test_the_file_counts_before_the_name():
    np.testing.assert_array_equal(oriented(metric="wer", higher=True)[0], MARKS)
    np.testing.assert_array_equal(oriented(metric="acc", higher=False)[0], 1 - MARKS)


def test_the_user_counts_before_the_name_and_not_against_the_file():
    np.testing.assert_array_equal(oriented(metric="wer", direction="higher")[0], MARKS)
    np.testing.assert_array_equal(oriented(metric="acc", direction="lower")[0], 1 - MARKS)
    np.testing.assert_array_equal(oriented(higher=False, direction="lower")[0], 1 - MARKS)
    with pytest.raises(
        ConfigError, match="'m' is better where it is higher, but direction='lower'"
    ):
        oriented(higher=True, direction="lower")


@pytest.mark.parametrize(
    "metric", ["perplexity", "ppl", "bits_per_byte", "word_perplexity", "loss"]
)
def test_a_metric_without_a_worst_value_is_refused_whatever_its_values(metric):
    with pytest.raises(DataError, match=r"f\.json: .*has no worst value.*another metric"):
        oriented([0.5], metric)


def test_values_outside_are_refused_with_their_line():
    with pytest.raises(
        DataError, match=r"f\.json:9: metric 'bleu' is 12.5, outside \[0, 1\].*--sc"
    ):
        oriented([0.5, 12.5], "bleu", lines=[7, 9])
    with pytest.raises(
        DataError, match=r"f\.json: metric 'wer' is better where it is lower, and is"
    ):
        oriented([1.2], "wer")
    with pytest.raises(DataError, match="is inf, outside"):
        oriented([np.inf], "acc")


def test_scales():
    np.testing.assert_allclose(oriented([0, 85, np.nan], scale=(0, 100))[0], [0, 0.85, np.nan])
    np.testing.assert_allclose(oriented([1, 10], "mae", scale=(1, 10))[0], [1, 0])
    with pytest.raises(DataError, match="is 101, outside the scale 0 to 100 that was given"):
        oriented([101], scale=(0, 100))
    for bad in ((1, 1), (1, 0), (0, np.inf)):
        with pytest.raises(ConfigError, match="from a lower to a higher number"):
            Options(scale=bad)


@pytest.mark.parametrize(
    "bad", [{"direction": "up"}, {"repeats": "last"}, {"failures": "zero"}, {"changed": "keep"}]
)
def test_unknown_options_list_the_known_ones(bad):
    with pytest.raises(ConfigError, match=r"expected \w+ to be \w+ or \w+, found"):
        Options(**bad)


def test_marks_that_may_stand_for_missing_ones_are_asked_about():
    marks = np.array([0.2, -1.0, 0.4])
    with pytest.raises(DataError, match=r"if -1 stands for a missing score, replace it by a blank"):
        oriented(marks, "wer")
