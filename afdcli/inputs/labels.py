"""True classes for ``--labels``: from the names of folders, or from a CSV file.

How a class may be written: `afdcli.inputs.class_finder`.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from afdcli.errors import UsageError
from afdcli.inputs.class_finder import ClassFinder
from afdcli.inputs.found import Found
from afdcli.inputs.inputs import Inputs
from afdcli.inputs.label_file import INDEX_COLUMNS, label_rows
from afdcli.inputs.remote import Remote
from afdcli.storage.text import printable

FOLDERS = "folders"


class Labels:
    """The true class of each picture: the name of its folder.

    Attributes:
        source: the value of ``--labels``.
        unknown: number of pictures so far whose label is not a class of the classifier.
        missing: number of pictures so far without a label.
        example: one of the unknown labels, "" if there is none.
    """

    def __init__(self, source: str, finder: ClassFinder) -> None:
        self.source = source
        self.unknown = 0
        self.missing = 0
        self.example = ""
        self._finder = finder

    def lookup(self, found: Found) -> int | str | None:
        """Class index of *found*; its label if that is not a class; None without a label."""
        name = _folder_name(found)
        index = self._finder.find(name)
        return (name or None) if index is None else index

    def target(self, found: Found) -> int | None:
        """Class index of *found*, or None; counts unknown and missing labels."""
        label = self.lookup(found)
        if isinstance(label, int):
            return label
        if label is None:
            self.missing += 1
        else:
            self.unknown += 1
            self.example = self.example or label
        return None

    def warning(self) -> str:
        """One line about pictures without a target; "" if all have one."""
        parts = []
        if self.unknown:
            parts.append(
                f"{self.unknown} with a label that is not a class of this classifier"
                f" (e.g. {self.example!r})"
            )
        if self.missing:
            parts.append(f"{self.missing} without a label")
        return f"--labels {self.source}: {' and '.join(parts)}" if parts else ""

    def prepare(self, inputs: Iterable[Found]) -> Iterator[Found]:
        """Return *inputs* unchanged, after reading as many of them as the labels depend on."""
        return iter(inputs)

    def no_match(self, inputs: Sequence[Found]) -> UsageError:
        """The error for a run in which none of *inputs* has a usable label."""
        return UsageError(
            "--labels folders: no folder has the name of a class of this classifier"
            f" (e.g. {_folder_name(inputs[0])!r}); give --labels FILE.csv, or the right --backbone"
        )


class FileLabels(Labels):
    """A CSV file with a column of paths and a column of classes.

    An entry matches a picture if it is the picture's path (as in the results, or as given) or the
    end of it. If none matches, file suffixes are ignored, because the pictures may have been
    converted. Last, an entry that is a bare file name matches, if no other picture of the run has
    that name. Paths are compared in Unicode form NFC.

    Attributes:
        shared: number of pictures so far that only a bare file name matches, and that share this
            name with other pictures. They get no label.

    Raises:
        UsageError: the file cannot be read or lacks a column, or none of its labels is a class.
    """

    def __init__(self, file: Path, finder: ClassFinder) -> None:
        super().__init__(str(file), finder)
        self.shared = 0
        self._by_stem: dict[str, list[tuple[str, int | str]]] = defaultdict(list)
        # Pictures per bare name in the file, with and without suffix.
        self._pictures: Counter[str] = Counter()
        some: int | str | None = None
        for path, label in self._read(file):
            path = _normalised(path)
            self._by_stem[_stem(_name(path))].append((path, label))
            if "/" not in path:
                self._pictures.update({path: 0, _stem(path): 0})
            some = label if not isinstance(some, int) else some
        if not isinstance(some, int):
            reason = "it has no rows" if some is None else f"e.g. {some!r}"
            raise UsageError(f"--labels {file}: no label is a class of this classifier ({reason})")

    def prepare(self, inputs: Iterable[Found]) -> Iterator[Found]:
        """*inputs*; all are listed first if a bare file name may belong to several.

        Names are unique within a folder, so flat folders are not listed first. Compressed archives
        are listed twice: what is unpacked of them would have to be kept until its turn.
        """
        if self._pictures and isinstance(inputs, Inputs) and inputs.unpacks:
            names = inputs.again()
            if names is not None:
                for found in names:
                    self._count(found)
                yield from inputs
                return
        if isinstance(inputs, Inputs):
            inputs.watch = self._count  # counts pictures of other shards, too
            counted: Iterator[Found] = iter(inputs)
        else:
            counted = self._counted(inputs)
        for found in counted:
            rest = list(counted) if self._pictures and "/" in found.relative else []
            yield found
            yield from rest

    def _counted(self, inputs: Iterable[Found]) -> Iterator[Found]:
        for found in inputs:
            self._count(found)
            yield found

    def _count(self, found: Found) -> None:
        name = _name(_nfc(found.relative))
        for key in {name, _stem(name)} & self._pictures.keys():
            self._pictures[key] += 1

    def lookup(self, found: Found) -> int | str | None:
        """See `Labels`."""
        return self._match(found)[0]

    def target(self, found: Found) -> int | None:
        """See `Labels`."""
        if self._match(found)[1]:
            self.shared += 1
            return None
        return super().target(found)

    def _match(self, found: Found) -> tuple[int | str | None, bool]:
        """The label of *found*, and whether only a shared file name is why it has none."""
        relative, full = _nfc(found.relative), _normalised(str(found.path))
        name = _name(relative)
        entries = self._by_stem.get(_stem(name), [])
        for whole in (True, False):
            for form in (str, _stem):
                names = form(relative), form(full)
                labels = {label for path, label in entries if _matches(form(path), *names, whole)}
                if labels:
                    return (labels.pop() if len(labels) == 1 else None), False
        alone = [(path, label) for path, label in entries if "/" not in path]
        for key in (name, _stem(name)):
            labels = {label for path, label in alone if key in (path, _stem(path))}
            if labels:
                shared = self._pictures[key] > 1
                return (labels.pop() if len(labels) == 1 and not shared else None), shared
        return None, False

    def warning(self) -> str:
        """See `Labels`."""
        shared = (
            f"{self.shared} not labelled, because other pictures have the same file name: write "
            f"paths in {self.source} relative to the input folder"
        )
        return "; ".join(filter(None, (super().warning(), shared if self.shared else "")))

    def no_match(self, inputs: Sequence[Found]) -> UsageError:
        """See `Labels`."""
        shared = next((found for found in inputs if self._match(found)[1]), None)
        if shared is not None:
            return UsageError(
                f"--labels {self.source}: {_name(shared.relative)!r} is the name of several "
                "pictures; its paths must be relative to the input folder"
            )
        return UsageError(
            f"--labels {self.source}: no label matches any of the pictures"
            f" (e.g. {inputs[0].relative!r}); its paths must be relative to the input folder,"
            " or bare file names"
        )

    def _read(self, file: Path) -> Iterator[tuple[str, int | str]]:
        with label_rows(file) as (reader, path, label):
            index_first = label.strip().lower() in INDEX_COLUMNS
            for row in reader:
                text = (row[label] or "").strip()
                if row[path] and text:
                    index = self._finder.find(text, index_first=index_first)
                    yield row[path], text if index is None else index


def check_labels(source: str) -> None:
    """Check the header of a file for ``--labels``, which needs no classifier.

    Raises:
        UsageError: it cannot be read, or lacks a column.
    """
    if source != FOLDERS:
        with label_rows(Path(source)):
            pass


def load_labels(source: str, class_names: Sequence[str]) -> Labels:
    """The labels for a value of ``--labels``.

    Args:
        source: "folders" or the path of a CSV file.
        class_names: of the classifier, one per output.

    Raises:
        UsageError: see `FileLabels`.
    """
    finder = ClassFinder.of(class_names)
    return Labels(source, finder) if source == FOLDERS else FileLabels(Path(source), finder)


def _normalised(path: str) -> str:
    """*path* in the form of `Found.relative`, and in Unicode form NFC.

    Files made on Windows have backslashes; files made on macOS may have decomposed letters.
    """
    plain = str(PurePosixPath(path if "/" in path else path.replace("\\", "/")))
    return _nfc(printable(plain))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    """*path* without the file's suffix."""
    return os.path.splitext(path)[0]  # noqa: PTH122


def _matches(path: str, relative: str, full: str, whole: bool) -> bool:
    """Whether *path* is one of the others; else, unless *whole*, the end of one or the reverse."""
    if whole:
        return path in (relative, full)
    ends = f"/{path}".endswith(f"/{relative}") or f"/{full}".endswith(f"/{path}")
    return "/" in path and ends


def _folder_name(found: Found) -> str:
    """The name of the folder that contains a picture; "" if there is none."""
    if isinstance(found.source, Remote):
        url = PurePosixPath(unquote(urlsplit(found.source.url).path))
        return printable(url.parent.name)
    if found.source is not None:  # ARCHIVE/MEMBER: the archive does not count as a folder
        folders = found.relative.split("/")[1:-1]
        return folders[-1] if folders else ""
    return printable(found.path.absolute().parent.name)
