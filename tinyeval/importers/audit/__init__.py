"""Audit: what in a response matrix its owner should look at before a bank is built from it.

One file per check.  Each takes bounded time, from a sample of models or items where there are many.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinyeval.importers.audit.against import Against, speak_against
from tinyeval.importers.audit.constant import Constant, constant_items
from tinyeval.importers.audit.copies import Copies, near_copies, one_of_each
from tinyeval.importers.audit.sample import spread
from tinyeval.importers.audit.tally import Tally
from tinyeval.importers.block import Finding
from tinyeval.responses import ResponseMatrix

MANY = 0.1
"""Share of models that are near copies of others from which that is a doubt."""

MOST_MODELS = 2000
"""Models by which items are compared; a sample where there are more."""


@dataclass(frozen=True)
class Audit:
    """What was looked at, and what was seen.

    Attributes:
        constant: items whose marks do not vary.
        against: items that speak against the rest, the surest first.
        copies: models that are near copies of one another.
        compared: number of models by which items were compared.
    """

    constant: Constant
    against: tuple[Against, ...]
    copies: Copies
    compared: int

    @property
    def doubts(self) -> tuple[Finding, ...]:
        """What the owner of the results should look at."""
        found, copies = [], self.copies
        if self.against:
            what = (
                "items speak against the rest: models that score high elsewhere score low there; "
                "is the key wrong, or are marks turned round?"
            )
            told = tuple(map(str, self.against))
            found.append(Finding("doubt", what, len(self.against), told))
        if copies.rows > MANY * copies.models:
            found.append(Finding("doubt", copies.words, copies.models, copies.groups[0]))
        if copies.exact:
            what = "models equal another in every answer; a bank learns from one of each"
            found.append(Finding("doubt", what, len(copies.exact), copies.exact))
        return tuple(found)


def audit(responses: ResponseMatrix, counts: Tally) -> Audit:
    """Look at a response matrix, whose counts are known (:func:`.tally.tally`)."""
    copies = near_copies(responses)
    different = one_of_each(responses, copies)
    sample = different.take(models=spread(different.n_models, MOST_MODELS))
    return Audit(
        constant_items(responses.items, counts), speak_against(sample), copies, sample.n_models
    )
