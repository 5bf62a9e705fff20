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
from tinyeval.training.runners.loglikelihood import Asked, log_likelihoods
from tinyeval.training.runners.reading import Reader, visible
from tinyeval.training.runners.shared_rows import n_tokens, plain_rows, shared_rows, sorted_texts


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


def few_shot_requests(seed=0, n=40, examples=40, size=200):
    """Two few-shot prompts with many questions each, and choices that begin alike."""
    rng = random.Random(seed)
    draw = lambda k: tuple(rng.randrange(3, size) for _ in range(k))  # noqa: E731
    requests = []
    for _ in range(2):
        prompt = draw(examples)
        requests.append(Request(prompt[: examples // 2], draw(3)))  # within a prompt
        for _ in range(n):
            context, start = prompt + draw(rng.randint(1, 30)), draw(2)
            requests += [Request(context, start + draw(rng.randint(1, 3))) for _ in range(3)]
            requests.append(Request(context, draw(1)))
    return requests


def tokens_read(model, requests, **options):
    """Log-likelihoods, and how many tokens the model was given for them, padding included."""
    read = []
    hook = model.register_forward_pre_hook(
        lambda module, args, kwargs: read.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    try:
        return log_likelihoods(model, requests, pad=2, **options), sum(read)
    finally:
        hook.remove()


@pytest.mark.parametrize("kind", ["llama", "llama_eager", "gpt2", "neox", "qwen3", "opt"])
def test_few_shot_prompts_are_read_once_and_change_nothing(kind):
    model, requests = tiny_model(kind), few_shot_requests()
    expected, plain = tokens_read(model, requests, share=False)
    found, read = tokens_read(model, requests, batch_tokens=1000)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert read < plain / 4
    order = np.random.default_rng(0).permutation(len(requests))
    shuffled, again = tokens_read(model, [requests[k] for k in order], batch_tokens=1000)
    np.testing.assert_allclose(shuffled, found[order], atol=2e-4)
    assert again == read


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
def test_rows_are_shared_only_where_it_is_exact(kind, shares):
    assert Reader(tiny_model(kind), pad=2).can_share(30) is shares


@pytest.mark.parametrize("kind", ["mistral_window", "gemma3"])
def test_a_window_as_long_as_the_texts_is_none(kind):
    rng, model = random.Random(0), tiny_model(kind)
    context = (7, 8, 9)
    requests = [Request(context, tuple(rng.choices(range(3, 200), k=3))) for _ in range(30)]
    expected, plain = tokens_read(model, requests, share=False)
    found, read = tokens_read(model, requests)
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert read < plain
    longer = [Request((*context, 9), one.continuation) for one in requests]
    # but for the one token by which its cache is found out
    assert tokens_read(model, longer)[1] == tokens_read(model, longer, share=False)[1] + 1


def test_where_nothing_is_shared_nothing_is_tried():
    requests = [Request((k, k + 1, k + 2), (k + 3, 5)) for k in range(10, 90, 4)]
    model = tiny_model()
    assert tokens_read(model, requests)[1] == tokens_read(model, requests, share=False)[1]


def test_an_attention_that_was_not_tried_is_not_trusted(monkeypatch):
    model = tiny_model()
    monkeypatch.setattr(model.config, "_attn_implementation_internal", "flash_attention_2")
    assert not Reader(model, pad=2).can_share(1)


def test_a_model_that_reads_shared_rows_otherwise_is_found_out(monkeypatch):
    """One that ignores positions, as old code on the Hub may."""
    model, requests = tiny_model(), few_shot_requests(n=5)
    plain = type(model).forward

    def forward(self, *args, position_ids=None, past_key_values=None, use_cache=None, **given):
        given |= {"past_key_values": past_key_values, "use_cache": use_cache}
        return plain(self, *args, **given)

    expected = log_likelihoods(model, requests, pad=2, share=False)
    monkeypatch.setattr(type(model), "forward", forward)
    assert not Reader(model, pad=2).can_share(1)
    np.testing.assert_allclose(log_likelihoods(model, requests, pad=2), expected, atol=2e-4)


def test_a_head_that_is_never_called_is_done_without(monkeypatch):
    """A model may compute its logits from the weights alone."""
    model, requests = tiny_model(), few_shot_requests(n=5)
    expected = log_likelihoods(model, requests, pad=2)
    monkeypatch.setattr(type(model), "get_output_embeddings", lambda self: None)
    np.testing.assert_allclose(log_likelihoods(model, requests, pad=2), expected, atol=2e-4)


def test_what_is_shared_is_read_once():
    context = tuple(range(3, 53))
    requests = [Request(context, (k, k + 1)) for k in range(60, 80)]
    _, read = tokens_read(tiny_model(), requests)
    # what cache there is; whether sharing is exact; the context; one token per choice
    assert read == 1 + 2 * 2 + 2 * 5 + 2 * 5 + 50 + 20


@given(st.integers(0, 10**6), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_rows_hold_every_request_and_what_it_needs(seed, share, small):
    requests = make_requests(6, seed, 6) + (few_shot_requests(seed, 6, 30, 5) if small else [])
    asked = Asked(requests)
    rows = (shared_rows if share else plain_rows)(asked.texts)
    seen = {}

    def visit(row, before):
        texts, column = [], 0
        for one in row.segments:
            assert one.parent < len(texts)
            texts.append((before if one.parent < 0 else texts[one.parent]) + one.tokens)
            assert len(texts[-1]) == one.start + len(one.tokens)
        ends = np.cumsum([len(one.tokens) for one in row.segments])
        for read in asked.reads([row]):
            column = int(np.searchsorted(ends, read.column, side="right"))
            after = texts[column][: len(texts[column]) - int(ends[column]) + read.column + 1]
            assert read.place not in seen
            seen[read.place] = (after, read.token)
        assert not row.above or len(row.segments) == 1
        for one in row.above:
            visit(one, texts[0])

    for row in rows:
        visit(row, ())
    expected = sorted(
        (c + y[:t], y[t])
        for c, y in ((one.context, one.continuation) for one in requests)
        for t in range(len(y))
    )
    assert sorted(seen.values()) == expected
    assert sorted(seen) == list(range(asked.n_tokens))


def test_texts_that_others_begin_with_need_no_row():
    texts = [(1, 2), (1, 2, 3), (5,), (1, 2), (1, 300), (1, 2, 3, 4)]
    kept, place = sorted_texts(texts)
    assert kept == [(1, 2, 3, 4), (1, 300), (5,)]
    assert place.tolist() == [0, 0, 2, 0, 1, 0]


def test_a_token_sees_its_ancestors_and_nothing_beside():
    (row,) = shared_rows([(1, 2, 3), (1, 2, 4, 5), (1, 2, 4, 6)])
    assert {one.tokens for one in row.segments} == {(1, 2), (3,), (4,), (5,), (6,)}
    (seen,) = visible([row], np.array([[True, False]]), row.width + 1)
    tokens = [one for part in row.segments for one in part.tokens]
    by = {one: {tokens[k] for k in np.flatnonzero(seen[tokens.index(one), 2:])} for one in tokens}
    assert by == {1: {1}, 2: {1, 2}, 3: {1, 2, 3}, 4: {1, 2, 4}, 5: {1, 2, 4, 5}, 6: {1, 2, 4, 6}}
    assert seen[:, 0].all()
    assert not seen[:, 1].any()
    assert seen[-1].sum() == 2  # padding sees what is held, and itself


@pytest.mark.parametrize("depth", [300, 3000])
def test_texts_nested_a_thousand_times_are_no_trouble(depth):
    nested = [(*range(k), 5000) for k in range(1, depth)]
    assert n_tokens(shared_rows(sorted_texts(nested)[0])) < sum(map(len, nested)) / 10


def test_nothing_to_read_is_no_row():
    assert shared_rows([]) == []


# --- memory -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_batch_is_halved_when_memory_runs_out():
    done, tried = [], []

    def work(batch):
        tried.append(len(batch))
        if len(batch) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        done.extend(batch)

    batch = batches.Batches(1000)
    batch.run([5] * 10, work)
    assert batch.budget == 10
    assert tried == [10, 5, 2, 2, 2, 2, 2]
    assert sorted(done) == list(range(10))


def test_the_longest_come_first_and_fill_the_budget():
    seen = []
    batches.Batches(9).run([1, 9, 3, 3, 2], lambda batch: seen.append(batch))
    assert seen == [[1], [2, 3, 4], [0]]


@pytest.mark.slow
def test_memory_too_small_for_one_item_is_one_clear_error():
    def work(batch):
        raise MemoryError

    with pytest.raises(TinyEvalError, match="single item of 7 tokens"):
        batches.Batches(14).run([7, 7], work)


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def work(batch):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        batches.Batches(14).run([7, 7], work)


@pytest.mark.slow
@pytest.mark.parametrize("make", [make_requests, few_shot_requests])
@pytest.mark.parametrize("most", [150, 400])
def test_log_likelihoods_survive_a_lack_of_memory(make, most, monkeypatch):
    requests = make()
    whole = log_likelihoods(tiny_model(), requests, pad=2)
    plain, failed = Reader.read, []

    def small(self, rows, reads, held):
        if len(rows) * max(one.size for one in rows) > most:
            failed.append(len(rows))
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return plain(self, rows, reads, held)

    monkeypatch.setattr(Reader, "read", small)
    np.testing.assert_allclose(log_likelihoods(tiny_model(), requests, pad=2), whole, atol=2e-4)
    assert failed


def test_what_does_not_fit_above_a_batch_is_tried_with_fewer_below():
    done, outer = [], batches.Batches(100)

    def work(batch):
        def inner(some):
            if len(batch) > 1:
                raise MemoryError
            done.extend(batch)

        outer.run([10, 10], inner)

    outer.run([20] * 4, work)
    assert sorted(set(done)) == [0, 1, 2, 3]


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
