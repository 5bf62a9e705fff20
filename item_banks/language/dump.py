"""Join the parts of the population into a results dump.

    python -m item_banks.language.dump

Writes ``responses.parquet`` (a row per checkpoint, a column per item), ``items.csv``,
``models.csv`` and ``content.parquet`` beside this file.
"""

from __future__ import annotations

import argparse
import csv
import io
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from item_banks.language.benchmark import TextItem, make_items
from item_banks.language.parts import Part, read_part
from item_banks.language.population import PARTS
from tinyeval import TinyEvalError
from tinyeval.atomic import write_file
from tinyeval.bank.codec import encode_content
from tinyeval.errors import DataError, examples

HERE = Path(__file__).parent
RUN = "run python -m item_banks.language.population"


def read_parts(folder: Path, items: Sequence[TextItem]) -> tuple[Part, ...]:
    """Return the parts of a folder, by name.

    Raises:
        DataError: no parts, or one that was asked other items.
    """
    parts = tuple(read_part(path)[0] for path in sorted(folder.glob("*.npz")))
    if not parts:
        raise DataError(f"{folder}: expected parts, found none; {RUN} first")
    asked = tuple(one.id for one in items)
    foreign = [part.run.name for part in parts if part.items != asked]
    if foreign:
        raise DataError(
            f"{folder}: {len(foreign)} runs answered other items than these {len(asked)}: "
            f"{examples(foreign)}; delete their parts and {RUN} again"
        )
    return parts


def model_rows(part: Part) -> list[dict[str, Any]]:
    """Return what is known of each checkpoint of a run."""
    run = part.run
    about = {"run": run.name, "architecture": run.architecture, "parameters": part.parameters}
    about |= {"width": run.width, "depth": run.depth, "learning_rate": run.learning_rate}
    about |= {"mix": run.mix.kind, "mix_seed": run.mix.seed, "noise": run.mix.noise}
    rows = zip(part.steps.tolist(), part.tokens.tolist(), part.loss.tolist(), strict=True)
    return [
        {"model": f"{run.name}-step{step}", "family": run.name, "step": step, "tokens": tokens}
        | {"loss": "" if math.isnan(loss) else round(loss, 4), **about, "seed": run.seed}
        for step, tokens, loss in rows
    ]


def write_dump(parts: Sequence[Part], items: Sequence[TextItem], out: Path) -> None:
    """Write the four files of the dump.

    Args:
        parts: of all runs, each with the answers to ``items`` in order.
        items: of the benchmark.
        out: folder.
    """
    models = [row for part in parts for row in model_rows(part)]
    scores = np.concatenate([part.scores for part in parts])
    columns = {"model": pa.array([row["model"] for row in models])}
    columns |= {one.id: pa.array(scores[:, k]) for k, one in enumerate(items)}
    sink = pa.BufferOutputStream()
    # without the statistics, which would outweigh the answers
    pq.write_table(pa.table(columns), sink, compression="zstd", write_statistics=False)
    about = [
        {"item": one.id, "benchmark": one.family, "level": one.level}
        | {"kind": "choice" if one.choices else "written"}
        for one in items
    ]
    content = {one.id: one.content for one in items}
    write_file(out / "responses.parquet", sink.getvalue().to_pybytes())
    write_file(out / "content.parquet", encode_content(content, list(content)))
    write_file(out / "items.csv", _csv(about))
    write_file(out / "models.csv", _csv(models))


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--parts", type=Path, default=PARTS, help="folder of the parts")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    given = parser.parse_args(arguments)
    items = make_items()
    try:
        parts = read_parts(given.parts, items)
        write_dump(parts, items, given.out)
    except TinyEvalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    checkpoints = sum(len(part.steps) for part in parts)
    print(f"{given.out}: {len(parts)} runs, {checkpoints} checkpoints", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
