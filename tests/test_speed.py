"""``paper_repro/speed.py``: simulated answers, processes that are timed, slopes, the page."""

import csv
import io
import json
import math
import subprocess
import sys
import time
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_repro import speed
from paper_repro.timing import (
    answers,
    bounds,
    cells,
    child,
    figures,
    growth,
    pages,
    rivals,
    runs,
    samples,
)
from tinyeval.errors import ConfigError
from tinyeval.importers import read_results

ROOT = Path(__file__).parent.parent
Cell, Size = cells.Cell, answers.Size
TINY = Size(30, 120)


# --- answers ------------------------------------------------------------------------------------


def codes_of(folder, size, seed=0, **options):
    answers.simulate(folder / "codes.npy", size, seed, **options)
    return np.array(answers.open_codes(folder / "codes.npy"))


def test_answers_are_the_same_whatever_the_blocks(tmp_path):
    size = Size(50, 70, missing=0.1)
    whole = codes_of(tmp_path, size)
    assert (codes_of(tmp_path, size, at_once=100) == whole).all()
    assert (codes_of(tmp_path, size, seed=1) != whole).mean() > 0.3
    assert not list(tmp_path.glob("*.part"))


def test_shares_of_hidden_and_missing_answers_are_as_asked(tmp_path):
    codes = codes_of(tmp_path, Size(300, 400, missing=0.05))
    assert set(np.unique(codes)) == {0, 1, 2, 3, 255}
    gone = codes == answers.MISSING
    assert gone.mean() == pytest.approx(0.05, abs=0.005)
    assert (codes[~gone] >= answers.HIDDEN).mean() == pytest.approx(0.1, abs=0.005)
    assert not (codes_of(tmp_path, TINY) == answers.MISSING).any()


def test_answers_follow_the_model(tmp_path):
    size = Size(400, 500)
    codes = codes_of(tmp_path, size)
    ability, slopes, intercept = answers.parameters(size)
    assert slopes.shape == (500, 4)
    chance = 1 / (1 + np.exp(-(ability.astype(float) @ slopes.T + intercept)))
    right = codes & 1
    for low in np.arange(0, 1, 0.1):
        inside = (chance >= low) & (chance < low + 0.1)
        assert right[inside].mean() == pytest.approx(chance[inside].mean(), abs=0.02)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 500))
def test_row_blocks_cut_all_rows_once(rows, columns, at_once):
    found = [k for cut in answers.row_blocks((rows, columns), at_once) for k in range(rows)[cut]]
    assert found == list(range(rows))


def test_scores_hide_what_is_hidden(tmp_path):
    codes = codes_of(tmp_path, Size(40, 50, missing=0.2))
    every, seen = answers.scores_of(codes, hide=False), answers.scores_of(codes, hide=True)
    assert (np.isnan(every) == (codes == 255)).all()
    assert (np.isnan(seen) == (codes >= 2)).all()
    known = ~np.isnan(seen)
    assert (seen[known] == codes[known]).all()
    assert every.dtype == np.float32


def test_held_out_is_the_mean_log_likelihood_of_the_hidden_answers(tmp_path):
    size = Size(60, 80, missing=0.1)
    codes = codes_of(tmp_path, size)
    ability, slopes, intercept = answers.parameters(size)
    total = []
    for m, i in zip(*np.nonzero((codes == 2) | (codes == 3)), strict=True):
        p = 1 / (1 + math.exp(-(float(ability[m] @ slopes[i]) + float(intercept[i]))))
        total.append(math.log(p if codes[m, i] == 3 else 1 - p))
    assert len(total) > 300
    found = answers.held_out(codes, ability, slopes, intercept)
    assert found == pytest.approx(np.mean(total), abs=1e-5)
    coin = answers.held_out(codes, 0 * ability, slopes, 0 * intercept)
    assert coin == pytest.approx(-math.log(2))
    assert found > coin


def test_real_answers_are_kept(tmp_path):
    scores = np.random.default_rng(0).integers(0, 2, (50, 60)).astype(np.float32)
    scores[:, 3] = np.nan
    answers.write_scores(tmp_path / "real.npy", scores)
    codes = answers.open_codes(tmp_path / "real.npy")
    np.testing.assert_array_equal(answers.scores_of(codes, hide=False), scores)
    assert 0.05 < np.isnan(answers.scores_of(codes[:, :3], hide=True)).mean() < 0.2


# --- slopes and bounds --------------------------------------------------------------------------


@given(st.floats(0.2, 3), st.floats(1e-3, 10))
def test_the_slope_of_a_power_law_is_its_power(power, factor):
    sizes = [1e5, 1e6, 1e7, 1e8]
    seconds = [factor * size**power for size in sizes]
    assert growth.slope(sizes, seconds) == pytest.approx(power)
    assert growth.last_slope(sizes[::-1], seconds[::-1]) == pytest.approx(power)


def test_the_last_slope_leaves_out_what_does_not_grow():
    sizes = [1e5, 1e6, 1e7, 1e8]
    seconds = [1 + 1e-6 * size for size in sizes]
    assert growth.slope(sizes, seconds) < 0.8
    assert growth.last_slope(sizes, seconds) == pytest.approx(math.log10(101 / 11))
    assert math.isnan(growth.slope([1e5], [1.0]))


def test_the_bound_counts_bytes_sigmoids_and_products():
    rates = {"read": 1e9, "copy": 2e9, "sigmoid": 1e8}
    rates |= {"logits": 1e9, "gradients": 2e9, "hessians": 4e9}
    found = bounds.bound(1000, 2, rates)
    assert found["reading"] == pytest.approx(1000 / 2e9)
    assert found["sigmoids"] == pytest.approx(1000 * 2 / 1e8)
    # two factors and an intercept: 3 pairs of abilities, 6 of items
    expected = 1000 * (2 * 4 / 1e9 + 2 * (2 + 3) / 2e9 + 2 * (3 + 6) / 4e9)
    assert found["products"] == pytest.approx(expected)


# --- the plan -----------------------------------------------------------------------------------


def test_every_cell_has_a_file_of_its_own():
    every = {cell for part in cells.parts(True, True).values() for cell in part}
    names = {(cell.who, cell.step, cell.stem) for cell in every}
    assert len(names) == len(every) > 100


def test_growth_spans_three_decades_of_answers():
    for line in cells.GROWTH.values():
        assert [size.answers for size in line] == [10**5, 10**6, 10**7, 10**8]


def test_huge_and_real_sizes_are_measured_only_if_asked():
    sizes = {c.size for part in cells.parts(False, False).values() for c in part}
    assert cells.HUGE not in sizes
    assert cells.REAL not in sizes
    assert max(size.answers for size in sizes) == round(5_000 * 28_632 * 0.95)


# --- measuring ----------------------------------------------------------------------------------


def do_here(command, environment, limit):
    """Do in this process what a process of its own is to do."""
    *_, module, job, out = command
    work = getattr(import_module(module), module.rpartition(".")[2])
    child.do(work, json.loads(job), Path(out))


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    """A runner that has the answers of ``TINY``, and a folder of environments."""
    folder = tmp_path_factory.mktemp("results")
    found = runs.Runner(folder, threads=1, venvs=folder / "venvs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "run", do_here)
        found.codes(TINY)
    return found


@pytest.fixture(scope="module")
def steps():
    """Every step at a tiny size: those of a fit of four dimensions, and those of a build."""
    every = [replace(cell, number=min(cell.number, 40)) for cell in cells.steps_of(TINY)]
    return [*every[:3], every[4], every[-2]]


@pytest.fixture(scope="module")
def said(runner, steps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "run", do_here)
        return [runner.measure(cell) for cell in steps]


def check(found, cell):
    assert 0 < found["seconds"] < 60
    assert 2**24 < found["peak"] < 2**34
    assert found["cpu"] > 0
    assert found["cell"] == asdict(cell)


@pytest.mark.slow
def test_every_step_is_measured(runner, steps, said):
    for cell, text in zip(steps, said, strict=True):
        found = runner.get(cell)
        assert found is not None, text
        check(found, cell)
    fitted = runner.get(steps[0])
    assert fitted["dimensions"] == 4
    assert fitted["sweeps"] >= 1
    assert 0 < fitted["sweep_seconds"] < 60


@pytest.mark.slow
def test_what_is_known_is_not_measured_again(runner, steps, said, monkeypatch):
    monkeypatch.setattr(runs, "run", None)
    assert {runner.measure(cell) for cell in steps} == {"known"}


@pytest.mark.slow
def test_a_damaged_result_is_not_known(runner, steps, said):
    path = runner.path(steps[0])
    text = path.read_text()
    path.write_text(text[:-20])
    assert runner.get(steps[0]) is None
    path.write_text(text)


@pytest.mark.slow
def test_a_step_runs_in_a_process_of_its_own(runner):
    cell = Cell("tinyeval", "fit", TINY, dimensions=1, hide=True)
    runner.measure(cell)
    found = runner.get(cell)
    check(found, cell)
    assert found["process"] > found["seconds"]
    assert -math.log(2) - 0.2 < found["held_out"] < -0.3


@pytest.mark.slow
def test_the_command_line_of_tinyeval_is_measured(runner, said):
    cell = Cell("tinyeval", "command", TINY)
    runner.measure(cell)
    check(runner.get(cell), cell)
    assert runner.get(cell)["peaks"] == [runner.get(cell)["peak"]]


@pytest.mark.slow
def test_answers_are_written_by_a_process_of_their_own(tmp_path, runner):
    codes = answers.open_codes(runs.Runner(tmp_path).codes(TINY))
    assert (codes == answers.open_codes(runner.codes(TINY))).all()


@pytest.fixture
def rival(runner):
    """Put a script in the place of girth's Python."""
    python = rivals.python_of("girth", runner.venvs)
    python.parent.mkdir(parents=True, exist_ok=True)

    def put(text):
        python.write_text(f"#!/bin/sh\n{text}\n")
        python.chmod(0o755)

    return put


@pytest.mark.slow
def test_a_process_that_takes_too_long_is_stopped_and_tried_again_with_more_time(runner, rival):
    rival("sleep 60")
    cell = Cell("girth", "fit", TINY)
    hasty = replace(runner, limit=0.05)
    assert hasty.measure(cell) == "stopped after 0.05 s"
    assert hasty.get(cell) == {"over": 0.05, "cell": asdict(cell)}
    assert figures.note(hasty, cell) == "over 0.05 s"
    assert replace(hasty, limit=0.01).get(cell) is not None
    assert runner.get(cell) is None


@pytest.mark.slow
def test_a_failure_is_told(runner, rival):
    rival("echo 'ValueError: no such model' >&2; echo later >&2; exit 3")
    cell = Cell("girth", "fit", TINY, "another")
    assert runner.measure(cell) == "ValueError: no such model"
    assert figures.note(runner, cell) == "failed: ValueError: no such model"


def test_what_needs_a_failed_cell_is_left_out(tmp_path):
    runner = runs.Runner(tmp_path)
    later = Cell("tinyeval", "predict", TINY)
    runs.write_file(runner.path(later.needs[0]), json.dumps({"error": "x"}).encode())
    assert runner.measure(later).startswith("left out: it needs tinyeval build")


def test_a_recipe_that_is_not_there_is_an_error():
    work = import_module("paper_repro.timing.work")  # it loads torch
    job = {"variant": "no_such_recipe", "anchors": 5, "device": "cpu", "dimensions": 1}
    with pytest.raises(ConfigError, match="no_such_recipe"):
        work.settings_of(job)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Traceback\nValueError: no\n====\n", "ValueError: no"),
        ("one\nError: two\nlater\n", "Error: two"),
        ("only words\n----\n", "only words"),
        ("", ""),
    ],
)
def test_the_reason_of_a_failure_is_its_last_error(text, expected):
    assert runs.reason(text) == expected


def test_what_cannot_be_measured_here_is_left_out(tmp_path):
    runner = runs.Runner(tmp_path)
    assert runner.measure(Cell("girth", "fit", TINY)) == "left out: no --venvs"
    assert runner.measure(Cell("tinyeval", "fit", cells.REAL)) == "left out: no --data"


def test_rivals_run_in_environments_of_their_own(tmp_path):
    assert rivals.python_of("tinyeval", tmp_path) == Path(sys.executable)
    assert rivals.python_of("py_irt", tmp_path) == tmp_path / "py_irt" / "bin" / "python"
    runner = runs.Runner(tmp_path, venvs=tmp_path, threads=2)
    cell = Cell("girth", "fit", TINY)
    command = runner.command(cell, {}, tmp_path / "out")
    assert command[:3] == [str(tmp_path / "girth/bin/python"), "-m", "paper_repro.timing.fit_girth"]
    assert runner.environment(cell)["PYTHONPATH"] == str(ROOT)


def test_two_processes_share_the_threads(tmp_path):
    runner = runs.Runner(tmp_path, threads=2)
    cell = Cell("tinyeval", "processes", TINY, number=2)
    assert runner.environment(cell)["OMP_NUM_THREADS"] == "1"
    assert runner.environment(replace(cell, number=1))["OMP_NUM_THREADS"] == "2"
    job = {"needs": [str(tmp_path)], "artifact": str(tmp_path)}
    text = " ".join(runner.command(cell, job, tmp_path / "out"))
    assert "-m torch.distributed.run --standalone --nproc-per-node=2 -m paper_repro.timing." in text
    assert "torch" not in " ".join(runner.command(replace(cell, number=1), job, tmp_path / "out"))


@pytest.fixture
def dump(tmp_path):
    """Samples of 3 models on 250 items, 10 % of them not asked, and their codes."""
    codes = codes_of(tmp_path, Size(3, 250, missing=0.1))
    return samples.write_samples(tmp_path / "dump", codes), codes, tmp_path / "dump"


def test_samples_are_read_back_as_they_were_answered(dump):
    written, codes, folder = dump
    read = read_results(folder, metric="acc", partial=True)
    files = list(folder.rglob("samples_*.jsonl"))
    assert len(files) == 3 * samples.tasks_of(250) == 9
    assert written == sum(one.stat().st_size for one in files)
    ids = [f"task_{k // 100:03d}/{k % 100}" for k in range(250)]
    scores = read.select([f"org/model-{k:04d}" for k in range(3)], ids).scores
    np.testing.assert_array_equal(scores, answers.scores_of(codes, hide=False))
    one = json.loads(files[0].read_text().splitlines()[0])
    assert 1_000 < len(json.dumps(one)) < 3_000


def test_an_import_is_a_command_of_its_own(tmp_path):
    runner = runs.Runner(tmp_path)
    cell = Cell("tinyeval", "import", TINY, number=2)
    assert cell.needs == (Cell("tinyeval", "samples", TINY),)
    job = {"needs": [str(tmp_path / "s")], "artifact": str(tmp_path / "0.05-2")}
    command = runner.command(cell, job, tmp_path / "out")
    assert command[command.index("--jobs") + 1] == "2"
    assert command[-1] == str(tmp_path / "0.05-2.parquet")
    assert {
        c.size.models * samples.tasks_of(c.size.items) for c in cells.parts(False, False)["imports"]
    } == {2000}


def test_the_page_tells_how_much_was_read(tmp_path):
    runner = runs.Runner(tmp_path)
    cell = Cell("tinyeval", "import", Size(10, 20_000))
    for one, found in (
        (cell, {"seconds": 4.0, "peak": 3 * 2**20}),
        (cell.needs[0], {"seconds": 0.0, "written": 100 * 2**20}),
    ):
        runs.write_file(runner.path(one), json.dumps(found).encode())
    row = pages.imports(runner, [cell]).splitlines()[-1]
    assert row == "| 2,000 | 10 x 20,000 | 100 | 1 | 4 | 0.05 | 25 | 3 |"


def test_the_peak_of_a_process_is_at_least_what_it_holds():
    before = child.peak_bytes()
    held = np.ones(2**24)
    assert child.peak_bytes() >= max(before, held.nbytes)


@pytest.mark.skipif(not child.own_bytes(), reason="only Linux tells shared memory apart")
def test_a_watch_sees_what_a_process_holds_for_a_while():
    watch = child.Watch(0.01)
    watch.start()
    before, held = child.own_bytes(), np.ones(2**24)
    wanted, end = before + 0.9 * held.nbytes, time.monotonic() + 60
    while watch.own < wanted and time.monotonic() < end:
        time.sleep(0.01)
    assert watch.own >= wanted


def test_quick_steps_are_done_several_times():
    done = []
    assert child.timed(lambda: done.append(0) or 7)[0] == 7
    assert len(done) == child.MOST_RUNS
    done.clear()
    child.timed(lambda: done.append(time.sleep(0.05)))
    assert len(done) == child.RUNS


@pytest.mark.slow
def test_a_process_fails_before_the_machine_does():
    code = "from paper_repro.timing.child import spare_memory; spare_memory(); import numpy; "
    code += f"numpy.ones({2**40})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert figures.brief(f"failed: {runs.reason(done.stderr)}") == "not enough memory"


# --- expectations -------------------------------------------------------------------------------


def put(runner, cell, **found):
    runs.write_file(runner.path(cell), json.dumps({**found, "cell": asdict(cell)}).encode())


def test_seconds_are_expected_on_a_line(tmp_path):
    runner = runs.Runner(tmp_path)
    fit = Cell("girth", "fit", Size(100, 100))
    target = replace(fit, size=Size(1000, 1000))
    assert runner.expected(target) is None
    put(runner, fit, seconds=2.0)
    assert runner.expected(target) == pytest.approx(200)
    put(runner, replace(fit, size=Size(200, 100)), seconds=3.0)
    assert runner.expected(target) == pytest.approx(3 + 98)
    put(runner, replace(fit, size=Size(100, 200)), seconds=3.0)
    put(runner, replace(fit, size=Size(900, 1000), variant="other"), seconds=1e6)
    put(runner, replace(fit, size=Size(10, 10_000)), seconds=1e6)
    assert runner.expected(target) == pytest.approx(101)
    assert figures.note(replace(runner, limit=10.0), target) == "about 101 s"
    assert figures.note(runner, target) == ""


def test_predictions_are_not_expected_to_grow(tmp_path):
    runner = runs.Runner(tmp_path)
    cell = Cell("tinyeval", "predict", Size(100, 100))
    put(runner, cell, seconds=2.0)
    assert runner.expected(replace(cell, size=cells.HUGE)) == 2.0


def test_a_hopeless_cell_is_left_out(tmp_path):
    runner = runs.Runner(tmp_path, limit=30.0, venvs=tmp_path)
    cell = Cell("girth", "fit", Size(100, 100))
    put(runner, cell, seconds=29.0)
    assert runner.measure(replace(cell, size=MIDDLE)) == "left out: would take about 14,500 s"


# --- the page -----------------------------------------------------------------------------------

MIDDLE = cells.MIDDLE


def fill(folder, names, ours=1.0, held_out=-0.5):
    """A runner that knows the cells of some parts: a second for each million answers."""
    runner = runs.Runner(folder)
    parts = {name: cells.parts(False, True)[name] for name in names}
    for cell in {cell for part in parts.values() for cell in part}:
        seconds = {"py_irt": 60.0, "girth": 500.0}.get(cell.who, ours)
        found = {"seconds": seconds * cell.size.answers / 1e6, "peak": 2**30, "cpu": 1.0}
        found |= {"held_out": -0.5 if cell.who == "py_irt" else held_out}
        if cell.step == "fit":
            found |= {"dimensions": cell.dimensions or 4}
            found |= {"sweeps": 10, "sweep_seconds": found["seconds"] / 10}
        if cell.step == "processes":
            found |= {"peaks": [2**30, 2**29], "owns": [2**29, 2**28]}
        put(runner, cell, **found)
    rates = dict.fromkeys(
        ("read", "copy", "sigmoid", "logits", "gradients", "hessians"), 1000000000.0
    )
    put(runner, cells.LIMITS, seconds=1.0, limits=rates, processor="CPU", version="torch 2")
    return runner, parts


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A runner that knows every cell, and the parts of the page."""
    return fill(tmp_path_factory.mktemp("filled"), cells.parts(False, True))


def test_the_page_has_whole_tables(filled):
    runner, parts = filled
    text = pages.page(runner, parts)
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 10
    for table in tables:
        widths = {line.count("|") for line in table.splitlines()}
        assert len(widths) == 1, table
    assert "| 1,000 x 5,000 | 2 |" not in text
    assert "| 429 x 1,297 | 2 | 0.556 | 1,024, 512 | 512, 256 |" in text
    assert "| mrmr | 1,000 x 5,000 | 5 | 1,024 | 1 |" in text
    assert "nan" not in text


def test_slopes_of_the_page(filled):
    runner, parts = filled
    lines = [line for line in pages.growth(runner, parts).splitlines() if "| models | fit" in line]
    assert lines[0].endswith("| 1 | 1 |")
    assert "100: 0.1, 1,000: 1" in lines[0]


@pytest.mark.parametrize(
    ("ours", "held_out", "expected"),
    [(1.0, -0.5, "60 times as fast, held-out log-likelihood at least equal"),
     (30.0, -0.6, "2 times as fast, held-out log-likelihood lower")],
)  # fmt: skip
def test_the_verdict_is_of_the_largest_size_that_py_irt_finishes(
    tmp_path, ours, held_out, expected
):
    runner, parts = fill(tmp_path, ["rivals"], ours, held_out)
    for cell in parts["rivals"]:
        if cell.who == "py_irt" and cell.size == MIDDLE:
            put(runner, cell, over=300.0)
    text = pages.rivals(runner, parts["rivals"])
    assert "over 300 s" in text
    assert "Largest size that py-irt finishes: 427 x 1,297 (ollb2_ifeval_musr). " in text
    lines = [line for line in text.splitlines() if line.startswith("* ")]
    assert [line.partition(":")[0] for line in lines] == [
        "* dimensions 1 against 2pl",
        "* dimensions 1 against 2pl hierarchical",
        "* dimensions 4 against multidim_2pl, 4 dimensions",
        "* dimensions 4, chosen against multidim_2pl, 4 dimensions",
    ]
    assert all(line.endswith(expected) for line in lines)


def test_an_empty_page_says_so(tmp_path):
    runner, parts = runs.Runner(tmp_path), cells.parts(False, False)
    assert "py-irt has not been measured." in pages.page(runner, parts)


def test_the_csv_has_every_cell(filled):
    runner, parts = filled
    rows = list(csv.DictReader(io.StringIO(figures.to_csv(runner, parts))))
    assert len(rows) == len({cell for part in parts.values() for cell in part})
    row = next(r for r in rows if r["who"] == "girth" and r["models"] == "100")
    assert float(row["seconds"]) == pytest.approx(500 * 0.02)
    assert float(row["answers_per_second"]) == pytest.approx(2000)
    assert float(row["peak_mib"]) == 1024
    assert (row["device"], row["hidden"], row["held_out"]) == ("cpu", "1", "-0.5")


def test_the_command_line_measures_a_part_and_writes_the_page(tmp_path, monkeypatch, capsys):
    line = ["speed", "--parts", "dimensions", "--most", "10", "--results", str(tmp_path / "cells")]
    monkeypatch.setattr(sys, "argv", [*line, "--out", str(tmp_path), "--threads", "1"])
    speed.main()
    assert capsys.readouterr().out.startswith("0 cells to measure")
    assert "# Speed and memory" in (tmp_path / "speed.md").read_text()
    assert (tmp_path / "speed.csv").read_text().startswith("who,step")


@pytest.mark.parametrize(
    ("value", "text"), [(0.01234, "0.0123"), (1234.5, "1,234"), (99.4, "99.4"), (None, "")]
)
def test_figures_are_short(value, text):
    assert figures.short(value) == text
