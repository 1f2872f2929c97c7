"""A classify run: files -> workers -> batches -> the plugged network -> rows -> a results file.

Rows leave in input order. A picture that fails becomes its row and nothing else: it takes no place
in a batch, so that the rows of its neighbours are the same with and without it.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from afdcli.classify.resume import check_same_run, reopen, take_over, take_over_parts
from afdcli.classify.session import Setup
from afdcli.codec.read import Limits
from afdcli.errors import PhotoError
from afdcli.inference.predictor import ImageResult
from afdcli.inputs.found import Found
from afdcli.inputs.labels import Labels
from afdcli.results.claim import found_at
from afdcli.results.metadata import RunMetadata
from afdcli.results.parts import ROWS_PER_PART, PartsSink
from afdcli.results.rows import FAILED, Row
from afdcli.results.summary import Summary
from afdcli.results.writers import Sink, journal, open_sink
from afdcli.storage.folders import Folder
from afdcli.storage.paths import trouble
from afdcli.view.batch import Layout, Slots
from afdcli.workers.pool import MEBI, WorkerPool
from afdcli.workers.read_task import Facts, Prepare, Task

_PEEK = 10_000  # inputs that are looked at before the run for one with a label
_LONGEST = 32  # batches of rows that may wait for the picture before them

OnRows = Callable[[Summary], None]


def classify(
    inputs: Iterable[Found],
    setup: Setup,
    on_rows: OnRows = lambda _: None,
    command: str = "",
    skipped: Counter[str] | None = None,
) -> Summary:
    """Classify *inputs* and write ``setup.settings.out`` with its metadata.

    Args:
        inputs: consumed lazily.
        setup: from `set_up`.
        on_rows: called with the counts so far whenever rows were written.
        command: as it was typed, for the metadata.
        skipped: files that are no rows, counted by kind while *inputs* are consumed.

    Raises:
        UsageError: no picture has a label that fits, or there is another run to resume.
        ResultsError: the disk refuses the results.
        KeyboardInterrupt: passed on; the rows so far are in the results.
    """
    labels = setup.labels
    if labels is not None:
        inputs = _labelled(inputs, labels)
    # No note when AFD was switched off on purpose.
    told = setup.note and setup.settings.afd != "off"
    notes = (setup.note if told else "", setup.backbone.note)
    summary = Summary(notes=[note for note in notes if note])
    if skipped is not None:
        summary.skipped = skipped
    facts, inputs = setup.facts(command), iter(inputs)
    with _opened(setup, facts, inputs, summary) as sink:
        metadata = RunMetadata.start(setup.settings.out, facts)
        status = "failed"
        try:
            if setup.settings.engine == "ray":
                from afdcli.classify.ray import RayRun

                RayRun(setup, sink, summary, on_rows).over(inputs)
            else:
                _Run(setup, sink, summary, on_rows).over(inputs)
            sink.close()  # the last rows are in their place before the metadata say so
            status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            if labels is not None and (warning := labels.warning()):
                summary.notes.append(warning)
            metadata.write(status, summary.counts())
    return summary


def _opened(setup: Setup, facts: dict[str, Any], inputs: Iterator[Found], summary: Summary) -> Sink:
    """The results, empty or behind the rows of an earlier run, whose inputs are taken off."""
    settings, columns, labels = setup.settings, setup.columns, setup.labels
    out, keep = settings.out, 0
    if settings.part is None and isinstance(out, Path):
        if settings.resume and found_at(out):
            check_same_run(out, facts)
            if not journal(out).is_file():
                reopen(out, columns)
            keep = take_over(out, columns, inputs, labels, summary)
        if not keep and out != journal(out):
            with trouble("write", out):  # beside a new journal nobody must find old rows
                out.unlink(missing_ok=True)
        return open_sink(out, columns, keep)
    folder = Folder(out)
    folder.check()
    if settings.resume and folder.parts():
        check_same_run(out, facts)
        take_over_parts(folder, columns, inputs, labels, summary)
    else:
        folder.clear()
    return PartsSink(folder, columns, settings.part or ROWS_PER_PART)


@dataclass
class _Waiting:
    """A row that is not written yet; while it is not *ready* it lacks its top classes."""

    row: Row
    ready: bool


class _Run:
    """The loop of `classify`."""

    def __init__(self, setup: Setup, sink: Sink, summary: Summary, on_rows: OnRows) -> None:
        self._setup = setup
        self._sink = sink
        self._summary = summary
        self._on_rows = on_rows
        self._waiting: deque[_Waiting] = deque()
        self._forward = setup.forward()
        self._in_batch: list[_Waiting] = []
        self._started = time.monotonic()

    def over(self, inputs: Iterable[Found]) -> None:
        """Classify *inputs*."""
        setup = self._setup
        # Two batches ahead: workers go on reading while the network is busy with one.
        window = 2 * setup.batch_size + setup.workers
        with Slots(Layout.of(setup.spec), window) as slots:
            limits = Limits(max_pixels=setup.settings.max_pixels)
            work = Prepare(slots.address, setup.spec, limits, setup.settings.strict)
            queue: deque[Found] = deque()  # the inputs that are with the workers, in order

            def tasks() -> Iterator[Task]:
                for number, found in enumerate(inputs):
                    queue.append(found)
                    # The slot of the task that left the window just before this one entered it.
                    yield Task(found.path, number % slots.count, found.source)

            settings = setup.settings
            with WorkerPool(
                setup.workers, timeout_s=settings.timeout, memory_limit=settings.memory * MEBI
            ) as pool:
                for task, outcome in pool.ordered(work, tasks(), slots.count):
                    self._take(queue.popleft(), outcome, slots, task.slot)
        self._answer(last=True)

    def _take(self, found: Found, outcome: Facts | PhotoError, slots: Slots, slot: int) -> None:
        row = self._setup.begun(found, outcome)
        self._waiting.append(_Waiting(row, ready=row.status == FAILED))
        if row.status != FAILED:
            self._forward.batch.add(slots.read(slot))
            self._in_batch.append(self._waiting[-1])
        long = len(self._waiting) >= _LONGEST * self._setup.batch_size
        if self._forward.batch.full or long:
            self._answer(last=long)
        elif self._waiting[0].ready:
            self._write()

    def _answer(self, last: bool = False) -> None:
        """Run the network on what is in the batch; *last*: and leave no row without an answer."""
        self._forward([partial(self._answered, row) for row in self._in_batch], last)
        self._in_batch.clear()
        self._write()

    def _answered(self, waiting: _Waiting, answer: ImageResult) -> None:
        waiting.row = self._setup.answered(waiting.row, answer)
        waiting.ready = True

    def _write(self) -> None:
        """Write the rows before the first that is not ready."""
        rows = []
        while self._waiting and self._waiting[0].ready:
            rows.append(self._waiting.popleft().row)
            self._summary.add(rows[-1])
        self._summary.seconds = time.monotonic() - self._started
        self._sink.write(rows)
        self._on_rows(self._summary)


def _labelled(inputs: Iterable[Found], labels: Labels) -> Iterator[Found]:
    """*inputs*, once one of the first `_PEEK` was found to have a label that fits.

    Raises:
        UsageError: none has.
    """
    inputs = labels.prepare(inputs)
    seen = []
    for found in islice(inputs, _PEEK):
        seen.append(found)
        if isinstance(labels.lookup(found), int):
            return chain(seen, inputs)
    if len(seen) < _PEEK:
        raise labels.no_match(seen)
    return chain(seen, inputs)
