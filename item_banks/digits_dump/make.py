"""Make the digits dump: real answers of some 300 small classifiers to 900 images, no download.

Every model of ``classifiers.py`` is trained and asked every item of ``images.py``; a score is 1
where it names the digit, else 0.  Models whose answers equal another's are dropped.

    python -m item_banks.digits_dump.make [--out FOLDER]

A run that is stopped goes on where it was: its answers are kept in a partial file.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from item_banks.digits_dump.classifiers import Model, zoo
from item_banks.digits_dump.images import pool_and_items, seeded
from tinyeval import ResponseMatrix
from tinyeval.errors import DataError, examples

HERE = Path(__file__).parent

NEWCOMER = Model("svm-rbf-C10", 320, view="blurred", drill="all", repeat=99)
"""A model that is not in the dump."""


def answer(items: Sequence[str], model: Model = NEWCOMER) -> NDArray[np.float64]:
    """Let a model answer items by id: all that an evaluation has to do.

    Args:
        items: ids, each in ``content.parquet``.
        model: who answers; trained on the spot.

    Returns:
        Scores, 1.0 where the digit is named and else 0.0, shape (items,).

    Raises:
        DataError: an id that ``content.parquet`` lacks.
    """
    content = pq.read_table(HERE / "content.parquet")
    row = {item: k for k, item in enumerate(content["item"].to_pylist())}
    unknown = [item for item in items if item not in row]
    if unknown:
        raise DataError(
            f"{len(unknown)} of the items asked for are not in {HERE / 'content.parquet'}: "
            f"{examples(unknown)}; ask for ids of its column 'item'"
        )
    asked = content.take([row[item] for item in items])
    pixels = np.array(asked["pixels"].to_pylist(), dtype=np.uint8).reshape(-1, 8, 8)
    right = np.asarray(model.train()(pixels) == asked["label"].to_numpy())
    return right.astype(np.float64)


def answers(models: Iterable[Model], partial: Path) -> Iterator[tuple[str, list[int]]]:
    """Train and ask every model, adding to the answers in ``partial`` and reusing those there."""
    items = pool_and_items()[2]
    images, labels = np.stack([one.pixels for one in items]), np.array([one.label for one in items])
    lines = partial.read_text().splitlines(keepends=True) if partial.exists() else []
    # A run that was stopped may have left half a line at the end.
    whole = [line for line in lines if line.endswith("\n")]
    done: dict[str, list[int]] = dict(json.loads(line) for line in whole)
    partial.write_text("".join(whole))
    with partial.open("a") as file:
        for model in models:
            if model.name not in done:
                done[model.name] = (model.train()(images) == labels).astype(int).tolist()
                file.write(json.dumps([model.name, done[model.name]]) + "\n")
                file.flush()
            yield model.name, done[model.name]


def write_parquet(path: Path, columns: dict[str, pa.Array]) -> None:
    """Write columns compressed, without the statistics that would outweigh them."""
    pq.write_table(pa.table(columns), path, compression="zstd", write_statistics=False)


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows that share their keys."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write(responses: ResponseMatrix, out: Path) -> None:
    """Write the answers, the tables of models and items, and the items' content."""
    items, kept = pool_and_items()[2], set(responses.models.ids)
    scores = responses.scores.astype(np.uint8)
    asked = {one: pa.array(scores[:, k]) for k, one in enumerate(responses.items.ids)}
    content = {
        "item": pa.array([one.id for one in items]),
        "pixels": pa.array([one.pixels.ravel() for one in items], pa.list_(pa.uint8())),
        "label": pa.array([one.label for one in items], pa.uint8()),
    }
    about_items = [
        {"item": one.id, "benchmark": "digits", "subject": f"digit {one.label}"}
        | {"form": one.form, "strength": one.strength}
        for one in items
    ]
    about_models = [
        {"model": one.name, "family": one.learner.split("-")[0], **asdict(one)}
        for one in zoo()
        if one.name in kept
    ]
    write_parquet(out / "responses.parquet", {"model": pa.array(responses.models.ids), **asked})
    write_parquet(out / "content.parquet", content)
    write_csv(out / "items.csv", about_items)
    write_csv(out / "models.csv", about_models)


def figures(responses: ResponseMatrix) -> dict[str, float]:
    """Return what README.md says of the answers, reliability and error from 500 random draws."""
    scores = responses.scores.astype(np.float64)
    means, item_means = scores.mean(axis=1), scores.mean(axis=0)
    rng = seeded("figures")
    errors, halves = [], []
    for _ in range(500):
        order = rng.permutation(responses.n_items)
        errors.append(np.abs(scores[:, order[:100]].mean(axis=1) - means).mean())
        half, other = np.array_split(order, 2)
        pair = scores[:, half].mean(axis=1), scores[:, other].mean(axis=1)
        halves.append(np.corrcoef(*pair)[0, 1])
    return {
        "models": responses.n_models,
        "items": responses.n_items,
        "mean score": means.mean(),
        "standard deviation over models": means.std(),
        "weakest model": means.min(),
        "strongest model": means.max(),
        "hardest item": item_means.min(),
        "easiest item": item_means.max(),
        "error of the mean of 100 random items": float(np.mean(errors)),
        "correlation of random halves": float(np.mean(halves)),
    }


def main() -> None:
    """Make the dump in a folder, going on where an earlier run stopped."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    # Answers of another version of these scripts are not to be reused.
    code = b"".join(path.read_bytes() for path in sorted(HERE.glob("*.py")))
    partial = out / f".partial-{hashlib.sha256(code).hexdigest()[:12]}.jsonl"
    rows = dict(answers(tqdm(zoo(), unit="model"), partial))
    ids = [one.id for one in pool_and_items()[2]]
    every = ResponseMatrix.from_arrays(np.array(list(rows.values())), rows, ids)
    responses, dropped = every.drop_duplicates()
    write(responses, out)
    for done in out.glob(".partial-*.jsonl"):
        done.unlink()
    tqdm.write(f"dropped as duplicates: {', '.join(dropped) or 'none'}", file=sys.stderr)
    for name, value in figures(responses).items():
        tqdm.write(f"{name}: {value:.4g}", file=sys.stderr)


if __name__ == "__main__":
    main()
