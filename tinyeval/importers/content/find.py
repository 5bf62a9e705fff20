"""Paths of results -> content of some of their items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Unpack

from tinyeval.importers.base import Asked, Options, options_of
from tinyeval.importers.content.found import Contents as Contents
from tinyeval.importers.formats import recognise

READERS = {
    "lm_eval": "tinyeval.importers.content.lm_eval:lm_eval_content",
    "inspect": "tinyeval.importers.content.inspect_ai:inspect_content",
}
"""Formats whose files hold what was asked -> what reads it."""


def has_content(format: str) -> bool:
    """Say whether files of a format hold the prompts of items."""
    return format in READERS


def import_content(
    paths: str | Path | Sequence[str | Path],
    items: Mapping[str, str] | Sequence[str],
    *,
    format: str | None = None,
    **asked: Unpack[Asked],
) -> Contents:
    """Read the content of some items from the results that they were read from.

    lm-evaluation-harness and Inspect AI log what they ask.  A few runs are opened, and of these
    the lines of the items alone are read.

    Args:
        paths: one or several files or folders, as for
            :func:`~tinyeval.importers.import_results`.
        items: ids; or item -> hash of its document, with which other documents are left out.
        format: a key of ``FORMATS``; recognised from the files if None.
        asked: the options by which the results were read (metric, filter, item_key).

    Returns:
        The content, and what its owner must know.  Nothing for formats that log no prompts.

    Raises:
        DataError: files that are missing or damaged.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> from tinyeval.importers import import_content
        >>> row = {"doc_id": 0, "doc": {}, "target": "4", "resps": [["4"]], "filtered_resps": ["4"],
        ...        "arguments": {"gen_args_0": {"arg_0": "2 + 2 =", "arg_1": {"until": ["."]}}},
        ...        "filter": "none", "exact_match": 1.0}
        >>> file = Path("samples_sums_2026-11-27T10-00-00.jsonl")
        >>> _ = file.write_text(json.dumps(row))
        >>> import_content(file, ["sums/0"]).content["sums/0"]["prompt"]
        '2 + 2 ='
    """
    options = options_of(**asked)
    listed = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(one) for one in paths]
    name = format or recognise(listed)[0]
    if name not in READERS:
        return Contents({})
    module, function = READERS[name].split(":")
    read: Callable[[Sequence[Path], Mapping[str, str], Options], Contents]
    read = getattr(import_module(module), function)
    return read(listed, items if isinstance(items, Mapping) else dict.fromkeys(items, ""), options)
