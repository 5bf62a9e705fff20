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
    metric, labelled = runs[0].metric, _by_labels(fields, runs[0])
    if metric == "mc2" and labelled:
        return labelled, answers
    if "prompts" not in fields:  # else the target is what they all end with
        told = [{**fields, "gold": one, "metric": metric} for one in _golds(runs[0], fields)]
        if told and metric == "acc" and any(one.mark % 1 for one in answers):
            told = [*labelled, *told]  # a share of the likelihood, whatever its name
        if told:
            return told, answers
    return _by_marks(fields, metric, answers, labelled), answers


def _chosen(run: Asked) -> dict[str, Any] | None:
    """Return contexts and choices of an item."""
    requests = run.requests
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
    n = len(run.requests)
    try:
        values = np.array([float(one[0]) for one in said][:n], dtype=np.float64)
    except (TypeError, ValueError, LookupError):
        return
    if len(values) == n and np.isfinite(values).all():
        yield Answer(values, run.mark)


def _by_labels(fields: Mapping[str, Any], run: Asked) -> list[dict[str, Any]]:
    """Return content of TruthfulQA's mc2, whose document says of each choice whether it is true.

    It says so for mc1, too, of which there may be as many.
    """
    found = find_labels(run.doc, len(fields["choices"]))
    right = [[k for k, one in enumerate(labels) if one] for labels in found]
    return [{**fields, "gold": one, "metric": "mc2"} for one in right if one]


def _golds(run: Asked, fields: Mapping[str, Any]) -> Iterator[int | list[int]]:
    """Yield what settings and target may mean as right choices, the likeliest first."""
    choices = fields["choices"]
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


def _by_marks(
    fields: Mapping[str, Any],
    metric: str,
    answers: Sequence[Answer],
    labelled: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Return content with the only choice that can be right, by the marks of all runs.

    Nothing where several can be, and more runs must tell.
    """
    if metric not in CHOICE_METRICS:
        return [{**fields, "metric": metric}]
    n = len(fields["choices"])
    fitting = [k for k in range(n) if all(_fits(fields, k, metric, one) for one in answers)]
    if len(fitting) == 1:
        return [{**fields, "gold": fitting[0], "metric": metric}]
    if fitting:
        return []
    return [*labelled, {**fields, "metric": metric}]


def _fits(fields: Mapping[str, Any], gold: int, metric: str, answer: Answer) -> bool:
    return answer.fits(Item("item", {**fields, "gold": gold, "metric": metric}))
