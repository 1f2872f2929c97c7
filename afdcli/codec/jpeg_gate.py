"""Which JPEG files may be handed to jpeglib.

Its C code trusts what it is given. More than four components overflow its buffers; and where
``jpeg_read_header`` refuses a file, ``read_jpeg_dct`` closes a file that it never opened. Both kill
the process, so the gate refuses all that ``jpeg_read_header`` does.
"""

from __future__ import annotations

from afdcli.codec.jpeg_frame import JpegHeader

MAX_SIDE = 65_500  # pixels; libjpeg's JPEG_MAX_DIMENSION

_ARITHMETIC = frozenset({9, 10, 11, 13, 14, 15})
_READABLE = frozenset({0, 1, 2, 9, 10})


def coefficient_refusal(header: JpegHeader) -> str:
    """Why the file's own coefficients are not used; "" where jpeglib may read them."""
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
    """What kind of JPEG it is, unless baseline, extended or progressive with Huffman coding."""
    if header.process in _ARITHMETIC:
        return "arithmetic coding"
    if header.process not in (0, 1, 2):
        return "lossless JPEG" if header.process == 3 else "hierarchical JPEG"
    return ""


def reading_refusal(header: JpegHeader) -> str:
    """Why jpeglib must not look at the scans at all; "" where it may."""
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
    """What is wrong with the quantisation tables; "" if nothing is."""
    for component in header.components:
        table = header.tables.get(component.table)
        if table is None:
            return "missing quantisation table"
        if not table.all():
            return "quantisation step of zero"
    return ""
