"""The page: valid, closed to the outside, inert whatever names say, and the same each time."""

import json
import re
import shlex
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import ROOT, simulate

from tinyeval.bank.item_bank import ItemBank
from tinyeval.calibration.baselines import Baselines
from tinyeval.cli import main
from tinyeval.config import Settings
from tinyeval.errors import ConfigError, DataError, DependencyError
from tinyeval.families import find_families
from tinyeval.importers import write_results
from tinyeval.report import facts
from tinyeval.report.api import as_shown
from tinyeval.report.checks import LOOK, PASSED, of_bank
from tinyeval.report.held_out import FLOOR, OWN, RANDOM, RIDGE, HeldOut, hold_out
from tinyeval.report.held_sections import coverage_groups, held_figures
from tinyeval.report.page import make_page
from tinyeval.responses import ResponseMatrix
from tinyeval.training.journal import FILE, Entry, append

pytest.importorskip("matplotlib", reason="needs tinyeval[report]")
pytest.importorskip("jinja2", reason="needs tinyeval[report]")

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(2)'>",
    "</title></svg></style><b>",
    "{{ 7 * 7 }}{% raw %}",
    "$\\frac{1}{2}$ &amp; <!-- -->",
    "line\nbreak\tand\x00nul\x1b[31m",
    "\u202edesrever \u05de\u05d5\u05d3\u05dc",
    "x" * 10_000,
    "项目 🙂",
    "javascript:alert(3)",
)

FORBIDDEN = {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
VOID = {"meta", "br", "img", "hr", "input", "link"}


class Page(HTMLParser):
    """Checks that tags are closed in order and ids are unique; gathers what is asked about."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.tags, self.attributes, self.texts = [], [], [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *one) for one in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        assert len({name for name, _ in attrs}) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    @property
    def text(self):
        return " ".join(" ".join(one) for tag, one in self.texts.items() if tag != "style")


def check_closed(text):
    """Nothing runs, nothing is loaded, and the page says so to the browser."""
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & set(
        page.tags
    )
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name not in ("src", "action", "formaction", "xlink:href")
        if name == "href":
            assert value.startswith("#"), (tag, value)
            assert value[1:] in page.ids
    for found in re.findall(r"url\(([^)]*)\)", text):
        assert found.startswith("#"), found
        assert found[1:] in page.ids
    assert "@import" not in text
    place = page.attributes.index(("meta", "http-equiv", "Content-Security-Policy"))
    assert page.attributes[place + 1][2].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert len(text.encode()) < 1_000_000
    return page


@pytest.fixture(scope="module")
def shown(bank, new_models):
    return as_shown(bank, new_models.take(np.arange(6)))


@pytest.fixture(scope="module")
def page(bank, shown):
    return make_page(bank, shown)


# --- the page -----------------------------------------------------------------------------------


def test_the_page_is_valid_and_closed(page):
    found = check_closed(page)
    assert page.startswith("<!DOCTYPE html>")
    assert ("html", "lang", "en") in found.attributes


def test_every_figure_has_a_title_a_description_and_its_numbers(page):
    found = Page(page)
    images = [
        name
        for tag, name, value in found.attributes
        if (tag, name, value) == ("svg", "role", "img")
    ]
    assert len(images) == found.tags.count("figure") >= 3
    labels = [
        value for tag, name, value in found.attributes if (tag, name) == ("svg", "aria-labelledby")
    ]
    assert all(one in found.ids for label in labels for one in label.split())
    parts = page.split("<figure>")[1:]
    assert all("<details>" in one.split("</figure>")[0] for one in parts)
    assert all("<table>" in one.split("</figure>")[0] for one in parts)


def test_text_in_figures_is_text(page):
    assert "smallest lead that is decided" in Page(page).text
    assert "mean absolute error (points)" in Page(page).text


def test_figures_take_their_colours_from_the_page(page):
    for figure in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        assert not re.search(r"#[0-9a-f]{6}\b", figure)


def test_the_page_begins_with_the_verdict_and_every_check(page, bank, shown):
    text = Page(page).text
    assert text.index("Verdict") < text.index("New models") < text.index("How wrong is it")
    assert "this bank predicts the full score of a model like its 60 source models" in text
    assert "Of 15 pairs" in text
    assert "within: the two differ by at most 2.0 points." in text
    for one in of_bank(bank, facts.telling(bank)):
        assert one.what in text
        assert one.found.replace(" %", "\u00a0%") in text


def test_the_same_input_gives_the_same_page(bank, new_models, page):
    again = make_page(bank, as_shown(bank, new_models.take(np.arange(6))))
    assert again == page
    assert "Made by tinyeval" in page


def test_a_date_and_a_title_are_stated(bank):
    text = Page(make_page(bank, title="My <b>models</b>", date="27 November 2026")).text
    assert "My <b>models</b>" in text
    assert ", 27 November 2026." in text


def test_names_are_inert_whatever_they_say(fast):
    """Hostile models, items, benchmarks, bank, source, run: all of them only words."""
    from tinyeval.building import build

    base = simulate(30, 40, seed=1)[0]
    items = [f"{HOSTILE[k % len(HOSTILE)]}{k}" for k in range(40)]
    models = [f"{HOSTILE[k % len(HOSTILE)]}{k}" for k in range(30)]
    responses = ResponseMatrix.from_arrays(base.scores, models, items)
    names = np.array([HOSTILE[0] if k % 2 else HOSTILE[4] for k in range(40)], dtype=object)
    items_table = responses.items.with_columns(benchmark=names, subject=names)
    responses = replace(responses, items=items_table)
    settings = fast.replace(items=8)
    bank = build(responses, settings=settings, name=HOSTILE[0], source="".join(HOSTILE[:7]))
    shown = as_shown(bank, responses.take(np.arange(12)))
    runs = {name: trajectory_of(bank, responses) for name in HOSTILE}
    text = make_page(
        bank, replace(shown, runs=runs), title=HOSTILE[1], date=HOSTILE[2], folder=HOSTILE[0]
    )
    found = check_closed(text)
    assert "49" not in found.texts["title"][0]
    assert "<script>alert(1)</script>" in found.text
    assert "x" * 200 not in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert r"line\nbreak" in found.text
    assert "{{ 7 * 7 }}" in found.text


def trajectory_of(bank, responses):
    from tinyeval.training.trajectory import Trajectory

    found = bank.predict(responses.take(np.arange(3)))
    values = np.array([(one.score, one.lower, one.upper) for one in found]).T
    steps, flagged = np.array([1, 2, 30]), np.array([False, True, False])
    return Trajectory(bank.name, 0.9, steps, *values, np.zeros((3, 1)), flagged)


def test_a_bank_of_its_own_is_a_page_without_models(bank):
    found = check_closed(make_page(bank))
    assert "New models" not in found.text
    assert "By benchmark" in found.text


def test_a_bank_head_is_a_page(bank, new_models):
    few = bank.head(5)
    found = check_closed(make_page(few, as_shown(few, new_models)))
    assert "5 of 60 items" in found.text


def test_many_models_stay_a_small_page(bank, new_models):
    many = [
        replace(one, model=f"m{k}-{one.model}")
        for k in range(60)
        for one in bank.predict(new_models)
    ]
    text = make_page(bank, as_shown(bank, many))
    check_closed(text)
    assert "2,200 models are left out" in text


# --- facts --------------------------------------------------------------------------------------


def without_baselines(bank):
    """The bank as one that was built before baselines were stored."""
    return replace(bank, baselines=None) if hasattr(bank, "baselines") else bank


def test_the_error_of_random_items_is_that_of_draws(bank):
    """Sampling theory against draws from populations of right and wrong answers."""
    rng, n = np.random.default_rng(0), 15
    line = facts.curve(without_baselines(bank))
    scores = facts.quantiles(facts.sight(bank).tenths)
    total, errors = len(bank.items), []
    for score in scores:
        right = round(score * total)
        drawn = rng.hypergeometric(right, total - right, n, 4000) / n
        errors.append(np.abs(drawn - right / total).mean())
    assert line.sizes[-1] == n
    assert line.random[-1] == pytest.approx(np.mean(errors), rel=0.05)


def test_the_lead_is_where_two_models_are_just_told_apart(bank):
    """The bank's own comparison of two simulated models says 95 % at the lead."""
    seen = facts.sight(bank)
    told = facts.telling(bank, seen)
    assert set(told.lead) == {"overall", "bench0", "bench1"}
    assert 0 < told.half_width < 0.5
    assert seen.lead[:, 0].min() <= told.lead["overall"] <= seen.lead[:, 0].max()
    assert (np.diff(seen.score) >= 0).all()


def test_leads_agree_with_comparisons(bank, new_models):
    """Of real pairs, leads above the stated one are mostly decided and others mostly not."""
    lead = facts.telling(bank).lead["overall"]
    pairs = bank.compare(new_models)
    sure = np.array([max(one.probability, 1 - one.probability) >= 0.95 for one in pairs])
    gap = np.array([abs(one.difference) for one in pairs])
    assert sure[gap > 1.3 * lead].mean() > 0.9
    assert sure[gap < 0.7 * lead].mean() < 0.1


def test_measured_baselines_come_before_theory(bank):
    sizes = list(bank.expected_error)
    mean, ridge = {n: 0.3 / n for n in sizes}, dict.fromkeys(sizes, 0.01)
    other = replace(bank, baselines=Baselines(0.21, mean, ridge))
    told, line = facts.telling(other), facts.curve(other)
    assert (told.guess, told.ridge, told.random) == (0.21, 0.01, 0.3 / sizes[-1])
    assert line.measured
    text = Page(make_page(other)).text
    assert "(theory)" not in text
    assert "ridge regression on them by 1.0 points" in text
    found = {one.what: one.status for one in of_bank(other, told)}
    assert found["It tells more than ridge on random items"] == LOOK


def test_a_weighted_score_has_no_theory_of_random_items(bank):
    weights = np.linspace(1, 2, len(bank.items))
    other = replace(without_baselines(bank), items=bank.items.with_columns(weight=weights))
    assert facts.curve(other).random.size == 0
    assert not facts.is_plain_mean(other)
    assert "theory does not say" in Page(make_page(other)).text


def test_checks_tell_a_thin_history(bank):
    thin = replace(bank, source={**bank.source, "models": 7, "missing": 0.9})
    found = {one.what: one.status for one in of_bank(thin, facts.telling(thin))}
    assert found["Enough source models"] == LOOK
    assert found["Few missing answers"] == LOOK
    whole = {one.what: one.status for one in of_bank(bank, facts.telling(bank))}
    assert whole["Enough source models"] == PASSED


# --- held-out models ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def held_out(bank, source):
    return hold_out(bank, source)


@pytest.mark.slow
def test_every_model_is_held_out_once(held_out, source):
    assert sorted(held_out.models) == sorted(source.models.ids)
    truth = source.select(held_out.models).scores.mean(axis=1)
    assert held_out.truth == pytest.approx(truth, abs=1e-6)
    assert held_out.error == pytest.approx(np.abs(held_out.score - truth), abs=1e-6)
    assert held_out.covered == held_out.inside.mean() > 0.75


@pytest.mark.slow
def test_the_floor_lies_below_the_method_and_baselines_above(held_out):
    errors = {name: list(one.values())[-1] for name, one in held_out.errors.items()}
    assert errors[FLOOR] < errors[OWN] < errors[RANDOM]
    assert set(held_out.errors) == {OWN, RANDOM, RIDGE, FLOOR}
    assert errors[OWN] == pytest.approx(held_out.error.mean())


@pytest.mark.slow
def test_a_head_is_tested_with_its_own_anchors(bank, source):
    found = hold_out(bank.head(8), source)
    assert sorted(found.errors[OWN]) == [5, 8]


@pytest.mark.slow
def test_few_models_are_held_out_one_by_one(bank, source, fast):
    from tinyeval.building import build

    few = source.take(np.arange(0, 48, 8))
    small = build(few, settings=fast.replace(items=8))
    found = hold_out(small, few)
    assert sorted(found.models) == sorted(few.models.ids)
    with pytest.raises(DataError, match="5 different models: without those held out too few"):
        hold_out(small, few.take(np.arange(5)))


@pytest.mark.slow
def test_a_model_without_answers_to_the_first_anchors_counts_where_it_has_some(bank, source):
    scores = source.scores.copy()
    scores[:3, source.items.index(bank.anchors.items[:5])] = np.nan
    found = hold_out(bank, replace(source, scores=scores))
    assert sorted(found.models) == sorted(source.models.ids)
    assert np.isfinite(found.score).all()
    assert all(np.isfinite(list(one.values())).all() for one in found.errors.values())


def test_results_of_another_benchmark_are_refused(bank, source):
    few = source.take(items=np.arange(40))
    with pytest.raises(DataError, match="lack 20 of the bank's 60 items"):
        hold_out(bank, few)


@pytest.mark.slow
def test_the_page_with_results_tests_and_audits(bank, source):
    found = check_closed(make_page(bank, results=source))
    assert "Tested on held-out models" in found.text
    assert "Items to check" in found.text
    assert "60 models x 60 items" in found.text
    assert "ridge on random items" in found.text


@pytest.mark.slow
def test_a_few_near_copies_may_all_be_held_out_at_once(bank, source):
    scores = source.scores.copy()
    scores[1] = scores[0]
    scores[1, 0] = 1 - scores[0, 0]
    copied = replace(source, scores=scores)
    interval = {**bank.settings["interval"], "groups": "auto"}
    auto = replace(bank, settings={**bank.settings, "interval": interval})
    assert find_families(copied, Settings()).copies == 2
    assert sorted(hold_out(auto, copied).models) == sorted(source.models.ids)


def test_thousands_of_held_out_models_stay_a_small_page():
    rng, n = np.random.default_rng(0), 5000
    truth = rng.random(n)
    score = np.clip(truth + rng.normal(0, 0.05, n), 0, 1)
    ends = [np.clip(score + side * 0.08, 0, 1) for side in (-1, 1)]
    names = tuple(f"model-{k}" for k in range(n))
    found = HeldOut(names, truth, score, *ends, np.zeros(n, bool), 0.9, {})
    drawn = held_figures(found)
    assert sum(len(one.svg) for one in drawn) < 300_000
    assert all(len(one.table.rows) <= 300 for one in drawn)
    assert "4,700 more rows are left out." in drawn[0].table.more
    assert "Of 5,000 models, 400 are drawn" in drawn[0].caption
    held = coverage_groups(found)
    assert sum(one[1] for one in held) == n
    assert np.mean([one[2] for one in held]) == pytest.approx(found.covered)


# --- predictions from files ---------------------------------------------------------------------


@pytest.fixture
def files(bank_folder, new_models, tmp_path):
    """Answers, and what ``predict --json`` prints of them."""
    answers = tmp_path / "answers.csv"
    write_results(new_models.take(np.arange(4)), answers)
    result = CliRunner().invoke(main, ["predict", str(bank_folder), str(answers), "--json"])
    stored = tmp_path / "stored.json"
    stored.write_text(result.stdout)
    return answers, stored


def test_answers_and_stored_predictions_say_the_same(bank_folder, files):
    bank = ItemBank.load(bank_folder)
    answers, stored = (as_shown(bank, one) for one in files)
    assert [one.model for one in stored.predictions] == [one.model for one in answers.predictions]
    for one, other in zip(answers.predictions, stored.predictions, strict=True):
        assert one == other
    assert len(answers.comparisons) == 6
    assert stored.comparisons == ()
    assert stored.doubts == ()


def test_models_that_are_not_compared_come_last(bank, files, new_models):
    answers = as_shown(bank, files[0])
    others = bank.predict(new_models.take(np.arange(10, 13)))
    both = replace(answers, predictions=(*others, *answers.predictions))
    html = make_page(bank, both)
    text = Page(html).text
    assert "3 more are predicted, but not compared." in text
    assert "4 of 7 models are compared; the others come last." in text
    table = html.split('<h2 id="models">')[1].split("</table>")[0]
    places = [table.index(one.model) for one in both.predictions]
    assert min(places[:3]) > max(places[3:])


def test_predictions_without_a_digest_are_doubted(bank, files):
    values = json.loads(files[1].read_text())
    del values["digest"]
    files[1].write_text(json.dumps(values))
    assert as_shown(bank, files[1]).doubts == ("stored.json names the bank, but not its digest.",)
    files[1].write_text(json.dumps({**values, "bank": "other"}))
    with pytest.raises(DataError, match="predictions of the bank 'other'"):
        as_shown(bank, files[1])


def test_predictions_of_another_bank_are_refused(bank, files, source, fast):
    from tinyeval.building import build

    other = build(source, settings=fast.replace(items=10))
    with pytest.raises(DataError, match="holds predictions of another bank"):
        as_shown(other, files[1])


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values["predictions"][0].update(score="high"),
        lambda values: values["predictions"][0].pop("lower"),
        lambda values: values.update(predictions=5),
        lambda values: values["predictions"][0].update(score=float("nan")),
        lambda values: values.pop("level"),
        lambda values: values.update(predictions=[]),
        lambda values: values.update(predictions=[{"a": "[" * 5000}]),
        lambda values: values["predictions"][0].update(upper=1.5),
        lambda values: values["predictions"][0].update(lower=0.99),
        lambda values: values["predictions"][1]["benchmarks"].pop("bench1"),
        lambda values: values["predictions"][0]["benchmarks"]["bench0"].update(score=-1),
    ],
)
def test_spoilt_predictions_are_refused_in_one_line(bank, files, change):
    values = json.loads(files[1].read_text())
    change(values)
    files[1].write_text(json.dumps(values))
    with pytest.raises(DataError, match=r"stored\.json"):
        as_shown(bank, files[1])


def test_a_model_in_two_files_is_refused(bank, files):
    with pytest.raises(DataError, match="models are predicted more than once"):
        as_shown(bank, list(files))


def test_journals_are_trajectories(bank, new_models, tmp_path):
    found = bank.predict(new_models.take(np.arange(3)))
    few = bank.head(8).predict(new_models.take(np.arange(1)))
    for k, one in enumerate(found):
        append(
            tmp_path / "run-7" / "predictions.jsonl", Entry(100 * k, bank.name, bank.digest, one)
        )
    append(tmp_path / "run-8" / "predictions.jsonl", Entry(5, "head", bank.head(8).digest, few[0]))
    shown = as_shown(bank, [tmp_path / "run-7", tmp_path / "run-8" / FILE])
    assert list(shown.runs) == ["run-7", "run-8"]
    assert shown.runs["run-7"].steps.tolist() == [0, 100, 200]
    assert len(shown.runs["run-8"]) == 1
    together = as_shown(bank, tmp_path).runs
    assert {name: len(one) for name, one in together.items()} == {"run-7": 3, "run-8": 1}
    page = Page(make_page(bank, shown))
    assert "run-7: from" in page.text
    assert "Training runs" in page.text
    (tmp_path / "deep.jsonl").write_text("[" * 100_000)
    with pytest.raises(DataError):
        as_shown(bank, tmp_path / "deep.jsonl")
    append(tmp_path / "else" / FILE, Entry(5, "else", "0" * 64, few[0]))
    with pytest.raises(DataError, match=r"expected predictions of the bank .*, found"):
        as_shown(bank, tmp_path / "else")


# --- the page of the documentation --------------------------------------------------------------


def test_the_documented_lines_run(bank, new_models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bank.save("bank")
    write_results(new_models.take(np.arange(3)), Path("answers.csv"))
    text = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    for line in commands.splitlines():
        program, *arguments = shlex.split(line)
        if program == "tinyeval" and "--results" not in arguments:
            result = CliRunner().invoke(main, arguments)
            assert result.exit_code == 0, result.output
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(code.replace('"report.html",', '"report.html", overwrite=True,'), {})
    made = {one.name for one in tmp_path.iterdir()}
    assert made >= {"report.html", "models.html", "error.svg", "models.png"}


# --- from Python and from the command line ------------------------------------------------------


def test_the_bank_writes_its_report(bank, new_models, tmp_path):
    path = tmp_path / "deep" / "report.html"
    text = bank.report(path, predictions=new_models.take(np.arange(2)), title="Two")
    assert path.read_text(encoding="utf-8") == text
    check_closed(text)
    with pytest.raises(DataError, match=r"exists already.*overwrite=True"):
        bank.report(path)
    assert bank.report(path, overwrite=True) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["error", "sight", "anchors", "models"])
@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_figures_are_saved(bank, new_models, tmp_path, kind, suffix):
    figure = bank.plot(new_models.take(np.arange(5)), kind=kind)
    figure.save(tmp_path / f"a{suffix}")
    figure.save(tmp_path / f"b{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_figures_that_cannot_be_drawn_are_errors(bank, tmp_path):
    with pytest.raises(ConfigError, match="kind must be one of"):
        bank.plot(kind="pie")
    with pytest.raises(DataError, match="a figure of models needs predictions"):
        bank.plot(kind="models")
    with pytest.raises(DataError, match=r"ending in \.svg"):
        bank.plot().save(tmp_path / "a.gif")


def test_the_command_writes_a_page(bank_folder, files, tmp_path):
    out = tmp_path / "page.html"
    arguments = ["report", str(bank_folder), "--predictions", str(files[0]), "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r".*page\.html: \d+ kB\n", result.stdout)
    text = out.read_text(encoding="utf-8")
    check_closed(text)
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 1
    assert "exists already; choose another name, or pass --overwrite" in again.stderr
    assert CliRunner().invoke(main, [*arguments, "--overwrite"]).exit_code == 0
    assert out.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--out", "page.txt"], 2, "must end in .html"),
        (["--predictions", "nothing.csv"], 1, "there is no such file or folder"),
        (["--results", "nothing.csv"], 1, "there is no such file or folder"),
    ],
)
def test_wrong_arguments_are_one_line(bank_folder, tmp_path, monkeypatch, options, code, message):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["report", str(bank_folder), *options])
    assert result.exit_code == code
    assert message in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("library", ["jinja2", "matplotlib.figure"])
def test_a_missing_library_is_named_with_its_extra(bank, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(DependencyError, match=r"pip install 'tinyeval\[report\]'"):
        make_page(bank)
