"""``afd report`` through its command line, on results written by the real sinks."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from kit.results import compared, row, write
from typer.testing import CliRunner, Result

from afdcli.cli.main import app
from afdcli.report.groups import band_names, group
from afdcli.report.match import locate
from afdcli.report.metrics import METRICS
from afdcli.report.stats import wilson
from afdcli.report.summary import COLUMNS
from afdcli.results.read import read_results
from afdcli.results.rows import Row

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls ``afd report`` in *tmp_path*."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, width: int = 80) -> Result:
        return CliRunner().invoke(app, ["report", *arguments], env={"COLUMNS": str(width)})

    return call


def tidy(result: Result) -> pd.DataFrame:
    assert result.exit_code == 0, result.output
    return pd.read_csv(io.StringIO(result.stdout), keep_default_na=False, na_values={"low": [""]})


def number(table: pd.DataFrame, metric: str, group: str = "all", value: str = "") -> float:
    cell = table[
        (table["metric"] == metric) & (table["group"] == group) & (table["value"] == value)
    ]
    assert len(cell) == 1, f"{metric} {group} {value}: {len(cell)} rows"
    return float(cell["estimate"].iloc[0])


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_accuracies_are_exact_in_every_format(run: Run, suffix: str) -> None:
    write(f"r.{suffix}", compared())
    table = tidy(run(f"r.{suffix}", "--format", "csv"))
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


def test_table_has_the_same_numbers_and_fits_the_terminal(run: Run) -> None:
    write("r.csv", [*compared(), row("dogs/x.jpg", error="truncated")])
    for width in (80, 140):
        result = run("r.csv", width=width)
        assert result.exit_code == 0
        assert "of 41 files, 1 failed" in result.stdout
        assert "45.0 % [30.7, 60.2]" in result.stdout
        assert "57.5 % [42.2, 71.5]" in result.stdout
        assert "won 6, lost 1; McNemar p 0.125" in result.stdout
        assert "truncated" in result.stdout
        assert "cats" in result.stdout
        assert "QF 75-89" in result.stdout
        assert max(map(len, result.stdout.splitlines())) <= width


def test_failed_rows_do_not_count_as_wrong(run: Run) -> None:
    write("r.csv", [*compared(), *(row(f"bad/{i}.jpg", error="corrupt") for i in range(60))])
    table = tidy(run("r.csv", "-f", "csv"))
    assert number(table, "accuracy_afd") == 23 / 40
    assert number(table, "files") == 100
    assert number(table, "failed") == 60
    assert number(table, "failed", "error", "corrupt") == 60
    assert number(table, "failed", "folder", "bad") == 60


def test_recovered_share_against_a_clean_run_with_other_suffixes(run: Run) -> None:
    write("r.csv", compared())
    clean = [
        row(f"{a}s/{i}.png", a if i < n - 1 else "owl", a if i < n else "owl", a)
        for a, n in (("cat", 18), ("dog", 14))
        for i in range(20)
    ]
    write("clean.jsonl", clean[::-1])
    table = tidy(run("r.csv", "--clean", "clean.jsonl", "-f", "csv"))
    assert number(table, "accuracy_clean") == 32 / 40
    assert number(table, "accuracy_clean_afd") == 30 / 40
    assert number(table, "clean_difference") == pytest.approx(-2 / 40)
    assert number(table, "compression_cost") == pytest.approx(14 / 40)
    assert number(table, "recovered_share") == pytest.approx(5 / 14)
    assert number(table, "recovered_share", "folder", "cats") == pytest.approx(5 / 8)
    assert number(table, "recovered_share", "folder", "dogs") == 0
    assert "35.7 %" in run("r.csv", "--clean", "clean.jsonl").stdout


def test_clean_run_by_the_plain_backbone_or_with_afd_only(run: Run) -> None:
    write("r.csv", compared())
    clean = [row(r.path, "cat" if "cat" in r.path else "dog", target=r.target_label, drift=None)
             for r in compared()]  # fmt: skip
    write("off.csv", clean, compare=False, metadata={"afd": {"on": False}})
    table = tidy(run("r.csv", "--clean", "off.csv", "-f", "csv"))
    assert number(table, "accuracy_clean") == 1
    assert "accuracy_clean_afd" not in set(table["metric"])
    write("on.csv", clean, compare=False, metadata={"afd": {"on": True}})
    result = run("r.csv", "--clean", "on.csv")
    assert "results with AFD only" in " ".join(result.output.split())
    assert "100.0 %" in result.stdout


def test_degraded_subfolders_match_the_clean_pictures(run: Run) -> None:
    rows = [row(f"qf10/cats/{i}.jpg", "cat", "dog", "cat") for i in range(12)]
    rows += [row(f"qf7/cats/{i}.jpg", "dog", "dog", "cat") for i in range(12)]
    write("r.csv", rows)
    write("clean.csv", [row(f"cats/{i}.jpg", "cat", "cat", "cat") for i in range(12)])
    table = tidy(run("r.csv", "--clean", "clean.csv", "-f", "csv"))
    assert number(table, "recovered_share", "folder", "qf10") == 1
    assert number(table, "recovered_share", "folder", "qf7") == 0


def test_without_labels_changes_are_shown(run: Run) -> None:
    rows = [row(f"a/{i}.jpg", "cat", "dog", drift=float(i)) for i in range(11)]
    rows += [row(f"b/{i}.jpg", "owl", "owl", drift=20.0) for i in range(10)]
    write("r.csv", rows, labels=False)
    table = tidy(run("r.csv", "-f", "csv"))
    assert number(table, "changed") == pytest.approx(11 / 21)
    assert number(table, "pictures", "change", "dog -> cat") == 11
    assert number(table, "confidence_direct", "change", "dog -> cat") == pytest.approx(0.6)
    assert number(table, "drift_p50", "folder", "a") == 5
    assert number(table, "confidence_afd", "folder", "b") == pytest.approx(0.8)
    assert not table["metric"].str.startswith("accuracy").any()
    screen = run("r.csv").stdout
    assert "52.4 % [32.4, 71.7]" in screen
    assert "What AFD changed" in screen


def test_without_labels_a_clean_run_shows_agreement(run: Run) -> None:
    write("r.csv", [row(f"{i}.jpg", "cat", "dog") for i in range(12)], labels=False)
    write("c.csv", [row(f"{i}.png", "cat", "cat" if i < 9 else "dog") for i in range(12)],
          labels=False)  # fmt: skip
    table = tidy(run("r.csv", "--clean", "c.csv", "-f", "csv"))
    assert number(table, "agreement_direct") == 0.25
    assert number(table, "agreement_afd") == 0.75


def test_two_runs_one_with_and_one_without_afd_are_paired_by_path(run: Run) -> None:
    rows = compared()
    off = [Row(**{**vars(r), "top_classes": r.direct, "direct": (), "drift": None}) for r in rows]
    on = [Row(**{**vars(r), "direct": ()}) for r in rows]
    write("on.csv", on, compare=False)
    write("off.jsonl", off[::-1], compare=False)
    for arguments in (("on.csv", "off.jsonl"), ("off.jsonl", "on.csv"),
                      ("on.csv", "--direct", "off.jsonl")):  # fmt: skip
        table = tidy(run(*arguments, "-f", "csv"))
        assert set(table["results"]) == {"on"}
        assert number(table, "accuracy_direct") == 18 / 40
        assert number(table, "won") == 6
        assert number(table, "lost") == 1
    alone = tidy(run("off.jsonl", "-f", "csv"))
    assert number(alone, "accuracy_direct") == 18 / 40
    assert "accuracy_afd" not in set(alone["metric"])


def test_different_backbones_cause_a_warning(run: Run) -> None:
    write("r.csv", compared(), metadata={"backbone": {"name": "one"}, "afd": {"on": True}})
    write("c.csv", compared(), metadata={"backbone": {"name": "two"}, "afd": {"on": True}})
    output = " ".join(run("r.csv", "--clean", "c.csv").output.split())
    assert "careful: r and c differ in backbone (r: one; c: two)" in output


def test_several_results_are_shown_side_by_side(run: Run) -> None:
    write("a.csv", compared())
    write("b.csv", compared()[:30])
    table = tidy(run("a.csv", "b.csv", "-f", "csv"))
    assert list(dict.fromkeys(table["results"])) == ["a", "b"]
    screen = run("a.csv", "b.csv").stdout
    assert "50.0 → 75.0" in screen
    assert max(map(len, screen.splitlines())) <= 80


def test_same_names_in_different_folders_stay_apart(run: Run, tmp_path: Path) -> None:
    for name in ("qf10", "qf25"):
        (tmp_path / name).mkdir()
        write(f"{name}/results.csv", compared())
    table = tidy(run("qf10/results.csv", "qf25/results.csv", "-f", "csv"))
    assert set(table["results"]) == {"qf10/results", "qf25/results"}


def test_only_and_exclude_ignore_suffixes(run: Run, tmp_path: Path) -> None:
    write("r.csv", compared())
    names = [f"cats/{i}.png" for i in range(20)]
    (tmp_path / "test.txt").write_text("\r\n".join([*names, "", "cats/99.png"]), encoding="utf-8")
    result = run("r.csv", "--only", "test.txt", "-f", "csv")
    table = tidy(result)
    assert number(table, "files") == 20
    assert number(table, "accuracy_direct") == 0.5
    assert "1 of 21 names in test.txt are not in r" in result.stderr
    assert number(tidy(run("r.csv", "--exclude", "test.txt", "-f", "csv")), "accuracy_afd") == 0.4


def test_any_column_groups_and_many_numbers_become_fifths(run: Run) -> None:
    rows = [row(f"{i}.jpg", "cat", "cat", "cat", drift=float(i)) for i in range(100)]
    write("r.csv", rows)
    table = tidy(run("r.csv", "--by", "drift", "--by", "codec", "-f", "csv"))
    assert number(table, "files", "codec", "jpeg") == 100
    fifths = table[(table["group"] == "drift") & (table["metric"] == "files")]
    assert list(fifths["estimate"]) == [20.0] * 5


def test_large_and_small_groups(run: Run) -> None:
    rows = [row(f"f{i:02d}/{k}.jpg", "cat", "cat", "cat") for i in range(20) for k in range(i + 1)]
    write("r.csv", rows)
    screen = run("r.csv").stdout
    assert "5 smaller groups are not shown; --all shows them" in screen
    assert "f04" not in screen
    assert "9*" in screen
    assert "fewer than 10 pictures" in screen
    assert "f00" in run("r.csv", "--all").stdout


def test_hostile_names_control_neither_terminal_nor_spreadsheet(run: Run) -> None:
    evil = "=cmd()\x1b[31m[bold]x[/bold]"
    rows = [row(f"{evil}/{i}.jpg", evil, "dog") for i in range(12)]
    write("r.csv", [*rows, row("b/1.jpg", "cat", "cat")], labels=False)
    read = read_results(Path("r.csv")).rows
    assert read["path"][0] == f"{evil}/0.jpg"
    screen = run("r.csv").stdout
    assert "\x1b" not in screen
    assert "[bold]x[/bold]" in screen
    assert "\n=cmd" not in run("r.csv", "-f", "csv").stdout
    assert ",=cmd" not in run("r.csv", "-f", "csv").stdout
    assert "'=cmd" in run("r.csv", "-f", "csv").stdout


def test_labels_that_look_like_numbers_or_nothing_stay_text(run: Run) -> None:
    labels = ["None", "NA", "1e5", "007", "nan", "'quoted", "-1"]
    write("r.csv", [row(f"{i}.jpg", label, label) for i, label in enumerate(labels)], labels=False)
    assert list(read_results(Path("r.csv")).rows["label"]) == labels


def test_json_markdown_and_files_hold_the_same_numbers(run: Run, tmp_path: Path) -> None:
    write("r.csv", compared())
    content = json.loads(run("r.csv", "--format", "json").stdout)
    values = {(r["group"], r["metric"]): r["estimate"] for r in content["summary"]}
    assert values["all", "accuracy_afd"] == 23 / 40
    assert "| With AFD | 57.5 % " in run("r.csv", "--format", "markdown").stdout
    for name in ("s.csv", "s.json", "s.md"):
        assert run("r.csv", "--out", f"new/{name}").exit_code == 0
    assert (tmp_path / "new/s.csv").read_text() == run("r.csv", "--format", "csv").stdout
    assert json.loads((tmp_path / "new/s.json").read_text()) == content
    assert (tmp_path / "new/s.md").read_text() == run("r.csv", "--format", "markdown").stdout


def test_a_run_that_was_cut_off_can_be_reported(run: Run, tmp_path: Path) -> None:
    write("r.csv", compared(), metadata={"status": "interrupted", "afd": {"on": True}})
    write("r.jsonl", compared())
    for name in ("r.csv", "r.jsonl"):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text[: -len(text.splitlines()[-1]) // 2])
        result = run(name, "-f", "csv")
        assert number(tidy(result), "files") == 39
        assert "the last row is incomplete" in result.stderr
    assert "its status: interrupted" in run("r.csv", "-f", "csv").stderr


def test_results_csv_is_the_default(run: Run) -> None:
    write("results.csv", compared())
    assert "of" not in run().stdout.splitlines()[0]
    assert "results: 40 files" in run().stdout


LONG = b"path,status,label,prob\n"  # the header of rows with too many cells


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.csv", None, "gone.csv: no such file"),
        ("x.txt", b"path,status\n", "x.txt: not a results file"),
        ("x.csv", b"a,b\n1,2\n", "x.csv: not a results file of afd classify: no column path"),
        ("x.csv", b"", "x.csv: not readable"),
        ("x.csv", b"path,status,label,prob\n", "x.csv: no rows yet"),
        ("x.csv", LONG + b"a,ok,b,1,c\n", "x.csv: not readable as results of afd classify: row 1"),
        ("x.csv", LONG + b"a,ok,b,1\nc,d,ok,b,1\n", "row 2 has 5 cells, but the header has 4"),
        ("x.csv", LONG + b'a,ok,b,1\n"c\n",ok,b,1,\nd,ok,b,1', "row 2 has 5 cells"),
        ("x.csv", LONG + b"a,ok,b,1\nc,ok,b,1,", "row 2 has 5 cells, but the header has 4"),
        ("x.csv", b"path,status,label,prob\na,ok,b,high\n", "row 1: prob is 'high', not a number"),
        ("x.csv", b"path,status,label,prob\na,ok,b,inf\n", "row 1: prob is 'inf', not a number"),
        ("x.csv", b"id;name\n1;2\n", "x.csv: not a results file of afd classify: no column path"),
        (
            "x.csv",
            b"path,status,label,prob,direct_label\na,ok,b,1,b\n",
            "x.csv: not a results file of afd classify: no column direct_prob",
        ),
        ("x.csv", b"path,status,label,prob\na,yes,b,1\nc,ok,b,1\n", "row 1 has status 'yes'"),
        ("x.csv", b"\xff\xfe\x00\x01" * 40, "x.csv: not "),
        ("x.jsonl", b'{"path": 1\n{}\n', "line 1 is not JSON"),
        ("x.jsonl", b"[1]\n", "line 1 is not a JSON object"),
        ("x.parquet", b"PAR1 but not really", "x.parquet: not readable"),
    ],
)
def test_unreadable_files_end_in_one_line(
    run: Run, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    result = run(name)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not result.stdout


def test_wrong_usage_ends_in_one_line(run: Run, tmp_path: Path) -> None:
    write("r.csv", compared())
    write("u.csv", compared(), labels=False)
    write("other.csv", [row("elsewhere/1.jpg", "cat", "cat", "cat")])
    (tmp_path / "none.txt").write_text("nothing/like/it.jpg\n")
    (tmp_path / "empty.txt").write_text("\n")
    for arguments, message in (
        (["--by", "colour"], "--by colour: no such column"),
        (["--only", "none.txt"], "no picture is left after none.txt"),
        (["--only", "empty.txt"], "empty.txt: an empty list"),
        (["--only", "gone.txt"], "gone.txt: cannot be read"),
        (["--clean", "other.csv"], "other.csv: has no picture in common"),
        (["--clean", "u.csv"], "u.csv: has no labels"),
        (["--out", "x.pdf"], "--out x.pdf: the name must end in"),
        (["--out", "r.csv"], "would overwrite"),
        (["r.csv"], "r.csv: given twice"),
    ):
        result = run("r.csv", *arguments)
        assert result.exit_code == 2, arguments
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert Path("r.csv").stat().st_size > 1000


@pytest.mark.parametrize(
    ("path", "table", "position"),
    [
        ("a/b.jpg", ["a/c.jpg", "a/b.jpg"], 1),
        ("a/b.avif", ["a/b.png"], 0),
        ("a/b.png.jpg", ["a/b.jpg", "a/b.png"], 1),  # named so because a/b.jpg was taken
        ("a/b.avif", ["a/b.jpg", "a/b.png"], -1),  # nothing tells which is meant
        ("a/b.jpg", ["a/b.jpg", "a/b.png"], 0),
        ("qf10/a/b.jpg", ["a/b.jpg"], 0),
        ("scan.01", ["scan.02"], -1),  # no suffix, but two pictures
        ("b.jpg", ["a/b.jpg"], -1),
        ("a/b.jpg", ["a/b.jpg", "a/b.jpg"], -1),
    ],
)
def test_pictures_are_matched_by_path(path: str, table: list[str], position: int) -> None:
    assert locate(pd.Series([path]), pd.Series(table)).tolist() == [position]


def test_quality_bands_hold_every_quality_factor() -> None:
    quality = [1, 9, 9.4, 9.6, 14, 15, 29.6, 49, 50, 89, 90, 100, None]
    grouping = group(pd.DataFrame({"path": "a.jpg", "quality": quality}), "quality")
    names = {int(i): name for name, at in zip(grouping.names, grouping.members, strict=True)
             for i in at}  # fmt: skip
    bands = band_names()
    wanted = [bands[i] for i in (0, 0, 0, 1, 1, 2, 4, 4, 5, 6, 7, 7)] + ["unknown"]
    assert [names[i] for i in range(len(quality))] == wanted


def test_folders_begin_where_paths_differ() -> None:
    paths = pd.DataFrame({"path": ["in/x/cats/1.jpg", "in/x/cats/2/3.jpg", "in/x/dogs/1.jpg"]})
    assert group(paths, "folder").names == ("cats", "dogs")
    assert group(paths, "parent").names == ("in/x/cats", "in/x/cats/2", "in/x/dogs")
    top = pd.DataFrame({"path": ["1.jpg", "a/2.jpg"]})
    assert set(group(top, "folder").names) == {".", "a"}


def test_default_columns_may_be_missing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("path,status,label,prob\n1.jpg,ok,cat,0.5\n")
    result = run("r.csv", "--html", "page.html")
    assert result.exit_code == 0, result.output
    assert "0.500" in result.stdout
    assert run("r.csv", "--by", "quality").exit_code == 2


@pytest.mark.parametrize("labels", [True, False])
def test_a_run_in_which_everything_failed_says_so(run: Run, labels: bool) -> None:
    write("r.csv", [row(f"{i}.jpg", error=("corrupt", "timeout")[i % 2]) for i in range(12)],
          labels=labels)  # fmt: skip
    result = run("r.csv", "--html", "page.html")
    assert result.exit_code == 0
    plain = " ".join(result.stdout.split())
    why = "corrupt 6, timeout 6" if "corrupt 6, timeout" in plain else "timeout 6, corrupt 6"
    assert plain.startswith(f"r: all 12 files failed ({why}); there is nothing to report failed")
    assert "1.jpg timeout broken" in plain
    assert "and 7 more; see the rows with status failed in r.csv" in plain
    assert plain.endswith("next: afd report r.csv --export-failed failed.txt")
    assert "–" not in plain  # no empty tables
    assert "too few" not in result.stdout
    assert "mean probability" not in result.stdout
    assert "timeout" in result.stdout
    assert "Every file failed" in Path("page.html").read_text()
    assert "all 12 files failed" in run("r.csv", "-f", "markdown").stdout
    assert json.loads(run("r.csv", "--json").stdout)["summary"]
    assert run("r.csv", "--json", "-f", "csv").exit_code == 2


def made(shard: str, **changed: object) -> dict[str, object]:
    """Metadata as `afd classify` leaves them."""
    options = {"backbone": "net", "resize": "auto", "shard": shard, "out": shard, "workers": 2,
               "class_names": None, "precision": "auto"}  # fmt: skip
    known: dict[str, object] = {
        "precision": "float32", "runtime": "torch", "batch_size": 8,
        "backbone": {"name": "net", "classes": 3, "crop_pct": 0.875},
        "afd": {"plug": "stem", "path": f"/{shard}/x", "sha256": "a" * 64},
        "versions": {"torch": "2.6"},
    }  # fmt: skip
    for name, value in changed.items():
        if name in ("resize", "class_names"):
            options[name] = value
        elif isinstance(value, dict):
            known[name] = {**known[name], **value}  # type: ignore[dict-item]
        else:
            known[name] = value
    return {**known, "options": options}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"precision": "bfloat16"}, "precision (a: float32; b: bfloat16)"),
        ({"runtime": "openvino"}, "runtime (a: torch; b: openvino)"),
        ({"afd": {"sha256": "b" * 64}}, "module (a: aaaaaaaaaaaa; b: bbbbbbbbbbbb)"),
        ({"afd": None}, "module (a: aaaaaaaaaaaa; b: off)"),
        ({"backbone": {"name": "other", "classes": 5}}, "backbone (a: net; b: other)"),
        ({"resize": "always"}, "resize (a: auto; b: always)"),
        ({"class_names": "x.txt"}, "class names (a: None; b: x.txt)"),
        ({"versions": {"torch": "2.7"}}, "torch (a: 2.6; b: 2.7)"),
    ],
)
def test_shards_with_different_settings_cause_a_warning(
    run: Run, changed: dict[str, object], said: str
) -> None:
    write("a.csv", compared()[:20], metadata=made("1/2"))
    write("b.csv", compared()[20:], metadata=made("2/2"))
    assert "differ" not in run("a.csv", "b.csv").output
    write("b.csv", compared()[20:], metadata=made("2/2", **changed))
    result = run("a.csv", "b.csv", "--html", "page.html")
    line = f"careful: these shards of one collection differ in {said}"
    assert line in " ".join(result.output.split())
    assert line in run("a.csv", "b.csv", "-f", "csv").stderr.splitlines()
    _, _, provenance = Path("page.html").read_text().partition("How it was made")
    assert line in provenance


def test_clean_run_with_different_settings_causes_a_warning(run: Run) -> None:
    write("r.csv", compared(), metadata=made("1/1"))
    write("c.csv", compared(), metadata=made("1/1", resize="always"))
    output = " ".join(run("r.csv", "--clean", "c.csv").output.split())
    assert "careful: r and c differ in resize (r: auto; c: always)" in output
    off = made("1/1", afd=None)
    plain = [row(r.path, "cat", target=r.target_label, drift=None) for r in compared()]
    write("c.csv", plain, compare=False, metadata=off)
    assert "careful" not in run("r.csv", "--clean", "c.csv").output
