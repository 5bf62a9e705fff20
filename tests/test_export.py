import csv
import hashlib
import io
import itertools
import json
import random
import shlex
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyeval.errors import ConfigError, DataError
from tinyeval.exporters import Request, export
from tinyeval.exporters.documents import DataSource, split_ids
from tinyeval.exporters.inspect import inspect_command, inspect_samples
from tinyeval.exporters.lm_eval import lm_eval_command, lm_eval_documents, lm_eval_samples
from tinyeval.exporters.tables import export_csv, export_jsonl
from tinyeval.selection.base import Anchors
from tinyeval.tables import Table


def table(ids, **columns):
    arrays = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return Table(tuple(ids), arrays)


# --- lm-eval, ids task/doc_id -------------------------------------------------------------------

LM_EVAL = table([f"gsm8k/{k}" for k in range(30)] + [f"arc_challenge/{k}" for k in range(10)])


def test_ids_of_lm_eval_are_split():
    anchors = ["gsm8k/17", "arc_challenge/9", "gsm8k/3", "gsm8k/20", "arc_challenge/0"]
    samples = lm_eval_samples(LM_EVAL, anchors)
    assert samples == {"arc_challenge": [0, 9], "gsm8k": [3, 17, 20]}
    assert list(samples) == ["arc_challenge", "gsm8k"]
    documents = lm_eval_documents(LM_EVAL, anchors)
    assert documents["gsm8k/17"] == ("gsm8k", 17)
    assert list(documents) == anchors


@given(st.lists(st.sampled_from(LM_EVAL.ids), min_size=1, unique=True), st.randoms())
def test_numbers_strictly_increase_whatever_the_order(anchors, shuffler):
    samples = lm_eval_samples(LM_EVAL, anchors)
    for numbers in samples.values():
        assert numbers
        assert all(a < b for a, b in itertools.pairwise(numbers))
    assert {f"{task}/{n}" for task, numbers in samples.items() for n in numbers} == set(anchors)
    shuffled = list(anchors)
    shuffler.shuffle(shuffled)
    assert lm_eval_samples(LM_EVAL, shuffled) == samples


def test_tasks_can_be_renamed():
    anchors = ["gsm8k/1", "arc_challenge/2"]
    renamed = {"gsm8k": "gsm8k_cot", "arc_challenge": "arc_easy"}
    assert lm_eval_samples(LM_EVAL, anchors, task=renamed) == {"arc_easy": [2], "gsm8k_cot": [1]}
    assert lm_eval_samples(LM_EVAL, ["gsm8k/1"], task="mine") == {"mine": [1]}
    assert lm_eval_samples(LM_EVAL, anchors, task="tiny_{value}") == {
        "tiny_arc_challenge": [2],
        "tiny_gsm8k": [1],
    }
    with pytest.raises(DataError, match="one task 'mine' is given for 2 groups of items"):
        lm_eval_samples(LM_EVAL, anchors, task="mine")
    with pytest.raises(DataError, match="no task is given for 'arc_challenge'"):
        lm_eval_samples(LM_EVAL, anchors, task={"gsm8k": "x"})
    with pytest.raises(DataError, match="several anchors are the same document"):
        lm_eval_samples(LM_EVAL, ["gsm8k/1", "arc_challenge/1"], task=dict.fromkeys(renamed, "x"))


def test_real_sub_task_names():
    items = table(["leaderboard_bbh_boolean_expressions/0", "a/b/7"])
    assert split_ids(items.ids) == {
        "leaderboard_bbh_boolean_expressions/0": ("leaderboard_bbh_boolean_expressions", 0),
        "a/b/7": ("a/b", 7),
    }


@pytest.mark.parametrize(
    "item", ["gsm8k", "gsm8k/", "/3", "gsm8k/-1", "gsm8k/007", "gsm8k/1.0", "gsm8k/٣", "gsm8k/1\n"]
)
def test_ids_of_another_form_are_refused(item):
    with pytest.raises(
        DataError, match=r"1 item ids are not lm-eval's 'task/doc_id'.*look them up"
    ):
        lm_eval_samples(table([item, "gsm8k/1"]), [item, "gsm8k/1"])


@pytest.mark.parametrize("task", ["a,b", "gsm*", "a b", "-x", "", "a\n", "mmlu_[ab]", "what?"])
def test_names_that_lm_eval_would_read_otherwise_are_refused(task):
    with pytest.raises(DataError, match="not the name of an lm-eval task"):
        lm_eval_samples(LM_EVAL, ["gsm8k/1"], task=task)


def test_anchors_must_be_some_of_the_banks_items():
    with pytest.raises(DataError, match=r"1 unknown anchor.*'gsm8k/99'"):
        lm_eval_samples(LM_EVAL, ["gsm8k/1", "gsm8k/99"])
    with pytest.raises(DataError, match="anchor ids must be unique"):
        lm_eval_samples(LM_EVAL, ["gsm8k/1", "gsm8k/1"])
    with pytest.raises(DataError, match="no anchors"):
        lm_eval_samples(LM_EVAL, [])
    with pytest.raises(DataError, match="needs the data set"):
        lm_eval_samples(LM_EVAL, ["gsm8k/1"], key="id")


# --- lm-eval, keys looked up in a data set --------------------------------------------------------

CATEGORIES = ("business", "computer science", "law")


@pytest.fixture
def datasets(monkeypatch, tmp_path):
    """The library, offline and with a cache of its own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    library = pytest.importorskip("datasets")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    return library


def mmlu_pro():
    rng = random.Random(0)
    keys = rng.sample(range(70, 1000), 40)
    return [
        {"question_id": key, "question": f"Q{key}?", "category": CATEGORIES[n % 3], "twin": n // 2}
        for n, key in enumerate(keys)
    ]


@pytest.fixture(params=["jsonl", "json", "parquet", "csv", "folder"])
def dataset(request, datasets, tmp_path):
    rows = datasets.Dataset.from_list(mmlu_pro())
    path = tmp_path / f"data.{request.param}"
    if request.param == "parquet":
        rows.to_parquet(path)
    elif request.param == "csv":
        rows.to_csv(path)
    elif request.param == "json":
        path.write_text(json.dumps(mmlu_pro()))
    elif request.param == "folder":
        path.mkdir()
        rows.to_parquet(path / "test-00000-of-00001.parquet")
    else:
        rows.to_json(path)
    return path


BANK = table(
    [f"mmlu_pro-{row['question_id']}" for row in mmlu_pro()],
    benchmark=["mmlu_pro"] * 40,
    subject=[row["category"] for row in mmlu_pro()],
)
LOOKUP = {"key": "question_id", "prefix": "mmlu_pro-"}


def test_keys_become_positions(dataset):
    anchors = [BANK.ids[k] for k in (31, 4, 0, 39)]
    samples = lm_eval_samples(BANK, anchors, task="mmlu_pro_all", dataset=dataset, **LOOKUP)
    assert samples == {"mmlu_pro_all": [0, 4, 31, 39]}
    samples = lm_eval_samples(BANK, anchors, dataset=str(dataset), **LOOKUP)
    assert samples == {"mmlu_pro": [0, 4, 31, 39]}


def test_keys_become_positions_within_the_subtask_that_filters_the_data_set(dataset):
    """The oracle filters as the harness does, and reads the key at each position."""
    by_category = {
        one: [row["question_id"] for row in mmlu_pro() if row["category"] == one]
        for one in CATEGORIES
    }
    anchors = list(BANK.ids[::-3]) + list(BANK.ids[1:20:4])
    anchors = list(dict.fromkeys(anchors))
    options = {"task": "mmlu_pro_{value}", "subtask_column": "category", **LOOKUP}
    samples = lm_eval_samples(BANK, anchors, dataset=dataset, **options)
    assert set(samples) <= {"mmlu_pro_business", "mmlu_pro_computer_science", "mmlu_pro_law"}
    found = {
        f"mmlu_pro-{by_category[task.removeprefix('mmlu_pro_').replace('_', ' ')][number]}"
        for task, numbers in samples.items()
        for number in numbers
    }
    assert found == set(anchors)
    assert sum(map(len, samples.values())) == len(anchors)


@pytest.fixture
def jsonl(datasets, tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in mmlu_pro()))
    return path


def test_answers_can_be_traced_back_to_the_anchors(jsonl):
    source = DataSource(jsonl, subtask_column="category", **LOOKUP)
    names = {one: f"pro_{k}" for k, one in enumerate(CATEGORIES)}
    documents = lm_eval_documents(BANK, BANK.ids, names, source)
    assert documents[BANK.ids[4]] == ("pro_1", 1)
    assert sorted(set(documents.values())) == sorted(documents.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prefix": ""}, "the keys of 2 items are not in column 'question_id'.*'mmlu_pro-"),
        ({"prefix": "gsm8k-"}, "2 items lack the prefix 'gsm8k-'"),
        ({"key": "id"}, "no column 'id'; its columns are: question_id, question"),
        ({"key": "twin"}, "the keys of 2 items are not in column 'twin'"),
        ({"subtask_column": "topic"}, "no column 'topic'"),
        ({"subtask_column": "category"}, "not the name of an lm-eval task: 'computer science'"),
        ({"key": None, "prefix": "", "subtask_column": "category"}, "name the key column too"),
        ({"key": None, "prefix": ""}, "not lm-eval's 'task/doc_id'"),
    ],
)
def test_uncertain_lookups_are_refused(jsonl, options, message):
    with pytest.raises(DataError, match=message):
        lm_eval_samples(BANK, BANK.ids[:2], dataset=jsonl, **{**LOOKUP, **options})


def test_keys_that_several_rows_have_are_refused(jsonl):
    items = table(["3", "4"])
    with pytest.raises(
        DataError, match="the keys of 2 items occur more than once in column 'twin'"
    ):
        lm_eval_samples(items, ["3", "4"], dataset=jsonl, key="twin", task="x")


def test_one_data_set_without_subtasks_is_one_task(jsonl):
    split = table(BANK.ids, benchmark=["a"] * 20 + ["b"] * 20)
    with pytest.raises(DataError, match=r"is one task without a subtask column.*'a', 'b'"):
        lm_eval_samples(split, split.ids, dataset=jsonl, **LOOKUP)


@pytest.mark.parametrize("name", ["no/such-set", "missing.parquet", "broken.parquet", "data.xlsx"])
def test_data_sets_that_cannot_be_loaded(datasets, tmp_path, name):
    path = tmp_path / name
    if name in ("broken.parquet", "data.xlsx"):
        path.write_bytes(b"PAR1 but not much more")
    with pytest.raises(
        DataError, match=r"cannot be loaded|expected a file ending in|no such file"
    ) as caught:
        lm_eval_samples(BANK, BANK.ids[:2], dataset=path, **LOOKUP)
    assert "\n" not in str(caught.value)


# --- lm-eval, ids checked in a data set -----------------------------------------------------------


def doc_hash(row):
    """As lm-eval computes it."""
    text = json.dumps(row, indent=2, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def hashed(order=range(40), change=lambda row: row):
    rows = mmlu_pro()
    hashes = [doc_hash(change(rows[k])) for k in order]
    return table([f"mmlu_pro/{k}" for k in range(40)], hash=hashes)


def test_documents_are_checked_by_range_and_hash(jsonl):
    items = hashed()
    anchors = [items.ids[k] for k in (39, 2, 7)]
    assert lm_eval_samples(items, anchors, dataset=jsonl) == {"mmlu_pro": [2, 7, 39]}
    longer = table([f"mmlu_pro/{k}" for k in range(50)])
    with pytest.raises(DataError, match=r"1 items lie beyond the 40 documents.*'mmlu_pro/40'"):
        lm_eval_samples(longer, ["mmlu_pro/39", "mmlu_pro/40"], dataset=jsonl)


def test_documents_that_moved_are_found(jsonl):
    moved = hashed(order=[0, 2, 1, *range(3, 40)])
    anchors = ["mmlu_pro/0", "mmlu_pro/1", "mmlu_pro/2"]
    with pytest.raises(DataError, match=r"2 items lie at another position.*'mmlu_pro/1'"):
        lm_eval_samples(moved, anchors, dataset=jsonl)
    assert lm_eval_samples(moved, ["mmlu_pro/0"], dataset=jsonl) == {"mmlu_pro": [0]}


def test_hashes_of_documents_that_the_task_changed_say_nothing(jsonl):
    changed = hashed(change=lambda row: {**row, "choices": []})
    assert lm_eval_samples(changed, ["mmlu_pro/5"], dataset=jsonl) == {"mmlu_pro": [5]}


@pytest.mark.slow
def test_ids_need_no_data_set_library():
    code = (
        "import sys; from tinyeval.exporters.lm_eval import lm_eval_samples; "
        "from tinyeval.responses import Table; lm_eval_samples(Table(('a/1',)), ['a/1']); "
        "print(sorted({'datasets', 'torch', 'pandas', 'pyarrow', 'sklearn'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


# --- lm-eval, file and command --------------------------------------------------------------------


def test_command(tmp_path):
    samples = {"arc_challenge": [0, 9], "gsm8k": [3, 17]}
    path = tmp_path / "my anchors.json"
    command = lm_eval_command(samples, path, "out dir")
    assert shlex.split(command) == [
        *("lm-eval", "run", "--tasks", "arc_challenge,gsm8k", "--samples", str(path)),
        *("--log_samples", "--output_path", "out dir"),
        *("--model", "hf", "--model_args", "pretrained=MODEL"),
    ]


# --- Inspect ------------------------------------------------------------------------------------


def test_inspect_ids_come_from_the_benchmark_or_the_id():
    named = table(["popularity/7", "13", "x/y"], benchmark=["popularity"] * 3)
    assert inspect_samples(named, named.ids) == ["popularity:7", "popularity:13", "popularity:x/y"]
    plain = table(["inspect_evals/gsm8k/7", "alone"])
    assert inspect_samples(plain, plain.ids) == ["inspect_evals/gsm8k:7", "alone"]
    assert inspect_samples(named, ["13"], task="pop") == ["pop:13"]
    assert inspect_samples(named, ["13"], task={"popularity": "mine"}) == ["mine:13"]
    colon = table(["user:1"], benchmark=["t"])
    assert inspect_samples(colon, colon.ids) == ["t:user:1"]


@pytest.mark.parametrize(
    "item", ["a,b", "a*", "what?", "a[1]", " a", "a ", "x:y", "t/a,b", "t:u/a", "t/"]
)
def test_ids_that_inspect_would_misread_are_refused(item):
    with pytest.raises(DataError, match="Inspect cannot choose 1 samples by id"):
        inspect_samples(table([item, "fine"]), [item, "fine"])


def test_ids_that_inspect_takes_for_one_are_refused():
    for pair in (["t/7", "t/07"], ["Task/a", "task/a"]):
        with pytest.raises(DataError, match="one sample to Inspect"):
            inspect_samples(table(pair), pair)
    different = table(["t/0", "t/70", "t/7", "u/7"])
    assert len(inspect_samples(different, different.ids)) == 4


def test_inspect_command():
    command = inspect_command(["t:1", "t:it's"])
    assert shlex.split(command)[:4] == ["inspect", "eval", "TASK", "--sample-id=t:1,t:it's"]


# --- csv and jsonl --------------------------------------------------------------------------------

ITEMS = table(["a", 'quoted "b", too', "line\nbreak", "ü"], benchmark=["x", "x", "y", ""])
ANCHORS = Anchors(("line\nbreak", 'quoted "b", too', "ü"), np.array([0.1, 0.7, 0.2]))
ROWS = [
    {"rank": 1, "item": "line\nbreak", "benchmark": "y", "subject": ""},
    {"rank": 2, "item": 'quoted "b", too', "benchmark": "x", "subject": ""},
    {"rank": 3, "item": "ü", "benchmark": "", "subject": ""},
]


def bank(items, anchors):
    """What the exporters to tables read of a bank."""
    return SimpleNamespace(items=items, anchors=anchors)


def test_unknown_targets_and_data_sets_that_nobody_reads_are_refused():
    with pytest.raises(ConfigError, match="unknown export 'excel'; known are: lm-eval, swebench"):
        export(bank(ITEMS, ANCHORS), "excel")
    with pytest.raises(ConfigError, match="csv looks nothing up"):
        export(bank(ITEMS, ANCHORS), "csv", Request(lookup={"key": "id"}))


def test_csv():
    rows = list(
        csv.DictReader(io.StringIO(export_csv(bank(ITEMS, ANCHORS), Request()).text, newline=""))
    )
    assert rows == [{**{key: str(one) for key, one in row.items()}, "score": ""} for row in ROWS]


def test_jsonl():
    lines = export_jsonl(bank(ITEMS, ANCHORS), Request()).text.splitlines()
    assert [json.loads(line) for line in lines] == ROWS


def test_anchors_that_are_not_the_banks_are_refused():
    with pytest.raises(DataError, match="1 unknown anchor"):
        export_csv(bank(ITEMS, Anchors(("nobody",), np.ones(1))), Request())
