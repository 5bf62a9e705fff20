"""Make the bank of small text items: 60 anchors of 2,520, shipped with every item's text.

    python -m item_banks.make_language

Built from the dump in ``language`` beside this file, which ``language/population.py`` and
``language/dump.py`` make, by the recipe ``within_range``; ``language/README.md`` says why.  Written
answers take a model longer than choices, so there are no more of them among the anchors than among
all items.  The intervals are for checkpoints of new runs: calibration holds out whole runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import tinyeval
from tinyeval.bank.codec import decode_content
from tinyeval.importers import import_results

HERE = Path(__file__).parent
RECIPE = HERE.parent / "configs" / "within_range.yaml"
ORIGIN = (
    "checkpoints of small transformers that were trained from nothing on text made by program; "
    "item_banks/language"
)
NOTE = """\
`content.parquet` holds every item: `prompt`, `gold` and, where the answer is to be chosen,
`choices`; else `stop`. A model's choice is the one with the largest log-likelihood; a written
answer must be right to the letter: `tinyeval.training.CausalLM` asks so. The models of the history
share one small tokenizer and learned from nothing but such items: other models are of another
kind."""
LICENCE = "Apache-2.0 (made by program, as item_banks/language/benchmark.py does)"


def make_bank(dump: Path, anchors: int) -> tinyeval.ItemBank:
    """Return the bank of a dump, with the items' content."""
    responses = import_results(dump / "responses.parquet").responses
    recipe = tinyeval.load_settings(RECIPE)
    kinds = responses.items.column("kind")
    written = round(anchors * float((kinds == "written").mean()))
    quotas = {"by": "kind", "anchors": {"choice": anchors - written, "written": written}}
    settings = recipe.replace(items=anchors, quotas=quotas, interval={"groups": "family"})
    bank = tinyeval.build(responses, settings=settings, name="language", source=ORIGIN)
    content = decode_content((dump / "content.parquet").read_bytes())
    notes = {"note": NOTE, "content_licence": LICENCE}
    return replace(bank, content=content, source={**bank.source, **notes})


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the bank and write it."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--dump", type=Path, default=HERE / "language", help="folder of the dump")
    parser.add_argument("--items", type=int, default=60, help="number of anchors")
    parser.add_argument("--out", type=Path, default=HERE / "language_bank")
    given = parser.parse_args(arguments)
    try:
        digest = make_bank(given.dump, given.items).save(given.out, overwrite=True)
    except tinyeval.TinyEvalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{given.out}: {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
