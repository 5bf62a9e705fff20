"""Evaluation in the middle of training must leave no trace in it.

Two things leak: the mode of the modules (a model left in ``eval`` trains on without dropout, and a
frozen part put into ``train`` moves its batch statistics), and random numbers drawn while
answering, after which the run is another run (lm-evaluation-harness even sets all seeds).
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
    """Give every module of a torch model its mode back; other objects are left alone."""
    modules = list(model.modules()) if hasattr(model, "modules") else []
    before = [one.training for one in modules]
    try:
        yield
    finally:
        for module, training in zip(modules, before, strict=True):
            module.training = training


@contextmanager
def same_randomness() -> Iterator[None]:
    """Give Python, numpy and, where it is loaded, torch their random states back."""
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
