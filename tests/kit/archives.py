"""What afd sees of an archive."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from afdcli.errors import PhotoError
from afdcli.inputs.archives import list_archive, read_source
from afdcli.inputs.found import Found, Skipped
from afdcli.inputs.kinds import Rule
from afdcli.inputs.members import Spool, TemporaryFile

LIMIT = 1 << 30  # bytes of a member


def seen(name: str, rule: Rule | None = None) -> tuple[dict[str, Any], Counter[str]]:
    """Member -> its bytes or its error, in order; and what was skipped."""
    room, spool = TemporaryFile(), Spool()
    spool.path = room.path
    rows: dict[str, Any] = {}
    kinds: Counter[str] = Counter()
    for item in list_archive(Path(name), rule or Rule(), spool):
        if isinstance(item, Skipped):
            kinds[item.kind] += 1
        elif isinstance(item, Found):
            assert item.source is not None
            try:
                rows[item.relative.removeprefix(f"{name}/")] = read_source(item.source, LIMIT)
            except PhotoError as error:
                rows[item.relative.removeprefix(f"{name}/")] = error
    return rows, kinds


def codes(name: str) -> dict[str, Any]:
    """Member -> its bytes or the code of its error, in order."""
    rows, _ = seen(name)
    return {n: row.code if isinstance(row, PhotoError) else row for n, row in rows.items()}
