"""Endless fuzzing of the codec with atheris; optional, pytest does not collect it.

    pip install atheris
    python tests/codec/fuzz_with_atheris.py CORPUS [-max_total_time=600]

Any exception but a `PhotoError` is a find; so is a crash of the process, and a slow input
(``-timeout=10``). The seeded fuzz tests that always run are in test_fuzz.py.
"""

from __future__ import annotations

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["afdcli.codec"]):
    from afdcli.codec.limits import Limits
    from afdcli.codec.read import read_photo
    from afdcli.errors import PhotoError

LIMITS = Limits(max_pixels=1 << 22)


def one(data: bytes) -> None:
    """Read *data* as a file, leniently and strictly."""
    for salvage in (False, True):
        with contextlib.suppress(PhotoError):
            read_photo(data, LIMITS, salvage=salvage)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
