"""Answering items in several processes.

If every process holds the whole model (data parallel), each answers a share of the items.  If the
model is sharded (FSDP, ZeRO-3), a forward pass needs all processes: they answer the same items in
step, and the answers of the first one count.  In both cases every process ends with the same
scores, and none waits for a process that has failed.
"""

from __future__ import annotations

import sys
from typing import Any

from tinyeval.errors import TinyEvalError
from tinyeval.training.quick_eval import QuickEval


def ask_together(quick: QuickEval, model: Any = None) -> dict[str, float]:
    """Return item -> score of the anchors, the same in every process.

    All processes must call it at the same time.

    Raises:
        TinyEvalError: the answering function failed in another process.  In the process where it
            failed, its own error is raised.
    """
    rank, size = process()
    if size == 1:
        return quick.ask(quick.items, model)
    own = quick.items if is_spread(model) else quick.items[rank::size]
    scores: dict[str, float] = {}
    failure: Exception | None = None
    try:
        scores = quick.ask(own, model) if own else {}
    except Exception as error:  # reported to the other processes first, which would wait forever
        failure = error
    gathered = _gather(
        (scores, None if failure is None else f"{type(failure).__name__}: {failure}")
    )
    if failure is not None:
        raise failure
    for k, (_, message) in enumerate(gathered):
        if message is not None:
            raise TinyEvalError(f"answering failed in process {k} of {size}: {message}")
    merged = {item: score for found, _ in reversed(gathered) for item, score in found.items()}
    return {one.id: merged[one.id] for one in quick.items if one.id in merged}


def process() -> tuple[int, int]:
    """Return the number of this process, from 0, and how many there are."""
    torch: Any = sys.modules.get("torch")
    if torch and torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def is_spread(model: Any) -> bool:
    """Return whether a process holds only a shard of the model: FSDP, ZeRO-3, tensor parallel."""
    if not hasattr(model, "modules"):
        return False
    classes = {base.__name__ for one in model.modules() for base in type(one).__mro__}
    # not by the parameters alone: FSDP2 leaves the outermost ones whole after a forward pass
    return bool(classes & {"FullyShardedDataParallel", "FSDPModule"}) or any(
        type(one).__name__ == "DTensor" or hasattr(one, "ds_id") for one in model.parameters()
    )


def _gather(value: Any) -> list[Any]:
    distributed: Any = sys.modules["torch"].distributed
    gathered = [None] * distributed.get_world_size()
    distributed.all_gather_object(gathered, value)
    return gathered
