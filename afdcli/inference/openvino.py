"""Classifier and module as one OpenVINO model: the fastest runtime on processors.

Converted models are cached, see `afdcli.inference.model_cache`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from threading import Lock, local
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from afdcli.core.fde import signed_log1p
from afdcli.errors import ModuleError
from afdcli.inference.model_cache import kept, key_of
from afdcli.models.afd_classifier import AFDClassifier, Prediction
from afdcli.models.export import TOLERANCE, program, quiet, relative_difference, whole

Arrays = Sequence[NDArray[Any]]
#: Turns a batch's (pixels, grid, file_context) into what the model takes.
Prepare = Callable[[Arrays], Arrays]

#: Prefix of the names of the classifier's convolutions in a converted model.
CLASSIFIER = "net.site.net."


def import_openvino() -> Any:
    """Import openvino with its telemetry switched off."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class OpenVINONetwork(nn.Module):
    """An `AFDClassifier` that runs in OpenVINO, on the CPU.

    Args:
        file: the model, from `model_file` or `afdcli.inference.int8.quantised_file`.
        network: the network that the model was converted from.
        precision: float32 or bfloat16; a quantised model contains its 8-bit layers.
    """

    def __init__(self, file: Path, network: AFDClassifier, precision: torch.dtype) -> None:
        super().__init__()
        self._outputs = whole(network).outputs
        self._model = _PerPicture(file, precision, prepare_for(network))

    def forward(self, pixels: Tensor, grid: Tensor, file_context: Tensor) -> Prediction:
        """As `AFDClassifier.forward`; the outputs are float32 on the CPU."""
        arrays = (pixels.numpy(), grid.numpy(), file_context.numpy())
        outputs = map(torch.from_numpy, self._model(arrays))
        named = dict(zip(self._outputs, outputs, strict=True))
        others = (named.get(name) for name in ("direct", "drift", "features"))
        return Prediction(named["logits"], *others)


class _PerPicture:
    """A compiled model that takes single pictures, as many in parallel as there are cores.

    The reader processes need the cores too. This way they delay one picture, not a whole batch.

    Each thread waits for a request of its own, and ``infer`` releases the GIL, so requests overlap.
    Two requests with ``start_async`` and ``wait`` give the same outputs in the same processor time
    (EfficientNet-Lite0 on one core: 7.7 ms against 7.9). ``AsyncInferQueue`` must not be used with
    ``share_inputs``: unlike a request it keeps no reference to the arrays, so they are freed while
    the network reads them, and the heap is corrupted (seen with OpenVINO 2026.4).
    """

    def __init__(self, file: Path, precision: torch.dtype, prepare: Prepare) -> None:
        ov = import_openvino()
        threads = torch.get_num_threads()
        hint = "bf16" if precision == torch.bfloat16 else "f32"
        self._prepare = prepare
        self._compiled = ov.Core().compile_model(
            file,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": hint,
                "PERFORMANCE_HINT": "THROUGHPUT",
                "NUM_STREAMS": str(threads),
                "INFERENCE_NUM_THREADS": str(threads),
                # One folder each: a blob in one precision overwrites that in another.
                "CACHE_DIR": str(file.parent / hint),
            },
        )
        self._pool = ThreadPoolExecutor(threads)
        self._own, self._first = local(), Lock()
        self._met_numpy = False

    def __call__(self, arrays: Arrays) -> list[NDArray[Any]]:
        answers = self._pool.map(self._answer, zip(*arrays, strict=True))
        return [np.concatenate(parts) for parts in zip(*answers, strict=True)]

    def _answer(self, picture: Arrays) -> list[NDArray[Any]]:
        inputs = self._prepare([array[None] for array in picture])
        if self._met_numpy:
            return self._infer(inputs)
        # OpenVINO's bindings load numpy support with the first array. Two threads that do this at
        # the same time deadlock.
        with self._first:
            answer = self._infer(inputs)
            self._met_numpy = True
        return answer

    def _infer(self, inputs: Arrays) -> list[NDArray[Any]]:
        if not hasattr(self._own, "request"):
            self._own.request = self._compiled.create_infer_request()
        self._own.request.infer(inputs, share_inputs=True)
        return [np.array(tensor.data) for tensor in self._own.request.output_tensors]


def prepare_for(network: AFDClassifier) -> Prepare:
    """The function that prepares inputs for the model of *network*."""
    return partial(_log_grid, network.grid_channels) if network.takes_log_grid else _in_float32


def _in_float32(arrays: Arrays) -> Arrays:
    pixels, grid, file_context = arrays
    return pixels, grid.astype(np.float32, copy=False), file_context


def _log_grid(channels: int, arrays: Arrays) -> Arrays:
    pixels, grid, file_context = arrays
    grid = grid[:, -channels:]
    if grid.dtype != np.float16:
        return pixels, signed_log1p(torch.from_numpy(grid)).float().numpy(), file_context
    return pixels, np.take(_logarithms(), grid.view(np.uint16), mode="clip"), file_context


@cache
def _logarithms() -> NDArray[np.float32]:
    """A table of `signed_log1p` for all float16 values; a look-up takes half the time.

    It has all 2**16 entries, so ``np.take`` needs no bounds check: "clip" is its fastest mode.
    """
    bits = torch.arange(1 << 16, dtype=torch.int32).to(torch.uint16)
    table: NDArray[np.float32] = signed_log1p(bits.view(torch.float16)).float().numpy()
    return table


def model_file(network: AFDClassifier) -> Path:
    """The OpenVINO model file of *network* for one picture; converted unless it is cached.

    Args:
        network: in float32.

    Raises:
        ModuleError: the network cannot be converted, or the model's outputs differ from torch's.
    """
    return kept(key_of(network), lambda folder: _save(convert(network), folder))


def convert(network: AFDClassifier) -> Any:
    """Convert *network* to an ``openvino.Model`` for one picture, and compare it with torch.

    Raises:
        ModuleError: as `model_file`.
    """
    ov = import_openvino()
    subject = whole(network)
    inputs = subject.draw(1)
    with quiet(), torch.no_grad():
        exported = program(subject, batch=1)
        try:
            model = ov.convert_model(exported)
        except Exception as error:  # OpenVINO raises many kinds
            first = str(error).strip().partition("\n")[0]
            raise ModuleError(f"OpenVINO cannot convert this network: {first}") from error
        shapes = [list(tensor.shape) for tensor in inputs]
        model.reshape(dict(zip(model.inputs, shapes, strict=True)))
        _name_convolutions(model, exported)
        compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        found = compiled([tensor.numpy() for tensor in inputs])
        got = [torch.from_numpy(np.array(found[i])) for i in range(len(subject.outputs))]
        worst = relative_difference(subject.net(*inputs), got)
    if worst > TOLERANCE:
        raise ModuleError(f"OpenVINO's output differs from torch's by {worst:.1e}")
    return model


def _save(model: Any, folder: Path) -> None:
    import_openvino().save_model(model, folder / "model.xml", compress_to_fp16=False)


def _name_convolutions(model: Any, exported: torch.export.ExportedProgram) -> None:
    """Name the model's convolutions after their layers.

    OpenVINO numbers them in program order.
    """
    layers = [
        list(node.meta["nn_module_stack"].values())[-1][0]
        for node in exported.graph.nodes
        if re.match(r"aten\.conv(2d|olution)\b", str(node.target))
    ]
    for operation in model.get_ops():
        match = re.match(r"convolution(?:_(\d+))?/", operation.get_friendly_name())
        if match and "Convolution" in operation.get_type_name():
            number = int(match[1] or 0)
            operation.set_friendly_name(f"{layers[number]}#{number}")
