"""The file's own DCT coefficients of a JPEG, by jpeglib.

The file has passed `afdcli.codec.jpeg_header` first, and jpeglib gets only what the coefficients
depend on: no application or comment segments, nothing behind the end of the image. Its marker code,
which overflows on empty, overlong or more than 50 segments and is not thread-safe, never runs.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jpeglib
import numpy as np
from jpeglib import dct_jpeg

from afdcli.codec.dct import Coefficients, Plane
from afdcli.codec.jpeg_frame import JpegHeader
from afdcli.codec.quiet import captured_stderr

_LIBRARY = "turbo210"  # jpeglib's default is libjpeg 6b of 1998, which was never fuzzed
_MEMORY = "/dev/shm"  # a RAM disk on Linux; jpeglib can read from a path only


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
    image = _jpeg(data, header)
    with captured_stderr() as lines, contextlib.redirect_stdout(io.StringIO()):
        try:
            with _scratch(len(data)):
                image.load()
            failed = False
        except OSError:  # jpeglib's sign that libjpeg gave up; libjpeg's reason is in the lines
            failed = True
    warning = lines[-1] if lines else ""
    if failed:
        raise CoefficientsError(warning or "libjpeg gave no reason")
    levels = (image.Y, image.Cb, image.Cr)[: len(header.components)]
    planes = tuple(
        Plane(plane, image.get_component_qt(i).astype(np.float32), header.block_size(i))
        for i, plane in enumerate(levels)
    )
    return Coefficients(planes=planes, exact=True), warning


def _jpeg(data: bytes, header: JpegHeader) -> jpeglib.DCTJPEG:
    """jpeglib's object, filled from our header: its own parse would decode the file twice more."""
    if jpeglib.version.get() != _LIBRARY:
        jpeglib.version.set(_LIBRARY)
    count = len(header.components)
    colour = jpeglib.JCS_GRAYSCALE if count == 1 else jpeglib.JCS_YCbCr
    return jpeglib.DCTJPEG(
        path="photo",
        content=header.essential(data),
        height=header.height,
        width=header.width,
        block_dims=np.array([header.blocks(i) for i in range(count)]),
        samp_factor=np.array([(c.vertical, c.horizontal) for c in header.components]),
        jpeg_color_space=colour,
        num_scans=header.scans,
        progressive_mode=header.progressive,
        markers=[],
        huffmans=None,
        **dict.fromkeys(("Y", "Cb", "Cr", "K", "qt", "quant_tbl_no")),
    )


@contextlib.contextmanager
def _scratch(size: int) -> Iterator[None]:
    """A folder for jpeglib's temporary file, in memory if there is room for *size* bytes.

    jpeglib leaves the file behind where reading fails; with its folder, it goes.
    """
    try:
        roomy = shutil.disk_usage(_MEMORY).free > 2 * size
        folder = tempfile.TemporaryDirectory(prefix="afd-", dir=_MEMORY if roomy else None)
    except OSError:  # no RAM disk here, or not writable
        folder = tempfile.TemporaryDirectory(prefix="afd-")
    with folder as room:
        # Not `tempfile.tempdir`, which other threads of the process read, too: what they make
        # meanwhile, a folder for their sockets say, would go with ours.
        before, dct_jpeg.tempfile = dct_jpeg.tempfile, _Files(room)
        try:
            yield
        finally:
            dct_jpeg.tempfile = before


@dataclass(frozen=True)
class _Files:
    """Stands for the module `tempfile` where jpeglib makes its file."""

    folder: str

    def NamedTemporaryFile(self, **options: Any) -> Any:  # noqa: N802 (its name there)
        return tempfile.NamedTemporaryFile(dir=self.folder, **options)
