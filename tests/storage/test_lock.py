"""The lock of an output: one process at a time, released when its process ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from afdcli.errors import UsageError
from afdcli.storage.lock import lock_path, locked
from afdcli.storage.paths import Place, Url

HOLDER = """
import sys, time
from afdcli.storage.lock import locked
from afdcli.storage.paths import place
with locked(place(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def holder(out: Place) -> subprocess.Popen[str]:
    """A process that holds the lock of *out*."""
    line = [sys.executable, "-c", HOLDER, str(out)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


@pytest.mark.parametrize("out", [Path("new/folder/r.csv"), Url("s3://test-of-locks/r.csv")])
def test_one_process_holds_the_lock_until_it_ends(here: Path, out: Place) -> None:
    with holder(out) as other:
        with pytest.raises(UsageError) as refusal, locked(out):
            pass
        message = str(refusal.value)
        assert (
            f"another run writes to {out} (process {other.pid} on {os.uname().nodename}" in message
        )
        assert ", since 20" in message
        other.kill()
    assert lock_path(out).exists()  # kill -9 leaves the file, not the lock
    with locked(out):
        pass
    assert not lock_path(out).exists()


def test_two_names_of_one_file_share_a_lock(here: Path) -> None:
    Path("deep").mkdir()
    Path("link.csv").symlink_to("deep/r.csv")
    with locked(Path("deep/r.csv")):
        for name in ("deep/../deep/r.csv", "link.csv", str(here / "deep/r.csv")):
            with pytest.raises(UsageError, match="another run"), locked(Path(name)):
                pass
        with locked(Path("deep/s.csv")):
            pass
    assert list(Path("deep").iterdir()) == []


def test_a_folder_made_for_the_lock_is_removed(here: Path) -> None:
    with pytest.raises(KeyError), locked(Path("a/b/r.csv")):
        raise KeyError
    assert list(here.iterdir()) == []
    with locked(Path("a/b/r.csv")):
        Path("a/b/r.csv").touch()
    assert [path.name for path in Path("a/b").iterdir()] == ["r.csv"]


def test_the_longest_name_can_be_locked(here: Path) -> None:
    out = Path("x" * 251 + ".csv")
    with locked(out), pytest.raises(UsageError, match="another run"), locked(out):
        pass


def test_a_broken_lock_file_is_no_obstacle(here: Path) -> None:
    for content in (b"", b"\xff{", b"[]", b'{"pid": 1}'):
        lock_path(Path("r.csv")).write_bytes(content)
        with locked(Path("r.csv")):
            lock_path(Path("r.csv")).write_bytes(content)
            with pytest.raises(UsageError, match="started just now"), locked(Path("r.csv")):
                pass
