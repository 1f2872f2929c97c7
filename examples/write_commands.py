"""Write examples/guides/commands.md from ``afd --help``; a test keeps the two the same.

python examples/write_commands.py
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from typer.main import get_command

from afdcli.cli.main import app

GUIDE = Path(__file__).parent / "guides" / "commands.md"
COMMON = ("--help", "--quiet", "--debug")
_HEAD = """# Commands

Made from `afd --help` by `python examples/write_commands.py`.

Every command also takes `--help` (`-h`), `--quiet` (`-q`: print nothing but errors) and `--debug`
(show the traceback of an error; also before the command). `afd --version` prints the version.

Exit codes:

| code | meaning |
|---|---|
| 0 | all fine |
| 1 | some images failed; they are listed in the results |
| 2 | wrong usage, a file named on the command line that cannot be used, or nothing could be done |
| 3 | a fault of afd or of the machine: a full disk, no shared memory, no temporary folder |
| 130 | interrupted with Ctrl-C; what was done is kept |
"""


def guide() -> str:
    """The text of the guide."""
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    return "\n".join([_HEAD, *(_section(name, command) for name, command in commands.items())])


def _section(name: str, command: Any) -> str:
    lines = [f"## `afd {name}`", "", inspect.cleandoc(command.help), ""]
    lines += ["| option | meaning | default |", "|---|---|---|"]
    for parameter in command.params:
        if not set(parameter.opts) & set(COMMON):
            lines.append(_row(parameter))
    return "\n".join([*lines, ""])


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = parameter.metavar or parameter.name.upper()
    else:
        names = ", ".join([*parameter.opts, *parameter.secondary_opts])
        if parameter.metavar and not parameter.is_flag:
            names += f" {parameter.metavar}"
    default = parameter.default
    shown = "" if default is None or default is False or default == () else str(default)
    if parameter.required:
        shown = "required"
    meaning = " ".join((parameter.help or "").split())
    return "| " + " | ".join(_cell(text) for text in (f"`{names}`", meaning, shown)) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    GUIDE.write_text(guide(), encoding="utf-8")
