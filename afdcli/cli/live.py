"""Progress of a run over many images, on standard error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from afdcli.cli.console import duration
from afdcli.inputs.inputs import Inputs

#: Seconds between two lines where there is no terminal.
EVERY_S = 30.0


class Lines:
    """Prints *line()* every `EVERY_S` seconds where there is no terminal. A context manager."""

    def __init__(self, screen: Console, line: Callable[[], str]) -> None:
        self._screen = screen
        self._line = line
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._print, name="afd-progress", daemon=True)

    def _print(self) -> None:
        while not self._end.wait(EVERY_S):
            with suppress(OSError, ValueError):  # standard error may be closed; the run goes on
                self._screen.print(self._line(), markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Lines:
        if not (self._screen.is_terminal or self._screen.quiet):
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread.ident is not None:  # else it was not started
            self._thread.join()


@contextmanager
def counting(screen: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar over a known number of things, or lines where there is no terminal.

    Args:
        screen: where to draw.
        what: is counted, e.g. "pictures".

    Yields:
        A function to call with how many are done, and how many there are.
    """
    done = total = 0
    shown = screen.is_terminal and not screen.quiet
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn())
    bar = Progress(*columns, console=screen, disable=not shown, transient=True)
    task = bar.add_task(what, total=None)

    def update(now: int, of: int) -> None:
        nonlocal done, total
        done, total = now, of
        bar.update(task, completed=now, total=of)

    with bar, Lines(screen, lambda: f"{done:,} of {total:,} {what}"):
        yield update


class Counts(Protocol):
    """Progress of a run: images done so far, failures among them, images per second."""

    @property
    def done(self) -> int: ...  # noqa: D102
    @property
    def failures(self) -> int: ...  # noqa: D102
    @property
    def rate(self) -> float: ...  # noqa: D102


class Live:
    """A progress bar on a terminal; elsewhere, such as under SLURM, a line every 30 s.

    A context manager.

    Args:
        screen: where to draw; nothing is drawn if it is quiet.
        inputs: of the run; they are counted in the background.

    Attributes:
        done: images done so far.
    """

    def __init__(self, screen: Console, inputs: Inputs) -> None:
        self._step = "starting"
        self.done = self._failures = 0
        self._rate = 0.0
        self._inputs = inputs
        self._counter = None if screen.quiet else inputs.counter()
        self._lines = Lines(screen, self.line)
        self._bar = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            _Rate(self),
            TextColumn("{task.fields[failed]}", style="red"),
            TimeRemainingColumn(),
            console=screen,
            disable=screen.quiet or not screen.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, failed="")

    @property
    def total(self) -> int | None:
        """Images of the whole run; None if that is not known, or not yet."""
        return self._counter.total if self._counter else None

    @property
    def rate(self) -> str:
        """Images per second; before the first one, what the run is doing."""
        if self.done:
            return f"{self._rate:.1f} images/s"
        step = "drawing the sample" if self._inputs.drawing else self._step
        return f"{step}; images found: {self._inputs.listed:,}"

    def begin(self, step: str) -> None:
        """Say what the run does now, before the first image is done, such as "counting"."""
        self._step = step

    def update(self, counts: Counts) -> None:
        """Show the counts so far."""
        self.done, self._failures, self._rate = counts.done, counts.failures, counts.rate
        failed = f"{self._failures:,} failed" if self._failures else ""
        self._bar.update(self._task, completed=self.done, total=self.total, failed=failed)

    def line(self) -> str:
        """The counts so far, as one line."""
        total = self.total
        of = "" if total is None else f" of {total:,}"
        if not self.done:
            return f"{self.rate}{of}"
        return f"{self.done:,}{of} images, {self.rate}, {self._failures:,} failed, {self._left()}"

    def _left(self) -> str:
        if self.total is None or not self._rate:
            return "time left unknown"
        return f"{duration(max(0, self.total - self.done) / self._rate)} left"

    def __enter__(self) -> Live:
        self._bar.start()
        if self._counter is not None:
            self._counter.__enter__()
        self._lines.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.__exit__()
        if self._counter is not None:
            self._counter.__exit__()
        self._bar.stop()


class _Rate(ProgressColumn):
    """Column with `Live.rate`, which changes even while no image is done."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live = live

    def render(self, task: Task) -> Text:
        return Text(self._live.rate)
