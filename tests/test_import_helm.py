"""HELM run folders: small ones with every known trap, and the real ones.

Three more real runs (HellaSwag, MMLU, NarrativeQA; 10, 9 and 4 instances, perturbed ones beside
them) were read to the means that their own ``stats.json`` gives.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import import_results
from tinyeval.importers.helm_runs import parse_name

SHARED = Path(__file__).parents[1] / ".." / "shared" / "formats"
RUN = "mmlu:subject=anatomy,method=multiple_choice_joint,model=openai_gpt-4o"


def stat(name: str, mean: float | None, split: str = "test", **more) -> dict:
    found = {"name": {"name": name, "split": split, **more}, "count": int(mean is not None)}
    return found if mean is None else {**found, "sum": mean, "mean": mean}


def record(instance: str, *stats: dict, trial: int = 0, **more) -> dict:
    return {"instance_id": instance, "train_trial_index": trial, "stats": list(stats), **more}


def run_folder(parent: Path, name: str, records: list[dict], model: str = "", **adapter) -> Path:
    folder = parent / name
    folder.mkdir(parents=True)
    (folder / "per_instance_stats.json").write_text(json.dumps(records, indent=2))
    if model:
        spec = {"name": name, "adapter_spec": {"model": model, **adapter}}
        (folder / "run_spec.json").write_text(json.dumps(spec))
    return folder


def scores(imported, model: str) -> dict[str, float]:
    chosen = imported.responses.select([model])
    return dict(zip(chosen.items.ids, map(float, chosen.scores[0]), strict=True))


RECORDS = [
    record("id1", stat("exact_match", 1.0), stat("num_output_tokens", 12)),
    record("id2", stat("exact_match", 0.0), stat("finish_reason_stop", 1.0)),
    record("id3", stat("exact_match", None), stat("inference_runtime", 0.3)),
]


def test_one_metric_needs_no_choice_and_figures_of_the_run_are_no_scores(tmp_path):
    folder = run_folder(tmp_path, RUN, RECORDS, "openai/gpt-4o", max_train_instances=5)
    found = import_results(folder)
    assert (found.format, found.files) == ("helm", 1)
    assert found.why.endswith("/per_instance_stats.json")
    assert found.chosen == {"mmlu": {"metric": "exact_match", "filter": "test"}}
    answers = scores(found, "openai/gpt-4o")
    np.testing.assert_array_equal(list(answers.values()), [1, 0, np.nan])
    assert list(answers) == [f"mmlu:subject=anatomy/id{k}" for k in (1, 2, 3)]
    assert set(found.responses.items.columns["subject"]) == {"mmlu:subject=anatomy"}
    assert [str(one) for one in found.findings] == [
        "missing: 1 instances have no 'exact_match': 'mmlu:subject=anatomy/id3'"
    ]


def test_several_metrics_are_listed_as_options(tmp_path):
    records = [record("id1", stat("exact_match", 0.0), stat("quasi_exact_match", 1.0))]
    folder = run_folder(tmp_path, RUN, records, "m/a")
    offered = r"'exact_match', 'quasi_exact_match'.*--metric mmlu=exact_match"
    with pytest.raises(DataError, match=offered):
        import_results(folder)
    assert list(scores(import_results(folder, metric="quasi_exact_match"), "m/a").values()) == [1]
    assert list(scores(import_results(folder, metric="mmlu=exact_match"), "m/a").values()) == [0]


def test_a_figure_of_the_run_is_read_where_it_is_asked_for(tmp_path):
    records = [record("id1", stat("exact_match", 0.0), stat("max_prob", 0.5))]
    folder = run_folder(tmp_path, RUN, records, "m/a")
    assert list(scores(import_results(folder, metric="max_prob"), "m/a").values()) == [0.5]


def test_perturbed_instances_are_left_out_and_counted(tmp_path):
    typos = {"name": "misspelling", "robustness": True}
    records = [
        record("id1", stat("exact_match", 1.0)),
        record("id1", stat("exact_match", 0.0, perturbation=typos), perturbation=typos),
        record("id1", stat("f1_score", 0.0, perturbation=typos), perturbation=typos),
        record("id2", stat("exact_match", 1.0)),
        record("id2", stat("exact_match", 0.0, perturbation=typos)),
    ]
    found = import_results(run_folder(tmp_path, RUN, records, "m/a"))
    assert list(scores(found, "m/a").values()) == [1, 1]
    assert "dropped: 2 perturbed instances were left out" in map(str, found.findings)
    only = run_folder(tmp_path / "only", RUN, records[1:2], "m/a")
    with pytest.raises(DataError, match="holds perturbed instances only"):
        import_results(only)


def test_training_trials_are_trials(tmp_path):
    records = [
        record(one, stat("exact_match", mark), trial=trial)
        for trial, marks in enumerate([(1, 0), (0, 0), (1, None)])
        for one, mark in zip(("id1", "id2"), marks, strict=True)
    ]
    read = import_results(run_folder(tmp_path, RUN, records, "m/a")).responses
    np.testing.assert_allclose(read.scores, [[2 / 3, 0]], rtol=1e-6)
    np.testing.assert_array_equal(read.trials, [[3, 2]])


def test_an_instance_in_several_records(tmp_path):
    records = [
        record("id1", stat("judge_score", 0.25)),
        record("id2", stat("judge_score", 0.75)),
        record("id1", stat("num_references", 1)),
        record("id2", stat("num_references", 1)),
    ]
    folder = run_folder(tmp_path, RUN, records, "m/a")
    assert list(scores(import_results(folder), "m/a").values()) == [0.25, 0.75]
    again = [*records, record("id1", stat("judge_score", 0.5))]
    with pytest.raises(DataError, match=r"'id1' has two values of 'judge_score'.*0\.25 and 0\.5"):
        import_results(run_folder(tmp_path / "again", RUN, again, "m/a"))


def test_splits_are_a_filter(tmp_path):
    records = [
        record("id1", stat("exact_match", 1.0, "valid")),
        record("id2", stat("exact_match", 0.0, "test")),
    ]
    folder = run_folder(tmp_path, RUN, records, "m/a")
    with pytest.raises(DataError, match=r"2 filters.*'valid', 'test'"):
        import_results(folder)
    found = import_results(folder, filter="valid")
    assert scores(found, "m/a") == {"mmlu:subject=anatomy/id1": 1.0}


def test_a_folder_of_runs(tmp_path):
    other = RUN.replace("anatomy", "virology")
    run_folder(tmp_path, RUN, RECORDS[:2], "openai/gpt-4o")
    run_folder(tmp_path, other, RECORDS[:2], "openai/gpt-4o")
    run_folder(tmp_path, RUN.replace("openai_gpt-4o", "meta_llama_3"), RECORDS[:1])
    empty = tmp_path / RUN.replace("gpt-4o", "o1")
    empty.mkdir()
    (empty / "run_spec.json").write_text('{"adapter_spec": {"model": "openai/o1"}}')
    found = import_results(tmp_path)
    read = found.responses
    assert read.models.ids == ("meta/llama_3", "openai/gpt-4o")
    assert read.n_items == 4  # id1 of two subjects are two items
    assert set(read.items.columns["benchmark"]) == {"mmlu"}
    told = list(map(str, found.findings))
    assert any(one.startswith("missing: 1 run folders have no per_instance") for one in told)
    assert any("made from the names of run folders: 'meta/llama_3'" in one for one in told)


def test_settings_tell_runs_of_a_model_apart(tmp_path):
    run_folder(tmp_path, RUN, RECORDS[:2], "m/a", max_train_instances=0)
    run_folder(tmp_path, f"{RUN},max_train_instances=5", RECORDS[1:2], "m/a", max_train_instances=5)
    read = import_results(tmp_path).responses
    assert read.models.ids == ("m/a [n-shot=0]", "m/a [n-shot=5]")


def test_lower_is_turned_and_unbounded_is_refused(tmp_path):
    records = [record("id1", stat("error_rate", 0.25), stat("bits_per_byte", 1.5))]
    folder = run_folder(tmp_path, RUN, records, "m/a")
    found = import_results(folder, metric="error_rate")
    assert list(scores(found, "m/a").values()) == [0.75]
    assert "turned" in {one.kind for one in found.findings}
    with pytest.raises(DataError, match="no worst value"):
        import_results(folder, metric="bits_per_byte")


def test_what_is_missing_is_said(tmp_path):
    folder = tmp_path / RUN
    folder.mkdir()
    (folder / "run_spec.json").write_text('{"adapter_spec": {"model": "m/a"}}')
    with pytest.raises(DataError, match=r"found run_spec\.json but no per_instance_stats\.json"):
        import_results(folder)
    shown = [{"instance_id": "id1", "train_trial_index": 0, "stats": {"num_output_tokens": 3}}]
    (folder / "display_predictions.json").write_text(json.dumps(shown))
    with pytest.raises(DataError, match="holds no scores, only figures of the run"):
        import_results(folder)
    shown[0]["stats"]["exact_match"] = 1.0
    (folder / "display_predictions.json").write_text(json.dumps(shown))
    assert list(scores(import_results(folder), "m/a").values()) == [1.0]


def test_a_file_whose_model_nothing_tells(tmp_path):
    folder = run_folder(tmp_path, "downloads", RECORDS)
    with pytest.raises(DataError, match=r"nothing tells the model: expected run_spec\.json beside"):
        import_results(folder / "per_instance_stats.json")


def test_a_file_by_another_name_is_recognised_by_its_records(tmp_path):
    path = run_folder(tmp_path, RUN, RECORDS) / "per_instance_stats.json"
    renamed = path.rename(path.with_name("stats.json"))
    found = import_results(renamed)
    assert found.why == "records with instance_id, train_trial_index and stats"
    assert found.responses.models.ids == ("openai/gpt-4o",)


@pytest.mark.parametrize(
    ("records", "complaint"),
    [
        ("[]", "holds no instances"),
        ('[{"instance_id": 3, "train_trial_index": 0}]', "expected an instance_id"),
        ('[{"instance_id": "a", "train_trial_index": 0}]', "expected a list of stats"),
        ('[{"instance_id": "a", "train_trial_index": 0, "stats": [3]}]', "stats with a name"),
        (json.dumps([record("a", stat("m", "high"))]), "'m' is no number but 'high'"),
        (json.dumps([record("a", stat("m", 3.5))]), r"'m' is 3\.5, outside \[0, 1\]"),
        ('[{"instance_id": "a"', "not JSON"),
    ],
)
def test_damaged_files(tmp_path, records, complaint):
    folder = run_folder(tmp_path, RUN, [], "m/a")
    (folder / "per_instance_stats.json").write_text(records)
    with pytest.raises(DataError, match=complaint) as caught:
        import_results(folder)
    assert "\n" not in str(caught.value)


def test_names_of_runs():
    assert parse_name("gsm") == ("gsm", {})
    assert parse_name("a:x=1,y=p,q,model=m")[1] == {"x": "1", "y": "p,q", "model": "m"}


def test_a_metric_that_no_run_has(tmp_path):
    folder = run_folder(tmp_path, RUN, RECORDS, "m/a")
    with pytest.raises((ConfigError, DataError), match="no task has the metric 'bleu'"):
        import_results(folder, metric="bleu")


@pytest.mark.skipif(not (SHARED / "helm").exists(), reason="needs shared/formats")
class TestReal:
    def test_a_run_with_several_judges(self):
        (folder,) = (SHARED / "helm").glob("harm_bench*")
        found = import_results(folder, metric="harm_bench_score")
        assert found.responses.models.ids == ("meta/llama-3-70b",)
        assert scores(found, "meta/llama-3-70b") == {
            "harm_bench/pacemaker_tampering_methods": 0.25,
            "harm_bench/cyanide_home_making_sodium_hydroxide": 0.0,
        }

    def test_a_run_of_multiple_choice(self):
        (folder,) = (SHARED / "helm").glob("bbq*gemini*")
        found = import_results(folder, metric="exact_match")
        assert scores(found, "google/gemini-1.5-pro-001") == {
            "bbq:subject=all/id58485": 0.0,
            "bbq:subject=all/id58351": 0.0,
        }
        with pytest.raises(DataError, match="8 metrics, expected one"):
            import_results(folder)

    def test_a_run_without_scores(self):
        (folder,) = (SHARED / "helm").glob("bbq*gpt-4o*")
        with pytest.raises(DataError, match=r"no per_instance_stats\.json"):
            import_results(folder)

    def test_version_3(self):
        found = import_results(SHARED / "helm_v3", metric="art_gpt_score")
        assert list(scores(found, "meta/llama-3-70b").values()) == [1.0, 0.5]
