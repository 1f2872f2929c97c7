"""Read a JPEG's own DCT coefficients with jpeglib, and collect libjpeg's warnings on its scans.

jpeglib's C code trusts its input. More than four components overflow its buffers. If
``jpeg_read_header`` rejects a file, ``read_jpeg_dct`` closes a file that it never opened. Both kill
the process, so `coefficient_refusal` and `reading_refusal` refuse every file that
``jpeg_read_header`` would reject.

jpeglib receives only the parts that affect the coefficients: no application or comment segments,
nothing behind the end of the image. So its own marker code, which overflows on empty, overlong or
more than 50 segments and is not thread-safe, never runs. Its Python objects parse a file twice more
and leave temporary files behind; its C function is therefore called directly.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

import jpeglib
import numpy as np
from jpeglib._bind import CJpegLib
from numpy.typing import NDArray

from afdcli.codec.jpeg_frame import JpegHeader
from afdcli.codec.memory_file import path_of, scratch_file
from afdcli.codec.pixel_dct import Coefficients, Plane
from afdcli.codec.quiet import captured_stderr
from afdcli.codec.turbojpeg import levels_of

_LIBRARY = "turbo210"  # the default is libjpeg 6b of 1998, which was never fuzzed
_KEPT_BYTES = 1 << 20  # of a JPEG in memory, for the next one to overwrite
MAX_SIDE = 65_500  # pixels; libjpeg's JPEG_MAX_DIMENSION

_ARITHMETIC = frozenset({9, 10, 11, 13, 14, 15})
_READABLE = frozenset({0, 1, 2, 9, 10})


def coefficient_refusal(header: JpegHeader) -> str:
    """Why the file's own coefficients are not used; "" if jpeglib may read them."""
    count = len(header.components)
    if kind := unusual_process(header):
        return kind
    if header.precision != 8:
        return f"{header.precision}-bit JPEG"
    if count not in (1, 3):
        return "CMYK JPEG" if count == 4 else f"JPEG with {count} components"
    if header.colours == "RGB":
        return "RGB-coded JPEG"
    return reading_refusal(header) or header.sampling_problem or tables_problem(header)


def unusual_process(header: JpegHeader) -> str:
    """The kind of JPEG; "" for baseline, extended or progressive with Huffman coding."""
    if header.process in _ARITHMETIC:
        return "arithmetic coding"
    if header.process not in (0, 1, 2):
        return "lossless JPEG" if header.process == 3 else "hierarchical JPEG"
    return ""


def reading_refusal(header: JpegHeader) -> str:
    """Why jpeglib must not read the scans at all; "" if it may."""
    if header.process not in _READABLE:
        return f"JPEG process {header.process}"
    if header.precision != 8:
        return f"{header.precision}-bit JPEG"
    if not 1 <= len(header.components) <= 4:
        return f"JPEG with {len(header.components)} components"
    if not (0 < header.height <= MAX_SIDE and 0 < header.width <= MAX_SIDE):
        return f"side outside 1 to {MAX_SIDE} pixels"
    if any(not (1 <= f <= 4) for c in header.components for f in (c.horizontal, c.vertical)):
        return "sampling factor outside 1 to 4"
    return header.problem or ("" if header.complete else "no end-of-image marker")


def tables_problem(header: JpegHeader) -> str:
    """What is wrong with the quantisation tables; "" if nothing."""
    for component in header.components:
        table = header.tables.get(component.table)
        if table is None:
            return "missing quantisation table"
        if not table.all():
            return "quantisation step of zero"
    return ""


class CoefficientsError(Exception):
    """jpeglib cannot read the coefficients; the message is libjpeg's."""


def file_coefficients(data: bytes, header: JpegHeader) -> tuple[Coefficients, str]:
    """Quantised levels and quantisation tables of a JPEG file.

    Not thread-safe: it redirects standard error and standard output of the process.

    Args:
        header: of *data*; `coefficient_refusal` must be "".

    Returns:
        The coefficients, with int16 levels as in the file, and libjpeg's warning ("" if none),
        which is the only sign of damage inside a scan.

    Raises:
        CoefficientsError: libjpeg cannot read the file.
    """
    levels, warning = levels_of(header.essential(data), header), ""
    tables = [header.tables[component.table] for component in header.components]
    if levels is None:
        count = len(header.components)
        levels = [np.zeros((*header.blocks(i), 8, 8), np.int16) for i in range(count)]
        read, numbers, warning = _read(header.essential(data), levels)
        tables = [read[number] for number in numbers[:count]]
    planes = tuple(
        Plane(plane, table.astype(np.float32), header.block_size(i))
        for i, (plane, table) in enumerate(zip(levels, tables, strict=True))
    )
    return Coefficients(planes=planes, exact=True), warning


def scan_warning(data: bytes, header: JpegHeader) -> str:
    """libjpeg's warning or error about the scans of a file, "" if none; reads no coefficients.

    Not thread-safe, like `file_coefficients`. `reading_refusal` of *header* must be "".
    """
    try:
        return _read(header.essential(data), ())[2]
    except CoefficientsError as error:
        return str(error)


def _read(
    essential: bytes, levels: Sequence[NDArray[np.int16]]
) -> tuple[NDArray[np.uint16], NDArray[np.int16], str]:
    """Fill *levels*; return the (4, 8, 8) tables, (4,) table numbers and libjpeg's warning."""
    if jpeglib.version.get() != _LIBRARY:
        jpeglib.version.set(_LIBRARY)
    tables, numbers = np.zeros((4, 8, 8), np.uint16), np.zeros(4, np.int16)
    outputs = [*levels, *[None] * (4 - len(levels)), tables, numbers]  # None: is not read
    fd = scratch_file("jpeg")
    if os.pwrite(fd, essential, 0) < len(essential):
        raise MemoryError
    os.ftruncate(fd, len(essential))
    with captured_stderr() as lines:
        read = CJpegLib.get().read_jpeg_dct(
            bytes(path_of(fd)),
            *[None if array is None else ctypes.c_void_p(array.ctypes.data) for array in outputs],
        )
    if len(essential) > _KEPT_BYTES:
        os.ftruncate(fd, 0)
    warning = lines[-1] if lines else ""
    if not read:  # libjpeg gave up
        raise CoefficientsError(warning or "libjpeg gave no reason")
    return tables, numbers, warning
