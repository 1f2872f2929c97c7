"""Count the inputs of a run while it classifies them, for the time that is left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from afdcli.inputs.found import Found


class BackgroundCount:
    """Counts *found* in a thread; a context manager that stops the thread at its end.

    Args:
        found: the inputs to count; None if they cannot be counted in advance.
        more: number of inputs found so far that the count by name misses.
        most: number of inputs that are used at most; None for all.
    """

    def __init__(
        self,
        found: Iterator[Found] | None,
        more: Callable[[], int] = lambda: 0,
        most: int | None = None,
    ) -> None:
        self._total: int | None = None
        self._most = most
        self._found = found
        self._more = more
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._count, name="afd-count", daemon=True)

    def _count(self) -> None:
        count = 0
        for _ in self._found or ():
            count += 1
            if self._stop.is_set():
                return
        self._total = count

    @property
    def total(self) -> int | None:
        """The number of inputs, None until it is known; exact near the end of the run."""
        if self._total is None:
            return None
        total = self._total + self._more()
        return total if self._most is None else min(total, self._most)

    def __enter__(self) -> BackgroundCount:
        if self._found is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._found is not None:
            self._thread.join()
