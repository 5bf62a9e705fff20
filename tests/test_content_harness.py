"""The runner asks what lm-evaluation-harness asked, and marks as it does, item by item."""

import json
import re
import shutil
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

pytest.importorskip("lm_eval", reason="needs tinyeval[lm-eval]")
pytest.importorskip("transformers", reason="needs tinyeval[hf]")

from harness_tasks import ASKED, TASKS, N, log_run, write_model, write_tasks

from tinyeval import ItemBank, build
from tinyeval.cli import main
from tinyeval.importers import import_content, import_results
from tinyeval.training import CausalLM, Item, QuickEval

pytestmark = pytest.mark.slow

METRICS = "several=acc_norm,acc,exact_match"
HISTORY, NEW = range(5), 5


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Logs of five models that make a history, and of one that does not."""
    base = tmp_path_factory.mktemp("harness")
    tasks = write_tasks(base / "tasks")
    logged = {}
    for seed in (*HISTORY, NEW):
        model = write_model(base / f"model{seed}", seed)
        new = "-new" if seed == NEW else ""
        logged["plain", seed] = log_run(model, tasks, base / f"plain{new}")
        if seed in (2, 3, NEW):
            options = {"apply_chat_template": True, "fewshot_as_multiturn": True}
            logged["chat", seed] = log_run(model, tasks, base / f"chat{new}", **options)
    return SimpleNamespace(base=base, logged=logged)


def content_of(runs, kind, task, metric, filter=None):
    ids = [f"{task}/{k}" for k in range(N)]
    found = import_content(runs.base / kind, ids, metric=metric, filter=filter)
    return [Item(one, found.content[one]) for one in ids], found.findings


@pytest.mark.parametrize(("task", "metric", "filter"), ASKED)
@pytest.mark.parametrize("kind", ["plain", "chat"])
def test_marks_are_the_harness_s_own(runs, kind, task, metric, filter):
    items, findings = content_of(runs, kind, task, metric, filter)
    assert [one.kind for one in findings] == ["turned"] * (kind == "chat")
    # a tokenizer that adds a start token, in the history; and one that does not, out of it
    for seed in (2, NEW):
        rows = [one for one in runs.logged[kind, seed][task] if filter in (None, one["filter"])]
        expected = {f"{task}/{one['doc_id']}": one[metric] for one in rows}
        found = CausalLM(device="cpu")(items, runs.base / f"model{seed}")
        assert found == pytest.approx(expected, abs=1e-5)
        assert len(expected) == N


@pytest.mark.parametrize("kind", ["plain", "chat"])
@pytest.mark.parametrize("task", ["written", "letters"])
def test_written_answers_are_the_harness_s_own(runs, kind, task, monkeypatch):
    items, _ = content_of(runs, kind, task, "exact_match", "strict-match,first")
    texts = {}
    runner = sys.modules["tinyeval.training.runners.causal_lm"]
    monkeypatch.setattr(runner, "mark_text", lambda item, text: texts.setdefault(item.id, text))
    for seed in (2, NEW):
        texts.clear()
        CausalLM(device="cpu")(items, runs.base / f"model{seed}")
        rows = runs.logged[kind, seed][task]
        assert texts == {f"{task}/{one['doc_id']}": one["resps"][0][0] for one in rows}
        assert len(set(texts.values())) > 2


def test_a_bank_built_from_logs_asks_a_new_model_without_a_further_file(runs, tmp_path, fast):
    """Logs -> bank -> a new model's prediction; that of the harness's own answers is the same."""
    options = {"metric": METRICS, "filter": "strict-match"}
    history = import_results(runs.base / "plain", **options).responses
    assert history.scores.shape == (len(HISTORY), N * len(TASKS))

    def content(wanted):
        return import_content(runs.base / "plain", wanted, **options).content

    bank = build(history, settings=fast.replace(items=24), content=content, content_licence="MIT")
    assert set(bank.content) == set(bank.anchors.items)
    bank.save(tmp_path / "bank")
    bank = ItemBank.load(tmp_path / "bank")
    found = QuickEval(bank, CausalLM(device="cpu")).run(runs.base / f"model{NEW}")
    answers = import_results(runs.base / "plain-new", **options, partial=True).responses
    (expected,) = bank.predict(answers)
    assert found.score == pytest.approx(expected.score, abs=1e-6)
    assert (found.lower, found.upper) == pytest.approx((expected.lower, expected.upper), abs=1e-6)
    assert found.n_answered == expected.n_answered == 24


def test_the_command_keeps_prompts_unasked_and_the_digest_is_the_same_without(runs, tmp_path):
    def call(name, *more):
        arguments = ["build", runs.base / "plain", "--metric", METRICS, "--filter", "strict-match"]
        arguments += ["--items", 10, "--device", "cpu", "--out", tmp_path / name, "--json", *more]
        found = CliRunner().invoke(main, [str(one) for one in arguments])
        assert found.exit_code == 0, found.output
        return json.loads(found.stdout), found.stderr

    with_, said = call("with")
    assert with_["content"]["items"] == 10
    assert with_["content"]["bytes"] == (tmp_path / "with" / "content.parquet").stat().st_size
    assert {"prompt", "gold", "metric"} <= set(with_["content"]["fields"])
    assert "no licence is stated for the content (--content-licence)" in said
    without, said = call("without", "--content-of", "none")
    assert (without["content"], "licence" in said) == (None, False)
    assert without["digest"] == with_["digest"]
    assert not (tmp_path / "without" / "content.parquet").exists()
    # and a bank that has none gets it from the same logs
    asked = ["content", str(tmp_path / "without"), str(runs.base / "plain"), "--metric", METRICS]
    found = CliRunner().invoke(main, [*asked, "--filter", "strict-match", "--licence", "MIT"])
    assert found.exit_code == 0, found.output
    again = ItemBank.load(tmp_path / "without")
    assert again.content == ItemBank.load(tmp_path / "with").content
    assert again.digest == with_["digest"]


def test_chat_templates_are_taken_off_and_put_on_again(runs):
    items, (finding,) = content_of(runs, "chat", "shots", "acc")
    assert str(finding).startswith(f"turned: {N} items were asked through chat templates")
    roles = [one["role"] for one in items[0].messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    plain, _ = content_of(runs, "chat", "plain", "acc")
    expected, _ = content_of(runs, "plain", "plain", "acc")
    assert [one.prompt for one in plain] == [one.prompt for one in expected]
    assert {one.chat for one in plain} == {True}


def test_a_template_that_is_not_logged_stays_and_that_is_said(runs, tmp_path):
    (folder,) = (runs.base / "chat-new").iterdir()
    shutil.copytree(folder, tmp_path / "logs")
    for file in (tmp_path / "logs").glob("results_*.json"):
        content = json.loads(file.read_text())
        content["chat_template"] = None  # its digest is still there
        file.write_text(json.dumps(content))
    ids = [f"plain/{k}" for k in range(N)]
    found = import_content(tmp_path / "logs", ids, metric="acc")
    assert "items keep the chat template of one run" in str(found.findings[0])
    items = [Item(one, found.content[one]) for one in ids]
    assert all(one.raw and "<user>" in one.prompt for one in items)
    rows = runs.logged["chat", NEW]["plain"]
    expected = {f"plain/{one['doc_id']}": one["acc"] for one in rows}
    assert CausalLM(device="cpu")(items, runs.base / f"model{NEW}") == expected


def test_runs_with_and_without_a_template_are_told_apart(runs):
    ids = [f"plain/{k}" for k in range(N)]
    both = [runs.base / "plain", runs.base / "chat"]
    found = import_content(both, ids, metric="acc", name_by=("chat template",))
    (finding,) = found.findings
    assert "through a chat template by some runs and without by others" in str(finding)
    assert not any(one.get("chat") for one in found.content.values())


def test_the_page_s_example_runs(runs, tmp_path, monkeypatch):
    page = (Path(__file__).parent.parent / "docs" / "content.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for task in ("plain", "shots", "worded", "several"):
        for file in (runs.base / "plain").rglob(f"samples_{task}_*.jsonl"):
            place = tmp_path / "lm_eval_output" / file.parent.name
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
            shutil.copy(next(file.parent.glob("results_*.json")), place)
    names: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(code, "docs/content.md", "exec"), names)
    assert len(names["bank"].content) == 50
    assert names["bank"].source["content_licence"] == "MIT"
