"""Packed responses give back what was packed, whatever the order, the blocks and the kind."""

import numpy as np
import pytest
import torch
from helpers import simulate
from hypothesis import given
from hypothesis import strategies as st

from tinyeval.irt import packed as module
from tinyeval.irt.fit import fit_irt
from tinyeval.irt.packed import Packed, block_of, pack
from tinyeval.responses import ResponseMatrix

CPU = torch.device("cpu")


def packed(scores, block=None, guessing=0.0):
    models, items = scores.shape
    chance = np.broadcast_to(np.float32(guessing), (items,))
    return pack(scores, np.arange(models), np.arange(items), is_graded(scores), chance, CPU, block)


def is_graded(scores):
    return bool(((scores > 0) & (scores < 1)).any())


def unpacked(data: Packed):
    """Scores with NaN, shape (models, items), by way of the blocks."""
    rows = []
    for block in data.blocks():
        rows.append(block.scores.clone())
        if block.observed is not None:
            rows[-1][block.observed == 0] = float("nan")
            assert (block.scores[block.observed == 0] == 0).all()
    return torch.cat(rows).numpy().T


def answers(rng, shape, graded=False, missing=0.0):
    values = rng.integers(0, 5, shape) / 4 if graded else rng.integers(0, 2, shape)
    return np.where(rng.random(shape) < missing, np.nan, values).astype(np.float32)


@pytest.mark.slow
@given(
    st.integers(1, 9),
    st.integers(1, 12),
    st.booleans(),
    st.sampled_from([0.0, 0.4, 1.0]),
    st.integers(0, 99),
    st.integers(1, 14),
)
def test_what_was_packed_comes_back(models, items, graded, missing, seed, block):
    scores = answers(np.random.default_rng(seed), (models, items), graded, missing)
    data = packed(scores, block)
    np.testing.assert_array_equal(unpacked(data), scores)
    answered, right = (one.numpy() for one in data.counts())
    np.testing.assert_array_equal(answered, (~np.isnan(scores)).sum(0))
    np.testing.assert_allclose(right, np.nansum(scores, axis=0), atol=1e-6)
    assert data.complete == (not np.isnan(scores).any())


def test_right_and_wrong_take_a_byte_and_grades_four():
    rng = np.random.default_rng(0)
    assert packed(answers(rng, (5, 7))).cells.dtype == torch.uint8
    assert packed(answers(rng, (5, 7), graded=True)).cells.dtype == torch.float32


def test_rows_and_columns_are_taken_in_the_order_asked():
    rng = np.random.default_rng(1)
    scores, chance = answers(rng, (6, 8), missing=0.3), np.linspace(0, 0.5, 8, dtype=np.float32)
    rows, columns = rng.permutation(6)[:4], rng.permutation(8)[:5]
    data = pack(scores, rows, columns, False, chance[columns], CPU, 2)
    np.testing.assert_array_equal(unpacked(data), scores[np.ix_(rows, columns)])
    np.testing.assert_array_equal(data.guessing, chance[columns])


@pytest.mark.parametrize("graded", [False, True])
def test_a_split_hides_a_share_and_keeps_the_rest(graded):
    scores = answers(np.random.default_rng(2), (40, 50), graded, missing=0.2)
    seen, hidden = packed(scores).split(0.25, np.random.default_rng(3))
    left, right = unpacked(seen), unpacked(hidden)
    assert not (~np.isnan(left) & ~np.isnan(right)).any()
    np.testing.assert_array_equal(np.where(np.isnan(left), right, left), scores)
    assert 0.2 < np.mean(~np.isnan(right)) / np.mean(~np.isnan(scores)) < 0.3


def test_blocks_are_cut_for_a_cache_but_never_thin():
    assert block_of(100, CPU) * 100 <= 2**18 < (block_of(100, CPU) + 1) * 100
    assert block_of(10**9, CPU) == 32


@pytest.fixture
def files(monkeypatch):
    """Shapes of the arrays that were laid into files."""
    shapes, memmap = [], np.memmap
    monkeypatch.setattr(np, "memmap", lambda *a, **k: shapes.append(k["shape"]) or memmap(*a, **k))
    return shapes


@pytest.mark.parametrize("graded", [False, True])
def test_what_memory_is_too_small_for_lies_in_a_file(monkeypatch, files, graded):
    scores = answers(np.random.default_rng(0), (30, 50), graded, 0.2)
    expected = packed(scores)
    monkeypatch.setattr(module, "CELLS_AT_ONCE", 30 * 7)
    assert torch.equal(packed(scores).cells, expected.cells)
    assert not files
    monkeypatch.setattr(module, "MEMORY_SHARE", 0.0)
    assert torch.equal(packed(scores).cells, expected.cells)
    assert len(files) == 1
    np.testing.assert_array_equal(unpacked(packed(scores)), scores)


def test_where_the_system_does_not_tell_its_memory_nothing_lies_in_a_file(monkeypatch, files):
    monkeypatch.delattr(module.os, "sysconf")
    monkeypatch.setattr(module, "MEMORY_SHARE", 1e-300)
    packed(np.ones((3, 4), np.float32))
    assert not files


def test_scores_may_be_mapped_into_memory(tmp_path, monkeypatch):
    responses, _ = simulate(60, 40, seed=1)
    np.save(tmp_path / "scores.npy", responses.scores)
    scores = np.load(tmp_path / "scores.npy", mmap_mode="r")
    mapped = ResponseMatrix(scores, responses.models, responses.items)
    assert np.shares_memory(mapped.scores, scores)
    expected = fit_irt(responses, dimensions=2)
    monkeypatch.setattr(module, "MEMORY_SHARE", 0.0)
    found = fit_irt(mapped, dimensions=2)
    np.testing.assert_array_equal(found.model.discrimination, expected.model.discrimination)
    np.testing.assert_array_equal(found.ability, expected.ability)
