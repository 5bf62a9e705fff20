"""Small files in the shapes of harnesses' results, and what tests of their readers share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tinyeval.importers import Imported

SHARED = Path(__file__).parents[1] / ".." / "shared" / "formats"


def real(name: str) -> Path:
    """A folder of real files; the test is skipped where there is none."""
    folder = SHARED / name
    if not folder.exists():
        pytest.skip(f"needs shared/formats/{name}")
    return folder


def write(path: Path, content: object, lines: bool = False) -> Path:
    """Write JSON, or a list as lines of JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if lines:
        path.write_text("".join(json.dumps(one) + "\n" for one in content))
    else:
        path.write_text(json.dumps(content))
    return path


def scores(imported: Imported, model: str) -> dict[str, float]:
    """Scores of a model by item, missing ones left out."""
    chosen = imported.responses.select([model])
    pairs = zip(chosen.items.ids, map(float, chosen.scores[0]), strict=True)
    return {item: score for item, score in pairs if score == score}


def trials(imported: Imported, model: str) -> dict[str, int]:
    """Numbers of trials of a model by item."""
    chosen = imported.responses.select([model])
    assert chosen.trials is not None
    return dict(zip(chosen.items.ids, map(int, chosen.trials[0]), strict=True))


def told(imported: Imported) -> list[str]:
    """What was found, but for the names of files that became those of models."""
    return [str(one) for one in imported.findings if "files or folders" not in one.what]


def swe_report(**lists: list[str]) -> dict:
    """A report of SWE-bench's harness, as it counts."""
    asked = {one for ids in lists.values() for one in ids}
    given = asked - set(lists.get("incomplete_ids", ()))
    counted = ("resolved_ids", "unresolved_ids", "empty_patch_ids", "error_ids", "incomplete_ids")
    full = {name: lists.get(name, []) for name in counted} | lists
    done = [*full["resolved_ids"], *full["unresolved_ids"]]
    return {
        "total_instances": len(asked),
        "submitted_instances": len(given),
        "completed_instances": len(done),
        "resolved_instances": len(full["resolved_ids"]),
        "unresolved_instances": len(full["unresolved_ids"]),
        "completed_ids": sorted(done),
        **full,
        "submitted_ids": sorted(given),
        "schema_version": 2,
    }


def tb_trial(task: str, resolved: bool | None, failure: str = "unset", n: int = 1) -> dict:
    """A trial of Terminal-Bench."""
    date = "2025-09-06__18-59-06"
    return {
        "trial_name": f"{task}.{n}-of-5",
        "task_id": task,
        "instruction": "Do it.",
        "is_resolved": resolved,
        "failure_mode": failure,
        "parser_results": {"test_it": "passed"},
        "recording_path": f"{date}/{task}/{task}.{n}-of-5/sessions/agent.cast",
    }


def harbor_trial(task: str, reward: float | None, n: int = 1, **more) -> dict:
    """A trial as harbor 0.26 writes it, in the order of its fields; ``None``: not verified."""
    error = {"exception_type": "DockerError", "exception_message": "m"}
    return {
        "id": f"00000000-0000-0000-0000-{n:012}",
        "task_name": task,
        "trial_name": f"{task}__{n}",
        "trial_uri": "file:///jobs",
        "task_id": {"path": task},
        "source": "terminal-bench",
        "task_checksum": "c",
        "config": {"agent": {"name": "terminus-2"}},
        "agent_info": {
            "name": "terminus-2",
            "version": "1",
            "model_info": {"name": "m", "provider": "org"},
        },
        "verifier_result": None if reward is None else {"rewards": {"reward": reward}},
        "exception_info": error if reward is None else None,
        "started_at": "2026-03-01T12:00:00",
        **more,
    }


def tau_trial(number: int, reward: float, trial: int = 0, **info: object) -> dict:
    """A trial of tau-bench."""
    traj = [{"role": "user", "content": "..."}]
    return {"task_id": number, "reward": reward, "info": info, "traj": traj, "trial": trial}


def lcb_problem(question: str, graded: list[bool], **more: object) -> dict:
    """A problem of LiveCodeBench with its graded samples."""
    return {
        "question_title": "t",
        "question_content": "c",
        "question_id": question,
        "difficulty": "easy",
        "output_list": ["x"] * len(graded),
        "code_list": ["x"] * len(graded),
        "graded_list": graded,
        "pass@1": sum(graded) / max(len(graded), 1),
        **more,
    }


def judgment(question: str, model: str, score: float, time: float = 1.0, **more: object) -> dict:
    """A judgment of LiveBench."""
    found = {"question_id": question, "task": "typos", "model": model, "score": score}
    return found | {"tstamp": time, "category": "language", "answer_id": "a"} | more


def bfcl_lines(wrong: list[str], total: int, model: str = "m-FC", category: str = "simple") -> list:
    """A file of BFCL's scores: the counts, and the wrong answers."""
    right = total - len(wrong)
    head = {"accuracy": right / total, "correct_count": right, "total_count": total}
    rows = [
        {"id": one, "model_name": model, "test_category": category, "valid": False, "error": []}
        for one in wrong
    ]
    return [head, *rows]


def evalplus(tasks: dict[str, list[tuple[str, str | None]]]) -> dict:
    """Results of EvalPlus."""
    return {
        "date": "2024-08-08 14:52",
        "hash": "fe58",
        "eval": {
            task: [
                {"task_id": task, "solution": "s", "base_status": base, "plus_status": plus}
                for base, plus in samples
            ]
            for task, samples in tasks.items()
        },
    }


def evalperf(tasks: dict[str, list[float | None]]) -> dict:
    """Results of EvalPerf: dps of each sample, None where it does not pass."""

    def task(name: str, samples: list[float | None]) -> dict:
        known = [one for one in samples if one is not None]
        rows = [
            {"solution": "s", "pass": one is not None, "matching_cluster_idx": None}
            | ({} if one is None else {"dps": one, "dps_norm": one / 2})
            for one in samples
        ]
        dps = sum(known) / len(known) if known else None
        share = 100 * len(known) / len(samples)
        return {"task_id": name, "results": rows, "ref": [], "dps": dps, "pass@1": share} | {
            "dps_norm": None if dps is None else dps / 2
        }

    found = {name: task(name, samples) for name, samples in tasks.items()}
    return {"date": "2024-10-01", "n_samples": 2, "min_correct": 1, "eval": found}


def annotation(instruction: str, preference: float | None, **more: object) -> dict:
    """An annotation of AlpacaEval."""
    return {
        "instruction": instruction,
        "output_1": "a",
        "generator_1": "gpt4_1106_preview",
        "dataset": "helpful_base",
        "output_2": "b",
        "generator_2": "mine",
        "annotator": "weighted_alpaca_eval_gpt4_turbo",
        "preference": preference,
        **more,
    }


def mark(question: int, turn: int, score: float, model: str = "m", judge: str = "gpt-4") -> dict:
    """A judgment of MT-Bench."""
    found = {"question_id": question, "model": model, "judge": [judge, "single-v1"]}
    return found | {"user_prompt": "p", "judgment": "j", "score": score, "turn": turn, "tstamp": 1}


def session(name: str, score: object, model: str = "org/m") -> dict:
    """A mark of WildBench."""
    parsed = {"strengths": "s", "weaknesses": "w", "score": score}
    found = {"session_id": name, "parsed_result": parsed, "meta_data": {}, "model_test": model}
    return found | {"score": score, "model_output": "o"}


def zero_answer(name: str, **more: object) -> dict:
    """An answer of ZeroEval."""
    return {
        "session_id": name,
        "chat_history": ["q"],
        "model_input": "n/a",
        "output": ["o"],
        "generator": "openai/gpt-4o",
        "configs": {"temperature": 0.0},
        "dataset": "crux",
        "id": name,
        "question": "q",
        "answer": "1",
        **more,
    }


def pro_output(question: int, pred: str | None, answer: str = "A", category: str = "law") -> dict:
    """An output of MMLU-Pro."""
    return {
        "question_id": question,
        "question": "q",
        "options": ["x", "y"],
        "answer": answer,
        "answer_index": 0,
        "cot_content": "",
        "category": category,
        "src": "s",
        "pred": pred,
        "generated_text": "t",
    }


MADE = {
    "swe_bench": ("m.r1.json", swe_report(resolved_ids=["a__a-1"]), False),
    "swe_bench pro": ("m/eval_results.json", {"instance_a__b-1": True}, False),
    "swe_bench lists": ("s/results/results.json", {"no_generation": [], "resolved": ["a"]}, False),
    "terminal_bench": ("r/results.json", {"results": [tb_trial("t", True)]}, False),
    "terminal_bench trial": ("t/t.1-of-5/results.json", tb_trial("t", True), False),
    "harbor": ("jobs/j/t__1/result.json", harbor_trial("t", 1.0), False),
    "tau_bench": ("gpt-4o-retail.json", [tau_trial(0, 1.0)], False),
    "livecodebench": ("M/Scenario.codegeneration_10_0.2_eval_all.json",
                      [lcb_problem("1", [True])], False),
    "livebench": ("ground_truth_judgment.jsonl", [judgment("q", "m", 1)], True),
    "bfcl": ("score/m/BFCL_v3_simple_score.json", bfcl_lines(["simple_1"], 3), True),
    "evalplus": ("m_vllm_temp_0.0_eval_results.json",
                 evalplus({"HumanEval/0": [("pass", "pass")]}), False),
    "evalperf": ("m_vllm_temp_1.0_evalperf_results.json", evalperf({"HumanEval/0": [80.0]}), False),
    "alpaca_eval": ("annotations.json", [annotation("i", 1.5)], False),
    "mt_bench": ("gpt-4_single.jsonl", [mark(81, 1, 10)], True),
    "wildbench": ("m.json", [session("a", "5")], False),
    "zeroeval": ("m.json", [zero_answer("a", correct=True)], False),
    "mmlu_pro": ("model_outputs_m_5shots.json", [pro_output(70, "A")], False),
}  # fmt: skip
"""Small files: format, and perhaps more -> (path, content, whether it is lines)."""
