"""The CSV file of ``--labels``: which of its columns hold the paths and the classes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from afdcli.errors import UsageError

PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "name")
INDEX_COLUMNS = ("class_index", "index", "target")
NAME_COLUMNS = ("label", "class", "class_name", "synset")


@contextmanager
def label_rows(file: Path) -> Iterator[tuple[csv.DictReader[str], str, str]]:
    """The rows of a label file, and the names of its columns of paths and of classes."""
    try:
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            reader = csv.DictReader(lines)
            columns = {name.strip().lower(): name for name in reader.fieldnames or ()}
            yield reader, *_path_and_label(file, columns)
    except OSError as error:
        raise UsageError(f"--labels {file}: {error.strerror or error}") from error
    except csv.Error as error:
        raise UsageError(f"--labels {file} is not a CSV file: {error}") from error


def _path_and_label(file: Path, columns: Mapping[str, str]) -> tuple[str, str]:
    path = next((name for name in PATH_COLUMNS if name in columns), None)
    label = next((name for name in (*INDEX_COLUMNS, *NAME_COLUMNS) if name in columns), None)
    if path is None or label is None:
        raise UsageError(
            f"--labels {file} needs a header with a column of paths"
            f" ({', '.join(PATH_COLUMNS)}) and a column of classes"
            f" ({', '.join((*INDEX_COLUMNS, *NAME_COLUMNS))}); it has"
            f" {', '.join(columns) or 'none'}"
        )
    return columns[path], columns[label]
