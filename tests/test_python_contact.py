"""First contact from Python: names, reprs, frames, arguments of every kind, errors of one line."""

import copy
import pickle
import pydoc
import re
import subprocess
import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tinyeval
from tinyeval.display.records import Records
from tinyeval.errors import (
    BankError,
    ConfigError,
    DataError,
    DependencyError,
    TinyEvalError,
)
from tinyeval.responses import ResponseMatrix
from tinyeval.tables import Table

pytestmark = pytest.mark.python_words

EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def predictions(bank, new_models):
    return bank.predict(new_models)


@pytest.fixture(scope="module")
def answers(bank, new_models):
    """Answers of one model, by item."""
    row = new_models.align(bank.anchors.items)[0].tolist()
    return dict(zip(bank.anchors, row, strict=True))


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", [tinyeval, tinyeval.training])
def test_dir_shows_the_public_names(package):
    shown = [name for name in dir(package) if not name.startswith("__")]
    assert set(shown) - {"training"} == set(package.__all__) - {"__version__"}


def test_help_documents_them():
    text = pydoc.plain(pydoc.render_doc(tinyeval))
    for name in set(tinyeval.__all__) - {"__version__"}:
        assert re.search(rf"\b{name}\b", text), name
    assert "score a language model on a whole benchmark" in text


@pytest.mark.slow
def test_dir_alone_imports_nothing():
    code = "import sys, tinyeval; dir(tinyeval); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "torch", "pandas"} & set(done.stdout.split())


# --- reprs --------------------------------------------------------------------------------------


def test_a_bank_is_shown_in_a_line(bank):
    assert repr(bank) == "ItemBank('simulated': 15 of 60 items, 60 source models)"
    assert repr(tinyeval.load("mmlu_pro")).count("\n") == 0
    large = tinyeval.load("mmlu_pro")
    for one in (large, large.items, large.irt, large.predictor, large.anchors):
        assert len(repr(one)) < 300, type(one)
        assert str(one) == repr(one)


def test_results_are_shown_in_a_line(bank, new_models, predictions, answers):
    assert repr(new_models) == "ResponseMatrix(40 models x 60 items)"
    gaps = np.array(new_models.scores)
    gaps[0, :6] = np.nan
    assert repr(replace(new_models, scores=gaps)).endswith("60 items, 0.25 % missing)")
    one = bank.predict(answers)
    assert re.fullmatch(
        r"Prediction\('model': 0\.\d{3}, 0\.\d{3} to [01]\.\d{3} at 90 %, 15 answered"
        r"(; [a-z ,]+)?\)",
        repr(one),
    )
    two = bank.compare(new_models, new_models.models.ids[:2])
    assert re.match(r"Comparison\('.*' - '.*': [+-]0\.\d{3}, ", repr(two[0]))
    assert repr(predictions).splitlines()[0] == "40 predictions"
    assert repr(predictions).splitlines()[-1] == "  ... 30 more"
    assert len(repr(predictions)) < 1500


def test_a_backtest_is_shown_as_its_summary(history, fast):
    found = tinyeval.backtest(history, items=[5], methods=["random+mean"], repeats=2, settings=fast)
    assert repr(found).splitlines()[0] == "Backtest(2 rows)"
    assert "random, 5 items, random+mean: error 0.1" in repr(found)
    assert len(found) == 2
    assert found._repr_html_().count("<tr>") == 2
    assert list(found.to_frame().columns[:4]) == ["split", "repeat", "method", "items"]


def test_markup_in_names_is_inert(history, fast):
    names = [EVIL, *history.models.ids[1:]]
    matrix = ResponseMatrix.from_arrays(history.scores, names, history.items.ids)
    bank = tinyeval.build(matrix, settings=fast, name=EVIL, source=EVIL)
    shown = [matrix, bank, bank.predict(matrix), bank.predict(matrix)[0]]
    shown += [bank.compare(matrix, names[:2]), bank.compare(matrix, names[:2])[0]]
    for one in shown:
        text = one._repr_html_()
        assert "<table>" in text
        assert "<script" not in text
    assert "&lt;script&gt;" in bank._repr_html_()
    odd = replace(bank, name="a\nb\x1b[31m")
    assert "\n" not in repr(odd)
    assert "\x1b" not in repr(odd)


# --- sequences ----------------------------------------------------------------------------------


def test_anchors_and_matrices_are_walked_and_measured(bank, new_models):
    assert [item for item in bank.anchors] == list(bank.anchors.items)  # noqa: C416
    assert bank.anchors.items[0] in bank.anchors
    assert len(bank.anchors) == 15
    assert new_models.shape == (40, 60)
    assert len(new_models) == 40


def test_lists_of_results_are_lists(predictions):
    assert isinstance(predictions, list)
    assert predictions == list(predictions)
    assert [one.model for one in predictions[:2]] == [predictions[0].model, predictions[1].model]


# --- what build, backtest and read_results take -------------------------------------------------


def as_csv(matrix):
    matrix.to_frame().to_csv("history.csv")
    return "history.csv"


FORMS = {
    "frame": lambda one: one.to_frame(),
    "path": as_csv,
    "Path": lambda one: Path(as_csv(one)),
    "arrays": lambda one: (one.scores, list(one.models.ids), list(one.items.ids)),
    "mappings": lambda one: one.to_frame().T.to_dict(),
    "function": lambda one: lambda: one.to_frame(),
}


@pytest.mark.parametrize("form", FORMS)
def test_build_takes_what_the_importers_read(form, source, fast, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = ResponseMatrix(source.scores, Table(source.models.ids), Table(source.items.ids))
    expected = tinyeval.build(plain, settings=fast)
    assert tinyeval.build(FORMS[form](plain), settings=fast).digest == expected.digest


def test_backtest_takes_a_frame_and_settings_take_mappings_and_names(source, fast):
    options = {"items": 5, "methods": "random+mean", "repeats": 1}
    rows = tinyeval.backtest(source.to_frame(), settings=fast, **options).rows
    assert [row["items"] for row in rows] == [5]
    quick = {"items": 5, "device": "cpu", "irt": {"dimensions": [1]}, "interval": {"folds": 2}}
    assert len(tinyeval.build(source, settings=quick).anchors) == 5
    by_name = tinyeval.build(source, items=5, settings="random_ridge")
    assert by_name.settings["estimator"]["method"] == "ridge"


# --- what predict takes -------------------------------------------------------------------------


def test_predict_takes_a_series(bank, answers):
    expected = bank.predict(answers)
    assert bank.predict(pd.Series(answers)).score == expected.score
    named = bank.predict(pd.Series(answers, name="gpt"))
    assert (named.model, named.score) == ("gpt", expected.score)
    some = pd.Series({**answers, bank.anchors.items[0]: np.nan})
    assert bank.predict(some).n_answered == 14


def test_predict_takes_frames(bank, answers, new_models):
    expected = bank.predict(answers)
    wide = new_models.to_frame()
    assert [one.score for one in bank.predict(wide)] == [
        one.score for one in bank.predict(new_models)
    ]
    assert [one.score for one in bank.predict(wide.T)] == [one.score for one in bank.predict(wide)]
    long = pd.DataFrame({"item": list(answers), "score": list(answers.values())})
    assert bank.predict(long).score == expected.score
    (found,) = bank.predict(long.assign(model="m"))
    assert (found.model, found.score) == ("m", expected.score)
    (column,) = bank.predict(pd.DataFrame({"mine": answers}))
    assert (column.model, column.score) == ("mine", expected.score)


def test_predict_takes_records_and_paths(bank, answers, tmp_path):
    expected = bank.predict(answers)
    records = [{"item": item, "score": score} for item, score in answers.items()]
    assert bank.predict(records).score == expected.score
    pd.DataFrame(records).to_csv(tmp_path / "mine.csv", index=False)
    for path in (tmp_path / "mine.csv", str(tmp_path / "mine.csv")):
        (found,) = bank.predict(path)
        assert (found.model, found.score) == ("mine", expected.score)


def test_compare_takes_frames(bank, new_models):
    two = new_models.models.ids[:2]
    (expected,) = bank.compare(new_models, two)
    (found,) = bank.compare(new_models.to_frame(), two)
    assert found == expected


# --- frames -------------------------------------------------------------------------------------


def test_predictions_become_frames(bank, new_models, predictions):
    frame = predictions.to_frame()
    assert frame.shape[0] == 40
    assert frame["model"].to_list() == [one.model for one in predictions]
    assert frame["score"].to_list() == [one.score for one in predictions]
    name = next(iter(predictions[0].benchmarks))
    assert frame[f"benchmarks.{name}.lower"][0] == predictions[0].benchmarks[name].lower
    assert predictions[0].to_frame().shape[0] == 1
    compared = bank.compare(new_models, new_models.models.ids[:3])
    assert compared.to_frame()["probability"].to_list() == [one.probability for one in compared]
    assert compared[0].to_frame().shape[0] == 1


def test_a_bank_and_a_matrix_become_frames(bank, new_models):
    frame = bank.to_frame()
    assert frame["item"].to_list() == list(bank.items.ids)
    ranked = frame.dropna(subset="anchor_rank").sort_values("anchor_rank")
    assert ranked["item"].to_list() == list(bank.anchors)
    assert ranked["anchor_rank"].to_list() == list(range(1, 16))
    wide = new_models.to_frame()
    assert np.array_equal(wide.to_numpy(), new_models.scores)
    assert np.array_equal(tinyeval.read_results(wide).scores, new_models.scores)


def test_without_pandas_a_frame_is_an_error_of_one_line(predictions, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        DependencyError, match=r"^to_frame needs pandas: pip install 'tinyeval\[pan"
    ):
        predictions.to_frame()


# --- wrong types --------------------------------------------------------------------------------

WRONG = {
    "build, no file": (lambda b, r: tinyeval.build("nowhere.csv"), DataError, "no such file"),
    "build, number": (lambda b, r: tinyeval.build(5), DataError, "expected paths, .*found int"),
    "build, numbers": (lambda b, r: tinyeval.build([1, 2]), DataError, "found int"),
    "build, None": (lambda b, r: tinyeval.build(None), DataError, "found NoneType"),
    "build, settings": (lambda b, r: tinyeval.build(r, settings=3), ConfigError, "found int"),
    "build, items": (lambda b, r: tinyeval.build(r, items="ten"), ConfigError, "items: "),
    "build, progress": (lambda b, r: tinyeval.build(r, progress=3), ConfigError, "progress: exp"),
    "backtest": (lambda b, r: tinyeval.backtest(3), DataError, "found int"),
    "backtest, items": (lambda b, r: tinyeval.backtest(r, items="x"), ConfigError, "items: exp"),
    "backtest, methods": (lambda b, r: tinyeval.backtest(r, methods=3), ConfigError, "methods: "),
    "write": (lambda b, r: tinyeval.write_results("x", "y.csv"), DataError, "found str"),
    "write, path": (lambda b, r: tinyeval.write_results(r, 3), DataError, "found int"),
    "load": (lambda b, r: tinyeval.load(3), BankError, "the bank: expected a path, found int"),
    "load, nothing": (lambda b, r: tinyeval.load(""), BankError, "found an empty text"),
    "load, None": (lambda b, r: tinyeval.load(None), BankError, "found NoneType"),
    "recipe": (lambda b, r: tinyeval.load_settings(3), ConfigError, "the recipe: expected a path"),
    "predict, number": (lambda b, r: b.predict(3), DataError, "the answers: expected.*found int"),
    "predict, numbers": (lambda b, r: b.predict([1, 0]), DataError, "found list"),
    "predict, array": (lambda b, r: b.predict(np.ones(3)), DataError, "found ndarray"),
    "predict, None": (lambda b, r: b.predict(None), DataError, "found NoneType"),
    "predict, empty": (lambda b, r: b.predict([]), DataError, "the answers: expected"),
    "predict, no file": (lambda b, r: b.predict("nowhere.csv"), DataError, "no such file"),
    "predict, level": (lambda b, r: b.predict(r, level="x"), ConfigError, "level: expected a numb"),
    "predict, 90": (lambda b, r: b.predict(r, level=90), ConfigError, "between 0 and 1, found 90"),
    "compare": (lambda b, r: b.compare(3), DataError, "the answers: expected"),
    "compare, models": (lambda b, r: b.compare(r, 3), DataError, "model ids: expected a list"),
    "compare, a name": (lambda b, r: b.compare(r, "abc"), DataError, "model ids: expected a list"),
    "head": (lambda b, r: b.head("3"), DataError, "expected a whole number, found str"),
    "save": (lambda b, r: b.save(3), BankError, "expected a path, found int"),
    "settings": (lambda b, r: tinyeval.Settings(items="ten"), ConfigError, "^items: .*integer"),
    "settings, unknown": (
        lambda b, r: tinyeval.Settings(itms=3),
        ConfigError,
        "^itms: there is no such setting; known are: items",
    ),
    "scores, text": (
        lambda b, r: ResponseMatrix.from_arrays([["x"]], ["a"], ["b"]),
        DataError,
        "the scores: expected an array of numbers",
    ),
    "scores, ragged": (
        lambda b, r: ResponseMatrix.from_arrays([[1, 0], [1]], ["a", "b"], ["q"]),
        DataError,
        "the scores: expected an array of numbers",
    ),
    "ids": (
        lambda b, r: ResponseMatrix.from_arrays([[1]], 3, ["q"]),
        DataError,
        "model ids: expected a list of them, found int",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_type_is_one_clear_sentence(case, bank, new_models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, kind, message = WRONG[case]
    with pytest.raises(kind, match=message) as found:
        call(bank, new_models)
    assert isinstance(found.value, TinyEvalError)
    assert "\n" not in str(found.value)
    assert list(tmp_path.iterdir()) == []


# --- pickle and progress ------------------------------------------------------------------------


def test_banks_and_results_pickle(bank, new_models, predictions):
    for way in (lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy):
        other = way(bank)
        assert other.digest == bank.digest
        assert other.predict(new_models) == predictions
        assert not other.items.columns["mean_score"].flags.writeable
        assert way(predictions) == predictions
        assert isinstance(way(predictions), Records)
        assert way(new_models).models.ids == new_models.models.ids


@pytest.mark.parametrize("name", ["mmlu_pro", "digits", "swebench_verified"])
def test_banks_that_ship_pickle(name):
    bank = tinyeval.load(name)
    answers = dict.fromkeys(bank.anchors, 1)
    other = pickle.loads(pickle.dumps(bank))
    assert other.digest == bank.digest
    assert other.predict(answers) == bank.predict(answers)


def _score(bank, answers):
    return bank.predict(answers).score


@pytest.mark.slow
def test_banks_go_to_other_processes(bank, answers):
    with get_context("spawn").Pool(1) as pool:
        assert pool.apply(_score, (bank, answers)) == bank.predict(answers).score


def test_progress_is_shown_on_request_alone(source, fast, capsys):
    tinyeval.build(source, settings=fast)
    tinyeval.build(source, settings=fast, progress=False)
    assert capsys.readouterr() == ("", "")
    tinyeval.build(source, settings=fast, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "calibrating on held-out models" in err
    tinyeval.read_results(source.to_frame(), progress=True)
    assert "pandas DataFrame" in capsys.readouterr().err
    said = []
    tinyeval.build(source, settings=fast, progress=lambda done, total, what: said.append(what))
    assert "calibrating on held-out models" in said
    tinyeval.backtest(source, items=5, methods="random+mean", repeats=1, progress=True)
    assert "random: random+mean" in capsys.readouterr().err
