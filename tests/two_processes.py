"""One of two processes that answer or train together: ``two_processes.py RANK FOLDER TASK...``."""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
from small_benchmark import make_model, make_texts, make_tokenizer

from tinyeval.bank.item_bank import ItemBank
from tinyeval.errors import TinyEvalError
from tinyeval.training import CausalLM, QuickEval, TransformersCallback
from tinyeval.training.processes import ask_together, is_spread


def share(quick, rank):
    """Each answers a share; both know all."""
    asked = []

    def answer(items, model):
        asked.append([one.id for one in items])
        return quick.answer(items, model)

    model = make_model(make_tokenizer())
    scores = ask_together(QuickEval(quick.bank, answer), model)
    return {"asked": asked, "scores": scores}


def spread(quick, rank):
    """Each holds a part of the model; both answer everything in step."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    model = make_model(make_tokenizer())
    for layer in model.model.layers:
        fully_shard(layer, mesh=init_device_mesh("cpu", (2,)))
    asked = []

    def answer(items, model):
        asked.append([one.id for one in items])
        return quick.answer(items, model)

    scores = ask_together(QuickEval(quick.bank, answer), model)
    return {"asked": asked, "scores": scores, "spread": is_spread(model)}


def few(quick, rank):
    """Fewer items than processes: one has nothing to do."""
    one = QuickEval(quick.bank, quick.answer, n_items=1)
    return {"scores": ask_together(one, make_model(make_tokenizer()))}


def fail(quick, rank):
    """One fails; the other is told instead of waiting."""

    def answer(items, model):
        if rank == 1:
            raise ValueError("no such GPU")
        return [1] * len(items)

    try:
        ask_together(QuickEval(quick.bank, answer), object())
    except (ValueError, TinyEvalError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {}


def train(quick, rank):
    """``transformers.Trainer`` in two processes, data parallel."""
    import transformers

    tokenizer = make_tokenizer()
    ids, labels = make_texts(tokenizer, 64, 3)
    rows = [{"input_ids": i, "labels": k} for i, k in zip(ids, labels, strict=True)]
    arguments = transformers.TrainingArguments(
        os.environ["OUT"],
        max_steps=4,
        per_device_train_batch_size=4,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="best",
        metric_for_best_model="tinyeval/small/score",
        greater_is_better=True,
        logging_steps=1,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = transformers.Trainer(
        make_model(tokenizer), arguments, train_dataset=rows, eval_dataset=rows[:8]
    )
    trainer.add_callback(TransformersCallback(trainer, quick, every=1))
    trainer.train()
    name = "tinyeval/small/score"
    logged = [(one["step"], one[name]) for one in trainer.state.log_history if name in one]
    return {"logged": logged, "best": trainer.state.best_metric}


if __name__ == "__main__":
    rank, folder, tasks = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"OUT": str(folder / "run")}
    torch.set_num_threads(1)
    if tasks[0] != "train":  # the trainer makes the group of processes, in which others go on
        torch.distributed.init_process_group(
            "gloo",
            init_method=f"file://{folder}/meet",
            rank=rank,
            world_size=2,
            timeout=timedelta(seconds=60),
        )
    quick = QuickEval(ItemBank.load(folder / "bank"), CausalLM(make_tokenizer()))
    found = {task: globals()[task](quick, rank) for task in tasks}
    (folder / f"{rank}.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()
