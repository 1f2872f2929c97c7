"""`afd classify`: what a user asks for before, during and after a long run."""

from __future__ import annotations

import json
from pathlib import Path

from kit.classify import LOADING, afd, jpeg, table


def test_limit_takes_the_first_images_and_json_is_all_of_stdout(kit: Path, photos: Path) -> None:
    result = afd(kit, "photos", "--limit", "10", "--json")
    assert result.exit_code == 1, result.output
    assert result.stderr == LOADING
    summary = json.loads(result.stdout)
    names = sorted(p.relative_to(photos).as_posix() for p in photos.rglob("*.jpg"))
    assert list(table()["path"]) == names[:10]
    assert summary["rows"] == 10
    assert summary["classified"] == 8
    assert summary["failed"] == {"not-an-image": 2}
    assert summary["exit_code"] == 1
    assert [row["path"] for row in summary["first_failed"]] == ["red/00.jpg", "red/04.jpg"]
    assert sum(summary["labels"].values()) == 8
    assert summary["next"] == "afd report results.csv"
    meta = json.loads(Path(summary["metadata"]).read_text())
    assert [meta["options"][name] for name in ("limit", "sample", "seed")] == [10, None, None]


def test_a_sample_is_drawn_and_resumed_only_with_its_seed(kit: Path, photos: Path) -> None:
    options = ("photos", "--sample", "5", "--seed", "2")
    afd(kit, *options)
    sample = table()
    assert len(sample) == 5
    assert sample["path"].is_monotonic_increasing
    whole = Path("results.csv").read_bytes()
    Path("results.csv").write_bytes(b"".join(whole.splitlines(keepends=True)[:3]))
    for other, message in (
        (("photos", "--sample", "5"), "--seed 2, this run has none"),
        (("photos", "--sample", "6", "--seed", "2"), "--sample 5, this run has 6"),
        (("photos",), "--sample 5, this run has none"),
        (("photos", "--limit", "5"), "--limit none, this run has 5"),
    ):
        result = afd(kit, *other, "--resume")
        assert result.exit_code == 2
        assert message in result.stderr
    afd(kit, *options, "--resume")
    assert Path("results.csv").read_bytes() == whole


def test_the_first_failed_files_are_named_and_the_rest_counted(kit: Path, here: Path) -> None:
    (here / "p").mkdir()
    for n in range(8):
        (here / "p" / f"{n}.jpg").write_bytes(b"no picture" if n else jpeg(1))
    lines = afd(kit, "p").stdout.splitlines()
    assert sum("not-an-image" in line for line in lines) == 6  # five files and the counts
    assert "and 2 more; see the rows with status failed in results.csv" in lines
    assert lines[-1] == "next: afd report results.csv"


def test_json_of_a_run_in_which_all_fails(kit: Path, here: Path) -> None:
    (here / "a.jpg").write_bytes(b"")
    result = afd(kit, "a.jpg", "--json", "--quiet")
    assert result.exit_code == 2
    summary = json.loads(result.stdout)
    assert summary["exit_code"] == 2
    assert summary["next"] is None
    assert result.stderr.startswith("afd: nothing was classified: the only image failed")
    afd(kit, "gone", "--json")
    assert afd(kit, "gone", "--json").stdout == ""
