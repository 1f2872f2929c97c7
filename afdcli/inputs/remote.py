"""Pictures at URLs that fsspec opens (``s3://``, ``gs://``, ``https://``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from afdcli.codec.sniff import SNIFF_BYTES
from afdcli.errors import ErrorCode
from afdcli.inputs.found import Found, Skipped, Unreadable
from afdcli.inputs.kinds import Rule, is_hidden
from afdcli.inputs.members import check_size
from afdcli.storage.paths import file_system
from afdcli.storage.text import printable, reason_of

_AT_ONCE = 256  # files whose first bytes are read at the same time


@dataclass(frozen=True)
class Remote:
    """A file at a URL."""

    url: str

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        system, path = file_system(self.url)
        size = system.size(path)
        if size is not None:
            check_size(size, limit)
        data: bytes = system.cat_file(path)
        return data


def list_url(url: str, rule: Rule) -> Iterator[Found | Skipped]:
    """Yield the file at *url*, or all files below it, sorted; a failed row if that fails."""
    try:
        yield from _list(url, rule)
    except Exception as error:  # of any store that fsspec opens
        message = f"cannot be listed: {reason_of(error)}"
        if isinstance(error, FileNotFoundError):
            message = "no such file or folder"
        name = PurePosixPath(url).name
        yield Found(Path(name), printable(name), Unreadable(ErrorCode.UNREADABLE, message))


def _list(url: str, rule: Rule) -> Iterator[Found | Skipped]:
    system, top = file_system(url)
    if system.isfile(top) and not url.endswith("/"):  # a web server's folder listing is a file, too
        yield Found(Path(PurePosixPath(top).name), printable(PurePosixPath(top).name), Remote(url))
        return
    paths = sorted(map(str, system.find(top)))
    if not paths and not system.exists(top):
        raise FileNotFoundError(url)
    start = len(str(top).rstrip("/")) + 1
    remaining = iter(paths)
    while some := list(islice(remaining, _AT_ONCE)):
        unclear = [p for p in some if not (rule.named(p[start:]) or is_hidden(p[start:]))]
        heads = _heads(system, unclear if rule.opens else [])
        for path in some:
            name = path[start:]
            kind = rule.skips(name, partial(heads.__getitem__, path))
            if kind:
                yield Skipped(printable(name), kind)
            else:
                yield Found(Path(name), printable(name), Remote(f"{url.rstrip('/')}/{name}"))


def _heads(system: Any, paths: list[str]) -> dict[str, bytes]:
    """Path -> first bytes of the file; b"" if they cannot be read."""
    if not paths:
        return {}
    heads = system.cat_ranges(paths, 0, SNIFF_BYTES, on_error="return")
    return {p: h if isinstance(h, bytes) else b"" for p, h in zip(paths, heads, strict=True)}
