"""Results belong to one run at a time, and nothing is replaced unasked."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from kit.classify import jpeg, of_kit, process, table
from typer.testing import CliRunner, Result

from afdcli import read_results
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


@contextmanager
def going_on(kit: Path, out: str, *more: str) -> Iterator[None]:
    """A run to *out* that has begun to write and waits for more inputs; it ends with 8 rows."""
    run = process(kit, "-", "--batch-size", "1", "--workers", "1", "--out", out, *more)
    with run:
        assert run.stdin is not None
        run.stdin.write(b"photos/red/01.jpg\n" * 8)
        run.stdin.flush()
        file = journal(Path(out))
        while run.poll() is None and not (
            file.is_dir() or (file.exists() and file.read_bytes().count(b"\n") >= 2)
        ):
            time.sleep(0.05)
        yield
        _, said = run.communicate()
    global code, stderr
    code, stderr = run.returncode, said.decode()


code, stderr = 0, ""


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


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_second_run_is_told_who_holds_the_results(kit: Path, photos: Path, ending: str) -> None:
    out = f"r{ending}"
    with going_on(kit, out):
        for more in ("--overwrite", "--resume", "--quiet"):
            result = as_typed(kit, "photos", "--out", f"./{out}", more)
            assert result.exit_code == 2
            assert f"another run writes to {out} (process " in result.stderr
            assert result.stderr.count("\n") == 1
    assert (code, stderr) == (0, "")
    assert len(read_results(Path(out))) == 8
    assert not list(Path().glob(".*.lock"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "how"), [(".csv", "deleted"), (".jsonl", "renamed"), (".parquet", "replaced")]
)
def test_results_that_vanish_are_an_error(kit: Path, photos: Path, ending: str, how: str) -> None:
    out = f"r{ending}"
    with going_on(kit, out):
        path = journal(Path(out))
        if how != "deleted":
            shutil.copy(path, "copy")
        path.rename("moved") if how == "renamed" else path.unlink()
        if how == "replaced":
            Path("copy").rename(path)
    assert code not in (0, 1)
    assert f"{path} was deleted, renamed or replaced" in " ".join(stderr.split())
    assert "Traceback" not in stderr
    assert json.loads(Path(f"{out}.meta.json").read_text())["status"] == "failed"


@pytest.mark.slow
def test_parts_that_vanish_are_an_error(kit: Path, photos: Path) -> None:
    with going_on(kit, "r.csv", "--rows-per-part", "1"):
        while not Path("r.csv/part-00000.csv").exists():
            time.sleep(0.05)
        Path("r.csv/part-00000.csv").unlink()
    assert code not in (0, 1)
    assert "r.csv/part-00000.csv was deleted" in " ".join(stderr.split())
    with going_on(kit, "s.csv", "--rows-per-part", "9"):
        while not list(Path("s.csv").glob(".part-*")):  # else no row is lost yet
            time.sleep(0.05)
        shutil.rmtree("s.csv")
    assert code not in (0, 1)
    assert "Traceback" not in stderr


@pytest.mark.slow
def test_a_part_of_another_run_is_not_replaced(kit: Path, photos: Path) -> None:
    """As two machines write behind one URL, where no lock reaches."""
    with going_on(kit, "r.csv", "--rows-per-part", "7"):
        Path("r.csv/part-00000.csv").write_text("theirs")
    assert code not in (0, 1)
    assert "part-00000.csv exists already: another run is writing to r.csv" in " ".join(
        stderr.split()
    )
    assert Path("r.csv/part-00000.csv").read_text() == "theirs"


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
