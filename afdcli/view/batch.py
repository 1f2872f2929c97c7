"""Pictures handed over from worker processes to the classifier, without pickling.

A *slot* is a piece of shared memory that holds one `View`. The parent owns all slots; a worker
opens their memory and fills the one that its task names. A `Batch` gathers finished views in
ordinary memory, in input order, failed pictures left out.
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
    """All that a worker needs to find the slots.

    Attributes:
        path: to their memory.
        inode: of it: two runs of one process may have the same path, one after the other.
        layout: of the slots.
    """

    path: str
    inode: int
    layout: Layout

    def write(self, slot: int, view: View) -> None:
        """Copy *view* into *slot*; for worker processes."""
        target = self.layout.view(_attached(self.path, self.inode), slot)
        target.pixels[:], target.grid[:] = view.pixels, view.grid
        target.file_context[:] = view.file_context


@functools.lru_cache(maxsize=1)
def _attached(path: str, inode: int) -> memoryview:
    fd = os.open(path, os.O_RDWR)
    try:
        if os.fstat(fd).st_ino != inode:
            raise FileNotFoundError(path)
        return memoryview(mmap.mmap(fd, 0))
    finally:
        os.close(fd)


class Slots:
    """A ring of at most *count* slots; a context manager that frees the memory on every way out.

    There are fewer where the system gives little memory. It has no name, so that nothing is left
    of it even where all processes are killed: workers open it through ``/proc``. Where there is
    none, it is a temporary file.

    Attributes:
        count: number of slots.
        address: for the workers.

    Raises:
        MachineError: there is no room for even two slots.
    """

    def __init__(self, layout: Layout, count: int) -> None:
        try:
            self._fd = open_memory_file()
            path, self._named = f"/proc/{os.getpid()}/fd/{self._fd}", None
            if not os.access(path, os.R_OK | os.W_OK):
                os.close(self._fd)
                self._fd, self._named = tempfile.mkstemp(prefix="afd-")
                path = self._named
        except OSError as error:
            raise MachineError(
                f"no shared memory and no temporary file for the readers: {error.strerror}"
            ) from error
        self.address = Address(path, os.fstat(self._fd).st_ino, layout)
        try:
            self.count = _reserve(self._fd, layout, count)
            self._bytes = memoryview(mmap.mmap(self._fd, 0))
        except BaseException:
            self._free()
            raise

    def read(self, slot: int) -> View:
        """The arrays of *slot*, without a copy; drop them when the context is left."""
        return self.address.layout.view(self._bytes, slot)

    def __enter__(self) -> Slots:
        return self

    def __exit__(self, *_: object) -> None:
        self._free()

    def _free(self) -> None:
        self._bytes = memoryview(b"")
        os.close(self._fd)
        if self._named is not None:
            Path(self._named).unlink(missing_ok=True)


def _reserve(fd: int, layout: Layout, count: int) -> int:
    """Give *fd* memory for *count* slots, or for as many as there is room for."""
    while count >= 2:
        if _grown(fd, count * layout.size):
            return count
        count //= 2
    raise MachineError(
        f"no room for two pictures ({2 * layout.size >> 20} MB) in shared memory;"
        " give the container more memory"
    )


def _grown(fd: int, size: int) -> bool:
    """Whether *fd* now has *size* bytes, in memory that is there and not only promised.

    Memory that is only promised kills the process that touches it (SIGBUS).
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
