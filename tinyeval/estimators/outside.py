"""Estimators from outside the package: checked when they fit, loaded only if registered.

A bank stores the name of its estimator and plain arrays.  Banks come from strangers, so loading a
bank never imports that name.  The estimator is rebuilt by the class registered under the name in
this process: by :func:`register_estimator`, or by a fit whose settings named the method.
docs/extending.md says how to write an estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import BankError, ConfigError, UnregisteredError
from tinyeval.estimators.base import Estimate, Estimator, FittedEstimator
from tinyeval.history import History
from tinyeval.registry import check_call, is_outside, load_outside
from tinyeval.selection.base import Anchors

FromState = Callable[[Mapping[str, NDArray]], FittedEstimator]

METHODS = ("predict", "state", "from_state")
"""Methods that a fitted estimator must have."""

_registered: dict[str, FromState] = {}


def register_estimator(method: str, fitted: type[FittedEstimator] | FromState) -> None:
    """Allow this process to load banks that use an estimator of yours.

    Call it before you load such a bank: a bank names its method, but tinyeval never imports code
    because a bank names it.  A process that built with the method need not register it.

    Args:
        method: name of the method in the settings of the build, ``MODULE:FUNCTION``.
        fitted: class of the fitted estimator, whose ``from_state`` rebuilds it; or a function that
            takes the state and rebuilds it.  A second call with the same name replaces the first.

    Raises:
        ConfigError: a name of another form, or an object that cannot rebuild an estimator.

    Example:
        >>> import numpy as np
        >>> import tinyeval
        >>> from tinyeval.estimators import Estimate
        >>> class History:
        ...     '''Predicts the source models' mean, whatever the answers.'''
        ...     def __init__(self, mean):
        ...         self.mean = mean
        ...     def predict(self, answers):
        ...         mean = np.tile(self.mean, (len(answers), 1))
        ...         spread, novelty = np.full_like(mean, 0.1), np.zeros(len(answers))
        ...         return Estimate(mean=mean, spread=spread, novelty=novelty)
        ...     def state(self):
        ...         return {"mean": self.mean}
        ...     @classmethod
        ...     def from_state(cls, state):
        ...         return cls(state["mean"])
        >>> tinyeval.register_estimator("my_package.my_module:fit_history", History)
    """
    if not is_outside(method):
        raise ConfigError(
            f"expected the name of an estimator of yours, MODULE:FUNCTION, found {method!r}"
        )
    rebuild = getattr(fitted, "from_state", None if isinstance(fitted, type) else fitted)
    if not callable(rebuild):
        raise ConfigError(
            f"{method}: expected a class with from_state, or a function of the state, found "
            f"{getattr(fitted, '__name__', type(fitted).__name__)}"
        )
    _registered[method] = rebuild


def load_registered(name: str, state: Mapping[str, NDArray]) -> FittedEstimator:
    """Rebuild an estimator by the class registered under its name.

    Raises:
        UnregisteredError: nothing is registered under that name.
        BankError: the rebuilt object is not a fitted estimator.
    """
    if name not in _registered:
        raise UnregisteredError(
            f"its estimator {name!r} is not one of tinyeval's, and loading a bank imports no code; "
            f"call tinyeval.register_estimator({name!r}, CLASS) first, CLASS being what it fits "
            "(on the command line: tinyeval --plugin MODULE, a module that makes this call)"
        )
    fitted = _registered[name](state)
    if not callable(getattr(fitted, "predict", None)):
        raise BankError(f"estimator {name} was rebuilt as {type(fitted).__name__}, without predict")
    return fitted


def outside_estimator(name: str) -> Estimator:
    """Import an estimator and return it, wrapped so that its fits are checked and registered.

    Raises:
        ConfigError: a function that cannot be imported, or cannot be called as an estimator.
    """
    fit = load_outside(name, "my_package.my_module:fit_mine")
    check_call(name, fit, "history", "anchors")

    @wraps(fit)
    def checked(
        history: History, anchors: Anchors, *, rng: np.random.Generator, **options: Any
    ) -> FittedEstimator:
        fitted = fit(history, anchors, rng=rng, **options)
        answers = np.array(history.answers(history.positions(anchors.items))[:2])
        answers[-1, 1:] = np.nan  # a model that answered only the first anchor
        _check(name, fitted, answers, len(history.targets.names))
        register_estimator(name, type(fitted))
        return fitted

    return checked


def _check(name: str, fitted: Any, answers: NDArray, n_targets: int) -> None:
    """Raise unless a fitted estimator predicts valid numbers, and the same after a rebuild."""
    _check_methods(name, fitted)
    state = fitted.state()
    _check_state(name, state)
    rebuilt = type(fitted).from_state({key: value.copy() for key, value in state.items()})
    _check_methods(name, rebuilt)
    first, again = (one.predict(answers.copy()) for one in (fitted, rebuilt))
    for estimate in (first, again):
        _check_estimate(name, estimate, (len(answers), n_targets))
    for one in fields(Estimate):
        if not np.array_equal(getattr(first, one.name), getattr(again, one.name)):
            raise ConfigError(
                f"estimator {name}: rebuilt from its state it predicts another {one.name}, as a "
                "loaded bank would; put all that predict needs into state()"
            )


def _check_methods(name: str, fitted: object) -> None:
    lacking = [one for one in METHODS if not callable(getattr(fitted, one, None))]
    if lacking:
        raise ConfigError(
            f"estimator {name}: expected an object with {', '.join(METHODS)}, found "
            f"{type(fitted).__name__} without {', '.join(lacking)}"
        )


def _check_state(name: str, state: object) -> None:
    plain = isinstance(state, Mapping) and all(
        isinstance(key, str)
        and isinstance(value, np.ndarray)
        and value.dtype.kind in "fiub"
        and value.dtype.itemsize <= 8
        for key, value in state.items()
    )
    if not plain or not state:
        raise ConfigError(
            f"estimator {name}: expected state() to return at least one array of numbers by name, "
            f"found {str(state)[:80]}"
        )


def _check_estimate(name: str, estimate: object, shape: tuple[int, int]) -> None:
    if not isinstance(estimate, Estimate):
        raise ConfigError(
            f"estimator {name}: expected predict to return tinyeval.estimators.Estimate, found "
            f"{type(estimate).__name__}"
        )
    shapes = {"mean": shape, "spread": shape, "novelty": shape[:1]}
    for key, expected in shapes.items():
        values = np.asarray(getattr(estimate, key))
        if values.shape != expected:
            raise ConfigError(
                f"estimator {name}: expected a {key} of shape {expected} (models, targets), found "
                f"{values.shape}"
            )
        low = np.finfo(float).tiny if key == "spread" else 0.0
        high = np.finfo(float).max if key == "spread" else 1.0
        if not ((values >= low) & (values <= high)).all():  # NaN is neither
            expects = "above 0" if key == "spread" else "from 0 to 1"
            raise ConfigError(
                f"estimator {name}: expected a {key} {expects}, found {values.min()} to "
                f"{values.max()}; a model may leave all anchors but one unanswered (NaN)"
            )
