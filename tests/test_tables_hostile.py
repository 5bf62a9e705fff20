"""Files that want too much memory, never end, or are not what they seem: one line, and soon."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tinyeval.errors import DataError
from tinyeval.importers import opening, read_results, write_results
from tinyeval.responses import ResponseMatrix


def refused(path: Path, message: str, **options) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message) as caught:
            read_results(path, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert peak < 64 * 2**20


def test_parquet_of_far_more_rows_than_bytes(tmp_path, monkeypatch):
    path = tmp_path / "r.parquet"
    some = pa.table({"model": ["a"] * 100_000, "q0": np.ones(100_000, np.float32)})
    with pq.ParquetWriter(path, some.schema) as writer:
        for _ in range(3):
            writer.write_table(some)
    monkeypatch.setattr(opening, "LEAST_BOUND", 2**20)
    refused(path, r"hold 300,000 rows of 2 columns, which would take .* more than 2 GiB and 20")


def npz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_headers_of_npz_that_promise_too_much(tmp_path):
    file = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)}
    np.lib.format.write_array_header_1_0(file, header)
    ids = npy(np.array(["a"]))
    path = npz(tmp_path / "r.npz", scores=file.getvalue(), models=ids, items=ids)
    refused(path, "should have 4,000,000,000,000 bytes and has 0")
    header["shape"] = (-1,)
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, header)
    refused(npz(path, scores=file.getvalue(), models=ids, items=ids), "not an npz file of plain")


@pytest.mark.slow
def test_one_long_id_among_many(tmp_path):
    models = ["x" * 10_000, *(f"m{k}" for k in range(2_000))]
    known = ResponseMatrix.from_arrays(np.ones((2_001, 1)), models, ["q"])
    tracemalloc.start()
    write_results(known, tmp_path / "r.npz")
    read = read_results(tmp_path / "r.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read.models.ids == tuple(models)
    assert peak < 40 * 2**20  # all of them at that width would take 80 MB
    assert np.load(tmp_path / "r.npz")["models"][1] == "m0"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl", ".parquet", ".npz", ".xlsx", ".npy"])
def test_pipes_and_devices_are_not_opened(tmp_path, suffix):
    pipe = tmp_path / f"pipe{suffix}"
    os.mkfifo(pipe)
    refused(pipe, "found a .*pipe", format="table")
    link = tmp_path / f"zero{suffix}"
    link.symlink_to("/dev/zero")
    refused(link, "found a device", format="table")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_what_unpacks_to_far_more_than_it_is(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(opening, "LEAST_BOUND", 2**16)
    path = tmp_path / "r.csv"
    path.write_bytes(pack(b"model,q0\n" + b"a,1\n" * 200_000))
    refused(path, "more than 2 GiB and 20 times")


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, '{"model": "a", "q": ' + "[" * 9**5]
)
def test_deep_json(tmp_path, suffix, text):
    path = tmp_path / f"r{suffix}"
    path.write_text(text)
    refused(path, "nested too deeply|not JSON|expected a JSON object|without names")


@pytest.mark.slow
def test_an_almost_empty_matrix_is_refused_before_it_is_made(tmp_path):
    n = 12_000
    path = tmp_path / "r.csv"
    path.write_text("model,item,score\n" + "".join(f"m{k},q{k},1\n" for k in range(n)))
    refused(
        path, r"12,000 scores of 12,000 models x 12,000 items: 0\.0083 % of the matrix is known"
    )
