"""Imports of the worker processes, done once in the server that they are forked from."""

import os
import sys

# No tracebacks from the server and the workers: their parent reports what happened to them.
sys.excepthook = lambda *_: None

for _library in ("OPENBLAS", "OMP", "MKL"):  # numpy reads these when it is imported
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import jpeglib  # noqa: E402, F401
import PIL.Image  # noqa: E402, F401

from afdcli.workers import read_task  # noqa: E402, F401
