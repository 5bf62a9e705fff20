"""numpy's files: an npz of scores and the ids of its rows and columns; never a pickle.

Headers are read first: what they say must fit the bytes that follow, and the bound.  Ids come
a slab at a time, as one long id makes fixed-width text of thousands very large.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError, examples
from tinyeval.importers.opening import check_bound, check_regular
from tinyeval.importers.rawtable import RawTable

NAMES = ("scores", "models", "items")

TEXT = 64
"""Bytes of a short text."""

SLAB = 2**22
"""Bytes of ids read at a time."""


def read_npz(path: Path) -> RawTable:
    """Read arrays ``scores`` (models, items), ``models`` and ``items`` as a wide table.

    Raises:
        DataError: damaged or missing arrays, shapes that do not fit, ids that are none.
    """
    check_regular(path)
    try:
        with ZipFile(path) as archive:
            found = [name.removesuffix(".npy") for name in archive.namelist()]
            arrays = {name: _array(path, archive, name) for name in NAMES if name in found}
    except DataError:
        raise
    except Exception as error:  # zipfile and numpy raise a dozen kinds on damaged bytes
        raise DataError(
            f"{path}: not an npz file of plain arrays, or damaged ({error}); write it with "
            "numpy.savez(path, scores=..., models=..., items=...), ids as text"
        ) from error
    if len(arrays) < len(NAMES):
        raise DataError(f"{path}: expected arrays {', '.join(NAMES)}, found {examples(found, 8)}")
    return from_arrays(path, arrays["scores"], arrays["models"], arrays["items"])


def from_arrays(
    path: Path, scores: NDArray, models: Sequence[object], items: Sequence[object]
) -> RawTable:
    """Return a wide table of an array (models, items) and the ids of its rows and columns."""
    ids = RawTable(path, {"models": list(models)}).unique_ids("models")
    names = RawTable(path, {"items": list(items)}).unique_ids("items")
    scores = np.asarray(scores)
    if scores.dtype.kind not in "fiub" or scores.shape != (len(ids), len(names)):
        raise DataError(
            f"{path}: expected numeric scores of shape (models, items) = ({len(ids)}, "
            f"{len(names)}), found {scores.dtype} of shape {scores.shape}"
        )
    columns = {"": ids, **{name: scores[:, k] for k, name in enumerate(names)}}
    return RawTable(path, columns, sure=True)  # type: ignore[arg-type]


def refuse_npy(path: Path) -> RawTable:
    """Raise :class:`DataError`: a single array has no ids."""
    raise DataError(
        f"{path}: an array alone does not say which models and items it is of; write it with "
        "numpy.savez('results.npz', scores=..., models=..., items=...), ids as text"
    )


def _array(path: Path, archive: ZipFile, name: str) -> Any:
    about = archive.getinfo(f"{name}.npy")
    with archive.open(about) as file:
        shape, fortran, kind = _header(file)
        data = about.file_size - file.tell()
        if kind.hasobject:
            raise ValueError("it holds Python objects")
        needed = kind.itemsize * int(np.prod(shape, dtype=object))
        if needed != data:
            raise ValueError(f"array {name!r} should have {needed:,} bytes and has {data:,}")
        if kind.kind in "US" and len(shape) <= 1:
            check_bound(path, TEXT * int(np.prod(shape, dtype=object)), f"{shape} ids")
            return _texts(file, kind, needed)
        check_bound(path, needed * (1 + 4 / max(kind.itemsize, 1)).__ceil__(), f"{shape} numbers")
        numbers = np.frombuffer(file.read(), kind)
    ordered = numbers.reshape(shape[::-1]).T if fortran else numbers.reshape(shape)
    return ordered if name == "scores" else ordered.ravel().tolist()


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"unknown version {version} of numpy's format")
    shape, fortran, kind = read(file)
    return shape, fortran, kind


def _texts(file: IO[bytes], kind: np.dtype, size: int) -> list[str]:
    """Read fixed-width text a slab at a time."""
    texts: list[str] = []
    step = max(1, SLAB // max(kind.itemsize, 1)) * kind.itemsize
    for start in range(0, size, max(step, 1)):
        data = file.read(min(step, size - start))
        if kind.kind == "U" and (np.frombuffer(data, kind.byteorder + "u4") > sys.maxunicode).any():
            raise ValueError("its ids hold numbers that are no characters")
        slab = np.frombuffer(data, kind).tolist()
        texts += [one.decode() if isinstance(one, bytes) else one for one in slab]
    return texts
