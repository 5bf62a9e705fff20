"""Restores the state that an evaluation changes, so that it does not affect training.

Two kinds of state leak.  Modules keep their mode: a model left in ``eval`` trains on without
dropout, and a frozen part put into ``train`` updates its batch statistics.  Random numbers drawn
while answering change the rest of the run (lm-evaluation-harness even sets all seeds).
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def same_modes(model: object) -> Iterator[None]:
    """Restore the mode of every module of a torch model; other objects have none."""
    modules = list(model.modules()) if hasattr(model, "modules") else []
    before = [one.training for one in modules]
    try:
        yield
    finally:
        for module, training in zip(modules, before, strict=True):
            module.training = training


@contextmanager
def same_randomness() -> Iterator[None]:
    """Restore the random states of Python, numpy and, if it is loaded, torch."""
    torch: Any = sys.modules.get("torch")
    python, numpy = random.getstate(), np.random.get_state()
    cpu = torch.get_rng_state() if torch else None
    cuda = torch.cuda.get_rng_state_all() if torch and torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        if torch:
            torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
