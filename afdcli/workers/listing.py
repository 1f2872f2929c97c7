"""Listing archives in a process of its own, which may die: no archive can end a run.

The process goes through an archive once and keeps its place; it is asked for one page after the
other. Where a page ends depends on the archive alone, so that a process that was replaced finds
the place again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from afdcli.errors import PhotoError
from afdcli.inputs.archives import list_archive
from afdcli.inputs.found import Found, Skipped
from afdcli.inputs.kinds import Rule
from afdcli.inputs.members import Item, Pause, Spool, Spooled, TemporaryFile, lost
from afdcli.workers.pool import WorkerPool

_PAGE_ITEMS = 256
_PAGE_BYTES = 16 << 20  # unpacked, after which a page ends
_PAGE_PAUSES = 4  # after which a page ends


@dataclass(frozen=True)
class PageTask:
    """Page *number* of an archive, from 0.

    Attributes:
        spool: what to unpack members into.
        single: give one item; the page is asked for again and again, *skip* items further on.
    """

    archive: Path
    number: int
    rule: Rule
    spool: Path
    skip: int = 0
    single: bool = False


@dataclass(frozen=True)
class Page:
    """What is on a page, or one item of it.

    Attributes:
        last: nothing follows.
        complete: nothing follows on this page.
    """

    items: tuple[Found | Skipped, ...]
    last: bool
    complete: bool = True


class _Place:
    """How far this process has gone through an archive."""

    def __init__(self, task: PageTask) -> None:
        self.archive = task.archive
        self.number = 0  # of the page
        self.skip = 0  # items of it that are done
        self._pauses = self._bytes = 0
        self._spool = Spool()
        self._items = list_archive(task.archive, task.rule, self._spool)

    def behind(self, task: PageTask) -> bool:
        """Whether *task* asks for something that was passed."""
        return task.archive != self.archive or (self.number, self.skip) > (task.number, task.skip)

    def page(self, task: PageTask) -> Page:
        """Go on to where *task* begins, and read from there."""
        while (self.number, self.skip) < (task.number, task.skip):
            self._spool.path = None
            if self._next() is None:
                return Page((), last=True)
        self._spool.path = task.spool
        items: list[Found | Skipped] = []
        while self.number == task.number:
            item = self._next()
            if item is None:
                return Page(tuple(items), last=True)
            if not isinstance(item, Pause):
                items.append(item)
            if task.single:
                break
        return Page(tuple(items), last=False, complete=self.number != task.number)

    def _next(self) -> Item | None:
        item = next(self._items, None)
        self.skip += 1
        self._pauses += isinstance(item, Pause)
        if isinstance(item, Found) and isinstance(item.source, Spooled):
            self._bytes += item.source.size
        full = self.skip >= _PAGE_ITEMS or self._bytes >= _PAGE_BYTES
        if full or self._pauses >= _PAGE_PAUSES:
            self.number += 1
            self.skip = self._pauses = self._bytes = 0
        return item


_place: _Place | None = None  # of this process


def list_page(task: PageTask) -> Page:
    """Runs in the worker."""
    global _place
    if _place is None or _place.behind(task):
        _place = _Place(task)
    return _place.page(task)


@dataclass(frozen=True)
class Lister:
    """Lists archives, each in a new process.

    Attributes:
        timeout_s: seconds that a page may take: some hundred members, or 256 MiB.
        memory_limit: bytes that the process may hold.
    """

    timeout_s: float
    memory_limit: int

    def __call__(self, archive: Path, rule: Rule) -> Iterator[Found | Skipped]:
        """What is in *archive*, see `afdcli.inputs.archives.list_archive`."""
        number, single = 0, False
        while True:
            # After a page that was too much, its items one by one: those before the cause stay.
            end = yield from self._pages(archive, rule, number, single)
            if end is None:
                return
            number, error = end
            if error is None:
                single = False
            elif single:
                reason = f"listing it: {error.message}; what lies behind is lost"
                yield lost(archive, reason, error.code)
                return
            else:
                single = True

    def _pages(
        self, archive: Path, rule: Rule, first: int, single: bool
    ) -> Generator[Found | Skipped, None, tuple[int, PhotoError | None] | None]:
        """The pages from *first* on, or that one alone in single items.

        Returns:
            None at the end of the archive; else where it goes on, or why it does not.
        """
        spools: deque[TemporaryFile] = deque()

        def task(number: int) -> PageTask:
            spools.append(TemporaryFile())
            if single:
                return PageTask(archive, first, rule, spools[-1].path, number, single=True)
            return PageTask(archive, first + number, rule, spools[-1].path)

        ahead = 1 if single else 2
        with WorkerPool(1, timeout_s=self.timeout_s, memory_limit=self.memory_limit) as pool:
            for asked, page in pool.ordered(list_page, map(task, count()), ahead):
                spool = spools.popleft()
                if isinstance(page, PhotoError):
                    return asked.number, page
                yield from [_holding(item, spool) for item in page.items]
                if page.last:
                    return None
                if single and page.complete:
                    return first + 1, None
        raise AssertionError("there is always a next page")


def _holding(item: Found | Skipped, spool: TemporaryFile) -> Found | Skipped:
    """*item*, which keeps *spool* alive if it needs it."""
    if isinstance(item, Found) and isinstance(item.source, Spooled):
        return replace(item, source=replace(item.source, keep=spool))
    return item
