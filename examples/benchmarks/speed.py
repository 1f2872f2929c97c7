"""How fast `afd classify` is, beside the network alone and timm's script: one table from one run.

    python examples/benchmarks/speed.py PHOTOS --backbone NAME[=CHECKPOINT][@MODULE] ... \\
        [--import FILE.py] [--sizes 500x375,4000x3000] [--count 256] [--rounds 3] --out DIR

Every measurement is a fresh process, as users start it, and the process says its own rate, without
its start. The rounds go through all measurements in turn, so that a busy moment of the machine hits
all; the table has medians. For each classifier, images/s:

- timm's way from files (ImageFolder, create_transform, DataLoader), plain, with channels_last, and
  with channels_last and freed memory kept, which `afd` does and timm's users do not;
- the classifier on a batch in memory, in torch and OpenVINO, alone and with the AFD module;
- `afd classify` from files, with and without AFD.

Besides: seconds from the start of `afd classify` to its end on one photo, at the first start
(which converts the network) and at the second. Writes DIR/speed.csv.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
from PIL import Image, ImageOps

BATCH = 16
SECONDS = 4.0  # of each measurement in memory


@dataclass(frozen=True)
class Task:
    """One measurement.

    Attributes:
        what: its name in the table.
        kind: "timm", "memory", "classify" or "start".
        item: ``NAME[=CHECKPOINT][@MODULE]``.
        size: of the files, "" in memory.
        runtime, precision: as of `afd classify`.
        afd: the module is in.
        channels_last, keep_memory: of timm's way, and in memory.
    """

    what: str
    kind: str
    item: str
    size: str = ""
    runtime: str = "auto"
    precision: str = "auto"
    afd: bool = True
    channels_last: bool = True
    keep_memory: bool = True


def tasks(item: str, sizes: list[str]) -> Iterator[Task]:
    """All measurements of one classifier."""
    for size in sizes:
        yield Task("timm's script", "timm", item, size, channels_last=False, keep_memory=False)
        yield Task("timm's script, channels_last", "timm", item, size, keep_memory=False)
        yield Task("timm's script, channels_last, freed memory kept", "timm", item, size)
        yield Task("afd classify", "classify", item, size)
        yield Task("afd classify, float32", "classify", item, size, precision="fp32")
        yield Task("afd classify, AFD off", "classify", item, size, afd=False)
    alone = {"item": item, "afd": False, "precision": "fp32"}
    yield Task("in memory, torch", "memory", runtime="torch", keep_memory=False, **alone)  # type: ignore[arg-type]
    yield Task("in memory, torch, freed memory kept", "memory", runtime="torch", **alone)  # type: ignore[arg-type]
    for name, precision in (("float32", "fp32"), ("default", "auto")):
        for afd, module in ((False, ""), (True, ", with AFD")):
            what = f"in memory, OpenVINO, {name}{module}"
            yield Task(what, "memory", item, runtime="openvino", precision=precision, afd=afd)
    yield Task("start, first", "start", item, sizes[0])
    yield Task("start, second", "start", item, sizes[0])


def make_files(photos: Path, size: str, count: int, folder: Path) -> None:
    """JPEG files of *size* (WIDTHxHEIGHT) in *folder*/all; ImageFolder wants a folder per class."""
    from afdcli.inputs.discover import discover

    width, height = map(int, size.split("x"))
    inside = folder / "all"
    inside.mkdir(parents=True)
    found = list(discover([photos]))
    for i in range(count if width * height < 10**6 else max(BATCH, count // 8)):
        with Image.open(found[i % len(found)].path) as image:
            made = ImageOps.fit(image.convert("RGB"), (width, height))
        made.save(inside / f"{i:05d}.jpg", quality=85)


def by_timm(task: Task, files: Path, imports: list[str]) -> float:
    """As timm's inference script: its transform, two loader workers, plain float32; images/s."""
    import torch
    from protocols import load
    from timm.data import create_transform, resolve_model_data_config
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder

    backbone, _ = load(task.item.partition("@")[0] + "@off", imports)
    config = resolve_model_data_config(backbone.net)
    data = ImageFolder(str(files), create_transform(**config, is_training=False))
    layout = torch.channels_last if task.channels_last else torch.contiguous_format
    net, done, begin = backbone.net.to(memory_format=layout), 0, 0.0
    with torch.inference_mode():
        for pictures, _ in DataLoader(data, BATCH, num_workers=2):
            net(pictures.to(memory_format=layout)).softmax(-1).topk(1)
            if begin:  # the first batch pays for the start
                done += len(pictures)
            else:
                begin = time.perf_counter()
    return done / (time.perf_counter() - begin)


def in_memory(task: Task, imports: list[str]) -> float:
    """Passes over a batch in memory, images/s."""
    import torch
    from protocols import load

    from afdcli.inference.runtime import run_somewhere
    from afdcli.models.afd_classifier import AFDClassifier
    from afdcli.models.bn_folding import fold_batch_norms
    from afdcli.models.precision import choose_precision

    item = task.item if task.afd else task.item.partition("@")[0] + "@off"
    backbone, loaded = load(item, imports)
    spec = backbone.spec
    fold_batch_norms(backbone.net, (spec.height, spec.width))  # as `afd classify` does
    precision = choose_precision(task.precision, "cpu", integers=True)
    plugged = AFDClassifier(backbone, loaded, precision=precision).eval()
    net = run_somewhere(plugged, task.runtime, "cpu").network
    pixels = torch.randint(0, 256, (BATCH, spec.height, spec.width, 3), dtype=torch.uint8)
    cells = (-(-spec.height // 8), -(-spec.width // 8))
    # As the readers hand it over, see `afdcli.view.spec.View`.
    grid, file_context = (50 * torch.randn(BATCH, 384, *cells)).half(), torch.rand(BATCH, 197)
    with torch.inference_mode():
        for _ in range(2):
            net(pixels, grid, file_context)
        done, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < SECONDS:
            net(pixels, grid, file_context)
            done += BATCH
    return done / (time.perf_counter() - begin)


def by_afd(task: Task, files: Path, imports: list[str]) -> float:
    """`afd classify`: images/s as it reports them, or for "start" the seconds for one photo."""
    classifier, _, module = task.item.partition("@")
    name, _, checkpoint = classifier.partition("=")
    source = next((files / "all").iterdir()) if task.kind == "start" else files
    command = [sys.executable, "-m", "afdcli", "classify", str(source), "--backbone", name, "-q"]
    command += ["--runtime", task.runtime, "--precision", task.precision]
    command += ["--checkpoint", checkpoint] if checkpoint else []
    command += ["--afd", (module or "auto") if task.afd else "off"]
    command += [word for source in imports for word in ("--import", source)]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "r.csv"
        begin = time.perf_counter()
        subprocess.run([*command, "--out", str(out)], check=True)
        seconds = time.perf_counter() - begin
        counts = json.loads(out.with_name("r.csv.meta.json").read_text())["counts"]
    return seconds if task.kind == "start" else float(counts["rows"] / counts["seconds"])


def measure(task: Task, files: Path, imports: list[str]) -> float:
    """The number of one task, measured in this process."""
    if task.kind in ("classify", "start"):
        return by_afd(task, files, imports)
    if task.keep_memory:
        from afdcli.models.memory import keep_freed_memory

        keep_freed_memory()
    return by_timm(task, files, imports) if task.kind == "timm" else in_memory(task, imports)


def in_a_process(task: Task, files: Path, args: argparse.Namespace, cache: Path) -> float:
    """The same in a process of its own, with an empty cache of converted networks at first."""
    command = [sys.executable, __file__, str(files), "--task", json.dumps(asdict(task))]
    command += ["--backbone", task.item, "--out", str(args.out)]
    command += [word for source in args.imports for word in ("--import", source)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    return float(done.stdout.split()[-1])


def table(found: dict[Task, list[float]]) -> pd.DataFrame:
    """Medians, and their ratios to timm's script on files of the same size."""
    medians = {task: statistics.median(values) for task, values in found.items()}
    rates = {(task.item, task.size, task.what): value for task, value in medians.items()}
    rows = []
    for task, value in medians.items():
        row: dict[str, object] = {"backbone": task.item.partition("=")[0].partition("@")[0]}
        row |= {"what": task.what, "size": task.size, "value": round(value, 1)}
        for column, end in (("of_timm", ""), ("of_channels_last", ", channels_last")):
            base = rates.get((task.item, task.size, f"timm's script{end}"))
            row[column] = round(value / base, 2) if base and task.kind != "start" else None
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--backbone", action="append", required=True)
    parser.add_argument("--import", dest="imports", action="append", default=[])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", default="500x375,4000x3000")
    parser.add_argument("--count", type=int, default=256, help="files; an eighth of it at 12 MP")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.task:
        print(measure(Task(**json.loads(args.task)), args.photos, args.imports))
        return
    args.out.mkdir(parents=True, exist_ok=True)
    sizes = args.sizes.split(",")
    found: dict[Task, list[float]] = {}
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as cache:
        for size in sizes:
            make_files(args.photos, size, args.count, Path(made) / size)
        for number in range(args.rounds):
            for item in args.backbone:
                for task in tasks(item, sizes):
                    where = Path(cache) / (str(number) if task.kind == "start" else "kept")
                    files = Path(made) / (task.size or sizes[0])
                    found.setdefault(task, []).append(in_a_process(task, files, args, where))
                    print(task.item, task.what, task.size, found[task][-1], file=sys.stderr)
    result = table(found)
    result.to_csv(args.out / "speed.csv", index=False)
    print(platform.processor() or platform.machine(), os.cpu_count(), "CPUs")
    print(result.to_string(index=False))


if __name__ == "__main__":
    main()
