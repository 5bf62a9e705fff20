"""Folders of lm-evaluation-harness: real ones, and synthetic ones with every known trap."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers import real

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import read_results
from tinyeval.importers.choices import Choice
from tinyeval.importers.lm_eval_files import find_samples
from tinyeval.responses import ResponseMatrix

DATE, LATER = "2026-11-22T06-01-31.192469", "2026-11-22T07-00-00"


def doc(task: str, doc_id: int) -> dict[str, object]:
    return {"question": f"{task} {doc_id}", "acc": "not a metric"}


def doc_hash(task: str, doc_id: int) -> str:
    """The harness's own."""
    return hashlib.sha256(json.dumps(doc(task, doc_id), indent=2).encode()).hexdigest()


Line = dict[str, object]


def row(task: str, doc_id: int, filter: str | None = "none", **metrics: object) -> Line:
    """A line as version 0.4.13 writes it; ``filter=None``: as older versions did."""
    shown = {
        "doc_id": doc_id,
        "doc": doc(task, doc_id),
        "target": "1",
        "arguments": {"gen_args_0": {"arg_0": "Q", "arg_1": "A"}},
        "resps": [[["-0.50", "False"]]],
        "filtered_resps": [["-0.50", "False"]],
    }
    if filter is not None:
        shown |= {"filter": filter, "metrics": list(metrics)}
    return shown | {"doc_hash": doc_hash(task, doc_id)} | metrics


def rows(task: str, scores: list[object], metric: str = "acc") -> list[Line]:
    return [row(task, k, **{metric: score}) for k, score in enumerate(scores)]


def samples(folder: Path, task: str, lines: list[Line], date: str = DATE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"samples_{task}_{date}.jsonl"
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return path


def results(folder: Path, model: str | None, sizes: dict, date: str = DATE, **more) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "versions": dict.fromkeys(sizes, 1.0),
        "n-shot": dict.fromkeys(sizes, 5),
        # The harness ignores --samples in "effective".
        "n-samples": {task: {"original": n, "effective": n} for task, n in sizes.items()},
        "model_name": model,
        "chat_template_sha": None,
    }
    (folder / f"results_{date}.json").write_text(json.dumps(content | more, indent=2))


def scores(read: ResponseMatrix, model: str, task: str) -> list[float]:
    chosen = [one for one in read.items.ids if one.startswith(f"{task}/")]
    return [float(score) for score in read.select([model], chosen).scores[0]]


@pytest.mark.parametrize("indent", [None, 2])
def test_older_versions_wrote_one_array(tmp_path, indent):
    lines = rows("arc", [1.0, 0.0, 1.0])
    path = samples(tmp_path / "lines", "arc", lines)
    array = tmp_path / "array" / path.name
    array.parent.mkdir()
    array.write_text(json.dumps(lines, indent=indent))
    assert scores(read_results(array), "array", "arc") == [1.0, 0.0, 1.0]
    read = read_results(tmp_path, format="lm_eval")
    np.testing.assert_array_equal(read.scores[0], read.scores[1])
    whole = array.read_text()
    array.write_text(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=rf"{re.escape(str(array))}:\d+: not JSON: .*cut off"):
        read_results(array)


# --- real files -------------------------------------------------------------------------------


@pytest.fixture
def real_old():
    return real("..", "formats", "lm_eval")


@pytest.fixture
def real_new():
    return real("..", "formats", "lm_eval_0.4.13_dummy")


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["acc", "acc_norm"])
def test_real_old_samples(real_old, metric):
    read = read_results(real_old, metric=metric)
    assert read.models.ids == ("lm_eval",)
    assert read.n_items == 60 + 60 + 58 + 102 + 136 + 106
    assert read.observed.all()
    for path in real_old.glob("samples_*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        task = re.match(r"samples_(.+)_2024", path.name)[1]
        name = next(one for one in (metric, "acc", "exact_match") if one in lines[0])
        assert scores(read, "lm_eval", task) == [line[name] for line in lines]
        chosen = read.select(items=[f"{task}/{line['doc_id']}" for line in lines]).items
        assert list(chosen.column("hash")) == [line["doc_hash"] for line in lines]
        assert set(chosen.column("benchmark")) == set(chosen.column("subject")) == {task}


def test_real_old_samples_need_a_choice(real_old):
    with pytest.raises(DataError, match="available: 'acc', 'acc_norm'; choose with --metric acc"):
        read_results(real_old)


def test_real_new_folder(real_new):
    read = read_results(real_new, metric="acc", filter="flexible-extract")
    assert read.models.ids == ("i82qcls7",)
    assert read.benchmarks == ("addtoy_cot", "mctoy")
    assert sum(scores(read, "i82qcls7", "mctoy")) / 25 == pytest.approx(0.28)
    assert scores(read, "i82qcls7", "addtoy_cot") == [0.0] * 25
    assert "partial" not in read.models.columns
    with pytest.raises(DataError, match=r"2 filters.*'strict-match', 'flexible-extract'"):
        read_results(real_new, metric="acc")


def test_real_single_file(real_new):
    path = next(real_new.glob("samples_mctoy*"))
    read = read_results(path, metric="mctoy=acc_norm")
    assert read.models.ids == ("i82qcls7",)
    assert read.scores.shape == (1, 25)


# --- layout -----------------------------------------------------------------------------------


def test_a_folder_of_models_takes_names_from_the_results(tmp_path):
    for name, marks in (("org/a:1", [1, 0, True]), ("org/b", [0.5, None, False])):
        folder = tmp_path / re.sub(r"[/:]", "__", name)
        samples(folder, "gsm8k", rows("gsm8k", marks))
        samples(folder, "arc_easy", rows("arc_easy", marks[::-1]))
        results(folder, name, {"gsm8k": 3, "arc_easy": 3})
    read = read_results(tmp_path)
    assert read.models.ids == ("org/a:1", "org/b")
    assert scores(read, "org/a:1", "gsm8k") == [1, 0, 1]
    np.testing.assert_array_equal(scores(read, "org/b", "arc_easy"), [0, np.nan, 0.5])
    assert read.benchmarks == ("arc_easy", "gsm8k")
    same = read_results([tmp_path / "org__b", tmp_path / "org__a__1"])
    assert scores(same, "org/a:1", "gsm8k") == [1, 0, 1]


def test_runs_that_differ_in_their_date_alone_are_repeats(tmp_path):
    samples(tmp_path, "arc", rows("arc", [0, 0]), DATE)
    samples(tmp_path, "gsm", rows("gsm", [0, 1]), DATE)
    samples(tmp_path, "arc", rows("arc", [1, 1]), LATER)
    results(tmp_path, "org/m", {"arc": 2, "gsm": 2}, DATE)
    results(tmp_path, "org/m", {"arc": 2}, LATER)
    with pytest.warns(UserWarning, match="2 runs were averaged with others of the same model"):
        read = read_results(tmp_path)
    assert scores(read, "org/m", "arc") == [0.5, 0.5]
    assert scores(read, "org/m", "gsm") == [0, 1]
    assert read.select(items=["arc/0", "arc/1", "gsm/0"]).trials.tolist() == [[2, 2, 1]]


def test_two_models_in_one_folder_are_told_apart_by_date(tmp_path):
    samples(tmp_path, "arc", rows("arc", [0, 1]), DATE)
    samples(tmp_path, "arc", rows("arc", [1, 1]), LATER)
    results(tmp_path, "a", {"arc": 2}, DATE)
    results(tmp_path, "b", {"arc": 2}, LATER)
    # As --output_path x.json names it.
    (tmp_path / f"results_{LATER}.json").rename(tmp_path / f"x_{LATER}.json")
    read = read_results(tmp_path)
    assert scores(read, "a", "arc") == [0, 1]
    assert scores(read, "b", "arc") == [1, 1]


@pytest.mark.parametrize("name", [None, ""])
def test_without_a_name_the_folder_names_the_model(tmp_path, name):
    folder = tmp_path / "org__m"
    path = samples(folder, "arc", rows("arc", [0, 1]))
    assert read_results(tmp_path).models.ids == ("org__m",)
    results(folder, name, {"arc": 2})
    assert read_results(path).models.ids == ("org__m",)


def test_samples_without_results_of_their_date_belong_to_the_only_model_there(tmp_path):
    samples(tmp_path / "org__m", "arc", rows("arc", [0, 1]))
    results(tmp_path / "org__m", "org/m", {"gsm": 2}, LATER)
    assert read_results(tmp_path).models.ids == ("org/m",)


def test_file_names(tmp_path):
    for name, task, date in (
        (f"samples_a_b_c_{DATE}.jsonl", "a_b_c", DATE),
        (f"samples_arc_{LATER}.jsonl", "arc", LATER),
        (f"samples_arc_{LATER}.first60lines.jsonl", "arc", LATER),
        ("samples_arc.jsonl", "arc", ""),
        ("anything.jsonl", "anything", ""),
    ):
        path = tmp_path / name
        path.write_text(json.dumps(row(task, 0, acc=1)) + "\n")
        ((found,), _) = find_samples([path])
        assert (found.task, found.run.date, found.run.model) == (task, date, tmp_path.name)
        assert read_results(path).items.ids == (f"{task}/0",)


def test_a_cut_run_is_recorded(tmp_path):
    samples(tmp_path / "a", "arc", [row("arc", k, acc=1) for k in (3, 7)])
    samples(tmp_path / "b", "arc", rows("arc", [1] * 9))
    for name in "ab":
        results(tmp_path / name, name, {"arc": 9})
    with pytest.raises(DataError, match=r"'a' has a part only .* arc \(2 of 9\).*--partial"):
        read_results(tmp_path)
    read = read_results(tmp_path, partial=True)
    assert list(read.models.column("partial")) == ["arc (2 of 9)", ""]
    assert int(read.observed[0].sum()) == 2


def test_progress(tmp_path):
    samples(tmp_path, "arc", rows("arc", [1]))
    seen = []
    read_results(tmp_path, progress=lambda *step: seen.append(step))
    assert seen == [(0, 1, f"samples_arc_{DATE}.jsonl"), (1, 1, "")]


@pytest.mark.parametrize("name", ["folder", f"results_{DATE}.json"])
def test_without_samples_the_remedy_is_named(tmp_path, name):
    results(tmp_path / "folder", "m", {"arc": 1})
    path = tmp_path / "folder"
    with pytest.raises(DataError, match=r"--log_samples|no scores of single items"):
        read_results(path if name == "folder" else path / name)


# --- choosing ---------------------------------------------------------------------------------


def test_choice_syntax():
    choice = Choice.parse("metric", "acc_norm, gsm=exact_match")
    assert choice.pick("arc", ["acc", "acc_norm"], "f") == "acc_norm"
    assert choice.pick("mmlu", ["acc"], "f") == "acc"
    assert choice.pick("gsm", ["acc_norm", "exact_match"], "f") == "exact_match"
    assert Choice.parse("metric", None).pick("arc", ["acc"], "f") == "acc"
    for bad in ("", "a,,b", "arc=", "=acc", "arc=acc,arc=f1"):
        with pytest.raises(ConfigError, match=f"found {bad!r}"):
            Choice.parse("metric", bad)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (None, "task 'arc' has 2 metrics, expected one; available: 'acc', 'acc_norm'; choose"),
        ("f1", "task 'arc' has 2 metrics"),
        ("acc,acc_norm", "task 'arc' has 2 metrics"),
        ("arc=f1", "task 'arc' has no metric 'f1' to read; available: 'acc', 'acc_norm'"),
        ("acc,f1", "no task has the metric 'f1'"),
    ],
)
def test_metric_is_never_guessed(tmp_path, metric, message):
    samples(tmp_path, "arc", [row("arc", k, acc=k, acc_norm=1 - k) for k in (0, 1)])
    samples(tmp_path, "gsm", rows("gsm", [1, 1], "exact_match"))
    with pytest.raises(DataError, match=message):
        read_results(tmp_path, metric=metric)
    for chosen, expected in (("acc", [0, 1]), ("other=f1,arc=acc_norm", [1, 0])):
        read = read_results(tmp_path, metric=chosen)
        assert scores(read, tmp_path.name, "arc") == expected
        assert scores(read, tmp_path.name, "gsm") == [1, 1]


def test_metrics_that_are_no_single_number(tmp_path):
    lines = [row("if", k, strict=bool(k), inst=[True, False], ppl=[-1.5, 4]) for k in (0, 1)]
    samples(tmp_path, "if", lines)
    assert scores(read_results(tmp_path), tmp_path.name, "if") == [0, 1]
    with pytest.raises(DataError, match=r"no metric 'inst'.*several numbers per item: 'inst', 'pp"):
        read_results(tmp_path, metric="if=inst")
    samples(tmp_path, "if", [row("if", 0, ppl=[-1.5, 4])])
    with pytest.raises(DataError, match="has 0 metrics, expected one; available: none"):
        read_results(tmp_path)


def test_filters(tmp_path):
    lines = [
        row("gsm", k, filter, exact_match=mark)
        for k in (0, 1)
        for filter, mark in (("strict", 0), ("flexible", 1))
    ]
    samples(tmp_path, "gsm", lines)
    samples(tmp_path, "arc", rows("arc", [1, 0]))
    assert scores(read_results(tmp_path, filter="flexible"), tmp_path.name, "gsm") == [1, 1]
    assert scores(read_results(tmp_path, filter="gsm=strict"), tmp_path.name, "gsm") == [0, 0]
    with pytest.raises(DataError, match="no task has the filter 'lenient'"):
        read_results(tmp_path, filter="strict,lenient")


def test_old_rows(tmp_path):
    lines = [row("arc", k, filter=None, acc=k) for k in (0, 1)]
    for line in lines:
        del line["doc_hash"]
    samples(tmp_path / "old", "arc", lines)
    samples(tmp_path / "bare", "arc", [{"doc_id": k, "acc": 1 - k} for k in (0, 1)])
    samples(tmp_path / "new", "arc", rows("arc", [1, 1]))
    read = read_results(tmp_path)
    assert scores(read, "old", "arc") == [0, 1]
    assert scores(read, "bare", "arc") == [1, 0]
    assert list(read.items.column("hash")) == [doc_hash("arc", 0), doc_hash("arc", 1)]


def test_one_metric_for_all_models(tmp_path):
    samples(tmp_path / "a", "arc", rows("arc", [1], "acc"))
    samples(tmp_path / "b", "arc", rows("arc", [1], "exact_match"))
    with pytest.raises(DataError, match=r"metric 'exact_match' and .* here, but metric 'acc' and"):
        read_results(tmp_path)


# --- identity ---------------------------------------------------------------------------------


def test_another_revision_of_the_dataset(tmp_path):
    samples(tmp_path / "a", "arc", rows("arc", [1, 1]))
    lines = rows("arc", [1, 1])
    lines[1]["doc_hash"] = "f" * 64
    samples(tmp_path / "b", "arc", lines)
    with pytest.raises(DataError, match=r"'arc/1' has two values of 'hash'.*different\s*revisions"):
        read_results(tmp_path)


def test_rows_mislabelled_by_an_unsorted_samples_list(tmp_path):
    samples(tmp_path / "a", "arc", rows("arc", [1] * 12))
    mislabelled = []
    for ran, label in zip([2, 7, 11], [7, 2, 11], strict=True):
        mislabelled.append(row("arc", ran, acc=1) | {"doc_id": label})
    samples(tmp_path / "b", "arc", mislabelled)
    with pytest.raises(DataError, match=r"that document is item 'arc/2' elsewhere.*--samples"):
        read_results(tmp_path)


def test_a_document_twice(tmp_path):
    path = samples(tmp_path, "arc", [row("arc", k, acc=1) for k in (0, 1, 0)])
    with pytest.raises(DataError, match=rf"{path.name}:3: .*doc_id 0 already, on line 1.*sort it"):
        read_results(tmp_path)


def test_equal_documents_under_two_ids_are_fine(tmp_path):
    twin = row("arc", 0, acc=0) | {"doc_id": 1}
    samples(tmp_path, "arc", [row("arc", 0, acc=1), twin])
    assert scores(read_results(tmp_path), tmp_path.name, "arc") == [1, 0]


def test_one_model_in_two_folders(tmp_path):
    for name, marks in (("x", [1, 0]), ("y", [1, 1])):
        samples(tmp_path / name, "arc", rows("arc", marks))
        results(tmp_path / name, "org/m", {"arc": 2})
    with pytest.warns(UserWarning, match="joined: 2 runs were averaged.*'org/m'"):
        read = read_results(tmp_path)
    np.testing.assert_array_equal(read.scores, [[1, 0.5]])
    np.testing.assert_array_equal(read.trials, [[2, 2]])


def test_models_run_in_different_ways(tmp_path):
    for name, shots, template in (("a", 5, None), ("b", 0, "abc")):
        samples(tmp_path / name, "arc", rows("arc", [1]))
        settings = {"n-shot": {"arc": shots, "gsm": shots}, "chat_template_sha": template}
        results(tmp_path / name, name, {"arc": 1}, **settings)
    with pytest.warns(
        UserWarning, match="chat template differs.*n-shot differs.*'arc: 5 .a., 0 .b.'"
    ) as caught:
        read_results(tmp_path)
    assert "gsm" not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_results(tmp_path / "b")


# --- damaged ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ('{"doc_id": 0, "acc": 1}\n{"doc_id": 1, "ac', ":2: not JSON.*cut off"),
        ('{"doc_id": 0, "acc": 1}\n[]\n', ":2: expected a JSON object"),
        ('{"acc": 1}\n', ":1: expected an integer doc_id, found None"),
        ('{"doc_id": true, "acc": 1}\n', ":1: expected an integer doc_id, found True"),
        ('{"doc_id": 0, "acc": 1}\n{"doc_id": 1}\n', ":2: expected a metric 'acc'"),
        ('{"doc_id": 0, "bleu": 12.5}\n', ":1: metric 'bleu' is 12.5, outside"),
        ('{"doc_id": 0, "ppl": 12.5}\n', "'ppl' is better where it is lower and has no worst"),
        ('{"doc_id": 0, "acc": -Infinity}\n', ":1: metric 'acc' is -inf, outside"),
        ('{"doc_id": 0, "acc": 1' + "0" * 400 + "}\n", ":1: metric 'acc' is not a number"),
        ('{"doc_id": 0, "acc": "1"}\n', "has 0 metrics"),
    ],
)
def test_damaged_samples(tmp_path, text, message):
    path = tmp_path / f"samples_arc_{DATE}.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_results(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model_name": "m"'])
def test_damaged_results(tmp_path, text):
    samples(tmp_path, "arc", rows("arc", [1]))
    (tmp_path / f"results_{DATE}.json").write_text(text)
    with pytest.raises(DataError, match=rf"results_{DATE}\.json"):
        read_results(tmp_path)


def test_results_of_another_shape_are_ignored(tmp_path):
    samples(tmp_path, "arc", rows("arc", [1]))
    odd = {"versions": None, "n-shot": [], "n-samples": {"arc": 3}, "model_name": "m"}
    (tmp_path / f"results_{DATE}.json").write_text(json.dumps(odd))
    assert read_results(tmp_path).models.ids == ("m",)


def test_nan_is_missing(tmp_path):
    samples(tmp_path, "arc", rows("arc", [1, float("nan")]))
    np.testing.assert_array_equal(read_results(tmp_path).scores, [[1, np.nan]])
