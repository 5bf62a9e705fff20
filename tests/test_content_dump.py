"""Content of items out of the logs of harnesses: small files made here, and real ones."""

import json
from collections import Counter

import numpy as np
import pytest
from importing import real, write

from tinyeval.asking import Item
from tinyeval.asking.marks import check_askable, mark_choices
from tinyeval.errors import DataError
from tinyeval.importers import import_content, import_results
from tinyeval.importers.content.conversation import Template

DATE = "2026-11-27T10-00-00.000001"


def choice_row(k, values, mark, *, target="1", prompt="Q{}?", choices=("a", "b", "c"), **more):
    arguments = {
        f"gen_args_{n}": {"arg_0": prompt.format(k), "arg_1": f" {one}"}
        for n, one in enumerate(choices)
    }
    said = [[str(value), "False"] for value in values]
    return {
        "doc_id": k,
        "doc": {},
        "target": target,
        "arguments": arguments,
        "resps": [[one] for one in said],
        "filtered_resps": said,
        "filter": "none",
        "doc_hash": f"hash{k}",
        "acc": mark,
        **more,
    }


def text_row(k, text, filtered, mark, *, options=None, filter="none", target="yes", **more):
    options = {"until": ["\n"]} if options is None else options
    return {
        "doc_id": k,
        "doc": {},
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": f"Q{k}?", "arg_1": options}},
        "resps": [[text]],
        "filtered_resps": [filtered],
        "filter": filter,
        "exact_match": mark,
        **more,
    }


def log(folder, model, rows, config=None, **results):
    """Write a run of one task, as the harness does."""
    write(folder / model / f"samples_t_{DATE}.jsonl", rows, lines=True)
    content = {"model_name": model, "configs": {"t": config or {}}, "n-shot": {"t": 0}, **results}
    write(folder / model / f"results_{DATE}.json", content)
    return folder


def content(folder, *ids, **options):
    found = import_content(folder, [f"t/{k}" for k in ids or (0,)], **options)
    return found.content, [str(one) for one in found.findings]


# --- which answer is right ----------------------------------------------------------------------


def test_a_choice_is_told_by_target_settings_and_marks(tmp_path):
    rows = [
        choice_row(0, (-1, -2, -3), 0),
        choice_row(1, (-3, -1, -2), 1, target="b"),
        choice_row(2, (-3, -1, -2), 1, target="[1, 2]"),
        # digits that are a text and not a number, as the document says
        choice_row(3, (-3, -2, -1), 1, target="1", doc={"key": "1"}, choices=("3", "2", "1")),
    ]
    found, said = content(log(tmp_path, "m", rows, {"doc_to_target": "key"}), 0, 1, 2, 3)
    assert [found[f"t/{k}"]["gold"] for k in range(4)] == [1, 1, [1, 2], 2]
    assert found["t/0"] == {
        "prompt": "Q0?",
        "choices": ["a", "b", "c"],
        "delimiter": " ",
        "gold": 1,
        "metric": "acc",
    }
    assert said == []


def test_digits_that_settings_leave_open_are_told_by_the_marks(tmp_path):
    row = choice_row(0, (-3, -2, -1), 1, target="1", choices=("3", "2", "1"))
    found, _ = content(log(tmp_path, "m", [row], {"doc_to_target": "def of(doc): ..."}))
    assert found["t/0"]["gold"] == 2


def test_an_answer_that_no_log_names_follows_from_the_marks_of_several_runs(tmp_path):
    def row(best, mark):
        values = [-1 if k == best else -2 for k in range(3)]
        one = choice_row(0, values, mark, target="it broke")
        for n, arguments in enumerate(one["arguments"].values()):
            arguments |= {"arg_0": f"The {'abc'[n]} fell.", "arg_1": " it broke"}
        return one

    # seven runs: the ones that are looked at first chose the same wrong one
    for k in range(6):
        log(tmp_path, f"m{k}", [row(0, 0)])
    found, said = content(tmp_path)
    assert found == {}
    assert said == [
        "missing: 1 items have no prompts in these results, or none that can be kept: 't/0'"
    ]
    (tmp_path / "m3").rename(tmp_path / "aside")
    log(tmp_path, "m3", [row(2, 1)])  # not among the five that are looked at first
    found, said = content(tmp_path)
    assert said == []
    assert found["t/0"] == {
        "prompts": ["The a fell.", "The b fell.", "The c fell."],
        "choices": ["a", "b", "c"],
        "continuation": "it broke",
        "delimiter": " ",
        "gold": 2,
        "metric": "acc",
    }


def test_marks_that_the_runners_would_not_give_are_named_and_refused(tmp_path):
    rows = [choice_row(k, (-1, -2, -3), 1, target="2") for k in range(3)]
    found, said = content(log(tmp_path, "m", rows), 0, 1, 2)
    assert said == [
        "doubt: 3 items can be kept, but the runners cannot ask them: there is no metric 'acc as t "
        "defines it' of choices here (known: acc, acc_norm, acc_bytes, mc1, mc2, probability): "
        "'t/0', 't/1', 't/2'"
    ]
    with pytest.raises(DataError, match="3 of 3 items cannot be answered as their history was"):
        check_askable([Item(one, fields) for one, fields in found.items()])


def test_a_share_of_the_likelihood_is_told_from_a_choice(tmp_path):
    values = np.array([-1.0, -2.0, -3.0])
    share = np.exp(values)[[0, 2]].sum() / np.exp(values).sum()
    doc = {"mc2_targets": {"labels": [1, 0, 1]}}
    row = choice_row(0, values, share, target="0", doc=doc)
    found, said = content(log(tmp_path, "m", [row], {"process_results": "def ..."}))
    assert (found["t/0"]["metric"], found["t/0"]["gold"], said) == ("mc2", [0, 2], [])
    assert mark_choices(Item("t/0", found["t/0"]), values) == pytest.approx(share)


def test_unconditional_choices_are_left_out(tmp_path):
    row = choice_row(0, (-1, -2, -3, -1, -1, -1), 1, target="0")
    for k in range(3):
        row["arguments"][f"gen_args_{k + 3}"] = {"arg_0": "", "arg_1": f" {'abc'[k]}"}
    found, said = content(log(tmp_path, "m", [row]))
    assert (found["t/0"]["choices"], found["t/0"]["gold"], said) == (["a", "b", "c"], 0, [])


# --- written answers ----------------------------------------------------------------------------

STRICT = {"function": "regex", "regex_pattern": "is (\\w+)"}
CONFIG = {
    "doc_to_target": "{{answer}}",
    "filter_list": [
        {"name": "strict", "filter": [STRICT, {"function": "take_first"}]},
        {"name": "own", "filter": [{"function": "custom"}, {"function": "take_first"}]},
        {"name": "listed", "filter": [STRICT]},
    ],
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "ignore_case": True}],
}


def test_a_written_answer_has_its_filter_its_options_its_stops_and_its_limit(tmp_path):
    options = {"until": ["\n", ""], "do_sample": False, "temperature": 0.0, "max_gen_toks": 7}
    row = text_row(0, "It is YES", "YES", 1, options=options, filter="strict")
    found, said = content(log(tmp_path, "m", [row], CONFIG))
    assert said == []
    assert found["t/0"] == {
        "prompt": "Q0?",
        "gold": "yes",
        "stop": ["\n"],
        "max_tokens": 7,
        "filters": [STRICT, {"function": "take_first"}],
        "match": {"ignore_case": True},
        "metric": "exact_match",
    }


def test_several_right_answers_and_an_answer_by_number(tmp_path):
    log(tmp_path / "a", "m", [text_row(0, "no", "no", 1, target="['yes', 'no']")], {"repeats": 1})
    assert content(tmp_path / "a")[0]["t/0"]["gold"] == ["yes", "no"]
    config = {"doc_to_choice": ["yes", "no"]}
    log(tmp_path / "b", "m", [text_row(0, "no", "no", 1, target="1")], config)
    assert content(tmp_path / "b")[0]["t/0"]["gold"] == "no"


@pytest.mark.parametrize(
    ("filter", "text", "filtered", "said"),
    [
        ("own", "It is YES", "YES", "there is no filter 'custom' here"),
        ("listed", "It is YES", "YES", "after a filter that the results do not describe"),
        ("other", "It is YES", "YES", "after a filter that the results do not describe"),
        # the filter is known, and yet it did something else
        ("strict", "It is YES", "it", "there is no metric 'exact_match as t defines it'"),
    ],
)
def test_a_filter_that_cannot_be_repeated_is_named(tmp_path, filter, text, filtered, said):
    row = text_row(0, text, filtered, 0, filter=filter)
    found, (told,) = content(log(tmp_path, "m", [row], CONFIG))
    assert told.startswith("doubt: 1 items can be kept, but the runners cannot ask them: ")
    assert said in told
    assert found["t/0"]["prompt"] == "Q0?"


def test_old_files_that_name_no_filter_are_taken_where_none_did_anything(tmp_path):
    for name, filtered in (("a", "yes"), ("b", "[invalid]")):
        row = text_row(0, "yes", filtered, float(filtered == "yes"))
        del row["filter"]
        write(tmp_path / name / f"samples_t_{DATE}.jsonl", [row], lines=True)
    assert content(tmp_path / "a")[0]["t/0"]["metric"] == "exact_match"
    assert "do not describe" in content(tmp_path / "b")[0]["t/0"]["metric"]


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        ({"temperature": 0.6}, True),
        ({"do_sample": True}, True),
        ({"num_beams": 4}, True),
        ({"do_sample": False, "temperature": 0.6, "top_p": 0.9}, False),
        ({"temperature": 0}, False),
    ],
)
def test_answers_drawn_at_random_are_told_from_the_likeliest(tmp_path, options, drawn):
    row = text_row(0, "yes", "yes", 1, options={"until": ["\n"], **options})
    found, said = content(log(tmp_path, "m", [row], {"repeats": 1}))
    assert (found["t/0"].get("sampling") == options) is drawn
    assert any("drawn at random" in one for one in said) is drawn


def test_tasks_of_one_continuation_or_none_are_said_to_be_left_to_the_harness(tmp_path):
    row = choice_row(0, (-1,), 1, choices=("a",))
    found, (said,) = content(log(tmp_path / "a", "m", [row]))
    assert "there is no metric 'acc of a likelihood' of written answers here" in said
    assert found["t/0"]["gold"] == " a"
    row["arguments"] = {"gen_args_0": {"arg_0": "a long text"}}
    found, (said,) = content(log(tmp_path / "b", "m", [row]))
    assert (found, said[:8]) == ({}, "missing:")


# --- runs that differ ---------------------------------------------------------------------------


def test_the_words_of_most_runs_are_kept_and_the_others_are_told(tmp_path):
    for k, prompt in enumerate(("X{}", "Q{}?", "Q{}?")):
        log(tmp_path, f"m{k}", [choice_row(n, (-2, -1, -3), 1, prompt=prompt) for n in range(2)])
    found, said = content(tmp_path, 0, 1)
    assert [one["prompt"] for one in found.values()] == ["Q0?", "Q1?"]
    assert said == [
        "doubt: 2 items were asked in other words by other runs; those of one run are kept: 'm1'"
    ]


def test_a_document_that_is_not_the_bank_s_is_left_out(tmp_path):
    log(tmp_path, "a", [choice_row(0, (-2, -1, -3), 1, prompt="old", doc_hash="other")])
    log(tmp_path, "b", [choice_row(0, (-2, -1, -3), 1, prompt="new")])
    found = import_content(tmp_path, {"t/0": "hash0"})
    assert (found.content["t/0"]["prompt"], found.findings) == ("new", ())


def test_items_that_the_first_runs_lack_are_found_in_others(tmp_path):
    for k in range(12):
        log(tmp_path, f"m{k:02}", [choice_row(k, (-2, -1, -3), 1)])
    found, said = content(tmp_path, *range(12))
    assert (len(found), said) == (12, [])


def test_only_a_few_runs_are_opened_and_only_the_lines_that_are_wanted(tmp_path, monkeypatch):
    for k in range(40):
        log(tmp_path, f"m{k:02}", [choice_row(n, (-2, -1, -3), 1) for n in range(30)])
    opened = Counter()
    monkeypatch.setattr(
        "tinyeval.importers.content.lm_eval.read_rows",
        lambda path, *rest: opened.update([path.parent.name]) or read_rows(path, *rest),
    )
    from tinyeval.importers.lm_eval_files import describe_files
    from tinyeval.importers.lm_eval_rows import read_rows

    # a line that is not wanted is not even parsed
    for file in tmp_path.rglob("samples_*"):
        lines = file.read_text().splitlines()
        lines[7] = '{"doc_id": 7, "doc": {'
        file.write_text("\n".join(lines) + "\n")
    described = []
    monkeypatch.setattr(
        "tinyeval.importers.content.lm_eval.describe_files",
        lambda paths: described.append(len(list(paths))) or describe_files(paths),
    )
    found, _ = content(tmp_path, 3, 4)
    assert len(found) == 2
    assert sorted(opened) == ["m00", "m10", "m20", "m29", "m39"]
    assert described == [5]


def test_items_are_found_by_a_key_of_their_documents(tmp_path):
    from tinyeval.importers import ItemKey

    log(tmp_path, "m", [choice_row(k, (-2, -1, -3), 1, doc={"id": 70 + k}) for k in range(3)])
    found = import_content(tmp_path, ["x-71"], item_key=ItemKey("id", "x-"))
    assert found.content["x-71"]["prompt"] == "Q1?"


# --- chat ---------------------------------------------------------------------------------------

LLAMA = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] | trim }}<|eot|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
FOLDED = (
    "{% if messages[0].role == 'system' %}{% set rules = '<<SYS>>' + messages[0].content + "
    "'<</SYS>>' %}{% set messages = messages[1:] %}{% else %}{% set rules = '' %}{% endif %}"
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ rules if loop.first else '' }}"
    "{{ m.content }} [/INST]{% else %}{{ m.content }}{% endif %}{% endfor %}"
)
MISTRAL = (
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% elif m.role == 'assistant' %} {{ m.content }}</s>"
    "{% else %}{{ raise_exception('only user and assistant') }}{% endif %}{% endfor %}"
)
CHATML = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nBe kind.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n{% endif %}"
    "{% endif %}"
)
DATED = (
    "Today is {{ strftime_now('%d %b %Y') }}.{% for m in messages %}<{{ m.content }}>{% endfor %}"
)


def talk(*contents, system=""):
    roles = ["user", "assistant"] * len(contents)
    found = [{"role": r, "content": c} for r, c in zip(roles, contents, strict=False)]
    return [{"role": "system", "content": system}, *found] if system else found


@pytest.mark.parametrize(
    ("template", "messages"),
    [
        (Template(LLAMA, {"bos_token": "<s>"}), talk("Q: 1 + 1?\n\nA:")),
        (Template(LLAMA, {"bos_token": "<s>"}), talk("a\n{b}", system="Rules {{ x }}.")),
        (Template(LLAMA, shots=2), talk("a", "b", "c", "d", "e", system="Rules.")),
        (Template(LLAMA, shots=2), talk("Q: a\nA: b\n\nQ: c\nA:")),
        (Template(LLAMA), talk("a", "The answer is")),
        (Template(FOLDED, system=True), talk("a", system="Rules.")),
        (Template(FOLDED), talk("a")),
        (Template(MISTRAL, shots=1), talk("a", "b", "c")),
        (Template(MISTRAL), talk(" white space at both ends \n")),
        (Template(CHATML), talk("a")),
        (Template(CHATML, options={"enable_thinking": False}), talk("a")),
        (Template(CHATML), talk("a", system="Be rude.")),
        (Template(DATED, date=1795328851.8), talk("a")),
    ],
)
def test_the_conversation_behind_a_prompt_is_found(template, messages):
    prompt = template.render(messages)
    assert template.conversation(prompt) == messages


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        (Template(LLAMA), "no template at all"),
        (Template(LLAMA), "<|user|>\nanother's end"),
        (Template("{% for m in messages %}{{ m.content }}"), "a"),
        (Template("{{ messages[0].content | upper }}"), "A"),
        (Template("{{ messages.__class__.__mro__ }}"), "a"),
        (Template("{{ 'a' * 10 ** 30 }}{{ messages }}"), "a"),
        (Template("{{ 'a' * 10000000000 }}{{ messages[0].content }}"), "a"),
        (Template("{{ '%9999999999d' % 1 }}{{ messages[0].content }}"), "a"),
        (Template("{% include 'x' %}{{ messages[0].content }}"), "a"),
        (Template("{{ messages[0].content }}{{ 1 / 0 }}"), "a"),
        (Template("x" * 200_000 + "{{ messages[0].content }}"), "a"),
        (Template("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}"), "aa"),
        (Template(""), ""),
    ],
)
def test_a_template_that_is_not_taken_off_for_sure_is_left_on(template, prompt):
    assert template.conversation(prompt) is None


def test_every_model_is_asked_in_its_own_template(tmp_path):
    for k, text in enumerate((LLAMA, MISTRAL, CHATML)):
        prompt = Template(text, {"bos_token": "<s>"}).render(talk("Q{}?"))
        rows = [choice_row(n, (-2, -1, -3), 1, prompt=prompt) for n in range(2)]
        for row in rows:  # the harness puts nothing between a template and a choice
            for one in row["arguments"].values():
                one["arg_1"] = one["arg_1"].strip()
        log(tmp_path, f"m{k}", rows, chat_template=text, tokenizer_bos_token=["<s>", "1"])
    found, said = content(tmp_path, 0, 1)
    assert said == [
        "turned: 2 items were asked through chat templates, which are left out: every model is "
        "asked in its own"
    ]
    assert found["t/1"] == {
        "prompt": "Q1?",
        "chat": True,
        "choices": ["a", "b", "c"],
        "delimiter": "",
        "gold": 1,
        "metric": "acc",
    }


def test_white_space_that_some_templates_trim_is_kept(tmp_path):
    for k, text in enumerate((LLAMA, CHATML, LLAMA)):
        prompt = Template(text).render(talk("Q{}?\n"))
        rows = [choice_row(0, (-2, -1, -3), 1, prompt=prompt)]
        log(tmp_path, f"m{k}", rows, chat_template=text)
    found, (said,) = content(tmp_path)
    assert found["t/0"]["prompt"] == "Q0?\n"
    assert said.startswith("turned: ")


def test_conversations_that_were_sent_to_a_server_are_read(tmp_path):
    sent = [json.dumps(talk("Q0?", system="Be kind."))]
    row = text_row(0, "yes", "yes", 1)
    row["arguments"]["gen_args_0"]["arg_0"] = sent
    found, _ = content(log(tmp_path, "m", [row], {"repeats": 1}, chat_template=""))
    assert found["t/0"]["messages"] == talk("Q0?", system="Be kind.")
    assert found["t/0"]["chat"] is True


# --- hostile ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoilt",
    [
        {"arguments": None},
        {"arguments": []},
        {"arguments": [[]]},
        {"arguments": {"gen_args_0": 3, "gen_args_1": []}},
        {"arguments": [["Q", 1], ["Q", 2]]},
        {"arguments": [[["Q"], " a"], [["Q"], " b"]]},
        {"arguments": [[1, {"until": 3}]]},
        {"arguments": [["Q", {"until": [1, None], "max_gen_toks": "x"}]]},
        {"filtered_resps": None},
        {"filtered_resps": [["x"], ["y"], ["z"]]},
        {"filtered_resps": [["nan"], ["-1"], ["-2"]]},
        {"resps": "x" * 10},
        {"target": None},
        {"target": "[" * 5000},
        {"target": "[" + "9" * 5000 + "]"},
        {"target": {"a": 1}},
        {"doc": [1]},
        {"doc": {"labels": [1, "0", 1]}},
    ],
)
def test_spoilt_lines_give_no_content_or_one_that_is_checked(tmp_path, spoilt):
    row = {**choice_row(0, (-2, -1, -3), 1), **spoilt}
    found, _ = content(log(tmp_path, "m", [row]))
    for one, fields in found.items():
        Item(one, fields).check()
        json.dumps(fields, allow_nan=False)


@pytest.mark.parametrize(
    "config",
    [
        {"filter_list": 3, "metric_list": 4, "target_delimiter": 5, "doc_to_target": 1.5},
        {"filter_list": [{"name": "none", "filter": "x"}], "gen_prefix": 3},
        {"filter_list": [{"name": "none", "filter": ["x"]}], "metric_list": [3]},
        {"doc_to_choice": {"a": 1}, "doc_to_target": ["x"]},
        {"doc_to_target": 99},
    ],
)
def test_spoilt_settings_are_survived(tmp_path, config):
    rows = [choice_row(0, (-2, -1, -3), 1)]
    assert content(log(tmp_path / "a", "m", rows, config))[0]["t/0"]["gold"] == 1
    rows = [text_row(0, "yes", "yes", 1)]
    found, _ = content(log(tmp_path / "b", "m", rows, config))
    assert found["t/0"]["gold"] in ("yes", ["yes"])


def test_results_without_prompts_have_none(tmp_path):
    (tmp_path / "a.csv").write_text("model,item,score\nm,q,1\n")
    assert import_content(tmp_path / "a.csv", ["q"]).content == {}


# --- real files ---------------------------------------------------------------------------------


def test_real_logs_of_the_harness_without_a_results_file():
    folder = real("lm_eval")
    metric = "metabench_arc_secondary=acc_norm,metabench_hellaswag_secondary=acc_norm,acc"
    found = import_results(folder, metric=f"{metric},exact_match", partial=True).responses
    hashes = dict(zip(found.items.ids, found.items.column("hash", ""), strict=True))
    contents = import_content(folder, hashes, metric=f"{metric},exact_match")
    assert set(contents.content) == set(hashes)
    items = [Item(one, fields) for one, fields in contents.content.items()]
    counted = Counter((one.id.split("_")[1], one.metric) for one in items)
    unknown = "exact_match after a filter that the results do not describe"
    assert counted.pop(("gsm8k", unknown)) == 60
    assert {metric for _, metric in counted} == {"acc", "acc_norm"}
    assert sum(counted.values()) == 462
    (said,) = map(str, contents.findings)
    assert said.startswith("doubt: 60 items can be kept, but the runners cannot ask them")
    pair = next(one for one in items if "winogrande" in one.id)
    assert pair.choices == ("Lindsey", "Natalie")
    assert [one[1] for one in pair.pairs()] == [
        " bought the new Frank Miller comic at the book store."
    ] * 2


@pytest.mark.parametrize("filter", ["strict-match", "flexible-extract"])
def test_real_logs_of_the_harness_with_a_results_file(filter):
    folder = real("lm_eval_0.4.13_dummy")
    ids = [f"{task}/{k}" for task in ("mctoy", "addtoy_cot") for k in range(25)]
    found = import_content(folder, ids, metric="acc,exact_match", filter=filter)
    assert (len(found.content), found.findings) == (50, ())
    check_askable([Item(one, fields) for one, fields in found.content.items()])
    first = found.content["addtoy_cot/0"]
    assert [one["function"] for one in first["filters"]] == ["regex", "take_first"]
    assert first["match"]["regexes_to_ignore"] == [",", "\\$", "(?s).*#### ", "\\.$"]


def inspect_content(name, metric=None):
    path = next(real("inspect_ai_0.3.285_mock").glob(name))
    ids = import_results(path, metric=metric, partial=True).responses.items.ids
    found = import_content(path, ids, metric=metric)
    assert set(found.content) == set(ids)
    return [Item(one, found.content[one]) for one in ids], [str(one) for one in found.findings]


def test_real_logs_of_inspect():
    items, said = inspect_content("2026*_mctoy_*.eval")
    assert (len(items), said) == (25, [])
    check_askable(items)
    assert items[0].prompt.startswith("Answer the following multiple choice question.")
    assert (items[0].chat, items[0].answers, items[0].stop) == (True, ("B",), ())
    items, said = inspect_content("*addtoy-epochs*.eval")
    assert ({one.metric for one in items}, said) == ({"includes"}, [])
    items, (said,) = inspect_content("*_addtoy_*.json", "match")
    assert "match compares texts here, not numbers" in said


def test_real_logs_of_inspect_with_rules_and_of_older_versions():
    folder = real("inspect_ai")
    path = next(folder.glob("2025-02-11T15-18-04*.eval"))
    found = import_content(path, [f"popularity/{k}" for k in range(1, 11)])
    assert len(found.content) == 10
    roles = [one["role"] for one in found.content["popularity/9"]["messages"]]
    assert roles == ["system", "user"]
    assert found.content["popularity/9"]["metric"] == "match"
    found = import_content(folder / "log_formats.json", ["popularity/1"])
    assert "Please note" in found.content["popularity/1"]["messages"][0]["content"]


# --- Inspect ------------------------------------------------------------------------------------


def inspect_log(path, answer="It is yes.", grade="C", model="m", status="success", **sample):
    """Write a log of Inspect with one sample, as it does."""
    message = {"role": "assistant", "content": answer, "source": "generate"}
    asked = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Well?"}]
    one = {
        "id": "q",
        "epoch": 1,
        "input": "Well?",
        "target": "yes",
        "messages": [*asked, message],
        "output": {"choices": [{"message": message}]},
        "scores": {"match": {"value": grade}},
        **sample,
    }
    log = {
        "version": 2,
        "status": status,
        "eval": {"task": "t", "model": model, "dataset": {"samples": 1}, "task_id": model},
        "plan": {"steps": [], "config": {"max_tokens": 9}},
        "results": {"scores": [{"name": "match", "params": {"location": "end"}}]},
        "samples": [one],
    }
    return write(path, log)


def test_a_conversation_of_inspect_is_kept_with_its_scorer_and_its_limits(tmp_path):
    for k in range(3):
        inspect_log(tmp_path / f"{k}.json", model=f"m{k}")
    found = import_content(tmp_path, ["t/q"], metric="match")
    assert found.findings == ()
    assert found.content["t/q"] == {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Well?"},
        ],
        "chat": True,
        "gold": "yes",
        "stop": [],
        "max_tokens": 9,
        "metric": "match",
        "match": {"location": "end"},
    }


def test_what_inspect_marked_otherwise_is_named(tmp_path):
    inspect_log(tmp_path / "a.json", grade="I")
    (said,) = map(str, import_content(tmp_path, ["t/q"]).findings)
    assert "there is no metric 'match as t defines it' of written answers here" in said


def test_several_turns_and_pictures_are_left_to_inspect(tmp_path):
    turn = {"role": "assistant", "content": "Let me see.", "source": "generate"}
    tool = {"role": "tool", "content": "42"}
    user = {"role": "user", "content": "Well?"}
    inspect_log(tmp_path / "a" / "a.json", messages=[user, turn, tool, turn])
    (said,) = map(str, import_content(tmp_path / "a", ["t/q"]).findings)
    assert "there is no metric 'match of several turns'" in said
    picture = {"role": "user", "content": [{"type": "image", "image": "x"}]}
    inspect_log(tmp_path / "b" / "b.json", messages=[picture, turn])
    found = import_content(tmp_path / "b", ["t/q"])
    assert found.content == {}
    assert str(found.findings[0]).startswith("missing: 1 items have no prompts")


@pytest.mark.parametrize(
    "spoilt",
    [
        {"messages": None},
        {"messages": "x"},
        {"messages": [3, None]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": ["x"]}]},
        {"messages": [{"role": "user", "content": "attachment://nowhere"}]},
        {"messages": [{"content": "x"}]},
        {"output": None},
        {"output": {"choices": [None]}},
        {"output": {"choices": [{"message": {"content": 3}}]}},
        {"target": None},
        {"target": []},
        {"target": {"a": 1}},
        {"attachments": 3},
    ],
)
def test_spoilt_samples_of_inspect_give_no_content_or_one_that_is_checked(tmp_path, spoilt):
    inspect_log(tmp_path / "a.json", **spoilt)
    for one, fields in import_content(tmp_path, ["t/q"]).content.items():
        Item(one, fields).check()
        json.dumps(fields, allow_nan=False)


def test_files_of_2023_are_read_by_what_their_results_file_says(tmp_path):
    row = choice_row(0, (-2, -1, -3), 1)
    del row["filter"], row["doc_hash"]
    row["arguments"] = [[one["arg_0"], one["arg_1"]] for one in row["arguments"].values()]
    write(tmp_path / "pretrained__org__m_t.jsonl", [row], lines=True)
    results = {
        "results": {"t": {"acc,none": 1.0}},
        "configs": {"t": {"target_delimiter": " "}},
        "config": {"model_args": "pretrained=org/m"},
    }
    write(tmp_path / "results.json", results)
    found, said = content(tmp_path)
    assert (found["t/0"]["choices"], found["t/0"]["gold"], said) == (["a", "b", "c"], 1, [])
