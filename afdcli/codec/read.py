"""One call from a file to a `Photo`, or to the one reason why not."""

from __future__ import annotations

import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from afdcli.codec.dct import Coefficients
from afdcli.codec.decode import Raster, check_size, decode
from afdcli.codec.jpeg_dct import UNUSUAL, CoefficientsError, file_coefficients, scan_warning
from afdcli.codec.jpeg_frame import JpegHeader
from afdcli.codec.jpeg_gate import (
    MAX_SIDE,
    coefficient_refusal,
    reading_refusal,
    tables_problem,
    unusual_process,
)
from afdcli.codec.jpeg_header import parse_header
from afdcli.codec.jpeg_quality import estimate_quality
from afdcli.codec.jpeg_rows import can_be_closed, repaired, rows_there
from afdcli.codec.photo import DAMAGED, Photo
from afdcli.codec.sniff import RAW, SNIFF_BYTES, is_raw, sniff, sniff_foreign
from afdcli.errors import ErrorCode, PhotoError

_FROM_PIXELS = "coefficients computed from decoded pixels"
_ENDS_EARLY = "the jpeg file ends too early"
_LEAST_SALVAGED = 0.25  # of the rows
# Pillow's pixel limit, standard error and jpeglib's library belong to the process.
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
    source: Path | bytes,
    limits: Limits | None = None,
    *,
    salvage: bool = False,
    icc: bool = True,
) -> Photo:
    """Read one image file: pixels, and for a JPEG its own coefficients, tables and quality.

    Threads wait for each other in here, because the libraries underneath change state of the whole
    process (standard error among it): read in parallel with worker *processes*. A hostile file may
    still kill its process; the engine survives that.

    Args:
        source: path of a regular file, or the bytes of one.
        limits: defaults to ``Limits()``.
        salvage: decode a JPEG without its end as far as it goes; what is missing is grey. Else it
            is TRUNCATED, as is any damaged JPEG that holds less than a quarter of its rows.
        icc: False ignores colour profiles.

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
                return _read_other(codec, data, limits, icc)
            return _read_jpeg(data, limits, salvage, icc)
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
            data = head + file.read(limits.max_bytes + 1 - len(head))
            if len(data) > limits.max_bytes:
                message = f"it grew to more than the limit of {limits.max_bytes} bytes"
                raise PhotoError(ErrorCode.TOO_LARGE, message)
            return data
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise PhotoError(ErrorCode.UNREADABLE, f"cannot be opened: {reason}") from error


def _identify(data: bytes) -> str:
    head = data[:SNIFF_BYTES]
    codec = sniff(head)
    if codec and not (codec == "tiff" and is_raw(data)):
        return codec
    if foreign := RAW if codec else sniff_foreign(head):
        message = f"{foreign} image: convert it to JPEG, PNG, WebP or AVIF first"
        raise PhotoError(ErrorCode.UNSUPPORTED, message)
    reason = "no image format that afd reads" if data else "the file is empty"
    raise PhotoError(ErrorCode.NOT_AN_IMAGE, reason)


def _read_other(codec: str, data: bytes, limits: Limits, icc: bool) -> Photo:
    raster = decode(codec, data, limits.max_pixels, icc)
    return Photo(
        raster.image,
        codec,
        orientation=raster.orientation,
        notes=raster.notes,
        profile=raster.profile,
    )


def _read_jpeg(data: bytes, limits: Limits, salvage: bool, icc: bool) -> Photo:
    header = parse_header(data)
    _check_jpeg_size(header, limits)
    if header.complete:
        raster = _decode_jpeg(data, data, header, limits, icc)
    elif salvage and can_be_closed(data, header):
        raster = _decode_jpeg(repaired(data, header), data, header, limits, icc)
    else:
        _decode_jpeg(data, data, header, limits, icc)  # perhaps worse is wrong with it
        raise PhotoError(ErrorCode.TRUNCATED, _ENDS_EARLY)
    coefficients, damage, notes = _coefficients(data, header, raster)
    if damage and raster.image.getcolors(1) is not None:
        message = f"{damage}; what is there has a single colour"
        raise PhotoError(ErrorCode.TRUNCATED, message)
    return Photo(
        image=raster.image,
        codec="jpeg",
        orientation=raster.orientation,
        quality=_quality(header),
        subsampling=header.subsampling,
        progressive=header.progressive,
        notes=(*_damage_notes(damage, data, header), *raster.notes, *notes),
        file_coefficients=coefficients,
        profile=raster.profile,
    )


def _check_jpeg_size(header: JpegHeader, limits: Limits) -> None:
    if max(header.width, header.height) > MAX_SIDE:
        message = f"{header.width}x{header.height}: a side is more than the {MAX_SIDE} of JPEG"
        raise PhotoError(ErrorCode.TOO_LARGE, f"{message} decoders")
    check_size(header.width, header.height, limits.max_pixels)


def _decode_jpeg(
    whole: bytes, data: bytes, header: JpegHeader, limits: Limits, icc: bool
) -> Raster:
    """Pixels of *whole*: *data*, the file, or as much of it as there is."""
    try:
        return decode("jpeg", whole, limits.max_pixels, icc)
    except PhotoError as error:
        reason = _better_reason(error, header)
        if reason is error:
            raise
        raise reason from error


def _better_reason(error: PhotoError, header: JpegHeader) -> PhotoError:
    """Where Pillow calls a JPEG corrupt, our header may know better."""
    if error.code is not ErrorCode.CORRUPT:
        return error
    count = len(header.components)
    if header.precision != 8 and 2 <= header.precision <= 16:
        return PhotoError(ErrorCode.UNSUPPORTED, f"{header.precision}-bit JPEG")
    if header.precision == 8 and count not in (1, 3, 4):
        return PhotoError(ErrorCode.UNSUPPORTED, f"JPEG with {count} components")
    if kind := unusual_process(header):
        return PhotoError(ErrorCode.UNSUPPORTED, f"{kind}: convert it first")
    if header.sampling_problem and not header.broken:
        return PhotoError(ErrorCode.UNSUPPORTED, f"JPEG with {header.sampling_problem}")
    if not header.complete and not header.broken:
        return PhotoError(ErrorCode.TRUNCATED, _ENDS_EARLY)
    return error


def _coefficients(
    data: bytes, header: JpegHeader, raster: Raster
) -> tuple[Coefficients | None, str, tuple[str, ...]]:
    """The file's own coefficients or None, what is damaged or "", and notes."""
    refusal = coefficient_refusal(header)
    if not refusal and raster.image.size != (header.width, header.height):
        refusal = "two sizes in one file"
    if refusal:
        return None, _damage(data, header), (f"{refusal}: {_FROM_PIXELS}",)
    try:
        coefficients, warning = file_coefficients(data, header)
    except CoefficientsError as error:
        return None, str(error), (_FROM_PIXELS,)
    if warning.startswith(UNUSUAL):
        return coefficients, "", (warning,)
    return coefficients, warning, ()


def _damage(data: bytes, header: JpegHeader) -> str:
    """What is broken in a JPEG that jpeglib was not asked for coefficients of, or ""."""
    if not header.complete:
        return _ENDS_EARLY
    found = header.broken or tables_problem(header)
    if found or reading_refusal(header):
        return found
    warning = scan_warning(data, header)
    return "" if warning.startswith(UNUSUAL) else warning


def _damage_notes(damage: str, data: bytes, header: JpegHeader) -> tuple[str, ...]:
    """The note on *damage*, with how much of the picture is there.

    Raises:
        PhotoError: TRUNCATED, that is too little.
    """
    if not damage:
        return ()
    share = rows_there(data, header)
    if share < _LEAST_SALVAGED:
        message = f"{damage}; only {share:.0%} of the picture's rows are there"
        raise PhotoError(ErrorCode.TRUNCATED, message)
    there = f"; {share:.0%} of the picture's rows are there"
    if share == 1 and header.complete:
        there = ""
    elif share == 1 and header.progressive:
        there += ", with less detail"
    return (f"{DAMAGED}{damage}{there}",)


def _quality(header: JpegHeader) -> float | None:
    """From the tables of the first two components, or of the first where there is no chroma."""
    tables = [header.tables.get(c.table) for c in header.components[:2]]
    luma = tables[0]
    if luma is None:
        return None
    chroma = tables[1] if header.colours == "YCbCr" else None
    return estimate_quality(luma, chroma)
