"""Models of which a part of a benchmark is there only: runs with ``--limit``, or cut short.

Whether a benchmark is complete is known where the harness tells its size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tinyeval.errors import DataError
from tinyeval.importers.assemble import Part
from tinyeval.importers.block import Finding


def find_partial(
    parts: Sequence[Part], models: Sequence[str], benchmark_of: Mapping[int, str], allowed: bool
) -> tuple[list[str], list[Finding]]:
    """Say what every model lacks of benchmarks whose size is known, all its runs together.

    Args:
        parts: what files have, their rows known.
        models: ids of the rows.
        benchmark_of: benchmarks of items by their positions, needed for parts of several.
        allowed: whether parts of benchmarks are accepted.

    Returns:
        For each model text such as ``arc (2 of 9)``, empty where nothing lacks; and a finding.

    Raises:
        DataError: a model has a part only, and that is not accepted.
    """
    asked: dict[tuple[int, str], list[NDArray[np.int32]]] = {}
    sizes: dict[tuple[int, str], int] = {}
    for part in parts:
        for name, size in part.sizes.items():
            columns = part.columns
            if len(part.sizes) > 1:
                columns = np.array([k for k in columns.tolist() if benchmark_of.get(k) == name])
            for row in part.rows.tolist():
                asked.setdefault((row, name), []).append(columns)
                sizes[row, name] = max(size, sizes.get((row, name), 0))
    lacking: dict[int, list[str]] = {}
    for (row, name), found in asked.items():
        n = len(found[0]) if len(found) == 1 else len(np.unique(np.concatenate(found)))
        if n < sizes[row, name]:
            lacking.setdefault(row, []).append(f"{name} ({n:,} of {sizes[row, name]:,})")
    if lacking and not allowed:
        row, first = next(iter(lacking.items()))
        others = f", and {len(lacking) - 1} more models likewise" if len(lacking) > 1 else ""
        raise DataError(
            f"model {models[row]!r} has a part only of the items of {first[0]}{others}: a run with "
            "--limit, or one that was cut short; add the runs that have the rest, or pass "
            "--partial to take it as it is"
        )
    told = [f"{models[row]}: {'; '.join(found)}" for row, found in lacking.items()]
    finding = Finding("missing", "models have a part of a benchmark only", len(told), tuple(told))
    texts = ["; ".join(lacking.get(row, ())) for row in range(len(models))]
    return texts, [finding] if told else []
