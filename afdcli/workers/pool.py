"""Worker processes that may die: whatever an image does to its worker, only that image fails.

Each worker has its own pipe, and workers share no lock or queue. So a worker can be killed at any
moment, even while it sends an answer, without leaving a lock held or corrupting other answers.
(`concurrent.futures` gives up the whole pool when a worker dies. Pools with one shared pipe and
locks hang if a worker is killed while it answers.)
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from afdcli.errors import PhotoError
from afdcli.workers.supervisor import Supervisor

T = TypeVar("T")
R = TypeVar("R")

TIMEOUT_S = 120.0
MEBI = 2**20  # bytes
MEMORY_LIMIT = 4096 * MEBI


class WorkerPool:
    """Processes that run one function on many tasks; use it as a context manager.

    Leaving the context kills the workers, whatever they are doing. They ignore Ctrl-C and exit if
    the parent dies.

    Args:
        workers: number of processes.
        initializer: called once in each new worker; a module-level function.
        timeout_s: most seconds for one task, None for no limit.
        memory_limit: most bytes of data for one worker, None for no limit (Linux only).
    """

    def __init__(
        self,
        workers: int,
        *,
        initializer: Callable[[], object] | None = None,
        timeout_s: float | None = TIMEOUT_S,
        memory_limit: int | None = MEMORY_LIMIT,
    ) -> None:
        self._supervisor = Supervisor(max(1, workers), initializer, timeout_s, memory_limit)

    def __enter__(self) -> WorkerPool:
        self._supervisor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop()

    def ordered(
        self, function: Callable[[T], R], tasks: Iterable[T], in_flight: int
    ) -> Iterator[tuple[T, R | PhotoError]]:
        """Yield (task, result) in the order of *tasks*, which are read lazily.

        At most *in_flight* tasks are started but not yet yielded. Function, tasks and results must
        pickle. The result is a `PhotoError` if the function raised one. Its code is

        - worker-crashed if the task killed its worker, and then a second worker of its own,
        - timeout if it ran longer than *timeout_s*,
        - out-of-memory if it raised `MemoryError`,
        - corrupt, with the exception's name, if it raised any other exception.

        Raises:
            AfdError: the function raised one that is not a `PhotoError`, e.g. a `UsageError`.
            MachineError: the workers do not start.
        """
        pending: deque[tuple[T, Future[R]]] = deque()
        pickled = pickle.dumps(function)
        try:
            for task in tasks:
                if len(pending) >= max(1, in_flight):
                    first, future = pending.popleft()
                    outcome = _outcome(future)
                    yield first, outcome
                pending.append((task, self._supervisor.submit(pickled, task)))
            while pending:
                first, future = pending.popleft()
                outcome = _outcome(future)
                yield first, outcome
        finally:
            for _, future in pending:
                future.cancel()


def _outcome(future: Future[R]) -> R | PhotoError:
    try:
        return future.result()
    except PhotoError as error:
        return error
