"""A plugin of pytest: fits that a test asks of the processor run on TINYEVAL_FIT_DEVICE."""

from __future__ import annotations

import os

import pytest
import torch

from tinyeval.irt import fit

PROCESSOR_ONLY = ("device", "gpu", "cuda", "bit", "memory", "file")
"""Words in the names of tests that are about the processor itself."""


@pytest.fixture(autouse=True)
def _on_device(monkeypatch: pytest.MonkeyPatch) -> None:
    find = fit.find_device
    device = torch.device(os.environ["TINYEVAL_FIT_DEVICE"])
    monkeypatch.setattr(fit, "find_device", lambda name: device if name == "cpu" else find(name))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is about the processor itself."""
    words = PROCESSOR_ONLY
    items[:] = [one for one in items if not any(word in one.name.lower() for word in words)]
