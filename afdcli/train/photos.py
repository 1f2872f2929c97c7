"""The photos of a training run: found, checked, split into training and validation."""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from afdcli.codec.decode import Extras, decode, packed_jpeg
from afdcli.codec.header import read_header
from afdcli.codec.limits import Limits
from afdcli.codec.read import identify, read_file
from afdcli.codec.sniff import PILLOW_NAMES
from afdcli.errors import PhotoError, UsageError
from afdcli.inputs.discover import discover
from afdcli.view.crop import upright

SMALLEST_SIDE = 96  # pixels; below that a crop would be mostly upscaling
FEWEST_PHOTOS = 24
FEWEST_HELD = 4
MOST_PHOTOS = 50_000  # more do not improve the module, but take minutes to check


@dataclass(frozen=True)
class PhotoSet:
    """Usable photos, shuffled and split.

    Attributes:
        folders: paths to train on, for each folder that was given.
        validation: paths held out; no photo is in both.
        skipped: relative path -> why, for those that cannot be used.
    """

    folders: tuple[tuple[Path, ...], ...]
    validation: tuple[Path, ...]
    skipped: dict[str, str]

    @property
    def training(self) -> tuple[Path, ...]:
        """All paths to train on."""
        return tuple(path for folder in self.folders for path in folder)


def collect(folders: list[Path], validation: int, seed: int, exclude: set[str]) -> PhotoSet:
    """Find the photos under *folders*; *exclude* holds relative paths to leave out.

    *validation* photos are held out, as many of each folder and a fifth of it at most, drawn from
    *seed*. Where the folders are too small for that, `FEWEST_HELD` of the largest ones.

    Raises:
        UsageError: fewer than `FEWEST_PHOTOS` can be used; the message says why others cannot.
    """
    usable: list[tuple[int, Path]] = []
    skipped: dict[str, str] = {}
    seen: set[str] = set()
    found = [(i, item) for i, folder in enumerate(folders) for item in discover([folder])]
    found.sort(key=lambda pair: pair[1].relative)
    random.Random(seed).shuffle(found)
    for i, item in found:
        real = os.path.realpath(item.path)
        if item.relative in exclude or real in seen:  # folders may overlap
            continue
        seen.add(real)
        if len(usable) == MOST_PHOTOS:
            break
        reason = unusable(item.path)
        if reason:
            skipped[item.relative] = reason
        else:
            usable.append((i, item.path))
    if len(usable) < FEWEST_PHOTOS:
        raise UsageError(
            f"training needs at least {FEWEST_PHOTOS} photos, {_names(folders)} has {len(usable)} "
            f"usable ones{_skipped_text(skipped)}"
        )
    training: list[list[Path]] = []
    held: list[Path] = []
    for number in range(len(folders)):
        photos = [path for i, path in usable if i == number]
        few = min(-(-validation // len(folders)), len(photos) // 5)
        held += photos[:few]
        training.append(photos[few:])
    while len(held) < FEWEST_HELD:
        held.append(max(training, key=len).pop())
    return PhotoSet(tuple(tuple(photos) for photos in training if photos), tuple(held), skipped)


def unusable(path: Path) -> str:
    """Why a file cannot be used for training, judged by its header; "" if it can."""
    try:
        size = _size(path)
    except PhotoError as error:
        return error.message
    if min(size) < SMALLEST_SIDE:
        return f"smaller than {SMALLEST_SIDE} px"
    return ""


def _size(path: Path) -> tuple[int, int]:
    try:  # quicker than `read_header`, which reads a whole PNG
        with Image.open(path, formats=tuple(PILLOW_NAMES.values())) as image:
            size: tuple[int, int] = image.size
            return size
    except Exception:  # on hostile files Pillow's plugins raise about anything
        header = read_header(path, Limits())
        return header.width, header.height


def load_pixels(path: Path, icc: bool = True) -> NDArray[np.uint8] | None:
    """Upright RGB pixels (H, W, 3) uint8 of a file in any format that `afd classify` reads.

    In sRGB by the file's colour profile if *icc*. No coefficients are read: nothing needs them.

    None for a file that cannot be read to its end.
    """
    limits = Limits()
    try:
        data = read_file(path, limits)
        if identify(data) == "jxl":
            data = packed_jpeg(data, limits.max_pixels) or data
        return upright(decode(identify(data), data, limits.max_pixels, Extras(icc)))
    except PhotoError:
        return None


def _names(folders: list[Path]) -> str:
    return ", ".join(str(folder) for folder in folders)


def _skipped_text(skipped: dict[str, str]) -> str:
    return f" (skipped {len(skipped)}: {reasons(skipped)})" if skipped else ""


def reasons(skipped: dict[str, str]) -> str:
    """Why photos were *skipped* (path -> why): the most frequent reasons, each with one photo."""
    first = {reason: name for name, reason in reversed(skipped.items())}
    counts = Counter(skipped.values()).most_common(3)
    return "; ".join(f"{count:,} {reason}, e.g. {first[reason]}" for reason, count in counts)
