"""Seconds of a quick evaluation against those of a full one, and beside lm-evaluation-harness.

    python -m paper_repro.quick_seconds [--device cpu] [--parts sizes,harness]

Untrained models (Llama's architecture) answer the anchors of item_banks/language_bank, then all its
items; after a first time that does not count, the median of several. Weights do not matter for
speed, but for this: an untrained model never ends a written answer, which makes both as slow as
they get. Then our runner and the harness answer the same requests with one model
(paper_repro/timing/beside_harness.py). Writes quick_seconds.md beside this file; a part that is not
measured stays on the page as it was.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from importlib.metadata import version
from pathlib import Path

from paper_repro.engine.markdown import lines_of
from paper_repro.timing import beside_harness
from paper_repro.timing.child import timed
from tinyeval import ItemBank
from tinyeval.training import QuickEval, bank_items

HERE = Path(__file__).parent
BANKS = HERE.parent / "item_banks"

SIZES = ((64, 2), (128, 2), (192, 3), (256, 6), (512, 8))
"""Width and depth."""

BESIDE = (256, 6)
"""Width and depth of the model that both runners ask."""

BATCH_SIZE = 16
"""The harness's; larger ones are slower on a processor."""

PARTS = {"sizes": "A quick evaluation and a full one", "harness": "Beside lm-evaluation-harness"}


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


def sizes(bank: ItemBank, device: str) -> str:
    """Time every size, and return the part of the page."""
    rows = [row(bank, width, depth, device) for width, depth in SIZES]
    head = ["weights", "seconds, anchors", "seconds, all items", "times as long"]
    text = (
        f"{len(bank.anchors)} anchors of {len(bank.items)} items; one thread; untrained models. "
        "The smallest spend their time between the layers, not in them, and gain less than the "
        f"{len(bank.items) / len(bank.anchors):.0f} times fewer items."
    )
    return f"{text}\n\n{lines_of(head, rows)}"


def harness(device: str, batch_tokens: int) -> str:
    """Time our runner and the harness's, and return the part of the page."""
    tokenizer = beside_harness.make_tokenizer()
    model = beside_harness.make_model(tokenizer, *BESIDE).to(device)
    rows = []
    for case in beside_harness.CASES:
        found = beside_harness.compare(case, model, tokenizer, BATCH_SIZE, batch_tokens)
        ratio = found.theirs / found.ours
        print(f"{case.name}: {found}, {ratio:.1f}", file=sys.stderr, flush=True)
        taken = [f"{found.ours:.2f}", f"{found.theirs:.2f}", f"{ratio:.1f}"]
        rows.append([case.name, str(case.items), str(found.tokens), *taken, found.apart])
    weights = sum(one.numel() for one in model.parameters())
    clock = "processor seconds" if device == "cpu" else "seconds"
    text = (
        f"An untrained Llama of {weights:,} weights in float32, one thread; texts of random words, "
        f"a token each; {clock}, the faster of two runs of each, in turn, tokenizing included. The "
        f"harness ({version('lm_eval')}, transformers {version('transformers')}) runs batches of "
        f"{BATCH_SIZE}; ours {batch_tokens:,} tokens. Written answers have "
        f"{beside_harness.CASES[-1].written} tokens. *apart*: the largest difference of two "
        "log-likelihoods. The harness too reads a prompt once where its choices are single tokens; "
        "there, and with one choice, what is left to gain are the examples that items share."
    )
    head = ["requests", "items", "tokens of a prompt", "ours", "harness", "times as long", "apart"]
    return f"{text}\n\n{lines_of(head, rows)}"


def old_parts(page: Path) -> dict[str, str]:
    """Return the parts of an earlier page by heading."""
    if not page.exists():
        return {}
    found = re.split(r"^## (.*)$", page.read_text(), flags=re.MULTILINE)[1:]
    return {name: text.strip() for name, text in zip(found[::2], found[1::2], strict=True)}


def main() -> None:
    """Time what was asked for and write the page."""
    import torch

    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--bank", type=Path, default=BANKS / "language_bank", help="with content")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--parts", default=",".join(PARTS), help="what to measure")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the page")
    given = parser.parse_args()
    torch.set_num_threads(1)
    page = given.out / "quick_seconds.md"
    texts = old_parts(page)
    measure = {
        "sizes": lambda: sizes(ItemBank.load(given.bank), given.device),
        "harness": lambda: harness(given.device, 4096 if given.device == "cpu" else 32768),
    }
    for part in given.parts.split(","):
        note = f"Command: `python -m paper_repro.quick_seconds --device {given.device}"
        note += f" --parts {part}`; {datetime.date.today()}."
        texts[PARTS[part]] = f"{measure[part]()}\n\n{note}"
    whole = ["# Seconds of a quick evaluation"]
    whole += [f"## {name}\n\n{texts[name]}" for name in PARTS.values() if name in texts]
    page.write_text("\n\n".join(whole) + "\n")


if __name__ == "__main__":
    main()
