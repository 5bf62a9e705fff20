"""Folds side by side: same results in the same order, errors pass through, threads restored."""

import os
import threading

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from tinyeval.compute.threads import LARGE, one_thread, side_by_side


def test_results_come_in_the_order_of_the_parts():
    seen = []
    parts = list(range(20))
    assert side_by_side(lambda k: k * k, parts, 10, seen.append) == [k * k for k in parts]
    assert seen == list(range(1, 21))


@pytest.mark.parametrize("cells", [10, LARGE + 1])
def test_an_error_in_a_part_is_the_error_of_the_whole(cells):
    def fail(k):
        if k == 3:
            raise ValueError("part 3")
        return k

    with pytest.raises(ValueError, match="part 3"):
        side_by_side(fail, range(6), cells)


def test_large_parts_are_done_one_after_the_other(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(4), raising=False)
    running, most = [0], [0]
    lock = threading.Lock()

    def work(_):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        np.linalg.svd(np.ones((60, 60)))
        with lock:
            running[0] -= 1

    side_by_side(work, range(8), LARGE + 1)
    assert most[0] == 1


def test_one_thread_is_undone_even_after_an_error():
    def fail():
        with one_thread(10):
            assert torch.get_num_threads() == 1
            assert {one["num_threads"] for one in threadpool_info()} == {1}
            raise KeyError("x")

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyError):
            fail()
        assert torch.get_num_threads() == 2
        with one_thread(LARGE + 1):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_workers_use_one_thread_for_torch(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(2), raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread(10):
            found = side_by_side(lambda _: torch.get_num_threads(), range(4), 10)
        assert found == [1] * 4
    finally:
        torch.set_num_threads(before)
