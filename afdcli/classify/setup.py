"""Prepare a classify run: load classifier, AFD module and labels; choose device and runtime."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from afdcli.classify.arithmetic import Arithmetic, choose_arithmetic
from afdcli.classify.settings import Settings
from afdcli.errors import ErrorCode, PhotoError
from afdcli.inference.cascade import PASS, Cascade, close_margin
from afdcli.inference.predictor import ImageResult, Predictor
from afdcli.inference.runtime import run_somewhere
from afdcli.inference.torch_threads import keep_to_quota
from afdcli.inputs.found import Found
from afdcli.inputs.labels import Labels, load_labels
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import LoadedModule, find_module, view_of
from afdcli.models.bn_folding import fold_batch_norms
from afdcli.models.device import batch_size, choose_device
from afdcli.models.loader import Backbone, load_backbone
from afdcli.results.metadata import backbone_facts, module_facts
from afdcli.results.rows import Columns, Row
from afdcli.storage.paths import Url
from afdcli.view.batch import Layout
from afdcli.view.spec import ViewSpec
from afdcli.workers.cpus import available_cpus
from afdcli.workers.read_task import ReadResult


@dataclass(frozen=True)
class Setup:
    """A classify run that is ready to start.

    Attributes:
        settings: options of the run.
        backbone: the classifier.
        module: its AFD module; None to classify without AFD.
        note: sentences for the user about module and runtime, or "".
        labels: the true classes; None without ``--labels``.
        columns: columns of the results.
        device: where the network runs.
        precision: dtype that *network* computes in.
        network: classifier and module as one network that returns a `Prediction`.
        exact: the same network in float32, which re-runs low-margin predictions; None if they are
            not re-run.
        runtime: runtime of *network*, "torch" or "openvino".
        features: number of pooled features, with ``--embeddings``; None without.
        batch_size: pictures per pass.
        workers: number of processes that read files.
    """

    settings: Settings
    backbone: Backbone
    module: LoadedModule | None
    note: str
    labels: Labels | None
    columns: Columns
    device: torch.device
    precision: torch.dtype
    network: nn.Module
    exact: nn.Module | None
    runtime: str
    features: int | None
    batch_size: int
    workers: int

    @property
    def spec(self) -> ViewSpec:
        """The view that workers build: what the classifier and the module need as input."""
        return view_of(self.backbone, self.module)

    @property
    def arithmetic(self) -> Arithmetic:
        """Numerical settings of the run."""
        exact = self.exact is not None
        return Arithmetic(self.precision, exact, self.runtime, self.batch_size)

    def cascade(self) -> Cascade:
        """A new cascade: *network*, and *exact* for low-margin predictions."""
        if self.exact is None:
            return Cascade(self._predictor(self.network, self.batch_size), threads=self._threads)
        exact = self._predictor(self.exact, PASS)
        self.network.to(self.device)
        layout, device = Layout.of(self.spec), self.device
        integers = self.precision == torch.int8
        margin = close_margin(self.network, self.exact, layout, device, self.batch_size, integers)
        quick = self._predictor(self.network, self.batch_size, margin)
        return Cascade(quick, exact, threads=self._threads)

    @property
    def _threads(self) -> int:
        """Batches that run at the same time: two on the CPU, unless the network is compiled."""
        return 1 if self.device.type != "cpu" or self.settings.compile else 2

    def _predictor(self, network: nn.Module, batch_size: int, margin: float = 0.0) -> Predictor:
        return Predictor(
            network,
            Layout.of(self.spec),
            self.backbone.class_names,
            device=self.device,
            batch_size=batch_size,
            topk=self.columns.topk,
            margin=margin,
        )

    def row_after_reading(self, found: Found, outcome: ReadResult | PhotoError) -> Row:
        """Row of an input that was read: without classes yet, or failed if it could not be."""
        target = self.labels.target(found) if self.labels is not None else None
        name = "" if target is None else self.backbone.class_names[target]
        row = Row(found.relative, target=target, target_label=name)
        if isinstance(outcome, PhotoError):
            return row.failed(outcome)
        return replace(row, **asdict(outcome))

    def with_result(self, row: Row, result: ImageResult) -> Row:
        """*row* completed by the network's output, or failed if that is not a number."""
        direct = result.direct
        if self.settings.compare and self.module is None:
            direct = result.top_classes  # without a module, this is the plain backbone
        if result.top_classes is None or direct is None:
            message = "the classifier's output is not a number"
            return row.failed(PhotoError(ErrorCode.BAD_OUTPUT, message))
        return replace(
            row,
            top_classes=result.top_classes,
            direct=direct,
            drift=result.drift,
            features=result.features,
        )

    def metadata(self, command: str) -> dict[str, Any]:
        """Metadata of the run, as plain data for JSON; *command* is the command as typed."""
        options = {
            name: str(value) if isinstance(value, Path | Url) else value
            for name, value in asdict(self.settings).items()
        }
        return {
            "command": command,
            "options": options,
            "options_from": options.pop("sources"),
            "backbone": backbone_facts(self.backbone),
            "afd": module_facts(self.module),
            "afd_note": self.note,
            "columns": self.columns.names,
            "topk": self.columns.topk,
            "device": str(self.device),
            "runtime": self.runtime,
            "precision": self.arithmetic.name,
            "batch_size": self.batch_size,
            "workers": self.workers,
            "threads": torch.get_num_threads(),
        }


def set_up(settings: Settings, arithmetic: Arithmetic | None = None) -> Setup:
    """Load the classifier, its module and the labels; choose device, precision and runtime.

    Args:
        settings: options of the run.
        arithmetic: numerical settings to use instead of choosing them, on Ray.

    Raises:
        AfdError: the run cannot start, such as for a missing file or an unknown classifier; see
            `afdcli.errors`.
    """
    settings.check()
    keep_to_quota()
    device = torch.device(choose_device(settings.device))
    backbone = _backbone(settings)
    module = find_module(settings.afd, backbone)
    fold_batch_norms(backbone.net, (backbone.spec.height, backbone.spec.width))
    arithmetic = arithmetic or choose_arithmetic(settings, device.type)
    plugged = AFDClassifier(
        backbone,
        module,
        settings.compare,
        arithmetic.precision,
        features=settings.embeddings is not None,
    ).eval()
    running = run_somewhere(
        plugged,
        arithmetic.runtime,
        device.type,
        compiled=settings.compile,
        exact=arithmetic.exact,
    )
    return Setup(
        settings=settings,
        backbone=backbone,
        module=module,
        note="; ".join(filter(None, (_note(settings.afd, module), running.note))),
        labels=load_labels(settings.labels, backbone.class_names) if settings.labels else None,
        columns=Columns(
            topk=min(settings.topk, len(backbone.class_names)),
            labels=settings.labels is not None,
            compare=settings.compare,
            exif=settings.exif,
            min_prob=settings.min_prob,
        ),
        device=device,
        precision=arithmetic.precision,
        network=running.network,
        exact=running.exact,
        runtime=running.runtime,
        features=plugged.features.width if plugged.features is not None else None,
        batch_size=arithmetic.batch_size
        or batch_size(device, backbone.spec.height, backbone.spec.width),
        workers=settings.workers or _workers(device),
    )


def _backbone(settings: Settings) -> Backbone:
    """Load the classifier, with the view as the options request."""
    backbone = load_backbone(
        settings.backbone,
        checkpoint=settings.checkpoint,
        imports=settings.imports,
        class_names=settings.class_names,
    )
    near = None if settings.near == "resize" else backbone.spec.near
    spec = replace(backbone.spec, near=near, icc=settings.icc, resize=settings.resize)
    return replace(backbone, spec=spec)


def _note(afd: str, module: LoadedModule | None) -> str:
    """What to tell the user about the module, or ""."""
    if module is not None:
        return module.note
    if afd == "off":
        return "AFD is off (--afd off)"
    return "this installation has no AFD module for this backbone: classified without AFD"


def _workers(device: torch.device) -> int:
    """Number of processes that read files: one per core, even if the network needs the cores too.

    A heavy classifier still gets all cores, because workers sleep while enough pictures are
    waiting. A light one would wait for pictures if only half of the cores read them.
    """
    cores = available_cpus()
    return cores if device.type == "cpu" else max(1, cores - 1)
