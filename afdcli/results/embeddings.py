"""Embeddings beside the results: one row of features per result row, in the same order.

``.npy`` is appended to while the run goes on. Its header has a fixed length and is written again
after each batch, so ``numpy.load(file, mmap_mode="r")`` reads it at any time. ``.parquet`` (columns
path and embedding) is made at the end, from a ``.npy`` called ``NAME.parquet.part``.

Embeddings are written before their rows. After ``kill -9`` they may be longer than the results, and
``--resume`` cuts them to the same length.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afdcli.errors import ResultsError, UsageError
from afdcli.results.rows import Row
from afdcli.results.stream import ROW_GROUP, stream_results
from afdcli.results.writers import Sink, journal
from afdcli.storage.paths import Place, trouble
from afdcli.storage.writable import check_file, write_at

SUFFIXES = (".npy", ".parquet")
DTYPES = ("float32", "float16")
_HEADER = 128  # bytes, a multiple of 64 as numpy wants it


def check_embeddings(
    out: Path, results: Place, dtype: str, others: Iterable[Path | None] = ()
) -> None:
    """Check, before slow work, that embeddings can be written to *out*.

    Args:
        others: files that *out* must not replace.

    Raises:
        UsageError: they cannot.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--embeddings {out}: the name must end in {' or '.join(SUFFIXES)}")
    if out.suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UsageError(
            f"--embeddings {out}: Parquet needs pip install 'afdcli[parquet]'; or choose .npy"
        )
    if dtype not in DTYPES:
        raise UsageError(f"--embeddings-dtype {dtype}: choose {' or '.join(DTYPES)}")
    if isinstance(results, Path) and out.absolute() == results.absolute():
        raise UsageError(f"--embeddings {out}: give another file than --out")
    check_file(out, "--embeddings", others)


class Embeddings:
    """The file of embeddings of one run.

    Args:
        out: ends in .npy or .parquet.
        results: the results file, whose paths go into Parquet.
        width: D, the number of features.
        dtype: "float32" or "float16".
        keep: rows of an earlier run to keep; 0 starts anew.

    Raises:
        UsageError: the earlier run left fewer rows, or others.
        ResultsError: the disk fails; any method may raise it.
    """

    def __init__(
        self, out: Path, results: Place, width: int, dtype: str = "float32", keep: int = 0
    ) -> None:
        self.out, self._results = out, results
        self._dtype, self._width = np.dtype(dtype).newbyteorder("<"), width
        self._rows = keep
        path = journal(out)
        with trouble("write", out):
            out.parent.mkdir(parents=True, exist_ok=True)
            if keep:
                self._take_over(path)
            elif path != out:
                out.unlink(missing_ok=True)  # no old rows beside a new journal
            self._file = path.open("r+b" if keep else "w+b", buffering=0)
            self._file.truncate(self._end)
            self._write_header()

    def append(self, rows: Sequence[Row]) -> None:
        """Write the features of *rows*; NaN for a row without, which failed."""
        block = np.full((len(rows), self._width), np.nan, self._dtype)
        with np.errstate(over="ignore"):
            for place, row in zip(block, rows, strict=True):
                if row.features is not None:
                    place[:] = row.features
        with trouble("write", self.out):
            write_at(self._file.fileno(), block.tobytes(), self._end)
            self._rows += len(rows)
            self._write_header()

    def close(self, finished: bool) -> None:
        """Close the file. Parquet is made of a *finished* run only; else its journal stays."""
        if self._file.closed:
            return
        with trouble("write", self.out):
            self._file.close()
            if not finished or self.out.suffix.lower() != ".parquet":
                return
            new = self.out.with_name(self.out.name + ".new")
            self._to_parquet(new)
            new.replace(self.out)
            journal(self.out).unlink()

    @property
    def _end(self) -> int:
        """Offset behind the last row."""
        return _HEADER + self._rows * self._width * int(self._dtype.itemsize)

    def _write_header(self) -> None:
        shape = (self._rows, self._width)
        header = io.BytesIO()  # of one length: numpy leaves room for more rows
        np.lib.format.write_array_header_1_0(
            header, {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        )
        write_at(self._file.fileno(), header.getvalue(), 0)

    def _take_over(self, path: Path) -> None:
        """Check what an earlier run left at *path*."""
        if path != self.out and not path.is_file() and self.out.is_file():
            self._from_parquet(path)
        try:
            with path.open("rb") as file:
                np.lib.format.read_magic(file)
                shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                start = file.tell()
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--resume: the embeddings {path} are missing or damaged; start again with"
                " --overwrite"
            ) from error
        size = path.stat().st_size
        if (start, dtype, shape[1:]) != (_HEADER, self._dtype, (self._width,)) or size < self._end:
            raise UsageError(
                f"--resume: the embeddings {path} have shape {shape} and type {dtype}, but the"
                f" results need ({self._rows}, {self._width}) and {self._dtype}; start again with"
                " --overwrite"
            )

    def _from_parquet(self, path: Path) -> None:
        """Make the journal *path* again of a finished Parquet file."""
        from pyarrow import parquet

        new = path.with_name(path.name + ".new")
        try:
            with new.open("wb", buffering=0) as file, parquet.ParquetFile(self.out) as table:
                file.write(bytes(_HEADER))
                for batch in table.iter_batches(ROW_GROUP, columns=["embedding"]):
                    values = batch.column("embedding").flatten().to_numpy(zero_copy_only=False)
                    file.write(values.astype(self._dtype).tobytes())
                self._file = file
                self._write_header()
        except (ValueError, KeyError) as error:  # of pyarrow
            raise UsageError(
                f"--resume: the embeddings {self.out} are not readable ({error}); start again with"
                " --overwrite"
            ) from error
        new.replace(path)

    def _to_parquet(self, new: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        number = pa.from_numpy_dtype(self._dtype)
        kind = pa.list_(number, self._width)
        schema = pa.schema([("path", pa.string()), ("embedding", kind)])
        paths = (row["path"] for row in stream_results(self._results))
        with parquet.ParquetWriter(new, schema) as writer:
            for block in self._blocks():
                names = list(islice(paths, len(block)))
                if len(names) < len(block):
                    raise ResultsError(f"{self._results}: rows were removed during the run")
                values = pa.array(block.reshape(-1), number)
                lists = pa.FixedSizeListArray.from_arrays(values, self._width)
                writer.write_table(pa.table([names, lists], schema=schema))
        if next(paths, None) is not None:
            raise ResultsError(f"{self._results}: rows were added during the run")

    def _blocks(self) -> Iterator[NDArray[np.floating]]:
        """The rows of the journal, some at a time."""
        size = self._width * self._dtype.itemsize
        at_once = max(1, min(ROW_GROUP, (64 << 20) // size))
        with journal(self.out).open("rb") as file:
            file.seek(_HEADER)
            while data := file.read(at_once * size):
                yield np.frombuffer(data, self._dtype).reshape(-1, self._width)


class EmbeddingSink(Sink):
    """Writes results to *sink* and their features to *embeddings*."""

    def __init__(self, sink: Sink, embeddings: Embeddings) -> None:
        super().__init__(sink.columns)
        self._sink, self._embeddings = sink, embeddings

    def write(self, rows: Sequence[Row]) -> None:
        """See `Sink`."""
        self._embeddings.append(rows)
        self._sink.write(rows)

    def close(self, finished: bool = True) -> None:
        """See `Sink`."""
        try:
            self._sink.close(finished)
        except BaseException:
            self._embeddings.close(finished=False)
            raise
        self._embeddings.close(finished)

    def release(self) -> None:
        """See `Sink`."""
        self._sink.release()
