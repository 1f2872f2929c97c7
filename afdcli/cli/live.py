"""Progress of a run over many images, on standard error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
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


def bar(screen: Console, *columns: ProgressColumn, transient: bool = True) -> Progress:
    """A progress bar; nothing is drawn without a terminal, or if *screen* is quiet."""
    shown = screen.is_terminal and not screen.quiet
    return Progress(*columns, console=screen, disable=not shown, transient=transient)


@contextmanager
def lines(screen: Console, line: Callable[[], str]) -> Iterator[None]:
    """Print *line()* every `EVERY_S` seconds where there is no terminal."""
    end = threading.Event()

    def show() -> None:
        while not end.wait(EVERY_S):
            with suppress(OSError, ValueError):  # standard error may be closed; the run goes on
                screen.print(line(), markup=False, highlight=False, soft_wrap=True)

    if screen.is_terminal or screen.quiet:
        yield
        return
    thread = threading.Thread(target=show, name="afd-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@contextmanager
def counting(screen: Console, what: str) -> Iterator[Callable[..., None]]:
    """A bar over a number of *what*, e.g. "pictures", or lines where there is no terminal.

    Call what it yields with how many are done and, if that is known, how many there are.
    """
    done = 0
    total: int | None = None
    shown = bar(
        screen, TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn()
    )
    task = shown.add_task(what, total=None)

    def update(now: int, of: int | None = None) -> None:
        nonlocal done, total
        done, total = now, of
        shown.update(task, completed=now, total=of)

    def line() -> str:
        of = f" of {total:,}" if total else ""
        return f"{done:,}{of} {what}" if done or of else f"looking for {what}"

    with shown, lines(screen, line):
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

    A context manager. The *inputs* of the run are counted in the background.

    Attributes:
        done: images done so far.
    """

    def __init__(self, screen: Console, inputs: Inputs) -> None:
        self._step = "starting"
        self.done = self._failures = 0
        self._rate = 0.0
        self._inputs = inputs
        self._counter = None if screen.quiet else inputs.counter()
        self._screen, self._stack = screen, ExitStack()
        failed = TextColumn("{task.fields[failed]}", style="red")
        columns = (BarColumn(bar_width=20), MofNCompleteColumn(), _Rate(self), failed)
        self._bar = bar(screen, *columns, TimeRemainingColumn())
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
        left = "time left unknown"
        if total is not None and self._rate:
            left = f"{duration(max(0, total - self.done) / self._rate)} left"
        return f"{self.done:,}{of} images, {self.rate}, {self._failures:,} failed, {left}"

    def __enter__(self) -> Live:
        self._stack.enter_context(self._bar)
        if self._counter is not None:
            self._stack.enter_context(self._counter)
        self._stack.enter_context(lines(self._screen, self.line))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class _Rate(ProgressColumn):
    """Column with `Live.rate`, which changes even while no image is done."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live = live

    def render(self, task: Task) -> Text:
        return Text(self._live.rate)
