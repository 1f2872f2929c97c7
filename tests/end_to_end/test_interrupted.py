"""Ctrl-C, other signals and closed pipes."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from kit.classify import LOADING, afd, process, table

from afdcli.cli.console import stop_politely
from afdcli.results import writers
from afdcli.results.rows import Row
from afdcli.results.writers import CsvSink
from afdcli.storage.uninterrupted import uninterrupted


def test_an_interrupted_run_keeps_its_rows(kit: Path, photos: Path) -> None:
    names = sorted((photos / "Stop_Sign").iterdir())
    with process(kit, "-", "--batch-size", "1", "--workers", "1") as run:
        assert run.stdin is not None
        run.stdin.write(b"\n".join(os.fsencode(name) for name in names) + b"\n")
        run.stdin.flush()  # and stays open: the run waits for more
        while run.poll() is None and not (Path("results.csv").exists() and len(table()) >= 2):
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        _, stderr = run.communicate()
    rows = table()
    assert stderr.decode() == (
        f"{LOADING}afd: interrupted; {len(rows)} rows are in results.csv;"
        " to continue, run the same command with --resume\n"
    )
    assert run.returncode == 130
    assert list(rows["path"]) == [f"photos/Stop_Sign/{path.name}" for path in names[: len(rows)]]
    meta = json.loads(Path("results.csv.meta.json").read_text())
    assert meta["status"] == "interrupted"
    assert meta["counts"]["rows"] == len(rows)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_interrupt_too(number: int) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # whatever this process ignores
    try:
        with pytest.raises(KeyboardInterrupt), stop_politely():
            signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


class Interrupted(CsvSink):
    """Ctrl-C between the rows and their count: when the rows from the fourth on are written."""

    def write(self, rows: Sequence[Row]) -> None:
        super().write(rows)
        if any("03" in row.path for row in rows):
            signal.raise_signal(signal.SIGINT)


def test_interrupted_between_writing_and_counting(
    kit: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(writers._SINKS, ".csv", Interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = afd(kit, "photos", "--batch-size", "2")
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130
    rows = len(table())
    assert 2 <= rows < 14
    assert f"afd: interrupted; {rows} rows are in results.csv" in result.stderr
    assert json.loads(Path("results.csv.meta.json").read_text())["counts"]["rows"] == rows


def test_the_second_ctrl_c_does_not_wait() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done = []
        with pytest.raises(KeyboardInterrupt), uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append(1)
            signal.raise_signal(signal.SIGINT)
            done.append(2)
        assert done == [1]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_ignored_signals_stay_ignored_and_a_closed_pipe_leaves_no_traceback(
    kit: Path, photos: Path
) -> None:
    """``nohup afd … | true``, and ``afd … &`` in a script, whose shell ignores SIGINT.

    Nor does shared memory leak, of which a warning would tell.
    """
    ignored = (signal.SIGHUP, signal.SIGINT)
    with process(kit, "-", "--batch-size", "1", ignored=ignored) as run:
        assert run.stdin is not None and run.stdout is not None and run.stderr is not None
        run.stdout.close()
        run.stdin.write(b"photos/red/01.jpg\n" * 8)
        run.stdin.flush()
        while run.poll() is None and not (Path("results.csv").exists() and len(table()) >= 1):
            time.sleep(0.05)
        for number in ignored:
            run.send_signal(number)
        run.stdin.write(b"photos/red/03.jpg\n")
        run.stdin.close()
        assert run.stderr.read() == LOADING.encode()
    assert run.returncode == 0
    assert len(table()) == 9
