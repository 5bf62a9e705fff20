"""Every method by its name: ours, published ones, and two yardsticks.

    default            the package's own default
    SELECTOR+ESTIMATOR any pair of the package's parts; `mrmr_mid` is mRMR by difference
    metabench          configs/metabench.yaml
    sparseeval         configs/sparseeval.yaml
    history_mean       the source models' mean score, whatever the answers
    two_stages         the default, asked in two stages; with intervals on small sets
    one_stage          the default, with intervals on the same sets
    random+normal      the mean of random items with its normal interval for a finite population
    floor              abilities estimated from all answers, answers on random items as they are,
                       all other items by their fitted probabilities: what item noise alone leaves

Anchors by IRT, p-IRT and gp-IRT take as many dimensions as the published rule of tinyBenchmarks
allows.  Methods without IRT get a quick fit, which serves to fill gaps in the results.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from paper_repro.engine.sets import SEED, ResultSet, Split, drawn_items
from paper_repro.engine.staged import staged_trial
from tinyeval import Settings, load_settings
from tinyeval.backtesting.backtest import method_settings
from tinyeval.backtesting.trial import DRAWS, Trial, run_trial
from tinyeval.build_plan import BuildPlan
from tinyeval.estimators.common import fit_link
from tinyeval.irt.ability import estimate_ability

CONFIGS = Path(__file__).parents[2] / "configs"

BASE = Settings().replace(device="cpu", seed=SEED)
QUICK = {"dimensions": [2]}
SEARCHED = {"dimensions": [1, 2, 4, 8, 16]}

PUBLISHED_WITH_IRT = {"anchor_points_irt", "p_irt", "gp_irt"}
PUBLISHED = PUBLISHED_WITH_IRT | {
    *("random", "stratified", "anchor_points", "information", "mrmr", "sparse_eval"),
    *("mean", "weighted_anchors", "aipw", "ridge", "kernel_ridge", "score_curve", "mlp"),
    "tiny_benchmarks",
}
"""Selectors and estimators that others have published; the rest is ours."""

STAGED: dict[str, Literal[1, 2]] = {"two_stages": 2, "one_stage": 1}
"""Methods of :mod:`paper_repro.engine.staged` and their numbers of stages."""

NORMAL = 1.6449
"""Two-sided 90 % quantile of the standard normal distribution."""


@dataclass(frozen=True)
class Method:
    """A method and what its results depend on.

    Attributes:
        name: in tables and commands.
        settings: of the method, without the number of items.
        published_rule: the number of IRT dimensions follows the rule of tinyBenchmarks.
        run: a yardstick instead of a method, called with (split, settings, items).
    """

    name: str
    settings: Settings
    published_rule: bool = False
    run: Callable[[Split, Settings, int], Trial] | None = None

    @property
    def ours(self) -> bool:
        """True for a method with parts of our own, which follows the package's default settings."""
        parts = {self.settings.selection.method, self.settings.estimator.method}
        return self.name == "default" or not parts <= PUBLISHED

    def digest(self, which: ResultSet) -> str:
        """Return a short digest of everything that a result depends on but for the code."""
        settings = self.settings.model_dump(exclude_defaults=not self.ours)
        parts = [self.name, settings, self.published_rule, which.describe()]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]

    def trial(self, split: Split, items: int, calibrated: bool) -> Trial:
        """Learn from the source models and predict the test models of a split."""
        settings = self.settings.replace(items=items, seed=split.seed)
        if split.target is not None:
            settings = settings.replace(target={"column": split.target})
        if self.published_rule:
            settings = settings.replace(irt={"dimensions": [split.published_dimensions]})
        if self.run is not None:
            found = self.run(split, settings, items)
        else:
            found = run_trial(
                split.source, split.test, settings, calibrated=calibrated, memory=split.memory
            )
        return replace(found, truth=split.truth)


def get_method(name: str, variants: dict[str, Settings] | None = None) -> Method:
    """Return a method by its name; ``variants`` are a script's own."""
    if variants and name in variants:
        return Method(name, variants[name])
    if name == "default":
        return Method(name, BASE)
    if (CONFIGS / f"{name}.yaml").is_file():
        return Method(name, load_settings(CONFIGS / f"{name}.yaml").replace(device="cpu"))
    if name == "floor":
        settings = method_settings("random+mean", BASE).replace(irt=SEARCHED)
        return Method(name, settings, run=_floor)
    if name in STAGED:
        return Method(name, BASE.replace(stages=STAGED[name]), run=staged_trial)
    if name == "history_mean":
        settings = method_settings("random+mean", BASE).replace(irt=QUICK)
        return Method(name, settings, run=_history_mean)
    if name == "random+normal":
        settings = method_settings("random+mean", BASE).replace(irt=QUICK)
        return Method(name, settings, run=_normal)
    selector, _, estimator = name.partition("+")
    difference = selector == "mrmr_mid"
    settings = method_settings(f"mrmr+{estimator}" if difference else name, BASE)
    if difference:
        settings = settings.replace(selection={"options": {"scheme": "difference"}})
    found = Method(name, settings)
    if found.ours:
        return found
    if {selector, estimator} & PUBLISHED_WITH_IRT:
        return replace(found, published_rule=True)
    return replace(found, settings=settings.replace(irt=QUICK))


def _floor(split: Split, settings: Settings, items: int) -> Trial:
    start = time.perf_counter()
    history = split.memory.history(split.source, BuildPlan.of(settings, split.source))
    scores = split.test.align(history.fit.model.items).astype(np.float64)
    p = history.fit.model.probability(estimate_ability(history.fit.model, scores).mean)
    link, weights = fit_link(history), history.targets.weights[0]
    predicted = np.empty((DRAWS, len(scores)))
    for draw in range(DRAWS):
        asked = drawn_items(history.fit.model.items, items, split.seed + draw)
        values = p.copy()
        values[:, asked] = np.where(np.isnan(scores[:, asked]), p[:, asked], scores[:, asked])
        predicted[draw] = link.offset[0] + link.slope[0] * (values @ weights)
    seconds = time.perf_counter() - start
    return Trial(split.truth, np.clip(predicted, 0.0, 1.0), None, seconds / DRAWS)


def _history_mean(split: Split, settings: Settings, items: int) -> Trial:
    start = time.perf_counter()
    history = split.memory.history(split.source, BuildPlan.of(settings, split.source))
    predicted = np.full((1, len(split.truth)), history.target_values[:, 0].mean())
    return Trial(split.truth, predicted, None, time.perf_counter() - start)


def _normal(split: Split, settings: Settings, items: int) -> Trial:
    """Mean of k random answers +- 1.645 s sqrt(1 / k - 1 / n) (Cochran 1977, section 2.6)."""
    start, ids = time.perf_counter(), split.test.items.ids
    scores = np.empty((DRAWS, split.test.n_models))
    bounds = np.empty((2, DRAWS, split.test.n_models))
    for draw in range(DRAWS):
        asked = drawn_items(ids, items, split.seed + draw)
        answers = split.test.scores[:, asked].astype(np.float64)
        k = np.maximum((~np.isnan(answers)).sum(axis=1), 2)
        scores[draw] = np.nanmean(answers, axis=1)
        s = np.sqrt(np.nanvar(answers, axis=1) * k / (k - 1))
        half = NORMAL * s * np.sqrt(np.maximum(1 / k - 1 / len(ids), 0.0))
        bounds[:, draw] = np.clip([scores[draw] - half, scores[draw] + half], 0.0, 1.0)
    return Trial(split.truth, scores, bounds, (time.perf_counter() - start) / DRAWS)
