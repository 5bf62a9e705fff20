"""The command line: one file per command, all of it a thin layer over the library.

Results go to stdout, progress and warnings to stderr.  Exit codes: 0, done; 1, an error in the data
or at run time, reported in one line (``--debug``: with its traceback); 2, wrong usage; 130,
interrupted.  Command modules import the library inside their functions, so that ``--help`` and
``predict`` load only what they need.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from tinyeval.cli.backtest import backtest_command
from tinyeval.cli.banks import banks_command
from tinyeval.cli.build import build_command
from tinyeval.cli.compare import compare_command
from tinyeval.cli.content import content_command
from tinyeval.cli.demo import demo_command
from tinyeval.cli.eval import eval_command
from tinyeval.cli.export import export_command
from tinyeval.cli.group import Group, debug_option, import_plugin
from tinyeval.cli.import_ import import_command
from tinyeval.cli.methods import methods_command
from tinyeval.cli.next import next_command
from tinyeval.cli.plan import plan_command
from tinyeval.cli.predict import predict_command
from tinyeval.cli.report import report_command
from tinyeval.cli.show import show_command
from tinyeval.cli.watch import watch_command
from tinyeval.version import __version__

COMMANDS: tuple[click.Command, ...] = (
    build_command,
    predict_command,
    eval_command,
    next_command,
    compare_command,
    show_command,
    report_command,
    import_command,
    export_command,
    content_command,
    backtest_command,
    plan_command,
    methods_command,
    banks_command,
    watch_command,
    demo_command,
)


@click.group(
    "tinyeval",
    cls=Group,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "TINYEVAL",
        "max_content_width": 100,
    },
)
@click.option(
    "--plugin",
    multiple=True,
    metavar="MODULE",
    help="Import a module of yours first: one that registers estimators.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def main(plugin: Sequence[str]) -> None:
    """Score language models on a whole benchmark from their answers on a few items.

    `build` learns from historical results (many models, all items) which few items to run.
    `predict` reconstructs the full score of a new model, with an interval, from its answers to
    those items.

    \b
    Example:
      tinyeval demo
      tinyeval build results.parquet --items 100 --out bank
      tinyeval export bank --to csv
      tinyeval predict bank answers.csv
    """
    for module in plugin:
        import_plugin(module)


main.params.append(debug_option())
for command in COMMANDS:
    main.add_command(command)
