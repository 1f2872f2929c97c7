"""Progress of a run over many images, on standard error."""

from __future__ import annotations

from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from afdcli.inputs.inputs import Inputs


class Counts(Protocol):
    """Progress of a run: rows so far, failures among them, images per second."""

    @property
    def rows(self) -> int: ...  # noqa: D102
    @property
    def failures(self) -> int: ...  # noqa: D102
    @property
    def rate(self) -> float: ...  # noqa: D102


class Live:
    """A progress bar, on terminals only. A context manager.

    Args:
        screen: where to draw it.
        inputs: of the run; they are counted in the background.
        per_input: rows per input.

    Attributes:
        rows: written so far.
    """

    def __init__(self, screen: Console, inputs: Inputs, per_input: int = 1) -> None:
        self.rows = 0
        self._per_input = per_input
        shown = screen.is_terminal and not screen.quiet
        self._counter = inputs.counter() if shown else None
        self._bar = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[failed]}", style="red"),
            TimeRemainingColumn(),
            console=screen,
            disable=not shown,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, rate="starting", failed="")

    def update(self, counts: Counts) -> None:
        """Show the counts so far."""
        self.rows = counts.rows
        total = self._counter.total if self._counter else None
        self._bar.update(
            self._task,
            completed=counts.rows,
            total=None if total is None else total * self._per_input,
            rate=f"{counts.rate:.1f} images/s",
            failed=f"{counts.failures} failed" if counts.failures else "",
        )

    def __enter__(self) -> Live:
        self._bar.start()
        if self._counter is not None:
            self._counter.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._counter is not None:
            self._counter.__exit__()
        self._bar.stop()
