"""The families of questions: ``make(rng, level)`` for each, by name."""

from __future__ import annotations

from item_banks.language.families.grammar import agreement, dates
from item_banks.language.families.numbers import (
    arithmetic,
    comparison,
    counting,
    sequences,
    sorting,
)
from item_banks.language.families.question import LEVELS, Make, Question
from item_banks.language.families.reasoning import logic, ordering, syllogisms, tables
from item_banks.language.families.strings import brackets, copying, editing, spelling

FAMILIES: dict[str, Make] = {
    make.__name__: make
    for make in (
        *(agreement, arithmetic, brackets, comparison, copying, counting, dates, editing, logic),
        *(ordering, sequences, sorting, spelling, syllogisms, tables),
    )
}

__all__ = ["FAMILIES", "LEVELS", "Make", "Question"]
