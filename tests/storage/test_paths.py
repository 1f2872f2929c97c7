"""Local paths and URLs behind one set of functions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.ftp import FTPFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from afdcli.errors import ResultsError, UsageError
from afdcli.storage.paths import (
    Place,
    Url,
    as_local,
    file_system,
    is_file,
    is_url,
    names_in,
    place,
    put,
    read_text,
    remove,
    replace_text,
)


@pytest.fixture(params=["path", "url"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A folder that does not exist, local or in a store."""
    MemoryFileSystem.store.clear()
    yield tmp_path / "runs" if request.param == "path" else Url(f"memory://{tmp_path.name}/runs")
    MemoryFileSystem.store.clear()


def test_names_of_urls() -> None:
    url = place("s3://bucket/runs/r.tar.parquet/")
    assert isinstance(url, Url)
    assert (url.name, url.stem, url.suffix) == ("r.tar.parquet", "r.tar", ".parquet")
    assert str(url.with_name("x")) == "s3://bucket/runs/x"
    assert str(url.with_suffix("")) == "s3://bucket/runs/r.tar"
    assert f"{url / 'part'}" == "s3://bucket/runs/r.tar.parquet/part"
    assert place("s3://bucket/runs/r.tar.parquet") == url
    assert file_system("memory://a/b")[1] == "/a/b"


@pytest.mark.parametrize(
    "name",
    [
        "s3://bucket/a b/r.csv",
        "ftp://host/r.csv",
        "abfs://container@account.dfs.core.windows.net/r.csv",
        "https://host:8000/r.csv?token=a:/b",
    ],
)
def test_a_url_stays_as_it_was_typed(name: str) -> None:
    assert is_url(name)
    assert str(place(name)) == name


def test_paths_are_paths() -> None:
    assert place("file:///a/b.csv") == Path("/a/b.csv")
    assert place("a/b.csv") == Path("a/b.csv")
    assert not is_url("a:/b.csv")
    assert is_url("file:///a/b.csv")


def test_a_host_is_part_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FTPFileSystem, "_connect", lambda self: None)
    monkeypatch.setattr(FTPFileSystem, "__del__", lambda self: None)
    system, path = file_system("ftp://host:2121/folder/r.csv")
    assert (system.host, system.port, path) == ("host", 2121, "/folder/r.csv")


def test_a_server_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: FTPFileSystem) -> None:
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(FTPFileSystem, "_connect", refuse)
    monkeypatch.setattr(FTPFileSystem, "__del__", lambda self: None)
    with pytest.raises(UsageError, match=r"ftp://away/r\.csv: refused"):
        file_system("ftp://away/r.csv")


def test_files_are_put_listed_and_removed(folder: Place, tmp_path: Path) -> None:
    file = folder / "r.csv"
    assert names_in(folder) == []
    assert not is_file(file)
    for text in ("first", "second"):
        replace_text(file, text)
        assert read_text(file) == text
        assert names_in(folder) == ["r.csv"]
    draft = tmp_path / "draft"
    draft.write_text("third")
    put(draft, file)
    with as_local(file) as copy:
        assert copy.read_text() == "third"
    remove(file)
    assert not is_file(file)
    with pytest.raises(ResultsError, match="cannot write"):
        remove(file)


def test_names_need_not_be_utf8(tmp_path: Path) -> None:
    file = tmp_path / "\udcff.csv"
    replace_text(file, "x")
    assert names_in(tmp_path) == ["\udcff.csv"]
    assert read_text(file) == "x"
