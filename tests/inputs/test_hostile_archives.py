"""Archives made to lose rows, to be read for ever, or to fill memory."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from kit.archives import codes
from kit.classify import jpeg
from pyarrow import parquet

from afdcli.errors import ErrorCode, UsageError
from afdcli.inputs.archives import list_archive, read_source
from afdcli.inputs.found import Found
from afdcli.inputs.inputs import Inputs
from afdcli.inputs.kinds import Rule
from afdcli.inputs.members import Spool

PHOTO, OTHER = jpeg(1), jpeg(2)


def rows(name: str) -> list[tuple[str, Any]]:
    return list(codes(name).items())


def member(name: str, data: bytes, **more: Any) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)


def test_rows_before_damage_stay_where_a_link_is_among_them(here: Path) -> None:
    """The look for what links lead to meets the damage first."""
    noise = os.urandom(1 << 17)
    made = (
        member("a.jpg", PHOTO)
        + member("link.jpg", b"", type=tarfile.SYMTYPE, linkname="a.jpg")
        + member("noise.bin", noise)
        + member("b.jpg", OTHER)
    )
    packed = bytearray(gzip.compress(made + bytes(1024)))
    packed[40_000:120_000] = b"\xff" * 80_000  # no block has such a header
    Path("x.tar.gz").write_bytes(packed)
    assert rows("x.tar.gz")[:2] == [("a.jpg", PHOTO), ("link.jpg", PHOTO)]
    assert rows("x.tar.gz")[-1] == ("x.tar.gz", ErrorCode.CORRUPT)


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
@pytest.mark.parametrize(
    "places",
    [(0, -1), (512, 100, 0, 100), (0, 100, 50, 100), (0, 100, 10_000, 100), (-5, 100), (700, 0)],
)
def test_maps_of_sparse_files_that_make_no_sense(
    here: Path, ending: str, places: tuple[int, ...]
) -> None:
    text = "".join(f"{n}\n" for n in (len(places) // 2, *places)).encode()
    data = text + bytes(-len(text) % 512) + bytes(200)
    info = tarfile.TarInfo("sparse.jpg")
    info.size = len(data)
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "sparse.jpg",
        "GNU.sparse.realsize": "600",
    }
    made = info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)
    made += member("next.jpg", OTHER) + bytes(1024)
    Path(f"x{ending}").write_bytes(gzip.compress(made) if ending == ".tar.gz" else made)
    found = rows(f"x{ending}")
    assert found[0][0] == "sparse.jpg"
    if places == (700, 0):  # an empty piece reads nothing, wherever it lies
        assert not any(found[0][1])
    else:
        assert found[0][1] is ErrorCode.CORRUPT
    assert found[1:] == [("next.jpg", OTHER)]


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_a_broken_member_of_a_zip_loses_itself_alone(here: Path, method: int) -> None:
    """It has no suffix, so that it is looked into while the archive is listed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as out:
        for name, data in (
            ("a.jpg", PHOTO),
            ("noext", PHOTO),
            ("bad.jpg", PHOTO),
            ("z.jpg", OTHER),
        ):
            out.writestr(name, data)
        infos = {info.filename: info for info in out.infolist()}
    made = bytearray(file.getvalue())
    for name in ("noext", "bad.jpg"):
        start = infos[name].header_offset + 30 + len(name)
        made[start : start + 60] = b"\xff" * 60
    Path("x.zip").write_bytes(made)
    assert rows("x.zip") == [("a.jpg", PHOTO), ("bad.jpg", ErrorCode.CORRUPT), ("z.jpg", OTHER)]


def test_a_zip_member_beyond_all_files(here: Path) -> None:
    """Its place has 64 bits, more than a file can have."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for name in ("far", "z.jpg"):
            out.writestr(name, OTHER)
    made = bytearray(file.getvalue())
    entry = made.index(b"PK\1\2")
    extra = struct.pack("<HHQ", 1, 8, 2**64 - 1)
    made[entry + 42 : entry + 46] = b"\xff" * 4
    made[entry + 30 : entry + 32] = struct.pack("<H", len(extra))
    made[entry + 49 : entry + 49] = extra
    end = made.index(b"PK\5\6")
    size = int.from_bytes(made[end + 12 : end + 16], "little") + len(extra)
    made[end + 12 : end + 16] = size.to_bytes(4, "little")
    Path("x.zip").write_bytes(made)
    assert ("z.jpg", OTHER) in rows("x.zip")


def test_parquet_rows_without_a_name_are_numbered(here: Path) -> None:
    table = pa.table({"path": ["a.jpg", None, "", None], "image": [PHOTO, OTHER, None, PHOTO]})
    parquet.write_table(table, "x.parquet", row_group_size=3)
    assert rows("x.parquet") == [
        ("a.jpg", PHOTO),
        ("1", OTHER),
        ("2", ErrorCode.UNREADABLE),
        ("3", PHOTO),
    ]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([PHOTO, OTHER], pa.large_binary()),
        pa.array([PHOTO, OTHER], pa.binary()).dictionary_encode(),
        pa.array([{"path": "a", "bytes": PHOTO}, {"path": "b", "bytes": OTHER}]),
    ],
)
def test_the_column_is_the_first_that_holds_bytes(here: Path, column: pa.Array) -> None:
    """ "image" is a path here, as in many data sets."""
    parquet.write_table(pa.table({"image": ["a.jpg", "b.jpg"], "content": column}), "x.parquet")
    assert [data for _, data in rows("x.parquet")] == [PHOTO, OTHER]


def test_a_row_group_is_read_in_pieces_in_any_order(here: Path) -> None:
    cells = [PHOTO + bytes([n]) for n in range(100)]
    parquet.write_table(pa.table({"image": cells}), "x.parquet")
    found = [
        item for item in list_archive(Path("x.parquet"), Rule(), Spool()) if isinstance(item, Found)
    ]
    for n in (99, 3, 4, 50, 0, 99):
        source = found[n].source
        assert source is not None
        assert read_source(source, 1 << 30) == cells[n]


def test_folders_named_by_file_urls_are_searched_as_folders(here: Path) -> None:
    """Neither is a pipe opened, which would wait for ever, nor a loop of links walked round."""
    (here / "in").mkdir()
    (here / "in" / "a.jpg").write_bytes(PHOTO)
    (here / "in" / "loop").symlink_to(here / "in")
    os.mkfifo(here / "in" / "pipe")
    inputs = Inputs([f"file://{here}/in"])
    assert [found.relative for found in inputs] == ["a.jpg"]
    assert inputs.skipped == {"special": 1}


@pytest.mark.skipif(os.geteuid() == 0, reason="no folder is closed to root")
def test_a_link_into_a_closed_folder_is_a_row(here: Path) -> None:
    (here / "closed").mkdir(mode=0)
    (here / "x.jpg").symlink_to(here / "closed" / "x.jpg")
    assert [found.relative for found in Inputs(["x.jpg"])] == ["x.jpg"]


def test_an_empty_path_is_not_the_current_folder(here: Path) -> None:
    (here / "a.jpg").write_bytes(PHOTO)
    with pytest.raises(UsageError, match="empty"):
        Inputs([""])
