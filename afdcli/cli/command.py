"""The class of all commands of ``afd``."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

from afdcli.cli import help as help_page
from afdcli.cli.console import out


class Command(TyperCommand):
    """A command of ``afd``, with help in panels."""

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]  # typer vendors its own Context
        """Print the help."""
        help_page.show(out(), self, ctx)
