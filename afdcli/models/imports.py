"""Python of the user's own, for ``--import``: it may register models with timm."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path

from afdcli.errors import BackboneError


def import_source(source: str) -> None:
    """Run a Python file or import a dotted module, so that it may register models with timm.

    A file runs once per process. Its module gets a name of its own, so that a file called
    random.py replaces nothing.

    Raises:
        BackboneError: it does not exist, or fails while it is imported.
    """
    try:
        if source.endswith(".py"):
            _run(Path(source))
        else:
            importlib.import_module(source)
    except BackboneError:
        raise
    except (Exception, SystemExit) as error:  # a user's file may do anything; name the file
        reason = next(iter(str(error).strip().splitlines()), "")
        raise BackboneError(
            f"--import {source} failed with {type(error).__name__}: {reason}"
        ) from error


def _run(path: Path) -> None:
    if not path.is_file():
        raise BackboneError(f"--import {path}: no such file")
    path = path.resolve()
    name = f"_afd_import_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # timm's registry looks its caller up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
