"""A hostile environment ends in a result or in one line, never in a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from kit.classify import jpeg

AFD = f"{sys.executable} -m afdcli degrade in --qf 10 --workers 1 --out out"
LINES = {
    "a full standard output": (f"{AFD} > /dev/full", 3, "no space is left on the disk"),
    "no standard input": (f"{AFD} <&-", 0, ""),
    "no standard output": (f"{AFD} >&-", 0, ""),
    "a reader that has gone": (f"{AFD} | true; exit ${{PIPESTATUS[0]}}", 0, ""),
    "ASCII": (f"LC_ALL=C PYTHONUTF8=0 PYTHONIOENCODING=ascii {AFD}", 0, ""),
    "few open files": (f"ulimit -n 24; {AFD}", 0, ""),
    "no temporary folder": (f"TMPDIR=/nowhere {AFD}", 0, ""),
    "no home": (f"HOME=/nowhere XDG_CACHE_HOME=/nowhere/c {AFD}", 0, ""),
    "no current folder": (f"mkdir g; cd g; rmdir ../g; {AFD}", 2, "the current folder cannot be"),
}


@pytest.mark.parametrize("name", LINES)
def test_environments(here: Path, name: str) -> None:
    line, code, message = LINES[name]
    (here / "in").mkdir()
    (here / "in" / "photo.jpg").write_bytes(jpeg(1))
    run = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120)
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    assert message in " ".join(run.stderr.split())
    assert len(run.stderr.splitlines()) <= 1 or code == 0
    if code == 0:
        assert len(list((here / "out").rglob("*.jpg"))) == 1
