"""Reading and writing results, whatever the format: registry, joins, notes, round trips."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import (
    FORMATS,
    Columns,
    Format,
    check_hashes,
    get_importer,
    import_results,
    read_results,
    write_results,
)
from tinyeval.importers.block import Merged
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table

SUFFIXES = (".csv", ".parquet", ".npz")


def matrix(n_models: int = 3, n_items: int = 4, seed: int = 0) -> ResponseMatrix:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 2, (n_models, n_items)).astype(np.float32)
    scores[0, 1] = np.nan
    scores[1, 2] = 0.3
    return ResponseMatrix.from_arrays(
        scores, [f"m{k}" for k in range(n_models)], [f"q{k}" for k in range(n_items)]
    )


def same(one: ResponseMatrix, other: ResponseMatrix) -> None:
    assert one.models.ids == other.models.ids
    assert one.items.ids == other.items.ids
    np.testing.assert_array_equal(one.scores, other.scores)
    for mine, theirs in ((one.models, other.models), (one.items, other.items)):
        assert list(mine.columns) == list(theirs.columns)
        for name, values in mine.columns.items():
            np.testing.assert_array_equal(values, theirs.columns[name])


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


# --- the registry -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_every_importer_has_the_protocol(name, tmp_path):
    importer = get_importer(name)
    assert importer.sniff(write(tmp_path / "notes.txt", "hello")) == ""
    assert importer.sniff(tmp_path) == ""


def test_unknown_format_lists_the_known_ones(tmp_path):
    path = write(tmp_path / "a.csv", "model,q0\na,1\n")
    with pytest.raises(ConfigError, match=r"unknown results format 'excel'.*lm_eval, .*, table"):
        read_results(path, format="excel")


def test_a_new_importer_is_one_line(tmp_path, monkeypatch):
    path = write(tmp_path / "results.weird", "anything")
    monkeypatch.setitem(FORMATS, "weird", Format(f"{__name__}:WeirdImporter", "Weird", "", ""))
    assert read_results(path, metric="m").items.ids == ("from weird", "m")
    found = import_results(path, metric="m")
    assert (found.format, found.why, found.files) == ("weird", "a weird suffix", 1)


class WeirdImporter:
    def sniff(self, path):
        return "a weird suffix" if path.suffix == ".weird" else ""

    def read(self, paths, options):
        items = ["from weird", options.metric]
        return Merged(ResponseMatrix.from_arrays(np.zeros((1, 2)), ["a"], items), files=1)


# --- paths ------------------------------------------------------------------------------------


def test_missing_path_and_no_path(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.csv: there is no such file"):
        read_results(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="at least one file"):
        read_results([])


@pytest.mark.parametrize("name", ["results.doc", "results", "a folder"])
def test_what_is_no_result(tmp_path, name):
    path = tmp_path / name
    if name == "a folder":
        path.mkdir()
    else:
        path.write_text("?")
    with pytest.raises(DataError, match="found no results here; expected a table"):
        read_results(path)


def test_formats_are_not_mixed(tmp_path):
    table = write(tmp_path / "a.csv", "model,q0\na,1\n")
    harness = tmp_path / "samples_t_2026-01-01T00-00-00.jsonl"
    write(harness, '{"doc_id": 0, "acc": 1}\n')
    with pytest.raises(DataError, match=r"looks like lm_eval .*, but .*a\.csv does not"):
        read_results([table, harness])


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "r.csv"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match="expected a file or a folder, found a device or pipe"):
        read_results(path)


def test_progress_counts_files(tmp_path):
    paths = [write(tmp_path / f"{m}.csv", f"model,q0\n{m},1\n") for m in "ab"]
    seen = []
    read_results(paths, progress=lambda *step: seen.append(step))
    assert seen == [(0, 2, "a.csv"), (1, 2, "b.csv"), (2, 2, "")]


# --- joining files ----------------------------------------------------------------------------


def test_files_bring_models_and_items(tmp_path):
    paths = [
        write(tmp_path / "1.csv", "model,q0,q1\na,1,0\n"),
        write(tmp_path / "2.csv", "model,item,score\na,q2,0.5\nb,q0,1\n"),
        write(tmp_path / "3.json", '{"b": {"q2": 1}}'),
    ]
    read = read_results([str(path) for path in paths])
    assert read.models.ids == ("a", "b")
    assert read.items.ids == ("q0", "q1", "q2")
    np.testing.assert_array_equal(read.scores, [[1, 0, 0.5], [1, np.nan, 1]])


def test_a_cell_in_two_files(tmp_path):
    first = write(tmp_path / "1.csv", "model,q0,q1\nx,,\na,1,0\n")
    agrees = write(tmp_path / "2.csv", "model,q0,q1\na,1,\n")
    differs = write(tmp_path / "3.csv", "model,q1\nx,1\na,1\n")
    np.testing.assert_array_equal(read_results([first, agrees]).select(["a"]).scores, [[1, 0]])
    with pytest.raises(
        DataError, match=r"'a' has two scores on item 'q1': 0 in .*1\.csv and 1 in .*3\.csv"
    ):
        read_results([agrees, first, differs])


def test_contradicting_notes(tmp_path):
    header = "model,item,score,benchmark,weight,hash\n"
    first = write(tmp_path / "1.csv", header + "a,q0,1,arc,1,h0\na,q1,1,arc,1,h1\n")
    same_notes = write(tmp_path / "2.csv", header + "b,q0,1,arc,1.0,h0\nb,q1,1,,,\n")
    read = read_results([first, same_notes])
    assert list(read.items.column("weight")) == [1, 1]
    other = write(tmp_path / "3.csv", header + "b,q0,1,gsm,1,h0\n")
    with pytest.raises(DataError, match=r"'q0' has two values of 'benchmark': arc in .*1\.csv"):
        read_results([first, other])
    revised = write(tmp_path / "4.csv", header + "b,q0,1,arc,1,h9\n")
    with pytest.raises(DataError, match=r"h0 in .*1\.csv and h9 in .*4\.csv.*revisions"):
        read_results([first, revised])
    mislabelled = write(tmp_path / "5.csv", header + "b,q0,1,arc,1,h1\n")
    with pytest.raises(DataError, match=r"that document is item 'q1' elsewhere.*not sorted"):
        read_results([first, mislabelled])


def test_check_hashes():
    items = Table(("q0", "q1", "q2"), {"hash": np.array(["h0", "", "h2"], dtype=object)})
    check_hashes(items, {"q0": "h0", "q1": "h1", "q2": "", "q9": "h9"})
    check_hashes(Table(("q0",)), {"q0": "h0"})
    with pytest.raises(DataError, match=r"'q2' has the content hash h2, expected h5.*revisions"):
        check_hashes(items, {"q2": "h5"})
    with pytest.raises(DataError, match="item 'q7' elsewhere"):
        check_hashes(items, {"q2": "h5", "q7": "h2"})


# --- items' and models' tables ----------------------------------------------------------------


def test_tables_are_joined_by_id(tmp_path):
    path = write(tmp_path / "r.csv", "model,q0,q1\na,1,0\nb,0,1\n")
    items = write(
        tmp_path / "i.csv",
        "item,benchmark,weight,year,empty\nq1,7,0.5,\n".replace("0.5,", "0.5,2024,")
        + "elsewhere,8,3,2025,x\n",
    )
    models = write(tmp_path / "m.csv", "model,org,size\nb,B Inc,7\na,A Inc,\n")
    read = read_results(path, items_table=items, models_table=str(models))
    assert list(read.items.column("benchmark")) == ["", "7"]
    np.testing.assert_array_equal(read.items.column("weight"), [np.nan, 0.5])
    np.testing.assert_array_equal(read.items.column("year"), [np.nan, 2024])
    assert "empty" not in read.items.columns
    assert list(read.models.column("org")) == ["A Inc", "B Inc"]
    np.testing.assert_array_equal(read.models.column("size"), [np.nan, 7])


def test_a_named_table_overrides_what_the_results_say(tmp_path):
    rows = "model,item,score,benchmark\na,q0,1,old\na,q1,0,old\n"
    path = write(tmp_path / "r.csv", rows)
    items = write(tmp_path / "i.csv", "item,benchmark\nq0,new\n")
    read = read_results(path, items_table=items)
    assert list(read.items.column("benchmark")) == ["new", "old"]
    assert read.benchmarks == ("new", "old")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    ("table", "items"), [("r.csv", "r.items"), ("responses.csv", "items"), ("r.b.csv", "r.b.items")]
)
def test_tables_beside_are_found(tmp_path, table, items, suffix):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = write(tmp_path / table, "model,q0,q1\na,1,0\n")
    if suffix == ".csv":
        write(tmp_path / (items + suffix), "item,benchmark,cost\nq0,arc,2\nq1,gsm,\n")
    else:
        columns = {"item": ["q0", "q1"], "benchmark": ["arc", "gsm"], "cost": [2, None]}
        pq.write_table(pa.table(columns), tmp_path / (items + suffix))
    read = read_results(path)
    assert read.benchmarks == ("arc", "gsm")
    np.testing.assert_array_equal(read.items.column("cost"), [2, np.nan])


def test_items_of_other_results_are_not_taken(tmp_path):
    write(tmp_path / "items.csv", "item,benchmark\nother,arc\n")
    read = import_results(write(tmp_path / "r.csv", "model,q0\na,1\n")).responses
    assert read.items.columns == {}
    assert read.benchmarks == ("benchmark",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,benchmark\nq0,arc\n", r"i\.csv: expected a column 'item'.*found columns 'id'"),
        ("item,benchmark\nz1,arc\nz2,arc\n", r"none of its 2 item ids.*lists 'z1', 'z2'.*'q0'"),
        ("item,benchmark\nq0,arc\nq0,arc\n", r"i\.csv:3: 'q0' in column 'item' has a row.*csv:2"),
        ("item,weight\nq0,heavy\n", r"i\.csv: column 'weight' must hold numbers.*heavy"),
        ("item,benchmark\n,arc\n", r"i\.csv:2: the id in column 'item' is empty"),
        ("item,benchmark\n", "has no rows"),
    ],
)
def test_bad_items_tables(tmp_path, content, message):
    path = write(tmp_path / "r.csv", "model,q0\na,1\n")
    items = write(tmp_path / "i.csv", content)
    with pytest.raises(DataError, match=message):
        read_results(path, items_table=items)
    items.rename(tmp_path / "r.items.csv")
    with pytest.raises(DataError, match=message.replace("i\\.csv", "r.items.csv")):
        read_results(path)


# --- writing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip_with_notes(tmp_path, suffix):
    plain = matrix()
    noted = ResponseMatrix(
        plain.scores,
        plain.models.with_columns(
            org=np.array(["a,b", "", 'say "x"'], dtype=object), size=np.array([7, np.nan, 0.1])
        ),
        plain.items.with_columns(hash=np.array(["1e5", "2", "", "4"], dtype=object)),
    )
    path = tmp_path / f"table{suffix}"
    write_results(noted, path)
    same(noted, read_results(path))
    names = {one.name for one in tmp_path.iterdir()}
    assert names == {path.name, "table.items.csv", "table.models.csv"}
    write_results(plain, str(path))
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    same(plain, read_results(path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip_of_trials(tmp_path, suffix):
    plain = matrix()
    trials = np.where(plain.observed, 2, 0)
    trials[0, 0] = 700
    counted = ResponseMatrix(plain.scores, plain.models, plain.items, trials)
    path = tmp_path / f"table{suffix}"
    write_results(counted, path)
    assert {one.name for one in tmp_path.iterdir()} == {path.name, "table.trials.parquet"}
    read = read_results(path)
    same(counted, read)
    np.testing.assert_array_equal(read.trials, trials)
    write_results(plain, path)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert read_results(path).trials is None


def test_trials_of_another_table_are_refused(tmp_path):
    plain = matrix()
    trials = np.where(plain.observed, 2, 0)
    write_results(
        ResponseMatrix(plain.scores, plain.models, plain.items, trials), tmp_path / "t.csv"
    )
    side = tmp_path / "t.trials.parquet"
    write_results(matrix(n_models=2), tmp_path / "u.csv")
    side.rename(tmp_path / "u.trials.parquet")
    with pytest.raises(DataError, match=r"u\.trials\.parquet: has the trials of 3 models and 4 it"):
        read_results(tmp_path / "u.csv")
    (tmp_path / "u.trials.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"u\.trials\.parquet: not a table of trials, or damaged"):
        read_results(tmp_path / "u.csv")


def test_trials_of_a_table_whose_items_have_odd_names(tmp_path):
    odd = ResponseMatrix.from_arrays(np.ones((1, 2)), ["a"], ["model", "score"])
    odd = ResponseMatrix(odd.scores, odd.models, odd.items, np.array([[2, 3]]))
    write_results(odd, tmp_path / "r.npz")
    assert read_results(tmp_path / "r.npz").trials.tolist() == [[2, 3]]


def test_a_cell_of_several_trials_and_scores(tmp_path):
    """A long table's repeats and those beside a wide one are the same trials."""
    text = "model,item,score,trial\na,q0,1,1\na,q0,0,2\na,q1,1,1\n"
    read = read_results(write(tmp_path / "long.csv", text))
    assert read.trials.tolist() == [[2, 1]]
    write_results(read, tmp_path / "wide.csv")
    again = read_results(tmp_path / "wide.csv")
    same(read, again)
    assert again.trials.tolist() == [[2, 1]]


ids = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(str.strip)
taken = {"model", "item", "score"}


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    models=st.lists(ids, min_size=1, max_size=4, unique=True),
    items=st.lists(ids.filter(lambda one: one not in taken), min_size=1, max_size=5, unique=True),
    suffix=st.sampled_from(SUFFIXES),
    data=st.data(),
)
def test_round_trip_of_any_ids_and_scores(tmp_path, models, items, suffix, data):
    score = st.one_of(st.just(np.nan), st.floats(0, 1, width=32))
    n = len(models) * len(items)
    known = st.lists(score, min_size=n, max_size=n).filter(lambda all_: not np.isnan(all_).all())
    scores = np.array(data.draw(known), dtype=np.float32).reshape(len(models), len(items))
    original = ResponseMatrix.from_arrays(scores, models, items)
    write_results(original, tmp_path / f"t{suffix}")
    same(original, import_results(tmp_path / f"t{suffix}").responses)  # ids may look alike


def test_write_refuses(tmp_path):
    with pytest.raises(DataError, match=r"expected one of the suffixes \.csv, \.parquet, \.npz"):
        write_results(matrix(), tmp_path / "r.xlsx")
    (tmp_path / "r.npz").touch()
    with pytest.raises(DataError, match="cannot be written"):
        write_results(matrix(), tmp_path / "r.npz" / "r.csv")
    odd = ResponseMatrix.from_arrays(np.ones((1, 2)), ["a"], ["q0", "score"])
    with pytest.raises(DataError, match="an item is called 'score'"):
        write_results(odd, tmp_path / "r.csv")
    write_results(odd, tmp_path / "r.npz")
    same(odd, read_results(tmp_path / "r.npz"))
    unencodable = ResponseMatrix.from_arrays(np.ones((1, 1)), ["a\ud800"], ["q0"])
    with pytest.raises(DataError, match="UTF-8"):
        write_results(unencodable, tmp_path / "u.csv")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_write_leaves_the_old_files(tmp_path, suffix, monkeypatch):
    plain = matrix()
    noted = ResponseMatrix(
        plain.scores, plain.models, plain.items.with_columns(weight=np.arange(4.0))
    )
    path = tmp_path / f"r{suffix}"
    write_results(noted, path)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}

    def fail(responses, temporary):
        temporary.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setitem(sys.modules["tinyeval.importers.write"].WRITERS, suffix, fail)
    with pytest.raises(DataError, match="disk full"):
        write_results(matrix(seed=1), path)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


# --- cheapness --------------------------------------------------------------------------------


def imported(code: str) -> set[str]:
    watched = "pandas torch sklearn datasets pyarrow scipy"
    code += f"\nimport sys; print(*[m for m in '{watched}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.slow
def test_import_is_cheap():
    assert imported("import tinyeval.importers") == set()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".json", ".parquet", ".npz"])
def test_reading_a_small_table_imports_nothing_heavy(tmp_path, suffix):
    path = tmp_path / f"r{suffix}"
    if suffix.startswith(".json"):
        write(path, '{"model": "a", "q0": 1}\n')
    else:
        write_results(matrix(), path)
    code = f"from tinyeval.importers import read_results; read_results({str(path)!r})"
    assert imported(code) == ({"pyarrow"} if suffix == ".parquet" else set())


def test_options_of_tables_are_for_tables(tmp_path):
    path = write(tmp_path / "samples_t_2026-01-01T00-00-00.jsonl", '{"doc_id": 0, "acc": 1}\n')
    with pytest.raises(
        ConfigError, match="drop, transpose: tables have these, but lm-evaluation-h"
    ):
        read_results(path, drop=["x"], transpose=True)
    with pytest.raises(ConfigError, match="columns: tables have these"):
        read_results(path, columns=Columns(model="m"))
    table = write(tmp_path / "a.csv", "model,q0\na,1\n")
    with pytest.raises(ConfigError, match="name their models themselves"):
        read_results(table, name_by="revision")
    with pytest.raises(TypeError, match="nonsense"):
        read_results(table, nonsense=True)
