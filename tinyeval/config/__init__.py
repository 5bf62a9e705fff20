"""Settings of a build, as in the recipes in ``configs/``, with defaults and ranges.

A recipe is YAML; every key is optional, unknown and repeated ones are errors.  The settings in
force are stored in the bank's manifest.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    PlainValidator,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from tinyeval.config.recipe_yaml import read_yaml
from tinyeval.errors import ConfigError, one_line
from tinyeval.errors.arguments import wrong_type
from tinyeval.shipped import find_recipe

DEFAULT_ITEMS = 100
"""Number of anchors if no number, no budget and no quotas for every group are given."""


HANDED_OVER = ("rng", "budget")
"""Keywords of a selector or estimator that are not options: tinyeval passes them."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TargetSettings(_Section):
    """The scores to predict: see :mod:`tinyeval.targets`."""

    column: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    benchmark_weights: Literal["items", "equal"] = "items"
    average: Literal["items", "subjects"] = "items"


Quota = int | str
"""A number of anchors: 20 means exactly 20, "20+" at least 20."""


def _quota(value: object) -> Quota:
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.removesuffix("+").isdecimal()):
        raise ValueError(
            f"expected a number of anchors such as 20, or 20+ for at least 20, found {value!r}"
        )
    return text if text.endswith("+") else int(text)


def _quotas(value: object) -> Quota | dict[str, Quota] | None:
    if isinstance(value, dict):
        return {str(name): _quota(one) for name, one in value.items()}
    return None if value is None else _quota(value)


class QuotaSettings(_Section):
    """Number of anchors for each group of items: see :mod:`tinyeval.selection.budget`."""

    by: str = Field(default="benchmark", min_length=1)
    anchors: Annotated[Quota | dict[str, Quota] | None, PlainValidator(_quotas)] = None


class IRTSettings(_Section):
    """The IRT fit: ``map`` (fast) or ``pyro`` (posterior spreads, for few models)."""

    method: Literal["map", "pyro"] = "map"
    dimensions: list[int] = Field(default=[1, 2, 4, 8, 16], min_length=1)
    guessing: float = Field(default=0.0, ge=0.0, lt=1.0)
    block_size: int | None = Field(default=None, ge=1)


class SelectionSettings(_Section):
    """The selector and its options.

    ``method`` is a name from ``tinyeval methods``, or ``MODULE:FUNCTION`` for a selector of the
    user's own, whose code is then imported and run.
    """

    method: str = "optimal_design"
    options: dict[str, Any] = Field(default_factory=dict)


class EstimatorSettings(_Section):
    """The estimator and its options; ``method`` as in :class:`SelectionSettings`."""

    method: str = "stack"
    options: dict[str, Any] = Field(default_factory=dict)


class IntervalSettings(_Section):
    """Level, folds and groups of the calibration: see :mod:`tinyeval.calibration.calibrate`."""

    level: float = Field(default=0.9, gt=0.0, lt=1.0)
    folds: int = Field(default=5, ge=2)
    groups: str | None = Field(default="auto", min_length=1)


class CertifySettings(_Section):
    """Items drawn for each model beside the anchors: see :mod:`tinyeval.certified`.

    Their number is ``items``, or the whole number next to ``share`` of all items.
    """

    items: int | None = Field(default=None, ge=5)
    share: float | None = Field(default=None, gt=0.0, lt=1.0)
    uniform: float = Field(default=0.3, gt=0.0, le=1.0)

    @model_validator(mode="after")
    def _one_of_two(self) -> CertifySettings:
        if (self.items is None) == (self.share is None):
            raise ValueError("expected items, a number, or share, a part of all items: one of two")
        return self

    def draws(self, n_items: int) -> int:
        """Return the number of items drawn for each model.

        Args:
            n_items: number of all items.
        """
        return self.items or max(5, round((self.share or 0.0) * n_items))


class RunSettings(_Section):
    """How a harness finds the items: see :class:`tinyeval.exporters.documents.DataSource`.

    Only banks whose items are identified by a key of their data set need it: ``export`` looks the
    anchors up in the data set, and ``predict`` reads the key from the harness's logged documents.
    """

    task: str | None = None
    dataset: str | None = None
    config: str | None = None
    split: str = "test"
    key: str | None = None
    prefix: str = ""
    subtask_column: str | None = None


class Settings(_Section):
    """Everything a build depends on besides the responses.

    Example:
        >>> from tinyeval import Settings
        >>> settings = Settings(items=50, interval={"level": 0.8})
        >>> settings.items, settings.interval.level, settings.interval.folds
        (50, 0.8, 5)
    """

    items: int | None = Field(default=DEFAULT_ITEMS, ge=1)
    budget: FiniteFloat | None = Field(default=None, gt=0)
    cost: str = Field(default="cost", min_length=1)
    quotas: QuotaSettings = QuotaSettings()
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    soft: Literal["auto", "off"] = "auto"
    target: TargetSettings = TargetSettings()
    irt: IRTSettings = IRTSettings()
    selection: SelectionSettings = SelectionSettings()
    estimator: EstimatorSettings = EstimatorSettings()
    interval: IntervalSettings = IntervalSettings()
    run: RunSettings = RunSettings()
    certify: CertifySettings | None = None
    stages: Literal[1, 2] = 1

    @model_serializer(mode="wrap")
    def _without_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out ``certify``, ``soft`` and ``stages`` if not used: banks keep their digest."""
        values: dict[str, Any] = serialize(self)
        unused = {"certify": None, "soft": "auto", "stages": 1}
        return {k: one for k, one in values.items() if k not in unused or one != unused[k]}

    @model_validator(mode="before")
    @classmethod
    def _default_items(cls, values: Any) -> Any:
        """Drop the default number of anchors if a budget or quotas are given."""
        quotas = values.get("quotas") or {}
        anchors = quotas.get("anchors") if isinstance(quotas, dict) else quotas.anchors
        limited = values.get("budget") is not None or anchors is not None
        return {"items": None, **values} if limited else values

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(_told(error)) from error

    def replace(self, **changes: Any) -> Settings:
        """Return these settings with changes; ``section={"key": value}`` changes one key.

        Example:
            >>> Settings(interval={"level": 0.8}).replace(interval={"folds": 3}).interval.level
            0.8
        """
        merged = self.model_dump(exclude_unset=True)
        for key, value in changes.items():
            if value is None:
                continue
            nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = {**merged[key], **value} if nested else value
        return parse_settings(merged, "the settings")


def parse_settings(values: object, where: str) -> Settings:
    """Return validated settings; errors name the key and what was expected."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: expected a mapping of settings, found {type(values).__name__}")
    try:
        return Settings(**{str(key): value for key, value in values.items()})
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _told(error: ValidationError) -> str:
    """Return the first fault in words: which key, and what was expected."""
    first = error.errors()[0]
    key = ".".join(str(part)[:60] for part in first["loc"])
    hint = one_line(first["msg"].removeprefix("Value error, "), 300)
    if first["type"] == "extra_forbidden":
        section: Any = Settings
        for part in first["loc"][:-1]:
            section = section.model_fields[part].annotation
            section = (get_args(section) or (section,))[0]  # of `CertifySettings | None`
        hint = f"there is no such setting; known are: {', '.join(section.model_fields)}"
    return f"{key}: {hint}"


def as_settings(given: Settings | Mapping[str, Any] | str | Path | None) -> Settings:
    """Return settings: as they are, of a mapping, of a recipe by its name or path, or the defaults.

    Raises:
        ConfigError: something else, or a setting that is unknown or out of its range.

    Example:
        >>> from tinyeval.config import as_settings
        >>> as_settings({"items": 5}).items, as_settings("mrmr").selection.method
        (5, 'mrmr')
    """
    if given is None:
        return Settings()
    if isinstance(given, Settings):
        return given
    if isinstance(given, (str, os.PathLike)):
        return load_settings(given)
    if isinstance(given, Mapping):
        return parse_settings(given, "the settings")
    raise ConfigError(wrong_type("settings", "Settings, a mapping of them or a recipe", given))


def load_settings(path: str | Path) -> Settings:
    """Read a recipe; errors (:class:`ConfigError`) name the file, the key and the remedy.

    Args:
        path: of the file, or the name of a recipe that ships with tinyeval.

    Example:
        >>> from pathlib import Path
        >>> from tinyeval import load_settings
        >>> _ = Path("recipe.yaml").write_text("items: 50\\nirt: {dimensions: [1, 2]}")
        >>> load_settings("recipe.yaml").irt.dimensions
        [1, 2]
        >>> load_settings("mrmr").selection.method
        'mrmr'
    """
    values = read_yaml(find_recipe(path))
    return parse_settings({} if values is None else values, str(path))


def checked_options(
    function: Callable[..., Any], options: dict[str, Any], what: str
) -> dict[str, Any]:
    """Return ``options``; raise unless ``function`` takes them all as keywords."""
    parameters = inspect.signature(function).parameters
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    known = option_defaults(function)
    for name in options:
        if name not in known and (not takes_any or name in (*parameters, *HANDED_OVER)):
            raise ConfigError(
                f"{what}.options: unknown option {name!r}; known are: {', '.join(known) or 'none'}"
            )
    return options


def option_defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the options of a selector or estimator with their defaults."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in HANDED_OVER
    }
