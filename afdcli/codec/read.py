"""Read a file into a `Photo`, or raise one `PhotoError` that says why not."""

from __future__ import annotations

import stat
import threading
from dataclasses import replace
from pathlib import Path

from afdcli.codec.decode import Extras, Reduce, check_size, decode, packed_jpeg
from afdcli.codec.jpeg_dct import (
    MAX_SIDE,
    CoefficientsError,
    coefficient_refusal,
    file_coefficients,
    reading_refusal,
    scan_warning,
    tables_problem,
)
from afdcli.codec.jpeg_frame import JpegHeader
from afdcli.codec.jpeg_header import parse_header
from afdcli.codec.jpeg_quality import estimate_quality
from afdcli.codec.jpeg_rows import can_be_completed, share_of_rows, with_end_marker
from afdcli.codec.jxl import JxlHeader, parse_jxl
from afdcli.codec.limits import Limits
from afdcli.codec.photo import DAMAGED, Photo
from afdcli.codec.pixel_dct import Coefficients
from afdcli.codec.plugins import missing_plugin
from afdcli.codec.refusal import jpeg_error
from afdcli.codec.sniff import RAW, SNIFF_BYTES, is_raw, sniff, sniff_foreign
from afdcli.errors import ErrorCode, PhotoError

_FROM_PIXELS = "coefficients computed from decoded pixels"
_ENDS_EARLY = "the jpeg file ends too early"
_PACKED = "a JPEG, packed without loss"
_MIN_SALVAGED = 0.25  # share of the rows
_PIECE = 1 << 20  # bytes read at a time
# Pillow's pixel limit, standard error and jpeglib's choice of library are state of the process.
_ONE_AT_A_TIME = threading.Lock()


def read_photo(
    source: Path | bytes,
    limits: Limits | None = None,
    *,
    salvage: bool = False,
    icc: bool = True,
    exif: bool = False,
    reduce: Reduce | None = None,
) -> Photo:
    """Read one image file: pixels, and for a JPEG its own coefficients, tables and quality.

    Calls from several threads run one after the other, because the underlying libraries change
    state of the whole process, such as standard error. To read in parallel, use worker *processes*.
    A hostile file may still kill its process; `afdcli.workers` survives that.

    Args:
        source: path of a regular file, or the bytes of one.
        limits: None for ``Limits()``.
        salvage: decode a JPEG whose end is missing as far as possible; missing rows are grey. If
            False, it is TRUNCATED. A damaged JPEG with less than a quarter of its rows always is.
        icc: False ignores colour profiles.
        exif: also read `Photo.exif`.
        reduce: may let a JPEG be decoded smaller, if it is intact and its coefficients are usable.

    Returns:
        The photo. Its ``notes`` say why the coefficients of a JPEG are not the file's own, and
        start with "damaged: " if libjpeg had to guess.

    Raises:
        PhotoError: with any `ErrorCode` except TIMEOUT, WORKER_CRASHED and BAD_OUTPUT.
    """
    limits, extras = limits or Limits(), Extras(icc, exif, reduce)
    try:
        data = source if isinstance(source, bytes) else read_file(source, limits)
        codec = identify(data)
        with _ONE_AT_A_TIME:
            if codec == "jxl" and (jpeg := packed_jpeg(data, limits.max_pixels)):
                return _unpacked(_read_jpeg(jpeg, limits, salvage, extras), parse_jxl(data))
            if codec != "jpeg":
                return decode(codec, data, limits.max_pixels, extras)
            return _read_jpeg(data, limits, salvage, extras)
    except MemoryError as error:
        raise PhotoError(ErrorCode.OUT_OF_MEMORY, "not enough memory to read it") from error


def read_file(path: Path, limits: Limits, most: int | None = None) -> bytes:
    """All bytes of an image file; only the first `SNIFF_BYTES` of one that is not decoded.

    Args:
        path: of a regular file.
        limits: on its size.
        most: stop after about so many bytes; None reads all.

    Raises:
        PhotoError: UNREADABLE or TOO_LARGE.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a FIFO would block until somebody writes
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise PhotoError(ErrorCode.UNREADABLE, f"it is {kind}")
        with path.open("rb") as file:
            head = file.read(SNIFF_BYTES)
            codec = sniff(head)
            if not codec or missing_plugin(codec):
                return head
            if status.st_size > limits.max_bytes:
                message = f"{status.st_size} bytes is more than the limit of {limits.max_bytes}"
                raise PhotoError(ErrorCode.TOO_LARGE, message)
            # In pieces, because read(n) allocates n bytes; the file may have grown since stat().
            pieces, size = [head], len(head)
            while size <= limits.max_bytes and (most is None or size < most):
                piece = file.read(min(_PIECE, most or _PIECE))
                if not piece:
                    break
                pieces.append(piece)
                size += len(piece)
            if size > limits.max_bytes:
                message = f"it grew to more than the limit of {limits.max_bytes} bytes"
                raise PhotoError(ErrorCode.TOO_LARGE, message)
            return b"".join(pieces)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise PhotoError(ErrorCode.UNREADABLE, f"cannot be opened: {reason}") from error


def identify(data: bytes) -> str:
    """The codec of a file, as in `Photo.codec`, from its bytes.

    Raises:
        PhotoError: UNSUPPORTED or NOT_AN_IMAGE.
    """
    head = data[:SNIFF_BYTES]
    codec = sniff(head)
    if codec and not (codec == "tiff" and is_raw(data)):
        return codec
    if foreign := RAW if codec else sniff_foreign(head):
        message = f"{foreign} image: convert it to JPEG, PNG, WebP or AVIF first"
        raise PhotoError(ErrorCode.UNSUPPORTED, message)
    reason = "no image format that afd reads" if data else "the file is empty"
    raise PhotoError(ErrorCode.NOT_AN_IMAGE, reason)


def _unpacked(photo: Photo, header: JxlHeader) -> Photo:
    """The *photo* of the JPEG that a JPEG XL file holds."""
    if (photo.width, photo.height) != (header.width, header.height):
        message = f"it holds a JPEG of {photo.width}x{photo.height}, but says otherwise"
        raise PhotoError(ErrorCode.CORRUPT, message)
    return replace(photo, codec="jxl", notes=(*photo.notes, _PACKED))


def _read_jpeg(data: bytes, limits: Limits, salvage: bool, extras: Extras) -> Photo:
    header = parse_header(data)
    _check_jpeg_size(header, limits)
    whole = replace(extras, reduce=None)
    if not header.complete or coefficient_refusal(header):
        extras = whole
    if header.complete:
        photo = _decode_jpeg(data, header, limits, extras)
    elif salvage and can_be_completed(data, header):
        photo = _decode_jpeg(with_end_marker(data, header), header, limits, extras)
    else:
        _decode_jpeg(data, header, limits, extras)  # raises if something else is wrong
        raise PhotoError(ErrorCode.TRUNCATED, _ENDS_EARLY)
    coefficients, damage, notes = _coefficients(data, header, photo)
    if photo.stored and (damage or coefficients is None):
        photo = _decode_jpeg(data, header, limits, whole)
    if damage and photo.image.getcolors(1) is not None:
        message = f"{damage}; what is there has a single colour"
        raise PhotoError(ErrorCode.TRUNCATED, message)
    return replace(
        photo,
        quality=jpeg_quality(header),
        subsampling=header.subsampling,
        progressive=header.progressive,
        notes=(*_damage_notes(damage, data, header), *photo.notes, *notes),
        file_coefficients=coefficients,
    )


def _check_jpeg_size(header: JpegHeader, limits: Limits) -> None:
    if max(header.width, header.height) > MAX_SIDE:
        message = (
            f"{header.width}x{header.height}: JPEG decoders allow at most {MAX_SIDE} pixels a side"
        )
        raise PhotoError(ErrorCode.TOO_LARGE, message)
    check_size(header.width, header.height, limits.max_pixels)


def _decode_jpeg(data: bytes, header: JpegHeader, limits: Limits, extras: Extras) -> Photo:
    """Decode *data*, with a reason from the parsed header if Pillow fails."""
    try:
        return decode("jpeg", data, limits.max_pixels, extras)
    except PhotoError as error:
        reason = jpeg_error(error, header)
        if reason is error:
            raise
        raise reason from error


def _coefficients(
    data: bytes, header: JpegHeader, photo: Photo
) -> tuple[Coefficients | None, str, tuple[str, ...]]:
    """The file's own coefficients or None, what is damaged ("" if nothing), and notes."""
    refusal = coefficient_refusal(header)
    if not refusal and (photo.width, photo.height) != (header.width, header.height):
        refusal = "two sizes in one file"
    if refusal:
        return None, _damage(data, header), (f"{refusal}: {_FROM_PIXELS}",)
    try:
        coefficients, warning = file_coefficients(data, header)
    except CoefficientsError as error:
        return None, str(error), (_FROM_PIXELS,)
    return coefficients, warning, ()


def _damage(data: bytes, header: JpegHeader) -> str:
    """What is damaged in a JPEG whose coefficients are not read; "" if nothing."""
    if not header.complete:
        return _ENDS_EARLY
    found = header.broken or tables_problem(header)
    if found or reading_refusal(header):
        return found
    return scan_warning(data, header)


def _damage_notes(damage: str, data: bytes, header: JpegHeader) -> tuple[str, ...]:
    """The note on *damage* and on how much of the picture is left.

    Raises:
        PhotoError: TRUNCATED if too little is left.
    """
    if not damage:
        return ()
    share = share_of_rows(data, header)
    if share < _MIN_SALVAGED:
        message = f"{damage}; only {share:.0%} of the picture's rows are there"
        raise PhotoError(ErrorCode.TRUNCATED, message)
    there = f"; {share:.0%} of the picture's rows are there"
    if share == 1 and header.complete:
        there = ""
    elif share == 1 and header.progressive:
        there += ", with less detail"
    return (f"{DAMAGED}{damage}{there}",)


def jpeg_quality(header: JpegHeader) -> float | None:
    """Quality factor from the tables of the first two components, or one if there is no chroma."""
    tables = [header.tables.get(c.table) for c in header.components[:2]]
    luma = tables[0]
    if luma is None:
        return None
    chroma = tables[1] if header.colours == "YCbCr" else None
    return estimate_quality(luma, chroma)
