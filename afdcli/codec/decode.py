"""Decode any supported image file with Pillow: first frame, 8-bit RGB, as stored."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageFile

from afdcli.codec.exif import read_exif, without_exif
from afdcli.codec.jxl import decode_jxl, parse_jxl
from afdcli.codec.photo import Photo
from afdcli.codec.plugins import missing_plugin, open_heic
from afdcli.codec.png import lacks_rows, without_ancillary
from afdcli.codec.profile import Profile, profile_of
from afdcli.codec.quiet import captured_stderr
from afdcli.codec.refusal import decode_error
from afdcli.codec.sniff import PILLOW_NAMES
from afdcli.codec.tiff import cut_jpeg_strips, replace_raw_mode
from afdcli.errors import ErrorCode, PhotoError

_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262  # tags of TIFF
_MIN_IS_WHITE = 0

#: From the stored (width, height) of a JPEG to 1, 2, 4 or 8: one over its size once decoded.
Reduce = Callable[[int, int], int]


@dataclass(frozen=True)
class Extras:
    """What to read of a file besides its pixels, and in which size.

    Attributes:
        icc: the colour profile; False ignores it.
        exif: time and place.
        reduce: lets a JPEG be decoded smaller; None: never.
    """

    icc: bool = True
    exif: bool = False
    reduce: Reduce | None = None


def decode(codec: str, data: bytes, max_pixels: int, extras: Extras) -> Photo:
    """Decode the first frame of an image file; coefficients and what tables say are left out.

    Transparent pictures are composited over white: a plain ``convert("RGB")`` would show the hidden
    colours of transparent pixels. If every pixel is transparent, alpha is ignored. 16-bit grey is
    scaled to 8 bits (65535 becomes 255). Decoders return TIFF, HEIC and JPEG XL upright, so their
    orientation is 1; AVIF's ``irot`` and ``imir`` are reported as the orientation. CMYK with a
    profile is converted to sRGB here; other profiles are returned. Not thread-safe: one call at a
    time per process.

    Raises:
        PhotoError: TOO_LARGE, before anything is decoded; TRUNCATED or CORRUPT if Pillow fails or
            rows are missing; UNSUPPORTED for formats that Pillow cannot decode and for samples
            that cannot be shown as a picture; OUT_OF_MEMORY.
    """
    with _errors_named(codec, data, max_pixels):
        return _decoded(codec, data, max_pixels, extras)


def packed_jpeg(data: bytes, max_pixels: int) -> bytes:
    """The JPEG that a JPEG XL file was made of without loss; b"" if there is none.

    Raises:
        PhotoError: as `decode`.
    """
    with _errors_named("jxl", data, max_pixels):
        header = parse_jxl(data)
        check_size(header.width, header.height, max_pixels)
        found = decode_jxl(data) if header.holds_jpeg else b""
    return found if isinstance(found, bytes) else b""


@contextmanager
def _errors_named(codec: str, data: bytes, max_pixels: int) -> Iterator[None]:
    """Turn what a decoder raises into a `PhotoError`, and keep its messages off the screen."""
    if missing := missing_plugin(codec):
        raise PhotoError(ErrorCode.UNSUPPORTED, missing)
    said: list[str] = []
    try:
        # libtiff and the AV1 decoders write to standard error; Pillow's JPEG decoder is silent.
        with _quiet(codec) as said, _pixel_limit(max_pixels):
            yield
    except PhotoError:
        raise
    except MemoryError as error:
        raise PhotoError(ErrorCode.OUT_OF_MEMORY, "not enough memory to decode") from error
    except Exception as error:  # Pillow's plugins raise any type on hostile files
        with _quiet(codec):  # it may call them again
            raise decode_error(codec, data, error, said, max_pixels) from error


def read_size(codec: str, data: bytes, max_pixels: int) -> tuple[int, int]:
    """Width and height in pixels, without decoding; of JPEG XL as stored, not upright.

    Args and errors as for `decode`.
    """
    with _errors_named(codec, data, max_pixels):
        if codec == "jxl":
            header = parse_jxl(data)
            width, height = header.width, header.height
        else:
            with _open(codec, data) as image:
                width, height = image.size
    check_size(width, height, max_pixels)
    return width, height


def _decoded(codec: str, data: bytes, max_pixels: int, extras: Extras) -> Photo:
    notes: tuple[str, ...] = ()
    stored = None
    try:
        if codec == "jpeg" and extras.reduce is not None:
            image, stored = _load_reduced(data, max_pixels, extras.reduce)
        else:
            image = _load(codec, data, max_pixels)
    except (PhotoError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception:
        if codec == "avif" and (lean := without_exif(data)) != data:
            image = _load(codec, lean, max_pixels)
        elif codec == "png":
            image, notes = _load_without_ancillary(data, max_pixels)
        else:
            raise
    if codec == "png" and lacks_rows(image, data):
        raise PhotoError(ErrorCode.TRUNCATED, "the png data end before the last row")
    if codec == "tiff" and cut_jpeg_strips(image, data):
        raise PhotoError(ErrorCode.TRUNCATED, "a JPEG strip of the tiff file ends too early")
    # JPEG XL comes upright, whatever its EXIF says.
    orientation = _orientation(image) if codec != "jxl" else 1
    exif = read_exif(image) if extras.exif else None
    if image.mode.startswith("I"):
        image, notes = _from_grey16(image), (*notes, "16-bit grey reduced to 8 bits")
    profile, remark = profile_of(image) if extras.icc else (None, "")
    if profile is not None:
        remark = profile.note
    rgb, more = _rgb(image, profile)
    if profile is not None and profile.mode == "CMYK":
        profile = None  # already applied
    notes = tuple(filter(None, (*notes, *more, remark)))
    return Photo(rgb, codec, orientation, notes=notes, profile=profile, exif=exif, stored=stored)


def _load(codec: str, data: bytes, max_pixels: int) -> Image.Image:
    if codec == "jxl":
        return _load_jxl(data, max_pixels)
    image = _open(codec, data)
    check_size(*image.size, max_pixels)
    premultiplied = codec == "tiff" and replace_raw_mode(image, "RGBa", "RGBa")
    image.load()
    check_size(*image.size, max_pixels)  # a GIF frame may be larger than its screen
    if premultiplied and image.getchannel("A").getextrema() == (0, 0):
        # Dividing by an alpha of 0 destroyed the colours: load again without the division.
        image = _open(codec, data)
        replace_raw_mode(image, "RGBa", "RGBA")
        image.load()
    return image


def _open(codec: str, data: bytes) -> ImageFile.ImageFile:
    if codec == "heic":
        return open_heic(data)
    return Image.open(io.BytesIO(data), formats=(PILLOW_NAMES[codec],))


def _load_jxl(data: bytes, max_pixels: int) -> Image.Image:
    header = parse_jxl(data)
    check_size(header.width, header.height, max_pixels)
    image = decode_jxl(data)
    if isinstance(image, bytes):
        raise PhotoError(ErrorCode.CORRUPT, "it contains an undeclared JPEG")
    check_size(*image.size, max_pixels)
    return image


def _load_reduced(
    data: bytes, max_pixels: int, reduce: Reduce
) -> tuple[Image.Image, tuple[int, int] | None]:
    """A JPEG, and its stored (width, height) if it was decoded smaller."""
    image = _open("jpeg", data)
    check_size(*image.size, max_pixels)
    stored, factor = image.size, reduce(*image.size)
    if factor > 1:
        image.draft(None, (stored[0] // factor, stored[1] // factor))
    image.load()
    return image, stored if factor > 1 else None


def _load_without_ancillary(data: bytes, max_pixels: int) -> tuple[Image.Image, tuple[str, ...]]:
    """Load a PNG that Pillow rejects again, without the chunks that its pixels do not need."""
    lean, note = without_ancillary(data)
    try:
        return _load("png", lean, max_pixels), (note,)
    except (PhotoError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception:
        lean, note = without_ancillary(data, helpful=False)
        return _load("png", lean, max_pixels), (note,)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Check the size of a picture.

    Raises:
        PhotoError: TOO_LARGE if it has more than *max_pixels*.
    """
    if width * height > max_pixels:
        message = f"{width}x{height} is more than the limit of {max_pixels} pixels"
        raise PhotoError(ErrorCode.TOO_LARGE, message)


def _rgb(image: Image.Image, profile: Profile | None) -> tuple[Image.Image, tuple[str, ...]]:
    """*image* as 8-bit RGB, and notes."""
    if image.mode == "F":
        raise PhotoError(ErrorCode.UNSUPPORTED, "floating-point samples are not supported")
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
        # convert() would copy an RGB image, 36 MB for 12 MP.
        return image if image.mode == "RGB" else image.convert("RGB"), notes
    except ValueError as error:
        message = f"{image.mode} colours cannot be converted to RGB"
        raise PhotoError(ErrorCode.UNSUPPORTED, message) from error


def _from_grey16(image: Image.Image) -> Image.Image:
    """16-bit (or 12-bit) grey as mode "L". Keeps the colour profile, but no other metadata."""
    samples = np.asarray(image).astype(np.int64)
    tags = getattr(image, "tag_v2", {})
    most = 4095 if tags.get(_BITS_PER_SAMPLE) == (12,) else 65535
    if samples.min() < 0 or samples.max() > most:
        raise PhotoError(ErrorCode.UNSUPPORTED, "32-bit samples are not supported")
    if tags.get(_PHOTOMETRIC) == _MIN_IS_WHITE:  # Pillow inverts 1 to 8 bits only
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
    except Exception:  # a broken EXIF block does not make the picture unusable
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


@contextmanager
def _quiet(codec: str) -> Iterator[list[str]]:
    """Suppress Python warnings, even if they are errors, and capture and yield C messages."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if codec == "jpeg":
            yield []
        else:
            with captured_stderr() as lines:
                yield lines


@contextmanager
def _pixel_limit(max_pixels: int) -> Iterator[None]:
    """Replace Pillow's own limit of 178 million pixels by ours."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
