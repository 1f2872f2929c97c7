"""A list of the files that failed, which ``afd classify -`` reads."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from afdcli.constants import FAILED
from afdcli.results.origins import Origins
from afdcli.results.stream import stream_results
from afdcli.storage.paths import Place, trouble


@dataclass
class Retry:
    """What `list_failed` wrote.

    Attributes:
        listed: files in the list.
        omitted: reason -> failed rows that are not in the list.
    """

    listed: int = 0
    omitted: Counter[str] = field(default_factory=Counter)

    @property
    def remark(self) -> str:
        """What is not in the list, and why; "" if all is."""
        counts = "; ".join(f"{n:,}: {reason}" for reason, n in self.omitted.most_common())
        return f"{self.omitted.total():,} failed rows are not in the list ({counts})" * bool(counts)


def list_failed(results: Place, origins: Origins, out: Path) -> Retry:
    """Write the paths and URLs of the failed rows of *results* to *out*, one per line, atomically.

    Raises:
        ResultsError: the results cannot be read, or *out* cannot be written.
    """
    retry = Retry()
    new = out.with_name(out.name + ".part")
    with trouble("write", out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as file:
            for line in _lines(results, origins, retry):
                file.write(line)
        new.replace(out)
    return retry


def _lines(results: Place, origins: Origins, retry: Retry) -> Iterator[bytes]:
    for row in stream_results(results):
        if row["status"] != FAILED:
            continue
        origin = origins.find(row["path"])
        name = origin.url or os.fsdecode(origin.file or "")
        if "\n" in name or name.endswith("\r"):
            retry.omitted["a line break in the name"] += 1
        elif name:
            retry.listed += 1
            yield os.fsencode(name) + b"\n"
        else:
            inside = f"in {origin.archive}, which can only be classified as a whole"
            retry.omitted[inside if origin.archive else origin.problem] += 1
