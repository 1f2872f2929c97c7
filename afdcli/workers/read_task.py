"""What a worker process does: read one file and fill one slot. Must not import torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from afdcli.codec.exif import Exif
from afdcli.codec.header import Header, read_header
from afdcli.codec.limits import Limits
from afdcli.codec.read import read_photo
from afdcli.constants import DAMAGED, OK
from afdcli.errors import ErrorCode, PhotoError
from afdcli.inputs.archives import read_source
from afdcli.inputs.found import Source
from afdcli.view.batch import Address
from afdcli.view.build import build_view
from afdcli.view.resize import reduction
from afdcli.view.spec import View, ViewSpec


@dataclass(frozen=True)
class Task:
    """One picture to read.

    Attributes:
        path: of the file.
        slot: number of the slot that the view goes into.
        source: where the bytes are, if they are not the file at *path*.
    """

    path: Path
    slot: int
    source: Source | None = None


@dataclass(frozen=True)
class ReadResult:
    """Columns of the results for a picture that could be read, see `afdcli.results.rows.Row`."""

    status: str
    codec: str
    width: int
    height: int
    quality: float | None
    note: str
    exif_time: str = ""
    exif_latitude: float | None = None
    exif_longitude: float | None = None


@dataclass(frozen=True)
class Prepare:
    """The function that workers run, as a picklable callable.

    Attributes:
        address: of the slots.
        spec: geometry of the classifier's input.
        limits: on the size of files and pictures.
        strict: whether damaged files fail.
        exif: whether the columns of ``--exif`` are read.
    """

    address: Address
    spec: ViewSpec
    limits: Limits
    strict: bool = False
    exif: bool = False

    def __call__(self, task: Task) -> ReadResult:
        """Read the file of *task* and write its view into its slot.

        Raises:
            PhotoError: the picture cannot be used.
        """
        where: Path | bytes = task.path
        if task.source is not None:
            where = read_source(task.source, self.limits.max_bytes)
        view = self.address.view(task.slot)
        return prepared(where, self.spec, self.limits, self.strict, self.exif, view)[1]


@dataclass(frozen=True)
class ReadHeader:
    """As `Prepare`, but reads only what the file's header says.

    Attributes:
        limits: on the size of files and pictures.
    """

    limits: Limits

    def __call__(self, task: Task) -> Header:
        """Read the header of the file of *task*.

        Raises:
            PhotoError: it has none that can be used.
        """
        if task.source is None:
            return read_header(task.path, self.limits)
        return read_header(read_source(task.source, self.limits.max_bytes), self.limits)


def prepared(
    source: Path | bytes,
    spec: ViewSpec,
    limits: Limits,
    strict: bool,
    exif: bool = False,
    into: View | None = None,
) -> tuple[View, ReadResult]:
    """Read one picture and build its view, in the arrays of *into* if they are given.

    Raises:
        PhotoError: the picture cannot be used; with *strict* also CORRUPT if it is damaged.
    """
    reduce = partial(reduction, spec=spec)
    salvage = not strict
    photo = read_photo(source, limits, salvage=salvage, icc=spec.icc, exif=exif, reduce=reduce)
    if photo.damage and strict:
        raise PhotoError(ErrorCode.CORRUPT, photo.damage)
    status = DAMAGED if photo.damage else OK
    notes = "; ".join(photo.notes)
    facts = ReadResult(
        *(status, photo.codec, photo.width, photo.height, photo.quality, notes),
        **asdict(photo.exif or Exif()),
    )
    return build_view(photo, spec, into), facts
