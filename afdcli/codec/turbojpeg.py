"""Read the DCT coefficients of an intact JPEG from memory with libturbojpeg, where it is installed.

This takes a third of jpeglib's time: jpeglib reads only from files, and copies value by value.
libturbojpeg belongs to the system (Debian: ``libturbojpeg0``, Homebrew: ``jpeg-turbo``). If it is
missing, or a file gives an error or a warning, `afdcli.codec.jpeg_dct` uses jpeglib instead.

``tjTransform`` (https://libjpeg-turbo.org/Documentation/Documentation) passes the coefficients to a
*custom filter*, one row of blocks at a time.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.jpeg_frame import JpegHeader

_NAMES = (
    *("libturbojpeg.so.0", "libturbojpeg.0.dylib"),
    *("/opt/homebrew/lib/libturbojpeg.0.dylib", "/usr/local/lib/libturbojpeg.0.dylib"),
)
_NO_OUTPUT, _COPY_NONE = 16, 64  # TJXOPT_NOOUTPUT, TJXOPT_COPYNONE
_BLOCK = 64  # coefficients
_STOP, _GO_ON = -1, 0

# int filter(short *coefficients, tjregion array, tjregion plane, int component, int transform,
# tjtransform *). A tjregion is four ints: two integer registers in the calling conventions of
# x86-64 and AArch64. Two 64-bit numbers per region take half the time of a `ctypes.Structure`.
_REGION = (ctypes.c_uint64, ctypes.c_uint64)
_Filter = ctypes.CFUNCTYPE(
    ctypes.c_int,
    *(ctypes.c_void_p, *_REGION, *_REGION),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_void_p),
)


class _Transform(ctypes.Structure):
    """``tjtransform`` of turbojpeg.h."""

    _fields_ = (
        ("region", ctypes.c_int * 4),
        ("operation", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("filter", _Filter),
    )


def levels_of(essential: bytes, header: JpegHeader) -> list[NDArray[np.int16]] | None:
    """The quantised levels of each component, (rows, cols, 8, 8) int16.

    Not thread-safe.

    Args:
        essential: `JpegHeader.essential` of the file.
        header: of the file; `afdcli.codec.jpeg_dct.coefficient_refusal` must be "".

    Returns:
        None if libturbojpeg is missing, or has an error or a warning about the file.
    """
    reader = _reader()
    return None if reader is None else reader.read(essential, header)


@cache
def _reader() -> _Reader | None:
    for name in _NAMES:
        with suppress(OSError, AttributeError):  # not there, or too old
            return _Reader(ctypes.CDLL(name))
    return None


class _Rows:
    """The rows of blocks of one component; there are *rows* x *cols* blocks.

    Attributes:
        last: number of the last row.
        seen: rows seen so far.
        first: address of the first row.
        levels: (rows, cols, 8, 8) int16; None until the last row was seen.
    """

    def __init__(self, rows: int, cols: int, sampling: int) -> None:
        self.last, self.seen, self.first = rows - 1, 0, 0
        self.levels: NDArray[np.int16] | None = None
        # libjpeg pads rows to whole coding units.
        self._padded, self._cols = -(-cols // sampling) * sampling, cols

    def copy(self, address: int) -> int:
        """Copy all rows to `levels`; *address* is that of the last one."""
        row = self._padded * _BLOCK
        if address != self.first + self.last * row * ctypes.sizeof(ctypes.c_int16):
            return _STOP  # not one behind the other
        memory: Any = (ctypes.c_int16 * ((self.last + 1) * row)).from_address(self.first)
        whole = np.frombuffer(memory, np.int16).reshape(self.last + 1, self._padded, 8, 8)
        try:
            self.levels = whole[:, : self._cols].copy()
        except MemoryError:  # an exception cannot pass through C
            return _STOP
        return _GO_ON


class _Reader:
    """A handle of libturbojpeg, and the rows of the picture that is being read."""

    def __init__(self, library: ctypes.CDLL) -> None:
        library.tjInitTransform.restype = ctypes.c_void_p
        self._call: Any = library.tjTransform
        self._call.argtypes = (
            *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_int),
            *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int),
        )
        self._handle = library.tjInitTransform()
        self._filter = _Filter(self._row)
        self._transform = _Transform(options=_NO_OUTPUT | _COPY_NONE, filter=self._filter)
        self._no_output = (ctypes.c_void_p * 1)(), (ctypes.c_ulong * 1)()
        self._rows: list[_Rows] = []

    def read(self, essential: bytes, header: JpegHeader) -> list[NDArray[np.int16]] | None:
        """See `levels_of`."""
        self._rows = [
            _Rows(*header.blocks(i), header.components[i].horizontal)
            for i in range(len(header.components))
        ]
        transform = ctypes.byref(self._transform)
        failed = self._call(
            self._handle, essential, len(essential), 1, *self._no_output, transform, 0
        )
        found = [rows.levels for rows in self._rows if rows.levels is not None]
        return None if failed or len(found) < len(self._rows) else found

    def _row(self, address: int, *others: int) -> int:
        """Called for each row of blocks of each component; the last one copies the component."""
        rows = self._rows[others[4]]  # after two regions
        number = rows.seen
        rows.seen += 1
        if number == 0:
            rows.first = address
        return _GO_ON if number != rows.last else rows.copy(address)
