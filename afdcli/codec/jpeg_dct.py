"""The file's own DCT coefficients of a JPEG, and libjpeg's word on its scans, by jpeglib.

The file has passed `afdcli.codec.jpeg_gate` first, and jpeglib gets only what the coefficients
depend on: no application or comment segments, nothing behind the end of the image. Its marker code,
which overflows on empty, overlong or more than 50 segments and is not thread-safe, never runs.
Its objects parse a file twice more and leave temporary files behind: its C function is called
directly.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
from collections.abc import Iterator, Sequence

import jpeglib
import numpy as np
from jpeglib._bind import CJpegLib
from numpy.typing import NDArray

from afdcli.codec.dct import Coefficients, Plane
from afdcli.codec.jpeg_frame import JpegHeader
from afdcli.codec.memory_file import memory_file, path_of
from afdcli.codec.quiet import captured_stderr

_LIBRARY = "turbo210"  # jpeglib's default is libjpeg 6b of 1998, which was never fuzzed
UNUSUAL = "unusual: "  # how a warning begins that means no damage
_HARMLESS = "Invalid SOS parameters"  # libjpeg warns, and then reads the scan as it should be


class CoefficientsError(Exception):
    """jpeglib cannot read the coefficients; the message is libjpeg's."""


def file_coefficients(data: bytes, header: JpegHeader) -> tuple[Coefficients, str]:
    """Quantised levels and steps of a JPEG file that has passed the gate.

    One call at a time per process: standard error and standard output are redirected meanwhile.

    Args:
        data: the file.
        header: of *data*, with an empty `coefficient_refusal`.

    Returns:
        The coefficients, int16 levels as in the file, and libjpeg's warning ("" if none): the
        only trace of damage inside a scan.

    Raises:
        CoefficientsError: libjpeg gave up.
    """
    count = len(header.components)
    levels = [np.zeros((*header.blocks(i), 8, 8), np.int16) for i in range(count)]
    tables, numbers, warning = _read(data, header, levels)
    planes = tuple(
        Plane(plane, tables[numbers[i]].astype(np.float32), header.block_size(i))
        for i, plane in enumerate(levels)
    )
    return Coefficients(planes=planes, exact=True), warning


def scan_warning(data: bytes, header: JpegHeader) -> str:
    """What libjpeg finds wrong in the scans of a file whose coefficients are not used; or "".

    Args and conditions as for `file_coefficients`, with an empty `reading_refusal`.
    """
    try:
        return _read(data, header, ())[2]
    except CoefficientsError as error:
        return str(error)


def _read(
    data: bytes, header: JpegHeader, levels: Sequence[NDArray[np.int16]]
) -> tuple[NDArray[np.uint16], NDArray[np.int16], str]:
    """Fill *levels*; the (4, 8, 8) tables, the (4,) table numbers and libjpeg's warning.

    libjpeg tells its first warning only: behind a harmless one another may hide.
    """
    tables, numbers, warning = _call(header.essential(data), levels)
    if warning.startswith(_HARMLESS) and not header.progressive:
        worse = _call(header.essential(_plain_scans(data, header)), ())[2]
        warning = worse or f"{UNUSUAL}{warning}"
    return tables, numbers, warning


def _call(
    essential: bytes, levels: Sequence[NDArray[np.int16]]
) -> tuple[NDArray[np.uint16], NDArray[np.int16], str]:
    """As `_read`, for one call of libjpeg."""
    if jpeglib.version.get() != _LIBRARY:
        jpeglib.version.set(_LIBRARY)
    tables, numbers = np.zeros((4, 8, 8), np.uint16), np.zeros(4, np.int16)
    pointers = [plane.ctypes.data_as(ctypes.POINTER(ctypes.c_short)) for plane in levels]
    with memory_file() as fd, _captured() as lines:
        with os.fdopen(fd, "wb", closefd=False) as file:
            file.write(essential)
        os.lseek(fd, 0, os.SEEK_SET)
        try:
            CJpegLib.read_jpeg_dct(
                str(path_of(fd)),
                *pointers,
                *[None] * (4 - len(pointers)),  # components that are not wanted
                tables.ctypes.data_as(ctypes.POINTER(ctypes.c_ushort)),
                numbers.ctypes.data_as(ctypes.POINTER(ctypes.c_short)),
                path="photo",
            )
            failed = False
        except OSError:  # jpeglib's sign that libjpeg gave up; libjpeg's reason is in the lines
            failed = True
    warning = lines[-1] if lines else ""
    if failed:
        raise CoefficientsError(warning or "libjpeg gave no reason")
    return tables, numbers, warning


@contextlib.contextmanager
def _captured() -> Iterator[list[str]]:
    """Keep libjpeg's lines from standard error, and jpeglib's from standard output."""
    with captured_stderr() as lines, contextlib.redirect_stdout(io.StringIO()):
        yield lines


def _plain_scans(data: bytes, header: JpegHeader) -> bytes:
    """*data* with the spectral parameters that the scans of a sequential JPEG must have."""
    plain = bytearray(data)
    for scan in header.scans:
        plain[scan.start - 3 : scan.start] = b"\x00\x3f\x00"
    return bytes(plain)
