"""Seconds of a quick evaluation against those of a full one, by the size of the model.

    python -m paper_repro.quick_seconds [--device cpu]

Untrained models (Llama's architecture) answer the anchors of item_banks/language_bank, then all its
items; after a first time that does not count, the median of several. Weights do not matter for
speed, but for this: an untrained model never ends a written answer, which makes both as slow as
they get. Writes quick_seconds.md beside this file.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path

from paper_repro.engine.markdown import lines_of
from paper_repro.timing.child import timed
from tinyeval import ItemBank
from tinyeval.training import QuickEval, bank_items

HERE = Path(__file__).parent
BANKS = HERE.parent / "item_banks"

SIZES = ((64, 2), (128, 2), (192, 3), (256, 6), (512, 8))
"""Width and depth."""


def row(bank: ItemBank, width: int, depth: int, device: str) -> list[str]:
    """Time a model of one size."""
    from item_banks.language.answering import make_answer
    from item_banks.language.learning import make_model
    from item_banks.language.runs import Mix, Run

    run = Run("speed", "llama", width, depth, Mix("even", 0.0, 0), 1e-3, 0)
    model = make_model(run).to(device).eval()
    weights = sum(one.numel() for one in model.parameters())
    quick, full = QuickEval(bank, make_answer()), QuickEval(bank, make_answer())
    everything = bank_items(bank, anchors_only=False)
    quick.run(model)
    full.ask(everything, model)
    _, spent = timed(lambda: quick.run(model))
    _, whole = timed(lambda: full.ask(everything, model))
    print(f"{weights:,} weights: {spent:.3f} s, {whole:.2f} s", file=sys.stderr, flush=True)
    return [f"{weights:,}", f"{spent:.3f}", f"{whole:.2f}", f"{whole / spent:.1f}"]


def main() -> None:
    """Time every size and write the page."""
    import torch

    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--bank", type=Path, default=BANKS / "language_bank", help="with content")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the page")
    given = parser.parse_args()
    torch.set_num_threads(1)
    bank = ItemBank.load(given.bank)
    rows = [row(bank, width, depth, given.device) for width, depth in SIZES]
    head = ["weights", "seconds, anchors", "seconds, all items", "times as long"]
    text = (
        f"{len(bank.anchors)} anchors of {len(bank.items)} items; one thread; untrained models. "
        "The smallest spend their time between the layers, not in them, and gain less than the "
        f"{len(bank.items) / len(bank.anchors):.0f} times fewer items."
    )
    note = (
        f"Command: `python -m paper_repro.quick_seconds --device {given.device}`; "
        f"{datetime.date.today()}."
    )
    page = ["# Seconds of a quick evaluation", text, lines_of(head, rows), note]
    (given.out / "quick_seconds.md").write_text("\n\n".join(page) + "\n")


if __name__ == "__main__":
    main()
