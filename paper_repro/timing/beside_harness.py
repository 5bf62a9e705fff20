"""The same requests asked by our runner and by lm-evaluation-harness, of one model.

Texts are random words, of which each is a token: neither the texts nor the weights matter for
speed.  Both begin with texts and end with log-likelihoods or answers, tokenizing included.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tinyeval.training.optional import load
from tinyeval.training.runners.encoding import encode_pairs, pad_token
from tinyeval.training.runners.generation import generate
from tinyeval.training.runners.loglikelihood import log_likelihoods

WORDS = 8_000
LENGTH = 2_048
LETTERS = (" A", " B", " C", " D")
STOP = ("Question:", "\n\n")


@dataclass(frozen=True)
class Case:
    """What is asked.

    Attributes:
        name: what it is called on the page.
        examples: examples before each question.
        choices: number of choices of several words; 0: the letters; -1: an answer is written.
        own: whether each item has examples of its own.
        items: number of items.
        question: words of a question.
        written: most tokens of a written answer.
    """

    name: str
    examples: int = 0
    choices: int = 4
    own: bool = False
    items: int = 50
    question: int = 40
    written: int = 64

    def prompts(self, rng: Random) -> list[str]:
        """The prompts of all items."""

        def question() -> str:
            return f"Question: {words(rng, rng.randint(*around(self.question)))} Answer:"

        def examples() -> str:
            return "".join(f"{question()} {words(rng, 3)} " for _ in range(self.examples))

        shared = examples()
        return [(examples() if self.own else shared) + question() for _ in range(self.items)]

    def endings(self, rng: Random) -> list[str]:
        """The choices of an item."""
        if not self.choices:
            return list(LETTERS)
        return [f" {words(rng, rng.randint(2, 5))}" for _ in range(self.choices)]


CASES = (
    Case("five-shot, four choices", 5),
    Case("five-shot, four letters", 5, 0),
    Case("five-shot, examples of each item's own", 5, own=True, items=25),
    Case("zero-shot, four choices"),
    Case("zero-shot, four letters", 0, 0),
    Case("zero-shot, one choice", 0, 1),
    Case("five-shot, one choice", 5, 1),
    Case("zero-shot, written", 0, -1, items=32),
    Case("five-shot, written", 5, -1, items=32),
)


def around(length: int) -> tuple[int, int]:
    """Return from where to where lengths go."""
    return length * 3 // 4, length * 5 // 4


def words(rng: Random, n: int) -> str:
    """Return a text of random words."""
    return " ".join(f"w{rng.randrange(WORDS)}" for _ in range(n))


def make_tokenizer() -> Any:
    """Return a tokenizer of whole words."""
    tokenizers, transformers = load("tokenizers", "hf"), load("transformers", "hf")
    names = ["<s>", "</s>", "<pad>", "Question:", "Answer:", "A", "B", "C", "D"]
    listed = {one: k for k, one in enumerate([*names, *(f"w{k}" for k in range(WORDS))])}
    raw = tokenizers.Tokenizer(tokenizers.models.WordLevel(listed, unk_token="<pad>"))
    raw.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )


def make_model(tokenizer: Any, width: int, depth: int, **options: Any) -> Any:
    """Return an untrained model of Llama's architecture."""
    transformers, torch = load("transformers", "hf"), load("torch", "hf")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=8 * width // 3,
        num_hidden_layers=depth,
        num_attention_heads=max(1, width // 64),
        max_position_embeddings=LENGTH,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        **options,
    )
    return transformers.LlamaForCausalLM(config).eval()


@dataclass(frozen=True)
class Found:
    """Seconds of both, and how far apart their answers are."""

    ours: float
    theirs: float
    apart: str
    tokens: int


def compare(
    case: Case, model: Any, tokenizer: Any, batch_size: int, batch_tokens: int, runs: int = 2
) -> Found:
    """Ask both in turn, and take the fastest of some runs of each."""
    rng = Random(0)
    prompts = case.prompts(rng)
    pairs = [(one, end) for one in prompts for end in case.endings(rng)]
    harness = Harness(model, tokenizer, batch_size)
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    if case.choices < 0:
        ours = lambda: generate(  # noqa: E731
            model,
            tokenizer,
            prompts,
            stop=STOP,
            max_tokens=case.written,
            max_length=LENGTH,
            batch_tokens=batch_tokens,
        )
        theirs = lambda: harness.written(prompts, case.written)  # noqa: E731
    else:
        ours = lambda: log_likelihoods(  # noqa: E731
            model,
            encode_pairs(tokenizer, pairs, LENGTH),
            pad=pad_token(tokenizer),
            batch_tokens=batch_tokens,
        ).tolist()
        theirs = lambda: harness.chosen(pairs)  # noqa: E731
    taken: list[list[float]] = [[], []]
    answers: list[list[Any]] = [[], []]
    for _ in range(runs):
        for k, step in enumerate((ours, theirs)):
            start = seconds(model)
            answers[k] = step()
            taken[k].append(seconds(model) - start)
    length = round(sum(len(tokenizer(one)["input_ids"]) for one in prompts) / len(prompts))
    return Found(min(taken[0]), min(taken[1]), distance(*answers), length)


def distance(ours: list[Any], theirs: list[Any]) -> str:
    """Say how far apart the answers of both are."""
    if ours and isinstance(ours[0], str):
        same = sum(a.strip() == b.strip() for a, b in zip(ours, theirs, strict=True))
        return f"{same} of {len(ours)} the same"
    return f"{max(abs(a - b) for a, b in zip(ours, theirs, strict=True)):.1e}"


def seconds(model: Any) -> float:
    """Return a time: of the processor, which other work does not lengthen, or of the clock."""
    torch = load("torch", "hf")
    if model.device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(model.device)
    return time.perf_counter()


class Harness:
    """lm-evaluation-harness's own runner of models of transformers."""

    def __init__(self, model: Any, tokenizer: Any, batch_size: int) -> None:
        found = load("lm_eval.models.huggingface", "lm-eval")
        self._instance = load("lm_eval.api.instance", "lm-eval").Instance
        before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            self._runner = found.HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size)
        finally:
            logging.disable(before)

    def chosen(self, pairs: list[tuple[str, str]]) -> list[float]:
        """Return log-likelihoods."""
        asked = [self._instance("loglikelihood", {}, pair, k) for k, pair in enumerate(pairs)]
        return [one for one, _ in self._runner.loglikelihood(asked, disable_tqdm=True)]

    def written(self, prompts: list[str], most: int) -> list[str]:
        """Return written answers."""
        options = {"until": list(STOP), "max_gen_toks": most, "do_sample": False}
        asked = [
            self._instance("generate_until", {}, (one, options), k) for k, one in enumerate(prompts)
        ]
        return self._runner.generate_until(asked, disable_tqdm=True)
