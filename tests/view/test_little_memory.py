"""Slots in little shared memory."""

from __future__ import annotations

import pytest

from afdcli.errors import MachineError
from afdcli.view import batch as batches
from afdcli.view.batch import Slots, slot_size
from afdcli.view.spec import ViewSpec

SPEC = ViewSpec(16, 16)


def test_slots_make_do_with_little_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    room = 5 * slot_size(SPEC)

    def reserve(_file: int, _start: int, size: int) -> None:
        if size > room:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(batches.os, "posix_fallocate", reserve)
    with Slots(SPEC, 16) as slots:
        assert slots.count == 4
        slots.address.view(3).grid[:] = 3
        assert (slots.read(3).grid == 3).all()
        assert (slots.read(2).pixels == 0).all()
    room = slot_size(SPEC)
    with pytest.raises(MachineError, match="no room"):
        Slots(SPEC, 16)
