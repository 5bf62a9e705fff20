"""What people call the columns of a table: the one place where names are known.

A column that the user names, or that has its plain name (``model``, ``item``, ``score``), counts
first; then the usual other names, of the whole name or of its last part (``metadata.model_name``);
then names that mean something else as often, where nothing else will do.  Two candidates are an
error that lists them, unless they say the same of every row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from tinyeval.errors import DataError, examples
from tinyeval.importers.base import Columns
from tinyeval.importers.rawtable import RawTable
from tinyeval.importers.values import read_marks

ALIASES: Mapping[str, Sequence[str]] = {
    "model": (
        *("model", "model_name", "model_id", "model_name_or_path", "modelname", "system"),
        *("system_name", "subject_id", "agent", "agent_name", "llm", "engine", "checkpoint"),
        *("submission", "userid", "user_id", "respondent", "respondent_id", "examinee"),
        *("examinee_id", "student_id", "person_id", "participant_id", "evaluated_model"),
    ),
    "item": (
        *("item", "item_id", "itemid", "question_id", "questionid", "qid", "task_id", "problem_id"),
        *("instance_id", "doc_id", "sample_id", "example_id", "prompt_id", "query_id", "case_id"),
        *("test_id", "exercise_id", "item_name"),
    ),
    "score": (
        *("score", "correct", "is_correct", "iscorrect", "acc", "accuracy", "exact_match", "em"),
        *("resolved", "is_resolved", "solved", "passed", "is_passed", "pass", "success", "f1"),
        *("reward", "response", "mark", "grade", "rating", "outcome", "result", "pass@1", "valid"),
        *("pass_at_1", "acc_norm", "correctness", "judge_score", "scores", "status"),
    ),
    "benchmark": (
        *("benchmark", "benchmark_name", "task", "task_name", "dataset", "dataset_name"),
        *("scenario", "subset", "suite", "eval_name", "evaluation", "test_category"),
    ),
    "subject": ("subject", "category", "topic", "domain", "subcategory"),
    "soft": ("soft", "soft_score", "p_right", "p_correct", "prob_correct", "probability_correct"),
    "trials": ("trials", "n_trials", "num_trials", "n_runs", "num_runs", "trial_count"),
    "trial": (
        *("trial", "epoch", "repeat", "attempt", "run", "seed", "sample", "trial_id", "run_id"),
        *("repetition", "replicate", "iteration", "rollout", "sample_idx", "trial_index"),
    ),
}
"""Names by role, plain ones: in small letters, everything else an underscore."""

WEAK: Mapping[str, Sequence[str]] = {
    "model": ("subject", "user", "name", "student", "person", "participant", "run", "method"),
    "item": ("question", "problem", "instance", "prompt", "example", "id", "task", "doc", "name"),
    "score": ("value", "marks", "points"),
}
"""Names that may mean it where nothing else does."""

NOTES = ("benchmark", "subject", "weight", "cost", "hash")
"""Notes on items that a table may have; all but the first two under these names only."""

USUAL_SPLITS = frozenset({"train", "test", "validation", "valid", "dev", "latest", "default"})
"""Names of parts of a data set, which are no models."""

SAMPLE = 200
"""Cells from which it is told whether a column can be scores."""


@lru_cache(maxsize=2**16)  # every role asks for the names of all columns
def plain(name: str) -> str:
    """Return a column's name in small letters, everything but letters, digits and @ underscores.

    >>> plain(" Model Name"), plain("Pass@1"), plain("Is-Correct?")
    ('model_name', 'pass@1', 'is_correct')
    """
    return re.sub(r"[^\w@]+", "_", name.strip().lower()).strip("_")


def is_named(name: str) -> bool:
    """Say whether a name is one of a model's or an item's column."""
    return plain(name) in ALIASES["model"] or plain(name) in ALIASES["item"]


def is_answer(record: object) -> bool:
    """Say whether an object has keys for an item and for its score.

    >>> is_answer({"id": 1, "correct": True}), is_answer({"id": 1, "answer": "B"})
    (True, False)
    """
    names = set(map(plain, map(str, record))) if isinstance(record, dict) else set()
    items = {*ALIASES["item"], *WEAK["item"]}
    return bool(names & items) and bool(names & set(ALIASES["score"]))


class Found(NamedTuple):
    """Candidates for a role, and whether one is certain.

    Attributes:
        names: columns; one: that is it; several: none is better than another.
        sure: the user or its plain name says so.
    """

    names: tuple[str, ...]
    sure: bool = False

    def one(self, role: str, table: RawTable) -> str | None:
        """Return the column of a role, None if there is none, or raise if there are several."""
        if len(self.names) < 2:
            return self.names[0] if self.names else None
        options = " or ".join(f"--{role}-column {name!r}" for name in self.names[:4])
        raise DataError(
            f"{table.path}: {len(self.names)} columns may hold the {role}s: "
            f"{examples(self.names, 6)}; choose with {options}"
        )


def find(role: str, table: RawTable, asked: Columns, taken: Sequence[str] = ()) -> Found:
    """Return the columns that may have a role.

    Args:
        role: a key of ``ALIASES``.
        table: the table.
        asked: columns that the user named.
        taken: columns that have another role.

    Raises:
        DataError: the table has no column of the name that the user gave.
    """
    wanted = getattr(asked, role, None)
    if wanted is not None:
        if wanted not in table.columns:
            raise DataError(
                f"{table.path}: there is no column {wanted!r} (--{role}-column); the columns are "
                f"{short(table.columns)}"
            )
        return Found((wanted,), True)
    if role in table.columns and role not in taken:
        return Found((role,), True)
    free = [name for name in table.columns if name not in taken]
    for names in ({one: plain(one) for one in free}, {one: _last(one) for one in free}):
        found = [one for one in free if names[one] in ALIASES[role]]
        if role == "score":
            found = [one for one in found if can_be_scores(table, one)]
        if found:
            found.sort(key=lambda one: ALIASES[role].index(names[one]))
            return Found(tuple(found) if role == "score" else _distinct(table, found))
    return Found(())


def find_weak(role: str, table: RawTable, taken: Sequence[str]) -> Found:
    """Return the first column whose name may mean a role, if it must be there."""
    for wanted in WEAK[role]:
        for one in table.columns:
            if one not in taken and plain(one) == wanted:
                return Found((one,))
    return Found(())


def can_be_scores(table: RawTable, name: str) -> bool:
    """Say whether the first cells of a column are numbers, words for scores, or blank."""
    some = [table.columns[name][row] for row in range(min(len(table), SAMPLE))]
    return not read_marks(some, table.comma).wrong


def short(names: Sequence[str] | Mapping[str, object], limit: int = 8) -> str:
    """Return names for a message, none of them long."""
    cut = [name if len(name) <= 40 else f"{name[:40]}..." for name in list(names)[:limit]]
    tail = f", ... ({len(names)} in all)" if len(names) > limit else ""
    return ", ".join(map(repr, cut)) + tail


def _last(name: str) -> str:
    return plain(name.rpartition(".")[2])


def _distinct(table: RawTable, names: Sequence[str]) -> tuple[str, ...]:
    """Return names without columns that say the same of every row as the first."""
    first, *others = names
    kept = [first]
    for other in others:
        one = list(map(str, table.columns[first]))
        pairs = set(zip(one, map(str, table.columns[other]), strict=True))
        same = len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
        if not same:
            kept.append(other)
    return tuple(kept)
