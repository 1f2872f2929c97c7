"""What must start quickly loads nothing slow."""

from __future__ import annotations

import subprocess
import sys

import pytest

STARTS = {
    "afdcli": ("import afdcli; dir(afdcli)", "torch timm numpy pandas PIL"),
    "help": (
        "from afdcli.cli.main import app\ntry: app(['train', '--help'])\nexcept SystemExit: pass",
        "torch timm torchvision numpy PIL matplotlib jinja2",
    ),
    "completion": (
        "from afdcli.cli.main import app; from afdcli.cli.completion import backbones;"
        "assert backbones('resnet50')",
        "torch timm numpy pandas PIL",
    ),
    "a reader": ("import afdcli.workers.read_task", "torch timm"),
    "local results": (
        "from pathlib import Path; from afdcli.storage import folders, paths;"
        "folders.Folder(Path('none')).parts(); paths.is_file(Path('none'))",
        "fsspec",
    ),
}


@pytest.mark.parametrize("name", STARTS)
def test_nothing_slow_is_loaded(name: str) -> None:
    code, slow = STARTS[name]
    code += f"\nimport sys; print(sorted({set(slow.split())} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "[]"
