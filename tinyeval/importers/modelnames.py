"""Names of models in a long table whose column of models does not tell all of them apart.

One model in two scaffolds, or at two revisions, is two models: ``gpt [agent=react]``, as for runs
of harnesses (:mod:`tinyeval.importers.naming`).
"""

from __future__ import annotations

from collections.abc import Sequence

from tinyeval.importers.aliases import plain
from tinyeval.importers.notes import is_unknown
from tinyeval.importers.rawtable import RawTable

IDENTITY = frozenset(
    {"agent", "agent_name", "scaffold", "system", "system_name", "harness", "revision"}
    | {"model_revision", "adapter", "lora", "checkpoint", "step", "quantization", "precision"}
    | {"model_version", "reasoning_effort", "thinking"}
)
"""Plain names of columns that make another model of one name."""


def identity_columns(table: RawTable, model: str | None, taken: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of ``IDENTITY`` of which a model has several values."""
    if model is None:
        return ()
    models = list(map(str, table.columns[model]))
    found = []
    for name in table.columns:
        if name not in taken and plain(name.rpartition(".")[2]) in IDENTITY:
            values = ["" if is_unknown(one) else str(one) for one in table.columns[name]]
            if len(set(zip(models, values, strict=True))) > len(set(models)):
                found.append(name)
    return tuple(found)


def model_names(table: RawTable, model: str, identity: Sequence[str]) -> list[str]:
    """Return the model of each row, with what else tells it from others of its name."""
    names = table.ids(model)
    if not identity:
        return names
    columns = [table.columns[one] for one in identity]
    labels = [plain(one.rpartition(".")[2]) for one in identity]
    known: dict[tuple[object, ...], str] = {}
    named = []
    for name, *values in zip(names, *columns, strict=True):
        key = (name, *map(str, values))
        if key not in known:
            pairs = zip(labels, values, strict=True)
            facts = ", ".join(f"{label}={one}" for label, one in pairs if not is_unknown(one))
            known[key] = f"{name} [{facts}]" if facts else name
        named.append(known[key])
    return named
