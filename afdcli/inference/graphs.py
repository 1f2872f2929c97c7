"""Classifier and module as one ONNX graph, kept between runs, in another runtime than torch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from threading import Lock, local
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from afdcli import __version__
from afdcli.core.fde import signed_log1p
from afdcli.models.afd_classifier import AFDClassifier, Prediction
from afdcli.models.export import export, whole

Arrays = Sequence[NDArray[Any]]
#: A graph that was loaded: (pixels, grid, file_context) -> its outputs.
Graph = Callable[[Arrays], Arrays]
#: What a graph needs done to its inputs first, the same for any number of pictures.
Prepare = Callable[[Arrays], Arrays]


class ExportedNetwork(nn.Module):
    """Stands for an `AFDClassifier` network and gives the same answers, from another runtime.

    Args:
        file: from `graph_file`.
        network: that the graph was made of.
        runtime: "onnxruntime" or "openvino".
        precision: of the arithmetic.
    """

    def __init__(
        self, file: Path, network: AFDClassifier, runtime: str, precision: torch.dtype
    ) -> None:
        super().__init__()
        self._compare = network.compare
        load = _onnxruntime if runtime == "onnxruntime" else _openvino
        self._graph = load(file, precision, prepare_for(network))

    def forward(self, pixels: Tensor, grid: Tensor, file_context: Tensor) -> Prediction:
        """As `AFDClassifier.forward`; float32 on the processor."""
        arrays = (pixels.numpy(), grid.numpy(), file_context.numpy())
        outputs = [torch.from_numpy(np.asarray(array)) for array in self._graph(arrays)]
        logits = outputs.pop(0)
        direct = outputs.pop(0) if self._compare else None
        return Prediction(logits, direct, outputs.pop(0) if outputs else None)


def prepare_for(network: AFDClassifier) -> Prepare:
    """What the graph of *network* needs done to its inputs."""
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
    """`signed_log1p` of every float16, by its bits: to look it up takes half as long.

    All 2**16 are there, so ``np.take`` need not check: "clip" is its quickest mode.
    """
    bits = torch.arange(1 << 16, dtype=torch.int32).to(torch.uint16)
    table: NDArray[np.float32] = signed_log1p(bits.view(torch.float16)).float().numpy()
    return table


def graph_file(plugged: AFDClassifier) -> Path:
    """The ONNX graph of *plugged*, which is in float32; made where it is not kept yet.

    Raises:
        ModuleError: the network cannot be exported.
    """
    file = cache_folder() / f"{_key(plugged)}.onnx"
    if not file.exists():
        export(whole(plugged), file, "onnx")
    return file


def cache_folder() -> Path:
    """Where graphs are kept between runs."""
    from platformdirs import user_cache_path

    return user_cache_path("afd", appauthor=False) / "graphs"


def _key(plugged: AFDClassifier) -> str:
    """Names a graph by everything that it depends on."""
    digest = hashlib.sha256(
        repr(
            (
                *(__version__, torch.__version__, version("onnxscript")),
                *(plugged.view, plugged.compare, plugged.takes_log_grid),
            )
        ).encode()
    )
    digest.update(repr((plugged.site.plug, plugged.site.net)).encode())
    if plugged.module is not None:
        digest.update(plugged.module.config.to_json().encode())
    for name, value in plugged.state_dict().items():
        digest.update(name.encode())
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:32]


def onnx_session(model: str | bytes) -> Any:
    """ONNX Runtime, on the processor, with a *model*: the path of a file, or what is in it."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _onnxruntime(file: Path, _precision: torch.dtype, prepare: Prepare) -> Graph:
    session = onnx_session(str(file))
    names = [item.name for item in session.get_inputs()]

    def run(arrays: Arrays) -> Arrays:
        outputs: Arrays = session.run(None, dict(zip(names, prepare(arrays), strict=True)))
        return outputs

    return run


def _openvino(file: Path, precision: torch.dtype, prepare: Prepare) -> Graph:
    import openvino

    core = openvino.Core()
    threads = torch.get_num_threads()
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == torch.bfloat16 else "f32",
        # As many pictures at a time as there are cores: readers, who need them too, then hold up
        # one picture and not a whole batch.
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": str(threads),
        "INFERENCE_NUM_THREADS": str(threads),
        "CACHE_DIR": str(file.with_suffix("")),
    }
    lock, own = Lock(), local()
    loaded: list[Any] = []

    def request(inputs: Arrays) -> Any:
        """This thread's own; the first one compiles the graph for one picture like *inputs*."""
        with lock:
            if not loaded:
                model = core.read_model(file)
                shapes = (array.shape for array in inputs)
                model.reshape(dict(zip(model.inputs, shapes, strict=True)))
                loaded.append(core.compile_model(model, "CPU", settings))
                # OpenVINO's bindings get to know numpy when first given an array. Two threads that
                # do so at once wait for each other, one for the interpreter's lock, for ever.
                infer(loaded[0].create_infer_request(), inputs)
        return loaded[0].create_infer_request()

    def infer(request: Any, inputs: Arrays) -> list[NDArray[Any]]:
        request.infer(inputs, share_inputs=True)
        return [np.array(tensor.data) for tensor in request.output_tensors]

    def answer(picture: Arrays) -> list[NDArray[Any]]:
        inputs = prepare([array[None] for array in picture])
        if not hasattr(own, "request"):
            own.request = request(inputs)
        return infer(own.request, inputs)

    pool = ThreadPoolExecutor(threads)

    def run(arrays: Arrays) -> Arrays:
        answers = pool.map(answer, zip(*arrays, strict=True))
        return [np.concatenate(parts) for parts in zip(*answers, strict=True)]

    return run
