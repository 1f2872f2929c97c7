"""Archives, intact and damaged: every member is a row or counted, and no row is lost."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from kit.archives import LIMIT, seen
from kit.classify import afd, jpeg, table
from kit.pictures import encoded, scene
from pyarrow import parquet

from afdcli.errors import ErrorCode, PhotoError
from afdcli.inputs.archives import list_archive, read_source
from afdcli.inputs.found import Found
from afdcli.inputs.inputs import Inputs, Shard
from afdcli.inputs.kinds import Rule
from afdcli.inputs.members import LONGEST_NAME, Spool, TemporaryFile
from afdcli.workers import listing
from afdcli.workers.listing import Lister, PageTask, list_page

PHOTO, OTHER = jpeg(1), jpeg(2)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".tar": bytes,
    ".tar.gz": gzip.compress,
    ".tar.bz2": bz2.compress,
    ".tar.xz": lzma.compress,
}


def tar(*members: tuple[str, bytes | str], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar; text instead of bytes is what a hard link ("=name") or a symlink leads to."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as out:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if isinstance(data, str):
                info.type = tarfile.LNKTYPE if data[0] == "=" else tarfile.SYMTYPE
                info.linkname = data.lstrip("=")
                out.addfile(info)
            else:
                info.size = len(data)
                out.addfile(info, io.BytesIO(data))
    return file.getvalue()


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members:
            out.writestr(name, data)
    return file.getvalue()


MIXED = (
    ("a.jpg", PHOTO),
    ("noext", OTHER),
    ("notes.txt", b"text"),
    ("film.mp4", b"\0\0\0\x18ftypisom"),
    ("empty.png", b""),
    ("data", bytes(range(256))),
    ("._a.jpg", b"\0\5\x16\7"),
    ("sub/.hidden.jpg", PHOTO),
    ("__MACOSX/._a.jpg", b"\0\5\x16\7"),
    ("../../x.JPG", PHOTO),
    ("/abs/y.heic", b"\0\0\0\x18ftypheic"),
    ("inner.zip", b"PK\3\4"),
)


@pytest.mark.parametrize("ending", [*PACKERS, ".zip"])
def test_every_member_is_a_row_or_counted(here: Path, ending: str) -> None:
    name = f"x{ending}"
    Path(name).write_bytes(PACKERS[ending](tar(*MIXED)) if ending in PACKERS else zipped(*MIXED))
    rows, kinds = seen(name)
    assert list(rows) == ["a.jpg", "noext", "empty.png", "x.JPG", "abs/y.heic"]
    assert (rows["a.jpg"], rows["noext"], rows["empty.png"]) == (PHOTO, OTHER, b"")
    assert kinds == {"text": 1, "video": 1, "other": 1, "hidden": 3, "archive": 1}
    rows, kinds = seen(name, Rule.parse("JPG,.txt"))
    assert list(rows) == ["a.jpg", "notes.txt", "x.JPG"]
    assert kinds.total() == len(MIXED) - 3


def test_members_of_a_zip_that_cannot_be_read(here: Path) -> None:
    """Those without a suffix are counted: only their first bytes could say what they are."""
    names = ("good.jpg", "locked.jpg", "odd.jpg", "locked", "odd", "wrong.jpg")
    data = bytearray(zipped(*((name, PHOTO) for name in names)))
    entries = [i for i in range(len(data)) if data[i : i + 4] == b"PK\1\2"]
    for name, entry in zip(names, entries, strict=True):
        data[entry + 8] |= "locked" in name  # encrypted
        data[entry + 10] = 98 if "odd" in name else data[entry + 10]  # a method nobody knows
    data[data.index(b"wrong.jpg") + 200] ^= 0xFF
    Path("x.zip").write_bytes(data)
    rows, kinds = seen("x.zip")
    assert rows["good.jpg"] == PHOTO
    assert "encrypted" in rows["locked.jpg"].message
    assert rows["odd.jpg"].code is ErrorCode.UNSUPPORTED
    assert rows["wrong.jpg"].code is ErrorCode.CORRUPT
    assert (len(rows), kinds) == (4, {"encrypted": 1, "unreadable": 1})


@pytest.mark.parametrize("ending", PACKERS)
def test_links_are_rows(here: Path, ending: str) -> None:
    made = tar(
        ("before.jpg", "d/photo.jpg"),
        ("d/photo.jpg", PHOTO),
        ("hard.jpg", "=d/photo.jpg"),
        ("d/up.jpg", "../d/photo.jpg"),
        ("d/photo.jpg", OTHER),
        ("twice.jpg", "hard.jpg"),
        ("plain", "d/photo.jpg"),
        ("folder", "d"),
        ("dead.png", "nowhere.png"),
        ("dead", "nowhere"),
        ("round.jpg", "round.jpg"),
    )
    Path(f"x{ending}").write_bytes(PACKERS[ending](made))
    rows, kinds = seen(f"x{ending}")
    assert rows["hard.jpg"] == rows["twice.jpg"] == PHOTO  # what was there when it was made
    assert rows["before.jpg"] == rows["d/up.jpg"] == rows["plain"] == OTHER  # the last wins
    assert rows["dead.png"].code is rows["round.jpg"].code is ErrorCode.UNREADABLE
    assert kinds == {"link": 1, "special": 1}


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_sparse_members_by_their_map(here: Path, ending: str) -> None:
    """GNU's old form: a map of two pieces in the header, zeros between them."""
    whole = PHOTO[:512] + bytes(512) + PHOTO[512:]
    info = tarfile.TarInfo("sparse.jpg")
    info.size, info.type = len(PHOTO), tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    pieces = (0, 512, 1024, len(PHOTO) - 512)
    header[386 : 386 + 48] = b"".join(b"%011o\0" % n for n in pieces)
    header[483:495] = b"%011o\0" % len(whole)
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    padding = bytes(-len(PHOTO) % 512)
    made = bytes(header) + PHOTO + padding + tar(("next.jpg", OTHER))
    Path(f"x{ending}").write_bytes(PACKERS[ending](made))
    assert seen(f"x{ending}")[0] == {"sparse.jpg": whole, "next.jpg": OTHER}


def _damaged() -> Iterator[tuple[str, bytes, int]]:
    """What is wrong, the archive, and how many members stay."""
    made = tar(*((f"{n}.jpg", PHOTO) for n in range(4)))
    member = 512 + len(PHOTO) + -len(PHOTO) % 512
    yield "flipped", made[: 2 * member] + b"\xff" + made[2 * member + 1 :], 2
    yield "header-cut", made[: 2 * member + 100], 2
    yield "member-cut", made[: 2 * member + 600], 2
    yield "no-end", made[: 2 * member], 2
    yield "zeroed", made[: 2 * member] + bytes(512) + made[2 * member + 512 :], 2
    yield "joined", made + tar(("more.jpg", PHOTO)), 4
    yield "empty", b"", 0
    yield "no-tar", b"no archive" * 200, 0


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize(
    ("data", "stay"), [d[1:] for d in _damaged()], ids=[d[0] for d in _damaged()]
)
def test_rows_before_the_damage_stay(here: Path, data: bytes, stay: int, ending: str) -> None:
    Path(f"x{ending}").write_bytes(PACKERS[ending](data))
    rows, _ = seen(f"x{ending}")
    assert list(rows) == [*(f"{n}.jpg" for n in range(stay)), f"x{ending}"]
    assert all(rows[f"{n}.jpg"] == PHOTO for n in range(stay))
    assert "cannot be read" in rows[f"x{ending}"].message


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.bz2", ".tar.xz"])
def test_a_compressed_tar_that_is_cut(here: Path, ending: str) -> None:
    noise = [(f"{n}.jpg", jpeg(n, (400, 300), 95)) for n in range(40)]
    data = PACKERS[ending](tar(*noise))
    Path(f"x{ending}").write_bytes(data[: len(data) // 2])
    rows, _ = seen(f"x{ending}")
    *good, last = rows
    assert last == f"x{ending}"
    assert [rows[name] for name in good] == [data for _, data in noise[: len(good)]]
    assert ending == ".tar.bz2" or len(good) > 5
    flipped = bytearray(data)
    flipped[-6 if ending == ".tar.gz" else len(data) // 2] ^= 0xFF  # of the checksum
    Path(f"x{ending}").write_bytes(flipped)
    assert list(seen(f"x{ending}")[0])[-1] == f"x{ending}"


def test_a_gzipped_tar_by_another_name_is_read(here: Path) -> None:
    Path("x.tar").write_bytes(gzip.compress(tar(("a.jpg", PHOTO))))
    assert seen("x.tar")[0] == {"a.jpg": PHOTO}


def test_an_archive_that_changes_is_a_failed_row(here: Path) -> None:
    path = Path("x.tar")
    path.write_bytes(tar(("a.jpg", PHOTO)))
    [found] = [i for i in list_archive(path, Rule(), Spool()) if isinstance(i, Found)]
    assert found.source is not None
    path.write_bytes(tar(("b.jpg", OTHER), ("a.jpg", PHOTO)))
    with pytest.raises(PhotoError, match="changed"):
        read_source(found.source, LIMIT)
    path.unlink()
    with pytest.raises(PhotoError, match="unreadable"):
        read_source(found.source, LIMIT)
    assert "no such file" in seen("x.tar")[0]["x.tar"].message


def test_endless_names_fail_alone(here: Path) -> None:
    """30 rows whose names unpack to 20 MB each take the memory of one."""
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 30), pa.array(["x" * (20 << 20)]))
    names = pa.concat_arrays([long.cast(pa.large_string()), pa.array(["a"], pa.large_string())])
    parquet.write_table(pa.table({"image": [PHOTO] * 31, "path": names}), "x.parquet")
    rows, _ = seen("x.parquet")
    assert rows.pop("a") == PHOTO
    assert {row.code for row in rows.values()} == {ErrorCode.TOO_LARGE}
    assert list(rows) == [str(n) for n in range(30)]
    members = ((f"{'y' * 3000}/{'x' * 6000}.jpg", PHOTO), ("a.jpg", PHOTO))
    for archive, pack in (("x.tar", tar), ("x.zip", zipped)):
        Path(archive).write_bytes(pack(*members))
        (name, row), (_, good) = seen(archive)[0].items()
        assert (len(name), row.code, good) == (LONGEST_NAME, ErrorCode.TOO_LARGE, PHOTO)


def test_pages_join_and_a_new_process_finds_its_place(here: Path) -> None:
    members = [(f"{n}.jpg", OTHER if n % 2 else PHOTO) for n in range(600)]
    Path("x.tar.gz").write_bytes(gzip.compress(tar(*members), 1))
    room = TemporaryFile()

    def page(number: int, skip: int = 0, single: bool = False) -> listing.Page:
        return list_page(PageTask(Path("x.tar.gz"), number, Rule(), room.path, skip, single))

    pages = [page(n) for n in range(3)]
    names = [item.relative for p in pages for item in p.items]
    assert names == [f"x.tar.gz/{name}" for name, _ in members]
    assert [p.last for p in pages] == [False, False, True]
    listing._position = None  # as in a new process
    again = page(1)
    assert [i.relative for i in again.items] == [i.relative for i in pages[1].items]
    assert isinstance(again.items[3], Found)
    assert again.items[3].source is not None
    assert read_source(again.items[3].source, LIMIT) == members[256 + 3][1]
    assert [i.relative for i in page(1, 7, single=True).items] == [pages[1].items[7].relative]


def test_listing_is_limited(here: Path) -> None:
    """A process that needs too much is ended."""
    with zipfile.ZipFile("x.zip", "w") as file:
        for n in range(20_000):  # a short directory may fit into memory that a process has left
            file.writestr(f"{n:0200}.jpg", b"")
    lister = Lister(60.0, 1 << 20)  # bytes: no process can work with that
    rows = list(lister(Path("x.zip"), Rule()))
    assert [row.relative for row in rows] == ["x.zip"]


@pytest.mark.parametrize("archive", ["x.tgz", "x.zip"])
def test_names_of_parts_and_resume(kit: Path, here: Path, archive: str) -> None:
    """Rows of an archive: the same whole, in parts, and gone on with."""
    members = [(f"{n}.jpg", jpeg(n)) for n in range(12)]
    packed = zipped if archive == "x.zip" else lambda *files: gzip.compress(tar(*files))
    Path(archive).write_bytes(packed(*members, ("t.txt", b"text")))
    assert afd(kit, archive, "--out", "whole.csv", "--batch-size", "4").exit_code == 0
    whole = table(Path("whole.csv"))
    assert whole["path"].tolist() == [f"{archive}/{name}" for name, _ in members]
    counts = json.loads(Path("whole.csv.meta.json").read_text())["counts"]
    assert counts["skipped"] == {"text": 1}
    parts = []
    for index in (1, 2):
        afd(kit, archive, "--shard", f"{index}/2", "--out", f"{index}.csv", "--batch-size", "4")
        parts.append(table(Path(f"{index}.csv")))
    together = pd.concat(parts).sort_values("path", ignore_index=True)
    pd.testing.assert_frame_equal(
        together, whole.sort_values("path", ignore_index=True), check_dtype=False
    )
    lines = Path("whole.csv").read_text()
    Path("whole.csv").write_text(lines[: len(lines) // 2])
    result = afd(kit, archive, "--out", "whole.csv", "--batch-size", "4", "--resume")
    assert result.exit_code == 0, result.output
    assert Path("whole.csv").read_text() == lines


def test_a_damaged_archive_does_not_affect_other_inputs(kit: Path, here: Path) -> None:
    Path("p").mkdir()
    Path("p/a.jpg").write_bytes(PHOTO)
    Path("p/notes.txt").write_text("x")
    data = tar(("0.jpg", PHOTO), ("1.jpg", PHOTO))
    Path("bad.tar").write_bytes(data[:600])
    parquet.write_table(pa.table({"image": [PHOTO]}), "cut.parquet")
    Path("cut.parquet").write_bytes(Path("cut.parquet").read_bytes()[:-50])
    parquet.write_table(pa.table({"x": [1]}), "none.parquet")
    Path("bad.zip").write_bytes(b"PK\3\4 and so on")
    result = afd(kit, "bad.tar", "cut.parquet", "none.parquet", "bad.zip", "p")
    assert result.exit_code == 1, result.output
    rows = table()
    assert rows["path"].tolist() == ["bad.tar", "cut.parquet", "none.parquet", "bad.zip", "p/a.jpg"]
    assert rows["status"].tolist() == ["failed"] * 4 + ["ok"]
    assert "no column of image bytes" in rows["note"][2]
    assert "1 skipped: 1 text" in " ".join(result.stdout.split())


def test_shards_count_skipped_files_once(here: Path) -> None:
    Path("p").mkdir()
    for n in range(40):
        Path(f"p/{n}.txt").write_text("x")
        Path(f"p/{n}.png").write_bytes(encoded(scene(8, 8), "PNG") if n % 2 else b"")
    total = 0
    for index in (1, 2, 3):
        inputs = Inputs(["p"], shard=Shard(index, 3))
        total += len(list(inputs)) + inputs.skipped["text"]
        assert 0 < inputs.skipped["text"] < 40
    assert total == 80
