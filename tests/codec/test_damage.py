"""Damaged JPEG files of every coding: never reported as ok, never a picture without data."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from kit.pictures import arithmetic, encoded, patched, refusal, scene
from PIL import Image

from afdcli.codec.read import read_photo
from afdcli.errors import ErrorCode, PhotoError

EOI = b"\xff\xd9"
SCENE = scene(160, 200)
INKS = np.concatenate([255 - SCENE, np.full((160, 200, 1), 20, np.uint8)], axis=2)
CODINGS = {
    "4:4:4": encoded(SCENE, quality=80, subsampling="4:4:4"),
    "4:2:0": encoded(SCENE, quality=60, subsampling="4:2:0"),
    "grey": encoded(SCENE[..., 0]),
    "progressive": encoded(SCENE, progressive=True),
    "restart markers": encoded(SCENE, restart_marker_blocks=5),
    "CMYK": encoded(Image.fromarray(INKS, "CMYK")),
    "RGB": encoded(SCENE, keep_rgb=True),
    "progressive RGB": encoded(SCENE, keep_rgb=True, progressive=True),
}
every_coding = pytest.mark.parametrize("whole", CODINGS.values(), ids=CODINGS.keys())
BASELINE = [name for name in CODINGS if "progressive" not in name]


def at(jpeg: bytes, share: float) -> int:
    """Offset behind *share* of the first scan's data and all that follows."""
    start = jpeg.index(b"\xff\xda")
    return start + round((len(jpeg) - start) * share)


def verdict(data: bytes) -> str:
    """ "ok", "damaged" or the code of the error."""
    try:
        return "damaged" if read_photo(data, salvage=True).damage else "ok"
    except PhotoError as error:
        return str(error.code)


def rows_said(data: bytes) -> int:
    """Percentage of rows in the note."""
    return int(read_photo(data, salvage=True).damage.split("; ")[1].split("%")[0])


@every_coding
def test_an_intact_file_is_ok(whole):
    assert verdict(whole) == "ok"


@every_coding
@pytest.mark.parametrize("end", [b"", EOI, bytes(5000), b"\xff" * 500])
def test_a_cut_file_is_never_ok(whole, end):
    for share in (0.45, 0.6, 0.9):
        assert verdict(whole[: at(whole, share)] + end) in ("damaged", "truncated", "corrupt")
    assert verdict(whole[: at(whole, 0.01)] + end) == "truncated"


@pytest.mark.parametrize("name", BASELINE)
@pytest.mark.parametrize("end", [b"", EOI, bytes(5000)], ids=["cut", "closed", "padded"])
def test_rows_are_counted_by_the_data(name, end):
    """Every row of noise takes the same space, so the share of data is the share of rows."""
    noise = np.random.default_rng(1).integers(0, 256, (320, 96, 3), np.uint8)
    options = {"restart markers": {"restart_marker_blocks": 5}, "RGB": {"keep_rgb": True}}
    whole = encoded(noise, quality=50, **options.get(name, {}))
    for share in (0.4, 0.7):
        assert abs(rows_said(whole[: at(whole, share)] + end) - 100 * share) <= 6


@pytest.mark.parametrize("colour", [128, 0])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_grey_or_black_lower_half_is_a_picture(colour, options):
    pixels = scene(160, 200)
    pixels[16:] = colour
    whole = encoded(pixels, quality=80, **options)
    assert verdict(whole[:-2]) == "damaged"
    assert rows_said(whole[:-2]) >= 90


@every_coding
def test_zeros_in_a_scan_are_damage(whole):
    start = at(whole, 0.3)
    for length in (300, 2000):
        zeroed = patched(whole, start, bytes(min(length, len(whole) - 2 - start)))
        assert verdict(zeroed) in ("damaged", "truncated", "corrupt")


def test_arithmetic_coding_is_checked_too(tmp_path: Path):
    whole = arithmetic(CODINGS["4:2:0"], tmp_path)
    assert verdict(whole) == "ok"
    assert verdict(whole[: at(whole, 0.6)]) in ("damaged", "truncated")
    assert verdict(patched(whole, at(whole, 0.5), b"\x5a" * 200)) != "ok"


def test_a_second_start_or_stray_bytes_before_the_end_are_damage():
    whole = CODINGS["4:4:4"]
    assert verdict(whole[:-2] + whole) in ("damaged", "corrupt")
    assert verdict(whole[:20] + b"\0\0\0" + whole[20:]) == "damaged"  # after the JFIF segment
    assert verdict(whole + b"\0\0\0 anything") == "ok"  # harmless after the end


def test_a_quantisation_step_of_zero_is_damage():
    whole = CODINGS["4:4:4"]
    assert verdict(patched(whole, whole.index(b"\xff\xdb") + 9, b"\0")) == "damaged"


def test_a_progressive_file_cut_inside_a_segment_has_no_picture():
    whole = CODINGS["progressive"]
    second = whole.index(b"\xff\xc4", whole.index(b"\xff\xda"))
    for cut in (second + 3, second + 12):
        assert verdict(whole[:cut]) == "truncated"


def test_a_progressive_file_shows_its_first_scan_and_says_so():
    whole = CODINGS["progressive"]
    later = whole.index(b"\xff\xda", whole.index(b"\xff\xda") + 2)
    assert "100% of the picture's rows are there, with less detail" in (
        read_photo(whole[: later + 40], salvage=True).damage
    )


def test_odd_parameters_of_a_scan_are_harmless_and_hide_no_damage():
    whole = CODINGS["4:4:4"]
    start = whole.index(b"\xff\xda")
    params = start + 2 + int.from_bytes(whole[start + 2 : start + 4], "big") - 3
    odd = patched(whole, params, b"\x01")
    assert verdict(odd) == "ok" and read_photo(odd).notes == ()
    assert verdict(odd[: at(odd, 0.6)] + EOI) == "damaged"


def test_strict_refuses_damaged_files():
    whole = CODINGS["RGB"]
    cut = whole[: at(whole, 0.6)]
    for data in (cut, cut + bytes(3000), *(CODINGS[name][:-2] for name in ("grey", "progressive"))):
        assert refusal(data).code is ErrorCode.TRUNCATED


@pytest.mark.parametrize("name", ["4:4:4", "progressive"])
def test_what_is_there_is_kept(name):
    whole = CODINGS[name]
    pixels, cut = read_photo(whole).pixels, read_photo(whole[: at(whole, 0.75)], salvage=True)
    assert "ends too early" in cut.damage
    assert cut.pixels.shape == pixels.shape and cut.file_coefficients is None
    assert (cut.pixels[:64] == pixels[:64]).all() == (name == "4:4:4")
    assert (cut.pixels != pixels).any()


def damaged_files(count: int) -> list[bytes]:
    """Intact files cut, zeroed, flipped, shortened or lengthened somewhere in their scans."""
    rng = random.Random(4)
    files = []
    for _ in range(count):
        data = bytearray(rng.choice(list(CODINGS.values())))
        start = bytes(data).index(b"\xff\xda") + 14
        place = rng.randrange(start, len(data) - 40)
        kind = rng.randrange(5)
        if kind == 0:
            data = data[:place] + rng.choice((b"", EOI, bytes(100)))
        elif kind == 1:
            del data[place : place + 20]
        elif kind == 2:
            data[place:place] = bytes(rng.randrange(255) for _ in range(20))
        else:
            data[place : place + 30] = bytes(30) if kind == 3 else rng.randbytes(30)
        files.append(bytes(data))
    return files


def test_pictures_without_data_always_fail():
    """Every picture that is read has more than one colour in its upper quarter."""
    seen = set()
    for data in damaged_files(150):
        found = verdict(data)
        seen.add(found)
        if found == "damaged":
            pixels = read_photo(data, salvage=True).pixels
            assert (pixels[:40] != pixels[0, 0]).any()
    assert {"damaged", "truncated"} <= seen


@pytest.mark.parametrize("colour", [0, 128])
def test_damaged_pictures_of_one_colour_fail(colour):
    whole = encoded(np.full((64, 64, 3), colour, np.uint8))
    assert verdict(whole) == "ok"
    assert verdict(whole[:-2]) == "truncated"
