"""Results in parts, here and behind URLs: the rows of one file, never torn, and resumed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import fsspec
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from kit import command
from kit.classify import afd, jpeg, of_kit, process
from typer.testing import Result

from afdcli import read_results
from afdcli.classify.settings import Settings
from afdcli.errors import ResultsError, UsageError
from afdcli.results.parts import PartsSink, check_out
from afdcli.results.rows import Columns, Row
from afdcli.storage.folders import Folder
from afdcli.storage.paths import Url

ENDINGS = [".csv", ".jsonl", ".parquet"]
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


def report(*args: str) -> Result:
    return command.afd("report", *args)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def counts(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(f"{out}.meta.json").read_text())["counts"]
    return {k: v for k, v in found.items() if k not in ("seconds", "resumed")}


@pytest.mark.parametrize("ending", ENDINGS)
def test_parts_hold_the_rows_of_one_file(kit: Path, photos: Path, ending: str) -> None:
    one, many = f"one{ending}", f"many{ending}"
    assert afd(kit, *OPTIONS, "--out", one).exit_code == 1
    result = afd(kit, *OPTIONS, "--out", many, "--rows-per-part", "5")
    assert result.exit_code == 1, result.output
    assert names(Path(many)) == [f"part-{n:05d}{ending}" for n in range(3)]
    assert [len(read_results(Path(many) / name)) for name in names(Path(many))] == [5, 5, 4]
    pd.testing.assert_frame_equal(read_results(many), read_results(one))
    assert counts(many) == counts(one)
    first = report(one, "--format", "csv").stdout.replace("one", "many")
    assert report(many, "--format", "csv").stdout == first
    if ending == ".csv":  # each has a header of its own
        texts = [(Path(many) / name).read_text() for name in names(Path(many))]
        whole = texts[0] + "".join(text.split("\n", 1)[1] for text in texts[1:])
        assert whole == Path(one).read_text()
    if ending == ".parquet":  # other readers see one table
        pd.testing.assert_frame_equal(pd.read_parquet(many), pd.read_parquet(one))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("left", [0, 1, 2])
def test_resume_goes_on_behind_the_last_part(
    kit: Path, photos: Path, ending: str, left: int
) -> None:
    one, many = f"one{ending}", f"many{ending}"
    afd(kit, *OPTIONS, "--out", one)
    options = (*OPTIONS, "--out", many, "--rows-per-part", "5")
    afd(kit, *options)
    for name in names(Path(many))[left:]:
        (Path(many) / name).unlink()
    (Path(many) / ".part-00009.jsonl").write_text("what a killed run left")
    kept = {name: (Path(many) / name).read_bytes() for name in names(Path(many))[1:]}
    result = afd(kit, *options, "--resume")
    assert result.exit_code == 1, result.output
    assert names(Path(many)) == [f"part-{n:05d}{ending}" for n in range(3)]
    pd.testing.assert_frame_equal(read_results(many), read_results(one))
    assert counts(many) == counts(one)
    assert all((Path(many) / name).read_bytes() == data for name, data in kept.items())
    result = afd(kit, *options, "--resume")  # nothing is left to do
    assert "14 (14 of them earlier)" in " ".join(result.stdout.split())
    assert len(names(Path(many))) == 3


def test_a_new_run_replaces_all_parts(kit: Path, photos: Path) -> None:
    afd(kit, *OPTIONS, "--out", "r.csv", "--rows-per-part", "2")
    assert len(names(Path("r.csv"))) == 7
    afd(kit, *OPTIONS, "--out", "r.csv", "--rows-per-part", "10")
    assert len(names(Path("r.csv"))) == 2
    assert len(read_results("r.csv")) == 14


def test_another_run_is_not_resumed(kit: Path, photos: Path) -> None:
    options = ("photos", "--out", "r.csv", "--rows-per-part", "5", "--resume")
    assert afd(kit, *options).exit_code == 1
    before = {name: (Path("r.csv") / name).read_bytes() for name in names(Path("r.csv"))}
    result = afd(kit, *options, "--topk", "2")
    assert result.exit_code == 2
    assert "was made with columns" in result.stderr
    (photos / "red" / "01.jpg").rename(photos / "red" / "011.jpg")
    result = afd(kit, *options)
    assert result.exit_code == 2
    assert "the inputs have changed" in " ".join(result.stderr.split())
    assert {name: (Path("r.csv") / name).read_bytes() for name in names(Path("r.csv"))} == before
    (photos / "red" / "011.jpg").rename(photos / "red" / "01.jpg")
    (Path("r.csv") / "part-00001.csv").unlink()  # a hole
    assert "the inputs have changed" in " ".join(afd(kit, *options).stderr.split())
    (Path("r.csv") / "part-00001.csv").write_bytes(b"\xff\n\xff\n")
    assert afd(kit, *options).exit_code == 2
    Path("r.csv.meta.json").unlink()
    assert "missing or unreadable" in afd(kit, *options).stderr


def test_an_unreadable_part_is_one_line(kit: Path, photos: Path) -> None:
    options = ("photos", "--out", "r.parquet", "--rows-per-part", "5")
    afd(kit, *options)
    (Path("r.parquet") / "part-00001.parquet").write_bytes(b"no Parquet")
    result = afd(kit, *options, "--resume")
    assert result.exit_code == 2
    assert "part-00001.parquet is not readable" in " ".join(result.stderr.split())
    result = report("r.parquet")
    assert result.exit_code == 2
    assert "r.parquet/part-00001.parquet: not readable" in " ".join(result.stderr.split())


def test_interrupted_rows_become_a_last_part(tmp_path: Path) -> None:
    for ending in ENDINGS:
        out = tmp_path / f"r{ending}"
        with pytest.raises(KeyboardInterrupt), PartsSink(Folder(out), Columns(), 3) as sink:
            sink.write([Row(path=f"{n}.jpg") for n in range(5)])
            assert len(Folder(out).parts()) == 1
            raise KeyboardInterrupt
        assert names(out) == [f"part-00000{ending}", f"part-00001{ending}"]
        assert read_results(out)["path"].tolist() == [f"{n}.jpg" for n in range(5)]
        with PartsSink(Folder(out), Columns(), 3) as sink:
            sink.write([Row(path=f"{n}.jpg") for n in range(5, 9)])
        assert read_results(out)["path"].tolist() == [f"{n}.jpg" for n in range(9)]


def test_a_part_cut_short_while_it_is_finished_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of making the Parquet file."""
    out = tmp_path / "r.parquet"

    def interrupt(*_: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), PartsSink(Folder(out), Columns(), 3) as sink:
        monkeypatch.setattr("afdcli.results.parts.to_parquet", interrupt)
        sink.write([Row(path=f"{n}.jpg") for n in range(5)])
    assert read_results(out)["path"].tolist() == ["0.jpg", "1.jpg", "2.jpg"]
    assert names(out) == ["part-00000.parquet"]


def test_no_rows_make_an_empty_part(tmp_path: Path) -> None:
    for ending in (".csv", ".parquet"):
        out = tmp_path / f"r{ending}"
        with PartsSink(Folder(out), Columns(), 3):
            pass
        assert names(out) == [f"part-00000{ending}"]
        assert read_results(out).empty


def test_many_parts_stay_in_order(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "r.csv")
    folder.drafts()
    numbers = [0, 1, 99_999, 100_000, 1_000_000]
    for number in reversed(numbers):
        (tmp_path / "r.csv" / folder.name(number)).write_text("")
    (tmp_path / "r.csv" / "part-00002.jsonl").write_text("")
    assert [folder.number(name) for name in folder.parts()] == numbers


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


def test_shards_are_in_parts_as_well(kit: Path, photos: Path) -> None:
    for n in (1, 2):
        shard = ("photos", "--shard", f"{n}/2", "--rows-per-part", "3")
        afd(kit, *shard, "--out", f"{n}.csv")
        for part in names(Path(f"{n}.csv"))[1:]:
            (Path(f"{n}.csv") / part).unlink()
        afd(kit, *shard, "--out", f"{n}.csv", "--resume")
    afd(kit, "photos", "--out", "one.csv")
    both = pd.concat([read_results("1.csv"), read_results("2.csv")]).sort_values("path")
    one = read_results("one.csv").sort_values("path")
    pd.testing.assert_frame_equal(both.reset_index(drop=True), one.reset_index(drop=True))


@pytest.mark.parametrize("ending", ENDINGS)
def test_behind_a_url(kit: Path, photos: Path, memory: MemoryFileSystem, ending: str) -> None:
    url, one = f"memory://bucket/runs/r{ending}", f"one{ending}"
    options = (*OPTIONS, "--out", url, "--rows-per-part", "5")
    result = afd(kit, *options)
    assert result.exit_code == 1, result.output
    parts = [f"/bucket/runs/r{ending}/part-{n:05d}{ending}" for n in range(3)]
    assert memory.find("/") == sorted([f"/bucket/runs/r{ending}.meta.json", *parts])
    afd(kit, *OPTIONS, "--out", one)
    pd.testing.assert_frame_equal(read_results(url), read_results(one))
    facts = json.loads(memory.cat_file(f"/bucket/runs/r{ending}.meta.json"))
    assert (facts["status"], facts["options"]["out"]) == ("finished", url)
    memory.rm_file(parts[2])
    memory.rm_file(parts[1])
    result = afd(kit, *options, "--resume")
    assert "14 (5 of them earlier)" in " ".join(result.stdout.split()), result.output
    pd.testing.assert_frame_equal(read_results(url), read_results(one))
    result = report(url, "--format", "csv")
    assert result.exit_code == 0
    assert result.stdout == report(one, "--format", "csv").stdout.replace("one,", "r,")


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
    kit: Path,
    photos: Path,
    memory: MemoryFileSystem,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
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


def test_a_full_disk_leaves_whole_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "r.jsonl"
    with (
        pytest.raises(ResultsError, match="No space"),
        PartsSink(Folder(out), Columns(), 9) as sink,
    ):
        sink.write([Row(path="a.jpg")])
        with next(out.glob(".part-*")).open("a") as draft:
            draft.write('{"path": "torn')
        monkeypatch.setattr(
            "afdcli.results.writers.JsonlSink.line",
            lambda *_: (_ for _ in ()).throw(ResultsError("No space")),
        )
        sink.write([Row(path="b.jpg")])
    assert read_results(out)["path"].tolist() == ["a.jpg"]


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


@pytest.mark.slow
def test_killed_for_real(kit: Path, photos: Path) -> None:
    """kill -9 between parts; whole parts stay, and each time it goes on."""
    for n in range(60):
        (photos / "red" / f"copy{n}.jpg").write_bytes(jpeg(n))
    options = ("photos", "--batch-size", "1", "--workers", "1")
    with process(kit, *options, "--out", "one.csv") as run:
        run.communicate()
    options = (*options, "--out", "many.csv", "--rows-per-part", "7", "--resume")
    for parts in (1, 5):
        with process(kit, *options) as run:
            while run.poll() is None:
                time.sleep(0.01)
                if len(list(Path("many.csv").glob("part-*"))) >= parts:
                    run.kill()
                    break
            run.communicate()
        for part in Path("many.csv").glob("part-*"):
            with part.open(newline="") as file:
                assert len(list(csv.reader(file))) == 8
    with process(kit, *options) as run:
        run.communicate()
    assert run.returncode == 1
    pd.testing.assert_frame_equal(read_results("many.csv"), read_results("one.csv"))
    assert len(names(Path("many.csv"))) == 11


@pytest.mark.slow
def test_ctrl_c_keeps_the_rows_so_far(kit: Path, photos: Path) -> None:
    for n in range(60):
        (photos / "red" / f"copy{n}.jpg").write_bytes(jpeg(n))
    options = ("photos", "--batch-size", "1", "--workers", "1", "--rows-per-part", "20")
    with process(kit, *options, "--out", "r.parquet") as run:
        while run.poll() is None and not Path("r.parquet/part-00000.parquet").exists():
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate()
    assert run.returncode == 130
    rows = read_results("r.parquet")
    assert f"{len(rows)} rows are in r.parquet" in " ".join(said.decode().split())
    assert not [name for name in names(Path("r.parquet")) if name.startswith(".")]
    with process(kit, *options, "--out", "r.parquet", "--resume") as run:
        run.communicate()
    assert len(read_results("r.parquet")) == 74


@pytest.mark.slow
def test_an_object_store(kit: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a real server that speaks S3."""
    pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", f"http://{host}:{port}")

    def run(*args: str, rc: int) -> str:
        line = [sys.executable, "-m", "afdcli", *args]
        done = subprocess.run(line, env=os.environ, capture_output=True, text=True, timeout=120)
        assert done.returncode == rc, done.stderr
        return " ".join((done.stdout + done.stderr).split())

    url = "s3://bucket/runs/r.parquet"
    options = ["classify", *OPTIONS, "--runtime", "torch", *map(str, of_kit(kit))]
    options += ["--rows-per-part", "5"]
    try:
        urlopen(Request(f"http://{host}:{port}/bucket", b"", method="PUT"), timeout=30).close()
        run(*options, "--out", url, rc=1)
        store = fsspec.filesystem(
            "s3", endpoint_url=f"http://{host}:{port}", skip_instance_cache=True
        )
        parts = [f"bucket/runs/r.parquet/part-{n:05d}.parquet" for n in range(3)]
        assert store.find("bucket") == ["bucket/runs/r.parquet.meta.json", *parts]
        store.rm_file(parts[2])
        assert "14 (10 of them earlier)" in run(*options, "--out", url, "--resume", rc=1)
        printed = run("report", url, "--format", "csv", rc=0)
        refused = run(*options, "--out", "s3://none/r.parquet", rc=2)
        Path("remote").mkdir()
        for part in parts:
            store.get_file(part, f"remote/{Path(part).name}")
    finally:
        server.stop()
    assert "cannot write s3://none/r.parquet" in refused
    afd(kit, *OPTIONS, "--out", "r.parquet")
    assert printed == " ".join(report("r.parquet", "--format", "csv").stdout.split())
    pd.testing.assert_frame_equal(pd.read_parquet("remote"), pd.read_parquet("r.parquet"))
