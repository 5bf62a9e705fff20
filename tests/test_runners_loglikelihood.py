"""Log-likelihoods: the definition, one row at a time, is the oracle."""

import random

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs tinyeval[hf]")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from language_models import CONFIGS, bpe, plain_log_likelihood, tiny_model

from tinyeval.errors import DataError, TinyEvalError
from tinyeval.training.runners import batches
from tinyeval.training.runners.encoding import (
    Request,
    encode_pairs,
    first_token,
    max_length,
    pad_token,
)
from tinyeval.training.runners.loglikelihood import Reader, group_requests, log_likelihoods


def make_requests(n=12, seed=0, size=200):
    """Contexts of many lengths; choices of one token, of several, and with a common beginning."""
    rng = random.Random(seed)
    draw = lambda k: tuple(rng.randrange(3, size) for _ in range(k))  # noqa: E731
    requests = []
    for _ in range(n):
        context, start = draw(rng.randint(1, 30)), draw(rng.randint(1, 3))
        requests += [Request(context, draw(1)), Request(context, start)]
        requests += [Request(context, start + draw(rng.randint(1, 4))) for _ in range(2)]
    return requests


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("kind", list(CONFIGS))
def test_batches_equal_one_by_one_on_every_architecture(kind, share):
    model, requests = tiny_model(kind), make_requests()
    expected = [plain_log_likelihood(model, *one) for one in requests]
    found = log_likelihoods(model, requests, pad=2, batch_tokens=256, share=share)
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["llama", "gpt2", "mamba"])
def test_batch_size_padding_and_order_change_nothing(kind):
    model, requests = tiny_model(kind), make_requests(20, seed=3)
    whole = log_likelihoods(model, requests, pad=2, batch_tokens=10**6)
    for tokens, pad in [(1, 2), (64, 0), (300, 5), (1000, 150)]:
        found = log_likelihoods(model, requests, pad=pad, batch_tokens=tokens)
        np.testing.assert_allclose(found, whole, atol=2e-4)
    order = np.random.default_rng(0).permutation(len(requests))
    shuffled = log_likelihoods(model, [requests[k] for k in order], pad=2, batch_tokens=300)
    np.testing.assert_allclose(shuffled, whole[order], atol=2e-4)


@pytest.mark.parametrize(
    ("kind", "shares"),
    [
        ("llama", True),
        ("llama_eager", True),
        ("gpt2", True),
        ("qwen3", True),
        ("mistral_window", False),
        ("gemma3", False),
        ("mamba", False),
    ],
)
def test_contexts_are_shared_only_where_it_is_exact(kind, shares):
    assert Reader(tiny_model(kind), pad=2).can_share() is shares


def test_an_attention_that_was_not_tried_is_not_trusted(monkeypatch):
    model = tiny_model()
    monkeypatch.setattr(model.config, "_attn_implementation_internal", "flash_attention_2")
    assert not Reader(model, pad=2).can_share()


def test_what_is_shared_is_read_once():
    model, read = tiny_model(), []
    hook = model.register_forward_pre_hook(
        lambda module, args, kwargs: read.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    context = tuple(range(3, 53))
    requests = [Request(context, (k, k + 1)) for k in range(60, 80)]
    try:
        log_likelihoods(model, requests, pad=2)
    finally:
        hook.remove()
    assert sum(read) == 1 + 50 + 20  # what cache there is, the context, one token per choice


@given(st.integers(0, 10**6), st.booleans())
@settings(max_examples=50, deadline=None)
def test_groups_hold_every_request_and_read_what_it_needs(seed, share):
    requests = make_requests(6, seed, size=6)
    groups = group_requests(requests, share)
    members = sorted(k for one in groups for k, _, _ in one.requests)
    assert members == list(range(len(requests)))
    for group in groups:
        assert share or len(group.branches) < 2
        for k, tokens, branch in group.requests:
            assert (group.context, tokens) == requests[k]
            read = group.branches[branch] if group.branches else ()
            assert read[: len(tokens) - 1] == tokens[:-1]


# --- memory -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_batch_is_halved_when_memory_runs_out():
    done, tried = [], []

    def work(batch):
        tried.append(len(batch))
        if len(batch) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        done.extend(batch)

    assert batches.run_batches([5] * 10, 1000, work) == 10
    assert tried == [10, 5, 2, 2, 2, 2, 2]
    assert sorted(done) == list(range(10))


def test_the_longest_come_first_and_fill_the_budget():
    seen = []
    batches.run_batches([1, 9, 3, 3, 2], 9, lambda batch: seen.append(batch))
    assert seen == [[1], [2, 3, 4], [0]]


@pytest.mark.slow
def test_memory_too_small_for_one_item_is_one_clear_error():
    def work(batch):
        raise MemoryError

    with pytest.raises(TinyEvalError, match="single item of 7 tokens"):
        batches.run_batches([7, 7], 14, work)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def work(batch):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        batches.run_batches([7, 7], 14, work)


@pytest.mark.slow
def test_log_likelihoods_survive_a_lack_of_memory(monkeypatch):
    requests = make_requests(10)
    whole = log_likelihoods(tiny_model(), requests, pad=2)
    plain = Reader.score

    def small(self, groups):
        if len(groups) > 2:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return plain(self, groups)

    monkeypatch.setattr(Reader, "score", small)
    np.testing.assert_allclose(log_likelihoods(tiny_model(), requests, pad=2), whole, atol=2e-4)


# --- tokens at the seam -------------------------------------------------------------------------

PAIRS = [
    ("the cat", " sees"),
    ("the cat ", "sees"),
    ("the cat", "s"),
    ("the cat \n ", " the"),
    ("", "the cat sees"),
    ("", " big"),
    ("<s>the cat", " sees"),
    ("  ", "tree"),
    ("Ünïcödé 项目", " ist schön"),
]


@pytest.mark.slow
@pytest.mark.parametrize("begin", [True, False])
def test_requests_are_those_of_lm_evaluation_harness(begin):
    pytest.importorskip("lm_eval", reason="needs tinyeval[lm-eval]")
    from lm_eval.models.huggingface import HFLM

    tokenizer, model = bpe(begin), tiny_model("llama", begin)
    harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=4, device="cpu")
    found = encode_pairs(tokenizer, PAIRS, max_length(model, tokenizer))
    for pair, request in zip(PAIRS, found, strict=True):
        if pair[0] and not pair[0].strip():
            continue  # lm-eval has no first token to condition on there
        if pair[0]:
            context, continuation = harness._encode_pair(*pair)
        else:
            context = [first_token(tokenizer)]
            continuation = harness.tok_encode(pair[1], add_special_tokens=False)
        assert request == (tuple(context), tuple(continuation)), pair


@pytest.mark.slow
@pytest.mark.parametrize("begin", [True, False])
def test_log_likelihoods_are_those_of_lm_evaluation_harness(begin):
    pytest.importorskip("lm_eval", reason="needs tinyeval[lm-eval]")
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    tokenizer, model = bpe(begin), tiny_model("llama", begin)
    long = [("big fish " * 100 + "tree", " house is"), ("dog " * 60, "bird " * 30)]
    pairs = [one for one in PAIRS if one[0] == "" or one[0].strip()] + long
    harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=4, device="cpu")
    # one at a time: lm-eval 0.4.13 takes ("", "the cat sees") and ("the cat", " sees") for one
    # request when both are asked at once, and reads the second one's likelihood at a wrong place
    expected = [
        harness.loglikelihood([Instance("loglikelihood", {}, pair, 0)], disable_tqdm=True)[0][0]
        for pair in pairs
    ]
    requests = encode_pairs(tokenizer, pairs, max_length(model, tokenizer))
    found = log_likelihoods(model, requests, pad=pad_token(tokenizer), batch_tokens=100)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_contexts_lose_what_is_too_long_on_the_left():
    (request,) = encode_pairs(bpe(), [("the cat " * 50, "sees a fish")], 16)
    assert len(request.context) + len(request.continuation) == 17
    whole = encode_pairs(bpe(), [("the cat " * 50, "sees a fish")], 1000)[0]
    assert whole.continuation == request.continuation
    assert whole.context[-len(request.context) :] == request.context


@pytest.mark.parametrize(
    ("pair", "message"),
    [(("the", ""), "no token of its own"), (("the", " cat" * 40), "more than the 16")],
)
def test_answers_that_cannot_be_scored_are_refused(pair, message):
    with pytest.raises(DataError, match=message):
        encode_pairs(bpe(), [pair], 16)


def test_a_tokenizer_without_begin_and_end_is_refused():
    import transformers

    bare = transformers.PreTrainedTokenizerFast(tokenizer_object=bpe(False)._tokenizer)
    with pytest.raises(DataError, match="neither a begin"):
        first_token(bare)
