"""Tables as people have them: what is no model, no item, or no score never becomes one unsaid."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tinyeval.errors import DataError
from tinyeval.importers import Columns, import_results, read_results

ITEMS = [f"q{k}" for k in range(30)]
MODELS = [f"org/gpt-{k}" for k in range(12)]


def answers(graded: bool = False, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(size=(12, 1)) - rng.normal(size=30)))
    return rng.binomial(5, p) / 5 if graded else rng.binomial(1, p).astype(float)


def frame(scores: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(scores, MODELS, ITEMS)


def long(wide: pd.DataFrame) -> pd.DataFrame:
    rows = wide.rename_axis("model").reset_index().melt("model", var_name="item")
    return rows.rename(columns={"value": "score"})


def saved(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, index=not pd.api.types.is_integer_dtype(table.index))
    return path


def check(found, expected: pd.DataFrame) -> None:
    responses = getattr(found, "responses", found)
    assert responses.models.ids == tuple(expected.index)
    assert responses.items.ids == tuple(expected.columns)
    np.testing.assert_allclose(responses.scores, expected.to_numpy(), rtol=1e-6)


def said(found, kind: str) -> str:
    return "; ".join(str(one) for one in found.findings if one.kind == kind)


# --- {a: {b: score}} on its side --------------------------------------------------------------


def test_a_frame_with_models_in_its_index_written_by_default(tmp_path):
    wide = frame(answers())
    path = tmp_path / "r.json"
    wide.to_json(path)
    for source in (path, wide.to_dict()):
        with pytest.raises(DataError, match=r"seems to be {item: {model: score}}.*--transpose"):
            read_results(source)
        check(read_results(source, transpose=True), wide)
    as_it_is = import_results(path, columns=Columns(model="model"))
    assert as_it_is.responses.models.ids == tuple(ITEMS)


def test_models_outside_are_read_as_they_are(tmp_path):
    wide = frame(answers())
    (tmp_path / "r.json").write_text(json.dumps(wide.to_dict("index")))
    found = import_results(tmp_path / "r.json")
    check(found, wide)
    assert not said(found, "doubt")


def test_nested_names_that_say_nothing_are_in_doubt():
    found = import_results({f"w{k}x": {"one": 1, "two": 0} for k in range(5)})
    assert found.responses.n_models == 5
    assert "5 outer and 2 inner names" in said(found, "doubt")
    turned = import_results({f"w{k}x": {"one": 1, "two": 0} for k in range(5)}, transpose=True)
    np.testing.assert_array_equal(turned.responses.scores, [[1] * 5, [0] * 5])


# --- models and items that follow from all others ---------------------------------------------


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("Average", lambda w: w.mean().round(2)),
        ("mean", lambda w: w.mean()),
        ("Overall", lambda w: w.mean()),
        ("Total", lambda w: w.sum()),
        ("Oracle", lambda w: w.max()),
        ("max", lambda w: w.max()),
    ],
)
def test_rows_that_follow_from_all_others_are_no_models(tmp_path, graded, name, make):
    wide = frame(answers(graded))
    path = saved(pd.concat([wide, make(wide).to_frame(name).T]), tmp_path / "r.csv")
    found = import_results(path)
    check(found, wide)
    assert f"1 models follow from all others (means, sums ...); --keep NAME reads one as a model: {name!r}" in said(found, "dropped")  # fmt: skip # noqa: E501
    with pytest.warns(UserWarning, match="follow from all others"):
        check(read_results(path), wide)
    if name != "Total":
        assert import_results(path, keep=[name]).responses.models.ids == (*MODELS, name)
    on_side = pd.concat([wide, make(wide).to_frame(name).T]).T.rename_axis("item")
    on_side.to_csv(tmp_path / "t.csv")
    check(import_results(tmp_path / "t.csv", transpose=True), wide)
    rows = long(pd.concat([wide, make(wide).to_frame(name).T]))
    check(import_results(saved(rows, tmp_path / "l.csv")), wide)


def test_a_row_that_is_only_named_so_is_in_doubt(tmp_path):
    wide = frame(answers())
    odd = pd.concat([wide, wide.iloc[[0]].set_axis(["Random guess"])])
    found = import_results(saved(odd, tmp_path / "r.csv"))
    check(found, odd)
    assert "called like a summary" in said(found, "doubt")
    dropped = import_results(tmp_path / "r.csv", drop=["Random guess"])
    check(dropped, wide)
    kept = import_results(tmp_path / "r.csv", keep=["Random guess"])
    assert not said(kept, "doubt")


@pytest.mark.parametrize("name", ["average", "overall", "accuracy"])
def test_items_of_a_long_table_that_are_means_are_no_items(tmp_path, name):
    wide = frame(answers())
    rows = long(wide)
    mean = wide.mean(axis=1).rename("score").rename_axis("model").reset_index().assign(item=name)
    path = saved(pd.concat([rows, mean.round({"score": 3})]), tmp_path / "r.csv")
    found = import_results(path)
    check(found, wide)
    assert f"1 items follow from all others (means, sums ...); --keep NAME reads one as an item: {name!r}" in said(found, "dropped")  # fmt: skip # noqa: E501
    assert import_results(path, keep=[name]).responses.n_items == 31
    percent = pd.concat([rows, mean.assign(score=(100 * mean.score).round(1))])
    check(import_results(saved(percent, tmp_path / "p.csv")), wide)


def test_means_of_each_benchmark_are_no_items(tmp_path):
    wide = frame(answers())
    rows = long(wide)
    rows["benchmark"] = np.where(rows.item.isin(ITEMS[:10]), "arc", "gsm")
    mean = rows.groupby(["model", "benchmark"], as_index=False).score.mean().assign(item="average")
    check(import_results(saved(pd.concat([rows, mean]), tmp_path / "r.csv")), wide)


def test_an_item_that_is_only_named_so_is_refused(tmp_path):
    wide = frame(answers()).rename(columns={"q3": "overall"})
    path = saved(long(wide), tmp_path / "r.csv")
    with pytest.raises(DataError, match=r"'overall': .*--drop 'overall' .*--keep 'overall'"):
        read_results(path)
    check(read_results(path, keep=["overall"]), wide)
    check(import_results(path, drop=["overall"]), wide.drop(columns="overall"))


# --- facts about models, and means of some items ----------------------------------------------

SPREAD = np.linspace(0.1, 0.9, 12).round(3)
FLAGS = np.arange(12) % 2


@pytest.mark.parametrize(
    "name", ["cost", "cost_usd", "api_price", "latency_s", "Time (s)", "size_b"]
)
def test_a_graded_fact_among_right_and_wrong_is_left_out(tmp_path, name):
    wide = frame(answers())
    found = import_results(saved(wide.assign(**{name: SPREAD}), tmp_path / "r.csv"))
    check(found, wide)
    assert f"facts about models); --keep NAME reads one as an item: {name!r}" in said(
        found, "dropped"
    )


@pytest.mark.parametrize(
    ("name", "values", "graded"),
    [
        *(("cost", SPREAD, True), ("latency_s", SPREAD, True), ("total tokens", SPREAD, True)),
        *(("open_source", FLAGS, False), ("open", FLAGS, True), ("is_chat", FLAGS, False)),
        ("Has vision", FLAGS, True),
        *(("subset_mean", SPREAD, False), ("score_of_math", SPREAD, False)),
        *(("arc avg", SPREAD, False), ("std_of_arc", SPREAD, False)),
    ],
)
def test_facts_and_means_that_may_be_items_are_in_doubt(tmp_path, name, values, graded):
    wide = frame(answers(graded))
    more = wide.assign(**{name: values})
    path = saved(more, tmp_path / "r.csv")
    with pytest.raises(
        DataError, match=f"'{name}': its name is .*--drop '{name}' .*--keep '{name}'"
    ):
        import_results(path)
    check(import_results(path, drop=[name]), wide)
    check(import_results(path, keep=[name]), more)


def test_all_columns_in_doubt_are_named_and_stay_in_doubt(tmp_path):
    wide = frame(answers(graded=True))
    names = ["cost", "latency_s", "open", "is_chat"]
    more = wide.assign(cost=SPREAD, latency_s=SPREAD[::-1], open=FLAGS, is_chat=FLAGS)
    path = saved(more, tmp_path / "r.csv")
    with pytest.raises(DataError, match="--drop 'cost,latency_s,open,is_chat' to leave them out"):
        import_results(path)
    with pytest.raises(DataError, match="--drop 'latency_s,open,is_chat' to leave them out"):
        import_results(path, drop=names[:1])
    check(import_results(path, drop=names), wide)
    check(import_results(path, drop=names[:1], keep=names[1:]), more.drop(columns="cost"))


def test_items_that_only_sound_like_facts_stay(tmp_path):
    names = [f"is_{chr(97 + k)}" for k in range(20)] + [
        f"count-dataset-tokens-{k}" for k in range(5)
    ]
    names += ["open-web", "price is right", "time travel", "size 3 shoe", "mean girls"]
    wide = frame(answers()).set_axis(names, axis=1)
    check(import_results(saved(wide, tmp_path / "r.csv")), wide)


# --- marks outside [0, 1] ---------------------------------------------------------------------


@pytest.mark.parametrize("mark", [-1, 999, -99])
def test_a_number_that_stands_for_missing_is_asked_about(tmp_path, mark):
    rows = long(frame(answers()))
    rows.loc[[5, 7], "score"] = mark
    path = saved(rows, tmp_path / "r.csv")
    asked = rf"r\.csv:7: .* is {mark}, outside \[0, 1\], as are 2 in all: if {mark} stands for a "
    with pytest.raises(DataError, match=f"{asked}missing score, replace it by a blank") as caught:
        read_results(path)
    assert "--scale" not in str(caught.value)
    wide = frame(answers())
    wide.iloc[3, 4] = mark
    with pytest.raises(
        DataError, match=f"others from 0 to 1 .if {mark} stands for a missing score"
    ):
        read_results(saved(wide, tmp_path / "w.csv"))


def test_a_scale_is_offered_where_many_marks_lie_outside(tmp_path):
    wide = frame(answers(graded=True))
    path = saved(long(2 * wide - 1), tmp_path / "r.csv")
    with pytest.raises(DataError, match=r"marks from -1 to 1, give --scale -1:1$"):
        read_results(path)
    path = saved(long(2 * frame(answers()) - 1), tmp_path / "b.csv")
    with pytest.raises(DataError, match="give --scale -1:1; if -1 stands for a missing score"):
        read_results(path)


@pytest.mark.parametrize("shape", [long, lambda wide: wide])
def test_a_scale_is_said(tmp_path, shape):
    wide = frame(answers(graded=True))
    found = import_results(saved(shape(2 * wide - 1), tmp_path / "r.csv"), scale=(-1, 1))
    np.testing.assert_allclose(found.responses.scores, wide, atol=1e-6)
    what = "turned: 360 marks from -1 to 1 were turned into scores from 0 to 1"
    assert said(found, "turned") == what


# --- series -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["score", "resolved", "whatever", None])
@pytest.mark.parametrize("levels", [["model", "item"], ["model_name", "task_id"]])
def test_a_series_by_model_and_item(name, levels):
    wide = frame(answers())
    check(import_results(wide.stack().rename(name).rename_axis(levels)), wide)
    turned = wide.T.stack().rename(name).rename_axis(levels[::-1])
    check(read_results(turned), wide)


def test_a_series_that_does_not_name_models_and_items_is_refused():
    wide = frame(answers())
    for series in (wide.stack(), wide["q0"], wide.iloc[0], wide.stack().rename_axis(["a", "item"])):
        with pytest.raises(DataError, match=r"levels 'model' and 'item', found .*rename_axis"):
            read_results(series)


def test_a_series_of_polars_is_refused():
    polars = pytest.importorskip("polars")
    with pytest.raises(DataError, match="found Series"):
        read_results(polars.Series([1, 0]))


# --- words for scores -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("✓", "✗"), ("✔", "✘"), ("✔️", "×"), ("✅", "❌"), ("P", "F"), ("p", "f"), ("PASS", "F")],
)
def test_ticks_and_letters(tmp_path, right, wrong):
    wide = frame(answers())
    words = wide.replace({1.0: right, 0.0: wrong}).astype(object)
    check(import_results(saved(words, tmp_path / "w.csv")), wide)
    rows = long(words).rename(columns={"score": "resolved", "item": "task_id"})
    check(import_results(saved(rows, tmp_path / "l.csv")), wide)


def test_a_p_is_a_pass_beside_f_and_partly_right_beside_c(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("model,q0,q1\na,P,F\nb,P,P\n")
    found = import_results(path)
    np.testing.assert_array_equal(found.responses.scores, [[1, 0], [1, 1]])
    assert "3 cells 'P' were read as passed" in said(found, "guessed")
    path.write_text("model,q0,q1\na,P,C\nb,P,I\n")
    np.testing.assert_array_equal(read_results(path).scores, [[0.5, 1], [0.5, 0]])
    path.write_text("model,q0,q1\na,P,P\nb,P,P\n")
    with pytest.raises(DataError, match="'P'; P may be a pass, or partly right; write pass or 0"):
        read_results(path)


def test_words_that_are_no_scores_come_first(tmp_path):
    path = tmp_path / "r.csv"
    for name in ("score", "resolved"):
        path.write_text(f"model,task_id,{name}\na,q,good\na,q,bad\nb,q,pass\n")
        with pytest.raises(DataError, match=f"r.csv:2: .*{name}', found 'good' .others are 'bad'.; a score is a number.* pass/fail"):  # fmt: skip # noqa: E501
            read_results(path)


def test_a_quoted_decimal_comma(tmp_path):
    wide = frame(answers(graded=True))
    text = long(wide).assign(score=[str(one).replace(".", ",") for one in long(wide).score])
    found = import_results(saved(text, tmp_path / "r.csv"))
    check(found, wide)
    assert "360 cells were read with a decimal comma" in said(found, "guessed")


# --- repeats that another column tells apart --------------------------------------------------


def test_the_column_that_tells_repeats_apart_is_named(tmp_path):
    wide = frame(answers())
    other = frame(answers(seed=1))
    rows = pd.concat([long(wide).assign(part="arc"), long(other).assign(part="gsm")])
    rows["constant"], rows["row"] = "x", range(len(rows))
    path = saved(rows, tmp_path / "r.csv")
    both = "--benchmark-column 'part' if .*, --trial-column 'part' if .*--repeats average"
    with pytest.raises(DataError, match=f"column 'part' would tell such rows apart: say {both}"):
        read_results(path)
    benchmarks = read_results(path, columns=Columns(benchmark="part"))
    assert benchmarks.n_items == 60
    np.testing.assert_array_equal(benchmarks.scores[:, 0], wide["q0"])
    trials = read_results(path, columns=Columns(trial="part"))
    np.testing.assert_allclose(trials.scores, (wide + other) / 2)


def test_repeats_that_nothing_tells_apart(tmp_path):
    rows = long(frame(answers())).assign(part="arc")
    path = saved(pd.concat([rows, rows.iloc[:1]]), tmp_path / "r.csv")
    with pytest.raises(DataError, match="remove one, tell repeats apart by a column 'repeat'"):
        read_results(path)


# --- no scores, and no text -------------------------------------------------------------------


def test_a_table_without_any_score_is_refused(tmp_path):
    path = tmp_path / "r.csv"
    for text in ("model,item,score\na,q,\nb,q,\n", "model,q0,q1\na,,\nb,NA,\n"):
        path.write_text(text)
        with pytest.raises(DataError, match=r"r\.csv: no score is known of 2 models x \d items"):
            read_results(path)
    with pytest.raises(DataError, match="no score is known of 12 models x 30 items"):
        read_results(frame(answers()) * np.nan)
    path.write_text("model,item,score\na,q,\nb,q,1\n")
    assert read_results(path).n_models == 2


@pytest.mark.parametrize("name", ["r.csv", "r.json", "r.jsonl"])
def test_bytes_that_are_no_text_are_said_to_be_none(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(bytes([0x9C, *np.random.default_rng(0).integers(0, 256, 3000)]))
    with pytest.raises(DataError, match="found the byte 0x9c; it is not text") as caught:
        import_results(path, format="table")
    assert "save the file" not in str(caught.value)


def test_columns_of_several_levels_are_joined_and_that_is_said():
    table = frame(answers())
    table.columns = pd.MultiIndex.from_tuples([("arc", k) for k in range(len(ITEMS))])
    found = import_results(table)
    assert found.responses.items.ids[:2] == ("arc/0", "arc/1")
    assert "names of columns of several levels were joined by '/'" in str(found.findings[0])


@pytest.mark.parametrize("above", ["Results of May\n\n", "Results;;;\n;;;\nMay;;;\n"])
def test_titles_above_the_header_of_a_sheet_saved_as_text(tmp_path, above):
    path = tmp_path / "r.csv"
    path.write_text(f"{above}model;q1;q2;q3\na;1;0;0,5\nb;0;1;1\n")
    found = import_results(path)
    assert found.responses.models.ids == ("a", "b")
    np.testing.assert_array_equal(found.responses.scores, [[1, 0, 0.5], [0, 1, 1]])
    assert "lines of one value above the header were left out: 'Results" in str(found.findings[0])
    path.write_text(f"{above}model;q1;q2;q3\na;1;0;0,5\nb;0;oops;1\n")
    with pytest.raises(DataError, match=rf"r.csv:{above.count(chr(10)) + 3}: expected a score"):
        read_results(path)


def test_titles_above_the_header_of_a_workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["Results"], ["May", None], ["model", "q1", "q2"], ["a", 1, 0], ["b", 0, 1]):
        book.active.append(row)
    book.active.merge_cells("A1:C1")
    book.save(tmp_path / "r.xlsx")
    found = import_results(tmp_path / "r.xlsx")
    np.testing.assert_array_equal(found.responses.scores, [[1, 0], [0, 1]])
    assert "2 rows with one cell above the header were left out: 'Results', 'May'" in str(
        found.findings[0]
    )


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("r.zip", b"PK\x03\x04", "r.zip: is an archive; unpack it, and give the folder"),
        ("r.tar.gz", b"\x1f\x8b", "r.tar.gz: is an archive"),
        ("results", b"PK\x03\x04", "results: is an archive"),
        ("r.pkl", b"\x80\x04\x95", "is a pickle, which may run any code when it is opened"),
        ("r.db", b"SQLite format 3\0", "is a database; save its table as csv or parquet"),
        ("README.md", b"| model | q1 |", "README.md: is a text for readers; save its table"),
        ("r.xls", b"\xd0\xcf\x11\xe0", "old Office program; save the sheet as .xlsx or csv"),
    ],
)
def test_files_of_other_kinds_say_what_to_do(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_results(tmp_path / name)
    with pytest.raises(DataError, match=f"found no results here; {name} is"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        {"accuracy": 0.8, "_timestamp": "2026-01-01", "_python": "3.11", "_path": "/x"},
        {"testRunData": {"testCases": [{"name": "t", "success": True}], "testPassed": 1}},
        {"0": [[0, {"passed": True}]], "1": [[0, {"passed": False}]]},
    ],
)
def test_an_object_that_holds_no_answers(tmp_path, content):
    """As ``evaluate.save``, DeepEval and the harness of BigCode write them."""
    path = tmp_path / "r.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"expected answers .* give the file that has a mark"):
        read_results(path)


def test_predictions_without_marks(tmp_path):
    rows = [{"id": k, "model": "a", "prediction": "A", "answer": "B"} for k in range(3)]
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    with pytest.raises(DataError, match="if none holds marks, mark the answers first"):
        read_results(path)


def test_a_column_of_text_may_be_left_out(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("Name,State,q1\na,finished,1\nb,failed,0\n")
    with pytest.raises(DataError, match="--drop 'State' if it is no item"):
        read_results(path)
    assert import_results(path, drop=["State"]).responses.items.ids == ("q1",)


def lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def test_marks_by_name_in_one_cell(tmp_path):
    rows = [
        {"model": m, "question_id": f"q{k}", "metrics": {"acc": k % 2, "f1": 0.5, "why": "x"}}
        for m in "ab"
        for k in (0, 1)
    ]
    path = lines(tmp_path / "r.jsonl", rows)
    with pytest.raises(DataError, match=r"choose with --score-column 'metrics.acc' or"):
        read_results(path)
    for asked in ({"metric": "metrics.acc"}, {"columns": Columns(score="metrics.acc")}):
        found = import_results(path, **asked)
        np.testing.assert_array_equal(found.responses.scores, [[0, 1], [0, 1]])
    pd.DataFrame(rows).to_parquet(tmp_path / "r.parquet")
    found = import_results(tmp_path / "r.parquet", metric="metrics.f1")
    np.testing.assert_array_equal(found.responses.scores, [[0.5, 0.5], [0.5, 0.5]])


def test_a_score_with_a_single_number_in_it(tmp_path):
    rows = [{"model": "a", "question_id": f"q{k}", "score": {"value": k}} for k in (0, 1)]
    path = lines(tmp_path / "r.jsonl", [*rows, {"model": "a", "question_id": "q2", "score": None}])
    np.testing.assert_array_equal(read_results(path).scores, [[0, 1, np.nan]])
    lines(path, [*rows, {"model": "a", "question_id": "q2", "score": "good"}])
    with pytest.raises(DataError, match="expected a score in column 'score', found"):
        read_results(path)


def answered(*marks: bool) -> list[dict]:
    return [{"id": f"q{k}", "answer": "A", "is_correct": one} for k, one in enumerate(marks)]


def test_answers_by_model_in_one_object(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"gpt-4": answered(True, False), "o3": answered(True, True)}))
    found = import_results(path)
    assert found.responses.models.ids == ("gpt-4", "o3")
    np.testing.assert_array_equal(found.responses.scores, [[1, 0], [1, 1]])
    assert "2 lists in the file are called like models: 'gpt-4', 'o3'" in str(found.findings[0])
    other = [one | {"id": f"c{k}"} for k, one in enumerate(answered(True, True))]
    path.write_text(json.dumps({"math": answered(True, False), "code": other}))
    with pytest.raises(DataError, match="nothing tells whether these are models or benchmarks"):
        read_results(path)


def test_answers_beside_the_name_of_their_model(tmp_path):
    path = tmp_path / "r.json"
    about = {"model_name": "o3", "dataset": "gsm8k", "accuracy": 0.5, "config": {"t": 0}}
    path.write_text(json.dumps(about | {"results": answered(True, False)}))
    found = import_results(path)
    assert found.responses.models.ids == ("o3",)
    np.testing.assert_array_equal(found.responses.scores, [[1, 0]])
    assert "read as the answers of its model: 'results'" in str(found.findings[0])


def test_an_id_that_would_tell_items_apart_is_named(tmp_path):
    rows = [{"model": "a", "question": "q", "id": k, "correct": 1} for k in range(3)]
    with pytest.raises(DataError, match="say --item-column 'id' if it names the items"):
        read_results(lines(tmp_path / "r.jsonl", rows))


def test_comparisons_of_two_models(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("question_id,model_a,model_b,winner\nq1,a,b,model_a\nq2,a,b,tie\n")
    with pytest.raises(DataError, match="says which is better, not what each scores"):
        read_results(path)


def test_a_separator_at_the_end_of_lines_and_words_of_other_tongues(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("model;q1;q2;\na;WAHR;FALSCH;\nb;vrai;FAUX;\n")
    found = import_results(path)
    np.testing.assert_array_equal(found.responses.scores, [[1, 0], [1, 0]])
    assert "unnamed columns are empty" in " ".join(map(str, found.findings))


@pytest.mark.parametrize(
    ("text", "models"),
    [
        (",q1\na,1\nb,0\n", ("a", "b")),  # pandas' unnamed index, and one item
        ("id,q1,q2\na,1,0\nb,0,1\n", ("a", "b")),
        ("Results\n,q1\na,1\nb,0\n", ("a", "b")),
    ],
)
def test_what_may_be_a_header_is_no_title(tmp_path, text, models):
    path = tmp_path / "r.csv"
    path.write_text(text)
    assert import_results(path).responses.models.ids == models


@pytest.mark.parametrize("text", ["model,\na,1\nb,0\n", "model,,\na,1,0\n", "model\na,1\n"])
def test_a_header_that_lacks_names_is_refused(tmp_path, text):
    path = tmp_path / "r.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"empty item id|found 2|more than once"):
        read_results(path)


def test_objects_beside_the_score_are_not_unfolded(tmp_path):
    rows = [
        {"model": "a", "question_id": f"q{k}", "response": {"text": "x", "tokens": 5}, "correct": k}
        for k in (0, 1)
    ]
    np.testing.assert_array_equal(read_results(lines(tmp_path / "r.jsonl", rows)).scores, [[0, 1]])
