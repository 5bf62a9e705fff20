"""Runs of lm-evaluation-harness that a folder piles up: which model, which part, which way."""

import gzip
import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_import_lm_eval import DATE, LATER, doc, results, row, rows, samples, scores

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import import_results, read_results

THIRD = "2026-11-22T08-00-00"


def put(folder, marks, model="org/m", date=DATE, task="arc", size=None, metric="acc", **more):
    """One run of one task: its samples and its results file."""
    samples(folder, task, rows(task, marks, metric), date)
    results(folder, model, {task: len(marks) if size is None else size}, date, **more)


def arguments(text):
    return {"config": {"model": "hf", "model_args": text, "limit": None}}


def kinds(found):
    return {one.kind: one for one in found.findings}


# --- what tells models apart ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["text", "mapping", "config"])
def test_checkpoints_by_revision_are_models_of_their_own(tmp_path, shape):
    for k in range(6):
        more = {
            "text": arguments(f"pretrained=org/m,revision=step{k},dtype=bfloat16"),
            "mapping": arguments({"pretrained": "org/m", "revision": f"step{k}"}),
            "config": {"config": {"model_revision": f"step{k}"}},
        }[shape]
        put(tmp_path, [k % 2, 1, 0], date=f"2026-11-22T06-00-0{k}", **more)
    found = import_results(tmp_path)
    assert found.responses.models.ids == tuple(f"org/m [revision=step{k}]" for k in range(6))
    assert found.responses.scores[:, 0].tolist() == [0, 1, 0, 1, 0, 1]
    assert found.responses.trials is None
    assert kinds(found)["guessed"].what == "models are told apart by their revision"


def test_the_main_branch_is_no_fact(tmp_path):
    put(tmp_path, [1, 0], **arguments("pretrained=org/m,revision=main"))
    put(tmp_path, [0, 0], date=LATER, **arguments("pretrained=org/m,revision=step1"))
    assert import_results(tmp_path).responses.models.ids == ("org/m", "org/m [revision=step1]")


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ("peft=org/a", "", ("m [adapter=org/a]", "m")),
        ("delta=org/d", "", ("m [delta=org/d]", "m")),
        ("subfolder=x", "subfolder=y", ("m [subfolder=x]", "m [subfolder=y]")),
        (
            "load_in_4bit=True",
            "load_in_8bit=True",
            ("m [quantisation=4bit]", "m [quantisation=8bit]"),
        ),
        ("load_in_4bit=False", "batch_size=8", ("m",)),
        ("quantization=awq", "", ("m [quantisation=awq]", "m")),
        ("dtype=float16", "dtype=float32", ("m [dtype=float16]", "m [dtype=float32]")),
        ("enable_thinking=True", "", ("m [thinking=True]", "m")),
        (
            "max_length=2048",
            "max_length=4096",
            ("m [args.max_length=2048]", "m [args.max_length=4096]"),
        ),
        ("lora_local_path=x", "", ("m [adapter=x]", "m")),
        ("device=cuda:0,batch_size=4", "parallelize=True", ("m",)),
    ],
)
def test_other_arguments_that_tell_models_apart(tmp_path, one, other, names):
    put(tmp_path, [1, 0], "m", **arguments(one))
    put(tmp_path, [1, 1], "m", LATER, **arguments(other))
    assert import_results(tmp_path).responses.models.ids == names


def test_an_adapter_on_two_bases(tmp_path):
    for k, base in enumerate(("x", "y")):
        text = arguments(f"pretrained=org/{base},peft=org/a")
        put(tmp_path, [1, 0], "org/a", f"2026-11-22T06-00-0{k}", **text)
    assert import_results(tmp_path).responses.models.ids == (
        "org/a [base=org/x]",
        "org/a [base=org/y]",
    )


def test_a_branch_that_moved(tmp_path):
    for date, sha in ((DATE, "aaaaaaaa11"), (LATER, "bbbbbbbb22")):
        put(tmp_path, [1, 0], date=date, config={"model_revision": "main", "model_sha": sha})
    assert import_results(tmp_path).responses.models.ids == (
        "org/m [commit=aaaaaaaa]",
        "org/m [commit=bbbbbbbb]",
    )
    for path in tmp_path.glob("*22T06*"):
        path.unlink()
    assert import_results(tmp_path).responses.models.ids == ("org/m",)


def test_shots_that_differ_on_one_task(tmp_path):
    put(tmp_path, [1, 0], **{"n-shot": {"arc": 0}})
    put(tmp_path, [1, 1], date=LATER, **{"n-shot": {"arc": 5}})
    assert import_results(tmp_path).responses.models.ids == ("org/m [n-shot=0]", "org/m [n-shot=5]")
    with pytest.warns(UserWarning, match="2 runs were averaged"):
        assert read_results(tmp_path, name_by=["model"]).models.ids == ("org/m",)


def test_names_are_chosen(tmp_path):
    for k, folder in enumerate(("first", "second")):
        put(tmp_path / folder, [k, 1], date=[DATE, LATER][k], **arguments("revision=r1"))
    named = {
        "file": ("first", "second"),
        "date": (f"org/m [date={DATE}]", f"org/m [date={LATER}]"),
        "revision": ("org/m [revision=r1]",),
    }
    for fact, names in named.items():
        assert import_results(tmp_path, name_by=[fact]).responses.models.ids == names
    with pytest.raises(
        ConfigError, match="no run says anything of 'agent'; models can be named by"
    ):
        import_results(tmp_path, name_by=["agent"])


def test_files_without_a_model_name_are_named_by_its_arguments(tmp_path):
    put(tmp_path, [1, 0], None, **arguments("pretrained=org/base,dtype=auto"))
    assert read_results(tmp_path).models.ids == ("org/base",)


def test_models_that_look_alike_are_told(tmp_path):
    for name in ("gpt-4", "GPT-4"):
        put(tmp_path / name, [1, 0], name)
    with pytest.warns(UserWarning, match="doubt: 1 groups of model ids.*'GPT-4' / 'gpt-4'"):
        assert read_results(tmp_path).n_models == 2


# --- repeats --------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [True, False])
def test_reruns_are_averaged_wherever_they_lie(tmp_path, apart):
    for k, marks in enumerate(([1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1])):
        put(tmp_path / (f"run{k}" if apart else "all"), marks, date=f"2026-11-22T06-00-0{k}")
    found = import_results(tmp_path)
    np.testing.assert_array_equal(found.responses.scores, [[1, 0.75, 0.25]])
    assert found.responses.trials.tolist() == [[4, 4, 4]]
    assert kinds(found)["joined"].count == 4


def test_a_backup_of_a_run_counts_once(tmp_path):
    put(tmp_path / "run", [1, 0, 0])
    shutil.copytree(tmp_path / "run", tmp_path / "backup")
    found = import_results(tmp_path)
    assert found.responses.trials is None
    assert "copies of a run were read once" in kinds(found)["joined"].what


def test_a_smoke_run_does_not_stand_for_the_whole(tmp_path):
    put(tmp_path, [0, 1, 0, 1, 1, 1, 0, 1])
    put(tmp_path, [1, 1, 1], date=LATER, size=8)
    found = import_results(tmp_path).responses
    np.testing.assert_array_equal(found.scores, [[0.5, 1, 0.5, 1, 1, 1, 0, 1]])
    assert "partial" not in found.models.columns


# --- files that were not seen ---------------------------------------------------------------------


def test_linked_folders_are_read(tmp_path):
    put(tmp_path / "store" / "a", [1, 0], "a")
    put(tmp_path / "dump" / "b", [0, 1], "b")
    (tmp_path / "dump" / "a").symlink_to(tmp_path / "store" / "a")
    (tmp_path / "dump" / "b" / "up").symlink_to(tmp_path / "dump")
    assert set(read_results(tmp_path / "dump").models.ids) == {"a", "b"}
    both = import_results([tmp_path / "dump", tmp_path / "store"])
    assert both.files == 2
    assert both.findings == ()


def test_packed_samples_are_read(tmp_path):
    put(tmp_path / "a", [1, 0, 1], "a")
    put(tmp_path / "b", [0, 0, 1], "b")
    for path in (tmp_path / "a").glob("samples*"):
        with gzip.open(f"{path}.gz", "wt") as file:
            file.write(path.read_text())
        path.unlink()
    for read in (read_results(tmp_path), read_results(sorted(tmp_path.glob("*/samples*")))):
        assert scores(read, "a", "arc") == [1, 0, 1]
        assert scores(read, "b", "arc") == [0, 0, 1]
    path = next((tmp_path / "a").glob("samples*"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"jsonl\.gz: cannot be read: Compressed file ended"):
        read_results(tmp_path)
    path.write_text("no gzip")
    with pytest.raises(DataError, match=r"jsonl\.gz:1: not JSON"):
        read_results(tmp_path)


def test_runs_without_samples_are_named(tmp_path):
    put(tmp_path / "a", [1, 0], "a")
    results(tmp_path / "b", "b", {"arc": 2}, configs={"arc": {}, "gsm": {}})
    results(tmp_path / "a", "a", {"arc": 2}, LATER, configs={"hella": {}})
    with pytest.warns(UserWarning, match="dropped: 3 tasks that were run without --log_samples"):
        assert read_results(tmp_path).models.ids == ("a",)
    told = kinds(import_results(tmp_path))["dropped"]
    assert told.examples == ("a: hella", "b: arc", "b: gsm")
    single = next((tmp_path / "a").glob("samples*"))
    assert import_results(single).findings == ()


# --- parts of a benchmark -------------------------------------------------------------------------


def test_a_limited_run_is_refused_or_kept(tmp_path):
    put(tmp_path / "a", [1] * 25, "a")
    put(tmp_path / "b", [1] * 10, "b", size=25)
    with pytest.raises(
        DataError, match=r"model 'b' has a part only of the items of arc \(10 of 25\).*--limit"
    ):
        read_results(tmp_path)
    found = import_results(tmp_path, partial=True)
    assert list(found.responses.models.column("partial")) == ["", "arc (10 of 25)"]
    assert kinds(found)["missing"].count == 1


def test_a_limited_run_that_does_not_say_of_how_many(tmp_path):
    put(tmp_path, [1, 0], **{"n-samples": {}, "config": {"limit": 2.0}})
    with pytest.raises(DataError, match="was run with --limit, and does not say how many"):
        read_results(tmp_path)
    assert read_results(tmp_path, partial=True).n_items == 2


def test_samples_of_chosen_documents_complete_each_other(tmp_path):
    for date, chosen in ((DATE, range(5)), (LATER, range(5, 9))):
        samples(tmp_path, "arc", [row("arc", k, acc=1) for k in chosen], date)
        results(tmp_path, "org/m", {"arc": 9}, date)
    found = read_results(tmp_path)
    assert found.observed.all()
    assert "partial" not in found.models.columns


# --- direction ------------------------------------------------------------------------------------


def test_metrics_that_are_better_where_lower_are_turned(tmp_path):
    lower = {"higher_is_better": {"arc": {"mistakes": False}}}
    put(tmp_path / "a", [0.25, 0, 1], "a", metric="mistakes", **lower)
    put(tmp_path / "b", [1.0, 1, 1], "b", metric="mistakes", **lower)
    found = import_results(tmp_path)
    np.testing.assert_array_equal(found.responses.scores, [[0.75, 1, 0], [0, 0, 0]])
    told = kinds(found)["turned"]
    assert (told.count, told.what) == (
        6,
        "scores of 'mistakes', better where lower, were turned into 1 - score",
    )
    with pytest.warns(UserWarning, match="turned: 6 scores of 'mistakes'"):
        read_results(tmp_path)


def test_the_name_tells_where_the_results_do_not(tmp_path):
    samples(tmp_path, "arc", rows("arc", [0.25, 0], "brier_score"))
    assert import_results(tmp_path).responses.scores.tolist() == [[0.75, 1]]
    found = import_results(tmp_path, direction="higher").responses
    assert found.scores.tolist() == [[0.25, 0]]


def test_unbounded_metrics_are_refused(tmp_path):
    lower = {"higher_is_better": {"arc": {"nats": False}}}
    put(tmp_path, [0.25, 2.5], metric="nats", **lower)
    with pytest.raises(
        DataError, match=r":2: metric 'nats' is better where it is lower, and is 2.5"
    ):
        read_results(tmp_path)
    found = import_results(tmp_path, scale=(0, 5)).responses
    np.testing.assert_allclose(found.scores, [[0.95, 0.5]])


# --- files of 2023 --------------------------------------------------------------------------------


def old_rows(task, marks):
    """As versions before 0.4.5 wrote them: no filter, no hash, each filter in turn."""
    lines = [row(task, k, None, exact_match=m) for each in marks for k, m in enumerate(each)]
    for line in lines:
        del line["doc_hash"]
    return lines


@pytest.mark.parametrize("named", [True, False])
def test_filters_without_a_name_are_told_apart_by_their_order(tmp_path, named):
    samples(tmp_path, "gsm", old_rows("gsm", [[0, 0, 1], [1, 0, 1]]))
    keys = {"exact_match,strict": 0.3, "exact_match_stderr,strict": 0, "exact_match,flexible": 0.6}
    results(tmp_path, "m", {"gsm": 3}, results={"gsm": keys} if named else {})
    one, other = ("strict", "flexible") if named else ("1", "2")
    with pytest.raises(DataError, match=f"2 filters, expected one; available: '{one}', '{other}'"):
        read_results(tmp_path)
    assert scores(read_results(tmp_path, filter=one), "m", "gsm") == [0, 0, 1]
    assert scores(read_results(tmp_path, filter=other), "m", "gsm") == [1, 0, 1]


def test_rows_of_several_processes_are_told_apart_too(tmp_path):
    """Processes log their documents one after the other, each filter in turn."""
    lines = old_rows("gsm", [[0, 0, 1, 0], [1, 0, 1, 1]])
    shuffled = [lines[k] for k in (0, 2, 4, 6, 1, 3, 5, 7)]
    samples(tmp_path, "gsm", shuffled)
    read = read_results(tmp_path, filter="2").select(items=[f"gsm/{k}" for k in range(4)])
    assert read.scores.tolist() == [[1, 0, 1, 1]]


def test_a_document_that_is_there_twice_is_no_filter(tmp_path):
    lines = old_rows("gsm", [[0, 0, 1]])
    samples(tmp_path, "gsm", [*lines, lines[0]])
    with pytest.raises(DataError, match="doc_id 0 already, on line 1"):
        read_results(tmp_path)


@pytest.mark.parametrize("own", [True, False])
def test_the_layout_of_2023(tmp_path, own):
    """``results.json``, or any name, and ``<model arguments>_<task>.jsonl``."""
    for k, model in enumerate(("org/a", "org/b")):
        folder = tmp_path / f"run{k}" if own else tmp_path
        folder.mkdir(exist_ok=True)
        text = f"pretrained={model},dtype=float16"
        about = {
            "config": {"model_args": text},
            "configs": {"arc": {}, "arc_easy": {}},
            "results": {},
        }
        (folder / ("results.json" if own else f"run{k}.json")).write_text(json.dumps(about))
        for task, marks in (("arc", [k, 1]), ("arc_easy", [k, 0, 1])):
            name = f"pretrained__org__{model[-1]},dtype__float16_{task}.jsonl"
            lines = [row(task, n, None, acc=m) for n, m in enumerate(marks)]
            (folder / name).write_text(json.dumps(lines, indent=2))
    found = import_results(tmp_path, format=None if own else "lm_eval")
    assert found.responses.models.ids == ("org/a", "org/b")
    assert scores(found.responses, "org/b", "arc") == [1, 1]
    assert scores(found.responses, "org/a", "arc_easy") == [0, 0, 1]
    if own:
        assert found.why == "results.json beside lines with doc_id and resps"


def test_hashes_that_old_files_lack_are_made_as_the_harness_makes_them(tmp_path):
    put(tmp_path / "new", [1, 0, 1], "new", metric="exact_match")
    lines = old_rows("arc", [[1, 1, 1]])
    samples(tmp_path / "old", "arc", lines)
    assert read_results(tmp_path).n_models == 2
    lines[1]["doc"] = doc("arc", 9)
    samples(tmp_path / "old", "arc", lines)
    with pytest.raises(DataError, match="'arc/1' has two values of 'hash'"):
        read_results(tmp_path)


# --- groups, and documents that changed -----------------------------------------------------------


GROUPS = {
    "groups": {"mmlu": {"acc,none": 0.5}, "stem": {"acc,none": 0.5}, "all": {" ": " "}},
    "group_subtasks": {"all": ["mmlu"], "mmlu": ["stem"], "stem": ["anatomy", "physics"]},
}


def test_a_group_with_a_score_is_the_benchmark(tmp_path):
    for task, marks in (("anatomy", [1, 0, 1]), ("physics", [0])):
        samples(tmp_path / "a", task, rows(task, marks))
        samples(tmp_path / "b", task, rows(task, [1] * len(marks)))
    results(tmp_path / "a", "a", {"anatomy": 3, "physics": 1}, **GROUPS)
    results(tmp_path / "b", "b", {"anatomy": 3, "physics": 1})  # its tasks one by one
    found = import_results(tmp_path)
    assert found.responses.benchmarks == ("mmlu",)
    assert set(found.responses.items.column("subject")) == {"anatomy", "physics"}
    assert found.responses.select(["a"]).scores.mean() == 0.5  # as the harness reports it
    assert found.chosen == {"mmlu": {"metric": "acc", "filter": "none"}}


def test_a_choice_for_a_group_holds_for_its_tasks(tmp_path):
    for task in ("anatomy", "physics"):
        samples(tmp_path, task, [row(task, 0, acc=1, acc_norm=0)])
    results(tmp_path, "a", {"anatomy": 1, "physics": 1}, **GROUPS)
    assert read_results(tmp_path, metric="mmlu=acc_norm").scores.tolist() == [[0, 0]]
    both = read_results(tmp_path, metric="mmlu=acc_norm,physics=acc")
    assert both.select(items=["anatomy/0", "physics/0"]).scores.tolist() == [[0, 1]]


def test_runs_that_disagree_on_a_group_leave_the_task(tmp_path):
    for name in ("x", "y"):
        samples(tmp_path / name, "t", rows("t", [1]))
        groups = {"groups": {name: {"acc,none": 1}}, "group_subtasks": {name: ["t"]}}
        results(tmp_path / name, name, {"t": 1}, **groups)
    assert read_results(tmp_path).benchmarks == ("t",)


def test_documents_that_changed_can_be_left_out(tmp_path):
    put(tmp_path / "a", [1] * 100, "a")
    lines = rows("arc", [0] * 100)
    for k in (3, 50, 99):
        lines[k]["doc_hash"] = f"{k:064x}"
    samples(tmp_path / "b", "arc", lines)
    results(tmp_path / "b", "b", {"arc": 100})
    with pytest.raises(DataError, match="3 of 100 items differ so, and --changed drop leaves them"):
        read_results(tmp_path)
    found = import_results(tmp_path, changed="drop")
    assert found.responses.n_items == 97
    assert kinds(found)["dropped"].examples == ("arc/3", "arc/50", "arc/99")
    assert "partial" not in found.responses.models.columns


KEYS = ["results", "groups", "group_subtasks", "configs", "versions", "n-shot", "n-samples"]
KEYS += ["higher_is_better", "config", "model_name", "chat_template_sha", "date"]
KEYS += ["system_instruction_sha", "fewshot_as_multiturn"]
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
names = st.sampled_from(["arc", "mmlu", "original", "acc,none", "model_args", "limit", "revision"])
trees = st.recursive(
    leaves,
    lambda one: st.lists(one, max_size=2) | st.dictionaries(names, one, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(KEYS), trees))
def test_results_files_of_any_shape_are_read_or_refused(tmp_path, content):
    folder = tmp_path / "org__m"
    samples(folder, "arc", rows("arc", [1, 0]))
    (folder / f"results_{DATE}.json").write_text(json.dumps(content))
    try:
        found = import_results(tmp_path)
    except DataError as error:
        message = str(error)
    else:
        message = ""
        assert found.responses.scores.tolist() in ([[1, 0]], [[0, 1]])
    assert "\n" not in message


def test_three_runs_of_three_dates_and_a_copy(tmp_path):
    """What a folder looks like after a year."""
    put(tmp_path, [1, 0, 1], **arguments("pretrained=org/m"))
    put(tmp_path, [1, 1, 1], date=LATER, **arguments("pretrained=org/m"))
    put(tmp_path, [0, 0, 0], date=THIRD, **arguments("pretrained=org/m,revision=v2"))
    shutil.copytree(tmp_path, tmp_path.parent / "copy")
    shutil.move(tmp_path.parent / "copy", tmp_path / "copy")
    found = import_results(tmp_path)
    assert found.responses.models.ids == ("org/m", "org/m [revision=v2]")
    assert found.responses.trials.tolist() == [[2, 2, 2], [1, 1, 1]]
    assert found.responses.scores.tolist() == [[1, 0.5, 1], [0, 0, 0]]
    told = {one.what: one.count for one in found.findings if one.kind == "joined"}
    assert sorted(told.values()) == [2, 3]
