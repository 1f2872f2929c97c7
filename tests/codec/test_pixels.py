"""Alpha, 16 bits, PNG chunks and unsupported kinds: right pixels or the right error code."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from kit.pictures import encoded, frame_at, patched, refusal, scene, segment
from PIL import Image

from afdcli.codec.read import read_photo
from afdcli.errors import ErrorCode

PIXELS = scene(48, 64)
ALPHA_0 = np.dstack([PIXELS, np.zeros((48, 64), np.uint8)])
IGNORED = "alpha is 0 everywhere: ignored"


def chunk(name: bytes, body: bytes, crc: int | None = None) -> bytes:
    right = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc or right)


def png(raw: bytes, size: tuple[int, int], colour: int = 2, interlace: int = 0) -> bytes:
    """A PNG of *raw* rows with their filter bytes; *size* is (height, width)."""
    head = struct.pack(">IIBBBBB", size[1], size[0], 8, colour, 0, 0, interlace)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(tags: dict[int, tuple[int, int]], strip: bytes) -> bytes:
    """A little-endian TIFF of one strip; *tags* maps tag to (type, value)."""
    at = 8 + 2 + 12 * (len(tags) + 2) + 4
    entries = sorted({**tags, 273: (4, at), 279: (4, len(strip))}.items())
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, v) for tag, (kind, v) in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + strip


def grey_tiff(bits: int, photometric: int, strip: bytes, compression: int = 1) -> bytes:
    tags = {256: 64, 257: 48, 258: bits, 259: compression, 262: photometric, 277: 1, 278: 48}
    return tiff({tag: (3, value) for tag, value in tags.items()}, strip)


def code_of(data: bytes) -> ErrorCode:
    return refusal(data).code


# --- alpha -------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "AVIF"])
def test_alpha_that_is_0_everywhere_is_ignored(format):
    options = {"WEBP": {"lossless": True, "exact": True}, "AVIF": {"quality": 100}}
    photo = read_photo(encoded(Image.fromarray(ALPHA_0), format, **options.get(format, {})))
    assert IGNORED in photo.notes
    assert np.abs(photo.pixels.astype(int) - PIXELS).mean() < 5


@pytest.mark.parametrize("size", [56, 108, 124])
def test_alpha_0_of_a_bitmap(size):
    """Newer BMP headers have an alpha mask; many writers leave the alpha samples at 0."""
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", size, 64, -48, 1, 32, 3, 64 * 48 * 4, 0, 0, 0, 0) + masks
    info += bytes(size - len(info))
    data = ALPHA_0[..., [2, 1, 0, 3]].tobytes()
    head = b"BM" + struct.pack("<IHHI", 14 + size + len(data), 0, 0, 14 + size)
    photo = read_photo(head + info + data)
    assert photo.notes == (IGNORED,) and (photo.pixels == PIXELS).all()


@pytest.mark.parametrize("extra", [1, 2])
def test_alpha_0_of_a_tiff_multiplied_or_not(extra):
    """Dividing by an associated alpha of 0 would destroy the colours."""
    tags = {256: 64, 257: 48, 258: 0, 259: 1, 262: 2, 277: 4, 278: 48, 338: extra}
    strip = ALPHA_0.tobytes() + struct.pack("<4H", 8, 8, 8, 8)
    data = bytearray(tiff({tag: (3, value) for tag, value in tags.items()}, strip))
    bits = data.index(struct.pack("<HH", 258, 3))
    data[bits : bits + 12] = struct.pack("<HHII", 258, 3, 4, len(data) - 8)
    photo = read_photo(bytes(data))
    assert photo.notes == (IGNORED,) and (photo.pixels == PIXELS).all()


# --- grey of more than 8 bits ------------------------------------------------------------------


@pytest.mark.parametrize("white_is_zero", [False, True])
def test_16_bit_grey(white_is_zero):
    samples = PIXELS[..., 0].astype("<u2") * 257
    stored = 65535 - samples if white_is_zero else samples
    photo = read_photo(grey_tiff(16, 0 if white_is_zero else 1, stored.tobytes()))
    assert (photo.pixels[..., 0] == PIXELS[..., 0]).all()


def test_12_bit_grey_is_not_black():
    samples = (PIXELS[..., 0].astype(int) * 4095 + 127) // 255
    pairs = samples.reshape(-1, 2)
    packed = np.stack(
        [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1
    )
    photo = read_photo(grey_tiff(12, 1, packed.astype(np.uint8).tobytes()))
    assert (photo.pixels[..., 0] == PIXELS[..., 0]).all()


# --- PNG ---------------------------------------------------------------------------------------


def with_chunk(extra: bytes, before: bytes = b"IDAT") -> bytes:
    whole = encoded(PIXELS, "PNG")
    at = whole.index(before) - 4
    return whole[:at] + extra + whole[at:]


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(3 << 20))),
        chunk(b"iTXt", b"note\0\1\0\0\0" + zlib.compress(bytes(3 << 20))),
        chunk(b"tEXt", b"note\0text", crc=1),
        chunk(b"gAMA", b"\0\0\xb1\x8f", crc=1),
        chunk(b"tRNS", b"\0\0\0\0\0\0", crc=1),
        chunk(b"pHYs", b"\0"),
        chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(3 << 20))),
    ],
    ids=["zTXt", "iTXt", "tEXt", "gAMA", "tRNS", "pHYs", "iCCP"],
)
def test_bad_ancillary_chunks_do_not_matter(extra, before):
    photo = read_photo(with_chunk(extra, before))
    assert (photo.pixels == PIXELS).all() and not photo.damage


def test_a_large_or_bad_text_chunk_is_noted():
    bad = with_chunk(chunk(b"tEXt", b"note\0text", crc=1))
    assert "ignored (tEXt)" in read_photo(bad).notes[0]


def test_bad_critical_chunks_do_matter():
    whole = encoded(PIXELS, "PNG")
    assert code_of(patched(whole, whole.index(b"IDAT") + 40, b"????")) is ErrorCode.CORRUPT


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_missing_rows_of_a_valid_png_are_noticed(interlace, share):
    raw = b"".join(b"\0" + row.tobytes() for row in PIXELS)
    if interlace:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2)]
        passes += [(0, 1, 2, 2), (1, 0, 2, 1)]
        parts = (PIXELS[top::down, left::right] for top, left, down, right in passes)
        raw = b"".join(b"\0" + row.tobytes() for part in parts for row in part)
    assert (read_photo(png(raw, (48, 64), interlace=interlace)).pixels == PIXELS).all()
    cut = png(raw[: int(len(raw) * share)], (48, 64), interlace=interlace)
    assert code_of(cut) is ErrorCode.TRUNCATED


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA"])
def test_black_rows_are_not_missing_rows(mode):
    image = Image.new(mode, (33, 20))
    assert read_photo(encoded(image, "PNG")).height == 20


# --- intact, but unsupported -------------------------------------------------------------------


def jpeg_ls() -> bytes:
    frame = segment(0xF7, bytes([8, 0, 48, 0, 64, 1, 1, 0x11, 0]))
    return b"\xff\xd8" + frame + segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + bytes(90) + b"\xff\xd9"


FOREIGN = [  # first bytes
    *(b"\0\0\0\x18ftypavci\0\0\0\0mif1avci", b"\0\0\0\x1cftypmif1\0\0\0\0avci"),
    *(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", b"II*\0\x10\0\0\0CR\2\0", b"FUJIFILMCCD-RAW "),
    *(b"IIU\0\x18\0\0\0", b"\0\0\0\x0cjP  \r\n\x87\n", b"II\xbc\x01", b"8BPS"),
    *(b"P6\n2 2\n255\n", b"v/1\x01\2\0\0\0", b"qoif", b"DDS |\0\0\0", bytes(128) + b"DICM"),
    b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg xmlns='x'>",
]


@pytest.mark.parametrize("head", FOREIGN)
def test_foreign_formats_say_what_to_do(head):
    error = refusal(head + bytes(150))
    assert error.code is ErrorCode.UNSUPPORTED and "convert it to JPEG" in error.message


@pytest.mark.parametrize(
    "data",
    [
        jpeg_ls(),
        *(grey_tiff(8, 1, bytes(48 * 64), c) for c in (34712, 33003, 34887, 34661, 50002)),
        grey_tiff(8, 32803, bytes(48 * 64)),
        patched(encoded(PIXELS), frame_at(encoded(PIXELS)) + 4, b"\x0c"),
    ],
)
def test_other_kinds_of_image_are_unsupported(data):
    assert code_of(data) is ErrorCode.UNSUPPORTED


def test_the_message_names_the_limit_in_force():
    huge = patched(encoded(PIXELS), frame_at(encoded(PIXELS)) + 5, (65530).to_bytes(2, "big"))
    error = refusal(huge)
    assert error.code is ErrorCode.TOO_LARGE and "65500" in error.message


def test_an_avif_beyond_its_librarys_limit_is_too_large():
    whole = encoded(PIXELS, "AVIF")
    at = whole.index(b"ispe") + 8
    data = patched(whole, at, struct.pack(">II", 40_000, 48))
    assert code_of(data) is ErrorCode.TOO_LARGE


def test_a_cut_jpeg_strip_of_a_tiff_is_noticed():
    whole = encoded(PIXELS, "TIFF", compression="jpeg")
    assert read_photo(whole).height == 48
    end = whole.index(b"\xff\xd9", whole.index(b"\xff\xda"))  # tables have one, too
    assert code_of(patched(whole, end, b"\0\0")) is ErrorCode.TRUNCATED
