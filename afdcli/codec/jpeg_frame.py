"""What the header of a JPEG says, and the block grid that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PROGRESSIVE = frozenset({2, 6, 10, 14})  # n of SOFn

Colours = Literal["grey", "YCbCr", "RGB", "CMYK", "other"]


@dataclass(frozen=True)
class Component:
    """One component of the frame: identifier, sampling factors 1 to 4, table number 0 to 3."""

    id: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class Scan:
    """One scan: where its entropy-coded bytes lie in the file, and what they bring.

    Attributes:
        start, end: of the entropy-coded bytes.
        ids: identifiers of its components.
        dc: True where it is the first to bring DC levels: any scan of a sequential JPEG, the
            first scan of a component of a progressive one.
    """

    start: int
    end: int
    ids: tuple[int, ...]
    dc: bool


@dataclass(frozen=True)
class JpegHeader:
    """What the markers of a JPEG say.

    Attributes:
        process: n of the frame marker SOFn: 0 baseline, 1 extended, 2 progressive, 3 lossless,
            5 to 7 hierarchical, 9 and above arithmetic coding.
        precision: bits per sample.
        height, width: pixels; a height of 0 stands in a later DNL marker.
        components: in file order.
        tables: quantisation tables by number, (8, 8) uint16, natural order ``[v, u]``.
        colours: colour space of the components, as libjpeg would decide.
        scans: in file order.
        complete: True if the walk reached the end-of-image marker.
        end: where the walk ended, behind the last segment or scan that is whole.
        problem: the first thing found wrong in the structure; "" if none.
        broken: the first such thing that libjpeg, too, takes for damage; "" if none.
        kept: byte ranges of the segments and scans that the coefficients depend on.
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
        """True where the picture comes in successively finer scans."""
        return self.process in PROGRESSIVE

    @property
    def max_factors(self) -> tuple[int, int]:
        """Largest (vertical, horizontal) sampling factor."""
        return (
            max(c.vertical for c in self.components),
            max(c.horizontal for c in self.components),
        )

    def blocks(self, index: int) -> tuple[int, int]:
        """(rows, cols) of 8x8 blocks of component *index*, without the padding to whole MCUs."""
        v_max, h_max = self.max_factors
        component = self.components[index]
        rows = -(-self.height * component.vertical // (8 * v_max))
        cols = -(-self.width * component.horizontal // (8 * h_max))
        return rows, cols

    def block_size(self, index: int) -> tuple[int, int]:
        """(height, width) in pixels of the picture that one block of component *index* covers."""
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
        """*data* (the parsed file) without application and comment segments and trailing bytes.

        The coefficients are the same; what is left out is what jpeglib's marker code chokes on.
        """
        parts = [data[start:end] for start, end in self.kept]
        return b"".join([b"\xff\xd8", *parts, b"\xff\xd9"])
