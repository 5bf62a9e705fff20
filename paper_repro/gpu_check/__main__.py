"""Check and time tinyeval on one GPU, in less than eight minutes; nothing is downloaded.

    python -m paper_repro.gpu_check [--device cuda] [--parts fit_small,answers] [--budget 480]
    python -m paper_repro.gpu_check --device cpu --small

Every part is a process with a time limit of its own: what fails costs only itself. The result is
printed; on a GPU it is also written to gpu.md in the folder above. ``--small`` tries the script
itself, with small answers and a small model: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from paper_repro.engine.markdown import lines_of
from paper_repro.gpu_check.parts import PARTS
from paper_repro.timing.runs import ROOT, run

HERE = Path(__file__).parent


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 ... or cpu")
    parser.add_argument("--small", action="store_true", help="try the script, not the device")
    parser.add_argument("--parts", default=",".join(PARTS), help="only these, with commas")
    parser.add_argument("--budget", type=float, default=460.0, help="seconds of all parts")
    parser.add_argument("--out", type=Path, default=HERE.parent, help="folder of gpu.md")
    given = parser.parse_args()
    unknown = set(given.parts.split(",")) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    return given


def measure(name: str, given: argparse.Namespace, folder: Path, left: float) -> dict[str, Any]:
    """Run a part in a process of its own, and return what it found, or why it found nothing."""
    part, path = PARTS[name], folder / f"{name}.json"
    if part.skipped:
        return {"skipped": part.skipped}
    limit = min(part.limit, left)
    if limit < 1:
        return {"failed": "no time was left"}
    job = {"device": given.device, "small": given.small, "folder": str(folder)}
    command = [sys.executable, "-m", "paper_repro.gpu_check.parts", name, json.dumps(job)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    error = run([*command, str(path)], environment, limit)
    if error is not None:
        return {"failed": error or f"stopped after {limit:.0f} s"}
    return json.loads(path.read_text())


def row(name: str, found: dict[str, Any]) -> list[str]:
    """Return a part's row of the table."""
    part = PARTS[name]
    for why in ("skipped", "failed"):
        if why in found:
            return [part.what, "-", "-", f"{why}: {found[why]}".replace("|", "/")[:300]]
    taken = found.get("seconds")
    quick = part.bar is None or (taken is not None and taken < part.bar)
    state = "yes" if quick and found.get("ok", True) else "no"
    told = f"{taken:.2f}" if taken is not None else "-"
    detail = f"{state}; {found['detail']}" if found.get("detail") else state
    return [part.what, told, part.bar_text, detail]


def about(device: str) -> str:
    """Say on what was measured, and when."""
    import torch

    if device == "cpu":
        return f"{platform.processor() or platform.machine()}; {datetime.date.today()}"
    card = torch.cuda.get_device_properties(torch.device(device))
    return (
        f"{card.name}, {card.total_memory / 2**30:.0f} GiB; {datetime.date.today()}; tinyeval "
        f"{version('tinyeval')}, torch {torch.__version__}, CUDA {torch.version.cuda}, "
        f"transformers {version('transformers')}, Python {platform.python_version()}, "
        f"{os.cpu_count()} processor cores"
    )


def page(given: argparse.Namespace, found: dict[str, dict[str, Any]], seconds: float) -> str:
    """Return the page."""
    table = lines_of(
        ["what" + ", in small" * given.small, "seconds", "bar", "met"],
        [row(name, one) for name, one in found.items()],
    )
    text = (
        "Every part ran in a process of its own; seconds are those of what is named, the first "
        "time, libraries loaded before."
    )
    small = " `--small`: these figures say nothing of the device." if given.small else ""
    end = (
        f"Command: `python -m paper_repro.gpu_check --device {given.device}"
        f"{' --small' * given.small}`, {seconds:.0f} s in all.{small}"
    )
    parts = ["# On a GPU", about(given.device) + ".", text, table, end]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Run the parts, print the page, and write it if it is of a GPU."""
    given = arguments()
    start = time.perf_counter()
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="tinyeval-gpu-") as folder:
        for name in given.parts.split(","):
            left = given.budget - (time.perf_counter() - start)
            found[name] = measure(name, given, Path(folder), left)
            print(f"{name}: {found[name]}", file=sys.stderr, flush=True)
            text = page(given, found, time.perf_counter() - start)
            if given.device.startswith("cuda") and not given.small:
                (given.out / "gpu.md").write_text(text)  # what there is, if this is stopped
    print(text)
    return int(any("failed" in one for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
