"""One fit by py-irt, timed; run by the Python of its own environment, which has no tinyeval.

The clock runs while it trains, with its own defaults; reading its input is not counted.  Of its
last and its best parameters those count that predict the hidden answers better.
"""

from __future__ import annotations

import json
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyro
from py_irt.config import IrtConfig
from py_irt.training import IrtModelTrainer

from paper_repro.timing.answers import HIDDEN, Codes, held_out, open_codes
from paper_repro.timing.child import Figures, Job, answer, peak_bytes

SEEDS = 3
"""Seeds tried."""

VARIANTS: dict[str, dict[str, Any]] = {
    "2pl": {"model_type": "2pl"},
    "2pl hierarchical": {"model_type": "2pl", "priors": "hierarchical"},
    "multidim_2pl": {"model_type": "multidim_2pl"},
}


def write_lines(path: Path, codes: Codes) -> None:
    """Write the answers that are not hidden as py-irt reads them."""
    with path.open("w") as file:
        for k, row in enumerate(codes):
            given = {str(i): int(row[i]) for i in np.flatnonzero(row < HIDDEN)}
            file.write(json.dumps({"subject_id": str(k), "responses": given}) + "\n")


def value(codes: Codes, found: dict[str, Any]) -> float:
    """Held-out log-likelihood of the parameters found, logit = sum of disc * (ability - diff)."""
    models, items = codes.shape
    ability = np.zeros((models, np.asarray(found["ability"]).reshape(models, -1).shape[1]))
    difficulty, slopes = np.zeros((2, items, ability.shape[1]))
    ability[_order(found["subject_ids"])] = np.reshape(found["ability"], ability.shape)
    order = _order(found["item_ids"])
    difficulty[order] = np.reshape(found["diff"], difficulty.shape)
    slopes[order] = np.reshape(found["disc"], slopes.shape)
    return held_out(codes, ability, slopes, -(slopes * difficulty).sum(1))


def _order(ids: dict[int, str]) -> list[int]:
    return [int(ids[k]) for k in range(len(ids))]


def train(trainer: IrtModelTrainer, device: str) -> tuple[float, int]:
    """Train with the first seed that does not diverge; returns the seconds of that one, and it."""
    for seed in range(SEEDS):
        pyro.set_rng_seed(seed)
        start = time.perf_counter()
        try:
            trainer.train(device=device)
        except ValueError as problem:  # a parameter left its range
            failure = problem
        else:
            return time.perf_counter() - start, seed
    raise failure


def fit(job: Job) -> Figures:
    """Train one of py-irt's models."""
    codes, options = open_codes(Path(job["path"])), dict(VARIANTS[job["variant"]])
    if job["dimensions"] > 1:
        options["dims"] = job["dimensions"]
    folder = Path(job["artifact"])
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "answers.jsonl", codes)
    config = IrtConfig(**options)
    trainer = IrtModelTrainer(data_path=folder / "answers.jsonl", config=config, verbose=False)
    before = peak_bytes()
    seconds, seed = train(trainer, job["device"])
    values = [value(codes, one) for one in (trainer.last_params, trainer.best_params)]
    return {
        **{"seconds": seconds, "before": before, "held_out": max(values)},
        **{"version": f"py-irt {version('py-irt')}", "epochs": config.epochs, "seed": seed},
    }


if __name__ == "__main__":
    answer(fit)
