"""The list of moves: a JSON Lines file that is written before any file is touched.

::

    {"afd": "moves", "results": "/run.csv", "by": "label", …}      what was asked for
    {"folder": "cat"}                                              a folder that sort made
    {"row": 3, "how": "move", "from": "/photos/a.jpg", "to": "cat/a.jpg", …}
    {"end": true}                                                  all moves are made
    {"undone": true}                                               all is put back; or not all
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afdcli.errors import ResultsError, UsageError
from afdcli.results.origins import inside
from afdcli.storage.paths import trouble
from afdcli.storage.writable import write_at

LIST = "afd-moves.jsonl"
_TAIL = 1 << 16  # bytes in which the last line is looked for

MOVE, COPY, LINK = "move", "copy", "link"


@dataclass(frozen=True)
class Move:
    """One picture on its way.

    Attributes:
        row: number of the row in the results, from 1.
        how: `MOVE`, `COPY` or `LINK` (symbolic).
        source: absolute path.
        target: path relative to the folder of the list.
        size, changed: bytes and time of the last change in nanoseconds, of a copy.
        link: where the source leads if it is a symbolic link; "" if it is none.
    """

    row: int
    how: str
    source: str
    target: str
    size: int = 0
    changed: int = 0
    link: str = ""

    def record(self) -> dict[str, object]:
        """The line of the list, as an object."""
        record: dict[str, object] = {"row": self.row, "how": self.how, "from": self.source}
        record["to"] = self.target
        if self.how == COPY:
            record |= {"size": self.size, "changed": self.changed}
        return record | ({"link": self.link} if self.link else {})

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Move:
        """Undo `record`. Raises KeyError, TypeError or ValueError if it is none."""
        size, changed = int(record.get("size", 0)), int(record.get("changed", 0))
        words = (record["how"], record["from"], record["to"])
        if not all(isinstance(word, str) for word in words) or words[0] not in (MOVE, COPY, LINK):
            raise ValueError(record)
        return cls(int(record["row"]), *words, size, changed, str(record.get("link", "")))


class MoveList:
    """The list at *path*, in the folder that pictures are sorted into."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def in_folder(cls, folder: Path) -> MoveList:
        """A new list in *folder*.

        Raises:
            UsageError: the last sort in *folder* was interrupted.
            ResultsError: the disk fails.
        """
        found, number = cls(folder / LIST), 1
        while os.path.lexists(found.path):
            if found.unfinished():
                cure = f"afd sort --undo {shlex.quote(str(found.path))}"
                message = f"an earlier sort was interrupted: {cure} puts its pictures back"
                raise UsageError(f"{message}; then sort again")
            number += 1
            found = cls(folder / LIST.replace(".", f"-{number}."))
        return found

    def unfinished(self) -> bool:
        """True if the list was cut off, and was not undone."""
        with trouble("read", self.path), self.path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            last = next(filter(None, map(_parsed, reversed(file.read().split(b"\n")))), {})
        return not {"end", "undone"} & set(last)

    def append(self, records: Sequence[Mapping[str, object]]) -> None:
        """Write *records* to the disk itself, so that they outlive a power cut.

        A last line that was cut off is removed first.
        """
        if not records:
            return
        with trouble("write", self.path):
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                end = os.lseek(file, 0, os.SEEK_END)
                tail = os.pread(file, min(end, _TAIL), end - min(end, _TAIL))
                end -= len(tail) - (tail.rfind(b"\n") + 1)
                os.ftruncate(file, end)
                data = "".join(json.dumps(record) + "\n" for record in records).encode()
                write_at(file, data, end)
                os.fsync(file)
            finally:
                os.close(file)

    def records(self) -> Iterator[dict[str, Any]]:
        """All whole lines but the first.

        Raises:
            UsageError: it is no list of moves.
            ResultsError: it cannot be read.
        """
        with trouble("read", self.path), self.path.open("rb") as file:
            if _parsed(file.readline()).get("afd") != "moves":
                raise UsageError(f"{self.path}: not a list of moves of afd sort")
            for number, line in enumerate(file, 2):
                if record := _parsed(line):
                    yield record
                elif line.endswith(b"\n"):
                    raise UsageError(f"{self.path}: line {number} is damaged")

    def moves(self) -> Iterator[Move]:
        """All moves, in the order of the rows. Raises as `records`."""
        for record in self.records():
            if "row" in record:
                try:
                    yield Move.of(record)
                except (KeyError, TypeError, ValueError) as error:
                    raise UsageError(f"{self.path}: damaged: {json.dumps(record)}") from error

    def target(self, name: str) -> Path:
        """The file *name* (see `Move.target`) in the folder of the list.

        Raises:
            ResultsError: it leads out of the folder.
        """
        path = inside(self.path.parent, name)
        if path is None:
            raise ResultsError(f"{self.path}: {name} leads out of the folder")
        return Path(path)


def _parsed(line: bytes) -> dict[str, Any]:
    """A line as an object; empty if it is none."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
