"""Small files that stand for a lot: memory stays within 2 GiB or twenty times the file.

The bound is lowered, so that the files and the tests are small; two are measured as they are.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_import_inspect import header

from tinyeval.errors import DataError
from tinyeval.importers import import_results, opening, read_results

ROOT = Path(__file__).parent.parent

MANY = 200_000


@pytest.fixture
def low(monkeypatch):
    """A bound of a mebibyte in place of 2 GiB."""
    monkeypatch.setattr(opening, "LEAST_BOUND", 2**20)


@pytest.fixture
def lowered(monkeypatch):
    """A bound of eight mebibytes in place of 2 GiB."""
    monkeypatch.setattr(opening, "LEAST_BOUND", 2**23)


def refused(path: Path, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_results(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def one_text(n: int, text: str) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([text]))


def write_parquet(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path, store_schema=False)
    assert path.stat().st_size < 40_000
    return path


def test_one_text_for_all_rows_of_parquet(low, tmp_path):
    text = one_text(MANY, "a")
    table = pa.table({"model": text, "item": text, "score": np.ones(MANY, np.float32)})
    refused(write_parquet(tmp_path / "r.parquet", table), r"200,000 rows of 3 columns, which")


def test_one_long_text_for_all_rows_of_parquet_is_held_once(tmp_path):
    names = pa.array([f"m{k}" for k in range(3000)])
    table = pa.table({"model": names, "prompt": one_text(3000, "x" * 10_000), "q": np.ones(3000)})
    path = write_parquet(tmp_path / "r.parquet", table)
    tracemalloc.start()
    found = import_results(path).responses
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.models.ids[-1] == "m2999"
    assert peak < 2**23  # 30 MB if each row had its own


def test_lists_of_many_values_in_few_rows_of_parquet(low, tmp_path):
    lists = pa.ListArray.from_arrays(pa.array([0, MANY], pa.int32()), pa.array(np.zeros(MANY)))
    path = write_parquet(tmp_path / "r.parquet", pa.table({"model": ["a"], "q": lists}))
    refused(path, "bytes of lists and structures, which would take")


def test_run_lengths_of_arrow(low, tmp_path):
    column = pa.RunEndEncodedArray.from_arrays(pa.array([MANY], pa.int32()), pa.array(["a"]))
    table = pa.table({"model": column, "item": column})
    with pa.ipc.new_file(tmp_path / "r.arrow", table.schema) as file:
        file.write_table(table)
    refused(tmp_path / "r.arrow", "more than 200,000 rows")


def test_ids_without_end_of_npz(low, tmp_path):
    with zipfile.ZipFile(tmp_path / "r.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        ids = np.full(MANY, b"a")
        for name, array in {"scores": np.ones((1, 1)), "models": ids, "items": ids}.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.save(file, array)
    refused(tmp_path / "r.npz", r"\(200000,\) ids, which would take")


@pytest.mark.parametrize("packing", ["zstd", "lz4"])
@pytest.mark.parametrize("kind", [pa.ipc.new_file, pa.ipc.new_stream])
def test_packed_columns_of_arrow_are_not_unpacked(low, tmp_path, kind, packing):
    """What a batch becomes is read from its message: Arrow would unpack all of it at once."""
    path = tmp_path / "r.arrow"
    batch = pa.record_batch({"q": np.zeros(MANY), "r": np.zeros(MANY)})
    with kind(path, batch.schema, options=pa.ipc.IpcWriteOptions(compression=packing)) as file:
        file.write_batch(batch)
    before = pa.total_allocated_bytes()
    refused(path, "hold packed columns, which would take")
    assert pa.total_allocated_bytes() <= before


def test_packed_words_of_arrow(low, tmp_path):
    words = pa.array(["x" * 2**21, "y"])
    table = pa.table({"model": pa.DictionaryArray.from_arrays([0, 1], words), "q": [1.0, 0.0]})
    with pa.ipc.new_file(
        tmp_path / "r.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as file:
        file.write_table(table)
    refused(tmp_path / "r.arrow", "hold packed columns")


def packed(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()))
    return path


UNITS = 400_000
"""Three bytes each, a megabyte and more."""

PACKED = {
    "rows.csv.gz": ("model,item,score\n" + "a,b,1\n" * MANY, "rows or more of 3 columns"),
    "rows.jsonl.gz": ('{"a":1,"b":1}\n' * MANY, "rows or more of 2 columns"),
    "keys.jsonl.gz": ("".join(f'{{"k{k}":1}}\n' for k in range(2000)), "rows or more of"),
    "rows.json.gz": ("[" + '{"a":1},' * 2 * MANY + "{}]", "lists and objects, or more"),
    "value.json.gz": ('{"a":[' + "{}," * UNITS + "{}]}", "lists and objects, or more, in one"),
    "element.json.gz": ('[{"a":[' + "{}," * UNITS + "{}]}]", "lists and objects, or more, in"),
    "line.jsonl.gz": ('{"a":[' + "[]," * UNITS + "[]]}", "lists and objects, or more, in one"),
    "text.json.gz": ('{"a":"' + "x" * 2**22 + '"}', "more than 2,097,152 characters"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKED)
def test_packed_text(lowered, tmp_path, name):
    text, message = PACKED[name]
    refused(packed(tmp_path / name, text), message)


def test_summaries_of_a_killed_log(low, tmp_path):
    with zipfile.ZipFile(tmp_path / "log.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", json.dumps(header()))
        for k in range(10):
            archive.writestr(f"_journal/summaries/{k}.json", "[" + "{}," * 5000 + "{}]")
    refused(tmp_path / "log.eval", "bytes of summaries, which would take")


def sheet(path: Path, rows: str) -> Path:
    """A workbook whose sheet has these rows."""
    openpyxl = pytest.importorskip("openpyxl")
    openpyxl.Workbook().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    text = f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'
    members["xl/worksheets/sheet1.xml"] = text.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.slow
def test_cells_far_to_the_right_and_far_below_of_a_workbook(low, tmp_path):
    row = '<row r="{0}"><c r="XFD{0}"><v>1</v></c></row>'
    rows = "".join(row.format(k) for k in range(1, 40))
    refused(sheet(tmp_path / "wide.xlsx", rows), "rows or more of 1 columns")
    cell = '<row r="999999999"><c r="A999999999"><v>1</v></c></row>'
    refused(sheet(tmp_path / "long.xlsx", cell), "more rows than Excel can hold")


MEASURED = """
import resource, sys
from tinyeval.errors import TinyEvalError
from tinyeval.importers import read_results
try:
    read_results(sys.argv[1])
except TinyEvalError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux counts it")
def test_memory_as_the_system_counts_it(tmp_path):
    rows = 10**7
    table = pa.table({"model": one_text(rows, "a"), "q": np.ones(rows, np.float32)})
    with pq.ParquetWriter(tmp_path / "r.parquet", table.schema) as writer:
        for _ in range(10):
            writer.write_table(table, row_group_size=rows)
    with gzip.open(tmp_path / "r.json.gz", "wb", compresslevel=1) as file:
        file.write(b'{"a":[')
        for _ in range(100):
            file.write(b"{}," * 10**6)
    for name in ("r.parquet", "r.json.gz"):
        assert (tmp_path / name).stat().st_size < 2_000_000
        code = [sys.executable, "-c", MEASURED, tmp_path / name]
        found = subprocess.run(code, cwd=ROOT, capture_output=True, text=True, timeout=120)
        message, peak = found.stdout.splitlines()
        assert message.startswith(str(tmp_path / name))
        assert int(peak) < 2048
        assert found.stderr == ""
