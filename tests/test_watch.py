"""Watching the folder of a run: checkpoints that come, grow, break and vanish."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from model_servers import serving

from tinyeval.bank import packing
from tinyeval.bank.item_bank import ItemBank
from tinyeval.cli import main
from tinyeval.cli.predict import flags
from tinyeval.errors import ConfigError, DataError
from tinyeval.training.checkpoints import compile_patterns, find_checkpoints
from tinyeval.training.journal import FILE, read_journal
from tinyeval.training.quick_eval import QuickEval
from tinyeval.training.trajectory import read_trajectory
from tinyeval.training.watching import ATTEMPTS, Watcher

ROOT = Path(__file__).parent.parent


def save(run, step, skill=0.5, complete=True, name="checkpoint-{}"):
    """A checkpoint as transformers writes it, its last file last."""
    folder = run / name.format(step)
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps(skill))
    if complete:
        (folder / "trainer_state.json").write_text("{}")
    return folder


def answer(items, checkpoint):
    """The share of right answers that the checkpoint says."""
    skill = json.loads((Path(checkpoint) / "model.json").read_text())
    return [float(k < skill * len(items)) for k in range(len(items))]


class Clock:
    """Time that passes in sleep alone; ``events`` happen while asleep."""

    def __init__(self, *events):
        self.now, self.events = 0.0, list(events)

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        if self.events:
            self.events.pop(0)()


@pytest.fixture
def watcher(bank, tmp_path):
    def make(function=answer, clock=None, **options):
        clock = clock or Clock()
        lines = []
        quick = QuickEval(options.pop("bank", bank), function, n_items=options.pop("n", None))
        made = Watcher(
            tmp_path / "run",
            quick,
            clock=clock,
            sleep=clock.sleep,
            report=lines.append,
            **options,
        )
        made.lines = lines
        return made

    return make


def steps(made):
    return [one.step for one in read_journal(made.journal)]


def test_checkpoints_are_predicted_in_the_order_of_steps(watcher, bank, tmp_path):
    for step, skill in [(1000, 0.9), (200, 0.1), (30, 0.0)]:
        save(tmp_path / "run", step, skill)
    (tmp_path / "run" / "runs").mkdir()
    seen = []
    made = watcher(done=seen.append)
    made.once()
    entries = read_journal(tmp_path / "run" / FILE)
    assert entries == seen
    assert [one.step for one in entries] == [30, 200, 1000]
    scores = [one.prediction.score for one in entries]
    assert scores == sorted(scores)
    expected = QuickEval(bank, answer).run(
        tmp_path / "run" / "checkpoint-200", name="checkpoint-200"
    )
    assert entries[1].prediction == expected
    assert {one.digest for one in entries} == {bank.digest}


def test_what_is_done_is_not_done_again(watcher, tmp_path):
    asked = []

    def counting(items, checkpoint):
        asked.append(checkpoint.name)
        return answer(items, checkpoint)

    save(tmp_path / "run", 1)
    made = watcher(counting)
    made.once()
    made.once()
    save(tmp_path / "run", 2)
    watcher(counting).once()
    assert asked == ["checkpoint-1", "checkpoint-2"]
    watcher(counting, n=5).once()  # another bank
    assert asked[2:] == ["checkpoint-1", "checkpoint-2"]
    assert steps(made) == [1, 2, 1, 2]


def test_a_run_goes_on_across_an_upgrade_and_another_card(watcher, bank, tmp_path, monkeypatch):
    asked = []

    def counting(items, checkpoint):
        asked.append(checkpoint.name)
        return answer(items, checkpoint)

    save(tmp_path / "run", 1, 0.3)
    bank.save(tmp_path / "before")
    watcher(counting, bank=tmp_path / "before").once()
    monkeypatch.setattr(packing, "__version__", "99.0")
    monkeypatch.setattr(packing, "card", lambda facts: "A card in other words.")
    note = {**bank.source, "origin": "elsewhere", "note": "Read me first."}
    content = {item: {"prompt": "?"} for item in bank.anchors.items}
    later = replace(ItemBank.load(tmp_path / "before"), name="v2", source=note, content=content)
    later.save(tmp_path / "after")
    save(tmp_path / "run", 2, 0.7)
    made = watcher(counting, bank=tmp_path / "after")
    made.once()
    assert asked == ["checkpoint-1", "checkpoint-2"]
    assert [one.bank for one in read_journal(made.journal)] == ["simulated", "v2"]
    found = read_trajectory(tmp_path / "run")
    assert found.steps.tolist() == [1, 2]
    assert found.score[0] < found.score[1]


def test_a_checkpoint_without_its_last_file_is_waited_for(watcher, tmp_path):
    folder = save(tmp_path / "run", 1, complete=False)
    made = watcher(quiet=10)
    assert [one.step for one in made.poll()] == [1]
    made.clock.now = 9
    (folder / "optimizer.pt").write_text("more")
    assert made.poll()
    made.clock.now = 18
    assert made.poll()
    made.clock.now = 19
    assert made.poll() == []
    assert steps(made) == [1]


def test_the_last_file_ends_the_wait(watcher, tmp_path):
    folder = save(tmp_path / "run", 1, complete=False)
    made = watcher(quiet=1000)
    assert made.poll()
    (folder / "trainer_state.json").write_text("{}")
    assert made.poll() == []
    assert steps(made) == [1]


def test_once_waits_for_what_is_quiet_and_leaves_what_grows(watcher, tmp_path):
    run = tmp_path / "run"
    save(run, 1, complete=False)
    growing = save(run, 2, complete=False)
    made = watcher(clock=Clock(lambda: (growing / "more").write_text("x")), quiet=10)
    made.once()
    assert steps(made) == [1]
    assert made.lines == ["checkpoint-2: is still being written; left for another time"]


def test_an_empty_folder_is_no_checkpoint_yet(watcher, tmp_path):
    (tmp_path / "run" / "checkpoint-1").mkdir(parents=True)
    made = watcher(quiet=0)
    assert len(made.poll()) == 1


def test_a_vanished_checkpoint_is_a_line_and_not_the_end(watcher, tmp_path):
    run = tmp_path / "run"

    def vanishing(items, checkpoint):
        if checkpoint.name == "checkpoint-1":
            shutil.rmtree(checkpoint)
        return answer(items, checkpoint)

    save(run, 1), save(run, 2)
    made = watcher(vanishing)
    made.once()
    assert steps(made) == [2]
    assert made.lines == ["checkpoint-1: was removed before it was read to the end"]


def test_a_checkpoint_that_is_half_removed_is_tried_again(watcher, tmp_path):
    folder = save(tmp_path / "run", 1)

    def tearing(items, checkpoint):
        if (checkpoint / "model.json").exists():
            (checkpoint / "model.json").unlink()
        return answer(items, checkpoint)

    made = watcher(tearing)
    made.once()
    assert made.lines == ["checkpoint-1: changed while it was read; tried again later"]
    (folder / "model.json").write_text("0.5")
    made.quick = QuickEval(made.quick.bank, answer)
    made.poll()
    assert steps(made) == [1]


def test_a_checkpoint_that_changed_is_not_trusted_even_if_it_was_answered(watcher, tmp_path):
    folder = save(tmp_path / "run", 1, skill=0.2)
    rewritten = []

    def rewriting(items, checkpoint):
        found = answer(items, checkpoint)
        if not rewritten:
            rewritten.append((folder / "model.json").write_text("0.999"))
        return found

    made = watcher(rewriting)
    made.poll()
    assert made.lines == ["checkpoint-1: changed while it was read; tried again later"]
    assert steps(made) == []
    made.poll()
    (entry,) = read_journal(made.journal)
    assert entry.prediction == made.quick.run(folder, name="checkpoint-1")


def test_files_that_the_answering_function_leaves_change_nothing(watcher, tmp_path):
    save(tmp_path / "run", 1)

    def leaving(items, checkpoint):
        (checkpoint / "cache.bin").write_text("x")
        return answer(items, checkpoint)

    made = watcher(leaving)
    made.once()
    assert steps(made) == [1]


def test_a_checkpoint_removed_after_it_was_read_counts(watcher, tmp_path):
    save(tmp_path / "run", 1)

    def removing(items, checkpoint):
        found = answer(items, checkpoint)
        shutil.rmtree(checkpoint)
        return found

    made = watcher(removing)
    made.once()
    assert steps(made) == [1]


def test_once_predicts_the_others_and_then_fails(watcher, tmp_path):
    save(tmp_path / "run", 1)
    (tmp_path / "run" / "checkpoint-1" / "model.json").write_text("{")
    save(tmp_path / "run", 2)
    made = watcher()
    with pytest.raises(DataError, match="1 checkpoints could not be predicted: 'checkpoint-1'"):
        made.once()
    assert steps(made) == [2]
    assert made.lines[0].startswith("checkpoint-1: JSONDecodeError: ")


def test_while_watching_a_failure_is_tried_again_and_then_left(watcher, tmp_path):
    run = tmp_path / "run"
    tried = []

    def failing(items, checkpoint):
        tried.append(checkpoint.name)
        if checkpoint.name == "checkpoint-2" and tried.count("checkpoint-2") == 2:
            return answer(items, checkpoint)
        raise RuntimeError("CUDA out of memory")

    def stop():
        raise KeyboardInterrupt

    save(run, 1), save(run, 2)
    made = watcher(failing, clock=Clock(*[lambda: None] * 5, stop))
    with pytest.raises(KeyboardInterrupt):
        made.watch(interval=30)
    assert tried.count("checkpoint-1") == ATTEMPTS
    assert tried.count("checkpoint-2") == 2
    assert steps(made) == [2]
    assert made.clock.now == 180


@pytest.mark.slow
def test_what_was_raised_is_kept_with_its_traceback_and_nothing_else(watcher, tmp_path):
    class Weights:
        """Stands for a model in the memory of a GPU."""

    alive, seen = weakref.WeakSet(), []

    def failing(items, checkpoint):
        weights = Weights()
        alive.add(weights)
        raise RuntimeError(f"CUDA out of memory in {checkpoint.name}")

    for step in (1, 2):
        save(tmp_path / "run", step)
    made = watcher(failing, failed=seen.append)
    with pytest.raises(DataError, match="2 checkpoints could not be predicted") as told:
        made.once()
    assert list(told.value.__cause__.exceptions) == seen == list(made.errors.values())
    text = "".join(traceback.format_exception(told.value))
    for step in (1, 2):
        assert f"RuntimeError: CUDA out of memory in checkpoint-{step}" in text
    assert text.count("in failing") == 2
    gc.collect()
    assert not alive
    made.quick = QuickEval(made.quick.bank, answer)
    made.failures.clear()
    made.once()
    assert made.errors == {}


def test_answers_that_do_not_fit_are_reported(watcher, tmp_path):
    save(tmp_path / "run", 1)
    made = watcher(lambda items, checkpoint: [2.0] * len(items))
    with pytest.raises(DataError):
        made.once()
    assert made.lines[0].startswith("checkpoint-1: ")
    assert "DataError" not in made.lines[0]


def test_loggers_get_every_prediction(watcher, tmp_path):
    class Remember(list):
        def log(self, step, values):
            self.append((step, values["tinyeval/simulated/score"]))

    logger = Remember()
    save(tmp_path / "run", 3), save(tmp_path / "run", 12)
    made = watcher(loggers=[logger])
    made.once()
    entries = read_journal(made.journal)
    assert logger == [(one.step, one.prediction.score) for one in entries]


def test_a_run_that_has_not_begun_is_waited_for(watcher, tmp_path):
    def stop():
        raise KeyboardInterrupt

    made = watcher(clock=Clock(lambda: save(tmp_path / "run", 1), stop))
    with pytest.raises(KeyboardInterrupt):
        made.watch()
    assert steps(made) == [1]
    assert "no such folder yet" in made.lines[0]


def test_once_needs_the_folder_of_a_run(watcher, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        watcher().once()
    (tmp_path / "run").write_text("")
    with pytest.raises(DataError, match="found a file"):
        watcher()


def test_once_says_where_nothing_is_named_like_a_checkpoint(watcher, tmp_path):
    save(tmp_path / "run", 1, name="weights{}")
    made = watcher()
    made.once()
    assert "--pattern" in made.lines[0]
    made = watcher(pattern=r"weights(?P<step>\d+)")
    made.once()
    assert steps(made) == [1]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint-500", 500),
        ("global_step100", 100),
        ("step-20", 20),
        ("step20-unsharded", 20),
        ("iter_0001000", 1000),
        ("ckpt_7.pt", 7),
        ("epoch=1-step=128.ckpt", 128),
        ("step=5.ckpt", 5),
        ("epoch=1-step=128-v1.ckpt", 128),
        ("tmp-checkpoint-500", None),
        ("checkpoint-500.tmp", None),
        ("checkpoint-last", None),
        ("last.ckpt", None),
        ("optimizer-step-5x", None),
    ],
)
def test_names_of_checkpoints(tmp_path, name, step):
    (tmp_path / name).mkdir()
    found = find_checkpoints(tmp_path, compile_patterns(None))
    assert [one.step for one in found] == ([] if step is None else [step])


def test_patterns_that_say_no_step_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="where the step is"):
        compile_patterns(r"checkpoint-\d+")
    with pytest.raises(ConfigError, match="is not a regular expression"):
        compile_patterns("(")
    (tmp_path / "checkpoint-x").mkdir()
    with pytest.raises(DataError, match="is not a number"):
        find_checkpoints(tmp_path, compile_patterns("checkpoint-(?P<step>.+)"))


# --- the command --------------------------------------------------------------------------------

EVALS = """
import json

def answer(items, checkpoint):
    skill = json.loads((checkpoint / "model.json").read_text())
    return {one.id: float(k < skill * len(items)) for k, one in enumerate(items)}
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a run and a module of answers, and what the command line is given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "evals_of_mine.py").write_text(EVALS)
    save(tmp_path / "run", 100, 0.8)
    return tmp_path


def invoke(*arguments):
    return CliRunner().invoke(main, ["watch", *map(str, arguments)])


def test_the_command_prints_and_keeps_predictions(place, bank_folder):
    arguments = ["run", "--bank", bank_folder, "--answer", "evals_of_mine:answer", "--once"]
    found = invoke(*arguments)
    assert found.exit_code == 0, found.output
    (entry,) = read_journal(place / "run" / FILE)
    p = entry.prediction
    cells = f"100  {p.score:.3f}  {p.lower:.3f} to {p.upper:.3f}  {flags(p)}"
    assert found.stdout == cells.rstrip() + "\n"
    again = invoke(*arguments)
    assert (again.exit_code, again.stdout) == (0, "")
    other = invoke(*arguments, "--items", 4, "--out", "other.jsonl")
    assert other.exit_code == 0
    assert read_journal(place / "other.jsonl")[0].prediction.n_answered == 4


def test_the_command_ends_in_one_line_where_it_fails(place, bank_folder):
    (place / "run" / "checkpoint-100" / "model.json").write_text("?")
    for arguments, message in [
        (["run", "--answer", "evals_of_mine:answer"], "could not be predicted: 'checkpoint-100'"),
        (["run", "--answer", "evals_of_mine:no"], "cannot be imported"),
        (["run", "--answer", "evals_of_mine:answer", "--pattern", "x"], "where the step is"),
        (["nowhere", "--answer", "evals_of_mine:answer"], "no such folder"),
    ]:
        found = invoke(*arguments, "--bank", bank_folder, "--once")
        assert found.exit_code == 1
        assert "Error: " in found.stderr
        assert message in found.stderr.splitlines()[-1]


def test_debug_shows_what_the_function_raised(place, bank_folder):
    (place / "run" / "checkpoint-100" / "model.json").write_text("?")
    arguments = ["run", "--bank", bank_folder, "--answer", "evals_of_mine:answer", "--once"]
    plain, full = invoke(*arguments), invoke(*arguments, "--debug")
    assert "Traceback" not in plain.stderr
    assert "evals_of_mine.py" in full.stderr
    assert "json.decoder.JSONDecodeError: Expecting value" in full.stderr
    assert full.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1]


def test_the_journal_holds_what_was_raised_and_how_the_run_goes_on(place, bank_folder):
    broken = place / "run" / "checkpoint-100" / "model.json"
    broken.write_text("?")
    arguments = ["run", "--bank", bank_folder, "--answer", "evals_of_mine:answer", "--once"]
    assert invoke(*arguments).exit_code == 1
    (line,) = (place / "run" / FILE).read_text().splitlines()
    noted = json.loads(line)
    assert (noted["step"], noted["model"]) == (100, "checkpoint-100")
    assert noted["digest"] == ItemBank.load(bank_folder).digest
    assert noted["error"].startswith("evals_of_mine:answer raised JSONDecodeError: Expecting")
    assert "evals_of_mine.py" in noted["traceback"]
    assert "json.decoder.JSONDecodeError: Expecting value" in noted["traceback"]
    assert read_journal(place / "run" / FILE) == []
    broken.write_text("0.5")
    assert invoke(*arguments).exit_code == 0
    assert [one.step for one in read_journal(place / "run" / FILE)] == [100]
    assert read_trajectory(place / "run").steps.tolist() == [100]


def test_answers_of_checkpoints_can_be_kept_and_are_not_asked_again(place, bank_folder):
    save(place / "run", 200, 0.3)
    arguments = ["run", "--bank", bank_folder, "--answer", "evals_of_mine:answer", "--once"]
    assert invoke(*arguments, "--answers", "kept.jsonl").exit_code == 0
    kept = (place / "kept.jsonl").read_text()
    rows = [json.loads(line) for line in kept.splitlines()]
    assert len(rows) == 30
    assert {row["model"] for row in rows} == {"checkpoint-100", "checkpoint-200"}
    found = CliRunner().invoke(main, ["compare", str(bank_folder), "kept.jsonl"])
    assert found.exit_code == 0, found.output
    again = invoke(*arguments, "--answers", "kept.jsonl", "--out", "other.jsonl")
    assert "15 of 15 answers are in kept.jsonl" in again.stderr
    assert (place / "kept.jsonl").read_text() == kept


def test_a_server_is_asked_for_the_model_of_each_checkpoint(place, bank):
    content = {one: {"prompt": "?", "gold": "yes"} for one in bank.anchors.items}
    replace(bank, content=content).save(place / "asked")
    save(place / "run", 200, 0.3)
    text = {"choices": [{"message": {"content": "yes"}}]}
    with serving(lambda path, body: text) as (server, url):
        arguments = ["run", "--bank", "asked", "--once", "--endpoint", url]
        same = invoke(*arguments, "--model", "mine")
        assert same.exit_code == 2
        assert "would be the same for every checkpoint" in same.stderr
        assert invoke(*arguments, "--model", "lora-{model}").exit_code == 0
    names = [body["model"] for _, _, body in server.seen]
    assert {one: names.count(one) for one in names} == {
        "lora-checkpoint-100": 15,
        "lora-checkpoint-200": 15,
    }


def test_a_bank_that_cannot_be_asked_is_refused_at_once(place, bank_folder):
    found = invoke("run", "--bank", bank_folder)
    assert found.exit_code == 1
    assert "the bank has no content" in found.stderr
    assert len(found.stderr.splitlines()) == 1


@pytest.mark.slow
def test_the_command_follows_a_run_until_it_is_interrupted(place, bank_folder):
    """A real process, a checkpoint that appears while it watches, and Ctrl-C."""
    command = [sys.executable, "-m", "tinyeval", "watch", "run", "--bank", str(bank_folder)]
    command += ["--answer", "evals_of_mine:answer", "--interval", "0.05", "--quiet", "0"]
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command,
        cwd=place,
        env=path,
        stderr=subprocess.PIPE,
        text=True,
        # a shell's background job hands Ctrl-C on as to be ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        wait_for(lambda: len(read_journal(place / "run" / FILE)) == 1)
        save(place / "run", 200, 0.9)
        wait_for(lambda: len(read_journal(place / "run" / FILE)) == 2)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read() == "Interrupted.\n"
    finally:
        process.kill()
        process.stderr.close()
        process.wait()
    assert [one.step for one in read_journal(place / "run" / FILE)] == [100, 200]


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
