"""The fit on another device than the processor: everything lies where it is used."""

import numpy as np
import pytest
import torch
from helpers import simulate
from numpy.testing import assert_allclose
from other_device import DEVICE, OtherDevice

from tinyeval.irt import alternating, packed
from tinyeval.irt import fit as module
from tinyeval.irt.fit import fit_irt


@pytest.fixture
def other(monkeypatch):
    """Enter the other device, which fits find under the name of a GPU."""
    monkeypatch.setattr(module, "find_device", lambda name: DEVICE if name == "cuda" else CPU)
    monkeypatch.setitem(packed.BLOCK_CELLS, DEVICE.type, packed.BLOCK_CELLS["cuda"])
    with OtherDevice() as device:
        yield device


CPU = torch.device("cpu")
CASES = {
    "missing answers": {"missing": 0.1},
    "complete": {},
    "graded": {"graded": True, "missing": 0.1},
}


def test_the_device_is_strict(other):
    there, here = torch.ones(3, device=DEVICE), torch.ones(3)
    assert there.device == DEVICE
    assert (there + 1).device == DEVICE
    assert there.cpu().tolist() == [1, 1, 1]
    assert float((there * 2).sum()) == 6.0
    with pytest.raises(RuntimeError, match="same device"):
        there + here
    with pytest.raises((RuntimeError, TypeError)):
        there.numpy()
    here.copy_(there * 5)
    assert here.tolist() == [5, 5, 5]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("guessing", [pytest.param(0.0, marks=pytest.mark.slow), 0.2])
@pytest.mark.parametrize("coarse", [False, True])
def test_a_fit_there_is_the_fit_here(case, guessing, coarse, other, monkeypatch):
    if coarse:
        monkeypatch.setattr(module, "COARSE_MODELS", 16)
        monkeypatch.setattr(module, "COARSE_ITEMS", 24)
    # sweeps of every kind, and no more
    monkeypatch.setattr(alternating, "PRIOR_SWEEPS", 3)
    monkeypatch.setattr(alternating, "MAX_SWEEPS", 5)
    responses, _ = simulate(24, 40, 2, seed=4, **CASES[case])
    options = {"dimensions": (1, 2), "guessing": guessing, "block_size": 32}
    here = fit_irt(responses, device="cpu", **options)
    assert other.operations == 0
    there = fit_irt(responses, device="cuda", **options)
    assert other.operations > 1000
    assert_allclose(there.ability, here.ability, atol=1e-5)
    for name in ("discrimination", "intercept"):
        assert_allclose(getattr(there.model, name), getattr(here.model, name), atol=1e-5)
    assert there.held_out.keys() == here.held_out.keys()
    assert np.isclose(there.log_likelihood, here.log_likelihood, atol=1e-6)
