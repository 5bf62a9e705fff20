"""Tables of models or items: unique ids in order, with columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tinyeval.display.records import shortened
from tinyeval.errors import DataError, examples
from tinyeval.errors.arguments import wrong_type


def as_ids(values: Iterable[object], what: str) -> tuple[str, ...]:
    """Return ``values`` as a tuple of unique, non-empty strings, or raise :class:`DataError`."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise DataError(wrong_type(f"{what} ids", "a list of them", values))
    ids = tuple(map(str, values))
    if not all(map(str.strip, ids)):
        raise DataError(f"every {what} needs an id, but an empty {what} id was found")
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        twice = sorted({one for one in ids if one in seen or seen.add(one)})  # type: ignore[func-returns-value]
        raise DataError(
            f"{what} ids must be unique, but {len(twice)} appear more than once: {examples(twice)}"
        )
    return ids


def by_id(ids: tuple[str, ...]) -> NDArray[np.intp]:
    """Return the positions that sort ``ids``."""
    return np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.intp)


@dataclass(frozen=True, repr=False)
class Table:
    """Ids with columns.

    Attributes:
        ids: unique, non-empty ids, in order.
        columns: name -> array of the same length: float64 for numbers (NaN is unknown), object
            arrays of ``str`` for everything else (``""`` is unknown).
    """

    ids: tuple[str, ...]
    columns: Mapping[str, NDArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", as_ids(self.ids, "table row"))
        clean: dict[str, NDArray] = {}
        for name, values in self.columns.items():
            array = np.asarray(values)
            if array.shape != (len(self.ids),):
                raise DataError(
                    f"column {name!r} has shape {array.shape}, expected ({len(self.ids)},)"
                )
            if array.dtype.kind in "fiub":
                array = array.astype(np.float64)
            else:
                array = np.array(["" if v is None else str(v) for v in array], dtype=object)
            array.setflags(write=False)
            clean[name] = array
        object.__setattr__(self, "columns", MappingProxyType(clean))

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        names = ", ".join(shortened(name) for name in list(self.columns)[:6])
        more = f", ... ({len(self.columns)} in all)" if len(self.columns) > 6 else ""
        return f"Table({len(self)} rows; columns: {names or 'none'}{more})"

    def __reduce__(self) -> tuple[type[Table], tuple[tuple[str, ...], dict[str, NDArray]]]:
        return Table, (self.ids, dict(self.columns))

    def index(self, ids: Sequence[str], what: str = "id") -> NDArray[np.intp]:
        """Return the positions of ``ids``; unknown ids raise :class:`DataError`."""
        position = {one: k for k, one in enumerate(self.ids)}
        unknown = [one for one in ids if one not in position]
        if unknown:
            raise DataError(
                f"{len(unknown)} unknown {what}(s): {examples(unknown)}; there are "
                f"{examples(self.ids)}"
            )
        return np.array([position[one] for one in ids], dtype=np.intp)

    def take(self, index: NDArray[np.intp]) -> Table:
        """Return the rows at ``index``, in that order."""
        columns = {name: values[index] for name, values in self.columns.items()}
        return Table(tuple(self.ids[k] for k in index), columns)

    def column(self, name: str, default: float | str | None = None) -> NDArray:
        """Return a column, or one filled with ``default`` if it is missing; None raises instead."""
        if name in self.columns:
            return self.columns[name]
        if default is None:
            known = ", ".join(sorted(self.columns)) or "none"
            raise DataError(f"there is no column {name!r}; the known columns are: {known}")
        dtype = np.float64 if isinstance(default, (int, float)) else object
        return np.full(len(self.ids), default, dtype=dtype)

    def with_columns(self, **columns: NDArray) -> Table:
        """Return this table with columns added or replaced."""
        return Table(self.ids, {**self.columns, **columns})
