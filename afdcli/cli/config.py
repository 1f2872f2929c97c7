"""``afd config``: the effective options and where each was set."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from afdcli.cli import options
from afdcli.cli.command import ConfigOption
from afdcli.cli.config_file import FILE
from afdcli.cli.configuration import Setting, settings_without_line, text
from afdcli.cli.console import out
from afdcli.cli.help import OUTPUT
from afdcli.cli.options import argument
from afdcli.errors import UsageError
from afdcli.storage.text import clean


def _complete(context: typer.Context, typed: str) -> list[str]:
    commands = getattr(context.find_root().command, "commands", {})
    return [name for name in commands if name.startswith(typed)]


COMMAND = argument(
    "COMMAND",
    "Show all options of this command, including defaults. Without it: the options set for"
    " any command.",
    _complete,
)
AS_JSON = OUTPUT.option("--json", "Print one JSON object with all options instead.")


def config(
    context: typer.Context,
    command: Annotated[str, COMMAND] = "",
    as_json: Annotated[bool, AS_JSON] = False,
    config: ConfigOption = None,
    debug: Annotated[bool, options.DEBUG] = False,
) -> None:
    """Show the effective options and where each was set.

    An option is taken from the command line, else from the environment (AFD_CLASSIFY_BATCH_SIZE),
    else from --config FILE.toml, else from afd.toml in the current folder, else it has its default.

    Examples:
        afd config
        afd config classify --json
    """
    commands: dict[str, Any] = getattr(context.find_root().command, "commands", {})
    if command and command not in commands:
        raise UsageError(f"afd has no command {command!r}; choose {', '.join(commands)}")
    found = {
        name: settings_without_line(commands[name], context, config)
        for name in ([command] if command else commands)
    }
    if as_json:
        shown = {
            name: {s.option: {"value": s.value, "from": s.origin} for s in settings}
            for name, settings in found.items()
        }
        typer.echo(json.dumps(shown, indent=2))
        return
    for name, settings in found.items():
        rows = settings if command else [s for s in settings if s.origin != "default"]
        if rows:
            out().print(_table(name, rows))
    if not command and all(s.origin == "default" for rows in found.values() for s in rows):
        out().print(
            f"Nothing is set: no {FILE} here, no --config, no AFD_… variables. All options have"
            " their defaults; `afd config classify` shows those of afd classify."
        )


def _table(name: str, settings: list[Setting]) -> Table:
    table = Table(title=f"afd {name}", title_justify="left")
    table.add_column("option", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("set by", overflow="fold")
    for setting in settings:
        value = Text(clean(text(setting.value)))
        table.add_row(setting.option, value, Text(clean(setting.origin)))
    return table
