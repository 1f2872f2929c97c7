"""Results read row by row: the cells of `read_results`, as text, from every format."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit import results
from kit.results import row

from afdcli import read_results
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
