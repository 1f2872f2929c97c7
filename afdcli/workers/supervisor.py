"""The thread behind `afdcli.workers.pool`: it feeds, watches and replaces the workers."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from typing import Any

from afdcli.errors import AfdError, ErrorCode, MachineError, PhotoError
from afdcli.workers.worker import READY, serve

_PREFETCH = 2  # tasks sent to a worker: one running and one waiting, so that it never idles
# A worker that is sending an answer does not read. What is sent to it meanwhile must fit into the
# pipe's buffer, or both sides would wait for each other forever.
_PREFETCH_BYTES = 4096
_MAX_FAILED_STARTS = 8
_EXIT_WAIT_S = 5.0  # most seconds between the end of a worker's pipe and of its process

# Not fork: it would copy locks that the parent's threads hold. The fork server has no threads, and
# has imported what workers need: a dead worker is replaced within hundredths of a second.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["afdcli.workers.preload"])


def start_server() -> None:
    """Start the server that workers are forked from, before it is needed.

    It imports the codecs while the caller imports torch. It ignores Ctrl-C.

    Raises:
        MachineError: the server cannot start.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _start_errors():
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _start_errors() -> Iterator[None]:
    """Turn errors of starting a process into a `MachineError`."""
    try:
        yield
    except (OSError, EOFError) as error:  # EOFError: the server has died
        reason = str(error) or "their server has ended"
        raise MachineError(f"worker processes cannot start: {reason}") from error


@dataclass
class _Job:
    call: bytes  # the pickled (pickled function, task)
    future: Future[Any]
    begun: bool = False  # stays True if the job is sent again after its worker died
    suspect: bool = False  # its worker died; it is tried once more, on a worker of its own

    def begin(self) -> bool:
        """Mark the job as running; False if its future was cancelled."""
        self.begun = self.begun or self.future.set_running_or_notify_cancel()
        return self.begun


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    ready: bool = False
    jobs: deque[_Job] = field(default_factory=deque)  # the first is running, the rest wait
    since: float = 0.0  # start of the first job, monotonic seconds


class Supervisor(threading.Thread):
    """The thread that feeds and watches the workers while the consumer is busy.

    Arguments as for `afdcli.workers.pool.WorkerPool`.
    """

    def __init__(
        self,
        workers: int,
        initializer: Callable[[], object] | None,
        timeout_s: float | None,
        memory_limit: int | None,
    ) -> None:
        super().__init__(name="afd-supervisor", daemon=True)
        self._count = workers
        self._timeout_s = timeout_s
        self._serve_args = (initializer, memory_limit)
        self._workers: list[_Worker] = []
        self._queue: deque[_Job] = deque()  # appended to by submit, popped here; both atomic
        self._wakeup_read, self._wakeup_write = _processes.Pipe(duplex=False)
        self._woken = False  # a message is in that pipe
        self._failed_starts = 0
        self._stopping = False
        self._lock = threading.Lock()  # between submit and the end of this thread
        self._end: BaseException | None = None

    def submit(self, function: bytes, task: object) -> Future[Any]:
        """Queue the call ``function(task)`` of a pickled function; thread-safe.

        The future raises `PhotoError` if the task failed, or the error that ended this thread.
        """
        future: Future[Any] = Future()
        job = _Job(pickle.dumps((function, task)), future)
        with self._lock:
            if self._end is not None:
                future.set_exception(self._end)
            else:
                self._queue.append(job)
                if not self._woken:
                    self._woken = True
                    self._wakeup_write.send_bytes(b"!")
        return future

    def stop(self) -> None:
        """Kill the workers and end this thread."""
        with self._lock:
            self._stopping = True
            if self._end is None:
                self._wakeup_write.send_bytes(b"!")
        self.join()
        self._wakeup_write.close()

    def run(self) -> None:
        """Serve until `stop`, or until workers cannot be started."""
        # The workers inherit this from their first instruction on: only the parent handles Ctrl-C.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        end: BaseException = AfdError("the worker processes were stopped")
        try:
            while not self._stopping:
                self._start_workers()
                self._send_jobs()
                self._receive()
                self._kill_late()
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
        self._wakeup_read.close()

    def _start_workers(self) -> None:
        wanted = min(self._count, len(self._queue) + sum(bool(w.jobs) for w in self._workers))
        while len(self._workers) < wanted:
            with _start_errors():
                ours, theirs = _processes.Pipe()
            process = _processes.Process(
                target=serve, args=(theirs, *self._serve_args), name="afd-worker", daemon=True
            )
            with _start_errors():
                process.start()
            theirs.close()  # so that the pipe ends when the worker exits
            self._workers.append(_Worker(process, ours))

    def _send_jobs(self) -> None:
        for depth in range(_PREFETCH):  # every worker gets a first job before any gets a second
            for worker in list(self._workers):
                if not (self._queue and worker.ready and len(worker.jobs) == depth):
                    continue
                following = self._queue[0]
                if depth and (
                    len(following.call) > _PREFETCH_BYTES
                    or worker.jobs[0].suspect  # a suspect needs a worker of its own
                    or following.suspect
                ):
                    continue
                job = self._queue.popleft()
                if not job.begin():
                    continue
                if not worker.jobs:
                    worker.since = time.monotonic()
                worker.jobs.append(job)
                with suppress(OSError):  # it is dead: _receive will notice
                    worker.pipe.send_bytes(job.call)

    def _receive(self) -> None:
        pipes = {worker.pipe: worker for worker in self._workers}
        for source in wait([self._wakeup_read, *pipes], self._seconds_to_timeout()):
            if source is self._wakeup_read:
                while self._wakeup_read.poll():
                    self._wakeup_read.recv_bytes()
                self._woken = False  # and then look into the queue
                continue
            worker = pipes[source]  # type: ignore[index]
            try:
                answer = worker.pipe.recv_bytes()
            except (EOFError, OSError):
                self._reap(worker)
            else:
                self._handle_answer(worker, answer)

    def _seconds_to_timeout(self) -> float | None:
        if self._timeout_s is None:
            return None
        ends = [worker.since + self._timeout_s for worker in self._workers if worker.jobs]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _handle_answer(self, worker: _Worker, answer: bytes) -> None:
        if not worker.ready:
            if answer != READY:
                raise MachineError(f"worker processes cannot start: {pickle.loads(answer)}")
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

    def _reap(self, worker: _Worker) -> None:
        worker.process.join(_EXIT_WAIT_S)
        worker.process.kill()
        worker.process.join()
        code = worker.process.exitcode or 0
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _MAX_FAILED_STARTS:
                raise MachineError(f"worker processes cannot start: one {_cause(code)}")
        if worker.jobs and not worker.jobs[0].suspect:
            # The job may be innocent: the system kills processes when it runs out of memory.
            worker.jobs[0].suspect = True
            self._remove(worker, None)
            return
        reason = f"its worker {_cause(code)}, twice"
        self._remove(worker, PhotoError(ErrorCode.WORKER_CRASHED, reason))

    def _kill_late(self) -> None:
        if self._timeout_s is None:
            return
        late = time.monotonic() - self._timeout_s
        for worker in [w for w in self._workers if w.jobs and w.since <= late]:
            if worker.pipe.poll():
                continue  # it answered just now
            worker.process.kill()
            worker.process.join()
            message = f"took longer than {self._timeout_s:g} s"
            self._remove(worker, PhotoError(ErrorCode.TIMEOUT, message))

    def _remove(self, worker: _Worker, reason: PhotoError | None) -> None:
        """Remove a dead worker. Its first job fails with *reason*; its other jobs are queued again.

        Without a reason the first job is queued again, too.
        """
        worker.pipe.close()
        self._workers.remove(worker)
        if worker.jobs and reason is not None:
            worker.jobs.popleft().future.set_exception(reason)
        self._queue.extendleft(reversed(worker.jobs))


def _cause(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit status {code}"
