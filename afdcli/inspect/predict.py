"""What the classifier says about one picture, without and with AFD, and where it drifts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from afdcli.codec.photo import Photo
from afdcli.constants import CELL
from afdcli.errors import ErrorCode, PhotoError
from afdcli.inference.predictor import Forward
from afdcli.inspect.framing import Framing, framing
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import LoadedModule
from afdcli.models.loader import Backbone
from afdcli.results.rows import TopClass
from afdcli.view.batch import Layout
from afdcli.view.build import build_view
from afdcli.view.geometry import geometry
from afdcli.view.orientation import turn
from afdcli.view.spec import View

TOP = 3  # classes named


@dataclass(frozen=True)
class Drift:
    """What the module did.

    Attributes:
        angles: (h, w) float32 degrees between features before and after the module.
        reach: (height, width) in view pixels that *angles* cover; may go beyond the view.
        gate: (cells_y, cells_x) float32, the FDM's mean over its channels, 0 to 1; (1, 1) for a
            gate per picture, None for a module without one.
    """

    angles: NDArray[np.float32]
    reach: tuple[int, int]
    gate: NDArray[np.float32] | None


@dataclass(frozen=True)
class Opinion:
    """The classifier's view and answer.

    Attributes:
        view: what it was shown.
        framing: which part of the picture that is.
        direct: top classes of the plain classifier, best first.
        restored: with AFD; () without a module.
        drift: None without a module.
    """

    view: View
    framing: Framing
    direct: tuple[TopClass, ...]
    restored: tuple[TopClass, ...]
    drift: Drift | None


def ask(photo: Photo, backbone: Backbone, loaded: LoadedModule | None) -> Opinion:
    """Classify *photo* with and without the module *loaded*.

    Raises:
        PhotoError: BAD_OUTPUT where the classifier's output is not a number.
    """
    network = AFDClassifier(backbone, loaded, compare=loaded is not None).eval()
    # The sheet shows all coefficients; the network may read fewer of them, or none.
    spec = backbone.spec if loaded is None else replace(network.spec, means=True)
    view = build_view(photo, spec)
    forward = Forward(
        network,
        Layout.of(spec),
        backbone.class_names,
        device=torch.device("cpu"),
        batch_size=1,
        topk=TOP,
    )
    batch = forward.new_batch()
    batch.add(view)
    (answer,) = forward(batch)
    restored = answer.top_classes if loaded else ()
    direct = answer.direct if loaded else answer.top_classes
    if direct is None or restored is None:
        raise PhotoError(ErrorCode.BAD_OUTPUT, "the classifier's output is not a number")
    upright = turn(photo.orientation).pair(photo.height, photo.width)
    frame = framing(geometry(*upright, spec))
    return Opinion(view, frame, direct, restored, _drift(network, loaded, view))


@torch.inference_mode()
def _drift(network: AFDClassifier, loaded: LoadedModule | None, view: View) -> Drift | None:
    pixels, grid, file_context = (
        torch.from_numpy(array)[None] for array in (view.pixels, view.grid, view.file_context)
    )
    angles = network.drift_map(pixels, grid, file_context)
    if loaded is None or angles is None:
        return None
    height, width = view.pixels.shape[:2]
    found = _array(angles[0])
    reach = (height, width)
    if loaded.plug == "input":  # angles of 8x8 blocks, the last of which may be padded
        reach = (CELL * found.shape[0], CELL * found.shape[1])
    fde = loaded.module.fde
    gate = None if fde is None else _array(fde(grid.float(), file_context)[0].mean(0))
    return Drift(found, reach, gate)


def _array(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.float().cpu().numpy()
    return array
