"""Ways of answering: what they take, what identifies their answers, and what they refuse."""

import sys

import pytest

from tinyeval.errors import ConfigError, DataError, TinyEvalError
from tinyeval.training.answerers import FunctionAnswerer, HarnessAnswerer, LanguageModel
from tinyeval.training.answerers.language_model import split
from tinyeval.training.items import Item
from tinyeval.training.quick_eval import QuickEval

ITEMS = [Item(f"q{k}", {"prompt": f"{k}?"}) for k in range(4)]


@pytest.fixture
def module(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))

    def make(name, text):
        sys.modules.pop(name, None)
        (tmp_path / f"{name}.py").write_text(text)
        return tmp_path

    return make


def test_functions_are_found_by_name(module):
    folder = module("my_evals_7", "class A:\n    def b(items, path): return [1]\nn = 3\n")
    assert FunctionAnswerer.named("my_evals_7:A.b", folder)(ITEMS[:1], "x") == {"q0": 1}
    for name, message in [
        ("my_evals_7", "expected MODULE:FUNCTION"),
        (":b", "expected MODULE:FUNCTION"),
        ("my_evals_7:c", "has no attribute 'c'"),
        ("no_such_module_7:b", "No module named"),
        ("my_evals_7:n", "found int"),
    ]:
        with pytest.raises(ConfigError, match=message):
            FunctionAnswerer.named(name, folder)


def test_a_function_gets_the_path_of_what_lies_here_and_else_the_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    seen = []

    def answer(items, *model):
        seen.append(model)
        return [0] * len(items)

    mine = FunctionAnswerer(answer, "mine:answer")
    for model in (None, "here", "org/name", 7):
        assert mine(ITEMS, model) == dict.fromkeys(["q0", "q1", "q2", "q3"], 0)
    assert [len(one) for one in seen] == [0, 1, 1, 1]
    assert seen[1][0].is_dir()
    assert seen[2:] == [("org/name",), (7,)]
    assert [mine.name(one) for one in (None, "a/b", tmp_path / "checkpoint-3")] == [
        "mine:answer",
        "a/b",
        "checkpoint-3",
    ]


def test_items_without_a_score_are_left_out():
    def answer(items):
        return [1, None, float("nan"), True]

    assert FunctionAnswerer(answer, "mine")(ITEMS) == {"q0": 1, "q3": True}


def test_what_a_function_raises_is_one_line_with_its_cause():
    def broken(items):
        raise KeyError("q0")

    with pytest.raises(TinyEvalError, match=r"^mine:broken raised KeyError: 'q0'; --de") as told:
        FunctionAnswerer(broken, "mine:broken")(ITEMS)
    assert isinstance(told.value.__cause__, KeyError)

    def leaving(items):
        raise SystemExit(3)

    with pytest.raises(TinyEvalError, match="mine:leaving raised SystemExit: 3"):
        FunctionAnswerer(leaving, "mine:leaving")(ITEMS)

    def ours(items):
        raise DataError("no such file")

    with pytest.raises(DataError, match=r"^no such file$"):
        FunctionAnswerer(ours, "mine:ours")(ITEMS)


def test_answers_depend_on_the_text_of_the_function_and_the_files_of_the_model(module, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("1")

    def identity(text):
        folder = module("my_evals_8", text)
        found = FunctionAnswerer.named("my_evals_8:b", folder).identity(str(tmp_path / "model"))
        return found

    first = identity("def b(items, path): return [1]\n")
    assert identity("def b(items, path): return [1]\n") == first
    assert identity("def b(items, path): return [0]\n") != first
    (tmp_path / "model" / "weights").write_text("22")
    assert identity("def b(items, path): return [1]\n") != first


def test_a_way_of_answering_is_an_answering_function(bank):
    mine = FunctionAnswerer(lambda items, skill: [k < skill for k in range(len(items))], "mine")
    quick = QuickEval(bank, mine)
    assert quick.run(12).score > quick.run(2).score


def test_items_with_like_prompts_are_asked_together():
    def item(name, prompt):
        return Item(name, {"prompt": prompt, "choices": ["a", "b"], "gold": 0})

    shots = ["first shots " * 50, "other shots " * 50]
    items = [item(f"{k}/{j}", shots[j] + f"question {k}") for k in range(6) for j in (0, 1)]
    parts = list(split(items, 600))
    assert sorted(one.id for part in parts for one in part) == sorted(one.id for one in items)
    order = [one.id[-1] for part in parts for one in part]
    assert order == sorted(order)
    assert len(parts) > 2
    assert list(split([], 5)) == []
    assert [len(part) for part in split(items, 1)] == [1] * len(items)


# --- lm-evaluation-harness ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--model 'hf", "cannot be split"),
        ("--tasks mine", "leave out --tasks: the bank names the items"),
        ("-L 5", "leave out -L"),
        ("--limit=5", "leave out --limit"),
        ("--output_path out", "the logs are read from there"),
        ("--use_cache x", "it ignores the choice of items"),
    ],
)
def test_options_that_would_spoil_a_run_of_the_harness_are_refused(bank, text, message):
    with pytest.raises(ConfigError, match=message):
        HarnessAnswerer.of(bank, text)


def test_the_harness_gets_the_model_where_it_is_named(bank):
    assert HarnessAnswerer.of(bank, "").arguments == ("--model_args", "pretrained={model}")
    own = HarnessAnswerer.of(bank, "--model vllm --model_args pretrained={model},dtype=float16")
    assert own.arguments[-1] == "pretrained={model},dtype=float16"


def test_items_that_are_no_documents_of_the_harness_are_refused(bank):
    pytest.importorskip("lm_eval", reason="needs tinyeval[lm-eval]")
    with pytest.raises(DataError, match="not lm-eval's 'task/doc_id'"):
        HarnessAnswerer.of(bank, "").check([Item(bank.anchors.items[0])], "m")


# --- language models ----------------------------------------------------------------------------


def test_a_model_and_its_items_are_checked_before_it_is_loaded(tmp_path):
    good = [Item("q", {"prompt": "?", "choices": ["a", "b"], "gold": 0})]
    (tmp_path / "file").write_text("")
    for name, message in [
        (tmp_path, "expected a folder with a model's config.json; there is none"),
        (tmp_path / "file", "expected the folder of a model, found a file"),
        (tmp_path / "none", "there is no such folder"),
        ("runs/7/checkpoint-100", "there is no such folder"),
        ("no name", "there is no such folder"),
    ]:
        with pytest.raises(DataError, match=message):
            LanguageModel().check(good, name)
    LanguageModel().check(good, "org/name")
    (tmp_path / "config.json").write_text("{}")
    LanguageModel().check(good, tmp_path)
    with pytest.raises(ConfigError, match="has no revisions"):
        LanguageModel(revision="main").check(good, tmp_path)
    with pytest.raises(ConfigError, match="unknown dtype 'int3'"):
        LanguageModel(dtype="int3").check(good, tmp_path)
    for content, message in [
        ({"prompt": "?"}, "'bad' has no 'gold'"),
        ({"gold": "a"}, "'bad' has no 'prompt'"),
        ({"prompt": "?", "gold": "a", "metric": "bleu"}, "no metric 'bleu'"),
    ]:
        with pytest.raises(DataError, match=message):
            LanguageModel().check([*good, Item("bad", content)], tmp_path)
