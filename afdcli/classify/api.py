"""The classifier as a Python object, for notebooks and for engines such as Spark, Dask and Ray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afdcli.classify.session import Setup, set_up
from afdcli.classify.settings import Settings
from afdcli.codec.read import Limits
from afdcli.errors import PhotoError, UsageError
from afdcli.inference.cascade import Cascade
from afdcli.inference.predictor import ImageResult
from afdcli.results.rows import FAILED, Cell, Row
from afdcli.workers.read_task import prepared

if TYPE_CHECKING:
    import pandas as pd

#: What of `Settings` is about files and processes, which this has not.
_ELSEWHERE = (
    *("out", "labels", "workers", "timeout", "memory", "resume", "shard"),
    *("engine", "actors", "actor_gpus"),
)
_DTYPES = {str: "string", int: "Int64", float: "Float64", bool: "boolean"}  # of pandas


class Classifier:
    """A frozen classifier with its AFD module: pictures in, rows out.

    Pickles as its options, and loads the networks at the first call, once per process. Pictures are
    read in this process, one by one: a file made to kill its reader kills it, and there is no time
    limit. `afd classify` has neither weakness.

    Args:
        backbone: as ``--backbone``.
        options: the other options of ``afd classify`` by their names in `Settings`, e.g.
            ``afd="off"``, ``compare=True``, ``topk=5``.

    Raises:
        UsageError: no such option.
    """

    def __init__(self, backbone: str = Settings.backbone, **options: Any) -> None:
        known = {f.name for f in fields(Settings)} - {"backbone", *_ELSEWHERE}
        if unknown := set(options) - known:
            names = ", ".join(sorted(unknown))
            raise UsageError(f"Classifier has no option {names}; it has {', '.join(sorted(known))}")
        self._settings = Settings(backbone=backbone, **options)
        self._settings.check()
        self._ready: tuple[Setup, Cascade] | None = None

    def __call__(
        self, images: Sequence[bytes | str | Path], names: Sequence[str] | None = None
    ) -> list[dict[str, Cell]]:
        """Classify *images*, each a path or the bytes of a file.

        Args:
            names: what stands in the column ``path``; by default the path, or the number.

        Returns:
            One row per picture, in order, with the columns of `afd classify`. Pictures that cannot
            be read are rows, too, with status "failed".

        Raises:
            AfdError: the classifier cannot be loaded; see `afdcli.errors`.
        """
        setup, forward = self._load()
        if names is None:
            names = [str(n if isinstance(i, bytes) else i) for n, i in enumerate(images)]
        rows: list[Row] = []
        open_: list[int] = []  # numbers of the rows whose pictures are in the batch
        for image, name in zip(images, names, strict=True):
            rows.append(self._read(setup, forward, image, Row(name)))
            if rows[-1].status != FAILED:
                open_.append(len(rows) - 1)
            if forward.batch.full:
                self._answer(setup, forward, rows, open_)
        self._answer(setup, forward, rows, open_, last=True)
        return [setup.columns.flatten(row) for row in rows]

    def frame(
        self, images: Sequence[bytes | str | Path], names: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """The same as a DataFrame; a missing number is <NA>, a missing text ""."""
        import pandas as pd

        rows, types = self(images, names), self._load()[0].columns.types
        kinds = {name: _DTYPES[kind] for name, kind in types.items()}
        table: pd.DataFrame = pd.DataFrame(rows, columns=list(types)).astype(kinds)
        return table

    def _load(self) -> tuple[Setup, Cascade]:
        if self._ready is None:
            setup = set_up(self._settings)
            self._ready = setup, setup.forward()
        return self._ready

    @staticmethod
    def _read(setup: Setup, forward: Cascade, image: bytes | str | Path, row: Row) -> Row:
        source = image if isinstance(image, bytes) else Path(image)
        limits = Limits(max_pixels=setup.settings.max_pixels)
        try:
            view, facts = prepared(source, setup.spec, limits, setup.settings.strict)
        except PhotoError as error:
            return replace(row, status=FAILED, error=str(error.code), note=error.message)
        forward.batch.add(view)
        return replace(row, **asdict(facts))

    @staticmethod
    def _answer(
        setup: Setup, forward: Cascade, rows: list[Row], open_: list[int], last: bool = False
    ) -> None:
        def done(number: int, answer: ImageResult) -> None:
            rows[number] = setup.answered(rows[number], answer)

        forward([partial(done, number) for number in open_], last)
        open_.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {"_settings": self._settings, "_ready": None}
