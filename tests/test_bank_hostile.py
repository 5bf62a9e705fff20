"""A bank is a stranger's folder: whatever is wrong with it is one BankError, in one line."""

import hashlib
import io
import json
import os
import pickle
import random
import shutil
import struct
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bank_examples import (
    assert_same,
    canonical,
    forge,
    make_files,
    make_manifest,
    schema,
    violations,
)
from safetensors.numpy import load, save

from tinyeval.bank import folder as bank_format
from tinyeval.bank import parquet as bank_parquet
from tinyeval.bank.folder import read_bank, write_bank
from tinyeval.bank.manifest import MANIFEST, SETTINGS
from tinyeval.config import Settings, load_settings
from tinyeval.errors import BankError

CONFIGS = Path(__file__).parent.parent / "configs"
DATA_FILES = ("items.parquet", "parameters.safetensors", "content.parquet", "README.md")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "bank"
    write_bank(path, make_files())
    return path


@pytest.fixture
def bank(template, tmp_path):
    return Path(shutil.copytree(template, tmp_path / "bank"))


def refuse(bank, match):
    with pytest.raises(BankError, match=match) as caught:
        read_bank(bank)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 1000
    assert str(bank) in message
    return message


# --- the folder -------------------------------------------------------------------------------


def test_missing_folder(tmp_path):
    refuse(tmp_path / "nowhere", "does not exist; check the path, or make a bank with")


def test_missing_folder_after_an_interrupted_overwrite(bank):
    aside = bank.with_name(".bank.old")
    bank.rename(aside)
    refuse(bank, r"an interrupted overwrite left the old bank in .*\.bank\.old")
    aside.rename(bank)
    assert_same(make_files(), read_bank(bank))


def test_a_file_is_not_a_bank(bank):
    refuse(bank / "README.md", "is not a folder; an item bank is a folder with a manifest.json")


@pytest.mark.parametrize("name", ["manifest.json", *DATA_FILES])
def test_missing_file(bank, name):
    (bank / name).unlink()
    refuse(bank, f"{name}: is missing; download or build the bank again")


@pytest.mark.parametrize("name", ["manifest.json", *DATA_FILES])
def test_not_a_regular_file(bank, name):
    (bank / name).unlink()
    (bank / name).mkdir()
    refuse(bank, f"{name}: is not a regular file")
    (bank / name).rmdir()
    os.mkfifo(bank / name)
    refuse(bank, f"{name}: is not a regular file")


@pytest.mark.parametrize("name", ["manifest.json", *DATA_FILES])
def test_links_out_of_the_folder_are_not_followed(bank, tmp_path, name):
    (bank / name).rename(tmp_path / "elsewhere")
    (bank / name).symlink_to(tmp_path / "elsewhere")
    refuse(bank, f"{name}: is a link out of the folder, which is not followed; make a real copy")


def test_a_loop_of_links(bank):
    (bank / "README.md").unlink()
    (bank / "README.md").symlink_to(bank / "README.md")
    refuse(bank, "README.md: (cannot be read|is missing)")


def test_links_within_the_folder_and_to_it_are_followed(bank, tmp_path):
    (bank / "README.md").rename(bank / "card.md")
    (bank / "README.md").symlink_to("card.md")
    (tmp_path / "latest").symlink_to(bank)
    assert_same(make_files(), read_bank(tmp_path / "latest"))


def test_other_files_have_no_effect(bank):
    (bank / "items.pkl").write_bytes(pickle.dumps(Path))
    (bank / "setup.py").write_text("raise SystemExit")
    (bank / ".gitattributes").write_text("* -text")
    (bank / "sub").mkdir()
    assert_same(make_files(), read_bank(bank))


def test_content_that_the_manifest_does_not_list_has_no_effect(tmp_path):
    write_bank(tmp_path / "bank", make_files(content=None))
    (tmp_path / "bank" / "content.parquet").write_bytes(b"not listed, so not read")
    assert read_bank(tmp_path / "bank").content is None


# --- damage -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["manifest.json", *DATA_FILES])
def test_no_flipped_byte_goes_unnoticed(bank, name):
    original = (bank / name).read_bytes()
    rng = random.Random(0)
    places = range(len(original)) if len(original) < 1500 else rng.sample(range(len(original)), 200)
    for k in places:
        damaged = bytearray(original)
        damaged[k] ^= rng.randrange(1, 256)
        (bank / name).write_bytes(damaged)
        with pytest.raises(BankError, match=name):
            read_bank(bank)
    (bank / name).write_bytes(original)
    assert_same(make_files(), read_bank(bank))


@pytest.mark.parametrize("name", ["manifest.json", *DATA_FILES])
def test_no_truncation_goes_unnoticed(bank, name):
    original = (bank / name).read_bytes()
    for length in {0, 1, 8, len(original) // 2, len(original) - 1} - {len(original)}:
        (bank / name).write_bytes(original[:length])
        refuse(bank, f"{name}: (has {length} bytes, expected {len(original)}|is not )")


def test_a_changed_file_of_the_same_length_is_named(bank):
    data = (bank / "items.parquet").read_bytes()
    (bank / "items.parquet").write_bytes(data[:-1] + b"?")
    refuse(bank, "items.parquet: does not match its SHA-256 in manifest.json; download")


def test_a_file_larger_than_the_limit_is_not_read(bank, monkeypatch):
    monkeypatch.setattr(bank_format, "FILE_LIMIT", 100)
    refuse(bank, "bytes, at most 100 are read")


def refusal(bank):
    try:
        read_bank(bank)
    except BankError as error:
        return str(error)
    return None


FORGERIES = 120


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA_FILES[:3])
def test_damage_under_right_digests_is_an_error_or_a_valid_bank(bank, name):
    original = (bank / name).read_bytes()
    rng = random.Random(1)
    refusals = []
    for k in range(FORGERIES):
        damaged = bytearray(original)
        # half of the damage in the last part, where parquet keeps what the rest means
        low = len(original) // 2 if k % 2 else 0
        for _ in range(rng.randrange(1, 4)):
            damaged[rng.randrange(low, len(original))] = rng.randrange(256)
        if k % 10 == 0:
            del damaged[rng.randrange(len(damaged)) :]
        forge(bank, **{name.split(".")[0]: bytes(damaged)})
        refusals.append(refusal(bank))
    assert len([one for one in refusals if one]) > FORGERIES // 10
    assert not any("\n" in one for one in refusals if one)


# --- the manifest -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"x": ' * 100_000, "is not JSON"),
        (b'{"x": NaN}', "is not JSON"),
        (b'{"x": ' + b"9" * 10_000 + b"}", "is not JSON"),
        (b"[]", "expected a JSON object"),
        (b'"text"', "expected a JSON object"),
        (b"{}", "expected a 'format_version' of 1 or more, found None"),
        (b'{"format_version": 1, "x": 1e999}', "is not as it was written"),
        (b'{"format_version": 1}', "is not as it was written"),
        (b'{"format_version": 1, "format_version": 1}', "is not as it was written"),
    ],
)
def test_text_that_is_not_a_manifest(bank, text, message):
    (bank / "manifest.json").write_bytes(text)
    refuse(bank, "manifest.json: " + message)


def test_a_huge_manifest_is_not_read(bank):
    with (bank / "manifest.json").open("wb") as handle:
        handle.truncate(10**12)
    start = time.perf_counter()
    refuse(bank, "manifest.json: has 1000000000000 bytes, at most 4194304 are read")
    assert time.perf_counter() - start < 1


def test_converted_line_ends_are_explained(bank):
    data = (bank / "manifest.json").read_bytes()
    (bank / "manifest.json").write_bytes(data.replace(b"\n", b"\r\n"))
    refuse(bank, r"manifest.json: is not as it was written \(edited, or line ends converted\)")


def put(key, value, sep="/"):
    def change(manifest):
        *path, last = key.split(sep)
        for one in path:
            manifest = manifest[one]
        if value is None:
            del manifest[last]
        else:
            manifest[last] = None if value is NULL else value

    return change


NULL = object()


def entry(size=16, sha256="0" * 64):
    return {"bytes": size, "sha256": sha256}


MANIFESTS = {
    "version 0": (put("format_version", 0), "expected a 'format_version' of 1 or more, found 0"),
    "version text": (put("format_version", "1"), "found '1'"),
    "version true": (put("format_version", True), "found True"),
    "version float": (put("format_version", 1.0), "found 1.0"),
    "version 2": (put("format_version", 2), "reads up to 1; install a newer tinyeval"),
    "no digest": (put("digest", None), "'digest' must be 64 hexadecimal digits"),
    "no checksum": (put("checksum", None), "does not match its own checksum"),
    "no sizes": (put("sizes", None), "'sizes' must count items, anchors and targets, found None"),
    "sizes list": (put("sizes", [12, 3, 3]), "'sizes' must count"),
    "sizes more": (put("sizes/models", 5), "'sizes' must count"),
    "sizes less": (put("sizes/items", None), "'sizes' must count"),
    "sizes text": (put("sizes/items", "12"), "'sizes' must count"),
    "sizes true": (put("sizes/items", True), "'sizes' must count"),
    "sizes negative": (put("sizes/items", -1), "'sizes' must count"),
    "no files": (put("files", None), "'files' must list files, found None"),
    "files list": (put("files", ["items.parquet"]), "'files' must list files"),
    "files less": (put("files/README.md", None), "'files' does not list 'README.md'"),
    "traversal": (put("files|../x", entry(), sep="|"), "lists names that no bank has: '../x'"),
    "absolute": (put("files|/etc/passwd", entry(), sep="|"), "no bank has: '/etc/passwd'"),
    "pickle": (put("files/bank.pkl", entry()), "no bank has: 'bank.pkl'"),
    "itself": (put("files/manifest.json", entry()), "no bank has: 'manifest.json'"),
    "case": (put("files/ITEMS.parquet", entry()), "no bank has: 'ITEMS.parquet'"),
    "long name": (put("files/" + "x" * 10_000, entry()), "no bank has"),
    "file text": (put("files/README.md", "0" * 64), "'bytes' and 'sha256' of README.md"),
    "file more": (put("files/README.md/url", "http://x"), "'bytes' and 'sha256' of README.md"),
    "bytes text": (put("files/README.md", entry("16")), "'bytes' and 'sha256' of README.md"),
    "bytes negative": (put("files/README.md", entry(-1)), "'bytes' and 'sha256' of README.md"),
    "sha short": (put("files/README.md", entry(sha256="00")), "'bytes' and 'sha256'"),
    "sha upper": (put("files/README.md", entry(sha256="A" * 64)), "'bytes' and 'sha256'"),
    "sha line": (put("files/README.md", entry(sha256="0" * 64 + "\n")), "'bytes' and 'sha256'"),
    "sha list": (put("files/README.md", entry(sha256=[])), "'bytes' and 'sha256'"),
    "no name": (put("name", None), "'name' must be text"),
    "blank name": (put("name", " "), "'name' must be text"),
    "name number": (put("name", 5), "'name' must be text"),
    "no tinyeval": (put("tinyeval_version", None), "'tinyeval_version' must be text"),
    "no targets": (put("targets", None), "'targets' must be a list"),
    "targets empty": (put("targets", []), "'targets' must be a list"),
    "targets twice": (put("targets", ["a", "a"]), "'targets' must be a list"),
    "targets blank": (put("targets", [""]), "'targets' must be a list"),
    "created": (put("created", "2026-1-1"), "'created' must be a UTC time"),
    "no settings": (put("settings", None), "'settings' must be an object, found nothing"),
    "settings empty": (put("settings", {}), "'settings/cost' must be text, found nothing"),
    "settings list": (put("settings", []), r"'settings' must be an object, found \[\]"),
    "no interval": (put("settings/interval", NULL), "'settings/interval' must be an object"),
    "level text": (put("settings/interval/level", "high"), "must be a number between 0 and 1"),
    "level 2": (put("settings/interval/level", 2), "'settings/interval/level' must be a number"),
    "level true": (put("settings/interval/level", True), "'settings/interval/level' must be"),
    "level 0": (put("settings/interval/level", 0), "'settings/interval/level' must be a number"),
    "seed": (put("settings/seed", 0.5), "'settings/seed' must be a whole number"),
    "run": (put("settings/run", {"key": 5}), "'settings/run/key' must be text or null, found 5"),
    "source empty": (put("source", {}), "'source/origin' must be text, found nothing"),
    "source text": (put("source", "a leaderboard"), "'source' must be an object, found 'a lead"),
    "source null": (put("source", NULL), "'source' must be an object, found None"),
    "models text": (put("source/models", "30"), "'source/models' must be a whole number"),
    "models less": (put("source/models", -1), "'source/models' must be a whole number"),
    "scores": (put("source/lowest_score", 1.5), "'source/lowest_score' must be a number from 0"),
    "no estimator": (put("estimator", None), "'estimator' must be an object"),
    "estimator text": (put("estimator", "kriging"), "'estimator' must be an object"),
    "estimator items": (put("estimator/items", ["a", "a"]), "'estimator/items' must be a list"),
    "estimator item": (put("estimator/items", [["a"]]), "'estimator/items' must be a list"),
    "errors": (put("expected_error", [0.1]), "'expected_error' must be an object"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_manifest_that_breaks_the_schema_is_refused(bank, case):
    change, message = MANIFESTS[case]
    forge(bank, change)
    refuse(bank, message)
    manifest = json.loads((bank / "manifest.json").read_bytes())
    assert violations(manifest, schema(), schema()) != []


def places(form, where=""):
    """Every place in a form, sections included, with whether it must be there."""
    for key, rule in form.items():
        if isinstance(rule, dict):
            yield where + key, True
            yield from places(rule, f"{where}{key}/")
        elif rule.expected != "anything":
            yield where + key, rule.required


@pytest.mark.parametrize(("place", "required"), list(places(MANIFEST)))
def test_every_value_of_a_wrong_kind_is_refused_by_its_place(bank, place, required):
    whole = json.loads(json.dumps(make_manifest(settings=Settings().model_dump())))
    forge(bank, lambda manifest: manifest.update(settings=whole["settings"]))
    original = (bank / "manifest.json").read_bytes()
    for wrong in ([1.5], None) if required else ([1.5],):
        (bank / "manifest.json").write_bytes(original)
        forge(bank, put(place, wrong))
        refuse(bank, f"manifest: '{place}' must be ")
        manifest = json.loads((bank / "manifest.json").read_bytes())
        assert violations(manifest, schema(), schema()) != []


def test_every_setting_has_its_place_in_the_form():
    def keys(values, form):
        assert set(values) == set(form)
        for key, rule in form.items():
            if isinstance(rule, dict):
                keys(values[key], rule)

    keys(Settings(stages=2, soft="off").model_dump(), SETTINGS)


@pytest.mark.parametrize("recipe", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_settings_of_every_recipe_fit_the_form_and_the_schema(recipe):
    settings = json.loads(load_settings(recipe).model_dump_json())
    make_files(manifest=make_manifest(settings=settings))
    assert violations(settings, schema()["properties"]["settings"], schema()) == []


def test_a_digest_that_is_another_banks_is_refused(bank):
    manifest = json.loads((bank / "manifest.json").read_bytes()) | {"digest": "0" * 64}
    manifest["checksum"] = hashlib.sha256(canonical(manifest, "checksum")).hexdigest()
    (bank / "manifest.json").write_bytes(canonical(manifest))
    refuse(bank, "manifest.json: 'digest' is not that of the bank; download")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("sizes/items", 1_000_000_000), "says sizes .*1000000000.* but the files hold"),
        (put("sizes/anchors", 4), "says sizes .* but the files hold .*'anchors': 3"),
        (put("targets", ["overall"]), "but the files hold .*'targets': 1"),
        (put("files/README.md", entry(10**15)), "README.md: has .* bytes, expected 10000000"),
        (put("files/content.parquet", entry()), "content.parquet: has .* bytes, expected 16"),
        (put("notes", "\ud800"), "not valid Unicode"),
        (put("created", "2026-02-30T00:00:00Z"), "'created' must be a UTC time"),
    ],
)
def test_manifest_that_disagrees_with_the_files_is_refused(bank, change, message):
    forge(bank, change)
    refuse(bank, message)


def test_digest_and_checksum_are_compared(bank):
    for key in ("digest", "checksum"):
        data = (bank / "manifest.json").read_bytes()
        manifest = json.loads(data)
        manifest[key] = "0" * 64
        (bank / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
        refuse(bank, "manifest.json: does not match its own checksum; download")
        (bank / "manifest.json").write_bytes(data)


# --- items.parquet ----------------------------------------------------------------------------


def parquet(table, **options):
    sink = io.BytesIO()
    pq.write_table(table, sink, **{"compression": "none", **options})
    return sink.getvalue()


def items_with(bank, **columns):
    table = pq.read_table(bank / "items.parquet")
    for name, values in columns.items():
        array = values if isinstance(values, pa.Array) else pa.array(values)
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, array)
        else:
            table = table.append_column(name, array)
    return table


ITEMS = {
    "empty": (lambda b: b"", "items.parquet: cannot be read"),
    "not parquet": (lambda b: b"PAR1" + b"x" * 100 + b"PAR1", "items.parquet: cannot be read"),
    "csv": (lambda b: b"item,weight\na,1\n", "items.parquet: cannot be read"),
    "pickle": (lambda b: pickle.dumps({"item": ["a"]}), "items.parquet: cannot be read"),
    "no rows": (lambda b: parquet(items_with(b).slice(0, 0)), "between 1 and .* items, found 0"),
    "no ids": (lambda b: parquet(items_with(b).drop_columns(["item"])), "no column 'item'"),
    "null id": (lambda b: parquet(items_with(b, item=[None, *"abcdefghijk"])), "empty table row"),
    "same ids": (lambda b: parquet(items_with(b, item=list("aabcdefghijk"))), "must be unique"),
    "bytes ids": (
        lambda b: parquet(items_with(b, item=pa.array([b"\xff"] * 12))),
        "'item' has type 'binary', expected string",
    ),
    "int ids": (lambda b: parquet(items_with(b, item=range(12))), "'item' has type 'int64'"),
    "nested": (
        lambda b: parquet(items_with(b, weight=[[1.0]] * 12)),
        "'weight' has type 'list<.*>', expected double",
    ),
    "text rank": (lambda b: parquet(items_with(b, anchor_rank=["0"] * 12)), "expected int32"),
    "float rank": (lambda b: parquet(items_with(b, anchor_rank=[0.0] * 12)), "expected int32"),
    "bool": (lambda b: parquet(items_with(b, spare=[True] * 12)), "expected string or double"),
    "time": (lambda b: parquet(items_with(b, when=pa.array([0] * 12, pa.date32()))), "date32"),
    "rank gap": (
        lambda b: parquet(items_with(b, anchor_rank=pa.array([0, 2, *[None] * 10], pa.int32()))),
        "anchor ranks must be 0, 1, ... each once",
    ),
    "rank twice": (
        lambda b: parquet(items_with(b, anchor_rank=pa.array([0, 0, *[None] * 10], pa.int32()))),
        "anchor ranks must be",
    ),
    "negative weight": (lambda b: parquet(items_with(b, weight=[-1.0] * 12)), "not negative"),
    "infinite weight": (lambda b: parquet(items_with(b, weight=[np.inf] * 12)), "infinite"),
    "same columns": (
        lambda b: parquet(
            pa.Table.from_arrays(
                [*items_with(b).columns, pa.array([1.0] * 12)],
                names=[*items_with(b).column_names, "weight"],
            )
        ),
        "column names must be unique",
    ),
}


@pytest.mark.parametrize("case", ITEMS)
def test_hostile_items(bank, case):
    make, message = ITEMS[case]
    forge(bank, items=make(bank))
    refuse(bank, message)


def test_items_written_by_others_are_read(bank):
    """Dictionaries, compression, several row groups, statistics and NaN are all fine."""
    table = items_with(bank, cost=[np.nan if k % 2 else 3.5 for k in range(12)])
    for options in (
        {"use_dictionary": True, "row_group_size": 5, "version": "1.0"},
        {"use_dictionary": False, "column_encoding": {"item": "DELTA_BYTE_ARRAY"}},
        {"compression": "zstd", "data_page_version": "2.0"},
    ):
        forge(bank, items=parquet(table, **options))
        assert_same(make_files(), read_bank(bank))


def test_a_billion_rows_are_not_read(bank):
    """A run of nulls takes a few bytes however long it is, so rows are counted first."""
    n = 10_000_001
    data = parquet(pa.table({"item": pa.nulls(n, pa.string())}))
    assert len(data) < 100_000
    forge(bank, put("sizes/items", n), items=data)
    start = time.perf_counter()
    refuse(bank, "claims 10000001 rows of 1 columns; at most 10000000 rows")
    assert time.perf_counter() - start < 1


def test_too_many_cells_are_not_read(bank, monkeypatch):
    monkeypatch.setattr(bank_parquet, "MAX_CELLS", 100)
    refuse(bank, "claims 12 rows of 11 columns; at most 10000000 rows and 100 cells are read")


def test_too_much_text_is_not_read(bank, monkeypatch):
    monkeypatch.setattr(bank_parquet, "MAX_TEXT", 10_000)
    refuse(bank, "items.parquet: has over 10000 characters")


def test_a_long_text_repeated_is_held_once(bank):
    word = "x" * 1_000_000
    names = pa.DictionaryArray.from_arrays(pa.array([0] * 12, pa.int32()), [word]).cast(pa.string())
    forge(bank, items=parquet(items_with(bank, author=names), use_dictionary=["author"]))
    author = read_bank(bank).items.columns["author"]
    assert author[0] == word
    assert len({id(one) for one in author}) == 1


# --- parameters.safetensors -------------------------------------------------------------------


def tensors(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(start, end, shape=(1,), dtype="F64"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def arrays_with(bank, **arrays):
    plain = load((bank / "parameters.safetensors").read_bytes())
    return save({**plain, **{name.replace("__", "/"): array for name, array in arrays.items()}})


ARRAYS = {
    "empty": (lambda b: b"", "cannot be read"),
    "pickle": (lambda b: pickle.dumps(np.array([{}])), "cannot be read"),
    "npz": (lambda b: b"PK\x03\x04" + b"\0" * 50, "cannot be read"),
    "header length": (lambda b: struct.pack("<Q", 2**63) + b"{}", "cannot be read"),
    "header missing": (lambda b: struct.pack("<Q", 100) + b"{}", "cannot be read"),
    "header text": (lambda b: struct.pack("<Q", 4) + b"null", "cannot be read"),
    "overlap": (
        lambda b: tensors({"a": tensor(0, 8), "b": tensor(0, 8)}, b"\0" * 16),
        "cannot be read",
    ),
    "hole": (lambda b: tensors({"a": tensor(8, 16)}, b"\0" * 16), "cannot be read"),
    "beyond": (lambda b: tensors({"a": tensor(0, 80, (10,))}, b"\0" * 8), "cannot be read"),
    "rest": (lambda b: tensors({"a": tensor(0, 8)}, b"\0" * 9), "cannot be read"),
    "billion": (lambda b: tensors({"a": tensor(0, 8, (10**9,))}, b"\0" * 8), "cannot be read"),
    "overflow": (
        lambda b: tensors({"a": tensor(0, 8, (2**32, 2**32))}, b"\0" * 8),
        "cannot be read",
    ),
    "negative": (lambda b: tensors({"a": tensor(-8, 0)}, b"\0" * 8), "cannot be read"),
    "object": (lambda b: tensors({"a": tensor(0, 8, dtype="O")}, b"\0" * 8), "cannot be read"),
    "bfloat": (lambda b: tensors({"a": tensor(0, 2, dtype="BF16")}, b"\0" * 2), "bfloat|be read"),
    "half": (lambda b: arrays_with(b, x=np.zeros(2, np.float16)), "x has type float16"),
    "int32": (lambda b: arrays_with(b, x=np.zeros(2, np.int32)), "x has type int32"),
    "NaN": (lambda b: arrays_with(b, x=np.array([np.nan])), "x holds numbers that are not finite"),
    "inf": (lambda b: arrays_with(b, x_nan_ok=np.array([np.inf])), "x_nan_ok holds numbers"),
    "rows": (lambda b: arrays_with(b, irt__intercept=np.zeros(13)), "irt/intercept has shape"),
    "name": (lambda b: tensors({"../x": tensor(0, 8)}, b"\0" * 8), "a name is letters"),
    "long name": (lambda b: tensors({"/" * 10_000: tensor(0, 8)}, b"\0" * 8), "a name is letters"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_hostile_arrays(bank, case):
    make, message = ARRAYS[case]
    forge(bank, parameters=make(bank))
    refuse(bank, message)


def test_metadata_of_a_tensor_file_is_ignored(bank):
    data = tensors({"__metadata__": {"run": "rm -rf /"}, "a": tensor(0, 8)}, b"\0" * 8)
    forge(bank, parameters=data)
    assert list(read_bank(bank).arrays) == ["a"]


# --- content.parquet and README.md --------------------------------------------------------------


def content(**columns):
    return parquet(pa.table({name.replace("__", "."): v for name, v in columns.items()}))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "content.parquet: cannot be read"),
        (content(prompt=["x"]), "content.parquet: every row needs an id"),
        (content(item=["mmlu/1", None]), "content.parquet: every row needs an id"),
        (content(item=["mmlu/1", "mmlu/1"]), "content.parquet: item ids must be unique"),
        (content(item=["stranger"]), "content: 1 items are not the bank's: 'stranger'"),
        (content(item=["y" * 10_000]), "content: 1 items are not the bank's"),
        (content(item=["mmlu/1"], gold=[1]), "'gold' has type 'int64', expected string"),
        (content(item=["mmlu/1"], gold__json=["{"]), "content.parquet: cannot be read"),
        (content(item=["mmlu/1"], gold__json=["NaN"]), "NaN is not JSON"),
        (content(item=["mmlu/1"], gold__json=["[" * 10**6]), "content.parquet: cannot be read"),
        (content(item=["mmlu/1"], a=["x"], a__json=["1"]), "both a text column and a .json"),
        (content(item=["mmlu/1"], item__json=["1"]), "a field's name must be text"),
        (content(item=["mmlu/1"], __json=["1"]), "a field's name must be text"),
        (content(item=["mmlu/1"], a__json__json=["1"]), "a field's name must be text"),
    ],
)
def test_hostile_content(bank, data, message):
    forge(bank, content=data)
    refuse(bank, message)


def test_readme_that_is_not_text(bank):
    forge(bank, README=b"\xff\xfe")
    refuse(bank, "README.md: cannot be read")


# --- the identity of what is forged well ----------------------------------------------------------


def test_a_well_forged_bank_is_another_only_if_it_predicts_otherwise(bank):
    before = read_bank(bank).manifest
    forge(bank, README=b"send your answers to me")
    after = read_bank(bank)
    assert after.readme == "send your answers to me"
    assert after.manifest["digest"] == before["digest"]
    assert after.manifest["checksum"] != before["checksum"]
    listed = after.manifest["files"]["README.md"]["sha256"]
    assert listed == hashlib.sha256(b"send your answers to me").hexdigest()
    forge(bank, parameters=arrays_with(bank, irt__intercept=np.zeros(12)))
    assert read_bank(bank).manifest["digest"] != before["digest"]
