"""Soft scores out of results: logs of log-likelihoods, columns of tables, and files beside them."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import real
from numpy.testing import assert_allclose, assert_array_equal
from test_import_lm_eval import results, samples

from tinyeval import ResponseMatrix, read_results, write_results
from tinyeval.errors import DataError
from tinyeval.importers import describe, import_results
from tinyeval.importers.logged_soft import logged_soft

NAN = float("nan")


def pairs(*values):
    """Log-likelihoods as the harness writes them: text, with whether greedy decoding agrees."""
    return [[str(one), "False"] for one in values]


def line(doc_id, acc, values, target, **more):
    """A logged answer to choices."""
    said = {"resps": [[one] for one in pairs(*values)], "filtered_resps": pairs(*values)}
    return {
        **{"doc_id": doc_id, "doc": {"q": doc_id}, "target": target, "filter": "none"},
        **said,
        "acc": float(acc),
        "metrics": ["acc"],
        **more,
    }


def run(folder, rows, task="arc", model="org/a"):
    folder.mkdir(parents=True, exist_ok=True)
    results(folder, model, {task: {"original": len(rows), "effective": len(rows)}})
    samples(folder, task, rows)
    return folder


# --- logs of lm-evaluation-harness --------------------------------------------------------------


def test_the_softmax_over_raw_log_likelihoods_at_the_right_choice(tmp_path):
    rows = [
        line(0, 1, np.log([0.6, 0.2]), "0"),
        line(1, 0, np.log([0.6, 0.2, 0.2]), "2"),
        line(2, 1, [-1000.0, -900.0], 1),
    ]
    read = read_results(run(tmp_path / "a", rows))
    assert_allclose(read.soft_on(["arc/0", "arc/1", "arc/2"]), [[0.75, 0.2, 1.0]], atol=1e-3)


def test_a_right_choice_may_be_named_by_its_text():
    sent = {f"gen_args_{k}": {"arg_0": "Q", "arg_1": f" {one}"} for k, one in enumerate("ABC")}
    row = {"target": "B", "filtered_resps": pairs(-1, -1, -1), "arguments": sent}
    assert logged_soft(row).soft == pytest.approx(1 / 3)
    assert np.isnan(logged_soft({**row, "target": "D"}).soft)


@pytest.mark.parametrize(
    "row",
    [
        {"target": "0", "filtered_resps": ["42"]},
        {"target": "0", "filtered_resps": "text"},
        {"target": "0", "filtered_resps": [["nan", "False"], ["-1", "False"]]},
        {"target": "0", "filtered_resps": [["x", "False"], ["-1", "False"]]},
        {"target": "0", "filtered_resps": [["-1", "maybe"], ["-1", "False"]]},
        {"target": "5", "filtered_resps": pairs(-1, -2)},
        {"target": True, "filtered_resps": pairs(-1, -2)},
        {"target": [1, 0], "filtered_resps": pairs(-1, -2)},
        {"target": "0", "filtered_resps": pairs(-1, -2), "acc_mutual_info": 1.0},
        {"filtered_resps": None},
        {},
    ],
)
def test_what_says_no_probability_has_no_soft_score(row):
    assert np.isnan(logged_soft(row).soft)


def test_one_continuation_has_the_exponential_of_its_log_likelihood():
    found = logged_soft({"target": "Rome", "filtered_resps": [["-0.6931", "True"]]})
    assert (round(found.soft, 3), found.right) == (0.5, True)


def test_a_target_that_means_something_else_is_found_by_the_marks(tmp_path):
    rows = [line(k, 1, np.log([0.7, 0.2, 0.1]), "1") for k in range(20)]  # counted from 1
    found = import_results(run(tmp_path / "a", rows))
    assert found.responses.soft is None
    assert "soft scores that do not agree with their marks" in " ".join(map(str, found.findings))


def test_one_tie_is_no_disagreement(tmp_path):
    rows = [line(k, 1, np.log([0.5, 0.5]), "1") for k in range(1)]
    rows += [line(k, 1, np.log([0.2, 0.8]), "1") for k in range(1, 30)]
    assert read_results(run(tmp_path / "a", rows)).soft is not None


def test_repeats_average_their_soft_scores(tmp_path):
    for k, p in enumerate((0.6, 0.8)):
        folder = tmp_path / f"r{k}"
        folder.mkdir()
        date = f"2025-01-0{k + 1}T00-00-00.000000"
        results(folder, "org/a", {"arc": {"original": 1, "effective": 1}}, date)
        samples(folder, "arc", [line(0, 1, np.log([p, 1 - p]), "0")], date)
    with pytest.warns(UserWarning, match="averaged"):
        read = read_results(tmp_path)
    assert_allclose(read.soft, [[0.7]], atol=1e-3)


def test_parts_keep_soft_scores(tmp_path):
    for name in "ab":
        rows = [line(k, 1, np.log([0.6, 0.3]), "0") for k in range(3)]
        run(tmp_path / "dump" / name, rows, model=f"org/{name}")
    plain = read_results(tmp_path / "dump")
    for _ in range(2):
        parted = read_results(tmp_path / "dump", parts=tmp_path / "parts")
        assert_array_equal(parted.soft, plain.soft)


def test_real_logs_agree_with_their_own_marks():
    folder = real("..", "formats", "lm_eval")
    found = import_results(folder, metric="acc,exact_match", partial=True).responses
    known = ~np.isnan(found.soft)
    assert known.sum() > 300
    right = found.scores[known] == 1
    soft = found.soft[known].astype(float)
    assert soft[right].mean() > soft[~right].mean() + 0.3


# --- tables -------------------------------------------------------------------------------------


def text(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", ["soft", "Soft Score", "p_right", "prob_correct"])
def test_a_long_table_may_have_a_column_of_soft_scores(tmp_path, name):
    rows = ("a,q1,1,0.75", "a,q2,0,", "b,q1,0,0.25", "b,q2,1,1")
    read = read_results(text(tmp_path / "t.csv", f"model,item,score,{name}", *rows))
    assert_array_equal(read.soft, np.float16([[0.75, NAN], [0.25, 1]]))


def test_trials_of_a_long_table_average_their_soft_scores(tmp_path):
    rows = ("a,q1,1,1,0.5", "a,q1,2,0,1", "b,q1,1,1,", "b,q1,2,1,0.25")
    read = read_results(text(tmp_path / "t.csv", "model,item,trial,score,soft", *rows))
    assert_array_equal(read.soft, np.float16([[0.75], [0.25]]))


def test_a_sparse_long_table_keeps_soft_scores(tmp_path):
    rows = [f"m{k},q{k},1,0.5" for k in range(8)] + ["m0,q1,0,0.125"]
    read = read_results(text(tmp_path / "t.csv", "model,item,score,soft", *rows))
    assert read.select(["m0"], ["q0", "q1", "q2"]).soft.tolist()[0][:2] == [0.5, 0.125]
    assert np.isnan(read.select(["m0"], ["q2"]).soft or [NAN]).all()


@pytest.mark.parametrize(("cell", "found"), [("-3.5", "'-3.5'"), ("1.5", "'1.5'"), ("x", "'x'")])
def test_a_soft_score_that_is_no_probability_is_refused_in_a_line(tmp_path, cell, found):
    path = text(tmp_path / "t.csv", "model,item,score,soft", "a,q1,1,0.5", f"b,q1,0,{cell}")
    with pytest.raises(
        DataError, match=f"csv:3: the soft score in column 'soft' is {found}"
    ) as one:
        read_results(path)
    assert "\n" not in str(one.value)


@pytest.fixture
def matrix():
    scores, soft = [[1, 0, NAN], [0.5, 1, 0]], [[0.9, NAN, NAN], [0, 0.1, 1]]
    return ResponseMatrix.from_arrays(scores, ["a", "b"], ["x", "y", "z"], soft)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz"])
def test_round_trip_of_soft_scores(tmp_path, matrix, suffix):
    path = tmp_path / f"table.{suffix}"
    write_results(matrix, path)
    assert {one.name for one in tmp_path.iterdir()} == {path.name, "table.soft.parquet"}
    assert_array_equal(read_results(path).soft, matrix.soft)
    write_results(matrix.without_soft(), path)  # the file beside it no longer applies
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert read_results(path).soft is None


def test_a_folder_of_responses_may_have_soft_scores_beside_them(tmp_path, matrix):
    write_results(matrix, tmp_path / "responses.parquet")
    os.rename(tmp_path / "responses.soft.parquet", tmp_path / "soft.parquet")
    assert_array_equal(read_results(tmp_path).soft, matrix.soft)


def test_soft_scores_beside_a_table_may_stand_in_another_order(tmp_path, matrix):
    write_results(matrix, tmp_path / "t.csv")
    table = {"model": ["b", "a"], "z": [1.0, None], "x": [0.0, 0.9], "y": [0.1, None]}
    pq.write_table(pa.table(table), tmp_path / "t.soft.parquet")
    assert_allclose(read_results(tmp_path / "t.csv").soft, matrix.soft, atol=1e-3)


def test_soft_scores_of_another_table_or_damaged_ones_are_refused(tmp_path, matrix):
    path, side = tmp_path / "t.csv", tmp_path / "t.soft.parquet"
    write_results(matrix, path)
    write_results(matrix.take(None, [0, 1]), tmp_path / "u.csv")
    (tmp_path / "u.soft.parquet").replace(side)
    with pytest.raises(DataError, match=r"t\.soft\.parquet: has the soft scores of 2 models and 2"):
        read_results(path)
    side.write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"t\.soft\.parquet: not a table of soft scores, or damag"):
        read_results(path)
    table = {"model": ["a", "b"], "x": [0.0, -4.5], "y": [0.1, 0.1], "z": [0.1, 0.1]}
    pq.write_table(pa.table(table), side)
    with pytest.raises(DataError, match=r"of model 'b' on item 'x' is -4.5, expected a prob"):
        read_results(path)
    table["x"] = ["a", "b"]
    pq.write_table(pa.table(table), side)
    with pytest.raises(DataError, match="expected numbers, found string"):
        read_results(path)


def test_joined_tables_keep_what_each_knows(tmp_path, matrix):
    write_results(matrix, tmp_path / "one.csv")
    other = ResponseMatrix.from_arrays([[1, 1, 1]], ["c"], ["x", "y", "z"])
    write_results(other, tmp_path / "two.csv")
    read = read_results([tmp_path / "one.csv", tmp_path / "two.csv"])
    assert_array_equal(read.soft_on(["x", "y", "z"])[:2], matrix.soft.astype(np.float32))
    assert np.isnan(read.soft[2]).all()


def test_an_import_says_how_many_soft_scores_it_found(matrix):
    assert "graded, 4 soft scores; overall" in describe(matrix).lines()[0]
    assert describe(matrix).to_dict()["soft"] == 4
    assert "soft" not in describe(matrix.without_soft()).lines()[0]
