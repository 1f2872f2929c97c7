"""The classify run on a Ray cluster: readers and networks are actors.

::

    driver ── batch of paths ──> reader ── views ──> network ── results ──> driver ── rows ──> sink

The driver writes rows in input order, so results and ``--resume`` work as in a local run. At most
`_AHEAD` batches per actor are in flight, so memory does not grow with the number of files. Ray
restarts an actor that died and repeats its calls.
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

_AHEAD = 3  # batches in flight per actor
_MAX_ACTORS = 8  # unless --actors is given: each actor loads its own copy of the networks

Outcome = Facts | PhotoError


class Views(NamedTuple):
    """The pictures of a batch that could be read: the arrays of `View`, stacked along axis 0."""

    pixels: NDArray[np.uint8]
    grid: NDArray[np.float16]
    file_context: NDArray[np.float32]


class Reader:
    """Ray actor that reads files in a worker process of its own, which may die."""

    def __init__(self, spec: ViewSpec, settings: Settings, size: int) -> None:
        self._slots = Slots(Layout.of(spec), size)
        limits = Limits(max_pixels=settings.max_pixels)
        self._work = Prepare(self._slots.address, spec, limits, settings.strict)
        self._pool = WorkerPool(
            1, timeout_s=settings.timeout, memory_limit=settings.memory * MEBI
        ).__enter__()

    def ready(self) -> None:
        """Return when the worker process has started."""

    def read(self, inputs: list[Found]) -> tuple[list[Outcome], Views]:
        """Read *inputs*. Returns an outcome for each, and the views of those that could be read."""
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
    """Ray actor that runs classifier and module."""

    def __init__(self, settings: Settings, arithmetic: Arithmetic) -> None:
        self._cascade = set_up(settings, arithmetic).cascade()

    def ready(self) -> None:
        """Return when the networks are loaded."""

    def predict(self, views: Views) -> list[ImageResult]:
        """Classify *views*, at most one batch of them. Returns one result per view, in order."""
        for pixels, grid, file_context in zip(*views, strict=True):
            self._cascade.batch.add(View(pixels, grid, file_context))
        results: dict[int, ImageResult] = {}
        self._cascade([partial(results.__setitem__, n) for n in range(len(views.pixels))], True)
        return [results[n] for n in range(len(views.pixels))]


def _actors(settings: Settings) -> int:
    """Number of networks; Ray gives each of them one thread."""
    if settings.actors is not None:
        return settings.actors
    resources: Any = ray.cluster_resources  # untyped
    cpus = int(resources().get("CPU", 1))
    return 1 if settings.actor_gpus else max(1, min(cpus, _MAX_ACTORS))


class RayRun:
    """Classifies inputs on Ray; see `afdcli.classify.run`."""

    def __init__(
        self, setup: Setup, sink: Sink, summary: Summary, on_rows: Callable[[Summary], None]
    ) -> None:
        self._setup, self._sink, self._summary, self._on_rows = setup, sink, summary, on_rows
        self._started = time.monotonic()

    def process(self, inputs: Iterable[Found]) -> None:
        """Classify *inputs*.

        Raises:
            AfdError: Ray cannot start, or an actor cannot be restarted.
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
        restarts: dict[str, Any] = {"max_restarts": -1, "max_task_retries": -1}
        actor_class: Any = ray.remote  # its types know nothing of methods
        reader = actor_class(**restarts, num_cpus=0.5)(Reader)
        network = actor_class(**restarts, num_cpus=0.5, num_gpus=settings.actor_gpus)(Network)
        remote = replace(settings, labels=None, resume=False, device=str(setup.device))
        readers = [
            reader.remote(setup.spec, settings, setup.batch_size) for _ in range(setup.workers)
        ]
        networks = [network.remote(remote, setup.arithmetic) for _ in range(_actors(settings))]
        ray.get([actor.ready.remote() for actor in (*readers, *networks)])
        self._started = time.monotonic()
        in_flight = _AHEAD * (len(readers) + len(networks))
        pending: deque[tuple[list[Found], Any, Any]] = deque()
        try:
            turns = zip(cycle(readers), cycle(networks), strict=True)
            while batch := list(islice(inputs, setup.batch_size)):
                reading, classifying = next(turns)
                # Actors have other working folders, and may be on other machines.
                files = [
                    replace(found, path=found.path.absolute(), source=portable(found.source))
                    for found in batch
                ]
                outcomes, views = reading.read.options(num_returns=2).remote(files)
                pending.append((batch, outcomes, classifying.predict.remote(views)))
                if len(pending) >= in_flight:
                    self._finish(*pending.popleft())
            while pending:
                self._finish(*pending.popleft())
        finally:
            for actor in (*readers, *networks):
                ray.kill(actor)

    def _finish(self, batch: list[Found], outcomes: Any, results: Any) -> None:
        """Wait for a batch, and write its rows."""
        read, classified = ray.get([outcomes, results])
        remaining = iter(classified)
        rows = []
        for found, outcome in zip(batch, read, strict=True):
            row = self._setup.row_after_reading(found, outcome)
            if row.status != FAILED:
                row = self._setup.with_result(row, next(remaining))
            rows.append(row)
            self._summary.add(row)
        self._summary.seconds = time.monotonic() - self._started
        self._sink.write(rows)
        self._on_rows(self._summary)
