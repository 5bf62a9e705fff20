"""Plain tables: both layouts in every format, and files that are not what they seem."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import real
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import import_results, read_results, write_results
from tinyeval.importers.rawtable import parse_score
from tinyeval.responses import ResponseMatrix

MODELS, ITEMS = ("a", "b"), ("q0", "q1", "q2")
SCORES = np.array([[1, np.nan, 0.25], [0, 1, np.nan]])


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def known() -> list[tuple[str, str, float | None]]:
    cells = [(m, q, SCORES[i, j]) for i, m in enumerate(MODELS) for j, q in enumerate(ITEMS)]
    return [(m, q, None if np.isnan(s) else float(s)) for m, q, s in cells]


def records(layout: str) -> list[dict[str, object]]:
    if layout == "long":
        return [{"model": m, "item": q, "score": s} for m, q, s in known()]
    return [{"model": m, **{q: s for n, q, s in known() if n == m}} for m in MODELS]


def write_table(path: Path, rows: list[dict[str, object]]) -> Path:
    if path.suffix == ".csv":
        lines = [list(rows[0]), *(row.values() for row in rows)]
        text = ("" if value is None else str(value) for line in lines for value in line)
        return put(path, "".join(",".join(next(text) for _ in line) + "\n" for line in lines))
    if path.suffix == ".jsonl":
        return put(path, "".join(json.dumps(row) + "\n" for row in rows))
    if path.suffix == ".json":
        return put(path, json.dumps(rows))
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def check(read: ResponseMatrix) -> None:
    assert set(read.models.ids) == set(MODELS)
    np.testing.assert_array_equal(read.select(MODELS).align(ITEMS), SCORES.astype(np.float32))


# --- both layouts -----------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["wide", "long"])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".parquet"])
def test_layouts(tmp_path, suffix, layout):
    check(read_results(write_table(tmp_path / f"r{suffix}", records(layout))))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".parquet"])
def test_order_of_rows_does_not_matter(tmp_path, suffix):
    rows = records("long")
    np.random.default_rng(0).shuffle(rows)
    check(read_results(write_table(tmp_path / f"r{suffix}", rows)))


def test_json_objects(tmp_path):
    nested = {m: {q: s for n, q, s in known() if n == m} for m in MODELS}
    check(read_results(put(tmp_path / "r.json", json.dumps(nested))))
    one = read_results(put(tmp_path / "my-model.json", '{"q0": 1, "q1": false, "q2": null}'))
    assert one.models.ids == ("my-model",)
    np.testing.assert_array_equal(one.scores, [[1, 0, np.nan]])


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv", "item,score\nq0,1\nq1,\n"),
        (".jsonl", '{"item": "q0", "score": true}\n{"item": "q1", "score": null}\n'),
    ],
)
def test_answers_of_one_model_are_named_by_the_file(tmp_path, suffix, content):
    read = read_results(put(tmp_path / f"org__model-7b{suffix}", content))
    assert read.models.ids == ("org__model-7b",)
    np.testing.assert_array_equal(read.scores, [[1, np.nan]])


def test_ragged_jsonl_leaves_cells_missing(tmp_path):
    text = '{"q0": 1, "model": "a"}\n\n{"model": "b", "q1": 0.5}\n'
    read = read_results(put(tmp_path / "r.jsonl", text))
    assert read.items.ids == ("q0", "q1")
    np.testing.assert_array_equal(read.scores, [[1, np.nan], [np.nan, 0.5]])


def test_metric_names_the_score_column_of_a_long_table(tmp_path):
    path = put(tmp_path / "r.csv", "model,item,acc,f1\na,q0,1,0.5\n")
    assert read_results(path, metric="f1").scores == np.float32(0.5)
    with pytest.raises(DataError, match="--score-column 'acc' or --score-column 'f1'"):
        read_results(path)
    wide = put(tmp_path / "w.csv", "model,q0\na,1\n")
    with pytest.raises(ConfigError, match="metric='f1' was given"):
        read_results(wide, metric="f1")
    with pytest.raises(ConfigError, match="tables have no filters"):
        read_results(wide, filter="strict")


def test_notes_in_a_long_table(tmp_path):
    rows = "model,item,score,benchmark,weight,difficulty\n"
    rows += "a,q0,1,arc,2,easy\na,q1,0,,,\nb,q0,1,,,\nb,q1,0,gsm,0.5,hard\n"
    items = read_results(put(tmp_path / "r.csv", rows)).items
    assert list(items.columns) == ["benchmark", "weight"]
    assert list(items.column("benchmark")) == ["arc", "gsm"]
    np.testing.assert_array_equal(items.column("weight"), [2, 0.5])
    with pytest.raises(DataError, match=r"r\.csv:4: item 'q0' has weight '3', but '2' in an ear"):
        read_results(put(tmp_path / "r.csv", rows.replace("b,q0,1,,,", "b,q0,1,,3,")))


@pytest.mark.parametrize("name", ["repeat", "epoch", "trial"])
def test_repeats_are_averaged(tmp_path, name):
    rows = f"model,item,score,{name}\na,q0,1,1\na,q0,0,2\na,q0,,3\na,q1,1,1\nb,q1,,1\n"
    read = read_results(put(tmp_path / "r.csv", rows))
    np.testing.assert_array_equal(read.scores, [[0.5, 1], [np.nan, np.nan]])
    with pytest.raises(DataError, match=r"r\.csv:5: model 'a' has a score on item 'q1' already"):
        read_results(put(tmp_path / "r.csv", rows.replace("a,q0,,3\na,q1,1,1", "a,q1,,1\n" * 2)))


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.floats(0, 1)), min_size=1))
def test_repeats_agree_with_a_plain_mean(tmp_path, rows):
    lines = [f"m{m},q{q},{s!r},{k}" for k, (m, q, s) in enumerate(rows)]
    path = put(tmp_path / "r.csv", "model,item,score,repeat\n" + "\n".join(lines))
    read = read_results(path)
    for i, model in enumerate(read.models.ids):
        for j, item in enumerate(read.items.ids):
            found = [s for m, q, s in rows if (f"m{m}", f"q{q}") == (model, item)]
            expected = np.mean(found) if found else np.nan
            np.testing.assert_allclose(read.scores[i, j], expected, atol=1e-6)


# --- values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", " ", "nan", "NaN", "NA", "null", "None"])
def test_missing_text(tmp_path, text):
    read = read_results(put(tmp_path / "r.csv", f"model,q0,q1\na,1,{text}\n"))
    np.testing.assert_array_equal(read.scores, [[1, np.nan]])


def test_parse_score():
    texts = {"1": 1, " 0.5 ": 0.5, "True": 1, "FALSE": 0, "1e-1": 0.1, "yes": 1, "85%": 0.85}
    assert {text: parse_score(text) for text in texts} == texts
    assert [parse_score(value) for value in (True, 1, 0.5, np.float32(1))[:3]] == [1, 1, 0.5]
    assert np.isnan(parse_score(None))
    for value in ("maybe", "1,5", "timeout", [1], {}, 10**400, object()):
        with pytest.raises(ValueError, match=r"."):
            parse_score(value)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([True, None, False]),
        pa.array([1, None, 0], pa.int8()),
        pa.array([1, None, 0], pa.float32()),
        pa.array(["1", None, "false"]),
        pa.array(["1", None, "0"]).dictionary_encode(),
        pa.array([1, None, 0], pa.decimal128(3, 1)),
    ],
)
def test_parquet_types(tmp_path, values):
    table = pa.table({"q0": values, "model": pa.array([7, 8, 9]), "q1": pa.nulls(3)})
    pq.write_table(table, tmp_path / "r.parquet")
    read = read_results(tmp_path / "r.parquet")
    assert read.models.ids == ("7", "8", "9")
    np.testing.assert_array_equal(read.scores[:, 0], [1, np.nan, 0])
    assert np.isnan(read.scores[:, 1]).all()


def test_row_labels_of_pandas_are_no_item(tmp_path):
    table = pa.table({"model": ["a"], "q0": [1], "__index_level_0__": [17]})
    pq.write_table(table, tmp_path / "r.parquet")
    assert read_results(tmp_path / "r.parquet").items.ids == ("q0",)


# --- text files -------------------------------------------------------------------------------


def test_bom_quotes_line_ends_and_blank_lines(tmp_path):
    text = '\ufeff"model","q,0"\r\n\r\n"a ""x""",1\r\n\r\n"two\nlines",0'
    read = read_results(put(tmp_path / "r.csv", text))
    assert read.models.ids == ('a "x"', "two\nlines")
    assert read.items.ids == ("q,0",)
    jsonl = '\ufeff{"model": "a", "q0": 1}\r\n'
    assert read_results(put(tmp_path / "r.jsonl", jsonl)).models.ids == ("a",)


def test_empty_corner(tmp_path):
    read = read_results(put(tmp_path / "r.csv", '"","X1","X2"\n"a",1,0\n'))
    assert read.items.ids == ("X1", "X2")
    assert read.models.ids == ("a",)


BAD_TABLES = {
    "empty.csv": ("", r"empty\.csv: the file is empty"),
    "blank.csv": ("\n\n", "the file is empty"),
    "header.csv": ("model,q0\n", "the table has no rows"),
    "columns.csv": ("size,q0\n1,1\n", r"expected a wide table.*found columns 'size', 'q0'"),
    "alone.csv": ("model\na\n", "expected one column per item"),
    "noscore.csv": ("model,item,gold\na,q0,1\n", "columns 'item' and 'score'"),
    "noitem.csv": ("model,text,score\na,q0,1\na,q1,1\n", "columns 'item' and 'score'"),
    "cells.csv": ("model,q0,q1\na,1,0\nb,1\n", r"cells\.csv:3: expected 3 values.*found 2"),
    "quote.csv": ('model,q0\n"a,1\nb,1\n', r"quote\.csv:3: not CSV"),
    "word.csv": ("model,q0,q1\na,1,0\nb,1,maybe\n", r"word\.csv:3: .*column 'q1', found 'maybe'"),
    "list.jsonl": ('{"model": "a", "q0": [1]}\n', r"list\.jsonl:1: .*'q0', found \[1\]"),
    "percent.csv": (
        "model,q0\na,1\n\nb,85\n",
        r"percent\.csv:4: .*q0' is 85.*--scale 0:100",
    ),
    "negative.csv": ("item,score\nq0,-0.1\n", r"negative\.csv:2: the score in .* is -0.1"),
    "infinite.csv": ("item,score\nq0,inf\n", "an infinite number is no mark"),
    "huge.json": ('{"q0": 1' + "0" * 400 + "}", "far too large"),
    "digits.json": ('{"q0": 1' + "0" * 9999 + "}", "digits"),
    "deep.json": ('[{"a": ' + "[" * 200_000, "nested too deeply"),
    "twice.csv": ("model,q0\na,1\na,1\n", r"twice\.csv:3: 'a' in column 'model'.*twice\.csv:2"),
    "columns2.csv": ("model,q0,q0\na,1,1\n", "1 column.s. appear more than once: 'q0'"),
    "twice.jsonl": ('{"model": "a", "q0": 1, "q0": 0}\n', "the key 'q0' appears twice"),
    "long.csv": ("item,score\nq0,1\nq1,0\nq0,1\n", r"long\.csv:4: model 'long'.*csv:2;.*'repeat'"),
    "noid.csv": ("model,q0\n ,1\n", r"noid\.csv:2: the id in column 'model' is empty"),
    "noid.jsonl": ('{"model": "a", "q0": 1}\n{"q0": 1}\n', r"noid\.jsonl:2: .*found None"),
    "boolid.jsonl": ('{"item": true, "score": 1}\n', "expected an id.*found True"),
    "blankitem.csv": ("model,q0,\na,1,1\n", "the header holds an empty item id"),
    "cut.jsonl": ('{"model": "a", "q0": 1}\n{"model": "b", "q', r"cut\.jsonl:2: not JSON.*cut off"),
    "midline.jsonl": ('{"model": "a"\n{"model": "b"}\n', r"midline\.jsonl:1: not JSON"),
    "array.jsonl": ("[1]\n", r"array\.jsonl:1: expected a JSON object in the array, found '1'"),
    "empty.jsonl": ("\n", "the file is empty"),
    "objects.jsonl": ("{}\n{}\n", "the table has no rows"),
    "empty.json": ("", "the file is empty"),
    "none.json": ("{}", "the table has no rows"),
    "number.json": ("3", "expected {item: score}"),
    "numbers.json": ("[1, 2]", r"numbers\.json:1: expected a JSON object in the array, found '1'"),
    "mixed.json": ('{"a": {"q0": 1}, "q1": 1}', "expected either"),
    "cut.json": ('{"q0": 1, "q1"', r"cut\.json: not JSON.*copy it again"),
    "latin.csv": (b"model,q0\ncaf\xe9,1\n", "expected UTF-8 text, found the byte 0xe9"),
    "utf16.csv": ("model,q0\na,1\n".encode("utf-16-le"), "holds NUL characters"),
    "zeros.parquet": (b"", "not a Parquet file, or damaged"),
    "text.parquet": ("model,q0\na,1\n", "not a Parquet file, or damaged"),
    "zeros.npz": (b"", "not an npz file"),
    "text.npz": ("model,q0\na,1\n", "not an npz file"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables(tmp_path, name):
    content, message = BAD_TABLES[name]
    with pytest.raises(DataError, match=message) as caught:
        read_results(put(tmp_path / name, content))
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "kind", ["bool_", "int8", "uint8", "int64", "float16", "float32", "float64", "string"]
)
def test_parquet_numbers_of_every_type(tmp_path, kind):
    values = [1, 0, None, 1, 1, 0, 0, None, 1, 0, 1]
    make = {"string": str, "bool_": bool}.get(kind, np.dtype(kind).type if kind != "string" else 0)
    column = pa.array([None if v is None else make(v) for v in values], getattr(pa, kind)())
    models = pa.array([f"m{k}" for k in range(len(values))])
    whole = pa.table({"model": models, "q0": column, "q1": pa.array([1.0] * 11, pa.float32())})
    pq.write_table(whole, tmp_path / "r.parquet", row_group_size=3)
    read = read_results(tmp_path / "r.parquet")
    expected = [np.nan if v is None else v for v in values]
    np.testing.assert_array_equal(read.scores[:, 0], np.array(expected, np.float32))
    np.testing.assert_array_equal(read.scores[:, 1], 1)


def test_parquet_columns_of_nothing_but_nulls(tmp_path):
    nulls = pa.array([None, None], pa.float32())
    table = pa.table({"model": ["a", "b"], "q0": nulls, "q1": pa.nulls(2), "q2": [0.5, 1.0]})
    pq.write_table(table, tmp_path / "r.parquet")
    scores = read_results(tmp_path / "r.parquet").scores
    assert np.isnan(scores[:, :2]).all()
    assert scores[:, 2].tolist() == [0.5, 1.0]


def test_integer_ids_and_notes_in_parquet(tmp_path):
    table = pa.table({"model": [7, 7], "item": [1, 2], "score": [1, 0], "weight": [2.0, None]})
    pq.write_table(table, tmp_path / "r.parquet")
    read = read_results(tmp_path / "r.parquet")
    assert (read.models.ids, read.items.ids) == (("7",), ("1", "2"))
    np.testing.assert_array_equal(read.items.column("weight"), [2.0, np.nan])


def test_unknown_suffix_with_an_explicit_format(tmp_path):
    with pytest.raises(DataError, match=r"suffixes \.csv, .*found \.dat"):
        read_results(put(tmp_path / "r.dat", "model,q0\na,1\n"), format="table")


def test_parquet_with_a_column_twice(tmp_path):
    table = pa.table([pa.array(["a"]), pa.array([1]), pa.array([0])], names=["model", "q0", "q0"])
    pq.write_table(table, tmp_path / "r.parquet")
    with pytest.raises(DataError, match="appear more than once: 'q0'"):
        read_results(tmp_path / "r.parquet")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"scores": [[1.0]], "models": ["a"]}, "expected arrays scores, models, items, found"),
        ({"scores": [1.0], "models": ["a"], "items": ["q"]}, r"shape .* \(1, 1\), found .*\(1,\)"),
        ({"scores": [["1"]], "models": ["a"], "items": ["q"]}, "expected numeric scores"),
        (
            {"scores": [[50]], "models": ["a"], "items": ["q"]},
            "row 1: the score in .* is 50",
        ),
        ({"scores": [[1e300]], "models": ["a"], "items": ["q"]}, "is 1e.300, outside"),
        ({"scores": [[1], [1]], "models": ["a", "a"], "items": ["q"]}, "'a' in column 'models'"),
        ({"scores": [[1]], "models": [""], "items": ["q"]}, "the id in column 'models' is empty"),
        ({"scores": [[1]], "models": [0.5], "items": ["q"]}, "expected an id"),
        (
            {"scores": [[1]], "models": np.array(["a"], dtype=object), "items": ["q"]},
            "not an npz file of plain arrays",
        ),
    ],
)
def test_bad_npz(tmp_path, arrays, message):
    np.savez(tmp_path / "r.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_results(tmp_path / "r.npz")


def test_npz_types(tmp_path):
    np.savez(tmp_path / "r.npz", scores=[[True, False]], models=[3], items=["q0", "q1"])
    read = read_results(tmp_path / "r.npz")
    assert read.models.ids == ("3",)
    np.testing.assert_array_equal(read.scores, [[1, 0]])


def test_npz_that_is_a_single_array(tmp_path):
    with (tmp_path / "r.npz").open("wb") as file:
        np.save(file, np.ones((2, 2)))
    with pytest.raises(DataError, match="an array alone does not say which models"):
        read_results(tmp_path / "r.npz")


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    suffix=st.sampled_from([".csv", ".jsonl", ".json", ".parquet", ".npz"]),
    cut=st.integers(0, 4000),
    flips=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=3),
)
def test_damaged_files_read_or_complain(tmp_path, suffix, cut, flips):
    path = tmp_path / f"r{suffix}"
    if suffix.startswith(".json"):
        write_table(path, records("wide"))
    else:
        write_results(ResponseMatrix.from_arrays(SCORES, MODELS, ITEMS), path)
    content = bytearray(path.read_bytes())
    for position, value in flips:
        content[position % len(content)] = value
    path.write_bytes(content[: cut if cut % 3 else None])
    try:
        read = import_results(path).responses
    except DataError as error:
        message = str(error)
    else:
        message = str(path)
        assert isinstance(read, ResponseMatrix)
    assert str(path) in message


# --- folders ----------------------------------------------------------------------------------


def test_folder_with_one_table(tmp_path):
    put(tmp_path / "responses.csv", "model,q0\na,1\n")
    put(tmp_path / "responses.items.csv", "item,benchmark\nq0,arc\n")
    put(tmp_path / "other.csv", "nonsense")
    assert read_results(tmp_path).benchmarks == ("arc",)
    put(tmp_path / "responses.jsonl", '{"model": "a", "q0": 1}\n')
    with pytest.raises(DataError, match=r"expected one table called responses.*, found 2"):
        read_results(tmp_path)


# --- real data --------------------------------------------------------------------------------

REAL = ["ollb1_arc", "lcb_exec_testgen_46", "swebench_pro_9", "alpaca_eval2_weighted"]


@pytest.mark.parametrize("name", REAL)
def test_real_sets(name):
    folder = real(name)
    read = import_results(folder).responses
    raw = pq.ParquetFile(folder / "responses.parquet").read()
    assert read.models.ids == tuple(raw.column("model").to_pylist())
    assert read.items.ids == tuple(raw.column_names[1:])
    for column in (0, read.n_items - 1):
        expected = np.array(raw.column(column + 1).to_pylist(), dtype=np.float32)
        np.testing.assert_array_equal(read.scores[:, column], expected)
    assert "" not in read.benchmarks


def test_real_wide_csv_with_another_corner():
    folder = real("..", "formats", "csv_matrix")
    atlas, nlu = (import_results(one).responses for one in sorted(folder.glob("*.csv")))
    assert (atlas.n_models, nlu.n_models, nlu.n_items) == (40, 90, 28)
    assert atlas.models.ids[0] == "222gate/Blur-4x7b-MOE-v0.1"
    assert atlas.items.ids[:4] == ("X1", "X2", "X3", "X5")
