"""Banks of two stages: forms, reading of mixtures, what is asked next, on disk and by a runner."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tinyeval.bank.content import with_content
from tinyeval.bank.item_bank import ItemBank
from tinyeval.building import build
from tinyeval.cli import main
from tinyeval.config import Settings
from tinyeval.errors import BankError, ConfigError
from tinyeval.estimators.answered import Answered
from tinyeval.stages.policy import FORMS, UNDECIDED
from tinyeval.training import QuickEval
from tinyeval.training.answerers import FunctionAnswerer
from tinyeval.training.evaluating import Asking, evaluate


@pytest.fixture(scope="session")
def staged(source, fast):
    """The bank of ``conftest.bank``, in two stages."""
    return build(source, settings=fast.replace(stages=2), name="staged")


@pytest.fixture(scope="session")
def staged_folder(staged, tmp_path_factory):
    folder = tmp_path_factory.mktemp("staged") / "bank"
    staged.save(folder)
    return folder


@pytest.fixture(scope="session")
def by_form(staged, new_models):
    """Form -> row of a new model that is asked it; at least two forms occur."""
    answers = Answered.on(staged.asked_items, new_models)
    forms = staged.continuation.forms_of(staged.predictor, answers)
    assert len(set(forms)) > 1
    return {form: forms.index(form) for form in set(forms)}


def answers_of(responses, row, items):
    scores = responses.align(items)[row]
    return {item: float(one) for item, one in zip(items, scores, strict=True)}


# --- forms --------------------------------------------------------------------------------------


def test_forms_go_on_from_a_prefix_of_the_fixed_set(staged):
    one, anchors = staged.continuation, staged.anchors.items
    first = one.policy.first
    assert one.items[: len(anchors)] == anchors
    for form in (*FORMS, UNDECIDED):
        plan = one.plan(staged.predictor, form)
        assert plan[:first] == anchors[:first]
        assert len(set(plan)) == len(plan) == len(anchors)
        assert set(plan) <= set(one.items)
    assert one.plan(staged.predictor, UNDECIDED) == anchors
    assert len({one.forms[form].items for form in FORMS}) == len(FORMS)
    assert set(one.items) == set(anchors).union(*(one.forms[form].items for form in FORMS))


def test_the_fixed_set_is_that_of_one_stage(staged, bank, new_models):
    assert staged.anchors.items == bank.anchors.items
    fixed = new_models.select(items=list(bank.anchors.items))
    assert staged.predict(fixed) == bank.predict(fixed)
    assert replace(staged, continuation=None, settings=bank.settings).digest == bank.digest
    assert staged.digest != bank.digest
    assert "stages" not in bank.settings
    assert "stages" not in Settings().model_dump()


def test_the_same_input_gives_the_same_bank(staged, source, fast):
    order = np.random.default_rng(0).permutation(source.n_models)
    again = build(source.take(order), settings=fast.replace(stages=2))
    assert again.digest == staged.digest


def test_quotas_hold_in_every_form(source, fast):
    names = sorted(set(source.items.column("benchmark")))
    quotas = {"anchors": dict.fromkeys(names, 6)}
    one = build(source, settings=fast.replace(items=12, quotas=quotas, stages=2))
    benchmark = dict(zip(one.items.ids, one.items.column("benchmark"), strict=True))
    for form in FORMS:
        asked = [benchmark[item] for item in one.continuation.plan(one.predictor, form)]
        assert {name: asked.count(name) for name in names} == dict.fromkeys(names, 6)


def test_a_head_has_one_stage(staged):
    assert staged.head(5).continuation is None
    assert staged.head(len(staged.anchors)).continuation is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"selection": {"method": "random"}}, "needs the default methods"),
        ({"estimator": {"method": "kriging"}}, "needs the default methods"),
        ({"items": 3}, "at least 4 anchors"),
        ({"certify": {"items": 10}}, "leave one of the two out"),
        ({"stages": 3}, "stages"),
    ],
)
def test_what_cannot_be_asked_in_two_stages_is_refused(source, fast, changes, message):
    with pytest.raises(ConfigError, match=message):
        build(source, settings=fast.replace(**{"stages": 2, **changes}))


# --- reading ------------------------------------------------------------------------------------


def test_a_mixture_is_read_as_kriging_on_what_was_answered(staged, new_models):
    """Against a direct solution of the normal equations, for a random part of all items."""
    kriging = staged.continuation.estimator.kriging
    rng = np.random.default_rng(1)
    answers = new_models.align(staged.asked_items).astype(np.float64)
    answers[rng.random(answers.shape) < 0.5] = np.nan
    means, variances, _ = kriging.hypotheses(answers)
    for row, one in enumerate(answers):
        seen = ~np.isnan(one)
        for h in range(len(kriging.drift)):
            weights = np.linalg.solve(kriging.cov[h][np.ix_(seen, seen)], kriging.cross[h][seen])
            mean = kriging.target_mean + (one[seen] - kriging.mean[seen]) @ weights
            left = kriging.target_variance[h] - (kriging.cross[h][seen] * weights).sum(0)
            np.testing.assert_allclose(means[h, row], mean, atol=1e-8)
            np.testing.assert_allclose(variances[h, row], left, atol=1e-8)


def test_models_are_read_as_the_form_that_they_were_asked(staged, new_models, by_form):
    one = staged.continuation
    for form, row in by_form.items():
        plan = one.plan(staged.predictor, form)
        given = answers_of(new_models, row, plan)
        answers = np.full((1, len(one.items)), np.nan)
        answers[0, [one.items.index(item) for item in plan]] = list(given.values())
        assert one.read_as(staged.predictor, Answered(answers)) == [form]
        prediction = staged.predict(given)
        assert prediction.n_answered == len(staged.anchors)
        assert not any("unanswered" in line for line in prediction.warnings)
        less = staged.predict({item: given[item] for item in plan[:-1]})
        assert any("1 of 15 anchors are unanswered" in line for line in less.warnings)


def test_models_in_any_order_are_predicted_as_each_by_itself(staged, new_models, by_form):
    plans = {
        form: answers_of(new_models, row, staged.continuation.plan(staged.predictor, form))
        for form, row in by_form.items()
    }
    together = staged.predict({form: plans[form] for form in sorted(plans, reverse=True)})
    for one in together:
        alone = staged.predict({one.model: plans[one.model]})[0]
        assert alone.score == pytest.approx(one.score, abs=1e-12)
        assert alone.upper == pytest.approx(one.upper, abs=1e-12)


def test_answers_beside_the_form_are_read_too(staged, new_models, by_form):
    form = next(one for one in by_form if one != UNDECIDED)
    plan = staged.continuation.plan(staged.predictor, form)
    given = answers_of(new_models, by_form[form], plan)
    more = answers_of(new_models, by_form[form], staged.asked_items)
    assert staged.predict(more).n_answered == len(staged.asked_items)
    assert staged.predict(more).score != staged.predict(given).score


# --- next ---------------------------------------------------------------------------------------


def test_the_first_block_comes_first_and_then_the_form(staged, new_models, by_form):
    first = staged.continuation.policy.first
    (start,) = staged.next()
    assert (start.stage, start.items) == ("first block", staged.anchors.items[:first])
    for form, row in by_form.items():
        block = answers_of(new_models, row, staged.anchors.items[:first])
        (one,) = staged.next(block)
        plan = staged.continuation.plan(staged.predictor, form)
        assert (one.stage, one.items) == (form, plan[first:])
        assert staged.next(block, 2)[0].items == plan[first : first + 2]
        (done,) = staged.next(answers_of(new_models, row, plan))
        assert done.done
        assert (done.stopped, done.stage) == (False, form)


def test_later_answers_do_not_change_the_form(staged, new_models, by_form):
    for form, row in by_form.items():
        every = answers_of(new_models, row, staged.asked_items)
        assert staged.next(every)[0].stage == form


def test_without_a_continuation_the_rest_of_the_anchors_is_named(bank):
    anchors = bank.anchors.items
    (one,) = bank.next(dict.fromkeys([anchors[0], anchors[3]], 1))
    assert one.stage == "anchors"
    assert one.items == (*anchors[1:3], *anchors[4:])


def test_asking_stops_at_looks_where_the_interval_is_narrow(staged, new_models):
    given = answers_of(new_models, 0, staged.anchors.items)
    (first,) = {staged.asking.looks(form)[0] for form in FORMS}
    assert first == staged.continuation.policy.first

    def after(n, width):
        return staged.next(dict(list(given.items())[:n]), width=width)[0]

    look = first
    one = after(look, 1.0)
    assert one.stopped
    assert one.done
    assert 0 < one.width <= 1
    tight = after(look, 1e-6)
    assert (tight.stopped, tight.done) == (False, False)
    assert tight.width == pytest.approx(one.width)
    between = after(look - 1, 1.0)
    assert (between.width, len(between.items)) == (None, 1)  # up to the next look


@pytest.mark.parametrize(("items", "width"), [(0, None), (True, None), (None, 0), (None, 4)])
def test_numbers_of_items_and_widths_are_checked(staged, items, width):
    with pytest.raises(ConfigError):
        staged.next({staged.anchors.items[0]: 1}, items, width=width)


def test_what_is_missing_is_what_the_form_asks(staged, new_models, by_form):
    form, row = next(iter(by_form.items()))
    some = new_models.take(np.array([row])).select(
        items=list(staged.continuation.plan(staged.predictor, form)[:-1])
    )
    (lacking,) = staged.missing(some).values()
    assert lacking == staged.continuation.plan(staged.predictor, form)[-1:]


# --- on disk ------------------------------------------------------------------------------------


def test_a_bank_comes_back_from_disk(staged, staged_folder, new_models):
    loaded = ItemBank.load(staged_folder)
    assert loaded.digest == staged.digest
    both = zip(loaded.predict(new_models), staged.predict(new_models), strict=True)
    for one, other in both:
        found = (one.score, one.lower, one.upper)
        assert found == pytest.approx((other.score, other.lower, other.upper), abs=1e-9)
    assert loaded.continuation.errors == pytest.approx(staged.continuation.errors, abs=1e-6)
    assert "In two stages" in (staged_folder / "README.md").read_text()


def changed(files, **changes):
    entry = {**files.manifest["continuation"], **changes}
    return replace(files, manifest={**files.manifest, "continuation": entry})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first": 0}, "first block"),
        ({"first": 15}, "does not go on"),
        ({"low": 0.9}, "thresholds"),
        ({"middle": "high"}, "middle"),
        ({"items": ["no such item"]}, "no item"),
        ({"forms": {}}, "forms/within"),
    ],
)
def test_a_damaged_continuation_is_refused(staged, changes, message):
    from tinyeval.bank.packing import unpack

    with pytest.raises(BankError, match=message):
        ItemBank(**unpack(changed(staged.files(), **changes)))


def test_arrays_without_a_continuation_are_refused(staged):
    from tinyeval.bank.packing import unpack

    files = staged.files()
    manifest = {key: one for key, one in files.manifest.items() if key != "continuation"}
    with pytest.raises(BankError, match="without a continuation"):
        unpack(replace(files, manifest=manifest))


# --- asking models ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def asked(staged):
    content = {item: {"prompt": item} for item in staged.items.ids}
    return with_content(staged, content)


def test_content_covers_both_stages(asked, staged):
    assert set(asked.content) == set(staged.asked_items)


def test_a_checkpoint_is_asked_in_two_stages(staged, new_models, by_form):
    for form, row in by_form.items():
        calls = []

        def answer(items, model, calls=calls):
            calls.append([one.id for one in items])
            return answers_of(new_models, model, [one.id for one in items])

        prediction = QuickEval(staged, answer).run(row)
        plan = staged.continuation.plan(staged.predictor, form)
        first = staged.continuation.policy.first
        assert calls == [list(plan[:first]), list(plan[first:])]
        score = staged.predict(answers_of(new_models, row, plan)).score
        assert prediction.score == pytest.approx(score, abs=1e-9)
        calls.clear()
        assert QuickEval(staged, answer, n_items=15).run(row).n_answered == 15
        assert calls == [list(staged.anchors.items)]


def test_eval_asks_both_stages_and_keeps_the_answers(asked, new_models, tmp_path):
    def answer(items, model):
        ids = [one.id for one in items]
        return answers_of(new_models, int(model), ids)

    kept = tmp_path / "answers.jsonl"
    mine = FunctionAnswerer(answer, "mine")
    found = evaluate(Asking(asked), mine, ["0", "1"], answers=kept).evaluations
    assert [one.prediction.n_answered for one in found] == [15, 15]
    assert asked.predict(kept)[0].score == pytest.approx(found[0].prediction.score, abs=1e-9)
    refusing = FunctionAnswerer(lambda items, model: [0.0] * len(items), "mine")
    again = evaluate(Asking(asked), refusing, ["0"], answers=tmp_path / "other.jsonl")
    assert again.evaluations[0].prediction.n_answered == 15


# --- commands -----------------------------------------------------------------------------------


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == code, result.output
    return result


def table_of(path, models, responses, items):
    rows = responses.take(np.array(models)).align(items)
    names = [responses.models.ids[k] for k in models]
    lines = [",".join(["model", *items])]
    lines += [",".join([name, *map(str, row)]) for name, row in zip(names, rows, strict=True)]
    path.write_text("\n".join(lines))
    return path


def test_next_names_what_to_ask(staged, staged_folder, new_models, tmp_path):
    block = staged.anchors.items[: staged.continuation.policy.first]
    path = table_of(tmp_path / "answers.csv", [0, 1, 2], new_models, block)
    told = json.loads(run("next", staged_folder, path, "--items", 3, "--json").stdout)
    assert [one["model"] for one in told["models"]] == list(new_models.models.ids[:3])
    expected = staged.next(new_models.take(np.arange(3)).select(items=list(block)), 3)
    assert [one["items"] for one in told["models"]] == [list(one.items) for one in expected]
    text = run("next", staged_folder, path, "--width", 4).stdout
    assert "width" in text
    assert expected[0].items[0] in text


def test_next_without_answers_names_the_first_block(staged, staged_folder, bank_folder):
    first = run("next", staged_folder).stdout
    assert staged.anchors.items[0] in first
    assert "first block" in first
    assert "anchors" in run("next", bank_folder).stdout


def test_next_refuses_what_it_cannot_use(staged_folder, tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text("model,no such item\nmine,1\n")
    result = run("next", staged_folder, path, code=1)
    assert "share no item" in result.stderr
    run("next", staged_folder, "--items", 0, code=2)
    run("next", staged_folder, "--width", 0, code=2)


def test_show_tells_of_the_stages(staged, staged_folder, bank_folder):
    told = json.loads(run("show", staged_folder, "--json").stdout)["stages"]
    assert told["items"]["first"] == list(staged.anchors.items[: staged.continuation.policy.first])
    assert set(told["items"]) == {"first", *FORMS, UNDECIDED}
    assert "tinyeval next" in run("show", staged_folder).stdout
    assert json.loads(run("show", bank_folder, "--json").stdout)["stages"] is None


def test_export_writes_a_file_for_each_form(source, fast, tmp_path):
    items = replace(source.items, ids=tuple(f"task/{k}" for k in range(source.n_items)))
    numbered = build(replace(source, items=items), settings=fast.replace(items=10, stages=2))
    folder, out = tmp_path / "bank", tmp_path / "samples.json"
    numbered.save(folder)
    result = run("export", folder, "--to", "lm-eval", "--out", out)
    assert "tinyeval next" in result.stderr
    assert "samples.first.json" in result.stderr
    parts = numbered.asking.parts()
    assert set(parts) == {"first", *FORMS, UNDECIDED}
    for name, asked in parts.items():
        told = json.loads((tmp_path / f"samples.{name}.json").read_text())
        assert told == {"task": sorted(int(one.partition("/")[2]) for one in asked)}
    again = run("export", folder, "--to", "lm-eval", "--out", out, code=1)
    assert "exists already" in again.stderr


def test_build_makes_two_stages(source, tmp_path):
    path = table_of(
        tmp_path / "history.csv", range(source.n_models), source, list(source.items.ids)
    )
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("irt: {dimensions: [2]}\ninterval: {folds: 2}\ndevice: cpu\n")
    out = Path(tmp_path / "bank")
    run(*("build", path, "--items", 10, "--stages", 2, "--config", recipe, "--out", out, "--json"))
    assert ItemBank.load(out).continuation.policy.first == 5
