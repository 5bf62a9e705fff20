"""The population of small language models: drawn, trained, asked, resumed, joined, predicted."""

from __future__ import annotations

import csv
import math
import sys
from collections import Counter
from dataclasses import replace
from itertools import islice
from random import Random

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs tinyeval[hf]")

import torch

from item_banks import make_language
from item_banks.language import (
    answering,
    benchmark,
    dump,
    families,
    learning,
    parts,
    population,
    runs,
    tokens,
)
from paper_repro import checkpoints_live as live
from paper_repro import quick_seconds
from paper_repro.timing import beside_harness
from tinyeval.bank.codec import decode_content
from tinyeval.bank.item_bank import ItemBank
from tinyeval.errors import ConfigError, DataError
from tinyeval.importers import read_results
from tinyeval.training import Item, QuickEval, bank_items

FAMILIES = ("agreement", "comparison", "copying", "logic", "sorting")
ITEMS = benchmark.make_items(per_level=2, families=FAMILIES)
AT = (0, 3, 8)


def small(number: int, **changes):
    """A run that takes a second."""
    return replace(runs.draw_run(number), width=32, depth=1, **changes)


def even(**changes):
    return small(
        0, mix=runs.Mix("even", 0.0, 0), architecture="llama", learning_rate=6e-3, **changes
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Five runs of three checkpoints on 60 items, measured."""
    plan = population.Plan(ITEMS, AT, tmp_path_factory.mktemp("parts"), "cpu")
    assert population.grow(plan, [small(number) for number in range(5)]) == 5
    return plan


@pytest.fixture(scope="module")
def dumped(tiny, tmp_path_factory):
    """The dump of ``tiny``."""
    out = tmp_path_factory.mktemp("dump")
    dump.write_dump(dump.read_parts(tiny.folder, ITEMS), ITEMS, out)
    return out


@pytest.fixture(scope="module")
def tiny_bank(dumped) -> ItemBank:
    return make_language.make_bank(dumped, 12)


# --- tokens -------------------------------------------------------------------------------------


def questions(seed: int = 0):
    even = dict.fromkeys(families.FAMILIES, 1.0)
    return benchmark.training_questions(Random(seed), even, (1.0,) * 6)


@pytest.mark.slow
def test_our_tokens_are_the_tokenizers():
    tokenizer = tokens.make_tokenizer()
    texts = [f"{one.prompt} {one.answer}\n" for one in islice(questions(), 1000)]
    texts += [f"{one.prompt} {one.answer}\n" for one in benchmark.make_items()]
    found = tokenizer(texts)["input_ids"]
    assert [one[1:] for one in found] == [tokens.encode(text) for text in texts]
    assert {one[0] for one in found} == {tokenizer.bos_token_id}
    assert not any(tokenizer.unk_token_id in one for one in found)
    decoded = tokenizer.batch_decode(found, skip_special_tokens=True)
    assert decoded == [text.removesuffix("\n") for text in texts]  # the line feed ends a text
    assert max(map(len, found)) <= tokens.CONTEXT


def test_answers_fit_what_may_be_written():
    written = [one for one in benchmark.make_items() if not one.choices]
    assert max(len(tokens.encode(f" {one.answer}\n")) for one in written) <= answering.MAX_TOKENS


def test_foreign_characters_are_unknown():
    unknown = tokens.make_tokenizer().unk_token_id
    assert tokens.encode("é\nA") == [unknown, 2, unknown]


def test_rows_hold_whole_texts_and_only_answers_are_learned():
    ids, labels = tokens.make_rows(questions(), 40)
    tokenizer = tokens.make_tokenizer()
    assert ids.shape == labels.shape == (40, tokens.CONTEXT)
    learned = labels != tokens.NO_LABEL
    assert (ids[learned] == labels[learned]).all()
    texts = [f"{one.prompt} {one.answer}\n" for one in islice(questions(), 200)]
    found = []
    for row, label in zip(ids, labels, strict=True):
        kept = row[row != tokenizer.pad_token_id].tolist()
        assert kept[0] == tokenizer.bos_token_id
        found += tokenizer.decode(kept).split(tokens.BEGIN)[1:]
        answers = tokenizer.decode(label[label != tokens.NO_LABEL].tolist())
        assert answers.count("\n") == kept.count(tokenizer.bos_token_id)
        assert not {":", "?", "="} & set(answers)
    assert found == texts[: len(found)]
    assert (ids != tokenizer.pad_token_id).mean() > 0.7


# --- runs ---------------------------------------------------------------------------------------


def test_runs_are_drawn_by_number_and_differ():
    drawn = [runs.draw_run(number) for number in range(60)]
    assert drawn == [runs.draw_run(number) for number in range(60)]
    assert len({one.seed for one in drawn}) == 60
    assert {one.architecture for one in drawn} == set(runs.ARCHITECTURES)
    assert {(one.width, one.depth) for one in drawn} == set(runs.SIZES)
    assert {one.mix.kind for one in drawn} == set(runs.MIXES)


def test_held_out_runs_differ_from_the_population_as_they_say():
    drawn = [runs.draw_run(number) for number in range(300)]
    held = runs.held_out_runs(4)
    assert len(held) == 12
    assert not {one.seed for one in held} & {one.seed for one in drawn}
    assert not {one.name for one in held} & {one.name for one in drawn}
    for one in held:
        group = one.name.split("-")[0]
        assert (one.mix.kind == "turns") == (group == "mix")
        assert ((one.width, one.depth) in runs.LARGER) == (group == "size")
    assert all(one.width < runs.LARGER[0][0] and one.mix.kind != "turns" for one in drawn)


@pytest.mark.parametrize("kind", [*sorted(set(runs.MIXES)), "turns"])
def test_a_mix_is_what_it_says(kind):
    mix = runs.Mix(kind, 0.0, 3)
    found = list(islice(mix.questions(Random(1), 0.5), 1500))
    counts = Counter(one.prompt.split()[0] for one in found)
    assert len(counts) == {"few": 8, "turns": runs.AT_A_TIME}.get(kind, 15)
    assert (max(counts.values()) > 3 * min(counts.values())) == (kind == "skewed")
    if kind in ("easy", "hard"):
        copies = [len(one.answer) for one in found if one.prompt.startswith("copy")]
        assert (np.mean(copies) > 8) == (kind == "hard")
    assert mix.families(0.0) == runs.Mix(kind, 0.0, 3).families(0.0)
    assert (mix.families(0.0) != mix.families(0.9)) == (kind == "turns")


def test_noise_is_wrong_answers_of_the_right_form():
    rng, learned = Random(2), runs.Mix("even", 1.0, 0).questions
    names = {"verb": ("is", "are", "was", "were"), "logic": ("true", "false")}
    wrong = 0
    found = list(islice(learned(rng, 0.0), 1500))
    for one in found:
        if one.prompt.startswith("copy"):
            wrong += one.answer != one.prompt.split()[1]
        if one.prompt.split()[0] in names:
            assert one.answer in names[one.prompt.split()[0]]
    assert wrong == sum(one.prompt.startswith("copy") for one in found) > 20
    assert not any(benchmark.is_held_out(one.prompt) for one in found)


# --- training -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "checkpoints"), [(1, 2), (9, 10), (10, 3), (100, 10), (2000, 10)]
)
def test_checkpoints_are_log_spaced(steps, checkpoints):
    at = learning.log_spaced(steps, checkpoints)
    assert len(at) == checkpoints
    assert at[0] == 0
    assert at[-1] == steps
    assert list(at) == sorted(set(at))
    if steps == 2000:
        ratios = np.divide(at[2:], at[1:-1])
        assert ratios.max() / ratios.min() < 1.1


@pytest.mark.parametrize(("steps", "checkpoints"), [(5, 7), (5, 1), (0, 2)])
def test_checkpoints_that_do_not_fit_are_an_error(steps, checkpoints):
    with pytest.raises(ConfigError, match=f"found {checkpoints}"):
        learning.log_spaced(steps, checkpoints)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", runs.ARCHITECTURES)
def test_models_have_about_the_size_that_is_said(architecture):
    counts = []
    for width, depth in (runs.SIZES[0], runs.SIZES[-1], runs.LARGER[0]):
        run = replace(runs.draw_run(0), architecture=architecture, width=width, depth=depth)
        counts.append(sum(one.numel() for one in learning.make_model(run).parameters()))
    assert 0.1e6 < counts[0] < 0.2e6
    assert 0.8e6 < counts[1] < 1.2e6
    assert 1.3e6 < counts[2] < 1.6e6


@pytest.mark.slow
def test_a_run_is_trained_again_alike_and_leaves_the_random_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one = [(c.step, c.tokens, c.loss) for c in learning.train(small(3), AT)]
    assert torch.equal(torch.get_rng_state(), before)
    two = [(c.step, c.tokens, c.loss) for c in learning.train(small(3), AT)]
    assert math.isnan(one[0][2])
    assert one[1:] == two[1:]
    assert [step for step, _, _ in one] == list(AT)
    other = [c.loss for c in learning.train(small(3, seed=1), AT)]
    assert other[1] != one[1][2]


@pytest.mark.slow
def test_a_tiny_model_learns():
    losses = [c.loss for c in learning.train(even(), (0, 5, 60))]
    assert losses[1] > 3.5
    assert losses[2] < 0.7 * losses[1]


# --- parts --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_parts_say_what_checkpoints_answered(tiny):
    part, key = parts.read_part(tiny.path(small(0)))
    assert part.run == small(0)
    assert key == parts.key_of(small(0), ITEMS, AT)
    assert part.scores.shape == (3, 60)
    assert part.steps.tolist() == list(AT)
    assert part.tokens.tolist() == [step * learning.ROWS * tokens.CONTEXT for step in AT]
    model = list(learning.train(small(0), AT))[-1].model
    found = answering.make_answer()(answering.to_ask(ITEMS), model)
    assert part.scores[-1].tolist() == [found[one.id] for one in ITEMS]


@pytest.mark.slow
def test_a_stopped_population_goes_on(tiny):
    wanted = [small(0), small(1)]
    before = {run.name: tiny.path(run).stat().st_mtime_ns for run in wanted}
    assert population.grow(tiny, wanted) == 0
    assert before == {run.name: tiny.path(run).stat().st_mtime_ns for run in wanted}
    assert not tiny.is_done(small(5))
    assert not tiny.is_done(small(0, seed=9))
    assert not replace(tiny, at=(0, 3, 9)).is_done(small(0))
    assert not replace(tiny, items=ITEMS[:-1]).is_done(small(0))


@pytest.mark.slow
def test_a_damaged_part_is_measured_again(tiny, tmp_path):
    plan = replace(tiny, folder=tmp_path, at=(0, 1))
    whole = tiny.path(small(0)).read_bytes()
    for data in (whole[: len(whole) // 2], b"", b"no archive"):
        plan.path(small(0)).write_bytes(data)
        with pytest.raises(DataError, match="cannot be read"):
            parts.read_part(plan.path(small(0)))
        assert not plan.is_done(small(0))
    assert population.grow(plan, [small(0)]) == 1
    assert plan.is_done(small(0))


@pytest.mark.slow
def test_another_process_changes_nothing(tiny, tmp_path):
    plan = replace(tiny, folder=tmp_path)
    assert population.grow(plan, [small(1)], jobs=2) == 1
    one, two = (parts.read_part(each.path(small(1)))[0] for each in (plan, tiny))
    assert (one.scores == two.scores).all()
    assert one.loss[1:].tolist() == two.loss[1:].tolist()


@pytest.mark.slow
def test_the_command_grows_a_population(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(population, "draw_run", small)
    monkeypatch.setattr(population, "make_items", lambda per_level: ITEMS[: 4 * per_level])
    options = ["--steps", "2", "--checkpoints", "2", "--per-level", "1", "--device", "cpu"]
    for n in (1, 2):
        assert population.main([*options, "--runs", str(n), "--parts", str(tmp_path)]) == 0
        assert len(list(tmp_path.iterdir())) == n
    assert population.main([*options, "--checkpoints", "9", "--parts", str(tmp_path)]) == 1
    assert "error: expected 2 to steps + 1 = 3 checkpoints" in capsys.readouterr().err
    assert population.main([*options, "--device", "tpu", "--parts", str(tmp_path)]) == 1
    assert "error: expected --device auto or cpu" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        population.main(["--runs", "0"])


# --- the dump and the bank ----------------------------------------------------------------------


@pytest.mark.slow
def test_the_dump_is_read_as_results(tiny, dumped):
    responses = read_results(dumped / "responses.parquet")
    assert responses.models.ids[1] == "run-000-step3"
    assert responses.scores.shape == (15, 60)
    part = parts.read_part(tiny.path(small(1)))[0]
    ids = [f"run-001-step{step}" for step in AT]
    assert (responses.select(ids).align(part.items) == part.scores).all()
    assert set(responses.items.column("benchmark")) == set(FAMILIES)
    assert responses.models.column("step").astype(int).tolist() == [*AT] * 5
    content = decode_content((dumped / "content.parquet").read_bytes())
    assert content == {one.id: one.content for one in ITEMS}
    with (dumped / "models.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == list(responses.models.ids)
    assert rows[0]["loss"] == ""
    assert {row["family"] for row in rows} == {f"run-00{number}" for number in range(5)}


@pytest.mark.slow
def test_parts_of_other_items_are_an_error(tiny, tmp_path, capsys):
    with pytest.raises(DataError, match=r"5 runs answered other items .* 'run-000', 'run-001'"):
        dump.read_parts(tiny.folder, ITEMS[1:])
    assert dump.main(["--parts", str(tmp_path)]) == 1
    assert "expected parts, found none" in capsys.readouterr().err


@pytest.mark.slow
def test_the_dump_command_writes_four_files(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(dump, "make_items", lambda: ITEMS)
    assert dump.main(["--parts", str(tiny.folder), "--out", str(tmp_path)]) == 0
    names = {"responses.parquet", "content.parquet", "items.csv", "models.csv"}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.slow
def test_the_bank_asks_what_the_population_was_asked(tiny, tiny_bank):
    assert len(tiny_bank.anchors) == 12
    items = bank_items(tiny_bank, anchors_only=False)
    asked = {one.id: one for one in answering.to_ask(ITEMS)}
    assert all(Item(one.id, one.content, one.benchmark) == asked[one.id] for one in items)
    model = list(learning.train(small(0), AT))[-1].model
    predicted = QuickEval(tiny_bank, answering.make_answer()).run(model)
    assert predicted.lower <= predicted.score <= predicted.upper
    assert set(predicted.benchmarks) == set(FAMILIES)


@pytest.mark.slow
def test_the_bank_command_writes_a_bank(dumped, tmp_path, capsys):
    out = tmp_path / "bank"
    assert make_language.main(["--dump", str(dumped), "--items", "8", "--out", str(out)]) == 0
    assert len(ItemBank.load(out).anchors) == 8
    assert make_language.main(["--dump", str(tmp_path), "--out", str(out)]) == 1
    assert capsys.readouterr().err.startswith("error: ")


# --- checkpoints of unseen runs -----------------------------------------------------------------


@pytest.fixture
def short_runs(monkeypatch):
    def held_out(each):
        return tuple(replace(one, width=32, depth=1) for one in runs.held_out_runs(each))

    monkeypatch.setattr(live, "held_out_runs", held_out)


@pytest.mark.slow
def test_unseen_runs_are_predicted_and_asked(tiny_bank, tmp_path, short_runs, monkeypatch):
    tiny_bank.save(tmp_path / "bank")
    options = ["--bank", str(tmp_path / "bank"), "--each", "1", "--steps", "6", "--device", "cpu"]
    options += ["--checkpoints", "3", "--results", str(tmp_path / "kept"), "--out", str(tmp_path)]
    assert live.main(options) == 0
    with (tmp_path / "checkpoints_live.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["group"] for row in rows) == dict.fromkeys(runs.GROUPS, 3)
    for row in rows:
        assert float(row["lower"]) <= float(row["score"]) <= float(row["upper"])
        assert 60 * float(row["truth"]) == pytest.approx(round(60 * float(row["truth"])), abs=1e-3)
        assert float(row["quick_seconds"]) > 0 < float(row["full_seconds"])
    page = (tmp_path / "checkpoints_live.md").read_text()
    assert "12 anchors of 60 items" in page
    assert "for 12 anchors and the prediction" in page
    assert all(title in page for title in live.TITLES.values())
    monkeypatch.setattr(live, "measure", None)  # nothing is measured twice
    assert live.main(options) == 0
    assert page == (tmp_path / "checkpoints_live.md").read_text()
    tiny_bank.head(8).save(tmp_path / "bank", overwrite=True)
    assert live.main(options) == 0  # another bank predicts the same answers
    page = (tmp_path / "checkpoints_live.md").read_text()
    assert "8 anchors of 60 items" in page
    assert "for 12 anchors of another bank" in page
    options += ["--each", "2"]
    with pytest.raises(TypeError):
        live.main(options)


def rows_of(run: str, truth, score):
    near = {"lower": 0.0, "upper": 0.45, "in_range": True, "answers": "0011"}
    return [
        {"run": run, "group": "seed", "truth": t, "score": s, **near}
        for t, s in zip(truth, score, strict=True)
    ]


def test_neighbours_in_order_are_those_of_one_run():
    rows = rows_of("a", [0.1, 0.2, 0.3], [0.1, 0.3, 0.2]) + rows_of("b", [0.9, 0.9, 0.8], [1, 2, 3])
    # a: right, wrong; b: equal (not counted), wrong; a to b: not neighbours
    assert live.in_order(rows, live.column(rows, "score")) == pytest.approx(1 / 3)
    truth = live.column(rows, "truth")
    assert live.in_order(rows, np.stack([truth, -truth])) == pytest.approx(0.5)
    assert math.isnan(live.in_order(rows[:1], truth[:1]))


def test_figures_are_errors_and_coverage_in_points():
    rows = rows_of("a", [0.4, 0.5], [0.4, 0.6])
    found = live.figures(rows, 4)
    assert found == ["5.00", "5.00", "0.50", "45.0", "1.00", "1.00", "0.00"]


@pytest.mark.slow
def test_a_bank_without_content_is_an_error(tiny_bank, tmp_path, capsys):
    replace(tiny_bank, content=None).save(tmp_path / "bank")
    assert live.main(["--bank", str(tmp_path / "bank")]) == 1
    assert "expected a bank with content.parquet" in capsys.readouterr().err


@pytest.mark.slow
def test_seconds_are_told_by_size(tiny_bank, tmp_path, monkeypatch, capsys):
    tiny_bank.save(tmp_path / "bank")
    monkeypatch.setattr(quick_seconds, "SIZES", ((32, 1),))
    options = ["--bank", str(tmp_path / "bank"), "--out", str(tmp_path), "--parts", "sizes"]
    monkeypatch.setattr(sys, "argv", ["quick_seconds", *options])
    quick_seconds.main()
    text = (tmp_path / "quick_seconds.md").read_text()
    assert "12 anchors of 60 items" in text
    assert "`python -m paper_repro.quick_seconds --device cpu --parts sizes`" in text
    weights, quick, full, times = text.splitlines()[8].strip("| ").split(" | ")
    assert int(weights.replace(",", "")) > 10_000
    assert all(float(one) > 0 for one in (quick, full, times))
    assert capsys.readouterr().err.startswith(f"{weights} weights: ")


@pytest.mark.slow
def test_seconds_are_told_beside_the_harness(tmp_path, monkeypatch, capsys):
    pytest.importorskip("lm_eval", reason="needs tinyeval[lm-eval]")
    few = [replace(one, items=4, question=6, written=4) for one in beside_harness.CASES[::2]]
    monkeypatch.setattr(beside_harness, "CASES", few)
    monkeypatch.setattr(quick_seconds, "BESIDE", (64, 1))
    (tmp_path / "quick_seconds.md").write_text(
        "# Old\n\n## A quick evaluation and a full one\n\nkept"
    )
    options = ["--out", str(tmp_path), "--parts", "harness"]
    monkeypatch.setattr(sys, "argv", ["quick_seconds", *options])
    quick_seconds.main()
    text = (tmp_path / "quick_seconds.md").read_text()
    assert "## A quick evaluation and a full one\n\nkept" in text
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if "-shot, " in line]
    assert [one[0] for one in rows] == [one.name for one in few]
    for *_, ours, theirs, ratio, apart in rows:
        assert float(ours) >= 0 < float(theirs) + float(ratio)
        assert apart == "4 of 4 the same" or float(apart) < 1e-4
