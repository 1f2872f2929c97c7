"""What a file says about itself and its compression; no classifier is involved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.jpeg_frame import JpegHeader
from afdcli.codec.jpeg_header import parse_header
from afdcli.codec.photo import Photo
from afdcli.codec.pixel_dct import pixel_coefficients
from afdcli.errors import ErrorCode, PhotoError

_NO_TABLES = {
    "avif": "quantisation: AV1 chooses steps per block, and the decoder does not report them",
    "heic": "quantisation: HEVC chooses steps per block, and the decoder does not report them",
    "jxl": "quantisation: JPEG XL chooses steps per block, and the decoder does not report them",
    "webp": "quantisation: the decoder does not report it, nor whether the file is lossless",
    "tiff": "quantisation: of a TIFF, only the decoded pixels are read",
    "gif": "quantisation: GIF has none, but is limited to 256 colours",
}
_NOT_SAMPLED = ("avif", "heic", "jxl", "webp")
_LOSSLESS = "earlier compression: a lossless file does not record it"
_STRIP = 1 << 20  # pixels whose coefficients are held at once
_RANK = np.add.outer(np.arange(8), np.arange(8))  # v + u
_NOTHING = 0.01  # root mean square of float32 rounding errors in a flat picture
_BANDS = (4, 8)  # ranks at which the middle and the high band begin


@dataclass(frozen=True)
class FileFacts:
    """What a file says, and what can be computed from it alone.

    Attributes:
        path: of the file.
        size: bytes.
        photo: what was read of it.
        process: "baseline", "progressive", ... of a JPEG, else "".
        tables: the components that use a quantisation table, e.g. "Cb, Cr" -> (8, 8) uint16 steps,
            ``[v, u]`` of the stored picture; empty for other codecs than JPEG.
        rms: (8, 8) float64, root mean square of the luma coefficients over all blocks, ``[v, u]``,
            JPEG scale, of the stored picture.
    """

    path: Path
    size: int
    photo: Photo
    process: str
    tables: dict[str, NDArray[np.uint16]]
    rms: NDArray[np.float64]

    @property
    def bits_per_pixel(self) -> float:
        """Bits of the whole file, metadata included, per pixel."""
        return 8 * self.size / (self.photo.width * self.photo.height)

    @property
    def bands(self) -> tuple[float, float, float] | None:
        """Shares of the luma AC energy with v + u of 1 to 3, 4 to 7, 8 to 14; None without any."""
        energy = np.where((_RANK > 0) & (self.rms > _NOTHING), self.rms**2, 0.0)
        sums = np.bincount(np.digitize(_RANK, _BANDS).ravel(), weights=energy.ravel())
        low, middle, high = (float(band) for band in sums / (sums.sum() or 1))
        return (low, middle, high) if energy.any() else None

    @property
    def unknown(self) -> tuple[str, ...]:
        """What cannot be known from this file, one sentence each."""
        codec = self.photo.codec
        if codec == "jpeg" or self.photo.file_coefficients is not None:
            return ()
        sampling = ("sampling: not read for this codec",)
        return (_NO_TABLES.get(codec, _LOSSLESS), *(sampling if codec in _NOT_SAMPLED else ()))


def find_facts(path: Path, photo: Photo) -> FileFacts:
    """Facts about the file *path*, of which *photo* was read. Raises PhotoError if it has gone."""
    try:
        size = path.stat().st_size
        header = parse_header(path.read_bytes()) if photo.codec == "jpeg" else None
    except OSError as error:
        raise PhotoError(ErrorCode.UNREADABLE, f"cannot be opened: {error.strerror}") from error
    return FileFacts(
        path=path,
        size=size,
        photo=photo,
        process="" if header is None else _process(header),
        tables={} if header is None else _tables(header),
        rms=spectrum(photo),
    )


def _process(header: JpegHeader) -> str:
    names = {0: "baseline", 1: "extended sequential", 3: "lossless"}
    name = "progressive" if header.progressive else names.get(header.process, "")
    coder = "arithmetic coding" if header.process > 8 else ""
    return ", ".join(filter(None, (name, coder)))


def _tables(header: JpegHeader) -> dict[str, NDArray[np.uint16]]:
    letters = {"grey": ["Y"], "YCbCr": ["Y", "Cb", "Cr"], "RGB": ["R", "G", "B"]}
    numbers = [str(i + 1) for i in range(len(header.components))]
    users: dict[int, list[str]] = {}
    components = zip(letters.get(header.colours, numbers), header.components, strict=True)
    for name, component in components:
        users.setdefault(component.table, []).append(name)
    known = {n: ", ".join(names) for n, names in users.items() if n in header.tables}
    return {names: header.tables[number] for number, names in known.items()}


def spectrum(photo: Photo) -> NDArray[np.float64]:
    """`FileFacts.rms` of the file's own coefficients, or else of the decoded pixels' block DCT."""
    energy, blocks = np.zeros((8, 8)), 0
    for strip in _strips(photo):
        energy += np.square(strip).sum(axis=(0, 1), dtype=np.float64)
        blocks += strip.shape[0] * strip.shape[1]
    return np.sqrt(energy / blocks)


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
