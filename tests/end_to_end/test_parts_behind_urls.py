"""Results in parts behind URLs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from kit.classify import afd
from kit.parts import names
from kit.reporting import report

from afdcli import read_results
from afdcli.classify.settings import Settings
from afdcli.errors import UsageError
from afdcli.results.parts import check_out
from afdcli.storage.paths import Url

OPTIONS = ("photos", "--labels", "folders", "--compare", "--batch-size", "4")


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    """An empty store behind memory://."""
    store = MemoryFileSystem()
    store.store.clear()
    store.pseudo_dirs[:] = [""]
    yield store
    store.store.clear()
    store.pseudo_dirs[:] = [""]


def test_bad_targets_are_refused_early(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file.csv").write_text("x")
    with pytest.raises(UsageError, match="is a file, but"):
        check_out(Path("file.csv"), 5)
    Path("other.csv").mkdir()
    (Path("other.csv") / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match=r"other files \(letter.txt\)"):
        check_out(Path("other.csv"), 5)
    with pytest.raises(UsageError, match=r"must end in \.csv, \.jsonl, \.parquet"):
        check_out(Url("s3://bucket/run"), 5)
    with pytest.raises(UsageError, match=r"is a folder.*--rows-per-part"):
        check_out(Path("other.csv"), None)
    with pytest.raises(UsageError, match="nosuch"):
        check_out(Url("nosuch://x/r.csv"), 5)
    with pytest.raises(UsageError, match="rows-per-part must be greater"):
        Settings(rows_per_part=-1).check()

    def missing(url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    with monkeypatch.context() as patched:
        patched.setattr("fsspec.core.url_to_fs", missing)
        with pytest.raises(UsageError, match=r"s3:// needs pip install 'afdcli\[s3\]'"):
            check_out(Url("s3://bucket/r.csv"), 5)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'afdcli\[parquet\]'"):
        check_out(Url("s3://bucket/r.parquet"), 5)


def test_urls_are_always_in_parts(kit: Path, photos: Path, memory: MemoryFileSystem) -> None:
    afd(kit, "photos", "--out", "memory://r.csv/")
    assert memory.find("/") == ["/r.csv.meta.json", "/r.csv/part-00000.csv"]
    url = f"file://{Path('r.csv').absolute()}"
    assert afd(kit, "photos", "--out", url).exit_code == 1
    assert names(Path("r.csv")) == ["part-00000.csv"]
    pd.testing.assert_frame_equal(read_results(url), read_results("memory://r.csv"))
    memory.put_file("r.csv/part-00000.csv", "/single.csv")  # a file is read as well
    assert len(read_results("memory://single.csv")) == 14
    both = report("r.csv", "memory://single.csv", "--format", "csv", "--clean", url)
    assert both.exit_code == 0, both.output


@pytest.mark.parametrize("broken", ["put_file", "mv"])
def test_an_upload_that_fails_leaves_nothing_torn(
    kit: Path, photos: Path, memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    real = getattr(memory, broken)

    def refuse(self: object, source: str, target: str, **_: object) -> None:
        if "part-00001" in target:
            if broken == "put_file":  # half of it arrives
                memory.pipe_file(target, Path(source).read_bytes()[:50])
            raise RuntimeError("the store\nis full")
        real(source, target)

    options = (*OPTIONS, "--out", "memory://b/r.csv", "--rows-per-part", "5")
    with monkeypatch.context() as patched:
        patched.setattr(MemoryFileSystem, broken, refuse)
        result = afd(kit, *options)
    assert result.exit_code == 2
    message = "cannot write memory://b/r.csv/part-00001.csv: the store is full"
    assert message in " ".join(result.stderr.split())
    assert memory.find("/") == ["/b/r.csv.meta.json", "/b/r.csv/part-00000.csv"]
    assert json.loads(memory.cat_file("/b/r.csv.meta.json"))["status"] == "failed"
    assert len(read_results("memory://b/r.csv")) == 5
    assert afd(kit, *options, "--resume").exit_code == 1
    assert len(read_results("memory://b/r.csv")) == 14


def test_the_last_part_is_there_before_the_run_is_finished(
    kit: Path, photos: Path, memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object, source: str, target: str, **_: object) -> None:
        if "part-" in target:
            raise OSError("no")
        memory.pipe_file(target, Path(source).read_bytes())

    monkeypatch.setattr(MemoryFileSystem, "put_file", refuse)
    assert afd(kit, "photos", "--out", "memory://b/r.csv").exit_code == 2
    assert json.loads(memory.cat_file("/b/r.csv.meta.json"))["status"] == "failed"


def test_nothing_to_report_is_one_line(here: Path, memory: MemoryFileSystem) -> None:
    Path("folder.csv").mkdir()
    Path("folder.csv/letter.txt").write_text("dear")
    for name, message in (
        ("folder.csv", "is a folder, not a results file"),
        ("memory://none.csv", "memory://none.csv: no such file"),
        ("memory://none.txt", "not a results file"),
        ("nosuch://x/r.csv", "Protocol not known"),
        ("file:///no/such.csv", "no such file"),
    ):
        result = report(name)
        assert result.exit_code == 2, name
        assert message in " ".join(result.stderr.split()), name
