"""When and where a photo was taken, from its EXIF block.

Tags and their types: Exif 2.32 (CIPA DC-008), 4.6.4 and 4.6.6. Any of them may be malformed; a
malformed value counts as missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

#: Tags of a time and of its offset from UTC, best first: taken, digitised, file last changed.
_TIMES = (
    (Base.DateTimeOriginal, Base.OffsetTimeOriginal),
    (Base.DateTimeDigitized, Base.OffsetTimeDigitized),
    (Base.DateTime, Base.OffsetTime),
)
_TIME = re.compile(r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d):(\d\d)", re.ASCII)
_OFFSET = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d|Z", re.ASCII)
_EXIF_ITEM = re.compile(rb"(infe[\2\3].{7,9})Exif", re.DOTALL)
_DECIMALS = 7  # of a degree: 1 cm


@dataclass(frozen=True)
class Exif:
    """Columns of the results that ``--exif`` adds.

    Attributes:
        exif_time: when the photo was taken, ISO 8601 to the second, local time; with the offset
            from UTC if the file has one; "" if unknown.
        exif_latitude: degrees, -90 to 90, north is positive; None if unknown.
        exif_longitude: degrees, -180 to 180, east is positive; None if the latitude is.
    """

    exif_time: str = ""
    exif_latitude: float | None = None
    exif_longitude: float | None = None


def without_exif(avif: bytes) -> bytes:
    """An AVIF file whose EXIF block no reader finds; Pillow refuses the file if it is broken.

    The item's type is overwritten (infe box, ISO/IEC 14496-12, 8.11.6), so that no offset changes.
    """
    return _EXIF_ITEM.sub(rb"\1free", avif)


def read_exif(image: Image.Image) -> Exif:
    """Time and place of a loaded *image*. Malformed EXIF never raises; Pillow may warn about it.

    Raises:
        MemoryError: out of memory.
    """
    try:
        block = image.getexif()
    except MemoryError:
        raise
    except Exception:  # Pillow raises any type on hostile EXIF
        return Exif()
    tags = {**block, **_directory(block, IFD.Exif)}
    latitude, longitude = _place(_directory(block, IFD.GPSInfo))
    return Exif(_time(tags), latitude, longitude)


def _directory(block: Image.Exif, tag: IFD) -> Mapping[int, object]:
    try:
        return dict(block.get_ifd(tag))
    except MemoryError:
        raise
    except Exception:  # as above; the other directories may be intact
        return {}


def _time(tags: Mapping[int, object]) -> str:
    for tag, offset_tag in _TIMES:
        match = _TIME.match(_text(tags.get(tag)))
        if match is None:
            continue
        try:
            time = datetime(*map(int, match.groups()))  # type: ignore[arg-type]
        except ValueError:  # cameras whose clock was never set write 0000:00:00 00:00:00
            continue
        offset = _OFFSET.fullmatch(_text(tags.get(offset_tag)))
        return time.isoformat() + (offset[0].replace("Z", "+00:00") if offset else "")
    return ""


def _place(tags: Mapping[int, object]) -> tuple[float | None, float | None]:
    latitude = _degrees(tags.get(GPS.GPSLatitude), tags.get(GPS.GPSLatitudeRef), "NS", 90)
    longitude = _degrees(tags.get(GPS.GPSLongitude), tags.get(GPS.GPSLongitudeRef), "EW", 180)
    return (None, None) if latitude is None or longitude is None else (latitude, longitude)


def _degrees(value: object, half: object, halves: str, most: int) -> float | None:
    """Degrees from (degrees, minutes, seconds), at most *most*; negative in the second of *halves*.

    *half* says in which half of the globe; without it, the sign is unknown.
    """
    letter = _text(half)[:1].upper()
    if not letter or letter not in halves or not isinstance(value, tuple) or len(value) != 3:
        return None
    try:
        degrees, minutes, seconds = map(float, value)
    except (TypeError, ValueError, ArithmeticError):  # x/0 is NaN or raises
        return None
    found = degrees + minutes / 60 + seconds / 3600
    sound = degrees >= 0 and 0 <= minutes <= 60 and 0 <= seconds <= 60
    if not sound or not math.isfinite(found) or found > most:
        return None
    return round(-found if letter == halves[1] else found, _DECIMALS) + 0.0  # no -0.0


def _text(value: object) -> str:
    if isinstance(value, bytes):  # of a wrong type, as some phones write them
        value = value.decode("ascii", "replace")
    return value.strip("\0 ") if isinstance(value, str) else ""
