"""Run a converted network in OpenVINO: the fastest runtime on processors. Needs no torch."""

from __future__ import annotations

import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from threading import Lock, local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afdcli.constants import LOG1P_DC
from afdcli.inference.network import Arrays, Network, NetworkOutput


def import_openvino() -> Any:
    """Import openvino with its telemetry switched off."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@dataclass(frozen=True)
class Graph:
    """A converted network, and how to run it.

    Attributes:
        file: ``model.xml``.
        outputs: fields of `NetworkOutput` that the model gives, in its order.
        log_channels: the model takes the logarithms of the grid's last so many channels; None: the
            grid itself.
        precision: "f32" or "bf16"; a quantised model contains its 8-bit layers.
    """

    file: Path
    outputs: tuple[str, ...]
    log_channels: int | None
    precision: str


class OpenVINONetwork(Network):
    """A converted network that takes a few pictures, as often in parallel as there are threads.

    The reader processes need the cores too. This way they delay a few pictures, not a whole batch.
    Four at once share what OpenVINO spends per layer: EfficientNet-Lite0 with its module takes 5.5
    instead of 7.4 ms of a core per picture in bfloat16 and 12.3 instead of 13.4 in float32 (Xeon
    with AMX), and every output stays the same bit for bit. More than four gain nothing.

    Each thread waits for a request of its own, and ``infer`` releases the GIL, so requests overlap.
    Two requests with ``start_async`` and ``wait`` give the same outputs in the same processor time
    (EfficientNet-Lite0 on one core: 7.7 ms against 7.9). ``AsyncInferQueue`` must not be used with
    ``share_inputs``: unlike a request it keeps no reference to the arrays, so they are freed while
    the network reads them, and the heap is corrupted (seen with OpenVINO 2026.4).
    """

    def __init__(self, graph: Graph, threads: int) -> None:
        self.graph, self._threads = graph, threads
        self._pool = ThreadPoolExecutor(threads)
        self._own, self._first = local(), Lock()
        self._met_numpy = False
        self._loading = Lock()
        self._loaded: Future[Any] | None = None

    def load(self) -> None:
        """Begin to load and compile the model; OpenVINO keeps what it has compiled."""
        self._load()

    def __call__(self, pixels: Any, grid: Any, file_context: Any) -> NetworkOutput:
        """As `Network.__call__`."""
        compiled = self._load().result()
        arrays = [np.asarray(array) for array in (pixels, grid, file_context)]
        count, step = len(arrays[0]), compiled.input(0).shape[0]
        if missing := -count % step:  # the model takes no fewer: repeat the last picture
            arrays = [np.concatenate([a, a[-1:].repeat(missing, 0)]) for a in arrays]
        groups = ([a[i : i + step] for a in arrays] for i in range(0, count, step))
        answers = self._pool.map(partial(self._answer, compiled), groups)
        outputs = (np.concatenate(output)[:count] for output in zip(*answers, strict=True))
        return NetworkOutput(**dict(zip(self.graph.outputs, outputs, strict=True)))

    def _load(self) -> Future[Any]:
        with self._loading:
            if self._loaded is None:
                self._loaded = self._pool.submit(self._compile)
            return self._loaded

    def _compile(self) -> Any:
        return (
            import_openvino()
            .Core()
            .compile_model(
                self.graph.file,
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": self.graph.precision,
                    "PERFORMANCE_HINT": "THROUGHPUT",
                    "NUM_STREAMS": str(self._threads),
                    "INFERENCE_NUM_THREADS": str(self._threads),
                    # One folder each: a blob in one precision overwrites that in another.
                    "CACHE_DIR": str(self.graph.file.parent / self.graph.precision),
                },
            )
        )

    def _answer(self, compiled: Any, pictures: Arrays) -> list[NDArray[Any]]:
        inputs = prepared(pictures, self.graph.log_channels)
        if self._met_numpy:
            return self._infer(compiled, inputs)
        # OpenVINO's bindings load numpy support with the first array. Two threads that do this at
        # the same time deadlock.
        with self._first:
            answer = self._infer(compiled, inputs)
            self._met_numpy = True
        return answer

    def _infer(self, compiled: Any, inputs: Arrays) -> list[NDArray[Any]]:
        if not hasattr(self._own, "request"):
            self._own.request = compiled.create_infer_request()
        self._own.request.infer(inputs, share_inputs=True)
        return [np.array(tensor.data) for tensor in self._own.request.output_tensors]


def prepared(arrays: Arrays, log_channels: int | None) -> Arrays:
    """A batch's (pixels, grid, file_context) as a model takes them, see `Graph.log_channels`."""
    pixels, grid, file_context = arrays
    if log_channels is None:
        return pixels, grid.astype(np.float32, copy=False), file_context
    grid = grid[:, -log_channels:]
    if grid.dtype != np.float16:
        return pixels, _signed_log1p(grid), file_context
    return pixels, np.take(_logarithms(), grid.view(np.uint16), mode="clip"), file_context


@cache
def _logarithms() -> NDArray[np.float32]:
    """A table of `_signed_log1p` for all float16 values; a look-up takes half the time.

    It has all 2**16 entries, so ``np.take`` needs no bounds check: "clip" is its fastest mode.
    """
    with np.errstate(invalid="ignore"):  # some of them are not numbers
        return _signed_log1p(np.arange(1 << 16, dtype=np.uint16).view(np.float16))


def _signed_log1p(grid: NDArray[Any]) -> NDArray[np.float32]:
    """`afdcli.core.fde.signed_log1p`, rounded to the type of *grid* after each step as in torch."""
    kind = grid.dtype
    logarithms = np.log(np.abs(grid) + kind.type(1)) * np.sign(grid)
    quotient = (logarithms.astype(np.float32) / np.float32(LOG1P_DC)).astype(kind)
    result: NDArray[np.float32] = quotient.astype(np.float32)
    return result
