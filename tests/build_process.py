"""One of several processes that fit or build together: ``build_process.py FOLDER TASK...``.

Which one it is, and of how many, it is told as ``torchrun`` tells it.  What a task finds goes into
``FOLDER/TASK-RANK.npz``; the tasks also run alone, in the process that imports this.
"""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from helpers import simulate

from tinyeval import history as history_module
from tinyeval.building import build
from tinyeval.compute.processes import launched
from tinyeval.covariance import components
from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.errors import ProcessError
from tinyeval.history import History
from tinyeval.irt import fit as fit_module
from tinyeval.targets import make_targets


@contextmanager
def patched(constants):
    """Other sizes, module by module, from which work is cut; as before afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        for module, values in constants.items():
            for name, value in values.items():
                patch.setattr(module, name, value)
        yield


def responses():
    return simulate(91, 140, 2, seed=20, missing=0.1)[0]


def fit(processes):
    """Fit from coarse to fine, each process its items."""
    with patched({fit_module: {"COARSE_MODELS": 50, "COARSE_ITEMS": 60}}):
        found = fit_module.fit_irt(responses(), dimensions=(1, 2), processes=processes)
    return {
        "ability": found.ability,
        "discrimination": found.model.discrimination,
        "intercept": found.model.intercept,
        "log_likelihood": np.array(found.log_likelihood),
    }


def lose(processes):
    """The last process ends before the others have heard of its items."""
    if processes.number == processes.size - 1:
        os._exit(7)
    return fit(processes)


def whole(processes):
    """Build a bank."""
    return {
        "digest": np.array(build(responses(), items=12, name="bank", processes=processes).digest)
    }


def covary(processes):
    """Covariance of a history that is large, each process its models."""
    sides = {"EXACT_SIDE": 20, "MAX_RANK": 10}
    with patched({components: sides, history_module: {"KEPT_CELLS": 100}}):
        given, fitted = simulate(91, 140, 2, seed=20, missing=0.1, column=True)
        targets = make_targets(given, "full")
        found = item_covariance(History(given, targets, fitted, processes=processes))
        names = ("mean", "noise", "drift", "floor", "target_noise")
        shared = found.factors.T @ found.factors, found.with_targets(0.1)
    return {name: getattr(found, name) for name in names} | dict(zip("ab", shared, strict=True))


TASKS = {"covary": covary, "fit": fit, "lose": lose, "whole": whole}


def main(folder, tasks):
    try:
        with launched("cpu") as processes:
            for task in tasks:
                found = TASKS[task](processes)
                np.savez(folder / f"{task}-{processes.number}.npz", **found)
    except ProcessError as error:
        print(f"ProcessError: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
