"""True classes for ``--labels``: from the names of the folders, or from a CSV file.

Three ways to name a class are understood: its name as the classifier gives it, its index in the
classifier's output, and, for ImageNet classifiers, its WordNet synset such as ``n01440764``.
"""

from __future__ import annotations

import csv
import os
import unicodedata
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from afdcli.errors import UsageError
from afdcli.inputs.class_finder import ClassFinder
from afdcli.inputs.found import Found
from afdcli.inputs.inputs import Inputs
from afdcli.inputs.remote import Remote
from afdcli.storage.text import printable

FOLDERS = "folders"
PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "name")
INDEX_COLUMNS = ("class_index", "index", "target")
NAME_COLUMNS = ("label", "class", "class_name", "synset")


class Labels(ABC):
    """The true class of each picture.

    Attributes:
        source: what was given to ``--labels``.
        unknown: how many pictures so far had a label that is no class of the classifier.
        missing: how many had none.
        example: one of the unknown labels.
    """

    def __init__(self, source: str, finder: ClassFinder) -> None:
        self.source = source
        self.unknown = 0
        self.missing = 0
        self.example = ""
        self._finder = finder

    @abstractmethod
    def lookup(self, found: Found) -> int | str | None:
        """Class index of *found*, a label that is no class, or None where there is no label."""

    def target(self, found: Found) -> int | None:
        """Class index of *found*, or None; counts the failures."""
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
        """One sentence on pictures left without a target, or ""."""
        parts = []
        if self.unknown:
            parts.append(
                f"{self.unknown} with a label that is no class of this classifier"
                f" (e.g. {self.example!r})"
            )
        if self.missing:
            parts.append(f"{self.missing} without a label")
        return f"--labels {self.source}: {' and '.join(parts)}" if parts else ""

    def prepare(self, inputs: Iterable[Found]) -> Iterator[Found]:
        """*inputs* as they are, once it is known what their labels depend on."""
        return iter(inputs)

    @abstractmethod
    def no_match(self, inputs: Sequence[Found]) -> UsageError:
        """The error for a run over *inputs*, none of which has a label that fits."""


class FolderLabels(Labels):
    """The name of the folder that a picture lies in is its class."""

    def __init__(self, finder: ClassFinder) -> None:
        super().__init__(FOLDERS, finder)

    def lookup(self, found: Found) -> int | str | None:
        """See `Labels`."""
        name = _folder(found)
        index = self._finder.find(name)
        return (name or None) if index is None else index

    def no_match(self, inputs: Sequence[Found]) -> UsageError:
        """See `Labels`."""
        return UsageError(
            "--labels folders: no folder is named like a class of this classifier"
            f" (e.g. {_folder(inputs[0])!r}); give --labels FILE.csv, or the right --backbone"
        )


class FileLabels(Labels):
    """A CSV file with a column of paths and a column of classes.

    A picture's label is the entry with its path (as in the results, or as given), or with the end
    of it, with or without the file's ending, for pictures that were converted; else the entry with
    its bare file name, if no other picture of the run has that name. Paths are compared in one
    Unicode form, NFC.

    Attributes:
        shared: how many pictures so far had a label by their bare name alone, but not that name
            alone.

    Raises:
        UsageError: the file cannot be read or lacks a column, or none of its labels is a class.
    """

    def __init__(self, file: Path, finder: ClassFinder) -> None:
        super().__init__(str(file), finder)
        self.shared = 0
        self._by_stem: dict[str, list[tuple[str, int | str]]] = defaultdict(list)
        self._pictures: Counter[str] = Counter()  # with a bare name of the file, or with its stem
        some: int | str | None = None
        for path, label in self._read(file):
            path = _plain(path)
            self._by_stem[_bare(_name(path))].append((path, label))
            if "/" not in path:
                self._pictures.update({path: 0, _bare(path): 0})
            some = label if not isinstance(some, int) else some
        if not isinstance(some, int):
            reason = "it has no rows" if some is None else f"e.g. {some!r}"
            raise UsageError(f"--labels {file}: no label is a class of this classifier ({reason})")

    def prepare(self, inputs: Iterable[Found]) -> Iterator[Found]:
        """*inputs*, all of them listed before the first whose bare name may not be its own.

        A picture at the top of its folder has no other name; so flat folders are not listed first.
        """
        if isinstance(inputs, Inputs):
            inputs.watch = self._count  # those of other shards, too
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
        for key in {name, _bare(name)} & self._pictures.keys():
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
        """The label of *found*; and whether only other pictures' names keep it from having one."""
        relative, full = _nfc(found.relative), _plain(str(found.path))
        name = _name(relative)
        entries = self._by_stem.get(_bare(name), [])
        ways: tuple[Callable[[str], bool], ...] = (
            lambda path: path in (relative, full),
            lambda path: _bare(path) in (_bare(relative), _bare(full)),
            lambda path: "/" in path and (_ends(path, relative) or _ends(full, path)),
            lambda path: (
                "/" in path
                and (_ends(_bare(path), _bare(relative)) or _ends(_bare(full), _bare(path)))
            ),
        )
        for same in ways:
            labels = {label for path, label in entries if same(path)}
            if labels:
                return (labels.pop() if len(labels) == 1 else None), False
        alone = [(path, label) for path, label in entries if "/" not in path]
        for key in (name, _bare(name)):
            labels = {label for path, label in alone if key in (path, _bare(path))}
            if labels:
                shared = self._pictures[key] > 1
                return (labels.pop() if len(labels) == 1 and not shared else None), shared
        return None, False

    def warning(self) -> str:
        """See `Labels`."""
        shared = (
            f"{self.shared} not labelled, for other pictures have the same file name: write paths "
            f"in {self.source}, relative to the input folder"
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
            f"--labels {self.source}: it has no label that fits any of the pictures"
            f" (e.g. {inputs[0].relative!r}); its paths must be relative to the input folder,"
            " or bare file names"
        )

    def _read(self, file: Path) -> Iterator[tuple[str, int | str]]:
        try:
            with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
                reader = csv.DictReader(lines)
                columns = {name.strip().lower(): name for name in reader.fieldnames or ()}
                path, label = self._columns(file, columns)
                index_first = label in INDEX_COLUMNS
                for row in reader:
                    text = (row[columns[label]] or "").strip()
                    if row[columns[path]] and text:
                        index = self._finder.find(text, index_first=index_first)
                        yield row[columns[path]], text if index is None else index
        except OSError as error:
            raise UsageError(f"--labels {file}: {error.strerror or error}") from error
        except csv.Error as error:
            raise UsageError(f"--labels {file} is no CSV file: {error}") from error

    @staticmethod
    def _columns(file: Path, columns: Mapping[str, str]) -> tuple[str, str]:
        path = next((name for name in PATH_COLUMNS if name in columns), None)
        label = next((name for name in (*INDEX_COLUMNS, *NAME_COLUMNS) if name in columns), None)
        if path is None or label is None:
            raise UsageError(
                f"--labels {file} needs a header with a column of paths"
                f" ({', '.join(PATH_COLUMNS)}) and one of classes"
                f" ({', '.join((*INDEX_COLUMNS, *NAME_COLUMNS))}); it has"
                f" {', '.join(columns) or 'none'}"
            )
        return path, label


def load_labels(source: str, class_names: Sequence[str]) -> Labels:
    """What ``--labels`` names: "folders" or the path of a CSV file."""
    finder = ClassFinder.of(class_names)
    return FolderLabels(finder) if source == FOLDERS else FileLabels(Path(source), finder)


def _plain(path: str) -> str:
    """*path* in the form of `Found.relative` and of Unicode's NFC.

    A file made on Windows has backslashes; one made on a Mac may have letters taken apart.
    """
    plain = str(PurePosixPath(path if "/" in path else path.replace("\\", "/")))
    return _nfc(printable(plain))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _bare(path: str) -> str:
    """*path* without the file's ending."""
    return os.path.splitext(path)[0]  # noqa: PTH122


def _ends(path: str, end: str) -> bool:
    """Whether *end* is *path*, or its last folders and file."""
    return f"/{path}".endswith(f"/{end}")


def _folder(found: Found) -> str:
    """The name of the folder that a picture lies in; "" where it lies in none."""
    if isinstance(found.source, Remote):
        url = PurePosixPath(unquote(urlsplit(found.source.url).path))
        return printable(url.parent.name)
    if found.source is not None:  # ARCHIVE/MEMBER: an archive is no folder
        folders = found.relative.split("/")[1:-1]
        return folders[-1] if folders else ""
    return printable(found.path.absolute().parent.name)
