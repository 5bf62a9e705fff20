"""Numbers of runs that files do not give: said by the user, or recognised."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import simulate

from tinyeval import read_results
from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.runcounts import recognised_means, with_trials
from tinyeval.responses import ResponseMatrix


def fifths(missing=0.0):
    return simulate(20, 30, graded=True, missing=missing)[0]


def test_every_score_is_the_mean_of_as_many_runs_as_are_said():
    matrix = fifths(missing=0.3)
    found = with_trials(matrix, 5)
    assert (found.trials == np.where(matrix.observed, 5, 0)).all()
    assert with_trials(matrix, None) is matrix
    assert with_trials(matrix, np.int64(10)).usual_trials == 10


@pytest.mark.parametrize(
    ("given", "said"), [(0, "1 to"), (70_000, "1 to"), (2.5, "whole"), (True, "whole")]
)
def test_numbers_that_are_none_are_refused(given, said):
    with pytest.raises(ConfigError, match=said):
        with_trials(fifths(), given)


def test_scores_that_are_no_share_of_these_runs_are_refused():
    with pytest.raises(DataError, match=r"0\.\d of model 'model\d+' on item .* no share of 3 runs"):
        with_trials(fifths(), 3)
    rounded = ResponseMatrix.from_arrays([[0.33, 0.67]], ["a"], ["x", "y"])
    assert with_trials(rounded, 3).usual_trials == 3


def test_what_the_results_say_themselves_is_not_overruled():
    matrix = with_trials(fifths(), 5)
    with pytest.raises(ConfigError, match=r"usually 5\); leave out --trials"):
        with_trials(matrix, 5)


def test_means_are_recognised():
    assert recognised_means(fifths()) == 5
    assert recognised_means(with_trials(fifths(), 5)) is None
    assert recognised_means(simulate(20, 30)[0]) is None
    graded = np.random.default_rng(0).random((20, 30))
    matrix = fifths()
    assert recognised_means(replace(matrix, scores=graded.astype(np.float32))) is None
    rare = np.zeros((20, 30), dtype=np.float32)
    rare[0, :3] = 0.5
    assert recognised_means(replace(matrix, scores=rare)) is None


def test_read_results_takes_the_number(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("model,item,score\na,q1,0.5\na,q2,1\nb,q1,0\nb,q2,0.5\n")
    assert read_results(path, trials=2).trials.tolist() == [[2, 2], [2, 2]]
    assert read_results(path).trials is None
