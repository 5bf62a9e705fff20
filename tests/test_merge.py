"""Blocks -> one matrix: repeats, trials, parts of benchmarks, changed documents, sparse blocks."""

import tracemalloc
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyeval.errors import DataError
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Run, gather
from tinyeval.importers.merge import merge
from tinyeval.responses import ResponseMatrix

NAN = np.nan


def table(scores, models=("a", "b"), items=("q0", "q1"), source="t.csv", **more):
    array = np.array(scores, dtype=np.float32)
    return Block(Path(source), list(models), list(items), array, **more)


def ran(scores, model="m", benchmark="arc", date="", source="", trials=None, **more):
    """A run's scores {position of an item: score}."""
    items = [f"{benchmark}/{k}" for k in scores]
    more.setdefault("sizes", {})
    counted = None if trials is None else np.array([trials], np.uint16)
    notes = {"benchmark": dict.fromkeys(items, benchmark)} | more.pop("notes", {})
    return Block(
        Path(source or f"{model}-{benchmark}-{date}"),
        [model],
        items,
        np.array([list(scores.values())], np.float32),
        notes,
        trials=counted,
        run=Run(model, more.pop("identity", {}), more.pop("facts", {}), date),
        **more,
    )


def joined(*blocks, **options):
    return merge(blocks, Options(**options))


def kinds(found):
    return {one.kind: one for one in found.findings}


# --- repeats --------------------------------------------------------------------------------------


def test_runs_of_one_model_are_averaged_and_counted():
    blocks = [ran({0: 1, 1: 0}, date="1"), ran({0: 0, 1: 0, 2: 1}, date="2"), ran({1: 1}, date="3")]
    for order in permutations(blocks):
        found = joined(*order)
        responses = found.responses.select(items=["arc/0", "arc/1", "arc/2"])
        np.testing.assert_array_equal(responses.scores, np.float32([[0.5, 1 / 3, 1]]))
        assert responses.trials.tolist() == [[2, 3, 1]]
        told = kinds(found)["joined"]
        assert (told.count, told.examples) == (3, ("m",))
        assert found.files == 3


def test_means_of_several_trials_are_weighted_by_them():
    one, other = ran({0: 0.25, 1: NAN}, date="1", trials=[4, 0]), ran({0: 1, 1: 0.5}, date="2")
    found = joined(one, other).responses
    np.testing.assert_allclose(found.scores, [[(0.25 * 4 + 1) / 5, 0.5]])
    assert found.trials.tolist() == [[5, 1]]


def test_a_missing_score_is_no_trial():
    found = joined(ran({0: NAN, 1: 1}, date="1"), ran({0: 1, 1: NAN}, date="2"))
    np.testing.assert_array_equal(found.responses.scores, [[1, 1]])
    assert found.responses.trials is None
    assert found.findings == ()


def test_copies_of_a_run_count_once():
    blocks = [ran({0: 1, 1: 0}, date="1", source=name) for name in ("x", "y", "z")]
    found = joined(*blocks)
    assert found.responses.trials is None
    assert str(kinds(found)["joined"]) == "joined: 2 copies of a run were read once: 'y', 'z'"
    assert found.files == 1


@pytest.mark.parametrize("other", [{0: 1, 1: 1}, {0: 1}, {1: 0, 0: 1}])
def test_other_scores_or_other_items_are_no_copies(other):
    found = joined(ran({0: 1, 1: 0}, date="1", source="x"), ran(other, date="1", source="y"))
    assert found.responses.trials.max() == 2


def test_equal_scores_of_another_date_are_a_repeat():
    found = joined(ran({0: 1}, date="1"), ran({0: 1}, date="2"))
    assert found.responses.trials.tolist() == [[2]]


def test_trials_are_of_each_model():
    found = joined(
        ran({0: 1, 1: 0}, "a"),
        ran({0: 0.5, 1: NAN}, "b", trials=[2, 0]),
        ran({0: 0, 1: 1}, "c"),
    ).responses
    assert found.trials.tolist() == [[1, 1], [2, 0], [1, 1]]


def test_too_many_trials_cannot_be_counted():
    blocks = [ran({0: 0.5}, date=str(k), trials=[40_000]) for k in range(2)]
    with pytest.raises(DataError, match=r"'m' has 80,000 trials of item 'arc/0'; at most 65,535"):
        joined(*blocks)


answers = st.tuples(st.floats(0, 1, width=32), st.integers(1, 300))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.integers(0, 5), answers, min_size=1), min_size=1, max_size=5))
def test_repeats_agree_with_a_plain_mean(runs):
    blocks = [
        ran(
            {k: mean for k, (mean, _) in one.items()},
            date=str(n),
            trials=[m for _, m in one.values()],
        )
        for n, one in enumerate(runs)
    ]
    found = joined(*blocks).responses
    for item in {k for one in runs for k in one}:
        mine = [one[item] for one in runs if item in one]
        n = sum(m for _, m in mine)
        cell = found.select(items=[f"arc/{item}"])
        assert cell.trials_on([f"arc/{item}"]).item() == n
        assert cell.scores.item() == pytest.approx(sum(s * m for s, m in mine) / n, abs=1e-6)


# --- tables ---------------------------------------------------------------------------------------


def test_tables_that_disagree_are_refused_or_averaged():
    one, other = table([[1, 0], [1, NAN]]), table([[0, 0], [NAN, 1]], source="u.csv")
    with pytest.raises(
        DataError, match=r"'a' has two scores on item 'q0': 1 in t\.csv and 0 in u\.csv.*--repeats"
    ):
        joined(one, other)
    found = joined(one, other, repeats="average")
    np.testing.assert_array_equal(found.responses.scores, [[0.5, 0], [1, 1]])
    assert found.responses.trials.tolist() == [[2, 2], [1, 1]]
    assert kinds(found)["joined"].examples == ("t.csv", "u.csv")


def test_tables_that_agree_are_no_repeats():
    found = joined(table([[1, 0], [1, NAN]]), table([[1, NAN], [NAN, 1]], source="u.csv"))
    np.testing.assert_array_equal(found.responses.scores, [[1, 0], [1, 1]])
    assert found.responses.trials is None
    assert found.findings == ()


def test_tables_that_agree_but_for_the_trials_are_refused():
    three = np.array([[3, 3], [3, 0]], np.uint16)
    with pytest.raises(DataError, match=r"1 of 3 trials in t\.csv and 1 of 1 trials in u\.csv"):
        joined(table([[1, 0], [1, NAN]], trials=three), table([[1, NAN], [NAN, 1]], source="u.csv"))


# --- sparse ---------------------------------------------------------------------------------------


def sparse(cells, scores, models=3, items=4, **more):
    ids = [f"m{k}" for k in range(models)], [f"q{k}" for k in range(items)]
    places = np.array(cells, dtype=np.int64)
    return Block(Path("long.csv"), *ids, np.array(scores, np.float32), cells=places, **more)


@pytest.mark.parametrize("whole", [True, False])
def test_sparse_blocks_are_the_same_as_dense_ones(whole):
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 2, (5, 7)).astype(np.float32)
    if not whole:
        scores[1, 2] = 0.3
    trials = rng.integers(1, 4, (5, 7)).astype(np.uint16)
    known = rng.random((5, 7)) < 0.5
    known[:, 0] = known[0] = True
    dense = np.where(known, scores, np.float32(NAN))
    cells = rng.permutation(np.flatnonzero(known))
    expected = merge(
        [table(dense, [f"m{k}" for k in range(5)], [f"q{k}" for k in range(7)])], Options()
    ).responses
    found = joined(sparse(cells, scores.ravel()[cells], 5, 7)).responses
    np.testing.assert_array_equal(found.scores, expected.scores)
    counted = joined(sparse(cells, scores.ravel()[cells], 5, 7, trials=trials.ravel()[cells]))
    np.testing.assert_array_equal(counted.responses.trials, np.where(known, trials, 0))


def test_a_matrix_that_would_be_almost_empty_is_refused_before_it_is_made():
    n = 12_000
    block = sparse(np.arange(n) * (n + 1), np.ones(n), n, n)
    tracemalloc.start()
    with pytest.raises(
        DataError, match=r"12,000 scores of 12,000 models x 12,000 items: 0\.0083 %"
    ):
        joined(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


# --- parts of a benchmark -------------------------------------------------------------------------


def test_a_part_of_a_benchmark_is_refused_or_kept():
    whole = ran(dict.fromkeys(range(9), 1), "whole", sizes={"arc": 9})
    cut = ran({0: 1, 5: 0}, "cut", sizes={"arc": 9})
    with pytest.raises(
        DataError, match=r"model 'cut' has a part only of the items of arc \(2 of 9\).*--partial"
    ):
        joined(whole, cut)
    found = joined(whole, cut, partial=True)
    assert list(found.responses.models.column("partial")) == ["", "arc (2 of 9)"]
    told = kinds(found)["missing"]
    assert (told.count, told.examples) == (1, ("cut: arc (2 of 9)",))
    with pytest.raises(DataError, match="and 1 more models likewise"):
        joined(cut, ran({0: 1}, "other", sizes={"arc": 9}))


def test_runs_that_have_the_rest_complete_a_part():
    first = ran(dict.fromkeys(range(5), 1), date="1", sizes={"arc": 9})
    rest = ran(dict.fromkeys(range(4, 9), 1), date="2", sizes={"arc": 9})
    found = joined(first, rest).responses
    assert "partial" not in found.models.columns
    assert int(found.trials.sum()) == 10


def test_a_smoke_run_does_not_replace_a_whole_one():
    whole = ran(dict.fromkeys(range(9), 1), date="1", sizes={"arc": 9})
    smoke = ran(dict.fromkeys(range(3), 0), date="2", sizes={"arc": 9})
    found = joined(whole, smoke).responses
    np.testing.assert_array_equal(found.scores, [[0.5] * 3 + [1] * 6])


def test_an_item_without_a_score_was_asked():
    found = joined(ran({0: 1, 1: NAN}, sizes={"arc": 2})).responses
    assert "partial" not in found.models.columns


def test_sizes_of_several_benchmarks_in_one_file():
    items = {"x/0": "x", "x/1": "x", "y/0": "y"}
    block = Block(
        Path("f"),
        ["m"],
        list(items),
        np.ones((1, 3), np.float32),
        {"benchmark": items},
        run=Run("m"),
        sizes={"x": 2, "y": 2},
    )
    assert joined(block, partial=True).responses.models.column("partial")[0] == "y (1 of 2)"


# --- names ----------------------------------------------------------------------------------------


def test_runs_are_named_by_what_tells_them_apart():
    found = joined(
        ran({0: 1}, identity={"revision": "a"}),
        ran({0: 0}, identity={"revision": "b"}, source="other"),
    )
    assert found.responses.models.ids == ("m [revision=a]", "m [revision=b]")
    assert found.responses.trials is None
    assert kinds(found)["guessed"].count == 2


def test_notes_of_a_model_follow_its_name():
    notes = {"org": {"m": "A"}}
    blocks = [ran({0: 1}, identity={"revision": k}, source=k, model_notes=notes) for k in "ab"]
    found = joined(*blocks).responses
    assert list(found.models.column("org")) == ["A", "A"]


def test_ids_that_look_alike_are_kept_apart_and_told():
    found = joined(table([[1, 0], [0, 1]], ("gpt-4", "gpt-4 "), ("001", "1")))
    assert found.responses.models.ids == ("gpt-4", "gpt-4 ")
    assert [one.kind for one in found.findings] == ["doubt", "doubt"]
    assert "model ids" in found.findings[0].what
    assert found.findings[1].examples == ("'001' / '1'",)


# --- choices and documents ------------------------------------------------------------------------


def test_what_was_chosen_is_told_and_must_be_the_same_for_all():
    chosen = {"metric": "acc", "filter": "none"}
    found = joined(ran({0: 1}, "a", chosen=chosen), ran({0: 1}, "b", chosen=chosen))
    assert found.chosen == {"arc": chosen}
    other = ran({0: 1}, "b", chosen={"metric": "f1", "filter": "none"})
    with pytest.raises(DataError, match=r"'arc' has metric 'f1' .* here, but metric 'acc' and"):
        joined(ran({0: 1}, "a", chosen=chosen), other)


def hashed(hashes, model):
    notes = {"hash": {f"arc/{k}": one for k, one in enumerate(hashes)}}
    return ran(dict.fromkeys(range(len(hashes)), 1), model, notes=notes)


def test_documents_that_changed_are_refused_or_left_out():
    blocks = [hashed(["a", "b", "c", "d"], "x"), hashed(["a", "B", "c", "D"], "y")]
    with pytest.raises(
        DataError, match=r"'arc/1' has two values of 'hash': b in .*; 2 of 4 items .*--changed drop"
    ):
        joined(*blocks)
    found = joined(*blocks, changed="drop")
    assert found.responses.items.ids == ("arc/0", "arc/2")
    told = kinds(found)["dropped"]
    assert (told.count, told.examples) == (2, ("arc/1", "arc/3"))
    assert "of 4 items" in told.what
    with pytest.raises(DataError, match="all 2 items differ"):
        joined(hashed(["a", "b"], "x"), hashed(["A", "B"], "y"), changed="drop")


# --- findings -------------------------------------------------------------------------------------


def test_findings_of_one_wording_are_one():
    found = gather(
        [
            Finding("dropped", "perturbed instances left out", 2, ("a", "b")),
            Finding("missing", "answers"),
            Finding("dropped", "perturbed instances left out", 3, ("b", "c", "d")),
        ]
    )
    assert [str(one) for one in found] == [
        "dropped: 5 perturbed instances left out: 'a', 'b', 'c', ...",
        "missing: 1 answers",
    ]


def test_findings_of_blocks_come_out():
    block = ran({0: 1}, findings=(Finding("dropped", "things", 2),))
    assert joined(block).findings == (Finding("dropped", "things", 2),)


def test_nothing_is_no_matrix():
    with pytest.raises(DataError, match="every file was empty"):
        joined()


def test_a_block_must_be_shaped():
    with pytest.raises(ValueError, match=r"not shaped \(2, 2\)"):
        table([[1, 0]])
    with pytest.raises(ValueError, match="a run has one model"):
        table([[1, 0], [1, 0]], run=Run("m"))


def test_the_matrix_is_a_response_matrix():
    assert isinstance(joined(table([[1, 0], [0, 1]])).responses, ResponseMatrix)
