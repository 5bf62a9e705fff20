"""Results that are objects, not files."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import import_results, read_results
from tinyeval.responses import ResponseMatrix

MODELS, ITEMS = ("a", "b", "c"), ("q0", "q1")
SCORES = np.array([[1, 0], [0.5, np.nan], [0, 1]], dtype=np.float32)


def check(read: ResponseMatrix) -> None:
    np.testing.assert_array_equal(read.select(MODELS).align(ITEMS), SCORES)


def rows() -> list[dict[str, object]]:
    return [
        {"model": m, "item": q, "score": None if np.isnan(s) else float(s)}
        for m, row in zip(MODELS, SCORES, strict=True)
        for q, s in zip(ITEMS, row, strict=True)
    ]


def test_frames_of_pandas():
    import pandas as pd

    long = pd.DataFrame(rows())
    wide = pd.DataFrame(SCORES, index=list(MODELS), columns=list(ITEMS))
    named = wide.rename_axis("model")
    for frame in (
        *(long, wide, named, named.reset_index(), long.set_index(["model", "item"])),
        *(long.convert_dtypes(), long.astype({"model": "category"}), named.astype(object)),
    ):
        check(read_results(frame))
    found = import_results(named)
    assert (found.format, found.why) == ("table", "pandas DataFrame")
    check(read_results([long.iloc[:2], long.iloc[2:]]))
    with pytest.raises(DataError, match="--transpose turns it"):
        read_results(wide.rename(index={m: f"org/{m}-7b" for m in MODELS}).T)
    with pytest.raises(DataError, match="names appear more than once"):
        read_results(pd.concat([named, named], axis=1))


def test_tables_of_arrow():
    check(read_results(pa.Table.from_pylist(rows())))


def test_frames_of_polars():
    polars = pytest.importorskip("polars")
    check(read_results(polars.DataFrame(rows())))
    check(read_results(polars.LazyFrame(rows())))


def test_plain_objects():
    cells = dict(zip(MODELS, SCORES, strict=True))
    answers = {m: dict(zip(ITEMS, row.tolist(), strict=True)) for m, row in cells.items()}
    check(read_results(rows()))
    check(read_results(answers))
    check(read_results([{"model": m, **of} for m, of in answers.items()]))
    check(read_results({name: [one[name] for one in rows()] for name in rows()[0]}))


def test_arrays_with_ids():
    check(read_results((SCORES, MODELS, ITEMS)))
    check(read_results((SCORES.tolist(), np.array(MODELS), list(ITEMS))))
    check(read_results({"scores": SCORES, "models": MODELS, "items": ITEMS}))
    check(import_results((100 * SCORES, MODELS, ITEMS), scale=(0, 100)).responses)
    with pytest.raises(DataError, match=r"= \(2, 2\), found .* \(3, 2\)"):
        read_results((SCORES, MODELS[:2], ITEMS))
    with pytest.raises(DataError, match=r"give \(scores, models, items\)"):
        read_results(SCORES)


def test_a_matrix_is_itself():
    known = ResponseMatrix.from_arrays(SCORES, MODELS, ITEMS)
    check(read_results(known))


@pytest.mark.parametrize("source", [3, None, object(), b"r.csv", {1, 2}, [object()]])
def test_anything_else_is_refused_in_a_sentence(source):
    with pytest.raises(DataError, match=r"expected paths, a pandas or polars DataFrame, .*found "):
        read_results(source)


def test_a_format_of_files_cannot_be_in_memory():
    with pytest.raises(ConfigError, match="an object in memory is a table"):
        read_results(rows(), format="lm_eval")
    with pytest.raises(ConfigError, match="tables have no filters"):
        read_results(rows(), filter="strict")
