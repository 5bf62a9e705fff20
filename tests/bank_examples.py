"""A small item bank for tests, and the means to forge one."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
from numpy.testing import assert_array_equal

from tinyeval.bank.codec import decode_arrays, decode_content, decode_items
from tinyeval.bank.contents import BankFiles
from tinyeval.bank.identity import identity
from tinyeval.errors import BankError
from tinyeval.tables import Table

N_ITEMS = 12
SCHEMA = Path(__file__).parent.parent / "docs" / "item-bank-manifest.schema.json"
STRANGE_IDS = ("gsm8k/0", "a b", "line\nbreak", "ünï/çødé/项目", "../../etc/passwd", "x" * 10_000)


def make_items(n=N_ITEMS, **columns):
    ids = (*STRANGE_IDS, *(f"mmlu/{k}" for k in range(n)))[:n]
    rank = np.full(n, np.nan)
    rank[[7, 2, 5]] = [0, 1, 2]
    weight = np.full(n, np.nan)
    weight[[7, 2, 5]] = [0.5, 0.3, 0.2]
    table = {
        "benchmark": np.array(["mmlu"] * n, dtype=object),
        "subject": np.array(["", "law", "history"] * (n // 3), dtype=object),
        "weight": np.linspace(0, 2, n),
        "cost": np.where(np.arange(n) % 2, np.nan, 3.5),
        "hash": np.array([hashlib.sha256(bytes([k])).hexdigest() for k in range(n)], dtype=object),
        "mean_score": np.linspace(0, 1, n),
        "anchor_rank": rank,
        "anchor_weight": weight,
        "difficulty": np.linspace(-3, 3, n),
        "author": np.array(["Zoë"] * n, dtype=object),
        **columns,
    }
    return Table(ids, {name: values for name, values in table.items() if values is not None})


def make_settings(**sections):
    return {
        "cost": "cost",
        "seed": 0,
        "device": "cpu",
        "quotas": {"by": "benchmark", "anchors": None},
        "target": {},
        "irt": {"dimensions": [1, 2], "block_size": None},
        "selection": {"method": "optimal_design", "options": {"drift": 0.1}},
        "estimator": {"method": "mean"},
        "interval": {"level": 0.9},
        "run": {"key": None, "prefix": ""},
        **sections,
    }


def make_manifest(**sections):
    manifest = {
        "name": "example",
        "tinyeval_version": "0.1.0",
        "targets": ["overall", "mmlu", "gsm8k"],
        "created": "2026-01-31T09:30:00Z",
        "estimator": {"method": "mean", "items": ["gsm8k/0", "mmlu/0"]},
        "settings": make_settings(),
        "source": {
            "origin": "nowhere",
            "models": 30,
            "duplicates_dropped": 1,
            "answers": 350,
            "missing": 0.03,
            "lowest_score": 0.2,
            "highest_score": 0.7,
        },
        "expected_error": {"3": 0.02, "2": 0.03},
        "free": [1, {"as": "you like"}],
        **sections,
    }
    return {key: value for key, value in manifest.items() if value is not None}


def make_arrays(n=N_ITEMS, **arrays):
    rng = np.random.default_rng(0)
    return {
        "irt/discrimination": rng.normal(size=(n, 2)),
        "irt/intercept": rng.normal(size=n),
        "irt/guessing": np.zeros(n),
        "estimator/kernel": rng.normal(size=(4, 5)).astype(np.float32).T,
        "estimator/scale": np.array(0.25),
        "estimator/empty": np.zeros((0, 3)),
        "estimator/order": np.arange(5),
        "estimator/mask": np.array([True, False]),
        "estimator/bytes": np.arange(7, dtype=np.uint8),
        "calibration/residual_nan_ok": np.array([0.1, np.nan]),
        **arrays,
    }


CONTENT = {
    "gsm8k/0": {"prompt": "What is 1 + 1?", "choices": ["1", "2"], "gold": 1},
    "line\nbreak": {"prompt": "", "image": [[0.5, 1.0], [0.25, 0.0]]},
    "mmlu/0": {},
    "mmlu/1": {"gold": None, "choices": "a text beside a list"},
}
README = "---\nlicense: apache-2.0\n---\n# Example\nÜnïcödé\r\n"


def make_files(**parts):
    given = {
        "manifest": make_manifest(),
        "items": make_items(),
        "arrays": make_arrays(),
        "content": CONTENT,
        "readme": README,
        **parts,
    }
    return BankFiles(**given)


def assert_same(left, right):
    """Two banks hold the same, apart from what writing adds to the manifest."""
    sealed = {"format_version", "sizes", "files", "digest", "checksum", "created"}
    plain = [{k: v for k, v in one.manifest.items() if k not in sealed} for one in (left, right)]
    assert plain[0] == plain[1]
    assert left.items.ids == right.items.ids
    assert set(left.items.columns) == set(right.items.columns)
    for name, values in left.items.columns.items():
        assert values.dtype == right.items.columns[name].dtype
        assert_array_equal(values, right.items.columns[name])
    assert set(left.arrays) == set(right.arrays)
    for name, array in left.arrays.items():
        assert array.dtype == right.arrays[name].dtype
        assert array.shape == right.arrays[name].shape
        assert_array_equal(array, right.arrays[name])
    assert left.content == right.content
    assert left.readme == right.readme


def canonical(manifest, *left_out):
    kept = {key: value for key, value in manifest.items() if key not in left_out}
    return json.dumps(kept, indent=2, sort_keys=True).encode() + b"\n"


def forge(folder, change=None, listing=True, **replaced):
    """Change a bank and make its digest and checksums right again, as an attacker would.

    ``change`` is called with the manifest; ``replaced`` maps a file's stem to its new bytes.
    """
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name in list(manifest["files"]):
        data = replaced.get(name.split(".")[0])
        if data is not None:
            (folder / name).write_bytes(data)
    if listing:
        for name, entry in manifest["files"].items():
            data = (folder / name).read_bytes()
            entry.update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    if change is not None:
        change(manifest)
    if "digest" in manifest:
        manifest["digest"] = digest_of(folder, manifest) or manifest["digest"]
    if "checksum" in manifest:
        manifest["checksum"] = hashlib.sha256(canonical(manifest, "checksum")).hexdigest()
    (folder / "manifest.json").write_bytes(canonical(manifest))


def digest_of(folder, manifest):
    """The digest of a bank with another manifest; None where the parts are no bank's."""
    data = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    try:
        return identity(
            BankFiles(
                manifest,
                decode_items(data["items.parquet"]),
                decode_arrays(data["parameters.safetensors"]),
                decode_content(data["content.parquet"]) if "content.parquet" in data else None,
                "",
            )
        )
    except (BankError, KeyError):
        return None


def schema():
    return json.loads(SCHEMA.read_text())


JSON_TYPES = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


def violations(value, rule, root):
    """Return what of ``value`` breaks ``rule``: the part of JSON Schema that ours uses."""
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].removeprefix("#/$defs/")]
    allowed = rule.get("type", [])
    allowed = [allowed] if isinstance(allowed, str) else allowed
    if allowed and not any(type(value) in JSON_TYPES[one] for one in allowed):
        return [f"{value!r} is no {' or '.join(allowed)}"]
    found = []
    if isinstance(value, dict):
        found += [f"no {key}" for key in rule.get("required", ()) if key not in value]
        known = rule.get("properties", {})
        for key, inner in value.items():
            if key in known:
                found += violations(inner, known[key], root)
            elif rule.get("additionalProperties") is False:
                found.append(f"unknown {key}")
    if isinstance(value, list):
        found += [v for inner in value for v in violations(inner, rule.get("items", {}), root)]
        if len(value) < rule.get("minItems", 0):
            found.append("too short")
        if rule.get("uniqueItems") and len(set(map(str, value))) != len(value):
            found.append("not unique")
    if isinstance(value, str):
        # the $ of JSON Schema is the end of the text, that of Python may precede a line feed
        if not re.search(rule.get("pattern", "").replace("$", r"\Z"), value):
            found.append(f"{value!r} does not match {rule['pattern']}")
        if len(value) < rule.get("minLength", 0):
            found.append("too short")
    if isinstance(value, (int, float)):
        if not rule.get("minimum", value) <= value <= rule.get("maximum", value):
            found.append(f"{value} out of range")
        if value <= rule.get("exclusiveMinimum", value - 1):
            found.append(f"{value} too small")
        if value >= rule.get("exclusiveMaximum", value + 1):
            found.append(f"{value} too large")
        if value != rule.get("const", value):
            found.append(f"{value} is not {rule['const']}")
    return found
