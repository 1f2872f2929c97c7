"""Classifier and module in another runtime than torch: one ONNX graph, kept between runs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, local
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from afdcli import __version__
from afdcli.backbones.export import export, whole
from afdcli.backbones.plug import Plugged, Prediction
from afdcli.backbones.precision import keep_logits_exact
from afdcli.core.fde import compand
from afdcli.engine.streams import in_streams, twin
from afdcli.errors import ModuleError, UsageError

RUNTIMES = ("auto", "torch", "onnxruntime", "openvino")

Arrays = Sequence[NDArray[Any]]
#: A graph that was loaded: (pixels, grid, side) -> its outputs.
Graph = Callable[[Arrays], Arrays]


def choose_runtime(name: str, device: str, precision: torch.dtype) -> str:
    """What *name* means here: "torch", "onnxruntime" or "openvino".

    *auto* takes OpenVINO on a processor where it is installed, else torch.

    Raises:
        UsageError: no such runtime; it is not installed, or cannot do what is asked.
    """
    if name not in RUNTIMES:
        raise UsageError(f"--runtime {name}: choose {', '.join(RUNTIMES)}")
    able = device == "cpu" and all(find_spec(n) for n in ("onnx", "onnxscript", "onnxruntime"))
    if name == "auto":
        return "openvino" if able and find_spec("openvino") else "torch"
    if name == "torch":
        return name
    if device != "cpu":
        raise UsageError(f"--runtime {name} runs on the processor; choose --device cpu, or torch")
    if not able or not find_spec(name):
        raise UsageError(f"--runtime {name} is not installed: pip install 'afdcli[{name}]'")
    if name == "onnxruntime" and precision != torch.float32:
        raise UsageError("--runtime onnxruntime computes in fp32 only; openvino in bf16, too")
    return name


class Running(NamedTuple):
    """A network that is ready.

    Attributes:
        network: answers with a `Prediction`.
        runtime: "torch", "onnxruntime" or "openvino".
        note: why it is not the one that *auto* would take, or "".
        exact: the same in float32, for pictures that less precision cannot decide; or None.
    """

    network: nn.Module
    runtime: str
    note: str = ""
    exact: nn.Module | None = None


def run_somewhere(
    plugged: Plugged,
    view: tuple[int, int],
    name: str,
    device: str,
    *,
    compiled: bool = False,
    exact: bool = False,
) -> Running:
    """Bring *plugged* into the runtime *name*; *auto* comes back to torch where that fails.

    Args:
        compiled: through ``torch.compile``, in torch; *auto* then means torch.
        exact: have the network in float32, too.

    Raises:
        UsageError: as `choose_runtime`, or *compiled* is asked of another runtime.
        ModuleError: the network cannot be exported.
    """
    precision = plugged.site.precision
    if compiled and name not in ("auto", "torch"):
        raise UsageError(f"--compile is of torch: it does not go with --runtime {name}")
    runtime = choose_runtime("torch" if compiled else name, device, precision)
    note = ""
    if runtime != "torch":
        plugged.site.precision = torch.float32  # the graph is; the runtime may compute in less
        try:
            network = with_companded_grid(plugged)
            graph = graph_file(network, view)
            net = Elsewhere(graph, network, runtime, precision)
            fine = Elsewhere(graph, network, runtime, torch.float32) if exact else None
            return Running(net, runtime, exact=fine)
        except ModuleError as error:
            if name != "auto":
                raise
            plugged.site.precision = precision
            note = f"runs in torch, for {runtime} cannot: {error}"
    if precision != torch.float32:
        keep_logits_exact(plugged.site.net)
    # Kernels are kept between runs by torch itself.
    quick = _Compiled(plugged) if compiled else in_streams(plugged, device)
    return Running(quick, "torch", note, in_streams(in_float32(plugged), device) if exact else None)


def in_float32(plugged: Plugged) -> Plugged:
    """*plugged* with the same weights and in float32, whatever its own precision is."""
    exact = twin(plugged)
    exact.site.precision = torch.float32
    return exact


def with_companded_grid(plugged: Plugged) -> Plugged:
    """*plugged* with the same weights, but its logarithms are left to the caller.

    OpenVINO takes longer over them than over a convolution.
    """
    network = twin(plugged)
    if network.module is not None and network.module.fde is not None:
        network.module.fde.companded = True
    return network


class _Compiled(nn.Module):
    """A `Plugged` network through ``torch.compile``, whose errors say what to do."""

    def __init__(self, plugged: Plugged) -> None:
        super().__init__()
        self._call = torch.compile(plugged)

    def forward(self, pixels: Tensor, grid: Tensor, side: Tensor) -> Prediction:
        """As `Plugged.forward`. Raises UsageError where nothing can be compiled."""
        from torch._dynamo.exc import TorchDynamoException

        try:
            answer: Prediction = self._call(pixels, grid, side)
        except TorchDynamoException as error:
            reason = next(filter(None, map(str.strip, str(error).splitlines())), "no reason given")
            raise UsageError(
                f"--compile: torch cannot compile this classifier here ({reason});"
                " install a C++ compiler, or leave --compile out"
            ) from error
        return answer


class Elsewhere(nn.Module):
    """Stands for a `Plugged` network and gives the same answers, from another runtime.

    Args:
        file: from `graph_file`.
        network: that the graph was made of.
        runtime: "onnxruntime" or "openvino".
        precision: of the arithmetic.
    """

    def __init__(self, file: Path, network: Plugged, runtime: str, precision: torch.dtype) -> None:
        super().__init__()
        self._compare, self._companded = network.compare, network.companded
        load = _onnxruntime if runtime == "onnxruntime" else _openvino
        self._graph = load(file, precision)

    def forward(self, pixels: Tensor, grid: Tensor, side: Tensor) -> Prediction:
        """As `Plugged.forward`; float32 on the processor."""
        grid = (compand(grid) if self._companded else grid).float()
        arrays = (pixels.numpy(), grid.numpy(), side.numpy())
        outputs = [torch.from_numpy(np.asarray(array)) for array in self._graph(arrays)]
        logits = outputs.pop(0)
        direct = outputs.pop(0) if self._compare else None
        return Prediction(logits, direct, outputs.pop(0) if outputs else None)


def graph_file(plugged: Plugged, view: tuple[int, int]) -> Path:
    """The ONNX graph of *plugged*, which is in float32; made where it is not kept yet.

    Raises:
        ModuleError: the network cannot be exported.
    """
    file = cache_folder() / f"{_key(plugged, view)}.onnx"
    if not file.exists():
        export(whole(plugged, view), file, "onnx")
    return file


def cache_folder() -> Path:
    """Where graphs are kept between runs."""
    from platformdirs import user_cache_path

    return user_cache_path("afd", appauthor=False) / "graphs"


def _key(plugged: Plugged, view: tuple[int, int]) -> str:
    """Names a graph by everything that it depends on."""
    digest = hashlib.sha256(
        repr(
            (
                *(__version__, torch.__version__, version("onnxscript")),
                *(view, plugged.compare, plugged.companded),
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


def _onnxruntime(file: Path, _precision: torch.dtype) -> Graph:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_inputs()]

    def run(arrays: Arrays) -> Arrays:
        outputs: Arrays = session.run(None, dict(zip(names, arrays, strict=True)))
        return outputs

    return run


def _openvino(file: Path, precision: torch.dtype) -> Graph:
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

    def request(inputs: list[NDArray[Any]]) -> Any:
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

    def infer(request: Any, inputs: list[NDArray[Any]]) -> list[NDArray[Any]]:
        request.infer(inputs, share_inputs=True)
        return [np.array(tensor.data) for tensor in request.output_tensors]

    def answer(picture: Arrays) -> list[NDArray[Any]]:
        inputs = [array[None] for array in picture]
        if not hasattr(own, "request"):
            own.request = request(inputs)
        return infer(own.request, inputs)

    pool = ThreadPoolExecutor(threads)

    def run(arrays: Arrays) -> Arrays:
        answers = pool.map(answer, zip(*arrays, strict=True))
        return [np.concatenate(parts) for parts in zip(*answers, strict=True)]

    return run
