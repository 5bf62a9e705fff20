"""From a bank through the real Inspect AI: exactly the anchors run, and their answers come back."""

import shlex
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import simulate

pytest.importorskip("inspect_ai", reason="needs tinyeval[inspect]")

import inspect_ai

from tinyeval.bank.item_bank import ItemBank
from tinyeval.building import build
from tinyeval.cli import main
from tinyeval.importers import import_results
from tinyeval.responses import ResponseMatrix

pytestmark = pytest.mark.slow

N = 30


def make_task():
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ModelOutput
    from inspect_ai.scorer import match
    from inspect_ai.solver import solver

    @solver
    def always_one():
        async def solve(state, generate):
            # no model is asked, as the mock model's tokens are counted with a downloaded file
            state.output = ModelOutput.from_content("mockllm/model", "1")
            return state

        return solve

    samples = [Sample(input=f"What is {k}?", target=str(k % 3), id=f"q{k}") for k in range(N)]
    return inspect_ai.Task(
        dataset=MemoryDataset(samples), solver=always_one(), scorer=match(), name="sums"
    )


@pytest.mark.filterwarnings("ignore")
def test_exactly_the_anchors_run_and_their_answers_come_back(tmp_path, fast):
    from inspect_ai.log import read_eval_log

    ids = [f"sums/q{k}" for k in range(N)]
    responses = ResponseMatrix.from_arrays(simulate(60, N, seed=2)[0].scores, range(60), ids)
    benchmark = np.array(["sums"] * N, dtype=object)
    responses = replace(responses, items=responses.items.with_columns(benchmark=benchmark))
    build(responses, settings=fast.replace(items=9), name="sums").save(tmp_path / "bank")
    found = CliRunner().invoke(main, ["export", str(tmp_path / "bank"), "--to", "inspect"])
    assert found.exit_code == 0, found.output
    (command,) = [line for line in found.stderr.splitlines() if "inspect eval" in line]
    (option,) = [one for one in shlex.split(command) if one.startswith("--sample-id=")]
    chosen = option.removeprefix("--sample-id=").split(",")
    assert ",".join(chosen) == found.stdout.strip()
    (log,) = inspect_ai.eval(
        make_task(),
        model="mockllm/model",
        sample_id=chosen,
        log_dir=str(tmp_path / "logs"),
        display="none",
    )
    assert log.status == "success", log.error
    logged = read_eval_log(log.location)
    bank = ItemBank.load(tmp_path / "bank")
    asked = {f"sums/{one.id}" for one in logged.samples}
    assert asked == set(bank.anchors.items)
    answers = {f"sums/{one.id}": float(one.scores["match"].value == "C") for one in logged.samples}
    assert answers == {one: float(int(one[6:]) % 3 == 1) for one in asked}
    assert bank.predict(answers).n_answered == 9
    found = import_results(tmp_path / "logs", partial=True)
    read = found.responses
    assert (found.format, found.chosen) == ("inspect", {"sums": {"metric": "match"}})
    assert dict(zip(read.items.ids, map(float, read.scores[0]), strict=True)) == answers
