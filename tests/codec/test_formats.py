"""`read_photo` on formats without JPEG coefficients, orientations, transparency and file names."""

from __future__ import annotations

import os
import tempfile
import warnings

import numpy as np
import pytest
from kit.pictures import after_start, encoded, scene, segment
from PIL import Image

from afdcli.codec.read import read_photo

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF")


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_keep_every_pixel(format):
    pixels = scene(37, 53)
    photo = read_photo(encoded(pixels, format))
    assert photo.codec == format.lower()
    assert (photo.pixels == pixels).all() and photo.pixels.dtype == np.uint8
    assert photo.file_coefficients is None and photo.quality is None
    assert (photo.notes, photo.subsampling, photo.orientation) == ((), "", 1)
    assert not photo.coefficients.exact


@pytest.mark.parametrize("format", ["WEBP", "AVIF"])
def test_lossy_formats_come_close(format):
    pixels = scene(64, 80)
    photo = read_photo(encoded(pixels, format, quality=90))
    assert (photo.codec, photo.quality) == (format.lower(), None)
    assert np.abs(photo.pixels.astype(int) - pixels).mean() < 8


def test_first_frame_of_an_animation():
    red, blue = Image.new("RGB", (20, 10), "red"), Image.new("RGB", (20, 10), "blue")
    for format in ("GIF", "WEBP", "TIFF", "PNG", "AVIF"):
        data = encoded(red, format, save_all=True, append_images=[blue])
        assert read_photo(data).pixels[5, 5].tolist() == pytest.approx([255, 0, 0], abs=4), format


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_orientation_is_read_and_not_applied(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(encoded(scene(24, 40), format, exif=exif))
    assert photo.orientation == orientation
    assert photo.pixels.shape == (24, 40, 3)


def test_tiff_comes_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = scene(24, 40)
    photo = read_photo(encoded(pixels, "TIFF", exif=exif))
    upright = np.rot90(pixels, -1) if photo.pixels.shape[0] == 40 else pixels
    assert (photo.pixels == upright).all()
    assert photo.orientation == (1 if photo.pixels.shape[0] == 40 else 6)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_nonsense_orientation_counts_as_upright(value):
    exif = Image.Exif()
    exif[0x0112] = value
    assert read_photo(encoded(scene(8, 8), exif=exif)).orientation == 1


def test_broken_exif_neither_fails_nor_warns():
    broken = segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0" * 9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_photo(after_start(encoded(scene(8, 8)), broken)).orientation == 1


def test_transparency_is_laid_over_white():
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[1] = (10, 20, 30, 255)
    rgba[2] = (0, 0, 0, 128)
    for image in (Image.fromarray(rgba), Image.fromarray(rgba).convert("LA")):
        photo = read_photo(encoded(image, "PNG"))
        assert (photo.pixels[0] == 255).all()
        assert photo.pixels[2, 0, 0] == pytest.approx(127, abs=1)
        assert photo.notes == ("transparency laid over white",)
    assert read_photo(encoded(Image.fromarray(rgba), "PNG")).pixels[1, 0].tolist() == [10, 20, 30]
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 9, 8, 7])
    palette.putpixel((1, 0), 1)
    photo = read_photo(encoded(palette, "PNG", transparency=0))
    assert photo.pixels.tolist() == [[[255, 255, 255], [9, 8, 7]]]


def test_opaque_alpha_is_not_worth_a_note():
    pixels = scene(9, 9)
    photo = read_photo(encoded(Image.fromarray(pixels).convert("RGBA"), "PNG"))
    assert (photo.pixels == pixels).all() and photo.notes == ()


def test_sixteen_bit_grey_is_scaled():
    ramp = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    photo = read_photo(encoded(ramp, "PNG"))
    assert (photo.pixels[..., 1].ravel() == np.arange(256)).all()
    assert photo.notes == ("16-bit grey reduced to 8 bits",)


def test_bilevel_and_cmyk_tiff():
    bits = Image.fromarray(np.eye(8, dtype=bool))
    assert (read_photo(encoded(bits, "PNG")).pixels[..., 0] == np.eye(8) * 255).all()
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert read_photo(encoded(cmyk, "TIFF")).pixels[0, 0].tolist() == [255, 0, 0]


def test_odd_file_names(tmp_path):
    data = encoded(scene(16, 24))
    for name in (b"\xff\xfe.jpg", "Übung 写真.jpg".encode(), b"-rf.jpg", b"no suffix", b"a.png"):
        path = tmp_path / os.fsdecode(name)
        path.write_bytes(data)
        photo = read_photo(path)
        assert photo.codec == "jpeg" and (photo.pixels == read_photo(data).pixels).all()
        assert photo.file_coefficients is not None


def test_reading_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delattr(os, "memfd_create")
    for format in FORMATS:
        read_photo(encoded(scene(16, 16), format))
    assert list(tmp_path.iterdir()) == []


def test_photo_survives_without_the_file(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(scene(16, 24)))
    photo = read_photo(path)
    path.unlink()
    assert photo.coefficients.planes[0].coefficients.shape == (2, 3, 8, 8)
