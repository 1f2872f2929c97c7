"""Batches of pairs, made in worker processes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from afdcli.codec.encode import PAPER_QUALITIES, Compression
from afdcli.errors import MachineError, UsageError
from afdcli.train.pairs import (
    Degradation,
    Pair,
    degraded_pair,
    make_pair,
    native_size,
    random_crop,
    random_part,
)
from afdcli.train.photos import load_pixels
from afdcli.train.settings import Mix
from afdcli.view.spec import ViewSpec


class Batch(NamedTuple):
    """Pairs, stacked: clean and pixels (B, H, W, 3) uint8, grid float16, file_context float32."""

    clean: Tensor
    pixels: Tensor
    grid: Tensor
    file_context: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on *device*."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


class Pairs(IterableDataset[tuple[Tensor, ...]]):
    """An endless stream of random pairs; raises UsageError where no photo can be read.

    All *folders* are drawn equally often, however many photos they hold.
    """

    def __init__(
        self, folders: Sequence[Sequence[Path]], spec: ViewSpec, mix: Mix, seed: int
    ) -> None:
        self.folders, self.spec, self.mix, self.seed = tuple(folders), spec, mix, seed

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        """A stream of its own for every worker."""
        info = get_worker_info()
        rng = np.random.default_rng((self.seed, info.id if info else 0))
        folders = [list(photos) for photos in self.folders]
        while True:
            pixels = self._drawn(folders, rng)
            other = self._drawn(folders, rng) if rng.random() < self.mix.mixed else None
            yield tensors(make_pair(pixels, self.spec, self.mix, rng, other))

    def _drawn(self, folders: list[list[Path]], rng: np.random.Generator) -> NDArray[np.uint8]:
        """A photo (H, W, 3) uint8 of *folders*, which lose those that cannot be read."""
        while folders:
            photos = folders[int(rng.integers(len(folders)))]
            number = int(rng.integers(len(photos)))
            pixels = load_pixels(photos[number], self.spec.icc)
            if pixels is not None:
                return pixels
            # Its header was fine when the photos were collected, its data is not.
            photos.pop(number)
            folders[:] = [photos for photos in folders if photos]
        raise UsageError("no photo to train on can be read to its end: are the files damaged?")


def tensors(pair: Pair) -> tuple[Tensor, ...]:
    """One pair in the order of `Batch`."""
    view = pair.drifted
    return (
        torch.from_numpy(pair.clean),
        torch.from_numpy(view.pixels),
        torch.from_numpy(view.grid),
        torch.from_numpy(view.file_context),
    )


def batches(pairs: Pairs, batch_size: int, workers: int) -> Iterator[Batch]:
    """Endless batches from *workers* processes (0: from this one)."""
    if workers:  # read when a worker starts: numpy's threads would compete with ours
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    loader = DataLoader(
        pairs,
        batch_size=batch_size,
        num_workers=workers,
        # A fork would copy torch's threads in an undefined state.
        multiprocessing_context="spawn" if workers else None,
        prefetch_factor=4 if workers else None,
    )
    try:
        stream = iter(loader)
    except OSError as error:
        raise MachineError(
            f"processes that make training pairs cannot start ({error.strerror or error}); they"
            " need shared memory (/dev/shm)"
        ) from error
    for parts in stream:
        yield Batch(*parts)


def validation_batches(
    photos: Sequence[Path], spec: ViewSpec, seed: int, batch_size: int
) -> list[Batch]:
    """Held-out pairs, the same in every run: the paper's five quality factors in turn.

    Every second photo is cropped to the view first (the paper's protocol), the others are
    compressed at a size of their own.

    Raises:
        UsageError: none of them can be read to its end.
    """
    made: list[tuple[Tensor, ...]] = []
    for i, path in enumerate(photos):
        rng = np.random.default_rng((seed, 1, i))
        pixels = load_pixels(path, spec.icc)
        if pixels is None:
            continue
        view = (spec.height, spec.width)
        native = i % 2 == 1
        picture = random_part(pixels, rng) if native else random_crop(pixels, view, rng)
        rounds = [Compression("jpeg", PAPER_QUALITIES[i % len(PAPER_QUALITIES)], "4:2:0")]
        size = native_size(picture, min(view), rng) if native else None
        made.append(tensors(degraded_pair(picture, Degradation(rounds, size), spec)))
    if not made:
        raise UsageError(
            f"none of the {len(photos)} photos held out for validation can be read to its end, "
            f"e.g. {photos[0]}: are the files damaged?"
        )
    parts = [made[i : i + batch_size] for i in range(0, len(made), batch_size)]
    return [Batch(*(torch.stack(column) for column in zip(*part, strict=True))) for part in parts]
