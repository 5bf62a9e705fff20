"""Smoothing of a trajectory: the slope is a random walk, and scores are observed with noise.

    dx = v dt,   dv = sqrt(q) dW,      y_t = x_t + e_t,   e_t ~ N(0, r s_t^2)

where y_t is the predicted score, s_t its spread according to the interval, x the score without
noise, v its slope and W a Wiener process.  Time is measured in steps, in units of the median gap.
The mean of x given all of y is the cubic smoothing spline (Wecker and Ansley 1983); a Kalman filter
and a Rauch-Tung-Striebel smoother compute it.  The ratio q / r maximises the likelihood on a grid,
so nothing has to be tuned.

Smoothing removes only the noise between one checkpoint and the next.  The rest of the error is
common to all checkpoints, because they answer the same anchors.  It remains: the interval moves
with the score and keeps its width.

A smoothed trajectory is for plots, not for choosing a checkpoint: it uses later checkpoints, and it
rounds off sudden jumps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinyeval.training.trajectory import Trajectory

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

FEWEST = 5
"""Fewest checkpoints by which noise and slope can be told apart."""

_RATIOS = np.geomspace(1e-6, 1e3, 37)
"""Grid of q / r, in units of the mean squared spread: from a straight line to no smoothing."""

_DIFFUSE = 1e6
"""Initial variance of score and slope, in the same units: nothing is known of them yet."""


def smooth(trajectory: Trajectory) -> Trajectory:
    """Return a trajectory with smoothed scores; one of fewer than five checkpoints is unchanged.

    The intervals keep their widths, and are cut at 0 and 1.

    Example:
        >>> import numpy as np
        >>> from tinyeval.training import Trajectory, smooth
        >>> steps, score = np.arange(20), np.linspace(0.3, 0.6, 20)
        >>> jitter = 0.02 * (-1.0) ** steps
        >>> ability, flagged = np.zeros((20, 1)), np.zeros(20, dtype=bool)
        >>> bounds = score + jitter - 0.1, score + jitter + 0.1
        >>> run = Trajectory("bank", 0.9, steps, score + jitter, *bounds, ability, flagged)
        >>> bool(np.abs(smooth(run).score - score).max() < 0.01)
        True
    """
    if len(trajectory) < FEWEST:
        return trajectory
    below, above = trajectory.score - trajectory.lower, trajectory.upper - trajectory.score
    half = np.maximum(np.maximum(below, above), 1e-6)  # an interval is cut at 0 and at 1
    noise = half**2 / np.mean(half**2)
    gaps = np.diff(trajectory.steps) / np.median(np.diff(trajectory.steps))
    ratio = max(_RATIOS, key=lambda one: _Filter(trajectory.score, gaps, noise, one).likelihood)
    score = np.clip(spline(trajectory.score, gaps, noise, ratio), 0.0, 1.0)
    return replace(
        trajectory,
        score=score,
        lower=np.clip(score - half, 0.0, 1.0),
        upper=np.clip(score + half, 0.0, 1.0),
    )


def spline(values: Vector, gaps: Vector, noise: Vector, ratio: float) -> Vector:
    """Return the mean of the score at every point, given all values.

    Args:
        values: shape (points,).
        gaps: shape (points - 1,), from each point to the next.
        noise: shape (points,), variance of each value's noise, in units of r.
        ratio: q / r.
    """
    known = _Filter(values, gaps, noise, ratio)
    result = values.copy()
    state = known.states[-1]
    result[-1] = state[0]
    for t in range(len(values) - 2, -1, -1):
        move, _ = _step(gaps[t], ratio)
        gain = np.linalg.solve(known.ahead[t], move @ known.spreads[t]).T
        state = known.states[t] + gain @ (state - move @ known.states[t])
        result[t] = state[0]
    return result


class _Filter:
    """Kalman filter: score and slope given the values so far.

    Attributes:
        states, spreads: mean (2,) and covariance (2, 2) at each point, given the values up to it.
        ahead: covariance at each next point before its value is known.
        likelihood: log-likelihood, maximised over r, given the first two values.
    """

    def __init__(self, values: Vector, gaps: Vector, noise: Vector, ratio: float) -> None:
        self.states: list[Vector] = []
        self.spreads: list[Matrix] = []
        self.ahead: list[Matrix] = []
        state, spread = np.array([0.5, 0.0]), _DIFFUSE * np.eye(2)
        squares, logs = [], []
        for t, value in enumerate(values):
            if t:
                move, walk = _step(gaps[t - 1], ratio)
                state, spread = move @ state, move @ spread @ move.T + walk
                self.ahead.append(spread)
            total, error = spread[0, 0] + noise[t], value - state[0]
            state = state + spread[:, 0] * (error / total)
            spread = spread - np.outer(spread[:, 0], spread[0]) / total
            self.states.append(state)
            self.spreads.append(spread)
            squares.append(error**2 / total)
            logs.append(np.log(total))
        scale = max(float(np.mean(squares[2:])), 1e-12) if len(values) > 2 else 1.0
        self.likelihood = -0.5 * (float(np.sum(logs[2:])) + len(squares[2:]) * np.log(scale))


def _step(gap: float, ratio: float) -> tuple[Matrix, Matrix]:
    """Return the transition of score and slope over a gap, and the covariance that it adds."""
    move = np.array([[1.0, gap], [0.0, 1.0]])
    walk = ratio * np.array([[gap**3 / 3, gap**2 / 2], [gap**2 / 2, gap]])
    return move, walk
