"""A graph in which the classifier's convolutions are done in 8-bit integers.

Post-training quantisation as ONNX Runtime does it: one scale per output channel for weights, one
per tensor for what goes in. The latter are set by the drawn photos that ship with afd, so that the
same classifier and module give the same graph, whatever is classified with it.

The classifier's first convolution, its head, and all of the AFD module stay in float32: on
ResNet-50, whose time they take a tenth of, that halves the labels that change.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from afdcli.backbones.export import quiet
from afdcli.backbones.plug import Plugged
from afdcli.backbones.weights import shipped
from afdcli.codec.encode import Compression, compress
from afdcli.codec.reader import read_photo
from afdcli.engine.discover import discover
from afdcli.engine.graphs import prepare_for
from afdcli.errors import ModuleError, PhotoError
from afdcli.view.crop import upright
from afdcli.view.look import look
from afdcli.view.spec import View, ViewSpec

#: Of the classifier's tensors in a graph; those of the module begin otherwise.
_CLASSIFIER = "net.site.net."
#: Each drawn photo is seen as it is, and at these quality factors.
_QUALITIES = (25, 10)


def quantised_file(graph: Path, network: Plugged) -> Path:
    """The graph in the file *graph* with 8-bit convolutions; made where it is not kept yet.

    Args:
        graph: from `afdcli.engine.graphs.graph_file`.
        network: that it was made of.

    Raises:
        ModuleError: there is nothing that can be done in integers.
    """
    file = graph.with_name(f"{graph.stem}.int8-{version('onnxruntime')}.onnx")
    if not file.exists():
        part = file.with_name(f".{file.name}.{os.getpid()}.part")  # others may make it, too
        try:
            _quantise(graph, part, network)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    return file


def _quantise(graph: Path, out: Path, network: Plugged) -> None:
    import onnx
    from onnxruntime import quantization as ort

    model = onnx.load(graph)
    convolutions = _convolutions(model.graph)
    if not convolutions:
        raise ModuleError("--precision int8: this classifier has no convolutions to do in integers")
    _thin_first(model.graph, convolutions)
    with quiet("root"):  # recommends what torch's exporter has done already
        ort.quantize_static(
            model,
            out,
            _Reader([item.name for item in model.graph.input], network),
            nodes_to_quantize=[node.name for node in convolutions],
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=ort.QuantType.QUInt8,
            weight_type=ort.QuantType.QInt8,
            calibrate_method=ort.CalibrationMethod.MinMax,
            # The range of a tensor is the mean of those of the pictures: one picture that goes far
            # beyond the others would make the steps coarse for all.
            extra_options={"CalibMovingAverage": True},
        )


def _convolutions(graph: Any) -> list[Any]:
    """The classifier's convolutions, without the first."""
    found = [
        node
        for node in graph.node
        if node.op_type == "Conv" and node.input[1].startswith(_CLASSIFIER)
    ]
    return found[1:]


def _thin_first(graph: Any, convolutions: list[Any]) -> None:
    """Have what a 1x1 convolution with a stride skips left out in front of it.

    OpenVINO does the same, but to a graph in integers too late: it then computes these in float32.
    """
    from onnx import helper

    thinned: dict[tuple[str, tuple[int, ...]], str] = {}
    for node in convolutions:
        values = {item.name: item for item in node.attribute}
        strides = values.get("strides")
        if strides is None or max(strides.ints) == 1 or any(values["pads"].ints):
            continue
        if max(values["kernel_shape"].ints) > 1:
            continue
        source, by = node.input[0], tuple(strides.ints)
        if (source, by) not in thinned:
            thinned[source, by] = name = f"{source}.thinned"
            pool = helper.make_node(
                "MaxPool", [source], [name], name, kernel_shape=[1, 1], strides=by
            )
            graph.node.insert(list(graph.node).index(node), pool)
        node.input[0] = thinned[source, by]
        strides.ints[:] = [1] * len(by)


class _Reader:
    """Hands the drawn photos to ONNX Runtime, one by one."""

    def __init__(self, names: list[str], network: Plugged) -> None:
        self._names, self._prepare = names, prepare_for(network)
        self._views = drawn_views(network.spec)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """What the graph takes for the next picture; None after the last."""
        view = next(self._views, None)
        if view is None:
            return None
        arrays = self._prepare([array[None] for array in (view.pixels, view.grid, view.side)])
        return dict(zip(self._names, arrays, strict=True))


def drawn_views(spec: ViewSpec) -> Iterator[View]:
    """The drawn photos that ship with afd, clean and compressed, as the classifier sees them."""
    for found in discover([shipped("photos", "examples/photos")]):
        try:
            photo = read_photo(found.path)
        except PhotoError:  # one of them is broken on purpose
            continue
        yield look(photo, spec)
        for quality in _QUALITIES:
            file = compress(upright(photo), [Compression("jpeg", quality)])
            yield look(read_photo(file), spec)
