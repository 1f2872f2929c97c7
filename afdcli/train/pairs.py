"""Training pairs: a clean picture as the classifier sees it, and its degraded twin. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from afdcli.codec.encode import PAPER_QUALITIES, Codec, Compression, compress
from afdcli.codec.photo import Photo
from afdcli.codec.read import read_photo
from afdcli.train.settings import Mix
from afdcli.view.build import build_view, view_pixels
from afdcli.view.spec import View, ViewSpec

_NATIVE_SHORT_SIDES = (1.0, 2.86)  # of the view's, log-uniform
_MOST_UPSCALING = 1.5
_LEAST_PART = 0.35  # of the photo
_UPSCALING = 1.15  # of crops at the size of the view, where the photo is large enough


@dataclass(frozen=True)
class Pair:
    """One picture twice.

    Attributes:
        clean: (H, W, 3) uint8, the view of the undegraded picture.
        drifted: the view of the degraded one.
    """

    clean: NDArray[np.uint8]
    drifted: View


def make_pair(
    pixels: NDArray[np.uint8], spec: ViewSpec, mix: Mix, rng: np.random.Generator
) -> Pair:
    """Draw a crop and a degradation of one photo (H, W, 3) uint8."""
    at_view_size = rng.random() >= mix.native
    picture = random_crop(pixels, (spec.height, spec.width), rng, whole=not at_view_size)
    return degraded_pair(picture, draw_rounds(mix, rng), spec)


def degraded_pair(picture: NDArray[np.uint8], rounds: list[Compression], spec: ViewSpec) -> Pair:
    """*picture* as the classifier sees it, before and after *rounds* of compression."""
    clean = Photo.from_pixels(picture)
    drifted = read_photo(compress(picture, rounds)) if rounds else clean
    return Pair(view_pixels(clean, spec), build_view(drifted, spec))


def random_crop(
    pixels: NDArray[np.uint8],
    view: tuple[int, int],
    rng: np.random.Generator,
    whole: bool = False,
) -> NDArray[np.uint8]:
    """A random part of the photo, perhaps mirrored, resized to the size of the *view*.

    Args:
        whole: of about the photo's shape, at a random size; the view is cut from it later.
    """
    height, width = pixels.shape[:2]
    least = _LEAST_PART
    if not whole:  # a crop that had to grow much would be blurred, unlike what is classified
        side = max(view) / _UPSCALING
        least = min(1.0, max(least, side * side / (height * width)))
    area = rng.uniform(least, 1.0) * height * width
    aspect = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    if whole:
        aspect *= width / height
    part_w = int(min(width, np.sqrt(area * aspect)))
    part_h = int(min(height, np.sqrt(area / aspect)))
    left = int(rng.integers(0, width - part_w + 1))
    top = int(rng.integers(0, height - part_h + 1))
    size = _native_size(part_h, part_w, min(view), rng) if whole else view
    image = Image.fromarray(pixels[top : top + part_h, left : left + part_w])
    image = image.resize((size[1], size[0]), Image.Resampling.BICUBIC)
    out = np.asarray(image)
    return np.ascontiguousarray(out[:, ::-1]) if rng.random() < 0.5 else out


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
    rounds = [Compression("jpeg", _quality(mix, rng), subsampling) for _ in range(count)]
    if rng.random() < mix.other_codec:
        codec: Codec = "avif" if rng.random() < 0.5 else "webp"
        # Pillow's AVIF and WebP scales lose about as much at a little above JPEG's factor.
        rounds[-1] = Compression(codec, _quality(mix, rng) + 5, "4:2:0")
    return rounds


def _quality(mix: Mix, rng: np.random.Generator) -> int:
    if rng.random() < mix.paper:
        return int(rng.choice(PAPER_QUALITIES))
    return round(float(np.exp(rng.uniform(np.log(mix.lowest), np.log(mix.highest)))))


def _native_size(height: int, width: int, view: int, rng: np.random.Generator) -> tuple[int, int]:
    low, high = _NATIVE_SHORT_SIDES
    short = view * float(np.exp(rng.uniform(np.log(low), np.log(high))))
    scale = min(short / min(height, width), _MOST_UPSCALING)
    return max(16, round(height * scale)), max(16, round(width * scale))
