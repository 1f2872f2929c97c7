"""`--help` fits the screen, and says the same thing in the same way everywhere."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pytest
from kit.command import afd
from typer.main import get_command

from afdcli.cli.help import PANELS, long_name, names
from afdcli.cli.main import app

COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
OPTIONS = [
    (name, option)
    for name, command in COMMANDS.items()
    for option in command.params
    if option.param_type_name == "option"
]
#: Words to type in lower case, what they stand for in capitals, parts that may be left out in [].
WORD = r"([a-z0-9:]+|[A-Z]+(\.[a-z]+|/[A-Z]+)?)"
METAVAR = re.compile(rf"{WORD}(\|{WORD})*(\[[,=]([A-Z]+|[A-Z]\.\.\.)\])?")


@pytest.mark.parametrize("columns", [60, 80, 140])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_it_fits_the_screen(command: str, columns: int) -> None:
    page = afd(*command.split(), "--help", columns=columns).stdout
    lines = page.partition("Examples:\n")[0].splitlines()
    assert max(map(len, lines)) <= columns
    for option in COMMANDS[command].params if command else ():
        shown = names(option)  # in one piece
        assert re.search(rf"│ {re.escape(shown)} ", page), shown


@pytest.mark.parametrize("command", COMMANDS)
def test_two_examples_that_fit_80_columns(command: str) -> None:
    examples = COMMANDS[command].epilog.splitlines()
    assert len(examples) in (2, 3)
    page = afd(command, "--help").stdout
    for example in examples:
        assert f"{example} ".startswith(f"afd {command} ")
        assert len(example) <= 78
        assert f"\n  {example}\n" in page


def test_every_option_stands_in_a_panel() -> None:
    for command in COMMANDS.values():
        for parameter in command.params:
            assert parameter.rich_help_panel in PANELS, f"{command.name} {parameter.name}"


def test_metavars_have_one_style() -> None:
    for command, option in OPTIONS:
        if not option.is_flag:
            assert METAVAR.fullmatch(option.metavar or ""), f"{command} {names(option)}"


def test_a_name_means_the_same_in_all_commands() -> None:
    """The same short name and kind of value; only the choices may differ."""
    forms = defaultdict(set)
    for _, option in OPTIONS:
        shorts = tuple(name for name in option.opts if not name.startswith("--"))
        kind = "choices" if "|" in (option.metavar or "") else option.metavar
        forms[long_name(option)].add((shorts, kind, option.is_flag))
    differ = {name: found for name, found in forms.items() if len(found) > 1}
    assert set(differ) == {"--out", "--backbone"}  # a file, a folder or a URL; NAME[=FILE]
    assert {shorts for shorts, *_ in differ["--out"]} == {("-o",)}


@pytest.mark.parametrize(
    ("command", "old", "new"),
    [
        ("train", "--exclude", "--exclude-list"),
    ],
)
def test_old_names_work_and_are_not_shown(command: str, old: str, new: str) -> None:
    page = afd(command, "--help").stdout
    assert f"{new} FILE" in page
    assert f"{old} " not in page
    words = {"train": ("--data", "."), "report": ()}[command]
    for name in (old, new):
        result = afd(command, *words, name, "gone.txt")
        assert "No such option" not in result.stderr


def test_no_two_options_of_a_command_share_a_text() -> None:
    for command in COMMANDS.values():
        texts = [parameter.help for parameter in command.params]
        assert len(set(texts)) == len(texts), command.name
