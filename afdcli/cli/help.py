"""``--help``: options in panels, two columns that fit 80, and examples; how to declare options."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import typer
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text


class Heading(str):
    """A heading of ``--help``, and the options under it."""

    def option(
        self,
        declaration: str,
        help: str,
        within: tuple[float, float] | None = None,
        complete: Callable[[str], list[str]] | None = None,
    ) -> Any:
        """Declare an option, for `Annotated`.

        Args:
            declaration: as typed: ``-o,--out FILE``. Of several long names the first is shown; the
                others are old ones. The shell completes words in lower case (``auto|off|FILE``).
            help: sentences; the default is added to them.
            within: smallest and largest number allowed.
            complete: values that begin with what is typed, for the shell.
        """
        names, _, metavar = declaration.partition(" ")
        least, most = within or (None, None)
        words = re.findall(r"(?<![^|,\[])[a-z0-9:]+(?![^|,\]])", metavar)

        def literals(typed: str) -> list[str]:
            return [word for word in words if word.startswith(typed)]

        return typer.Option(
            *names.split(","),
            rich_help_panel=self,
            help=help,
            metavar=metavar or None,
            min=least,
            max=most,
            callback=_a_number if isinstance(least, float) else None,
            autocompletion=complete or (literals if words else None),
        )


def _a_number(value: float | None) -> float | None:
    """Refuse NaN, which passes every range check."""
    if value is not None and math.isnan(value):
        raise typer.BadParameter("nan is not a number")
    return value


#: Headings, in the order in which they are shown.
INPUT = Heading("Input")
CLASSIFIER = Heading("Classifier")
AFD = Heading("AFD")
COMPRESSION = Heading("Compression")
TRAINING = Heading("Training")
OUTPUT = Heading("Output")
SPEED = Heading("Speed")
LIMITS = Heading("Limits")
GENERAL = Heading("General")
PANELS = (INPUT, CLASSIFIER, AFD, COMPRESSION, TRAINING, OUTPUT, SPEED, LIMITS, GENERAL)
_COMMANDS = "Commands"
_ORDER = (_COMMANDS, *PANELS)

_GAP = 2
_FRAME = 4  # border and padding of a panel
_EXAMPLES = "\n\nExamples:\n"


def split_docstring(text: str) -> tuple[str, list[str]]:
    """Help and examples of a command from its docstring.

    Returns:
        The paragraphs, one line each with a blank line between them, and the commands listed
        under "Examples:".
    """
    text, _, examples = cleandoc(text).partition(_EXAMPLES)
    joined = re.sub(r"\s*\\\n\s*", " ", examples)
    commands = [line.strip() for line in joined.splitlines() if line.strip()]
    return re.sub(r"(?<!\n)\n(?!\n)", " ", text), commands


def names(parameter: Any) -> str:
    """How *parameter* is written: ``-o, --out FILE``, ``--icc/--no-icc``, ``PATH...``.

    Of several long names only the first is shown: the others are old ones that still work. All
    flags have a ``--no-`` form, shown where the flag is on by default.
    """
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        return f"{name}..." if parameter.nargs == -1 else str(name)
    shorts = [name for name in parameter.opts if not name.startswith("--")]
    text = ", ".join([*shorts, long_name(parameter)])
    if parameter.default is True:
        text += "".join(f"/{name}" for name in parameter.secondary_opts)
    return text if parameter.is_flag or not parameter.metavar else f"{text} {parameter.metavar}"


def long_name(parameter: Any) -> str:
    """The first long name of an option: ``--out``."""
    return str(next(name for name in parameter.opts if name.startswith("--")))


def meaning(parameter: Any) -> str:
    """The help of *parameter* with its default, or that it is required."""
    text = " ".join((parameter.help or "").split())
    if parameter.required:
        return f"{text} Required."
    shown = default(parameter)
    return f"{text} Default: {shown}." if shown else text


def default(parameter: Any) -> str:
    """The default of *parameter* as text; "" without one, or where the help states it."""
    value = parameter.default
    if value is None or isinstance(value, (bool, tuple, list)) or value == "":
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, str | int | Path) else ""


def show(screen: Console, command: Any, context: typer.Context) -> None:
    """Print the help of *command*, which may be the group of all commands."""
    screen.print(Text(" ".join(command.get_usage(context).split())), style="bold")
    for paragraph in (command.help or "").split("\n\n"):
        screen.print()
        screen.print(Text(paragraph))
    screen.print()
    panels: dict[str, list[tuple[Text, Text]]] = defaultdict(list)
    for name, each in getattr(command, "commands", {}).items():
        panels[_COMMANDS].append((Text(name), Text(each.help.split("\n\n")[0])))
    for parameter in command.get_params(context):
        if not getattr(parameter, "hidden", False):
            title = getattr(parameter, "rich_help_panel", None) or GENERAL
            panels[title].append((_styled(names(parameter)), Text(meaning(parameter))))
    inside = screen.width - _FRAME
    lengths = [len(left) for rows in panels.values() for left, _ in rows]
    column = max((n for n in lengths if n <= max(inside // 3, 20)), default=0)
    for title in sorted(panels, key=_ORDER.index):
        lines = Group(*_lines(panels[title], column, inside))
        screen.print(Panel(lines, title=title, title_align="left", border_style="dim"))
    if command.epilog:
        screen.print("Examples:", style="bold")
        for line in command.epilog.splitlines():
            screen.print(Text(f"  {line}", overflow="fold"), soft_wrap=True)


def _lines(rows: list[tuple[Text, Text]], column: int, inside: int) -> Iterator[Text | Table]:
    """One row each; a name that is wider than *column* stands on a line of its own."""
    for left, right in rows:
        if len(left) > column:
            yield left
            left = Text("")
        line = Table.grid(padding=(0, _GAP, 0, 0))
        line.add_column(width=column)
        line.add_column(width=max(inside - column - _GAP, 10))
        line.add_row(left, right)
        yield line


def _styled(text: str) -> Text:
    """Option names in one colour, what they take in another."""
    styled = Text(text, style="yellow")
    styled.highlight_regex(r"(?<![\w-])-{1,2}[a-z][\w-]*", "bold cyan")
    return styled
