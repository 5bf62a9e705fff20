"""Arrays of objects read one by one: the same as Python's parser, whatever the window cuts."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyeval.errors import DataError
from tinyeval.importers import jsonarray as module
from tinyeval.importers.jsonarray import array_objects
from tinyeval.importers.textfiles import json_records

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
RECORDS = st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), max_size=5)


def values(text: str, chunk: int, **options: bool) -> list[tuple[int, dict[str, object]]]:
    file = io.StringIO(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        return list(array_objects(Path("a.json"), file, file.read(chunk), **options))


@pytest.mark.slow
@given(RECORDS, st.integers(1, 40), st.sampled_from([None, 0, 2]), st.booleans())
def test_it_is_what_python_reads(records, chunk, indent, ascii_):
    text = json.dumps(records, indent=indent, ensure_ascii=ascii_)
    assert [value for _, value in values(text, chunk)] == records


@given(st.integers(1, 9))
def test_lines_are_those_where_objects_begin(chunk):
    text = '[\n{"a": 1},\n\n{"b":\n2}, {"c": 3}\n]\n'
    assert values(text, chunk) == [(2, {"a": 1}), (4, {"b": 2}), (5, {"c": 3})]


@pytest.mark.slow
@given(RECORDS.filter(len), st.integers(1, 40), st.data())
def test_a_cut_array_is_refused(records, chunk, data):
    text = json.dumps(records)
    cut = data.draw(st.integers(1, len(text) - 1))
    with pytest.raises(DataError, match=r"a\.json:1: not JSON: .*cut off"):
        values(text[:cut], chunk)


@pytest.mark.parametrize("chunk", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1} {"b": 2}]', "expected ',', found '{'"),
        ('[{"a": 1},]', "expected a JSON object in the array, found ']'"),
        ("[\n1]", r"a\.json:2: expected a JSON object in the array, found '1'"),
        ("[] []", "text after the end of the array"),
        ('[{"a": 1}}', "expected ',', found '}'"),
        ('[{"a": 1, "a": 2}]', "the key 'a' appears twice"),
    ],
)
def test_what_is_no_array_of_objects_is_refused(text, message, chunk):
    with pytest.raises(DataError, match=message):
        values(text, chunk, unique_keys=True)


@pytest.mark.slow
def test_too_deep_an_element_is_refused():
    with pytest.raises(DataError, match=r"a\.json:1: not JSON: nested too deeply"):
        values('[{"a": ' + "[" * 100_000, 1000)


def test_a_missing_quote_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 1000)
    with pytest.raises(DataError, match=r"not JSON: Unterminated string.*cut off"):
        values('[{"a": "' + "x" * 50_000 + '"}]', 100)


def test_no_more_than_a_window_is_held(tmp_path):
    path = tmp_path / "big.json"
    record = json.dumps({"item": "q", "answer": "x" * 5000})
    with path.open("w") as file:
        file.write("[" + ",".join([record] * 4000) + "]")  # 20 MB on one line
    tracemalloc.start()
    try:
        assert sum(1 for _ in json_records(path)) == 4000
        assert tracemalloc.get_traced_memory()[1] < 10 * module.CHUNK
    finally:
        tracemalloc.stop()
