"""Content of an item of choices out of what lm-evaluation-harness logged of it.

Where the log leaves open which choice is right (the harness logs ``str(target)``, and of Winogrande
not even that), it follows from the marks of the runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinyeval.asking.item import DELIMITER, Item
from tinyeval.asking.marks import CHOICE_METRICS
from tinyeval.importers.content.asked import Asked
from tinyeval.importers.content.found import Answer
from tinyeval.importers.content.labels import differing, find_labels


def of_choices(runs: Sequence[Asked]) -> tuple[list[dict[str, Any]], list[Answer]]:
    """Return what an item's content may be, the likeliest first, and the answers that must fit.

    Args:
        runs: that asked the item; the first is the one whose prompt is taken.

    Returns:
        No content where more runs must tell which choice is right; neither where there are none.
    """
    answers = [one for run in runs for one in _likelihoods(run)]
    fields = _chosen(runs[0])
    if fields is None:
        return [], []
    candidates = list(_with_gold(fields, runs[0]))
    return candidates or list(_from_marks(fields, runs[0].metric, answers)), answers


def _chosen(run: Asked) -> dict[str, Any] | None:
    """Return contexts and choices of an item."""
    requests = _conditional(run.arguments)
    contexts, texts = [one[0] for one in requests], [one[1] for one in requests]
    if not all(isinstance(one, str) for one in texts):
        return None
    delimiter = _delimiter(run, texts)
    texts = [one[len(delimiter) :] for one in texts]
    if all(one == contexts[0] for one in contexts):
        return {"prompt": contexts[0], "choices": texts, "delimiter": delimiter}
    if len(set(texts)) > 1 or not all(isinstance(one, str) for one in contexts):
        return None
    names = differing(contexts)
    shared = {"continuation": texts[0], "delimiter": delimiter}
    return {"prompts": contexts, "choices": names, **shared}


def _conditional(requests: list[list[Any]]) -> list[list[Any]]:
    """Leave out the choices without context, which ``acc_mutual_info`` asks besides."""
    n = len(requests) // 2
    twice = 2 * n == len(requests) and all(one[0] == "" for one in requests[n:])
    return requests[:n] if twice and any(one[0] != "" for one in requests[:n]) else requests


def _delimiter(run: Asked, texts: Sequence[str]) -> str:
    """Return what stands between prompt and choices, which the logged choices begin with."""
    wanted = run.config.get("target_delimiter", DELIMITER)
    prefix = run.config.get("gen_prefix")
    if run.chat and not (prefix and not str(prefix)[-1:].isspace()):
        wanted = ""
    for one in (wanted, DELIMITER):
        if isinstance(one, str) and all(text.startswith(one) for text in texts):
            return one
    return ""


def _likelihoods(run: Asked) -> Iterator[Answer]:
    said: Any = run.row.get("filtered_resps")
    n = len(_conditional(run.arguments))
    try:
        values = np.array([float(one[0]) for one in said][:n], dtype=np.float64)
    except (TypeError, ValueError, LookupError):
        return
    if len(values) == n and np.isfinite(values).all():
        yield Answer(values, run.mark)


def _with_gold(fields: Mapping[str, Any], run: Asked) -> Iterator[dict[str, Any]]:
    """Yield content with what the settings and the target may mean as right choices."""
    labels = find_labels(run.doc, len(fields["choices"]))
    right = [k for k, one in enumerate(labels) if one]
    several = {**fields, "gold": right, "metric": "mc2"} if len(right) > 0 else None
    if several and run.metric == "mc2":
        yield several
    if "prompts" not in fields:
        for gold in _golds(run, fields["choices"]):
            yield {**fields, "gold": gold, "metric": run.metric}
    if several and run.metric == "acc":
        yield several


def _golds(run: Asked, choices: Sequence[str]) -> Iterator[int | list[int]]:
    seen: list[int | list[int]] = []
    for value in run.targets(whole=True):
        listed = value if isinstance(value, list) else [value]
        places = [_place(one, choices) for one in listed]
        known = [one for one in places if one is not None]
        if not known or len(known) < len(places):
            continue
        gold = known if isinstance(value, list) else known[0]
        if gold not in seen:
            seen.append(gold)
            yield gold


def _place(value: object, choices: Sequence[str]) -> int | None:
    if isinstance(value, str):
        return choices.index(value) if value in choices else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < len(choices) else None


def _from_marks(
    fields: Mapping[str, Any], metric: str, answers: Sequence[Answer]
) -> Iterator[dict[str, Any]]:
    """Yield content with the only choice that can be right, by the marks of all runs."""
    if metric not in CHOICE_METRICS:
        yield {**fields, "metric": metric}
        return
    fitting = [
        gold
        for gold in range(len(fields["choices"]))
        if all(_fits(fields, gold, metric, one) for one in answers)
    ]
    if len(fitting) == 1 and answers:
        yield {**fields, "gold": fitting[0], "metric": metric}


def _fits(fields: Mapping[str, Any], gold: int, metric: str, answer: Answer) -> bool:
    return answer.fits(Item("item", {**fields, "gold": gold, "metric": metric}))
