"""Hostile names, unreadable files and wrong usage."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.reporting import report
from kit.results import compared, row, write

from afdcli.results.read import read_results


def test_hostile_names_control_neither_terminal_nor_spreadsheet() -> None:
    evil = "=cmd()\x1b[31m[bold]x[/bold]"
    rows = [row(f"{evil}/{i}.jpg", evil, "dog") for i in range(12)]
    write("r.csv", [*rows, row("b/1.jpg", "cat", "cat")], labels=False)
    read = read_results(Path("r.csv")).rows
    assert read["path"][0] == f"{evil}/0.jpg"
    screen = report("r.csv").stdout
    assert "\x1b" not in screen
    assert "[bold]x[/bold]" in screen
    assert "\n=cmd" not in report("r.csv", "-f", "csv").stdout
    assert ",=cmd" not in report("r.csv", "-f", "csv").stdout
    assert "'=cmd" in report("r.csv", "-f", "csv").stdout


def test_labels_that_look_like_numbers_or_nothing_stay_text() -> None:
    labels = ["None", "NA", "1e5", "007", "nan", "'quoted", "-1"]
    write("r.csv", [row(f"{i}.jpg", label, label) for i, label in enumerate(labels)], labels=False)
    assert list(read_results(Path("r.csv")).rows["label"]) == labels


LONG = b"path,status,label,prob\n"  # the header of rows with too many cells


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.csv", None, "gone.csv: no such file"),
        ("x.txt", b"path,status\n", "x.txt: not a results file"),
        ("x.csv", b"a,b\n1,2\n", "x.csv: not readable as results of afd classify: no column path"),
        ("x.csv", b"", "x.csv: not readable"),
        ("x.csv", b"path,status,label,prob\n", "x.csv: no rows yet"),
        ("x.csv", LONG + b"a,ok,b,1,c\n", "x.csv: not readable as results of afd classify: row 1"),
        ("x.csv", LONG + b"a,ok,b,1\nc,d,ok,b,1\n", "row 2 has 5 cells, but the header has 4"),
        ("x.csv", LONG + b"a,ok,b,1\nc,ok\nd,ok,b,1\n", "row 2 has 2 cells"),
        ("x.csv", LONG + b'a,ok,b,1\n"c\n",ok,b,1,\nd,ok,b,1', "row 2 has 5 cells"),
        ("x.csv", LONG + b"a,ok,b,1\nc,ok,b,1,", "row 2 has 5 cells, but the header has 4"),
        ("x.csv", b"path,status,label,prob\na,ok,b,high\n", "row 1: prob is 'high', not a number"),
        ("x.csv", b"path,status,label,prob\na,ok,b,inf\n", "row 1: prob is 'inf', not a number"),
        (
            "x.csv",
            b"id;name\n1;2\n",
            "x.csv: not readable as results of afd classify: no column path",
        ),
        (
            "x.csv",
            b"path,status,label,prob,direct_label\na,ok,b,1,b\n",
            "x.csv: not readable as results of afd classify: no column direct_prob",
        ),
        ("x.csv", b"path,status,label,prob\na,yes,b,1\nc,ok,b,1\n", "row 1 has status 'yes'"),
        ("x.csv", b"\xff\xfe\x00\x01" * 40, "x.csv: not "),
        ("x.jsonl", b'{"path": 1\n{}\n', "line 1 is not JSON"),
        ("x.jsonl", b"[1]\n", "line 1 is not a JSON object"),
        ("x.parquet", b"PAR1 but not really", "x.parquet: not readable"),
    ],
)
def test_unreadable_files_end_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = report(name)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not result.stdout


def test_wrong_usage_ends_in_one_line() -> None:
    write("r.csv", compared())
    write("u.csv", compared(), labels=False)
    write("other.csv", [row("elsewhere/1.jpg", "cat", "cat", "cat")])
    for arguments, message in (
        (["--by", "colour"], "--by colour: no such column"),
        (["--clean", "other.csv"], "other.csv: has no picture in common"),
        (["--clean", "u.csv"], "u.csv: has no labels"),
        (["--html", "x.pdf"], "--html x.pdf: the name must end in"),
        (["r.csv"], "r.csv: given twice"),
        (["--html", "r.csv"], "must end in .html"),
        (["--photos", "."], "it needs --html"),
        (["--html", "x.html", "--maps"], "it needs --photos"),
        (["--html", "x.html", "--photos", "nowhere"], "no such folder"),
    ):
        result = report("r.csv", *arguments)
        assert result.exit_code == 2, arguments
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert Path("r.csv").stat().st_size > 1000
