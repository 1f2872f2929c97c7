"""Results in parts: the rows of one file, never torn, and resumed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from kit.classify import afd
from kit.parts import counts, names
from kit.reporting import report

from afdcli import read_results
from afdcli.errors import ResultsError
from afdcli.results.parts import PartsSink
from afdcli.results.rows import Columns, Row
from afdcli.storage.folders import Folder, files_of
from afdcli.storage.paths import names_in, place, remove

ENDINGS = [".csv", ".jsonl", ".parquet"]


OPTIONS = ("photos", "--labels", "folders", "--compare", "--batch-size", "4")


@pytest.mark.parametrize("where", ["", "memory://bucket/runs/"])
@pytest.mark.parametrize(("ending", "left"), [(".csv", 0), (".jsonl", 1), (".parquet", 2)])
def test_parts_hold_the_rows_of_one_file_and_are_gone_on_with(
    kit: Path, photos: Path, where: str, ending: str, left: int
) -> None:
    """On a disk and behind a URL; as many as *left* of three parts are there already."""
    one, many = f"one{ending}", f"{where}many{ending}"
    folder = Folder(place(many))
    MemoryFileSystem.store.clear()
    assert afd(kit, *OPTIONS, "--out", one).exit_code == 1
    options = (*OPTIONS, "--out", many, "--rows-per-part", "5")

    def content() -> list[bytes]:
        return [local.read_bytes() for _, local in files_of(folder.place)]

    def check() -> None:
        parts = [f"part-{n:05d}{ending}" for n in range(3)]
        assert sorted(names_in(folder.place)) == folder.parts() == parts
        assert [len(read_results(local)) for _, local in files_of(folder.place)] == [5, 5, 4]
        pd.testing.assert_frame_equal(read_results(many), read_results(one))
        assert counts(many) == counts(one)

    result = afd(kit, *options)
    assert result.exit_code == 1, result.output
    check()
    first = report(one, "--format", "csv").stdout.replace("one", "many")
    assert report(many, "--format", "csv").stdout == first
    if ending == ".csv":  # each has a header of its own
        texts = [data.decode() for data in content()]
        whole = texts[0] + "".join(text.split("\n", 1)[1] for text in texts[1:])
        assert whole == Path(one).read_text()
    if ending == ".parquet" and not where:  # other readers see one table
        pd.testing.assert_frame_equal(pd.read_parquet(many), pd.read_parquet(one))

    for name in folder.parts()[left:]:
        remove(folder.place / name)
    kept = content()
    if not where:
        (Path(many) / ".part-00009.jsonl").write_text("what a killed run left")
    result = afd(kit, *options, "--resume")
    assert result.exit_code == 1, result.output
    assert f"14 ({5 * left} of them earlier)" in " ".join(result.stdout.split()) or not left
    check()
    assert content()[:left] == kept
    result = afd(kit, *options, "--resume")  # nothing is left to do
    assert "14 (14 of them earlier)" in " ".join(result.stdout.split())
    check()


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
    assert "was made without columns label_2" in result.stderr
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
