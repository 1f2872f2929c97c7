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
from numpy.typing import NDArray

from afdcli.codec.memory_file import open_memory_file
from afdcli.errors import MachineError
from afdcli.view.spec import View, ViewSpec

_ALIGN = 64  # bytes; a cache line


@dataclass(frozen=True)
class Address:
    """What a worker needs to find the slots; pickles.

    Attributes:
        path: of the shared memory.
        inode: of the shared memory. Successive runs of one process may reuse the same path.
        spec: of the views in the slots.
    """

    path: str
    inode: int
    spec: ViewSpec

    def view(self, slot: int) -> View:
        """The arrays of *slot*, to write to; called in worker processes.

        Raises:
            OSError: the shared memory is gone, or the path belongs to another run.
        """
        return _arrays(self.spec, _map_memory(self.path, self.inode), slot)


def slot_size(spec: ViewSpec) -> int:
    """Size of one slot in bytes."""
    return sum(_sizes(spec))


def _sizes(spec: ViewSpec) -> list[int]:
    """Bytes of the arrays of a slot, each padded to a multiple of 64."""
    sizes = (prod(shape) * np.dtype(kind).itemsize for shape, kind in spec.arrays)
    return [-(-size // _ALIGN) * _ALIGN for size in sizes]


def _arrays(spec: ViewSpec, buffer: memoryview, slot: int) -> View:
    """The arrays of *slot*, without a copy: writing to them writes to *buffer*."""
    sizes = _sizes(spec)
    offset, arrays = slot * sum(sizes), []
    for (shape, kind), size in zip(spec.arrays, sizes, strict=True):
        arrays.append(np.ndarray(shape, kind, buffer, offset))
        offset += size
    return View(*arrays)


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

    def __init__(self, spec: ViewSpec, count: int) -> None:
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
        self.address = Address(path, os.fstat(self._fd).st_ino, spec)
        try:
            self.count = _reserve(self._fd, slot_size(spec), count)
            self._bytes = memoryview(mmap.mmap(self._fd, 0))
        except BaseException:
            self._free()
            raise

    def read(self, slot: int) -> View:
        """The arrays of *slot*, without a copy; do not use them after the context has ended."""
        return _arrays(self.address.spec, self._bytes, slot)

    def __enter__(self) -> Slots:
        return self

    def __exit__(self, *_: object) -> None:
        self._free()

    def _free(self) -> None:
        self._bytes = memoryview(b"")
        os.close(self._fd)
        if self._temporary_file is not None:
            Path(self._temporary_file).unlink(missing_ok=True)


def _reserve(fd: int, size: int, count: int) -> int:
    """Allocate *count* slots of *size* bytes, or fewer if memory is short; the number of slots."""
    while count >= 2:
        if _allocate(fd, count * size):
            return count
        count //= 2
    raise MachineError(
        f"shared memory has no room for two pictures ({2 * size >> 20} MB);"
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

    def __init__(self, spec: ViewSpec, size: int, empty: Any = np.zeros) -> None:
        arrays: list[NDArray[Any]] = [empty((size, *shape), kind) for shape, kind in spec.arrays]
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
