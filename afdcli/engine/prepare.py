"""What runs inside a worker process: one file in, one filled slot out. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from afdcli.codec.reader import Limits, read_photo
from afdcli.engine.batches import Address
from afdcli.view.look import look
from afdcli.view.spec import ViewSpec


@dataclass(frozen=True)
class Task:
    """One picture to prepare.

    Attributes:
        path: the file.
        slot: where the view goes.
    """

    path: Path
    slot: int


@dataclass(frozen=True)
class Facts:
    """What the results say about a picture that could be read; see `afdcli.engine.rows.Row`."""

    codec: str
    width: int
    height: int
    quality: float | None
    note: str


@dataclass(frozen=True)
class Prepare:
    """The function that workers run: a picklable callable.

    Attributes:
        address: of the slots.
        spec: what the classifier looks at.
        limits: of the codec.
    """

    address: Address
    spec: ViewSpec
    limits: Limits

    def __call__(self, task: Task) -> Facts:
        """Read the file of *task* and write its view into the slot.

        Raises:
            PhotoError: the file is no usable picture.
        """
        photo = read_photo(task.path, self.limits)
        self.address.write(task.slot, look(photo, self.spec))
        return Facts(photo.codec, photo.width, photo.height, photo.quality, "; ".join(photo.notes))
