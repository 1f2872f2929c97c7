"""`read_header`: what a header says is what reading the whole file finds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from kit import pictures
from kit.pictures import heic, jxl_of_jpeg, scene
from PIL import Image
from PIL.ExifTags import Base

from afdcli.codec.header import Header, read_header
from afdcli.codec.limits import Limits
from afdcli.codec.read import read_photo
from afdcli.errors import ErrorCode, PhotoError

LIMITS = Limits()


def encoded(kind: str, **options: Any) -> bytes:
    noise = Image.effect_noise((70, 50), 80).convert("RGB")
    return pictures.encoded(noise, kind, **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF", "JXL"])
def test_it_agrees_with_the_photo(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(encoded(kind, quality=23))
    photo = read_photo(path)
    expected = Header(photo.codec, photo.width, photo.height, photo.quality)
    assert read_header(path, LIMITS) == read_header(path.read_bytes(), LIMITS) == expected
    assert (expected.width, expected.height) == (70, 50)
    assert (expected.quality is not None) == (kind == "JPEG")


def test_turned_pictures_of_heic_and_jpeg_xl() -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    jpeg = encoded("JPEG", quality=23, exif=exif)
    packed = jxl_of_jpeg(jpeg)
    for data in (heic(scene(50, 70), exif=exif.tobytes()), packed):
        photo = read_photo(data)
        expected = Header(photo.codec, photo.width, photo.height, photo.quality)
        assert read_header(data, LIMITS) == expected
        assert (photo.width == 70) == (photo.quality == 23) == (data is packed)


def test_only_the_start_of_a_jpeg_is_needed_unless_its_header_is_long(tmp_path: Path) -> None:
    data = encoded("JPEG", quality=40)
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    assert read_header(tmp_path / "cut.jpg", LIMITS).quality == 40
    profile = b"\xff\xe2\xff\xff" + bytes(0xFFFD)  # 64 KiB that say nothing
    (tmp_path / "long.jpg").write_bytes(data[:2] + 9 * profile + data[2:])
    assert read_header(tmp_path / "long.jpg", LIMITS) == Header("jpeg", 70, 50, 40.0)


def test_what_is_no_picture_has_no_header(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, data, code in (
        ("empty", b"", ErrorCode.NOT_AN_IMAGE),
        ("text", b"no picture", ErrorCode.NOT_AN_IMAGE),
        ("photoshop", b"8BPS" + bytes(20), ErrorCode.UNSUPPORTED),
        ("cut.jpg", encoded("JPEG")[:50], ErrorCode.TRUNCATED),
        ("cut.png", encoded("PNG")[:20], ErrorCode.TRUNCATED),
        ("large.png", encoded("PNG"), ErrorCode.TOO_LARGE),
        ("pipe", None, ErrorCode.UNREADABLE),
        ("gone", None, ErrorCode.UNREADABLE),
    ):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        limits = Limits(max_pixels=100) if name == "large.png" else LIMITS
        with pytest.raises(PhotoError) as caught:
            read_header(tmp_path / name, limits)
        assert caught.value.code is code, name
