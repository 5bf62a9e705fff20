"""Messages name options to those who type commands, and keywords to those who write Python."""

import ast
import inspect
import pickle
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import tinyeval
import tinyeval.training
from tinyeval.bank.content import with_content
from tinyeval.cli import main
from tinyeval.errors import DataError
from tinyeval.errors.wording import FUNCTIONS, KEYWORDS, worded, words_for_commands
from tinyeval.importers import Columns, Finding, import_results
from tinyeval.importers.base import Asked
from tinyeval.training import Asking

pytestmark = pytest.mark.python_words

ROOT = Path(tinyeval.__file__).parent

FOREIGN = {
    *("cache_requests", "dump-eval-details", "instance_ids", "limit", "log-samples", "log_samples"),
    *("dataset_name", "mode", "model", "model_args", "output_path", "predictions_path", "run_id"),
    *(
        "max-samples",
        "max_samples",
        "sample-id",
        "samples",
        "save-details",
        "tasks",
        "to",
        "use_cache",
    ),
}
"""Options of other programs, which stay as they are whoever reads them."""

BOTH = {"plugin"}
"""Options of ours in messages that say that they are of the command line."""

NOT_TOLD = ("cli", "errors/wording.py", "importers/formats.py", "bank/card.py")
"""Where texts are for the command line alone, or are no messages: the page of formats, the card."""


def messages():
    """Every text in the library but docstrings, with where it stands."""
    for path in sorted(ROOT.rglob("*.py")):
        if str(path.relative_to(ROOT)).startswith(NOT_TOLD):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            texts = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if texts and id(node) not in documented:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def test_every_option_that_the_library_names_has_its_keyword():
    """Mend a failure by an entry in KEYWORDS, or in FOREIGN if the option is another program's."""
    for where, text in messages():
        for option in re.findall(r"(?<![\w-])--([a-z][a-z_-]*[a-z])", text):
            assert option in {*KEYWORDS, *FOREIGN, *BOTH}, where
        left = set(re.findall(r"(?<![\w-])--([a-z][a-z_-]*[a-z])", worded(text)))
        assert left <= {*FOREIGN, *BOTH}, (where, worded(text))


def test_every_command_that_the_library_names_has_its_function():
    for where, text in messages():
        for command in re.findall(r"`tinyeval (\w+)", text):
            assert command in FUNCTIONS, where


def test_keywords_are_those_of_the_readers_and_of_settings():
    known = {*Asked.__annotations__, *inspect.signature(import_results).parameters}
    known |= {*inspect.signature(tinyeval.ItemBank.save).parameters, "settings", "pattern"}
    known |= {*inspect.signature(tinyeval.build).parameters, *Asking.__dataclass_fields__}
    known |= {*inspect.signature(with_content).parameters, "its `__cause__`", "`bank.drawn`"}
    known |= set(tinyeval.training.__all__)
    for option, (_, say) in KEYWORDS.items():
        said = say("").partition("=")[0].partition("(")[0]
        assert said in known, option
        if said == "columns":
            assert option.removesuffix("-column") in Columns.__annotations__
    shown = dict(re.findall(r"settings=(\{.*\})()", " ".join(s("") for _, s in KEYWORDS.values())))
    assert shown
    for option in ("cost", "target", "groups", "device", "certify"):
        text = KEYWORDS[option][1]("x").removeprefix("settings=")
        values = eval(text.replace("...", "'x'"))
        values = {**values, "certify": {"items": 9}} if option == "certify" else values
        values = {**values, "device": "cpu"} if option == "device" else values
        assert tinyeval.Settings(**values)


@pytest.mark.parametrize(
    ("command", "python"),
    [
        ("pass --partial to take it", "pass partial=True to take it"),
        ("--failures wrong counts them", "failures='wrong' counts them"),
        ("--keep NAME reads one", "keep=[NAME] reads one"),
        ("say --drop 'average,size'", "say drop=['average', 'size']"),
        ("were left out by --drop", "were left out by drop"),
        ("--drop leaves", "drop leaves"),
        ("give --scale 0:100", "give scale=(0, 100)"),
        ("--scale LOWEST:HIGHEST", "scale=(LOWEST, HIGHEST)"),
        ("give its --scale", "give its scale"),
        ("--model-column 'system' or", "columns=Columns(model='system') or"),
        ("name it with --item-column", "name it with columns=Columns(item=...)"),
        ("(--repeats average)", "(repeats='average')"),
        ("fewer --jobs (what is in --parts)", "fewer jobs (what is in parts)"),
        ("build with --groups", "build with settings={'interval': {'groups': ...}}"),
        ("use --device cpu", "use settings={'device': 'cpu'}"),
        ("run with --limit, --log_samples", "run with --limit, --log_samples"),
        ("by --answer MODULE:FUNCTION with", "by FunctionAnswerer(FUNCTION) with"),
        ('ask with --lm-eval "", or', 'ask with HarnessAnswerer(""), or'),
        ("`build --content-of all`", "`build content_of='all'`"),
        ("; --debug shows where", "; its `__cause__` shows where"),
        ("`tinyeval export` lists", "`bank.anchors` lists"),
        ("with `tinyeval content BANK FILE`", "with `tinyeval.bank.content.with_content`"),
        ("a -- b --- c", "a -- b --- c"),
    ],
)
def test_an_option_becomes_its_keyword(command, python):
    assert worded(command) == python
    assert worded(python) == python
    with words_for_commands():
        assert worded(command) == command


@pytest.fixture
def timed_out(tmp_path, monkeypatch):
    """A table with an answer that was lost, and one with a column that may be no item."""
    monkeypatch.chdir(tmp_path)
    rows = ["model,item,score", "a,q1,1", "a,q2,timeout", "b,q1,0", "b,q2,1"]
    Path("lost.csv").write_text("\n".join(rows))
    Path("bank").mkdir()
    (Path("bank") / "manifest.json").write_text("{}")


@pytest.mark.usefixtures("timed_out")
def test_both_readers_are_told_in_their_own_words(bank):
    with pytest.raises(tinyeval.TinyEvalError, match="or pass overwrite=True"):
        bank.save("bank")
    result = CliRunner().invoke(main, ["build", "lost.csv", "--out", "bank"])
    assert "or pass --overwrite" in result.stderr
    with pytest.raises(tinyeval.TinyEvalError) as found:
        tinyeval.read_results("lost.csv", metric="other")
    assert "--" not in str(found.value)
    findings = [str(one) for one in import_results("lost.csv").findings]
    told = CliRunner().invoke(main, ["import", "lost.csv", "--describe"])
    assert told.exit_code == 0
    lost = [one for one in findings if "timeout" in one or "lost" in one]
    assert lost
    assert all("failures='wrong'" in one for one in lost)
    assert "--failures wrong" in told.stdout + told.stderr


def test_errors_and_findings_keep_their_text_on_the_way_between_processes():
    error = pickle.loads(pickle.dumps(DataError("pass --partial")))
    assert str(error) == "pass partial=True"
    finding = pickle.loads(pickle.dumps(Finding("doubt", "models; --zeros missing takes them so")))
    assert "zeros='missing'" in str(finding)
    with words_for_commands():
        assert str(error) == "pass --partial"
        assert "--zeros missing" in str(finding)


@pytest.mark.slow
def test_processes_that_read_speak_as_the_main_one_does(tmp_path):
    for k in range(3):
        rows = ["model,item,score", f"m{k},q1,1", f"m{k},q1,0"]
        (tmp_path / f"{k}.csv").write_text("\n".join(rows))
    paths = [str(one) for one in sorted(tmp_path.glob("*.csv"))]
    with pytest.raises(DataError, match="repeats='average'"):
        import_results(paths, jobs=2)
    out = tmp_path / "all.parquet"
    result = CliRunner().invoke(main, ["import", *paths, "--jobs", "2", "--out", str(out)])
    assert result.exit_code == 1
    assert "--repeats average" in result.stderr
