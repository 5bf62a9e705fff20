"""Tables as people have them: one small matrix in every file, shape and spelling."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from tinyeval.errors import DataError, DependencyError
from tinyeval.importers import Columns, import_results, read_results
from tinyeval.responses import ResponseMatrix

MODELS, ITEMS = ("a", "b", "c"), ("q0", "q1")
SCORES = np.array([[1, 0], [0.5, np.nan], [0, 1]], dtype=np.float32)


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def check(read: ResponseMatrix) -> None:
    assert set(read.models.ids) == set(MODELS)
    np.testing.assert_array_equal(read.select(MODELS).align(ITEMS), SCORES)


WIDE = "model,q0,q1\na,1,0\nb,0.5,\nc,0,1\n"
LONG = "model,item,score\na,q0,1\na,q1,0\nb,q0,0.5\nb,q1,\nc,q0,0\nc,q1,1\n"


# --- text -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [WIDE, LONG])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.txt"])
def test_separators(tmp_path, text, separator, name):
    check(read_results(put(tmp_path / name, text.replace(",", separator))))


def test_decimal_commas(tmp_path):
    found = import_results(put(tmp_path / "r.csv", WIDE.replace(",", ";").replace("0.5", "0,5")))
    check(found.responses)
    assert [str(one) for one in found.findings] == [
        "guessed: 1 cells were read with a decimal comma"
    ]


@pytest.mark.parametrize("code", ["utf-8-sig", "utf-16", "utf-16-le-bom"])
def test_byte_order_marks(tmp_path, code):
    text = ("\ufeff" + WIDE).encode("utf-16-le") if code.endswith("bom") else WIDE.encode(code)
    check(read_results(put(tmp_path / "r.csv", text)))


PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
def test_packed_by_content_not_by_name(tmp_path, packer, suffix):
    records = [dict(zip(("model", *ITEMS), (m, *row), strict=True)) for m, row in known()]
    text = {
        "csv": WIDE,
        "json": json.dumps(records),
        "jsonl": "".join(json.dumps(one) + "\n" for one in records),
    }[suffix]
    packed = PACKERS[packer](text.encode())
    check(read_results(put(tmp_path / f"r.{suffix}.{packer}", packed)))
    check(read_results(put(tmp_path / f"r.{suffix}", packed)))
    with pytest.raises(DataError, match=r"cannot be read|not JSON|expected .* values|no rows"):
        import_results(put(tmp_path / f"r.{suffix}", packed[: len(packed) - 12]))


def known() -> list[tuple[str, list[float | None]]]:
    return [
        (model, [None if np.isnan(one) else float(one) for one in row])
        for model, row in zip(MODELS, SCORES, strict=True)
    ]


def answers() -> dict[str, dict[str, float | None]]:
    return {model: dict(zip(ITEMS, row, strict=True)) for model, row in known()}


# --- spellings of values ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        *[("true", "false"), ("YES", "no"), ("pass", "fail"), ("passed", "failed"), ("C", "I")],
        *[("correct", "incorrect"), ("Right", "Wrong"), ("resolved", "unresolved")],
    ],
)
def test_words(tmp_path, right, wrong):
    text = f"model,q0,q1\na,{right},{wrong}\nb,0.5,\nc,{wrong},{right}\n"
    check(read_results(put(tmp_path / "r.csv", text)))


@pytest.mark.parametrize("blank", ["", " ", ".", "*", "-", "N/A", "NA", "null", "None", "nan", "?"])
def test_blanks(tmp_path, blank):
    check(read_results(put(tmp_path / "r.csv", WIDE.replace("0.5,", f"0.5,{blank}"))))


def test_partial_and_no_answer(tmp_path):
    check(read_results(put(tmp_path / "r.csv", "model,q0,q1\na,C,N\nb,P,\nc,I,C\n")))


def test_lost_answers(tmp_path):
    path = put(tmp_path / "r.csv", WIDE.replace("0.5,", "0.5,timeout"))
    with pytest.warns(UserWarning, match="1 answers that were lost .*--failures wrong"):
        check(read_results(path))
    assert read_results(path, failures="wrong").scores[1, 1] == 0


def test_percent_signs_and_scales(tmp_path):
    percent = "model,q0,q1\na,100%,0%\nb,50 %,\nc,0%,100%\n"
    check(read_results(put(tmp_path / "r.csv", percent)))
    check(read_results(tmp_path / "r.csv", scale=(0, 100)))
    with pytest.raises(DataError, match="have a percent sign, but a scale from 1 to 10"):
        read_results(tmp_path / "r.csv", scale=(1, 10))
    with pytest.raises(DataError, match="2 cells have a percent sign and 1 have none"):
        read_results(put(tmp_path / "r.csv", percent.replace("50 %", "50")))
    check(
        import_results(put(tmp_path / "r.csv", percent.replace("%", "")), scale=(0, 100)).responses
    )
    ten = put(tmp_path / "ten.csv", "model,q0,q1\na,10,1\nb,5.5,\nc,1,10\n")
    check(import_results(ten, scale=(1, 10)).responses)
    check(import_results(ten, scale=(1, 10), direction="higher").responses)


@pytest.mark.parametrize(
    ("marks", "advice"),
    [
        (("100", "37", "2"), "--scale 0:100"),
        (("10", "1", "7"), "--scale 1:10"),
        (("5", "1", "4"), "--scale 1:5"),
        (("-1", "1", "0"), "--scale -1:1"),
        (("1370", "1200", "900"), "--scale LOWEST:HIGHEST"),
    ],
)
@pytest.mark.parametrize("layout", ["model,q0\na,{}\nb,{}\nc,{}\n", "model,item,score\na,q,{}\nb,q,{}\nc,q,{}\n"])  # fmt: skip # noqa: E501
def test_advice_fits_the_scale(tmp_path, marks, advice, layout):
    with pytest.raises(DataError, match=advice) as caught:
        read_results(put(tmp_path / "r.csv", layout.format(*marks)))
    assert "100" not in str(caught.value).replace("900", "") or "100" in marks


def test_lower_is_better(tmp_path):
    path = put(
        tmp_path / "r.csv", "model,item,error_rate\na,q0,0\na,q1,1\nb,q0,0.5\nc,q0,1\nc,q1,0\n"
    )
    with pytest.warns(UserWarning, match="turned"):
        check(read_results(path, metric="error_rate"))
    wide = put(tmp_path / "w.csv", "model,q0,q1\na,0,1\nb,0.5,\nc,1,0\n")
    with pytest.warns(UserWarning, match="turned into 1 - score"):
        check(read_results(wide, direction="lower"))


# --- names of columns -------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["model_name", "Model", "system", "subject_id", "agent", "run"])
@pytest.mark.parametrize(
    "item", ["question_id", "Task ID", "instance_id", "doc_id", "meta.item_id"]
)
@pytest.mark.parametrize("score", ["correct", "acc", "resolved", "Is-Correct", "reward", "pass@1"])
def test_aliases(tmp_path, model, item, score):
    header = f"{item},{score},{model}\n"
    rows = [line.split(",") for line in LONG.splitlines()[1:]]
    text = header + "".join(f"{i},{s},{m}\n" for m, i, s in rows)
    found = import_results(put(tmp_path / "r.csv", text))
    check(found.responses)
    assert f"{model!r} is the model" in str(found.findings[0]) or model == "Model"


def test_columns_of_any_name(tmp_path):
    text = LONG.replace("model,item,score", "who,what,how")
    path = put(tmp_path / "r.csv", text)
    with pytest.raises(DataError, match="--model-column, --item-column, --score-column"):
        read_results(path)
    check(read_results(path, columns=Columns(model="who", item="what", score="how")))


def test_text_is_no_score(tmp_path):
    rows = LONG.splitlines()
    text = rows[0].replace("score", "response,correct") + "\n"
    text += "".join(line.replace("q0,", "q0,words,").replace("q1,", "q1,more,") + "\n" for line in rows[1:])  # fmt: skip # noqa: E501
    check(read_results(put(tmp_path / "r.csv", text)))


# --- JSON -------------------------------------------------------------------------------------


def test_shapes_of_pandas(tmp_path):
    import pandas as pd

    wide = pd.DataFrame(answers()).T
    named = wide.rename_axis("model").reset_index()
    long = (
        wide.rename_axis("model").reset_index().melt("model", var_name="item", value_name="score")
    )
    for orient in ("records", "index", "columns", "split", "table"):
        for k, frame in enumerate((named, long)):
            path = tmp_path / f"{orient}{k}.json"
            frame.to_json(path, orient=orient)
            check(read_results(path))
    for orient in ("index", "split"):
        wide.to_json(tmp_path / f"labels-{orient}.json", orient=orient)
        check(read_results(tmp_path / f"labels-{orient}.json"))
    named.to_json(tmp_path / "values.json", orient="values")
    with pytest.raises(DataError, match="values without names of columns"):
        read_results(tmp_path / "values.json")
    named.to_json(tmp_path / "lines.json", orient="records", lines=True)
    check(read_results(tmp_path / "lines.json"))


def test_other_shapes_of_json(tmp_path):
    records = [{"model": m, "item": q, "score": s} for m, of in answers().items() for q, s in of.items()]  # fmt: skip # noqa: E501
    found = import_results(put(tmp_path / "r.json", json.dumps({"performances": records, "n": 2})))
    check(found.responses)
    assert "performances" in str(found.findings[0])
    columns = {name: [one[name] for one in records] for name in records[0]}
    check(read_results(put(tmp_path / "c.json", json.dumps(columns))))


# --- Arrow, numpy, Excel ----------------------------------------------------------------------


def wide_table() -> pa.Table:
    return pa.table({"model": MODELS, **{q: list(SCORES[:, k]) for k, q in enumerate(ITEMS)}})


def test_arrow_files(tmp_path):
    table = wide_table()
    pa.feather.write_feather(table, tmp_path / "r.feather")
    with (
        pa.OSFile(str(tmp_path / "r.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as w,
    ):
        w.write_table(table)
    with (
        pa.OSFile(str(tmp_path / "s.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema) as w,
    ):
        w.write_table(table)
    pq.write_table(table, tmp_path / "parquet.csv")
    for name in ("r.feather", "r.arrow", "s.arrow", "parquet.csv"):
        check(read_results(tmp_path / name))


@pytest.mark.slow
@pytest.mark.parametrize("dotted", [False, True])
def test_thousands_of_columns_of_every_kind(tmp_path, dotted):
    kinds = (pa.float32(), pa.float64(), pa.float16(), pa.bool_(), pa.int8(), pa.uint64())
    rng, n, items = np.random.default_rng(0), 23, 2_345
    scores = rng.integers(0, 2, (n, items)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.1] = np.nan
    names = [f"q{k:04d}" for k in range(items)]
    if dotted:  # the first might be taken for what the second is a part of
        names[:2] = "q", "q.1"
    columns = []
    for k, column in enumerate(scores.T):
        cells = [None if np.isnan(one) else int(one) for one in column]
        kind = kinds[k % len(kinds)]
        columns.append(
            pa.array(cells, pa.int8()).cast(kind)
            if kind != pa.float16()
            else pa.array([None if c is None else np.float16(c) for c in cells], kind)
        )
    models = [f"m{k}" for k in range(n)]
    table = pa.table([*columns, pa.array(models)], [*names, "__index_level_0__"])
    pq.write_table(table, tmp_path / "r.parquet", row_group_size=10)
    read = read_results(tmp_path / "r.parquet")
    assert read.models.ids == tuple(models)
    assert read.items.ids == tuple(names)
    np.testing.assert_array_equal(read.scores, scores)


def test_models_in_an_unnamed_index(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(answers()).T
    frame.to_parquet(tmp_path / "r.parquet")
    assert "__index_level_0__" in pq.ParquetFile(tmp_path / "r.parquet").schema_arrow.names
    check(read_results(tmp_path / "r.parquet"))
    frame.to_csv(tmp_path / "r.csv")
    check(read_results(tmp_path / "r.csv"))


def test_npy_says_what_to_do(tmp_path):
    np.save(tmp_path / "r.npy", SCORES)
    with pytest.raises(DataError, match=r"numpy\.savez\('results\.npz', scores=.*ids as text"):
        read_results(tmp_path / "r.npy")


@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_of_either_order(tmp_path, order):
    np.savez(tmp_path / "r.npz", scores=np.array(SCORES, order=order), models=MODELS, items=ITEMS)
    check(read_results(tmp_path / "r.npz"))


def test_excel(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="needs tinyeval[xlsx]")
    book = openpyxl.Workbook()
    for line in WIDE.splitlines():
        book.active.append([float(one) if one[:1].isdigit() else one or None for one in line.split(",")])  # fmt: skip # noqa: E501
    book.save(tmp_path / "r.xlsx")
    check(read_results(tmp_path / "r.xlsx"))


def test_excel_without_openpyxl(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DependencyError, match=r"pip install 'tinyeval\[xlsx\]', or save .* as csv"):
        read_results(put(tmp_path / "r.xlsx", b"PK\x03\x04"))


# --- folders ----------------------------------------------------------------------------------


def test_a_file_per_model(tmp_path):
    for model, of in answers().items():
        rows = "".join(f"{q},{'' if s is None else s}\n" for q, s in of.items())
        put(tmp_path / f"{model}.csv", "item,score\n" + rows)
    put(tmp_path / "items.csv", "item,benchmark\nq0,x\nq1,y\n")
    put(tmp_path / "README.md", "hello")
    found = import_results(tmp_path)
    check(found.responses)
    assert found.responses.benchmarks == ("x", "y")
    assert (found.files, found.why) == (3, "a folder with 3 tables, such as a.csv")


def test_saved_data_sets(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = [
        {"model": m, "item": q, "score": s} for m, of in answers().items() for q, s in of.items()
    ]
    whole = datasets.Dataset.from_list(rows)
    whole.save_to_disk(tmp_path / "one", num_shards=2)
    check(read_results(tmp_path / "one"))
    parts = {m: whole.filter(lambda row, m=m: row["model"] == m).remove_columns("model") for m in MODELS}  # fmt: skip # noqa: E501
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "several")
    check(read_results(tmp_path / "several"))
    check(read_results(whole.shuffle(seed=0)))
    check(read_results(datasets.DatasetDict(parts)))
    check(read_results(datasets.DatasetDict({"train": whole})))
