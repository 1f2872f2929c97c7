"""Functions that the pool tests run in worker processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from afdcli.errors import ErrorCode, PhotoError, UsageError
from afdcli.workers.read_task import Prepare, ReadResult, Task


def misbehave(task: tuple[int, str]) -> tuple[int, int]:
    """Do what the task says; answer with its number and this worker's process id."""
    number, deed = task
    if deed == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "exit":
        os._exit(3)
    if deed == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        time.sleep(3600)
    if deed == "eat":
        eaten = [bytearray(2**24) for _ in range(1024)]  # 16 GiB, written to
        return len(eaten), 0
    if deed == "refuse":
        raise PhotoError(ErrorCode.CORRUPT, "it is broken")
    if deed == "bug":
        raise KeyError("oops")
    if deed == "usage":
        raise UsageError("wrong option")
    return number, os.getpid()


def answer_at_length(number: int) -> bytes:
    """A megabyte, which does not fit into a pipe at once."""
    time.sleep(0.002)
    return number.to_bytes(4, "big") * 2**18


def die_once(flag: str) -> str:
    """Kill this worker, unless that was done before."""
    if not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "fine"


def fail_to_start() -> None:
    raise RuntimeError("no such library")


def die_at_start() -> None:
    os._exit(7)


class Faulty(Prepare):
    """Reads files, but does what the stem of a file's name says before."""

    def __call__(self, task: Task) -> ReadResult:
        deed = Path(task.path).stem.split("-")[0]
        misbehave((0, deed))
        if deed == "bloat":
            misbehave((0, "eat"))
        return super().__call__(task)
