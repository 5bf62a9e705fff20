"""A language model on the device: how soon it answers, and whether the answers are right."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers

from paper_repro.timing.beside_harness import make_model, make_tokenizer, words
from paper_repro.timing.child import Figures, Job
from tinyeval.training import CausalLM, Item
from tinyeval.training.runners.encoding import encode_pairs, pad_token
from tinyeval.training.runners.generation import generate
from tinyeval.training.runners.loglikelihood import log_likelihoods

VOCABULARY = 128_256
SHORTEST, LONGEST = 60, 900
CLOSE = 1e-3
"""Nats by which log-likelihoods of float32 may differ between devices."""


def large_model(job: Job) -> Path:
    """Write a model with random weights to a folder; the first part that needs it does so."""
    folder = Path(job["folder"]) / "model"
    if folder.exists():
        return folder
    tokenizer = make_tokenizer()
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer) if job["small"] else VOCABULARY,
        hidden_size=64 if job["small"] else 2048,
        intermediate_size=128 if job["small"] else 8192,
        num_hidden_layers=2 if job["small"] else 16,
        num_attention_heads=4 if job["small"] else 32,
        num_key_value_heads=2 if job["small"] else 8,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    torch.manual_seed(0)
    with torch.device(job["device"]):
        model = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    part = folder.with_suffix(".part")
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    part.rename(folder)
    return folder


def items(n: int, choices: int, small: bool) -> list[Item]:
    """Items whose prompts have nothing in common, from short to long."""
    rng = Random(0)
    longest = 120 if small else LONGEST
    made = []
    for k in range(n):
        length = round(SHORTEST * (longest / SHORTEST) ** (k / max(1, n - 1)))
        content: dict[str, Any] = {"prompt": words(rng, length)}
        if choices:
            content["choices"] = [words(rng, rng.randint(2, 5)) for _ in range(choices)]
        made.append(Item(f"i{k}", {**content, "gold": 0 if choices else "none", "stop": ["\n\n"]}))
    return made


def load(folder: Path, device: str) -> tuple[Any, Any]:
    """Return the model, on the device, and its tokenizer."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    return model.to(device).eval(), transformers.AutoTokenizer.from_pretrained(folder)


def wait(device: str) -> float:
    """Return the time when the device has done what it was given."""
    if device != "cpu":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def memory(device: str) -> str:
    """Say how much memory of the device was used."""
    if device == "cpu":
        return ""
    return f"; {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB on the device"


def ask(asked: list[Item], job: Job, written: int, bar: float | None) -> Figures:
    """Load the model and ask it, then ask it again."""
    folder, device = large_model(job), job["device"]
    torch.zeros(1, device=device)  # starts the device, before the clock
    start = wait(device)
    model, tokenizer = load(folder, device)
    loaded = wait(device)
    answer = CausalLM(tokenizer, max_tokens=written)
    found = answer(asked, model)
    first = wait(device)
    answer(asked, model)
    again = wait(device)
    whole = first - start
    detail = (
        f"loaded in {loaded - start:.1f} s, with it {whole:.1f} s; a second time "
        f"{again - first:.2f} s{memory(device)}"
    )
    right = len(found) == len(asked) and (bar is None or whole < bar)
    return {"seconds": first - loaded, "ok": right, "detail": detail}


def choices(job: Job) -> Figures:
    """Ask choices; with loading it should take less than 20 s."""
    return ask(items(8 if job["small"] else 100, 4, job["small"]), job, 1, 20.0)


def written(job: Job) -> Figures:
    """Ask for written answers."""
    most = 8 if job["small"] else 256
    return ask(items(4 if job["small"] else 50, 0, job["small"]), job, most, None)


def halved(job: Job) -> Figures:
    """Let memory run out in the first large batch, really, and compare with an undisturbed run."""
    folder, device = large_model(job), job["device"]
    model, tokenizer = load(folder, device)
    asked = [(one.prompt, " " + end) for one in items(24, 4, job["small"]) for end in one.choices]
    requests = encode_pairs(tokenizer, asked, 2048)
    options: dict[str, Any] = {"pad": pad_token(tokenizer), "batch_tokens": 8192}
    whole = log_likelihoods(model, requests, **options)
    sizes: list[int] = []
    start = wait(device)

    def fill(_: Any, __: Any, given: dict[str, Any]) -> None:
        rows, columns = given["input_ids"].shape
        if rows * columns > 100:  # not the trial whether rows can be shared
            sizes.append(rows)
            if len(sizes) == 1:
                torch.empty(2**50, dtype=torch.uint8, device=device)

    hook = model.register_forward_pre_hook(fill, with_kwargs=True)
    try:
        found = log_likelihoods(model, requests, **options)
    finally:
        hook.remove()
    seconds = wait(device) - start
    apart = float(abs(found - whole).max())
    detail = f"a batch of {sizes[0]} rows became {sizes[1]}; log-likelihoods differ by {apart:.1e}"
    close = apart < 0.02 * float(abs(whole).max())  # bfloat16: other batches, other rounding
    return {"seconds": seconds, "ok": sizes[1] < sizes[0] and close, "detail": detail}


def same(job: Job) -> Figures:
    """Ask a small model in float32 on both devices."""
    tokenizer, device = make_tokenizer(), job["device"]
    torch.backends.cuda.matmul.allow_tf32 = False
    model = make_model(tokenizer, 128 if job["small"] else 512, 2 if job["small"] else 8)
    with torch.no_grad():
        for one in model.parameters():
            if one.dim() > 1:
                one.mul_(3.0)  # so that answers differ by more than rounding
    rng = Random(1)
    shared = words(rng, 100)
    prompts = [f"{shared} {words(rng, rng.randint(5, 60))}" for _ in range(40)]
    pairs = [(one, f" {words(rng, 3)}") for one in prompts for _ in range(4)]
    requests = encode_pairs(tokenizer, pairs, 2048)
    values, texts = [], []
    start = time.perf_counter()
    for place in ("cpu", device):
        model = model.to(place)
        values.append(log_likelihoods(model, requests, pad=2, batch_tokens=8192))
        texts.append(
            generate(
                model,
                tokenizer,
                prompts[:10],
                stop=(),
                max_tokens=16,
                max_length=2048,
                batch_tokens=8192,
            )
        )
    apart = float(abs(values[0] - values[1]).max())
    chosen = [one.reshape(-1, 4).argmax(1) for one in values]
    equal = int((chosen[0] == chosen[1]).sum())
    alike = sum(a == b for a, b in zip(*texts, strict=True))
    detail = (
        f"log-likelihoods differ by {apart:.1e} nats, {equal} of 40 choices and {alike} of 10 "
        "written answers are the same"
    )
    right = apart < CLOSE and equal == 40 and alike == 10
    return {"seconds": time.perf_counter() - start, "ok": right, "detail": detail}


WORK: dict[str, Callable[[Job], Figures]] = {
    "choices": choices,
    "written": written,
    "halved": halved,
    "same": same,
}
