"""Pixels of any accepted image file, by Pillow: first frame, 8-bit RGB, as stored."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, features

from afdcli.codec.photo import DAMAGED
from afdcli.codec.quiet import captured_stderr
from afdcli.codec.sniff import ends_early
from afdcli.errors import ErrorCode, PhotoError

#: Pillow's name of each codec that afd accepts; a JPEG opens as MPO where it holds more pictures.
PILLOW_NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "avif": "AVIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "gif": "GIF",
}


_LEAST_SALVAGED = 0.25  # of the rows
_FILLING = 128  # what libjpeg puts where data are missing


@dataclass(frozen=True)
class Raster:
    """What Pillow makes of a file.

    Attributes:
        image: RGB, 8 bits, loaded.
        orientation: EXIF orientation, 1 to 8.
        notes: remarks on how the pixels were made.
    """

    image: Image.Image
    orientation: int
    notes: tuple[str, ...]


def decode(codec: str, data: bytes, max_pixels: int) -> Raster:
    """Decode the first frame of an image file.

    Transparency is laid over white, as on a page: a plain ``convert("RGB")`` would show whatever
    colour lies hidden beneath. 16-bit grey is scaled to 8 bits (65535 becomes 255). TIFF comes out
    of Pillow upright, so its orientation is 1; AVIF's ``irot`` and ``imir`` are left to the
    orientation. One call at a time per process.

    Raises:
        PhotoError: TOO_LARGE, known before anything is decoded; TRUNCATED or CORRUPT where Pillow
            refuses; UNSUPPORTED for samples that are no picture; OUT_OF_MEMORY.
    """
    if codec == "avif":
        _ensure_avif()
    # libtiff and the AV1 decoders write to standard error; Pillow's JPEG decoder is silent.
    with _quiet(codec), _pixel_limit(max_pixels):
        try:
            image = _load(codec, data, max_pixels)
            rgb, notes = _rgb(image)
            return Raster(rgb, _orientation(image), notes)
        except PhotoError:
            raise
        except MemoryError as error:
            raise PhotoError(ErrorCode.OUT_OF_MEMORY, "not enough memory to decode") from error
        except Image.DecompressionBombError as error:
            raise PhotoError(ErrorCode.TOO_LARGE, str(error)) from error
        except Exception as error:  # on hostile files Pillow's plugins raise about anything
            raise _refused(codec, data, error) from error


def salvaged(data: bytes, max_pixels: int) -> Raster | None:
    """The part of a JPEG file that ends too early; None where it is too little, or not that.

    libjpeg fills what is missing with grey. One call at a time per process.

    Raises:
        PhotoError: as `decode` does.
    """
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
    try:
        raster = decode("jpeg", data, max_pixels)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before
    missing = _grey_rows_at_the_end(np.asarray(raster.image)) / raster.image.height
    if missing > 1 - _LEAST_SALVAGED:
        return None
    note = f"{DAMAGED}the file ends too early; {1 - missing:.0%} of the picture's rows are there"
    return replace(raster, notes=(note, *raster.notes))


def _grey_rows_at_the_end(pixels: NDArray[np.uint8]) -> int:
    """Rows at the bottom that are nothing but libjpeg's filling."""
    filled = (pixels == _FILLING).all((1, 2))
    return len(filled) if filled.all() else int(np.argmin(filled[::-1]))


def _load(codec: str, data: bytes, max_pixels: int) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=(PILLOW_NAMES[codec],))
    check_size(*image.size, max_pixels)
    image.load()
    check_size(*image.size, max_pixels)  # a GIF frame may be larger than its screen
    return image


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise TOO_LARGE for more than *max_pixels*."""
    if width * height > max_pixels:
        message = f"{width}x{height} is more than the limit of {max_pixels} pixels"
        raise PhotoError(ErrorCode.TOO_LARGE, message)


def _rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """*image* as 8-bit RGB, and remarks."""
    if image.mode.startswith("I"):
        return _from_grey16(image), ("16-bit grey reduced to 8 bits",)
    if image.mode == "F":
        raise PhotoError(ErrorCode.UNSUPPORTED, "floating-point samples are no picture")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema() != (255, 255):
            page = Image.new("RGBA", rgba.size, "white")
            page.alpha_composite(rgba)
            return page.convert("RGB"), ("transparency laid over white",)
        image = rgba
    try:
        # Of RGB, convert() would make a copy: 12 MP of it for nothing.
        return image if image.mode == "RGB" else image.convert("RGB"), ()
    except ValueError as error:
        message = f"no way from {image.mode} colours to RGB"
        raise PhotoError(ErrorCode.UNSUPPORTED, message) from error


def _from_grey16(image: Image.Image) -> Image.Image:
    samples = np.asarray(image).astype(np.int64)
    if samples.min() < 0 or samples.max() > 65535:
        raise PhotoError(ErrorCode.UNSUPPORTED, "32-bit samples are no picture")
    grey = ((samples * 255 + 32767) // 65535).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except MemoryError:
        raise
    except Exception:  # nonsense in the EXIF block says nothing against the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _refused(codec: str, data: bytes, error: Exception) -> PhotoError:
    said = str(error) or type(error).__name__
    words = said.lower()
    cut = isinstance(error, EOFError) or "truncated" in words or "not enough image data" in words
    if cut or ends_early(codec, data):
        return PhotoError(ErrorCode.TRUNCATED, f"the {codec} file ends too early")
    if "cannot identify image file" in words:  # Pillow prints the address of our buffer
        said = "broken header"
    return PhotoError(ErrorCode.CORRUPT, f"the {codec} data are broken: {said}")


def _ensure_avif() -> None:
    """Older builds of Pillow decode AVIF through a plugin."""
    if features.check("avif"):
        return
    try:
        import pillow_avif  # noqa: F401
    except ImportError as error:
        message = "this Pillow cannot decode AVIF: pip install pillow-avif-plugin"
        raise PhotoError(ErrorCode.UNSUPPORTED, message) from error


@contextmanager
def _quiet(codec: str) -> Iterator[None]:
    """Neither Python warnings nor C messages, even where warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if codec == "jpeg":
            yield
        else:
            with captured_stderr():
                yield


@contextmanager
def _pixel_limit(max_pixels: int) -> Iterator[None]:
    """Let our limit count, not Pillow's own, which stops at 178 million pixels."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
