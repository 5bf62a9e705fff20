"""Folders as lm-evaluation-harness writes them with ``--log_samples``: a file per model and task.

Every row has what a real one has: the document, the prompt as it was sent, the log-likelihoods of
four choices and two metrics; about 2 kB.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from paper_repro.timing.answers import MISSING, Codes

ROWS = 100
"""Documents of a task."""

DATE = "2026-01-31T12-00-00.000000"

WORDS = (
    "A student measures how long a cart takes to roll down a ramp, and repeats it with a steeper "
    "ramp. Which of these does the second measurement say most about, if nothing else is changed? "
)


def tasks_of(n_items: int) -> int:
    """Return the number of tasks of so many items."""
    return -(-n_items // ROWS)


def write_samples(folder: Path, codes: Codes) -> int:
    """Write a folder per model, with a file per task of its answers; returns the bytes written."""
    total, n_items = 0, codes.shape[1]
    documents = [_document(k) for k in range(n_items)]
    for model, answers in enumerate(codes):
        own = folder / f"org__model-{model:04d}"
        own.mkdir(parents=True)
        sizes = {}
        for task in range(tasks_of(n_items)):
            some = range(task * ROWS, min((task + 1) * ROWS, n_items))
            sizes[f"task_{task:03d}"] = len(some)
            rows = _rows(documents, answers, some)
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (own / f"samples_task_{task:03d}_{DATE}.jsonl").write_text(text)
            total += len(text)
        (own / f"results_{DATE}.json").write_text(_results(f"org/model-{model:04d}", sizes))
    return total


def _document(item: int) -> dict[str, Any]:
    choices = [f"{WORDS[:24]} ({letter}, {item})" for letter in "ABCD"]
    document = {"id": f"doc-{item}", "question": f"{WORDS}{item}", "choices": choices, "answer": 0}
    digest = sha256(json.dumps(document, indent=2).encode()).hexdigest()
    return {"doc": document, "doc_hash": digest, "prompt": f"Question: {WORDS}{item}\nAnswer:"}


def _rows(
    documents: list[dict[str, Any]], answers: Codes, items: range
) -> Iterator[dict[str, Any]]:
    for doc_id, item in enumerate(items):
        known, code = documents[item], int(answers[item])
        if code == MISSING:
            continue
        texts = known["doc"]["choices"]
        likely = [[str(-10.25 - k - (code & 1)), "False"] for k in range(len(texts))]
        arguments = {
            f"gen_args_{k}": {"arg_0": known["prompt"], "arg_1": f" {text}"}
            for k, text in enumerate(texts)
        }
        yield {
            "doc_id": doc_id,
            "doc": known["doc"],
            "target": "0",
            "arguments": arguments,
            "resps": [[one] for one in likely],
            "filtered_resps": likely,
            "filter": "none",
            "metrics": ["acc", "acc_norm"],
            "doc_hash": known["doc_hash"],
            "prompt_hash": known["doc_hash"],
            "target_hash": known["doc_hash"],
            "acc": float(code & 1),
            "acc_norm": float(code & 1),
        }


def _results(model: str, sizes: dict[str, int]) -> str:
    content = {
        "results": {task: {"alias": task} for task in sizes},
        "configs": {task: {"task": task, "num_fewshot": 5} for task in sizes},
        "versions": dict.fromkeys(sizes, 1.0),
        "n-shot": dict.fromkeys(sizes, 5),
        "higher_is_better": {one: {"acc": True, "acc_norm": True} for one in sizes},
        "n-samples": {task: {"original": n, "effective": n} for task, n in sizes.items()},
        "model_name": model,
    }
    return json.dumps(content, indent=2)
