"""`afd` as typed, in this process."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from afdcli.cli.main import app


def afd(*words: str | Path, columns: int = 80, stdin: str | bytes | None = None) -> Result:
    """Run ``afd WORDS`` on a screen that is *columns* wide."""
    line = [str(word) for word in words]
    return CliRunner().invoke(app, line, input=stdin, env={"COLUMNS": str(columns)})
