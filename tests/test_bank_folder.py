import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow.parquet as pq
import pytest
from bank_examples import (
    CONTENT,
    assert_same,
    forge,
    make_arrays,
    make_files,
    make_items,
    make_manifest,
    make_settings,
    schema,
    violations,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinyeval.bank import codec as bank_codec
from tinyeval.bank import folder as bank_format
from tinyeval.bank import parquet as bank_parquet
from tinyeval.bank.contents import BankFiles
from tinyeval.bank.folder import check_destination, read_bank, write_bank
from tinyeval.bank.identity import identity
from tinyeval.errors import BankError
from tinyeval.tables import Table

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "docs" / "item-bank-format.md"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "bank"
    write_bank(path, make_files())
    return path


def rank(*chosen):
    ranks = np.full(12, np.nan)
    ranks[list(chosen)] = range(len(chosen))
    return ranks


@pytest.fixture
def bank(template, tmp_path):
    return Path(shutil.copytree(template, tmp_path / "bank"))


# --- round trip -----------------------------------------------------------------------------


def test_round_trip(bank):
    back = read_bank(bank)
    assert_same(make_files(), back)
    assert back.manifest["created"] == "2026-01-31T09:30:00Z"
    assert back.sizes == {"items": 12, "anchors": 3, "targets": 3} == back.manifest["sizes"]
    assert sorted(p.name for p in bank.iterdir()) == [
        "README.md",
        "content.parquet",
        "items.parquet",
        "manifest.json",
        "parameters.safetensors",
    ]


def test_smallest_bank_round_trips(tmp_path):
    items = Table(("only",), {"anchor_rank": np.zeros(1), "anchor_weight": np.ones(1)})
    files = make_files(items=items, arrays={}, content=None, readme="")
    write_bank(tmp_path / "bank", files)
    back = read_bank(tmp_path / "bank")
    assert_same(files, back)
    assert back.content is None
    assert not (tmp_path / "bank" / "content.parquet").exists()


text = st.text(st.characters(codec="utf-8"), max_size=12)
ids = text.filter(lambda one: one.strip())
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip
numbers = st.floats(allow_infinity=False, allow_nan=False)
names = st.sampled_from(["estimator/a", "estimator/B-2.x", "calibration/deep/er", "0", "a_nan_ok"])
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
arrays = st.one_of(
    hnp.arrays(np.float64, shapes, elements=numbers),
    hnp.arrays(np.float32, shapes, elements=st.floats(-(2.0**99), 2.0**99, width=32)),
    hnp.arrays(np.int64, shapes),
    hnp.arrays(np.uint8, shapes),
    hnp.arrays(np.bool_, shapes),
)


@st.composite
def tables(draw):
    rows = tuple(draw(st.lists(ids, min_size=1, max_size=6, unique=True)))
    n = len(rows)
    k = draw(st.integers(1, n))
    rank = np.full(n, np.nan)
    rank[draw(st.permutations(range(n)))[:k]] = np.arange(k)
    share = np.array(draw(st.lists(st.floats(0.1, 1), min_size=n, max_size=n)))
    share[np.isnan(rank)] = 0
    columns = {"anchor_rank": rank, "anchor_weight": share / share.sum()}
    free = text.filter(lambda name: name not in ("", "item", *bank_codec.COLUMNS))
    maybe_nan = st.floats(allow_infinity=False)
    for name in draw(st.lists(free, max_size=3, unique=True)):
        kind = draw(st.sampled_from([maybe_nan, text]))
        values = draw(st.lists(kind, min_size=n, max_size=n))
        columns[name] = np.array(values, dtype=object if kind is text else np.float64)
    return Table(rows, columns)


@st.composite
def banks(draw):
    items = draw(tables())
    fields = text.filter(lambda name: name not in ("", "item") and not name.endswith(".json"))
    entries = st.dictionaries(fields, json_values | text, max_size=3)
    return BankFiles(
        make_manifest(**draw(st.dictionaries(st.just("notes") | st.just("x"), json_values))),
        items,
        draw(st.dictionaries(names, arrays, max_size=3)),
        draw(st.none() | st.dictionaries(st.sampled_from(items.ids), entries, max_size=4)),
        draw(text),
    )


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=banks())
def test_any_bank_round_trips(files, tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / "bank"
    with mock.patch("os.fsync"):  # flushing to the device is slow and not what is tested
        digest = write_bank(path, files)
    assert_same(files, read_bank(path))
    assert digest == identity(files) == read_bank(path).manifest["digest"]


def test_arrays_in_any_memory_order_are_stored_as_they_read(tmp_path):
    matrix = np.arange(12.0).reshape(3, 4)
    given = {"a/t": matrix.T, "a/step": matrix[:, ::2], "a/fortran": np.asfortranarray(matrix)}
    write_bank(tmp_path / "bank", make_files(arrays=given))
    back = read_bank(tmp_path / "bank").arrays
    for name, array in given.items():
        np.testing.assert_array_equal(back[name], array)


def test_what_is_read_cannot_be_changed(bank):
    files = read_bank(bank)
    with pytest.raises(ValueError, match="read-only"):
        files.arrays["irt/intercept"][0] = 1
    with pytest.raises(TypeError):
        files.manifest["name"] = "other"
    with pytest.raises(TypeError):
        files.arrays["new"] = np.zeros(1)


def test_the_callers_arrays_and_manifest_stay_their_own():
    array, manifest = np.zeros(12), make_manifest(notes={"runs": [1]})
    files = make_files(manifest=manifest, arrays={"irt/intercept": array})
    array[0] = 1
    manifest["notes"]["runs"].append(2)
    assert files.manifest["notes"] == {"runs": [1]}
    assert array[0] == 1


# --- the tables as others see them ------------------------------------------------------------


def test_columns_have_the_types_of_the_specification(bank):
    schema = pq.read_schema(bank / "items.parquet")
    assert {name: str(schema.field(name).type) for name in bank_codec.COLUMNS} == bank_codec.COLUMNS
    table = pq.read_table(bank / "items.parquet").to_pydict()
    assert table["anchor_rank"] == [None, None, 1, None, None, 2, None, 0, None, None, None, None]
    assert table["anchor_weight"][7] == 0.5
    assert table["anchor_weight"][0] is None
    assert table["subject"][:2] == [None, "law"]
    assert table["cost"][:2] == [3.5, None]


def test_content_is_readable_text(bank):
    rows = pq.read_table(bank / "content.parquet").to_pylist()
    assert [row["item"] for row in rows] == ["gsm8k/0", "line\nbreak", "mmlu/0", "mmlu/1"]
    assert rows[0]["prompt"] == "What is 1 + 1?"
    assert json.loads(rows[0]["choices.json"]) == ["1", "2"]
    assert rows[1]["prompt"] == ""
    assert rows[2]["gold.json"] is None
    assert rows[3]["gold.json"] == "null"


def test_readme_bytes_are_kept(bank):
    assert (bank / "README.md").read_bytes() == make_files().readme.encode()


# --- digest -----------------------------------------------------------------------------------


def test_same_content_same_bytes_wherever_whenever(tmp_path):
    arrays, items = make_arrays(), make_items()
    turned = make_files(
        manifest=dict(reversed(make_manifest(created=None).items())),
        arrays=dict(reversed(arrays.items())),
        items=Table(items.ids, dict(reversed(items.columns.items()))),
        content={k: dict(reversed(v.items())) for k, v in reversed(CONTENT.items())},
    )
    digest = write_bank(tmp_path / "one", make_files())
    assert write_bank(tmp_path / "deep" / "er" / "two", turned) == digest
    for name in ("items.parquet", "parameters.safetensors", "content.parquet", "README.md"):
        one = (tmp_path / "one" / name).read_bytes()
        assert one == (tmp_path / "deep" / "er" / "two" / name).read_bytes()
    created = read_bank(tmp_path / "deep" / "er" / "two").manifest["created"]
    age = datetime.now(UTC) - datetime.strptime(created, "%Y-%m-%dT%H:%M:%S%z")
    assert -1 <= age.total_seconds() < 60


@pytest.mark.slow
def test_digest_is_the_same_in_another_process():
    code = "from bank_examples import *; print(identity(make_files()), end='')"
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    env = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert run.stdout == identity(make_files()), run.stderr


SAME = [
    {"manifest": make_manifest(name="other", created="2030-01-01T00:00:00Z")},
    {"manifest": make_manifest(tinyeval_version="0.1.1")},
    {"manifest": make_manifest(source={**make_manifest()["source"], "origin": "x", "models": 31})},
    {"manifest": make_manifest(expected_error={}, free=None, more={"x": 1})},
    {"manifest": make_manifest(settings=make_settings(device="cuda"))},
    {"manifest": make_manifest(settings=make_settings(run={"key": "id", "prefix": "mmlu-"}))},
    {
        "manifest": make_manifest(
            settings=make_settings(irt={"dimensions": [1, 2], "block_size": 7})
        )
    },
    {"items": make_items(weight=np.where(np.arange(12), np.linspace(0, 2, 12), -0.0))},
    {"arrays": make_arrays(**{"irt/guessing": -np.zeros(12)})},
    {"content": None},
    {"content": {"mmlu/0": {"prompt": "another"}}},
    {"readme": "other"},
]


@pytest.mark.parametrize("change", SAME)
def test_what_no_prediction_depends_on_leaves_the_digest(change):
    assert identity(make_files(**change)) == identity(make_files())


OTHER = [
    {"manifest": make_manifest(targets=["overall", "mmlu", "arc"])},
    {"manifest": make_manifest(estimator={"method": "ridge", "items": ["gsm8k/0", "mmlu/0"]})},
    {"manifest": make_manifest(estimator={"method": "mean", "items": ["mmlu/0", "gsm8k/0"]})},
    {"manifest": make_manifest(settings=make_settings(seed=1))},
    {"manifest": make_manifest(settings=make_settings(interval={"level": 0.91}))},
    {"manifest": make_manifest(settings=make_settings(irt={"dimensions": [1]}))},
    {"manifest": make_manifest(settings=make_settings(new_setting=0))},
    {"items": make_items(weight=np.ones(12))},
    {"items": make_items(author=None)},
    {"items": make_items(author=np.array(["Zoë"] * 11 + ["Zoé"], dtype=object))},
    {"items": make_items(cost=np.full(12, np.nan))},
    {"items": make_items(anchor_rank=rank(2, 7, 5))},
    {"items": make_items(anchor_weight=np.where(np.isnan(rank(7, 2, 5)), np.nan, 1 / 3))},
    {"arrays": make_arrays(**{"estimator/scale": np.array(0.25 + 2**-54)})},
    {"arrays": make_arrays(**{"estimator/scale": np.array(0.25, dtype=np.float32)})},
    {"arrays": make_arrays(**{"estimator/scale": np.array([0.25])})},
    {"arrays": make_arrays(**{"estimator/empty": np.zeros((0, 4))})},
    {"arrays": make_arrays(**{"estimator/one_more": np.zeros(1)})},
    {"arrays": make_arrays(**{"estimator/mask": np.array([False, True])})},
    {"arrays": make_arrays(**{"calibration/residual_nan_ok": np.array([np.nan, 0.1])})},
]


@pytest.mark.parametrize("change", OTHER)
def test_what_a_prediction_may_depend_on_changes_the_digest(change):
    assert identity(make_files(**change)) != identity(make_files())


@pytest.mark.slow
@given(st.data())
def test_one_number_more_or_less_is_another_bank(data):
    arrays = make_arrays()
    name = data.draw(st.sampled_from([one for one in arrays if arrays[one].size]))
    array = np.array(arrays[name])
    place = data.draw(st.integers(0, array.size - 1))
    elements = {
        "f": st.floats(-(2.0**99), 2.0**99, width=32),
        "i": st.integers(-(2**62), 2**62),
        "u": st.integers(0, 255),
        "b": st.booleans(),
    }
    array.flat[place] = data.draw(elements[array.dtype.kind])
    same = np.array_equal(array, arrays[name], equal_nan=array.dtype.kind == "f")
    found = identity(make_files(arrays={**arrays, name: array}))
    assert (found == identity(make_files())) == same


def test_the_digest_is_not_that_of_the_files(bank):
    """The same bank in other bytes: as another parquet library, or another version, writes it."""
    before = read_bank(bank).manifest
    table = pq.read_table(bank / "items.parquet")
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=5, version="1.0")
    forge(bank, items=sink.getvalue())
    after = read_bank(bank).manifest
    assert after["files"]["items.parquet"] != before["files"]["items.parquet"]
    assert after["digest"] == before["digest"]


def test_writing_again_what_was_read_changes_nothing(bank, tmp_path):
    digest = write_bank(tmp_path / "copy", read_bank(bank))
    assert digest == read_bank(bank).manifest["digest"]
    for file in bank.iterdir():
        assert file.read_bytes() == (tmp_path / "copy" / file.name).read_bytes()


def test_sealed_keys_of_the_caller_are_replaced(tmp_path):
    forged = make_manifest(digest="mine", files=[], sizes=0, checksum=1, format_version=9)
    assert write_bank(tmp_path / "b", make_files(manifest=forged)) == identity(make_files())
    assert read_bank(tmp_path / "b").manifest["format_version"] == 1


# --- cost -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_bank_of_12000_items_loads_fast(tmp_path):
    n = 12_000
    rank = np.full(n, np.nan)
    rank[:100] = np.arange(100)
    columns = {
        "benchmark": np.array(["mmlu_pro"] * n, dtype=object),
        "subject": np.array([f"subject {k % 14}" for k in range(n)], dtype=object),
        "hash": np.array([f"{k:064x}" for k in range(n)], dtype=object),
        "mean_score": np.linspace(0, 1, n),
        "anchor_rank": rank,
        "anchor_weight": np.where(np.isnan(rank), np.nan, 0.01),
    }
    items = Table(tuple(f"mmlu_pro/{k}" for k in range(n)), columns)
    arrays = {"irt/discrimination": np.ones((n, 8)), "estimator/gain": np.ones((n, 100))}
    write_bank(tmp_path / "bank", make_files(items=items, arrays=arrays, content=None))
    seconds = []
    for _ in range(5):
        start = time.process_time()  # other processes may be busy
        read_bank(tmp_path / "bank")
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.3


@pytest.mark.slow
def test_reading_imports_nothing_heavy(bank):
    code = (
        "import sys, pathlib; from tinyeval.bank.folder import read_bank; "
        "before = 'pyarrow' in sys.modules; read_bank(pathlib.Path(sys.argv[1])); "
        "heavy = {'pandas', 'torch', 'datasets', 'sklearn', 'scipy', 'pickle5', 'yaml'}; "
        "print(before, sorted(heavy & set(sys.modules)), end='')"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(bank)]
    run = subprocess.run(command, env=env, capture_output=True, text=True)
    assert run.stdout == "False []", run.stderr


# --- overwriting ------------------------------------------------------------------------------


def test_an_existing_path_is_refused_without_overwrite(bank, tmp_path):
    before = (bank / "manifest.json").read_bytes()
    with pytest.raises(BankError, match="choose another folder, or pass --overwrite"):
        write_bank(bank, make_files(readme="new"))
    assert (bank / "manifest.json").read_bytes() == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BankError, match="or pass --overwrite"):
        write_bank(tmp_path / "file", make_files())


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["bank", "folder", "empty folder", "file"])
def test_what_comes_while_a_bank_is_written_stays(tmp_path, monkeypatch, template, kind, overwrite):
    """It comes when everything is written but the last step is not done."""
    path, real = tmp_path / "bank", os.fsync

    def arrive(descriptor):
        real(descriptor)
        if path.exists():
            return
        if kind == "bank":
            shutil.copytree(template, path)
            (path / "notes.txt").write_text("mine")
        elif kind == "file":
            path.write_text("thesis")
        else:
            path.mkdir()
            if kind == "folder":
                (path / "thesis.tex").write_text("thesis")

    monkeypatch.setattr(os, "fsync", arrive)
    new = make_files(readme="new")
    if kind == "bank" and overwrite:
        write_bank(path, new, overwrite=True)
        assert_same(new, read_bank(path))
        assert (path / "notes.txt").read_text() == "mine"
    else:
        with pytest.raises(BankError, match="is not an item bank" if overwrite else "exists alre"):
            write_bank(path, new, overwrite=overwrite)
        if kind == "bank":
            assert_same(make_files(), read_bank(path))
        elif kind == "file":
            assert path.read_text() == "thesis"
        else:
            assert [one.name for one in path.iterdir()] == ["thesis.tex"] * (kind == "folder")
    assert [one.name for one in tmp_path.iterdir()] == ["bank"]


@pytest.mark.slow
def test_of_two_that_write_to_one_folder_one_succeeds(tmp_path):
    code = (
        "import sys, time, pathlib; from bank_examples import *; "
        "from tinyeval.bank.folder import write_bank; files = make_files(readme=sys.argv[2]); "
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for k in range(10):\n"
        "    try: write_bank(pathlib.Path(sys.argv[1]) / str(k), files); print('wrote')\n"
        "    except BankError as error: print(error)\n"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), name],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for one in both:
        assert one.stdout.readline() == "ready\n"
    for one in both:
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [one.communicate(timeout=60)[0].splitlines() for one in both]
    for k, (first, second) in enumerate(zip(*told, strict=True)):
        assert sorted([first == "wrote", second == "wrote"]) == [False, True]
        assert "exists already" in (second if first == "wrote" else first)
        assert read_bank(tmp_path / str(k)).readme == ("one" if first == "wrote" else "two")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(map(str, range(10)))


def test_an_interrupted_overwrite_is_told_before_the_work_and_repaired_by_the_next(bank, tmp_path):
    (bank / "notes.txt").write_text("keep me")
    bank.rename(tmp_path / ".bank.old")  # killed between the two renames
    (tmp_path / ".bank.new").mkdir()
    with pytest.raises(BankError, match=r"left the old bank in .*\.bank\.old; rename it back"):
        check_destination(bank, overwrite=False)
    check_destination(bank, overwrite=True)
    write_bank(bank, make_files(readme="new"), overwrite=True)
    assert read_bank(bank).readme == "new"
    assert (bank / "notes.txt").read_text() == "keep me"
    assert [one.name for one in tmp_path.iterdir()] == ["bank"]


def test_overwrite_replaces_a_bank_and_keeps_what_is_not_the_banks(bank, tmp_path):
    (bank / "notes.txt").write_text("keep me")
    (bank / ".git").mkdir()
    (bank / ".git" / "HEAD").write_text("ref")
    new = make_files(content=None, readme="new")
    write_bank(bank, new, overwrite=True)
    assert_same(new, read_bank(bank))
    assert not (bank / "content.parquet").exists()
    assert (bank / "notes.txt").read_text() == "keep me"
    assert (bank / ".git" / "HEAD").read_text() == "ref"
    assert [p.name for p in tmp_path.iterdir()] == ["bank"]


def test_overwrite_repairs_a_damaged_bank(bank):
    (bank / "items.parquet").unlink()
    write_bank(bank, make_files(), overwrite=True)
    assert_same(make_files(), read_bank(bank))


@pytest.mark.parametrize("kind", ["folder", "empty folder", "file", "dangling link"])
def test_what_is_not_a_bank_is_never_overwritten(tmp_path, kind):
    path = tmp_path / "precious"
    if kind == "file":
        path.write_text("thesis")
    elif kind == "dangling link":
        path.symlink_to(tmp_path / "nowhere")
    else:
        path.mkdir()
        if kind == "folder":
            (path / "thesis.tex").write_text("thesis")
    with pytest.raises(BankError, match="is not an item bank"):
        write_bank(path, make_files(), overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]
    if kind == "folder":
        assert (path / "thesis.tex").read_text() == "thesis"


def test_overwriting_through_a_link_keeps_the_link(bank, tmp_path):
    link = tmp_path / "latest"
    link.symlink_to(bank)
    write_bank(link, make_files(readme="new"), overwrite=True)
    assert link.is_symlink()
    assert read_bank(bank).readme == read_bank(link).readme == "new"


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BankError, match="could not be written"):
        write_bank(tmp_path / "file" / "bank", make_files())


# --- what cannot be stored ----------------------------------------------------------------------


def column(name, *values):
    return {"items": make_items(**{name: np.array(values + (values[-1],) * (12 - len(values)))})}


def array(name, values):
    return {"arrays": make_arrays(**{name: values})}


NAN, INF = np.nan, np.inf
BAD = {
    "no name": ({"manifest": make_manifest(name=None)}, "'name' must be text .*, found nothing"),
    "blank name": ({"manifest": make_manifest(name=" ")}, "'name' must be text"),
    "no version": ({"manifest": make_manifest(tinyeval_version=1)}, "tinyeval_version"),
    "no targets": ({"manifest": make_manifest(targets=[])}, "'targets' must be a list"),
    "same targets": ({"manifest": make_manifest(targets=["a", "a"])}, "'targets'"),
    "targets text": ({"manifest": make_manifest(targets="overall")}, "'targets'"),
    "targets mixed": ({"manifest": make_manifest(targets=["a", 1])}, "'targets'"),
    "created": ({"manifest": make_manifest(created="yesterday")}, "'created' must be a UTC"),
    "created date": ({"manifest": make_manifest(created="2026-02-30T00:00:00Z")}, "'created'"),
    "created number": ({"manifest": make_manifest(created=5)}, "'created'"),
    "manifest array": ({"manifest": make_manifest(x=np.zeros(2))}, "cannot be stored as JSON"),
    "manifest NaN": ({"manifest": make_manifest(x=[NAN])}, "cannot be stored as JSON"),
    "manifest key": ({"manifest": make_manifest(x={1: 2, "a": 3})}, "cannot be stored as JSON"),
    "manifest text": ({"manifest": make_manifest(x="\ud800")}, "not valid Unicode"),
    "item column": (column("item", 1.0), "cannot be named 'item'"),
    "blank column": (column("", 1.0), "cannot be named ''"),
    "text weight": (column("weight", "heavy"), "'weight' must hold numbers, found text"),
    "number hash": (column("hash", 1.0), "'hash' must hold text, found numbers"),
    "infinite": (column("difficulty", 1.0, INF), "'difficulty' holds infinite"),
    "negative weight": (column("weight", 1.0, -1.0), "'weight' must be known, not negative"),
    "unknown weight": (column("weight", 1.0, NAN), "'weight'"),
    "no weight": (column("weight", 0.0), "not all 0"),
    "negative cost": (column("cost", -1.0), "'cost' must not be negative"),
    "mean score": (column("mean_score", 1.5), r"\[0, 1\]"),
    "no ranks": ({"items": make_items(anchor_rank=None)}, "no column 'anchor_rank'"),
    "no weights": ({"items": make_items(anchor_weight=None)}, "no column 'anchor_weight'"),
    "no anchor": (column("anchor_rank", NAN), "at least one"),
    "rank twice": (column("anchor_rank", 0.0, 1.0, 1.0, NAN), "anchor ranks"),
    "rank from 1": (column("anchor_rank", 1.0, 2.0, NAN), "anchor ranks"),
    "rank gap": (column("anchor_rank", 0.0, 2.0, NAN), "anchor ranks"),
    "rank half": (column("anchor_rank", 0.0, 0.5, NAN), "anchor ranks"),
    "rank negative": (column("anchor_rank", -1.0, 0.0, NAN), "anchor ranks"),
    "anchor weight": (column("anchor_weight", 0.5, NAN), "anchor weights"),
    "anchor sum": ({"items": make_items(anchor_weight=np.eye(12)[7] * 0.9)}, "anchor weights"),
    "stray weight": ({"items": make_items(anchor_weight=np.full(12, 1 / 3))}, "only anchors"),
    "array NaN": (array("estimator/scale", np.array([NAN])), "estimator/scale holds"),
    "array inf": (array("x_nan_ok", np.array([INF])), "x_nan_ok holds"),
    "array objects": (array("a", np.array([{}])), "a has type object"),
    "array text": (array("a", np.array(["x"])), "a has type"),
    "array complex": (array("a", np.array([1j])), "a has type complex128"),
    "array int32": (array("a", np.zeros(1, np.int32)), "a has type int32"),
    "array swapped": (array("a", np.zeros(1, ">f8")), "a has type >f8"),
    "array name": (array("../a", np.zeros(1)), "a name is letters"),
    "array slash": (array("/a", np.zeros(1)), "a name is letters"),
    "array newline": (array("a\n", np.zeros(1)), "a name is letters"),
    "array reserved": (array("__metadata__", np.zeros(1)), "a name is letters"),
    "array rows": (array("irt/intercept", np.zeros(11)), "irt/intercept has shape"),
    "array sd rows": (array("irt/intercept_sd", np.zeros(11)), "irt/intercept_sd has shape"),
    "array no rows": (array("irt/guessing", np.array(0.1)), "irt/guessing has shape"),
    "content item": ({"content": {"nobody": {}}}, "1 items are not the bank's: 'nobody'"),
    "content field": ({"content": {"mmlu/1": {"item": 1}}}, "a field's name"),
    "content suffix": ({"content": {"mmlu/1": {"a.json": 1}}}, "a field's name"),
    "content number": ({"content": {"mmlu/1": {1: 1}}}, "a field's name"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_mean_anything_is_refused_at_construction(case):
    parts, message = BAD[case]
    with pytest.raises(BankError, match=message):
        make_files(**parts)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"content": {"mmlu/1": {"gold": {1, 2}}}}, "content of item 'mmlu/1', field 'gold',"),
        ({"content": {"mmlu/1": {"gold": NAN}}}, "cannot be stored as JSON"),
        ({"content": {"mmlu/1": {"prompt": "\ud800"}}}, "content.parquet: text that is not valid"),
        ({"readme": "\ud800"}, "README.md: text that is not valid"),
        (column("author", "\ud800"), "items.parquet: text that is not valid"),
        (column("\ud800", 1.0), "items.parquet: text that is not valid"),
        ({"manifest": make_manifest(x="y" * 5_000_000)}, "put long lists in arrays"),
    ],
)
def test_what_cannot_be_encoded_is_refused_before_anything_is_written(tmp_path, parts, message):
    with pytest.raises(BankError, match=message):
        write_bank(tmp_path / "bank", make_files(**parts))
    assert list(tmp_path.iterdir()) == []


def test_what_would_not_be_read_back_is_not_written(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(bank_parquet, "MAX_TEXT", 1000)
        with pytest.raises(BankError, match=r"items\.parquet: 12 rows.*leave columns"):
            write_bank(tmp_path / "bank", make_files())
    with monkeypatch.context() as patch:
        patch.setattr(bank_parquet, "MAX_CELLS", 100)
        with pytest.raises(BankError, match="more than the 100 cells"):
            write_bank(tmp_path / "bank", make_files())
    with monkeypatch.context() as patch:
        patch.setattr(bank_format, "FILE_LIMIT", 100)
        with pytest.raises(BankError, match="over 100 bytes, which would not be read"):
            write_bank(tmp_path / "bank", make_files())
    assert list(tmp_path.iterdir()) == []


# --- the specification --------------------------------------------------------------------------


def snippet():
    (code,) = re.findall(r"```python\n(.*?)```", SPEC.read_text(), re.DOTALL)
    return code


def verify(bank):
    command = [sys.executable, "-c", snippet(), str(bank)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_the_documented_verification_accepts_a_bank(bank):
    run = verify(bank)
    assert run.returncode == 0, run.stderr


@pytest.mark.slow
@pytest.mark.parametrize("file", ["README.md", "manifest.json"])
def test_the_documented_verification_finds_damage(bank, file):
    (bank / file).write_bytes((bank / file).read_bytes() + b" ")
    run = verify(bank)
    assert run.returncode == 1
    assert "AssertionError" in run.stderr


def test_the_specification_names_every_file_column_and_key(bank):
    spec = SPEC.read_text()
    names = [*bank_codec.COLUMNS, *(p.name for p in bank.iterdir()), *schema()["required"]]
    assert [name for name in names if f"`{name}`" not in spec] == []
    assert f"{bank_parquet.MAX_ROWS:,} rows" in spec
    assert bank_format.MANIFEST_LIMIT == 4 * 2**20
    assert "at most 4 MiB" in spec
    assert bank_format.FILE_LIMIT == 8 * 2**30
    assert "at most 8 GiB" in spec


def test_the_schema_accepts_what_is_written(bank):
    assert violations(dict(read_bank(bank).manifest), schema(), schema()) == []
