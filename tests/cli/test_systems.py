"""A system without afd is named in one line; the files for a container fit the rest."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import afdcli
from afdcli.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
CLUSTERS = ROOT / "examples" / "clusters"


def test_windows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert "does not run on Windows" in printed
    assert len(printed.splitlines()) == 1


def test_the_dockerfile_copies_what_is_there() -> None:
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (CLUSTERS / "Dockerfile").read_text(), re.M)
    for path in " ".join(copied).split():
        assert (ROOT / path).exists()
        assert f"!{path}" in kept


def test_all_speak_of_the_same_image() -> None:
    pages = (
        CLUSTERS / "Dockerfile",
        CLUSTERS / "kubernetes.yaml",
        ROOT / "examples/guides/systems.md",
    )
    names = {n for page in pages for n in re.findall(r"afdcli:[\d.]*\d", page.read_text("utf-8"))}
    assert names == {f"afdcli:{afdcli.__version__}"}
