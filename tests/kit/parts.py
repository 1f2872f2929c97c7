"""Results in parts: their files, counts and report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from afdcli.results.metadata import read_metadata
from afdcli.storage.paths import place


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def counts(out: str) -> dict[str, Any]:
    facts = read_metadata(place(out))
    assert (facts["status"], facts["options"]["out"]) == ("finished", out)
    found: dict[str, Any] = facts["counts"]
    return {k: v for k, v in found.items() if k not in ("seconds", "resumed")}
