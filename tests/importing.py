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


def tau_trial(number: int, reward: float, trial: int = 0, **info: object) -> dict:
    """A trial of tau-bench."""
    traj = [{"role": "user", "content": "..."}]
    return {"task_id": number, "reward": reward, "info": info, "traj": traj, "trial": trial}


def tau2_run(
    simulations: list[dict] | None, tasks: int = 2, llm: str = "org/m", agent: str = "llm_agent"
) -> dict:
    """Results of tau2-bench, as version 1 writes them; None: simulations lie beside."""
    info = {
        "git_commit": "c7b9f7c",
        "num_trials": 2,
        "user_info": {"implementation": "user_simulator", "llm": "gpt-4.1", "llm_args": {}},
        "agent_info": {"implementation": agent, "llm": llm, "llm_args": {"temperature": 0.0}},
        "environment_info": {"domain_name": "airline", "policy": "Be kind.", "tool_defs": None},
    }
    found = {"timestamp": "2025-09-29T01:38:13", "info": info}
    found |= {"tasks": [{"id": str(k)} for k in range(tasks)]}
    return found if simulations is None else found | {"simulations": simulations}


def simulation(task: str, reward: float | None, trial: int = 0, end: str = "user_stop") -> dict:
    """A simulation of tau2-bench."""
    info = None if reward is None else {"reward": reward, "reward_basis": ["DB"]}
    found = {"id": f"{task}-{trial}", "task_id": task, "termination_reason": end, "trial": trial}
    return found | {"reward_info": info, "messages": [{"role": "user", "content": "..."}]}


def harbor_trial(
    task: str, reward: float | None, raised: str = "", n: int = 1, **more: object
) -> dict:
    """A trial of Harbor, as version 0.2 writes it; later ones say ``reward_valid``, too."""
    raising = {"exception_type": raised, "exception_message": "m", "exception_traceback": "t"}
    found = {
        "id": f"{task}-{n}",
        "task_name": task,
        "trial_name": f"{task}__{n}",
        "trial_uri": "file:///jobs",
        "task_id": {"path": task},
        "source": "terminal-bench",
        "task_checksum": "aa",
        "config": {"agent": {"name": "terminus-2", "model_name": "openai/gpt-5", "kwargs": {}}},
        "agent_info": {
            "name": "terminus-2",
            "version": "2.0.0",
            "model_info": {"name": "gpt-5", "provider": "openai"},
        },
        "agent_result": {"n_input_tokens": 10, "cost_usd": None},
        "verifier_result": None if reward is None else {"rewards": {"reward": reward}},
        "exception_info": raising if raised else None,
        "started_at": "2025-11-10T10:00:00.000000",
    }
    return found | more


def harbor_job(trials: list[dict] | None = None) -> dict:
    """The summary of a job of Harbor; early versions keep its trials in it."""
    found = {"id": "j", "started_at": "2025-11-10T10:00:00", "n_total_trials": 1}
    found |= {"stats": {"n_trials": 1, "n_errors": 0, "evals": {}}}
    return found if trials is None else found | {"trial_results": trials}


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


def evals_log(answers: dict[str, bool | None], model: str = "gpt-4o", **more: object) -> list[dict]:
    """A log of OpenAI Evals; None: the sample ended with an error."""
    config = {"completion_fns": [model], "seed": 20220722, "max_samples": None} | more
    spec = {"completion_fns": [model], "eval_name": "coqa.dev.v0", "base_eval": "coqa"}
    spec |= {"split": "dev", "run_config": config, "run_id": "r", "created_at": "2024-01-01 00:00"}
    lines: list[dict] = [{"spec": spec}, {"final_report": {"accuracy": 0.5}, "run_id": "r"}]
    for name, right in answers.items():
        event = {"run_id": "r", "event_id": len(lines), "sample_id": name, "created_by": ""}
        lines.append(event | {"type": "sampling", "data": {"prompt": "q", "sampled": ["a"]}})
        data = {"correct": right, "expected": "a", "picked": "a"}
        failed = {"type": "RateLimitError", "message": "slow down"}
        one = ("match", data) if right is not None else ("error", failed)
        lines.append(event | {"type": one[0], "data": one[1]})
    return lines


def promptfoo_result(
    test: int, success: bool, provider: str = "openai:gpt-4o", **more: object
) -> dict:
    """A result of promptfoo."""
    return {
        "promptIdx": 0,
        "testIdx": test,
        "testCase": {"vars": {"q": f"Q{test}"}, "assert": [{"type": "equals", "value": "a"}]},
        "promptId": "p",
        "provider": {"id": provider, "label": ""},
        "prompt": {"raw": "Answer: {{q}}", "label": "Answer: {{q}}"},
        "vars": {"q": f"Q{test}"},
        "response": {"output": "a"},
        "score": int(success),
        "success": success,
        "failureReason": 0 if success else 1,
        "namedScores": {},
        **more,
    }


def promptfoo_file(results: list[dict]) -> dict:
    """A file of promptfoo's results, version 3."""
    prompts = [{"raw": "Answer: {{q}}", "label": "Answer: {{q}}", "provider": "openai:gpt-4o"}]
    found = {"version": 3, "timestamp": "2026-06-01T12:00:00Z", "prompts": prompts}
    return {"evalId": "eval-x", "results": found | {"results": results, "stats": {}}, "config": {}}


MADE = {
    "swe_bench": ("m.r1.json", swe_report(resolved_ids=["a__a-1"]), False),
    "swe_bench pro": ("m/eval_results.json", {"instance_a__b-1": True}, False),
    "swe_bench lists": ("s/results/results.json", {"no_generation": [], "resolved": ["a"]}, False),
    "terminal_bench": ("r/results.json", {"results": [tb_trial("t", True)]}, False),
    "terminal_bench trial": ("t/t.1-of-5/results.json", tb_trial("t", True), False),
    "tau_bench": ("gpt-4o-retail.json", [tau_trial(0, 1.0)], False),
    "tau2_bench": ("run.json", tau2_run([simulation("0", 1.0)], 1), False),
    "harbor": ("job/t__1/result.json", harbor_trial("t", 1.0), False),
    "harbor job": ("job/result.json", harbor_job([harbor_trial("t", 1.0)]), False),
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
    "openai_evals": ("log.jsonl", evals_log({"coqa.dev.0": True, "coqa.dev.1": None}), True),
    "promptfoo": ("results.json", promptfoo_file([promptfoo_result(0, True)]), False),
    "promptfoo lines": ("results.jsonl", [promptfoo_result(0, True)], True),
    "mmlu_pro": ("model_outputs_m_5shots.json", [pro_output(70, "A")], False),
}  # fmt: skip
"""Small files: format, and perhaps more -> (path, content, whether it is lines)."""
