"""The page and the table of figures, from what was measured."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import replace

from paper_repro.engine.markdown import lines_of
from paper_repro.timing.bounds import bound
from paper_repro.timing.cells import HUGE, LIMITS, MANY, MIDDLE, REAL, Cell
from paper_repro.timing.figures import Figures, Parts, mebibytes, note, short, shown
from paper_repro.timing.growth import last_slope, slope
from paper_repro.timing.runs import Runner
from paper_repro.timing.samples import tasks_of

GOAL_SLOPE = (0.9, 1.1)
GOAL_SPEED = 50
VARIED = ("models", "items", "dimensions", "anchors")


def page(runner: Runner, parts: Parts) -> str:
    """Return the readable page."""
    text = [f"# Speed and memory\n\n{INTRODUCTION}"]
    text += ["## The machine", machine(runner)]
    text += ["## Every step", STEPS, steps(runner, parts["steps"])]
    text += ["## A sweep of the fit against the machine", SWEEPS, sweeps(runner, parts["steps"])]
    text += ["## Beside py-irt and girth", RIVALS, rivals(runner, parts["rivals"])]
    text += ["## The recipes of others", RECIPES, recipes(runner, parts["recipes"])]
    text += ["## How cost grows", GROWTH, growth(runner, parts)]
    text += ["## Two processes", PROCESSES, processes(runner, parts["processes"])]
    text += ["## Reading what a harness wrote", IMPORTS, imports(runner, parts["imports"])]
    text += [ending(runner)]
    return "\n\n".join(text) + "\n"


def machine(runner: Runner) -> str:
    """The measured limits."""
    found = runner.get(LIMITS) or {}
    if "limits" not in found:
        return note(runner, LIMITS)
    names = {"read": "read", "copy": "copy (read and write)"}
    rows = [[names[k], f"{found['limits'][k] / 1e9:.1f} GB/s"] for k in names]
    rows.append(["sigmoid", f"{found['limits']['sigmoid'] / 1e9:.2f} billion a second"])
    products = [k for k in found["limits"] if k not in (*names, "sigmoid")]
    rows += [
        [f"float32 products, {k}", f"{found['limits'][k] / 1e9:.0f} GFLOP/s"] for k in products
    ]
    return f"{found['processor']}, {runner.threads} threads, {found['version']}.\n\n" + lines_of(
        ["what", "measured"], rows
    )


def steps(runner: Runner, cells: Sequence[Cell]) -> str:
    """Seconds and peak memory of every step by size."""
    head = ["models x items", "fit, 4 dimensions", "select", "estimator", "fit, chosen"]
    head += ["build", "predict one", f"predict {MANY:,}", "command, cold"]
    tables = []
    for name, title in (("seconds", "Seconds:"), ("peak", "Peak memory, MiB:")):
        rows: dict[str, list[str]] = {}
        for cell in cells:
            rows.setdefault(str(cell.size), []).append(shown(runner, cell, name))
        tables += [title, lines_of(head, [[size, *row] for size, row in rows.items()])]
    rows = {}
    for cell in cells:
        if cell.step not in ("predict", "command"):
            rows.setdefault(str(cell.size), []).append(rate(runner, cell))
    tables += ["Million answers of the history a second:"]
    return "\n\n".join([*tables, lines_of(head[:6], [[size, *row] for size, row in rows.items()])])


def rate(runner: Runner, cell: Cell) -> str:
    """Million answers a second."""
    seconds = (runner.get(cell) or {}).get("seconds")
    return "" if seconds is None else short(cell.size.answers / seconds / 1e6)


def sweeps(runner: Runner, cells: Sequence[Cell]) -> str:
    """Seconds of a sweep against what the machine allows."""
    limits = (runner.get(LIMITS) or {}).get("limits")
    rows = []
    for cell in cells:
        found = runner.get(cell) or {}
        if limits is None or not cell.dimensions or "sweep_seconds" not in found:
            continue
        size, took = cell.size, found["sweep_seconds"]
        least = bound(size.cells, cell.dimensions, limits)
        slowest = max(least, key=lambda name: least[name])
        row = [str(size), str(found["sweeps"]), short(took), short(size.answers / took / 1e6)]
        row += [short(value) for value in least.values()]
        rows.append([*row, f"{least[slowest] / took:.0%} of {slowest}"])
    head = ["models x items", "sweeps", "seconds a sweep", "million answers a second"]
    return lines_of([*head, "reading", "sigmoids", "products", "share of the limit"], rows)


def rivals(runner: Runner, cells: Sequence[Cell]) -> str:
    """Ours beside the rivals': seconds, memory, held-out log-likelihood."""
    sizes, rows = list(dict.fromkeys(cell.size for cell in cells)), []
    for size in sizes:
        same = [cell for cell in cells if cell.size == size]
        ours = [runner.get(cell) or {} for cell in same if cell.who == "tinyeval"]
        for cell in same:
            found = runner.get(cell) or {}
            row = [str(size), cell.who.replace("_", "-"), described(cell, found)]
            row += [shown(runner, cell), shown(runner, cell, "peak")]
            row += [f"{found['held_out']:.4f}" if "held_out" in found else ""]
            rows.append(row + ([""] if cell.who == "tinyeval" else [ratios(found, ours)]))
    head = ["models x items", "who", "model", "seconds", "peak MiB"]
    table = lines_of([*head, "held-out log-likelihood", "times ours: 1 / 4 / chosen"], rows)
    return f"{table}\n\n{verdict(runner, cells)}"


def described(cell: Cell, found: Figures) -> str:
    """Name of the model fitted."""
    if cell.who == "tinyeval":
        chosen = "" if cell.dimensions else ", chosen"
        return f"dimensions {found.get('dimensions', cell.dimensions)}{chosen}"
    return cell.variant + (f", {cell.dimensions} dimensions" if cell.dimensions > 1 else "")


def ratios(found: Figures, ours: Sequence[Figures]) -> str:
    """A rival's seconds over ours."""
    if "seconds" not in found:
        return ""
    known = [one.get("seconds", math.nan) for one in ours]
    return " / ".join(short(found["seconds"] / seconds) or "?" for seconds in known)


def verdict(runner: Runner, cells: Sequence[Cell]) -> str:
    """Whether the goal against py-irt is reached, at the largest size that it finishes."""
    done = [c for c in cells if c.who == "py_irt" and "held_out" in (runner.get(c) or {})]
    if not done:
        return "py-irt has not been measured."
    size = max((cell.size for cell in done), key=lambda size: size.answers)
    theirs = [(cell, runner.get(cell) or {}) for cell in done if cell.size == size]
    lines = []
    for cell in [c for c in cells if c.size == size and c.who == "tinyeval"]:
        own = runner.get(cell) or {}
        dims = own.get("dimensions", 0)
        for other, found in theirs:
            if other.dimensions <= dims and (other.dimensions == 1) == (dims == 1):
                better = "at least equal" if own["held_out"] >= found["held_out"] else "lower"
                times = found["seconds"] / own["seconds"]
                lines.append(
                    f"* {described(cell, own)} against {described(other, found)}: {short(times)} "
                    f"times as fast, held-out log-likelihood {better}"
                )
    text = f"Largest size that py-irt finishes: {size}. Goal: {GOAL_SPEED} times as fast at an "
    return f"{text}equal or higher held-out log-likelihood.\n\n" + "\n".join(lines)


def recipes(runner: Runner, cells: Sequence[Cell]) -> str:
    """Whole builds by recipe and size, beside the default's."""
    rows = []
    for cell in cells:
        both = [runner.get(one) or {} for one in (cell, replace(cell, variant=""))]
        taken = [found.get("seconds", math.nan) for found in both]
        figures = [shown(runner, cell), shown(runner, cell, "peak"), short(taken[0] / taken[1], 2)]
        rows.append([cell.variant, str(cell.size), *figures])
    head = ["recipe", "models x items", "seconds", "peak MiB", "times the default's seconds"]
    return lines_of(head, rows)


def growth(runner: Runner, parts: Parts) -> str:
    """Slopes of seconds and the points behind them."""
    rows = []
    whole = [cell for cell in parts["steps"] if cell.step == "build"]
    lines = {"answers": whole} | {name: parts[name] for name in VARIED}
    for name, line in lines.items():
        for step in dict.fromkeys(cell.step for cell in line):
            cells = [cell for cell in line if cell.step == step]
            points = [(varied(cell, name), runner.get(cell) or {}) for cell in cells]
            known = [(size, found["seconds"]) for size, found in points if "seconds" in found]
            sizes, seconds = [size for size, _ in known], [taken for _, taken in known]
            text = ", ".join(f"{size:,}: {short(taken)}" for size, taken in known)
            slopes = [short(f(sizes, seconds), 2) for f in (slope, last_slope)]
            rows.append([name, step, text, *slopes])
    return lines_of(["what grows", "step", "seconds", "slope", "slope of the last two"], rows)


def varied(cell: Cell, name: str) -> int:
    """The number that is varied."""
    if name in ("answers", "models", "items"):
        return int(getattr(cell.size, name))
    return int(getattr(cell, name))


def processes(runner: Runner, cells: Sequence[Cell]) -> str:
    """One process with all threads beside several that share them."""
    rows = []
    for cell in cells:
        found = runner.get(cell) or {}
        row = [str(cell.size), str(cell.number), shown(runner, cell)]
        row += [", ".join(map(mebibytes, found.get(name, []))) for name in ("peaks", "owns")]
        rows.append(row)
    head = ["models x items", "processes", "seconds", "peak MiB of each", "shared memory in parts"]
    return lines_of(head, rows)


def imports(runner: Runner, cells: Sequence[Cell]) -> str:
    """Seconds and memory of reading a harness's files."""
    rows = []
    for cell in cells:
        found, written = runner.get(cell) or {}, (runner.get(cell.needs[0]) or {}).get("written")
        seconds, files = found.get("seconds"), cell.size.models * tasks_of(cell.size.items)
        row = [f"{files:,}", str(cell.size), mebibytes(written), str(cell.number)]
        row += [shown(runner, cell), rate(runner, cell)]
        speed = "" if seconds is None or written is None else short(written / 2**20 / seconds)
        row += [speed, shown(runner, cell, "peak")]
        rows.append(row)
    head = ["files", "models x items", "MiB", "processes", "seconds", "million answers a second"]
    return lines_of([*head, "MiB a second", "peak MiB of the first"], rows)


def ending(runner: Runner) -> str:
    """How the page was made."""
    return (
        f"Command: `python -m paper_repro.speed --venvs DIR --data DIR`; {datetime.date.today()}; "
        f"device {runner.device}, {runner.threads} threads, at most {runner.limit:g} s a cell."
    )


INTRODUCTION = (
    "Every cell is a process of its own: seconds of the step alone, libraries loaded and a tiny "
    "matrix done before (the median of five or more where it takes under a second), and the most "
    "resident memory of the whole process. Answers are simulated from a 2PL of four dimensions; "
    f"{REAL.set} is real. *about N s*: not run, this is what its time at a smaller size says. All "
    f"figures are in the csv beside. {HUGE} is measured with `--huge` only."
)
STEPS = (
    "Default settings, 100 anchors. *select* and *estimator* follow a fit of four dimensions; "
    "*chosen* tries 1, 2, 4, 8, 16 on hidden answers; *build* is everything, calibration included; "
    "*command* is `tinyeval predict` of one model from the shell."
)
SWEEPS = (
    "Fits of four dimensions. The limits are what two passes over the answers take at the measured "
    "rates: reading them (a byte each, once), two sigmoids each, and the products with the "
    "factors and their different pairs at the fit's own shapes."
)
RIVALS = (
    "A tenth of the answers is hidden from all. py-irt trains its default 2,000 epochs with its "
    "default vague priors, with hierarchical ones, and its multidimensional 2PL; of its last and "
    "best parameters those count that are better on the hidden answers, of three seeds the first "
    "that does not diverge. girth: `twopl_mml` with its defaults; items that all "
    "got right or wrong are predicted by their share right. Reading input is not counted. "
    "Log-likelihood in nats per hidden answer."
)
RECIPES = "Whole builds with `configs/tinybenchmarks.yaml` and `configs/mrmr.yaml`, 100 anchors."
GROWTH = (
    "Seconds on logarithmic axes, a straight line by least squares. *answers*: whole builds, from "
    "the first table. Four dimensions; models and items over three decades of answers, the other "
    f"side 1,000, 50 anchors; dimensions and anchors at {MIDDLE}. "
    f"Goal by answers: {GOAL_SLOPE[0]} to {GOAL_SLOPE[1]}."
)
IMPORTS = (
    "`tinyeval import DIR --metric acc --jobs N --out results.parquet` from the shell, of folders "
    "as lm-evaluation-harness writes them: a file per model and task, a hundred rows of about 2 kB "
    "with document, prompts, log-likelihoods and two metrics. Everything counts, the start of the "
    "processes and writing the table included; the files were written just before, so that the "
    "disk is not measured."
)
PROCESSES = (
    "`tinyeval build` from the shell: one process with all threads, and `python -m "
    "torch.distributed.run --nproc-per-node 2` with half the threads each. The scores, which both "
    "map into their memory, count in whole in every process's peak, and in equal parts in the last "
    "column (the proportional set size, looked at five times a second)."
)
