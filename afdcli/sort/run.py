"""Sort the pictures of results into folders, with a list of moves to put them back."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from afdcli.errors import ResultsError
from afdcli.results.origins import Origins
from afdcli.results.stream import stream_results
from afdcli.sort.files import carry_out
from afdcli.sort.moves import COPY, LIST, MOVE, Move, MoveList
from afdcli.sort.names import free_name
from afdcli.sort.plan import Plan, find_picture
from afdcli.storage.lock import locked
from afdcli.storage.paths import Place, trouble

_AT_ONCE = 100  # moves that are written to the list before they are made


@dataclass
class Problems:
    """Pictures that were left out, by reason, with the first of each."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        """Count the picture *name*."""
        self.counts[reason] += 1
        self.first.setdefault(reason, name)


@dataclass
class Sorted:
    """What was sorted.

    Attributes:
        moves: the list of moves; None if nothing was to be moved, or only tried.
        folders: folder -> pictures that are now in it.
        valueless: pictures that stay where they are because their row has no value.
        in_place: pictures that were in their folder already.
        problems: pictures that could not be moved.
    """

    moves: Path | None = None
    folders: Counter[str] = field(default_factory=Counter)
    valueless: int = 0
    in_place: int = 0
    problems: Problems = field(default_factory=Problems)


@dataclass(frozen=True)
class Sorting:
    """A sort that can be run.

    Attributes:
        results: a results file, a folder of parts or a URL.
        into: the folder in which folders are made.
        plan: what decides the folder.
        origins: where the pictures are.
        how: `MOVE`, `COPY` or `LINK`.
    """

    results: Place
    into: Path
    plan: Plan
    origins: Origins
    how: str = MOVE

    def run(self, on_rows: Callable[[int], None] = lambda _: None) -> Sorted:
        """Sort.

        Args:
            on_rows: called with the number of rows so far.

        Raises:
            UsageError: the results cannot be sorted in this way, another sort is at work, or an
                earlier one was interrupted.
            ResultsError: the results cannot be read, or the list of moves cannot be written.
        """
        self._check()
        with locked(self.into / LIST, "--to"):
            return _Run(self, MoveList.in_folder(self.into)).run(on_rows)

    def count(self, on_rows: Callable[[int], None] = lambda _: None) -> Sorted:
        """What `run` would do, without touching a file. Raises as `run`."""
        self._check()
        return _Run(self, MoveList.in_folder(self.into), only_count=True).run(on_rows)

    def _check(self) -> None:
        first = next(iter(stream_results(self.results)), None)
        if first is None:
            raise ResultsError(f"{self.results}: no rows yet")
        self.plan.check(first)

    def header(self) -> dict[str, object]:
        """What the first line of the list says."""
        return {"results": str(self.results), "by": self.plan.by, "how": self.how}

    def is_in_place(self, picture: Path, folder: str) -> bool:
        """True if *picture* is in *folder* already."""
        return os.path.realpath(picture.parent) == os.path.realpath(self.into / folder)


class _Run:
    """The loop of `Sorting.run`."""

    def __init__(self, sorting: Sorting, moves: MoveList, only_count: bool = False) -> None:
        self._sorting, self._moves, self._only_count = sorting, moves, only_count
        self._done = Sorted()
        self._waiting: list[Move] = []
        self._taken: set[str] = set()  # targets of these
        self._folders: set[str] = set()

    def run(self, on_rows: Callable[[int], None]) -> Sorted:
        for number, row in enumerate(stream_results(self._sorting.results), 1):
            try:
                folder = self._sorting.plan.folder(row)
            except ValueError as error:
                self._flush()  # what is planned is in the list, and can be undone
                raise ResultsError(f"{self._sorting.results}: row {number}: {error}") from error
            if not folder:
                self._done.valueless += 1
            else:
                self._row(number, folder, row["path"])
            if len(self._waiting) >= _AT_ONCE:
                self._flush()
            on_rows(number)
        self._flush()
        if self._done.moves is not None:
            self._moves.append([{"end": True}])
        return self._done

    def _row(self, number: int, folder: str, name: str) -> None:
        picture = find_picture(self._sorting.origins, name)
        if isinstance(picture, str):
            self._done.problems.add(picture, name)
        elif self._sorting.is_in_place(picture, folder):
            self._done.in_place += 1
        elif self._only_count:
            self._done.folders[folder] += 1
        else:
            self._plan(number, folder, picture)

    def _plan(self, number: int, folder: str, picture: Path) -> None:
        """Choose a free name for *picture* in *folder*."""

        def taken(name: str) -> bool:
            target = f"{folder}/{name}"
            return target in self._taken or os.path.lexists(self._sorting.into / target)

        target = f"{folder}/{free_name(picture.name, taken)}"
        how, size, changed, link = self._sorting.how, 0, 0, ""
        try:
            if how == COPY:
                status = picture.stat()
                size, changed = status.st_size, status.st_mtime_ns
            elif how == MOVE and picture.is_symlink():
                link = os.readlink(picture)  # noqa: PTH115 - Path() would tidy it
        except OSError as error:
            self._done.problems.add(error.strerror or str(error), str(picture))
            return
        self._taken.add(target)
        self._waiting.append(Move(number, how, str(picture), target, size, changed, link))

    def _flush(self) -> None:
        """Write the waiting moves to the list, then make them."""
        if not self._waiting:
            return
        records: list[dict[str, object]] = []
        if self._done.moves is None:
            records.append({"afd": "moves", **self._sorting.header()})
            self._done.moves = self._moves.path
        folders = {move.target.split("/")[0] for move in self._waiting} - self._folders
        new = [f for f in sorted(folders) if not os.path.lexists(self._sorting.into / f)]
        records += [{"folder": folder} for folder in new]
        self._moves.append(records + [move.record() for move in self._waiting])
        for folder in folders:
            with trouble("make", self._sorting.into / folder):
                (self._sorting.into / folder).mkdir(parents=True, exist_ok=True)
        self._folders |= folders
        for move in self._waiting:
            self._make(move)
        self._waiting.clear()
        self._taken.clear()

    def _make(self, move: Move) -> None:
        try:
            target = self._moves.target(move.target)
            target.parent.mkdir(exist_ok=True)
            carry_out(move, target)
        except FileExistsError:
            self._done.problems.add("another file took its new name", move.source)
        except OSError as error:
            self._done.problems.add(error.strerror or str(error), move.source)
        else:
            self._done.folders[move.target.split("/")[0]] += 1
