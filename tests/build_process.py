"""One of several processes that fit or build together: ``build_process.py TASK OUT``.

Which one it is, and of how many, it is told as ``torchrun`` tells it.
"""

import os
import sys
from pathlib import Path

import numpy as np
from helpers import simulate

from tinyeval import history as history_module
from tinyeval.building import build
from tinyeval.compute.processes import ALONE, launched
from tinyeval.covariance import components
from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.errors import ProcessError
from tinyeval.history import History
from tinyeval.irt import fit as fit_module
from tinyeval.targets import make_targets


def responses():
    return simulate(90, 140, 2, seed=20, missing=0.1)[0]


def fit(processes):
    """Fit from coarse to fine, each process its items."""
    fit_module.COARSE_MODELS, fit_module.COARSE_ITEMS = 50, 60
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
    bank = build(responses(), items=12, name="bank", processes=processes)
    return {"digest": np.array(bank.digest)}


def covary(processes):
    """Covariance of a history that is large, each process its models."""
    components.EXACT_SIDE, components.MAX_RANK, history_module.KEPT_CELLS = 20, 10, 100
    given, fitted = simulate(90, 140, 2, seed=20, missing=0.1, column=True)
    targets = make_targets(given, "full")
    found = item_covariance(History(given, targets, fitted, processes=processes))
    names = ("mean", "noise", "drift", "floor", "target_noise")
    shared = found.factors.T @ found.factors, found.with_targets(0.1)
    return {name: getattr(found, name) for name in names} | dict(zip("ab", shared, strict=True))


TASKS = {"covary": covary, "fit": fit, "lose": lose, "whole": whole}


def main(task, out):
    try:
        if "WORLD_SIZE" not in os.environ:
            found = TASKS[task](ALONE)
        else:
            with launched("cpu") as processes:
                found = TASKS[task](processes)
    except ProcessError as error:
        print(f"ProcessError: {error}", file=sys.stderr)
        return 1
    np.savez(out, **found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
