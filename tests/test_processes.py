"""Processes that share a build get what one process gets, and notice when one is lost."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import build_process
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval.cli import main
from tinyeval.compute.processes import ALONE, Processes

TESTS = Path(__file__).parent


@given(st.integers(0, 50), st.integers(1, 7))
def test_every_thing_is_one_process_s(n, size):
    processes = [Processes(k, size) for k in range(size)]
    assert [k for one in processes for k in range(n)[one.share(n)]] == list(range(n))
    assert all(sum(one.mine(k) for one in processes) == 1 for k in range(n))
    lengths = [len(range(n)[one.share(n)]) for one in processes]
    assert max(lengths) - min(lengths) <= 1


def test_a_process_by_itself_sends_nothing():
    import torch

    rows = torch.arange(6.0).reshape(3, 2)
    ALONE.add_up(rows)
    ALONE.copy_first(rows)
    assert ALONE.gather("part") == ["part"]
    assert ALONE.mean(rows).tolist() == [2.0, 3.0]
    assert ALONE.leads


def started(folder, tasks, size, rank, port):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_WORLD_SIZE": size}
    place |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size}
    environment |= {name: str(value) for name, value in place.items()}
    program = [sys.executable, str(TESTS / "build_process.py"), str(folder), *tasks]
    return subprocess.Popen(
        program, env=environment, cwd=TESTS, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


@dataclass(frozen=True)
class Run:
    """Exit codes of some processes, what they wrote to stderr, and what each task found there."""

    codes: list[int]
    said: list[str]
    folder: Path

    def found(self, task):
        """What every process found, by rank; those that found nothing are not there."""
        return {path.stem: dict(np.load(path)) for path in self.folder.glob(f"{task}-*.npz")}


def together(tasks, folder, size):
    """Run some tasks, one after the other, in some processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [started(folder, tasks, size, rank, port) for rank in range(size)]
    said = [one.communicate(timeout=240)[1] for one in processes]
    return Run([one.returncode for one in processes], said, folder)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two processes that do everything together, the last of which is then lost."""
    return together(["fit", "covary", "whole", "lose"], tmp_path_factory.mktemp("two"), 2)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three processes, among which neither models nor items go evenly."""
    return together(["fit", "covary"], tmp_path_factory.mktemp("three"), 3)


@pytest.fixture(params=["two", "three"])
def run(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def alone():
    """What each task finds without other processes."""
    return cache(lambda task: build_process.TASKS[task](ALONE))


@pytest.mark.slow
def test_processes_that_are_not_lost_end_well(three):
    assert three.codes == [0, 0, 0], three.said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "tolerance"),
    [("fit", {"atol": 2e-3}), ("covary", {"rtol": 1e-4, "atol": 1e-6})],
    ids=["items: fit", "models: covariance"],
)
def test_work_shared_among_processes_finds_what_one_does(task, tolerance, run, alone):
    shared = run.found(task)
    assert len(shared) == len(run.codes), run.said
    for name, value in alone(task).items():
        assert_allclose(shared[f"{task}-0"][name], value, err_msg=name, **tolerance)
        for rank in range(1, len(shared)):
            assert_array_equal(shared[f"{task}-{rank}"][name], shared[f"{task}-0"][name])


@pytest.mark.slow
def test_a_shared_build_is_the_same_bank(two, alone):
    digests = [str(one["digest"]) for one in two.found("whole").values()]
    assert digests == [str(alone("whole")["digest"])] * 2, two.said


@pytest.mark.slow
def test_a_process_that_is_lost_ends_the_others_in_one_line(two):
    assert two.codes == [1, 7]
    assert not two.found("lose")
    (line,) = [one for one in two.said[0].splitlines() if one.startswith("ProcessError")]
    assert "nothing was written" in line


@pytest.mark.slow
def test_torchrun_builds_the_bank_once(tmp_path):
    table = tmp_path / "scores.csv"
    rng = np.random.default_rng(0)
    solved = rng.random((12, 20)) < np.linspace(0.2, 0.9, 12)[:, None]
    rows = [",".join(["model", *(f"q{k}" for k in range(20))])]
    rows += [f"m{k}," + ",".join(str(int(one)) for one in row) for k, row in enumerate(solved)]
    table.write_text("\n".join(rows))
    command = ["tinyeval", "build", str(table), "--items", "5", "--out"]
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *command, str(tmp_path / "shared"), "--name", "x"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    alone = CliRunner().invoke(main, [*command[1:], str(tmp_path / "alone"), "--name", "x"])
    assert alone.exit_code == 0, alone.output
    for one in (done.stdout, alone.stdout):
        assert one.count("5 anchors of 20 items") == 1
    manifests = [(tmp_path / out / "items.parquet").read_bytes() for out in ("alone", "shared")]
    assert manifests[0] == manifests[1]
    numbers = [(tmp_path / o / "parameters.safetensors").read_bytes() for o in ("alone", "shared")]
    assert numbers[0] == numbers[1]


@pytest.mark.slow
def test_results_that_cannot_be_read_end_every_process_in_one_line(tmp_path):
    table = tmp_path / "scores.csv"
    table.write_text("model,q1,q2\nm1,1,7\nm2,0,1\n")
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command = ["tinyeval", "build", str(table), "--out", str(tmp_path / "bank")]
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *command],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)},
        timeout=240,
    )
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert 1 <= len(told) <= 2  # the launcher may end the second before it has said anything
    assert all("scores.csv" in line and "--scale" in line for line in told), told
    assert not [one for one in tmp_path.iterdir() if one != table and "tinyeval" in one.name]
