"""`afd report`: its numbers, in every format and group."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from kit.reporting import number, report, table_of, tidy
from kit.results import compared, row, write

from afdcli.report.groups import band_names, group
from afdcli.report.metrics import METRICS
from afdcli.report.stats import wilson
from afdcli.report.summary import COLUMNS


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_accuracies_are_exact_in_every_format(suffix: str) -> None:
    write(f"r.{suffix}", compared())
    table = table_of(f"r.{suffix}")
    assert tuple(table.columns) == COLUMNS
    assert set(table["metric"]) <= set(METRICS)
    assert number(table, "accuracy_direct") == 18 / 40
    assert number(table, "accuracy_afd") == 23 / 40
    assert number(table, "accuracy_difference") == pytest.approx(5 / 40)
    assert number(table, "won") == 6
    assert number(table, "lost") == 1
    assert number(table, "mcnemar_p") == pytest.approx(2 * (1 + 7) / 2**7)
    assert number(table, "accuracy_direct", "folder", "cats") == 0.5
    assert number(table, "accuracy_afd", "folder", "dogs") == 0.4
    assert number(table, "accuracy_afd", "quality", "QF 10-14") == 0.75
    assert number(table, "drift_p50", "quality", "QF 75-89") == 2.0
    assert number(table, "confidence_direct") == pytest.approx(0.6)
    low, high = wilson(23 / 40, 40)
    found = table[(table["group"] == "all") & (table["metric"] == "accuracy_afd")].iloc[0]
    assert float(found["low"]) == pytest.approx(low)
    assert float(found["high"]) == pytest.approx(high)


def test_table_has_the_same_numbers_and_fits_the_terminal() -> None:
    write("r.csv", [*compared(), row("dogs/x.jpg", error="truncated")])
    for width in (80, 140):
        result = report("r.csv", width=width)
        assert result.exit_code == 0
        assert "of 41 files, 1 failed" in result.stdout
        assert "45.0 % [30.7, 60.2]" in result.stdout
        assert "57.5 % [42.2, 71.5]" in result.stdout
        assert "won 6, lost 1; McNemar p 0.125" in result.stdout
        assert "truncated" in result.stdout
        assert "cats" in result.stdout
        assert "QF 75-89" in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= width


def test_failed_rows_do_not_count_as_wrong() -> None:
    write("r.csv", [*compared(), *(row(f"bad/{i}.jpg", error="corrupt") for i in range(60))])
    table = table_of("r.csv")
    assert number(table, "accuracy_afd") == 23 / 40
    assert number(table, "files") == 100
    assert number(table, "failed") == 60
    assert number(table, "failed", "error", "corrupt") == 60
    assert number(table, "failed", "folder", "bad") == 60


def test_without_labels_changes_are_shown() -> None:
    rows = [row(f"a/{i}.jpg", "cat", "dog", drift=float(i)) for i in range(11)]
    rows += [row(f"b/{i}.jpg", "owl", "owl", drift=20.0) for i in range(10)]
    write("r.csv", rows, labels=False)
    table = table_of("r.csv")
    assert number(table, "changed") == pytest.approx(11 / 21)
    assert number(table, "pictures", "change", "dog -> cat") == 11
    assert number(table, "confidence_direct", "change", "dog -> cat") == pytest.approx(0.6)
    assert number(table, "drift_p50", "folder", "a") == 5
    assert number(table, "confidence_afd", "folder", "b") == pytest.approx(0.8)
    assert not table["metric"].str.startswith("accuracy").any()
    screen = report("r.csv").stdout
    assert "52.4 % [32.4, 71.7]" in screen
    assert "What AFD changed" in screen


def test_any_column_groups_and_many_numbers_become_fifths() -> None:
    rows = [row(f"{i}.jpg", "cat", "cat", "cat", drift=float(i)) for i in range(100)]
    write("r.csv", rows)
    table = table_of("r.csv", "--by", "drift", "--by", "codec")
    assert number(table, "files", "codec", "jpeg") == 100
    fifths = table[(table["group"] == "drift") & (table["metric"] == "files")]
    assert list(fifths["estimate"]) == [20.0] * 5


def test_large_and_small_groups() -> None:
    rows = [row(f"f{i:02d}/{k}.jpg", "cat", "cat", "cat") for i in range(20) for k in range(i + 1)]
    write("r.csv", rows)
    screen = report("r.csv").stdout
    assert "5 smaller groups are not shown; --all shows them" in screen
    assert "f04" not in screen
    assert "9*" in screen
    assert "fewer than 10 pictures" in screen
    assert "f00" in report("r.csv", "--all").stdout


def test_json_and_markdown_hold_the_same_numbers() -> None:
    write("r.csv", compared())
    content = json.loads(report("r.csv", "--format", "json").stdout)
    values = {(r["group"], r["metric"]): r["estimate"] for r in content["summary"]}
    assert values["all", "accuracy_afd"] == 23 / 40
    assert "| With AFD | 57.5 % " in report("r.csv", "--format", "markdown").stdout


def test_a_run_that_was_cut_off_can_be_reported(tmp_path: Path) -> None:
    write("r.csv", compared(), metadata={"status": "interrupted", "afd": {"on": True}})
    write("r.jsonl", compared())
    for name in ("r.csv", "r.jsonl"):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text[: -len(text.splitlines()[-1]) // 2])
        result = report(name, "-f", "csv")
        assert number(tidy(result), "files") == 39
        assert "the last row is incomplete" in result.stderr
    assert "its status: interrupted" in report("r.csv", "-f", "csv").stderr


def test_results_csv_is_the_default() -> None:
    write("results.csv", compared())
    assert "of" not in report().stdout.splitlines()[0]
    assert "results: 40 files" in report().stdout


def test_quality_bands_hold_every_quality_factor() -> None:
    quality = [1, 9, 9.4, 9.6, 14, 15, 29.6, 49, 50, 89, 90, 100, None]
    found = group(pd.DataFrame({"path": "a.jpg", "quality": quality}), "quality")
    names = {int(i): name for name, at in found.items() for i in at}
    bands = band_names()
    wanted = [bands[i] for i in (0, 0, 0, 1, 1, 2, 4, 4, 5, 6, 7, 7)] + ["unknown"]
    assert [names[i] for i in range(len(quality))] == wanted


def test_default_columns_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("path,status,label,prob\n1.jpg,ok,cat,0.5\n")
    result = report("r.csv", "--html", "page.html")
    assert result.exit_code == 0, result.output
    assert "0.500" in result.stdout
    assert report("r.csv", "--by", "quality").exit_code == 2


@pytest.mark.parametrize("labels", [True, False])
def test_a_run_in_which_everything_failed_says_so(labels: bool) -> None:
    write("r.csv", [row(f"{i}.jpg", error=("corrupt", "timeout")[i % 2]) for i in range(12)],
          labels=labels)  # fmt: skip
    result = report("r.csv", "--html", "page.html")
    assert result.exit_code == 0
    plain = " ".join(result.stdout.split())
    why = "corrupt 6, timeout 6" if "corrupt 6, timeout" in plain else "timeout 6, corrupt 6"
    assert plain.startswith(f"r: all 12 files failed ({why}); there is nothing to report failed")
    assert "1.jpg timeout broken" in plain
    assert "and 7 more; see the rows with status failed in r.csv" in plain
    assert "–" not in plain  # no empty tables
    assert "too few" not in result.stdout
    assert "mean probability" not in result.stdout
    assert "timeout" in result.stdout
    assert "Every file failed" in Path("page.html").read_text()
    markdown = report("r.csv", "-f", "markdown").stdout
    assert "all 12 files failed" in markdown
    assert "–" not in markdown
    assert json.loads(report("r.csv", "--json").stdout)["summary"]
    assert report("r.csv", "--json", "-f", "csv").exit_code == 2
