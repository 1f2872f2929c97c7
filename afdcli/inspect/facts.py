"""What a file says about itself and its compression; no classifier is involved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.jpeg_frame import JpegHeader
from afdcli.codec.jpeg_header import parse_header
from afdcli.codec.jpeg_quality import chroma_quality, estimate_quality
from afdcli.codec.photo import Photo
from afdcli.codec.pixel_dct import pixel_coefficients
from afdcli.errors import ErrorCode, PhotoError
from afdcli.view.orientation import turn

_NO_TABLES = {
    "avif": "quantisation: AV1 chooses steps per block, and the decoder does not report them",
    "heic": "quantisation: HEVC chooses steps per block, and the decoder does not report them",
    "jxl": "quantisation: JPEG XL chooses steps per block, and the decoder does not report them",
    "webp": "quantisation: the decoder does not report it, nor whether the file is lossless",
    "tiff": "quantisation: of a TIFF, only the decoded pixels are read",
    "gif": "quantisation: GIF has none, but is limited to 256 colours",
}
_LOSSLESS = "earlier compression: a lossless file does not record it"
_STRIP = 1 << 20  # pixels whose coefficients are held at once
_RANK = np.add.outer(np.arange(8), np.arange(8))  # v + u
_NOTHING = 0.01  # root mean square of float32 rounding errors in a flat picture
_MIDDLE, _HIGH = 4, 8  # ranks at which the middle and the high band begin


@dataclass(frozen=True)
class Spectrum:
    """Root mean square of the luma coefficients over all blocks.

    Attributes:
        rms: (8, 8) float64, ``[v, u]``, JPEG scale, of the stored picture.
    """

    rms: NDArray[np.float64]

    @property
    def bands(self) -> tuple[float, float, float] | None:
        """Shares of the AC energy with v + u of 1 to 3, 4 to 7, 8 to 14; None without any."""
        energy = np.where((_RANK > 0) & (self.rms > _NOTHING), self.rms**2, 0.0)
        if not energy.any():
            return None
        low, high = energy[_RANK < _MIDDLE], energy[_RANK >= _HIGH]
        middle = energy[(_RANK >= _MIDDLE) & (_RANK < _HIGH)]
        total = energy.sum()
        return float(low.sum() / total), float(middle.sum() / total), float(high.sum() / total)


@dataclass(frozen=True)
class Table:
    """A quantisation table of the file.

    Attributes:
        name: the components that use it, e.g. "Cb, Cr".
        steps: (8, 8) uint16, ``[v, u]`` of the stored picture.
    """

    name: str
    steps: NDArray[np.uint16]


@dataclass(frozen=True)
class FileFacts:
    """What a file says, and what can be computed from it alone.

    Attributes:
        path: of the file.
        size: bytes.
        codec: as in `Photo.codec`.
        stored, upright: (width, height) in pixels, before and after EXIF orientation.
        orientation: EXIF, 1 to 8.
        process: "baseline", "progressive", ... of a JPEG, else "".
        subsampling: as in `Photo.subsampling`.
        quality: estimated IJG quality factor, or None; with that of the luma and chroma tables
            alone.
        exact: True where coefficients are the file's own.
        tables: of a JPEG, () for other codecs.
        zeros: share of the AC levels that are zero in luma and in chroma; None where the file
            has no such levels at hand.
        spectrum: energy over the frequencies.
        notes: the codec's remarks.
        unknown: what cannot be known from this file, one sentence each.
    """

    path: Path
    size: int
    codec: str
    stored: tuple[int, int]
    upright: tuple[int, int]
    orientation: int
    process: str
    subsampling: str
    quality: float | None
    luma_quality: float | None
    chroma_quality: float | None
    exact: bool
    tables: tuple[Table, ...]
    zeros: tuple[float | None, float | None]
    spectrum: Spectrum
    notes: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def bits_per_pixel(self) -> float:
        """Of the whole file, metadata included."""
        return 8 * self.size / (self.stored[0] * self.stored[1])


def find_facts(path: Path, photo: Photo) -> FileFacts:
    """Facts about the file *path*, of which *photo* was read.

    Raises:
        PhotoError: UNREADABLE, where the file has gone since.
    """
    try:
        size = path.stat().st_size
        header = parse_header(path.read_bytes()) if photo.codec == "jpeg" else None
    except OSError as error:
        raise PhotoError(ErrorCode.UNREADABLE, f"cannot be opened: {error.strerror}") from error
    height, width = turn(photo.orientation).pair(photo.height, photo.width)
    luma, chroma = _qualities(header)
    return FileFacts(
        path=path,
        size=size,
        codec=photo.codec,
        stored=(photo.width, photo.height),
        upright=(width, height),
        orientation=photo.orientation,
        process=_process(header),
        subsampling=photo.subsampling,
        quality=photo.quality,
        luma_quality=luma,
        chroma_quality=chroma,
        exact=photo.file_coefficients is not None and photo.file_coefficients.exact,
        tables=_tables(header),
        zeros=_zeros(photo),
        spectrum=spectrum(photo),
        notes=photo.notes,
        unknown=_unknown(photo),
    )


def _process(header: JpegHeader | None) -> str:
    if header is None:
        return ""
    names = {0: "baseline", 1: "extended sequential", 3: "lossless"}
    name = "progressive" if header.progressive else names.get(header.process, "")
    coder = "arithmetic coding" if header.process > 8 else ""
    return ", ".join(part for part in (name, coder) if part)


def _tables(header: JpegHeader | None) -> tuple[Table, ...]:
    """Tables with the components that use them, in the order of the components."""
    if header is None:
        return ()
    letters = {"grey": ["Y"], "YCbCr": ["Y", "Cb", "Cr"], "RGB": ["R", "G", "B"]}
    numbers = [str(i + 1) for i in range(len(header.components))]
    names = letters.get(header.colours, numbers)
    users: dict[int, list[str]] = {}
    for name, component in zip(names, header.components, strict=True):
        users.setdefault(component.table, []).append(name)
    return tuple(
        Table(", ".join(names), header.tables[number])
        for number, names in users.items()
        if number in header.tables
    )


def _qualities(header: JpegHeader | None) -> tuple[float | None, float | None]:
    """Quality factors of the luma and of the chroma table, each by itself."""
    if header is None or header.colours not in ("grey", "YCbCr"):
        return None, None
    tables = [header.tables.get(component.table) for component in header.components]
    luma = None if tables[0] is None else estimate_quality(tables[0])
    chroma = None if len(tables) < 2 or tables[1] is None else chroma_quality(tables[1])
    return luma, chroma


def _zeros(photo: Photo) -> tuple[float | None, float | None]:
    if photo.file_coefficients is None:
        return None, None
    luma, *chroma = photo.file_coefficients.planes
    return _zero_share(luma.levels), _zero_share(*(plane.levels for plane in chroma))


def _zero_share(*levels: NDArray[np.int16] | NDArray[np.float32]) -> float | None:
    """Share of zeros among the 63 AC levels of all blocks; None without any block."""
    blocks: int = sum(plane.shape[0] * plane.shape[1] for plane in levels)
    if not blocks:
        return None
    present = sum(
        int(np.count_nonzero(plane)) - int(np.count_nonzero(plane[..., 0, 0])) for plane in levels
    )
    return 1 - float(present) / (63 * blocks)


def _unknown(photo: Photo) -> tuple[str, ...]:
    if photo.codec == "jpeg" or photo.file_coefficients is not None:
        return ()
    unknown = [_NO_TABLES[photo.codec]] if photo.codec in _NO_TABLES else [_LOSSLESS]
    if photo.codec in ("avif", "heic", "jxl", "webp"):
        unknown.append("sampling: not read for this codec")
    return tuple(unknown)


def spectrum(photo: Photo) -> Spectrum:
    """Of the file's own coefficients, or else of the block DCT of the decoded pixels."""
    energy, blocks = np.zeros((8, 8)), 0
    for strip in _strips(photo):
        energy += np.square(strip).sum(axis=(0, 1), dtype=np.float64)
        blocks += strip.shape[0] * strip.shape[1]
    return Spectrum(np.sqrt(energy / blocks))


def _strips(photo: Photo) -> Iterator[NDArray[np.float32]]:
    """Luma coefficients (rows, cols, 8, 8), a few rows of blocks at a time."""
    rows = max(1, _STRIP // (64 * -(-photo.width // 8)))
    if photo.file_coefficients is not None:
        plane = photo.file_coefficients.planes[0]
        for top in range(0, len(plane.levels), rows):
            yield plane.levels[top : top + rows].astype(np.float32) * plane.steps
        return
    for top in range(0, photo.height, 8 * rows):
        yield pixel_coefficients(photo.pixels[top : top + 8 * rows]).planes[0].coefficients
