"""Scores of BFCL, which list the wrong answers alone."""

from __future__ import annotations

import pytest
from importing import bfcl_lines, real, scores, told, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results


def score(root, wrong, total, model="m-FC", category="simple"):
    path = root / "score" / model / f"BFCL_v3_{category}_score.json"
    return write(path, bfcl_lines(wrong, total, model, category), lines=True)


def result(root, ids, model="m-FC", category="live_simple"):
    path = root / "result" / model / f"BFCL_v3_{category}_result.json"
    return write(path, [{"id": one, "result": "..."} for one in ids], lines=True)


def test_numbered_ids(tmp_path):
    score(tmp_path, ["simple_1", "simple_3"], 5)
    score(tmp_path, ["simple_0"], 5, "n")
    found = import_results(tmp_path)
    assert found.format == "bfcl"
    assert found.why.startswith("accuracy, correct_count and total_count in the first line")
    assert scores(found, "m-FC") == {f"simple_{k}": float(k not in (1, 3)) for k in range(5)}
    assert scores(found, "n") == {f"simple_{k}": float(k != 0) for k in range(5)}
    assert set(found.responses.items.columns["benchmark"]) == {"bfcl_simple"}
    assert any("all others count as right" in one for one in told(found))


def test_all_right(tmp_path):
    found = import_results(score(tmp_path, [], 3))
    assert scores(found, "m-FC") == {f"simple_{k}": 1.0 for k in range(3)}
    assert any("called as their files or folders" in one.what for one in found.findings)


def test_other_ids_are_those_of_the_results(tmp_path):
    path = score(tmp_path, ["live_simple_0-0-0"], 2, category="live_simple")
    with pytest.raises(DataError, match=r"1 wrong answers only.*keep the folder result/"):
        read_results(path)
    result(tmp_path, ["live_simple_0-0-0", "live_simple_1-0-1"])
    expected = {"live_simple_0-0-0": 0.0, "live_simple_1-0-1": 1.0}
    assert scores(import_results(path), "m-FC") == expected


def test_all_models_together_fail_at_every_item(tmp_path):
    score(tmp_path, ["live_simple_0-0-0"], 2, category="live_simple")
    score(tmp_path, ["live_simple_1-0-1"], 2, "n", "live_simple")
    found = import_results(tmp_path)
    assert scores(found, "m-FC") == {"live_simple_0-0-0": 0.0, "live_simple_1-0-1": 1.0}
    assert scores(found, "n") == {"live_simple_0-0-0": 1.0, "live_simple_1-0-1": 0.0}


def test_results_of_another_run(tmp_path):
    path = score(tmp_path, ["live_simple_0-0-0"], 3, category="live_simple")
    result(tmp_path, ["live_simple_0-0-0", "live_simple_1-0-1"])
    with pytest.raises(DataError, match="has 3 answers, but 2 ids are known from its results"):
        read_results(path)


def test_numbers_beyond_the_total(tmp_path):
    with pytest.raises(DataError, match=r"1 wrong answers are not among them: 'simple_7'"):
        read_results(score(tmp_path, ["simple_7"], 5))


def test_a_file_that_was_cut_off(tmp_path):
    lines = bfcl_lines(["simple_1", "simple_3"], 5)[:2]
    path = write(tmp_path / "BFCL_v3_simple_score.json", lines, lines=True)
    with pytest.raises(DataError, match="tells of 2 wrong answers of 5, but 1 follow"):
        read_results(path)


def test_a_number_made_to_fill_the_memory(tmp_path):
    head = {"accuracy": 1.0, "correct_count": 10**12, "total_count": 10**12}
    path = write(tmp_path / "BFCL_v3_simple_score.json", [head], lines=True)
    with pytest.raises(DataError, match="expected correct_count and total_count"):
        read_results(path)


def test_two_models_in_one_file(tmp_path):
    lines = bfcl_lines(["simple_1"], 5)
    lines[0]["correct_count"] = 3
    lines.append({**lines[1], "id": "simple_2", "model_name": "n"})
    path = write(tmp_path / "BFCL_v3_simple_score.json", lines, lines=True)
    with pytest.raises(DataError, match="answers of one model and one category, found 'm-FC', 'n'"):
        read_results(path)


def test_real_scores_are_refused_with_what_is_missing():
    folder = real("bfcl")
    with pytest.raises(DataError, match=r"the ids of the 15 right ones.*result/"):
        read_results(folder)


def test_real_scores_with_the_results_beside(tmp_path):
    path = next(real("bfcl").glob("*.json"))
    target = tmp_path / "score" / "DeepSeek-V3-0324-FC" / path.name
    target.parent.mkdir(parents=True)
    target.write_bytes(path.read_bytes())
    ids = [f"live_relevance_{k}-{k}-0" for k in range(18)]
    result(tmp_path, ids, "DeepSeek-V3-0324-FC", "live_relevance")
    mine = scores(import_results(target), "DeepSeek-V3-0324-FC")
    assert sum(mine.values()) / 18 == pytest.approx(0.8333333333333334)
