"""One step of tinyeval, timed: ``python -m paper_repro.timing.work JOB ANSWER``.

Every step first runs on a tiny matrix, so that libraries are loaded and threads started before
the clock starts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from paper_repro.timing.answers import Codes, Size, held_out, open_codes, scores_of, simulate
from paper_repro.timing.child import Figures, Job, answer, peak_bytes, timed
from paper_repro.timing.samples import write_samples
from tinyeval import ItemBank, ResponseMatrix, Settings, build, load_settings, write_results
from tinyeval.build_plan import BuildPlan
from tinyeval.compute.threads import one_thread
from tinyeval.history import History
from tinyeval.irt.fit import fit_irt
from tinyeval.irt.model import IRTFit, IRTModel
from tinyeval.learning import learn
from tinyeval.selection import Anchors
from tinyeval.tables import Table
from tinyeval.targets import make_targets

TINY = Size(24, 40)
CONFIGS = Path(__file__).parents[2] / "configs"


class Sweeps:
    """Counts the sweeps of a fit by what it tells of its progress."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, done: int, total: int, what: str) -> None:
        if what.startswith("fitting"):
            if done == 0:  # a part of many answers is fitted first
                self.times.clear()
            self.times.append(time.perf_counter())

    def figures(self) -> Figures:
        """Number of sweeps, and mean seconds of one."""
        count = len(self.times) - 1
        if count < 1:
            return {}
        return {"sweeps": count, "sweep_seconds": (self.times[-1] - self.times[0]) / count}


def matrix(codes: Codes, hide: bool = False) -> ResponseMatrix:
    """The answers as tinyeval takes them."""
    models, items = codes.shape
    rows = Table(tuple(f"m{k:06d}" for k in range(models)))
    columns = Table(tuple(f"i{k:06d}" for k in range(items)))
    return ResponseMatrix(scores_of(codes, hide), rows, columns)


def settings_of(job: Job) -> Settings:
    """Settings of a step: the default or a recipe, with what the step changes."""
    recipe = job["variant"]
    settings = load_settings(CONFIGS / f"{recipe}.yaml") if recipe else Settings()
    changes: dict[str, Any] = {"items": job["anchors"], "device": job["device"]}
    if job["dimensions"]:
        changes["irt"] = {"dimensions": [job["dimensions"]]}
    return settings.replace(**changes)


def fit(job: Job, codes: Codes) -> Figures:
    """Fit the IRT model; the held-out log-likelihood where answers were hidden."""
    responses, sweeps = matrix(codes, job["hide"]), Sweeps()
    before = peak_bytes()
    dimensions = job["dimensions"] or Settings().irt.dimensions

    def step() -> IRTFit:
        sweeps.times.clear()
        return fit_irt(responses, dimensions=dimensions, device=job["device"], progress=sweeps)

    found, seconds = timed(step)
    model = found.model
    figures = {"seconds": seconds, "before": before, "dimensions": model.dimensions}
    figures |= sweeps.figures() if job["dimensions"] else {}
    if job["hide"]:
        parts = (found.ability, model.discrimination, model.intercept)
        figures["held_out"] = held_out(codes, *parts)
    save_fit(Path(job["artifact"]) / "fit.npz", found)
    return {**figures, **graphics_memory(job["device"])}


def graphics_memory(device: str) -> Figures:
    """Most memory held on a graphics processor, if one was used."""
    if not device.startswith("cuda"):
        return {}
    import torch

    return {"device_peak": torch.cuda.max_memory_allocated()}


def save_fit(path: Path, found: IRTFit) -> None:
    """Keep a fit for the steps that follow."""
    one = found.model
    np.savez(
        path,
        slopes=one.discrimination,
        intercept=one.intercept,
        guessing=one.guessing,
        mean=one.ability_mean,
        cov=one.ability_cov,
        ability=found.ability,
    )


def read_history(job: Job, codes: Codes) -> History:
    """The answers with the fit of an earlier step."""
    responses = matrix(codes)
    with np.load(Path(job["needs"][0]) / "fit.npz") as file:
        found = dict(file)
    parts = [found[name] for name in ("slopes", "intercept", "guessing", "mean", "cov")]
    fitted = IRTFit(IRTModel(responses.items.ids, *parts), found["ability"], 0.0, {})
    return History(responses, make_targets(responses), fitted)


def select(job: Job, codes: Codes) -> Figures:
    """Choose the anchors, given the fit."""
    history, settings = read_history(job, codes), settings_of(job)
    plan = BuildPlan.of(settings, history.responses)
    before = peak_bytes()

    def step() -> Anchors:
        fresh = History(history.responses, history.targets, history.fit)  # nothing remembered
        return plan.choose_anchors(fresh, np.random.default_rng(settings.seed))

    with one_thread(codes.size):
        anchors, seconds = timed(step)
    path = Path(job["artifact"]) / "anchors.npz"
    np.savez(path, items=anchors.items, weights=anchors.weights)
    return {"seconds": seconds, "before": before}


def estimate(job: Job, codes: Codes) -> Figures:
    """Fit the estimator, given the fit and the anchors."""
    history, settings = read_history(job, codes), settings_of(job)
    with np.load(Path(job["needs"][1]) / "anchors.npz") as file:
        items = tuple(str(one) for one in file["items"])
        anchors = Anchors(items, file["weights"])
    plan = BuildPlan.of(settings, history.responses)
    before = peak_bytes()

    def step() -> object:
        fresh = History(history.responses, history.targets, history.fit)
        rng = np.random.default_rng(settings.seed)
        return plan.fit_estimator(fresh, anchors, rng)

    with one_thread(codes.size):
        _, seconds = timed(step)
    return {"seconds": seconds, "before": before}


def whole_build(job: Job, codes: Codes) -> Figures:
    """Build a bank, calibration included, and save it with one model's answers beside it."""
    responses, settings = matrix(codes), settings_of(job)
    before = peak_bytes()
    start = time.perf_counter()
    bank = build(responses, settings=settings)
    seconds = time.perf_counter() - start
    folder = Path(job["artifact"])
    bank.save(folder / "bank", overwrite=True)
    write_results(responses.take([0]).select(items=bank.anchors.items), folder / "one.csv")
    return {"seconds": seconds, "before": before, "dimensions": bank.irt.dimensions}


def predict(job: Job, codes: Codes) -> Figures:
    """Predict many models from their answers to the anchors, the bank being loaded."""
    bank = ItemBank.load(Path(job["needs"][0]) / "bank")
    asked = [int(one[1:]) for one in bank.anchors.items]
    scores = scores_of(np.ascontiguousarray(codes[:, asked]), hide=False)
    rows = np.arange(job["number"]) % len(scores)
    models = Table(tuple(f"m{k:06d}" for k in range(len(rows))))
    answers = ResponseMatrix(scores[rows], models, Table(bank.anchors.items))
    before = peak_bytes()
    _, seconds = timed(lambda: bank.predict(answers))
    return {"seconds": seconds, "before": before}


def results(job: Job, codes: Codes) -> Figures:
    """Write the results file that the command line builds from."""
    write_results(matrix(codes), Path(job["artifact"]) / "results.npz")
    return {"seconds": 0.0}


def samples(job: Job, codes: Codes) -> Figures:
    """Write what a harness would have written of these answers."""
    folder = Path(job["artifact"]) / "samples"
    if folder.exists():  # of a run that was stopped
        rmtree(folder)
    return {"seconds": 0.0, "written": write_samples(folder, codes)}


STEPS: dict[str, Callable[[Job, Codes], Figures]] = {
    **{"fit": fit, "select": select, "estimate": estimate, "build": whole_build},
    **{"predict": predict, "results": results, "samples": samples},
}


def warm_up(job: Job) -> None:
    """Load every library that the step needs."""
    folder = Path(job["artifact"])
    simulate(folder / "tiny.npy", TINY)
    small = matrix(open_codes(folder / "tiny.npy"))
    settings = settings_of({**job, "anchors": 5, "dimensions": 1})
    if job["step"] == "build":
        build(small, settings=settings)
    elif job["step"] not in ("predict", "results", "samples"):
        learn(small, BuildPlan.of(settings, small))


def work(job: Job) -> Figures:
    """Do one step."""
    Path(job["artifact"]).mkdir(parents=True, exist_ok=True)
    warm_up(job)
    return STEPS[job["step"]](job, open_codes(Path(job["path"])))


if __name__ == "__main__":
    answer(work)
