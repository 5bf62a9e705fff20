"""Numbers of runs that tables hold: a column of a long table, and the file beside a wide one."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval import read_results
from tinyeval.errors import DataError
from tinyeval.importers.base import Columns


def long(folder, rows, header="model,item,score,trials"):
    path = folder / "results.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.mark.parametrize("name", ["trials", "n_trials", "Num Runs"])
def test_a_column_says_of_how_many_runs_a_score_is_the_mean(tmp_path, name):
    rows = ["a,x,0.4,5", "a,y,1,2", "b,x,,", "b,y,0,1"]
    read = read_results(long(tmp_path, rows, f"model,item,score,{name}"))
    assert_array_equal(read.trials, [[5, 2], [0, 1]])
    assert_allclose(read.scores, [[0.4, 1], [np.nan, 0]])


def test_one_run_each_is_as_without_the_column(tmp_path):
    assert read_results(long(tmp_path, ["a,x,0,1", "a,y,1,1"])).trials is None


def test_rows_of_one_cell_weigh_by_their_runs(tmp_path):
    rows = ["a,x,1,1,1", "a,x,0,3,2", "a,y,1,1,1"]
    read = read_results(long(tmp_path, rows, "model,item,score,trials,seed"))
    assert_array_equal(read.trials, [[4, 1]])
    assert_allclose(read.scores, [[0.25, 1]])


@pytest.mark.parametrize("runs", ["0", "-1", "2.5", "many", "", "70000"])
def test_numbers_that_are_none_are_refused_by_line(tmp_path, runs):
    path = long(tmp_path, ["a,x,1,5", f"a,y,1,{runs}"])
    with pytest.raises(DataError, match=rf"csv:3: the number of runs .* is '{runs}'"):
        read_results(path)


def test_more_runs_than_can_be_counted_are_refused(tmp_path):
    rows = ["a,x,1,60000,1", "a,x,0,60000,2"]
    with pytest.raises(DataError, match=r"has 120,000 trials of one item"):
        read_results(long(tmp_path, rows, "model,item,score,trials,seed"))


def test_a_column_that_tells_trials_apart_is_no_number_of_runs(tmp_path):
    path = long(tmp_path, ["a,x,1,1", "a,x,0,2", "a,y,1,1", "a,y,1,2"])
    read = read_results(path, columns=Columns(trial="trials"))
    assert_array_equal(read.trials, [[2, 2]])
    assert_allclose(read.scores, [[0.5, 1]])


def beside(folder, counts, kind):
    table = {"model": ["a", "b"], "x": [0.4, 0.5], "y": [1.0, None]}
    pq.write_table(pa.table(table), folder / "results.parquet")
    columns = {name: pa.array(values, kind) for name, values in counts.items()}
    pq.write_table(pa.table({"model": ["a", "b"], **columns}), folder / "results.trials.parquet")
    return folder / "results.parquet"


@pytest.mark.parametrize("kind", ["uint16", "int64", "int32", "uint8", "float64"])
def test_counts_beside_a_table_may_be_of_any_kind_of_number(tmp_path, kind):
    path = beside(tmp_path, {"x": [5, 2], "y": [3, 0]}, getattr(pa, kind)())
    assert_array_equal(read_results(path).trials, [[5, 3], [2, 0]])


def test_a_count_that_is_not_there_is_none(tmp_path):
    path = beside(tmp_path, {"x": [5.0, 2.0], "y": [3.0, None]}, pa.float64())
    assert_array_equal(read_results(path).trials, [[5, 3], [2, 0]])


@pytest.mark.parametrize("bad", [-1.0, 2.5, 70_000.0])
def test_counts_beside_a_table_that_are_none_are_refused(tmp_path, bad):
    path = beside(tmp_path, {"x": [5.0, bad], "y": [3.0, 0.0]}, pa.float64())
    with pytest.raises(DataError, match=r"trials\.parquet.*whole numbers from 0 to 65,535, found"):
        read_results(path)
