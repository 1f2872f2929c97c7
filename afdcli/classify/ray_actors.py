"""The actors of `afdcli.classify.ray`, and their results or errors."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import (
    GetTimeoutError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayTaskError,
    WorkerCrashedError,
)

from afdcli.classify.arithmetic import Arithmetic
from afdcli.classify.settings import Settings
from afdcli.classify.setup import set_up
from afdcli.codec.limits import Limits
from afdcli.errors import AfdError, MachineError, PhotoError
from afdcli.inference.cascade import Cascade
from afdcli.inference.predictor import ImageResult
from afdcli.inputs.found import Found
from afdcli.view.batch import Slots
from afdcli.view.spec import View, ViewSpec
from afdcli.workers.pool import MEBI, WorkerPool
from afdcli.workers.read_task import Prepare, ReadResult, Task

#: Errors of a call whose actor or machine died.
GONE = (RayActorError, OutOfMemoryError, ObjectLostError, NodeDiedError, WorkerCrashedError)

Outcome = ReadResult | PhotoError


class Views(NamedTuple):
    """The pictures of a batch that could be read: the arrays of `View`, stacked along axis 0."""

    pixels: NDArray[np.uint8]
    grid: NDArray[np.float16]
    file_context: NDArray[np.float32]


class Reader:
    """Ray actor that reads files in a worker process of its own, which may die."""

    def __init__(self, spec: ViewSpec, settings: Settings, size: int) -> None:
        self._spec, self._settings, self._size = spec, settings, size

    @cached_property
    def _slots(self) -> Slots:
        return Slots(self._spec, self._size)

    @cached_property
    def _work(self) -> Prepare:
        limits = Limits(max_pixels=self._settings.max_pixels)
        strict, exif = self._settings.strict, self._settings.exif
        return Prepare(self._slots.address, self._spec, limits, strict, exif)

    @cached_property
    def _pool(self) -> WorkerPool:
        timeout_s, memory = self._settings.timeout, self._settings.memory * MEBI
        return WorkerPool(1, timeout_s=timeout_s, memory_limit=memory).__enter__()

    def ready(self) -> None:
        """Start the worker process. Not in ``__init__``, whose errors Ray reports as text only."""
        _ = self._work, self._pool

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
        self._settings, self._arithmetic = settings, arithmetic

    @cached_property
    def _cascade(self) -> Cascade:
        return set_up(self._settings, self._arithmetic).cascade()

    def ready(self) -> None:
        """Load the networks. Not in ``__init__``, see `Reader.ready`."""
        _ = self._cascade

    def predict(self, views: Views) -> list[ImageResult]:
        """Classify *views*, at most one batch of them. Returns one result per view, in order."""
        for pixels, grid, file_context in zip(*views, strict=True):
            self._cascade.batch.add(View(pixels, grid, file_context))
        results: dict[int, ImageResult] = {}
        self._cascade([partial(results.__setitem__, n) for n in range(len(views.pixels))], True)
        return [results[n] for n in range(len(views.pixels))]


def absolute(settings: Settings) -> Settings:
    """*settings* with absolute paths: actors have other working folders."""
    return replace(
        settings,
        export_failed=None,
        # Only the driver writes embeddings; the actors need to know that they are wanted.
        embeddings=settings.embeddings and Path(settings.embeddings.name),
        imports=tuple(
            str(Path(source).absolute()) if source.endswith(".py") else source
            for source in settings.imports
        ),
        checkpoint=settings.checkpoint and settings.checkpoint.absolute(),
        class_names=settings.class_names and settings.class_names.absolute(),
        afd=str(Path(settings.afd).absolute()) if Path(settings.afd).is_file() else settings.afd,
    )


def got(ref: Any, timeout_s: float | None = None) -> Any:
    """The value behind *ref*.

    Raises:
        MachineError: no reply within *timeout_s*, or the actor raised an unexpected exception.
        AfdError: that the actor raised.
        RayError: one of `GONE`, or others.
    """
    try:
        return ray.get(ref, timeout=timeout_s)
    except GetTimeoutError as error:
        raise MachineError(
            f"Ray has not started all actors within {timeout_s:g} s: does the cluster have the"
            " processors (half of one for each reader and classifier) and GPUs for them?"
        ) from error
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, (AfdError, *GONE)):
            raise cause from error
        raise MachineError(
            f"the run on Ray failed: unexpected {type(cause).__name__}, {last_line(cause)}"
        ) from error


def last_line(error: BaseException | None) -> str:
    """The end of the message of *error*: Ray puts the reason last."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1].strip()
