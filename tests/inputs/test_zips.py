"""Zip archives as people and programs make them: cut off, bombs, Windows, links, odd members."""

from __future__ import annotations

import io
import stat
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from kit.classify import jpeg
from kit.pictures import encoded, scene

from afdcli.errors import ErrorCode, PhotoError
from afdcli.inputs.archives import list_archive, read_source
from afdcli.inputs.found import Found, Skipped
from afdcli.inputs.kinds import Rule
from afdcli.inputs.members import LONGEST_NAME, Spool

PHOTO = jpeg(1)
LIMIT = 1 << 30


def made(
    *files: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytearray:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as out:
        for name, data in files:
            out.writestr(name, data)
    return bytearray(file.getvalue())


def special(name: str, mode: int, system: int = 3) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = system, mode << 16
    return info


def seen(data: bytes) -> tuple[dict[str, bytes | ErrorCode], list[str]]:
    """Member -> its bytes or error code; kinds of what was skipped."""
    Path("x.zip").write_bytes(data)
    rows: dict[str, bytes | ErrorCode] = {}
    kinds = []
    for item in list_archive(Path("x.zip"), Rule(), Spool()):
        if isinstance(item, Skipped):
            kinds.append(item.kind)
        elif isinstance(item, Found):
            assert item.source is not None
            try:
                rows[item.relative.removeprefix("x.zip/")] = read_source(item.source, LIMIT)
            except PhotoError as error:
                rows[item.relative.removeprefix("x.zip/")] = error.code
    return rows, kinds


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.999])
def test_a_zip_that_is_cut_is_one_row(here: Path, share: float) -> None:
    data = made(*((f"{n}.jpg", PHOTO) for n in range(9)))
    Path("x.zip").write_bytes(data[: int(share * len(data))])
    [row] = list_archive(Path("x.zip"), Rule(), Spool())
    assert isinstance(row, Found) and row.relative == "x.zip" and row.source is not None
    with pytest.raises(PhotoError, match=r"cut off, .* none of it was read") as caught:
        row.source.read(LIMIT)
    assert caught.value.code is ErrorCode.CORRUPT


def test_what_is_in_front_of_a_zip_does_no_harm(here: Path) -> None:
    """As in an archive that unpacks itself."""
    assert seen(b"MZ and a program" + made(("a.jpg", PHOTO))) == ({"a.jpg": PHOTO}, [])


def test_a_member_cut_inside_the_archive(here: Path) -> None:
    data = made(("a.jpg", PHOTO), ("b.jpg", PHOTO), method=zipfile.ZIP_STORED)
    entry = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    for at in (20, 24):  # its sizes
        data[entry + at : entry + at + 4] = (len(PHOTO) + 9_999_999).to_bytes(4, "little")
    assert seen(data)[0] == {"a.jpg": PHOTO, "b.jpg": ErrorCode.TRUNCATED}


def test_bombs_cost_neither_time_nor_memory(here: Path) -> None:
    """Half a gigabyte of zeros each, and one that claims far more than the limit."""
    zeros = made(("0.jpg", bytes(1 << 20)))
    entry = zeros.index(b"PK\1\2")
    zeros[entry + 24 : entry + 28] = (1 << 29).to_bytes(4, "little")
    tracemalloc.start()
    start = time.perf_counter()
    rows, _ = seen(zeros)
    assert rows["0.jpg"] == bytes(512)  # enough to see that it is no picture
    zeros[entry + 24 : entry + 28] = (0xFFFF_FFF0).to_bytes(4, "little")
    assert seen(zeros)[0] == {"0.jpg": ErrorCode.TOO_LARGE}
    assert time.perf_counter() - start < 10
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


def test_a_picture_with_a_wrong_checksum_is_corrupt(here: Path) -> None:
    data = made(("a.png", encoded(scene(900, 900), "PNG")), method=zipfile.ZIP_STORED)
    data[data.index(b"IDAT") + 1_100_000] ^= 0xFF
    assert seen(data)[0] == {"a.png": ErrorCode.CORRUPT}
    small = made(("b.jpg", b"no picture" * 99), method=zipfile.ZIP_STORED)
    small[small.index(b"no pic")] ^= 0xFF
    assert seen(small)[0] == {"b.jpg": ErrorCode.CORRUPT}


def test_folders_of_windows(here: Path) -> None:
    names = ("photos\\", "photos\\red\\1.jpg", "..\\..\\2.jpg")
    members = [(special(name, 0, system=0), PHOTO if "." in name else b"") for name in names]
    assert seen(made(*members)) == ({"photos/red/1.jpg": PHOTO, "2.jpg": PHOTO}, [])
    here_a_name = special("a\\b.jpg", 0o100644)
    assert list(seen(made((here_a_name, PHOTO)))[0]) == ["a\\b.jpg"]


def test_special_members_and_links_to_folders(here: Path) -> None:
    data = made(
        ("d/", b""),
        ("d/a.jpg", PHOTO),
        (special("pipe.jpg", stat.S_IFIFO | 0o644), b""),
        (special("to_folder", stat.S_IFLNK | 0o777), b"d"),
        (special("d/to_photo.jpg", stat.S_IFLNK | 0o777), b"../d/a.jpg"),
        (special("round.jpg", stat.S_IFLNK | 0o777), b"round.jpg"),
        (special("far.jpg", stat.S_IFLNK | 0o777), b"../../etc/passwd"),
    )
    rows, kinds = seen(data)
    assert rows == {
        "d/a.jpg": PHOTO,
        "d/to_photo.jpg": PHOTO,
        "round.jpg": ErrorCode.UNREADABLE,
        "far.jpg": ErrorCode.UNREADABLE,
    }
    assert kinds == ["special", "link"]


def test_members_that_cannot_be_opened_are_counted_as_such(here: Path) -> None:
    """Without a suffix, only their first bytes could say that they are pictures."""
    data = made(("locked", PHOTO), ("packed", PHOTO), ("nothing", b""))
    entries = [i for i in range(len(data)) if data[i : i + 4] == b"PK\1\2"]
    data[entries[0] + 8] |= 1  # encrypted
    data[entries[1] + 10] = 98  # PPMd
    assert seen(data + b"") == ({}, ["encrypted", "unreadable", "empty"])


def test_endless_names_fail_alone(here: Path) -> None:
    rows, _ = seen(
        made((f"{'x' * 9000}.jpg", PHOTO), (f"{'x' * 9001}.jpg", PHOTO), ("a.jpg", PHOTO))
    )
    (name, error), (_, photo) = rows.items()
    assert (len(name), error, photo) == (LONGEST_NAME, ErrorCode.TOO_LARGE, PHOTO)


def test_archives_in_a_zip_are_counted(here: Path) -> None:
    inner = bytes(made(("a.jpg", PHOTO)))
    assert seen(made(("inner.zip", inner), ("b.jpg", PHOTO)))[1] == ["archive"]
