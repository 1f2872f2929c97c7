"""Zip archives as people and programs make them: cut off, bombs, Windows, links, odd members."""

from __future__ import annotations

import io
import stat
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from kit import archives
from kit.classify import jpeg
from kit.pictures import encoded, scene

from afdcli.errors import ErrorCode, PhotoError
from afdcli.inputs.archives import list_archive
from afdcli.inputs.found import Found
from afdcli.inputs.kinds import Rule
from afdcli.inputs.members import Spool

PHOTO = jpeg(1)


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


def codes(data: bytes) -> dict[str, Any]:
    Path("x.zip").write_bytes(data)
    return archives.codes("x.zip")


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.999])
def test_a_zip_that_is_cut_is_one_row(here: Path, share: float) -> None:
    data = made(*((f"{n}.jpg", PHOTO) for n in range(9)))
    Path("x.zip").write_bytes(data[: int(share * len(data))])
    [row] = list_archive(Path("x.zip"), Rule(), Spool())
    assert isinstance(row, Found) and row.relative == "x.zip" and row.source is not None
    with pytest.raises(
        PhotoError, match=r"central directory missing.*truncated.*none of it was read"
    ) as caught:
        row.source.read(archives.LIMIT)
    assert caught.value.code is ErrorCode.CORRUPT


def test_what_is_in_front_of_a_zip_does_no_harm(here: Path) -> None:
    """As in an archive that unpacks itself."""
    assert codes(b"MZ and a program" + made(("a.jpg", PHOTO))) == {"a.jpg": PHOTO}


def test_a_member_cut_inside_the_archive(here: Path) -> None:
    data = made(("a.jpg", PHOTO), ("b.jpg", PHOTO), method=zipfile.ZIP_STORED)
    entry = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    for at in (20, 24):  # its sizes
        data[entry + at : entry + at + 4] = (len(PHOTO) + 9_999_999).to_bytes(4, "little")
    assert codes(data) == {"a.jpg": PHOTO, "b.jpg": ErrorCode.TRUNCATED}


def test_bombs_cost_neither_time_nor_memory(here: Path) -> None:
    """Half a gigabyte of zeros each, and one that claims far more than the limit."""
    zeros = made(("0.jpg", bytes(1 << 20)))
    entry = zeros.index(b"PK\1\2")
    zeros[entry + 24 : entry + 28] = (1 << 29).to_bytes(4, "little")
    tracemalloc.start()
    start = time.perf_counter()
    assert codes(zeros)["0.jpg"] == bytes(512)  # enough to see that it is no picture
    zeros[entry + 24 : entry + 28] = (0xFFFF_FFF0).to_bytes(4, "little")
    assert codes(zeros) == {"0.jpg": ErrorCode.TOO_LARGE}
    assert time.perf_counter() - start < 10
    assert tracemalloc.get_traced_memory()[1] < 64 << 20
    tracemalloc.stop()


def test_a_picture_with_a_wrong_checksum_is_corrupt(here: Path) -> None:
    data = made(("a.png", encoded(scene(900, 900), "PNG")), method=zipfile.ZIP_STORED)
    data[data.index(b"IDAT") + 1_100_000] ^= 0xFF
    assert codes(data) == {"a.png": ErrorCode.CORRUPT}
    small = made(("b.jpg", b"no picture" * 99), method=zipfile.ZIP_STORED)
    small[small.index(b"no pic")] ^= 0xFF
    assert codes(small) == {"b.jpg": ErrorCode.CORRUPT}


def test_folders_of_windows(here: Path) -> None:
    names = ("photos\\", "photos\\red\\1.jpg", "..\\..\\2.jpg")
    members = [(special(name, 0, system=0), PHOTO if "." in name else b"") for name in names]
    assert codes(made(*members)) == {"photos/red/1.jpg": PHOTO, "2.jpg": PHOTO}
    here_a_name = special("a\\b.jpg", 0o100644)
    assert list(codes(made((here_a_name, PHOTO)))) == ["a\\b.jpg"]


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
    assert codes(data) == {
        "d/a.jpg": PHOTO,
        "d/to_photo.jpg": PHOTO,
        "round.jpg": ErrorCode.UNREADABLE,
        "far.jpg": ErrorCode.UNREADABLE,
    }
    assert archives.seen("x.zip")[1] == {"special": 1, "link": 1}
