"""Training pairs: a clean picture as the classifier sees it, and its degraded twin. No torch.

A part of the pairs follows the paper: a crop of the size of the view is compressed. The rest is
made like the files that people have: a part of the photo is resized to some size, compressed,
perhaps made smaller and compressed again, or stored without loss at the end. The clean picture is
then the part at the photo's own resolution, so that the module also learns what a thumbnail lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from afdcli.codec.encode import PAPER_QUALITIES, Codec, Compression, compress
from afdcli.codec.photo import Photo
from afdcli.codec.read import read_photo
from afdcli.train.settings import Mix
from afdcli.view.build import build_view, view_pixels
from afdcli.view.spec import View, ViewSpec

_NATIVE_SHORT_SIDES = (0.5, 2.86)  # of the view's, log-uniform
_MOST_UPSCALING = 1.5
_LEAST_PART = 0.35  # of the photo
_UPSCALING = 1.15  # of crops at the size of the view, where the photo is large enough
_MIXED = (0.2, 0.8)  # share of the first of two pictures, or of the part that is pasted
_RECOLOURED = (0.7, 1.3)  # factors of brightness, contrast and saturation
_SHRINKING = (0.4, 0.9)  # between two compressions


@dataclass(frozen=True)
class Pair:
    """One picture twice.

    Attributes:
        clean: (H, W, 3) uint8, the view of the undegraded picture.
        drifted: the view of the degraded one.
    """

    clean: NDArray[np.uint8]
    drifted: View


@dataclass(frozen=True)
class Degradation:
    """What happened to a picture on its way to the classifier, in this order.

    Attributes:
        size: (height, width) that it was resized to; None: it was not.
        rounds: compressions, first to last; () for a clean picture.
        shrink: factor of the size before the last compression, at most 1.
        lossless: the decoded picture was stored as PNG, as screenshots are.
    """

    rounds: Sequence[Compression] = ()
    size: tuple[int, int] | None = None
    shrink: float = 1.0
    lossless: bool = False

    def applied(self, picture: NDArray[np.uint8]) -> Photo:
        """The degraded file of *picture* (H, W, 3) uint8, read back."""
        if self.size is not None:
            picture = resized(picture, self.size)
        rounds = list(self.rounds)
        if self.shrink < 1 and len(rounds) > 1:
            picture = read_photo(compress(picture, rounds[:-1])).pixels
            height, width = picture.shape[:2]
            shrunk = (max(16, round(height * self.shrink)), max(16, round(width * self.shrink)))
            picture, rounds = resized(picture, shrunk), rounds[-1:]
        if not rounds:
            return Photo.from_pixels(picture)
        photo = read_photo(compress(picture, rounds))
        return Photo.from_pixels(photo.pixels) if self.lossless else photo


def make_pair(
    pixels: NDArray[np.uint8],
    spec: ViewSpec,
    mix: Mix,
    rng: np.random.Generator,
    other: NDArray[np.uint8] | None = None,
) -> Pair:
    """Draw a crop and a degradation of one photo (H, W, 3) uint8.

    Args:
        other: a second photo, to be mixed with the first.
    """
    view = (spec.height, spec.width)
    native = other is None and rng.random() < mix.native
    picture = random_part(pixels, rng) if native else random_crop(pixels, view, rng)
    if other is not None:
        picture = mixed(picture, random_crop(other, view, rng), rng)
    if rng.random() < mix.recoloured:
        picture = recoloured(picture, rng)
    rounds = draw_rounds(mix, rng)
    if not native:
        return degraded_pair(picture, Degradation(rounds), spec)
    size = native_size(picture, min(view), rng)
    shrink = float(rng.uniform(*_SHRINKING)) if rng.random() < mix.shrunk else 1.0
    degradation = Degradation(rounds, size, shrink, bool(rng.random() < mix.lossless))
    return degraded_pair(picture, degradation, spec)


def mixed(
    a: NDArray[np.uint8], b: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Two pictures of one size (H, W, 3) uint8 in one: blended, or a part of *b* pasted into *a*.

    Few photos make many such pictures, and a classifier has a label for each of them. In a long
    training a module would otherwise overfit (Beyer et al., arXiv 2106.05237, section 3).
    """
    share = rng.uniform(*_MIXED)
    if rng.random() < 0.5:
        blend: NDArray[np.uint8] = (share * a + (1 - share) * b + 0.5).astype(np.uint8)
        return blend
    height, width = a.shape[:2]
    part_h, part_w = round(height * np.sqrt(share)), round(width * np.sqrt(share))
    top = int(rng.integers(0, height - part_h + 1))
    left = int(rng.integers(0, width - part_w + 1))
    place = (slice(top, top + part_h), slice(left, left + part_w))
    out: NDArray[np.uint8] = a.copy()
    out[place] = b[place]
    return out


def recoloured(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The same picture (H, W, 3) uint8 with other brightness, contrast and saturation."""
    image = Image.fromarray(picture)
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = change(image).enhance(float(rng.uniform(*_RECOLOURED)))
    return np.asarray(image)


def degraded_pair(picture: NDArray[np.uint8], degradation: Degradation, spec: ViewSpec) -> Pair:
    """*picture* as the classifier sees it, before and after *degradation*."""
    drifted = degradation.applied(picture)
    clean = Photo.from_pixels(picture) if degradation.rounds or degradation.size else drifted
    return Pair(view_pixels(clean, spec), build_view(drifted, spec))


def random_crop(
    pixels: NDArray[np.uint8], view: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A random part of the photo, perhaps mirrored, resized to the size of the *view*."""
    # A part that had to grow much would be blurred, unlike what is classified.
    side = max(view) / _UPSCALING
    least = min(1.0, max(_LEAST_PART, side * side / (pixels.shape[0] * pixels.shape[1])))
    return resized(_part(pixels, 1.0, least, rng), view)


def random_part(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random part of about the photo's shape, perhaps mirrored, at the photo's resolution."""
    height, width = pixels.shape[:2]
    return _part(pixels, width / height, _LEAST_PART, rng)


def _part(
    pixels: NDArray[np.uint8], aspect: float, least: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A part of about *aspect*, and of the share *least* of the photo or more."""
    height, width = pixels.shape[:2]
    area = rng.uniform(least, 1.0) * height * width
    aspect *= np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    part_w = int(min(width, np.sqrt(area * aspect)))
    part_h = int(min(height, np.sqrt(area / aspect)))
    left = int(rng.integers(0, width - part_w + 1))
    top = int(rng.integers(0, height - part_h + 1))
    part = pixels[top : top + part_h, left : left + part_w]
    return np.ascontiguousarray(part[:, ::-1] if rng.random() < 0.5 else part)


def resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """*picture* (H, W, 3) uint8 at *size* (height, width), bicubic."""
    image = Image.fromarray(picture)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC))


def native_size(picture: NDArray[np.uint8], view: int, rng: np.random.Generator) -> tuple[int, int]:
    """A random (height, width) that *picture* is compressed at; *view* is its shorter side."""
    height, width = picture.shape[:2]
    low, high = _NATIVE_SHORT_SIDES
    short = view * float(np.exp(rng.uniform(np.log(low), np.log(high))))
    scale = min(short / min(height, width), _MOST_UPSCALING)
    return max(16, round(height * scale)), max(16, round(width * scale))


def draw_rounds(mix: Mix, rng: np.random.Generator) -> list[Compression]:
    """The compressions of one picture, first to last; empty for a clean one."""
    if rng.random() < mix.clean:
        return []
    draw = rng.random()
    if draw < mix.single:
        count = 1
    elif draw < mix.single + mix.double:
        count = 2
    else:
        count = int(rng.integers(3, 6))
    draw = rng.random()
    subsampling = "4:2:0"
    if draw < mix.full_chroma:
        subsampling = "4:4:4"
    elif draw < 1.5 * mix.full_chroma:
        subsampling = "4:2:2"
    paper = bool(rng.random() < mix.paper)
    rounds = [Compression("jpeg", _quality(paper, mix, rng), subsampling) for _ in range(count)]
    if rng.random() < mix.other_codec:
        codec: Codec = "avif" if rng.random() < 0.5 else "webp"
        # Pillow's AVIF and WebP scales lose about as much at a little above JPEG's factor.
        rounds[-1] = Compression(codec, _quality(paper, mix, rng) + 5, "4:2:0")
    return rounds


def _quality(paper: bool, mix: Mix, rng: np.random.Generator) -> int:
    if paper:
        return int(rng.choice(PAPER_QUALITIES))
    return round(float(np.exp(rng.uniform(np.log(mix.lowest), np.log(mix.highest)))))
