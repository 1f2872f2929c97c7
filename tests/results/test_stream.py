"""Results read row by row: the cells of `read_results`, as text, from every format."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit import results
from kit.results import row

from afdcli import read_results
from afdcli.errors import ResultsError
from afdcli.results.parts import PartsSink
from afdcli.results.rows import Columns
from afdcli.results.stream import stream_results
from afdcli.storage.folders import Folder

ROWS = [
    row("a.jpg", "cat", "dog", "cat"),
    row("=odd, name\n.jpg", "dog", "dog", "owl", quality=None),
    row("b.jpg", error="truncated"),
]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_cells(here: Path, ending: str) -> None:
    results.write(f"r{ending}", ROWS)
    cells = list(stream_results(Path(f"r{ending}")))
    assert [c["path"] for c in cells] == ["a.jpg", "=odd, name\n.jpg", "b.jpg"]
    assert [c["label"] for c in cells] == ["cat", "dog", ""]
    assert [c["correct"] for c in cells] == ["1", "0", ""]
    assert [c["quality"] for c in cells] == ["10.0", "", ""]
    with PartsSink(Folder(Path(f"parts{ending}")), Columns(2, True, True), 2) as sink:
        sink.write(ROWS)
    assert list(stream_results(Path(f"parts{ending}"))) == cells


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_cut_last_row_is_left_out(here: Path, ending: str) -> None:
    results.write(f"r{ending}", ROWS[:1] * 3)
    path = Path(f"r{ending}")
    path.write_bytes(path.read_bytes()[:-30])
    assert len(list(stream_results(path))) == len(read_results(path)) == 2


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.csv", "a,b\n1,2\n", "no column path, status, label, prob"),
        (
            "r.csv",
            "path,status,label,prob\na,ok,cat,1\nb,ok\nc,ok,cat,1\n",
            "row 2 has 2 cells, but the header has 4",
        ),
        ("r.csv", "path,status,label,prob\na,ok,cat,1,2\n", "row 1 has 5 cells"),
        ("r.csv", "path,status,label,prob\na,good,cat,1\n", "status 'good'"),
        ("r.jsonl", "[]\n", "not a JSON object"),
        ("r.jsonl", "x\n{}\n", "line 1 is not JSON"),
        ("r.parquet", "x", "not readable"),
        ("r.txt", "", "not a results file"),
    ],
)
def test_other_files_are_refused(here: Path, name: str, text: str, message: str) -> None:
    Path(name).write_text(text)
    with pytest.raises(ResultsError, match=message):
        list(stream_results(Path(name)))


def test_no_results(here: Path) -> None:
    with pytest.raises(ResultsError, match="no such file"):
        list(stream_results(Path("r.csv")))
