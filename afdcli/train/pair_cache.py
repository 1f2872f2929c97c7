"""Reuse pairs: to make one (decode, crop, compress, read back) takes a core 12 ms.

The classifier's outputs for the clean picture of a pair are stored with it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from afdcli.train.loader import Batch

_MOST_BYTES = 3 << 30  # of stored pairs: about 3,500 at 224x224
_SHARE_OF_DISK = 0.5  # of what is free
_FEWEST_BATCHES = 4  # stored before any of them comes back


class Drawn(NamedTuple):
    """One batch, and what `Replay.keep` stored with its pairs; () if nothing."""

    batch: Batch
    known: tuple[Tensor, ...] = ()


class Replay:
    """Hands out every pair of *fresh* about *uses* times, in a different batch each time.

    Pairs are stored in memory-mapped files that `close` removes; when they are full, new pairs
    replace the oldest.

    Args:
        fresh: endless batches of equal shape.
        uses: 1 stores nothing.
        folder: where the files go.
        seed: of the draw.
    """

    def __init__(self, fresh: Iterator[Batch], uses: int, folder: Path, seed: int) -> None:
        self._fresh, self._uses, self._parent = fresh, uses, folder
        self._rng = np.random.default_rng((seed, 2))
        self._folder: Path | None = None
        self._stored: tuple[NDArray[Any], ...] = ()
        self._known: tuple[NDArray[Any], ...] = ()
        self._is_known: NDArray[np.bool_] = np.zeros(0, bool)
        self._newest: NDArray[np.int64] | None = None  # rows of the batch that `keep` is about
        self._room = self._capacity = self._size = self._filled = self._next = self._turn = 0

    def draw(self) -> Drawn:
        """The next batch: fresh ones at first and every *uses*-th time, else stored pairs."""
        self._newest = None
        if self._uses <= 1:
            return Drawn(next(self._fresh))
        turn, self._turn = self._turn, self._turn + 1
        if turn < _FEWEST_BATCHES or turn % self._uses == 0:
            return Drawn(self._store(next(self._fresh)))
        size = self._size
        if self._filled < _FEWEST_BATCHES * size:  # the disk is full: there is nothing to reuse
            return Drawn(next(self._fresh))
        rows = np.sort(self._rng.choice(self._filled, size, replace=False))
        known = self._known if self._known and self._is_known[rows].all() else ()
        return Drawn(
            Batch(*(torch.from_numpy(array[rows]) for array in self._stored)),
            tuple(torch.from_numpy(array[rows]) for array in known),
        )

    def keep(self, known: Sequence[Tensor]) -> None:
        """Store tensors with the pairs just drawn, if these were new; `draw` returns them again.

        Args:
            known: (B, ...) each, of types that numpy has; the same shapes every time.
        """
        rows = self._newest
        if rows is None:
            return
        if not self._known:
            self._make_room(known)
        if self._known and rows[-1] < self._capacity and self._reserved(rows):
            for array, tensor in zip(self._known, known, strict=True):
                array[rows] = tensor.cpu().numpy()
            self._is_known[rows] = True

    def close(self) -> None:
        """Remove the files."""
        self._stored = self._known = ()
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None

    def _store(self, batch: Batch) -> Batch:
        if not self._stored:
            self._allocate(batch)
        self._size = size = len(batch.clean)
        if self._capacity < _FEWEST_BATCHES * size:
            return batch
        rows = np.arange(self._next, self._next + size)
        if not all(_reserve(array, self._next, size) for array in self._stored):
            self._capacity, self._next = self._filled // size * size, 0  # the disk is full
            return batch
        for array, tensor in zip(self._stored, batch, strict=True):
            array[rows] = tensor.numpy()
        self._newest, self._is_known[rows] = rows, False
        self._filled = max(self._filled, self._next + size)
        self._next = (self._next + size) % self._capacity
        return batch

    def _reserved(self, rows: NDArray[np.int64]) -> bool:
        return all(_reserve(array, int(rows[0]), len(rows)) for array in self._known)

    def _allocate(self, batch: Batch) -> None:
        """Make room for whole batches, as many as the limits allow."""
        self._folder = Path(tempfile.mkdtemp(prefix=".afd-pairs-", dir=self._parent))
        self._room = min(_MOST_BYTES, int(_SHARE_OF_DISK * shutil.disk_usage(self._folder).free))
        self._capacity = self._room // _bytes(batch) * len(batch.clean)
        self._is_known = np.zeros(self._capacity, bool)
        self._stored = tuple(map(self._file, batch._fields, batch))

    def _make_room(self, known: Sequence[Tensor]) -> None:
        """Create the files for *known* tensors, if they fit into the limit beside the pairs."""
        stored = [torch.from_numpy(array[: self._size]) for array in self._stored]
        batches = self._room // (_bytes(stored) + _bytes(known))
        if batches < _FEWEST_BATCHES:
            return
        self._capacity = min(self._capacity, batches * self._size)
        self._known = tuple(self._file(f"known{i}", tensor) for i, tensor in enumerate(known))

    def _file(self, name: str, like: Tensor) -> NDArray[Any]:
        """An array (capacity, ...) in a sparse file."""
        assert self._folder is not None
        return np.lib.format.open_memmap(
            self._folder / f"{name}.npy",
            "w+",
            like.numpy().dtype,
            (self._capacity, *like.shape[1:]),
        )


def _reserve(array: NDArray[Any], first: int, count: int) -> bool:
    """Take the room for rows on the disk; False where it is full.

    Memory that is mapped to a file without room kills the process that touches it (SIGBUS).
    """
    assert isinstance(array, np.memmap)
    if not hasattr(os, "posix_fallocate"):
        return True
    stride = array.strides[0]
    try:
        with Path(str(array.filename)).open("r+b") as file:
            os.posix_fallocate(file.fileno(), array.offset + first * stride, count * stride)
    except OSError:
        return False
    return True


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
