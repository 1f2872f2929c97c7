"""Resume a classify run that was interrupted or killed at any moment.

Rows are written in input order, so the number of complete rows is the number of inputs done. Bytes
after the last complete row are an unfinished write, and are removed.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from afdcli.errors import ResultsError, UsageError
from afdcli.inputs.found import Found
from afdcli.inputs.labels import Labels
from afdcli.results.metadata import metadata_path
from afdcli.results.rows import Columns, Row
from afdcli.results.summary import Summary
from afdcli.results.writers import JsonlSink, journal
from afdcli.storage.folders import Folder
from afdcli.storage.paths import Place, read_text, trouble
from afdcli.storage.text import restore

#: Metadata and options that must be equal in both runs.
_FACTS = ("backbone", "afd", "columns", "topk", "device", "runtime", "precision", "batch_size")
_OPTIONS = (
    *("labels", "resize", "near", "max_pixels", "class_names", "strict", "icc", "shard"),
    *("limit", "sample", "seed", "min_prob", "embeddings"),
)
#: Options that decide these metadata; others have the name of their option.
_SET_BY = {
    "backbone": "--backbone and --checkpoint",
    "columns": "--topk, --labels, --compare, --min-prob and --exif",
}


def earlier_metadata(out: Place) -> dict[str, Any]:
    """Read the metadata of the run that wrote *out*.

    Raises:
        UsageError: they are missing or unreadable.
    """
    path = metadata_path(out)
    try:
        facts: dict[str, Any] = json.loads(read_text(path))
        _identity(facts)  # fails if anything that it needs is missing
    except (OSError, ResultsError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(
            f"--resume: {path}, the metadata of {out}, is missing or unreadable"
            f" ({type(error).__name__}); start again with --overwrite, or give another --out"
        ) from error
    return facts


def check_same_run(out: Place, facts: dict[str, Any]) -> None:
    """Check that *facts*, the metadata of this run, match those of the run that wrote *out*.

    Raises:
        UsageError: they differ, or the metadata of *out* are missing or unreadable.
    """
    before = _identity(earlier_metadata(out))
    now = _identity(json.loads(json.dumps(facts)))
    # An older version may not have recorded all that this one does.
    for name in (name for name in now if name in before and before[name] != now[name]):
        if difference := _difference(name, before[name], now[name]):
            option = _SET_BY.get(name, f"--{name.removeprefix('--').replace('_', '-')}")
            raise UsageError(
                f"--resume: {out} was made {difference}; give the same {option}, or another --out"
            )


def _difference(name: str, before: Any, now: Any) -> str:
    """What differs between two values of the metadata; "" if nothing that both recorded does."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in (key for key in now if key in before and before[key] != now[key]):
            return f"with {name} {key} {before[key]}, this run has {now[key]}"
        return ""
    if isinstance(before, list) and isinstance(now, list):
        more = ", ".join(str(value) for value in before if value not in now)
        fewer = ", ".join(str(value) for value in now if value not in before)
        parts = (f"with {name} {more}" if more else "", f"without {name} {fewer}" if fewer else "")
        return " and ".join(filter(None, parts))
    return f"with {name} {_named(before)}, this run has {_named(now)}"


def _named(value: Any) -> str:
    return "a module" if isinstance(value, dict) else "none" if value is None else str(value)


def take_over(
    out: Path, columns: Columns, inputs: Iterator[Found], labels: Labels | None, summary: Summary
) -> int:
    """Add the rows of an earlier run to *summary*, and skip their inputs in *inputs*.

    Returns:
        Size in bytes of the complete rows in the journal of *out*, see
        `afdcli.results.writers.journal`.

    Raises:
        UsageError: the inputs are not those of the earlier run.
    """
    kept = 0
    for row, end in _complete_rows(journal(out), columns, out):
        _skip_input(row, out, inputs, labels, summary)
        kept = end
    summary.resumed = summary.rows
    return kept


def take_over_parts(
    folder: Folder,
    columns: Columns,
    inputs: Iterator[Found],
    labels: Labels | None,
    summary: Summary,
) -> None:
    """Like `take_over`, for the rows of all parts in *folder*.

    Raises:
        UsageError: the inputs are not those of the earlier run, or a part cannot be read.
    """
    for name in folder.parts():
        with folder.opened(name) as file:
            for row in _part_rows(file, columns, folder.place):
                _skip_input(row, folder.place, inputs, labels, summary)
    summary.resumed = summary.rows


def _skip_input(
    row: Row, out: Place, inputs: Iterator[Found], labels: Labels | None, summary: Summary
) -> None:
    """Add a row of the earlier run to *summary*, and skip its input."""
    found = next(inputs, None)
    if found is None or found.relative != row.path:
        now = "there are no more inputs" if found is None else f"the input is {found.relative}"
        raise UsageError(
            f"--resume: row {summary.rows + 1} of {out} is {row.path}, but now {now};"
            " the inputs have changed, so start again with --overwrite"
        )
    if labels is not None:
        labels.target(found)  # counts those without a label
    summary.add(row)


def reopen(out: Path, columns: Columns) -> None:
    """Recreate the journal of the finished Parquet file *out*, so that rows can be appended.

    Raises:
        UsageError: *out* cannot be read.
        ResultsError: the journal cannot be written.
    """
    new = out.with_name(out.name + ".new")  # a kill must not leave a partial journal
    with JsonlSink(new, columns) as lines:
        for row in _part_rows(out, columns, out):
            lines.write([row])
    with trouble("write", out):
        new.replace(journal(out))


def _part_rows(file: Path, columns: Columns, out: Place) -> Iterator[Row]:
    """Read the rows of a finished part or file."""
    try:
        if file.suffix == ".parquet":
            yield from _parquet_rows(file, columns)
        else:
            yield from (row for row, _ in _complete_rows(file, columns, out))
    except (OSError, ValueError, KeyError) as error:  # of pyarrow, csv and json
        raise UsageError(
            f"--resume: {out}: {file.name} is not readable ({error}); start again with --overwrite"
        ) from error


def _parquet_rows(file: Path, columns: Columns) -> Iterator[Row]:
    from pyarrow import parquet

    with parquet.ParquetFile(file) as table:
        for batch in table.iter_batches():
            for record in batch.to_pylist():
                yield columns.restore(record)


def _identity(facts: dict[str, Any]) -> dict[str, Any]:
    """The part of the metadata that must be equal for a run to be resumed."""
    module = facts["afd"] and {k: v for k, v in facts["afd"].items() if k != "path"}
    found = {name: facts[name] for name in _FACTS} | {"afd": module}
    options = facts["options"]
    return found | {f"--{name}": options[name] for name in _OPTIONS if name in options}


def _complete_rows(path: Path, columns: Columns, out: Place) -> Iterator[tuple[Row, int]]:
    """Complete rows, each with the offset of its end in bytes.

    Raises:
        UsageError: afd did not write one of them.
    """
    try:
        yield from _parsed_rows(path, columns, out)
    except (ValueError, LookupError, TypeError, csv.Error) as error:
        raise UsageError(
            f"--resume: {out} has a row that afd did not write ({error}); start again with"
            " --overwrite, or give another --out"
        ) from error


def _parsed_rows(path: Path, columns: Columns, out: Place) -> Iterator[tuple[Row, int]]:
    """As `_complete_rows`, with the errors of csv and json."""
    is_csv = out.suffix.lower() == ".csv"
    records = _records(path, quoted=is_csv)
    if not is_csv:
        for record, end in records:
            yield columns.restore(json.loads(record)), end
        return
    header = next(records, None)
    if header is None:
        return
    names = next(csv.reader([header[0].decode()]))
    if names != columns.names:
        raise UsageError(f"--resume: {out} has other columns; give another --out")
    for record, end in records:
        cells = next(csv.reader([record.decode()], lineterminator="\n"))
        yield columns.restore(dict(zip(names, map(restore, cells), strict=True))), end


def _records(path: Path, quoted: bool) -> Iterator[tuple[bytes, int]]:
    """Complete records, each with the offset of its end; a quoted cell may hold line breaks."""
    record, end = b"", 0
    with path.open("rb") as file:
        for line in file:
            record += line
            if not line.endswith(b"\n") or (quoted and record.count(b'"') % 2):
                continue
            end += len(record)
            yield record, end
            record = b""
