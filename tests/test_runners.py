"""Answering items with a causal language model, in memory and in a folder."""

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs tinyeval[hf]")

import torch
from language_models import bpe, choice_items, plain_log_likelihood, tiny_model

from tinyeval.errors import ConfigError, DataError
from tinyeval.training import CausalLM, Item, causal_lm
from tinyeval.training.runners.encoding import encode_pairs
from tinyeval.training.runners.generation import generate
from tinyeval.training.runners.loading import Loading
from tinyeval.training.runners.scoring import chosen_letter, cut, exact_match, lettered


def by_hand(items, model, tokenizer, metric):
    """Scores from one plain forward pass per choice."""
    scores = {}
    for one in items:
        pairs = [(one.prompt, " " + choice) for choice in one.choices]
        value = [plain_log_likelihood(model, *r) for r in encode_pairs(tokenizer, pairs, 128)]
        if metric == "probability":
            share = np.exp(value)
            scores[one.id] = share[one.gold] / share.sum()
        else:
            length = [len(c) if metric == "acc_norm" else 1 for c in one.choices]
            scores[one.id] = float(np.argmax(np.divide(value, length)) == one.gold)
    return scores


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["acc", "acc_norm", "probability"])
def test_choices_are_marked_as_by_hand(metric):
    items, model, tokenizer = choice_items(30), tiny_model(), bpe()
    expected = by_hand(items, model, tokenizer, metric)
    found = CausalLM(tokenizer, metric)(items, model)
    assert list(found) == [one.id for one in items]
    assert found == pytest.approx(expected, abs=1e-4)
    assert 0 < np.mean(list(expected.values())) < 1


@pytest.mark.slow
def test_marks_know_the_probability_of_the_right_choice():
    items, model, tokenizer = choice_items(10), tiny_model(), bpe()
    found = CausalLM(tokenizer)(items, model)
    expected = by_hand(items, model, tokenizer, "probability")
    assert {one: mark.soft for one, mark in found.items()} == pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["acc", "acc_norm"])
def test_marks_are_those_of_lm_evaluation_harness(metric, tmp_path):
    pytest.importorskip("lm_eval", reason="needs tinyeval[lm-eval]")
    from harness import choice_task, run_lm_eval
    from lm_eval.models.huggingface import HFLM

    items, model, tokenizer = choice_items(40, seed=4), tiny_model(), bpe()
    harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=4, device="cpu")
    logged = run_lm_eval(harness, choice_task(items, "mine", tmp_path))["samples"]["mine"]
    found = CausalLM(tokenizer, metric)(items, model)
    assert found == {items[row["doc_id"]].id: row[metric] for row in logged}


def test_a_folder_answers_as_the_model_in_memory(tmp_path):
    items, model, tokenizer = choice_items(), tiny_model(), bpe()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    expected = CausalLM(tokenizer, "probability")(items, model)
    assert CausalLM(metric="probability", device="cpu")(items, tmp_path) == pytest.approx(expected)
    assert causal_lm(items, str(tmp_path)) == CausalLM(tokenizer)(items, model)


def test_a_model_is_left_in_the_mode_it_was_in():
    model = tiny_model("gpt2")
    model.train()
    model.transformer.h[0].eval()
    modes = [one.training for one in model.modules()]
    try:
        found = CausalLM(bpe(), "probability")(choice_items(), model)
        assert [one.training for one in model.modules()] == modes
    finally:
        model.eval()
    # dropout was off
    assert found == CausalLM(bpe(), "probability")(choice_items(), model)


def test_tokens_are_kept_for_the_same_items_and_tokenizer_only():
    answer, model = CausalLM(bpe(), "probability"), tiny_model()
    for items in (choice_items(8), choice_items(8), choice_items(8, seed=5), choice_items(3)):
        assert answer(items, model) == CausalLM(bpe(), "probability")(items, model)
    asked = []

    class Counting:
        def __getattr__(self, name):
            return getattr(bpe(), name)

        def __call__(self, texts, **options):
            asked.append(len(texts))
            return bpe()(texts, **options)

    counting = CausalLM(Counting())
    counting(choice_items(8), model)
    first = len(asked)
    counting(choice_items(8), model)
    assert len(asked) == first > 0
    counting(choice_items(7), model)
    assert len(asked) == 2 * first


def test_no_gradient_is_kept():
    model = tiny_model()
    CausalLM(bpe())(choice_items(3), model)
    assert all(one.grad is None and not one.is_inference() for one in model.parameters())


def test_chat_templates_are_applied():
    tokenizer = bpe(begin=False)
    tokenizer.chat_template = "{% for m in messages %}the {{ m.content }} is{% endfor %}"
    try:
        items, model = choice_items(), tiny_model("llama", False)
        chat = CausalLM(tokenizer, "probability", chat=True)(items, model)
    finally:
        tokenizer.chat_template = None
    wrapped = [Item(i.id, {**i.content, "prompt": f"the {i.prompt} is"}) for i in items]
    # as in the harness, nothing stands between a chat template and the choice
    assert chat == CausalLM(tokenizer, "probability", delimiter="")(wrapped, model)


def test_items_of_a_chat_are_asked_in_a_chat_and_others_are_not():
    tokenizer = bpe(begin=False)
    items, model = choice_items(6), tiny_model("llama", False)
    talks = [
        Item(
            one.id,
            {
                "messages": [
                    {"role": "system", "content": "the"},
                    {"role": "user", "content": one.prompt},
                ],
                "chat": True,
                "delimiter": "",
                "choices": one.choices,
                "gold": one.gold,
            },
        )
        for one in items
    ]
    with pytest.raises(DataError, match="cannot put a prompt into a chat template"):
        CausalLM(tokenizer)(talks, model)
    wrapped = [Item(i.id, {**i.content, "prompt": f"cat {i.prompt} is"}) for i in items]
    expected = CausalLM(tokenizer, "probability", delimiter="")(wrapped, model)
    # a template that takes no rules of a system is given none, as in the harness
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
        "{% endif %}cat {{ m.content }} is{% endfor %}"
    )
    try:
        assert CausalLM(tokenizer, "probability")(talks, model) == expected
        raw = [
            Item(i.id, {**w.content, "raw": True, "delimiter": ""})
            for i, w in zip(items, wrapped, strict=True)
        ]
        assert CausalLM(tokenizer, "probability", chat=True)(raw, model) == expected
    finally:
        tokenizer.chat_template = None
    plain = CausalLM(tokenizer, "probability", chat=False)(
        [Item(i.id, {**i.content, "chat": True, "delimiter": ""}) for i in items], model
    )
    assert plain == CausalLM(tokenizer, "probability")(items, model)


# --- generation ---------------------------------------------------------------------------------


def greedy_by_hand(model, tokenizer, prompt, n):
    ids = tokenizer(prompt)["input_ids"]
    for _ in range(n):
        with torch.no_grad():
            best = int(model(torch.tensor([ids])).logits[0, -1].argmax())
        if best == tokenizer.eos_token_id:
            break
        ids.append(best)
    return tokenizer.decode(ids[len(tokenizer(prompt)["input_ids"]) :], skip_special_tokens=True)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("tokens", [1, 60, 1000])
def test_generation_is_greedy_whatever_the_batch(kind, tokens):
    model, tokenizer = tiny_model(kind), bpe()
    prompts = [one.prompt for one in choice_items(10)]
    expected = [greedy_by_hand(model, tokenizer, one, 8) for one in prompts]
    found = generate(
        model, tokenizer, prompts, stop=(), max_tokens=8, max_length=128, batch_tokens=tokens
    )
    assert found == expected
    assert len(set(expected)) > 3


def test_generation_stops_at_a_stop_text():
    model, tokenizer = tiny_model(), bpe()
    prompts = [one.prompt for one in choice_items(6)]
    options = {"max_tokens": 12, "max_length": 128, "batch_tokens": 1000}
    whole = generate(model, tokenizer, prompts, stop=(), **options)
    stop = whole[0].strip()[2:4]
    found = generate(model, tokenizer, prompts, stop=(stop,), **options)
    assert found == [one.split(stop)[0] for one in whole]
    assert found != whole


def test_written_answers_are_marked_by_exact_match():
    model, tokenizer = tiny_model(), bpe()
    prompts = [one.prompt for one in choice_items(4)]
    right = [greedy_by_hand(model, tokenizer, one, 5) for one in prompts]
    gold = [right[0], ["other", f"  {right[1]}\n"], right[2] + "x", 7]
    items = [
        Item(str(k), {"prompt": p, "gold": g})
        for k, (p, g) in enumerate(zip(prompts, gold, strict=True))
    ]
    items.insert(2, choice_items(1)[0])
    found = CausalLM(tokenizer, max_tokens=5)(items, model)
    assert list(found) == ["0", "1", "choice/0", "2", "3"]
    assert [found[k] for k in "0123"] == [1, 1, 0, 0]


def test_cut_and_match():
    assert cut("42\n\nQ: 3.", ("\n\n", "Q:")) == "42"
    assert cut("42", ()) == "42"
    assert exact_match(" 42\n", ("41", "42")) == 1
    assert exact_match("42.", ("42",)) == 0


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("B", 1),
        ("The answer is (C).", 2),
        ("**D**", 3),
        ("I think B", 1),
        ("E or A", 0),
        ("_B_", 1),
        ("b", None),
        ("Because", None),
        ("", None),
    ],
)
def test_the_first_letter_that_stands_alone_is_the_answer(text, chosen):
    assert chosen_letter(text, 4) == chosen


def test_lettered_questions():
    assert lettered("Which?", ["x", "y"]).splitlines()[:3] == ["Which?", "A. x", "B. y"]


# --- what cannot be answered --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"gold": "a"}, "no 'prompt'"),
        ({"prompt": "a", "choices": ["b"], "gold": 0}, "two or more"),
        ({"prompt": "a", "choices": "bc", "gold": 0}, "two or more"),
        ({"prompt": "a", "choices": ["b", "c"]}, "no 'gold'"),
        ({"prompt": "a", "choices": ["b", "c"], "gold": 2}, "one of 2 choices"),
        ({"prompt": "a", "choices": ["b", "c"], "gold": True}, "one of 2 choices"),
        ({"prompt": "a", "choices": ["b", "b"], "gold": "b"}, "one of 2 choices"),
        ({"prompt": "a", "choices": ["b", None], "gold": "b"}, "to be text"),
        ({"prompt": ["a"], "choices": ["b", "c"], "gold": "b"}, "to be text"),
        ({"prompt": "a", "gold": []}, "of them empty"),
        ({"prompt": "a", "gold": "b", "stop": ""}, "of them empty"),
    ],
)
def test_items_that_cannot_be_asked_are_refused(content, message):
    with pytest.raises(DataError, match=rf"'bad'.*{message}"):
        CausalLM(bpe())([Item("bad", content)], tiny_model())


def test_gold_may_be_an_index_or_a_text():
    assert Item("a", {"choices": ["x", "y"], "gold": "y"}).gold == 1
    assert Item("a", {"choices": ["x", "y"], "gold": 0}).gold == 0
    assert Item("a", {"choices": [3, 4], "gold": "4"}).gold == 1


def test_broken_weights_give_an_error_not_a_score():
    model = tiny_model("llama", seed=9)
    with torch.no_grad():
        model.lm_head.weight[5] = float("nan")
    with pytest.raises(DataError, match="weights or its precision are broken"):
        CausalLM(bpe())(choice_items(1), model)


def test_folders_without_a_model_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"config\.json"):
        causal_lm(choice_items(1), tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match="cannot be read"):
        causal_lm(choice_items(1), tmp_path)


def test_wrong_settings_are_refused():
    with pytest.raises(ConfigError, match="known are: acc, acc_norm, acc_bytes"):
        CausalLM(metric="f1")
    with pytest.raises(ConfigError, match="1 or more"):
        CausalLM(batch_tokens=0)
    with pytest.raises(ConfigError, match="needs its tokenizer"):
        CausalLM()(choice_items(1), tiny_model())


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "n_layer": 1, "n_head": 1}')
    with pytest.raises(DataError, match="no tokenizer"):
        Loading(device="cpu")(tmp_path)
