"""Which JPEG files may be handed to jpeglib.

Its C code trusts what it is given. More than four components overflow its buffers; and where
``jpeg_read_header`` refuses a file, ``read_jpeg_dct`` closes a file that it never opened. Both kill
the process, so the gate refuses all that ``jpeg_read_header`` does.
"""

from __future__ import annotations

from afdcli.codec.jpeg_frame import JpegHeader

MAX_SIDE = 65_500  # pixels; libjpeg's JPEG_MAX_DIMENSION

_ARITHMETIC = frozenset({9, 10, 11, 13, 14, 15})


def coefficient_refusal(header: JpegHeader) -> str:
    """Why the file's own coefficients are not used; "" where jpeglib may read them."""
    count = len(header.components)
    if header.process in _ARITHMETIC:
        return "arithmetic coding"
    if header.process not in (0, 1, 2):
        return "lossless JPEG" if header.process == 3 else "hierarchical JPEG"
    if header.precision != 8:
        return f"{header.precision}-bit JPEG"
    if count not in (1, 3):
        return "CMYK JPEG" if count == 4 else f"JPEG with {count} components"
    if header.colours == "RGB":
        return "RGB-coded JPEG"
    if not (0 < header.height <= MAX_SIDE and 0 < header.width <= MAX_SIDE):
        return f"side outside 1 to {MAX_SIDE} pixels"
    return (
        header.sampling_problem
        or _tables_problem(header)
        or header.problem
        or ("" if header.complete else "no end-of-image marker")
    )


def _tables_problem(header: JpegHeader) -> str:
    for component in header.components:
        table = header.tables.get(component.table)
        if table is None:
            return "missing quantisation table"
        if not table.all():
            return "quantisation step of zero"
    return ""
