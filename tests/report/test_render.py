"""One table in the terminal, in Markdown and in HTML."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from afdcli.report.render import to_console, to_html, to_markdown
from afdcli.report.table import Cell, Column, Table

RUNS = 9
TABLE = Table(
    "Results <i>",
    (
        Column("folder", left=True),
        Column("n"),
        Column("accuracy", shorten=1),
        Column("p", drop=2),
        Column("0 … 100 %", drop=3, bar=True),
    ),
    (
        (Cell("a|b"), Cell("3*", 3, "few"), Cell("50.0 [30.7, 60.2]", 0.5, brief="50.0"),
         Cell("0.125", 0.125), Cell("██▓▓", tone="good")),
        (Cell("<b>"), Cell("40", 40), Cell("–"), Cell("–"), Cell("")),
    ),
    notes=("* few",),
    sortable=True,
)  # fmt: skip
WIDE = Table(
    "Many",
    (Column("folder", left=True), *(Column(f"run{k}") for k in range(RUNS))),
    ((Cell("cats"), *(Cell("50.0 → 75.0") for _ in range(RUNS))),),
)


def screen(table: Table, width: int) -> str:
    file = io.StringIO()
    to_console(Console(file=file, width=width), [table], ["careful: x"])
    text = file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    return text


def test_a_narrow_screen_loses_bars_first_then_columns_then_intervals() -> None:
    assert "██▓▓" in screen(TABLE, 60)
    narrower = screen(TABLE, 42)
    assert "██▓▓" not in narrower
    assert "0.125" in narrower
    narrower = screen(TABLE, 33)
    assert "0.125" not in narrower
    assert "[30.7, 60.2]" in narrower
    assert "50.0\n" in screen(TABLE, 24)
    assert "30.7" not in screen(TABLE, 24)
    for width in (24, 33, 42, 60):
        assert "* few" in screen(TABLE, width)


@pytest.mark.parametrize("width", [40, 80, 140, 200])
def test_columns_that_must_stay_go_below_each_other(width: int) -> None:
    text = screen(WIDE, width)
    assert text.count("50.0 → 75.0") == RUNS
    assert text.count("cats") == text.count("folder") == -(-RUNS // ((width - 6) // 13))


def test_markdown_has_all_but_bars() -> None:
    lines = to_markdown([TABLE], ["a_remark"]).splitlines()
    assert lines[0] == "### Results \\<i>"
    assert lines[2:5] == [
        "| folder | n | accuracy | p |",
        "| --- | ---: | ---: | ---: |",
        "| a\\|b | 3\\* | 50.0 \\[30.7, 60.2] | 0.125 |",
    ]
    assert lines[-1] == "a\\_remark"


def test_html_has_exact_numbers_and_escaped_text() -> None:
    html = to_html(TABLE)
    assert '<td data-number="0.5">50.0 <small>[30.7, 60.2]</small></td>' in html
    assert '<td data-number="3" class="few">3*</td>' in html
    assert '<th scope="row">&lt;b&gt;</th>' in html
    assert "<i>" not in html
    assert '<table class="sortable">' in html
    assert "▓" not in html
