"""What columns are called that are no items: facts about models, flags, and summaries of scores.

Names are plain (:func:`tinyeval.importers.aliases.plain`).  A fact may have its unit in its name:
``cost_usd``, ``latency_s``, ``api_price``; a name with any other word in it is an item's.
"""

from __future__ import annotations

import re

METADATA = frozenset(
    {"params", "params_b", "n_params", "num_params", "parameters", "size", "model_size", "size_b"}
    | {"n_shot", "nshot", "num_fewshot", "shots", "fewshot", "date", "year", "month", "timestamp"}
    | {"release_date", "created_at", "updated_at", "url", "link", "index", "idx", "row", "rank"}
    | {"unnamed_0", "level_0", "position", "seed", "temperature", "n", "count", "n_items"}
    | {"n_questions", "num_samples", "n_samples", "tokens", "n_tokens", "cost", "price", "time"}
    | {"duration", "latency", "runtime", "elapsed", "org", "organization", "family", "license"}
    | {"provider", "developer", "type", "architecture", "precision", "revision", "sha", "likes"}
    | {"open", "closed", "open_source", "opensource", "open_weights", "open_weight", "is_open"}
    | {"closed_source", "proprietary", "n_turns", "num_turns", "n_steps", "num_steps"}
    | {"downloads", "notes", "comment", "version", "elo", "flops", "train_flops", "context_length"}
)
"""Plain names of what is known of models."""

SUMMARY = frozenset(
    {"average", "avg", "mean", "overall", "total", "sum", "score", "pass_rate", "accuracy", "acc"}
    | {"success_rate", "win_rate", "winrate", "mean_score", "avg_score", "average_score", "median"}
    | {"total_score", "overall_score", "final_score", "macro_avg", "micro_avg", "macro_average"}
    | {"micro_average", "resolved_rate", "pass@1", "aggregate", "std", "stderr", "std_err"}
    | {"n_correct", "num_correct", "correct", "overall_accuracy", "mean_accuracy", "full_score"}
)
"""Plain names of summaries of a model's scores."""

MEASURES = frozenset(
    {"cost", "costs", "price", "prices", "latency", "seconds", "secs", "minutes", "time", "runtime"}
    | {"duration", "elapsed", "tokens", "temperature", "size", "params", "parameters", "usd"}
    | {"flops", "vram", "downloads", "likes"}
)
"""Words for what is measured of a model."""

UNITS = frozenset(
    {"s", "ms", "sec", "h", "hours", "b", "m", "k", "gb", "mb", "eur", "dollars", "per", "api"}
    | {"token", "total", "mean", "avg", "average", "median", "max", "min", "n", "num", "number"}
    | {"of", "model", "task", "item", "input", "output", "in", "out", "prompt", "completion", "run"}
    | {"wall", "wallclock", "gpu", "cpu", "inference", "eval", "train", "training", "1k", "1m"}
)
"""Words beside it."""

FLAG = re.compile(r"(is|has)_[a-z]+(_[a-z]+)?")
"""What is true of a model, or not."""

OF_SOME = frozenset(
    {"mean", "avg", "average", "std", "stdev", "stderr", "subtotal", "median", "subscore"}
)
"""Words in the name of a summary of some of the items."""


def is_fact(name: str) -> bool:
    """Say whether a name is that of a fact about models.

    >>> is_fact("latency_s"), is_fact("api_price"), is_fact("count_dataset_tokens")
    (True, True, False)
    """
    words = set(name.split("_"))
    return name in METADATA or bool(words & MEASURES and words <= MEASURES | UNITS)


def is_flag(name: str) -> bool:
    """Say whether a name is that of a question about models, such as ``is_chat``."""
    return FLAG.fullmatch(name) is not None


def is_of_some(name: str) -> bool:
    """Say whether a name has a word for a summary in it.

    >>> is_of_some("subset_mean"), is_of_some("score_of_math"), is_of_some("meaning_3")
    (True, True, False)
    """
    return bool(OF_SOME.intersection(name.split("_"))) or "score_of" in name
