"""The worker pool: whatever a task does to its worker, only that task fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from kit.classify import afd, jpeg, table
from kit.pictures import encoded, frame_at, scene
from kit.pool_tasks import (
    Faulty,
    answer_at_length,
    die_at_start,
    die_once,
    fail_to_start,
    misbehave,
)

from afdcli.errors import AfdError, ErrorCode, PhotoError, UsageError
from afdcli.workers.pool import WorkerPool


def _codes(outcomes: list[tuple[tuple[int, str], tuple[int, int] | PhotoError]]) -> list[str]:
    return [str(r.code) if isinstance(r, PhotoError) else str(r[0]) for _, r in outcomes]


def test_results_come_in_order_from_several_processes() -> None:
    tasks = [(number, "work") for number in range(50)]
    with WorkerPool(2) as pool:
        outcomes = list(pool.ordered(misbehave, tasks, 10))
    assert [task for task, _ in outcomes] == tasks
    assert _codes(outcomes) == [str(number) for number in range(50)]
    workers = {r[1] for _, r in outcomes if not isinstance(r, PhotoError)}
    assert os.getpid() not in workers


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        ("die", ErrorCode.WORKER_CRASHED),
        ("exit", ErrorCode.WORKER_CRASHED),
        ("refuse", ErrorCode.CORRUPT),
        ("bug", ErrorCode.CORRUPT),
        ("eat", ErrorCode.OUT_OF_MEMORY),
    ],
)
def test_only_the_bad_task_fails(deed: str, code: ErrorCode) -> None:
    tasks = [(number, deed if number in (1, 2, 5) else "work") for number in range(8)]
    with WorkerPool(1, memory_limit=2**28) as pool:  # one worker: the others queue behind
        outcomes = list(pool.ordered(misbehave, tasks, 8))
    bad = str(code)
    assert _codes(outcomes) == ["0", bad, bad, "3", "4", bad, "6", "7"]


def test_a_hanging_task_is_killed_and_its_neighbours_are_not() -> None:
    tasks = [(number, "hang" if number == 1 else "work") for number in range(5)]
    with WorkerPool(1, timeout_s=1.5) as pool:
        outcomes = list(pool.ordered(misbehave, tasks, 5))
    assert _codes(outcomes) == ["0", "timeout", "2", "3", "4"]
    assert "1.5 s" in str(outcomes[1][1])


def test_messages_say_what_happened() -> None:
    tasks = [(0, "die"), (1, "exit"), (2, "bug"), (3, "refuse")]
    with WorkerPool(1) as pool:
        messages = [str(error) for _, error in pool.ordered(misbehave, tasks, 4)]
    assert messages == [
        "worker-crashed: its worker was killed by SIGKILL, twice",
        "worker-crashed: its worker ended with exit status 3, twice",
        "corrupt: unexpected KeyError: 'oops'",
        "corrupt: it is broken",
    ]


def test_an_error_that_is_not_about_one_photo_ends_the_run() -> None:
    with WorkerPool(1) as pool, pytest.raises(UsageError, match="wrong option"):
        list(pool.ordered(misbehave, [(0, "usage"), (1, "work")], 2))


def test_killed_at_random_moments_nothing_is_lost_or_mixed_up() -> None:
    with WorkerPool(2) as pool:
        done = threading.Event()
        kills = 0

        def kill() -> None:
            nonlocal kills
            while kills < 6 and not done.wait(0.1):
                for worker in [w for w in pool._supervisor._workers if w.ready][:1]:
                    os.kill(worker.process.pid or 0, signal.SIGKILL)
                    kills += 1

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            outcomes = list(pool.ordered(answer_at_length, range(100), 12))
        finally:
            done.set()
            killer.join()
    assert [number for number, _ in outcomes] == list(range(100))
    failed = [r for _, r in outcomes if isinstance(r, PhotoError)]
    assert all(r == answer_at_length(n) for n, r in outcomes if not isinstance(r, PhotoError))
    assert all(error.code is ErrorCode.WORKER_CRASHED for error in failed)
    assert kills >= 1
    assert len(failed) <= kills  # no kill costs two tasks


def test_tasks_are_read_lazily() -> None:
    read = 0

    def tasks() -> Iterator[tuple[int, str]]:
        nonlocal read
        for number in range(10**9):
            read += 1
            yield number, "work"

    with WorkerPool(2) as pool:
        results = pool.ordered(misbehave, tasks(), 6)
        for taken in range(1, 20):
            next(results)
            assert read <= taken + 6
        results.close()


def test_a_large_task_does_not_block() -> None:
    with WorkerPool(1) as pool:
        tasks = [(number, "x" * 2**20) for number in range(6)]
        assert _codes(list(pool.ordered(misbehave, tasks, 6))) == [str(n) for n in range(6)]


def test_leaving_the_pool_ends_hanging_workers_at_once() -> None:
    with WorkerPool(1, timeout_s=None) as pool:
        results = pool.ordered(misbehave, [(0, "work"), (1, "hang")], 2)
        _, first = next(results)
        started = time.monotonic()
    assert time.monotonic() - started < 3
    assert not isinstance(first, PhotoError)
    with pytest.raises(ProcessLookupError):
        os.kill(first[1], 0)


def test_workers_that_cannot_start_are_an_error_not_a_loop() -> None:
    for initializer, message in (
        (fail_to_start, "cannot start: RuntimeError: no such library"),
        (die_at_start, "cannot start: one ended with exit status 7"),
    ):
        with WorkerPool(2, initializer=initializer) as pool, pytest.raises(AfdError, match=message):
            list(pool.ordered(misbehave, [(0, "work")], 1))


def test_a_file_that_crashes_jpeglib_is_a_row(kit: Path, here: Path) -> None:
    """Without the gate, more components than jpeglib has buffers for kill its process."""
    data = encoded(scene(64, 64))
    at, count = frame_at(data), 10
    frame = data[at : at + 2] + (8 + 3 * count).to_bytes(2, "big") + data[at + 4 : at + 9]
    components = b"".join(bytes([n + 1, 0x11, 0]) for n in range(count))
    (here / "a.jpg").write_bytes(data)
    (here / "b.jpg").write_bytes(data[:at] + frame + bytes([count]) + components + data[at + 19 :])
    (here / "c.jpg").write_bytes(data)
    code = "import jpeglib; jpeglib.read_dct('b.jpg').Y"
    ungated = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert ungated.returncode == -signal.SIGSEGV
    assert afd(kit, ".").exit_code == 1
    assert table()["error"].fillna("").tolist() == ["", "unsupported", ""]


def test_a_task_whose_worker_died_is_tried_again_alone(tmp_path: Path) -> None:
    """Killing a worker once from outside fails no task."""
    flag = tmp_path / "killed"
    with WorkerPool(1) as pool:
        outcomes = [r for _, r in pool.ordered(die_once, [str(flag)] * 4, 4)]
    assert outcomes == ["fine"] * 4
    assert flag.exists()


def test_faulty_files_fail_only_their_own_rows(
    kit: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that kill, stop and bloat their worker, among good ones, through the command."""
    for n in range(12):
        (here / f"photo-{n:02d}.jpg").write_bytes(jpeg(n))
    afd(kit, ".", "--out", "good.csv")
    for n, deed in enumerate(("die", "hang", "bloat", "exit")):
        (here / f"{deed}-{n}.jpg").write_bytes(jpeg(n))
    monkeypatch.setattr("afdcli.classify.run.Prepare", Faulty)
    result = afd(kit, ".", "--timeout", "3", "--memory", "1024")
    assert result.exit_code == 1
    rows = table().set_index("path")
    assert rows["error"].dropna().to_dict() == {
        "bloat-2.jpg": "out-of-memory",
        "die-0.jpg": "worker-crashed",
        "exit-3.jpg": "worker-crashed",
        "hang-1.jpg": "timeout",
    }
    good = table(Path("good.csv")).set_index("path")
    pd.testing.assert_frame_equal(rows.loc[good.index], good, check_dtype=False)
