"""Processes of one machine read results once and share them."""

import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from helpers import simulate

from tinyeval.compute.processes import ALONE, Processes
from tinyeval.errors import DataError, ProcessError
from tinyeval.importers.shared import once_a_machine
from tinyeval.responses import ResponseMatrix
from tinyeval.source_models import SourceModels


@dataclass(frozen=True)
class Threads(Processes):
    """Threads stand for processes; what is gathered goes through a list."""

    board: list = field(default_factory=list)
    barrier: threading.Barrier | None = None

    def gather(self, part):
        self.barrier.wait(20)
        self.board[self.number] = part
        self.barrier.wait(20)
        return list(self.board)


def together(read, locals_):
    """Let threads of these places on their machines read; returns what each got or raised."""
    board, barrier = [None] * len(locals_), threading.Barrier(len(locals_))

    def one(number):
        processes = Threads(number, len(board), locals_[number], board, barrier)
        try:
            return once_a_machine(read, processes)
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(locals_)) as pool:
        return list(pool.map(one, range(len(locals_))))


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def counted(found):
    def read():
        read.times += 1
        return found

    read.times = 0
    return read


@pytest.mark.parametrize(("places", "times"), [([0, 1, 2], 1), ([0, 1, 0, 1], 2), ([0, 0], 2)])
def test_one_process_of_every_machine_reads(places, times, temporary):
    responses, _ = simulate(8, 12, seed=1, missing=0.2, benchmarks=2, column=True)
    read = counted(SourceModels(responses, ("copy",)))
    for found in together(read, places):
        assert found.duplicates == ("copy",)
        np.testing.assert_array_equal(found.responses.scores, responses.scores)
        for table in ("models", "items"):
            one, other = getattr(found.responses, table), getattr(responses, table)
            assert one.ids == other.ids
            assert {name: list(v) for name, v in one.columns.items()} == {
                name: list(v) for name, v in other.columns.items()
            }
        assert isinstance(base(found.responses.scores), np.memmap)
    assert read.times == times
    assert not list(temporary.iterdir())


def test_trials_are_shared_too(temporary):
    responses, _ = simulate(6, 8, seed=1, missing=0.2)
    trials = np.where(responses.observed, 3, 0)
    several = ResponseMatrix(responses.scores, responses.models, responses.items, trials)
    read = counted(SourceModels(several))
    for found in together(read, [0, 1]):
        np.testing.assert_array_equal(found.responses.trials, trials)
        assert isinstance(base(found.responses.trials), np.memmap)
    assert read.times == 1
    assert not list(temporary.iterdir())


def base(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def test_a_process_by_itself_keeps_what_it_read():
    found = SourceModels(simulate(5, 6)[0])
    assert once_a_machine(lambda: found, ALONE) is found


def test_what_cannot_be_read_is_reported_by_who_read_it(temporary):
    def read():
        raise DataError("there is no such file")

    first, second = together(read, [0, 1])
    assert isinstance(first, DataError)
    assert isinstance(second, ProcessError)
    assert "there is no such file" in str(second)
    assert not list(temporary.iterdir())


def test_a_full_disk_is_told_with_what_to_do(temporary, monkeypatch):
    def full(path, array):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    first, _ = together(counted(SourceModels(simulate(5, 6)[0])), [0, 1])
    assert isinstance(first, DataError)
    assert "No space left on device" in str(first)
    assert "TMPDIR" in str(first)
    assert not list(temporary.iterdir())
