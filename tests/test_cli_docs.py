import inspect
import shlex
from pathlib import Path

import click
import pytest

import tinyeval
import tinyeval.training
from tinyeval.cli import main
from tinyeval.cli.api_page import api_page, described
from tinyeval.cli.docs import formats_page, reference
from tinyeval.importers import FORMATS

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"


def examples():
    """Every command line shown as an example, continuation lines joined."""
    for command in main.commands.values():
        shown = command.help.split("Example:")[1].replace("\n          ", " ")
        yield from (line.strip() for line in shown.splitlines() if line.strip())


def test_the_page_is_what_the_commands_say():
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "docs/cli.md is out of date: python -m tinyeval.cli.docs > docs/cli.md"
    )


def test_the_page_of_formats_is_what_the_registry_says():
    assert PAGE.with_name("formats.md").read_text(encoding="utf-8") == formats_page(), (
        "docs/formats.md is out of date: python -m tinyeval.cli.docs formats > docs/formats.md"
    )


def test_the_page_of_python_is_what_the_docstrings_say():
    assert PAGE.with_name("api.md").read_text(encoding="utf-8") == api_page(), (
        "docs/api.md is out of date: python -m tinyeval.cli.docs api > docs/api.md"
    )


@pytest.mark.parametrize("package", [tinyeval, tinyeval.training])
def test_every_public_name_is_on_the_page_with_signature_and_first_line(package):
    page = PAGE.with_name("api.md").read_text(encoding="utf-8")
    for name in set(package.__all__) - {"__version__", *getattr(package, "_NEEDS", ())}:
        _, found, rest = page.partition(f"## {package.__name__}.{name}\n")
        assert found, name
        section = rest.split("\n## ")[0]
        first = inspect.getdoc(getattr(package, name)).splitlines()[0]
        assert described(first).strip() in section, name
        assert f"{name}(" in section, name


@pytest.mark.parametrize("name", FORMATS)
def test_the_example_of_every_format_parses(name):
    program, command, *arguments = shlex.split(FORMATS[name].example)
    assert program == "tinyeval"
    main.commands[command].make_context(command, arguments, help_option_names=["-h", "--help"])


@pytest.mark.parametrize("name", list(main.commands))
def test_every_command_and_option_is_described(name):
    section = PAGE.read_text(encoding="utf-8").split(f"## tinyeval {name}\n")[1].split("\n## ")[0]
    assert f"Usage: tinyeval {name}" in section
    for parameter in main.commands[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts} has no help"
            assert parameter.opts[0] in section


@pytest.mark.parametrize("line", list(examples()))
def test_every_example_parses(line):
    program, name, *arguments = shlex.split(line)
    assert program == "tinyeval"
    main.commands[name].make_context(name, arguments, help_option_names=["-h", "--help"])
