"""Every snippet of docs/integrations.md runs, on a small model and a small bank."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("transformers", reason="needs tinyeval[hf]")
pytest.importorskip("accelerate", reason="needs tinyeval[hf]")

import torch
import transformers
from small_benchmark import make_model, make_texts
from test_runners_endpoint import serving

from tinyeval.cli import main
from tinyeval.exporters.lm_eval import lm_eval_command
from tinyeval.prediction import Prediction
from tinyeval.training import CausalLM, QuickEval
from tinyeval.training.journal import FILE, read_journal

PAGE = (Path(__file__).parent.parent / "docs" / "integrations.md").read_text(encoding="utf-8")


def snippets(title, language="python"):
    (section,) = re.findall(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    found = re.findall(rf"^```{language}\n(.*?)^```", section, re.M | re.S)
    assert found
    return found


def test_every_snippet_is_short():
    found = re.findall(r"^```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(found) >= 10
    assert max(len(one.splitlines()) for one in found) < 10


def test_every_section_is_tested():
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    own = Path(__file__).read_text(encoding="utf-8")
    assert [one for one in titles if f'"{one}"' not in own] == []


class Solver:
    """Knows the facts whose prompt is long."""

    def __init__(self, items):
        self.gold = {one.prompt: one.content["gold"] for one in items if len(one.prompt) > 14}

    def solve(self, prompt):
        return self.gold.get(prompt)


@pytest.fixture
def place(small_bank, small_benchmark, tmp_path, monkeypatch):
    """The current folder with a bank, and what the page speaks of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    small_bank.save("bank")
    tokenizer = small_benchmark.tokenizer
    model = make_model(tokenizer)
    return {"tokenizer": tokenizer, "model": model, "quick": QuickEval("bank", CausalLM(tokenizer))}


def run(text, names, **changed):
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, str(new))
    exec(compile(text, "docs/integrations.md", "exec"), names)
    return names


def trainer_of(place):
    ids, labels = make_texts(place["tokenizer"], 256, 1)
    rows = [{"input_ids": i, "labels": k} for i, k in zip(ids, labels, strict=True)]
    arguments = transformers.TrainingArguments(
        "runs/7", max_steps=6, report_to=[], use_cpu=True, disable_tqdm=True, save_strategy="no"
    )
    return transformers.Trainer(place["model"], arguments, train_dataset=rows)


@pytest.mark.slow
def test_one_command(place):
    for name in ("path/to/model", "model-a", "model-b", "org/model"):
        place["model"].save_pretrained(name)
        place["tokenizer"].save_pretrained(name)
    first, several, full = snippets("One command: `tinyeval eval`", "sh")[0].strip().splitlines()
    (harness,) = snippets("One command: `tinyeval eval`", "sh")[1].strip().splitlines()
    parse("eval", shlex.split(harness)[2:])
    scores = []
    for line, names in [
        (first, ["path/to/model"]),
        (several, ["model-a", "model-b"]),
        (full, ["path/to/model"]),
    ]:
        arguments = shlex.split(line, comments=True)[1:]
        found = CliRunner().invoke(main, [*arguments, "--json"])
        assert found.exit_code == 0, found.output
        shown = json.loads(found.stdout)["predictions"]
        assert [one["model"] for one in shown] == names
        scores += [one["score"] for one in shown]
    assert scores == pytest.approx([scores[0]] * 4, abs=1e-9)
    assert abs(shown[0]["true"]["score"] - scores[0]) < 0.2
    predicted = CliRunner().invoke(main, ["predict", "bank", "answers.jsonl"])
    assert predicted.stdout.count("model-") == 2
    (text,) = snippets("One command: `tinyeval eval`")
    found = run(text, {}, bfloat16="float32")["found"]
    assert found.evaluations[0].prediction.score == pytest.approx(scores[0], abs=1e-9)


@pytest.mark.slow
def test_a_function(place, small_benchmark, capsys):
    (text,) = snippets("A function of yours")
    names = run(text, {"model": Solver(small_benchmark.items)})
    shown = [float(one) for one in capsys.readouterr().out.split()]
    p = names["prediction"]
    assert shown == [p.score, p.lower, p.upper]
    assert p.n_answered == 40


@pytest.mark.slow
def test_a_model(place):
    folder = Path("runs/7/checkpoint-500")
    place["model"].save_pretrained(folder)
    place["tokenizer"].save_pretrained(folder)
    (text,) = snippets("A model in memory, or in a folder")
    first, second, third = text.strip().splitlines()[0], *text.strip().splitlines()[2:]
    in_memory = run(f"{first}\n{second}", dict(place))["prediction"]
    in_folder = run(f"{first}\n{third}", dict(place))["prediction"]
    assert isinstance(in_memory, Prediction)
    assert in_folder == in_memory


@pytest.mark.slow
def test_a_server(place):
    (text,) = snippets("A server")
    with serving() as (server, url):
        names = run(text, {}, **{"http://localhost:8000/v1": url})
    assert names["prediction"].n_answered == 40
    assert {one[2]["model"] for one in server.seen} == {"my-model"}


@pytest.mark.slow
def test_transformers(place):
    (text,) = snippets("transformers")
    names = run(text, {**place, "trainer": trainer_of(place)}, **{"500": 2})
    assert [one.step for one in read_journal(Path("runs/7") / FILE)] == [2, 4, 6]
    logged = names["trainer"].state.log_history
    assert len([one for one in logged if "tinyeval/small/score" in one]) == 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_lightning(place):
    lightning = pytest.importorskip("lightning", reason="needs tinyeval[lightning]")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = place["model"]

        def training_step(self, batch, _):
            return self.model(input_ids=batch[0], labels=batch[1]).loss

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters())

    data = torch.utils.data.TensorDataset(*make_texts(place["tokenizer"], 64, 1))
    options = {"max_epochs": 1, "accelerator": "cpu", "enable_progress_bar": False}
    options |= {"enable_model_summary": False, "logger": False}
    loader = torch.utils.data.DataLoader(data, batch_size=16)
    names = {**place, "lightning": lightning, "module": Module(), "loader": loader}
    (text,) = snippets("Lightning")
    run(text, {**names, "options": options}, **{"500": 2})
    assert [one.step for one in read_journal(Path(FILE))] == [2, 4]


@pytest.mark.slow
def test_watching(place, small_benchmark):
    pytest.importorskip("tensorboard", reason="needs tinyeval[tensorboard]")
    (commands,) = snippets("Any trainer: `tinyeval watch`", "sh")
    plain, command = commands.strip().splitlines()
    (text,) = snippets("Any trainer: `tinyeval watch`")
    known = {one.prompt: one.content["gold"] for one in small_benchmark.items[::2]}
    Path("known.json").write_text(json.dumps(known))
    Path("evals.py").write_text(
        "import json\nfrom pathlib import Path\n\n\nclass Model:\n"
        "    solve = json.loads(Path('known.json').read_text()).get\n\n\n"
        f"def load(checkpoint):\n    return Model\n\n\n{text}"
    )
    for step in (100, 200):
        folder = Path(f"runs/7/checkpoint-{step}")
        folder.mkdir(parents=True)
        (folder / "trainer_state.json").write_text("{}")
    found = CliRunner().invoke(main, [*shlex.split(command)[1:], "--once"])
    assert found.exit_code == 0, found.output
    assert [line.split()[0] for line in found.stdout.splitlines()] == ["100", "200"]
    assert list(Path("runs/7/tinyeval").glob("events*"))
    Path("runs/7/predictions.jsonl").unlink()
    for step in (100, 200):
        place["model"].save_pretrained(f"runs/7/checkpoint-{step}")
        place["tokenizer"].save_pretrained(f"runs/7/checkpoint-{step}")
    found = CliRunner().invoke(main, [*shlex.split(plain)[1:], "--once"])
    assert found.exit_code == 0, found.output
    assert [line.split()[0] for line in found.stdout.splitlines()] == ["100", "200"]


@pytest.mark.slow
def test_loggers(place):
    pytest.importorskip("tensorboard", reason="needs tinyeval[tensorboard]")
    (text,) = snippets("Loggers")
    trainer = trainer_of(place)
    trainer.add_callback(run(text, {**place, "trainer": trainer}, **{"500": 3})["callback"])
    trainer.train()
    assert list(Path("logs").glob("events*"))


@pytest.mark.slow
def test_the_trajectory(place, capsys):
    pytest.importorskip("matplotlib", reason="needs tinyeval[plot]")
    (training,) = snippets("transformers")
    run(training, {**place, "trainer": trainer_of(place)}, **{"500": 1})
    (text,) = snippets("The trajectory")
    capsys.readouterr()
    names = run(text, {})
    assert names["trajectory"].steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert "[1 2 3 4 5 6]" in capsys.readouterr().out
    assert Path("score.svg").stat().st_size > 1000


def parse(name, arguments):
    # click keeps the help option of the first context, which docs/cli.md shows
    main.commands[name].make_context(name, arguments, help_option_names=["-h", "--help"])


def test_lm_evaluation_harness():
    """tests/test_lm_eval_roundtrip.py runs them; here, that the page shows the same commands."""
    (text,) = snippets("lm-evaluation-harness", "sh")
    export, harness, predict = text.strip().splitlines()
    for line in (export, predict):
        program, name, *arguments = shlex.split(line)
        assert program == "tinyeval"
        parse(name, arguments)
    assert harness == lm_eval_command(["mine"], Path("samples.json"))


def test_inspect():
    """tests/test_inspect_roundtrip.py runs it; here, that the commands exist."""
    (text,) = snippets("Inspect", "sh")
    export, harness = text.strip().splitlines()
    parse("export", shlex.split(export)[2:])
    assert shlex.split(harness)[:4] == ["inspect", "eval", "TASK", "--sample-id"]
