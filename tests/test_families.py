"""Families of models that nobody named: near copies are held out together."""

import numpy as np
import pytest
from helpers import simulate

from tinyeval import ResponseMatrix, build
from tinyeval.errors import DataError
from tinyeval.families import COLUMN, find_families


def variants(base, n_models, n_each, changed=0.02, seed=0):
    """The first models of ``base``, each with variants that answer a few items otherwise."""
    scores = np.repeat(base.scores[:n_models], n_each, axis=0)
    other = np.random.default_rng(seed).random(scores.shape) < changed
    ids = [f"m{k:03d}" for k in range(len(scores))]
    return ResponseMatrix.from_arrays(np.where(other, 1 - scores, scores), ids, base.items.ids)


def test_errors_name_no_column_that_tinyeval_made(fast):
    responses = variants(simulate(12, 200)[0], 12, 3)
    with pytest.raises(DataError, match="there is no column 'full'") as told:
        build(responses, settings=fast.replace(target={"column": "full"}))
    assert COLUMN not in str(told.value)


def test_near_copies_become_groups(fast):
    responses = variants(simulate(12, 200)[0], 12, 3)
    found = find_families(responses, fast)
    assert (found.copies, found.settings.interval.groups) == (36, COLUMN)
    names = found.responses.models.column(COLUMN)
    assert list(names) == [f"m{k - k % 3:03d}" for k in range(36)]
    np.testing.assert_array_equal(found.responses.scores, responses.scores)


def test_independent_models_stand_alone(fast):
    responses = simulate(40, 200, seed=1)[0]
    found = find_families(responses, fast)
    assert found.responses is responses
    assert (found.copies, found.settings.interval.groups) == (0, None)


@pytest.mark.parametrize("groups", ["family", None])
def test_what_is_named_is_not_looked_for(fast, groups):
    responses = variants(simulate(12, 200)[0], 12, 3)
    settings = fast.replace(interval={"groups": groups})
    assert find_families(responses, settings) == (responses, settings, 0)


def test_copies_of_fewer_models_than_a_calibration_needs_stand_alone(fast):
    found = find_families(variants(simulate(12, 200)[0], 4, 5), fast)
    assert (found.copies, found.settings.interval.groups) == (0, None)


@pytest.mark.slow
def test_a_dozen_models_with_variants_promise_no_more_than_they_keep(fast):
    base = simulate(132, 300, dimensions=2, seed=3)[0]
    source = variants(base, 12, 8)
    new = base.take(np.arange(12, 132))
    truth = new.scores.mean(axis=1)
    settings = fast.replace(items=30, irt={"dimensions": [1, 2]}, interval={"folds": 5})
    stated, held = {}, {}
    for groups in ("auto", None):
        bank = build(source, settings=settings.replace(interval={"groups": groups}))
        found = bank.predict(new)
        within = (truth >= source.scores.mean(1).min()) & (truth <= source.scores.mean(1).max())
        inside = [one.lower <= y <= one.upper for one, y in zip(found, truth, strict=True)]
        error = np.abs([one.score - y for one, y in zip(found, truth, strict=True)])[within].mean()
        stated[groups] = bank.expected_error[30] / error
        held[groups] = np.mean(np.array(inside)[within])
        assert bank.source.get("near_copies", 0) == (96 if groups else 0)
    assert stated[None] < 0.5 < 0.75 < stated["auto"] < 1.6
    assert held[None] < 0.8 < 0.85 < held["auto"]
