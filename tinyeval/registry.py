"""Finding a method by name: in a registry, or outside the package as ``MODULE:FUNCTION``.

A registry (:data:`tinyeval.selection.SELECTORS`, :data:`tinyeval.estimators.ESTIMATORS`) has a
:class:`Method` for each name.  A method outside the package is named by its place, such as
``my_module:my_function``.  Loading it imports the module, which runs its code.  So it is loaded
only if a user gave the name, in settings or on the command line, never because a bank names it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from tinyeval.errors import ConfigError


@dataclass(frozen=True)
class Method:
    """A selector or estimator of tinyeval's own.

    Attributes:
        function: ``module:function``, imported only when it is used.
        summary: short description, as `tinyeval methods` lists it.
        cites: keys of the works that describe it, in :data:`tinyeval.report.citations.WORKS`.
        draws: True if its result is a random draw, so that a backtest averages several.
        fitted: for an estimator, the class in the same module whose ``from_state`` rebuilds it.
    """

    function: str
    summary: str
    cites: tuple[str, ...]
    draws: bool = False
    fitted: str = ""

    def load(self) -> Callable[..., Any]:
        """Return the function."""
        module, _, name = self.function.partition(":")
        return getattr(import_module(module), name)

    def load_fitted(self) -> Any:
        """Return the class of the fitted estimator."""
        return getattr(import_module(self.function.partition(":")[0]), self.fitted)


def is_outside(name: str) -> bool:
    """Say whether a name is ``MODULE:FUNCTION`` instead of a key of a registry."""
    return ":" in name


def own_method(name: str, registry: Mapping[str, Method], what: str) -> Method:
    """Return a method of a registry, or raise :class:`ConfigError` that lists the names.

    Args:
        name: name of the method.
        registry: methods of a kind, by name.
        what: the kind, for the message.
    """
    if name not in registry:
        raise ConfigError(
            f"unknown {what} {name!r}; known are: {', '.join(registry)}; name a method "
            "of your own as MODULE:FUNCTION"
        )
    return registry[name]


def load_outside(name: str, example: str, folder: Path | None = None) -> Callable[..., Any]:
    """Import the function that ``MODULE:FUNCTION`` names; runs the module's code.

    Args:
        name: module and function, or a dotted path in the module such as ``evals:Judge.score``.
        example: a name of the right form, for the message.
        folder: folder searched first for the module.

    Raises:
        ConfigError: a name of another form, a module that cannot be imported (its own exception is
            the cause), no such function, or an object that cannot be called.
    """
    module, _, path = name.partition(":")
    if not module or not path:
        raise ConfigError(f"expected MODULE:FUNCTION, such as {example}, found {name!r}")
    if folder is not None and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    found: Any = load_module(module)
    try:
        for part in path.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise ConfigError(f"{name}: cannot be imported ({error})") from error
    if not callable(found):
        raise ConfigError(f"{name}: expected a function, found {type(found).__name__}")
    return found


def load_module(name: str) -> ModuleType:
    """Import a module of the user's own; runs its code.

    Raises:
        ConfigError: it cannot be imported; its own exception is the cause.
    """
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:  # a module's own code may raise anything
        reason = str(error) if isinstance(error, ImportError) else repr(error)
        raise ConfigError(f"{name}: cannot be imported ({reason})") from error


def check_call(name: str, function: Callable[..., Any], *positional: str) -> None:
    """Raise :class:`ConfigError` unless a function accepts the arguments that tinyeval passes.

    Args:
        name: ``MODULE:FUNCTION``, for the message.
        function: function called with the positional arguments and the keyword ``rng``.
        positional: names of the positional arguments.
    """
    try:
        inspect.signature(function).bind(*positional, rng=None)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{name}: expected a function of ({', '.join(positional)}, *, rng, ...), which this is "
            f"not: {error}"
        ) from error
