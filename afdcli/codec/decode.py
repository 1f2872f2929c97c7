"""Pixels of any accepted image file, by Pillow: first frame, 8-bit RGB, as stored."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageFile, features

from afdcli.codec.png import lacks_rows, without_ancillary
from afdcli.codec.profile import Profile, profile_of
from afdcli.codec.quiet import captured_stderr
from afdcli.codec.refusal import PILLOW_NAMES, refused
from afdcli.errors import ErrorCode, PhotoError

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # tags of TIFF
_MIN_IS_WHITE = 0
_COMPRESSION, _JPEG_STRIPS = 259, 7
_STRIPS = ((273, 279), (324, 325))  # tags: where strips or tiles start, and their sizes


@dataclass(frozen=True)
class Raster:
    """What Pillow makes of a file.

    Attributes:
        image: RGB, 8 bits, loaded.
        orientation: EXIF orientation, 1 to 8.
        notes: remarks on how the pixels were made.
        profile: what the colours of *image* mean, None for sRGB.
    """

    image: Image.Image
    orientation: int
    notes: tuple[str, ...]
    profile: Profile | None = None


def decode(codec: str, data: bytes, max_pixels: int, icc: bool = True) -> Raster:
    """Decode the first frame of an image file.

    Transparency is laid over white, as on a page: a plain ``convert("RGB")`` would show whatever
    colour lies hidden beneath. Where everything is transparent, alpha is taken for unused. 16-bit
    grey is scaled to 8 bits (65535 becomes 255). TIFF comes out of Pillow upright, so its
    orientation is 1; AVIF's ``irot`` and ``imir`` are left to the orientation. CMYK with a profile
    becomes sRGB here; any other profile is handed on. One call at a time per process.

    Args:
        codec: as in `Photo.codec`.
        data: the file.
        max_pixels: more are refused.
        icc: False ignores colour profiles.

    Raises:
        PhotoError: TOO_LARGE, known before anything is decoded; TRUNCATED or CORRUPT where Pillow
            refuses, or where rows are missing; UNSUPPORTED for a kind that Pillow does not read, or
            samples that are no picture; OUT_OF_MEMORY.
    """
    if codec == "avif":
        _ensure_avif()
    said: list[str] = []
    try:
        # libtiff and the AV1 decoders write to standard error; Pillow's JPEG decoder is silent.
        with _quiet(codec) as said, _pixel_limit(max_pixels):
            return _decoded(codec, data, max_pixels, icc)
    except PhotoError:
        raise
    except MemoryError as error:
        raise PhotoError(ErrorCode.OUT_OF_MEMORY, "not enough memory to decode") from error
    except Exception as error:  # on hostile files Pillow's plugins raise about anything
        raise refused(codec, data, error, said, max_pixels) from error


def _decoded(codec: str, data: bytes, max_pixels: int, icc: bool) -> Raster:
    notes: tuple[str, ...] = ()
    try:
        image = _load(codec, data, max_pixels)
    except (PhotoError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception:
        if codec != "png":
            raise
        image, notes = _load_without_ancillary(data, max_pixels)
    if codec == "png" and lacks_rows(image, data):
        raise PhotoError(ErrorCode.TRUNCATED, "the png data end before the last row")
    if codec == "tiff" and _cut_jpeg_strips(image, data):
        raise PhotoError(ErrorCode.TRUNCATED, "a JPEG strip of the tiff file ends too early")
    orientation = _orientation(image)
    if image.mode.startswith("I"):
        image, notes = _from_grey16(image), (*notes, "16-bit grey reduced to 8 bits")
    profile, remark = profile_of(image) if icc else (None, "")
    if profile is not None:
        remark = profile.note
    rgb, more = _rgb(image, profile)
    if profile is not None and profile.mode == "CMYK":
        profile = None  # done
    return Raster(rgb, orientation, tuple(filter(None, (*notes, *more, remark))), profile)


def _load(codec: str, data: bytes, max_pixels: int) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=(PILLOW_NAMES[codec],))
    check_size(*image.size, max_pixels)
    premultiplied = codec == "tiff" and _replace_raw_mode(image, "RGBa", "RGBa")
    image.load()
    check_size(*image.size, max_pixels)  # a GIF frame may be larger than its screen
    if premultiplied and image.getchannel("A").getextrema() == (0, 0):
        # Divided by an alpha of 0, all colours are gone: read them once more as they are.
        image = Image.open(io.BytesIO(data), formats=(PILLOW_NAMES[codec],))
        _replace_raw_mode(image, "RGBa", "RGBA")
        image.load()
    return image


def _replace_raw_mode(image: ImageFile.ImageFile, old: str, new: str) -> bool:
    """Let the tiles of a TIFF be read as *new* where they say *old*; whether any does."""
    tiles = []
    for tile in image.tile:
        args = tile.args if isinstance(tile.args, tuple) else ("",)
        renamed = (str(args[0]).replace(old, new), *args[1:])
        tiles.append(tile._replace(args=renamed) if old in str(args[0]) else tile)
    found = any(old in str(tile.args) for tile in image.tile)
    image.tile = tiles
    return found


def _cut_jpeg_strips(image: Image.Image, data: bytes) -> bool:
    """Whether a strip or tile of JPEG data in a TIFF has no end of image: libtiff is silent."""
    tags = getattr(image, "tag_v2", {})
    if tags.get(_COMPRESSION) != _JPEG_STRIPS:
        return False
    for starts, sizes in _STRIPS:
        strips = zip(tags.get(starts, ()), tags.get(sizes, ()), strict=False)
        if any(size and b"\xff\xd9" not in data[at : at + size] for at, size in strips):
            return True
    return False


def _load_without_ancillary(data: bytes, max_pixels: int) -> tuple[Image.Image, tuple[str, ...]]:
    """A PNG that Pillow refuses, once more without the chunks that its picture does not need."""
    lean, note = without_ancillary(data)
    try:
        return _load("png", lean, max_pixels), (note,)
    except (PhotoError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception:
        lean, note = without_ancillary(data, helpful=False)
        return _load("png", lean, max_pixels), (note,)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise TOO_LARGE for more than *max_pixels*."""
    if width * height > max_pixels:
        message = f"{width}x{height} is more than the limit of {max_pixels} pixels"
        raise PhotoError(ErrorCode.TOO_LARGE, message)


def _rgb(image: Image.Image, profile: Profile | None) -> tuple[Image.Image, tuple[str, ...]]:
    """*image* as 8-bit RGB, and remarks."""
    if image.mode == "F":
        raise PhotoError(ErrorCode.UNSUPPORTED, "floating-point samples are no picture")
    if image.mode == "CMYK" and profile is not None:
        return profile.to_srgb(image), ()
    notes: tuple[str, ...] = ()
    if image.has_transparency_data:
        image = image.convert("RGBA")
        opacity = image.getchannel("A").getextrema()
        if opacity == (0, 0):
            notes = ("alpha is 0 everywhere: ignored",)
        elif opacity != (255, 255):
            page = Image.new("RGBA", image.size, "white")
            page.alpha_composite(image)
            image, notes = page, ("transparency laid over white",)
    try:
        # Of RGB, convert() would make a copy: 12 MP of it for nothing.
        return image if image.mode == "RGB" else image.convert("RGB"), notes
    except ValueError as error:
        message = f"no way from {image.mode} colours to RGB"
        raise PhotoError(ErrorCode.UNSUPPORTED, message) from error


def _from_grey16(image: Image.Image) -> Image.Image:
    """16-bit (or 12-bit) grey as "L"; of what Pillow knows of the file, its profile stays."""
    samples = np.asarray(image).astype(np.int64)
    tags = getattr(image, "tag_v2", {})
    most = 4095 if tags.get(_BITS_PER_SAMPLE) == (12,) else 65535
    if samples.min() < 0 or samples.max() > most:
        raise PhotoError(ErrorCode.UNSUPPORTED, "32-bit samples are no picture")
    if tags.get(_PHOTOMETRIC) == _MIN_IS_WHITE:  # Pillow inverts 1 to 8 bits, but not these
        samples = most - samples
    grey = Image.fromarray(((samples * 255 + most // 2) // most).astype(np.uint8))
    if "icc_profile" in image.info:
        grey.info["icc_profile"] = image.info["icc_profile"]
    return grey


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except MemoryError:
        raise
    except Exception:  # nonsense in the EXIF block says nothing against the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


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
def _quiet(codec: str) -> Iterator[list[str]]:
    """Neither Python warnings nor C messages, even where warnings are errors; yields the latter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if codec == "jpeg":
            yield []
        else:
            with captured_stderr() as lines:
                yield lines


@contextmanager
def _pixel_limit(max_pixels: int) -> Iterator[None]:
    """Let our limit count, not Pillow's own, which stops at 178 million pixels."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
