"""Results in parts: their files, counts and report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import Result

from kit import command


def report(*args: str) -> Result:
    return command.afd("report", *args)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def counts(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(f"{out}.meta.json").read_text())["counts"]
    return {k: v for k, v in found.items() if k not in ("seconds", "resumed")}
