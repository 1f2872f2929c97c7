"""Where a network runs: in torch, or as a graph in another runtime."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor, nn

from afdcli.errors import ModuleError, UsageError
from afdcli.inference.graphs import ExportedNetwork, graph_file
from afdcli.inference.int8 import quantised_file
from afdcli.inference.torch_threads import in_streams, twin
from afdcli.models.afd_classifier import AFDClassifier, Prediction
from afdcli.models.precision import keep_logits_exact

RUNTIMES = ("auto", "torch", "onnxruntime", "openvino")


def choose_runtime(name: str, device: str, precision: torch.dtype) -> str:
    """What *name* means here: "torch", "onnxruntime" or "openvino".

    *auto* takes OpenVINO on a processor where it is installed, else torch.

    Raises:
        UsageError: no such runtime; it is not installed, or cannot do what is asked.
    """
    if name not in RUNTIMES:
        raise UsageError(f"--runtime {name}: choose {', '.join(RUNTIMES)}")
    able = device == "cpu" and all(find_spec(n) for n in ("onnx", "onnxscript", "onnxruntime"))
    integers = precision == torch.int8
    if name == "auto":
        if able and find_spec("openvino"):
            return "openvino"
        name = "openvino" if integers else "torch"
    if name == "torch":
        if integers:
            raise UsageError("--precision int8 is not for torch; choose --runtime openvino")
        return name
    if device != "cpu":
        raise UsageError(f"--runtime {name} runs on the processor; choose --device cpu, or torch")
    if not able or not find_spec(name):
        raise UsageError(f"--runtime {name} is not installed: pip install 'afdcli[{name}]'")
    if name == "onnxruntime" and precision not in (torch.float32, torch.int8):
        raise UsageError("--runtime onnxruntime computes in fp32 and int8; openvino in bf16, too")
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
    plugged: AFDClassifier,
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
            network = with_log_grid(plugged)
            graph = graph_file(network)
            quick = graph
            if precision == torch.int8:
                quick = quantised_file(graph, network, runtime)
            net = ExportedNetwork(quick, network, runtime, precision)
            fine = ExportedNetwork(graph, network, runtime, torch.float32) if exact else None
            return Running(net, runtime, exact=fine)
        except ModuleError as error:
            if name != "auto" or precision == torch.int8:
                raise
            plugged.site.precision = precision
            note = f"{runtime} cannot run this network; using torch: {error}"
    if precision != torch.float32:
        keep_logits_exact(plugged.site.net)
    # Kernels are kept between runs by torch itself.
    here = _Compiled(plugged) if compiled else in_streams(plugged, device)
    return Running(here, "torch", note, in_streams(in_float32(plugged), device) if exact else None)


def in_float32(plugged: AFDClassifier) -> AFDClassifier:
    """*plugged* with the same weights and in float32, whatever its own precision is."""
    exact = twin(plugged)
    exact.site.precision = torch.float32
    return exact


def with_log_grid(plugged: AFDClassifier) -> AFDClassifier:
    """*plugged* with the same weights, but its logarithms are left to the caller.

    OpenVINO takes longer over them than over a convolution.
    """
    network = twin(plugged)
    if network.module is not None and network.module.fde is not None:
        network.module.fde.takes_log_grid = True
    return network


class _Compiled(nn.Module):
    """An `AFDClassifier` network through ``torch.compile``, whose errors say what to do."""

    def __init__(self, plugged: AFDClassifier) -> None:
        super().__init__()
        self._call = torch.compile(plugged)

    def forward(self, pixels: Tensor, grid: Tensor, file_context: Tensor) -> Prediction:
        """As `AFDClassifier.forward`. Raises UsageError where nothing can be compiled."""
        from torch._dynamo.exc import TorchDynamoException

        try:
            answer: Prediction = self._call(pixels, grid, file_context)
        except TorchDynamoException as error:
            reason = next(filter(None, map(str.strip, str(error).splitlines())), "no reason given")
            raise UsageError(
                f"--compile: torch cannot compile this classifier here ({reason});"
                " install a C++ compiler, or leave --compile out"
            ) from error
        return answer
