"""The loop of `afdcli.classify.run` on a Ray cluster: readers and networks are actors.

::

    driver ── batch of paths ──> reader ── views ──> network ── answers ──> driver ── rows ──> sink

Rows are written by the driver, in input order, so the results and their resuming are those of a
local run. At most `_AHEAD` batches per network are on their way: memory does not grow with the
number of files. Ray starts an actor that died again and repeats its calls.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from typing import Any, NamedTuple

import numpy as np
import ray
from numpy.typing import NDArray

from afdcli.classify.arithmetic import Arithmetic
from afdcli.classify.session import Setup, set_up
from afdcli.classify.settings import Settings
from afdcli.codec.read import Limits
from afdcli.errors import AfdError, PhotoError
from afdcli.inference.predictor import ImageResult
from afdcli.inputs.found import Found
from afdcli.inputs.members import portable
from afdcli.results.rows import FAILED
from afdcli.results.summary import Summary
from afdcli.results.writers import Sink
from afdcli.view.batch import Layout, Slots
from afdcli.view.spec import View, ViewSpec
from afdcli.workers.pool import MEBI, WorkerPool
from afdcli.workers.read_task import Facts, Prepare, Task

_AHEAD = 3  # batches per reader and per network
_MOST_ACTORS = 8  # where no number is given: each holds the networks once

Outcome = Facts | PhotoError


class Views(NamedTuple):
    """The pictures of a batch that could be read, stacked as in `View`."""

    pixels: NDArray[np.uint8]
    grid: NDArray[np.float16]
    file_context: NDArray[np.float32]


class Reader:
    """Reads files in a process of its own, which may die; lives in an actor."""

    def __init__(self, spec: ViewSpec, settings: Settings, size: int) -> None:
        self._slots = Slots(Layout.of(spec), size)
        limits = Limits(max_pixels=settings.max_pixels)
        self._work = Prepare(self._slots.address, spec, limits, settings.strict)
        self._pool = WorkerPool(
            1, timeout_s=settings.timeout, memory_limit=settings.memory * MEBI
        ).__enter__()

    def ready(self) -> None:
        """Come back once the process has started."""

    def read(self, inputs: list[Found]) -> tuple[list[Outcome], Views]:
        """What became of each input, and the views of those that could be read."""
        tasks = [
            Task(found.path, n % self._slots.count, found.source) for n, found in enumerate(inputs)
        ]
        outcomes: list[Outcome] = []
        views: list[View] = []
        for task, outcome in self._pool.ordered(self._work, tasks, self._slots.count):
            outcomes.append(outcome)
            if not isinstance(outcome, PhotoError):
                view = self._slots.read(task.slot)
                views.append(View(view.pixels.copy(), view.grid.copy(), view.file_context.copy()))
        if not views:
            empty = np.zeros(0)
            return outcomes, Views(empty, empty, empty)  # type: ignore[arg-type]
        stacked = (np.stack([getattr(v, name) for v in views]) for name in Views._fields)
        return outcomes, Views(*stacked)


class Network:
    """Classifier and module; lives in an actor."""

    def __init__(self, settings: Settings, arithmetic: Arithmetic) -> None:
        self._forward = set_up(settings, arithmetic).forward()

    def ready(self) -> None:
        """Come back once the networks are loaded."""

    def answer(self, views: Views) -> list[ImageResult]:
        """Answers for the views, in order; as many of them as a batch holds at most."""
        for pixels, grid, file_context in zip(*views, strict=True):
            self._forward.batch.add(View(pixels, grid, file_context))
        answers: dict[int, ImageResult] = {}
        self._forward([partial(answers.__setitem__, n) for n in range(len(views.pixels))], True)
        return [answers[n] for n in range(len(views.pixels))]


def _actors(settings: Settings) -> int:
    """How many networks: Ray gives each of them one thread."""
    if settings.actors is not None:
        return settings.actors
    there: Any = ray.cluster_resources  # untyped
    cpus = int(there().get("CPU", 1))
    return 1 if settings.actor_gpus else max(1, min(cpus, _MOST_ACTORS))


class RayRun:
    """Classifies inputs on Ray; see `afdcli.classify.run`."""

    def __init__(
        self, setup: Setup, sink: Sink, summary: Summary, on_rows: Callable[[Summary], None]
    ) -> None:
        self._setup, self._sink, self._summary, self._on_rows = setup, sink, summary, on_rows
        self._started = time.monotonic()

    def over(self, inputs: Iterable[Found]) -> None:
        """Classify *inputs*.

        Raises:
            AfdError: Ray cannot start, or lost an actor for good.
        """
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            self._started = time.monotonic()
        try:
            self._run(iter(inputs))
        except ray.exceptions.RayError as error:
            first = str(error).strip().splitlines()[-1]
            raise AfdError(f"the run on Ray failed: {first}") from error

    def _run(self, inputs: Iterator[Found]) -> None:
        setup, settings = self._setup, self._setup.settings
        lasting: dict[str, Any] = {"max_restarts": -1, "max_task_retries": -1}
        remote: Any = ray.remote  # its types know nothing of methods
        reader = remote(**lasting, num_cpus=0.5)(Reader)
        network = remote(**lasting, num_cpus=0.5, num_gpus=settings.actor_gpus)(Network)
        there = replace(settings, labels=None, resume=False, device=str(setup.device))
        readers = [
            reader.remote(setup.spec, settings, setup.batch_size) for _ in range(setup.workers)
        ]
        networks = [network.remote(there, setup.arithmetic) for _ in range(_actors(settings))]
        ray.get([actor.ready.remote() for actor in (*readers, *networks)])
        self._started = time.monotonic()
        most = _AHEAD * (len(readers) + len(networks))
        pending: deque[tuple[list[Found], Any, Any]] = deque()
        try:
            turns = zip(cycle(readers), cycle(networks), strict=True)
            while batch := list(islice(inputs, setup.batch_size)):
                reading, classifying = next(turns)
                # Actors have folders of their own, and perhaps another machine.
                files = [
                    replace(found, path=found.path.absolute(), source=portable(found.source))
                    for found in batch
                ]
                outcomes, views = reading.read.options(num_returns=2).remote(files)
                pending.append((batch, outcomes, classifying.answer.remote(views)))
                if len(pending) >= most:
                    self._finish(*pending.popleft())
            while pending:
                self._finish(*pending.popleft())
        finally:
            for actor in (*readers, *networks):
                ray.kill(actor)

    def _finish(self, batch: list[Found], outcomes: Any, answers: Any) -> None:
        """Wait for a batch, and write its rows."""
        read, said = ray.get([outcomes, answers])
        remaining = iter(said)
        rows = []
        for found, outcome in zip(batch, read, strict=True):
            row = self._setup.begun(found, outcome)
            rows.append(row if row.status == FAILED else self._setup.answered(row, next(remaining)))
            self._summary.add(rows[-1])
        self._summary.seconds = time.monotonic() - self._started
        self._sink.write(rows)
        self._on_rows(self._summary)
