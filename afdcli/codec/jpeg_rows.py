"""Estimate how much of its picture a damaged JPEG still holds.

A decoder fills missing rows with grey, black or the previous colour, and does not say where they
start. So the file is decoded twice, the second time with noise appended: the data do not cover rows
that the noise changes. This works for every coding that Pillow decodes, and a picture that is
really grey does not count as missing.
"""

from __future__ import annotations

import io
import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from afdcli.codec.jpeg_frame import JpegHeader

_EOI = b"\xff\xd9"
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_LEAST_PADDING = 32  # trailing zero bytes: more than a scan can have, left by a broken download
_NOISE_BYTES = 1024


def can_be_completed(data: bytes, header: JpegHeader) -> bool:
    """Whether a file without an end-of-image marker can be decoded after `with_end_marker`.

    It cannot if it ends inside a segment between scans: decoders would read the appended marker as
    part of that segment.
    """
    if not header.scans:
        return False
    scanned = {name for scan in header.scans for name in scan.ids}
    more_to_come = header.progressive or any(c.id not in scanned for c in header.components)
    return not (more_to_come and data[header.end :].strip(b"\0\xff"))


def with_end_marker(data: bytes, header: JpegHeader) -> bytes:
    """*data* up to its last complete segment or scan, with an end-of-image marker appended.

    Trailing zeros, as of an interrupted download into a preallocated file, are removed.
    """
    return _without_padding(data[: header.end]) + _EOI


def share_of_rows(data: bytes, header: JpegHeader) -> float:
    """Share of the picture's rows, counted from the top, that the data cover, 0 to 1.

    In a progressive file, rows that have only the first and coarsest scan count.
    """
    first = header.components[0].id
    scan = next((scan for scan in header.scans if scan.dc and first in scan.ids), None)
    if scan is None:
        return 0.0
    begun = _without_padding(data[: scan.end])
    if len(begun) <= scan.start:
        return 0.0
    restarts = len(_RESTART.findall(begun, scan.start))
    noise = np.random.default_rng(0).integers(0, 255, _NOISE_BYTES, np.uint8).tobytes()
    more = noise + bytes([0xFF, 0xD0 + restarts % 8]) + noise  # the noise never holds 0xFF
    plain, other = (_small(begun + rest + _EOI) for rest in (b"", more))
    if plain is None or other is None or plain.shape != other.shape:
        return 0.0
    same = (plain == other).reshape(len(plain), -1).all(1)
    return 1.0 if same.all() else float(np.argmin(same)) / len(same)


def _without_padding(data: bytes) -> bytes:
    kept = data.rstrip(b"\0")
    if len(data) - len(kept) < _LEAST_PADDING:
        kept = data
    return kept.rstrip(b"\xff")  # it would turn the next byte into a marker


def _small(data: bytes) -> NDArray[np.uint8] | None:
    """The picture decoded at an eighth of its size; None if Pillow cannot decode it."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            image.draft(None, (max(image.width // 8, 1), max(image.height // 8, 1)))
            return np.asarray(image)
    except MemoryError:
        raise
    except Exception:  # Pillow's plugins raise any type on hostile files
        return None
