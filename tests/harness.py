"""lm-evaluation-harness on local tasks made from items: no network, no other task read."""

import json
from pathlib import Path


def choice_task(items, name: str, folder: Path) -> Path:
    """Write a multiple-choice task of items with choices; returns its folder."""
    rows = [{"key": one.id, **one.content} for one in items]
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / f"{name}.yaml").write_text(
        f"task: {name}\n"
        "dataset_path: json\n"
        f"dataset_kwargs: {{data_files: {{test: {data}}}}}\n"
        "test_split: test\n"
        "output_type: multiple_choice\n"
        'doc_to_text: "{{prompt}}"\n'
        'doc_to_choice: "{{choices}}"\n'
        'doc_to_target: "{{gold}}"\n'
        "metric_list: [{metric: acc}, {metric: acc_norm}]\n"
        "metadata: {version: 1}\n"
    )
    return folder


def run_lm_eval(model, folder: Path, samples=None, **options):
    """Run every task of a folder; returns what ``simple_evaluate`` does."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    tasks = sorted(one.stem for one in folder.glob("*.yaml"))
    return lm_eval.simple_evaluate(
        model=model,
        tasks=tasks,
        samples=samples,
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
        verbosity="ERROR",
        **options,
    )


def log_lm_eval(model, folder: Path, output: Path, samples=None) -> Path:
    """Run every task of a folder and write the logs as the command line does."""
    from lm_eval.loggers import EvaluationTracker

    tracker = EvaluationTracker(output_path=str(output))
    results = run_lm_eval(model, folder, samples, evaluation_tracker=tracker)
    logged = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=logged)
    for task in results["configs"]:
        tracker.save_results_samples(task_name=task, samples=logged[task])
    return output
