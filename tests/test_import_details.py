"""Details of lighteval and of both Open LLM Leaderboards: every shape in which they lie.

lighteval's is that of files which version 0.13.0 itself wrote here (its dummy model, two tasks,
two runs): columns ``doc``, ``metric``, ``model_response``, rows in shuffled order, ids of the
documents, ``original_num_docs`` always -1.  No file of a leaderboard was at hand.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tinyeval.errors import DataError
from tinyeval.importers import Imported, import_results, read_results
from tinyeval.importers.details_files import Task

DATE, LATER = "2024-02-10T02-21-43.730137", "2024-03-01T00-00-00"
ARC = "harness|arc:challenge|25"


def parquet(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def details(root: Path, task: str, rows: list[dict], date: str = DATE) -> Path:
    return parquet(root / date / f"details_{task}_{date}.parquet", rows)


def results(path: Path, model: str, tasks: dict | None = None, **general) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"config_general": {"model_name": model, **general}, "config_tasks": tasks or {}}
    path.write_text(json.dumps(content))


def row(imported: Imported, model: str) -> list[float]:
    return [float(one) for one in imported.responses.select([model]).scores[0]]


# --- the first Open LLM Leaderboard -------------------------------------------------------------

MARKS = [(0.0, 1.0), (1.0, 1.0), (0.0, 0.0)]


def example(k: int) -> dict:
    return {"example": f"Question {k}?", "full_prompt": f"Question 0? ... Question {k}?"}


def flat(k: int, acc: float, norm: float) -> dict:
    return {**example(k), "truncated": 0, "acc": acc, "acc_norm": norm}


def dotted(k: int, acc: float, norm: float) -> dict:
    return {**example(k), "num_asked_few_shots": 25, "metrics.acc": acc, "metrics.acc_norm": norm}


def nested(k: int, acc: float, norm: float) -> dict:
    return {**example(k), "metrics": {"acc": acc, "acc_norm": norm, "parts": [1, 0]}}


def text(k: int, acc: float, norm: float) -> dict:
    return {**example(k), "metrics": str({"acc": acc, "acc_norm": norm})}


@pytest.mark.parametrize("shape", [flat, dotted, nested, text])
def test_shapes_of_the_marks(tmp_path, shape):
    rows = [shape(k, *marks) for k, marks in enumerate(MARKS)]
    details(tmp_path / "details_org__m", ARC, rows)
    found = import_results(tmp_path)
    assert found.format == "open_llm_leaderboard"
    assert found.why == f"details_{ARC}_{DATE}.parquet"
    # arc is ranked by acc_norm, so that this needs no choice
    assert found.chosen == {"arc_challenge": {"metric": "acc_norm"}}
    assert found.responses.items.ids == tuple(f"arc_challenge/{k}" for k in range(3))
    assert row(found, "org/m") == [1, 1, 0]
    assert row(import_results(tmp_path, metric="acc"), "org/m") == [0, 1, 0]


def test_the_shapes_join(tmp_path):
    for name, shape in (("a", flat), ("b", dotted), ("c", nested), ("d", text)):
        rows = [shape(k, *marks) for k, marks in enumerate(MARKS)]
        details(tmp_path / f"details_org__{name}", ARC, rows)
    found = import_results(tmp_path)
    assert found.responses.models.ids == tuple(f"org/{one}" for one in "abcd")
    assert (found.responses.scores == [1, 1, 0]).all()


def test_row_order_is_checked_by_the_documents(tmp_path):
    rows = [flat(k, *marks) for k, marks in enumerate(MARKS)]
    details(tmp_path / "details_org__a", ARC, rows)
    blank = [{**one, "example": f" {one['example']}\n"} for one in rows]
    details(tmp_path / "details_org__b", ARC, blank)
    assert read_results(tmp_path).n_models == 2
    details(tmp_path / "details_org__c", ARC, [rows[1], rows[0], rows[2]])
    with pytest.raises(DataError, match=r"'arc_challenge/0' has two values of 'hash'.*2 of 3"):
        read_results(tmp_path)


def test_tasks_and_benchmarks(tmp_path):
    root = tmp_path / "details_org__m"
    for subject in ("anatomy", "virology"):
        task = f"harness|hendrycksTest-{subject}|5"
        details(root, task, [{**example(k), "acc": 1.0, "acc_norm": 0.0} for k in range(2)])
    details(root, "harness|truthfulqa:mc|0", [{**example(0), "mc1": 0.0, "mc2": 0.3}])
    details(root, "harness|gsm8k|5", [{**example(0), "acc": 1.0}])
    found = import_results(tmp_path)
    items = found.responses.items
    assert items.ids[:2] == ("gsm8k/0", "hendrycksTest_anatomy/0")
    assert set(items.columns["benchmark"]) == {"gsm8k", "hendrycksTest", "truthfulqa_mc"}
    assert set(items.columns["subject"]) >= {"hendrycksTest_virology", "gsm8k"}
    np.testing.assert_allclose(row(found, "org/m"), [1, 1, 1, 1, 1, 0.3], rtol=1e-6)


def test_the_hubs_own_copies(tmp_path):
    rows = [flat(k, *marks) for k, marks in enumerate(MARKS)]
    config = tmp_path / "details_org__m" / "harness_arc_challenge_25"
    parquet(config / "latest" / "0000.parquet", rows)
    parquet(config / "2024_02_10T02_21_43.730137" / "0000.parquet", rows)
    found = import_results(tmp_path)
    assert found.why == "latest/0000.parquet"
    assert found.files == 1
    assert row(found, "org/m") == [1, 1, 0]
    single = parquet(tmp_path / "org__m2" / "harness_arc_challenge_25.parquet", rows)
    found = import_results(single)
    assert row(found, "org/m2") == [1, 1, 0]
    assert found.findings[-1].kind == "guessed"


def test_a_task_in_several_files_goes_on_counting(tmp_path):
    rows = [flat(k, *marks) for k, marks in enumerate(MARKS)]
    latest = tmp_path / "details_org__m" / "harness_arc_challenge_25" / "latest"
    parquet(latest / "0000.parquet", rows[:2])
    parquet(latest / "0001.parquet", rows[2:])
    found = import_results(tmp_path)
    assert found.responses.items.ids == tuple(f"arc_challenge/{k}" for k in range(3))
    assert row(found, "org/m") == [1, 1, 0]


def test_results_name_the_model_and_reruns_are_repeats(tmp_path):
    root = tmp_path / "datasets--x--details_org__m" / "snapshots" / "abc"
    rows = [flat(k, *marks) for k, marks in enumerate(MARKS)]
    details(root, ARC, rows)
    details(root, ARC, [*rows[:2], flat(2, 1.0, 1.0)], LATER)
    found = import_results(tmp_path)
    assert row(found, "org/m") == [1, 1, 0.5]
    for date, sha in ((DATE, "aaa"), (LATER, "bbb")):
        results(root / f"results_{date}.json", "Org/M", model_sha=sha)
    assert read_results(tmp_path).models.ids == ("Org/M [revision=aaa]", "Org/M [revision=bbb]")


def test_text_that_holds_no_marks(tmp_path):
    path = details(tmp_path / "details_o__m", ARC, [{"metrics": "__import__('os')"}])
    with pytest.raises(DataError, match="expected the marks of a row as text"):
        read_results(path)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([{"example": "a", "predictions": "b"}], "expected a column of marks .acc, metrics.acc"),
        ([{"example": "a", "acc": 3.0}], r"'acc' is 3, outside \[0, 1\]"),
    ],
)
def test_details_without_marks(tmp_path, rows, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(details(tmp_path / "details_o__m", ARC, rows))


def test_a_damaged_file(tmp_path):
    path = details(tmp_path / "details_o__m", ARC, [flat(0, 1.0, 1.0)])
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="not a Parquet file, or damaged") as caught:
        read_results(path)
    assert "\n" not in str(caught.value)


def test_names_of_tasks():
    assert Task.parse("harness|arc:challenge|25") == Task("harness", "arc:challenge", "25")
    assert Task.parse("gsm8k|0") == Task("", "gsm8k", "0")
    assert Task.parse("lighteval|gsm8k|5|1") == Task("lighteval", "gsm8k", "5")
    assert Task.parse("gsm8k") == Task("", "gsm8k", "")


# --- lighteval ----------------------------------------------------------------------------------


def lighteval_rows(names: tuple[str, str, str], marks, ids=None, **more) -> list[dict]:
    doc, response, metric = names
    return [
        {
            doc: {"query": f"Q{k}", "id": str(k) if ids is None else ids[k], "choices": ["a"]},
            response: {"text": ["a"]},
            metric: {"em": mark, **more},
        }
        for k, mark in enumerate(marks)
    ]


PLAIN = ("doc", "model_response", "metric")
DUNDER = ("__doc__", "__model_response__", "__metric__")


@pytest.mark.parametrize("names", [PLAIN, DUNDER])
def test_lighteval(tmp_path, names):
    root = tmp_path / "details" / "HuggingFaceH4" / "zephyr"
    details(root, "gsm8k|0", lighteval_rows(names, [1, 0, None], ids=["7", "3", "5"]))
    found = import_results(tmp_path)
    assert found.format == "lighteval"
    assert found.chosen == {"gsm8k": {"metric": "em"}}
    assert found.responses.items.ids == ("gsm8k/7", "gsm8k/3", "gsm8k/5")
    np.testing.assert_array_equal(row(found, "HuggingFaceH4/zephyr"), [1, 0, np.nan])


def test_older_lighteval_files_have_a_column_of_metrics(tmp_path):
    rows = [{"example": f"Q{k}", "full_prompt": "...", "metrics": {"acc": k % 2}} for k in (0, 1)]
    details(tmp_path / "details_org__m_private", "leaderboard|mmlu:anatomy|5", rows)
    found = import_results(tmp_path)
    assert found.format == "lighteval"
    assert found.responses.items.ids == ("mmlu:anatomy/0", "mmlu:anatomy/1")
    assert set(found.responses.items.columns["benchmark"]) == {"mmlu"}
    assert row(found, "org/m") == [0, 1]


def test_ids_that_are_not_unique_give_way_to_rows(tmp_path):
    rows = lighteval_rows(PLAIN, [1, 0, 1, 1], ids=["0", "1", "0", "1"])
    details(tmp_path / "details" / "m", "xcopa:et|0", rows)
    found = import_results(tmp_path)
    assert found.responses.items.ids == tuple(f"xcopa:et/{k}" for k in range(4))
    assert "one id for several documents" in str(found.findings[0])


def test_what_the_results_say(tmp_path):
    config = {
        "gsm8k|0": {
            "name": "gsm8k",
            "original_num_docs": 5,
            "metrics": [{"metric_name": "em", "higher_is_better": False}, "em"],
            "version": 2,
        }
    }
    results(tmp_path / "results" / "org" / "m" / f"results_{DATE}.json", "hub/org-m", config)
    details(tmp_path / "details" / "org" / "m", "gsm8k|0", lighteval_rows(PLAIN, [1, 0]))
    with pytest.raises(DataError, match=r"'hub/org-m' has a part only.*gsm8k \(2 of 5\)"):
        read_results(tmp_path)
    found = import_results(tmp_path, partial=True)
    assert row(found, "hub/org-m") == [0, 1]
    assert "turned" in {one.kind for one in found.findings}


def test_a_run_with_max_samples(tmp_path):
    """Version 0.13.0 does not say how many documents there are, but where it stopped."""
    unknown = {"gsm8k|0": {"name": "gsm8k", "original_num_docs": -1}}
    place = tmp_path / "results" / "m" / f"results_{DATE}.json"
    details(tmp_path / "details" / "m", "gsm8k|0", lighteval_rows(PLAIN, [1, 0]))
    results(place, "m", unknown, max_samples=2)
    with pytest.raises(DataError, match=r"--max-samples 2, and does not say how many .*gsm8k"):
        read_results(tmp_path)
    assert row(import_results(tmp_path, partial=True), "m") == [1, 0]
    results(place, "m", unknown, max_samples=500)  # the task has two documents only
    assert row(import_results(tmp_path), "m") == [1, 0]


def test_how_a_model_was_asked_tells_its_runs_apart(tmp_path):
    for date, temperature in ((DATE, 0), (LATER, 0.7)):
        config = {"generation_parameters": {"temperature": temperature, "top_p": None}}
        results(tmp_path / f"results_{date}.json", "m", model_config=config)
        details(tmp_path / "details" / "m", "gsm8k|0", lighteval_rows(PLAIN, [1]), date)
    found = import_results(tmp_path)
    assert found.responses.models.ids == ("m", "m [args.temperature=0.7]")


def test_several_metrics_are_listed(tmp_path):
    rows = lighteval_rows(PLAIN, [1, 0], f1=0.5, none=None, bleus=[0.1])
    path = details(tmp_path / "details" / "m", "qa|0", rows)
    with pytest.raises(DataError, match=r"2 metrics.*'em', 'f1' \(not to be read.*'bleus'"):
        read_results(path)
    assert row(import_results(path, metric="f1"), "m") == [0.5, 0.5]


def test_results_without_details(tmp_path):
    results(tmp_path / "results" / "m" / f"results_{DATE}.json", "m")
    with pytest.raises(DataError, match=r"run lighteval with --save-details"):
        read_results(tmp_path)


def test_a_file_by_another_name(tmp_path):
    path = parquet(tmp_path / "mine.parquet", lighteval_rows(PLAIN, [1, 0]))
    found = import_results(path)
    assert found.why == "a document and its metrics in each row"
    assert found.responses.items.ids == ("mine/0", "mine/1")


# --- the second Open LLM Leaderboard ------------------------------------------------------------


def lm_eval_row(doc_id: int, **metrics: object) -> dict:
    return {
        "doc_id": doc_id,
        "doc": {"input": f"Q{doc_id}"},
        "target": "(A)",
        "resps": [["x"]],
        "filter": "none",
        "doc_hash": f"hash{doc_id}",
        **metrics,
    }


BBH = "leaderboard_bbh_boolean_expressions"


@pytest.mark.parametrize("kind", ["parquet", "lines", "array"])
def test_the_second_leaderboard(tmp_path, kind):
    repository = tmp_path / "org__m-details"
    rows = [lm_eval_row(k, acc=0.0, acc_norm=mark) for k, mark in ((0, 1.0), (1, 0.0), (3, 1.0))]
    if kind == "parquet":
        parquet(repository / f"org__m__{BBH}" / "latest" / "0000.parquet", rows)
        parquet(repository / f"org__m__{BBH}" / "2024_07_10T00_00_00" / "0000.parquet", rows)
    else:
        folder = repository / "org__m"
        folder.mkdir(parents=True)
        lines = "\n".join(json.dumps(one) for one in rows)
        content = json.dumps(rows) if kind == "array" else lines
        (folder / f"samples_{BBH}_{DATE}.json").write_text(content)
    found = import_results(repository)
    assert found.format == "open_llm_leaderboard2"
    assert found.chosen == {"leaderboard_bbh": {"metric": "acc_norm", "filter": "none"}}
    assert found.responses.items.ids == tuple(f"{BBH}/{k}" for k in (0, 1, 3))
    assert list(found.responses.items.columns["hash"]) == ["hash0", "hash1", "hash3"]
    assert row(found, "org/m") == [1, 0, 1]
    assert found.files == 1


def test_the_metric_of_each_group(tmp_path):
    for task, marks in {
        "leaderboard_ifeval": {"prompt_level_strict_acc": True, "inst_level_strict_acc": [True]},
        "leaderboard_math_geometry_hard": {"exact_match": 0},
        "leaderboard_mmlu_pro": {"acc": 1.0},
    }.items():
        rows = [lm_eval_row(0, **marks, prompt_level_loose_acc=False)]
        parquet(tmp_path / "o__m-details" / f"o__m__{task}" / "latest" / "0000.parquet", rows)
    found = import_results(tmp_path)
    assert {k: one["metric"] for k, one in found.chosen.items()} == {
        "leaderboard_ifeval": "prompt_level_strict_acc",
        "leaderboard_math": "exact_match",
        "leaderboard_mmlu_pro": "acc",
    }
    assert row(found, "o/m") == [1, 0, 1]
    loose = "leaderboard_ifeval=prompt_level_loose_acc"
    assert row(import_results(tmp_path, metric=loose), "o/m") == [0, 0, 1]


def test_samples_saved_under_another_name(tmp_path):
    path = parquet(tmp_path / "org__m" / "bbh.parquet", [lm_eval_row(4, acc=1.0)])
    found = import_results(path)
    assert (found.why, found.responses.items.ids) == ("columns doc_id and resps", ("bbh/4",))
    assert row(found, "org/m") == [1]


def test_other_documents_of_the_second_leaderboard(tmp_path):
    for model, rows in (("a", [lm_eval_row(0, acc=1.0)]), ("b", [lm_eval_row(0, acc=1.0)])):
        rows[0]["doc_hash"] += model
        parquet(tmp_path / f"o__{model}-details" / f"o__{model}__{BBH}.parquet", rows)
    with pytest.raises(DataError, match="two values of 'hash'"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([lm_eval_row(0, acc=1.0)] * 2, "has item 'leaderboard_x/0' twice; two runs were joined"),
        ([{**lm_eval_row(0, acc=1.0), "doc_id": None}], "expected an integer doc_id, found None"),
        ([lm_eval_row(0, acc=2.5)], r"'acc' is 2\.5, outside"),
        ([lm_eval_row(0)], "has 0 metrics"),
    ],
)
def test_damaged_samples(tmp_path, rows, complaint):
    path = parquet(tmp_path / "o__m-details" / "leaderboard_x.parquet", rows)
    with pytest.raises(DataError, match=complaint):
        read_results(path)
