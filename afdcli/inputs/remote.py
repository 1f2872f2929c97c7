"""Pictures behind URLs that fsspec opens (``s3://``, ``gs://``, ``https://``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from afdcli.codec.sniff import SNIFF_BYTES
from afdcli.errors import ErrorCode
from afdcli.inputs.found import Found, Lost, Skipped
from afdcli.inputs.kinds import Rule, is_hidden
from afdcli.inputs.members import check_size
from afdcli.storage.paths import file_system
from afdcli.storage.text import printable

_AT_ONCE = 256  # files that are looked into at the same time


@dataclass(frozen=True)
class Remote:
    """A file behind a URL."""

    url: str

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        system, path = file_system(self.url)
        size = system.size(path)
        if size is not None:
            check_size(size, limit)
        data: bytes = system.cat_file(path)
        return data


def check_url(url: str) -> None:
    """See that *url* can be opened. Raises UsageError."""
    file_system(url)


def behind(url: str, rule: Rule) -> Iterator[Found | Skipped]:
    """The file at *url*, or all files below it, sorted; where that fails a row for *url*."""
    try:
        yield from _behind(url, rule)
    except Exception as error:  # of every store that fsspec knows
        reason = " ".join(str(error).split()) or type(error).__name__
        message = f"cannot be listed: {reason}"
        if isinstance(error, FileNotFoundError):
            message = "no such file or folder"
        name = PurePosixPath(url).name
        yield Found(Path(name), printable(name), Lost(ErrorCode.UNREADABLE, message))


def _behind(url: str, rule: Rule) -> Iterator[Found | Skipped]:
    system, top = file_system(url)
    if system.isfile(top) and not url.endswith("/"):  # a web server's list of a folder is a file
        yield Found(Path(PurePosixPath(top).name), printable(PurePosixPath(top).name), Remote(url))
        return
    paths = sorted(map(str, system.find(top)))
    if not paths and not system.exists(top):
        raise FileNotFoundError(url)
    start = len(str(top).rstrip("/")) + 1
    remaining = iter(paths)
    while some := list(islice(remaining, _AT_ONCE)):
        heads = _heads(system, [p for p in some if _is_open(rule, p[start:])])
        for path in some:
            name = path[start:]
            kind = rule.skips(name, partial(heads.__getitem__, path))
            if kind:
                yield Skipped(printable(name), kind)
            else:
                yield Found(Path(name), printable(name), Remote(f"{url.rstrip('/')}/{name}"))


def _is_open(rule: Rule, name: str) -> bool:
    return rule.opens and not rule.named(name) and not is_hidden(name)


def _heads(system: Any, paths: list[str]) -> dict[str, bytes]:
    """The first bytes of each file that gives them."""
    if not paths:
        return {}
    heads = system.cat_ranges(paths, 0, SNIFF_BYTES, on_error="return")
    return {p: h if isinstance(h, bytes) else b"" for p, h in zip(paths, heads, strict=True)}
