"""Whatever happens ends in one line and the right exit code."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
from kit.command import afd, one_line

from afdcli.errors import MachineError, ResultsError, UsageError
from afdcli.models import catalogue


def caused(error: Exception, cause: OSError) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("--x: no"), 2, "afd: --x: no\n"),
        (MachineError("no shared memory"), 3, "no shared memory; run with --debug"),
        (OSError(errno.ENOSPC, "No space left", "a.csv"), 3, "no space is left on the disk: a.csv"),
        (OSError(errno.EMFILE, "Too many open files"), 3, "ulimit -n"),
        (
            caused(ResultsError("cannot write a.csv"), OSError(errno.EDQUOT, "")),
            3,
            "cannot write a.csv; run with --debug",
        ),
        (caused(ResultsError("cannot write"), OSError(errno.EACCES, "")), 2, "cannot write\n"),
        (FileNotFoundError(2, "No usable temporary directory found in ['/tmp']"), 3, "TMPDIR"),
        (PermissionError(13, "Permission denied", "b"), 3, "Permission denied: b; run with"),
        (MemoryError(), 3, "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), 3, "out of memory"),
        (ImportError("libx.so: failed to map segment"), 3, "package cannot be loaded: libx.so"),
        (KeyError("a\nb"), 3, "unexpected KeyError, 'a\\nb'; run with --debug"),
        (
            ValueError('Caught ValueError in worker\nOriginal Traceback:\n  File "x"\nwrong'),
            3,
            "unexpected ValueError, wrong; run",
        ),
        (RecursionError("too\ndeep"), 3, "unexpected RecursionError, too; run"),
    ],
)
def test_every_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, message: str
) -> None:
    def fail(search: str) -> None:
        raise error

    monkeypatch.setattr(catalogue, "find_models", fail)
    one_line(afd("models"), code, message)
    for words in (("models", "--debug"), ("--debug", "models")):
        result = afd(*words)
        assert result.exit_code == code
        assert "Traceback" in result.stderr
        assert result.stderr.endswith(afd("models").stderr)


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(search: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(catalogue, "find_models", stop)
    one_line(afd("models"), 130, "interrupted")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("clasify", "x"), ("'clasify'", "Did you mean 'classify'", "see afd --help")),
        (("--versoin",), ("--versoin", "--version")),
        (("classify", "x", "--labls", "f"), ("--labls", "--labels", "see afd classify --help")),
        (("train",), ("Missing option", "--data")),
        (("classify",), ("Missing argument", "PATH")),
        (("report", "x.csv", "--format", "xml"), ("--format", "markdown")),
        (("inspect", "a.jpg", "b.jpg"), ("b.jpg",)),
    ],
)
def test_usage_errors_are_one_line(words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    one_line(afd(*words), 2, *parts)


def test_without_a_command_help_is_shown() -> None:
    result = afd()
    assert result.exit_code == 2
    assert "Usage: afd" in result.stdout


def test_help_whose_reader_has_gone_is_fine() -> None:
    """``afd train --help | head``: rich replaces the broken pipe before the guard looks at it."""
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "afdcli", "train", "--help"]
    result = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, timeout=120)
    os.close(write)
    assert (result.returncode, result.stderr) == (0, b"")
