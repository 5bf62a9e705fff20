"""Damaged files of every format: read, or refused in one line; nothing warns, nothing is left."""

from __future__ import annotations

import gzip
import random
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import test_import_details as details
import test_import_every_eval_ever as every_eval_ever
import test_import_helm as helm
import test_import_inspect as inspect
import test_import_lm_eval as lm_eval
import test_import_opencompass as opencompass
from importing import MADE, write

from tinyeval.errors import TinyEvalError
from tinyeval.importers import FORMATS, import_results, write_results
from tinyeval.responses import ResponseMatrix

ROUNDS = 100
"""Damaged files of each format; a count, not a time, so that every machine reads the same ones."""

RESULTS = ResponseMatrix.from_arrays(
    np.random.default_rng(0).integers(0, 2, (6, 5)), [f"m{k}" for k in range(6)], list("abcde")
)


def arrow(folder: Path) -> None:
    table = pa.table({"model": RESULTS.models.ids, "q": RESULTS.scores[:, 0]})
    with pa.ipc.new_file(folder / "r.arrow", table.schema) as file:
        file.write_table(table)


def packed(folder: Path) -> None:
    (folder / "r.csv.gz").write_bytes(gzip.compress(b"model,item,score\na,q,1\nb,q,0\n"))


def workbook(folder: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["model", "q"], ["a", 1], ["b", 0]):
        book.active.append(row)
    book.save(folder / "r.xlsx")


def made(name: str) -> Callable[[Path], object]:
    place, content, lines = MADE[name]
    return lambda folder: write(folder / place, content, lines)


def table(suffix: str) -> Callable[[Path], object]:
    return lambda folder: write_results(RESULTS, folder / f"r{suffix}")


def json_table(folder: Path) -> None:
    write(folder / "r.json", {"a": {"q": 1, "r": 0}, "b": {"q": 0, "r": 0.5}})
    write(folder / "r.jsonl", [{"model": "a", "item": "q", "score": 1}] * 1, lines=True)


def lighteval(folder: Path) -> None:
    details.results(folder / "results" / "m" / f"results_{details.DATE}.json", "m")
    rows = details.lighteval_rows(details.PLAIN, [1, 0, None])
    details.details(folder / "details" / "m", "gsm8k|0", rows)


def leaderboard(folder: Path) -> None:
    for shape, marks in ((details.nested, [0, 1]), (details.text, [1, 0])):
        rows = [shape(k, mark, mark) for k, mark in enumerate(marks)]
        details.details(folder / f"details_org__{shape.__name__}", details.ARC, rows)


def leaderboard2(suffix: str) -> Callable[[Path], object]:
    rows = [details.lm_eval_row(k, acc=0.0, acc_norm=float(k % 2)) for k in range(3)]

    def make(folder: Path) -> None:
        place = folder / "org__m-details" / "org__m" / f"samples_{details.BBH}_{details.DATE}"
        if suffix == ".json":
            write(place.with_name(place.name + suffix), rows, lines=True)
        else:
            details.parquet(place.parent / details.BBH / "latest" / "0000.parquet", rows)

    return make


GOOD: dict[str, Callable[[Path], object]] = {
    **{name: made(name) for name in MADE},
    **{f"table {suffix}": table(suffix) for suffix in (".csv", ".parquet", ".npz")},
    "table .arrow": arrow,
    "table .gz": packed,
    "table .xlsx": workbook,
    "table .json": json_table,
    "helm": lambda folder: helm.run_folder(folder, helm.RUN, helm.RECORDS, "org/m"),
    "inspect": lambda folder: inspect.write_eval(
        folder / "log.eval", inspect.header(), inspect.MIXED
    ),
    "inspect .json": lambda folder: inspect.write_json(
        folder / "log.json", inspect.header(), inspect.MIXED
    ),
    "lighteval": lighteval,
    "open_llm_leaderboard": leaderboard,
    "open_llm_leaderboard2": leaderboard2(".parquet"),
    "open_llm_leaderboard2 .json": leaderboard2(".json"),
    "every_eval_ever": lambda folder: every_eval_ever.write(folder, every_eval_ever.LINES),
    "lm_eval": lambda folder: lm_eval.samples(folder, "arc", lm_eval.rows("arc", [1, 0])),
    "opencompass": lambda folder: opencompass.write(
        folder, "gsm8k", {"details": {"0": opencompass.answer(correct=True)}}
    ),
}
"""Format, and what makes a small valid file of it below a folder."""

GRAMMAR = [b"[", b"{", b'"', b",", b"\n", b"\r", b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"NaN",
           b"1e999", b"9" * 5000, b"-", b"null", b"true", b"\x1b[2J", b"[" * 3000]  # fmt: skip


def damage(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with a few flipped, cut out, doubled, or replaced by what grammars know."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5])):
        k = rng.randrange(len(changed) + 1)
        n = rng.choice([1, 1, 4, 40])
        kind = rng.randrange(5)
        if kind == 0 and k < len(changed):
            changed[k] = rng.randrange(256)
        elif kind == 1:
            del changed[k : k + n]
        elif kind == 2:
            changed[k:k] = changed[k : k + n]
        elif kind == 3:
            changed[k : k + len(rng.choice(GRAMMAR))] = rng.choice(GRAMMAR)
        elif rng.random() < 0.3:
            del changed[k:]
    return bytes(changed)


def damage_member(data: bytes, path: Path, rng: random.Random) -> bytes:
    """Damage a member of an archive and pack it anew, so that checksums fit."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(members))
    members[name] = damage(members[name], rng)
    target = path.with_name(path.name + ".new")
    with zipfile.ZipFile(target, "w") as archive:
        for one, content in members.items():
            archive.writestr(one, content)
    data = target.read_bytes()
    target.unlink()
    return data


def read(folder: Path, form: str | None) -> str:
    """Read a folder; what is said where it is refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            import_results(folder, format=form, metric=None)
    except TinyEvalError as error:
        return str(error)
    return ""


def test_every_format_is_damaged():
    assert not set(FORMATS) - {name.split()[0] for name in GOOD}


@pytest.mark.slow
@pytest.mark.parametrize("name", GOOD)
def test_whatever_is_damaged_is_read_or_refused_in_one_line(tmp_path, name):
    place = tmp_path / "data"
    place.mkdir()
    GOOD[name](place)
    files = sorted(one for one in place.rglob("*") if one.is_file())
    good = {one: one.read_bytes() for one in files}
    rng, refusals = random.Random(name), 0
    for rounds in range(ROUNDS):
        path = rng.choice(files)
        if zipfile.is_zipfile(path) and rng.random() < 0.7:
            data = damage_member(good[path], path, rng)
        else:
            data = damage(good[path], rng)
        path.write_bytes(data)
        message = read(place, rng.choice([None, name.split()[0]]))
        refusals += bool(message)
        kept = f"round {rounds}: {message[:300]!r}"
        assert "\n" not in message, kept
        assert len(message) < 2000, kept
        assert {one for one in place.rglob("*") if one.is_file()} == set(files), kept
        path.write_bytes(good[path])
    assert refusals
    shutil.rmtree(place)
