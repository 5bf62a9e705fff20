"""One fit by girth, timed; run by the Python of its own environment, which has no tinyeval.

Marginal maximum likelihood of the 2PL with its own defaults, abilities included.
"""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path

import girth
import numpy as np

from paper_repro.timing.answers import HIDDEN, held_out, open_codes
from paper_repro.timing.child import Figures, Job, answer, peak_bytes


def fit(job: Job) -> Figures:
    """Fit the 2PL."""
    codes = open_codes(Path(job["path"]))
    given = np.where(codes < HIDDEN, codes, HIDDEN).astype(int).T
    # it fails on items that all got right or wrong: those are predicted by their share right
    varied = ((given == 0).any(axis=1)) & ((given == 1).any(axis=1))
    data = girth.tag_missing_data(given[varied], [0, 1])
    before = peak_bytes()
    start = time.perf_counter()
    found = girth.twopl_mml(data)
    seconds = time.perf_counter() - start
    right, answered = (given == 1).sum(1) + 0.5, (given < HIDDEN).sum(1) + 1.0
    slopes, intercept = np.zeros((len(given), 1)), np.log(right / (answered - right))
    slopes[varied, 0] = found["Discrimination"]
    intercept[varied] = -found["Discrimination"] * found["Difficulty"]
    ability = np.reshape(found["Ability"], (-1, 1))
    return {
        **{"seconds": seconds, "before": before, "version": f"girth {version('girth')}"},
        "held_out": held_out(codes, ability, slopes, intercept),
    }


if __name__ == "__main__":
    answer(fit)
