"""The first line comes before torch is imported, which takes seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from kit.classify import jpeg

#: Runs a command up to its first line; the exit code is 0 if nothing slow was imported before.
_UP_TO_FIRST_LINE = """
import sys
from afdcli.cli import console
def say_loading(name, quiet=False):
    print(name, *({"torch", "timm", "torchvision", "pandas", "numpy", "PIL"} & set(sys.modules)))
    raise SystemExit(7)
console.say_loading = say_loading
from afdcli.cli.main import app
app(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "command", ["classify .", "classify . --dry-run --backbone resnet50", "train --data ."]
)
def test_it_comes_before_slow_imports(here: Path, command: str) -> None:
    (here / "a.jpg").write_bytes(jpeg(1))
    line = [sys.executable, "-c", _UP_TO_FIRST_LINE, *command.split()]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    name = "resnet50" if "resnet50" in command else "tf_efficientnet_lite0"
    assert done.stdout == f"{name}\n"
