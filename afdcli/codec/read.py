"""One call from a file to a `Photo`, or to the one reason why not."""

from __future__ import annotations

import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from afdcli.codec.dct import Coefficients
from afdcli.codec.decode import Raster, check_size, decode, salvaged
from afdcli.codec.jpeg_dct import CoefficientsError, file_coefficients
from afdcli.codec.jpeg_frame import JpegHeader
from afdcli.codec.jpeg_gate import coefficient_refusal
from afdcli.codec.jpeg_header import parse_header
from afdcli.codec.jpeg_quality import estimate_quality
from afdcli.codec.photo import DAMAGED, Photo
from afdcli.codec.sniff import SNIFF_BYTES, sniff, sniff_foreign
from afdcli.errors import ErrorCode, PhotoError

_FROM_PIXELS = "coefficients computed from decoded pixels"
_HARMLESS = "Invalid SOS parameters"  # libjpeg warns, and then reads the scan as it should be
# Pillow's pixel limit, standard error and jpeglib's temporary file belong to the process.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Limits:
    """What is refused before it is decoded, with TOO_LARGE.

    Attributes:
        max_pixels: width x height; the default is where Pillow suspects a decompression bomb.
        max_bytes: size of the file.
    """

    max_pixels: int = 178_956_970
    max_bytes: int = 1 << 30


def read_photo(
    source: Path | bytes, limits: Limits | None = None, *, salvage: bool = False
) -> Photo:
    """Read one image file: pixels, and for a JPEG its own coefficients, tables and quality.

    Threads wait for each other in here, because the libraries underneath change state of the whole
    process (standard error among it): read in parallel with worker *processes*. A hostile file may
    still kill its process; the engine survives that.

    Args:
        source: path of a regular file, or the bytes of one.
        limits: defaults to ``Limits()``.
        salvage: decode a JPEG that ends too early as far as it goes, if that is a quarter of the
            picture at least; the rest is grey. Else it is TRUNCATED.

    Returns:
        The photo. ``notes`` says where the coefficients of a JPEG are not the file's own and why,
        and starts with "damaged: " where libjpeg had to guess.

    Raises:
        PhotoError: with one of the codes of `ErrorCode`, except TIMEOUT and WORKER_CRASHED.
    """
    limits = limits or Limits()
    try:
        data = source if isinstance(source, bytes) else _read_file(source, limits)
        codec = _identify(data)
        with _ONE_AT_A_TIME:
            if codec != "jpeg":
                return _read_other(codec, data, limits)
            return _read_jpeg(data, limits, salvage)
    except MemoryError as error:
        raise PhotoError(ErrorCode.OUT_OF_MEMORY, "not enough memory to read it") from error


def _read_file(path: Path, limits: Limits) -> bytes:
    """All bytes of an image file; of a file that is no image, only the first few."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a FIFO would wait for its writer
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise PhotoError(ErrorCode.UNREADABLE, f"it is {kind}")
        with path.open("rb") as file:
            head = file.read(SNIFF_BYTES)
            if not sniff(head):
                return head
            if status.st_size > limits.max_bytes:
                message = f"{status.st_size} bytes is more than the limit of {limits.max_bytes}"
                raise PhotoError(ErrorCode.TOO_LARGE, message)
            return head + file.read()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise PhotoError(ErrorCode.UNREADABLE, f"cannot be opened: {reason}") from error


def _identify(data: bytes) -> str:
    head = data[:SNIFF_BYTES]
    if codec := sniff(head):
        return codec
    if foreign := sniff_foreign(head):
        message = f"{foreign} image: convert it to JPEG, PNG, WebP or AVIF first"
        raise PhotoError(ErrorCode.UNSUPPORTED, message)
    reason = "no image format that afd reads" if data else "the file is empty"
    raise PhotoError(ErrorCode.NOT_AN_IMAGE, reason)


def _read_other(codec: str, data: bytes, limits: Limits) -> Photo:
    raster = decode(codec, data, limits.max_pixels)
    return Photo(raster.image, codec, orientation=raster.orientation, notes=raster.notes)


def _read_jpeg(data: bytes, limits: Limits, salvage: bool) -> Photo:
    header = parse_header(data)
    check_size(header.width, header.height, limits.max_pixels)
    raster = _decode_jpeg(data, header, limits, salvage)
    coefficients, notes = _coefficients(data, header, raster)
    return Photo(
        image=raster.image,
        codec="jpeg",
        orientation=raster.orientation,
        quality=_quality(header),
        subsampling=header.subsampling,
        progressive=header.progressive,
        notes=raster.notes + notes,
        file_coefficients=coefficients,
    )


def _decode_jpeg(data: bytes, header: JpegHeader, limits: Limits, salvage: bool) -> Raster:
    """Pixels of a JPEG, or of as much of it as there is."""
    try:
        return decode("jpeg", data, limits.max_pixels)
    except PhotoError as error:
        reason = _better_reason(error, header)
        if salvage and reason.code is ErrorCode.TRUNCATED:
            raster = salvaged(data, limits.max_pixels)
            if raster is not None:
                return raster
        if reason is error:
            raise
        raise reason from error


def _better_reason(error: PhotoError, header: JpegHeader) -> PhotoError:
    """Where Pillow calls a JPEG corrupt, our header may know better."""
    if error.code is not ErrorCode.CORRUPT:
        return error
    count = len(header.components)
    if header.precision in (12, 16) or (header.precision == 8 and count not in (1, 3, 4)):
        message = f"{header.precision}-bit JPEG with {count} components"
        return PhotoError(ErrorCode.UNSUPPORTED, message)
    if not header.complete and not header.problem:
        return PhotoError(ErrorCode.TRUNCATED, "the jpeg file ends too early")
    return error


def _coefficients(
    data: bytes, header: JpegHeader, raster: Raster
) -> tuple[Coefficients | None, tuple[str, ...]]:
    """The file's own coefficients, or None and a note that says why not."""
    refusal = coefficient_refusal(header)
    if not refusal and raster.image.size != (header.width, header.height):
        refusal = "two sizes in one file"
    if refusal:
        return None, (f"{refusal}: {_FROM_PIXELS}",)
    try:
        coefficients, warning = file_coefficients(data, header)
    except CoefficientsError as error:
        return None, (f"{DAMAGED}{error}", _FROM_PIXELS)
    if not warning:
        return coefficients, ()
    kind = "unusual: " if warning.startswith(_HARMLESS) else DAMAGED
    return coefficients, (kind + warning,)


def _quality(header: JpegHeader) -> float | None:
    """From the tables of the first two components, or of the first where there is no chroma."""
    tables = [header.tables.get(c.table) for c in header.components[:2]]
    luma = tables[0]
    if luma is None:
        return None
    chroma = tables[1] if header.colours == "YCbCr" else None
    return estimate_quality(luma, chroma)
