"""How much of a damaged JPEG's picture its data hold.

A decoder fills what is missing, with grey, black or the colour before, and does not say from where
on. So it is asked twice, the second time with noise behind the last byte: the rows that noise can
change are those that the data do not reach. That holds for every coding that Pillow decodes, and
a picture that is grey itself is not taken for a missing one.
"""

from __future__ import annotations

import io
import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from afdcli.codec.jpeg_frame import JpegHeader, Scan

_EOI = b"\xff\xd9"
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_LEAST_PADDING = 32  # bytes of zero at the end that no scan has: left by a download
_NOISE_BYTES = 1024


def can_be_closed(data: bytes, header: JpegHeader) -> bool:
    """Whether a file without an end of image holds a picture that `repaired` brings out.

    Not where it ends inside a segment between scans: decoders take the end for a part of that.
    """
    if not header.scans:
        return False
    scanned = {name for scan in header.scans for name in scan.ids}
    more_to_come = header.progressive or any(c.id not in scanned for c in header.components)
    return not (more_to_come and data[header.end :].strip(b"\0\xff"))


def repaired(data: bytes, header: JpegHeader) -> bytes:
    """A file without an end of image, closed behind the last segment that is whole.

    Zeros at the end, as of a download into a file of full size, go.
    """
    return _without_padding(data[: header.end]) + _EOI


def rows_there(data: bytes, header: JpegHeader) -> float:
    """Share of the picture's rows, from the top, that the file holds data of, 0 to 1.

    Of a progressive file, rows with no more than their first and coarsest level count.
    """
    scan = _base_scan(header)
    if scan is None:
        return 0.0
    begun = _without_padding(data[: scan.end])
    if len(begun) <= scan.start:
        return 0.0
    restarts = len(_RESTART.findall(begun, scan.start))
    noise = np.random.default_rng(0).integers(0, 255, _NOISE_BYTES, np.uint8).tobytes()
    more = noise + bytes([0xFF, 0xD0 + restarts % 8]) + noise  # never 0xFF itself
    plain, other = (_small(begun + rest + _EOI) for rest in (b"", more))
    if plain is None or other is None or plain.shape != other.shape:
        return 0.0
    same = (plain == other).reshape(len(plain), -1).all(1)
    return 1.0 if same.all() else float(np.argmin(same)) / len(same)


def _base_scan(header: JpegHeader) -> Scan | None:
    """The scan that brings the first level of the first component."""
    first = header.components[0].id
    return next((scan for scan in header.scans if scan.dc and first in scan.ids), None)


def _without_padding(data: bytes) -> bytes:
    kept = data.rstrip(b"\0")
    if len(data) - len(kept) < _LEAST_PADDING:
        kept = data
    return kept.rstrip(b"\xff")  # it would make a marker of what comes behind


def _small(data: bytes) -> NDArray[np.uint8] | None:
    """Means of the blocks, a row of them for 8 rows of the picture; None where Pillow refuses."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            image.draft(None, (max(image.width // 8, 1), max(image.height // 8, 1)))
            return np.asarray(image)
    except MemoryError:
        raise
    except Exception:  # on hostile files Pillow's plugins raise about anything
        return None
