"""The loop of `afdcli.classify.run` on a Ray cluster: readers and networks are actors.

::

    driver ── batch of paths ──> reader ── views ──> network ── results ──> driver ── rows ──> sink

The driver writes rows in input order, so results and ``--resume`` work as in a local run. At most
`_AHEAD` batches per actor are in flight, so memory does not grow with the number of files.

Actors may die: with their machine, without memory, or because of a picture. Ray's own retries are
off, since with them a picture that kills its actor would be retried for ever. `RayRun` replaces the
actor instead, and repeats the batch; if an actor dies again, it repeats each file alone. A file
that kills its actor each time becomes a failed row.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError

from afdcli.classify.ray_actors import GONE, Network, Outcome, Reader, absolute, got, last_line
from afdcli.classify.settings import Settings
from afdcli.classify.setup import Setup
from afdcli.errors import ErrorCode, MachineError, PhotoError
from afdcli.inference.predictor import ImageResult
from afdcli.inputs.found import Found
from afdcli.inputs.members import portable
from afdcli.results.summary import Summary, write_counted
from afdcli.results.writers import Sink

_AHEAD = 3  # batches in flight per actor
_MAX_ACTORS = 8  # unless --actors is given: each actor loads its own copy of the networks
_TRIES = 2  # of a single file whose actors die, before its row fails
_STARTS = 3  # of actors that die while they start, before the run fails
_START_S = 600.0  # to start an actor; a cluster may have to start a machine first

#: For each input of a batch; the result is None if the outcome is an error.
Results = list[tuple[Outcome, ImageResult | None]]


class _Batch(NamedTuple):
    """Inputs that were sent to a reader and a network, and what these return."""

    inputs: list[Found]
    outcomes: Any
    results: Any


@dataclass
class _Team:
    """Actors of one kind; *make* starts another."""

    make: Callable[[], Any]
    actors: list[Any]

    @classmethod
    def of(cls, make: Callable[[], Any], size: int) -> _Team:
        return cls(make, [make() for _ in range(size)])

    def turn(self, number: int) -> Any:
        """The actor for batch *number*."""
        return self.actors[number % len(self.actors)]


class RayRun:
    """Classifies inputs on Ray; see `afdcli.classify.run`."""

    def __init__(
        self, setup: Setup, sink: Sink, summary: Summary, on_rows: Callable[[Summary], None]
    ) -> None:
        self._setup, self._sink, self._summary, self._on_rows = setup, sink, summary, on_rows
        self._started = time.monotonic()
        self._teams: list[_Team] = []  # readers, networks

    def process(self, inputs: Iterable[Found]) -> None:
        """Classify *inputs*.

        Raises:
            MachineError: Ray cannot start, or its actors cannot.
            AfdError: what an actor raised, as in a local run.
        """
        _start_ray()
        try:
            self._hire()
            self._run(iter(inputs))
        except RayError as error:
            raise MachineError(f"the run on Ray failed: {last_line(error)}") from error
        finally:
            for team in self._teams:
                for actor in team.actors:
                    ray.kill(actor)

    def _hire(self) -> None:
        """Start all actors."""
        setup, settings = self._setup, self._setup.settings
        remote: Any = ray.remote  # its types do not cover methods
        reader = remote(num_cpus=0.5)(Reader)
        network = remote(num_cpus=0.5, num_gpus=settings.actor_gpus)(Network)
        there = replace(absolute(settings), labels=None, resume=False, device=setup.device)
        self._teams = [
            _Team.of(lambda: reader.remote(setup.spec, settings, setup.batch_size), setup.workers),
            _Team.of(lambda: network.remote(there, setup.arithmetic), _actors(settings)),
        ]
        self._revive()

    def _revive(self) -> None:
        """Wait until all actors are ready; replace those that died."""
        for _ in range(_STARTS):
            asked = [
                (team, number, actor.ready.remote())
                for team in self._teams
                for number, actor in enumerate(team.actors)
            ]
            deaths = [error for each in asked if (error := _checked(*each)) is not None]
            if not deaths:
                return
        raise MachineError(
            f"Ray actors failed to start {_STARTS} times: {last_line(deaths[0])}"
        ) from deaths[0]

    def _run(self, inputs: Iterator[Found]) -> None:
        self._started = time.monotonic()
        most = _AHEAD * sum(len(team.actors) for team in self._teams)
        pending: deque[_Batch] = deque()
        for number in count():
            batch = list(islice(inputs, self._setup.batch_size))
            if batch:
                pending.append(self._sent(batch, number))
            elif not pending:
                return
            if not batch or len(pending) >= most:
                self._finish(pending.popleft(), pending)

    def _sent(self, inputs: list[Found], number: int) -> _Batch:
        reader, network = (team.turn(number) for team in self._teams)
        # Actors have other working folders, and may be on other machines.
        files = [
            replace(found, path=found.path.absolute(), source=portable(found.source))
            for found in inputs
        ]
        outcomes, views = reader.read.options(num_returns=2).remote(files)
        return _Batch(inputs, outcomes, network.predict.remote(views))

    def _finish(self, batch: _Batch, others: Iterable[_Batch]) -> None:
        """Wait for a batch, and write its rows."""
        try:
            results = _results(batch)
        except GONE:
            # With nothing else in flight, an actor that dies again is killed by this batch.
            waited = [ref for other in others for ref in (other.outcomes, other.results)]
            if waited:
                ray.wait(waited, num_returns=len(waited), fetch_local=False)
            results = self._again(batch.inputs)
        rows = []
        for found, (outcome, result) in zip(batch.inputs, results, strict=True):
            row = self._setup.row_after_reading(found, outcome)
            rows.append(row if result is None else self._setup.with_result(row, result))
        seconds = time.monotonic() - self._started
        write_counted(rows, self._sink, self._summary, seconds, self._on_rows)

    def _again(self, inputs: list[Found]) -> Results:
        """Results for a batch whose actors died: for all its files together, else one by one."""
        results = self._tried(inputs, 1)
        if results is not None:
            return results
        message = f"killed its Ray actor {_TRIES} times"
        failed: Results = [(PhotoError(ErrorCode.WORKER_CRASHED, message), None)]
        return [(self._tried([found], _TRIES) or failed)[0] for found in inputs]

    def _tried(self, inputs: list[Found], times: int) -> Results | None:
        """Results for *inputs*; None if an actor died each of so many *times*."""
        for _ in range(times):
            self._revive()
            with suppress(*GONE):
                return _results(self._sent(inputs, 0))
        return None


def _checked(team: _Team, number: int, ready: Any) -> Exception | None:
    """Wait for an actor to be *ready*; replace it if it is gone, and return the reason."""
    try:
        got(ready, _START_S)
    except GONE as error:
        ray.kill(team.actors[number])  # it may only be out of reach
        team.actors[number] = team.make()
        return error
    return None


def _start_ray() -> None:
    """Start Ray or join its cluster, unless the caller did. Raises MachineError."""
    if ray.is_initialized():
        return
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # it raises errors of many kinds
        raise MachineError(f"Ray cannot start: {last_line(error)}") from error


def _actors(settings: Settings) -> int:
    """Number of networks; Ray gives each of them one thread."""
    if settings.actors is not None:
        return settings.actors
    there: Any = ray.cluster_resources  # untyped
    cpus = int(there().get("CPU", 1))
    return 1 if settings.actor_gpus else max(1, min(cpus, _MAX_ACTORS))


def _results(batch: _Batch) -> Results:
    """Wait for a batch. Raises one of `GONE` where an actor died, else as `got`."""
    outcomes, results = got(batch.outcomes), iter(got(batch.results))
    return [(o, None if isinstance(o, PhotoError) else next(results)) for o in outcomes]
