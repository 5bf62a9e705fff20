"""Tasks as lm-evaluation-harness ships them, on documents made here: asked and marked alike."""

import json
import random
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("lm_eval", reason="needs tinyeval[lm-eval]")
pytest.importorskip("transformers", reason="needs tinyeval[hf]")

import lm_eval
import torch
import transformers
from harness import log_lm_eval
from language_models import SMALL, WORDS, bpe

from tinyeval.asking import Item
from tinyeval.importers import import_content, import_results
from tinyeval.training import CausalLM

pytestmark = pytest.mark.slow

TASKS = Path(lm_eval.__file__).parent / "tasks"
N = 10
SHORT = "generation_kwargs: {until: %s, max_gen_toks: 24, do_sample: false}\n"


def words(rng, most=6):
    return " ".join(rng.choices(WORDS, k=rng.randint(1, most)))


def arc(rng):
    label = ["A", "B", "C", "D"]
    text = [words(rng) for _ in label]
    choices = {"label": label, "text": text}
    return {"question": words(rng), "choices": choices, "answerKey": rng.choice(label)}


def hellaswag(rng):
    texts = {name: words(rng) for name in ("ctx_a", "ctx_b", "activity_label")}
    endings = [f"{words(rng)} [title] {words(rng)}." for _ in range(4)]
    return {**texts, "endings": endings, "label": str(rng.randrange(4))}


def mmlu(rng):
    choices = [words(rng) for _ in range(4)]
    return {"question": words(rng), "choices": choices, "answer": rng.randrange(4)}


def boolq(rng):
    return {"passage": words(rng, 30), "question": words(rng), "label": rng.randrange(2)}


def piqa(rng):
    pair = {"sol1": words(rng), "sol2": words(rng)}
    return {"goal": words(rng), **pair, "label": rng.randrange(2)}


def winogrande(rng):
    sentence = f"{words(rng)} _ {words(rng)}."
    one, two = rng.sample(WORDS, 2)
    return {"sentence": sentence, "option1": one, "option2": two, "answer": rng.choice("12")}


def truthful(rng):
    choices = [words(rng) + "." for _ in range(4)]
    labels = [1, rng.randrange(2), 0, 0]
    mc1 = {"choices": choices, "labels": [1, 0, 0, 0]}
    return {
        "question": words(rng),
        "mc1_targets": mc1,
        "mc2_targets": {"choices": choices, "labels": labels},
    }


def gsm8k(rng):
    return {"question": words(rng), "answer": f"{words(rng)}\n#### {rng.randrange(9)}"}


def triviaqa(rng):
    answer = {"aliases": [*rng.choices(WORDS, k=3), ""], "value": "x"}
    return {"question": words(rng), "answer": answer}


def nq_open(rng):
    return {"question": words(rng), "answer": [words(rng, 2)]}


def bbh(rng):
    return {"input": words(rng), "target": rng.choice(["(A)", "True", words(rng)])}


def mmlu_pro(rng):
    options = [words(rng) for _ in range(5)]
    content = "A: Let's think step by step. The answer is (B)."
    answer = rng.choice("ABCDE")
    return {"question": words(rng), "options": options, "answer": answer, "cot_content": content}


KINDS = {
    "arc": ("arc/arc_easy.yaml", arc, ""),
    "hellaswag": ("hellaswag/hellaswag.yaml", hellaswag, ""),
    "mmlu": ("mmlu/default/_default_template_yaml", mmlu, "num_fewshot: 2\n"),
    "boolq": ("super_glue/boolq/default.yaml", boolq, ""),
    "piqa": ("piqa/piqa.yaml", piqa, "num_fewshot: 1\n"),
    "winogrande": ("winogrande/default.yaml", winogrande, "num_fewshot: 2\n"),
    "truthfulqa_mc1": ("truthfulqa/truthfulqa_mc1.yaml", truthful, ""),
    "truthfulqa_mc2": ("truthfulqa/truthfulqa_mc2.yaml", truthful, ""),
    "gsm8k": ("gsm8k/gsm8k.yaml", gsm8k, SHORT % '["Question:"]'),
    "triviaqa": ("triviaqa/default.yaml", triviaqa, SHORT % '["\\n", "."]'),
    "nq_open": ("nq_open/nq_open.yaml", nq_open, SHORT % '["\\n"]' + "num_fewshot: 2\n"),
    "bbh": (
        "bbh/zeroshot/_zeroshot_template_yaml",
        bbh,
        SHORT % '["Q:"]' + 'doc_to_text: "Q: {{input}}\\nA:"\n',
    ),
    "mmlu_pro": (
        "mmlu_pro/_default_template_yaml",
        mmlu_pro,
        SHORT % '["Question:"]' + "num_fewshot: 2\n",
    ),
}

ASKED = [
    *((task, "acc", None) for task in ("arc", "hellaswag", "mmlu", "boolq", "piqa", "winogrande")),
    *((task, "acc_norm", None) for task in ("arc", "hellaswag", "piqa")),
    *((task, "acc", None) for task in ("truthfulqa_mc1", "truthfulqa_mc2")),
    *((task, "exact_match", None) for task in ("triviaqa", "nq_open", "bbh", "mmlu_pro")),
    ("gsm8k", "exact_match", "strict-match"),
    ("gsm8k", "exact_match", "flexible-extract"),
]


def model(seed):
    """A model that reads 256 tokens: longer prompts are cut."""
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(bpe()), intermediate_size=48, max_position_embeddings=256, **SMALL
    )
    made = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4.0)
    return made.eval()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    base = tmp_path_factory.mktemp("tasks")
    (base / "tasks").mkdir()
    for name, (path, make, more) in KINDS.items():
        for split, n, seed in (("test", N, name), ("train", 8, f"{name}!")):
            rng = random.Random(seed)
            rows = "".join(json.dumps(make(rng)) + "\n" for _ in range(n))
            (base / f"{name}-{split}.jsonl").write_text(rows)
        files = ", ".join(f"{s}: {base / f'{name}-{s}.jsonl'}" for s in ("test", "train"))
        (base / "tasks" / f"{name}.yaml").write_text(
            f"include: {TASKS / path}\ntask: {name}\ntag: null\ndataset_path: json\n"
            f"dataset_name: null\ndataset_kwargs: {{data_files: {{{files}}}}}\ntest_split: test\n"
            f"training_split: train\nvalidation_split: null\nfewshot_split: train\n{more}"
        )
    from lm_eval.models.huggingface import HFLM

    for seed in (1, 2):
        run = HFLM(pretrained=model(seed), tokenizer=bpe(), batch_size=4, device="cpu")
        log_lm_eval(run, base / "tasks", base / f"logs{seed}")
    return SimpleNamespace(base=base)


@pytest.mark.parametrize(("task", "metric", "filter"), ASKED)
def test_a_task_that_ships_is_asked_and_marked_alike(runs, task, metric, filter):
    ids = [f"{task}/{k}" for k in range(N)]
    found = import_content(runs.base / "logs1", ids, metric=metric, filter=filter)
    assert [str(one) for one in found.findings] == []
    items = [Item(one, found.content[one]) for one in ids]
    assert {one.metric for one in items} == {"mc2" if task == "truthfulqa_mc2" else metric}
    for seed in (1, 2):
        (file,) = (runs.base / f"logs{seed}").rglob(f"samples_{task}_2*.jsonl")
        logged = import_results(file, metric=metric, filter=filter).responses
        expected = dict(zip(logged.items.ids, map(float, logged.scores[0]), strict=True))
        assert CausalLM(bpe())(items, model(seed)) == pytest.approx(expected, abs=1e-5)
