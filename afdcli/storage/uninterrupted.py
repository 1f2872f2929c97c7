"""Writing and counting in one piece, though Ctrl-C may come at any moment."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let the signals that end a run wait until the block is done.

    The second signal does not wait: a write to a store that does not answer may take long. Signals
    that are ignored, or handled outside of Python, are left alone. In other threads than the main
    one this does nothing, since Python handles signals in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []

    def wait(number: int, frame: object) -> None:
        if waiting:
            raise KeyboardInterrupt
        waiting.append(number)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    heard = {number: handler for number, handler in before.items() if callable(handler)}
    try:
        for number in heard:
            signal.signal(number, wait)
        yield
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
        for late in waiting:
            signal.raise_signal(late)
