"""A module, alone or in its classifier, as one file for other runtimes: `.pt2` or ONNX.

The file is compared with the network it was made from, at two batch sizes, before it is kept.

Two forms in `afdcli.core` matter to OpenVINO: `fde.FDENet` writes its small linear layer as a 1x1
convolution, which is faster, and `film.FiLM` splits its vectors before it reshapes them (OpenVINO
moves strides of convolutions forward through sums, and fails if they come to a split).
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from afdcli.constants import CONTEXT_CHANNELS
from afdcli.core.cost import largest, random_inputs, relative_difference
from afdcli.core.module import AFDModule
from afdcli.errors import ModuleError, UsageError
from afdcli.models.afd_classifier import AFDClassifier

Format = Literal["pt2", "onnx"]
Inputs = tuple[Tensor, ...]

BATCHES = (2, 5)  # the first is the example; another one shows that the size is free
#: Largest difference from torch, over the larger of 1 and the largest output.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Subject:
    """What is exported.

    Attributes:
        net: takes three tensors, named *inputs*; gives a tuple, named *outputs*.
        draw: random inputs for a batch of some size.
    """

    net: nn.Module
    inputs: tuple[str, str, str]
    outputs: tuple[str, ...]
    draw: Callable[[int], Inputs]


def alone(module: AFDModule) -> Subject:
    """The module by itself: (features, grid, file_context) -> de-drifted features.

    Raises:
        ModuleError: it works at several places of its classifier.
    """
    if module.config.signature_names:
        places = ", ".join(module.config.signature_names)
        raise ModuleError(
            f"this module also changes the outputs of {places}: export it together with its"
            " classifier, --backbone NAME, or train one of preset paper"
        )
    return Subject(
        _Tuple(module).eval(),
        ("features", "grid", "file_context"),
        ("restored",),
        lambda batch: random_inputs(module.config, batch)[:3],
    )


def whole(classifier: AFDClassifier) -> Subject:
    """Classifier and module: (pixels, grid, file_context) -> what of a `Prediction` is not None.

    Pixels are (B, H, W, 3) uint8 of the network's view; grid and file_context as in
    `afdcli.view.spec.View`, float32. Where the network takes the grid's logarithms,
    they are only of the channels that it reads.
    """
    largest = 1 if classifier.takes_log_grid else 50

    def draw(batch: int) -> Inputs:
        generator = torch.Generator().manual_seed(batch)
        view = classifier.view
        cells = (-(-view[0] // 8), -(-view[1] // 8))
        return (
            torch.randint(0, 256, (batch, *view, 3), dtype=torch.uint8, generator=generator),
            largest * torch.randn(batch, classifier.grid_channels, *cells, generator=generator),
            5 * torch.rand(batch, CONTEXT_CHANNELS, generator=generator),
        )

    outputs = ["logits"]
    if classifier.compare:
        outputs.append("direct")
    if classifier.module is not None:
        outputs.append("drift")
    if classifier.features is not None:
        outputs.append("features")
    return Subject(
        _Tuple(classifier).eval(), ("pixels", "grid", "file_context"), tuple(outputs), draw
    )


class _Tuple(nn.Module):
    """A network whose answer is a tuple of tensors, without gaps."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, grid: Tensor, file_context: Tensor) -> tuple[Tensor, ...]:
        answer: Tensor | tuple[Tensor | None, ...] = self.net(x, grid, file_context)
        parts = answer if isinstance(answer, tuple) else (answer,)
        return tuple(part for part in parts if part is not None)


def export(subject: Subject, out: Path, kind: Format) -> float:
    """Write *subject* to *out* for batches of any size; returns its largest difference from torch.

    Raises:
        UsageError: ONNX is not installed.
        ModuleError: it cannot be exported, or the file computes something else.
    """
    if kind == "onnx":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            if find_spec(package) is None:
                raise UsageError(f"ONNX needs {package}: pip install 'afdcli[onnx]'")
    temporary = out.with_name(f".{out.name}.{os.getpid()}.part")  # others may write it, too
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Exporters announce their own deprecations and every pass.
        with quiet("torch.onnx", "onnxscript", "onnx_ir"), torch.no_grad():
            exported = program(subject)
            if kind == "pt2":
                _save_pt2(exported, temporary)
            else:
                _save_onnx(exported, subject, temporary)
            worst = largest(_difference(subject, temporary, kind, batch) for batch in BATCHES)
        if not worst <= TOLERANCE:  # it may be NaN
            raise ModuleError(
                f"the exported file differs from torch by {worst:.1e}, more than {TOLERANCE:.0e};"
                " it was not written"
            )
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return worst


def program(subject: Subject, batch: int | None = None) -> torch.export.ExportedProgram:
    """*subject* as torch's own graph, for batches of the size *batch*; None: of any size.

    Raises:
        ModuleError: its code cannot be traced.
    """
    free = {0: torch.export.Dim("batch", min=1)} if batch is None else None
    try:
        return torch.export.export(
            subject.net,
            subject.draw(batch or BATCHES[0]),
            dynamic_shapes=None if free is None else (free, free, free),
            strict=False,
        )
    except Exception as error:  # whatever a classifier's code does that cannot be traced
        raise ModuleError(
            f"torch cannot export this network ({type(error).__name__}:"
            f" {next(iter(str(error).splitlines()), '')}); try the module alone, without --backbone"
        ) from error


def _save_pt2(program: torch.export.ExportedProgram, out: Path) -> None:
    program.example_inputs = None  # would be stored, too: larger than the weights
    with out.open("wb") as file:
        torch.export.save(program, file)


def _save_onnx(program: torch.export.ExportedProgram, subject: Subject, out: Path) -> None:
    made = torch.onnx.export(
        program, input_names=subject.inputs, output_names=subject.outputs, verbose=False
    )
    assert made is not None
    made.save(str(out), external_data=False)


def _difference(subject: Subject, file: Path, kind: Format, batch: int) -> float:
    inputs = subject.draw(batch)
    expected = subject.net(*inputs)
    if kind == "pt2":
        with file.open("rb") as stream:
            got = torch.export.load(stream).module()(*inputs)
    else:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        arrays = {name: x.numpy() for name, x in zip(subject.inputs, inputs, strict=True)}
        got = [torch.from_numpy(array) for array in session.run(None, arrays)]
    return relative_difference(expected, got)


@contextmanager
def quiet(*names: str) -> Iterator[None]:
    """Show no warnings, and only errors from the loggers *names*."""
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
