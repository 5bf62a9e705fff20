"""Messages of errors: one line of bounded length, whatever they quote."""

import pytest

from tinyeval.errors import MOST, BankError, ConfigError, DataError, TinyEvalError


@pytest.mark.parametrize("kind", [TinyEvalError, DataError, ConfigError, BankError])
def test_a_message_is_one_line(kind):
    assert str(kind("a.csv: damaged: bad\n, line 1\r\n  column 2")) == (
        "a.csv: damaged: bad , line 1 column 2"
    )


def test_a_long_message_keeps_its_start_and_what_to_do():
    text = str(DataError(f"a.csv: found {'[' * 9000}; save it again"))
    assert len(text) < MOST + 10
    assert text.startswith("a.csv: found [[")
    assert text.endswith("[[; save it again")
    short = "x" * MOST
    assert str(DataError(short)) == short
