"""Write examples/guides/commands.md from ``afd --help``; a test checks that it is up to date.

python examples/write_commands.py
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from typer.main import get_command

from afdcli.cli.help import PANELS, default, names
from afdcli.cli.main import app

GUIDE = Path(__file__).parent / "guides" / "commands.md"
COMMON = ("--help", "--config", "--quiet", "--debug")
_HEAD = """# Commands

Generated from `afd --help` by `python examples/write_commands.py`.

Every command takes `--help` (`-h`), `--config FILE.toml` (see [configuration](configuration.md))
and `--debug` (show the traceback of an error; it may also stand before the command). All but
`report` and `config` take `--quiet` (`-q`, print nothing but errors).
`afd --version` prints the version.

Exit codes:

| code | meaning |
|---|---|
| 0 | success |
| 1 | some images failed; the results list them |
| 2 | wrong usage, an input that cannot be used, or every image failed |
| 3 | an error of afd or of the machine, such as a full disk, no memory or no temporary folder |
| 130 | interrupted with Ctrl-C; finished rows are kept |
"""


def guide() -> str:
    """The text of the guide."""
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    return "\n".join([_HEAD, *(_section(name, command) for name, command in commands.items())])


def _section(name: str, command: Any) -> str:
    lines = [f"## `afd {name}`", ""]
    for paragraph in command.help.split("\n\n"):
        lines += [*textwrap.wrap(paragraph, 110), ""]
    if "--backbone resnet50" in command.epilog:
        lines.append("<!-- not run (--backbone resnet50): needs the hub -->")
    lines += ["```sh", *command.epilog.splitlines(), "```", ""]
    shown = [p for p in command.params if not set(p.opts) & set(COMMON)]
    for panel in PANELS:
        rows = [_row(parameter) for parameter in shown if parameter.rich_help_panel == panel]
        if rows:
            lines += [f"| {panel} | meaning | default |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _row(parameter: Any) -> str:
    shown = "required" if parameter.required else default(parameter)
    meaning = " ".join((parameter.help or "").split())
    return (
        "| " + " | ".join(_cell(text) for text in (f"`{names(parameter)}`", meaning, shown)) + " |"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    GUIDE.write_text(guide(), encoding="utf-8")
