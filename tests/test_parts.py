"""Parts: the same matrix by any number of processes, after any interruption, or the same error."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from test_import_lm_eval import results, row, rows, samples

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import read_results, write_results
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Run
from tinyeval.importers.parts import read_blocks
from tinyeval.responses import ResponseMatrix

N_MODELS = 5


def same(one: ResponseMatrix, other: ResponseMatrix) -> None:
    assert (one.models.ids, one.items.ids) == (other.models.ids, other.items.ids)
    np.testing.assert_array_equal(one.scores, other.scores)
    for mine, theirs in ((one.models, other.models), (one.items, other.items)):
        assert list(mine.columns) == list(theirs.columns)
        for name, values in mine.columns.items():
            np.testing.assert_array_equal(values, theirs.columns[name])


@pytest.fixture
def dump(tmp_path) -> Path:
    """Two tasks of five models: whole scores, graded ones, one missing, one cut short."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "dump"
    for k in range(N_MODELS):
        model = folder / f"m{k}"
        exact = rng.integers(0, 2, 7 - (k == 3)).astype(float).tolist()
        graded = [None if k == 2 else 0.25, *rng.random(3).round(3).tolist()]
        samples(model, "arc", rows("arc", exact))
        samples(model, "f1", rows("f1", graded, "f1"))
        results(model, f"org/m{k}", {"arc": 7, "f1": 4})
    return folder


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {one.name: (one.read_bytes(), one.stat().st_mtime_ns) for one in folder.iterdir()}


# --- the same matrix ----------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_the_matrix_is_the_same_with_parts_and_without(dump, tmp_path, jobs):
    plain = read_results(dump, partial=True)
    assert "partial" in plain.models.columns
    same(read_results(dump, partial=True, jobs=jobs, parts=tmp_path / "parts"), plain)
    before = files(tmp_path / "parts")
    assert len(before) >= 2 * N_MODELS
    same(read_results(dump, partial=True, jobs=jobs, parts=tmp_path / "parts"), plain)
    assert files(tmp_path / "parts") == before


@pytest.mark.slow
def test_processes_alone_leave_nothing_behind(dump, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    same(read_results(dump, partial=True, jobs=2), read_results(dump, partial=True))
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_tables_go_through_parts_too(tmp_path, suffix):
    rng = np.random.default_rng(1)
    paths = []
    for k in range(3):
        scores = np.where(rng.random((4, 6)) < 0.2, np.nan, rng.random((4, 6)).round(2))
        models = [f"m{k}{i}" for i in range(4)]
        matrix = ResponseMatrix.from_arrays(scores, models, [f"q{j}" for j in range(6)])
        weights = matrix.items.with_columns(weight=np.arange(6.0) + 1)
        paths.append(tmp_path / f"t{k}{suffix}")
        write_results(ResponseMatrix(matrix.scores, matrix.models, weights), paths[-1])
    same(read_results(paths, parts=tmp_path / "parts"), read_results(paths))
    same(read_results(paths, parts=tmp_path / "parts"), read_results(paths))


def test_a_long_table_keeps_its_notes(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("model,item,score,benchmark,cost\na,q0,1,x,2\na,q1,,y,\nb,q0,0,x,2\n")
    for _ in range(2):
        same(read_results(path, parts=tmp_path / "parts"), read_results(path))


def test_items_are_kept_once_for_all_models(dump, tmp_path):
    read_results(dump, partial=True, parts=tmp_path / "parts")
    layouts = [one for one in (tmp_path / "parts").iterdir() if one.suffix == ".layout"]
    assert len(layouts) == 3  # of each task, and of the one that was cut short


def test_repeats_are_the_same_with_parts(dump, tmp_path):
    samples(dump / "again", "arc", rows("arc", [0.5] * 7))
    results(dump / "again", "org/m0", {"arc": 7})
    with pytest.warns(UserWarning, match="2 runs were averaged"):
        plain = read_results(dump, partial=True)
    assert plain.trials is not None
    for _ in range(2):
        with pytest.warns(UserWarning, match="2 runs were averaged"):
            again = read_results(dump, partial=True, parts=tmp_path / "parts")
        same(again, plain)
        np.testing.assert_array_equal(again.trials, plain.trials)


# --- going on, and reading again ----------------------------------------------------------------


def made(folder: Path, before: dict[str, tuple[bytes, int]]) -> int:
    """Number of parts that were made since; the others are as they were, to their times."""
    return sum(
        one not in before.items() for one in files(folder).items() if one[0].endswith(".parquet")
    )


def test_what_was_read_is_not_read_again(dump, tmp_path):
    folder = tmp_path / "parts"
    read_results(dump, partial=True, parts=folder)
    assert made(folder, {}) == 2 * N_MODELS
    before = files(folder)
    samples(dump / "m9", "arc", rows("arc", [1.0] * 7))
    assert "m9" in read_results(dump, partial=True, parts=folder).models.ids
    assert made(folder, before) == 1


def test_an_error_half_way_keeps_what_was_read_before(dump, tmp_path):
    folder, broken = tmp_path / "parts", next((dump / "m2").glob("samples_arc*"))
    good = broken.read_text()
    broken.write_text(good[:-30])
    with pytest.raises(DataError, match="cut off"):
        read_results(dump, partial=True, parts=folder)
    before = files(folder)
    assert made(folder, {}) == 4
    broken.write_text(good)
    same(read_results(dump, partial=True, parts=folder), read_results(dump, partial=True))
    assert made(folder, before) == 6


def test_a_changed_file_is_read_again(dump, tmp_path):
    folder = tmp_path / "parts"
    read_results(dump, partial=True, parts=folder)
    before = files(folder)
    changed = samples(dump / "m1", "arc", rows("arc", [1.0] * 7))
    os.utime(changed, ns=(1, 1))
    same(read_results(dump, partial=True, parts=folder), read_results(dump, partial=True))
    assert made(folder, before) == 1


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_file_is_told_by_its_content_where_time_and_size_are_the_same(dump, tmp_path, place):
    path = next((dump / "m0").glob("samples_arc*"))
    about = path.stat()
    read_results(dump, partial=True, parts=tmp_path / "parts")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    one = lines[0 if place == "first" else -1]
    one["acc"] = 1.0 - one["acc"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (about.st_size, about.st_mtime_ns)
    again = read_results(dump, partial=True, parts=tmp_path / "parts")
    same(again, read_results(dump, partial=True))


@dataclass(frozen=True)
class Whatever:
    """A file of which a block has all that a block can have."""

    path: Path
    dense: bool

    def read(self) -> Block:
        items, run = ["q0", "q1", "q2"], Run("m", {"revision": "a"}, {"n-shot": "5"}, "2026-01-01")
        scores, trials = np.float32([1, 0.3]), np.array([2, 3], np.uint16)
        cells = np.array([2, 0])
        if self.dense:
            scores, trials = np.float32([[1, 0, np.nan]]), np.array([[2, 3, 0]], np.uint16)
        return Block(
            self.path,
            ["m"],
            items,
            scores,
            {"benchmark": dict.fromkeys(items, "arc")},
            {"org": {"m": "A"}},
            {"metric": "acc"},
            cells=None if self.dense else cells,
            trials=trials,
            run=run,
            sizes={"arc": 3},
            findings=(Finding("dropped", "things", 2, ("x", "y")),),
        )


@pytest.mark.parametrize("dense", [True, False])
def test_a_part_has_all_that_a_block_has(tmp_path, dense):
    path = tmp_path / "f"
    path.write_text("x")
    job = Whatever(path, dense)
    for _ in range(2):
        (found,) = read_blocks([job], Options(parts=tmp_path / "parts"))
        expected = job.read()
        for name in ("scores", "cells", "trials"):
            mine, theirs = getattr(found, name), getattr(expected, name)
            np.testing.assert_array_equal(mine, theirs)
            assert theirs is None or mine.dtype == theirs.dtype
        for name in ("source", "models", "items", "run", "sizes", "findings", "chosen"):
            assert getattr(found, name) == getattr(expected, name), name
        assert (found.item_notes, found.model_notes) == (expected.item_notes, expected.model_notes)


def test_the_working_directory_does_not_matter(dump, tmp_path, monkeypatch):
    read_results(dump, partial=True, parts=tmp_path / "parts")
    before = files(tmp_path / "parts")
    monkeypatch.chdir(dump.parent)
    same(read_results("dump", partial=True, parts="parts"), read_results(dump, partial=True))
    assert files(tmp_path / "parts") == before


def test_another_choice_reads_everything_again(tmp_path):
    for k in range(2):
        lines = [row("t", i, acc=float(k), acc_norm=1.0 - k) for i in range(3)]
        samples(tmp_path / "dump" / f"m{k}", "t", lines)
    for metric in ("acc", "acc_norm"):
        read = read_results(tmp_path / "dump", metric=metric, parts=tmp_path / "parts")
        same(read, read_results(tmp_path / "dump", metric=metric))


@pytest.mark.slow
def test_damaged_parts_are_made_again(dump, tmp_path):
    plain = read_results(dump, partial=True)
    read_results(dump, partial=True, parts=tmp_path / "parts")
    whole = {name: data for name, (data, _) in files(tmp_path / "parts").items()}
    rng = np.random.default_rng(0)
    for round_ in range(4):
        folder = tmp_path / f"parts{round_}"  # none of which is known from before
        folder.mkdir()
        for name, data in whole.items():
            cut = rng.integers(0, len(data))
            flipped = bytearray(data)
            flipped[cut] ^= 0xFF
            spoilt = [b"", data[:cut], bytes(flipped), b"PAR1" + data[::-1]][round_]
            (folder / name).write_bytes(spoilt)
        same(read_results(dump, partial=True, parts=folder), plain)
        same(read_results(dump, partial=True, parts=folder), plain)
    shutil.rmtree(folder)
    same(read_results(dump, partial=True, parts=folder), plain)


@pytest.mark.slow
def test_no_flipped_bit_of_a_part_goes_unnoticed(dump, tmp_path):
    source = next((dump / "m0").glob("samples_f1*"))
    plain = read_results(source, parts=tmp_path / "parts")
    part = next((tmp_path / "parts").glob("*.parquet"))
    good = part.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.permutation(len(good))[:400].tolist():
        spoilt = bytearray(good)
        spoilt[place] ^= 1 << int(rng.integers(8))
        part.write_bytes(spoilt)
        same(read_results(source, parts=tmp_path / "parts"), plain)


def test_a_part_without_its_layout_is_made_again(dump, tmp_path):
    read_results(dump, partial=True, parts=tmp_path / "parts")
    folder = tmp_path / "without"
    shutil.copytree(tmp_path / "parts", folder, ignore=shutil.ignore_patterns("*.layout"))
    same(read_results(dump, partial=True, parts=folder), read_results(dump, partial=True))
    assert len(list(folder.glob("*.layout"))) == 3


# --- the same errors ----------------------------------------------------------------------------


def spoil_hash(dump: Path) -> None:
    lines = rows("arc", [1.0] * 7)
    lines[2]["doc_hash"] = "another"
    samples(dump / "m4", "arc", lines)


def cut_off(dump: Path) -> None:
    path = next((dump / "m1").glob("samples_f1*"))
    path.write_text(path.read_text()[:-10])


def two_metrics(dump: Path) -> None:
    samples(dump / "m4", "arc", rows("arc", [1.0] * 7, "acc_norm"))


def empty(dump: Path) -> None:
    samples(dump / "m0", "arc", [])


def percent(dump: Path) -> None:
    samples(dump / "m4", "arc", rows("arc", [85.0] * 7))


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("spoil", [spoil_hash, cut_off, two_metrics, empty, percent])
def test_errors_are_the_same(dump, tmp_path, spoil, jobs):
    spoil(dump)
    with pytest.raises(DataError) as plain:
        read_results(dump, partial=True)
    for now in (jobs, 1):  # and again, by what the processes left
        with pytest.raises(DataError) as caught:
            read_results(dump, partial=True, jobs=now, parts=tmp_path / "parts")
        assert str(caught.value) == str(plain.value)


def test_no_jobs_are_refused(dump):
    with pytest.raises(ConfigError, match="expected one or more jobs, found 0"):
        read_results(dump, partial=True, jobs=0)


def test_a_folder_that_cannot_be_written_is_one_line(dump, tmp_path):
    (tmp_path / "parts").write_text("a file")
    with pytest.raises(DataError, match="parts cannot be written"):
        read_results(dump, partial=True, parts=tmp_path / "parts")


def test_a_file_that_goes_away_is_one_line(dump, tmp_path, monkeypatch):
    @dataclass(frozen=True)
    class Gone:
        path: Path = tmp_path / "gone.csv"

        def read(self) -> Block:
            raise AssertionError

    with pytest.raises(DataError, match=r"gone\.csv: cannot be read: No such file"):
        list(read_blocks([Gone()], Options(parts=tmp_path / "parts")))


@dataclass(frozen=True)
class Killed:
    """A file that ends the process which reads it, as want of memory does."""

    path: Path

    def read(self) -> Block:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


@pytest.mark.slow
def test_a_process_that_is_killed_is_one_line(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("x")
    with pytest.raises(DataError, match="fewer --jobs"):
        list(read_blocks([Killed(path)], Options(jobs=2, parts=tmp_path / "parts")))


# --- interrupted from outside -------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """A dump of 400 models, which takes some seconds to read."""
    dump = tmp_path_factory.mktemp("large")
    scores = np.random.default_rng(0).integers(0, 2, 250).astype(float).tolist()
    lines = samples(dump / "m0", "arc", rows("arc", scores))
    for k in range(1, 400):
        (dump / f"m{k}").mkdir()
        shutil.copy(lines, dump / f"m{k}")
    return dump


@pytest.fixture(scope="module")
def read_at_once(large) -> ResponseMatrix:
    return read_results(large)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_was_ended_goes_on(large, read_at_once, tmp_path, ending):
    dump, folder = large, tmp_path / "parts"
    command = [sys.executable, "-m", "tinyeval", "import", dump, "--out", tmp_path / "r.csv"]
    command += ["--jobs", "2", "--parts", folder]
    running = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heed_ctrl_c
    )
    try:
        while running.poll() is None and len(list(folder.glob("*.parquet"))) < 5:
            time.sleep(0.01)
        os.killpg(running.pid, ending) if ending == signal.SIGINT else running.kill()
        shown = running.communicate(timeout=60)[1]
    finally:
        running.kill()
    if ending == signal.SIGINT:
        assert (running.returncode, shown.strip()) == (130, "Interrupted.")
    assert not (tmp_path / "r.csv").exists()
    wait_for_the_end_of(running.pid)
    before = {one.name: one.stat().st_mtime_ns for one in folder.glob("*.parquet")}
    assert 5 <= len(before) < 400
    same(read_results(dump, partial=True, parts=folder), read_at_once)
    after = {one.name: one.stat().st_mtime_ns for one in folder.glob("*.parquet")}
    assert len(after) == 400
    assert {name: after[name] for name in before} == before


def heed_ctrl_c():
    """A background job of a script inherits that it ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for_the_end_of(session: int) -> None:
    """Processes of a killed import end by themselves."""
    for _ in range(1000):
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError("processes are left over")
