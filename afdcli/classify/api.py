"""The Python `Classifier`, for notebooks and for engines such as Spark, Dask and Ray."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from afdcli.classify.options import Options, settings_of
from afdcli.classify.pictures import Picture, has_file, is_one, source_of
from afdcli.classify.settings import Settings
from afdcli.classify.setup import Setup, set_up
from afdcli.codec.limits import Limits
from afdcli.constants import FAILED
from afdcli.errors import AfdError, ErrorCode, PhotoError
from afdcli.inference.cascade import Cascade
from afdcli.inference.predictor import ImageResult
from afdcli.results.rows import Row
from afdcli.workers.read_task import prepared

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import Unpack

_DTYPES = {str: "string", int: "Int64", float: "Float64", bool: "boolean"}  # of pandas


class Classifier:
    """A frozen classifier with its AFD module: pictures in, rows out.

    Only the options are pickled; the networks are loaded at the first call, once per process.
    Pictures are read in this process, one by one and without a time limit: a malicious file can
    crash or block it. ``afd classify`` reads files in worker processes instead.

    Args:
        backbone: name of the classifier, as for ``--backbone``.
        options: other options of ``afd classify``, see `Options`, such as ``afd="off"``,
            ``compare=True`` or ``topk=5``.

    Raises:
        UsageError: there is no such option, or a value is not allowed.
    """

    def __init__(self, backbone: str = Settings.backbone, **options: Unpack[Options]) -> None:
        self._settings = settings_of(backbone, options)
        self._loaded: tuple[Setup, Cascade] | None = None
        self._lock = threading.RLock()

    def __call__(
        self, images: Picture | Iterable[Picture], names: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """Classify *images*: one picture, or several of any types.

        A picture is a path (str or Path), the bytes of a file, a uint8 array of shape
        (height, width, 3) in RGB or (height, width) in grey, or a PIL image. Files are best: arrays
        and PIL images have lost their DCT coefficients. These are then computed from the pixels,
        as for a PNG, and the column ``quality`` is empty.
        Several threads may call; their calls run one after another.

        Args:
            images: one picture, or an iterable of pictures.
            names: values of the column ``path``, one per picture; by default the path, or the
                picture's index if it has none.

        Returns:
            One row per picture, in order: cells (str, int, float, bool or None) by the column names
            of ``afd classify``. A picture that cannot be read gets a row with status "failed".

        Raises:
            AfdError: the classifier cannot be loaded; see `afdcli.errors`.
            ValueError: the number of names differs from the number of pictures.
        """
        several: Iterable[Any] = [images] if is_one(images) else images  # type: ignore[assignment]
        if isinstance(names, str):
            names = [names]
        with self._lock:
            setup, cascade = self._load()
            try:
                rows = self._rows(setup, cascade, several, names)
            except BaseException:
                # Pictures of this call must not get into the next one.
                self._loaded = setup, cascade.fresh()
                raise
        return [setup.columns.flatten(row) for row in rows]

    def _rows(
        self, setup: Setup, cascade: Cascade, images: Iterable[Any], names: Sequence[str] | None
    ) -> list[Row]:
        rows: list[Row] = []
        in_batch: list[int] = []  # indices of the rows whose pictures are in the batch
        for number, image in enumerate(images):
            if names is not None and number >= len(names):
                raise ValueError(f"there are only {len(names)} names for more pictures")
            default = str(image) if isinstance(image, str | Path) else str(number)
            name = default if names is None else names[number]
            rows.append(self._read(setup, cascade, image, Row(name)))
            if rows[-1].status != FAILED:
                in_batch.append(number)
            if cascade.batch.full:
                self._predict(setup, cascade, rows, in_batch)
        if names is not None and len(names) != len(rows):
            raise ValueError(f"there are {len(names)} names for {len(rows)} pictures")
        self._predict(setup, cascade, rows, in_batch, last=True)
        return rows

    def frame(
        self, images: Picture | Iterable[Picture], names: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Classify *images* into a DataFrame, see `__call__`; a missing number is <NA>."""
        import pandas as pd

        rows, types = self(images, names), self._load()[0].columns.types
        kinds = {name: _DTYPES[kind] for name, kind in types.items()}
        table: pd.DataFrame = pd.DataFrame(rows, columns=list(types)).astype(kinds)
        return table

    def _load(self) -> tuple[Setup, Cascade]:
        with self._lock:
            if self._loaded is None:
                setup = set_up(self._settings)
                self._loaded = setup, setup.cascade()
            return self._loaded

    @staticmethod
    def _read(setup: Setup, cascade: Cascade, image: object, row: Row) -> Row:
        limits = Limits(max_pixels=setup.settings.max_pixels)
        try:
            settings = setup.settings
            view, facts = prepared(
                source_of(image), setup.spec, limits, settings.strict, settings.exif
            )
        except PhotoError as error:
            failure = error
        except AfdError:
            raise
        except MemoryError:
            failure = PhotoError(ErrorCode.OUT_OF_MEMORY, "not enough memory to read it")
        except Exception as error:  # as the workers of `afd classify` do
            failure = PhotoError.unexpected(error)
        else:
            cascade.batch.add(view)
            return replace(row, **asdict(facts if has_file(image) else replace(facts, codec="")))
        return row.failed(failure)

    @staticmethod
    def _predict(
        setup: Setup, cascade: Cascade, rows: list[Row], in_batch: list[int], last: bool = False
    ) -> None:
        def complete(number: int, result: ImageResult) -> None:
            rows[number] = setup.with_result(rows[number], result)

        cascade([partial(complete, number) for number in in_batch], last)
        in_batch.clear()

    def __getstate__(self) -> Settings:
        return self._settings

    def __setstate__(self, settings: Settings) -> None:
        self._settings, self._loaded, self._lock = settings, None, threading.RLock()
