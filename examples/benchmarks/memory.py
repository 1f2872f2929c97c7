"""Peak memory of `afd classify` over few and over many rows: it does not grow with their number.

    python examples/benchmarks/memory.py PHOTOS [--rows 1000,100000] [--out DIR]

The photos are made 64 px small and given again and again to a classifier
of ten layers and the general `input` module: what is kept per row does not depend on either, and
so many rows take minutes, not hours. Measured in one process per number of rows, with its readers.
Writes DIR/memory.csv.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import timm
from PIL import Image, ImageOps
from safetensors.torch import save_file

from afdcli.inputs.discover import discover
from afdcli.models.imports import import_source

NAME = "afd_tiny"
SOURCE = f"""
from timm.models import register_model
from timm.models.resnet import BasicBlock, ResNet

@register_model
def {NAME}(pretrained=False, **kwargs):
    kwargs.pop("pretrained_cfg", None), kwargs.pop("pretrained_cfg_overlay", None)
    kwargs.pop("cache_dir", None)
    kwargs["num_classes"] = 10
    net = ResNet(BasicBlock, (1, 1, 1, 1), channels=(8, 8, 8, 8), stem_width=8, **kwargs)
    net.pretrained_cfg = net.default_cfg = {{"input_size": (3, 32, 32), "crop_pct": 1.0}}
    return net
"""
CHILD = """
import resource, sys
from afdcli.cli.main import app
try:
    app()
except SystemExit as end:
    assert end.code == 0, end.code
for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
    print(resource.getrusage(who).ru_maxrss // 1024)
"""


def prepare(photos: Path, folder: Path, most: int = 200) -> list[str]:
    """Small files of the photos, and the classifier; the arguments that name it."""
    for i, found in zip(range(most), discover([photos]), strict=False):
        with Image.open(found.path) as image:
            ImageOps.fit(image.convert("RGB"), (64, 64)).save(folder / f"{i}.jpg", quality=20)
    source, weights = folder / "tiny.py", folder / "tiny.safetensors"
    source.write_text(SOURCE)
    import_source(str(source))
    net = timm.create_model(NAME)
    save_file(net.state_dict(), weights, {"class_names": json.dumps([str(i) for i in range(10)])})
    return ["--import", str(source), "--backbone", NAME, "--checkpoint", str(weights)]


def measure(count: int, folder: Path, arguments: list[str]) -> dict[str, object]:
    """One run over *count* rows."""
    files = sorted(str(path) for path in folder.glob("*.jpg"))
    names = "\n".join(files[i % len(files)] for i in range(count))
    out = folder / f"{count}.csv"
    command = [sys.executable, "-c", CHILD, "classify", "-", "-q", "--out", str(out), *arguments]
    begin = time.monotonic()
    run = subprocess.run(command, input=names, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.monotonic() - begin
    main, reader = map(int, run.stdout.split()[-2:])
    rows = sum(1 for _ in out.open()) - 1
    assert rows == count, rows
    facts = {"rows": count, "main_mib": main, "largest_reader_mib": reader}
    return {**facts, "seconds": round(seconds)}


def main() -> None:
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--rows", default="1000,100000")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        arguments = prepare(args.photos, Path(folder))
        rows = []
        for count in map(int, args.rows.split(",")):
            rows.append(measure(count, Path(folder), arguments))
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    table["of_first"] = (table.main_mib / table.main_mib[0]).round(2)
    print(table.to_string(index=False))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        table.to_csv(args.out / "memory.csv", index=False)


if __name__ == "__main__":
    main()
