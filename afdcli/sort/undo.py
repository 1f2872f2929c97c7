"""Put back what ``afd sort`` moved, and remove its copies and links."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from afdcli.errors import UsageError
from afdcli.sort.files import PART, bring, equal, is_link_to, is_same_copy
from afdcli.sort.moves import COPY, LINK, LIST, MOVE, Move, MoveList
from afdcli.sort.run import Problems
from afdcli.storage.lock import locked


@dataclass
class Undone:
    """What was undone.

    Attributes:
        put_back: pictures that are at their old place again.
        removed: copies and links that were removed.
        already: pictures that were at their old place, and copies and links that were gone.
        problems: pictures that could not be put back.
    """

    put_back: int = 0
    removed: int = 0
    already: int = 0
    problems: Problems = field(default_factory=Problems)


def undo(path: Path) -> Undone:
    """Undo the moves in the list *path*, also those of an interrupted sort. May be repeated.

    Nothing is replaced: a picture whose old place is taken stays, and so do changed copies, and
    copies whose original is gone. Folders that the sort made are removed if they are empty.

    Raises:
        UsageError: *path* is no list of moves, or all of it is undone, or a sort is at work.
        ResultsError: *path* cannot be read or written.
    """
    if not path.is_file():
        raise UsageError(f"--undo {path}: no such file; afd sort writes it into its --to folder")
    moves, done = MoveList(path), Undone()
    made: list[Path] = []
    used: set[Path] = set()
    with locked(path.with_name(LIST), "--undo"):
        for record in moves.records():
            if record.get("undone") is True:
                raise UsageError(f"--undo {path}: all of it has been undone already")
            if isinstance(folder := record.get("folder"), str):
                made.append(moves.target(folder))
        for move in moves.moves():
            target = moves.target(move.target)
            used.add(target.parent)
            _undo(move, target, done)
        moves.append([{"undone": not done.problems.counts}])
    for folder in used:
        with suppress(OSError):
            (folder / PART).unlink(missing_ok=True)  # of a kill
    for folder in made:
        with suppress(OSError):  # not empty
            folder.rmdir()
    return done


def _undo(move: Move, target: Path, done: Undone) -> None:
    try:
        if move.how == MOVE:
            _put_back(move, target, done)
        elif not os.path.lexists(target):
            done.already += 1
        elif move.how == COPY and not os.path.lexists(move.source):
            done.problems.add("its original is gone, so the copy stays", str(target))
        elif _is_ours(move, target):
            target.unlink()
            done.removed += 1
        else:
            done.problems.add("it was changed since", str(target))
    except OSError as error:
        done.problems.add(error.strerror or str(error), str(target))


def _is_ours(move: Move, target: Path) -> bool:
    """True if *target* is the copy or link of *move*, unchanged, or what a kill left of it."""
    if move.how == LINK:
        return is_link_to(target, move.source)
    return is_same_copy(move, target) or not target.stat().st_size


def _put_back(move: Move, target: Path, done: Undone) -> None:
    source, there = Path(move.source), os.path.lexists(target)
    if not os.path.lexists(source):
        if not there:
            done.problems.add("it is neither at its new place nor at its old one", move.source)
            return
        source.parent.mkdir(parents=True, exist_ok=True)
        bring(target, source, move.link)
        done.put_back += 1
    elif not there:
        done.already += 1
    elif _is_half_moved(move, source, target):
        target.unlink()  # a kill left it so
        done.put_back += 1
    else:
        done.problems.add("another file is at its old place", move.source)


def _is_half_moved(move: Move, source: Path, target: Path) -> bool:
    if move.link:
        return is_link_to(source, move.link)
    return not target.stat().st_size or equal(source, target)
