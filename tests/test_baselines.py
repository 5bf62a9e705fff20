"""The published methods on real results: no worse than their authors' own code on the same data.

A baseline that is weaker here than where it was published would flatter everything beside it.
"""

from functools import cache, partial

import numpy as np
import pytest
from helpers import real

from tinyeval.backtesting.splits import make_splits
from tinyeval.build_plan import BuildPlan
from tinyeval.config import Settings
from tinyeval.estimators import get_estimator
from tinyeval.importers import read_results
from tinyeval.learning import make_history
from tinyeval.selection import get_selector

pytestmark = pytest.mark.slow

AUTHORS = {
    ("random", "aipw"): (4.4, 2.4),
    ("random", "kernel_ridge"): (4.2, 2.2),
    ("anchor_points", "kernel_ridge"): (3.1, 2.2),
    ("anchor_points", "tiny_benchmarks"): (5.3, 2.0),
    ("mrmr", "kernel_ridge"): (4.2, 1.9),
    ("mrmr difference", "kernel_ridge"): (2.7, 1.8),
    ("sparse_eval", "mlp"): (3.1, 2.4),
}
"""Mean absolute error in percentage points at 30 and 100 items, one random split, on ARC-Challenge
(212 models): the authors' code, or for kernel ridge and difference that of mrmr_eval."""


@cache
def splits():
    """Histories of three quarters of the models, and the others."""
    settings = Settings().replace(device="cpu", irt={"dimensions": [1]})
    pairs = make_splits(read_results(real("arc_challenge_official")), "random", repeats=2)
    return [(make_history(source, BuildPlan.of(settings, source)), test) for source, test in pairs]


def mean_error(select, fit, n, draws):
    """Mean absolute error in percentage points, over splits and draws of the anchors."""
    errors = []
    for history, test in splits():
        truth = test.scores.mean(axis=1, dtype=np.float64)
        for seed in range(draws):
            anchors = select(history, n, rng=np.random.default_rng(seed))
            fitted = fit(history, anchors, rng=np.random.default_rng(seed))
            estimate = fitted.predict(test.align(anchors.items))
            errors.append(np.abs(estimate.mean[:, 0] - truth).mean())
    return 100 * np.mean(errors)


@pytest.mark.parametrize(("selector", "estimator"), AUTHORS)
@pytest.mark.parametrize(("k", "n"), [(0, 30), (1, 100)], ids=["30", "100"])
def test_a_baseline_is_as_good_as_its_authors_have_it(selector, estimator, k, n):
    method, _, scheme = selector.partition(" ")
    select = get_selector(method)
    if scheme:
        select = partial(select, scheme=scheme)
    draws = 5 if method == "random" else 1
    error = mean_error(select, get_estimator(estimator), n, draws)
    assert error < 1.25 * AUTHORS[selector, estimator][k]
