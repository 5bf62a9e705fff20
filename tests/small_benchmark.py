"""A benchmark of small text items made by program, and small transformers that learn it.

The items ask for facts of an invented world ("the colour of bavo is").  Some facts occur often in
the texts that are trained on and some seldom, so that a model of some 10^4 parameters learns one
after the other, and its score rises from chance to most of it within some hundred steps.
"""

import random
from dataclasses import dataclass

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from tinyeval.responses import ResponseMatrix
from tinyeval.training.items import Item
from tinyeval.training.runners.causal_lm import CausalLM

KINDS = ("colour", "home", "food", "friend", "size", "sound", "tool", "song")
NAMES = tuple(a + b for a in ("ba", "ke", "lo", "mi", "nu", "ri") for b in ("vo", "sa", "te", "du"))
WORDS = tuple(f"{a}{b}" for a in "bdfgklmnprstvz" for b in ("ax", "ex"))


def world(seed=0):
    """Fact -> answer, and how often the fact is told."""
    rng = random.Random(seed)
    facts = {(kind, name): rng.choice(WORDS) for kind in KINDS for name in NAMES}
    often = [(k + 3) ** -1.2 for k in range(len(facts))]
    rng.shuffle(often)
    return facts, dict(zip(facts, often, strict=True))


def make_items(seed=0):
    """A multiple-choice item for every fact."""
    rng, items = random.Random(seed), []
    for (kind, name), answer in world()[0].items():
        choices = {answer}
        while len(choices) < 4:
            choices.add(rng.choice(WORDS))
        listed = sorted(choices, key=lambda _: rng.random())
        content = {"prompt": f"{kind} of {name} is", "choices": listed, "gold": answer}
        items.append(Item(f"{kind}/{name}", content, kind))
    return items


def make_tokenizer():
    words = ["<s>", "</s>", "<pad>", "of", "is", *KINDS, *NAMES, *WORDS]
    raw = Tokenizer(models.WordLevel({one: k for k, one in enumerate(words)}, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def make_texts(tokenizer, n, seed):
    """Token ids of facts, drawn with a taste of the run's own for kinds; and labels, (n, 5)."""
    rng = random.Random(seed)
    facts, often = world()
    taste = {kind: rng.lognormvariate(0, 0.7) for kind in KINDS}
    weights = [weight * taste[kind] for (kind, _), weight in often.items()]
    texts = [f"{kind} of {name} is {answer}" for (kind, name), answer in facts.items()]
    told = torch.tensor(tokenizer(texts)["input_ids"])
    ids = told[rng.choices(range(len(facts)), weights, k=n)]
    labels = ids.clone()
    labels[:, :-1] = -100
    return ids, labels


def make_model(tokenizer, width=32, layers=1, seed=0):
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    return transformers.LlamaForCausalLM(config)


@dataclass(frozen=True)
class SmallBenchmark:
    """Items, tokenizer, and what a population of checkpoints answers."""

    items: list
    tokenizer: object
    responses: ResponseMatrix


def make_benchmark(runs=12, steps=(5, 15, 30, 60, 100, 150), batch=64):
    """The benchmark, and a population of some dozen checkpoints of several runs."""
    items, tokenizer = make_items(), make_tokenizer()
    answer = CausalLM(tokenizer)
    scores, names = [], []
    for run in range(runs):
        rng = random.Random(run)
        model = make_model(tokenizer, rng.choice([16, 24, 32]), rng.choice([1, 1, 2]), 100 + run)
        optimizer = torch.optim.AdamW(model.parameters(), lr=rng.choice([5e-3, 1e-2, 2e-2]))
        ids, labels = make_texts(tokenizer, batch * max(steps), 100 + run)
        for step in range(1, max(steps) + 1):
            part = slice(batch * (step - 1), batch * step)
            loss = model(input_ids=ids[part], labels=labels[part]).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step in steps:
                found = answer(items, model)
                scores.append([found[one.id] for one in items])
                names.append(f"run{run}-step{step}")
    responses = ResponseMatrix.from_arrays(np.array(scores), names, [one.id for one in items])
    return SmallBenchmark(items, tokenizer, responses)
