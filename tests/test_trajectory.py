"""Predictions over steps: read, smoothed, drawn."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_journal import entry

from tinyeval.errors import DataError, DependencyError
from tinyeval.training.journal import FILE, append
from tinyeval.training.plotting import plot_trajectories
from tinyeval.training.smoothing import smooth, spline
from tinyeval.training.trajectory import Trajectory, read_trajectory


def write(folder, *entries):
    for one in entries:
        append(folder / FILE, one)
    return folder


def make(score, steps=None, half=0.1, level=0.9):
    score = np.asarray(score, dtype=float)
    n = len(score)
    steps = np.arange(n) * 100 if steps is None else np.asarray(steps)
    bounds = np.clip(score - half, 0, 1), np.clip(score + half, 0, 1)
    return Trajectory("b", level, steps, score, *bounds, np.zeros((n, 2)), np.arange(n) % 5 == 0)


def test_predictions_are_read_in_the_order_of_steps(tmp_path):
    write(tmp_path, entry(300, 0.5), entry(20, 0.2), entry(1000, 0.8))
    for path in (tmp_path, tmp_path / FILE, str(tmp_path)):
        found = read_trajectory(path)
        assert found.steps.tolist() == [20, 300, 1000]
        np.testing.assert_allclose(found.score, [0.2, 0.5, 0.8])
        np.testing.assert_allclose(found.lower, [0.1, 0.4, 0.7])
        np.testing.assert_allclose(found.upper, [0.3, 0.6, 0.9])
        assert found.ability.tolist() == [[0.25, -1.0]] * 3
        assert (found.bank, found.level, found.flagged.tolist()) == ("bank", 0.9, [False] * 3)


def test_the_last_prediction_of_a_step_counts(tmp_path):
    """A run that was resumed from an earlier checkpoint passes the same steps again."""
    write(tmp_path, entry(1, 0.2), entry(2, 0.3), entry(2, 0.4))
    assert read_trajectory(tmp_path).score.tolist() == [0.2, 0.4]


def test_flags_are_kept(tmp_path):
    odd = [
        replace(entry(k), prediction=replace(entry(k).prediction, **flags))
        for k, flags in enumerate([{"in_range": False}, {"misfit": True}, {}])
    ]
    assert read_trajectory(write(tmp_path, *odd)).flagged.tolist() == [True, True, False]


def test_banks_are_told_apart(tmp_path):
    write(tmp_path, entry(1), replace(entry(1), bank="other", digest="e" * 64))
    with pytest.raises(DataError, match=r"2 banks.*'bank \(ddd"):
        read_trajectory(tmp_path)
    assert read_trajectory(tmp_path, "other").bank == "other"
    assert read_trajectory(tmp_path, "d" * 64).bank == "bank"


def test_a_bank_under_another_name_is_the_same(tmp_path):
    write(tmp_path, entry(1), replace(entry(2), bank="renamed"))
    for asked in (None, "bank", "renamed", "d" * 64):
        found = read_trajectory(tmp_path, asked)
        assert found.steps.tolist() == [1, 2]
        assert found.bank == "renamed"


def test_what_is_no_trajectory_is_refused(tmp_path):
    with pytest.raises(DataError, match="found none"):
        read_trajectory(tmp_path)
    write(tmp_path, entry(1))
    with pytest.raises(DataError, match="of the bank 'x', found none"):
        read_trajectory(tmp_path, "x")
    write(tmp_path, replace(entry(2), prediction=replace(entry(2).prediction, level=0.5)))
    with pytest.raises(DataError, match="2 levels"):
        read_trajectory(tmp_path)
    with pytest.raises(DataError, match="increase"):
        make([0.1, 0.2], [5, 5])
    with pytest.raises(DataError, match="at least one"):
        make([])
    with pytest.raises(DataError, match="one length"):
        replace(make([0.1, 0.2]), score=np.zeros(3))


# --- smoothing ----------------------------------------------------------------------------------


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(0.05, 1)] * 3), min_size=5, max_size=15), st.floats(-3, 2))
def test_the_smoother_is_the_smoothing_spline(rows, exponent):
    from scipy.interpolate import make_smoothing_spline

    values, gaps, noise = np.array(rows).T
    ratio = 10.0**exponent
    points = np.concatenate([[0.0], np.cumsum(gaps[1:])])
    expected = make_smoothing_spline(points, values, 1 / noise, lam=1 / ratio)(points)
    np.testing.assert_allclose(spline(values, gaps[1:], noise, ratio), expected, atol=2e-4)


def test_jitter_is_removed_and_the_trend_is_kept():
    truth = 0.3 + 0.5 * (1 - np.exp(-np.arange(40) / 15))
    before, after = [], []
    for seed in range(10):
        raw = make(truth + np.random.default_rng(seed).normal(0, 0.04, 40))
        found = smooth(raw)
        before.append(np.abs(raw.score - truth).mean())
        after.append(np.abs(found.score - truth).mean())
        assert np.abs(np.diff(found.score)).sum() < 0.6 * np.abs(np.diff(raw.score)).sum()
    assert np.mean(after) < 0.5 * np.mean(before)


def test_a_straight_line_stays():
    score = np.linspace(0.2, 0.9, 12)
    np.testing.assert_allclose(smooth(make(score)).score, score, atol=1e-4)


def test_a_jump_is_rounded_off_and_no_more():
    score = np.r_[np.full(12, 0.3), np.full(12, 0.8)]
    found = smooth(make(score)).score
    np.testing.assert_allclose(
        np.r_[found[:8], found[16:]], np.r_[score[:8], score[16:]], atol=0.03
    )


def test_intervals_keep_their_width_and_stay_in_the_unit_interval():
    rng = np.random.default_rng(1)
    given = make(np.clip(0.85 + rng.normal(0, 0.05, 30), 0, 1), half=0.15)
    found = smooth(given)
    assert (found.lower <= found.score).all()
    assert (found.score <= found.upper).all()
    assert found.lower.min() >= 0
    assert found.upper.max() <= 1
    inside = found.upper < 1
    np.testing.assert_allclose((found.score - found.lower)[inside], 0.15, atol=1e-9)
    assert found.flagged is given.flagged


def test_few_checkpoints_stay_as_they_are():
    given = make([0.1, 0.5, 0.2, 0.6])
    assert smooth(given) is given


def test_steps_are_measured_in_their_own_unit():
    rng = np.random.default_rng(3)
    score = 0.5 + rng.normal(0, 0.05, 20)
    once, hundredfold = make(score, np.arange(20)), make(score, 100 * np.arange(20))
    np.testing.assert_allclose(smooth(once).score, smooth(hundredfold).score, atol=1e-12)


# --- pictures -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_pictures_are_written(tmp_path, kind):
    pytest.importorskip("matplotlib", reason="needs tinyeval[plot]")
    rng = np.random.default_rng(0)
    one = make(np.linspace(0.2, 0.8, 12) + rng.normal(0, 0.02, 12))
    both = {"run $1 <b>": one, "smoothed": smooth(one)}
    plot_trajectories(both, tmp_path / f"a.{kind}", title="cost: 5 $")
    data = (tmp_path / f"a.{kind}").read_bytes()
    assert data[:4] in (b"\x89PNG", b"<?xm", b"%PDF")
    plot_trajectories(both, tmp_path / f"b.{kind}", title="cost: 5 $")
    assert (tmp_path / f"b.{kind}").read_bytes() == data
    if kind == "svg":
        assert b"predicted score, 90 % interval" in data
        assert b"<b>" not in data


@pytest.mark.parametrize(
    ("scores", "half", "low", "high"),
    [
        (np.linspace(0.30, 0.42, 9), 0.03, 0.26, 0.46),
        ([0.5], 0.001, 0.475, 0.525),  # noise does not fill the picture
        ([0.0, 1.0], 0.1, 0.0, 1.0),
    ],
)
def test_the_axis_shows_where_the_scores_are(scores, half, low, high, tmp_path, monkeypatch):
    figure = pytest.importorskip("matplotlib.figure", reason="needs tinyeval[plot]").Figure
    shown = []
    plain = figure.savefig

    def save(self, *args, **options):
        shown.append(self.axes[0].get_ylim())
        return plain(self, *args, **options)

    monkeypatch.setattr(figure, "savefig", save)
    plot_trajectories(make(scores, half=half), tmp_path / "a.svg")
    assert shown == [(pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))]


def test_one_trajectory_needs_no_name(tmp_path):
    pytest.importorskip("matplotlib", reason="needs tinyeval[plot]")
    plot_trajectories(make([0.4]), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 1000


def test_what_cannot_be_drawn_is_refused(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"\.png, \.svg, \.pdf"):
        plot_trajectories(make([0.4]), tmp_path / "a.html")
    with pytest.raises(DataError, match="no trajectory"):
        plot_trajectories({}, tmp_path / "a.png")
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(DependencyError, match=r"tinyeval\[plot\]"):
        plot_trajectories(make([0.4]), tmp_path / "a.png")
