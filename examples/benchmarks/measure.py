"""One measurement of `speed.py`, in a process of its own, which prints what it found as JSON.

python examples/benchmarks/measure.py '{"kind": "timm", "item": "NAME", "files": "FOLDER"}'
"""

from __future__ import annotations

import io
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy's; as in the processes that read

BATCH = 16
WARM = 5  # batches that are not counted: those that the loader reads during the first pass
SECONDS = 1.5  # of each number in memory
PIXELS = 10**8  # about so many pixels of files are read for the stages of a reader


@dataclass(frozen=True)
class Task:
    """What to measure.

    Attributes:
        kind: a function of this file.
        item: ``NAME[=CHECKPOINT][@MODULE]``.
        files: folder of photos, with one folder in it, as ImageFolder wants it.
        imports: as of `afd classify`.
        channels_last, keep_memory: of timm's way.
        torch: in memory, measure torch, too.
    """

    kind: str
    item: str
    files: str = ""
    imports: tuple[str, ...] = ()
    channels_last: bool = False
    keep_memory: bool = False
    torch: bool = False


def timm(task: Task) -> dict[str, float]:
    """As timm's inference script: its transform, two loader workers, float32; images/s."""
    import torch
    from protocols import load
    from timm.data import create_transform, resolve_model_data_config
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder

    from afdcli.workers.memory import keep_freed_memory

    if task.keep_memory:
        keep_freed_memory()
    backbone, _ = load(task.item.partition("@")[0] + "@off", list(task.imports))
    config = resolve_model_data_config(backbone.net)
    data = ImageFolder(task.files, create_transform(**config, is_training=False))
    layout = torch.channels_last if task.channels_last else torch.contiguous_format
    net, done, begin = backbone.net.to(memory_format=layout), 0, 0.0
    warm = min(WARM, -(-len(data) // BATCH) - 1)
    with torch.inference_mode():
        for number, (pictures, _) in enumerate(DataLoader(data, BATCH, num_workers=2), 1):
            net(pictures.to(memory_format=layout)).softmax(-1).topk(1)
            if number > warm:
                done += len(pictures)
            elif number == warm:
                begin = time.perf_counter()
    way = "channels_last" if task.channels_last else "default"
    kept = ", freed memory kept" if task.keep_memory else ""
    return {f"timm's script, {way}{kept}": done / (time.perf_counter() - begin)}


def memory(task: Task) -> dict[str, float]:
    """Passes over a batch in memory; images/s."""
    import numpy as np
    import torch
    from protocols import load

    from afdcli.inference.runtime import run_somewhere
    from afdcli.models.afd_classifier import AFDClassifier
    from afdcli.models.bn_folding import fold_batch_norms
    from afdcli.models.precision import choose_precision
    from afdcli.workers.memory import keep_freed_memory

    default = choose_precision("auto", "cpu")
    precisions = {"float32": torch.float32}
    if default != torch.float32:
        precisions["default (bfloat16)"] = default
    found, rng = dict[str, float](), np.random.default_rng(0)

    def rate(what: str, runtime: str, precision: torch.dtype, module: str) -> None:
        backbone, loaded = load(task.item.partition("@")[0] + module, list(task.imports))
        spec = backbone.spec
        fold_batch_norms(backbone.net, (spec.height, spec.width))  # as `afd classify` does
        classifier = AFDClassifier(backbone, loaded, precision=precision).eval()
        net = run_somewhere(classifier, runtime, "cpu").network
        (pixels, _), (grid, _), (context, _) = classifier.spec.arrays  # as readers hand it over
        inputs = (
            rng.integers(0, 256, (BATCH, *pixels), np.uint8),
            rng.normal(0, 50, (BATCH, *grid)).astype(np.float16),
            rng.uniform(0, 3, (BATCH, *context)).astype(np.float32),
        )
        net(*inputs)
        done, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < SECONDS:
            net(*inputs)
            done += BATCH
        found[what] = done / (time.perf_counter() - begin)

    if task.torch:
        rate("in memory, torch, float32", "torch", torch.float32, "@off")
    keep_freed_memory()
    if task.torch:
        rate("in memory, torch, float32, freed memory kept", "torch", torch.float32, "@off")
    own = "@" + (task.item.partition("@")[2] or "auto")
    for words, precision in precisions.items():
        for module, end in (("@off", ""), (own, ", with AFD")):
            rate(f"in memory, OpenVINO, {words}{end}", "openvino", precision, module)
    return found


#: Stages of a reader: where they are called, and their functions there.
STAGES = {
    "read the file": ("afdcli.codec.read", "read_file"),
    "parse the header": ("afdcli.codec.read", "parse_header"),
    "decode": ("afdcli.codec.read", "decode"),
    "coefficients": ("afdcli.codec.read", "file_coefficients"),
    "resize": ("afdcli.view.build", "render"),
    "pool": ("afdcli.view.build", "pool"),
    "pack": ("afdcli.view.build", "_pack"),
}


@contextmanager
def stopwatch(spent: dict[str, float]) -> Iterator[None]:
    """Add the processor time of each of `STAGES`, in ms, to *spent*."""
    modules = {name: _module(name) for name, _ in STAGES.values()}
    before = {stage: getattr(modules[name], what) for stage, (name, what) in STAGES.items()}

    def timed(stage: str) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            begin = time.process_time_ns()
            try:
                return before[stage](*args, **named)
            finally:
                spent[stage] = spent.get(stage, 0.0) + (time.process_time_ns() - begin) / 1e6

        return run

    for stage, (name, what) in STAGES.items():
        setattr(modules[name], what, timed(stage))
    try:
        yield
    finally:
        for stage, (name, what) in STAGES.items():
            setattr(modules[name], what, before[stage])


def _module(name: str) -> ModuleType:
    import importlib

    return importlib.import_module(name)


def reader(task: Task) -> dict[str, float]:
    """Every stage of a reader: ms of processor time per photo, means of medians by file."""
    from protocols import load

    from afdcli.models.afd_file import view_of

    backbone, loaded = load(task.item, list(task.imports))
    return stages(sorted(Path(task.files).rglob("*.jpg")), view_of(backbone, loaded))


def stages(paths: list[Path], spec: Any, times: int = 3) -> dict[str, float]:
    """The numbers of `reader`, for photos of one size and a `afdcli.view.spec.ViewSpec`."""
    import numpy as np
    from PIL import Image

    from afdcli.codec.limits import Limits
    from afdcli.view.geometry import geometry
    from afdcli.view.spec import View
    from afdcli.workers.memory import keep_some_freed_memory
    from afdcli.workers.read_task import prepared

    keep_some_freed_memory()  # as readers do
    with Image.open(paths[0]) as first:
        where = geometry(first.height, first.width, spec)
        paths = paths[: max(4, PIXELS // (first.height * first.width))]
    view = View(*(np.empty(*field) for field in spec.arrays))

    def pillow(path: Path) -> None:
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            image.convert("RGB").resize(
                (where.x.resized, where.y.resized), Image.Resampling.BICUBIC
            )

    def read(path: Path, resize: str) -> None:
        mine = replace(spec, resize=resize)
        prepared(path, mine, Limits(), strict=False, into=view)

    samples: dict[str, list[float]] = {}
    for path in (paths[0], *paths):  # the first one warms up
        tries: dict[str, list[float]] = {}
        for _ in range(times):
            begin = time.process_time_ns()
            pillow(path)
            tries.setdefault("Pillow alone", []).append((time.process_time_ns() - begin) / 1e6)
            for resize in ("fast", "exact"):
                spent: dict[str, float] = {}
                with stopwatch(spent):
                    begin = time.process_time_ns()
                    read(path, resize)
                    whole = (time.process_time_ns() - begin) / 1e6
                spent["checks and the rest"] = whole - sum(spent.values())
                spent["whole"] = whole
                for stage, value in spent.items():
                    tries.setdefault(f"{resize}: {stage}", []).append(value)
        for what, values in tries.items():
            samples.setdefault(what, []).append(statistics.median(values))
    return {what: statistics.mean(values[1:]) for what, values in samples.items()}


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    chosen = Task(**{**wanted, "imports": tuple(wanted.get("imports", ()))})
    print(json.dumps({"timm": timm, "memory": memory, "reader": reader}[chosen.kind](chosen)))
