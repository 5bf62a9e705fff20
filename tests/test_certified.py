"""Certified scores: exact over all samples of a tiny population, held for any model, stored."""

import hashlib
import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import make_history, simulate
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from tinyeval.bank.item_bank import ItemBank
from tinyeval.bank.packing import unpack
from tinyeval.building import build
from tinyeval.certified import Certifier
from tinyeval.certified.betting import bounds, capital
from tinyeval.certified.drawing import chances, draw
from tinyeval.certified.expected import MARGIN, ExpectedScores, expected_scores
from tinyeval.certified.increments import Increments, increments
from tinyeval.certified.interval import student
from tinyeval.cli import main
from tinyeval.config import Settings
from tinyeval.covariance.item_covariance import item_covariance
from tinyeval.errors import BankError, ConfigError, DataError
from tinyeval.responses import ResponseMatrix

N, DRAWN = 6, 3
NONE = np.zeros(0, dtype=np.intp)


def learns(n, seed=0, factors=2):
    """Expectations that change with every answer."""
    rng = np.random.default_rng(seed)
    return ExpectedScores(
        mean=rng.uniform(0.2, 0.8, n),
        factors=rng.normal(0, 0.4, (factors, n)).astype(np.float32),
        noise=rng.uniform(0.05, 0.2, n),
    )


def constant(n, value=0.5):
    """Expectations that no answer changes."""
    return ExpectedScores(np.full(n, value), np.zeros((1, n), dtype=np.float32), np.ones(n))


def every_sample(chance, n):
    """All orders in which ``n`` items can be drawn, with their probabilities."""
    for order in itertools.permutations(np.flatnonzero(chance > 0), n):
        left, probability = 1.0, 1.0
        for item in order:
            probability *= chance[item] / left
            left -= chance[item]
        yield np.array(order), probability


@pytest.fixture(scope="module")
def population():
    """Six items, one of them an anchor: answers, weights, chances, expectations that learn."""
    rng = np.random.default_rng(1)
    weights = rng.dirichlet(np.full(N, 3.0))
    free = np.arange(N) != 2
    expected = learns(N)
    chance = chances(expected.given(NONE, np.zeros(0)), weights, free, 0.3)
    return rng.choice([0.0, 0.4, 1.0], N), weights, np.array([2]), chance, expected


@pytest.fixture(scope="module")
def samples(population):
    scores, weights, anchors, chance, expected = population
    return [
        (increments(scores, weights, anchors, order, chance, expected), probability)
        for order, probability in every_sample(chance, DRAWN)
    ]


# --- exact, over all samples --------------------------------------------------------------------


def test_every_draw_is_unbiased_and_draws_are_uncorrelated(population, samples):
    scores, weights, *_ = population
    assert math.isclose(sum(p for _, p in samples), 1.0)
    values = np.array([found.value for found, _ in samples])
    p = np.array([p for _, p in samples])
    truth = scores @ weights
    assert_allclose(p @ values, np.full(DRAWN, truth), atol=1e-12)
    covariance = (values - truth).T @ (p[:, None] * (values - truth))
    assert_allclose(covariance - np.diag(np.diag(covariance)), 0, atol=1e-12)
    assert (np.diag(covariance) > 1e-6).all()


def test_the_weighted_errors_have_mean_zero(population, samples):
    truth = population[0] @ population[1]
    assert abs(sum(p * (found.left**-2.0 @ (found.value - truth)) for found, p in samples)) < 1e-12


def test_what_bounds_a_draw_is_never_passed(population, samples):
    scores, weights, *_ = population
    for found, _ in samples:
        assert (found.low - 1e-12 <= found.value).all()
        assert (found.value <= found.high + 1e-12).all()
        assert found.asked - 1e-12 <= scores @ weights <= found.asked + found.unasked + 1e-12


def test_a_fair_bet_wins_nothing_on_the_average(population, samples):
    truth = np.array([population[0] @ population[1]])
    mean = sum(p * math.exp(capital(found, 0.9, truth)[0]) for found, p in samples)
    assert math.isclose(mean, 1.0, rel_tol=1e-9)


def test_equal_chances_have_nearly_the_variance_of_simple_random_sampling():
    scores = np.array([0, 0, 1, 1, 1, 0.5, 0.2])
    n, weights = len(scores), np.full(len(scores), 1 / len(scores))
    truth, variance = scores.mean(), 0.0
    for order, p in every_sample(weights, 4):
        found = increments(scores, weights, NONE, order, weights, constant(n, truth))
        variance += p * (student(found, 0.9)[0] - truth) ** 2
    simple = scores.var(ddof=1) / 4 * (1 - 4 / n)
    assert 0.9 * simple < variance < 1.1 * simple


def test_where_expectations_are_true_the_score_is_exact():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, 20)
    expected = replace(constant(20), mean=p)
    weights = np.full(20, 0.05)
    found = increments(p, weights, NONE, np.arange(10), weights, expected)
    assert_allclose(found.value, p.mean(), atol=1e-12)


# --- chances and draws --------------------------------------------------------------------------


def test_chances_are_the_mixture_that_is_stated():
    p, weights = np.array([0.5, 0.1, 0.9, 0.5]), np.array([0.4, 0.3, 0.3, 0.0])
    free = np.array([True, True, True, True])
    uncertain = weights * np.sqrt(p * (1 - p))
    expected = 0.7 * uncertain / uncertain.sum() + 0.3 * weights
    assert_allclose(chances(p, weights, free, 0.3), expected)
    held = chances(p, weights, np.array([False, True, True, True]), 1.0)
    assert_allclose(held, [0, 0.5, 0.5, 0])


def test_items_are_drawn_as_often_as_their_chances_say():
    chance = np.array([0.1, 0.0, 0.5, 0.4])
    orders = [tuple(draw(chance, 2, f"key {k}")) for k in range(4000)]
    expected = {tuple(order): p for order, p in every_sample(chance, 2)}
    assert set(orders) == set(expected)
    counts = [orders.count(order) for order in expected]
    found = stats.chisquare(counts, 4000 * np.array(list(expected.values())))
    assert found.pvalue > 1e-3


def test_draws_are_the_same_for_ever():
    """Equal chances: the items with the largest 64-bit numbers of the hash come first."""
    chance = np.full(1000, 1e-3)
    found = draw(chance, 5, "key").tolist()
    data = hashlib.shake_256(b"key").digest(8000)
    numbers = [int.from_bytes(data[k : k + 8], "little") for k in range(0, 8000, 8)]
    assert found == sorted(range(1000), key=lambda k: -numbers[k])[:5] == [35, 147, 688, 402, 342]
    assert draw(chance, 3, "key").tolist() == found[:3]
    assert draw(chance, 5, "kez").tolist() != found


# --- intervals ----------------------------------------------------------------------------------


def plain(values, variance=0.0):
    """Draws of equal weight, from a large population."""
    n = len(values)
    return Increments(
        value=np.asarray(values, dtype=float),
        left=np.ones(n),
        variance=np.full(n, variance),
        low=np.full(n, -1.0),
        high=np.full(n, 2.0),
        asked=0.0,
        unasked=1.0,
    )


def test_with_equal_weights_it_is_students_interval():
    values = np.random.default_rng(0).normal(0.5, 0.1, 30)
    oracle = stats.t.interval(0.9, 29, values.mean(), stats.sem(values))
    assert_allclose(student(plain(values), 0.9), [values.mean(), *oracle])


def test_draws_that_all_agree_do_not_promise_more_than_is_expected():
    _, lower, upper = student(plain(np.full(30, 0.9), 0.04), 0.9)
    half = stats.t.ppf(0.95, 29) * math.sqrt(0.75 * 0.04 / 30)
    assert_allclose([lower, upper], [0.9 - half, 0.9 + half])


def test_no_end_is_beyond_what_the_answers_make_certain():
    found = replace(plain([0.5, 0.9, 0.1, 0.7]), asked=0.45, unasked=0.1)
    assert student(found, 0.9)[1:] == pytest.approx((0.45, 0.55))
    low, high = bounds(found, 0.9)
    assert 0.45 - 1e-9 <= low <= high <= 0.55 + 1e-9


def test_sure_bounds_narrow_with_draws_and_widen_with_the_level():
    values = np.random.default_rng(1).normal(0.5, 0.3, 400)
    width = {}
    for n, level in itertools.product((50, 400), (0.8, 0.95)):
        low, high = bounds(plain(values[:n], 0.09), level)
        width[n, level] = high - low
    assert width[400, 0.8] < width[400, 0.95] < width[50, 0.95]
    assert width[400, 0.8] < width[50, 0.8]


# --- expected scores ----------------------------------------------------------------------------


def test_expected_scores_are_kriging_with_the_whole_covariance():
    n, rng = 12, np.random.default_rng(0)
    one = learns(n, factors=4)
    factors = one.factors.astype(float)
    covariance = factors.T @ factors + np.diag(one.noise)
    asked, answers = np.array([7, 2, 9]), rng.uniform(size=3)
    gain = np.linalg.solve(covariance[np.ix_(asked, asked)], answers - one.mean[asked])
    others = np.setdiff1d(np.arange(n), asked)
    oracle = one.mean[others] + (factors.T @ factors)[np.ix_(others, asked)] @ gain
    oracle = np.clip(oracle, MARGIN, 1 - MARGIN)
    assert_allclose(one.given(asked, answers)[others], oracle, atol=1e-6)


def test_few_factors_keep_the_variance_of_every_item():
    covariance = item_covariance(make_history(40, 30, dimensions=2, seed=3))
    one = expected_scores(covariance)
    total = (one.factors.astype(float) ** 2).sum(0) + one.noise
    assert (total >= covariance.variance(0.1) - 1e-6).all()
    assert_array_equal(one.mean, covariance.mean)


# --- banks --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certified(source, fast):
    """A bank of 15 anchors that draws 20 of the 45 other items for each model."""
    return build(source, settings=fast.replace(certify={"items": 20}), name="certified")


@pytest.fixture(scope="module")
def folder(certified, tmp_path_factory):
    path = tmp_path_factory.mktemp("certified") / "bank"
    certified.save(path)
    return path


def answers_to(bank, models, items=None):
    """Answers of some models to the anchors and, if given, to items by model."""
    scores = np.full(models.scores.shape, np.nan)
    for row, model in enumerate(models.models.ids):
        asked = models.items.index((*bank.anchors.items, *(items or {}).get(model, ())))
        scores[row, asked] = models.scores[row, asked]
    return ResponseMatrix(scores, models.models, models.items)


def test_models_are_drawn_items_of_their_own_that_are_no_anchors(certified, new_models):
    few = new_models.take(np.arange(5))
    drawn = certified.drawn(few)
    assert list(drawn) == list(few.models.ids)
    for items in drawn.values():
        assert len(items) == len(set(items)) == 20
        assert not set(items) & set(certified.anchors.items)
    assert len({frozenset(items) for items in drawn.values()}) == 5


def test_what_is_drawn_depends_on_the_answers_to_the_anchors_and_on_nothing_else(
    certified, new_models
):
    few = new_models.take(np.arange(4))
    drawn = certified.drawn(few)
    assert certified.drawn(answers_to(certified, few)) == drawn
    order = np.random.default_rng(0).permutation(few.n_items)
    assert certified.drawn(few.take(np.array([2, 1]), order)) == {
        name: drawn[name] for name in (few.models.ids[2], few.models.ids[1])
    }
    other = dict.fromkeys(certified.anchors.items, 1.0)
    again = certified.drawn({few.models.ids[0]: other})[few.models.ids[0]]
    assert again != drawn[few.models.ids[0]]


def test_the_certified_score_is_that_of_the_drawn_answers(certified, new_models):
    few = new_models.take(np.arange(6))
    asked = answers_to(certified, few, certified.drawn(few))
    full, part = certified.predict(few), certified.predict(asked)
    for one, other in zip(full, part, strict=True):
        assert one.certified == other.certified
        found = other.certified
        assert found.n_drawn == 20
        assert found.level == 0.9
        assert found.sure_lower <= found.lower <= found.score <= found.upper <= found.sure_upper
        assert not [text for text in other.warnings if "certified" in text]


def test_the_calibrated_prediction_is_that_of_the_bank_without_draws(certified, bank, new_models):
    for one, other in zip(certified.predict(new_models), bank.predict(new_models), strict=True):
        assert replace(one, certified=None) == other


def test_the_level_is_the_one_asked_for(certified, new_models):
    one = new_models.take(np.array([3]))
    wide, narrow = (certified.predict(one, level=p)[0].certified for p in (0.99, 0.5))
    assert (wide.level, narrow.level) == (0.99, 0.5)
    assert wide.lower < narrow.lower <= narrow.upper < wide.upper


def test_drawing_all_items_leaves_nothing_to_estimate(certified, new_models):
    every = replace(certified, certifier=replace(certified.certifier, draws=45))
    truth = new_models.scores.astype(float) @ every.certifier.weights
    for one, score in zip(every.predict(new_models), truth, strict=True):
        found = one.certified
        assert_allclose([found.lower, found.score, found.upper], score, atol=1e-6)
        assert found.sure_upper - found.sure_lower < 1e-6


MADE = {
    "within": lambda scores, anchors: scores,
    "nothing right but the anchors": lambda scores, anchors: np.where(anchors, scores, 0.0),
    "all right but the anchors": lambda scores, anchors: np.where(anchors, 0 * scores, 1.0),
    "upside down": lambda scores, anchors: 1.0 - scores,
    "coin flips": lambda scores, anchors: np.random.default_rng(0).integers(0, 2, scores.shape),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MADE)
def test_intervals_hold_whatever_the_model(certified, new_models, kind):
    certifier, anchors = certified.certifier, certified.items.index(certified.anchors.items)
    is_anchor = np.isin(np.arange(len(certified.items)), anchors)
    scores = MADE[kind](new_models.scores[:20].astype(float), is_anchor).astype(float)
    held, sure = [], []
    for k, (row, y) in itertools.product(range(25), enumerate(scores)):
        drawn = certifier.draw(anchors, y[anchors], f"{kind} {row} {k}")
        found, truth = certifier.certify(anchors, drawn, y, 0.9), y @ certifier.weights
        held.append(found.lower - 1e-9 <= truth <= found.upper + 1e-9)
        sure.append(found.sure_lower - 1e-9 <= truth <= found.sure_upper + 1e-9)
    error = math.sqrt(0.9 * 0.1 / len(held))
    assert np.mean(held) > 0.9 - 3 * error
    assert np.mean(sure) > 0.9


def test_without_the_drawn_answers_there_is_no_certified_score(certified, new_models):
    few = new_models.take(np.arange(2))
    for one in certified.predict(answers_to(certified, few)):
        assert one.certified is None
        (text,) = [text for text in one.warnings if "certified" in text]
        assert text.startswith("no certified score: 20 of the 20 items drawn for this model are")
    name, drawn = few.models.ids[0], certified.drawn(few)
    part = {name: drawn[name][:-1]}
    one = certified.predict(answers_to(certified, few.take(np.array([0])), part))[0]
    assert one.certified is None
    assert f"1 of the 20 items drawn for this model are unanswered ({drawn[name][-1]!r})" in str(
        one.warnings
    )


def test_without_all_anchors_nothing_is_drawn(certified, new_models):
    scores = new_models.scores[:1].copy()
    scores[0, new_models.items.index(certified.anchors.items[3:5])] = np.nan
    one = ResponseMatrix(scores, new_models.take(np.array([0])).models, new_models.items)
    (found,) = certified.predict(one)
    assert found.certified is None
    assert "no certified score: 2 anchors are unanswered" in " ".join(found.warnings)
    with pytest.raises(DataError, match="has not answered 2 of the bank's 15 anchors"):
        certified.drawn(one)


def test_a_bank_without_draws_says_so(bank, new_models):
    with pytest.raises(BankError, match="build it with --certify"):
        bank.drawn(new_models)
    assert all(one.certified is None for one in bank.predict(new_models))
    assert "certified" not in bank.predict(new_models)[0].to_dict()


def test_a_saved_bank_draws_and_certifies_the_same(certified, folder, new_models):
    loaded = ItemBank.load(folder)
    assert loaded.digest == certified.digest
    assert loaded.drawn(new_models) == certified.drawn(new_models)
    assert loaded.predict(new_models) == certified.predict(new_models)
    head = loaded.head(10)
    assert head.drawn(new_models) == certified.head(10).drawn(new_models)
    assert all(one.certified.n_drawn == 20 for one in head.predict(new_models))


def test_the_digest_knows_of_draws_and_only_of_those(bank, certified):
    assert certified.digest != bank.digest
    assert "certify" not in bank.settings
    assert certified.settings["certify"] == {"items": 20, "share": None, "uniform": 0.3}
    more = replace(certified, certifier=replace(certified.certifier, draws=21))
    assert more.digest != certified.digest
    assert replace(certified, certifier=None, settings=bank.settings).digest == bank.digest


def certifier(n=8, **changes):
    parts = {"draws": 5, "uniform": 0.3, "weights": np.full(n, 1 / n), "expected": learns(n)}
    return Certifier(**parts | changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"draws": np.array(20.0)}, "draws has type float64, expected int64"),
        ({"draws": np.array([20])}, "must be single numbers"),
        ({"draws": np.array(4)}, "expected 5 draws or more"),
        ({"draws": np.array(46)}, "46 items are to be drawn for each model, but only 45 items"),
        ({"uniform": np.array(0.0)}, "uniform share in .0, 1."),
        ({"uniform": np.array(np.nan)}, "not finite"),
        ({"weights": np.full(60, 1.0)}, "must not be negative, and sum to 1"),
        ({"weights": np.full(59, 1 / 59)}, "has shape"),
        ({"noise": np.zeros(60)}, "noise must be above 0"),
        ({"factors": np.zeros((2, 60))}, "factors has type float64, expected float32"),
        ({"factors": np.zeros((2, 59), dtype=np.float32)}, "has shape"),
        ({"more": np.zeros(1)}, "must hold draws, uniform"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(certified, change, message):
    state = certified.certifier.state() | change
    files = certified.files()
    arrays = {**files.arrays, **{f"certified/{name}": a for name, a in state.items()}}
    with pytest.raises((BankError, DataError), match=message):
        ItemBank(**unpack(replace(files, arrays=arrays)))


def test_a_missing_array_is_refused(certified):
    files = certified.files()
    arrays = {name: a for name, a in files.arrays.items() if name != "certified/noise"}
    with pytest.raises(BankError, match="must hold draws, uniform"):
        unpack(replace(files, arrays=arrays))


def test_moments_of_other_items_are_refused(certified):
    with pytest.raises(BankError, match="8 weights, the bank has 60 items"):
        replace(certified, certifier=certifier(8))


# --- building and commands ----------------------------------------------------------------------


def test_a_share_of_the_items_can_be_drawn(source, fast):
    assert Settings(certify={"share": 0.25}).certify.draws(60) == 15
    assert Settings(certify={"share": 0.01}).certify.draws(60) == 5
    recipe = fast.replace(certify={"share": 0.5})
    assert recipe.replace(certify={"items": 9, "share": None}).certify.draws(60) == 9


@pytest.mark.parametrize(
    ("certify", "message"),
    [
        ({}, "certify: expected items, a number, or share"),
        ({"items": 4}, r"certify\.items: .*greater than or equal to 5"),
        ({"items": 9, "share": 0.5}, "one of two"),
        ({"share": 1.0}, r"certify\.share: "),
        ({"items": 9, "uniform": 0.0}, r"certify\.uniform: "),
        ({"itms": 9}, "there is no such setting; known are: items, share, uniform"),
    ],
)
def test_settings_that_are_none_are_refused(certify, message):
    with pytest.raises(ConfigError, match=message):
        Settings(certify=certify)


def test_more_draws_than_items_are_refused_before_anything_is_fitted(source, fast, monkeypatch):
    monkeypatch.setattr("tinyeval.building.learn", None)
    with pytest.raises(DataError, match=r"46 items are to be drawn .* only 45 items"):
        build(source, settings=fast.replace(certify={"items": 46}))


def test_draws_are_checked_for_the_number_of_anchors_that_an_error_needs(source, fast, monkeypatch):
    monkeypatch.setattr("tinyeval.building.enough_items", lambda *_, **__: 15)
    monkeypatch.setattr("tinyeval.building.learn", None)
    for draws, raises in ((40, TypeError), (source.n_items - 14, DataError)):
        many = fast.replace(items=source.n_items, certify={"items": draws})
        with pytest.raises(raises):  # a TypeError: it would go on to learn
            build(source, settings=many, error=3.0)


def test_a_score_from_elsewhere_cannot_be_certified(fast):
    responses, _ = simulate(30, 40, seed=1, column=True)
    settings = fast.replace(certify={"items": 10}, target={"column": "full"})
    with pytest.raises(ConfigError, match="leave out --certify, or --target"):
        build(responses, settings=settings)


def run(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


def write(path, answers):
    rows = [
        f"{model},{item},{score:g}"
        for model, row in zip(answers.models.ids, answers.scores, strict=True)
        for item, score in zip(answers.items.ids, row, strict=True)
        if np.isfinite(score)
    ]
    path.write_text("\n".join(["model,item,score", *rows]) + "\n")
    return path


def test_the_way_of_a_user(certified, folder, new_models, tmp_path):
    few = new_models.take(np.arange(2))
    anchors = write(tmp_path / "anchors.csv", answers_to(certified, few))
    sheet = run("predict", folder, anchors, "--drawn")
    head, *rows = [line.split(",") for line in sheet.splitlines()]
    assert head == ["model", "item", "score"]
    drawn = certified.drawn(few)
    assert [(m, i) for m, i, _ in rows] == [(m, i) for m, own in drawn.items() for i in own]
    assert json.loads(run("predict", folder, anchors, "--drawn", "--json"))["drawn"] == {
        model: list(items) for model, items in drawn.items()
    }
    score = {
        (m, i): few.scores[r, c]
        for r, m in enumerate(few.models.ids)
        for c, i in enumerate(few.items.ids)
    }
    filled = [f"{m},{i},{score[m, i]:g}" for m, i, _ in rows]
    answered = tmp_path / "drawn.csv"
    answered.write_text("\n".join(["model,item,score", *filled]) + "\n")
    found = certified.predict(few)
    table = run("predict", folder, anchors, answered)
    assert "certified" in table.splitlines()[0]
    assert all(str(one.certified) in table for one in found)
    records = json.loads(run("predict", folder, anchors, answered, "--json"))["predictions"]
    assert [one["certified"]["score"] for one in records] == [one.certified.score for one in found]
    assert "certified" not in run("predict", folder, anchors).splitlines()[0]
    assert "20 more items for each model" in run("show", folder)
    assert json.loads(run("show", folder, "--json"))["drawn"] == 20


def test_drawn_items_are_exported_for_a_harness(certified, folder, new_models, tmp_path):
    one, two = (answers_to(certified, new_models.take(np.arange(n))) for n in (1, 2))
    name = one.models.ids[0]
    drawn = certified.drawn(one)[name]
    single, several = write(tmp_path / "one.csv", one), write(tmp_path / "two.csv", two)
    sheet = run("export", folder, "--to", "csv", "--drawn", single)
    assert [line.split(",")[2] for line in sheet.splitlines()[1:]] == list(drawn)
    scores = dict(zip(drawn, new_models.take([0]).align(drawn)[0], strict=True))
    rows = [line + f"{scores[line.split(',')[2]]:g}" for line in sheet.splitlines()[1:]]
    (tmp_path / "drawn.csv").write_text("\n".join([sheet.splitlines()[0], *rows]))
    told = json.loads(run("predict", folder, single, tmp_path / "drawn.csv", "--json"))
    (filled_in,) = told["predictions"]  # the sheet names the model
    assert filled_in["certified"]["n_drawn"] == len(drawn)
    told = CliRunner().invoke(main, ["next", str(folder), str(single)])
    assert "--drawn" in told.stderr
    lines = run("export", folder, "--to", "jsonl", "--drawn", several, "--model", name)
    assert [json.loads(line)["item"] for line in lines.splitlines()] == list(drawn)
    for code, more, message in (
        (1, ("--drawn", several), "holds 2 models"),
        (1, ("--drawn", several, "--model", "x"), "has no model 'x'"),
        (2, ("--drawn", single, "--items", 3), "leave out --items"),
        (2, ("--model", name), "give --drawn, too"),
    ):
        words = ["export", folder, "--to", "csv", *more]
        result = CliRunner().invoke(main, list(map(str, words)))
        assert (result.exit_code, message in result.stderr) == (code, True), result.stderr


@pytest.mark.parametrize("given", ["0", "4", "2.5", "150%", "0%", "many", "-3", "nan", "inf", "%"])
def test_a_number_of_draws_that_is_none_is_refused(given, tmp_path):
    write(tmp_path / "r.csv", simulate(8, 12)[0])
    words = ["build", tmp_path / "r.csv", "--certify", given, "--out", tmp_path / "b"]
    result = CliRunner().invoke(main, list(map(str, words)))
    assert result.exit_code in (1, 2)
    assert "certify" in result.stderr
    assert "Traceback" not in result.stderr
