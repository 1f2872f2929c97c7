"""Shared memory between workers and the classifier: workers find it, none is left over."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kit.pictures import encoded, scene

from afdcli.errors import MachineError
from afdcli.view import batch
from afdcli.view.batch import Address, Slots, slot_size
from afdcli.view.spec import ViewSpec

SPEC = ViewSpec(16, 24)


def write(address: Address, slot: int, value: int) -> None:
    """Runs in another process."""
    view = address.view(slot)
    view.pixels[:] = view.grid[:] = view.file_context[:] = value


def test_other_processes_write_into_the_slots() -> None:
    for value in (3, 4):  # the second run may get the same path
        with Slots(SPEC, 4) as slots:
            spawn = multiprocessing.get_context("spawn")
            process = spawn.Process(target=write, args=(slots.address, 2, value))
            process.start()
            process.join(60)
            assert process.exitcode == 0
            assert (slots.read(2).pixels == value).all() and (slots.read(1).grid == 0).all()


def test_one_process_may_make_several_runs() -> None:
    for value in (3, 4):
        with Slots(SPEC, 4) as slots:
            write(slots.address, 2, value)
            assert (slots.read(2).file_context == value).all()


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no memory without a name here")
def test_the_memory_has_no_name() -> None:
    with Slots(SPEC, 4) as slots:
        assert Path(slots.address.path).readlink().name.startswith("memfd:")
        path = slots.address.path
    assert not Path(path).exists()


def test_without_proc_a_temporary_file_is_used_and_removed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(batch.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(batch.os, "access", lambda *_: False)
    with Slots(SPEC, 4) as slots:
        assert len(list(tmp_path.iterdir())) == 1
        write(slots.address, 1, 5)
        assert (slots.read(1).pixels == 5).all()
    assert list(tmp_path.iterdir()) == []


def test_no_memory_and_no_folder_is_one_line_and_exit_code_3(monkeypatch) -> None:
    def refuse() -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(batch, "open_memory_file", refuse)
    with pytest.raises(MachineError, match="No space left") as caught:
        Slots(SPEC, 4)
    assert caught.value.exit_code == 3


def test_slots_make_do_with_little_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    room = 5 * slot_size(SPEC)

    def reserve(_file: int, _start: int, size: int) -> None:
        if size > room:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(batch.os, "posix_fallocate", reserve)
    with Slots(SPEC, 16) as slots:
        assert slots.count == 4
        slots.address.view(3).grid[:] = 3
        assert (slots.read(3).grid == 3).all()
        assert (slots.read(2).pixels == 0).all()
    room = slot_size(SPEC)
    with pytest.raises(MachineError, match="no room"):
        Slots(SPEC, 16)


def test_a_killed_reader_leaves_nothing(tmp_path) -> None:
    """Killed repeatedly while reading: neither the RAM disk nor the temporary folder grows."""
    (tmp_path / "a.jpg").write_bytes(encoded(scene(512, 512)))
    empty = tmp_path / "empty"
    empty.mkdir()
    code = (
        "import sys; from pathlib import Path; from afdcli.codec.read import read_photo\n"
        "from afdcli.view.batch import Slots\nfrom afdcli.view.spec import ViewSpec\n"
        "slots = Slots(ViewSpec(224, 224), 4); print('ready', flush=True)\n"
        "while True: read_photo(Path(sys.argv[1]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "a.jpg")],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(empty)},
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    time.sleep(0.3)
    before = {path.name for path in Path("/dev/shm").glob(f"*{process.pid}*")}
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    process.stdout.close()
    assert list(empty.iterdir()) == [] and not before
    assert not list(Path("/dev/shm").glob("afd-*"))
