"""Results of SWE-bench: reports, lists of the experiments, and SWE-bench Pro."""

from __future__ import annotations

import json

import numpy as np
import pytest
from importing import real, scores, swe_report, told, write

from tinyeval.errors import DataError
from tinyeval.importers import import_results, read_results

LISTS = {
    "resolved_ids": ["django__django-1"],
    "unresolved_ids": ["django__django-2"],
    "empty_patch_ids": ["django__django-3"],
    "error_ids": ["django__django-4"],
    "incomplete_ids": ["django__django-5"],
    "infra_failure_ids": ["django__django-6"],
}


@pytest.mark.parametrize("failures", ["missing", "wrong"])
def test_outcomes(tmp_path, failures):
    path = write(tmp_path / "org__m-1.5.run7.json", swe_report(**LISTS))
    found = import_results(path, failures=failures)
    assert (found.format, found.why) == (
        "swe_bench",
        "counts of resolved instances (org__m-1.5.run7.json)",
    )
    assert found.responses.models.ids == ("org__m-1.5",)
    expected = {f"django__django-{k}": float(k == 1) for k in range(1, 5)}
    if failures == "wrong":
        expected |= {"django__django-5": 0.0, "django__django-6": 0.0}
    assert scores(found, "org__m-1.5") == expected
    assert len(found.responses.items.ids) == 6
    text = "\n".join(told(found))
    assert "1 instances were lost to failures of the infrastructure" in text
    assert "1 instances had no prediction" in text
    assert "1 instances ended with an error" in text


def test_infrastructure_comes_before_the_other_lists_and_after_success(tmp_path):
    report = swe_report(
        resolved_ids=["a"], unresolved_ids=["b"], infra_failure_ids=["a", "b"], error_ids=["b"]
    )
    found = import_results(write(tmp_path / "m.r.json", report))
    assert scores(found, "m") == {"a": 1.0}


def test_two_runs_of_a_model_are_repeats(tmp_path):
    write(tmp_path / "m.r1.json", swe_report(resolved_ids=["a"], unresolved_ids=["b"]))
    write(tmp_path / "m.r2.json", swe_report(resolved_ids=["b"], unresolved_ids=["a"]))
    assert scores(import_results(tmp_path), "m") == {"a": 0.5, "b": 0.5}


def test_lists_of_the_experiments_need_the_instances(tmp_path):
    folder = tmp_path / "evaluation" / "verified" / "20240620_sweagent_claude3.5sonnet" / "results"
    content = {"no_generation": ["c"], "no_logs": ["d"], "resolved": ["a"]}
    path = write(folder / "results.json", content)
    with pytest.raises(DataError, match=r"lists 3 instances.*name 3 of its 500; read it together"):
        read_results(path)
    asked = {"resolved_ids": ["b"], "unresolved_ids": ["a", "c", "d", "e"]}
    report = write(tmp_path / "m.r1.json", swe_report(**asked))
    found = import_results([path, report])
    system = "20240620_sweagent_claude3.5sonnet"
    assert scores(found, system) == {"a": 1.0, "b": 0.0, "c": 0.0, "e": 0.0}
    assert scores(found, "m") == {"a": 0.0, "b": 1.0, "c": 0.0, "d": 0.0, "e": 0.0}
    assert any("what else was asked counts as not resolved" in one for one in told(found))
    wrong = import_results([path, report], failures="wrong")
    assert scores(wrong, system)["d"] == 0.0


def test_files_of_one_part_that_name_all_its_instances_together(tmp_path):
    ids = [f"r__r-{k:03d}" for k in range(300)]
    for k, mine in enumerate((ids[:200], ids[150:])):
        folder = tmp_path / "lite" / f"2024010{k + 1}_s{k}" / "results"
        write(folder / "results.json", {"no_generation": [], "no_logs": [], "resolved": mine})
    found = import_results(tmp_path)
    assert np.nanmean(found.responses.scores, axis=1) == pytest.approx([200 / 300, 150 / 300])
    assert found.responses.scores.shape == (2, 300)


def test_lists_that_fit_several_reports(tmp_path):
    write(tmp_path / "m.r1.json", swe_report(resolved_ids=["a"], unresolved_ids=["b"]))
    write(tmp_path / "m.r2.json", swe_report(resolved_ids=["a"], unresolved_ids=["c"]))
    write(tmp_path / "s" / "results" / "results.json", {"no_logs": [], "resolved": ["a"]})
    with pytest.raises(DataError, match="those given list different ones"):
        read_results(tmp_path)


def test_a_report_of_part_of_the_benchmark_needs_leave(tmp_path):
    report = swe_report(resolved_ids=["a"], unresolved_ids=["b"]) | {"total_instances": 9}
    path = write(tmp_path / "m.r1.json", report)
    with pytest.raises(DataError, match=r"swe_bench \(2 of 9\).*--partial"):
        read_results(path)
    assert scores(import_results(path, partial=True), "m") == {"a": 1.0, "b": 0.0}


def test_results_lie_beside_many_trajectories(tmp_path):
    for k in range(60):
        write(tmp_path / "logs" / f"i{k:02}.json", {"trajectory": []})
    write(tmp_path / "results" / "results.json", swe_report(resolved_ids=["a"]))
    assert scores(import_results(tmp_path), tmp_path.name) == {"a": 1.0}


def test_pro(tmp_path):
    content = {"instance_a__b-1": True, "instance_a__b-2": False}
    path = write(tmp_path / "gptoss" / "eval_results.json", content)
    found = import_results(path)
    assert found.why == "true or false by instance (eval_results.json)"
    assert scores(found, "gptoss") == {"instance_a__b-1": 1.0, "instance_a__b-2": 0.0}
    assert set(found.responses.items.columns["benchmark"]) == {"swe_bench_pro"}


def test_a_table_of_items_is_none_of_pro(tmp_path):
    path = write(tmp_path / "eval_results.json", {"q1": True, "q2": False})
    assert import_results(path).format == "table"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"total_instances": 3, "resolved_instances": 1}, "no 'resolved_ids' that tell which"),
        (
            swe_report(resolved_ids=["a"], unresolved_ids=["a"]),
            "as resolved and as unresolved: 'a'",
        ),
        ({"resolved": [1], "no_logs": []}, "expected 'resolved' to be a list of instances"),
        ([], "expected a JSON object"),
    ],
)
def test_damaged(tmp_path, content, complaint):
    with pytest.raises(DataError, match=complaint):
        read_results(write(tmp_path / "m.r.json", content), format="swe_bench")


def test_a_folder_without(tmp_path):
    with pytest.raises(DataError, match="found no reports of SWE-bench's harness"):
        read_results(tmp_path, format="swe_bench")


def test_real_reports():
    folder = real("swebench_experiments")
    found = import_results(folder, failures="wrong")
    for path in folder.glob("*.json"):
        said = json.loads(path.read_text())
        mine = scores(found, path.name.removesuffix(".results.json"))
        assert (sum(mine.values()), len(mine)) == (
            said["resolved_instances"],
            said["total_instances"],
        )
    lenient = import_results(folder)
    mine = scores(lenient, "20240825_SWE-agent_gpt-4o-2024-05-13")
    assert (sum(mine.values()), len(mine)) == (6, 85)


def test_real_pro():
    found = import_results(real("swebench_pro"))
    assert found.format == "swe_bench"
    mine = scores(found, "gptoss-paper")
    assert (sum(mine.values()), len(mine)) == (118, 728)


def test_logs_of_single_instances(tmp_path):
    """Without the report of the run: ``logs/run_evaluation/<run>/<model>/<instance>``."""
    run = tmp_path / "logs" / "run_evaluation" / "r1" / "org__m"
    for name, resolved in (("a__a-1", True), ("a__a-2", False)):
        outcome = {"patch_is_None": False, "patch_exists": True, "resolved": resolved}
        write(run / name / "report.json", {name: outcome})
    write(run / "a__a-3" / "run_instance.log", "the patch does not apply")
    found = import_results(tmp_path)
    assert found.format == "swe_bench"
    assert found.why == "resolved and patch_exists of an instance (a__a-1/report.json)"
    assert scores(found, "org/m") == {"a__a-1": 1.0, "a__a-2": 0.0, "a__a-3": 0.0}
    assert "1 instances have a log and no report" in told(found)[0]
    import_results(tmp_path, parts=tmp_path / "parts")
    outcome = {"patch_exists": True, "resolved": True}
    write(run / "a__a-2" / "report.json", {"a__a-2": outcome})
    assert scores(import_results(run, parts=tmp_path / "parts"), "org/m")["a__a-2"] == 1.0
    write(tmp_path / "m.r1.json", swe_report(resolved_ids=["a__a-1"]))
    assert import_results(tmp_path).responses.models.ids == ("m",)
    write(run / "a__a-1" / "report.json", {"a__a-1": {"patch_exists": True, "resolved": "yes"}})
    with pytest.raises(DataError, match="expected resolved true or false, found 'yes'"):
        read_results(run)
