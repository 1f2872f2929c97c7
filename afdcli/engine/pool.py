"""Worker processes that may die: whatever one image does to its worker, only that image fails.

Each worker has a pipe of its own and nothing is shared, no lock and no queue: a worker can be
killed at any moment, in the middle of an answer too, without taking a lock with it or mixing its
last bytes into the answers of others. (`concurrent.futures` gives up the whole pool when a worker
dies; pools around one shared pipe and its locks hang when it is killed while it answers.)
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, TypeVar

from afdcli.engine.worker import READY, serve
from afdcli.errors import AfdError, ErrorCode, PhotoError

T = TypeVar("T")
R = TypeVar("R")

TIMEOUT_S = 120.0
MEMORY_LIMIT = 4 * 2**30  # bytes
_PREFETCH = 2  # tasks in a worker's hands: one in work and one waiting, so that it never idles
# A worker that is sending an answer does not read: what is sent to it meanwhile must fit into the
# pipe's buffer, or both sides would wait for each other.
_PREFETCH_BYTES = 4096
_MAX_FAILED_STARTS = 8

_LAST_BREATH_S = 5.0  # between the end of a worker's pipe and the end of the worker

_spawn = multiprocessing.get_context("spawn")  # fork would copy the parent's threads' locks


def default_workers() -> int:
    """Number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
        self._keeper = _Keeper(max(1, workers), initializer, timeout_s, memory_limit)

    def __enter__(self) -> WorkerPool:
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._keeper.stop()

    def ordered(
        self, function: Callable[[T], R], tasks: Iterable[T], in_flight: int
    ) -> Iterator[tuple[T, R | PhotoError]]:
        """Yield (task, result) in the order of *tasks*, which are read as they are needed.

        At most *in_flight* tasks are started and not yet yielded. Function, tasks and results
        must pickle. The result is a `PhotoError` where the function raised one, and

        - worker-crashed where the task killed its worker,
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
                pending.append((task, self._keeper.submit(function, task)))
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


@dataclass
class _Job:
    call: bytes  # the pickled (function, task)
    future: Future[Any]
    begun: bool = False  # it may be begun twice, if it waited for a worker that died

    def begin(self) -> bool:
        """False if nobody wants the result any more."""
        self.begun = self.begun or self.future.set_running_or_notify_cancel()
        return self.begun


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    ready: bool = False
    jobs: deque[_Job] = field(default_factory=deque)  # the first is in work, the rest wait
    since: float = 0.0  # when the first job became the first, monotonic seconds


class _Keeper(threading.Thread):
    """The thread that feeds and watches the workers, however busy the consumer is."""

    def __init__(
        self,
        workers: int,
        initializer: Callable[[], object] | None,
        timeout_s: float | None,
        memory_limit: int | None,
    ) -> None:
        super().__init__(name="afd-worker-keeper", daemon=True)
        self._count = workers
        self._timeout_s = timeout_s
        self._serve_args = (initializer, memory_limit)
        self._workers: list[_Worker] = []
        self._queue: deque[_Job] = deque()  # appended to by submit, popped here; both atomic
        self._bell, self._rope = _spawn.Pipe(duplex=False)
        self._failed_starts = 0
        self._stopping = False
        self._lock = threading.Lock()  # between submit and the end of this thread
        self._end: BaseException | None = None

    def submit(self, function: Callable[[T], R], task: T) -> Future[R]:
        future: Future[R] = Future()
        job = _Job(pickle.dumps((function, task)), future)
        with self._lock:
            if self._end is not None:
                future.set_exception(self._end)
            else:
                self._queue.append(job)
                self._rope.send_bytes(b"!")
        return future

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            if self._end is None:
                self._rope.send_bytes(b"!")
        self.join()
        self._rope.close()

    def run(self) -> None:
        # Inherited by the workers, from their first instruction: Ctrl-C is the parent's business.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        end: BaseException = AfdError("the worker processes were stopped")
        try:
            while not self._stopping:
                self._hire()
                self._feed()
                self._listen()
                self._punish()
        except BaseException as error:
            end = error
        finally:
            self._close(end)

    def _close(self, end: BaseException) -> None:
        with self._lock:
            self._end = end
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.pipe.close()
            self._queue.extend(worker.jobs)
        for job in self._queue:
            if not job.future.done():
                job.future.set_exception(end)
        self._bell.close()

    def _hire(self) -> None:
        wanted = min(self._count, len(self._queue) + sum(bool(w.jobs) for w in self._workers))
        while len(self._workers) < wanted:
            ours, theirs = _spawn.Pipe()
            process = _spawn.Process(
                target=serve, args=(theirs, *self._serve_args), name="afd-worker", daemon=True
            )
            process.start()
            theirs.close()  # so that the worker's end is closed when the worker is gone
            self._workers.append(_Worker(process, ours))

    def _feed(self) -> None:
        for depth in range(_PREFETCH):  # everybody gets a first job before anybody a second
            for worker in list(self._workers):
                if not (self._queue and worker.ready and len(worker.jobs) == depth):
                    continue
                if depth and len(self._queue[0].call) > _PREFETCH_BYTES:
                    continue
                job = self._queue.popleft()
                if not job.begin():
                    continue
                if not worker.jobs:
                    worker.since = time.monotonic()
                worker.jobs.append(job)
                with suppress(OSError):  # it is dead: _listen will see that
                    worker.pipe.send_bytes(job.call)

    def _listen(self) -> None:
        pipes = {worker.pipe: worker for worker in self._workers}
        for source in wait([self._bell, *pipes], self._patience()):
            if source is self._bell:
                while self._bell.poll():
                    self._bell.recv_bytes()
                continue
            worker = pipes[source]  # type: ignore[index]
            try:
                answer = worker.pipe.recv_bytes()
            except (EOFError, OSError):
                self._bury(worker)
            else:
                self._take(worker, answer)

    def _patience(self) -> float | None:
        if self._timeout_s is None:
            return None
        ends = [worker.since + self._timeout_s for worker in self._workers if worker.jobs]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _take(self, worker: _Worker, answer: bytes) -> None:
        if not worker.ready:
            if answer != READY:
                raise AfdError(f"worker processes cannot start: {pickle.loads(answer)}")
            worker.ready = True
            self._failed_starts = 0
            return
        job = worker.jobs.popleft()
        worker.since = time.monotonic()
        result = pickle.loads(answer)
        if isinstance(result, AfdError):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)

    def _bury(self, worker: _Worker) -> None:
        worker.process.join(_LAST_BREATH_S)
        worker.process.kill()
        worker.process.join()
        code = worker.process.exitcode or 0
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _MAX_FAILED_STARTS:
                raise AfdError(f"worker processes cannot start: one {_cause(code)}")
        self._drop(worker, PhotoError(ErrorCode.WORKER_CRASHED, f"the worker {_cause(code)}"))

    def _punish(self) -> None:
        if self._timeout_s is None:
            return
        late = time.monotonic() - self._timeout_s
        for worker in [w for w in self._workers if w.jobs and w.since <= late]:
            if worker.pipe.poll():
                continue  # it answered just now
            worker.process.kill()
            worker.process.join()
            message = f"took longer than {self._timeout_s:g} s"
            self._drop(worker, PhotoError(ErrorCode.TIMEOUT, message))

    def _drop(self, worker: _Worker, reason: PhotoError) -> None:
        """Remove a dead worker; its first job fails for *reason*, those that waited go back."""
        worker.pipe.close()
        self._workers.remove(worker)
        if worker.jobs:
            worker.jobs.popleft().future.set_exception(reason)
        self._queue.extendleft(reversed(worker.jobs))


def _cause(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit status {code}"
