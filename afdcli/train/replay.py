"""Pairs used more than once: making one (decode, crop, compress, read back) costs a core 12 ms."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from afdcli.train.data import Batch

_MOST_BYTES = 3 << 30  # of stored pairs: about 3,500 at 224x224
_SHARE_OF_DISK = 0.5  # of what is free
_FEWEST_BATCHES = 4  # stored before any of them comes back


class Replay:
    """Hands out every pair of *fresh* about *uses* times, each time in other company.

    Pairs lie in memory-mapped files that `close` removes; when they are full, new pairs take the
    places of the oldest.

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
        self._capacity = self._size = self._filled = self._next = self._turn = 0

    def draw(self) -> Batch:
        """The next batch: fresh ones at first and every *uses*-th time, else stored pairs."""
        if self._uses <= 1:
            return next(self._fresh)
        turn, self._turn = self._turn, self._turn + 1
        if turn < _FEWEST_BATCHES or turn % self._uses == 0:
            return self._store(next(self._fresh))
        size = self._size
        if self._filled < _FEWEST_BATCHES * size:  # the disk is full: there is nothing to reuse
            return next(self._fresh)
        rows = np.sort(self._rng.choice(self._filled, size, replace=False))
        return Batch(*(torch.from_numpy(array[rows]) for array in self._stored))

    def close(self) -> None:
        """Remove the files."""
        self._stored = ()
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
        for array, tensor in zip(self._stored, batch, strict=True):
            array[rows] = tensor.numpy()
        self._filled = max(self._filled, self._next + size)
        self._next = (self._next + size) % self._capacity
        return batch

    def _allocate(self, batch: Batch) -> None:
        """Make room for whole batches, as many as the limits allow."""
        self._folder = Path(tempfile.mkdtemp(prefix=".afd-pairs-", dir=self._parent))
        room = min(_MOST_BYTES, int(_SHARE_OF_DISK * shutil.disk_usage(self._folder).free))
        size = len(batch.clean)
        each = sum(tensor.numel() * tensor.element_size() for tensor in batch)
        self._capacity = room // each * size
        self._stored = tuple(
            np.lib.format.open_memmap(
                self._folder / f"{name}.npy",
                "w+",
                tensor.numpy().dtype,
                (self._capacity, *tensor.shape[1:]),
            )
            for name, tensor in zip(batch._fields, batch, strict=True)
        )
