"""`afd degrade`, and what it leaves."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from PIL import Image

from afdcli.codec.read import read_photo
from kit import command

HEADER = (
    "source,output,status,error,codec,qf,subsampling,width,height,bytes_before,bytes_after,note\n"
)


def afd(*arguments: Any, code: int = 0, stdin: bytes | None = None) -> Any:
    result = command.afd("degrade", "--workers", "1", *arguments, stdin=stdin)
    assert result.exit_code == code, result.output
    return result


def rows(folder: Path) -> list[dict[str, str]]:
    text = (folder / "manifest.csv").read_bytes().decode()
    assert text.startswith(HEADER)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def quality(data: bytes) -> float | None:
    return read_photo(data).quality


def luma_table(data: bytes) -> list[int]:
    return Image.open(io.BytesIO(data)).quantization[0]  # type: ignore[attr-defined, no-any-return]
