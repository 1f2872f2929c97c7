"""What AFD costs, and how near `afd classify` comes to the network alone: ratios from one run.

    python examples/benchmarks/speed.py PHOTOS --backbone NAME[=CHECKPOINT][@MODULE] ... \\
        [--import FILE.py] [--sizes 500x375,224x224,4000x3000]
        [--ways "torch fp32,torch auto,openvino auto"] --out DIR

For each classifier, in images/s, each the median of several rounds in turn (so that a busy moment
of the machine hits all): module and classifier on tensors in memory; the classifier alone;
`afd classify` from files, in float32 and as it runs by default; timm's own way from files
(ImageFolder, DataLoader, create_transform), with and without channels_last. Besides, milliseconds
of the module in every preset, unfused and fused, and of pixel-domain removers (DnCNN, ARCNN) on the
same picture. Writes DIR/speed.csv and DIR/module.csv.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from PIL import Image, ImageOps
from protocols import arguments, load, single_threaded_blas
from timm.data import create_transform, resolve_model_data_config
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

from afdcli.core.config import Stage
from afdcli.core.cost import AllOutputs, random_inputs
from afdcli.core.module import AFDModule
from afdcli.core.presets import PRESETS, placement_of, preset
from afdcli.core.repconv import RepConv
from afdcli.inference.runtime import run_somewhere
from afdcli.inputs.discover import discover
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.bn_folding import fold_batch_norms
from afdcli.models.loader import Backbone
from afdcli.models.memory import keep_freed_memory
from afdcli.models.precision import choose_precision

BATCH = 16
RESNET50_STAGES = tuple(
    Stage(f"layer{i}", channels, stride, "relu")
    for i, channels, stride in ((1, 256, 4), (2, 512, 8), (3, 1024, 16))
)
REPEATS = 4  # passes per round on tensors in memory


def make_files(photos: Path, size: tuple[int, int], count: int, folder: Path) -> Path:
    """JPEG files of *size* (width, height), one class folder, as ImageFolder wants them."""
    inside = folder / "all"
    inside.mkdir(parents=True)
    found = list(discover([photos]))
    for i in range(count):
        with Image.open(found[i % len(found)].path) as image:
            made = ImageOps.fit(image.convert("RGB"), size)
        made.save(inside / f"{i:05d}.jpg", quality=85)
    return folder


class Way(NamedTuple):
    """A runtime and a precision, as options of `afd classify`."""

    runtime: str
    precision: str

    def __str__(self) -> str:
        return f"{self.runtime} {self.precision}"


def on_tensors(item: str, imports: list[str], way: Way, afd: bool) -> Callable[[], float]:
    """Passes over a batch that lies in memory, in images/s."""
    backbone, loaded = load(item, imports)
    spec = backbone.spec
    fold_batch_norms(backbone.net, (spec.height, spec.width))  # as `afd classify` does
    pixels = torch.randint(0, 256, (BATCH, spec.height, spec.width, 3), dtype=torch.uint8)
    cells = (-(-spec.height // 8), -(-spec.width // 8))
    # As the engine hands it over, see `afdcli.view.spec.View`.
    grid, file_context = (50 * torch.randn(BATCH, 384, *cells)).half(), torch.rand(BATCH, 197)
    precision = choose_precision(way.precision, "cpu", integers=True)
    plugged = AFDClassifier(backbone, loaded if afd else None, precision=precision).eval()
    net = run_somewhere(plugged, way.runtime, "cpu").network

    def work() -> float:
        with torch.inference_mode():
            net(pixels, grid, file_context)  # warms up
            begin = time.perf_counter()
            for _ in range(REPEATS):
                net(pixels, grid, file_context)
        return BATCH * REPEATS / (time.perf_counter() - begin)

    return work


def by_timm(backbone: Backbone, files: Path, channels_last: bool) -> Callable[[], float]:
    """As timm's inference script: its transform, two loader workers, plain float32."""
    config = resolve_model_data_config(backbone.net)
    data = ImageFolder(str(files), create_transform(**config, is_training=False))
    layout = torch.channels_last if channels_last else torch.contiguous_format

    def work() -> float:
        net = backbone.net.to(memory_format=layout)
        done, begin = 0, time.perf_counter()
        with torch.inference_mode():
            for pictures, _ in DataLoader(data, BATCH, num_workers=2):
                done += len(net(pictures.to(memory_format=layout)).softmax(-1).topk(1).indices)
        return done / (time.perf_counter() - begin)

    return work


def by_afd(item: str, files: Path, args: argparse.Namespace, *extra: str) -> Callable[[], float]:
    """`afd classify` as a process of its own; the rate is the one that it reports itself."""
    classifier, _, module = item.partition("@")
    name, _, checkpoint = classifier.partition("=")
    command = [sys.executable, "-m", "afdcli", "classify", str(files), "--backbone", name, "-q"]
    command += ["--checkpoint", checkpoint] if checkpoint else []
    command += ["--afd", module] if module else []
    command += [word for source in args.imports for word in ("--import", source)]

    def work() -> float:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "r.csv"
            subprocess.run([*command, *extra, "--out", str(out)], check=True)
            counts = json.loads(out.with_name("r.csv.meta.json").read_text())["counts"]
            return float(counts["rows"] / counts["seconds"])

    return work


def classifier_rows(item: str, args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """All rates of one classifier."""
    ways = [Way(*way.split()) for way in args.ways.split(",")]
    first = args.sizes.split(",")[0]
    works: dict[tuple[str, str, str], Callable[[], float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for way in ways:
            for afd, what in ((True, "AFD + classifier, in memory"), (False, "classifier alone")):
                works[what, str(way), ""] = on_tensors(item, args.imports, way, afd)
        for size in args.sizes.split(","):
            width, height = map(int, size.split("x"))
            count = args.count if width * height < 10**6 else max(BATCH, args.count // 8)
            files = make_files(args.photos, (width, height), count, Path(folder) / size)
            for way in ways:
                if size == first or way.precision == "auto":
                    options = ("--runtime", way.runtime, "--precision", way.precision)
                    works["afd classify", str(way), size] = by_afd(item, files, args, *options)
            if size == first:
                works["afd classify --compare", str(way), size] = by_afd(
                    item, files, args, *options, "--compare"
                )
            backbone, _ = load(item, args.imports)
            for channels_last in (False, True):
                name = "timm, channels_last" if channels_last else "timm"
                works[name, "torch fp32", size] = by_timm(backbone, files, channels_last)
        rates = in_turn(works, args.rounds)
    first_way = str(ways[0])
    for (what, way, size), value in rates.items():
        ceiling = (
            rates.get(("AFD + classifier, in memory", way, ""))
            or rates["AFD + classifier, in memory", first_way, ""]
        )
        plain, last = (
            rates.get((name, "torch fp32", size)) for name in ("timm", "timm, channels_last")
        )
        yield {
            "backbone": item.partition("=")[0],
            "what": what,
            "runtime": way,
            "size": size,
            "images_per_second": round(value, 1),
            "of_ceiling": round(value / ceiling, 2),
            "of_timm": round(value / plain, 2) if plain else None,
            "of_channels_last": round(value / last, 2) if last else None,
        }


def in_turn(
    works: dict[tuple[str, str, str], Callable[[], float]], rounds: int
) -> dict[tuple[str, str, str], float]:
    """Median rate of each, from *rounds* rounds."""
    rates: dict[tuple[str, str, str], list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            rates[name].append(work())
            print(*name, f"{rates[name][-1]:.1f}/s", file=sys.stderr, flush=True)
    return {name: statistics.median(values) for name, values in rates.items()}


def milliseconds(nets: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median time of one call of each, taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in nets}
    with torch.inference_mode():
        for round_ in range(4 * rounds + 2):
            for name, call in nets.items():
                begin = time.perf_counter()
                call()
                if round_ >= 2:
                    times[name].append(1000 * (time.perf_counter() - begin))
    return {name: statistics.median(values) for name, values in times.items()}


def dncnn(layers: int = 17, width: int = 64) -> nn.Sequential:
    """Zhang et al., arXiv 1608.03981, with its normalisations folded: 17 layers of 64."""
    inner: list[nn.Module] = []
    for _ in range(layers - 2):
        inner += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), *inner, nn.Conv2d(width, 3, 3, padding=1)
    )


def arcnn() -> nn.Sequential:
    """Dong et al., arXiv 1504.06993: 9-7-1-5 with 64, 32, 16 channels."""
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 9, padding=4), nn.PReLU(), nn.Conv2d(64, 32, 7, padding=3), nn.PReLU()),
        *(nn.Conv2d(32, 16, 1), nn.PReLU(), nn.Conv2d(16, 3, 5, padding=2)),
    )


def module_rows(args: argparse.Namespace) -> Iterator[dict[str, object]]:
    """All parts of modules for ResNet-50, each preset, and pixel removers at 224x224."""
    nets: dict[str, Callable[[], object]] = {}
    for name in PRESETS:
        placement = placement_of(name)
        stages = tuple(stage for stage in RESNET50_STAGES if stage.stride >= placement.first_stride)
        config = preset(name, 64, stages, plug_stride=4 if placement.behind_pooling else 2)
        module = AFDModule(config).eval()
        module = module.to(memory_format=torch.channels_last)
        inputs = tuple(
            t.to(memory_format=torch.channels_last) if t.ndim == 4 else t
            for t in random_inputs(module.config, BATCH)
        )
        fused = module.reparameterize()
        for child in module.modules():
            if isinstance(child, RepConv):
                child.fold = False
        nets[f"{name}, branches"] = partial(AllOutputs(module), *inputs)
        nets[f"{name}, fused"] = partial(AllOutputs(fused), *inputs)
    picture: Tensor = torch.rand(BATCH, 3, 224, 224).to(memory_format=torch.channels_last)
    for name, net in (("DnCNN", dncnn()), ("ARCNN", arcnn())):
        ready = net.eval().to(memory_format=torch.channels_last)
        nets[name] = lambda m=ready: m(picture)  # type: ignore[misc]
    for name, value in milliseconds(nets, args.rounds).items():
        yield {"what": name, "ms_per_image": round(value / BATCH, 2)}


def main() -> None:
    """Parse, measure, print, write."""
    parser = arguments(__doc__, many=True)
    parser.add_argument("--sizes", default="500x375,224x224,4000x3000")
    parser.add_argument(
        "--ways", default="torch fp32,torch auto", help='e.g. "torch fp32,openvino auto"'
    )
    parser.add_argument("--count", type=int, default=256, help="files; an eighth of it at 12 MP")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    single_threaded_blas()
    keep_freed_memory()
    args.out.mkdir(parents=True, exist_ok=True)
    tables = {
        "module": list(module_rows(args)),
        "speed": [row for item in args.backbone for row in classifier_rows(item, args)],
    }
    for name, rows in tables.items():
        table = pd.DataFrame(rows)
        table.to_csv(args.out / f"{name}.csv", index=False)
        print(table.to_string(index=False), end="\n\n")


if __name__ == "__main__":
    main()
