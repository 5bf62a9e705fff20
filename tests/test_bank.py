"""The item bank: saved and loaded unchanged, the same for any form of answers, and its digest."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers import simulate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from tinyeval.bank import item_bank as module
from tinyeval.bank import packing
from tinyeval.bank.contents import BankFiles
from tinyeval.bank.folder import read_bank, write_bank
from tinyeval.bank.identity import identity
from tinyeval.bank.item_bank import ItemBank
from tinyeval.building import build
from tinyeval.errors import BankError, DataError, TinyEvalError
from tinyeval.responses import ResponseMatrix
from tinyeval.selection.base import Anchors
from tinyeval.tables import Table, by_id


def answers_of(bank, matrix, k=0):
    """{anchor: score} of the k-th model."""
    scores = matrix.select(items=bank.anchors.items).scores[k]
    return dict(zip(bank.anchors.items, scores.tolist(), strict=True))


# --- saving and loading -------------------------------------------------------------------------


def test_a_loaded_bank_is_the_saved_one(bank, bank_folder):
    loaded = ItemBank.load(bank_folder)
    assert loaded.digest == bank.digest
    assert loaded.anchors.items == bank.anchors.items
    assert_array_equal(loaded.anchors.weights, bank.anchors.weights)
    assert loaded.items.ids == bank.items.ids
    assert set(loaded.items.columns) == set(bank.items.columns)
    for name in ("name", "created", "level", "expected_error"):
        assert getattr(loaded, name) == getattr(bank, name)
    assert dict(loaded.settings) == dict(bank.settings)
    assert dict(loaded.source) == dict(bank.source)


def test_a_loaded_bank_predicts_exactly_the_same(bank, bank_folder, new_models):
    loaded = ItemBank.load(bank_folder)
    assert loaded.predict(new_models) == bank.predict(new_models)
    assert loaded.head(7).predict(new_models) == bank.head(7).predict(new_models)


def test_saving_twice_gives_the_same_bytes(bank, bank_folder, tmp_path):
    assert bank.save(tmp_path / "again") == bank.digest
    for file in bank_folder.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("selector", "estimator"),
    [
        ("stratified", "mean"),
        ("anchor_points", "weighted_anchors"),
        ("anchor_points_irt", "p_irt"),
        ("random", "gp_irt"),
        ("random", "ridge"),
        ("optimal_design", "kernel_ridge"),
    ],
)
def test_every_method_is_saved_and_loaded(source, new_models, fast, tmp_path, selector, estimator):
    method = fast.replace(selection={"method": selector}, estimator={"method": estimator})
    bank = build(source, settings=method)
    bank.save(tmp_path / "bank")
    loaded = ItemBank.load(tmp_path / "bank")
    assert loaded.digest == bank.digest
    for one, other in zip(bank.predict(new_models), loaded.predict(new_models), strict=True):
        assert one == other


def test_an_existing_folder_is_kept_unless_overwrite_is_asked_for(bank, tmp_path):
    bank.save(tmp_path / "bank")
    with pytest.raises(BankError, match="exists already"):
        bank.head(5).save(tmp_path / "bank")
    assert len(ItemBank.load(tmp_path / "bank").anchors) == 15
    bank.head(5).save(tmp_path / "bank", overwrite=True)
    assert len(ItemBank.load(tmp_path / "bank").anchors) == 5


def test_content_is_saved_with_the_bank(bank, tmp_path):
    content = {
        item: {"prompt": f"Question {item}?", "choices": ["a", "b"]}
        for item in bank.anchors.items[:3]
    }
    assert replace(bank, content=content).save(tmp_path / "bank") == bank.digest
    assert ItemBank.load(tmp_path / "bank").content == content


def test_weights_are_saved(bank, tmp_path):
    weights = np.arange(1.0, 16) / 120
    anchors = Anchors(bank.anchors.items, weights)
    replace(bank, predictor=replace(bank.predictor, anchors=anchors)).save(tmp_path / "bank")
    loaded = ItemBank.load(tmp_path / "bank").anchors
    assert_array_equal(loaded.weights, weights)


def test_the_card_says_what_the_bank_is(bank, bank_folder):
    text = (bank_folder / "README.md").read_text()
    assert 'pretty_name: "simulated"' in text
    assert "15 anchors of 60 items" in text
    assert "answers of 60 models" in text
    assert "Source: tests/helpers.py." in text
    for n, error in bank.expected_error.items():
        assert f"| {n} | {100 * error:.2f} |" in text


def test_the_card_lists_benchmarks_where_there_are_several(bank):
    benchmark = bank.items.column("benchmark")[bank.items.index(bank.anchors.items)]
    for name, errors in bank.benchmark_errors.items():
        count = (benchmark == name).sum()
        assert f"| {name} | {count} | {100 * errors[15]:.2f} |" in bank.files().readme


def test_a_folder_that_is_no_bank_is_refused(tmp_path):
    with pytest.raises(BankError, match="does not exist"):
        ItemBank.load(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BankError, match=r"manifest\.json: is missing"):
        ItemBank.load(tmp_path / "empty")


# --- digest -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"created": "2030-01-01T00:00:00Z"},
        {"name": "other"},
        {"content": {"item0001": {"prompt": "?"}}},
        {"source": {"origin": "elsewhere", "models": 7, "note": "read me"}},
        {"settings": {"device": "cuda", "run": {"key": "question_id", "prefix": "q-"}}},
    ],
)
def test_the_digest_does_not_depend_on_what_predicts_nothing(bank, change):
    for section in {"source", "settings"} & set(change):
        change = {section: {**getattr(bank, section), **change[section]}}
    assert replace(bank, **change).digest == bank.digest


@pytest.mark.parametrize("change", [{"seed": 1}, {"items": 16}, {"interval": {"level": 0.8}}])
def test_the_digest_covers_the_settings(bank, change):
    assert replace(bank, settings={**bank.settings, **change}).digest != bank.digest


def test_the_digest_covers_the_items(bank):
    for column in ("mean_score", "benchmark", "subject", "new"):
        items = bank.items.with_columns(**{column: bank.items.column(column, 0.0)[::-1]})
        assert replace(bank, items=items).digest != bank.digest, column


def test_the_digest_covers_the_anchors(bank):
    heads = {bank.head(n).digest for n in range(1, 16)}
    assert len(heads) == 15
    assert bank.head(15).digest == bank.digest


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_the_digest_covers_every_number(bank, data):
    files = bank.files()
    name = data.draw(st.sampled_from(sorted(files.arrays)))
    array = np.array(files.arrays[name])
    place = data.draw(st.integers(0, array.size - 1))
    array.flat[place] += data.draw(st.integers(1, 9))
    assert identity(replace(files, arrays={**files.arrays, name: array})) != bank.digest


@pytest.mark.slow
def test_the_digest_does_not_depend_on_the_order_of_models(bank, source, fast):
    order = np.random.default_rng(0).permutation(60)
    again = build(source.take(order), settings=fast, name="another name")
    assert again.digest == bank.digest


def test_a_bank_of_one_version_is_the_same_to_the_next(bank, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "__version__", "0.0.1")
    bank.save(tmp_path / "old")
    monkeypatch.setattr(packing, "__version__", "0.0.2")
    monkeypatch.setattr(packing, "card", lambda facts: "another card")
    loaded = ItemBank.load(tmp_path / "old")
    assert loaded.digest == bank.digest == loaded.save(tmp_path / "new")
    manifests = [read_bank(tmp_path / name).manifest for name in ("old", "new")]
    assert [one["tinyeval_version"] for one in manifests] == ["0.0.1", "0.0.2"]
    assert manifests[0]["digest"] == manifests[1]["digest"]
    assert manifests[0]["checksum"] != manifests[1]["checksum"]


def test_the_digest_of_a_loaded_bank_is_the_one_in_its_manifest(bank_folder, monkeypatch):
    """Kept, not computed again: another version may hold the same parts in other arrays."""
    monkeypatch.setattr(module, "identity", lambda files: "computed again")
    loaded = ItemBank.load(bank_folder)
    assert loaded.digest == read_bank(bank_folder).manifest["digest"]
    assert loaded.head(3).digest == "computed again"


def test_a_bank_without_a_time_gets_one(bank):
    assert replace(bank, created="").created[:2] == "20"


# --- a hostile folder that is well formed -------------------------------------------------------


def forged(bank, tmp_path, arrays=None, **manifest):
    """A folder with a valid digest whose parts do not fit each other."""
    files = bank.files()
    changed = {**files.arrays, **(arrays or {})}
    parts = {**files.manifest, **manifest}
    write_bank(tmp_path / "bank", BankFiles(parts, files.items, changed, None, files.readme))
    return tmp_path / "bank"


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        ("calibration/score_range", (2,)),
        ("calibration/inside", (3, 0, 3)),
        ("calibration/inside", (0, 60, 3)),
        ("calibration/noise", (7,)),
        ("calibration/novelty_limit", (2,)),
        ("calibration/misfit_limit", (0,)),
        ("calibration/range_margin", (2,)),
        ("comparison/inside", (3, 0, 3)),
        ("comparison/slope_inside", (3,)),
        ("comparison/slope_beyond", (3, 2)),
        ("comparison/sizes", (2,)),
        ("comparison/sizes", (3, 1)),
        ("calibration/sizes", (3, 1)),
        ("calibration/sizes", (0,)),
        ("calibration/expected_error", (3,)),
        ("calibration/beyond", (3, 0, 3)),
        ("calibration/scale", (3, 11, 2)),
        ("calibration/scale_at", (3, 3)),
        ("estimator/kriging/mean", (3,)),
        ("estimator/kriging/cov", (8, 3, 3)),
        ("estimator/kriging/cross", (1, 15, 3)),
        ("estimator/kriging/drift", (0,)),
        ("irt/ability_cov", (5, 5)),
        ("irt/discrimination", (60, 0)),
    ],
)
def test_arrays_that_do_not_fit_are_refused_on_loading(bank, tmp_path, array, shape):
    kind = np.int64 if array.endswith("sizes") else np.float64
    folder = forged(bank, tmp_path, {array: np.ones(shape, kind)})
    part = array.split("/")[-2].replace("irt", "IRT")
    with pytest.raises(BankError, match=f"{part}.*; download or build the bank again") as caught:
        ItemBank.load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"comparison/sizes": np.array([5, 5, 15])}, "comparison sizes must be ascending"),
        ({"calibration/sizes": np.array([0, 10, 15])}, "calibration sizes must be ascending"),
        ({"calibration/sizes": np.array([[5], [10], [15]])}, "calibration sizes must be"),
        ({"calibration/sizes": np.array([5.0, 10, 15])}, "sizes has type float64, expected int64"),
        ({"irt/intercept": np.zeros(60, np.uint8)}, "intercept has type uint8, expected float64"),
        ({"calibration/noise": np.zeros(3, np.float32)}, "noise has type float32, expected float"),
        ({"calibration/surprise_limit": np.zeros(3)}, "no bank has 'calibration/surprise_limit'"),
        ({"scores": np.zeros(3)}, "arrays: no bank has 'scores'"),
        ({"extra/scores": np.zeros(3)}, "arrays: no bank has 'extra/scores'"),
    ],
)
def test_arrays_that_no_bank_has_are_refused_on_loading(bank, tmp_path, arrays, message):
    with pytest.raises(BankError, match=f"{message}.*; download or build the bank again"):
        ItemBank.load(forged(bank, tmp_path, arrays))


@pytest.mark.parametrize(
    "array", ["calibration/inside", "comparison/inside", "estimator/kriging/mean", "irt/intercept"]
)
def test_a_missing_array_is_refused_on_loading(bank, tmp_path, array):
    files = bank.files()
    left = {name: one for name, one in files.arrays.items() if name != array}
    write_bank(tmp_path / "bank", BankFiles(files.manifest, files.items, left, None, files.readme))
    with pytest.raises(BankError, match=f"{tmp_path / 'bank'}.*{array.split('/')[-1]}"):
        ItemBank.load(tmp_path / "bank")


@pytest.mark.parametrize(
    "section",
    [
        {"estimator": {"method": "mean", "items": ["item0000"]}},
        {"estimator": {"method": "stack", "items": ["no such item"]}},
        {"targets": ["overall"]},
        {"targets": ["bench0", "bench1", "overall"]},
    ],
)
def test_a_manifest_that_does_not_fit_is_refused_on_loading(bank, tmp_path, section):
    folder = forged(bank, tmp_path, **section)
    with pytest.raises(BankError, match="download or build the bank again"):
        ItemBank.load(folder)


def test_an_estimator_that_is_not_known_is_refused_on_loading(bank, tmp_path):
    folder = forged(bank, tmp_path, estimator={"method": "os.system", "items": ["item0000"]})
    with pytest.raises(BankError, match=r"bank: unknown estimator 'os\.system'"):
        ItemBank.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"source": {}},
        {"source": "a leaderboard"},
        {"settings": {}},
        {"settings": {"interval": {"level": 2}}},
    ],
)
def test_a_bank_is_not_made_with_a_source_or_settings_that_lack_something(bank, change):
    with pytest.raises(BankError, match=rf"manifest: '{next(iter(change))}\S*' must be"):
        replace(bank, **change)


def test_parts_that_name_different_items_are_refused(bank):
    fewer = bank.items.take(np.arange(59))
    with pytest.raises(BankError, match="name different items"):
        replace(bank, items=fewer)


# --- forms of answers ---------------------------------------------------------------------------


def numbers(prediction):
    return replace(prediction, model="")


def test_one_model_gives_one_prediction(bank, new_models):
    alone = bank.predict(answers_of(bank, new_models))
    assert alone.model == "model"
    assert numbers(alone) == numbers(bank.predict(new_models.take(np.array([0])))[0])


def test_several_models_give_a_list_in_the_order_given(bank, new_models):
    named = {"z": answers_of(bank, new_models, 3), "a": answers_of(bank, new_models, 1)}
    found = bank.predict(named)
    assert [one.model for one in found] == ["z", "a"]
    expected = bank.predict(new_models.take(np.array([3, 1])))
    for one, other in zip(found, expected, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-12)
        assert one.upper == pytest.approx(other.upper, abs=1e-12)


def test_one_named_model_still_gives_a_list(bank, new_models):
    assert len(bank.predict({"m": answers_of(bank, new_models)})) == 1


def test_a_matrix_gives_its_models_in_order(bank, new_models):
    assert [one.model for one in bank.predict(new_models)] == list(new_models.models.ids)


def test_scores_may_be_booleans_whole_numbers_or_numpy(bank):
    ones = bank.predict(dict.fromkeys(bank.anchors.items, 1.0))
    for value in (True, 1, np.float32(1), np.int64(1), np.bool_(True)):
        assert bank.predict(dict.fromkeys(bank.anchors.items, value)) == ones


def test_the_order_of_answers_and_items_that_are_no_anchors_change_nothing(bank, new_models):
    answers = answers_of(bank, new_models)
    others = {item: 1.0 for item in bank.items.ids if item not in answers}
    mixed = {**others, **dict(reversed(answers.items()))}
    assert bank.predict(mixed) == bank.predict(answers)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_any_answers_give_an_interval_around_the_score(bank, data):
    items = data.draw(st.lists(st.sampled_from(bank.anchors.items), min_size=1, unique=True))
    answers = {item: data.draw(st.floats(0, 1)) for item in items}
    found = bank.predict(answers)
    assert found.n_answered == len(items)
    for one in (found, *found.benchmarks.values()):
        assert 0 <= one.lower <= one.score <= one.upper <= 1
        assert one.lower < one.upper


def test_unanswered_anchors_may_be_left_out_or_nan(bank, new_models):
    answers = answers_of(bank, new_models)
    gone = bank.anchors.items[2]
    left_out = {item: score for item, score in answers.items() if item != gone}
    found = bank.predict(left_out)
    assert found.n_answered == 14
    assert "1 of 15 anchors are unanswered" in found.warnings[0]
    assert bank.predict({**answers, gone: float("nan")}) == found


def test_the_level_is_the_banks_own_unless_another_is_asked_for(bank, new_models):
    answers = answers_of(bank, new_models)
    own, narrow = bank.predict(answers), bank.predict(answers, level=0.5)
    assert own.level == bank.level == 0.9
    assert narrow.level == 0.5
    assert own.lower < narrow.lower < narrow.score < narrow.upper < own.upper


# --- answers that are refused -------------------------------------------------------------------


def test_answers_to_foreign_items_show_both_sides_ids(bank):
    with pytest.raises(DataError, match=r"share no item .*'gsm8k/0'.*'item\d+'.*same item ids"):
        bank.predict({"gsm8k/0": 1, "gsm8k/1": 0})


@pytest.mark.parametrize("empty", [{}, {"m": {}}])
def test_no_answers_are_refused(bank, empty):
    with pytest.raises(DataError, match=r"no answers were given; expected \{item: score\}"):
        bank.predict(empty)


def test_a_model_without_any_anchor_is_named_and_the_others_predicted(bank, new_models):
    answers = answers_of(bank, new_models)
    other = next(one for one in bank.items.ids if one not in bank.anchors.items)
    with pytest.warns(
        UserWarning, match=r"1 models answered none of the 15 anchors and are left out: 'b'$"
    ):
        found = bank.predict({"a": answers, "b": {other: 1}, "c": answers})
    assert [one.model for one in found] == ["a", "c"]
    assert found[0].score == pytest.approx(bank.predict(answers).score, abs=1e-12)
    with pytest.raises(DataError, match="model 'b' answered none of the bank's 15 anchors"):
        bank.predict({"b": {other: 1, bank.anchors.items[0]: float("nan")}})


def test_answers_that_name_no_item_are_counted_and_what_was_meant_is_asked(bank, new_models):
    answers = answers_of(bank, new_models)
    first = bank.anchors.items[0]
    renamed = {f"bench/{one}" if one == first else one: score for one, score in answers.items()}
    renamed["nobody"] = 1
    told = rf"^2 answers name no item of this bank: .*'bench/{first}'.*did you mean '{first}'\?$"
    with pytest.warns(UserWarning, match=told):
        found = bank.predict(renamed)
    assert found.n_answered == len(answers) - 1


@pytest.mark.parametrize("score", [2, -1, 57.3, float("inf")])
def test_a_score_outside_0_to_1_is_refused(bank, score):
    with pytest.raises(DataError, match=r"must lie in \[0, 1\]"):
        bank.predict({bank.anchors.items[0]: score})


@pytest.mark.parametrize("score", [None, "yes", [1]])
def test_a_score_that_is_no_number_is_refused(bank, score):
    with pytest.raises(TinyEvalError):
        bank.predict({bank.anchors.items[0]: score, bank.anchors.items[1]: 1})


def test_answers_that_mix_items_and_models_are_refused(bank):
    item = bank.anchors.items[0]
    with pytest.raises(TinyEvalError):
        bank.predict({"m": {item: 1}, item: 1})


@pytest.mark.slow
def test_items_of_another_content_are_refused(source, fast, tmp_path):
    items = source.items.with_columns(hash=np.array([f"hash{k}" for k in range(60)]))
    bank = build(replace(source, items=items), settings=fast)
    bank.save(tmp_path / "bank")
    bank = ItemBank.load(tmp_path / "bank")
    anchors = bank.anchors.items

    def answers(hashes):
        table = Table(anchors, {"hash": np.array(hashes)})
        return ResponseMatrix(np.ones((1, 15)), Table(("m",)), table)

    same = [f"hash{items.ids.index(one)}" for one in anchors]
    assert bank.predict(answers(same))[0].n_answered == 15
    assert bank.predict(answers(["", *same[1:]]))[0].n_answered == 15
    with pytest.raises(DataError, match=f"{anchors[3]!r}.*hash"):
        bank.predict(answers([*same[:3], "other", *same[4:]]))


# --- heads --------------------------------------------------------------------------------------


def test_a_head_asks_fewer_items_and_uses_no_others(bank, new_models):
    head = bank.head(6)
    assert head.anchors.items == bank.anchors.items[:6]
    assert head.anchors.weights.sum() == pytest.approx(1)
    found = head.predict(new_models)
    assert all(one.n_answered == 6 for one in found)
    first = new_models.select(items=bank.anchors.items[:6])
    assert [numbers(one).score for one in bank.predict(first)] == [one.score for one in found]


def test_a_head_is_saved_and_loaded(bank, new_models, tmp_path):
    head = bank.head(6)
    head.save(tmp_path / "head")
    loaded = ItemBank.load(tmp_path / "head")
    assert loaded.digest == head.digest
    assert loaded.predict(new_models) == head.predict(new_models)
    assert loaded.head(3).anchors.items == bank.anchors.items[:3]


def test_a_head_of_all_is_the_bank(bank, new_models):
    head = bank.head(15)
    assert head.anchors.items == bank.anchors.items
    assert head.anchors.weights == pytest.approx(bank.anchors.weights, abs=1e-12)
    assert head.predict(new_models) == bank.predict(new_models)


def test_expected_errors_are_those_of_the_anchors_there_are(bank):
    assert list(bank.expected_error) == [5, 10, 15]
    assert list(bank.head(12).expected_error) == [5, 10]
    assert bank.head(10).expected_error[10] == bank.expected_error[10]


@pytest.mark.parametrize("n", [0, -1, 16])
def test_a_head_that_is_too_long_or_empty_is_refused(bank, n):
    with pytest.raises(DataError, match=f"between 1 and 15 anchors, found {n}"):
        bank.head(n)


# --- what a bank says ---------------------------------------------------------------------------


def test_items_carry_what_is_known_of_them(bank, source):
    source = source.take(None, by_id(source.items.ids))
    assert bank.items.ids == source.items.ids
    assert bank.items.column("mean_score") == pytest.approx(source.scores.mean(0))
    assert bank.items.column("benchmark").tolist() == source.items.column("benchmark").tolist()
    assert (bank.items.column("weight") == 1).all()


@pytest.mark.slow
def test_the_source_is_numbers_and_no_answers(fast):
    responses, _ = simulate(20, 30, seed=1, missing=0.03)
    said = build(responses, settings=fast, source="a leaderboard").source
    score = np.nanmean(responses.scores, 1)
    assert said["origin"] == "a leaderboard"
    assert said["models"] == 20
    assert said["answers"] == responses.observed.sum()
    assert said["missing"] == pytest.approx(1 - responses.observed.mean(), abs=1e-6)
    assert (said["lowest_score"], said["highest_score"]) == pytest.approx(
        (score.min(), score.max()), abs=1e-6
    )
    assert len(json.dumps(said)) < 300


# --- costs and benchmarks -----------------------------------------------------------------------


def test_the_cost_is_that_of_the_anchors_there_are(bank):
    assert bank.cost is None
    cost = np.arange(1.0, len(bank.items) + 1)
    priced = replace(bank, items=bank.items.with_columns(cost=cost))
    index = bank.items.index(bank.anchors.items)
    assert priced.cost == cost[index].sum()
    assert priced.head(4).cost == cost[index[:4]].sum()
    words = replace(bank, items=bank.items.with_columns(words=cost))
    assert words.cost is None
    assert replace(words, settings={**bank.settings, "cost": "words"}).cost == priced.cost
    unknown = np.where(np.arange(len(cost)) == index[0], np.nan, cost)
    assert replace(bank, items=bank.items.with_columns(cost=unknown)).cost is None


def test_errors_of_benchmarks_are_by_number_of_anchors_too(bank):
    errors = bank.benchmark_errors
    assert list(errors) == ["bench0", "bench1"]
    assert all(list(one) == [5, 10, 15] for one in errors.values())
    assert errors["bench0"][15] == bank.predictor.calibration.expected_error[2, 1]
