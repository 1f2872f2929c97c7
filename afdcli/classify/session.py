"""What must be ready before a classify run begins: classifier, AFD module, labels, machine."""

from __future__ import annotations

import os
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
from afdcli.inputs.found import Found
from afdcli.inputs.labels import Labels, load_labels
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import LoadedModule, find_module, view_of
from afdcli.models.bn_folding import fold_batch_norms
from afdcli.models.device import batch_size, choose_device
from afdcli.models.loader import Backbone, load_backbone
from afdcli.results.metadata import backbone_facts, module_facts
from afdcli.results.rows import FAILED, Columns, Row
from afdcli.storage.paths import Url
from afdcli.view.batch import Layout
from afdcli.view.spec import ViewSpec
from afdcli.workers.cpus import available_cpus
from afdcli.workers.pool import default_workers
from afdcli.workers.read_task import Facts


@dataclass(frozen=True)
class Setup:
    """What is ready when a run begins.

    Attributes:
        backbone, module: the classifier and its AFD module, None where there is none.
        note: a sentence for the user on the module, or "".
        labels: the true classes, or None.
        columns: of the results.
        network: both as one that answers with a `Prediction`.
        exact: the same in float32, asked where *network* is not sure; None where it is not.
        runtime: in which it runs: "torch" or "openvino".
        workers: processes that read files.
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
    batch_size: int
    workers: int

    @property
    def spec(self) -> ViewSpec:
        """What the workers prepare: the backbone's view, with what the module reads."""
        return view_of(self.backbone, self.module)

    @property
    def arithmetic(self) -> Arithmetic:
        """In what the run computes."""
        exact = self.exact is not None
        return Arithmetic(self.precision, exact, self.runtime, self.batch_size)

    def forward(self) -> Cascade:
        """The network, ready for batches."""
        if self.exact is None:
            return Cascade(self._forward(self.network, self.batch_size), threads=self._threads)
        exact = self._forward(self.exact, PASS)
        self.network.to(self.device)
        layout, device = Layout.of(self.spec), self.device
        integers = self.precision == torch.int8
        margin = close_margin(self.network, self.exact, layout, device, self.batch_size, integers)
        quick = self._forward(self.network, self.batch_size, margin)
        return Cascade(quick, exact, threads=self._threads)

    @property
    def _threads(self) -> int:
        """Batches at a time: two where pictures go through the network independently."""
        return 1 if self.device.type != "cpu" or self.settings.compile else 2

    def _forward(self, network: nn.Module, batch_size: int, margin: float = 0.0) -> Predictor:
        return Predictor(
            network,
            Layout.of(self.spec),
            self.backbone.class_names,
            device=self.device,
            batch_size=batch_size,
            topk=self.columns.topk,
            margin=margin,
        )

    def begun(self, found: Found, outcome: Facts | PhotoError) -> Row:
        """The row of an input after reading: failed, or without its top classes."""
        target = self.labels.target(found) if self.labels is not None else None
        name = "" if target is None else self.backbone.class_names[target]
        row = Row(found.relative, target=target, target_label=name)
        if isinstance(outcome, PhotoError):
            return replace(row, status=FAILED, error=str(outcome.code), note=outcome.message)
        return replace(row, **asdict(outcome))

    def answered(self, row: Row, answer: ImageResult) -> Row:
        """*row* of a picture that was read, with what the network says."""
        direct = answer.direct
        if self.settings.compare and self.module is None:
            direct = answer.top_classes  # nothing is plugged in: this is the plain backbone
        if answer.top_classes is None or direct is None:
            message = "the classifier's output is not a number"
            return replace(row, status=FAILED, error=str(ErrorCode.BAD_OUTPUT), note=message)
        return replace(row, top_classes=answer.top_classes, direct=direct, drift=answer.drift)

    def facts(self, command: str) -> dict[str, Any]:
        """The run as metadata."""
        options = {name: _plain(value) for name, value in asdict(self.settings).items()}
        return {
            "command": command,
            "options": options,
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
    """Load the classifier, its module and the labels.

    Args:
        arithmetic: that of a run which this is a part of, instead of that in *settings*.

    Raises:
        AfdError: anything that makes the run impossible; see `afdcli.errors`.
    """
    settings.check()
    if "OMP_NUM_THREADS" not in os.environ:  # torch looks at the affinity, not at the quota
        torch.set_num_threads(min(torch.get_num_threads(), available_cpus()))
    device = torch.device(choose_device(settings.device))
    backbone = _backbone(settings)
    module = find_module(settings.afd, backbone)
    fold_batch_norms(backbone.net, (backbone.spec.height, backbone.spec.width))
    arithmetic = arithmetic or choose_arithmetic(settings, device.type)
    running = run_somewhere(
        AFDClassifier(backbone, module, settings.compare, arithmetic.precision).eval(),
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
        ),
        device=device,
        precision=arithmetic.precision,
        network=running.network,
        exact=running.exact,
        runtime=running.runtime,
        batch_size=arithmetic.batch_size
        or batch_size(device, backbone.spec.height, backbone.spec.width),
        workers=settings.workers or _workers(device),
    )


def _backbone(settings: Settings) -> Backbone:
    """The classifier, with the view that is asked for."""
    backbone = load_backbone(
        settings.backbone,
        checkpoint=settings.checkpoint,
        imports=settings.imports,
        class_names=settings.class_names,
    )
    near = None if settings.resize == "always" else backbone.spec.near
    return replace(backbone, spec=replace(backbone.spec, near=near, icc=settings.icc))


def _note(afd: str, module: LoadedModule | None) -> str:
    """What the user must know about the module."""
    if module is not None:
        return module.note
    if afd == "off":
        return "AFD is off (--afd off)"
    return "this installation has no AFD module for this backbone: classified without AFD"


def _workers(device: torch.device) -> int:
    """Processes that read files: one per core, though on a processor the maths needs them too.

    A heavy classifier still gets all cores, for workers sleep while enough pictures are waiting. A
    light one, quicker than half of the cores can read, would wait for its pictures.
    """
    cores = default_workers()
    return cores if device.type == "cpu" else max(1, cores - 1)


def _plain(value: Any) -> Any:
    """*value* as JSON knows it."""
    return str(value) if isinstance(value, (Path, Url)) else value
