"""Time and place from EXIF: of every format that has EXIF, and never an error."""

from __future__ import annotations

import random
import warnings
from typing import Any

import pytest
from kit.pictures import after_start, encoded, scene, segment
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

from afdcli.codec.exif import Exif, read_exif
from afdcli.codec.read import read_photo

PIXELS = scene(24, 40)
TAKEN = Exif("2024-05-01T12:30:59", 48.8583701, -0.5)
PLACE: dict[int, Any] = {
    GPS.GPSLatitudeRef: "N",
    GPS.GPSLatitude: (48.0, 51.0, 30.1324),
    GPS.GPSLongitudeRef: "W",
    GPS.GPSLongitude: (0.0, 30.0, 0.0),
}


def exif(
    times: dict[int, Any] | None = None, place: dict[int, Any] | None = None, changed: Any = None
) -> Image.Exif:
    """An EXIF block; *times* go into its Exif directory."""
    block = Image.Exif()
    if changed is not None:
        block[Base.DateTime] = changed
    block.get_ifd(IFD.Exif).update(times or {})
    block.get_ifd(IFD.GPSInfo).update(place or {})
    return block


def read_back(block: Image.Exif | bytes, format: str = "JPEG") -> Exif | None:
    """What is read of a file with this EXIF; warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_photo(with_exif(block, format), exif=True).exif


def with_exif(block: Image.Exif | bytes, format: str) -> bytes:
    """A picture with this EXIF; Pillow takes an `Image.Exif` of directories alone for empty."""
    data = block if isinstance(block, bytes) else block.tobytes()
    return encoded(PIXELS, format, exif=data)


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF", "PNG", "TIFF"])
def test_time_and_place_are_read(format: str) -> None:
    block = exif({Base.DateTimeOriginal: "2024:05:01 12:30:59"}, PLACE)
    assert read_back(block, format) == TAKEN
    assert read_photo(with_exif(block, format)).exif is None
    assert read_back(Image.Exif(), format) == Exif()
    block[Base.Orientation] = 6
    assert read_back(block, format) == TAKEN


@pytest.mark.parametrize("format", ["GIF", "BMP"])
def test_formats_without_exif(format: str) -> None:
    assert read_photo(encoded(PIXELS, format), exif=True).exif == Exif()


def test_grey_of_16_bits_and_both_byte_orders() -> None:
    grey = Image.fromarray(PIXELS[..., 0].astype("uint16") * 257)
    block = exif({Base.DateTimeOriginal: "2024:05:01 12:30:59"}, PLACE)
    assert read_photo(encoded(grey, "PNG", exif=block.tobytes()), exif=True).exif == TAKEN
    block.endian = "<"
    assert read_back(block) == TAKEN


@pytest.mark.parametrize(
    ("times", "changed", "time"),
    [
        ({Base.DateTimeOriginal: "2024:05:01 12:30:59"}, "2025:01:01 00:00:00", TAKEN.exif_time),
        ({Base.DateTimeDigitized: "2024:05:01 12:30:59"}, "2025:01:01 00:00:00", TAKEN.exif_time),
        ({}, "2024:05:01 12:30:59", TAKEN.exif_time),
        ({Base.DateTimeOriginal: "0000:00:00 00:00:00"}, "2024:05:01 12:30:59", TAKEN.exif_time),
        ({Base.DateTimeOriginal: "2024-05-01T12:30:59\0 "}, None, TAKEN.exif_time),
        ({Base.DateTimeOriginal: b"2024:05:01 12:30:59"}, None, TAKEN.exif_time),
        ({Base.DateTimeOriginal: "    :  :     :  :  "}, None, ""),
        ({Base.DateTimeOriginal: "2023:02:29 12:00:00"}, None, ""),
        ({Base.DateTimeOriginal: "2024:05:01 24:61:00"}, None, ""),
        ({Base.DateTimeOriginal: "٢٠٢٤:05:01 12:30:59"}, None, ""),
        ({Base.DateTimeOriginal: "=cmd()"}, "x" * 1000, ""),
        ({Base.DateTimeOriginal: ""}, 7, ""),
    ],
)
def test_times(times: dict[int, Any], changed: Any, time: str) -> None:
    assert read_back(exif(times, changed=changed)) == Exif(time)


@pytest.mark.parametrize(
    ("offset", "ending"),
    [("+05:30", "+05:30"), ("-11:00\0", "-11:00"), ("Z", "+00:00"), ("   :  ", ""), ("+99:00", "")],
)
def test_offsets_from_utc(offset: str, ending: str) -> None:
    times = {Base.DateTimeOriginal: "2024:05:01 12:30:59", Base.OffsetTimeOriginal: offset}
    assert read_back(exif(times)) == Exif(TAKEN.exif_time + ending)


@pytest.mark.parametrize(
    ("change", "latitude"),
    [
        ({GPS.GPSLatitudeRef: "S"}, -48.8583701),
        ({GPS.GPSLatitudeRef: "s\0"}, -48.8583701),
        ({GPS.GPSLatitudeRef: b"N"}, 48.8583701),
        ({GPS.GPSLatitudeRef: ""}, None),
        ({GPS.GPSLatitudeRef: "E"}, None),
        ({GPS.GPSLatitudeRef: 3}, None),
        ({GPS.GPSLatitude: (0.0, 0.0, 0.0), GPS.GPSLatitudeRef: "S"}, 0.0),
        ({GPS.GPSLatitude: (90.0, 0.0, 0.0)}, 90.0),
        ({GPS.GPSLatitude: (90.0, 0.0, 1.0)}, None),
        ({GPS.GPSLatitude: (48.0, 61.0, 0.0)}, None),
        ({GPS.GPSLatitude: (IFDRational(0, 0), 0.0, 0.0)}, None),
        ({GPS.GPSLatitude: (IFDRational(1, 0), 0.0, 0.0)}, None),
        ({GPS.GPSLatitude: (48.0, 51.0)}, None),
        ({GPS.GPSLatitude: 48.0}, None),
        ({GPS.GPSLongitude: (180.0, 0.0, 1.0)}, None),
        ({GPS.GPSLongitudeRef: ""}, None),
    ],
)
def test_places(change: dict[int, Any], latitude: float | None) -> None:
    found = read_back(exif(place=PLACE | change))
    assert found is not None
    assert (found.exif_latitude, found.exif_longitude) == (
        latitude,
        None if latitude is None else -0.5,
    )
    assert str(found.exif_latitude) != "-0.0"


def test_one_broken_directory_leaves_the_other() -> None:
    block = exif({Base.DateTimeOriginal: "2024:05:01 12:30:59"}, PLACE)
    data = bytearray(block.tobytes())
    pointer = data.index(IFD.GPSInfo.to_bytes(2, "big"))
    data[pointer + 8 : pointer + 12] = b"\x7f\xff\xff\xff"
    assert read_back(bytes(data)) == Exif(TAKEN.exif_time)


def test_broken_exif_of_an_avif_costs_no_row() -> None:
    """Pillow's plugin raises for it while it opens the file."""
    block = exif({Base.DateTimeOriginal: "2024:05:01 12:30:59"}, PLACE)
    block[Base.Orientation] = 6
    data = with_exif(block, "AVIF")
    at = data.index(b"MM\0*")
    photo = read_photo(data[:at] + b"XX" + data[at + 2 :], exif=True)
    assert photo.exif == Exif()
    assert photo.orientation == 6  # it is in a box of its own
    assert (photo.pixels == read_photo(data).pixels).all()


def test_flipped_bytes_never_fail_or_warn() -> None:
    rng = random.Random(0)
    whole = exif({Base.DateTimeOriginal: "2024:05:01 12:30:59"}, PLACE).tobytes()
    plain = encoded(PIXELS)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        data = data[: rng.choice((len(data), rng.randrange(len(data))))]
        body = data if data.startswith(b"Exif\0\0") else b"Exif\0\0" + data
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = read_photo(after_start(plain, segment(0xE1, bytes(body))), exif=True).exif
        assert found is not None
        assert found.exif_latitude is None or abs(found.exif_latitude) <= 90


def test_whatever_pillow_raises_is_no_exif(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.fromarray(PIXELS)

    def fail(*_: object) -> None:
        raise SyntaxError

    monkeypatch.setattr(image, "getexif", fail)
    assert read_exif(image) == Exif()
