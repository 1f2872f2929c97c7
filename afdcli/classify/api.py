"""The classifier as a Python object, for notebooks and for engines such as Spark, Dask and Ray."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afdcli.classify.pictures import Picture, has_file, is_one, source_of
from afdcli.classify.session import Setup, set_up
from afdcli.classify.settings import Settings
from afdcli.codec.read import Limits
from afdcli.errors import AfdError, ErrorCode, PhotoError, UsageError
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
        self._lock = threading.RLock()

    def __call__(
        self, images: Picture | Iterable[Picture], names: Sequence[str] | None = None
    ) -> list[dict[str, Cell]]:
        """Classify *images*: one picture, or several of any kinds.

        A picture is a path (str or Path), the bytes of a file, a uint8 array (height, width, 3) RGB
        or (height, width) grey, or a PIL image. Files are best: arrays and PIL images have lost
        their file's coefficients, and those of their pixels serve instead. Threads may call at
        the same time; they wait for each other.

        Args:
            names: what stands in the column ``path``; by default the path, or the number.

        Returns:
            One row per picture, in order, with the columns of `afd classify`. Pictures that cannot
            be read are rows, too, with status "failed".

        Raises:
            AfdError: the classifier cannot be loaded; see `afdcli.errors`.
            ValueError: there are not as many names as pictures.
        """
        several: Iterable[Any] = [images] if is_one(images) else images  # type: ignore[assignment]
        if isinstance(names, str):
            names = [names]
        with self._lock:
            setup, forward = self._load()
            try:
                rows = self._rows(setup, forward, several, names)
            except BaseException:
                # Pictures of this call must not get into the next one.
                self._ready = setup, forward.fresh()
                raise
        return [setup.columns.flatten(row) for row in rows]

    def _rows(
        self, setup: Setup, forward: Cascade, images: Iterable[Any], names: Sequence[str] | None
    ) -> list[Row]:
        rows: list[Row] = []
        open_: list[int] = []  # numbers of the rows whose pictures are in the batch
        for number, image in enumerate(images):
            if names is not None and number >= len(names):
                raise ValueError(f"there are {len(names)} names, and more pictures")
            default = str(image) if isinstance(image, str | Path) else str(number)
            name = default if names is None else names[number]
            rows.append(self._read(setup, forward, image, Row(name)))
            if rows[-1].status != FAILED:
                open_.append(number)
            if forward.batch.full:
                self._answer(setup, forward, rows, open_)
        if names is not None and len(names) != len(rows):
            raise ValueError(f"there are {len(names)} names for {len(rows)} pictures")
        self._answer(setup, forward, rows, open_, last=True)
        return rows

    def frame(
        self, images: Picture | Iterable[Picture], names: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """The same as a DataFrame; a missing number is <NA>, a missing text ""."""
        import pandas as pd

        rows, types = self(images, names), self._load()[0].columns.types
        kinds = {name: _DTYPES[kind] for name, kind in types.items()}
        table: pd.DataFrame = pd.DataFrame(rows, columns=list(types)).astype(kinds)
        return table

    def _load(self) -> tuple[Setup, Cascade]:
        with self._lock:
            if self._ready is None:
                setup = set_up(self._settings)
                self._ready = setup, setup.forward()
            return self._ready

    @staticmethod
    def _read(setup: Setup, forward: Cascade, image: object, row: Row) -> Row:
        limits = Limits(max_pixels=setup.settings.max_pixels)
        try:
            view, facts = prepared(source_of(image), setup.spec, limits, setup.settings.strict)
        except PhotoError as error:
            failure = error
        except AfdError:
            raise
        except MemoryError:
            failure = PhotoError(ErrorCode.OUT_OF_MEMORY, "not enough memory to read it")
        except Exception as error:  # as a worker of `afd classify` does
            message = f"unexpected {type(error).__name__}: {error}"
            failure = PhotoError(ErrorCode.CORRUPT, message)
        else:
            forward.batch.add(view)
            return replace(row, **asdict(facts if has_file(image) else replace(facts, codec="")))
        return replace(row, status=FAILED, error=str(failure.code), note=failure.message)

    @staticmethod
    def _answer(
        setup: Setup, forward: Cascade, rows: list[Row], open_: list[int], last: bool = False
    ) -> None:
        def done(number: int, answer: ImageResult) -> None:
            rows[number] = setup.answered(rows[number], answer)

        forward([partial(done, number) for number in open_], last)
        open_.clear()

    def __getstate__(self) -> Settings:
        return self._settings

    def __setstate__(self, settings: Settings) -> None:
        self._settings, self._ready, self._lock = settings, None, threading.RLock()
