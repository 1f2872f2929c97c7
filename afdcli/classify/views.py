"""Views of pictures as tensors, for custom training loops around `afdcli.plug`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import torch
from torch.utils.data import Dataset

from afdcli.classify.pictures import Picture, source_of
from afdcli.codec.limits import Limits
from afdcli.errors import PhotoError
from afdcli.models.plug import ViewTensors
from afdcli.view.spec import ViewSpec
from afdcli.workers.read_task import prepared


def read_view(picture: Picture, spec: ViewSpec, *, strict: bool = False) -> ViewTensors:
    """Read one picture and build its view: the tensors without the leading axis.

    Args:
        picture: as for `afdcli.Classifier`.
        spec: `PluggedModel.spec`.
        strict: damaged files are errors, too.

    Raises:
        PhotoError: the picture cannot be used.
    """
    try:
        view, _ = prepared(source_of(picture), spec, Limits(), strict)
    except PhotoError as error:
        if not isinstance(picture, str | Path):
            raise
        raise PhotoError(error.code, f"{picture}: {error.message}") from error
    arrays = view.pixels, view.grid, view.file_context
    return ViewTensors(*(torch.tensor(array) for array in arrays))


class ViewDataset(Dataset[ViewTensors]):
    """The views of *pictures*, for `torch.utils.data.DataLoader`, whose batches are `ViewTensors`.

    ``torch.utils.data.StackDataset(views, targets)`` adds targets.

    Args:
        pictures: paths, bytes, arrays or PIL images, as for `afdcli.Classifier`. Paths are best:
            with ``num_workers`` they are read in processes side by side.
        spec: `PluggedModel.spec`.
        unreadable: "raise" ends the loop with a `PhotoError` (from a worker process torch makes it
            a RuntimeError). "nan" gives a black view, for which a `PluggedModel` returns NaN.
    """

    def __init__(
        self,
        pictures: Iterable[Picture],
        spec: ViewSpec,
        unreadable: Literal["raise", "nan"] = "raise",
    ) -> None:
        if unreadable not in ("raise", "nan"):
            raise ValueError(f"unreadable is {unreadable!r}: choose raise or nan")
        self.pictures, self.spec, self.unreadable = list(pictures), spec, unreadable

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> ViewTensors:
        try:
            return read_view(self.pictures[index], self.spec)
        except PhotoError:
            if self.unreadable == "raise":
                raise
        shapes = [shape for shape, _ in self.spec.arrays]
        pixels, grid, context = map(torch.zeros, shapes)
        return ViewTensors(pixels.byte(), grid.half(), context.fill_(torch.nan))
