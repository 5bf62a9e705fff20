"""Predictions in the middle of training: real trainers, real models, small ones."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs tinyeval[hf]")
pytest.importorskip("accelerate", reason="needs tinyeval[hf]")

import torch
import transformers
from small_benchmark import make_model, make_texts

from tinyeval.errors import ConfigError, DependencyError
from tinyeval.training import CausalLM, QuickEval, TransformersCallback
from tinyeval.training.journal import FILE, read_journal
from tinyeval.training.processes import is_spread

pytestmark = pytest.mark.slow

SCORE = "tinyeval/small/score"


def rows_of(tokenizer, n, seed=0):
    ids, labels = make_texts(tokenizer, n, seed)
    return [{"input_ids": i, "labels": k} for i, k in zip(ids, labels, strict=True)]


@pytest.fixture
def make_trainer(small_benchmark, tmp_path):
    def make(steps=6, rows=None, model=None, callbacks=(), **options):
        tokenizer = small_benchmark.tokenizer
        given = {
            "per_device_train_batch_size": 64,
            "learning_rate": 1e-2,
            "lr_scheduler_type": "constant",
            "weight_decay": 0.0,
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": [],
            "use_cpu": True,
            "disable_tqdm": True,
            "seed": 7,
            **options,
        }
        arguments = transformers.TrainingArguments(str(tmp_path / "run"), max_steps=steps, **given)
        rows = rows_of(tokenizer, 640) if rows is None else rows
        return transformers.Trainer(
            make_model(tokenizer, seed=7) if model is None else model,
            arguments,
            train_dataset=rows,
            eval_dataset=rows[:16],
            callbacks=list(callbacks),
        )

    return make


@pytest.fixture
def quick(small_bank, small_benchmark):
    return QuickEval(small_bank, CausalLM(small_benchmark.tokenizer))


class Full(transformers.TrainerCallback):
    """Evaluates every item, as nobody can afford to."""

    def __init__(self, benchmark, every):
        self.benchmark, self.every, self.scores = benchmark, every, {}

    def on_step_end(self, args, state, control, model, **kwargs):
        if state.global_step % self.every == 0:
            answer = CausalLM(self.benchmark.tokenizer)
            found = answer(self.benchmark.items, model)
            self.scores[state.global_step] = np.mean(list(found.values()))


def logged(trainer, name=SCORE):
    return [(one["step"], one[name]) for one in trainer.state.log_history if name in one]


def test_the_full_score_lies_in_the_predicted_interval_while_a_model_trains(
    make_trainer, quick, small_benchmark, tmp_path
):
    """A new run of 150 steps: 40 of 192 items asked at ten checkpoints, all items beside them."""
    full = Full(small_benchmark, 15)
    rows = rows_of(small_benchmark.tokenizer, 64 * 150, seed=77)
    trainer = make_trainer(150, rows, callbacks=[full], logging_steps=50)
    trainer.add_callback(TransformersCallback(trainer, quick, every=15))
    trainer.train()
    entries = read_journal(tmp_path / "run" / FILE)
    assert [one.step for one in entries] == list(range(15, 151, 15))
    found = [one.prediction for one in entries]
    truth = list(full.scores.values())
    held = [p.lower <= true <= p.upper for p, true in zip(found, truth, strict=True)]
    assert sum(held) >= 9
    assert np.mean([abs(p.score - t) for p, t in zip(found, truth, strict=True)]) < 0.05
    assert truth[-1] - truth[0] > 0.3  # it has learned, and the prediction saw it
    assert found[-1].score - found[0].score > 0.3
    assert logged(trainer) == [(one.step, one.prediction.score) for one in entries]


def test_what_is_logged_is_little_unless_asked_for(make_trainer, quick):
    trainer = make_trainer(1)
    trainer.add_callback(TransformersCallback(trainer, quick, every=1))
    trainer.train()
    names = {name for one in trainer.state.log_history for name in one if name.startswith("tiny")}
    parts = ("score", "lower", "upper", "in_range", "misfit", "seconds")
    assert names == {f"tinyeval/small/{one}" for one in parts}
    ((_, seconds),) = logged(trainer, "tinyeval/small/seconds")
    assert 0 < seconds < 100
    for wrong in (["abilities"], "ability"):
        with pytest.raises(ConfigError, match="a list of ability, benchmarks, n_answered"):
            TransformersCallback(trainer, quick, also=wrong)


def test_score_bounds_and_ability_are_in_the_trainers_log(make_trainer, quick, tmp_path):
    trainer = make_trainer(4)
    trainer.add_callback(TransformersCallback(trainer, quick, every=2, also=["ability"]))
    trainer.train()
    entries = read_journal(tmp_path / "run" / FILE)
    for part in ("score", "lower", "upper"):
        expected = [(one.step, getattr(one.prediction, part)) for one in entries]
        assert logged(trainer, f"tinyeval/small/{part}") == expected
    for k in range(len(entries[0].prediction.ability)):
        expected = [(one.step, one.prediction.ability[k]) for one in entries]
        assert logged(trainer, f"tinyeval/small/ability_{k + 1}") == expected
    # the trainer's own log of the same steps is there as well
    assert [step for step, _ in logged(trainer, "loss")] == [1, 2, 3, 4]


def test_the_run_is_the_same_run_with_and_without_predictions(
    make_trainer, small_bank, small_benchmark
):
    """Dropout, order of data and weights do not notice the evaluation between the steps."""
    weights = []
    for every in (None, 1):
        model = make_model(small_benchmark.tokenizer, seed=7)
        for layer in model.model.layers:
            layer.mlp.act_fn = torch.nn.Sequential(layer.mlp.act_fn, torch.nn.Dropout(0.3))
        trainer = make_trainer(5, model=model)

        def answer(items, model):
            assert not model.training or model.eval()
            torch.manual_seed(0)
            return CausalLM(small_benchmark.tokenizer)(items, model)

        quick = QuickEval(small_bank, answer)
        if every:
            trainer.add_callback(TransformersCallback(trainer, quick, every=every))
        trainer.train()
        weights.append([one.detach().clone() for one in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def test_the_best_checkpoint_is_that_of_the_best_predicted_score(make_trainer, quick, tmp_path):
    trainer = make_trainer(
        30,
        eval_strategy="steps",
        eval_steps=10,
        save_strategy="steps",
        save_steps=10,
        metric_for_best_model=SCORE,
        greater_is_better=True,
        load_best_model_at_end=True,
    )
    trainer.add_callback(TransformersCallback(trainer, quick))
    trainer.train()
    entries = read_journal(tmp_path / "run" / FILE)
    assert [one.step for one in entries] == [10, 20, 30]
    best = max(entries, key=lambda one: one.prediction.score)
    assert trainer.state.best_metric == best.prediction.score
    assert trainer.state.best_model_checkpoint.endswith(f"checkpoint-{best.step}")
    # after training, an evaluation says what the loaded model is worth, and records no step
    metrics = trainer.evaluate()
    assert metrics[f"eval_{SCORE}"] == pytest.approx(best.prediction.score)
    assert len(read_journal(tmp_path / "run" / FILE)) == 3


def test_one_prediction_serves_the_step_and_its_evaluation(make_trainer, small_bank, tmp_path):
    asked = []

    def answer(items, model):
        asked.append(len(items))
        return [1] * len(items)

    trainer = make_trainer(4, eval_strategy="steps", eval_steps=2)
    trainer.add_callback(TransformersCallback(trainer, QuickEval(small_bank, answer), every=1))
    trainer.train()
    assert asked == [40] * 4


def test_early_stopping_works_on_the_predicted_score(make_trainer, small_bank):
    scores = iter([0.1, 0.6, 0.3, 0.9])

    def answer(items, model):
        share = next(scores)
        return [float(k < share * len(items)) for k in range(len(items))]

    stopping = transformers.EarlyStoppingCallback(early_stopping_patience=1)
    trainer = make_trainer(
        8,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="best",
        metric_for_best_model=SCORE,
        greater_is_better=True,
    )
    # the prediction must be there when early stopping looks
    trainer.add_callback(TransformersCallback(trainer, QuickEval(small_bank, answer)))
    trainer.add_callback(stopping)
    trainer.train()
    assert trainer.state.global_step == 6


def test_other_loggers_are_served(make_trainer, quick):
    class Remember(list):
        def log(self, step, values):
            self.append((step, values[SCORE]))

    logger = Remember()
    trainer = make_trainer(2)
    trainer.add_callback(TransformersCallback(trainer, quick, every=1, loggers=[logger]))
    trainer.train()
    assert logger == logged(trainer)


def test_wrong_intervals_are_refused(make_trainer, quick):
    with pytest.raises(ConfigError, match="1 step or more"):
        TransformersCallback(make_trainer(), quick, every=0)


def test_missing_frameworks_are_named_with_their_extra(monkeypatch):
    import tinyeval.training as training

    for name, library, extra in [
        ("TransformersCallback", "transformers", "hf"),
        ("LightningCallback", "lightning", "lightning"),
    ]:
        monkeypatch.setitem(sys.modules, library, None)
        monkeypatch.delitem(vars(training), name, raising=False)
        with pytest.raises(DependencyError, match=rf"needs {library}.*tinyeval\[{extra}\]"):
            getattr(training, name)


# --- Lightning ----------------------------------------------------------------------------------


@pytest.fixture
def lightning():
    return pytest.importorskip("lightning.pytorch", reason="needs tinyeval[lightning]")


@pytest.fixture
def fit(lightning, small_benchmark, tmp_path):
    tokenizer = small_benchmark.tokenizer

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = make_model(tokenizer, seed=7)

        def training_step(self, batch, _):
            return self.model(input_ids=batch[0], labels=batch[1]).loss

        def validation_step(self, batch, _):
            assert not self.model.training

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=1e-2)

    def fit(*callbacks, epochs=3):
        data = torch.utils.data.TensorDataset(*make_texts(tokenizer, 640, 5))
        load = torch.utils.data.DataLoader(data, batch_size=64)
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            callbacks=list(callbacks),
            logger=lightning.loggers.CSVLogger(tmp_path),
            default_root_dir=tmp_path,
            enable_progress_bar=False,
            enable_model_summary=False,
            log_every_n_steps=5,
        )
        trainer.fit(Module(), load, load)
        return trainer

    return fit


@pytest.mark.filterwarnings("ignore")
def test_lightning_chooses_the_best_by_the_predicted_score(fit, lightning, quick, tmp_path):
    from tinyeval.training import LightningCallback

    best = lightning.callbacks.ModelCheckpoint(tmp_path / "best", monitor=SCORE, mode="max")
    fit(LightningCallback(quick, model=lambda module: module.model), best)
    entries = read_journal(tmp_path / FILE)
    assert [one.step for one in entries] == [10, 20, 30]
    highest = max(one.prediction.score for one in entries)
    assert float(best.best_model_score) == pytest.approx(highest)


@pytest.mark.filterwarnings("ignore")
def test_lightning_logs_every_so_many_steps(fit, quick, tmp_path):
    from tinyeval.training import LightningCallback

    trainer = fit(LightningCallback(quick, model=lambda module: module.model, every=5), epochs=1)
    entries = read_journal(tmp_path / FILE)
    assert [one.step for one in entries] == [5, 10]
    found = trainer.logged_metrics
    for part in ("score", "lower", "upper"):
        last = getattr(entries[-1].prediction, part)
        assert float(found[f"tinyeval/small/{part}"]) == pytest.approx(last)


# --- several processes --------------------------------------------------------------------------


def two_processes(folder, *tasks):
    """Run tasks of tests/two_processes.py in two processes; returns what each found."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tests = Path(__file__).parent
    path = {"PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}
    meet = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    program = [sys.executable, str(tests / "two_processes.py")]
    running = [
        subprocess.Popen(
            [*program, str(rank), str(folder), *tasks],
            env={**os.environ, **path, **meet},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        for one in running:
            output, _ = one.communicate(timeout=300)
            assert one.returncode == 0, output
    finally:
        for one in running:
            one.kill()
            one.wait()
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


@pytest.fixture(scope="module")
def folder(small_bank, tmp_path_factory):
    """Where two processes find a bank and leave what they found."""
    folder = tmp_path_factory.mktemp("together")
    small_bank.save(folder / "bank")
    return folder


@pytest.fixture(scope="module")
def together(folder):
    """What two processes that train and answer together found, by task."""
    first, second = two_processes(folder, "train", "share", "spread", "few", "fail")
    return lambda task: (first[task], second[task])


def test_each_process_answers_a_share_and_knows_all(together, small_bank, small_benchmark):
    first, second = together("share")
    anchors = small_bank.anchors.items
    assert first["asked"] == [list(anchors[0::2])]
    assert second["asked"] == [list(anchors[1::2])]
    assert first["scores"] == second["scores"]
    quick = QuickEval(small_bank, CausalLM(small_benchmark.tokenizer))
    alone = quick.ask(quick.items, make_model(small_benchmark.tokenizer))
    assert first["scores"] == alone
    assert list(first["scores"]) == list(anchors)


def test_a_spread_model_is_asked_in_step(together, small_bank, small_benchmark):
    first, second = together("spread")
    assert first["spread"]
    assert first["asked"] == second["asked"] == [list(small_bank.anchors.items)]
    quick = QuickEval(small_bank, CausalLM(small_benchmark.tokenizer))
    assert first["scores"] == quick.ask(quick.items, make_model(small_benchmark.tokenizer))


def test_a_process_may_have_nothing_to_do(together):
    first, second = together("few")
    assert first == second
    assert len(first["scores"]) == 1


def test_a_failure_in_one_process_reaches_the_others(together):
    first, second = together("fail")
    assert second["error"] == "ValueError: no such GPU"
    assert "process 1 of 2 failed: ValueError: no such GPU" in first["error"]


def test_a_trainer_in_two_processes_records_once(together, folder):
    first, second = together("train")
    assert first == second
    entries = read_journal(folder / "run" / FILE)
    assert [one.step for one in entries] == [1, 2, 3, 4]
    assert first["logged"] == [[one.step, one.prediction.score] for one in entries]
    assert first["best"] == max(entries[1].prediction.score, entries[3].prediction.score)


def test_spread_models_are_recognised():
    class FullyShardedDataParallel(torch.nn.Module):
        pass

    plain = torch.nn.Linear(2, 2)
    assert not is_spread(plain)
    assert not is_spread(Path("checkpoint-1"))
    assert is_spread(torch.nn.Sequential(FullyShardedDataParallel()))
    plain.weight.ds_id = 3
    assert is_spread(torch.nn.Sequential(plain))
