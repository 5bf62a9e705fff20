"""Local tasks of lm-evaluation-harness of every kind that the runners know, and small models."""

import copy
import json
import random
from pathlib import Path

from language_models import WORDS, bpe, tiny_model

N = 16
"""Documents of a task."""

ACCENTED = ("été", "naïve", "œuvre", "日本", "crème brûlée")

TEMPLATES = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}",
    "{% if messages[0].role == 'system' %}{% set rules = messages[0].content %}"
    "{% set messages = messages[1:] %}{% else %}{% set rules = 'be kind' %}{% endif %}"
    "<{{ rules }}>{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}",
)
"""Two chat templates; the second has rules of its own, and trims what it is given."""

CHOICES = """
output_type: multiple_choice
doc_to_choice: choices
metric_list: [{metric: acc}, {metric: acc_norm}, {metric: acc_bytes}]
"""

TASKS = {
    "plain": CHOICES + 'doc_to_text: "{{question}}"\ndoc_to_target: "{{label}}"\n',
    "shots": CHOICES + 'doc_to_text: "{{question}}"\ndoc_to_target: "{{label}}"\nnum_fewshot: 2\n'
    "fewshot_split: train\ndescription: 'the cat likes:\\n\\n'\n",
    "worded": CHOICES + 'doc_to_text: "Q: {{question}}\\nA:"\ndoc_to_target: word\n'
    'target_delimiter: ": "\n',
    "begun": CHOICES + 'doc_to_text: "{{question}}"\ndoc_to_target: "{{label}}"\nnum_fewshot: 1\n'
    "fewshot_split: train\ngen_prefix: the bird\n",
    "several": CHOICES + "doc_to_text: question\ndoc_to_target: labels\n",
    "digits": CHOICES.replace("doc_to_choice: choices", "doc_to_choice: numbers")
    + "doc_to_text: question\ndoc_to_target: number\n",
    "gaps": "output_type: multiple_choice\ndoc_to_choice: contexts\n"
    'doc_to_text: "{{label2}}"\ndoc_to_target: ending\nmetric_list: [{metric: acc}]\n',
    "truth1": CHOICES.replace("doc_to_choice: choices", 'doc_to_choice: "{{mc.choices}}"')
    + "doc_to_text: question\ndoc_to_target: 0\n",
    "truth2": "output_type: multiple_choice\ndoc_to_text: question\ndoc_to_target: 0\n"
    'doc_to_choice: "{{mc.choices}}"\nprocess_results: !function own.mass\n'
    "metric_list: [{metric: acc}]\n",
    "written": """
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "the {{vowel}}"
generation_kwargs: {until: [".", "fish"], do_sample: false, max_gen_toks: 9}
filter_list:
- name: strict-match
  filter: [{function: regex, regex_pattern: "[aeiou]"}, {function: take_first}]
- name: flexible-extract
  filter:
  - {function: regex, group_select: -1, regex_pattern: "([aei])|([ou])", fallback: none}
  - {function: uppercase}
  - {function: take_first}
metric_list:
- metric: exact_match
  ignore_case: true
  ignore_punctuation: true
  regexes_to_ignore: ["(?s).*the "]
""",
    "letters": """
output_type: generate_until
doc_to_text: "Q: {{question}}\\nA:"
doc_to_target: vowels
num_fewshot: 1
fewshot_split: train
generation_kwargs: {until: ["Q:"], max_gen_toks: 4}
filter_list:
- name: first
  filter:
  - {function: remove_whitespace}
  - {function: lowercase}
  - {function: regex, regex_pattern: "[a-z]"}
  - {function: take_first}
metric_list: [{metric: exact_match}]
""",
}

ASKED = [
    *((task, metric, None) for task in ("plain", "worded") for metric in ("acc", "acc_bytes")),
    *((task, "acc_norm", None) for task in ("plain", "worded", "shots", "begun", "several")),
    *((task, "acc", None) for task in ("shots", "begun", "several", "digits", "gaps")),
    *((task, "acc", None) for task in ("truth1", "truth2")),
    ("written", "exact_match", "strict-match"),
    ("written", "exact_match", "flexible-extract"),
    ("letters", "exact_match", None),
]
"""Every task, metric and filter."""

OWN = """
import math


def mass(doc, results):
    values = [math.exp(value) for value, _ in results]
    right = [one for one, label in zip(values, doc["mc"]["labels"]) if label]
    return {"acc": sum(right) / sum(values)}
"""


def documents(n, seed):
    rng = random.Random(seed)

    def words(most):
        return " ".join(rng.choices(WORDS, k=rng.randint(1, most)))

    for _ in range(n):
        choices = [words(3), rng.choice(ACCENTED) + " " + words(2), words(6), words(1) + "!"]
        start, ending = words(4), words(3)
        names = rng.sample(WORDS, 2)
        label, labels = rng.randrange(4), sorted(rng.sample(range(4), 2))
        yield {
            "question": words(8),
            "choices": choices,
            "label": label,
            "labels": labels,
            "word": choices[label],
            "numbers": ["3", "2", "1", "0"],
            "number": str(label),
            "contexts": [f"{start} {one}" for one in names],
            "label2": rng.randrange(2),
            "ending": ending,
            "mc": {
                "choices": choices,
                "labels": [1, 1, 0, 0] if rng.random() < 0.5 else [1, 0, 0, 0],
            },
            "vowel": rng.choice("aeiou"),
            "vowels": rng.sample("aeioucdstbr", 4),
        }


def write_tasks(folder: Path) -> Path:
    """Write all tasks; returns the folder."""
    folder.mkdir()
    for split, n, seed in (("test", N, 1), ("train", 6, 2)):
        rows = "".join(json.dumps(one) + "\n" for one in documents(n, seed))
        (folder / f"{split}.jsonl").write_text(rows)
    (folder / "own.py").write_text(OWN)
    for name, text in TASKS.items():
        files = f"{{test: {folder / 'test.jsonl'}, train: {folder / 'train.jsonl'}}}"
        (folder / f"{name}.yaml").write_text(
            f"task: {name}\ndataset_path: json\ndataset_kwargs: {{data_files: {files}}}\n"
            f"test_split: test\nmetadata: {{version: 1}}\n{text}"
        )
    return folder


def write_model(folder: Path, seed: int) -> Path:
    """Write a small model and its tokenizer; every second one adds no start token."""
    begin = seed % 2 == 0
    model = copy.deepcopy(tiny_model("llama" if seed % 3 else "gpt2", begin, seed))
    # as models of instructions have it: what is drawn at random is not used, a penalty is
    drawn = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "top_k": 20}
    model.generation_config.update(**drawn, repetition_penalty=1.0 + seed / 10)
    model.save_pretrained(folder)
    tokenizer = bpe(begin)
    tokenizer.chat_template = TEMPLATES[seed % 2]
    try:
        tokenizer.save_pretrained(folder)
    finally:
        tokenizer.chat_template = None
    return folder


def log_run(model: Path, tasks: Path, output: Path, **options) -> dict:
    """Run all tasks as the command line does; returns task -> logged samples."""
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    tracker = EvaluationTracker(output_path=str(output))
    results = lm_eval.simple_evaluate(
        model="hf",
        model_args={"pretrained": str(model), "dtype": "float32"},
        tasks=sorted(TASKS),
        task_manager=TaskManager(include_path=str(tasks), include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
        verbosity="ERROR",
        device="cpu",
        batch_size=16,
        evaluation_tracker=tracker,
        **options,
    )
    logged = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=logged)
    for task in results["configs"]:
        tracker.save_results_samples(task_name=task, samples=logged[task])
    return logged
