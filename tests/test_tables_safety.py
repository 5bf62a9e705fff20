"""Tables never give a silent wrong number: ids, cut files, repeats, notes beside them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tinyeval.errors import DataError
from tinyeval.importers import Columns, import_results, read_results, write_results
from tinyeval.responses import ResponseMatrix


def put(path: Path, text: str) -> Path:
    path.write_text(text, newline="")
    return path


def kinds(found) -> list[str]:
    return [one.kind for one in found.findings]


# --- ids --------------------------------------------------------------------------------------


def test_items_of_one_id_in_two_benchmarks_are_two_items(tmp_path):
    rows = "model,item,score,benchmark\na,1,1,arc\na,1,0,gsm\na,2,1,arc\nb,1,0,arc\nb,1,1,gsm\n"
    found = import_results(put(tmp_path / "r.csv", rows))
    assert found.responses.items.ids == ("arc/1", "gsm/1", "arc/2")
    np.testing.assert_array_equal(found.responses.scores, [[1, 0, 1], [0, 1, np.nan]])
    assert list(found.responses.items.column("benchmark")) == ["arc", "gsm", "arc"]
    assert "guessed: 1 item ids stand for several items; they are called benchmark/item" in str(
        found.findings[-1]
    )
    with pytest.raises(DataError, match=r"r\.csv:7: item '1' has no benchmark"):
        read_results(put(tmp_path / "r.csv", rows + "c,1,1,\n"))


def test_items_of_one_id_in_two_subjects_are_two_items(tmp_path):
    rows = "model,doc_id,category,correct\na,0,math,1\na,0,law,0\nb,0,math,0\nb,0,law,1\n"
    read = read_results(put(tmp_path / "r.csv", rows))
    assert read.items.ids == ("math/0", "law/0")
    np.testing.assert_array_equal(read.scores, [[1, 0], [0, 1]])
    rows = "model,doc_id,category,correct\na,0,open,1\na,1,open,0\nb,0,closed,0\nb,1,closed,1\n"
    read = read_results(put(tmp_path / "r.csv", rows))  # the category is the models'
    assert read.items.ids == ("0", "1")
    assert "subject" not in read.items.columns


def test_subjects_may_be_models_or_what_items_are_about(tmp_path):
    path = put(tmp_path / "r.csv", "subject,item,score\ns1,1,1\ns2,1,0\ns1,2,1\n")
    with pytest.raises(DataError, match="--model-column 'subject' or --benchmark-column 'subject'"):
        read_results(path)
    assert read_results(path, columns=Columns(model="subject")).models.ids == ("s1", "s2")
    read = read_results(path, columns=Columns(benchmark="subject"))
    assert (read.models.ids, read.items.ids) == (("r",), ("s1/1", "s2/1", "s1/2"))


def test_one_model_in_two_scaffolds_is_two_models(tmp_path):
    rows = "agent,model,task_id,reward\nreact,gpt,1,1\nplan,gpt,1,0\nplan,gpt,2,1\n,x,1,1\n"
    found = import_results(put(tmp_path / "r.csv", rows))
    assert found.responses.models.ids == ("gpt [agent=react]", "gpt [agent=plan]", "x")
    np.testing.assert_array_equal(found.responses.scores, [[1, np.nan], [0, 1], [1, np.nan]])
    assert "columns tell models of one name apart: 'agent'" in " ".join(map(str, found.findings))


def test_runs_that_are_numbered_are_trials(tmp_path):
    read = read_results(put(tmp_path / "gpt.csv", "item,score,run\nq,1,1\nq,0,2\n"))
    assert (read.models.ids, read.scores.tolist(), read.trials.tolist()) == (
        ("gpt",),
        [[0.5]],
        [[2]],
    )


def test_unnamed_numbers_of_rows_are_no_item(tmp_path):
    found = import_results(put(tmp_path / "r.csv", ",model,q0\n0,a,1\n1,b,0\n"))
    assert found.responses.items.ids == ("q0",)
    assert "unnamed columns number the rows" in str(found.findings[0])


def test_ids_alone_are_kept_where_benchmarks_share_none(tmp_path):
    rows = "model,item,score,benchmark\na,1,1,arc\na,2,0,gsm\nb,1,1,\n"
    assert read_results(put(tmp_path / "r.csv", rows)).items.ids == ("1", "2")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_strange_ids_come_back(tmp_path, suffix):
    models = ("a\rb", "a\nb", 'q"', " x", "é", "z" * 10_000)
    items = ("1,2", "3;4", "\rq", "t\tab", "u|v", "nul\0in")
    scores = np.random.default_rng(0).random((6, 6)).astype(np.float32)
    write_results(ResponseMatrix.from_arrays(scores, models, items), tmp_path / f"r{suffix}")
    found = import_results(tmp_path / f"r{suffix}").responses
    assert (found.models.ids, found.items.ids) == (models, items)
    np.testing.assert_array_equal(found.scores, scores)


def test_npz_cannot_hold_an_id_that_ends_in_nul(tmp_path):
    known = ResponseMatrix.from_arrays(np.ones((1, 1)), ["a\0"], ["q"])
    with pytest.raises(DataError, match="write parquet"):
        write_results(known, tmp_path / "r.npz")


# --- cut files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,q0,q1\na,1,0.75\nb,0,0.25\nc,1,0.", "the file was cut off; copy it again"),
        ("model,q0,q1\na,1,0.75\nb,0,0.25\nc,1,0", "cell '0', while other cells .* like '0.75'"),
        ("model,q0,q1\na,1,1\nb,0,0\nc,1,", "the file was cut off"),
        ("model,q0,q1\na,1,1\nb,0,0\nc,1", r"expected 3 values.*found 2; the file may have been"),
        (
            'model,q0\na,1\n"b,0\nc,1\n',
            r"r\.csv:4: .*quote opened in the record of line 3 is never",
        ),
        ("model,item,score\na,q0,true\na,q1,false\na,q2,fal", "found 'fal'"),
    ],
)
def test_cut_files_are_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        import_results(put(tmp_path / "r.csv", text))


@pytest.mark.parametrize(
    "text",
    [
        "model,q0\na,0.75\nb,0.5\nc,0.2",
        "model,item,score\na,q0,0.95\na,q1,0.9\nb,q0,0.9\nb,q1,0.9",
    ],
)
def test_a_last_cell_in_doubt_is_said(tmp_path, text):
    path = put(tmp_path / "r.csv", text)
    with pytest.warns(UserWarning, match="last cell may have been cut off"):
        read_results(path)


def test_a_last_cell_that_is_whole_is_no_doubt(tmp_path):
    path = tmp_path / "r.csv"
    for text in ("model,q0\na,1\nb,0", "model,q0\na,0.75\nb,0.2\nc,0.2"):
        assert kinds(import_results(put(path, text))) == []


def test_long_cells_are_legitimate(tmp_path):
    limit = csv.field_size_limit()
    text = f'model,item,score,prompt\na,q0,1,"{"x" * 200_000}"\n'
    assert read_results(put(tmp_path / "r.csv", text)).items.ids == ("q0",)
    assert csv.field_size_limit() == limit


# --- repeats and trials -----------------------------------------------------------------------


def test_trials_are_counted(tmp_path):
    rows = "model,item,reward,trial\na,q0,1,0\na,q0,0,1\na,q0,,2\na,q1,1,0\nb,q1,0,0\n"
    read = read_results(put(tmp_path / "r.csv", rows))
    np.testing.assert_array_equal(read.scores, [[0.5, 1], [np.nan, 0]])
    np.testing.assert_array_equal(read.trials, [[2, 1], [0, 1]])


def test_repeats_without_a_trial_column(tmp_path):
    path = put(tmp_path / "r.csv", "model,item,score\na,q0,1\na,q0,0\nb,q0,1\n")
    with pytest.raises(DataError, match=r"r\.csv:3: .*r\.csv:2; .*--repeats average"):
        read_results(path)
    with pytest.warns(UserWarning, match="joined: 1 rows are more trials"):
        read = read_results(path, repeats="average")
    np.testing.assert_array_equal(read.scores, [[0.5], [1]])
    np.testing.assert_array_equal(read.trials, [[2], [1]])


def test_wide_rows_of_one_model(tmp_path):
    path = put(tmp_path / "r.csv", "model,seed,q0,q1\na,1,1,0\na,2,0,\nb,1,1,1\n")
    read = read_results(path)
    np.testing.assert_array_equal(read.scores, [[0.5, 0], [1, 1]])
    np.testing.assert_array_equal(read.trials, [[2, 1], [1, 1]])
    path = put(path, "model,q0,q1\na,1,0\na,0,\nb,1,1\n")
    with pytest.raises(DataError, match="'a' in column 'model' has a row already"):
        read_results(path)
    assert import_results(path, repeats="average").responses.trials is not None
    path = put(path, "model,step,q0,q1\na,100,1,0\na,200,0,1\nb,100,1,1\n")
    with pytest.raises(DataError, match="column 'step' would tell such rows apart: pass --trial"):
        read_results(path)
    named = import_results(path, columns=Columns(trial="step")).responses
    np.testing.assert_array_equal(named.scores, [[0.5, 0.5], [1, 1]])
    path = put(path, "model,seed,q0\na,1,1\na,1,0\n")
    with pytest.raises(DataError, match="has a row already"):
        read_results(path)


def test_a_sparse_long_table_costs_its_rows(tmp_path):
    import tracemalloc

    n = 2_000
    rows = "".join(f"m{k},q{k},{k % 2}\n" for k in range(n))
    path = put(tmp_path / "r.csv", "model,item,score\n" + rows)
    from tinyeval.importers.layouts import to_block
    from tinyeval.importers.readers import read_raw

    tracemalloc.start()
    block = to_block(read_raw(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert block.cells is not None
    assert block.scores.shape == (n,)
    assert peak < 8 * n * 200  # bytes a row; all cells would take 16 MB


# --- notes beside -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["results.items.csv", "items.csv"])
def test_notes_beside_any_table_are_read_and_said(tmp_path, name):
    path = put(tmp_path / "results.csv", "model,q0,q1\na,1,0\nb,0,1\n")
    put(tmp_path / name, "item,benchmark\nq0,arc\nq1,gsm\n")
    put(tmp_path / "models.csv", "model,org\na,x\nb,y\n")
    found = import_results(path)
    assert found.responses.benchmarks == ("arc", "gsm")
    assert list(found.responses.models.column("org")) == ["x", "y"]
    said = " ".join(map(str, found.findings))
    assert (name == "items.csv") == (name in said)
    assert "models.csv" in said


def test_notes_of_other_results_are_left_alone_and_named(tmp_path):
    path = put(tmp_path / "results.csv", "model,q0,q1\na,1,0\nb,0,1\n")
    put(tmp_path / "items.csv", "item,benchmark\nother,arc\n")
    with pytest.warns(UserWarning, match=r"were not read: none of its 1 item ids .*items\.csv"):
        assert "benchmark" not in read_results(path).items.columns


# --- columns ----------------------------------------------------------------------------------


def test_two_candidates_are_listed_as_options(tmp_path):
    rows = "model,question_id,task_id,correct\na,1,7,1\na,2,7,0\n"
    path = put(tmp_path / "r.csv", rows)
    with pytest.raises(DataError, match="--item-column 'question_id' or --item-column 'task_id'"):
        read_results(path)
    assert read_results(path, columns=Columns(item="question_id")).items.ids == ("1", "2")
    with pytest.raises(DataError, match=r"no column 'nothing' \(--item-column\)"):
        read_results(path, columns=Columns(item="nothing"))


def test_two_columns_that_say_the_same_are_one(tmp_path):
    rows = "model_name,model_id,item,score\nA,a,1,1\nA,a,2,0\nB,b,1,1\n"
    assert read_results(put(tmp_path / "r.csv", rows)).models.ids == ("A", "B")


def test_errors_show_little_of_a_wide_header_and_of_long_cells(tmp_path):
    header = ",".join(f"{k}-{'x' * 300}" for k in range(500))
    path = put(tmp_path / "r.csv", f"size,{header}\n" + "1," + ",".join("0" * 500) + "\n")
    with pytest.raises(DataError) as caught:
        read_results(path)
    assert len(str(caught.value)) < 700
    path = put(path, f'model,q0,q1\na,1,"{"word " * 100}"\nb,0,1\n')
    with pytest.raises(DataError) as caught:
        read_results(path)
    assert len(str(caught.value)) - len(str(path)) < 280
