"""Processes that share a build get what one process gets, and notice when one is lost."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tinyeval.compute.processes import ALONE, Ranks

TESTS = Path(__file__).parent


@given(st.integers(0, 50), st.integers(1, 7))
def test_every_thing_is_one_process_s(n, size):
    ranks = [Ranks(k, size) for k in range(size)]
    assert [k for one in ranks for k in range(n)[one.share(n)]] == list(range(n))
    assert all(sum(one.mine(k) for one in ranks) == 1 for k in range(n))
    lengths = [len(range(n)[one.share(n)]) for one in ranks]
    assert max(lengths) - min(lengths) <= 1


def test_a_process_by_itself_sends_nothing():
    import torch

    rows = torch.arange(6.0).reshape(3, 2)
    ALONE.add_up(rows)
    ALONE.copy_first(rows)
    assert ALONE.gather("part") == ["part"]
    assert ALONE.mean(rows).tolist() == [2.0, 3.0]
    assert ALONE.leads


def started(task, folder, size, rank, port):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    if size > 1:
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_WORLD_SIZE": size}
        place |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size}
        environment |= {name: str(value) for name, value in place.items()}
    program = [sys.executable, str(TESTS / "rank_process.py"), task, str(folder / f"{rank}.npz")]
    return subprocess.Popen(
        program, env=environment, cwd=TESTS, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def together(task, folder, size):
    """Run a task in some processes; returns exit codes, what they wrote to stderr, and found."""
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [started(task, folder, size, rank, port) for rank in range(size)]
    said = [one.communicate(timeout=240)[1] for one in processes]
    found = {path.stem: dict(np.load(path)) for path in folder.glob("*.npz")}
    return [one.returncode for one in processes], said, found


@pytest.mark.parametrize("size", [2, 4])
def test_items_shared_among_processes_are_fitted_as_by_one(size, tmp_path):
    _, _, alone = together("fit", tmp_path / "one", 1)
    codes, said, shared = together("fit", tmp_path / "more", size)
    assert codes == [0] * size, said
    for name, value in alone["0"].items():
        assert_allclose(shared["0"][name], value, atol=2e-3, err_msg=name)
        for rank in range(1, size):
            assert_array_equal(shared[str(rank)][name], shared["0"][name])


@pytest.mark.parametrize("size", [2, 3])
def test_models_shared_among_processes_have_the_covariance_of_one(size, tmp_path):
    _, _, alone = together("covary", tmp_path / "one", 1)
    codes, said, shared = together("covary", tmp_path / "more", size)
    assert codes == [0] * size, said
    for name, value in alone["0"].items():
        assert_allclose(shared["0"][name], value, rtol=1e-4, atol=1e-6, err_msg=name)
        for rank in range(1, size):
            assert_array_equal(shared[str(rank)][name], shared["0"][name])


def test_a_shared_build_is_the_same_bank(tmp_path):
    _, _, alone = together("whole", tmp_path / "one", 1)
    codes, said, shared = together("whole", tmp_path / "two", 2)
    assert codes == [0, 0], said
    assert {str(one["digest"]) for one in shared.values()} == {str(alone["0"]["digest"])}


def test_a_process_that_is_lost_ends_the_others_in_one_line(tmp_path):
    codes, said, found = together("lose", tmp_path / "lost", 2)
    assert codes == [1, 7]
    assert not found
    (line,) = [one for one in said[0].splitlines() if one.startswith("RankError")]
    assert "nothing was written" in line


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
    for prefix, out in (([], "alone"), (launcher, "shared")):
        done = subprocess.run(
            [sys.executable, "-m", *prefix, *command, str(tmp_path / out), "--name", "x"],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=environment,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("5 anchors of 20 items") == 1
    manifests = [(tmp_path / out / "items.parquet").read_bytes() for out in ("alone", "shared")]
    assert manifests[0] == manifests[1]
    numbers = [(tmp_path / o / "parameters.safetensors").read_bytes() for o in ("alone", "shared")]
    assert numbers[0] == numbers[1]


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
    assert all("scores.csv:2: the score 7.0" in line for line in told)
    assert not [one for one in tmp_path.iterdir() if one != table and "tinyeval" in one.name]
