"""Convert classifier and module from torch to one OpenVINO model.

Converted models are cached, see `afdcli.inference.model_cache`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from afdcli.core.cost import relative_difference
from afdcli.errors import ModuleError
from afdcli.inference.model_cache import kept, key_of
from afdcli.inference.openvino import Graph, import_openvino
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.export import TOLERANCE, program, quiet, whole

#: Prefix of the names of the classifier's convolutions in a converted model.
CLASSIFIER = "net.backbone.net."


def graph_of(file: Path, network: AFDClassifier, precision: torch.dtype) -> Graph:
    """How to run the model in *file*.

    Args:
        file: from `model_file` or `afdcli.inference.int8.quantised_file`.
        network: the network that the model was converted from.
        precision: float32 or bfloat16; a quantised model contains its 8-bit layers.
    """
    hint = "bf16" if precision == torch.bfloat16 else "f32"
    return Graph(file, whole(network).outputs, log_channels(network), hint)


def log_channels(network: AFDClassifier) -> int | None:
    """`Graph.log_channels` of *network*."""
    return network.grid_channels if network.takes_log_grid else None


def model_file(network: AFDClassifier, pictures: int = 1) -> Path:
    """The OpenVINO model file of *network*; converted unless it is cached.

    Args:
        network: in float32.
        pictures: that the model takes at once.

    Raises:
        ModuleError: the network cannot be converted, or the model's outputs differ from torch's.
    """
    key = f"{key_of(network)}-{pictures}"
    return kept(key, lambda folder: _save(convert(network, pictures), folder))


def convert(network: AFDClassifier, pictures: int) -> Any:
    """Convert *network* to an ``openvino.Model``, and compare it with torch.

    Raises:
        ModuleError: as `model_file`.
    """
    ov = import_openvino()
    subject = whole(network)
    inputs = subject.draw(pictures)
    with quiet(), torch.no_grad():
        exported = program(subject, batch=pictures)
        try:
            model = ov.convert_model(exported)
            shapes = [list(tensor.shape) for tensor in inputs]
            model.reshape(dict(zip(model.inputs, shapes, strict=True)))
            _name_convolutions(model, exported)
            compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            found = compiled([tensor.numpy() for tensor in inputs])
        except Exception as error:  # OpenVINO raises many kinds
            first = str(error).strip().partition("\n")[0]
            raise ModuleError(f"OpenVINO cannot convert this network: {first}") from error
        got = [torch.from_numpy(np.array(found[i])) for i in range(len(subject.outputs))]
        worst = relative_difference(subject.net(*inputs), got)
    if not worst <= TOLERANCE:  # it may be NaN
        raise ModuleError(f"OpenVINO's output differs from torch's by {worst:.1e}")
    return model


def _save(model: Any, folder: Path) -> None:
    import_openvino().save_model(model, folder / "model.xml", compress_to_fp16=False)


def _name_convolutions(model: Any, exported: torch.export.ExportedProgram) -> None:
    """Name the model's convolutions after their layers.

    OpenVINO numbers them in program order, those of other dimensions and transposed ones, too.
    """
    layers = [
        list(node.meta["nn_module_stack"].values())[-1][0]
        for node in exported.graph.nodes
        if re.match(r"aten\.conv", str(node.target))
    ]
    for operation in model.get_ops():
        match = re.match(r"convolution(?:_(\d+))?/", operation.get_friendly_name())
        if match and "Convolution" in operation.get_type_name():
            number = int(match[1] or 0)
            operation.set_friendly_name(f"{layers[number]}#{number}")
