"""The parser of JPEG markers, the gate before jpeglib, and the quality factor."""

from __future__ import annotations

import io

import numpy as np
import pytest
from kit.pictures import after_start, encoded, frame_at, patched, scene, segment
from PIL import Image

from afdcli.codec.jpeg_dct import coefficient_refusal
from afdcli.codec.jpeg_header import parse_header
from afdcli.codec.jpeg_quality import CHROMA, LUMA, estimate_quality, standard_tables
from afdcli.errors import ErrorCode, PhotoError

PHOTO = encoded(scene(40, 56), quality=75)
EOI = b"\xff\xd9"


def refusal(data: bytes) -> str:
    return coefficient_refusal(parse_header(data))


def test_header_of_a_plain_jpeg():
    header = parse_header(PHOTO)
    assert (header.height, header.width, header.precision, header.process) == (40, 56, 8, 0)
    assert [(c.horizontal, c.vertical) for c in header.components] == [(2, 2), (1, 1), (1, 1)]
    assert header.colours == "YCbCr"
    assert header.complete and len(header.scans) == 1 and not header.problem
    assert [header.blocks(i) for i in range(3)] == [(5, 7), (3, 4), (3, 4)]
    assert [header.block_size(i) for i in range(3)] == [(8, 8), (16, 16), (16, 16)]
    assert coefficient_refusal(header) == ""


def test_progressive_scans_are_counted():
    header = parse_header(encoded(scene(40, 56), progressive=True))
    assert header.progressive and len(header.scans) > 3 and header.complete


@pytest.mark.parametrize("quality", [3, 50, 75, 100])
def test_tables_are_in_natural_order(quality):
    data = encoded(scene(16, 16), quality=quality)
    tables = Image.open(io.BytesIO(data)).quantization  # type: ignore[attr-defined]
    for number, table in parse_header(data).tables.items():
        assert table.ravel().tolist() == list(tables[number])


def test_trailing_bytes_and_a_second_picture_are_left_out():
    header = parse_header(PHOTO + b"trailer" + PHOTO)
    assert header.complete and len(header.scans) == 1
    assert header.essential(PHOTO + b"trailer" + PHOTO) == parse_header(PHOTO).essential(PHOTO)


def test_essential_keeps_no_metadata():
    extra = segment(0xE1, b"Exif\0\0" + bytes(100)) + segment(0xFE, b"") + segment(0xE5, b"x")
    data = after_start(PHOTO, extra * 40)
    kept = parse_header(data).essential(data)
    assert kept == parse_header(PHOTO).essential(PHOTO)
    assert parse_header(kept).components == parse_header(data).components
    assert refusal(kept) == ""


def test_fill_bytes_before_a_marker_are_allowed():
    at = frame_at(PHOTO)
    assert refusal(PHOTO[:at] + b"\xff\xff" + PHOTO[at:]) == ""


@pytest.mark.parametrize(
    ("offset", "new", "reason"),
    [
        (1, b"\xc3", "lossless JPEG"),
        (1, b"\xc5", "hierarchical JPEG"),
        (1, b"\xc9", "arithmetic coding"),
        (4, b"\x0c", "12-bit JPEG"),
        (5, b"\0\0", "side outside 1 to 65500 pixels"),
        (5, b"\xff\xff", "side outside 1 to 65500 pixels"),
        (11, b"\x55", "sampling factor outside 1 to 4"),
        (11, b"\x20", "sampling factor outside 1 to 4"),
        (11, b"\x31\0\2\x21", "fractional subsampling"),
        (11, b"\x44", "too many blocks in one coding unit"),
        (12, b"\x03", "missing quantisation table"),
        (13, b"\x01", "two components of one name"),
        (13, b"\x09", "scan of an unknown component"),
    ],
)
def test_gate_refuses_odd_frames(offset, new, reason):
    assert refusal(patched(PHOTO, frame_at(PHOTO) + offset, new)).startswith(reason)


def test_gate_refuses_more_components_than_jpeglib_has_buffers_for():
    for count in (2, 5, 255):
        frame = segment(
            0xC0,
            bytes([8, 0, 16, 0, 16, count]) + b"".join(bytes([i, 0x11, 0]) for i in range(count)),
        )
        assert refusal(b"\xff\xd8" + frame + EOI) == f"JPEG with {count} components"


def test_gate_refuses_damaged_structures():
    at = frame_at(PHOTO)
    frame = PHOTO[at : at + 19]
    assert refusal(PHOTO[:-2]) == "no end-of-image marker"
    assert refusal(PHOTO[:at] + frame + PHOTO[at:]) == "second frame header"
    assert refusal(after_start(PHOTO, b"junk")) == "stray bytes between segments"
    assert refusal(after_start(PHOTO, b"\xff\xd8")) == "unexpected marker 0xd8"
    assert refusal(after_start(PHOTO, b"\xff\xe2\0\1")) == "segment of impossible length"
    assert refusal(after_start(PHOTO, segment(0xDB, b"\0123"))) == "bad quantisation table"
    assert refusal(PHOTO[: at + 19] + EOI) == "component without data"
    assert refusal(after_start(PHOTO, segment(0xDD, b"\0"))) == "restart interval of wrong length"


@pytest.mark.parametrize(
    "body", [b"\0", b"\x04" + bytes(16), b"\0" + b"\xff" * 16 + bytes(256), b"\0\2" + bytes(16)]
)
def test_gate_refuses_bad_huffman_tables(body):
    # libjpeg rejects them in jpeg_read_header, which crashes jpeglib
    assert refusal(after_start(PHOTO, segment(0xC4, body))) == "bad Huffman table"


def test_gate_refuses_a_step_of_zero():
    dqt = PHOTO.index(b"\xff\xdb")
    assert refusal(patched(PHOTO, dqt + 5, b"\0")) == "quantisation step of zero"


def test_gate_refuses_tables_that_change_between_scans():
    other = segment(0xDB, b"\0" + bytes([9] * 64))
    data = encoded(scene(40, 56), progressive=True)
    second = data.rindex(b"\xff\xda")
    assert refusal(data[:second] + other + data[second:]) == (
        "quantisation table changed between scans"
    )


def test_gate_refuses_endless_scans():
    data = encoded(scene(16, 16), progressive=True)
    last = data.rindex(b"\xff\xda")
    assert refusal(data[:-2] + data[last:-2] * 120 + EOI) == "more than 100 scans"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", ErrorCode.NOT_AN_IMAGE),
        (b"GIF89a", ErrorCode.NOT_AN_IMAGE),
        (b"\xff\xd8", ErrorCode.TRUNCATED),
        (PHOTO[:100], ErrorCode.TRUNCATED),
        (b"\xff\xd8" + EOI, ErrorCode.CORRUPT),
        (b"\xff\xd8" + segment(0xC0, b"\x08") + EOI, ErrorCode.CORRUPT),
    ],
)
def test_no_frame_header_is_an_error(data, code):
    with pytest.raises(PhotoError) as caught:
        parse_header(data)
    assert caught.value.code is code


def test_colour_spaces_are_those_of_libjpeg():
    rgb = encoded(scene(16, 16), keep_rgb=True)
    assert parse_header(rgb).colours == "RGB"
    adobe = rgb.index(b"\xff\xee")
    unmarked = rgb[:adobe] + rgb[adobe + 16 :]
    assert parse_header(unmarked).colours == "RGB"  # by component names R, G, B
    jfif = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    assert parse_header(after_start(rgb, jfif)).colours == "YCbCr"  # JFIF wins
    assert parse_header(encoded(scene(16, 16)[..., 0])).colours == "grey"
    assert parse_header(encoded(Image.new("CMYK", (16, 16)))).colours == "CMYK"


def test_standard_tables_are_libjpegs():
    luma, chroma = standard_tables(10)
    assert luma[0].tolist() == [80, 55, 50, 80, 120, 200, 255, 255]
    assert chroma[0].tolist() == [85, 90, 120, 235, 255, 255, 255, 255]
    assert (standard_tables(50)[0] == LUMA).all() and (standard_tables(50)[1] == CHROMA).all()
    assert (standard_tables(100)[0] == 1).all()
    with pytest.raises(ValueError, match="must be 1 to 100"):
        standard_tables(0)


@pytest.mark.parametrize("quality", range(1, 101))
def test_quality_is_exact_for_standard_tables(quality):
    luma, chroma = standard_tables(quality)
    assert estimate_quality(luma, chroma) == quality
    assert estimate_quality(luma) == quality
    # and they are the tables that libjpeg writes
    tables = parse_header(encoded(scene(8, 8), quality=quality)).tables
    assert (tables[0] == luma).all() and (tables[1] == chroma).all()


@pytest.mark.parametrize("scale", [0.13, 0.45, 0.97, 1.1, 1.9])
def test_quality_of_scaled_tables_is_the_nearest(scale):
    luma, chroma = (np.rint(t * scale).astype(np.uint16) for t in (LUMA, CHROMA))
    expected = 50 / scale if scale > 1 else 100 - 50 * scale
    assert estimate_quality(luma, chroma) == pytest.approx(expected, abs=0.6)


def test_quality_of_wide_tables_goes_below_the_clipped_ones():
    luma, chroma = (np.asarray(t * 20, np.uint16) for t in (LUMA, CHROMA))  # 16-bit, unclipped
    assert estimate_quality(luma, chroma) == pytest.approx(2.5, abs=0.1)


def test_quality_of_foreign_tables_stays_in_range():
    for step in (1, 2, 40, 255, 65535):
        flat = np.full((8, 8), step, np.uint16)
        assert 1 <= estimate_quality(flat, flat) <= 100
