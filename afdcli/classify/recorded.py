"""Reuse an earlier start: its cached networks and the record beside them. Needs no torch.

Loading torch, timm and a classifier takes seconds. A run with OpenVINO does not need them: the
converted model is already cached. ``start-KEY.json`` beside ``model.xml`` holds the rest, see
`afdcli.classify.start.Start`. KEY is a hash of the options that matter, the code of afd and timm,
the versions of torch and OpenVINO, and the processor. The record holds hashes of the weights, the
module and the file of class names. If anything differs, or the record is damaged, everything is
loaded with torch (`afdcli.classify.loading`) and recorded again.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from afdcli.classify.settings import Settings
from afdcli.classify.start import Loaded, Start
from afdcli.errors import ResultsError
from afdcli.inference.cascade import Networks
from afdcli.inference.model_cache import add_file, cache_folder, touch, version_of
from afdcli.inference.openvino import Graph, OpenVINONetwork
from afdcli.models.shipped import cards, sha256
from afdcli.results.claim import found_at
from afdcli.storage.paths import replace_text
from afdcli.workers.cpus import available_cpus

_PACKAGES = ("torch", "openvino", "numpy")
#: Options that decide what is loaded.
_OPTIONS = (
    *("backbone", "checkpoint", "class_names", "afd", "compare", "resize", "near", "icc"),
    *("device", "precision", "runtime", "batch_size"),
)
_GPUS = ("nvidia*", "nvgpu*", "nvhost-gpu", "kfd", "dxg")  # in /dev, where torch may use one
_PROCESSOR = (
    "vendor_id",
    "cpu family",
    "model",
    "flags",
    "CPU implementer",
    "CPU part",
    "Features",
)


def key_of_start(settings: Settings) -> str | None:
    """The key of the start of a run with *settings*; None if it needs torch in any case."""
    if (
        settings.imports  # may do anything
        or settings.compile
        or settings.engine != "local"
        or settings.runtime == "torch"
        or settings.precision == "int8"  # depends on more files
        or not (settings.device == "cpu" or (settings.device == "auto" and _only_a_cpu()))
        or (settings.resume and found_at(settings.out))  # may have another precision
    ):
        return None
    digest = hashlib.sha256()
    options = {name: str(getattr(settings, name)) for name in _OPTIONS}
    digest.update(
        repr(
            (
                options | {"embeddings": settings.embeddings is not None},
                Path(settings.afd).exists(),  # else it is the name of a shipped module
                [(card.file.name, card.facts) for card in cards()],
                [(name, version_of(name)) for name in _PACKAGES],
                (sys.version, sys.prefix, *_processor(), available_cpus()),
                sorted((k, v) for k, v in os.environ.items() if k.startswith(("OMP_", "MKL_"))),
            )
        ).encode()
    )
    for package in ("afdcli", "timm"):
        for name, file in _code(package):
            add_file(digest, name, file)
    return digest.hexdigest()[:32]


def _only_a_cpu() -> bool:
    """True if `afdcli.models.device.choose_device` can find nothing else here."""
    if version_of("torch").endswith("+cpu"):
        return True
    return sys.platform == "linux" and not any(any(Path("/dev").glob(name)) for name in _GPUS)


def _processor() -> Iterator[str]:
    """What identifies processors whose arithmetic differs."""
    yield platform.machine()
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        for line in lines:
            if not line.strip():
                return  # the others are the same
            if line.partition(":")[0].strip() in _PROCESSOR:
                yield line


def _code(package: str) -> list[tuple[str, Path]]:
    """The source files of *package*, with their names in it: the same code may lie elsewhere."""
    spec = find_spec(package)  # does not import it
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    return sorted((str(f.relative_to(root)), f) for root in folders for f in root.rglob("*.py"))


def find(key: str) -> Loaded | None:
    """The start of *key*, whose network begins to load in the background; None if there is none."""
    for file in cache_folder().glob(f"*/start-{key}.json"):
        # Files may be missing or damaged: then there is no recorded start.
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            return _read(file)
    return None


def _read(file: Path) -> Loaded:
    content = json.loads(file.read_text(encoding="utf-8"))
    facts = content["facts"]
    if content["sha256"] != _digest(facts):
        raise ValueError(f"{file} is damaged")
    if any(sha256(Path(path)) != expected for path, expected in facts["files"].items()):
        raise ValueError(f"{file} is of other weights")
    start = Start.from_json(facts["start"])
    graphs = [_graph(graph, file.parents[1]) for graph in facts["graphs"]]
    quick, *exact = (OpenVINONetwork(graph, start.threads) for graph in graphs)
    touch(file.parent)
    quick.load()
    networks = Networks(quick, exact[0] if exact else None, measured=facts["margin"])
    return Loaded(start, networks)


def _graph(facts: dict[str, Any], models: Path) -> Graph:
    file = models / facts["file"]
    if not file.is_file():
        raise FileNotFoundError(file)
    return Graph(**facts | {"file": file, "outputs": tuple(facts["outputs"])})


def keep(key: str, loaded: Loaded) -> None:
    """Record the start *loaded* for `find`, unless it needs torch or some files are not known."""
    start, networks, _, files = loaded
    quick, exact = networks.quick, networks.exact
    if files is None or not isinstance(quick, OpenVINONetwork):
        return
    graphs = [net.graph for net in (quick, exact) if isinstance(net, OpenVINONetwork)]
    folder = quick.graph.file.parent
    facts = {
        "start": start.to_json(),
        "graphs": [
            asdict(graph) | {"file": str(graph.file.relative_to(folder.parent))} for graph in graphs
        ],
        # A picture's output does not depend on others in the request, so one at a time will do.
        "margin": networks.margin(start.spec, 1),
        "files": {str(path): sha256(path) for path in files},
    }
    text = json.dumps({"sha256": _digest(facts), "facts": facts})
    with suppress(OSError, ResultsError):  # the next start only takes longer
        replace_text(folder / f"start-{key}.json", text)


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
