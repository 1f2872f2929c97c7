"""Results belong to one run at a time, and nothing is replaced unasked."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from kit.classify import LOADING, jpeg, of_kit, table
from typer.testing import CliRunner, Result

from afdcli import read_results
from afdcli.cli.live import Counts, Live
from afdcli.cli.main import app
from afdcli.results.writers import journal

ENDINGS = [".csv", ".jsonl", ".parquet"]


def as_typed(kit: Path, *args: str) -> Result:
    """`afd classify` without the ``--overwrite`` that `kit.classify.afd` adds."""
    line = ["classify", *args, *map(str, of_kit(kit)), "--workers", "1", "--runtime", "torch"]
    return CliRunner().invoke(app, line)


def content(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in found}


class Meanwhile:
    """Does something in the middle of a run: once two of its rows are written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._act: Callable[[], object] | None = None
        update = Live.update

        def updated(live: Live, counts: Counts) -> None:
            update(live, counts)
            if counts.rows >= 2 and self._act is not None:
                act, self._act = self._act, None
                act()

        monkeypatch.setattr(Live, "update", updated)

    def __call__(self, act: Callable[[], object], kit: Path, out: str, *more: str) -> Result:
        """Run to *out* with *act* in the middle."""
        self._act = act
        result = as_typed(kit, "photos", "--batch-size", "1", "--out", out, *more)
        assert self._act is None
        return result


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(monkeypatch)


def lost(result: Result, *parts: str) -> None:
    """The run ended in one line that says so."""
    assert result.exit_code == 2
    assert result.stderr.removeprefix(LOADING).count("\n") == 1
    for part in parts:
        assert part in result.stderr


@pytest.mark.parametrize("ending", ENDINGS)
def test_results_are_not_replaced_unasked(kit: Path, photos: Path, ending: str) -> None:
    out = f"r{ending}"
    assert as_typed(kit, "photos", "--out", out).exit_code == 1
    before = content(Path())
    for more in ((), ("--rows-per-part", "5")):
        result = as_typed(kit, "photos/red", "--out", out, *more)
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
    result = as_typed(kit, "photos/red", "--out", out)
    assert f"{out} exists already: --resume continues it, --overwrite" in result.stderr
    assert (
        "give only one" in as_typed(kit, "photos", "--out", out, "--resume", "--overwrite").stderr
    )
    assert content(Path()) == before
    assert as_typed(kit, "photos/red", "--out", out, "--overwrite").exit_code == 1
    assert len(read_results(Path(out))) == 8
    Path(out).unlink()
    assert as_typed(kit, "photos/red", "--out", out).exit_code == 1


def test_neither_are_parts(kit: Path, photos: Path) -> None:
    for out in ("r.csv", "memory://not-replaced/r.csv"):
        options = ("--out", out, "--rows-per-part", "5")
        assert as_typed(kit, "photos", *options).exit_code == 1
        result = as_typed(kit, "photos", *options)
        assert result.exit_code == 2
        assert f"{out} exists already" in " ".join(result.stderr.split())
        assert len(read_results(out)) == 14
        assert as_typed(kit, "photos/red", *options, "--overwrite").exit_code == 1
        assert len(read_results(out)) == 8


def test_a_journal_is_not_replaced_and_an_empty_file_is_nothing(kit: Path, photos: Path) -> None:
    journal(Path("r.parquet")).write_text("rows of a run that was killed")
    result = as_typed(kit, "photos", "--out", "r.parquet")
    assert result.exit_code == 2
    assert "r.parquet.part exists already" in result.stderr
    Path("r.csv").touch()
    assert as_typed(kit, "photos", "--out", "r.csv").exit_code == 1
    assert len(table(Path("r.csv"))) == 14


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_second_run_is_told_who_holds_the_results(
    kit: Path, photos: Path, meanwhile: Meanwhile, ending: str
) -> None:
    out = f"r{ending}"

    def others() -> None:
        for more in ("--overwrite", "--resume", "--quiet"):
            result = as_typed(kit, "photos", "--out", f"./{out}", more)
            lost(result, f"another run writes to {out} (process {os.getpid()} on ")

    result = meanwhile(others, kit, out)
    assert (result.exit_code, result.stderr) == (1, LOADING)
    assert len(read_results(Path(out))) == 14
    assert not list(Path().glob(".*.lock"))


@pytest.mark.parametrize(
    ("ending", "how"), [(".csv", "deleted"), (".jsonl", "renamed"), (".parquet", "replaced")]
)
def test_results_that_vanish_are_an_error(
    kit: Path, photos: Path, meanwhile: Meanwhile, ending: str, how: str
) -> None:
    out = f"r{ending}"
    path = journal(Path(out))

    def vanish() -> None:
        if how != "deleted":
            shutil.copy(path, "copy")
        path.rename("moved") if how == "renamed" else path.unlink()
        if how == "replaced":
            Path("copy").rename(path)

    lost(meanwhile(vanish, kit, out), f"{path} was deleted, renamed or replaced")
    assert json.loads(Path(f"{out}.meta.json").read_text())["status"] == "failed"


def test_parts_that_vanish_are_an_error(kit: Path, photos: Path, meanwhile: Meanwhile) -> None:
    part = Path("r.csv/part-00000.csv")
    lost(meanwhile(part.unlink, kit, "r.csv", "--rows-per-part", "1"), f"{part} was deleted")
    result = meanwhile(lambda: shutil.rmtree("s.csv"), kit, "s.csv", "--rows-per-part", "9")
    lost(result, "s.csv")


def test_a_part_of_another_run_is_not_replaced(
    kit: Path, photos: Path, meanwhile: Meanwhile
) -> None:
    """As two machines write behind one URL, where no lock reaches."""
    part = Path("r.csv/part-00000.csv")
    result = meanwhile(lambda: part.write_text("theirs"), kit, "r.csv", "--rows-per-part", "7")
    lost(result, "part-00000.csv exists already: another run is writing to r.csv")
    assert part.read_text() == "theirs"


def test_a_finished_parquet_file_is_gone_on_with(kit: Path, photos: Path) -> None:
    assert as_typed(kit, "photos", "--out", "r.parquet").exit_code == 1
    before = pd.read_parquet("r.parquet")
    result = as_typed(kit, "photos", "--out", "r.parquet", "--resume")
    assert result.exit_code == 1
    assert "14 (14 of them earlier)" in " ".join(result.stdout.split())
    pd.testing.assert_frame_equal(pd.read_parquet("r.parquet"), before)
    (photos / "zz.jpg").write_bytes(jpeg(5))
    result = as_typed(kit, "photos", "--out", "r.parquet", "--resume")
    assert "15 (14 of them earlier)" in " ".join(result.stdout.split())
    assert len(pd.read_parquet("r.parquet")) == 15
    left = sorted(path.name for path in Path().iterdir())
    assert left == ["photos", "r.parquet", "r.parquet.meta.json"]


def test_train_does_not_replace_a_module_or_a_checkpoint(kit: Path, photos: Path) -> None:
    for name in ("m.safetensors", "m.ckpt"):
        Path(name).write_text("hours of work")
        line = ["train", "--data", "photos", "--out", "m.safetensors", "--steps", "1"]
        result = CliRunner().invoke(app, line)
        assert result.exit_code == 2
        assert f"{name} exists: use --resume to continue its training" in result.stderr
        assert Path(name).read_text() == "hours of work"
        Path(name).unlink()
