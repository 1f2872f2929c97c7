"""Where options get their values: command line, environment, --config, afd.toml, default.

The first in this order that sets an option wins. Nothing here knows single options: whatever a
command declares can be set as ``AFD_COMMAND_OPTION`` in the environment, and in files, see
`afdcli.cli.config_file`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from afdcli.cli.config_file import (
    TYPED_ONLY,
    OptionFile,
    dashed,
    kind_of,
    near,
    options_of,
    read_sources,
)
from afdcli.cli.help import long_name
from afdcli.errors import UsageError

#: Origins that errors need not name.
TYPED_HERE = ("command line", "default")

_ORIGINS = "afdcli.origins."  # with the name of the command: a key of the context's `meta`


@dataclass(frozen=True)
class Setting:
    """What one option has, and what set it.

    Attributes:
        option: its name, without dashes.
        value: in force.
        origin: "command line", the name of an environment variable, "--config" with the name of
            the file, "afd.toml", or "default".
    """

    option: str
    value: Any
    origin: str


def variable(command: str, option: str) -> str:
    """The environment variable of an option: ``AFD_CLASSIFY_BATCH_SIZE``."""
    return f"AFD_{command}_{option}".upper().replace("-", "_")


def check_environment(command: Any) -> None:
    """Refuse variables of *command* that set nothing. Raises UsageError if there is one."""
    known = {variable(command.name, name): name for name in options_of(command)}
    start = variable(command.name, "")
    for name in sorted(os.environ):
        if name.startswith(start) and known.get(name) in TYPED_ONLY:
            raise UsageError(f"{name}: --{known[name]} runs code; type it on the command line")
        if name.startswith(start) and name not in known:
            raise UsageError(f"{name}: afd {command.name} has no such option{near(name, known)}")


def use(sources: list[OptionFile], context: Any) -> None:
    """Make what *sources* set the defaults of *context*, which is about to parse."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    command = context.command
    options = options_of(command)
    for source in reversed(sources):
        for key, value in source.tables.get(command.name, {}).items():
            parameter = options[dashed(key)]
            many = kind_of(command, parameter)[1]
            values[parameter.name] = [value] if many and not isinstance(value, list) else value
            origins[parameter.name] = source.name
    context.default_map = values
    context.meta[_ORIGINS + command.name] = origins


def in_force(command: Any, context: Any) -> Iterator[Setting]:
    """The settings of *command* after its *context* has parsed the command line."""
    for name, parameter in options_of(command).items():
        if name == "config":
            continue
        value = context.params.get(parameter.name)
        yield Setting(name, plain(value), origin(context, parameter))


def settings_without_line(command: Any, context: Any, named: Path | None) -> list[Setting]:
    """The settings that *command* would have if nothing was typed but ``--config`` *named*.

    *context* is that of another command. Raises UsageError for an unknown option or a wrong value.
    """
    check_environment(command)
    root = context.find_root()
    sources = read_sources(named, root.command.commands)
    own = typer.Context(command, parent=root, info_name=command.name)
    use(sources, own)
    for parameter in options_of(command).values():
        value, source = parameter.consume_value(own, {})
        own.set_parameter_source(parameter.name, source)
        if source.name != "DEFAULT" and not parameter.is_eager:
            try:
                value = parameter.process_value(own, value)
            except typer.BadParameter as error:
                raise located(own, parameter, error) from error
        own.params[parameter.name] = value
    return list(in_force(command, own))


def origin(context: Any, parameter: Any) -> str:
    """What set *parameter*, see `Setting`."""
    source = context.get_parameter_source(parameter.name)
    kind = source.name if source is not None else "DEFAULT"
    if kind == "COMMANDLINE":
        return "command line"
    if kind == "ENVIRONMENT":
        return str(parameter.envvar)
    if kind == "DEFAULT_MAP":
        return str(context.meta[_ORIGINS + context.command.name][parameter.name])
    return "default"


def located(context: Any, parameter: Any, error: Exception) -> UsageError:
    """*error*, which says that *parameter* is wrong, with the file or variable that set it."""
    where = origin(context, parameter)
    option = long_name(parameter).removeprefix("--")
    key = "" if where == parameter.envvar else f" [{context.command.name}] {option}:"
    return UsageError(f"{where}:{key} {str(getattr(error, 'message', error)).rstrip('.')}")


def plain(value: Any) -> Any:
    """*value* as JSON and TOML can hold it."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def text(value: Any) -> str:
    """*value*, as from `plain`, for people."""
    if isinstance(value, list):
        return ", ".join(map(text, value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def words(setting: Setting, parameter: Any) -> list[str]:
    """How *setting* would be typed on the command line."""
    if isinstance(setting.value, bool):
        no = parameter.secondary_opts[0]
        return [long_name(parameter) if setting.value else no]
    values = setting.value if isinstance(setting.value, list) else [setting.value]
    return [word for value in values for word in (long_name(parameter), str(value))]
