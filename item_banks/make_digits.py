"""Make the bank of the digits: 50 anchors of 900 images, shipped with the images themselves.

    python -m item_banks.make_digits

Built from ``digits_dump`` beside this file; anyone can answer the anchors with a classifier of
their own, see ``digits_dump/README.md``.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

import tinyeval

HERE = Path(__file__).parent
ORIGIN = (
    "331 scikit-learn classifiers on held-out, damaged images of the digits that scikit-learn "
    "carries (UCI optical recognition of handwritten digits, CC BY 4.0); item_banks/digits_dump"
)
NOTE = """\
`content.parquet` holds every image as 64 numbers from 0 to 16, row by row, and its label; an answer
scores 1 where the model names the digit, else 0."""

LICENCE = "CC BY 4.0 (UCI optical recognition of handwritten digits)"


def main() -> None:
    """Build the bank, add the images, and write it."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "digits", help="folder of the bank")
    out: Path = parser.parse_args().out
    responses = tinyeval.read_results(HERE / "digits_dump" / "responses.parquet")
    bank = tinyeval.build(responses, items=50, name="digits", source=ORIGIN)
    images = pq.read_table(HERE / "digits_dump" / "content.parquet").to_pylist()
    content = {one.pop("item"): one for one in images}
    notes = {"note": NOTE, "content_licence": LICENCE}
    bank = replace(bank, content=content, source={**bank.source, **notes})
    digest = bank.save(out, overwrite=True)
    print(f"{out}: {digest}")


if __name__ == "__main__":
    main()
