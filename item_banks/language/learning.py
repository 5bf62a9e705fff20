"""Trains a run, and hands over its model at every checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch

from item_banks.language.runs import Run
from item_banks.language.tokens import CONTEXT, make_rows, special_tokens
from tinyeval.errors import ConfigError
from tinyeval.training.optional import load

ROWS = 16
"""Rows of text in a step, of ``CONTEXT`` tokens each."""

HEAD = 16
"""Width of an attention head."""

WARM_UP = 0.03
"""Share of the steps in which the learning rate rises."""


@dataclass(frozen=True)
class Checkpoint:
    """A model at a point of its training.

    Attributes:
        step: steps done.
        tokens: of text read so far, padding included.
        loss: mean over the steps since the last checkpoint, in nats per token of the answers;
            NaN before the first.
        seconds: that the steps since the last checkpoint took.
        model: of transformers; it learns on as soon as the next checkpoint is asked for.
    """

    step: int
    tokens: int
    loss: float
    seconds: float
    model: Any


def log_spaced(steps: int, checkpoints: int) -> tuple[int, ...]:
    """Return the steps of checkpoints: 0, then from 1 % of the steps to all, log-spaced.

    Raises:
        ConfigError: more checkpoints than there are steps, or fewer than two.
    """
    if not 2 <= checkpoints <= steps + 1:
        raise ConfigError(
            f"expected 2 to steps + 1 = {steps + 1} checkpoints, found {checkpoints}; "
            "train longer or save fewer"
        )
    first, found = max(1.0, steps / 100), [0]
    for k in range(checkpoints - 1):
        share = k / (checkpoints - 2) if checkpoints > 2 else 1.0
        # steps are whole, and checkpoints differ
        latest = steps - (checkpoints - 2 - k)
        at = round(first * (steps / first) ** share)
        found.append(min(latest, max(found[-1] + 1, at)))
    return tuple(found)


def make_model(run: Run) -> Any:
    """Return the untrained model of a run, on the processor.

    Raises:
        DependencyError: transformers is not installed.
    """
    transformers = load("transformers", "hf")
    size: dict[str, Any] = {"tie_word_embeddings": True, **special_tokens()}
    # the usual 0.02 is made for widths of a thousand: models so narrow learn three times slower
    size["initializer_range"] = run.width**-0.5
    heads = run.width // HEAD
    if run.architecture == "gpt2":
        size |= {"n_embd": run.width, "n_layer": run.depth, "n_head": heads}
        off = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
        config = transformers.GPT2Config(n_positions=CONTEXT, **off, **size)
    else:
        size |= {"hidden_size": run.width, "num_hidden_layers": run.depth}
        size |= {"num_attention_heads": heads, "max_position_embeddings": CONTEXT}
        make, inner = {
            "llama": (transformers.LlamaConfig, 8 * run.width // 3),
            "neox": (transformers.GPTNeoXConfig, 4 * run.width),
        }[run.architecture]
        config = make(intermediate_size=inner, **size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        return transformers.AutoModelForCausalLM.from_config(config)


def train(run: Run, at: Sequence[int], device: str = "cpu") -> Iterator[Checkpoint]:
    """Train a run and yield a checkpoint at each of some steps.

    Args:
        run: what to train.
        at: steps, ascending; the last one ends the training, and the schedule of the learning
            rate with it.
        device: where to train.
    """
    model, steps, rng = make_model(run).to(device), at[-1], Random(f"{run.name} {run.seed} text")
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=run.learning_rate, betas=(0.9, 0.98), weight_decay=0.05
    )
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    total, last, start = torch.zeros((), device=device), 0, time.perf_counter()
    for step in range(steps + 1):
        if step in at:
            loss = total.item() / (step - last) if step > last else math.nan
            seconds = time.perf_counter() - start
            model.eval()
            yield Checkpoint(step, step * ROWS * CONTEXT, loss, seconds, model)
            total, last, start = torch.zeros_like(total), step, time.perf_counter()
        if step < steps:
            model.train()
            ids, labels = make_rows(run.mix.questions(rng, step / steps), ROWS)
            inputs = {"input_ids": ids, "labels": labels}
            given = {name: torch.from_numpy(one).to(device) for name, one in inputs.items()}
            loss = model(**given, use_cache=False).loss
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rate.step()
            total += loss.detach()


def _rate(step: int, steps: int) -> float:
    """Return the share of the highest learning rate: a rise, then a cosine down to a tenth."""
    rise = max(1.0, WARM_UP * steps)
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.55 + 0.45 * math.cos(math.pi * (step - rise) / max(1.0, steps - rise))
