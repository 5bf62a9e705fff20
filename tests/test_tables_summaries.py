"""Columns that are no items, and tables that lie on their side, never become items unsaid."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results, write_results
from tinyeval.responses import ResponseMatrix

ITEMS = [f"q{k}" for k in range(60)]
MODELS = [f"m{k}" for k in range(40)]


def answers(graded: bool = False, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.normal(size=(40, 1)) - rng.normal(size=60)))
    return rng.binomial(5, p) / 5 if graded else rng.binomial(1, p).astype(float)


def table(path: Path, columns: dict[str, list], corner: str = "model") -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([corner, *columns])
        writer.writerows(zip(MODELS, *columns.values(), strict=False))
    return path


def items(scores: np.ndarray) -> dict[str, list]:
    return {item: scores[:, k].tolist() for k, item in enumerate(ITEMS)}


def dropped(found) -> list[str]:
    return [one for f in found.findings if f.kind == "dropped" for one in f.examples]


def test_the_example_of_everybody(tmp_path):
    scores = answers()
    rng = np.random.default_rng(1)
    mean = scores.mean(axis=1)
    rows = {
        "Unnamed: 0": list(range(40)),
        "params_b": rng.choice([7, 13, 70], 40).tolist(),
        **items(scores),
        "average": mean.round(4).tolist(),
        "pass_rate": (mean * 0.9 + 0.05 * rng.random(40)).round(3).tolist(),
        "size": [f"{k}B" for k in rng.choice([7, 13, 70], 40)],
        "n_shot": [5] * 40,
    }
    found = import_results(table(tmp_path / "r.csv", rows))
    assert found.responses.items.ids == tuple(ITEMS)
    np.testing.assert_array_equal(found.responses.scores, scores.astype(np.float32))
    said = " ".join(str(one) for one in found.findings)
    for name in ("average", "pass_rate", "size", "n_shot", "Unnamed: 0", "params_b"):
        assert repr(name) in said
    with pytest.warns(UserWarning, match="columns are no items"):
        read_results(tmp_path / "r.csv")


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("average", lambda s: s.mean(axis=1).round(3)),
        ("anything", lambda s: s.mean(axis=1).round(4)),
        ("percentage", lambda s: (100 * s.mean(axis=1)).round(1)),
        ("n_right", lambda s: s.sum(axis=1)),
        ("Rank", lambda s: s.mean(axis=1).argsort().argsort() + 1),
        ("whatever", lambda s: np.arange(40)),
        ("params", lambda s: np.full(40, 7)),
        ("org", lambda s: ["meta", "qwen"] * 20),
        ("anything goes", lambda s: ["text", "words", "more", "or"] * 10),
    ],
)
def test_left_out_and_said(tmp_path, graded, name, make):
    scores = answers(graded)
    found = import_results(table(tmp_path / "r.csv", {**items(scores), name: list(make(scores))}))
    assert found.responses.items.ids == tuple(ITEMS)
    assert dropped(found) == [name]


def test_mean_of_a_group(tmp_path):
    scores = answers()
    rows = {f"arc_{k}": scores[:, k].tolist() for k in range(30)}
    rows |= {f"gsm_{k}": scores[:, k].tolist() for k in range(30, 60)}
    rows |= {"arc": scores[:, :30].mean(axis=1).tolist()}
    found = import_results(table(tmp_path / "r.csv", rows))
    assert found.responses.n_items == 60
    assert dropped(found) == ["arc"]


@pytest.mark.parametrize(
    ("name", "make", "why"),
    [
        ("average", lambda s: np.roll(s[:, 0], 1), "its name is that of a summary"),
        ("size", lambda s: np.roll(s[:, 0], 1), "its name is that of a fact about models"),
        ("elsewhere", lambda s: 3 + s[:, 0] + s[:, 1], "it runs from 3 to 5, others from 0 to 1"),
        ("almost", lambda s: s.mean(axis=1) ** 1.1, "it follows the mean of the other columns"),
        ("constant", lambda s: np.full(40, 0.25), "it is 0.25 for all models"),
    ],
)
def test_in_doubt(tmp_path, name, make, why):
    scores = answers()
    path = table(tmp_path / "r.csv", {**items(scores), name: make(scores).tolist()})
    with pytest.raises(DataError, match=f"'{name}': {why}.*--drop '{name}' .*--keep '{name}'"):
        read_results(path)
    with pytest.warns(UserWarning, match="left out by --drop"):
        assert read_results(path, drop=[name]).n_items == 60
    if name != "elsewhere":
        assert import_results(path, keep=[name]).responses.items.ids == (*ITEMS, name)


def test_true_items_stay(tmp_path):
    scores = answers()
    scores[:, 0], scores[:, 1], scores[:3, 2] = 1, 0, np.nan
    rows = {**items(scores), "graded": (np.roll(scores[:, 5], 3) / 2).tolist()}
    path = tmp_path / "r.csv"
    assert read_results(table(path, rows)).items.ids == (*ITEMS, "graded")


def test_keep_always_wins(tmp_path):
    scores = answers()
    rows = {**items(scores), "average": scores.mean(axis=1).tolist(), "n_shot": [0] * 40}
    path = table(tmp_path / "r.csv", rows)
    kept = import_results(path, keep=["average", "n_shot"])
    assert kept.responses.items.ids == (*ITEMS, "average", "n_shot")
    assert dropped(kept) == []


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
def test_what_was_kept_is_kept_when_written(tmp_path, suffix):
    scores = answers()
    known = ResponseMatrix.from_arrays(
        np.column_stack([scores, scores.mean(axis=1)]), MODELS, [*ITEMS, "average"]
    )
    write_results(known, tmp_path / f"r{suffix}")
    assert read_results(tmp_path / f"r{suffix}").items.ids == (*ITEMS, "average")


# --- tables that lie on their side ------------------------------------------------------------

NAMES = ["meta-llama/Llama-3-8B", "openai/gpt-4", "Qwen/Qwen2-7B"]


def on_side(path: Path, header: list[str], rows: list[str], corner: str) -> Path:
    lines = [",".join([corner, *header])]
    lines += [",".join([row, *(str((k + j) % 2) for j in range(len(header)))]) for k, row in enumerate(rows)]  # fmt: skip # noqa: E501
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("header", "rows", "corner"),
    [
        (NAMES, [f"q{k}" for k in range(30)], ""),
        (NAMES, [str(k) for k in range(30)], ""),
        (NAMES, ["apple", "pear", "plum"], "item"),
        (["one", "two"], ["apple", "pear", "plum"], "question_id"),
        ([f"model{k:04}" for k in range(60)], [f"item{k:04}" for k in range(500)], ""),
        (["gpt-4", "claude-3"], ["what", "how", "why"], "question"),
        (["gpt-4", "claude-3"], ["1", "2", "3"], "id"),
        (["org/Alpha", "lab/Beta"], [f"arc_{k}" for k in range(9)], "model"),
    ],
)
def test_a_table_on_its_side_is_refused_and_turned(tmp_path, header, rows, corner):
    path = on_side(tmp_path / "r.csv", header, rows, corner)
    with pytest.raises(DataError, match="--transpose turns it"):
        read_results(path)
    turned = read_results(path, transpose=True)
    assert (turned.models.ids, turned.items.ids) == (tuple(header), tuple(rows))
    expected = [[(k + j) % 2 for k in range(len(rows))] for j in range(len(header))]
    np.testing.assert_array_equal(turned.scores, expected)


def test_only_its_shape_tells(tmp_path):
    path = on_side(tmp_path / "r.csv", ["one", "two"], [f"w{k}x" for k in range(30)], "")
    with pytest.warns(UserWarning, match="doubt: .* 30 rows and 2 columns .*--transpose"):
        assert read_results(path).n_models == 30


def test_turned_tables_have_notes_in_columns_and_summaries_in_rows(tmp_path):
    scores = answers()[:10]
    names = [f"org/m{k}" for k in range(10)]
    lines = [",".join(["item", "benchmark", *names])]
    lines += [",".join([q, "arc", *map(str, scores[:, k])]) for k, q in enumerate(ITEMS)]
    lines += [",".join(["average", "", *map(str, scores.mean(axis=1))])]
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    found = import_results(tmp_path / "r.csv", transpose=True)
    assert found.responses.models.ids == tuple(names)
    assert found.responses.items.ids == tuple(ITEMS)
    assert found.responses.benchmarks == ("arc",)
    assert dropped(found) == ["average"]


@pytest.mark.parametrize("graded", [True, False])
@pytest.mark.parametrize("digits", [2, 4])
def test_a_mean_of_some_items_is_none_whatever_it_is_called(tmp_path, graded, digits):
    scores = answers(graded)[:, :30]
    some = scores[:, 4:16].mean(axis=1).round(digits)
    rows = {f"q{k}": scores[:, k].tolist() for k in range(30)} | {"reasoning": some.tolist()}
    found = import_results(table(tmp_path / "r.csv", rows))
    assert found.responses.items.ids == tuple(ITEMS[:30])
    assert "means of some of the other columns" in " ".join(map(str, found.findings))
    kept = import_results(tmp_path / "r.csv", keep=["reasoning"])
    assert len(kept.responses.items.ids) == 31


def test_graded_items_that_go_with_others_are_items(tmp_path):
    """Each is close to the mean of some others, as items are, and is not it."""
    rng = np.random.default_rng(3)
    ability = rng.random((40, 1))
    scores = np.clip(ability + 0.05 * rng.normal(size=(40, 25)), 0, 1).round(3)
    rows = {f"q{k}": scores[:, k].tolist() for k in range(25)}
    found = import_results(table(tmp_path / "r.csv", rows))
    assert len(found.responses.items.ids) == 25
