"""Several runs side by side, and clean runs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from kit.reporting import number, report, table_of
from kit.results import compared, row, write

from afdcli.report.groups import group
from afdcli.report.pictures import locate
from afdcli.results.rows import Row


def test_recovered_share_against_a_clean_run_with_other_suffixes() -> None:
    write("r.csv", compared())
    clean = [
        row(f"{a}s/{i}.png", a if i < n - 1 else "owl", a if i < n else "owl", a)
        for a, n in (("cat", 18), ("dog", 14))
        for i in range(20)
    ]
    write("clean.jsonl", clean[::-1])
    table = table_of("r.csv", "--clean", "clean.jsonl")
    assert number(table, "accuracy_clean") == 32 / 40
    assert number(table, "accuracy_clean_afd") == 30 / 40
    assert number(table, "clean_difference") == pytest.approx(-2 / 40)
    assert number(table, "compression_cost") == pytest.approx(14 / 40)
    assert number(table, "recovered_share") == pytest.approx(5 / 14)
    assert number(table, "recovered_share", "folder", "cats") == pytest.approx(5 / 8)
    assert number(table, "recovered_share", "folder", "dogs") == 0
    assert "35.7 %" in report("r.csv", "--clean", "clean.jsonl").stdout


def test_clean_run_by_the_plain_backbone_or_with_afd_only() -> None:
    write("r.csv", compared())
    clean = [row(r.path, "cat" if "cat" in r.path else "dog", target=r.target_label, drift=None)
             for r in compared()]  # fmt: skip
    write("off.csv", clean, compare=False, metadata={"afd": {"on": False}})
    table = table_of("r.csv", "--clean", "off.csv")
    assert number(table, "accuracy_clean") == 1
    assert "accuracy_clean_afd" not in set(table["metric"])
    write("on.csv", clean, compare=False, metadata={"afd": {"on": True}})
    result = report("r.csv", "--clean", "on.csv")
    assert "results with AFD only" in " ".join(result.output.split())
    assert "100.0 %" in result.stdout


def test_degraded_subfolders_match_the_clean_pictures() -> None:
    rows = [row(f"qf10/cats/{i}.jpg", "cat", "dog", "cat") for i in range(12)]
    rows += [row(f"qf7/cats/{i}.jpg", "dog", "dog", "cat") for i in range(12)]
    write("r.csv", rows)
    write("clean.csv", [row(f"cats/{i}.jpg", "cat", "cat", "cat") for i in range(12)])
    table = table_of("r.csv", "--clean", "clean.csv")
    assert number(table, "recovered_share", "folder", "qf10") == 1
    assert number(table, "recovered_share", "folder", "qf7") == 0


def test_without_labels_a_clean_run_shows_agreement() -> None:
    write("r.csv", [row(f"{i}.jpg", "cat", "dog") for i in range(12)], labels=False)
    write("c.csv", [row(f"{i}.png", "cat", "cat" if i < 9 else "dog") for i in range(12)],
          labels=False)  # fmt: skip
    table = table_of("r.csv", "--clean", "c.csv")
    assert number(table, "agreement_direct") == 0.25
    assert number(table, "agreement_afd") == 0.75


def test_two_runs_one_with_and_one_without_afd_are_paired_by_path() -> None:
    rows = compared()
    off = [Row(**{**vars(r), "top_classes": r.direct, "direct": (), "drift": None}) for r in rows]
    on = [Row(**{**vars(r), "direct": ()}) for r in rows]
    write("on.csv", on, compare=False)
    write("off.jsonl", off[::-1], compare=False)
    for arguments in (("on.csv", "off.jsonl"), ("off.jsonl", "on.csv")):
        table = table_of(*arguments)
        assert set(table["results"]) == {"on"}
        assert number(table, "accuracy_direct") == 18 / 40
        assert number(table, "won") == 6
        assert number(table, "lost") == 1
    alone = table_of("off.jsonl")
    assert number(alone, "accuracy_direct") == 18 / 40
    assert "accuracy_afd" not in set(alone["metric"])


def test_different_backbones_cause_a_warning() -> None:
    write("r.csv", compared(), metadata={"backbone": {"name": "one"}, "afd": {"on": True}})
    write("c.csv", compared(), metadata={"backbone": {"name": "two"}, "afd": {"on": True}})
    output = " ".join(report("r.csv", "--clean", "c.csv").output.split())
    assert "careful: r and c differ in backbone (r: one; c: two)" in output


def test_several_results_are_shown_side_by_side() -> None:
    write("a.csv", compared())
    write("b.csv", compared()[:30])
    table = table_of("a.csv", "b.csv")
    assert list(dict.fromkeys(table["results"])) == ["a", "b"]
    screen = report("a.csv", "b.csv").stdout
    assert "50.0 → 75.0" in screen
    assert max(map(len, screen.splitlines())) <= 80


def test_same_names_in_different_folders_stay_apart(tmp_path: Path) -> None:
    for name in ("qf10", "qf25"):
        (tmp_path / name).mkdir()
        write(f"{name}/results.csv", compared())
    table = table_of("qf10/results.csv", "qf25/results.csv")
    assert set(table["results"]) == {"qf10/results", "qf25/results"}


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


def test_folders_begin_where_paths_differ() -> None:
    paths = pd.DataFrame({"path": ["in/x/cats/1.jpg", "in/x/cats/2/3.jpg", "in/x/dogs/1.jpg"]})
    assert tuple(group(paths, "folder")) == ("cats", "dogs")
    assert tuple(group(paths, "parent")) == ("in/x/cats", "in/x/cats/2", "in/x/dogs")
    top = pd.DataFrame({"path": ["1.jpg", "a/2.jpg"]})
    assert set(group(top, "folder")) == {".", "a"}


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
    changed: dict[str, object], said: str
) -> None:
    write("a.csv", compared()[:20], metadata=made("1/2"))
    write("b.csv", compared()[20:], metadata=made("2/2"))
    assert "differ" not in report("a.csv", "b.csv").output
    others = {"inputs": ["b"], "embeddings": "b.npy", "export_failed": "f", "exif": True}
    metadata = made("2/2")
    write(
        "b.csv",
        compared()[20:],
        metadata={**metadata, "options": {**metadata["options"], **others}},
    )
    assert "differ" not in report("a.csv", "b.csv").output  # none of these changes a prediction
    write("b.csv", compared()[20:], metadata=made("2/2", **changed))
    result = report("a.csv", "b.csv", "--html", "page.html")
    line = f"careful: these shards of one collection differ in {said}"
    assert line in " ".join(result.output.split())
    assert line in report("a.csv", "b.csv", "-f", "csv").stderr.splitlines()
    _, _, provenance = Path("page.html").read_text().partition("How it was made")
    assert line in provenance


def test_clean_run_with_different_settings_causes_a_warning() -> None:
    write("r.csv", compared(), metadata=made("1/1"))
    write("c.csv", compared(), metadata=made("1/1", resize="always"))
    output = " ".join(report("r.csv", "--clean", "c.csv").output.split())
    assert "careful: r and c differ in resize (r: auto; c: always)" in output
    off = made("1/1", afd=None)
    plain = [row(r.path, "cat", target=r.target_label, drift=None) for r in compared()]
    write("c.csv", plain, compare=False, metadata=off)
    assert "careful" not in report("r.csv", "--clean", "c.csv").output
