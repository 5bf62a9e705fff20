"""What is measured: cells, each one step at one size, and the parts of the page they belong to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paper_repro.timing.answers import DIMENSIONS, Size

SIZES = (
    Size(100, 200),
    Size(429, 1_297),
    Size(1_000, 5_000),
    Size(2_000, 10_000),
    Size(5_000, 28_632, missing=0.05),
)
"""Up to metabench's; 143 million answers."""

HUGE = Size(20_000, 100_000)
SMALL, MEDIUM, MIDDLE = SIZES[:3]
"""Rivals are compared at these; dimensions and anchors are varied at the last."""

REAL = Size(427, 1_297, set="ollb2_ifeval_musr")
GIRTH_ONLY = Size(100, 400)
"""Tells that larger sizes are beyond girth."""

GROWTH = {
    "models": tuple(Size(n, 1_000) for n in (100, 1_000, 10_000, 100_000)),
    "items": tuple(Size(1_000, n) for n in (100, 1_000, 10_000, 100_000)),
}
"""Three decades of answers, 10^5 to 10^8, either way."""

DIMENSIONS_TRIED = (1, 2, 4, 8, 16)
ANCHORS_TRIED = (10, 30, 100, 300, 1_000)
TOGETHER = (MEDIUM, *SIZES[3:])
DUMPS = (Size(10, 20_000), Size(200, 1_000))
"""Answers in files of a hundred, as a harness writes them: 2,000 files either way."""

RECIPES = ("tinybenchmarks", "mrmr")
FEW = 50
"""Anchors where the smallest benchmark has a hundred items."""

MANY = 10_000
"""Models predicted at once."""


@dataclass(frozen=True)
class Cell:
    """One thing to be measured.

    Attributes:
        who: ``tinyeval``, ``py_irt``, ``girth``, or ``machine``.
        step: what it does.
        size: of the answers.
        variant: the recipe, or the rival's model.
        dimensions: of the IRT model; 0 where they are chosen.
        anchors: number of them.
        number: of models predicted, or of processes.
        hide: whether a tenth of the answers is hidden.
    """

    who: str
    step: str
    size: Size
    variant: str = ""
    dimensions: int = 0
    anchors: int = 100
    number: int = 1
    hide: bool = False

    @property
    def stem(self) -> str:
        """Name of its file below those of who does what."""
        parts = [self.variant.replace(" ", "_"), self.size.stem]
        parts += [f"{self.dimensions}d", f"{self.anchors}a", str(self.number)]
        return "-".join(part for part in [*parts, "hidden" * self.hide] if part)

    @property
    def needs(self) -> tuple[Cell, ...]:
        """Cells of which it uses what they left."""
        fit = Cell("tinyeval", "fit", self.size, dimensions=DIMENSIONS)
        if self.step == "select":
            return (fit,)
        if self.step == "estimate":
            return fit, replace(self, step="select")
        if self.step in ("predict", "command"):
            return (Cell("tinyeval", "build", self.size),)
        if self.step == "processes":
            return (Cell("tinyeval", "results", self.size),)
        if self.step == "import":
            return (Cell("tinyeval", "samples", self.size),)
        return ()

    def __str__(self) -> str:
        details = [self.variant, f"{self.dimensions} dimensions" * bool(self.dimensions)]
        details += [f"{self.anchors} anchors" * (self.anchors != 100)]
        details += [f"number {self.number}" * (self.number != 1), "hidden cells" * self.hide]
        text = ", ".join(part for part in [str(self.size), *details] if part)
        return f"{self.who} {self.step}: {text}"


LIMITS = Cell("machine", "limits", Size(0, 0))


def steps_of(size: Size) -> list[Cell]:
    """Every step at one size."""
    one = Cell("tinyeval", "fit", size)
    fixed = replace(one, dimensions=DIMENSIONS)
    others = [replace(fixed, step=step) for step in ("select", "estimate")]
    later = [replace(one, step="predict", number=number) for number in (1, MANY)]
    return [fixed, *others, one, replace(one, step="build"), *later, replace(one, step="command")]


def compared(size: Size) -> list[Cell]:
    """Ours and the rivals' fits of the same answers, a tenth hidden."""
    ours = Cell("tinyeval", "fit", size, hide=True)
    py_irt = Cell("py_irt", "fit", size, "2pl", 1, hide=True)
    theirs = [
        *(py_irt, replace(py_irt, variant="2pl hierarchical")),
        replace(py_irt, variant="multidim_2pl", dimensions=DIMENSIONS),
    ]
    return [
        *(replace(ours, dimensions=dims) for dims in (1, DIMENSIONS, 0)),
        *(theirs if size != GIRTH_ONLY else []),
        Cell("girth", "fit", size, "2pl", 1, hide=True),
    ]


def growth(size: Size) -> list[Cell]:
    """Steps whose seconds are followed over sizes, the dimensions fixed."""
    fixed = Cell("tinyeval", "fit", size, dimensions=DIMENSIONS)
    return [fixed, *(replace(fixed, step=one, anchors=FEW) for one in ("select", "estimate"))]


def parts(huge: bool, real: bool) -> dict[str, list[Cell]]:
    """Cells by part of the page, the quicker ones first."""
    sizes = [*SIZES, *([HUGE] if huge else [])]
    rivals = (SMALL, GIRTH_ONLY, REAL if real else MEDIUM, MIDDLE)
    fit = Cell("tinyeval", "fit", MIDDLE, dimensions=DIMENSIONS)
    chosen = [
        replace(fit, step=step, anchors=n) for n in ANCHORS_TRIED for step in ("select", "estimate")
    ]
    return {
        "limits": [LIMITS],
        "steps": [cell for size in sizes for cell in steps_of(size)],
        "rivals": [c for size in rivals for c in compared(size)],
        "recipes": [
            Cell("tinyeval", "build", size, recipe) for recipe in RECIPES for size in SIZES[:3]
        ],
        **{name: [c for size in line for c in growth(size)] for name, line in GROWTH.items()},
        "dimensions": [replace(fit, dimensions=dims) for dims in DIMENSIONS_TRIED],
        "anchors": chosen,
        "processes": [
            Cell("tinyeval", "processes", size, number=number)
            for size in TOGETHER
            for number in (1, 2)
        ],
        "imports": [
            Cell("tinyeval", "import", size, number=number) for size in DUMPS for number in (1, 2)
        ],
    }
