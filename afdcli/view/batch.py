"""Pictures handed over from worker processes to the classifier, without pickling.

A *slot* is a piece of shared memory that holds one `View`. The parent owns all slots; a worker
attaches by name and fills the one that its task names. A `Batch` gathers finished views in
ordinary memory, in input order, failed pictures left out.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from math import prod
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from afdcli.constants import CELL, CONTEXT_CHANNELS, GRID_CHANNELS
from afdcli.errors import AfdError
from afdcli.view.spec import View, ViewSpec

_ALIGN = 64  # bytes; a cache line


@dataclass(frozen=True)
class Layout:
    """Shapes of a `View` for classifier inputs of *height* x *width* pixels."""

    height: int
    width: int
    grid_channels: int = GRID_CHANNELS

    @classmethod
    def of(cls, spec: ViewSpec) -> Layout:
        """The layout of the views that *spec* describes."""
        return cls(spec.height, spec.width, spec.grid_channels)

    @property
    def fields(self) -> tuple[tuple[tuple[int, ...], DTypeLike], ...]:
        """Shape and type of pixels, grid and file_context."""
        cells = (-(-self.height // CELL), -(-self.width // CELL))
        return (
            ((self.height, self.width, 3), np.uint8),
            ((self.grid_channels, *cells), np.float16),
            ((CONTEXT_CHANNELS,), np.float32),
        )

    @property
    def size(self) -> int:
        """Bytes of one slot."""
        return sum(self._bytes)

    @property
    def _bytes(self) -> tuple[int, ...]:
        sizes = (prod(shape) * np.dtype(kind).itemsize for shape, kind in self.fields)
        return tuple(-(-size // _ALIGN) * _ALIGN for size in sizes)

    def view(self, buffer: memoryview, slot: int) -> View:
        """The arrays of *slot*, without a copy: writing to them writes to *buffer*."""
        offset, arrays = slot * self.size, []
        for (shape, kind), size in zip(self.fields, self._bytes, strict=True):
            arrays.append(np.ndarray(shape, kind, buffer, offset))
            offset += size
        return View(*arrays)


@dataclass(frozen=True)
class Address:
    """All that a worker needs to find the slots: the name of the shared memory and the layout."""

    name: str
    layout: Layout

    def write(self, slot: int, view: View) -> None:
        """Copy *view* into *slot*; for worker processes."""
        target = self.layout.view(_bytes(_attached(self.name)), slot)
        target.pixels[:], target.grid[:], target.file_context[:] = (
            view.pixels,
            view.grid,
            view.file_context,
        )


@functools.lru_cache(maxsize=1)
def _attached(name: str) -> SharedMemory:
    return SharedMemory(name)


def _bytes(memory: SharedMemory) -> memoryview:
    assert memory.buf is not None, "used after its context was left"
    return memory.buf


class Slots:
    """A ring of at most *count* slots; a context manager that frees the memory on every way out.

    There are fewer where the system gives little shared memory (64 MB in many containers).

    Attributes:
        count: number of slots.
        address: for the workers.

    Raises:
        AfdError: there is no room for even two slots.
    """

    def __init__(self, layout: Layout, count: int) -> None:
        self._memory, self.count = _allocate(layout, count)
        self.address = Address(self._memory.name, layout)

    def read(self, slot: int) -> View:
        """The arrays of *slot*, without a copy; drop them before leaving the context."""
        return self.address.layout.view(_bytes(self._memory), slot)

    def __enter__(self) -> Slots:
        return self

    def __exit__(self, *_: object) -> None:
        self._memory.unlink()
        self._memory.close()


def _allocate(layout: Layout, count: int) -> tuple[SharedMemory, int]:
    while count >= 2:
        memory = SharedMemory(create=True, size=count * layout.size)
        try:
            # Reserve it: memory that is only promised kills the process that touches it (SIGBUS).
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(memory._fd, 0, memory.size)  # type: ignore[attr-defined]
        except OSError:
            memory.unlink()
            memory.close()
            count //= 2
        else:
            return memory, count
    raise AfdError(
        f"no room for two pictures ({2 * layout.size >> 20} MB) in shared memory (/dev/shm);"
        " give the container more, e.g. `docker run --shm-size 256m`"
    )


class Batch:
    """Views of *size* pictures, gathered one by one.

    Attributes:
        pixels, grid, file_context: the arrays of `View` with a leading axis of *size*. Rows that
            were not filled hold zeros or older pictures.
        filled: how many are in it.
    """

    def __init__(self, layout: Layout, size: int, empty: Any = np.zeros) -> None:
        arrays: list[NDArray[Any]] = [empty((size, *shape), kind) for shape, kind in layout.fields]
        self.pixels, self.grid, self.file_context = arrays
        self.size = size
        self.filled = 0

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """In the order of `View`."""
        return self.pixels, self.grid, self.file_context

    @property
    def full(self) -> bool:
        """Whether no further picture fits in."""
        return self.filled == self.size

    def add(self, view: View) -> None:
        """Copy *view* in."""
        i = self.filled
        self.pixels[i], self.grid[i], self.file_context[i] = (
            view.pixels,
            view.grid,
            view.file_context,
        )
        self.filled += 1

    def clear(self) -> None:
        """Begin the next batch in the same memory."""
        self.filled = 0
