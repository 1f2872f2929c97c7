"""What the classifier makes of one picture, without and with AFD, and where its features drift."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from afdcli.codec.photo import Photo
from afdcli.constants import CELL
from afdcli.errors import ErrorCode, PhotoError
from afdcli.inference.predictor import Predictor
from afdcli.inference.torch_network import TorchNetwork
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import LoadedModule
from afdcli.models.loader import Backbone
from afdcli.results.rows import TopClass
from afdcli.view.build import build_view
from afdcli.view.geometry import Geometry, geometry
from afdcli.view.orientation import turn
from afdcli.view.spec import View

TOP = 3  # classes shown


@dataclass(frozen=True)
class Framing:
    """Which part of the picture the view shows.

    Attributes:
        scale: (y, x) view pixels per picture pixel.
        origin: (y, x) of the view's corner in the resized picture, negative where it is padded.
        box: (top, left, bottom, right) of what is shown, in pixels of the upright picture.
        share: of the picture's area that the view shows, 0 to 1.
        padding: share of the view's area that shows no picture, 0 to 1.
    """

    scale: tuple[float, float]
    origin: tuple[int, int]
    box: tuple[float, float, float, float]
    share: float
    padding: float


@dataclass(frozen=True)
class Drift:
    """What the module did at the plug point.

    Attributes:
        angles: (h, w) float32, angle in degrees between the features before and after the module.
        covers: (height, width) in view pixels that *angles* cover; may reach beyond the view.
        fdm: (cells_y, cells_x) float32, the FDM's mean over its channels, 0 to 1; (1, 1) for a
            gate per picture, None for a module without a gate.
    """

    angles: NDArray[np.float32]
    covers: tuple[int, int]
    fdm: NDArray[np.float32] | None


@dataclass(frozen=True)
class Inspection:
    """The classifier's view of one picture, and its output.

    Attributes:
        view: the classifier's input.
        framing: which part of the picture that is.
        direct: all classes of the plain classifier, most probable first.
        restored: all classes with AFD, most probable first; () without a module.
        drift: None without a module.
    """

    view: View
    framing: Framing
    direct: tuple[TopClass, ...]
    restored: tuple[TopClass, ...]
    drift: Drift | None


def predict(photo: Photo, backbone: Backbone, loaded: LoadedModule | None) -> Inspection:
    """Classify *photo* without and with the module *loaded*, in float32 on the CPU.

    Raises PhotoError where the classifier's output is not a number.
    """
    network = AFDClassifier(backbone, loaded, compare=loaded is not None).eval()
    # The figure shows all coefficients; the network may read fewer of them, or none.
    spec = backbone.spec if loaded is None else replace(network.spec, means=True)
    view = build_view(photo, spec)
    predictor = Predictor(
        TorchNetwork(network),
        spec,
        backbone.class_names,
        batch_size=1,
        topk=len(backbone.class_names),
    )
    batch = predictor.new_batch()
    batch.add(view)
    (result,) = predictor(batch)
    restored = result.top_classes if loaded else ()
    direct = result.direct if loaded else result.top_classes
    if direct is None or restored is None:
        raise PhotoError(ErrorCode.BAD_OUTPUT, "the classifier's output is not a number")
    upright = turn(photo.orientation).pair(photo.height, photo.width)
    frame = framing(geometry(*upright, spec))
    return Inspection(view, frame, direct, restored, _drift(network, loaded, view))


def framing(where: Geometry) -> Framing:
    """The framing of a picture with geometry *where*."""
    axes = (where.y, where.x)
    scales = [axis.resized / axis.picture for axis in axes]
    (top, bottom), (left, right) = (
        (axis.shown[0] / scale, axis.shown[1] / scale)
        for axis, scale in zip(axes, scales, strict=True)
    )
    filled = [(axis.shown[1] - axis.shown[0]) / axis.view for axis in axes]
    return Framing(
        scale=(scales[0], scales[1]),
        origin=(where.y.offset, where.x.offset),
        box=(top, left, bottom, right),
        share=(bottom - top) * (right - left) / (where.y.picture * where.x.picture),
        padding=1 - filled[0] * filled[1],
    )


@torch.inference_mode()
def _drift(network: AFDClassifier, loaded: LoadedModule | None, view: View) -> Drift | None:
    arrays = (view.pixels, view.grid, view.file_context)
    pixels, grid, file_context = (torch.from_numpy(array)[None] for array in arrays)
    angles = network.drift_map(pixels, grid, file_context)
    if loaded is None or angles is None:
        return None
    height, width = view.pixels.shape[:2]
    found = _array(angles[0])
    covers = (height, width)
    if loaded.plug == "input":  # angles of 8x8 blocks, the last of which may be padded
        covers = (CELL * found.shape[0], CELL * found.shape[1])
    fde = loaded.module.fde
    fdm = None if fde is None else _array(fde(grid.float(), file_context)[0].mean(0))
    return Drift(found, covers, fdm)


def _array(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.float().cpu().numpy()
    return array
