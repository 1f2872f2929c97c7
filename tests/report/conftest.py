"""Fixtures of the tests of `afd report`."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.html_page import Call
from kit.reporting import Run
from typer.testing import CliRunner, Result

from afdcli.cli.main import app


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls ``afd report`` in *tmp_path*."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, width: int = 80) -> Result:
        return CliRunner().invoke(app, ["report", *arguments], env={"COLUMNS": str(width)})

    return call


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls ``afd report`` in *tmp_path*."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["report", *arguments])
