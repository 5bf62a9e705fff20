"""The formats that are known, and which of them a path is.

A new format is one file with an :class:`~tinyeval.importers.base.Importer` and one entry here.
The order counts: the first that recognises all paths reads them, and ``table``, which takes
whatever looks like a table, is the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tinyeval.errors import ConfigError, DataError
from tinyeval.importers.base import Importer
from tinyeval.importers.foreign import about
from tinyeval.importers.outside import outside_importer
from tinyeval.registry import is_outside


class Format(NamedTuple):
    """What is said of a format.

    Attributes:
        importer: ``module:class``.
        title: its name as its users write it.
        looks_like: what there is to see on disk, in one phrase.
        example: a command that reads it.
        tables: whether it is a table, not a harness's own files.
    """

    importer: str
    title: str
    looks_like: str
    example: str
    tables: bool = False


FORMATS: dict[str, Format] = {
    "helm": Format(
        "tinyeval.importers.helm:HelmImporter",
        "HELM",
        "run folders with per_instance_stats.json and run_spec.json",
        "tinyeval import benchmark_output/runs/v1 --metric exact_match --out results.parquet",
    ),
    "inspect": Format(
        "tinyeval.importers.inspect_ai:InspectImporter",
        "Inspect AI",
        "logs called .eval or .json, or a folder of them",
        "tinyeval import logs/ --metric choice --out results.parquet",
    ),
    "open_llm_leaderboard": Format(
        "tinyeval.importers.open_llm_leaderboard:LeaderboardImporter",
        "Open LLM Leaderboard 1",
        "repositories details_ORG__MODEL with Parquet files of tasks called harness_TASK_SHOTS",
        "tinyeval import details_*/ --out results.parquet",
    ),
    "open_llm_leaderboard2": Format(
        "tinyeval.importers.open_llm_leaderboard2:Leaderboard2Importer",
        "Open LLM Leaderboard 2",
        "repositories ORG__MODEL-details with samples of tasks called leaderboard_TASK",
        "tinyeval import *-details/ --out results.parquet",
    ),
    "lighteval": Format(
        "tinyeval.importers.lighteval:LightevalImporter",
        "lighteval",
        "details/MODEL/DATE/details_*.parquet (--save-details)",
        "tinyeval import lighteval_output/ --metric acc --out results.parquet",
    ),
    "opencompass": Format(
        "tinyeval.importers.opencompass:OpenCompassImporter",
        "OpenCompass",
        "outputs with results/MODEL/DATASET.json (--dump-eval-details)",
        "tinyeval import outputs/default/ --out results.parquet",
    ),
    "every_eval_ever": Format(
        "tinyeval.importers.every_eval_ever:EveryEvalEverImporter",
        "Every Eval Ever",
        "*_samples.jsonl with evaluation_id, model_id and sample_id",
        "tinyeval import data/gsm8k/ --out results.parquet",
    ),
    "lm_eval": Format(
        "tinyeval.importers.lm_eval:LmEvalImporter",
        "lm-evaluation-harness",
        "folders with samples_*.jsonl and results_*.json (--log_samples)",
        "tinyeval import lm_eval_output/ --metric acc --out results.parquet",
    ),
    "swe_bench": Format(
        "tinyeval.importers.swe_bench:SweBenchImporter",
        "SWE-bench",
        "reports MODEL.RUN.json, DATE_SYSTEM/results/results.json, or eval_results.json of Pro",
        "tinyeval import reports/ --out results.parquet",
    ),
    "terminal_bench": Format(
        "tinyeval.importers.terminal_bench:TerminalBenchImporter",
        "Terminal-Bench",
        "runs with results.json, of a run or of each trial",
        "tinyeval import runs/ --out results.parquet",
    ),
    "harbor": Format(
        "tinyeval.importers.harbor:HarborImporter",
        "Harbor",
        "jobs/JOB/TRIAL/result.json with task_name, agent_info and verifier_result",
        "tinyeval import jobs/ --out results.parquet",
    ),
    "tau2_bench": Format(
        "tinyeval.importers.tau2_bench:Tau2BenchImporter",
        "tau2-bench",
        "results of runs with info, tasks and simulations",
        "tinyeval import data/simulations/ --out results.parquet",
    ),
    "tau_bench": Format(
        "tinyeval.importers.tau_bench:TauBenchImporter",
        "tau-bench",
        "lists of trials with task_id, reward, info and traj",
        "tinyeval import results/*-airline.json --out results.parquet",
    ),
    "livecodebench": Format(
        "tinyeval.importers.livecodebench:LiveCodeBenchImporter",
        "LiveCodeBench",
        "output/MODEL/*_eval_all.json with graded_list, or the leaderboard's performances_*.json",
        "tinyeval import output/ --out results.parquet",
    ),
    "livebench": Format(
        "tinyeval.importers.livebench:LiveBenchImporter",
        "LiveBench",
        "ground_truth_judgment.jsonl with question_id, task, model and score",
        "tinyeval import data/live_bench/ --out results.parquet",
    ),
    "bfcl": Format(
        "tinyeval.importers.bfcl:BfclImporter",
        "BFCL",
        "score/MODEL/BFCL_*_score.json, result/ beside it",
        "tinyeval import score/ --out results.parquet",
    ),
    "evalplus": Format(
        "tinyeval.importers.evalplus:EvalPlusImporter",
        "EvalPlus",
        "*_eval_results.json with base_status and plus_status",
        "tinyeval import evalplus_results/humaneval/ --metric plus --out results.parquet",
    ),
    "evalperf": Format(
        "tinyeval.importers.evalperf:EvalPerfImporter",
        "EvalPerf",
        "*_evalperf_results.json with dps by task",
        "tinyeval import evalplus_results/evalperf/ --metric dps --out results.parquet",
    ),
    "alpaca_eval": Format(
        "tinyeval.importers.alpaca_eval:AlpacaEvalImporter",
        "AlpacaEval",
        "annotations.json with generator_1, generator_2 and preference",
        "tinyeval import results/ --out results.parquet",
    ),
    "mt_bench": Format(
        "tinyeval.importers.mt_bench:MtBenchImporter",
        "MT-Bench",
        "model_judgment/gpt-4_single.jsonl with judge, score and turn",
        "tinyeval import model_judgment/gpt-4_single.jsonl --out results.parquet",
    ),
    "wildbench": Format(
        "tinyeval.importers.wildbench:WildBenchImporter",
        "WildBench",
        "score.v2/eval=JUDGE/MODEL.json with session_id, score and model_test",
        "tinyeval import eval_results/v2.0625/score.v2/ --out results.parquet",
    ),
    "zeroeval": Format(
        "tinyeval.importers.zeroeval:ZeroEvalImporter",
        "ZeroEval",
        "answers with session_id, chat_history, generator and a mark such as correct",
        "tinyeval import result_dirs/zebra-grid/ --out results.parquet",
    ),
    "mmlu_pro": Format(
        "tinyeval.importers.mmlu_pro:MmluProImporter",
        "MMLU-Pro",
        "model_outputs_MODEL_5shots.json with answer and pred",
        "tinyeval import eval_results/ --out results.parquet",
    ),
    "openai_evals": Format(
        "tinyeval.importers.openai_evals:OpenAiEvalsImporter",
        "OpenAI Evals",
        "logs *.jsonl whose first line is the spec of a run, then events such as match",
        "tinyeval import evallogs/ --out results.parquet",
    ),
    "promptfoo": Format(
        "tinyeval.importers.promptfoo:PromptfooImporter",
        "promptfoo",
        "results.json with evalId and results, or lines with promptIdx and testIdx",
        "tinyeval import results.json --metric success --out results.parquet",
    ),
    "table": Format(
        "tinyeval.importers.table:TableImporter",
        "table",
        "csv and other text, json, parquet, arrow, npz, xlsx, a saved Dataset, or a folder of "
        "these; one row per model, or one row per answer",
        "tinyeval import results.csv --out results.parquet",
        tables=True,
    ),
}


def get_importer(name: str) -> Importer:
    """Return the importer of that name, or the one that ``MODULE:CLASS`` names.

    Raises:
        ConfigError: a name that is not known, or a class that cannot be imported or used.
    """
    if is_outside(name):
        return outside_importer(name)
    if name not in FORMATS:
        raise ConfigError(f"unknown results format {name!r}; known are: {', '.join(FORMATS)}")
    module, importer = FORMATS[name].importer.split(":")
    return getattr(import_module(module), importer)()


def recognise(paths: Sequence[Path]) -> tuple[str, str]:
    """Return the name of the first format that all paths are of, and what the first shows.

    Raises:
        DataError: paths of different formats, or of none.
    """
    for name in FORMATS:
        importer = get_importer(name)
        reasons = [importer.sniff(path) for path in paths]
        if all(reasons):
            return name, reasons[0]
        if any(reasons):
            found = next(k for k, reason in enumerate(reasons) if reason)
            raise DataError(
                f"{paths[found]} looks like {name} ({reasons[found]}), but "
                f"{paths[reasons.index('')]} does not; read one format at a time"
            )
    if reason := about(paths[0]):
        raise DataError(reason)
    harnesses = ", ".join(one.title for one in FORMATS.values() if not one.tables)
    raise DataError(
        f"{paths[0]}: found no results here; expected a table (csv, jsonl, json, parquet, npz), a "
        f"folder of tables, or what one of these writes: {harnesses} "
        "(lm-evaluation-harness with --log_samples); --format names it where it is not recognised"
    )


def overview() -> str:
    """Return the formats as a Markdown table, each with a command that reads it."""
    rows = [
        " | ".join(
            _cell(text) for text in (one.title, f"`{key}`", one.looks_like, f"`{one.example}`")
        )
        for key, one in FORMATS.items()
    ]
    rows = [f"| {row} |" for row in rows]
    head = ["| format | `--format` | what it looks like | example |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _cell(text: str) -> str:
    """Return text as it stands in a cell: a bar would end it."""
    return text.replace("|", r"\|")
