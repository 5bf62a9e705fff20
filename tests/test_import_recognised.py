"""Which format a file is of: no reader claims what another reads."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import test_import_every_eval_ever as every_eval_ever
import test_import_helm as helm
import test_import_inspect as inspect
import test_import_lm_eval as lm_eval
import test_import_opencompass as opencompass
from importing import MADE, SHARED, real, write

from tinyeval.errors import DataError, TinyEvalError
from tinyeval.importers import FORMATS, get_importer, import_results, read_results
from tinyeval.importers.formats import overview
from tinyeval.importers.heads import beginning

HARNESSES = [name for name, one in FORMATS.items() if not one.tables]

REAL = {
    "alpaca_eval": "alpaca_eval",
    "bfcl": "bfcl",
    "csv_matrix": "",
    "evalperf": "evalperf",
    "evalplus": "evalplus",
    "helm": "helm",
    "helm_v3": "helm",
    "inspect_ai": "inspect",
    "inspect_ai_0.3.285_mock": "inspect",
    "livebench": "livebench",
    "livecodebench": "livecodebench",
    "lm_eval": "lm_eval",
    "lm_eval_0.4.13_dummy": "lm_eval",
    "mmlu_pro": "mmlu_pro",
    "mt_bench": "mt_bench",
    "swebench_experiments": "swe_bench",
    "swebench_pro": "swe_bench",
    "swebench_pro_table": "",
    "tau_bench": "tau_bench",
    "terminal_bench": "terminal_bench",
    "zeroeval": "zeroeval",
}
"""Folders of real files, and the format of each; empty: a table."""


def claimed(path: Path) -> dict[str, str]:
    """Harnesses' formats that claim a path, and why."""
    reasons = {name: get_importer(name).sniff(path) for name in HARNESSES}
    return {name: why for name, why in reasons.items() if why}


@pytest.mark.parametrize("name", REAL)
def test_real_files(name):
    folder = real(name)
    expected = {REAL[name]} - {""}
    assert set(claimed(folder)) == expected
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in ("SOURCE.md", "run_spec.json"):
            assert set(claimed(path)) == expected, path


def test_every_real_folder_is_in_the_list():
    if not SHARED.exists():
        pytest.skip("needs shared/formats")
    assert {one.name for one in SHARED.iterdir() if one.is_dir()} == set(REAL)


@pytest.mark.parametrize("name", MADE)
def test_made_files(tmp_path, name):
    place, content, lines = MADE[name]
    path = write(tmp_path / place, content, lines)
    for one in (path, tmp_path):
        found = claimed(one)
        assert set(found) == {name.split()[0]}
        assert path.name in found[name.split()[0]]


def test_made_files_of_other_harnesses(tmp_path):
    made = {
        "helm": helm.run_folder(tmp_path / "helm", helm.RUN, helm.RECORDS, "org/m"),
        "inspect": inspect.write_json(
            tmp_path / "inspect" / "log.json", inspect.header(), inspect.MIXED
        ),
        "every_eval_ever": every_eval_ever.write(tmp_path / "eee", every_eval_ever.LINES),
        "lm_eval": lm_eval.samples(tmp_path / "lm", "arc", lm_eval.rows("arc", [1, 0])),
        "opencompass": opencompass.write(
            tmp_path / "oc", "gsm8k", {"details": {"0": opencompass.answer(correct=True)}}
        ),
    }
    for name, path in made.items():
        assert set(claimed(path)) == {name}


TABLES = {
    "records": [{"model": "a", "item": "q", "score": 1}],
    "answers": [{"question_id": "q", "model": "a", "score": 1}],
    "tasks": [{"task_id": "t", "model": "a", "reward": 1, "trial": 0}],
    "resolved": [{"instance_id": "i", "model": "a", "resolved": True}],
    "nested": {"a": {"q": 1}},
    "one model": {"q1": True, "q2": False},
    "columns": {"resolved": {"0": 1}, "model": {"0": "a"}},
    "wide": [{"model": "a", "q1": 1, "q2": 0}],
    "counts": {"accuracy": 0.5, "total": 3},
}


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("name", TABLES)
def test_plain_tables_are_nobodys(tmp_path, name, lines):
    content = TABLES[name]
    if lines and not isinstance(content, list):
        content = [content]
    path = write(tmp_path / f"results.json{'l' if lines else ''}", content, lines)
    assert claimed(path) == {}
    assert claimed(tmp_path) == {}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[", "[{", '{"a"', '{"a":', "[[1]]", '{"a": ' + "[" * 5000, "\x00\xff", "[1,2]"],
)
def test_what_begins_with_nothing_is_nobodys(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    assert claimed(path) == {}
    assert beginning(path).kind in ("", "{", "[")


def test_the_beginning_of_a_long_object(tmp_path):
    content = {"a": 1, "b": {"c": [1]}, "text": "x" * 2**17, "late": 1}
    found = beginning(write(tmp_path / "x.json", content))
    assert (found.kind, list(found.members)) == ("{", ["a", "b", "text"])
    assert found.members["b"] == {"c": [1]}
    assert found.has("a", "text")
    assert found.is_cut()
    assert not beginning(write(tmp_path / "y.json", [{"a": 1}])).is_cut()


def test_a_bar_does_not_end_a_cell(monkeypatch):
    one = FORMATS["table"]._replace(looks_like="a|b", example="tinyeval import a|b")
    monkeypatch.setitem(FORMATS, "table", one)
    last = overview().splitlines()[-1]
    assert last.count("|") - last.count(r"\|") == 5
    assert r"a\|b" in last


def test_files_that_were_passed_over_are_told_where_nothing_is_left(tmp_path):
    for k in range(2):
        log = inspect.header(n=1, status="error") if k else inspect.header(n=1)
        log["eval"] |= {"task_id": f"t{k}"}
        inspect.write_json(tmp_path / f"log{k}.json", log, [])
    with pytest.raises(DataError, match=r"no results to read: missing: 2 logs have no scores"):
        read_results(tmp_path)


def test_parts_keep_what_was_read(tmp_path):
    place, content, lines = MADE["livecodebench"]
    path = write(tmp_path / "data" / place, content, lines)
    first = read_results(path, parts=tmp_path / "parts")
    again = read_results(path, parts=tmp_path / "parts")
    assert first.items.ids == again.items.ids
    assert json.dumps(first.scores.tolist()) == json.dumps(again.scores.tolist())


ODD = [None, True, 0, -1, 1e400, 10**400, "", "x", [], {}, [[]], [None], {"a": 1}, "\ud800", 3.5]
"""What stands in a damaged file where something else is expected."""


def places(value: object, place: tuple = ()) -> Iterator[tuple]:
    """Paths to every value inside JSON."""
    yield place
    pairs = value.items() if isinstance(value, dict) else ()
    for key, one in enumerate(value) if isinstance(value, list) else pairs:
        yield from places(one, (*place, key))


def damaged(content: object, rng: random.Random) -> object:
    """The same JSON with a few values replaced, deleted or doubled."""
    content = deepcopy(content)
    for _ in range(rng.choice([1, 1, 2, 3])):
        found = [one for one in places(content) if one]
        if not found:
            break
        *way, last = rng.choice(found)
        inside = content
        for key in way:
            inside = inside[key]
        chance = rng.random()
        if chance < 0.6:
            inside[last] = deepcopy(rng.choice(ODD))
        elif chance < 0.8:
            del inside[last]
        elif isinstance(inside, list):
            inside.append(deepcopy(inside[last]))
    return content


def refusal(path: Path, **options: object) -> str:
    """What is said where a file is refused; empty where it is read."""
    try:
        import_results(path, **options)
    except TinyEvalError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", MADE)
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path, name):
    rng = random.Random(name)
    place, content, lines = MADE[name]
    metric = {"evalplus": "base", "evalperf": "dps"}.get(name)
    for _ in range(25):
        changed = damaged(content, rng)
        path = write(tmp_path / place, changed, lines and isinstance(changed, list))
        if rng.random() < 0.2:
            path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size + 1)])
        for options in ({}, {"format": name.split()[0], "metric": metric}):
            assert "\n" not in refusal(path, **options)
