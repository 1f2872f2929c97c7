"""The classify run: files -> workers -> batches -> network -> rows -> results file.

Rows are written in input order. A picture that fails gets a row but no place in a batch, so it does
not change the rows of other pictures.
"""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from afdcli.classify.resume import check_same_run, reopen, take_over, take_over_parts
from afdcli.classify.settings import Settings
from afdcli.classify.setup import Setup
from afdcli.codec.limits import Limits
from afdcli.constants import FAILED
from afdcli.errors import PhotoError, UsageError
from afdcli.inference.predictor import ImageResult
from afdcli.inputs.found import Found
from afdcli.inputs.labels import Labels
from afdcli.results.claim import found_at
from afdcli.results.embeddings import Embeddings, EmbeddingSink
from afdcli.results.metadata import RunMetadata, metadata_part, read_metadata
from afdcli.results.parts import ROWS_PER_PART, PartsSink
from afdcli.results.rows import Row
from afdcli.results.summary import Summary, write_counted
from afdcli.results.writers import Sink, journal, open_sink
from afdcli.storage.folders import Folder
from afdcli.storage.paths import trouble
from afdcli.view.batch import Slots
from afdcli.workers.pool import MEBI, WorkerPool
from afdcli.workers.read_task import Prepare, ReadResult, Task

_PEEK = 10_000  # inputs that are searched for a label before the run starts
_MAX_WAITING = 32  # batches of rows that may wait until an earlier picture is classified

OnRows = Callable[[Summary], None]


def classify(
    inputs: Iterable[Found],
    setup: Setup,
    on_rows: OnRows = lambda _: None,
    command: str = "",
    skipped: Counter[str] | None = None,
) -> Summary:
    """Classify *inputs*; write the results to ``setup.settings.out``, and their metadata.

    Args:
        inputs: the pictures; consumed lazily.
        setup: from `set_up`.
        on_rows: called with the totals so far whenever rows were written.
        command: the command as typed, for the metadata.
        skipped: files without a row by kind, counted while *inputs* are consumed.

    Returns:
        The totals of the run.

    Raises:
        UsageError: no picture has a label, or the results to resume are those of another run.
        ResultsError: the results cannot be written.
        KeyboardInterrupt: passed on; the results hold all rows so far.
    """
    labels = setup.labels
    if labels is not None:
        inputs = with_labels(inputs, labels)
    # No note if AFD was switched off on purpose.
    notes = (setup.note if setup.settings.afd != "off" else "", setup.backbone.note)
    summary = Summary(setup.settings.min_prob, notes=[note for note in notes if note])
    if skipped is not None:
        summary.skipped = skipped
    facts, inputs = setup.metadata(command), iter(inputs)
    sink = _open_results(setup, facts, inputs, summary)
    on_rows(summary)  # those of the run that is resumed
    with _with_embeddings(setup, sink, summary.rows) as sink:
        metadata = RunMetadata.start(setup.settings.out, facts)
        status = "failed"
        try:
            if setup.settings.engine == "ray":
                from afdcli.classify.ray import RayRun

                RayRun(setup, sink, summary, on_rows).process(inputs)
            else:
                LocalRun(setup, sink, summary, on_rows).process(inputs)
            sink.close()  # the last rows must be written before the metadata say "finished"
            status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        finally:
            if labels is not None and (warning := labels.warning()):
                summary.notes.append(warning)
            metadata.write(status, summary.counts())
    if (failed := setup.settings.export_failed) is not None:
        from afdcli.results.origins import Origins  # these load pandas
        from afdcli.results.retry import list_failed

        origins = Origins(setup.settings.inputs, absolute=True)
        summary.retry = list_failed(setup.settings.out, origins, failed)
    return summary


def _open_results(
    setup: Setup, facts: dict[str, Any], inputs: Iterator[Found], summary: Summary
) -> Sink:
    """Open the results: empty, or after the rows of an earlier run, whose inputs are skipped.

    For new results the metadata are written first: without them, no run can be resumed.
    """
    settings, columns, labels = setup.settings, setup.columns, setup.labels
    out, keep = settings.out, 0
    earlier = found_at(out) if settings.resume else None
    if settings.resume and earlier is None:
        _check_no_embeddings(settings, facts)
    if settings.part is None and isinstance(out, Path):
        if earlier:
            check_same_run(out, facts)
            if not journal(out).is_file():
                reopen(out, columns)
            keep = take_over(out, columns, inputs, labels, summary)
        if not keep:
            with trouble("write", out):  # no old rows next to new metadata
                if out != journal(out):
                    out.unlink(missing_ok=True)
                if journal(out).is_file():
                    os.truncate(journal(out), 0)
            RunMetadata.start(out, facts)
        return open_sink(out, columns, keep)
    folder = Folder(out)
    folder.check()
    if settings.resume and folder.parts():
        check_same_run(out, facts)
        take_over_parts(folder, columns, inputs, labels, summary)
    else:
        folder.clear()
        RunMetadata.start(out, facts)
    return PartsSink(folder, columns, settings.part or ROWS_PER_PART)


def _check_no_embeddings(settings: Settings, facts: dict[str, Any]) -> None:
    """Without rows to resume, refuse embeddings that are there, unless they are of the same run."""
    if settings.embeddings is None:
        return
    name = "embeddings"
    theirs = metadata_part(read_metadata(settings.out), "options").get(name)
    if theirs != facts["options"][name] and (existing := found_at(settings.embeddings)):
        raise UsageError(
            f"{existing} exists already, but there are no results at {settings.out} to resume:"
            " give another --embeddings, or --overwrite instead of --resume"
        )


def _with_embeddings(setup: Setup, sink: Sink, keep: int) -> Sink:
    """*sink* that also writes embeddings, if requested; the first *keep* of their rows remain."""
    settings, width = setup.settings, setup.features
    if settings.embeddings is None or width is None:
        return sink
    try:
        dtype = settings.embeddings_dtype
        file = Embeddings(settings.embeddings, settings.out, width, dtype, keep)
    except BaseException:
        sink.close(finished=False)
        sink.release()
        raise
    return EmbeddingSink(sink, file)


@dataclass
class _Waiting:
    """A row that is not written yet. Until it is *ready*, it lacks its classes."""

    row: Row
    ready: bool


class LocalRun:
    """The loop of `classify` on this machine: *sink* gets the rows, *summary* counts them."""

    def __init__(self, setup: Setup, sink: Sink, summary: Summary, on_rows: OnRows) -> None:
        self._setup = setup
        self._sink = sink
        self._summary = summary
        self._on_rows = on_rows
        self._waiting: deque[_Waiting] = deque()
        self._cascade = setup.cascade()
        self._in_batch: list[_Waiting] = []
        self._started = time.monotonic()

    def process(self, inputs: Iterable[Found]) -> None:
        """Classify *inputs*, which are consumed lazily."""
        setup = self._setup
        # Two batches ahead, so that workers read while the network runs.
        window = 2 * setup.batch_size + setup.workers
        with Slots(setup.spec, window) as slots:
            limits = Limits(max_pixels=setup.settings.max_pixels)
            strict, exif = setup.settings.strict, setup.settings.exif
            work = Prepare(slots.address, setup.spec, limits, strict, exif)
            queue: deque[Found] = deque()  # inputs that were passed to the workers, in order

            def tasks() -> Iterator[Task]:
                for number, found in enumerate(inputs):
                    queue.append(found)
                    # Reuses the slot of the task that left the window just before.
                    yield Task(found.path, number % slots.count, found.source)

            settings = setup.settings
            with WorkerPool(
                setup.workers, timeout_s=settings.timeout, memory_limit=settings.memory * MEBI
            ) as pool:
                for task, outcome in pool.ordered(work, tasks(), slots.count):
                    self._take(queue.popleft(), outcome, slots, task.slot)
        self._predict(last=True)

    def _take(
        self, found: Found, outcome: ReadResult | PhotoError, slots: Slots, slot: int
    ) -> None:
        row = self._setup.row_after_reading(found, outcome)
        self._waiting.append(_Waiting(row, ready=row.status == FAILED))
        if row.status != FAILED:
            self._cascade.batch.add(slots.read(slot))
            self._in_batch.append(self._waiting[-1])
        too_many = len(self._waiting) >= _MAX_WAITING * self._setup.batch_size
        if self._cascade.batch.full or too_many:
            self._predict(last=too_many)
        elif self._waiting[0].ready:
            self._write()

    def _predict(self, last: bool = False) -> None:
        """Run the network on the batch; with *last*, also wait until all rows are complete."""
        self._cascade([partial(self._complete, row) for row in self._in_batch], last)
        self._in_batch.clear()
        self._write()

    def _complete(self, waiting: _Waiting, result: ImageResult) -> None:
        waiting.row = self._setup.with_result(waiting.row, result)
        waiting.ready = True

    def _write(self) -> None:
        """Write all rows before the first one that is not ready."""
        rows = []
        while self._waiting and self._waiting[0].ready:
            rows.append(self._waiting.popleft().row)
        seconds = time.monotonic() - self._started
        write_counted(rows, self._sink, self._summary, seconds, self._on_rows)


def with_labels(inputs: Iterable[Found], labels: Labels) -> Iterator[Found]:
    """Check that one of the first `_PEEK` *inputs* has a label. Returns all inputs.

    Raises:
        UsageError: none of them has, and there are no more inputs.
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
