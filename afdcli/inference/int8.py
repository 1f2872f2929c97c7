"""A graph in which the classifier's convolutions are done in 8-bit integers.

Post-training quantisation as ONNX Runtime does it: one scale per output channel for weights, one
per tensor for what goes in. The latter are set by the drawn photos that ship with afd, so that the
same classifier and module give the same graph, whatever is classified with it.

The classifier's first convolution, its head, and all of the AFD module stay in float32: on
ResNet-50, whose time they take a tenth of, that halves the labels that change.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.encode import Compression, compress
from afdcli.codec.read import read_photo
from afdcli.errors import ModuleError, PhotoError
from afdcli.inference.graphs import prepare_for
from afdcli.inference.int8_biases import correct_biases, own_biases
from afdcli.inference.int8_ranges import calibrate
from afdcli.inputs.discover import discover
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.export import quiet
from afdcli.models.shipped import shipped
from afdcli.view.build import build_view
from afdcli.view.crop import upright
from afdcli.view.spec import View, ViewSpec

#: Of the classifier's tensors in a graph; those of the module begin otherwise.
_CLASSIFIER = "net.site.net."
#: Each drawn photo is seen as it is, and at these quality factors.
_QUALITIES = (25, 10)


def quantised_file(graph: Path, network: AFDClassifier, runtime: str) -> Path:
    """The graph in the file *graph* with 8-bit convolutions; made where it is not kept yet.

    Args:
        graph: from `afdcli.inference.graphs.graph_file`.
        network: that it was made of.
        runtime: "onnxruntime" computes a convolution in integers only where its output is one in
            integers, too; "openvino" does without that, which is as quick and more exact.

    Raises:
        ModuleError: there is nothing that can be done in integers.
    """
    file = graph.with_name(f"{graph.stem}.int8-{runtime}-{version('onnxruntime')}.onnx")
    if not file.exists():
        part = file.with_name(f".{file.name}.{os.getpid()}.part")  # others may make it, too
        try:
            _quantise(graph, part, network, outputs=runtime == "onnxruntime")
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    return file


def _quantise(graph: Path, out: Path, network: AFDClassifier, outputs: bool) -> None:
    import onnx
    from onnxruntime import quantization as ort
    from onnxruntime.quantization.calibrate import TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    model = onnx.load(graph)
    convolutions = _convolutions(model.graph)
    if not convolutions:
        raise ModuleError("--precision int8: this classifier has no convolutions to do in integers")
    _thin_first(model.graph, convolutions)
    weights = own_biases(model.graph, convolutions)
    tensors = [name for n in convolutions for name in (n.input[0], *(n.output if outputs else ()))]
    seen = calibrate(model, tensors, _inputs(model.graph, network))
    ranges = {name: (np.float32(found.low), np.float32(found.high)) for name, found in seen.items()}
    quantizer = QDQQuantizer(
        onnx.shape_inference.infer_shapes(model),
        per_channel=True,
        reduce_range=False,
        weight_qType=ort.QuantType.QInt8,
        activation_qType=ort.QuantType.QUInt8,
        tensors_range=TensorsData(ort.CalibrationMethod.MinMax, ranges),
        nodes_to_quantize=[node.name for node in convolutions],
        nodes_to_exclude=[],
        op_types_to_quantize=["Conv"],
        extra_options={"OpTypesToExcludeOutputQuantization": [] if outputs else ["Conv"]},
    )
    with quiet("root"):  # recommends what torch's exporter has done already
        quantised = quantizer.quantize_model()
    _keep_exact(quantised.graph, {node.input[0] for node in convolutions})
    correct_biases(quantised.graph, convolutions, weights, seen)
    onnx.save(quantised, out)


def _convolutions(graph: Any) -> list[Any]:
    """The classifier's convolutions over pictures, without the first."""
    sizes = {item.name: len(item.dims) for item in graph.initializer}
    found = [
        node
        for node in graph.node
        if node.op_type == "Conv"
        and node.input[1].startswith(_CLASSIFIER)
        and sizes.get(node.input[1]) == 4
        and all(name in sizes for name in node.input[2:])
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


def _inputs(graph: Any, network: AFDClassifier) -> Iterator[dict[str, NDArray[Any]]]:
    """The drawn photos, one by one, as *graph* takes them."""
    names, prepare = [item.name for item in graph.input], prepare_for(network)
    for view in drawn_views(network.spec):
        arrays = prepare([array[None] for array in (view.pixels, view.grid, view.file_context)])
        yield dict(zip(names, arrays, strict=True))


def _keep_exact(graph: Any, rounded: Collection[str]) -> None:
    """Have only the classifier go on with the tensors *rounded* as integers know them.

    Its additions may, for a twentieth less time. What measures the drift gets them as they were.
    """
    made_by = {output: node for node in graph.node for output in node.output}
    exact = {}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in made_by:
            source = made_by[node.input[0]].input[0]
            if source in rounded:
                exact[node.output[0]] = source
    for node in graph.node:
        if node.op_type not in ("Conv", "Add"):
            node.input[:] = [exact.get(name, name) for name in node.input]


def drawn_views(spec: ViewSpec) -> Iterator[View]:
    """The drawn photos that ship with afd, clean and compressed, as the classifier sees them."""
    for found in discover([shipped("photos", "examples/photos")]):
        try:
            photo = read_photo(found.path)
        except PhotoError:  # one of them is broken on purpose
            continue
        yield build_view(photo, spec)
        for quality in _QUALITIES:
            file = compress(upright(photo), [Compression("jpeg", quality)])
            yield build_view(read_photo(file), spec)
