"""How far an evaluation is: lines now and then, or a bar that says how long it takes."""

import io
import sys

import pytest

from tinyeval.cli import asking_bar
from tinyeval.cli.asking_bar import AskingBar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    made = Clock()
    monkeypatch.setattr(asking_bar, "time", made)
    return made


def test_without_a_terminal_a_line_says_what_begins_and_every_half_minute_how_long_it_takes(
    clock, capsys
):
    with AskingBar() as bar:
        for now, done in [(0, 20), (10, 30), (40, 60), (50, 70), (71, 90), (80, 100)]:
            clock.now = now
            bar(done, 100, "mine\x1b[2J")
        bar(100, 100, "whole")  # nothing is asked of it
        bar(0, 5, "next")
    assert capsys.readouterr().err.splitlines() == [
        r"mine\x1b[2J: asks 80 items",
        "60 of 100 answered, about 40 s left",
        "90 of 100 answered, about 10 s left",
        "next: asks 5 items",
    ]


def test_a_bar_may_be_silent_without_a_terminal(capsys):
    with AskingBar(lines=False) as bar:
        bar(0, 5, "mine")
        bar.say("but not what is said")
    assert capsys.readouterr().err == "but not what is said\n"


def test_on_a_terminal_a_bar_shows_the_time_left_and_goes(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with AskingBar() as bar:
        for done in (3, 5, 9):
            bar(done, 10, "mine")
            assert bar.bar.n == done
        first = bar.bar
        assert first.initial == 3  # what was kept tells nothing of the speed
        bar(0, 10, "next")
        assert first.disable  # closed
        assert (bar.bar.n, bar.done, bar.total) == (0, 0, 10)
    shown = sys.stderr.getvalue()
    assert "mine" in shown
    assert "9/10" in shown
    assert " left" in shown
    assert shown.split("\r")[-1].strip() == ""
