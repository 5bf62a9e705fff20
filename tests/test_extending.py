"""Methods and formats from outside the package: docs/extending.md runs, and what breaks is told."""

import os
import re
import shlex
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers import make_history, simulate

import tinyeval
from tinyeval.backtesting.backtest import backtest
from tinyeval.backtesting.trial import DRAWS, run_trial
from tinyeval.building import build
from tinyeval.cli import main
from tinyeval.config import checked_options
from tinyeval.errors import BankError, ConfigError, DataError, UnregisteredError
from tinyeval.estimators import get_estimator, load_estimator, register_estimator
from tinyeval.importers import read_results, write_results
from tinyeval.selection import draws_at_random, get_selector

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.M | re.S)
FILES = {m[1]: text for _, text in BLOCKS if (m := re.match(r"# (\S+\.\w+)\n", text))}
SCRIPTS = [text for kind, text in BLOCKS if kind == "python" and text not in FILES.values()]
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.strip().splitlines()]

SELECTOR, ESTIMATOR = "my_package.spread:select_spread", "my_package.neighbours:fit_neighbours"


@contextmanager
def standing_in(folder):
    """The folder is the current one and on the path of modules; its modules are forgotten after."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [str(folder), *sys.path])
        yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def modules(tmp_path):
    """An empty folder for modules, in which the test stands."""
    with standing_in(tmp_path):
        yield tmp_path


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_page(folder):
    """The page's files but for the one that registers, and results of 30 models on 40 items."""
    for name, text in FILES.items():
        if not name.endswith("__init__.py"):
            write(folder, name, text)
    with (folder / "recipe.yaml").open("a", encoding="utf-8") as recipe:
        recipe.write("irt: {dimensions: [1]}\ninterval: {folds: 2}\n")  # quicker
    write_results(simulate(30, 40, seed=3, benchmarks=2)[0], folder / "results.csv")


@pytest.fixture
def package(modules):
    write_page(modules)
    return modules


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """The page followed as far as two banks, one by command and one in Python; and its names."""
    folder = tmp_path_factory.mktemp("page")
    with standing_in(folder):
        write_page(folder)
        built = run(*shlex.split(COMMANDS[0])[1:], "--name", "bank")
        assert built.exit_code == 0, built.output
        names = execute(SCRIPTS[0])
    return folder, names


@pytest.fixture
def mine(fast):
    """Settings with the page's selector and estimator."""
    parts = {"selection": {"method": SELECTOR}, "estimator": {"method": ESTIMATOR}}
    return fast.replace(**parts, irt={"dimensions": [1]}, items=8)


def run(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments])


def execute(text):
    names = {}
    exec(compile(text, "docs/extending.md", "exec"), names)
    return names


def python(*arguments, folder, **environment):
    """A process of its own, as a stranger's would be."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip


# --- the page -----------------------------------------------------------------------------------


def test_the_page_has_a_file_of_each_kind():
    assert list(FILES) == [
        "my_package/spread.py",
        "my_package/neighbours.py",
        "recipe.yaml",
        "my_package/__init__.py",
        "my_package/runs.py",
    ]
    assert (len(SCRIPTS), len(COMMANDS)) == (3, 5)


def test_a_bank_of_outside_methods_is_built_saved_and_loaded(followed):
    folder, names = followed
    bank, again = names["bank"], names["again"]
    assert again.digest == bank.digest
    assert again.anchors.items == bank.anchors.items
    assert tinyeval.ItemBank.load(folder / "bank").anchors.items == bank.anchors.items
    assert again.settings["selection"] == {"method": SELECTOR, "options": {"easiest": 0.9}}
    answers = dict.fromkeys(bank.anchors.items[:9], 1.0)
    assert again.predict(answers) == bank.predict(answers)


@pytest.mark.slow
def test_it_is_backtested(package):
    arguments = shlex.split(COMMANDS[1])[1:]
    found = run(*arguments)
    assert found.exit_code == 0, found.output
    rows = re.findall(r"(?m)^ *12  (\S+) ", found.stdout)
    assert rows == ["recipe.yaml", "my_package.s…d+ridge"], found.stdout  # names are cut to fit
    assert f"{SELECTOR}+ridge" in found.stdout


@pytest.mark.slow
def test_other_processes_load_it_once_they_have_registered_it(followed):
    folder, names = followed
    show, predict = (shlex.split(one)[1:] for one in COMMANDS[2:4])
    refused = python("-m", "tinyeval", *show[2:], folder=folder)
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"Error: bank: its estimator '{ESTIMATOR}' is not one of tinyeval's")
    assert f"tinyeval.register_estimator('{ESTIMATOR}', CLASS)" in line

    registered = python("-c", SCRIPTS[1], folder=folder)
    assert registered.returncode == 0, registered.stderr
    p = names["bank"].predict(dict.fromkeys(names["bank"].anchors.items, 1.0))
    assert registered.stdout == f"{p.score} {p.lower} {p.upper}\n"

    write(folder, "my_package/__init__.py", FILES["my_package/__init__.py"])
    write_results(simulate(3, 40, seed=3, benchmarks=2)[0], folder / "answers.csv")
    for command, words in ((show, f"{SELECTOR} + {ESTIMATOR}"), (predict, "model0000")):
        shown = python("-m", "tinyeval", *command, folder=folder)
        assert shown.returncode == 0, shown.stderr
        assert words in " ".join(shown.stdout.split())


def test_the_importer_reads(package):
    (package / "runs").mkdir()
    write(package, "runs/a.txt", "q 1 pass\nq 2 fail\n")
    write(package, "runs/b.txt", "q 2 pass\nq 3 pass\n")
    responses = execute(SCRIPTS[2])["responses"]
    assert (responses.models.ids, responses.items.ids) == (("a", "b"), ("q 1", "q 2", "q 3"))
    np.testing.assert_array_equal(responses.scores, [[1, 0, np.nan], [np.nan, 1, 1]])
    done = run(*shlex.split(COMMANDS[4])[1:])
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(read_results("runs.csv").scores, responses.scores)
    write(package, "runs/b.txt", "q 2 perhaps\n")
    with pytest.raises(DataError, match=r"b\.txt:1: expected pass or fail"):
        read_results("runs", format="my_package.runs:RunsImporter")


@pytest.mark.slow
def test_modules_of_the_current_folder_are_found_by_the_installed_command(package, monkeypatch):
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one != str(package)])
    write(package, "recipe.yaml", f"selection: {{method: {SELECTOR}}}\nirt: {{dimensions: [1]}}\n")
    built = run("build", "results.csv", "--items", 5, "--config", "recipe.yaml", "--out", "bank")
    assert built.exit_code == 0, built.output


def test_a_bank_is_the_same_whoever_counts_the_items(package, mine, tmp_path):
    """Costs, quotas, missing answers and folds: all goes through the outside methods."""
    responses = simulate(30, 40, seed=6, missing=0.2, benchmarks=2)[0]
    bank = build(responses, settings=mine.replace(quotas={"anchors": {"bench0": 3}}))
    benchmark = bank.items.column("benchmark")[bank.items.index(bank.anchors.items)]
    assert (benchmark == "bench0").sum() == 3
    bank.save(tmp_path / "bank")
    again = tinyeval.ItemBank.load(tmp_path / "bank")
    some = dict.fromkeys(bank.anchors.items[1::2], 0.0)
    assert again.predict(some) == bank.predict(some)
    assert again.head(3).predict(dict.fromkeys(bank.anchors.items[:3], 1.0)).n_answered == 3


# --- whose code runs ----------------------------------------------------------------------------


@pytest.fixture
def hostile(bank, tmp_path, modules):
    """A bank of a stranger whose methods name a module that leaves a mark when it is imported."""
    write(modules, "trap_of_mine.py", "open('sprung', 'w').close()\ndef fit(*a, **k): ...\n")
    settings = {**bank.settings}
    settings["selection"] = {"method": "trap_of_mine:fit", "options": {}}
    settings["estimator"] = settings["selection"]
    predictor = replace(bank.predictor, method="trap_of_mine:fit")
    replace(bank, settings=settings, predictor=predictor).save("bank")
    write_results(simulate(3, 60)[0], modules / "answers.csv")
    return modules


def test_a_bank_never_makes_anyone_import_code(hostile):
    with pytest.raises(UnregisteredError, match=r"bank: its estimator 'trap_of_mine:fit' is not"):
        tinyeval.ItemBank.load("bank")
    for command in (
        ["show", "bank"],
        ["predict", "bank", "answers.csv"],
        ["compare", "bank", "answers.csv"],
        ["export", "bank", "--to", "csv"],
        ["watch", ".", "--bank", "bank", "--once", "--answer", "json:loads"],
    ):
        refused = run(*command)
        assert refused.exit_code == 1, command
        assert "tinyeval.register_estimator('trap_of_mine:fit', CLASS)" in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert not (hostile / "sprung").exists()
    assert "trap_of_mine" not in sys.modules


def test_a_selector_s_name_in_a_bank_is_text(bank, hostile):
    settings = {**bank.settings, "selection": {"method": "trap_of_mine:fit\x1b[2J", "options": {}}}
    replace(bank, settings=settings).save("other")
    shown = run("show", "other")
    assert shown.exit_code == 0, shown.output
    assert "% trap_of_mine:fit\\x1b[2J is not tinyeval's own" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert not (hostile / "sprung").exists()


def test_what_is_registered_must_rebuild(monkeypatch):
    class Fitted:
        @classmethod
        def from_state(cls, state):
            return cls()

    with pytest.raises(ConfigError, match="MODULE:FUNCTION, found 'ridge'"):
        register_estimator("ridge", Fitted)
    with pytest.raises(ConfigError, match=r"expected a class with from_state, .* found int"):
        register_estimator("mine_7:fit", int)
    register_estimator("mine_7:fit", Fitted)
    with pytest.raises(BankError, match="rebuilt as Fitted"):
        load_estimator("mine_7:fit", {})
    register_estimator("mine_7:fit", lambda state: get_estimator)  # a function will do as well
    with pytest.raises(BankError, match="rebuilt as function"):
        load_estimator("mine_7:fit", {})
    with pytest.raises(UnregisteredError, match="'mine_8:fit'"):
        load_estimator("mine_8:fit", {})


# --- names that lead nowhere --------------------------------------------------------------------

BROKEN = """
import numpy as np
from tinyeval.selection import Anchors
from tinyeval.estimators import Estimate

number = 3
def few(history, n): ...
def none(history, n, *, rng): return ["item"]
def short(history, n, *, rng): return Anchors(history.responses.items.ids[:1], [1.0])
def other(history, n, *, rng): return Anchors(tuple(f"x{k}" for k in range(n)), np.full(n, 1 / n))
def any_option(history, n, *, rng, **options): raise RuntimeError(f"of mine {options}")
def sampled(history, n, *, rng):
    ids = np.array(sorted(history.responses.items.ids))
    return Anchors(tuple(rng.permutation(ids)[:n]), np.full(n, 1 / n))
sampled.draws = True

class Fitted:
    mean, spread, kept = 0.5, 0.1, {"x": np.zeros(1)}
    def __init__(self, history, anchors, *, rng, **changes):
        self.__dict__.update(changes, shape=len(history.targets.names))
    def predict(self, answers):
        full = np.full((len(answers), self.shape), self.mean)
        return Estimate(
            mean=full, spread=np.full_like(full, self.spread), novelty=np.zeros(len(answers)))
    def state(self): return self.kept
    @classmethod
    def from_state(cls, state):
        one = cls.__new__(cls)
        one.shape = 1
        return one

class NoState(Fitted): state = None
class Objects(Fitted): kept = {"x": np.array([object()])}
class Nothing(Fitted): kept = {}
class Text(Fitted): kept = "text"
class Beyond(Fitted): mean = 1.5
class Sure(Fitted): spread = 0.0
class Unknown(Fitted): mean = float("nan")
class Tuple(Fitted):
    def predict(self, answers): return (answers, answers)
class Flat(Fitted):
    def predict(self, answers):
        return Estimate(**dict.fromkeys(("mean", "spread", "novelty"), np.full(len(answers), 0.5)))
class Forgets(Fitted):
    def __init__(self, *a, **k):
        super().__init__(*a, **k)
        self.mean = 0.7
class Fails(Fitted):
    def predict(self, answers): raise ZeroDivisionError("of mine")
"""


@pytest.fixture
def broken(modules):
    write(modules, "broken_methods.py", BROKEN)
    write(modules, "raises_9.py", "raise LookupError('at import')\n")
    write(modules, "exits_9.py", "import sys\nsys.exit(0)\n")
    return modules


@pytest.mark.parametrize("get", [get_selector, get_estimator])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        (":few", "expected MODULE:FUNCTION, such as my_package.my_module:"),
        ("broken_methods:", "expected MODULE:FUNCTION, such as my_package.my_module:"),
        ("broken_methods:absent", "has no attribute 'absent'"),
        ("broken_methods:few", r"expected a function of \(history, \w+, \*, rng, ...\)"),
        ("broken_methods:number", "expected a function, found int"),
        ("no_such_module_9:f", "No module named 'no_such_module_9'"),
        ("raises_9:f", r"raises_9: cannot be imported \(LookupError\('at import'\)\)"),
        ("exits_9:f", r"exits_9: cannot be imported \(SystemExit\(0\)\)"),
        ("..broken_methods:few", "cannot be imported"),
    ],
)
def test_a_name_that_leads_nowhere_is_told_in_one_line(broken, get, name, message):
    with pytest.raises(ConfigError, match=message) as told:
        get(name)
    assert "\n" not in str(told.value)


def test_the_cause_is_kept(broken):
    with pytest.raises(ConfigError) as told:
        get_selector("raises_9:f")
    assert isinstance(told.value.__cause__, LookupError)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "expected it to return tinyeval.selection.Anchors, found list"),
        ("short", "expected 4 anchors, found 1"),
        ("other", "found 4 that are not in it: 'x0', 'x1', 'x2'"),
    ],
)
def test_anchors_that_cannot_be_are_refused(broken, name, message):
    select = get_selector(f"broken_methods:{name}")
    with pytest.raises(ConfigError, match=rf"selector broken_methods:{name}: .*{message}"):
        select(make_history(8, 10), 4, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("NoState", "found NoState without state"),
        ("Objects", "expected state.. to return at least one array of numbers"),
        ("Nothing", "expected state.. to return at least one array of numbers"),
        ("Text", "expected state.. to return at least one array of numbers"),
        ("Beyond", "expected a mean from 0 to 1, found 1.5 to 1.5"),
        ("Unknown", "expected a mean from 0 to 1, found nan to nan"),
        ("Sure", "expected a spread above 0, found 0.0"),
        ("Tuple", "expected predict to return tinyeval.estimators.Estimate, found tuple"),
        ("Flat", r"expected a mean of shape \(2, 1\) \(models, targets\), found \(2,\)"),
        ("Forgets", "rebuilt from its state it predicts another mean"),
    ],
)
def test_fits_that_no_bank_could_hold_are_refused(broken, name, message):
    history = make_history(8, 10)
    anchors = get_selector("random")(history, 4, rng=np.random.default_rng(0))
    fit = get_estimator(f"broken_methods:{name}")
    with pytest.raises(ConfigError, match=rf"estimator broken_methods:{name}: .*{message}"):
        fit(history, anchors, rng=np.random.default_rng(0))
    sound = get_estimator("broken_methods:Fitted")(history, anchors, rng=np.random.default_rng(0))
    assert sound.predict(np.ones((3, 4))).mean.shape == (3, 1)


def test_options_are_checked_by_the_signature(package, mine):
    with pytest.raises(ConfigError, match=r"selection\.options: unknown option 'eas'; .*: easiest"):
        build(simulate(8, 10)[0], settings=mine.replace(selection={"options": {"eas": 1}}))
    with pytest.raises(ConfigError, match=r"estimator\.options: unknown option 'rng'; .*: k"):
        build(simulate(8, 10)[0], settings=mine.replace(estimator={"options": {"rng": 1}}))


def test_a_function_that_takes_any_option_gets_them(broken, mine):
    select = get_selector("broken_methods:any_option")
    assert checked_options(select, {"depth": 1}, "selection") == {"depth": 1}
    with pytest.raises(ConfigError, match="unknown option 'n'"):
        checked_options(select, {"n": 1}, "selection")
    with pytest.raises(ConfigError, match="unknown option 'budget'"):
        checked_options(select, {"budget": 1}, "selection")


# --- backtests ----------------------------------------------------------------------------------


def test_a_selector_that_draws_is_averaged_over_draws(broken, mine):
    assert draws_at_random("broken_methods:sampled")
    assert not draws_at_random("broken_methods:short")
    assert [name for name in ("random", "stratified", "mrmr") if draws_at_random(name)] == [
        "random", "stratified",
    ]  # fmt: skip
    responses = simulate(30, 20, seed=4)[0]
    settings = mine.replace(
        selection={"method": "broken_methods:sampled"}, estimator={"method": "mean"}
    )
    found = run_trial(responses.take(np.arange(20)), responses.take(np.arange(20, 30)), settings)
    assert found.scores.shape == (DRAWS, 10)


def test_a_backtest_refuses_a_method_before_any_work(package, broken, mine):
    def progress(*now):
        raise AssertionError("work was begun")

    for method, message in (
        ("my_package.spread:absent+ridge", "has no attribute 'absent'"),
        ("random+broken_methods:few", r"expected a function of \(history, anchors"),
        ("my_package.spread:select_spread+magic", r"unknown method .*SELECTOR\+ESTIMATOR"),
    ):
        with pytest.raises(ConfigError, match=message):
            backtest(
                simulate(20, 20)[0], items=[5], methods=["default", method], settings=mine,
                progress=progress,
            )  # fmt: skip


# --- exceptions of one's own --------------------------------------------------------------------


def test_an_exception_of_the_method_is_left_as_it_is(broken, mine):
    for part, name, kind in (
        ("selection", "any_option", RuntimeError),
        ("estimator", "Fails", ZeroDivisionError),
    ):
        settings = mine.replace(
            selection={"method": "mrmr"}, estimator={"method": "mean"},
        ).replace(**{part: {"method": f"broken_methods:{name}"}})  # fmt: skip
        with pytest.raises(kind, match="of mine"):
            build(simulate(10, 12)[0], settings=settings)


def test_debug_shows_what_is_behind_the_line(broken):
    write_results(simulate(10, 12)[0], broken / "results.csv")
    write(broken, "recipe.yaml", "selection: {method: 'raises_9:f'}\n")
    command = ["build", "results.csv", "--items", 5, "--config", "recipe.yaml", "--out", "bank"]
    plain, full = run(*command), run(*command, "--debug")
    assert plain.exit_code == full.exit_code == 1
    last = "Error: raises_9: cannot be imported (LookupError('at import'))"
    assert plain.stderr.splitlines() == [last]
    assert full.stderr.splitlines()[-1] == last
    assert "raise LookupError('at import')" in full.stderr
    assert "raises_9.py" in full.stderr


def test_a_plugin_that_cannot_be_imported_is_told(broken):
    told = run("--plugin", "raises_9", "methods")
    assert told.exit_code == 1
    assert told.stderr == "Error: raises_9: cannot be imported (LookupError('at import'))\n"
    by_environment = CliRunner().invoke(main, ["methods"], env={"TINYEVAL_PLUGIN": "raises_9"})
    assert by_environment.stderr == told.stderr


# --- importers ----------------------------------------------------------------------------------


def test_importers_that_read_nothing_are_refused(modules):
    write(modules, "formats_9.py", "class A:\n def read(self, p, o): return 3\nclass B: ...\n")
    write(modules, "x.txt", "")
    with pytest.raises(ConfigError, match=r"to return a tinyeval\.ResponseMatrix, found int"):
        read_results("x.txt", format="formats_9:A")
    with pytest.raises(ConfigError, match="expected an object with sniff and read, found B"):
        read_results("x.txt", format="formats_9:B")
