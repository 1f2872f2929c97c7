"""HEIC and JPEG XL, which extras decode: pixels, colours, EXIF, damage, and without the extras."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pillow_heif
import pytest
from kit.pictures import encoded, heic, jxl_of_jpeg, refusal, scene
from kit.profiles import DISPLAY_P3, rgb_profile
from PIL import Image, ImageOps
from PIL.ExifTags import IFD, Base

from afdcli.codec import plugins
from afdcli.codec.exif import Exif
from afdcli.codec.jxl import parse_jxl
from afdcli.codec.limits import Limits
from afdcli.codec.read import read_photo
from afdcli.codec.sniff import sniff, sniff_foreign
from afdcli.errors import ErrorCode
from afdcli.inspect.facts import find_facts

PIXELS = scene(64, 80)
#: Made with imagecodecs: 8x8, grey with alpha in 16 bits; the first row is transparent.
GREY_ALPHA_16 = (
    b"\x00\x00\x00\x0cJXL \r\n\x87\n\x00\x00\x00\x14ftypjxl \x00\x00\x00\x00jxl \x00\x00\x00\tjxll"
    b"\n\x00\x00\x006jxlc\xff\nA\xf0#\xf8\x01(Z\x04\x08\x10\x10\x00x\x00K\x18\x8b\x15B\x8a\x06\x11"
    b"\x8a\x178\x00 \x00\x04\x00\xe0\xff\xffD'\x01\x06\x00\x00\x00\x00\x00\x00\x00"
)


def made(codec: str, pixels: Any = PIXELS, **options: Any) -> bytes:
    return heic(pixels, **options) if codec == "heic" else encoded(pixels, "JXL", **options)


@pytest.mark.parametrize("codec", ["heic", "jxl"])
def test_pixels_come_close(codec: str) -> None:
    photo = read_photo(made(codec, quality=90))
    assert (photo.codec, photo.quality, photo.subsampling) == (codec, None, "")
    assert (photo.orientation, photo.notes, photo.file_coefficients) == (1, (), None)
    assert np.abs(photo.pixels.astype(int) - PIXELS).mean() < 8
    assert not photo.coefficients.exact


@pytest.mark.parametrize("codec", ["heic", "jxl"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16"])
def test_modes(codec: str, mode: str) -> None:
    grey = PIXELS[..., 0]
    image = Image.fromarray(grey.astype(np.uint16) * 257 if mode == "I;16" else grey)
    data = made(codec, image if mode == "I;16" else image.convert(mode))
    assert np.abs(read_photo(data).pixels[..., 1].astype(int) - grey).mean() < 8


def test_transparency_is_laid_over_white() -> None:
    clear = Image.new("RGBA", (32, 32), (10, 20, 30, 0))
    clear.paste((10, 20, 30, 255), (0, 16, 32, 32))
    for codec in ("heic", "jxl"):
        photo = read_photo(made(codec, clear, quality=95))
        assert photo.notes == ("transparency laid over white",)
        assert photo.pixels[4, 4].min() > 245 and photo.pixels[28, 28].max() < 45


def test_ten_bits_become_eight() -> None:
    wide = (PIXELS.astype(np.uint16) * 257).tobytes()
    image = pillow_heif.from_bytes("RGB;16", (80, 64), wide)
    out = BytesIO()
    image.save(out, quality=90)
    photo = read_photo(out.getvalue())
    assert photo.pixels.dtype == np.uint8
    assert np.abs(photo.pixels.astype(int) - PIXELS).mean() < 8


def test_other_samples_of_jpeg_xl() -> None:
    photo = read_photo(encoded(np.full((8, 9), 0.5, np.float32), "JXL", lossless=True))
    assert photo.pixels[4, 4].tolist() == [188] * 3 or photo.pixels[4, 4].tolist() == [128] * 3
    photo = read_photo(GREY_ALPHA_16)
    assert photo.pixels[0].min() == 255 and "transparency" in photo.notes[0]
    assert "Lin" in photo.notes[1] and photo.profile is not None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_both_come_upright(orientation: int) -> None:
    """The orientation of HEIC and JPEG XL is outside of EXIF, and their decoders apply it."""
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    jpeg = encoded(PIXELS, exif=exif)
    turned = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(jpeg))))
    without_jpeg = jxl_of_jpeg(jpeg).replace(b"jbrd", b"free")
    for data in (heic(PIXELS, exif=exif.tobytes(), quality=95), without_jpeg):
        photo = read_photo(data)
        assert photo.orientation == 1
        assert photo.pixels.shape == turned.shape
        assert np.abs(photo.pixels.astype(int) - turned).mean() < 8
    # By the standard, EXIF alone turns nothing.
    assert read_photo(encoded(PIXELS, "JXL", exif=exif.tobytes())).pixels.shape == PIXELS.shape


@pytest.mark.parametrize("codec", ["heic", "jxl"])
def test_colour_profiles(codec: str) -> None:
    profile = rgb_profile("P3", DISPLAY_P3)
    data = heic(PIXELS, icc_profile=profile)
    if codec == "jxl":
        data = jxl_of_jpeg(encoded(PIXELS, icc_profile=profile))
    assert read_photo(data).notes[0] == "colours converted from P3 to sRGB"
    assert read_photo(data, icc=False).profile is None


def test_exif_of_heic_and_jpeg_xl() -> None:
    block = Image.Exif()
    block.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2024:05:01 12:30:59"
    exif = block.tobytes().removeprefix(b"Exif\0\0")
    files = (
        heic(PIXELS, exif=exif),
        encoded(PIXELS, "JXL", exif=b"\0\0\0\0" + exif),  # as the standard wants it
        encoded(PIXELS, "JXL", exif=exif),
        encoded(PIXELS, "JXL", exif=b"\0\0\0\0" + exif, compress_metadata=True),
        jxl_of_jpeg(encoded(PIXELS, exif=b"Exif\0\0" + exif)),
    )
    for data in files:
        found = read_photo(data, exif=True).exif
        assert found is not None and found.exif_time == "2024-05-01T12:30:59"


def test_a_broken_box_of_exif_leaves_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    box = SimpleNamespace(box_type=b"brob", data=b"Exif" + b"\xff" * 20)
    picture = (False, SimpleNamespace(mode="L", width=80, height=64), bytes(80 * 64), b"", [box])
    monkeypatch.setattr("pillow_jxl.Decoder", lambda num_threads: lambda data: picture)
    assert read_photo(encoded(PIXELS, "JXL"), exif=True).exif == Exif()


@pytest.mark.parametrize("quality", [10, 75])
def test_a_jpeg_inside_jpeg_xl_gives_its_own_coefficients(tmp_path: Path, quality: int) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    jpeg = encoded(PIXELS, quality=quality, exif=exif)
    packed = jxl_of_jpeg(jpeg)
    photo, inside = read_photo(packed), read_photo(jpeg)
    assert (photo.codec, photo.quality, photo.orientation) == ("jxl", quality, 6)
    assert photo.notes == ("a JPEG, packed without loss",)
    assert (photo.pixels == inside.pixels).all()
    for ours, theirs in zip(photo.coefficients.planes, inside.coefficients.planes, strict=True):
        assert (ours.levels == theirs.levels).all() and (ours.steps == theirs.steps).all()
    (tmp_path / "a.jxl").write_bytes(packed)
    facts = find_facts(tmp_path / "a.jxl", read_photo(tmp_path / "a.jxl"))
    assert facts.photo.file_coefficients is not None
    assert (facts.photo.quality, facts.unknown) == (quality, ())


def test_a_jpeg_of_another_size_inside_jpeg_xl_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = encoded(scene(32, 40))
    monkeypatch.setattr("afdcli.codec.decode.decode_jxl", lambda data: other)
    assert refusal(jxl_of_jpeg(encoded(PIXELS))).code is ErrorCode.CORRUPT


def test_the_first_picture_of_several_in_heic() -> None:
    several = pillow_heif.from_pillow(Image.new("RGB", (32, 32), "red"))
    several.add_from_pillow(Image.new("RGB", (64, 64), "blue"))
    out = BytesIO()
    several.save(out, save_all=True, primary_index=0)
    photo = read_photo(out.getvalue())
    assert photo.pixels.shape == (32, 32, 3) and photo.pixels[9, 9, 0] > 200


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (8, 8), (256, 264), (511, 513), (64, 48), (160, 90), (90, 45), (7, 2000)],
)
def test_sizes_are_known_before_decoding(width: int, height: int) -> None:
    image = Image.new("RGB", (width, height))
    header = parse_jxl(encoded(image, "JXL", effort=1))
    assert (header.width, header.height) == (width, height)
    assert refusal(encoded(image, "JXL", effort=1), Limits(0)).code is ErrorCode.TOO_LARGE


def test_claimed_sizes_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("pillow_jxl.Decoder", fail)
    # SizeHeader: not small, 30 bits each: 2^30 x 2^30.
    bits = "0" + "11" + "1" * 30 + "000" + "11" + "1" * 30
    header = int(bits[::-1], 2).to_bytes(9, "little")
    assert refusal(b"\xff\x0a" + header + bytes(50)).code is ErrorCode.TOO_LARGE
    boxed = b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\0jxlc\xff\x0a" + header
    assert refusal(boxed).code is ErrorCode.TOO_LARGE
    data = bytearray(heic(PIXELS))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = (40_000).to_bytes(4, "big") * 2
    assert refusal(bytes(data)).code is ErrorCode.TOO_LARGE
    assert refusal(bytes(data), Limits(10**10)).code is ErrorCode.TOO_LARGE  # of libheif


def test_cut_and_broken_files() -> None:
    for data in (heic(PIXELS), encoded(PIXELS, "JXL", use_container=True)):
        for share in (0.3, 0.6, 0.99):
            cut = refusal(data[: int(share * len(data))])
            assert cut.code is ErrorCode.TRUNCATED and "ends too early" in cut.message
    bare = encoded(PIXELS, "JXL")
    assert bare[:2] == b"\xff\x0a"
    assert refusal(bare[: len(bare) // 2]).message.endswith("are corrupt or end too early")
    for data in (bare[:3], b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n", heic(PIXELS)[:40]):
        assert refusal(data).code in (ErrorCode.CORRUPT, ErrorCode.TRUNCATED)
    endless = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\1free" + bytes(8) + bytes(99)
    assert refusal(endless).code is ErrorCode.CORRUPT


def test_a_panic_of_the_decoder_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    panic = type("PanicException", (BaseException,), {})

    class Decoder:
        def __init__(self, **_: object) -> None:
            pass

        def __call__(self, data: bytes) -> None:
            raise panic("internal error: entered unreachable code")

    monkeypatch.setattr("pillow_jxl.Decoder", Decoder)
    assert refusal(encoded(PIXELS, "JXL")).code is ErrorCode.CORRUPT


def test_another_version_of_the_decoder_is_not_a_broken_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    older = (False, SimpleNamespace(mode="L", width=80, height=64), bytes(80 * 64), b"")
    monkeypatch.setattr("pillow_jxl.Decoder", lambda num_threads: lambda data: older)
    error = refusal(encoded(PIXELS, "JXL"))
    assert error.code is ErrorCode.UNSUPPORTED and "pip install 'afdcli[jxl]'" in error.message


@pytest.mark.parametrize(
    ("data", "module", "extra"),
    [(heic(PIXELS), "pillow_heif", "heif"), (encoded(PIXELS, "JXL"), "pillow_jxl", "jxl")],
)
def test_without_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, module: str, extra: str
) -> None:
    plugins.missing_plugin.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    try:
        (tmp_path / "photo").write_bytes(data)
        for source in (data, data[:600], tmp_path / "photo"):
            error = refusal(source)
            assert error.code is ErrorCode.UNSUPPORTED
            assert f"pip install 'afdcli[{extra}]'" in error.message
    finally:
        plugins.missing_plugin.cache_clear()


def test_first_bytes_decide() -> None:
    def brands(*names: str) -> bytes:
        content = names[0].encode() + bytes(4) + "".join(names[1:]).encode()
        return (8 + len(content)).to_bytes(4, "big") + b"ftyp" + content

    assert sniff(brands("heic", "mif1")) == sniff(brands("mif1", "heic")) == "heic"
    assert sniff(brands("msf1", "hevc")) == sniff(brands("miaf", "MiHB", "heix")) == "heic"
    assert sniff(brands("mif1", "avif")) == "avif"
    assert sniff(brands("avci", "mif1")) == "" and "HEIF" in sniff_foreign(brands("avci", "mif1"))
    assert sniff(brands("isom", "mp41")) == sniff_foreign(brands("isom", "mp41")) == ""


@pytest.fixture(autouse=True)
def threads_unchanged() -> Iterator[None]:
    before = pillow_heif.options.DECODE_THREADS
    yield
    assert before == pillow_heif.options.DECODE_THREADS
