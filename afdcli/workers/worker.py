"""The main loop of a worker of `afdcli.workers.pool`, which states the default memory limit.

Imports little, so that it starts fast.
"""

from __future__ import annotations

import pickle
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any

from afdcli.errors import AfdError, ErrorCode, PhotoError
from afdcli.workers.memory import keep_some_freed_memory

#: First message of a worker whose initializer succeeded.
READY = b"ready"


def serve(
    pipe: Connection, initializer: Callable[[], object] | None, memory_limit: int | None
) -> None:
    """Answer calls until the parent closes the pipe; runs in the worker.

    Args:
        pipe: pickled (pickled function, task) in, pickled result or `AfdError` out.
        initializer: called first, if given.
        memory_limit: most bytes of data for this process, None for no limit.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the parent handles Ctrl-C
    try:
        if memory_limit is not None:
            _limit_memory(memory_limit)
        keep_some_freed_memory()
        if initializer is not None:
            initializer()
    except Exception as error:
        pipe.send_bytes(pickle.dumps(f"{type(error).__name__}: {error}"))
        return
    with suppress(EOFError, OSError):  # the parent is gone
        pipe.send_bytes(READY)
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))


def _limit_memory(limit: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


@lru_cache(maxsize=1)  # all calls of a run have the same function
def _unpickled(function: bytes) -> Callable[[Any], object]:
    call: Callable[[Any], object] = pickle.loads(function)
    return call


def _answer(call: bytes) -> bytes:
    try:
        function, task = pickle.loads(call)
        return pickle.dumps(_unpickled(function)(task), pickle.HIGHEST_PROTOCOL)
    except AfdError as error:
        return pickle.dumps(error)
    except MemoryError:
        failure = PhotoError(ErrorCode.OUT_OF_MEMORY, "needs more memory than a worker may use")
    except Exception as error:
        failure = PhotoError.unexpected(error)
    return pickle.dumps(failure)
