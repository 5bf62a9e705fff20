"""Answering items in several processes.

If every process holds the whole model (data parallel), each answers a share of the items.  If the
model is sharded (FSDP, ZeRO-3), a forward pass needs all processes: they answer the same items in
step, and the answers of the first one count.  In both cases every process ends with the same
scores, and none waits for a process that has failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyeval.compute.processes import current
from tinyeval.training.items import Item
from tinyeval.training.quick_eval import QuickEval
from tinyeval.training.stages import ask_stages


def ask_together(quick: QuickEval, model: Any = None) -> dict[str, float]:
    """Return item -> score of what the bank asks, the same in every process.

    All processes must call it at the same time.

    Raises:
        ProcessError: the answering function failed in another process.  In the process where it
            failed, its own error is raised.
    """
    return ask_stages(quick.bank, lambda items: _together(quick, items, model))


def _together(quick: QuickEval, items: Sequence[Item], model: Any) -> dict[str, float]:
    processes = current()
    if processes.size == 1:
        return quick.ask(items, model)
    spread = is_spread(model)
    own = items if spread else items[processes.number :: processes.size]
    gathered = processes.gather_or_fail(lambda: quick.ask(own, model) if own else {})
    merged = {item: score for found in reversed(gathered) for item, score in found.items()}
    return {one.id: merged[one.id] for one in items if one.id in merged}


def is_spread(model: Any) -> bool:
    """Return whether a process holds only a shard of the model: FSDP, ZeRO-3, tensor parallel."""
    if not hasattr(model, "modules"):
        return False
    classes = {base.__name__ for one in model.modules() for base in type(one).__mro__}
    # not by the parameters alone: FSDP2 leaves the outermost ones whole after a forward pass
    return bool(classes & {"FullyShardedDataParallel", "FSDPModule"}) or any(
        type(one).__name__ == "DTensor" or hasattr(one, "ds_id") for one in model.parameters()
    )
