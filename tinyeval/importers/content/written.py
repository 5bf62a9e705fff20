"""Content of an item whose answer is written, out of what lm-evaluation-harness logged of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinyeval.importers.content.asked import Asked
from tinyeval.importers.content.found import Answer

TOKENS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""Names of the most tokens of an answer, in the harness's order."""

GREEDY = frozenset({"do_sample", "temperature", "top_p", "top_k", "min_p", "until", *TOKENS})
"""Options of generation that change nothing where the likeliest token is taken."""

NO_OPTIONS = frozenset({"metric", "aggregation", "higher_is_better", "hf_evaluate"})
"""Keys of a metric's settings that are not its options."""


def of_written(runs: Sequence[Asked]) -> tuple[list[dict[str, Any]], list[Answer]]:
    """Return what an item's content may be, the likeliest first, and the answers that must fit.

    Args:
        runs: that asked the item; the first is the one whose prompt is taken.
    """
    return list(_written(runs[0])), [one for run in runs for one in _texts(run)]


def of_one(run: Asked) -> tuple[list[dict[str, Any]], list[Answer]]:
    """Return the content of an item of one continuation, whose likelihood is all that counts."""
    if not run.requests or not isinstance(run.requests[0][1], str):
        return [], []
    context, text = run.requests[0][:2]
    return [{"prompt": context, "gold": text, "metric": f"{run.metric} of a likelihood"}], []


def _written(run: Asked) -> Iterator[dict[str, Any]]:
    context, options = run.requests[0][:2]
    fields: dict[str, Any] = {"prompt": context, "metric": run.metric}
    until = options.get("until")
    listed = until if isinstance(until, list) else [until]
    fields["stop"] = [one for one in listed if isinstance(one, str) and one]
    most = next((options[one] for one in TOKENS if options.get(one) is not None), None)
    if type(most) is int and most > 0:
        fields["max_tokens"] = most
    drawn = options.get("do_sample", (options.get("temperature") or 0) > 0)
    more = {name: one for name, one in options.items() if name not in GREEDY}
    if drawn or more:
        names = options.keys() - {"until", *TOKENS}
        fields["sampling"] = {name: options[name] for name in sorted(names)}
    steps, match = filter_steps(run), _match_options(run)
    if steps is None:
        fields["metric"] = f"{run.metric} after a filter that the results do not describe"
    elif steps:
        fields["filters"] = steps
    if match:
        fields["match"] = match
    for gold in _right_texts(run):
        yield {**fields, "gold": gold}


def filter_steps(run: Asked) -> list[Any] | None:
    """Return the steps of the history's filter; None where they are not known.

    A filter must end with the first of the answers, as all do that mark one text.
    """
    listed = run.config.get("filter_list")
    if listed is None:
        plain = run.filter in ("none", "") and (bool(run.config) or _unfiltered(run))
        return [] if plain else None
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("name") == run.filter:
            steps = one.get("filter")
            if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
                return None
            names = [step.get("function") for step in steps]
            first = "take_first"
            return steps if names[-1:] == [first] and names.count(first) == 1 else None
    return None


def _unfiltered(run: Asked) -> bool:
    filtered = run.row.get("filtered_resps")
    return isinstance(filtered, list) and filtered[:1] == [run.text]


def _match_options(run: Asked) -> dict[str, Any]:
    listed = run.config.get("metric_list")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("metric") == run.metric:
            return {name: value for name, value in one.items() if name not in NO_OPTIONS}
    return {}


def _right_texts(run: Asked) -> Iterator[str | list[str]]:
    choices = run.config.get("doc_to_choice")
    if isinstance(choices, str) and choices in run.doc:
        choices = run.doc[choices]
    for value in run.targets(whole=isinstance(choices, list)):
        if isinstance(choices, list) and type(value) is int and 0 <= value < len(choices):
            yield str(choices[value])
        elif isinstance(value, list):
            yield [str(one) for one in value]
        else:
            yield str(value)


def _texts(run: Asked) -> Iterator[Answer]:
    text, filtered = run.text, run.row.get("filtered_resps")
    if text is not None:
        shown = filtered[0] if isinstance(filtered, list) and filtered else None
        yield Answer(text, run.mark, shown if isinstance(shown, str) else None)
