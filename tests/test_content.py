"""Content of a bank's items, from a table to a model that is asked."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from tinyeval import ItemBank, build, write_results
from tinyeval.bank.content import read_content, with_content
from tinyeval.cli import main
from tinyeval.errors import ConfigError, DataError
from tinyeval.training.items import bank_items


def rows_of(ids):
    return [
        {"item": one, "prompt": f"{one}?", "choices": ["no", "yes"], "gold": k % 2}
        for k, one in enumerate(ids)
    ]


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def saved(bank, tmp_path):
    bank.save(tmp_path / "bank")
    return tmp_path / "bank"


def test_content_of_the_anchors_is_kept_and_the_digest_stays(bank, tmp_path):
    content = read_content(write_jsonl(tmp_path / "items.jsonl", rows_of(bank.items.ids)))
    filled = with_content(bank, content, licence="MIT")
    assert set(filled.content) == set(bank.anchors.items)
    assert filled.digest == bank.digest
    digest = filled.save(tmp_path / "filled")
    read = ItemBank.load(tmp_path / "filled")
    assert read.digest == digest == bank.digest
    assert read.content == filled.content
    assert "Licence of content.parquet: MIT." in (tmp_path / "filled" / "README.md").read_text()
    first = bank_items(read)[0]
    assert (first.prompt, first.choices) == (f"{first.id}?", ("no", "yes"))
    assert first.gold == bank.items.ids.index(first.id) % 2
    everything = with_content(bank, content, of="all")
    assert set(everything.content) == set(bank.items.ids)


def test_fields_without_a_value_are_left_out_and_ids_are_recognised(tmp_path):
    path = tmp_path / "items.parquet"
    table = {"question_id": ["a", "b"], "prompt": ["A?", "B?"], "stop": [["\n"], None]}
    pq.write_table(pa.table(table), path)
    assert read_content(path) == {"a": {"prompt": "A?", "stop": ["\n"]}, "b": {"prompt": "B?"}}


def test_what_is_no_content_is_refused(bank, tmp_path):
    nameless = write_jsonl(tmp_path / "nameless.jsonl", [{"prompt": "?", "gold": 1}])
    with pytest.raises(DataError, match=r"a column of item ids.*'prompt', 'gold'.*--item-c"):
        read_content(nameless)
    twice = write_jsonl(tmp_path / "twice.jsonl", [{"item": "a", "prompt": "?"}] * 2)
    with pytest.raises(DataError, match="'a'"):
        read_content(twice)
    some = {one: {"prompt": "?"} for one in bank.anchors.items[2:]}
    with pytest.raises(DataError, match=r"^2 of the bank's 15 anchors have no content: "):
        with_content(bank, some)
    with pytest.raises(ConfigError, match="anchors or all, found 'none'"):
        with_content(bank, some, of="none")


def test_the_command_adds_it_and_keeps_what_else_lies_there(bank, saved, tmp_path):
    (saved / "notes.txt").write_text("mine")
    items = write_jsonl(tmp_path / "items.jsonl", rows_of(bank.items.ids))
    found = CliRunner().invoke(main, ["content", str(saved), str(items)])
    assert found.exit_code == 0, found.output
    assert f"content of {len(bank.anchors)} items" in found.stdout
    assert "fields: choices, gold, prompt" in found.stdout
    assert "no licence is stated for the content (--licence)" in found.stderr
    assert (saved / "notes.txt").read_text() == "mine"
    assert ItemBank.load(saved).digest == bank.digest
    found = CliRunner().invoke(main, ["content", str(saved), str(tmp_path / "none.jsonl")])
    assert found.exit_code == 1
    assert len(found.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_build_takes_it(source, tmp_path):
    write_results(source, tmp_path / "results.parquet")
    items = write_jsonl(tmp_path / "items.jsonl", rows_of(source.items.ids))
    arguments = ["build", str(tmp_path / "results.parquet"), "--items", "6", "--device", "cpu"]
    arguments += ["--out", str(tmp_path / "b"), "--content", str(items), "--content-of", "all"]
    found = CliRunner().invoke(main, [*arguments, "--content-licence", "MIT"])
    assert found.exit_code == 0, found.output
    bank = ItemBank.load(tmp_path / "b")
    assert set(bank.content) == set(source.items.ids)
    assert bank.source["content_licence"] == "MIT"


def test_lists_in_text_tables_and_the_content_of_another_bank_are_read(bank, tmp_path):
    (tmp_path / "items.csv").write_text(
        'item,prompt,choices,delimiter,gold\na,A?,"[""x"", ""y""]",,1\nb,B?,,": ",z\n'
    )
    found = read_content(tmp_path / "items.csv")
    assert found["a"]["choices"] == ["x", "y"]
    assert (found["a"]["delimiter"], found["b"]["delimiter"]) == ("", ": ")
    assert "choices" not in found["b"]
    content = read_content(write_jsonl(tmp_path / "items.jsonl", rows_of(bank.items.ids)))
    with_content(bank, content).save(tmp_path / "filled")
    again = read_content(tmp_path / "filled" / "content.parquet")
    assert again == {one: content[one] for one in bank.anchors.items}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"choices": ["a", "b"], "gold": "c"}, "'gold' to be the index or text of one of 2"),
        ({"choices": ["a"], "gold": 0}, "'choices' to be a list of two or more"),
        ({"choices": ["a", "b"], "gold": [0, 2]}, "'gold' to be the index"),
        ({"gold": "x", "filters": [{"regex": "x"}]}, "'filters' to be a list of objects with func"),
        ({"gold": "x", "max_tokens": 0}, "'max_tokens' to be a number of 1 or more"),
        ({"gold": "x", "stop": [""]}, "'stop' to be a text"),
        ({"gold": "x", "chat": "yes"}, "'chat' to be true or false"),
        ({"prompts": ["x"], "choices": ["a", "b"]}, "'prompts' to be a list of 2 texts"),
        ({"prompts": ["x", "y"], "choices": ["a", "b"]}, "has no 'continuation'"),
    ],
)
def test_fields_that_no_runner_can_use_are_refused_when_they_are_given(bank, fields, said):
    content = {one: {"prompt": "?", **fields} for one in bank.anchors.items}
    with pytest.raises(DataError, match=said):
        with_content(bank, content)


def test_json_that_is_none_is_named_with_its_line(tmp_path):
    (tmp_path / "items.csv").write_text("item,prompt,choices\na,A?,x or y\n")
    with pytest.raises(DataError, match=r"items\.csv:2: expected JSON in column 'choices'"):
        read_content(tmp_path / "items.csv")


def test_tables_in_memory_are_read(bank):
    import pandas as pd
    from datasets import Dataset

    rows = rows_of(bank.items.ids)
    expected = with_content(bank, {row["item"]: {**row} for row in rows}).content
    expected = {one: {k: v for k, v in row.items() if k != "item"} for one, row in expected.items()}
    for table in (rows, Dataset.from_list(rows), pd.DataFrame(rows)):
        assert with_content(bank, read_content(table)).content == expected
    with pytest.raises(DataError, match="expected paths, a pandas or polars DataFrame"):
        read_content(7)


@pytest.mark.slow
def test_build_takes_content_in_every_form(source, fast):
    rows = rows_of(source.items.ids)
    given = {row["item"]: {"prompt": row["prompt"]} for row in rows}
    asked = []

    def some(wanted):
        asked.append(wanted)
        return {one: given[one] for one in list(wanted)[:3]}

    bank = build(source, settings=fast, content=rows)
    assert set(bank.content) == set(bank.anchors.items)
    assert build(source, settings=fast, content=given, content_of="all").content == given
    part = build(source, settings=fast, content=some, content_licence="MIT")
    assert list(part.content) == list(bank.anchors.items[:3])
    assert asked == [dict.fromkeys(bank.anchors.items, "")]
    none = build(source, settings=fast, content=lambda wanted: {})
    assert none.content is None
    assert bank.digest == part.digest == none.digest
    with pytest.raises(DataError, match="anchors have no content"):
        build(source, settings=fast, content={"q": {"prompt": "?"}})
