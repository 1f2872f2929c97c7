"""The class of all commands of ``afd``: help in panels, and values from files and variables."""

from __future__ import annotations

import re
import shlex
import sys
import traceback
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from afdcli.cli import configuration
from afdcli.cli import help as help_page
from afdcli.cli.config_file import FILE, TYPED_ONLY, options_of, read_sources
from afdcli.cli.configuration import TYPED_HERE, Setting
from afdcli.cli.console import out, say
from afdcli.cli.help import GENERAL
from afdcli.errors import AfdError
from afdcli.storage.text import clean

#: The settings of the command that runs, and that command.
_RUNNING: ContextVar[tuple[Any, list[Setting]] | None] = ContextVar("running", default=None)


def _read(context: typer.Context, value: Path | None) -> Path | None:
    """Read the configuration files; their values become the defaults of *context*."""
    if context.resilient_parsing:  # the shell completes
        return value
    command: Any = context.command
    configuration.check_environment(command)
    root: Any = context.find_root().command
    sources = read_sources(value, getattr(root, "commands", {}))
    configuration.use(sources, context)
    return value


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE.toml",
        rich_help_panel=GENERAL,
        help=f"Also read options from this TOML file, besides AFD_… variables and ./{FILE}.",
        is_eager=True,
        callback=_read,
    ),
]


class Command(TyperCommand):
    """A command of ``afd``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, option in options_of(self).items():
            if name not in TYPED_ONLY:
                option.envvar = configuration.variable(str(self.name), name)
            if option.is_flag and not option.secondary_opts:
                option.secondary_opts = [f"--no-{name}"]  # a file may switch it on

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]  # typer vendors its own Context
        """Print the help."""
        help_page.show(out(), self, ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line. Errors name the file or variable that a value came from."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            parameter = getattr(error, "param", None)
            if parameter is None or configuration.origin(ctx, parameter) in TYPED_HERE:
                raise
            raise configuration.located(ctx, parameter, error) from error

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Says first what the working folder's file sets."""
        settings = list(configuration.in_force(self, ctx))
        _RUNNING.set((self, settings))
        origins = {setting.option: setting.origin for setting in settings}
        quiet = ctx.params.get("quiet") and origins["quiet"] != FILE
        found = [
            f"{s.option} = {configuration.text(s.value)}" for s in settings if s.origin == FILE
        ]
        if found:
            say(clean(f"settings from {FILE}: {', '.join(found)}"), bool(quiet))
        try:
            return super().invoke(ctx)
        except typer.Exit:
            raise
        except Exception as error:
            if ctx.params.get("debug") and origins["debug"] != "command line":
                traceback.print_exc()
            _add_origin(error, origins)
            raise


def _add_origin(error: Exception, origins: dict[str, str]) -> None:
    """Say in an *error* about an option, ``--resize x: …``, which file or variable set that."""
    option = re.match(r"--([a-z-]+)", str(error))
    origin = origins.get(option[1], "default") if option is not None else "default"
    if isinstance(error, AfdError) and origin not in TYPED_HERE and len(error.args) == 1:
        error.args = (f"{error}; it was set by {origin}",)


def command_line() -> str:
    """The command as typed, with what files and variables added to it."""
    typed = sys.argv[1:]
    command, settings = _RUNNING.get() or (None, [])
    if command is None:
        return shlex.join(["afd", *typed])
    options = options_of(command)
    added = [
        word
        for setting in settings
        if setting.origin not in TYPED_HERE
        for word in configuration.words(setting, options[setting.option])
    ]
    start = typed.index(command.name) + 1 if command.name in typed else len(typed)
    return shlex.join(["afd", *typed[:start], *added, *typed[start:]])


def running_origins() -> dict[str, str]:
    """What set the options of the running command that do not have their default."""
    _, settings = _RUNNING.get() or (None, [])
    return {setting.option: setting.origin for setting in settings if setting.origin != "default"}
