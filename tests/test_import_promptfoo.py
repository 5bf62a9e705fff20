"""Results of promptfoo, in the shape of its versions 3 and 4 as users' own parsers read them."""

from __future__ import annotations

import pytest
from importing import promptfoo_file, promptfoo_result, scores, told, trials, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results

GPT, CLAUDE = "openai:gpt-4o", "anthropic:claude"


@pytest.mark.parametrize("kind", ["file", "lines"])
def test_providers_are_models(tmp_path, kind):
    rows = [promptfoo_result(k, k == 0) for k in (0, 1)]
    rows += [promptfoo_result(k, True, CLAUDE) for k in (0, 1)]
    if kind == "file":
        path = write(tmp_path / "results.json", promptfoo_file(rows))
    else:
        path = write(tmp_path / "results.jsonl", rows, lines=True)
    found = import_results(path)
    assert found.format == "promptfoo"
    assert scores(found, GPT) == {"promptfoo/0": 1.0, "promptfoo/1": 0.0}
    assert scores(found, CLAUDE) == {"promptfoo/0": 1.0, "promptfoo/1": 1.0}
    assert (told(found), found.chosen["promptfoo"]) == ([], {"metric": "success"})


def test_prompts_tell_models_apart(tmp_path):
    rows = [
        promptfoo_result(0, k == 0, promptIdx=k, prompt={"raw": f"p{k}", "label": f"p{k}"})
        for k in (0, 1)
    ]
    found = import_results(write(tmp_path / "r.json", promptfoo_file(rows)))
    assert found.responses.models.ids == (f"{GPT} [prompt=p0]", f"{GPT} [prompt=p1]")


def test_a_test_that_is_repeated(tmp_path):
    """Repeats have numbers of their own, and ask the same."""
    again = promptfoo_result(0, False, testIdx=1)
    rows = [promptfoo_result(0, True), again, promptfoo_result(2, True)]
    found = import_results(write(tmp_path / "r.json", promptfoo_file(rows)))
    assert scores(found, GPT) == {"promptfoo/0": 0.5, "promptfoo/2": 1.0}
    assert trials(found, GPT) == {"promptfoo/0": 2, "promptfoo/2": 1}


def test_tests_that_differ_in_their_metadata_only(tmp_path):
    rows = [
        promptfoo_result(k, k == 0, vars={}, testCase={"vars": {}, "metadata": {"id": f"t{k}"}})
        for k in (0, 1)
    ]
    found = import_results(write(tmp_path / "r.json", {"version": 3, "results": rows}))
    assert scores(found, GPT) == {"promptfoo/0": 1.0, "promptfoo/1": 0.0}


@pytest.mark.parametrize("failures", ["missing", "wrong"])
def test_a_provider_that_failed(tmp_path, failures):
    old = promptfoo_result(2, False, failureReason=None, response={"error": "timeout"})
    rows = [promptfoo_result(0, True), promptfoo_result(1, False, failureReason=2), old]
    found = import_results(write(tmp_path / "r.json", promptfoo_file(rows)), failures=failures)
    lost = {"promptfoo/1": 0.0, "promptfoo/2": 0.0} if failures == "wrong" else {}
    assert scores(found, GPT) == {"promptfoo/0": 1.0} | lost
    assert "2 results have an error of their provider" in told(found)[0]


def test_scores_of_another_kind_are_a_choice(tmp_path):
    rows = [promptfoo_result(0, True, score=0.75, namedScores={"tone": 0.5})]
    path = write(tmp_path / "r.json", promptfoo_file(rows))
    with pytest.raises(DataError, match="available: 'success', 'score', 'tone'; choose with"):
        read_results(path)
    assert scores(import_results(path, metric="tone"), GPT) == {"promptfoo/0": 0.5}


def test_other_tests_under_one_number_are_refused(tmp_path):
    write(tmp_path / "a.json", promptfoo_file([promptfoo_result(0, True)]))
    other = promptfoo_result(0, True, CLAUDE, vars={"q": "another"})
    write(tmp_path / "b.json", promptfoo_file([other]))
    with pytest.raises(DataError, match="promptfoo/0"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "holds no results of single tests"),
        ([promptfoo_result(0, True, provider={})], "result 1: expected a result with a provider"),
        ([promptfoo_result(0, True) | {"success": "good"}], "'success' is no number but 'good'"),
    ],
)
def test_damaged(tmp_path, rows, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(write(tmp_path / "r.json", promptfoo_file(rows)))
