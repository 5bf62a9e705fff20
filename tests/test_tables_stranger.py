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
    table.to_csv(path, index=table.index.dtype == object)
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
