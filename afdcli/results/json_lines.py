"""Read a JSON Lines file that may have been cut off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path


def json_objects(path: Path) -> Iterator[dict[str, object] | None]:
    """The lines of a JSON Lines file; None for a last one that was cut off while it was written.

    Raises:
        ValueError: another line is no JSON object.
        OSError, RecursionError: the file cannot be read.
    """
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                if not line.endswith("\n"):  # only the last line
                    yield None
                    return
                raise ValueError(f"line {number} is not JSON ({error})") from None
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not a JSON object")
            yield row
