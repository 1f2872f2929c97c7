"""The parsed header of a JPEG, and the block grid that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PROGRESSIVE = frozenset({2, 6, 10, 14})  # n of SOFn
_SEQUENTIAL = b"\x00\x3f\x00"  # Ss 0, Se 63, Ah 0 and Al 0 of a scan (T.81 B.2.3)

Colours = Literal["grey", "YCbCr", "RGB", "CMYK", "other"]


@dataclass(frozen=True)
class Component:
    """One component of the frame: identifier, sampling factors (1 to 4), table number (0 to 3)."""

    id: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class Scan:
    """One scan: where its entropy-coded bytes are in the file, and what they hold.

    Attributes:
        start, end: byte range of the entropy-coded data, end exclusive.
        ids: identifiers of its components.
        dc: True if it is the first with DC levels of its components: any scan of a sequential JPEG,
            the first scan of a component of a progressive one.
    """

    start: int
    end: int
    ids: tuple[int, ...]
    dc: bool


@dataclass(frozen=True)
class JpegHeader:
    """The content of a JPEG's markers.

    Attributes:
        process: n of the frame marker SOFn: 0 baseline, 1 extended, 2 progressive, 3 lossless,
            5 to 7 hierarchical, 9 and above arithmetic coding.
        precision: bits per sample.
        height, width: pixels; a height of 0 means that a later DNL marker states it.
        components: in file order.
        tables: quantisation tables by number, (8, 8) uint16, natural order ``[v, u]``.
        colours: colour space of the components, decided as libjpeg does.
        scans: in file order.
        complete: True if there is an end-of-image marker.
        end: byte offset behind the last complete segment or scan.
        problem: the first fault in the structure; "" if none.
        broken: the first fault that libjpeg, too, treats as damage; "" if none.
        kept: byte ranges of the segments and scans that affect the coefficients.
    """

    process: int
    precision: int
    height: int
    width: int
    components: tuple[Component, ...]
    tables: dict[int, NDArray[np.uint16]]
    colours: Colours
    scans: tuple[Scan, ...]
    complete: bool
    end: int
    problem: str
    broken: str
    kept: tuple[tuple[int, int], ...] = field(repr=False)

    @property
    def progressive(self) -> bool:
        """True for a progressive JPEG, which stores successively finer scans."""
        return self.process in PROGRESSIVE

    @property
    def max_factors(self) -> tuple[int, int]:
        """Largest (vertical, horizontal) sampling factor."""
        return (
            max(c.vertical for c in self.components),
            max(c.horizontal for c in self.components),
        )

    def blocks(self, index: int) -> tuple[int, int]:
        """(rows, cols) of 8x8 blocks of component *index*, without padding to whole MCUs."""
        v_max, h_max = self.max_factors
        component = self.components[index]
        rows = -(-self.height * component.vertical // (8 * v_max))
        cols = -(-self.width * component.horizontal // (8 * h_max))
        return rows, cols

    def block_size(self, index: int) -> tuple[int, int]:
        """(height, width), in picture pixels, that one block of component *index* covers."""
        v_max, h_max = self.max_factors
        component = self.components[index]
        return 8 * v_max // component.vertical, 8 * h_max // component.horizontal

    @property
    def sampling_problem(self) -> str:
        """Why blocks do not cover a whole number of pixels; "" if they do."""
        v_max, h_max = self.max_factors
        for component in self.components:
            if not (1 <= component.horizontal <= 4 and 1 <= component.vertical <= 4):
                return "sampling factor outside 1 to 4"
            if h_max % component.horizontal or v_max % component.vertical:
                return "fractional subsampling"
        return ""

    @property
    def subsampling(self) -> str:
        """ "4:4:4" and so on, "grey", or "" for a layout that has no such name."""
        if len(self.components) == 1:
            return "grey"
        if len(self.components) < 3 or self.sampling_problem:
            return ""
        luma, cb, cr = (self.block_size(i) for i in range(3))
        if luma != (8, 8) or cb != cr:
            return ""
        names = {(8, 8): "4:4:4", (8, 16): "4:2:2", (16, 16): "4:2:0"}
        return (names | {(16, 8): "4:4:0", (8, 32): "4:1:1"}).get(cb, "")

    def essential(self, data: bytes) -> bytes:
        """*data*, the parsed file, without application segments, comments and trailing bytes.

        The coefficients stay the same. The removed parts can crash jpeglib's marker code. Scans of
        a sequential JPEG get the parameters of one: libjpeg ignores others, but warns, and its
        first warning hides those about damage.
        """
        for scan in () if self.progressive else self.scans:
            if data[scan.start - 3 : scan.start] != _SEQUENTIAL:
                data = data[: scan.start - 3] + _SEQUENTIAL + data[scan.start :]
        parts = [data[start:end] for start, end in self.kept]
        return b"".join([b"\xff\xd8", *parts, b"\xff\xd9"])
