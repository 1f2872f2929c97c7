"""`read_photo` on files that it must refuse: each gets the right error code."""

from __future__ import annotations

import os
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from kit.pictures import encoded, frame_at, patched, refusal, scene, segment
from PIL import Image

from afdcli.codec.limits import Limits
from afdcli.codec.read import read_photo
from afdcli.errors import ErrorCode

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF")


def error_of(source: Path | bytes, limits: Limits | None = None) -> ErrorCode:
    return refusal(source, limits).code


@pytest.mark.parametrize("format", FORMATS)
def test_half_a_file_is_truncated(format):
    data = encoded(scene(64, 64), format)
    assert error_of(data[: len(data) // 2]) is ErrorCode.TRUNCATED


def test_broken_data_are_corrupt():
    jpeg = encoded(scene(64, 64))
    at = jpeg.index(b"\xff\xc4") + 5
    png = encoded(scene(64, 64), "PNG")
    avif = encoded(scene(64, 64), "AVIF")
    cases = {
        "jpeg": patched(jpeg, at, b"\xff" * 16),
        "png header": patched(png, 20, b"\xff"),
        "png data": patched(png, len(png) // 2, bytes(200)),
        "avif": patched(avif, 40, bytes(80)),
    }
    for name, data in cases.items():
        assert error_of(data) is ErrorCode.CORRUPT, name


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"hello, world" * 20, b"BM is not a bitmap" * 9, b"%PDF-1.7", bytes(500)]
)
def test_other_files_are_not_images(data):
    assert error_of(data) is ErrorCode.NOT_AN_IMAGE


def test_float_samples_are_unsupported():
    for samples in (np.ones((8, 8), np.float32), np.full((8, 8), 10**6, np.int32)):
        assert error_of(encoded(samples, "TIFF")) is ErrorCode.UNSUPPORTED


def test_five_components_never_reach_jpeglib():
    data = encoded(scene(16, 16))
    at = frame_at(data)
    parts = bytes(b for i in range(5) for b in (i + 1, 0x11, 0))
    five = data[:at] + segment(0xC0, bytes([8, 0, 16, 0, 16, 5]) + parts) + data[at + 19 :]
    assert error_of(five) is ErrorCode.UNSUPPORTED
    assert error_of(patched(data, at + 4, b"\x0c")) is ErrorCode.UNSUPPORTED


def test_claimed_size_is_refused_before_decoding():
    data = encoded(scene(16, 16))
    huge = patched(data, frame_at(data) + 5, (65500).to_bytes(2, "big") * 2)
    start = time.perf_counter()
    assert error_of(huge) is ErrorCode.TOO_LARGE
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("format", FORMATS)
def test_pixel_limit(format):
    data = encoded(scene(20, 30), format)
    before = Image.MAX_IMAGE_PIXELS
    for limit in (599, 10):
        error = refusal(data, Limits(max_pixels=limit))
        assert error.code is ErrorCode.TOO_LARGE
        assert f"more than the limit of {limit} pixels" in error.message
    assert read_photo(data, Limits(max_pixels=600)).width == 30
    assert before == Image.MAX_IMAGE_PIXELS


def test_byte_limit(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(scene(20, 30), "PNG"))
    assert error_of(tmp_path / "a.png", Limits(max_bytes=100)) is ErrorCode.TOO_LARGE


def test_reading_takes_no_more_memory_than_the_file(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(encoded(scene(64, 64), "PNG"))
    tracemalloc.start()
    try:
        read_photo(file, Limits(max_bytes=1 << 30))
        assert tracemalloc.get_traced_memory()[1] < 1 << 25
    finally:
        tracemalloc.stop()


def test_paths_that_cannot_be_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    for name in ("missing.jpg", "pipe.jpg", "folder.jpg", "dangling.jpg", "nul\0.jpg"):
        assert error_of(tmp_path / name) is ErrorCode.UNREADABLE
    assert error_of(Path(os.devnull)) is ErrorCode.UNREADABLE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_no_permission(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(scene(8, 8)))
    (tmp_path / "a.jpg").chmod(0)
    assert error_of(tmp_path / "a.jpg") is ErrorCode.UNREADABLE


def test_out_of_memory(monkeypatch):
    data = encoded(scene(8, 8))
    for place in ("PIL.Image.Image.load", "afdcli.codec.read.file_coefficients"):
        with monkeypatch.context() as patch:
            patch.setattr(place, _no_memory)
            assert error_of(data) is ErrorCode.OUT_OF_MEMORY
    assert read_photo(data).notes == ()


def _no_memory(*args: object, **options: object) -> None:
    raise MemoryError
