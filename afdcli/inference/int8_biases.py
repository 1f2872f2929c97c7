"""What rounding the weights of a graph adds to the mean of each output, taken out of the biases.

It is more than half of what rounding weights does to logits. Nagel et al., Data-Free Quantization
Through Weight Equalization and Bias Correction, arXiv 1906.04721, section 4.2; here the means are
measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afdcli.inference.int8_ranges import Seen


def own_biases(graph: Any, convolutions: Sequence[Any]) -> dict[str, NDArray[np.float32]]:
    """Give each convolution a bias that no other has.

    Args:
        graph: an ``onnx.GraphProto`` in float32.
        convolutions: nodes of it.

    Returns:
        Their weights (out, in of a group, h, w), by name.
    """
    from onnx import numpy_helper

    known = {item.name: item for item in graph.initializer}
    weights = {n.input[1]: numpy_helper.to_array(known[n.input[1]]) for n in convolutions}
    for node in convolutions:
        bias = np.zeros(len(weights[node.input[1]]), np.float32)
        if len(node.input) > 2:
            bias = numpy_helper.to_array(known[node.input.pop()])
        node.input.append(f"{node.output[0]}.bias")
        graph.initializer.append(numpy_helper.from_array(bias, node.input[2]))
    used = {name for node in graph.node for name in node.input}
    for name in known.keys() - used:
        graph.initializer.remove(known[name])
    return weights


def correct_biases(
    graph: Any,
    convolutions: Sequence[Any],
    weights: Mapping[str, NDArray[np.float32]],
    seen: Mapping[str, Seen],
) -> None:
    """Have the mean output of each convolution be what it was before rounding.

    Args:
        graph: the quantised ``onnx.GraphProto``; changed.
        convolutions: nodes of the graph from before, after `own_biases`.
        weights: of that graph.
        seen: what goes into the convolutions.
    """
    from onnx import numpy_helper

    tensors = {item.name: item for item in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    nodes = {node.name: node for node in graph.node}

    def rounded(name: str) -> list[NDArray[Any]]:
        """Integers and steps of what is made into the floating-point tensor *name*."""
        return [numpy_helper.to_array(tensors[item]) for item in made_by[name].input[:2]]

    for before in convolutions:
        node, exact = nodes[before.name], weights[before.input[1]]
        integers, steps = rounded(node.input[1])
        shift = _shift(integers * steps.reshape(-1, 1, 1, 1) - exact, seen[before.input[0]].means)
        bias, steps = rounded(node.input[2])
        corrected = (bias - np.rint(shift / steps)).astype(bias.dtype)
        name = made_by[node.input[2]].input[0]
        tensors[name].CopyFrom(numpy_helper.from_array(corrected, name))


def _shift(change: NDArray[Any], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """(out,) how far a *change* of weights (out, in of a group, h, w) moves mean outputs.

    Borders, where pictures are padded, are taken for what lies inside.
    """
    groups = len(means) // change.shape[1]
    of_group = np.repeat(means.reshape(groups, -1), len(change) // groups, 0)
    shift: NDArray[np.float64] = (change.sum((2, 3)) * of_group).sum(1)
    return shift
