"""Written answers: what prompts share is read once, and what is written stays the same."""

import random

import pytest

pytest.importorskip("transformers", reason="needs tinyeval[hf]")

from language_models import WORDS, bpe, tiny_model

from tinyeval.training.runners.generation import Writer, generate
from tinyeval.training.runners.reading import Reader
from tinyeval.training.runners.shared_rows import prompt_trunks

OPTIONS = {"max_tokens": 6, "max_length": 128, "batch_tokens": 300}


def few_shot_prompts(n=8, seed=0):
    rng = random.Random(seed)
    say = lambda k: " ".join(rng.choices(WORDS, k=k))  # noqa: E731
    prompts = [say(rng.randint(3, 9))]
    for _ in range(2):
        examples = say(40)
        prompts += [f"{examples} {say(rng.randint(1, 6))}" for _ in range(n)]
    return [*prompts, prompts[3]]  # one of them twice


@pytest.fixture
def read(monkeypatch):
    """Number of tokens that models are given."""
    found, plain = [], Reader._run

    def run(self, inputs, places):
        found.append(inputs["input_ids"].numel())
        return plain(self, inputs, places)

    monkeypatch.setattr(Reader, "_run", run)
    return found


@pytest.mark.parametrize("kind", ["llama", "gpt2", "llama_eager"])
@pytest.mark.parametrize("stop", [(), ("cat", " is")])
def test_answers_are_those_of_the_models_own_generate(kind, stop, read, monkeypatch):
    model, tokenizer, prompts = tiny_model(kind), bpe(), few_shot_prompts()
    found = generate(model, tokenizer, prompts, stop=stop, **OPTIONS)
    tokens = [len(tokenizer(one)["input_ids"]) for one in prompts]
    assert sum(read) < sum(tokens) / 2
    monkeypatch.setattr(Reader, "can_share", lambda self, longest: False)
    assert found == generate(model, tokenizer, prompts, stop=stop, **OPTIONS)
    assert len(set(found)) > 3


def test_a_model_that_cannot_share_writes_as_well():
    model, tokenizer, prompts = tiny_model("mistral_window"), bpe(), few_shot_prompts(3)
    alone = [generate(model, tokenizer, [one], stop=(), **OPTIONS)[0] for one in prompts]
    assert generate(model, tokenizer, prompts, stop=(), **OPTIONS) == alone


def test_answers_that_have_ended_leave_the_batch(read, monkeypatch):
    """Every answer ends by another number of tokens, by the stop text alone."""
    model, tokenizer, prompts = tiny_model(), bpe(), few_shot_prompts()
    options = OPTIONS | {"max_tokens": 30, "batch_tokens": 10**6}
    whole = generate(model, tokenizer, prompts, stop=(), **options)
    tokens, letter = (
        sum(read),
        max("abcdefghijklmnopqrst", key=lambda c: sum(c in w for w in whole)),
    )
    read.clear()
    found = generate(model, tokenizer, prompts, stop=(letter,), **options)
    assert found == [one.split(letter)[0] for one in whole]
    assert sum(read) < tokens


def test_penalties_of_the_models_own_count(read, monkeypatch):
    """As in transformers and lm-evaluation-harness."""
    model, tokenizer, prompts = tiny_model(), bpe(), few_shot_prompts(2)
    plain = generate(model, tokenizer, prompts, stop=(), **OPTIONS)
    monkeypatch.setattr(model.generation_config, "repetition_penalty", 50.0)
    read.clear()
    assert generate(model, tokenizer, prompts, stop=(), **OPTIONS) != plain
    assert not read
    monkeypatch.setattr(model.generation_config, "repetition_penalty", 1.0)
    monkeypatch.setattr(model.generation_config, "temperature", 0.7)
    assert generate(model, tokenizer, prompts, stop=(), **OPTIONS) == plain
    assert read


def test_an_end_token_ends_an_answer(monkeypatch):
    model, tokenizer, prompts = tiny_model(), bpe(), few_shot_prompts(3)
    reader = Reader(model, 2)
    (tokens,) = Writer(reader, tokenizer, (), 6).write(
        [(tuple(tokenizer(prompts[0])["input_ids"]), 0)], None
    )
    monkeypatch.setattr(model.generation_config, "eos_token_id", [tokens[2], 10**6])
    writer = Writer(reader, tokenizer, (), 6)
    assert writer.write([(tuple(tokenizer(prompts[0])["input_ids"]), 0)], None) == [tokens[:3]]


def test_a_lack_of_memory_changes_no_answer(monkeypatch):
    model, tokenizer, prompts = tiny_model(), bpe(), few_shot_prompts()
    whole = generate(model, tokenizer, prompts, stop=(), **OPTIONS)
    plain, failed = Reader._run, []

    def small(self, inputs, places):
        if len(inputs["input_ids"]) > 1:
            failed.append(1)
            raise RuntimeError("CUDA out of memory")
        return plain(self, inputs, places)

    shares = Reader(model, 2).can_share(100)
    monkeypatch.setattr(Reader, "can_share", lambda self, longest: shares)
    monkeypatch.setattr(Reader, "_run", small)
    assert generate(model, tokenizer, prompts, stop=(), **OPTIONS) == whole
    assert failed


def test_trunks_are_what_prompts_share():
    one, other = tuple(range(100, 140)), tuple(range(300, 360))
    texts = [(*other, 7), (*one, 1), (5,), (*one, 2, 2), (*other, 8), (*one, 1), (9, 9)]
    trunks, alone = prompt_trunks(texts)
    assert sorted((length, sorted(members)) for length, members in trunks) == [
        (40, [1, 3, 5]),
        (60, [0, 4]),
    ]
    assert sorted(alone) == [2, 6]
    assert prompt_trunks([one, one]) == ([(39, [0, 1])], [])
    assert prompt_trunks([]) == ([], [])
