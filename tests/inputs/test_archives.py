"""Tar shards, Parquet columns and URLs give the same rows as the files on disk."""

from __future__ import annotations

import io
import tarfile
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pandas as pd
import pyarrow as pa
import pytest
from kit.classify import afd, table
from pyarrow import parquet

from afdcli.inputs.archives import read_source
from afdcli.inputs.found import Found
from afdcli.inputs.kinds import Rule
from afdcli.inputs.remote import list_url

NAMES = ["path"]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def files(photos: Path) -> dict[str, bytes]:
    """Relative names and contents; one is broken."""
    found = (p for p in sorted(photos.rglob("*.jpg")) if p.is_file())
    return {str(p.relative_to(photos)): p.read_bytes() for p in found}


@pytest.fixture
def expected(kit: Path, files: dict[str, bytes]) -> pd.DataFrame:
    """The rows of the files themselves, without their names."""
    for name, data in files.items():
        path = Path("plain") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    afd(kit, "plain", "--labels", "folders", "--out", "plain.csv")
    rows = table(Path("plain.csv"))
    assert rows["path"].tolist() == list(files)
    return rows.drop(columns=NAMES)


def test_tar_shards(kit: Path, files: dict[str, bytes], expected: pd.DataFrame) -> None:
    with tarfile.open("shard-0.tar", "w") as tar:
        for name, data in files.items():
            for inside, content in ((f"./{name}", data), (f"{name}.json", b"{}")):
                info = tarfile.TarInfo(inside)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    assert afd(kit, "shard-0.tar", "--labels", "folders").exit_code == 1
    rows = table()
    assert rows["path"].tolist() == [f"shard-0.tar/{name}" for name in files]
    pd.testing.assert_frame_equal(rows.drop(columns=NAMES), expected)


def test_zips(kit: Path, files: dict[str, bytes], expected: pd.DataFrame) -> None:
    with zipfile.ZipFile("album.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    for given, stdin in (("album.zip", ""), ("-", "album.zip\n")):
        assert afd(kit, given, "--labels", "folders", stdin=stdin).exit_code == 1
        rows = table()
        assert rows["path"].tolist() == [f"album.zip/{name}" for name in files]
        pd.testing.assert_frame_equal(rows.drop(columns=NAMES), expected)


@pytest.mark.parametrize("nested", [False, True])
def test_parquet_columns(
    kit: Path, files: dict[str, bytes], expected: pd.DataFrame, nested: bool
) -> None:
    contents = [{"bytes": d, "path": n} for n, d in files.items()] if nested else files.values()
    made = pa.table({"path": list(files), "image": list(contents)})
    parquet.write_table(made, "photos.parquet", row_group_size=4)
    assert afd(kit, "photos.parquet", "--labels", "folders").exit_code == 1
    rows = table()
    assert rows["path"].tolist() == [f"photos.parquet/{name}" for name in files]
    pd.testing.assert_frame_equal(rows.drop(columns=NAMES), expected)


def test_urls(kit: Path, files: dict[str, bytes], expected: pd.DataFrame) -> None:
    assert afd(kit, f"file://{Path('plain').absolute()}", "--labels", "folders").exit_code == 1
    rows = table()
    assert rows["path"].tolist() == list(files)
    without = ["target", "target_label", "correct"]  # the folder is a part of the URL here, too
    assert set(without) <= set(rows.columns)
    pd.testing.assert_frame_equal(rows.drop(columns=NAMES), expected)


def test_a_folder_behind_a_web_server(kit: Path, files: dict[str, bytes]) -> None:
    """The server's own list of the folder is followed."""
    pytest.importorskip("aiohttp")
    handler = partial(QuietHandler, directory=".")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever).start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/photos/"
            found = [item for item in list_url(url, Rule()) if isinstance(item, Found)]
            good = {f.relative: f.source for f in found if f.source and f.relative in files}
            read = {name: read_source(source, 10**6) for name, source in good.items()}
        finally:
            server.shutdown()
    assert read == files


def test_an_empty_cell_is_a_row(kit: Path, here: Path, files: dict[str, bytes]) -> None:
    good = files["red/03.jpg"]
    parquet.write_table(pa.table({"bytes": [good, None, b"", good]}), "p.parquet")
    assert afd(kit, "p.parquet").exit_code == 1
    assert table()["error"].fillna("").tolist() == ["", "unreadable", "not-an-image", ""]
    assert table()["path"].tolist() == [f"p.parquet/{n}" for n in range(4)]


def test_names_cannot_leave_the_archive(kit: Path, here: Path, files: dict[str, bytes]) -> None:
    with tarfile.open("evil.tar", "w") as tar:
        info = tarfile.TarInfo("../../etc/x.jpg")
        info.size = len(files["red/03.jpg"])
        tar.addfile(info, io.BytesIO(files["red/03.jpg"]))
    assert afd(kit, "evil.tar").exit_code == 0
    assert table()["path"].tolist() == ["evil.tar/etc/x.jpg"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.tar", "no such file or folder"),
        ("none.parquet", "no such file or folder"),
        ("nosuch://x/y", "nosuch"),
        ("file:///no/such/folder", "no such file or folder"),
    ],
)
def test_a_path_that_cannot_be_opened_is_one_line(
    kit: Path, here: Path, name: str, message: str
) -> None:
    result = afd(kit, name)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
