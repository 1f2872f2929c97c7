"""List archives in a separate process, so that an archive that crashes it cannot end a run.

The process reads an archive once and keeps its position; it is asked for one page after another.
Where a page ends depends only on the archive, so a replaced process finds its position again.
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
from afdcli.inputs.members import Item, Pause, Spool, Spooled, TemporaryFile, failed_archive
from afdcli.workers.pool import WorkerPool

_PAGE_ITEMS = 256
_PAGE_BYTES = 16 << 20  # unpacked bytes after which a page ends
_PAGE_PAUSES = 4  # pauses after which a page ends


@dataclass(frozen=True)
class PageTask:
    """A request for page *number*, from 0, of an archive.

    Attributes:
        rule: which members become rows.
        spool: the file to unpack members into.
        skip: number of items of the page to skip.
        single: return only one item; the page is then requested again with a larger *skip*.
    """

    archive: Path
    number: int
    rule: Rule
    spool: Path
    skip: int = 0
    single: bool = False


@dataclass(frozen=True)
class Page:
    """The items of a page, or one of them.

    Attributes:
        items: rows and skipped members, in order.
        last: whether the archive ends here.
        complete: whether the page ends here.
    """

    items: tuple[Found | Skipped, ...]
    last: bool
    complete: bool = True


class _Position:
    """The position of this process in an archive."""

    def __init__(self, task: PageTask) -> None:
        self.archive = task.archive
        self.number = 0  # of the page
        self.skip = 0  # items of it that were read
        self._pauses = self._bytes = 0
        self._spool = Spool()
        self._items = list_archive(task.archive, task.rule, self._spool)

    @property
    def at(self) -> tuple[int, int]:
        return self.number, self.skip

    def page(self, task: PageTask) -> Page:
        """Advance to the start of *task* and read its items."""
        while self.at < (task.number, task.skip):
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


_position: _Position | None = None  # of this process


def list_page(task: PageTask) -> Page:
    """List one page; runs in the worker."""
    global _position
    here = _position
    if here is None or here.archive != task.archive or here.at > (task.number, task.skip):
        here = _position = _Position(task)
    return here.page(task)


@dataclass(frozen=True)
class Lister:
    """Lists archives, each in a new process.

    Attributes:
        timeout_s: most seconds for a page, which is a few hundred members or 256 MiB.
        memory_limit: most bytes of memory for the process.
    """

    timeout_s: float
    memory_limit: int

    def __call__(self, archive: Path, rule: Rule) -> Iterator[Found | Skipped]:
        """Yield the members of *archive*, see `afdcli.inputs.archives.list_archive`."""
        number, single = 0, False
        while True:
            # If a page fails, request its items one by one, to keep those before the cause.
            end = yield from self._pages(archive, rule, number, single)
            if end is None:
                return
            number, error = end
            if error is None:
                single = False
            elif single:
                reason = f"cannot be listed further: {error.message}; the rest cannot be read"
                yield failed_archive(archive, reason, error.code)
                return
            else:
                single = True

    def _pages(
        self, archive: Path, rule: Rule, first: int, single: bool
    ) -> Generator[Found | Skipped, None, tuple[int, PhotoError | None] | None]:
        """Yield the items of all pages from *first* on, or of that page only, one by one.

        Returns:
            None at the end of the archive; else the next page, and the error that stopped it.
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
                yield from [_keeping(item, spool) for item in page.items]
                if page.last:
                    return None
                if single and page.complete:
                    return first + 1, None
        raise AssertionError("the requests never end")


def _keeping(item: Found | Skipped, spool: TemporaryFile) -> Found | Skipped:
    """*item* with a reference to *spool*, if its bytes are in it."""
    if isinstance(item, Found) and isinstance(item.source, Spooled):
        return replace(item, source=replace(item.source, keep=spool))
    return item
