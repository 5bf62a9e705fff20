"""What the loggers hand on: to libraries where they are installed, else to stand-ins."""

import sys
import types
from dataclasses import replace

import pytest
from test_journal import entry

from tinyeval.errors import ConfigError, DependencyError
from tinyeval.training.loggers import (
    ALSO,
    MlflowLogger,
    TensorBoardLogger,
    WandbLogger,
    log_name,
    log_values,
    make_logger,
)

VALUES = {"tinyeval/b/score": 0.5, "tinyeval/b/lower": 0.4, "tinyeval/b/upper": 0.6}


def test_a_prediction_becomes_named_numbers():
    few = {
        "tinyeval/my_bank_1/score": 0.5,
        "tinyeval/my_bank_1/lower": 0.4,
        "tinyeval/my_bank_1/upper": 0.6,
        "tinyeval/my_bank_1/in_range": 1.0,
        "tinyeval/my_bank_1/misfit": 0.0,
    }
    assert log_values("my bank: 1", entry().prediction) == few
    timed = log_values("my bank: 1", entry().prediction, seconds=1.5)
    assert timed == {**few, "tinyeval/my_bank_1/seconds": 1.5}
    assert log_values("my bank: 1", entry().prediction, also=ALSO) == {
        **few,
        "tinyeval/my_bank_1/n_answered": 100.0,
        "tinyeval/my_bank_1/ability_1": 0.25,
        "tinyeval/my_bank_1/ability_2": -1.0,
        "tinyeval/my_bank_1/math/score": 0.4,
    }


def test_one_ability_needs_no_number():
    values = log_values("b", replace(entry().prediction, ability=(0.5,)), also=["ability"])
    assert values["tinyeval/b/ability"] == 0.5
    assert not [name for name in values if "ability_" in name]


@pytest.mark.parametrize("name", ["a/b", "a*b", "é", "a\nb", "%"])
def test_names_are_what_every_logger_takes(name):
    logged = log_name(name, "score")
    assert logged.count("/") == 2
    assert set(logged) <= set("abcdefghijklmnopqrstuvwxyz_/.-")


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard", reason="needs tinyeval[tensorboard]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.custom_scalar import layout_pb2

    logger = TensorBoardLogger(tmp_path)
    logger.log(500, VALUES)
    logger.log(1000, {name: value + 0.1 for name, value in VALUES.items()})
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert sorted(events.Tags()["scalars"]) == sorted(VALUES)
    found = [(one.step, one.value) for one in events.Scalars("tinyeval/b/score")]
    assert found == [(500, 0.5), (1000, pytest.approx(0.6))]
    (tag,) = [one for one in events.Tags()["tensors"] if "custom_scalars" in one]
    data = events.Tensors(tag)[0].tensor_proto.string_val[0]
    (chart,) = layout_pb2.Layout.FromString(data).category[0].chart
    (band,) = chart.margin.series
    names = ("tinyeval/b/score", "tinyeval/b/lower", "tinyeval/b/upper")
    assert (band.value, band.lower, band.upper) == names


class Run:
    def __init__(self):
        self.logged, self.metrics = [], {}

    def define_metric(self, name, step_metric=None):
        self.metrics[name] = step_metric

    def log(self, values, **options):
        assert not options, "W&B's own step cannot go back"
        self.logged.append(values)


@pytest.mark.parametrize("state", ["given", "in progress", "new"])
def test_wandb(monkeypatch, state):
    run, started = Run(), []
    wandb = types.ModuleType("wandb")
    wandb.run = run if state == "in progress" else None
    wandb.init = lambda **options: started.append(options) or run
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    logger = WandbLogger(run) if state == "given" else WandbLogger()
    logger.log(500, VALUES)
    logger.log(100, VALUES)  # an older checkpoint, evaluated later
    assert run.metrics == {"tinyeval/step": None, "tinyeval/*": "tinyeval/step"}
    assert run.logged == [{**VALUES, "tinyeval/step": step} for step in (500, 100)]
    assert started == ([{"project": "tinyeval"}] if state == "new" else [])


def test_mlflow(monkeypatch):
    logged = []
    mlflow = types.ModuleType("mlflow")
    mlflow.log_metrics = lambda values, **options: logged.append((values, options))
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    MlflowLogger("abc").log(500, VALUES)
    assert logged == [(VALUES, {"step": 500, "run_id": "abc"})]


def test_real_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="needs tinyeval[mlflow]")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    with mlflow.start_run() as run:
        MlflowLogger().log(500, VALUES)
    assert mlflow.get_run(run.info.run_id).data.metrics == VALUES


def test_real_wandb(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="needs tinyeval[wandb]")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)
    WandbLogger().log(500, VALUES)
    try:
        assert wandb.run.summary["tinyeval/b/score"] == 0.5
        assert wandb.run.summary["tinyeval/step"] == 500
    finally:
        wandb.finish()


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_missing_library_is_named_with_its_extra(name, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DependencyError, match=rf"needs {name}.*pip install 'tinyeval\[{name}\]'"):
        make_logger(name, tmp_path)


def test_unknown_loggers_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="known are: tensorboard, wandb, mlflow"):
        make_logger("comet", tmp_path)
