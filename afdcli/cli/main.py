"""The ``afd`` program: registers the commands, one file each."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from afdcli.cli import (
    classify,
    config,
    degrade,
    fuse,
    inspect,
    models,
    options,
    report,
    sort,
    train,
)
from afdcli.cli.command import Command
from afdcli.cli.console import EXIT_USAGE
from afdcli.cli.exit_codes import Group, prepare
from afdcli.cli.help import split_docstring
from afdcli.version import __version__

app = typer.Typer(
    name="afd",
    cls=Group,
    help="Classify folders of badly compressed photos with a frozen classifier, and recover "
    "the accuracy lost to compression (adaptive feature de-drifting, arXiv 2401.01724).",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"afd {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, options.DEBUG] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(EXIT_USAGE)


for _command in (  # in the order of use
    classify.classify,
    report.report,
    sort.sort,
    inspect.inspect,
    models.models,
    degrade.degrade,
    train.train,
    fuse.fuse,
    config.config,
):
    _help, _examples = split_docstring(_command.__doc__ or "")
    app.command(cls=Command, help=_help, epilog="\n".join(_examples))(_command)


def main() -> None:
    """Entry point of the console script."""
    prepare("--debug" in sys.argv)
    app()
