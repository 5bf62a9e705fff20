"""``tinyeval eval``: asked, kept, predicted, and gone on with where it was interrupted."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from model_servers import serving

from tinyeval import build
from tinyeval.bank.content import with_content
from tinyeval.cli import main
from tinyeval.errors import DataError, TinyEvalError
from tinyeval.training.answerers import Answerer, FunctionAnswerer
from tinyeval.training.evaluating import Asking, Keeper, evaluate
from tinyeval.training.kept_answers import DAYS, AnswerFile, keys_of, unfinished_file
from tinyeval.training.true_scores import true_scores

EVALS = """
import json
from pathlib import Path

def answer(items, model="half"):
    if str(model) == "broken":
        raise RuntimeError("CUDA error")
    share = 0.5 if model == "half" else float(Path(model).read_text())
    return {one.id: float(k < share * len(items)) for k, one in enumerate(items)}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYEVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "answers"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a module of answers and two models, and what the command line is given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "evals_of_ours", raising=False)
    (tmp_path / "evals_of_ours.py").write_text(EVALS)
    (tmp_path / "weak").write_text("0.2")
    (tmp_path / "strong").write_text("0.9")
    return tmp_path


@pytest.fixture(scope="module")
def asked_bank(bank):
    """The bank with content of all items."""
    content = {one: {"prompt": f"{one}?", "gold": "yes"} for one in bank.items.ids}
    return with_content(bank, content, of="all")


@pytest.fixture
def asked_folder(asked_bank, tmp_path):
    asked_bank.save(tmp_path / "asked")
    return tmp_path / "asked"


def invoke(*arguments):
    return CliRunner().invoke(main, ["eval", *map(str, arguments)])


OURS = ("--answer", "evals_of_ours:answer")


def test_it_prints_what_predict_prints_of_the_answers_that_it_keeps(place, bank_folder, bank):
    found = invoke(bank_folder, "weak", "strong", *OURS, "--answers", "answers.jsonl")
    assert found.exit_code == 0, found.output
    rows = [json.loads(line) for line in (place / "answers.jsonl").read_text().splitlines()]
    assert {row["item"] for row in rows} == set(bank.anchors.items)
    assert {row["model"] for row in rows} == {"weak", "strong"}
    predicted = CliRunner().invoke(main, ["predict", str(bank_folder), "answers.jsonl"])
    assert predicted.exit_code == 0, predicted.output
    assert found.stdout == predicted.stdout
    again = invoke(bank_folder, "weak", "strong", *OURS, "--answers", "answers.jsonl", "--json")
    as_json = CliRunner().invoke(main, ["predict", str(bank_folder), "answers.jsonl", "--json"])
    shown, expected = json.loads(again.stdout), json.loads(as_json.stdout)
    assert {**shown, "predictions": 0} == {**expected, "predictions": 0}
    for one, other in zip(shown["predictions"], expected["predictions"], strict=True):
        assert list(one) == list(other)
        assert (one["model"], one["n_answered"]) == (other["model"], 15)
        assert one["score"] == pytest.approx(other["score"], abs=1e-12)
        assert one["ability"] == pytest.approx(other["ability"], abs=1e-9)
    assert "15 of 15 answers are in answers.jsonl" in again.stderr
    assert len((place / "answers.jsonl").read_text().splitlines()) == 30


def test_a_function_may_know_its_model(place, bank_folder, bank, cache):
    found = invoke(bank_folder, *OURS, "--items", 6, "--json", "--level", 0.8)
    assert found.exit_code == 0, found.output
    shown = json.loads(found.stdout)
    (one,) = shown["predictions"]
    assert (one["model"], one["n_answered"], shown["level"]) == ("evals_of_ours:answer", 6, 0.8)
    answers = dict(zip(bank.anchors.items[:6], [1, 1, 1, 0, 0, 0], strict=True))
    expected = bank.head(6).predict(answers, level=0.8).score
    assert one["score"] == pytest.approx(expected, abs=1e-12)
    assert list(cache.glob("*")) == []  # nothing is left of what was kept meanwhile


def test_the_true_score_stands_beside_the_predicted_one(place, asked_folder, asked_bank, bank):
    found = invoke(asked_folder, "strong", *OURS, "--full", "--json")
    assert found.exit_code == 0, found.output
    (one,) = json.loads(found.stdout)["predictions"]
    answers = {item: float(k < 54) for k, item in enumerate(bank.items.ids)}
    assert one["true"]["n_answered"] == 60
    assert one["true"]["score"] == pytest.approx(0.9)
    of = dict(zip(bank.items.ids, bank.items.column("benchmark"), strict=True))
    for name, score in one["true"]["benchmarks"].items():
        expected = np.mean([answers[item] for item in of if of[item] == name])
        assert score == pytest.approx(expected)
    anchors = {item: answers[item] for item in bank.anchors.items}
    assert one["score"] == pytest.approx(bank.predict(anchors).score, abs=1e-12)
    table = invoke(asked_folder, "strong", *OURS, "--full").stdout
    (line,) = [one for one in table.splitlines() if one.startswith("strong") and "overall" in one]
    assert f"{one['score']:.3f}" in line
    assert "0.900" in line


@pytest.mark.parametrize("average", ["items", "subjects"])
def test_true_scores_are_the_targets_of_the_history(history, fast, average):
    """Weights, subjects and benchmarks count in them as in the scores that a bank predicts."""
    rng = np.random.default_rng(4)
    notes = {
        "weight": rng.integers(1, 4, history.n_items).astype(float),
        "subject": np.array([f"s{k % 3 + (k % 2) * 3}" for k in range(60)], dtype=object),
    }
    weighted = replace(history, items=history.items.with_columns(**notes))
    settings = fast.replace(target={"average": average, "benchmark_weights": "equal"})
    built = build(weighted.take(np.arange(60)), settings=settings)
    from tinyeval.targets import make_targets

    targets = make_targets(weighted, benchmark_weights="equal", average=average)
    expected = weighted.scores[70].astype(float) @ targets.weights.T
    answers = dict(zip(weighted.items.ids, map(float, weighted.scores[70]), strict=True))
    found = true_scores(built, answers)
    assert tuple(found) == targets.names
    assert list(found.values()) == pytest.approx(expected.tolist())


def test_true_scores_of_a_part_say_of_how_many_items(asked_bank, bank):
    kept = {*bank.anchors.items, *bank.items.ids[::2]}
    some = {one: asked_bank.content[one] for one in bank.items.ids if one in kept}
    quick = Asking(replace(asked_bank, content=some), full=True)
    lines = []
    answerer = Fixed(dict.fromkeys(some, 1.0))
    (one,) = evaluate(quick, answerer, ["m"], report=lines.append).evaluations
    assert lines == [f"{len(some)} of 60 items have content: true scores are means over these"]
    assert one.true["overall"] == pytest.approx(1)
    only = with_content(bank, asked_bank.content)
    with pytest.raises(DataError, match=r"only the 15 anchors have content.*--content-of all"):
        evaluate(Asking(only, full=True), answerer, ["m"])


def test_scores_from_elsewhere_are_no_means_of_answers(history, fast):
    rng = np.random.default_rng(0)
    models = history.models.with_columns(elsewhere=rng.random(history.n_models))
    built = build(
        replace(history, models=models), settings=fast.replace(target={"column": "elsewhere"})
    )
    with pytest.raises(DataError, match="a table of models gave"):
        Asking(built, full=True)


# --- going on -----------------------------------------------------------------------------------


class Fixed(Answerer):
    """Answers one item after the other, and remembers which it was asked."""

    def __init__(self, scores, fails_at=None, error=KeyboardInterrupt):
        self.scores, self.fails_at, self.error, self.asked = scores, fails_at, error, []

    def answer(self, items, model):
        for one in items:
            if len(self.asked) == self.fails_at:
                raise self.error("stopped")
            self.asked.append((model, one.id))
            yield {one.id: self.scores[one.id]}

    def identity(self, model):
        return {"fixed": str(model)}


@pytest.mark.parametrize("in_a_file", [True, False])
def test_an_interrupted_evaluation_goes_on_and_asks_nothing_twice(
    asked_bank, tmp_path, in_a_file, cache
):
    path = tmp_path / "kept.jsonl" if in_a_file else None
    scores = {one: float(k % 3 == 0) for k, one in enumerate(asked_bank.items.ids)}
    asking, lines, shown = Asking(asked_bank), [], []
    first = Fixed(scores, fails_at=22)
    with pytest.raises(KeyboardInterrupt):
        evaluate(asking, first, ["a", "b"], answers=path)
    second = Fixed(scores)

    def progress(*one):
        shown.append(one)

    found = evaluate(
        asking, second, ["a", "b"], answers=path, report=lines.append, progress=progress
    ).evaluations
    assert len(first.asked) == 22
    assert len(second.asked) == 8
    assert not set(first.asked) & set(second.asked)
    assert shown[:2] == [(15, 15, "a"), (7, 15, "b")]
    assert shown[-1] == (15, 15, "b")
    assert len(lines) == 2
    assert lines[1].startswith("b: 7 of 15 answers are in ")
    for one in found:
        expected = asked_bank.predict(scores)
        assert one.prediction == replace(expected, model=one.prediction.model)
    if in_a_file:
        assert len(path.read_text().splitlines()) == 30
    else:
        assert list(cache.glob("*")) == []
    third = Fixed(scores)
    evaluate(asking, third, ["a"], answers=path)
    assert len(third.asked) == (0 if in_a_file else 15)


def test_more_anchors_or_all_items_go_on_from_fewer(asked_bank, tmp_path):
    scores = dict.fromkeys(asked_bank.items.ids, 1.0)
    path, counts = tmp_path / "kept.jsonl", []
    for asking in (Asking(asked_bank, 5), Asking(asked_bank), Asking(asked_bank, full=True)):
        answerer = Fixed(scores)
        evaluate(asking, answerer, ["a"], answers=path)
        counts.append(len(answerer.asked))
    assert counts == [5, 10, 45]


@pytest.mark.parametrize("in_a_file", [True, False])
def test_a_cache_that_cannot_be_written_is_no_obstacle(
    asked_bank, tmp_path, monkeypatch, in_a_file
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TINYEVAL_CACHE", str(tmp_path / "file"))
    lines, asking = [], Asking(asked_bank)
    answerer = Fixed(dict.fromkeys(asked_bank.items.ids, 1.0))
    if in_a_file:
        with pytest.raises(OSError, match="File exists"):
            evaluate(asking, answerer, ["a"], answers=tmp_path / "file" / "kept.jsonl")
        return
    (one,) = evaluate(asking, answerer, ["a"], report=lines.append).evaluations
    assert one.prediction.n_answered == 15
    assert len(lines) == 1
    assert lines[0].startswith("answers are not kept while they come: ")


def test_a_shorter_evaluation_leaves_what_a_longer_one_has_kept(asked_bank):
    scores = dict.fromkeys(asked_bank.items.ids, 1.0)
    with pytest.raises(KeyboardInterrupt):
        evaluate(Asking(asked_bank, full=True), Fixed(scores, fails_at=40), ["a"])
    evaluate(Asking(asked_bank, 5), Fixed(scores), ["a"])
    answerer = Fixed(scores)
    evaluate(Asking(asked_bank, full=True), answerer, ["a"])
    assert len(answerer.asked) == 20


def test_answers_to_another_question_are_not_used(asked_bank, tmp_path):
    scores = dict.fromkeys(asked_bank.items.ids, 1.0)
    path = tmp_path / "kept.jsonl"
    evaluate(Asking(asked_bank), Fixed(scores), ["a"], answers=path)
    before = path.read_bytes()
    item = asked_bank.anchors.items[3]
    content = {**asked_bank.content, item: {"prompt": "Another?", "gold": "yes"}}
    with pytest.raises(DataError, match=rf"holds 1 answers of 'a'.*differ \('{item}'\)"):
        evaluate(Asking(replace(asked_bank, content=content)), Fixed(scores), ["a"], answers=path)

    class Other(Fixed):
        def identity(self, model):
            return {"other": str(model)}

    with pytest.raises(DataError, match="holds 15 answers of 'a'"):
        evaluate(Asking(asked_bank), Other(scores), ["a"], answers=path)
    assert path.read_bytes() == before
    answerer = Other(scores)
    evaluate(Asking(asked_bank), answerer, ["b"], answers=path)  # another model's are no obstacle
    assert len(answerer.asked) == 15


def test_a_line_that_was_cut_off_is_asked_again(asked_bank, tmp_path):
    scores = dict.fromkeys(asked_bank.items.ids, 1.0)
    path = tmp_path / "kept.jsonl"
    evaluate(Asking(asked_bank), Fixed(scores), ["a"], answers=path)
    path.write_bytes(path.read_bytes()[:-20])
    answerer = Fixed(scores)
    evaluate(Asking(asked_bank), answerer, ["a"], answers=path)
    assert len(answerer.asked) == 1
    assert len(AnswerFile(path).known("a", keys_of([], "", {}))) == 0
    assert len(path.read_text().splitlines()) == 15


@pytest.mark.parametrize(
    "line",
    [
        "model,item,score",
        '{"model": "a", "item": "q"}',
        '{"model": "a", "item": "q", "score": 2, "key": "0"}',
        '{"model": "a", "item": "q", "score": null, "key": "0"}',
        "[1, 2]",
        "3",
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(place, bank_folder, line):
    (place / "mine").write_text(f"{line}\n")
    found = invoke(bank_folder, "weak", *OURS, "--answers", "mine")
    assert found.exit_code == 1
    assert found.stderr.startswith("Error: ")
    assert len(found.stderr.splitlines()) == 1
    assert (place / "mine").read_text() == f"{line}\n"


def test_scores_that_are_none_are_refused_and_not_kept(asked_bank, tmp_path):
    path = tmp_path / "kept.jsonl"
    for bad in (2.0, -1, "x", None, float("nan")):
        scores = dict.fromkeys(asked_bank.items.ids, bad)
        with pytest.raises(DataError, match="must be a number from 0 to 1"):
            evaluate(Asking(asked_bank), Fixed(scores), ["a"], answers=path)
    assert not path.exists()


def test_what_nobody_went_on_with_is_removed_in_the_end(cache):
    import os
    import time

    old, new = unfinished_file("m", {"q": "old"}), unfinished_file("m", {"q": "new"})
    assert len({old, new, unfinished_file("n", {"q": "new"}), unfinished_file("m", {})}) == 4
    for one in (old, new):
        one.parent.mkdir(parents=True, exist_ok=True)
        one.write_text("")
    long_ago = time.time() - (DAYS + 1) * 86400
    os.utime(old, (long_ago, long_ago))
    unfinished_file("other", {})
    assert (old.exists(), new.exists()) == (False, True)


# --- what fails ---------------------------------------------------------------------------------


def test_one_model_fails_and_the_others_are_predicted(place, bank_folder):
    found = invoke(bank_folder, "broken", "strong", *OURS)
    assert found.exit_code == 1
    assert "strong" in found.stdout
    assert "broken" not in found.stdout
    (line,) = [one for one in found.stderr.splitlines() if one.startswith("Error: ")]
    assert line.startswith("Error: 1 of 2 models could not be evaluated, such as broken: ")
    assert "RuntimeError: CUDA error" in line
    assert "Traceback" not in found.stderr
    alone = invoke(bank_folder, "broken", *OURS)
    assert alone.exit_code == 1
    assert alone.stderr.splitlines()[-1] == (
        "Error: evals_of_ours:answer raised RuntimeError: CUDA error; --debug shows where"
    )
    whole = invoke(bank_folder, "broken", *OURS, "--debug")
    assert 'raise RuntimeError("CUDA error")' in whole.stderr
    assert whole.stderr.splitlines()[-1] == alone.stderr.splitlines()[-1]


def test_errors_of_any_kind_end_in_one_line(asked_bank):
    answerer = Fixed({}, fails_at=0, error=ZeroDivisionError)
    seen = []
    with pytest.raises(TinyEvalError, match=r"^a: ZeroDivisionError: stopped$") as told:
        evaluate(Asking(asked_bank), answerer, ["a"], failed=seen.append)
    assert list(told.value.__cause__.exceptions) == seen
    with pytest.raises(TinyEvalError, match=r"^2 of 2 models could not be evaluated, such as a: "):
        evaluate(Asking(asked_bank), answerer, ["a", "b"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a MODEL to load"),
        (["m", "--answer", "a:b", "--endpoint", "http://x"], "exclude each other"),
        (["m", "--answer", "a:b", "--device", "cpu"], "--device is for models in folders"),
        (["m", "--api", "chat"], "--api is for --endpoint"),
        (["m", "--metric", "acc"], "--metric is for --lm-eval"),
        (["--endpoint", "http://x/v1"], "name its model with --model"),
        (["m", "--endpoint", "http://x/v1", "--model", "m"], "name its model with --model"),
        (["--lm-eval", ""], "needs a MODEL"),
        (["m", "--lm-eval", "--model_args pretrained=gpt2"], "none where they do not"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(bank_folder, arguments, message):
    found = invoke(bank_folder, *arguments)
    assert found.exit_code == 2
    assert message in found.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["m", *OURS, "--items", 16], "the bank has 15 anchors; expected 1 to 15, found 16"),
        (["m", *OURS, "--items", 3, "--full"], "full asks all items"),
        (["m", "m/", *OURS], "several models have one name: 'm', 'm'"),
        (["m"], "the bank has no content"),
        (["--endpoint", "ftp://x", "--model", "m"], "expected an address http"),
        (["m", "--answer", "evals_of_ours:no"], "cannot be imported"),
    ],
)
def test_what_cannot_be_asked_ends_in_one_line(place, bank_folder, arguments, message):
    found = invoke(bank_folder, *arguments)
    assert found.exit_code == 1
    assert found.stderr.startswith("Error: ")
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_a_bank_without_content_says_which_way_of_giving_it_fits(bank, tmp_path):
    with pytest.raises(DataError) as told:
        Asking(bank).items(needs_content=True)
    for way in ("`tinyeval content BANK FILE`", "`build --content FILE`", "--answer MODULE:FUN"):
        assert way in str(told.value)
    assert "--lm-eval" not in str(told.value)
    half = {one: {"prompt": "?"} for one in bank.anchors.items[:13]}
    with pytest.raises(DataError, match=r"^2 of 15 anchors have no content: 'item"):
        Asking(replace(bank, content=half)).items(needs_content=True)
    assert len(Asking(replace(bank, content=half), 13).items(needs_content=True)) == 13
    run = {**bank.settings["run"], "dataset": "some/data", "key": "id"}
    keyed = replace(bank, settings={**bank.settings, "run": run})
    with pytest.raises(DataError, match=r'ask them with --lm-eval "", or build the bank again'):
        Asking(keyed).items(needs_content=True)


# --- servers ------------------------------------------------------------------------------------


def chat(path, body):
    return {"choices": [{"message": {"content": "yes"}}]}


def test_a_server_is_asked_by_the_command(asked_folder):
    troubles = [(429, {"Retry-After": "0"}, {}), (500, {"Retry-After": "0"}, {}), "drop"]
    with serving(chat, *troubles[:2]) as (server, url):
        options = ["--endpoint", url, "--model", "org/big", "--max-concurrency", 3]
        found = invoke(asked_folder, *options, "--json", "--max-tokens", 7)
    assert found.exit_code == 0, found.output
    (one,) = json.loads(found.stdout)["predictions"]
    assert (one["model"], one["n_answered"]) == ("org/big", 15)
    assert len(server.seen) == 17
    assert {body["model"] for _, _, body in server.seen} == {"org/big"}
    assert {body["max_tokens"] for _, _, body in server.seen} == {7}


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        ((401, {}, {"error": "bad key"}), "with status 401"),
        ((200, {}, b"<html>"), "is no JSON"),
        ((200, {}, b'{"choices": [{"message": {"con'), "is no JSON"),
        ((200, {}, {"choices": [{"text": "?"}]}), "expected an answer to item"),
    ],
)
def test_answers_before_a_refusal_are_kept_and_not_paid_for_twice(asked_folder, trouble, message):
    good = {"choices": [{"message": {"content": "yes"}}]}
    options = ["--model", "m", "--max-concurrency", 1, "--answers", asked_folder.parent / "a.jsonl"]
    with serving(chat, *[good] * 6, trouble) as (server, url):
        first = invoke(asked_folder, "--endpoint", url, *options)
        assert first.exit_code == 1
        assert message in first.stderr.splitlines()[-1]
        assert len(server.seen) == 7
        second = invoke(asked_folder, "--endpoint", url, *options)
    assert second.exit_code == 0, second.output
    assert "6 of 15 answers are in" in second.stderr
    assert len(server.seen) == 7 + 9
    prompts = [body["messages"][0]["content"] for _, _, body in server.seen]
    assert len(set(prompts)) == 15


def test_the_keeper_reports_nothing_of_a_new_model(asked_bank, tmp_path):
    lines = []
    mine = FunctionAnswerer(lambda items, model: [1.0] * len(items), "mine")
    keeper = Keeper(mine, asked_bank.digest, tmp_path / "k.jsonl", report=lines.append)
    items = Asking(asked_bank).items(needs_content=True)
    assert keeper(items, "m") == dict.fromkeys(asked_bank.anchors.items, 1.0)
    assert lines == []
    keeper.forget()
    assert (tmp_path / "k.jsonl").exists()
