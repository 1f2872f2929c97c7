"""Parser of a JPEG's markers. It decodes no image data.

Markers follow ITU-T T.81 annex B (https://www.w3.org/Graphics/JPEG/itu-t81.pdf). The colour space
is decided as in libjpeg (``default_decompress_parms`` in jdapimin.c).
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.jpeg_frame import PROGRESSIVE, Colours, Component, JpegHeader, Scan
from afdcli.errors import ErrorCode, PhotoError

MAX_SCANS = 100  # a progressive photo has about ten; every scan costs a pass over all blocks
MAX_MCU_BLOCKS = 10  # T.81 B.2.3: most data units in a minimum coded unit

_SOI, _EOI, _SOS, _DQT, _DHT, _DRI = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD
_APP0, _APP14 = 0xE0, 0xEE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}  # C8 is reserved, CC is DAC
_BARE = frozenset({0x01, _SOI, *range(0xD0, 0xD8)})  # markers without a length; none may occur here
_KEPT = _FRAMES | {_DQT, _DHT, _DRI, _SOS}  # all that affects the coefficients

_JPEG_LS = 0xF7  # start of a JPEG-LS frame (ITU-T T.87)

# Any number of fill bytes 0xFF may precede a marker. Inside a scan 0xFF is followed by 0x00 (a
# stuffed byte), by D0..D7 (restart) or by a fill byte 0xFF.
_MARKER = re.compile(rb"\xff+[\x01-\xfe]")
_SCAN_END = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")

#: ZIGZAG[k] = 8 * v + u of the k-th entry of a DQT segment: diagonals, in turn up and down.
ZIGZAG = np.array(
    sorted(range(64), key=lambda n: (n // 8 + n % 8, n % 8 if (n // 8 + n) % 2 == 0 else n // 8))
)


def parse_header(data: bytes) -> JpegHeader:
    """Parse the markers of a JPEG file.

    Raises:
        PhotoError: NOT_AN_IMAGE without a start-of-image marker; UNSUPPORTED for JPEG-LS; TRUNCATED
            or CORRUPT if there is no usable frame header.
    """
    if not data.startswith(b"\xff\xd8"):
        raise PhotoError(ErrorCode.NOT_AN_IMAGE, "the file does not start like a JPEG")
    parser = _Parser(data)
    parser.run()
    if parser.frame is None:
        if parser.jpeg_ls:
            raise PhotoError(ErrorCode.UNSUPPORTED, "a JPEG-LS file: convert it to JPEG first")
        if parser.ended_early:
            raise PhotoError(ErrorCode.TRUNCATED, "the file ends before the JPEG frame header")
        raise PhotoError(ErrorCode.CORRUPT, f"no JPEG frame header: {parser.problem or 'no frame'}")
    return parser.header()


class _Parser:
    """One pass over the markers that collects the content of a `JpegHeader`."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.frame: tuple[int, int, int, int, tuple[Component, ...]] | None = None
        self.tables: dict[int, NDArray[np.uint16]] = {}
        self.kept: list[tuple[int, int]] = []
        self.scanned: set[int] = set()
        self.scans: list[Scan] = []
        self.end = 2
        self.jfif = False
        self.adobe: int | None = None
        self.problem = ""
        self.broken = ""
        self.complete = False
        self.ended_early = False
        self.jpeg_ls = False

    def run(self) -> None:
        """Parse until the end of the image or of the data."""
        at = 2
        while at >= 0:
            at = self._next_segment(at)
        if self.complete and self.frame and {c.id for c in self.frame[4]} - self.scanned:
            self._note("component without data")

    def header(self) -> JpegHeader:
        assert self.frame is not None
        process, precision, height, width, components = self.frame
        return JpegHeader(
            process=process,
            precision=precision,
            height=height,
            width=width,
            components=components,
            tables=self.tables,
            colours=self._colours(components),
            scans=tuple(self.scans),
            complete=self.complete,
            end=self.end,
            problem=self.problem,
            broken=self.broken,
            kept=tuple(self.kept),
        )

    def _next_segment(self, at: int) -> int:
        """Parse the segment at offset *at*; the offset of the next one, or -1 at the end."""
        data = self.data
        after = _MARKER.search(data, at)
        if after is None:
            self.ended_early = True
            return -1
        if after.start() > at:
            self._note("stray bytes between segments")
        start, marker = after.start(), data[after.end() - 1]
        if marker == _EOI:
            self.complete = True
            return -1
        if marker in _BARE:
            self._note(f"unexpected marker {marker:#04x}", harmless=marker != _SOI)
            return after.end()
        body = after.end() + 2
        end = after.end() + int.from_bytes(data[after.end() : body], "big")
        if end > len(data) or body > len(data):
            self.ended_early = True
            return -1
        if end < body:
            self._note("segment of impossible length")
            return body
        if marker != _SOS:
            self._parse_segment(marker, data[body:end])
        else:
            after = _SCAN_END.search(data, end)
            begin, end = end, after.start() if after else len(data)
            self._parse_scan(data[body:begin], begin, end)
        if marker in _KEPT:
            self.kept.append((start, end))
        self.end = end
        return end

    def _note(self, problem: str, harmless: bool = False) -> None:
        self.problem = self.problem or problem
        if not harmless:
            self.broken = self.broken or problem

    def _parse_segment(self, marker: int, body: bytes) -> None:
        if marker in _FRAMES:
            self._parse_frame(marker - 0xC0, body)
        elif marker == _JPEG_LS:
            self.jpeg_ls = True
        elif marker == _DQT:
            self._parse_tables(body)
        elif marker == _DHT:
            self._check_huffman(body)
        elif marker == _DRI and len(body) != 2:
            self._note("restart interval of wrong length")
        elif marker == _APP0 and len(body) >= 12:
            self.jfif = self.jfif or body.startswith(b"JFIF\0")
        elif marker == _APP14 and len(body) >= 12 and body.startswith(b"Adobe"):
            self.adobe = body[11]

    def _parse_frame(self, process: int, body: bytes) -> None:
        if self.frame is not None:
            self._note("second frame header")
        elif len(body) < 9 or len(body) != 6 + 3 * body[5]:
            self._note("frame header of wrong length")
        else:
            components = tuple(
                Component(body[i], body[i + 1] >> 4, body[i + 1] & 15, body[i + 2])
                for i in range(6, len(body), 3)
            )
            height, width = (int.from_bytes(body[i : i + 2], "big") for i in (1, 3))
            self.frame = (process, body[0], height, width, components)
            if len({c.id for c in components}) < len(components):
                self._note("two components of one name", harmless=True)

    def _parse_scan(self, body: bytes, start: int, end: int) -> None:
        if self.frame is None:
            self._note("scan before the frame header")
            return
        if not body or len(body) != 4 + 2 * body[0] or not 1 <= body[0] <= 4:
            self._note("scan header of wrong length")
            return
        ids = tuple(body[1 : 1 + 2 * body[0] : 2])
        first = body[-3] == 0 and body[-1] >> 4 == 0  # Ss and Ah of T.81 B.2.3
        self.scans.append(Scan(start, end, ids, first or self.frame[0] not in PROGRESSIVE))
        used = [c for c in self.frame[4] if c.id in ids]
        self.scanned.update(ids)
        if len(used) != len(ids):
            self._note("scan of an unknown component")
        elif len(ids) > 1 and sum(c.horizontal * c.vertical for c in used) > MAX_MCU_BLOCKS:
            self._note("too many blocks in one coding unit")
        elif len(self.scans) > MAX_SCANS:
            self._note(f"more than {MAX_SCANS} scans", harmless=True)

    def _parse_tables(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            wide, number = body[at] >> 4, body[at] & 15
            size = 128 if wide else 64
            values = body[at + 1 : at + 1 + size]
            if wide > 1 or number > 3 or len(values) < size:
                self._note("bad quantisation table")
                return
            table = np.zeros(64, np.uint16)
            table[ZIGZAG] = np.frombuffer(values, ">u2" if wide else np.uint8)
            self._set_table(number, table.reshape(8, 8))
            at += 1 + size

    def _check_huffman(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            count = sum(body[at + 1 : at + 17])
            number, end = body[at] & 0xEF, at + 17 + count  # 0x10 tells AC from DC
            if number > 3 or count > 256 or end > len(body):
                self._note("bad Huffman table")
                return
            at = end

    def _set_table(self, number: int, table: NDArray[np.uint16]) -> None:
        # libjpeg dequantises with the table seen first, jpeglib reports the one seen last.
        known = self.tables.get(number)
        if self.scans and known is not None and not np.array_equal(known, table):
            self._note("quantisation table changed between scans", harmless=True)
        else:
            self.tables[number] = table

    def _colours(self, components: tuple[Component, ...]) -> Colours:
        if len(components) == 1:
            return "grey"
        if len(components) == 4:
            return "CMYK"
        if len(components) != 3:
            return "other"
        if self.jfif:
            return "YCbCr"
        if self.adobe is not None:
            return "RGB" if self.adobe == 0 else "YCbCr"
        return "RGB" if bytes(c.id for c in components) == b"RGB" else "YCbCr"
