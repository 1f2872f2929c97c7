"""Pictures and files that the codec tests draw for themselves."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import jpeglib
import numpy as np
import pillow_heif
import pillow_jxl  # lets Pillow write JPEG XL, too
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import idctn

from afdcli.codec.limits import Limits
from afdcli.codec.read import read_photo
from afdcli.errors import PhotoError


def scene(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """(height, width, 3) uint8: soft colours, one sharp disc and a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(float)
    waves = [np.sin(x * a + y * b + c) for a, b, c in rng.uniform(0.02, 0.12, (3, 3))]
    picture = 128 + 60 * np.stack(waves, axis=-1)
    disc = (y - height / 3) ** 2 + (x - width / 2) ** 2 < (min(height, width) / 4) ** 2
    picture[disc] = (200, 60, 30)
    picture += rng.normal(0, 4, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def encoded(pixels: NDArray[Any] | Image.Image, format: str = "JPEG", **options: Any) -> bytes:
    """*pixels* as a file, by Pillow."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def heic(pixels: NDArray[Any] | Image.Image, **options: Any) -> bytes:
    """*pixels* as a HEIC file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, **options)
    return file.getvalue()


def jxl_of_jpeg(jpeg: bytes) -> bytes:
    """*jpeg* packed without loss as JPEG XL; its bytes can be rebuilt from it."""
    with Image.open(io.BytesIO(jpeg)) as image:
        # The quality is not used, but at a low one the encoder halves the picture.
        encoder = pillow_jxl.Encoder(mode="RGB", quality=90, num_threads=1)
        packed: bytes = encoder(jpeg, *image.size, jpeg_encode=True)
    return packed


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG marker segment."""
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def after_start(jpeg: bytes, extra: bytes) -> bytes:
    """*jpeg* with *extra* behind its start-of-image marker."""
    return jpeg[:2] + extra + jpeg[2:]


def frame_at(jpeg: bytes) -> int:
    """Where the frame header (SOF0 to SOF2) of a JPEG made by Pillow starts."""
    at = 2
    while jpeg[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return at


def patched(data: bytes, at: int, new: bytes) -> bytes:
    """*data* with *new* written over it from *at*."""
    return data[:at] + new + data[at + len(new) :]


def arithmetic(jpeg: bytes, folder: Path) -> bytes:
    """*jpeg* with arithmetic coding."""
    (folder / "huffman.jpg").write_bytes(jpeg)
    image = jpeglib.read_dct(str(folder / "huffman.jpg"))
    image.load()
    with jpeglib.version("9e"):
        image.write_dct(str(folder / "arithmetic.jpg"), flags=["+ARITH_CODE"])
    return (folder / "arithmetic.jpg").read_bytes()


def refusal(source: Path | bytes, limits: Limits | None = None) -> PhotoError:
    """The error with which `read_photo` refuses a file."""
    with pytest.raises(PhotoError) as caught:
        read_photo(source, limits)
    assert caught.value.message
    return caught.value


def without_middle(jpeg: bytes) -> bytes:
    """*jpeg* with a third of its compressed data cut out; its end of image is still there."""
    third = len(jpeg) // 3
    return jpeg[:-third] + b"\xff\xd9"


def inverse_dct(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """(8 rows, 8 cols) level-shifted samples of (rows, cols, 8, 8) coefficients, by scipy."""
    rows, cols = coefficients.shape[:2]
    blocks = idctn(coefficients, axes=(-2, -1), norm="ortho")
    samples: NDArray[np.float32] = blocks.transpose(0, 2, 1, 3).reshape(8 * rows, 8 * cols)
    return samples
