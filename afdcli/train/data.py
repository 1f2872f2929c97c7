"""Pairs in batches: made in worker processes, so that the cores stay on the maths."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from afdcli.codec.encode import Compression
from afdcli.codec.recipe import PAPER_QUALITIES
from afdcli.train.pairs import Pair, degraded_pair, make_pair, random_crop
from afdcli.train.photos import load_pixels
from afdcli.train.settings import Mix
from afdcli.view.spec import CELL, ViewSpec

#: What Pillow raises for a broken file; a training photo that turns out broken is replaced.
BROKEN = (OSError, SyntaxError, ValueError)


class Batch(NamedTuple):
    """Pairs, stacked: clean and pixels (B, H, W, 3) uint8, grid float16, side float32."""

    clean: Tensor
    pixels: Tensor
    grid: Tensor
    side: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on *device*."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))

    def window(self, side: int, rng: np.random.Generator) -> Batch:
        """The same square of *side* pixels out of all views, on the cells' borders.

        Views that are smaller, or no whole number of cells, stay whole.
        """
        height, width = self.pixels.shape[1:3]
        if min(height, width) <= side or height % CELL or width % CELL or side % CELL:
            return self
        row, column = (int(rng.integers((size - side) // CELL + 1)) for size in (height, width))
        cells = (
            ...,
            slice(row, row + side // CELL),
            slice(column, column + side // CELL),
        )
        top, left = CELL * row, CELL * column
        pixels = (slice(None), slice(top, top + side), slice(left, left + side))
        return Batch(self.clean[pixels], self.pixels[pixels], self.grid[cells], self.side)


class Pairs(IterableDataset[tuple[Tensor, ...]]):
    """An endless stream of random pairs."""

    def __init__(self, photos: Sequence[Path], spec: ViewSpec, mix: Mix, seed: int) -> None:
        self.photos, self.spec, self.mix, self.seed = tuple(photos), spec, mix, seed

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        """Every worker draws its own stream."""
        info = get_worker_info()
        rng = np.random.default_rng((self.seed, info.id if info else 0))
        while True:
            path = self.photos[int(rng.integers(len(self.photos)))]
            try:
                pixels = load_pixels(path)
            except BROKEN:
                continue  # its header was fine when the photos were collected, its data is not
            yield tensors(make_pair(pixels, self.spec, self.mix, rng))


def tensors(pair: Pair) -> tuple[Tensor, ...]:
    """One pair in the order of `Batch`."""
    view = pair.drifted
    return (
        torch.from_numpy(pair.clean),
        torch.from_numpy(view.pixels),
        torch.from_numpy(view.grid),
        torch.from_numpy(view.side),
    )


def batches(pairs: Pairs, batch_size: int, workers: int) -> Iterator[Batch]:
    """Endless batches from *workers* processes (0: from this one)."""
    if workers:  # numpy's BLAS reads it when a worker starts; its threads would fight with ours
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    loader = DataLoader(
        pairs,
        batch_size=batch_size,
        num_workers=workers,
        # Forked workers would inherit the threads of torch in an undefined state.
        multiprocessing_context="spawn" if workers else None,
        prefetch_factor=4 if workers else None,
    )
    for parts in loader:
        yield Batch(*parts)


def validation_batches(
    photos: Sequence[Path], spec: ViewSpec, seed: int, batch_size: int
) -> list[Batch]:
    """Held-out pairs, the same in every run: the paper's five quality factors in turn.

    Every second photo is cropped to the view first (the paper's protocol), the others are
    compressed at a size of their own.
    """
    made: list[tuple[Tensor, ...]] = []
    for i, path in enumerate(photos):
        rng = np.random.default_rng((seed, 1, i))
        try:
            pixels = load_pixels(path)
        except BROKEN:
            continue
        size = (spec.height, spec.width) if i % 2 == 0 else None
        rounds = [Compression("jpeg", PAPER_QUALITIES[i % len(PAPER_QUALITIES)], "4:2:0")]
        made.append(tensors(degraded_pair(random_crop(pixels, size, rng), rounds, spec)))
    parts = [made[i : i + batch_size] for i in range(0, len(made), batch_size)]
    return [Batch(*(torch.stack(column) for column in zip(*part, strict=True))) for part in parts]
