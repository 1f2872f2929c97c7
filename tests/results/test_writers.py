"""Results files: exact content, streaming, spreadsheets, names that are not valid text."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afdcli.constants import FAILED
from afdcli.errors import ResultsError, UsageError
from afdcli.results import writers as sinks
from afdcli.results.rows import Columns, Row, TopClass
from afdcli.results.writers import check_target, open_sink
from afdcli.storage.text import FORMULA_STARTS, neutralise, printable, restore, unprintable

NASTY = [
    "=HYPERLINK(1)",
    "+1",
    "-1.jpg",
    "@sum",
    "\tx",
    "\rx",
    "'quoted",
    'a"b,c.jpg',
    "two\nlines.jpg",
    "lone\rreturn",
    "umlaut ä/漢字.jpg",
    "back\\slash \\x41.jpg",
    printable(os.fsdecode(b"raw \xff\xfe.jpg")),
]

GOOD = Row(
    path="a/b.jpg",
    codec="jpeg",
    width=300,
    height=200,
    quality=10.0,
    drift=1.25,
    top_classes=(TopClass("cat", 3, 0.75), TopClass("dog", 5, 0.125)),
    direct=(TopClass("dog", 5, 0.5), TopClass("cat", 3, 0.25)),
    target=3,
    target_label="cat",
)
BAD = Row(path="x.jpg", status=FAILED, error="corrupt", note="the decoder refuses it", target=3)
ALL = Columns(topk=2, labels=True, compare=True)


def test_exact_csv_content(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "r.csv"
    with open_sink(out, ALL) as sink:
        sink.write([GOOD, BAD])
    assert out.read_bytes() == (
        b"path,status,error,codec,width,height,quality,drift,label,index,prob,label_2,index_2,"
        b"prob_2,correct,target,target_label,direct_label,direct_index,direct_prob,direct_label_2,"
        b"direct_index_2,direct_prob_2,direct_correct,note\n"
        b"a/b.jpg,ok,,jpeg,300,200,10.0,1.25,cat,3,0.75,dog,5,0.125,1,3,cat,"
        b"dog,5,0.5,cat,3,0.25,0,\n"
        b"x.jpg,failed,corrupt,,,,,,,,,,,,,3,,,,,,,,,the decoder refuses it\n"
    )


def test_jsonl_keeps_types(tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    with open_sink(out, ALL) as sink:
        sink.write([GOOD, BAD])
    good, bad = (json.loads(line) for line in out.read_text().splitlines())
    assert list(good) == ALL.names == list(bad)
    assert good["correct"] is True
    assert good["direct_correct"] is False
    assert good["index_2"] == 5
    assert bad["correct"] is None
    assert bad["prob"] is None


def test_parquet_keeps_types_and_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "ROW_GROUP", 3)
    out = tmp_path / "r.parquet"
    with open_sink(out, ALL) as sink:
        for _ in range(4):
            sink.write([GOOD, BAD])
        assert not out.exists()
        assert sinks.journal(out).exists()
    assert [p.name for p in tmp_path.iterdir()] == ["r.parquet"]
    table = pq.read_table(out)
    assert table.column_names == ALL.names
    assert [str(table.schema.field(n).type) for n in ("path", "width", "prob", "correct")] == [
        "string",
        "int64",
        "double",
        "bool",
    ]
    assert table.to_pylist()[::2] == [ALL.flatten(GOOD)] * 4
    assert table.to_pylist()[1::2] == [ALL.flatten(BAD)] * 4
    assert pq.ParquetFile(out).num_row_groups == 3


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_any_name_survives(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"r{ending}"
    with open_sink(out, Columns()) as sink:
        sink.write([Row(path=name) for name in NASTY])
    if ending == ".csv":
        with out.open(newline="", encoding="utf-8") as file:
            cells = [row["path"] for row in csv.DictReader(file)]
        assert not [cell for cell in cells if cell[0] in "=+-@\t\r"]
        assert [restore(cell) for cell in cells] == NASTY
        assert [restore(cell) for cell in pd.read_csv(out)["path"]] == NASTY
    elif ending == ".jsonl":
        lines = out.read_text(encoding="utf-8").split("\n")[:-1]
        assert [json.loads(line)["path"] for line in lines] == NASTY
    else:
        assert pq.read_table(out)["path"].to_pylist() == NASTY


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_lone_surrogates_in_labels_do_not_crash(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"r{ending}"
    with open_sink(out, Columns()) as sink:
        sink.write([Row(path="a", top_classes=(TopClass("\udcff", 0, 1.0),))])
    assert out.stat().st_size > 0


def test_numbers_are_not_quoted(tmp_path: Path) -> None:
    """Only text is quoted: a number stays a number, whatever its sign."""
    out = tmp_path / "r.csv"
    with open_sink(out, Columns()) as sink:
        sink.write([Row(path="a", drift=-1.5)])
    assert ",-1.5," in out.read_text()


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_rows_are_on_disk_while_the_run_goes_on(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"r{ending}"
    with open_sink(out, Columns()) as sink:
        for n in range(1, 4):
            sink.write([Row(path=f"{n}.jpg")])
            text = out.read_text()
            assert text.endswith("\n")
            assert text.count(".jpg") == n


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_an_interrupted_file_holds_its_rows(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"r{ending}"
    with pytest.raises(KeyboardInterrupt), open_sink(out, Columns()) as sink:
        sink.write([GOOD])
        raise KeyboardInterrupt
    rows = {
        ".csv": lambda: pd.read_csv(out),
        ".jsonl": lambda: pd.read_json(out, lines=True),
        ".parquet": lambda: pd.read_parquet(out),
    }[ending]()
    assert list(rows["path"]) == ["a/b.jpg"]
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {out.name, sinks.journal(out).name}  # a journal stays to be resumed


def test_a_full_disk_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(ResultsError, match=r"cannot write .*No space left"):
        sinks.CsvSink(Path("/dev/full"), Columns())


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for ending in (".csv", ".parquet"):
        with pytest.raises(UsageError, match="file is not a folder"):
            open_sink(tmp_path / "file" / f"r{ending}", Columns())


def test_bad_targets_are_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"must end in \.csv, \.jsonl, \.parquet"):
        check_target(tmp_path / "r.xlsx")
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        check_target(tmp_path / "d.csv")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'afdcli\[parquet\]'"):
        check_target(tmp_path / "r.parquet")


@settings(derandomize=True, max_examples=200)
@given(st.binary(max_size=12).map(lambda raw: os.fsdecode(b"\\x" + raw) + "\\x5c\\xff"))
def test_printable_is_lossless(name: str) -> None:
    shown = printable(name)
    shown.encode("utf-8")
    assert unprintable(shown) == name


@settings(derandomize=True, max_examples=200)
@given(st.text(alphabet=st.characters(), max_size=6))
def test_neutralise_is_lossless(text: str) -> None:
    cell = neutralise(text)
    assert restore(cell) == text
    assert not cell or cell[0] == "'" or cell[0] not in FORMULA_STARTS


def test_ordinary_names_are_left_alone() -> None:
    for name in ("a/b c.jpg", "ä\\b.jpg", "x(1).png", "\\d", "\\x4.jpg"):
        assert printable(name) == name == neutralise(name)
