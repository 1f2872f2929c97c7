"""A small classifier with a module, photos good and broken, and `afd classify` over them."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from typer.testing import CliRunner, Result

from afdcli import Classifier
from afdcli.cli.main import app
from afdcli.core import weights_file
from kit import small_models

#: First line on standard error of every run with the kit's classifier.
LOADING = "loading tiny_test_net …\n"
CLASSES = ("red", "green", "blue", "stop sign", "grey")


@cache
def jpeg(seed: int, size: tuple[int, int] = (96, 72), quality: int = 60) -> bytes:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    file = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=quality)
    return file.getvalue()


def make_kit(folder: Path) -> Path:
    """Fill *folder* with a backbone, its class names, and an AFD module that changes something."""
    (folder / "tiny_models.py").write_text(small_models.source("tiny_test_net", seed=3))
    (folder / "names.txt").write_text("\n".join(CLASSES))
    weights_file.save(
        small_models.module(), folder / "module.safetensors", {"plug": "input", "where": ""}
    )
    return folder


def make_photos(folder: Path) -> Path:
    """Twelve good photos in two folders with broken files among them."""
    for n in range(12):
        path = folder / ("red" if n % 2 else "Stop_Sign") / f"{n:02d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(n, quality=10 + 5 * n))
    (folder / "red" / "00.jpg").write_bytes(b"")
    (folder / "red" / "04.jpg").write_bytes(b"no picture at all")
    (folder / "red" / "05.jpg").unlink()
    (folder / "red" / "05.jpg").symlink_to("nowhere.jpg")
    return folder


def of_kit(kit: Path) -> list[str | Path]:
    """Options that name the kit's classifier and module."""
    return [
        *("--backbone", "tiny_test_net", "--import", kit / "tiny_models.py"),
        *("--class-names", kit / "names.txt", "--afd", kit / "module.safetensors"),
    ]


def afd(kit: Path, *args: str | Path, stdin: str = "", backbone: bool = True) -> Result:
    """Run ``afd classify``; it replaces older results, unless it goes on with them."""
    extra = [*of_kit(kit), "--workers", "1"]
    if "--afd" in args:
        extra = extra[:6] + extra[8:]
    if "--resume" not in args:
        extra += ["--overwrite"]
    if "--runtime" not in args:
        extra += ["--runtime", "torch"]
    line = [str(arg) for arg in ("classify", *args, *(extra if backbone else ()))]
    return CliRunner().invoke(app, line, input=stdin)


def options(kit: Path) -> dict[str, Any]:
    """What `Classifier` is told, so that it is that of `afd`."""
    return {
        "imports": (str(kit / "tiny_models.py"),),
        "class_names": kit / "names.txt",
        "afd": str(kit / "module.safetensors"),
        "runtime": "torch",
    }


def classifier(kit: Path, **more: Any) -> Classifier:
    return Classifier("tiny_test_net", **options(kit) | more)


def table(path: Path = Path("results.csv")) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"error": str})


#: Runs a command that ignores the signals in the first argument and no others, whatever the tests
#: themselves ignore: a job in the background of a script ignores Ctrl-C.
_LAUNCHER = """
import os, signal, sys
ignored = eval(sys.argv[1])
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
os.execv(sys.argv[2], sys.argv[2:])
"""


def launched(line: list[str], ignored: Sequence[int] = ()) -> list[str]:
    """*line* as a command that hears all signals but the *ignored* ones."""
    return [sys.executable, "-c", _LAUNCHER, str([int(number) for number in ignored]), *line]


def _of_process(kit: Path) -> list[str]:
    words = ["--afd", "off", "--backbone", "tiny_test_net", "--import", str(kit / "tiny_models.py")]
    return [*words, "--runtime", "torch"]  # starts soonest


def same_as_process(kit: Path, *args: str) -> Result:
    """What `process` runs, but in this process, which has loaded torch already."""
    return afd(kit, *args, *_of_process(kit), backbone=False)


def process(kit: Path, *args: str, ignored: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """``afd classify`` as a real process, with warnings as errors."""
    line = [sys.executable, "-W", "error", "-m", "afdcli", "classify", *args, *_of_process(kit)]
    line = launched(line, ignored)
    pipe = subprocess.PIPE
    return subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe)
