"""Views passed from worker processes to the classifier in shared memory, without pickling.

A *slot* is a piece of shared memory that holds one `View`. The parent owns all slots. A worker maps
their memory and fills the slot that its task names. A `Batch` collects finished views in ordinary
memory, in input order, without the pictures that failed.
"""

from __future__ import annotations

import functools
import mmap
import os
import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from afdcli.codec.memory_file import open_memory_file
from afdcli.constants import CELL, CONTEXT_CHANNELS, GRID_CHANNELS
from afdcli.errors import MachineError
from afdcli.view.spec import View, ViewSpec

_ALIGN = 64  # bytes; a cache line


@dataclass(frozen=True)
class Layout:
    """Array shapes of a `View`.

    Attributes:
        height, width: of the classifier's input, pixels.
        grid_channels: of `View.grid`.
    """

    height: int
    width: int
    grid_channels: int = GRID_CHANNELS

    @classmethod
    def of(cls, spec: ViewSpec) -> Layout:
        """The layout of the views that *spec* describes."""
        return cls(spec.height, spec.width, spec.grid_channels)

    @property
    def fields(self) -> tuple[tuple[tuple[int, ...], DTypeLike], ...]:
        """(shape, dtype) of pixels, grid and file_context, in this order."""
        cells = (-(-self.height // CELL), -(-self.width // CELL))
        return (
            ((self.height, self.width, 3), np.uint8),
            ((self.grid_channels, *cells), np.float16),
            ((CONTEXT_CHANNELS,), np.float32),
        )

    @property
    def size(self) -> int:
        """Size of one slot in bytes; every array starts at a multiple of 64."""
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
    """What a worker needs to find the slots; pickles.

    Attributes:
        path: of the shared memory.
        inode: of the shared memory. Successive runs of one process may reuse the same path.
        layout: of the slots.
    """

    path: str
    inode: int
    layout: Layout

    def view(self, slot: int) -> View:
        """The arrays of *slot*, to write to; called in worker processes.

        Raises:
            OSError: the shared memory is gone, or the path belongs to another run.
        """
        return self.layout.view(_map_memory(self.path, self.inode), slot)


@functools.lru_cache(maxsize=1)
def _map_memory(path: str, inode: int) -> memoryview:
    fd = os.open(path, os.O_RDWR)
    try:
        if os.fstat(fd).st_ino != inode:
            raise FileNotFoundError(path)
        return memoryview(mmap.mmap(fd, 0))
    finally:
        os.close(fd)


class Slots:
    """Up to *count* slots in shared memory; a context manager that frees them.

    The memory has no name, so nothing is left over even if all processes are killed; workers open
    it through ``/proc``. Without ``/proc`` it is a temporary file.

    Attributes:
        count: number of slots, fewer than asked for if memory is short.
        address: for the workers.

    Raises:
        MachineError: there is no room for two slots.
    """

    def __init__(self, layout: Layout, count: int) -> None:
        try:
            self._fd = open_memory_file()
            path, self._temporary_file = f"/proc/{os.getpid()}/fd/{self._fd}", None
            if not os.access(path, os.R_OK | os.W_OK):
                os.close(self._fd)
                self._fd, self._temporary_file = tempfile.mkstemp(prefix="afd-")
                path = self._temporary_file
        except OSError as error:
            raise MachineError(
                f"cannot create shared memory or a temporary file for the workers: {error.strerror}"
            ) from error
        self.address = Address(path, os.fstat(self._fd).st_ino, layout)
        try:
            self.count = _reserve(self._fd, layout, count)
            self._bytes = memoryview(mmap.mmap(self._fd, 0))
        except BaseException:
            self._free()
            raise

    def read(self, slot: int) -> View:
        """The arrays of *slot*, without a copy; do not use them after the context has ended."""
        return self.address.layout.view(self._bytes, slot)

    def __enter__(self) -> Slots:
        return self

    def __exit__(self, *_: object) -> None:
        self._free()

    def _free(self) -> None:
        self._bytes = memoryview(b"")
        os.close(self._fd)
        if self._temporary_file is not None:
            Path(self._temporary_file).unlink(missing_ok=True)


def _reserve(fd: int, layout: Layout, count: int) -> int:
    """Allocate memory for *count* slots, or fewer if memory is short; the number of slots."""
    while count >= 2:
        if _allocate(fd, count * layout.size):
            return count
        count //= 2
    raise MachineError(
        f"shared memory has no room for two pictures ({2 * layout.size >> 20} MB);"
        " give the container more memory"
    )


def _allocate(fd: int, size: int) -> bool:
    """Resize *fd* to *size* bytes of memory that is really allocated; whether that worked.

    If the memory were only reserved, touching it could kill the process (SIGBUS).
    """
    try:
        os.ftruncate(fd, size)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(fd, 0, size)
    except OSError:
        os.ftruncate(fd, 0)
        return False
    return True


class Batch:
    """Room for the views of *size* pictures, added one by one.

    Attributes:
        pixels, grid, file_context: the arrays of `View` with a leading axis of *size*. Rows that
            are not filled hold zeros or earlier pictures.
        filled: number of views in the batch.
    """

    def __init__(self, layout: Layout, size: int, empty: Any = np.zeros) -> None:
        arrays: list[NDArray[Any]] = [empty((size, *shape), kind) for shape, kind in layout.fields]
        self.pixels, self.grid, self.file_context = arrays
        self.size = size
        self.filled = 0

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """(pixels, grid, file_context)."""
        return self.pixels, self.grid, self.file_context

    @property
    def full(self) -> bool:
        """Whether the batch has no free row."""
        return self.filled == self.size

    def add(self, view: View) -> None:
        """Copy *view* into the next free row."""
        for array, row in zip(
            self.arrays, (view.pixels, view.grid, view.file_context), strict=True
        ):
            array[self.filled] = row
        self.filled += 1

    def clear(self) -> None:
        """Empty the batch and reuse its memory."""
        self.filled = 0
