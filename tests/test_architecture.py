"""The shape of the package: arrows that point one way, short modules, and light imports."""

import ast
import doctest
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import tinyeval
import tinyeval.training

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "tinyeval").rglob("*.py"))

ROOMS = {
    "version": (),
    "errors": (),
    "registry": ("errors",),
    "asking": ("errors",),
    "atomic": (),
    "display": ("errors",),
    "shipped": ("errors",),
    "config": ("errors", "shipped"),
    "compute": ("errors",),
    "tables": ("errors", "display"),
    "responses": ("errors", "display", "compute", "tables"),
    "source_models": ("errors", "responses"),
    "groups": ("errors", "tables"),
    "targets": ("errors", "compute", "tables", "responses"),
    "importers": (
        "errors",
        "registry",
        "asking",
        "atomic",
        "compute",
        "tables",
        "responses",
        "source_models",
    ),
    "families": ("config", "tables", "groups", "responses", "importers"),
    "irt": ("errors", "compute", "responses"),
    "history": ("compute", "tables", "responses", "targets", "irt"),
    "covariance": ("errors", "compute", "history"),
    "certified": ("errors", "compute", "targets", "history", "covariance"),
    "selection": (
        "errors",
        "display",
        "registry",
        "config",
        "compute",
        "tables",
        "targets",
        "irt",
        "history",
        "covariance",
    ),
    "estimators": (
        "errors",
        "registry",
        "compute",
        "responses",
        "groups",
        "irt",
        "history",
        "covariance",
        "selection",
    ),
    "build_plan": (
        "errors",
        "config",
        "responses",
        "source_models",
        "groups",
        "targets",
        "history",
        "certified",
        "selection",
        "estimators",
    ),
    "learning": (
        "config",
        "compute",
        "tables",
        "responses",
        "irt",
        "history",
        "covariance",
        "selection",
        "estimators",
        "build_plan",
    ),
    "calibration": (
        "errors",
        "compute",
        "tables",
        "responses",
        "source_models",
        "groups",
        "irt",
        "selection",
        "estimators",
        "learning",
    ),
    "prediction": (
        "errors",
        "display",
        "targets",
        "irt",
        "certified",
        "selection",
        "estimators",
        "calibration",
    ),
    "comparison": (
        "errors",
        "display",
        "compute",
        "targets",
        "estimators",
        "calibration",
        "prediction",
    ),
    "calibrated": ("compute", "build_plan", "learning", "calibration", "prediction"),
    "stages": (
        "errors",
        "display",
        "compute",
        "responses",
        "irt",
        "history",
        "covariance",
        "selection",
        "estimators",
        "build_plan",
        "learning",
        "calibration",
        "prediction",
        "calibrated",
    ),
    "bank": (
        "version",
        "errors",
        "display",
        "asking",
        "atomic",
        "shipped",
        "compute",
        "certified",
        "tables",
        "responses",
        "importers",
        "irt",
        "selection",
        "estimators",
        "calibration",
        "prediction",
        "comparison",
        "stages",
    ),
    "backtesting": (
        "errors",
        "families",
        "groups",
        "display",
        "importers",
        "shipped",
        "registry",
        "config",
        "compute",
        "responses",
        "source_models",
        "history",
        "selection",
        "estimators",
        "build_plan",
        "learning",
        "calibration",
        "prediction",
        "calibrated",
    ),
    "building": (
        "errors",
        "families",
        "config",
        "compute",
        "responses",
        "source_models",
        "importers",
        "certified",
        "build_plan",
        "learning",
        "bank",
        "backtesting",
        "stages",
    ),
    "exporters": ("errors", "tables", "bank", "stages"),
    "training": (
        "errors",
        "registry",
        "asking",
        "compute",
        "tables",
        "responses",
        "targets",
        "importers",
        "prediction",
        "bank",
        "exporters",
        "stages",
        "estimators",
    ),
    "report": (
        "errors",
        "version",
        "registry",
        "atomic",
        "config",
        "compute",
        "responses",
        "source_models",
        "groups",
        "importers",
        "irt",
        "selection",
        "estimators",
        "build_plan",
        "learning",
        "calibration",
        "prediction",
        "comparison",
        "bank",
        "calibrated",
        "families",
        "backtesting",
        "training",
    ),
    "cli": None,
}
"""Every module and folder at the top of the package -> those that it may import; None: any."""

ONLY_IN = {
    "click": ("cli.",),
    "pyro": ("irt.posterior",),
    "torch": (
        "compute.processes",
        "compute.threads",
        "irt.packed",
        "irt.start",
        "irt.alternating",
        "irt.fit",
        "irt.posterior",
        "compute.network",
        "training.",
    ),
    "transformers": ("training.",),
    "lightning": ("training.",),
    "pydantic": ("config",),
    "datasets": ("exporters.documents",),
    "pandas": ("display.frames",),
}
"""Libraries that are slow, or that a part of the package must do without, and where they may be."""

LAZY = ("sklearn", "scipy", "datasets", "tqdm", "safetensors", "pyarrow", "pandas")
"""Libraries that are imported where they are used and not before."""

EXTRAS = {
    "transformers": "hf",
    "lightning": "lightning",
    "openpyxl": "xlsx",
    "pandas": "pandas",
}
"""Libraries that not everybody has, and the extra that installs them."""

LONG_MODULES: set[str] = set()
LONG_FUNCTIONS: set[str] = set()
"""Over 300 lines, and over 40 lines of code; both lists are to become empty."""


def name_of(path: Path) -> str:
    """Dotted name below the package; that of a sub-package ends in a dot."""
    name = ".".join(path.relative_to(ROOT / "tinyeval").with_suffix("").parts)
    return name.removesuffix("__init__")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def statements(node: ast.AST, inside_functions: bool) -> Iterator[ast.AST]:
    """Every node that runs and, if asked, those inside functions and ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if not inside_functions:
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
        yield child
        yield from statements(child, inside_functions)


def imports(path: Path, inside_functions: bool = True) -> set[str]:
    """Dotted names that a module imports."""
    found = set()
    for node in statements(tree_of(path), inside_functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrows"
            found |= {node.module or "", *(f"{node.module}.{one.name}" for one in node.names)}
    return found


# --- arrows -------------------------------------------------------------------------------------


def room(name: str) -> str:
    return name.split(".")[0]


def own_imports(path: Path) -> set[str]:
    """Names of our own modules that a module imports, ``irt.model`` for short."""
    known = {name_of(one).rstrip(".") for one in MODULES} - {""}
    own = {one.removeprefix("tinyeval.") for one in imports(path) if one.startswith("tinyeval.")}
    return own & known


def arrows() -> dict[str, set[str]]:
    """Module -> what it imports, of our own; TYPE_CHECKING counts as well."""
    return {
        name_of(path).rstrip("."): own_imports(path) - {name_of(path).rstrip(".")}
        for path in MODULES
    }


def test_every_room_imports_what_the_table_allows():
    found: dict[str, set[str]] = {}
    for name, others in arrows().items():
        found.setdefault(room(name), set()).update(room(one) for one in others)
    del found[""], found["__main__"]
    for name, others in found.items():
        allowed = ROOMS[name]
        if allowed is not None:
            assert others - {name} <= set(allowed), name
    assert set(found) == set(ROOMS)


def test_the_rooms_have_an_order():
    order = list(ROOMS)
    for name, allowed in ROOMS.items():
        for other in allowed or ():
            assert order.index(other) < order.index(name), f"{name} stands on {other}"


def test_there_are_no_circles():
    found, done = arrows(), set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"a circle: {' -> '.join((*way, name))}"
        if name not in done:
            for other in found[name]:
                visit(other, (*way, name))
            done.add(name)

    for name in found:
        visit(name, ())


def test_the_top_of_the_package_is_short():
    assert len([path for path in MODULES if path.parent.name == "tinyeval"]) < 20


# --- libraries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_stays_where_it_belongs(library):
    for path in MODULES:
        if library in {one.split(".")[0] for one in imports(path)}:
            assert name_of(path).startswith(ONLY_IN[library]), path


def test_slow_libraries_are_imported_where_they_are_used():
    for path in MODULES:
        at_the_top = {one.split(".")[0] for one in imports(path, inside_functions=False)}
        assert not at_the_top & set(LAZY), path
        if name_of(path) == "compute.network":  # trains in torch, predicts without
            assert "torch" not in at_the_top


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_library_is_a_declared_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {normal(re.split(r"[<>=!~\[; ]", one)[0]) for one in project["dependencies"]}
    homes = packages_distributions()
    top = {one.split(".")[0] for path in MODULES for one in imports(path)}
    for library, extra in EXTRAS.items():
        assert [one for one in project["optional-dependencies"][extra] if one.startswith(library)]
    foreign = top - set(sys.stdlib_module_names) - {"tinyeval", "", *EXTRAS}
    undeclared = {one for one in foreign if not {normal(d) for d in homes[one]} & declared}
    assert undeclared == set()
    unused = declared - {normal(d) for one in foreign for d in homes[one]}
    assert unused == set()


# --- size and manners ---------------------------------------------------------------------------


def code_lines(path: Path) -> set[int]:
    """Numbers of the lines that hold code: no blank lines, comments or docstrings."""
    text = path.read_text(encoding="utf-8")
    skip = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in skip and token.string:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return lines


def lines_without_examples(path: Path) -> int:
    """Number of a module's lines but for those of the examples in its docstrings."""
    text = path.read_text(encoding="utf-8")
    examples = 0
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            found = doctest.DocTestParser().get_examples(ast.get_docstring(node) or "")
            lines = sum((one.source + one.want).count("\n") for one in found)
            examples += lines + 2 * bool(found)  # a blank line and a heading
    return len(text.splitlines()) - examples


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef))


@pytest.mark.slow
def test_modules_are_short():
    long = {name_of(path) for path in MODULES if lines_without_examples(path) > 300}
    assert long == LONG_MODULES


def test_functions_are_short():
    long = set()
    for path in MODULES:
        lines = code_lines(path)
        for node in functions(path):
            if len(lines & set(range(node.lineno, (node.end_lineno or 0) + 1))) > 40:
                long.add(f"{name_of(path)}.{node.name}")
    assert long == LONG_FUNCTIONS


def test_the_library_prints_nothing_and_runs_no_text():
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("print", "eval", "exec"), (path, node.lineno)


def test_no_error_is_swallowed_unnamed():
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, (path, node.lineno)


def test_no_error_is_cut_off_from_its_cause():
    """``--debug`` then shows what was behind a line, a user's own exception above all."""
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Raise) and node.cause is not None:
                assert ast.unparse(node.cause) != "None", (path, node.lineno)


def test_an_error_of_any_kind_is_kept_or_raised_again():
    for path in MODULES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ExceptHandler) and re.search(
                r"\b(Base)?Exception\b", ast.unparse(node.type)
            ):
                inside = [one for statement in node.body for one in ast.walk(statement)]
                kept = {one.id for one in inside if isinstance(one, ast.Name)}
                again = any(isinstance(one, ast.Raise) and one.exc is None for one in inside)
                assert node.name in kept or again, (path, node.lineno)


def test_nothing_is_unpickled_and_nothing_draws_from_global_randomness():
    for path in MODULES:
        assert not {"pickle", "joblib", "dill", "shelve"} & imports(path), path
        if name_of(path) == "training.restore_state":  # it draws nothing, and puts states back
            continue
        assert "random" not in imports(path), path
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np.random":
                assert node.attr in ("Generator", "default_rng"), (path, node.lineno)


def test_every_module_says_what_it_is():
    for path in MODULES:
        assert ast.get_docstring(tree_of(path)), path


@pytest.mark.parametrize("name", sorted(set(tinyeval.__all__) - {"__version__"}))
def test_every_public_name_has_an_example(name):
    assert ">>> " in (getattr(tinyeval, name).__doc__ or "")


# --- imports at run time ------------------------------------------------------------------------


def run(code: str, *arguments: object) -> str:
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(code: str, *arguments: object) -> set[str]:
    """Top-level modules in memory after some code."""
    return set(run(f"import sys\n{code}\nprint(*sys.modules)", *arguments).split())


@pytest.mark.slow
def test_importing_the_package_is_cheap():
    assert not {"numpy", "torch", "yaml", "pyarrow", "click"} & loaded("import tinyeval")


@pytest.mark.slow
def test_predicting_needs_numpy_alone(bank_folder):
    code = """
from tinyeval import ItemBank
bank = ItemBank.load(sys.argv[1])
bank.predict(dict.fromkeys(bank.anchors.items, 1))
"""
    heavy = {"torch", "pyro", "sklearn", "scipy", "pandas", "datasets", "pydantic", "yaml", "click"}
    found = loaded(code, bank_folder)
    assert "numpy" in found
    assert not heavy & found


@pytest.mark.slow
def test_building_with_the_default_method_needs_no_pyro_and_no_sklearn(tmp_path):
    code = """
sys.path.insert(0, "tests")
import tinyeval
from helpers import simulate
settings = tinyeval.Settings().replace(device="cpu", irt={"dimensions": [1]}, items=5)
tinyeval.build(simulate(24, 20)[0], settings=settings)
"""
    assert not {"pyro", "sklearn", "pandas", "datasets"} & loaded(code)


@pytest.mark.parametrize("package", [tinyeval, tinyeval.training])
def test_public_names_are_those_that_type_checkers_see(package):
    (typed,) = (node for node in tree_of(Path(package.__file__)).body if isinstance(node, ast.If))
    shown = {alias.asname for node in typed.body for alias in node.names}
    assert set(package.__all__) - {"__version__"} == shown


def test_every_public_name_is_there_and_no_other():
    for name in tinyeval.__all__:
        assert getattr(tinyeval, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        tinyeval.no_such_name  # noqa: B018


@pytest.mark.slow
@pytest.mark.parametrize("first", ["tinyeval.backtesting.backtest", "tinyeval.building"])
def test_public_functions_are_functions_whatever_was_imported_before(first):
    run(f"""
import importlib, tinyeval
importlib.import_module({first!r})
assert callable(tinyeval.build) and callable(tinyeval.backtest), (tinyeval.build, tinyeval.backtest)
""")
