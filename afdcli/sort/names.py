"""Names of folders made from text that may be anything: labels.

What a file system or Windows does not take, or what leads elsewhere, is percent-encoded as in URLs:
``AC/DC`` becomes ``AC%2FDC``. So different labels get different folders.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable

UNSURE = "unsure"
_SEPARATORS = '/\\:*?"<>|'
#: Windows takes these for devices, whatever their suffix
#: (https://learn.microsoft.com/windows/win32/fileio/naming-a-file).
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)
_ESCAPE = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_LONGEST = 200  # bytes; file systems take 255, and a clash adds a number


def safe_name(text: str) -> str:
    """*text* as the name of a folder; it stays in the folder it is put into.

    Names above `_LONGEST` bytes are cut and end in a hash.
    """
    name = _ESCAPE.sub("%25", text)
    name = "".join(c if c.isprintable() and c not in _SEPARATORS else _percent(c) for c in name)
    if name[:1] in (".", " ") or _DEVICE.match(name):
        name = _percent(name[0]) + name[1:]
    if name[-1:] in (".", " "):
        name = name[:-1] + _percent(name[-1])
    if len(name.encode()) <= _LONGEST:
        return name or "%"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{name.encode()[: _LONGEST - 11].decode(errors='ignore')}~{digest}"


def class_folder(label: str) -> str:
    """The folder of a label; `UNSURE` is kept for pictures that are unsure."""
    if label.casefold() == UNSURE:
        return _percent(label[0]) + label[1:]
    return safe_name(label)


def free_name(name: str, taken: Callable[[str], bool]) -> str:
    """*name*, or with a number before its suffix if it is *taken*: ``photo-2.jpg``.

    A search by halves: thousands of pictures may have the same name.
    """
    if not taken(name):
        return name
    low, high = 1, 2  # low is taken
    while taken(_numbered(name, high)):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if taken(_numbered(name, middle)):
            low = middle
        else:
            high = middle
    return _numbered(name, high)


def _numbered(name: str, number: int) -> str:
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    end = os.fsencode(f"-{number}{suffix}")
    return os.fsdecode(os.fsencode(stem)[: 255 - len(end)] + end)


def _percent(character: str) -> str:
    data = character.encode("utf-8", "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in data)
