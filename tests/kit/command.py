"""`afd` as typed, in this process."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from afdcli.cli.main import app


def afd(*words: str | Path, columns: int = 80, stdin: str | bytes | None = None) -> Result:
    """Run ``afd WORDS`` on a screen that is *columns* wide."""
    line = [str(word) for word in words]
    return CliRunner().invoke(app, line, input=stdin, env={"COLUMNS": str(columns)})


def one_line(result: Result, code: int, *parts: str) -> None:
    """*result* is one line on standard error that holds *parts*, and exit code *code*.

    Before it there may be the line that says what is loading.
    """
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    *loading, line = result.stderr.splitlines()
    assert all(earlier.startswith("loading ") for earlier in loading), result.stderr
    assert line.startswith("afd: ")
    for part in parts:
        assert part in result.stderr
