"""Frames of pandas, which is optional and imported when a frame is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinyeval.errors import DependencyError


def frame(data: object, **options: Any) -> Any:
    """Return ``pandas.DataFrame(data, **options)``.

    Raises:
        DependencyError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise DependencyError("to_frame needs pandas: pip install 'tinyeval[pandas]'") from error
    return pd.DataFrame(data, **options)


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as one row: ``{"a": {"b": 1}}`` becomes ``{"a.b": 1}``, texts are joined.

    Example:
        >>> from tinyeval.display.frames import flat
        >>> flat({"score": 0.5, "benchmarks": {"mmlu": {"score": 0.4}}, "warnings": ["a", "b"]})
        {'score': 0.5, 'benchmarks.mmlu.score': 0.4, 'warnings': 'a; b'}
    """
    row: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            row |= {f"{name}.{key}": one for key, one in flat(value).items()}
        elif _are_texts(value):
            row[name] = "; ".join(value)
        else:
            row[name] = value
    return row


def _are_texts(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and _all_text(value)


def _all_text(values: Sequence[object]) -> bool:
    return all(isinstance(one, str) for one in values)
