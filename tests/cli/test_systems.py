"""A system that afd does not run on is named in one line."""

from __future__ import annotations

import sys

import pytest

from afdcli.__main__ import main


def test_windows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert "does not run on Windows" in printed
    assert len(printed.splitlines()) == 1
