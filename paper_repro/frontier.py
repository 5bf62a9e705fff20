"""The frontier: test models unlike the source models, every published method against the default.

    python -m paper_repro.frontier --data DIR [--jobs 2]

Source = weakest 60 %, test = strongest 15 % (top), its mirror (bottom), whole organisations,
families, architectures or base models on one side (group), oldest against newest (date).
"""

from __future__ import annotations

from paper_repro.engine.catalogue import FRONTIERS, RIVALS, SETS
from paper_repro.engine.markdown import standard
from paper_repro.engine.measure import Case, Plan
from paper_repro.engine.script import main
from paper_repro.engine.sets import LARGEST
from paper_repro.engine.table import Table

GROUP_REPEATS = 2


def cases() -> tuple[Case, ...]:
    """Return every set under its splits, the extremes first."""
    found = [Case(which, split) for which in SETS.values() for split in ("top", "bottom")]
    for name, splits in FRONTIERS.items():
        found += [
            Case(SETS[name], split, GROUP_REPEATS if split.startswith("group") else 1)
            for split in splits
        ]
    return tuple(found)


PLAN = Plan("frontier", cases(), ("default", *RIVALS, "floor"))


def report(table: Table) -> str:
    """Return the page."""
    text = (
        "top: source = weakest 60 %, test = strongest 15 %; bottom: its mirror; group: whole "
        f"organisations, families, architectures or base models, {GROUP_REPEATS} random draws of "
        "a quarter of the models as test models; date: oldest three quarters against the rest. "
        "Random selections are averaged over ten draws in each split. Of larger sets "
        f"{LARGEST} models were drawn. The floor rests on an IRT model of the source models, which "
        "fits models beyond their range badly: there it is none."
    )
    return standard("The frontier", text, table)


if __name__ == "__main__":
    main(PLAN, report, __doc__)
