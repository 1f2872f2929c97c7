"""Configuration files: ``[command]`` and ``option = value`` below it, in TOML.

A file that lies in the working folder may have come with the photos. It cannot run code, read or
write elsewhere: see `_check_untrusted`.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from afdcli.cli.help import long_name
from afdcli.errors import UsageError

#: The file that is read from the working folder.
FILE = "afd.toml"
#: Options that run Python code named in the option itself: only the command line may set them.
TYPED_ONLY = ("import",)
#: Options that `FILE` must not set, and why.
REFUSED = {
    "maps": "runs the --import files that the metadata name",
    "engine": "can run code: Ray's processes import modules from the current folder",
    "undo": "moves the files that another file names",
}

_MOST_BYTES = 2**20
_WORDS = {bool: "true or false", int: "a whole number", float: "a number"}
_ADDRESS = re.compile(r"[a-z][\w+.-]*:", re.IGNORECASE)  # s3://…, hf-hub:…


@dataclass(frozen=True)
class OptionFile:
    """A configuration file.

    Attributes:
        name: for messages and metadata.
        tables: command -> option -> value, as they are in the file.
        trusted: the user named the file; else it lay in the working folder.
    """

    name: str
    tables: Mapping[str, Mapping[str, Any]]
    trusted: bool


def options_of(command: Any) -> dict[str, Any]:
    """The options of *command* by name, without dashes."""
    options = (p for p in command.params if p.param_type_name == "option")
    return {long_name(option).removeprefix("--"): option for option in options}


def read_sources(named: Path | None, commands: Mapping[str, Any]) -> list[OptionFile]:
    """The configuration files that exist: *named* (``--config``), then that of the working folder.

    Args:
        commands: all commands by name; the whole of each file is checked against them.

    Raises:
        UsageError: a file cannot be read, or holds an unknown key or a wrong type.
    """
    here = Path(FILE)
    found = []
    if named is not None:
        if not named.is_file():
            raise UsageError(f"--config {named}: no such file")
        found.append(_read(named, f"--config {named}", True, commands))
    if here.is_file() and not (named is not None and named.samefile(here)):
        found.append(_read(here, FILE, False, commands))
    return found


def _read(path: Path, name: str, trusted: bool, commands: Mapping[str, Any]) -> OptionFile:
    if sys.version_info >= (3, 11):  # here: most runs have no file
        import tomllib
    else:
        import tomli as tomllib
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise UsageError(f"{name}: larger than 1 MiB: not an afd configuration file")
        tables = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # not TOML, or not in UTF-8
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{name} is not valid TOML: {reason}; fix or delete it") from error
    for table, keys in tables.items():
        if table not in commands and isinstance(keys, dict):
            raise UsageError(f"{name}: [{table}] is not a command{near(table, commands)}")
        if not isinstance(keys, dict):
            raise UsageError(f"{name}: {table} must stand under a command, such as [classify]")
        for key, value in keys.items():
            _check(f"{name}: [{table}] {key}", commands[table], key, value, trusted)
    return OptionFile(name, tables, trusted)


def _check(where: str, command: Any, key: str, value: Any, trusted: bool) -> None:
    """Raise UsageError unless the option *key* exists, takes *value*, and may be set here."""
    options = options_of(command)
    option = dashed(key)
    if option in TYPED_ONLY:
        raise UsageError(f"{where}: --{option} runs code; type it on the command line")
    if option not in options or option == "config":
        raise UsageError(f"{where}: no such option of afd {command.name}{near(option, options)}")
    kind, many = kind_of(command, options[option])
    items = value if many and isinstance(value, list) else [value]
    for item in items:
        right = isinstance(item, kind if kind is not float else int | float)
        if not right or (isinstance(item, bool) and kind is not bool):
            what = _WORDS.get(kind, "text in quotes") + (", or a list of them" if many else "")
            raise UsageError(f"{where} must be {what}, not {item!r}")
    if not trusted:
        _check_untrusted(where, option, items)


def _check_untrusted(where: str, option: str, items: list[Any]) -> None:
    """Raise UsageError for what a file that came with a folder of photos must not do.

    It must not run code, and no option may lead out of the folder, to be read or written: no other
    folder, no link to one, no address.
    """
    cure = f"type --{option}, or name the file with --config {FILE}"
    if option in REFUSED:
        why = REFUSED[option]
        raise UsageError(f"{where} {why}, which {FILE} in a working folder must not: {cure}")
    folder = Path.cwd().resolve()
    for item in items:
        if not isinstance(item, str):
            continue
        for part in (item, *item.split("=")):  # NAME=FILE
            path = Path(part)
            inside = not part.startswith("~") and ".." not in path.parts and "\0" not in part
            if inside and not _ADDRESS.match(part) and _resolved(path).is_relative_to(folder):
                continue
            raise UsageError(
                f"{where} leads out of the working folder, which {FILE} in it must not: {cure}"
            )


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return Path("/")


def kind_of(command: Any, parameter: Any) -> tuple[type, bool]:
    """The type that *parameter* has in a file, and whether it takes a list of it."""
    hint = _hints(command.callback)[parameter.name]
    if type(None) in get_args(hint):  # X | None
        hint = next(part for part in get_args(hint) if part is not type(None))
    many = get_origin(hint) is list
    kind = get_args(hint)[0] if many else hint
    return (kind if kind in (bool, int, float) else str), many


@cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(function)


def dashed(key: str) -> str:
    """An option's name from a *key* of a file, which may have underscores."""
    return key.replace("_", "-")


def near(name: str, known: Mapping[str, Any]) -> str:
    """A hint at the most similar of the *known* names, or ""."""
    similar = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {similar[0]}?" if similar else ""
