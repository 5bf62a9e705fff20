"""Concurrent work: all of it is done once, and little is lost where it stops."""

import threading

import pytest

from tinyeval.training.runners.concurrent import as_done


@pytest.mark.parametrize("workers", [1, 3, 50])
def test_everything_is_done_once(workers):
    begun, lock = [], threading.Lock()

    def work(k):
        with lock:
            begun.append(k)
        return str(k)

    found = {}
    for part in as_done(work, 40, workers):
        assert not part.keys() & found.keys()
        found.update(part)
    assert found == {k: str(k) for k in range(40)}
    assert sorted(begun) == list(range(40))
    assert list(as_done(work, 0, workers)) == []


@pytest.mark.parametrize("workers", [1, 4])
def test_nothing_is_begun_beyond_what_was_taken(workers):
    begun, lock, found = [], threading.Lock(), {}

    def work(k):
        with lock:
            begun.append(k)
        return k

    results = as_done(work, 100, workers)
    for part in results:
        assert len(begun) <= len(found) + workers
        found.update(part)
        if len(found) > 20:
            break
    results.close()
    assert len(begun) <= len(found) + workers


def test_calls_run_side_by_side():
    together = threading.Barrier(5)
    assert len([k for part in as_done(lambda k: together.wait(20), 5, 5) for k in part]) == 5


def taken(results, message):
    """What comes before a failure with this message."""
    found = {}

    def take():
        for part in results:
            found.update(part)

    with pytest.raises(ValueError, match=message):
        take()
    return found


def test_a_failure_ends_it_and_what_was_done_is_kept():
    last = threading.Event()

    def work(k):
        if k == 3:
            last.wait(20)
            raise ValueError("three")
        if k == 2:
            last.set()
        return k

    begun = []
    found = taken(as_done(lambda k: begun.append(k) or work(k), 100, 2), "three")
    assert {0, 1, 2} <= found.keys()
    assert len(begun) < 100


def test_what_ends_soon_after_a_failure_is_kept():
    together, failed = threading.Barrier(3), threading.Event()

    def work(k):
        together.wait(20)
        if k == 0:
            failed.set()
            raise ValueError("zero")
        failed.wait(20)
        return k

    assert taken(as_done(work, 3, 3), "zero") == {1: 1, 2: 2}
