"""Choose the runtime, torch or OpenVINO, and bring a network into it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor, nn

from afdcli.errors import ModuleError, UsageError
from afdcli.inference.convert import graph_of, model_file
from afdcli.inference.int8 import quantised_file
from afdcli.inference.network import Network
from afdcli.inference.openvino import OpenVINONetwork
from afdcli.inference.torch_network import TorchNetwork
from afdcli.inference.torch_threads import in_streams, twin
from afdcli.models.afd_classifier import AFDClassifier, Prediction
from afdcli.models.device import LARGEST_BATCH, kind_of
from afdcli.models.precision import keep_logits_exact

RUNTIMES = ("auto", "torch", "openvino")
_TOGETHER = 4  # pictures that OpenVINO computes at once, see `OpenVINONetwork`


def choose_runtime(name: str, device: str, precision: torch.dtype) -> str:
    """Resolve *name* to "torch" or "openvino".

    "auto" is OpenVINO on a CPU if it is installed, else torch.

    Raises:
        UsageError: unknown or not installed, or it does not support *device* or *precision*.
    """
    if name not in RUNTIMES:
        raise UsageError(f"--runtime {name}: choose {', '.join(RUNTIMES)}")
    able = device == "cpu" and find_spec("openvino") is not None
    if precision == torch.int8:
        _check_int8(name, device)
        name = "openvino"
    if name == "auto":
        return "openvino" if able else "torch"
    if name == "openvino" and device != "cpu":
        raise UsageError(
            "--runtime openvino runs on the CPU only; use --device cpu or --runtime torch"
        )
    if name == "openvino" and not able:
        raise UsageError("OpenVINO is not installed: pip install openvino, or use --runtime torch")
    return name


def _check_int8(name: str, device: str) -> None:
    if name == "torch":
        raise UsageError("--precision int8 needs OpenVINO; use --runtime openvino")
    if device != "cpu":
        raise UsageError("--precision int8 runs on the CPU only; use --device cpu")
    if not find_spec("nncf"):
        raise UsageError("NNCF, for --precision int8, is not installed: pip install 'afdcli[int8]'")


class Running(NamedTuple):
    """A network in its runtime.

    Attributes:
        network: classifier and module.
        runtime: "torch" or "openvino".
        note: why "auto" fell back to torch, or "".
        exact: the same network in float32, for low-margin predictions; or None.
    """

    network: Network
    runtime: str
    note: str = ""
    exact: Network | None = None


def run_somewhere(
    classifier: AFDClassifier,
    name: str,
    device: str,
    *,
    compiled: bool = False,
    exact: bool = False,
    batch_size: int = LARGEST_BATCH["cpu"],
) -> Running:
    """Bring *classifier* into the runtime *name*; "auto" falls back to torch if that fails.

    Args:
        device: torch device, such as "cuda:1".
        compiled: use ``torch.compile``; "auto" then means torch.
        exact: also prepare the network in float32.
        batch_size: pictures per pass.

    Raises:
        UsageError: as `choose_runtime`, or *compiled* with OpenVINO.
        ModuleError: the network cannot be converted.
    """
    precision = classifier.backbone.precision
    if compiled and name not in ("auto", "torch"):
        raise UsageError(f"--compile works in torch only, not with --runtime {name}")
    kind = kind_of(device)
    runtime = choose_runtime("torch" if compiled else name, kind, precision)
    note = ""
    if runtime != "torch":
        classifier.backbone.precision = torch.float32  # OpenVINO lowers it at run time
        try:
            network = with_log_grid(classifier)
            threads = torch.get_num_threads()
            file = model_file(network, _together(batch_size, threads, precision))
            quick = quantised_file(file, network) if precision == torch.int8 else file
            net = OpenVINONetwork(graph_of(quick, network, precision), threads)
            same = OpenVINONetwork(graph_of(file, network, torch.float32), threads)
            return Running(net, runtime, exact=same if exact else None)
        except ModuleError as error:
            if name != "auto" or precision == torch.int8:
                raise
            classifier.backbone.precision = precision
            note = f"{runtime} cannot run this network; using torch: {error}"
    if precision != torch.float32:
        keep_logits_exact(classifier.backbone.net)
    # torch caches compiled kernels itself.
    here = TorchNetwork(_Compiled(classifier) if compiled else in_streams(classifier, kind), device)
    fine = in_streams(in_float32(classifier), kind) if exact else None
    return Running(here, "torch", note, None if fine is None else TorchNetwork(fine, device))


def _together(batch_size: int, threads: int, precision: torch.dtype) -> int:
    """Pictures per request: few enough that a pass has work for all threads.

    NNCF calibrates with single pictures.
    """
    return 1 if precision == torch.int8 else max(1, min(_TOGETHER, batch_size // threads))


def in_float32(classifier: AFDClassifier) -> AFDClassifier:
    """*classifier* in float32, with shared weights."""
    exact = twin(classifier)
    exact.backbone.precision = torch.float32
    return exact


def with_log_grid(classifier: AFDClassifier) -> AFDClassifier:
    """*classifier* with shared weights, but with the logarithms of the grid as its input."""
    network = twin(classifier)
    network.take_log_grid()
    return network


class _Compiled(nn.Module):
    """An `AFDClassifier` under ``torch.compile``, with errors that say what to do."""

    def __init__(self, classifier: AFDClassifier) -> None:
        super().__init__()
        self._call = torch.compile(classifier)

    def forward(self, pixels: Tensor, grid: Tensor, file_context: Tensor) -> Prediction:
        """As `AFDClassifier.forward`. Raises UsageError if torch cannot compile it."""
        from torch._dynamo.exc import TorchDynamoException

        try:
            answer: Prediction = self._call(pixels, grid, file_context)
        except TorchDynamoException as error:
            reason = next(filter(None, map(str.strip, str(error).splitlines())), "no reason given")
            raise UsageError(
                f"--compile: torch cannot compile this classifier here ({reason});"
                " install a C++ compiler, or omit --compile"
            ) from error
        return answer
