"""Results of EvalPlus and EvalPerf."""

from __future__ import annotations

import pytest
from importing import evalperf, evalplus, real, scores, told, trials, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results

NAME = "org--m_vllm_temp_{t}_eval_results.json"


def test_base_and_plus(tmp_path):
    tasks = {"HumanEval/0": [("pass", "fail")], "HumanEval/1": [("fail", "pass")]}
    tasks["HumanEval/2"] = [("pass", "pass")]
    path = write(tmp_path / NAME.format(t="0.0"), evalplus(tasks))
    with pytest.raises(DataError, match=r"2 metrics.*'base', 'plus'"):
        read_results(path)
    found = import_results(path, metric="plus")
    assert (found.format, found.responses.models.ids) == ("evalplus", ("org--m",))
    assert list(scores(found, "org--m").values()) == [0, 0, 1]  # plus: both pass
    assert list(scores(import_results(path, metric="base"), "org--m").values()) == [1, 0, 1]
    assert found.chosen == {"humaneval": {"metric": "plus"}}


def test_samples_are_trials_and_timeouts_are_wrong(tmp_path):
    samples = [("pass", "pass"), ("timeout", "timeout"), ("fail", "fail"), ("pass", "pass")]
    path = write(tmp_path / NAME.format(t="0.8"), evalplus({"Mbpp/2": samples}))
    found = import_results(path, metric="plus")
    assert (scores(found, "org--m"), trials(found, "org--m")) == ({"Mbpp/2": 0.5}, {"Mbpp/2": 4})


def test_base_tests_alone_need_no_choice(tmp_path):
    tasks = {"HumanEval/0": [("pass", None)]}
    assert scores(
        import_results(write(tmp_path / "m_eval_results.json", evalplus(tasks))), "m"
    ) == {"HumanEval/0": 1.0}


def test_older_files_have_lists(tmp_path):
    task = {"nfiles": 2, "base": [["pass", []], ["fail", []]], "plus": [["fail", []], ["fail", []]]}
    path = write(tmp_path / "m" / "eval_results.json", {"date": "d", "eval": {"HumanEval/0": task}})
    assert scores(import_results(path, metric="base"), "m") == {"HumanEval/0": 0.5}
    assert scores(import_results(path, metric="plus"), "m") == {"HumanEval/0": 0.0}


def test_temperatures_and_data_sets(tmp_path):
    for t, base in (("0.0", "pass"), ("0.8", "fail")):
        write(tmp_path / "humaneval" / NAME.format(t=t), evalplus({"HumanEval/0": [(base, base)]}))
    write(tmp_path / "mbpp" / NAME.format(t="0.0"), evalplus({"Mbpp/2": [("pass", "pass")]}))
    found = import_results(tmp_path, metric="base")
    assert found.responses.models.ids == ("org--m", "org--m [temperature=0.8]")
    assert scores(found, "org--m") == {"HumanEval/0": 1.0, "Mbpp/2": 1.0}
    assert list(found.responses.items.columns["benchmark"]) == ["humaneval", "mbpp"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (evalplus({"HumanEval/0": [("crash", "fail")]}), "a status of 'HumanEval/0' among 'pass'"),
        ({"eval": {}}, "expected an object 'eval'"),
        ({"eval": {"HumanEval/0": ["pass"]}}, "expected samples of 'HumanEval/0'"),
    ],
)
def test_damaged(tmp_path, content, complaint):
    path = write(tmp_path / "m_eval_results.json", content)
    with pytest.raises(DataError, match=complaint):
        read_results(path, format="evalplus", metric="base")


def test_real_results():
    folder = real("evalplus")
    model = "meta-llama--Meta-Llama-3.1-70B-Instruct"
    for metric, passed in (("base", 7), ("plus", 6)):
        mine = scores(import_results(folder, metric=metric), model)
        assert (sum(mine.values()), len(mine)) == (passed, 8)


PERF = "m_vllm_temp_1.0_evalperf_results.json"


def test_evalperf(tmp_path):
    path = write(tmp_path / PERF, evalperf({"HumanEval/9": [80.0, None], "Mbpp/3": [None, None]}))
    with pytest.raises(DataError, match=r"3 metrics.*'pass@1', 'dps', 'dps_norm'"):
        read_results(path)
    found = import_results(path, metric="dps")
    assert found.format == "evalperf"
    assert scores(found, "m") == pytest.approx({"HumanEval/9": 0.8})
    assert told(found)[0].startswith("missing: 1 tasks have no dps")
    found = import_results(path, metric="pass@1")
    assert scores(found, "m") == {"HumanEval/9": 0.5, "Mbpp/3": 0.0}
    assert trials(found, "m") == {"HumanEval/9": 2, "Mbpp/3": 2}


def test_evalperf_samples_of_a_task_are_averaged_as_it_does(tmp_path):
    path = write(tmp_path / PERF, evalperf({"HumanEval/9": [80.0, 40.0, None]}))
    assert scores(import_results(path, metric="dps"), "m") == pytest.approx({"HumanEval/9": 0.6})
    assert scores(import_results(path, metric="dps_norm"), "m") == pytest.approx(
        {"HumanEval/9": 0.3}
    )


def test_evalperf_means_of_models_are_left_out_beside_results(tmp_path):
    write(tmp_path / PERF, evalperf({"HumanEval/9": [80.0]}))
    means = {"dps": 80.0, "dps_norm": 70.0, "pass@1": 60.0, "task_win_rate": 0.5}
    write(tmp_path / "COMBINED-RESULTS.json", {"m": means})
    found = import_results(tmp_path, metric="dps")
    assert scores(found, "m") == pytest.approx({"HumanEval/9": 0.8})
    assert "means over all tasks were left out: 'COMBINED-RESULTS.json'" in told(found)[0]


def test_evalperf_beyond_its_scale(tmp_path):
    path = write(tmp_path / PERF, evalperf({"HumanEval/9": [180.0]}))
    with pytest.raises(DataError, match="expected dps of 'HumanEval/9' from 0 to 100, found 180"):
        read_results(path, metric="dps")


def test_real_evalperf_has_no_marks_of_tasks():
    folder = real("evalperf")
    with pytest.raises(DataError, match=r"over all tasks only.*none of single tasks"):
        read_results(folder)
