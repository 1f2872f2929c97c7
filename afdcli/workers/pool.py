"""Worker processes that may die: whatever one image does to its worker, only that image fails.

Each worker has a pipe of its own and nothing is shared, no lock and no queue: a worker can be
killed at any moment, in the middle of an answer too, without taking a lock with it or mixing its
last bytes into the answers of others. (`concurrent.futures` gives up the whole pool when a worker
dies; pools around one shared pipe and its locks hang when it is killed while it answers.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from afdcli.errors import PhotoError
from afdcli.workers.cpus import available_cpus
from afdcli.workers.supervisor import Supervisor

T = TypeVar("T")
R = TypeVar("R")

TIMEOUT_S = 120.0
MEBI = 2**20  # bytes
MEMORY_LIMIT = 4096 * MEBI


def default_workers() -> int:
    """Number of CPUs that this process may use."""
    return available_cpus()


class WorkerPool:
    """Processes that run one function on many tasks; use it as a context manager.

    Leaving the context kills the workers, whatever they are doing. They do not see Ctrl-C and end
    by themselves if the parent dies.

    Args:
        workers: number of processes.
        initializer: called once in each new worker; a module-level function.
        timeout_s: seconds that one task may take, None for no limit.
        memory_limit: bytes of data that one worker may hold, None for no limit (Linux only).
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
        """Yield (task, result) in the order of *tasks*, which are read as they are needed.

        At most *in_flight* tasks are started and not yet yielded. Function, tasks and results
        must pickle. The result is a `PhotoError` where the function raised one, and

        - worker-crashed where the task killed its worker, and a second one that had nothing else,
        - timeout where it ran for longer than *timeout_s*,
        - out-of-memory where it raised `MemoryError`,
        - corrupt, naming the exception, where it raised any other.

        Raises:
            AfdError: the function raised one that is no `PhotoError`, e.g. a `UsageError`; or the
                workers do not start.
        """
        pending: deque[tuple[T, Future[R]]] = deque()
        try:
            for task in tasks:
                if len(pending) >= max(1, in_flight):
                    first, future = pending.popleft()
                    outcome = _outcome(future)
                    yield first, outcome
                pending.append((task, self._supervisor.submit(function, task)))
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
