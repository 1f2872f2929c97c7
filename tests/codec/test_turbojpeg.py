"""Coefficients read with libturbojpeg are those that jpeglib reads."""

from __future__ import annotations

import os

import numpy as np
import pytest
from kit.pictures import encoded, scene, without_middle

from afdcli.codec import turbojpeg
from afdcli.codec.jpeg_header import parse_header
from afdcli.codec.memory_file import scratch_file
from afdcli.codec.read import read_photo

needs_library = pytest.mark.skipif(
    turbojpeg._reader() is None, reason="libturbojpeg is not installed"
)


@needs_library
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1", "grey"])
@pytest.mark.parametrize("progressive", [False, True])
def test_both_libraries_read_the_same(subsampling, progressive, monkeypatch) -> None:
    for size in ((1, 1), (9, 17), (33, 7), (65, 129)):
        pixels, options = scene(*size), {"subsampling": subsampling}
        if subsampling == "grey":
            pixels, options = pixels[..., 0], {}
        data = encoded(pixels, quality=40, progressive=progressive, **options)
        with monkeypatch.context() as patch:
            quick = read_photo(data)
            header = parse_header(data)
            assert turbojpeg.levels_of(header.essential(data), header) is not None
            patch.setattr(turbojpeg, "_reader", lambda: None)
            slow = read_photo(data)
        assert quick.notes == slow.notes
        for a, b in zip(quick.coefficients.planes, slow.coefficients.planes, strict=True):
            np.testing.assert_array_equal(a.levels, b.levels)
            np.testing.assert_array_equal(a.steps, b.steps)


@needs_library
def test_a_damaged_file_is_left_to_jpeglib() -> None:
    data = without_middle(encoded(scene(200, 200), quality=90))
    header = parse_header(data)
    assert turbojpeg.levels_of(header.essential(data), header) is None
    assert read_photo(data, salvage=True).damage


def test_without_the_library_jpeglib_reads(monkeypatch) -> None:
    monkeypatch.setattr(turbojpeg, "_NAMES", ("libturbojpeg-of-nobody.so",))
    turbojpeg._reader.cache_clear()
    try:
        assert turbojpeg._reader() is None
        assert read_photo(encoded(scene(40, 40))).coefficients.exact
    finally:
        turbojpeg._reader.cache_clear()


def test_a_forked_process_has_its_own_scratch_file() -> None:
    """With a shared one, two readers would overwrite each other's pictures."""
    mine = os.fstat(scratch_file("test")).st_ino
    assert os.fstat(scratch_file("test")).st_ino == mine
    out, into = os.pipe()
    if not os.fork():
        os.write(into, str(os.fstat(scratch_file("test")).st_ino).encode())
        os._exit(0)
    assert int(os.read(out, 100)) != mine
    os.wait()
    for fd in (out, into):
        os.close(fd)
