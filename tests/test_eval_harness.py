"""From logs of the real lm-evaluation-harness to the score of a new model: two commands, no code.

Fourteen small models with random weights are run by the harness on local tasks.  A bank is built
from its logs alone, and a fifteenth model is asked by the bank.
"""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("lm_eval", reason="needs tinyeval[lm-eval]")
pytest.importorskip("transformers", reason="needs tinyeval[hf]")

from click.testing import CliRunner
from harness import run_lm_eval
from language_models import WORDS, bpe, choice_items, tiny_model
from model_servers import completions, serving

from tinyeval import ItemBank, read_results
from tinyeval.cli import main
from tinyeval.errors import TinyEvalError
from tinyeval.training import Asking, Endpoint, HarnessAnswerer, bank_items, evaluate
from tinyeval.training.journal import FILE, read_journal

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
N_CHOICES, N_WRITTEN = 36, 24

# Examples drawn at random would be others in a run of some items than in a run of all.
CHOICES = """\
task: choosing
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}, train: {data}}}}}
test_split: test
fewshot_split: train
num_fewshot: 2
fewshot_config: {{sampler: first_n}}
output_type: multiple_choice
doc_to_text: "Q: {{{{prompt}}}}\\nA:"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{gold}}}}"
metric_list: [{{metric: acc_norm}}]
metadata: {{version: 1}}
"""
WRITTEN = """\
task: writing
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{prompt}}}}"
doc_to_target: "{{{{gold}}}}"
generation_kwargs: {{until: ["."], max_gen_toks: 6, do_sample: false}}
filter_list:
  - name: first-word
    filter: [{{function: regex, regex_pattern: "([a-z])"}}, {{function: take_first}}]
metric_list: [{{metric: exact_match, ignore_case: true}}]
metadata: {{version: 1}}
"""


def write_tasks(folder):
    folder.mkdir()
    choices = [{"key": one.id, **one.content} for one in choice_items(N_CHOICES, seed=11)]
    letters = "aeiostrn"
    steps = [1 + k // len(WORDS) for k in range(N_WRITTEN)]  # no two prompts are the same
    written = [
        {
            "prompt": " ".join(WORDS[(k + j * step) % len(WORDS)] for j in range(4)),
            "gold": letters[k % 8],
        }
        for k, step in enumerate(steps)
    ]
    for name, text, rows in (("choosing", CHOICES, choices), ("writing", WRITTEN, written)):
        data = folder / f"{name}.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / f"{name}.yaml").write_text(text.format(data=data))
    return folder


def run_harness(model, tasks, output):
    """Run the harness in this process, and write its logs as the command line does."""
    from lm_eval.loggers import EvaluationTracker

    tracker = EvaluationTracker(output_path=str(output))
    arguments = f"pretrained={model},dtype=float32"
    tracker.general_config_tracker.log_experiment_args("hf", arguments, "", False, False)
    results = run_lm_eval(
        "hf", tasks, model_args=arguments, device="cpu", batch_size=8, evaluation_tracker=tracker
    )
    logged = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=logged)
    for task in results["configs"]:
        tracker.save_results_samples(task_name=task, samples=logged[task])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Logs of 14 models, the folder of a 15th one, and the harness's own answers of it."""
    folder = tmp_path_factory.mktemp("from logs")
    tasks = write_tasks(folder / "tasks")
    for k in range(15):
        model = folder / f"model-{k}"
        tiny_model("gpt2" if k % 2 else "llama", seed=k).save_pretrained(model)
        bpe().save_pretrained(model)
        run_harness(model, tasks, folder / ("logs" if k < 14 else "new_logs"))
    command("build", "logs", "--items", 20, "--out", "bank", cwd=folder)
    return folder


def command(*arguments, cwd, **options):
    """Run tinyeval as a process; returns what it printed."""
    line = [sys.executable, "-m", "tinyeval", *map(str, arguments)]
    done = subprocess.run(
        line, cwd=cwd, env=environment(cwd), capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def ask(place, monkeypatch):
    """Runs a command in this process, in the folder of the bank; returns what it printed."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("TINYEVAL_CACHE", str(place / "cache"))

    def invoke(*arguments):
        found = CliRunner().invoke(main, list(map(str, arguments)))
        assert found.exit_code == 0, found.output
        return found.stdout

    return invoke


def environment(cwd):
    return {**os.environ, "PYTHONPATH": str(ROOT), "TINYEVAL_CACHE": str(cwd / "cache")}


def harness_answers(place):
    """Item -> score of the 15th model, as the harness marked it."""
    found = read_results(place / "new_logs")
    return dict(zip(found.items.ids, map(float, found.scores[0]), strict=True))


def answers_in(path):
    return {row["item"]: row["score"] for row in map(json.loads, path.read_text().splitlines())}


def test_a_new_model_is_predicted_with_no_further_file_and_no_code(place, ask):
    shown = command("eval", "bank", "model-14", "--answers", "answers.jsonl", cwd=place)
    bank = ItemBank.load(place / "bank")
    answers = answers_in(place / "answers.jsonl")
    assert set(answers) == set(bank.anchors.items)
    assert len(answers) == 20
    assert {one.split("/")[0] for one in answers} == {"choosing", "writing"}
    expected = harness_answers(place)
    assert answers == {one: expected[one] for one in answers}
    assert 0 < sum(answers.values()) < 20
    assert shown == ask("predict", "bank", "answers.jsonl")
    (prediction,) = bank.predict(place / "new_logs")  # with the soft scores of the harness
    assert f"model-14  {prediction.score:.3f}" in shown


def test_the_harness_itself_can_be_asked(place, ask):
    """Every backend that it knows: here its own model of transformers."""
    tasks = shlex.quote(str(place / "tasks"))
    arguments = f"--model_args pretrained={{model}},dtype=float32 --include_path {tasks}"
    by_harness = ("eval", "bank", "model-14", "--lm-eval", arguments, "--json")
    shown = ask(*by_harness)
    (one,) = json.loads(shown)["predictions"]
    own = json.loads(ask("eval", "bank", "model-14", "--json"))["predictions"][0]
    assert one["n_answered"] == 20
    assert one["score"] == pytest.approx(own["score"], abs=1e-3)  # soft scores are rounded
    full = ask(*by_harness, "--full")
    (all_,) = json.loads(full)["predictions"]
    expected = harness_answers(place)
    assert all_["true"]["n_answered"] == len(expected) == N_CHOICES + N_WRITTEN
    of = {
        task: [score for item, score in expected.items() if item.startswith(task)]
        for task in ("choosing", "writing")
    }
    for task, scores in of.items():
        assert all_["true"]["benchmarks"][task] == pytest.approx(sum(scores) / len(scores))


def test_the_metric_of_the_history_is_read_where_the_harness_logs_several(place, ask):
    tasks = place / "more metrics"
    tasks.mkdir()
    for one in (place / "tasks").glob("*.yaml"):
        text = one.read_text().replace("{metric: acc_norm}", "{metric: acc}, {metric: acc_norm}")
        (tasks / one.name).write_text(text)
    arguments = f"--model_args pretrained={{model}},dtype=float32 --include_path '{tasks}'"
    asked = ("--lm-eval", arguments, "--answers", "harness.jsonl")
    ask("eval", "bank", "model-14", *asked)
    expected = harness_answers(place)
    found = answers_in(place / "harness.jsonl")
    assert found == {one: expected[one] for one in ItemBank.load(place / "bank").anchors.items}


def test_a_failure_of_the_harness_is_one_line(place, ask):
    arguments = f"--include_path {shlex.quote(str(place / 'tasks'))}"
    with pytest.raises(TinyEvalError, match=r"^lm-eval ended with code 1: ") as told:
        evaluate(
            Asking(ItemBank.load("bank")),
            HarnessAnswerer.of(ItemBank.load("bank"), arguments),
            ["no-model"],
        )
    assert "no-model" in str(told.value)


def test_a_folder_of_checkpoints_is_watched_with_no_code(place, ask):
    for step in (10, 20):
        target = place / "run" / f"checkpoint-{step}"
        shutil.copytree(place / f"model-{13 + step // 20}", target)
        (target / "trainer_state.json").write_text("{}")
    shown = ask("watch", "run", "--bank", "bank", "--once", "--answers", "w.jsonl")
    entries = read_journal(place / "run" / FILE)
    assert [one.step for one in entries] == [10, 20]
    assert [line.split()[0] for line in shown.splitlines()] == ["10", "20"]
    own = json.loads(ask("eval", "bank", "model-14", "--json"))["predictions"][0]
    assert entries[1].prediction.score == pytest.approx(own["score"], abs=1e-12)
    rows = [json.loads(line) for line in (place / "w.jsonl").read_text().splitlines()]
    found = {row["item"]: row["score"] for row in rows if row["model"] == "checkpoint-20"}
    expected = harness_answers(place)
    assert found == {one: expected[one] for one in found}
    assert list((place / "cache" / "answers").glob("*")) == []


def test_a_server_that_gives_likelihoods_answers_as_the_harness(place):
    """Choices alone: the server of this test writes no answers."""
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(place / "model-14").eval()
    expected = harness_answers(place)
    bank = ItemBank.load(place / "bank")
    items = [one for one in bank_items(bank) if one.choices]
    with serving(completions(model, bpe())) as (_, url):
        found = Endpoint(url, "m", chat=False, likelihood=True)(items)
    assert found == {one.id: expected[one.id] for one in items}
    assert len(found) > 3


def test_ctrl_c_keeps_what_was_answered(place):
    """A real process, a server that stops in the middle, and the same command again."""

    def reply(path, body):
        return {"choices": [{"message": {"content": "a"}}]}

    good = {"choices": [{"message": {"content": "a"}}]}
    with serving(reply, *[good] * 9, "stop") as (server, url):
        line = ["eval", "bank", "--endpoint", url, "--model", "m", "--max-concurrency", "1"]
        process = subprocess.Popen(
            [sys.executable, "-m", "tinyeval", *line],
            cwd=place,
            env=environment(place),
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            assert server.reached.wait(300)
            process.send_signal(signal.SIGINT)
            # the request that hangs for longer is not waited for
            assert process.wait(120) == 130
            assert process.stderr.read().splitlines()[-1] == "Interrupted."
        finally:
            process.kill()
            process.stderr.close()
            process.wait()
        server.released.set()
        assert len(server.seen) == 10
        command(*line, cwd=place)
        assert len(server.seen) == 10 + 11
        asked = [json.dumps(body["messages"]) for _, _, body in server.seen]
        assert len(set(asked)) == 20
