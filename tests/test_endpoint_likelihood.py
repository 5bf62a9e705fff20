"""Choices scored by the likelihoods that a server gives: the same as those of the model itself."""

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs tinyeval[hf]")

from language_models import bpe, choice_items, tiny_model
from model_servers import completions, serving

from tinyeval.errors import ConfigError, DataError, TinyEvalError
from tinyeval.training import CausalLM, Endpoint, Item
from tinyeval.training.runners.echoed import choice_log_likelihoods

RED = Item("pick", {"prompt": "blood is", "choices": ["blue", "red"], "gold": 1})


def asking(url, **options):
    options = {"chat": False, "likelihood": True, "sleep": lambda seconds: None, **options}
    return Endpoint(url, "mine", **options)


@pytest.mark.parametrize("begin", [True, False])
@pytest.mark.parametrize("metric", ["acc", "acc_norm", "mc2"])
def test_scores_are_those_of_the_model_in_memory(metric, begin):
    model, tokenizer = tiny_model(begin=begin), bpe(begin)
    items = [Item(one.id, {**one.content, "metric": metric}) for one in choice_items(16, seed=3)]
    expected = CausalLM(tokenizer)(items, model)
    with serving(completions(model, tokenizer)) as (server, url):
        found = asking(url)(items)
    assert list(found) == [one.id for one in items]
    assert found == pytest.approx(expected, abs=1e-5)
    assert 0 < np.mean(list(expected.values())) < 1
    assert len(server.seen) == len(items)
    assert all(body["model"] == "mine" for _, _, body in server.seen)


def test_contexts_of_each_choice_and_spaces_at_the_end_are_sent_as_the_harness_tokenizes():
    model, tokenizer = tiny_model(), bpe()
    contexts = {"prompts": ["the cat ", "the big dog"], "continuation": "eats red fish"}
    items = [
        Item("each", {**contexts, "choices": ["cat", "dog"], "gold": 0}),
        Item("space", {"prompt": "the dog  ", "choices": ["is", "was"], "gold": 1}),
        Item("same", {"prompt": "x", "choices": ["é", "日本"], "gold": 1, "delimiter": ""}),
    ]
    with serving(completions(model, tokenizer)) as (server, url):
        for one in items:
            post = asking(url)
            found = choice_log_likelihoods(one, lambda body, o=one, p=post: p._post(o, body))
            (expected,) = CausalLM(tokenizer).choice_log_likelihoods([one], model, tokenizer)
            assert found == pytest.approx(expected.tolist(), abs=1e-5)
    assert server.seen[0][2]["prompt"][:2] == ["the cat", "the big dog"]


def test_a_prompt_with_its_start_token_gets_no_other():
    model, tokenizer = tiny_model(), bpe()
    item = Item("raw", {**RED.content, "prompt": "<s>blood is", "raw": True, "metric": "mc2"})
    expected = CausalLM(tokenizer)([item], model)
    with serving(completions(model, tokenizer)) as (server, url):
        assert asking(url)([item]) == pytest.approx(expected, abs=1e-5)
    assert server.seen[0][2]["add_special_tokens"] is False
    with pytest.raises(DataError, match="'raw': its prompt holds a chat template already"):
        Endpoint("http://x/v1", "m").check([item])


TEMPLATE = "<s>{% for m in messages %}the {{ m.content }} {% endfor %}is"


def test_a_conversation_is_put_into_the_template_of_the_tokenizer(monkeypatch):
    model, tokenizer = tiny_model(), bpe()
    monkeypatch.setattr(tokenizer, "chat_template", TEMPLATE)
    talk = [{"role": "user", "content": one} for one in ("cat", "big dog")]
    fields = {"messages": talk, "chat": True, "delimiter": "", "metric": "mc2"}
    items = [Item("talk", {**RED.content, "prompt": None, **fields})]
    expected = CausalLM(tokenizer)(items, model)
    with serving(completions(model, tokenizer)) as (server, url):
        assert asking(url, tokenizer=tokenizer)(items) == pytest.approx(expected, abs=1e-5)
    body = server.seen[0][2]
    assert body["prompt"][0] == "<s>the cat the big dog is"
    assert body["add_special_tokens"] is False
    with pytest.raises(DataError, match="'talk': its history was asked through chat templates"):
        asking("http://x/v1").check(items)


def test_choices_stand_in_the_last_message_of_a_conversation():
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Blood is"}]
    item = Item("talk", {"messages": talk, "choices": ["blue", "red"], "gold": 1, "chat": True})
    reply = {"choices": [{"message": {"content": "B"}}]}
    with serving(lambda path, body: reply) as (server, url):
        assert Endpoint(url, "m")([item]) == {"talk": 1}
    first, last = server.seen[0][2]["messages"]
    assert first == talk[0]
    assert last["content"].startswith("Blood is\nA. blue\nB. red\n")


def rows(*values):
    return {"choices": [{"logprobs": {"token_logprobs": one}} for one in values]}


@pytest.mark.parametrize(
    "reply",
    [
        {"choices": [{"text": "blood is", "logprobs": None}] * 3},
        {"choices": [{"text": "blood is"}] * 3},
        {"choices": []},
        {"error": "no"},
        [],
        rows([-1.0], [-1.0], [-1.0]),  # the prompt is not echoed
        rows([None, -1.0], [None, -1.0], [None, None, -1.0]),
        rows([None, -1.0, -2.0], [None, -1.0, -2.0], [None, -1.0, -2.0]),  # no token of its own
    ],
)
def test_a_server_that_gives_no_likelihoods_is_named_with_what_to_do(reply):
    refused = pytest.raises(DataError, match=r"'pick': expected log-probabilities.*vLLM")
    with serving(lambda path, body: reply) as (_, url), refused as told:
        asking(url)([RED])
    assert len(str(told.value)) < 500


def test_an_item_without_context_is_refused_before_anything_is_asked():
    empty = Item("empty", {**RED.content, "prompt": " "})
    refused = pytest.raises(DataError, match="'empty' has no text before its choices")
    with serving(lambda path, body: {}) as (server, url), refused:
        asking(url)([RED, empty])
    assert server.seen == []


def test_a_refusal_of_logprobs_is_final():
    refused = pytest.raises(TinyEvalError, match=r"refused item 'pick' with status 400.*echo")
    trouble = (400, {}, {"error": "echo is not supported"})
    with serving(lambda path, body: {}, trouble) as (_, url), refused:
        asking(url)([RED])


def test_a_chat_gives_no_likelihoods():
    with pytest.raises(ConfigError, match="chat=False"):
        Endpoint("http://x/v1", likelihood=True)


def test_asking_for_letters_where_the_history_has_likelihoods_is_doubtful():
    scored = Item("scored", {**RED.content, "metric": "acc"})
    written = Item("written", {"prompt": "1 + 1 =", "gold": "2", "metric": "exact_match"})
    assert "'scored'" in Endpoint("http://x/v1").check([scored, written])
    assert Endpoint("http://x/v1").check([RED, written]) == ""
    assert asking("http://x/v1").check([scored, written]) == ""
