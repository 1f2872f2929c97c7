"""A model in which the classifier's convolutions are done in 8-bit integers, by NNCF.

Post-training quantisation: one scale per output channel for weights, one per tensor for what goes
in. The latter are set by the drawn photos that ship with afd, so that the same classifier and
module give the same model, whatever is classified with it.

The classifier's first convolution, its head, and all of the AFD module stay in float32: on
ResNet-50, whose time they take a tenth of, that halves the labels that change.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from afdcli.codec.encode import Compression, compress
from afdcli.codec.read import read_photo
from afdcli.errors import ModuleError, PhotoError
from afdcli.inference.model_cache import kept, key_of
from afdcli.inference.openvino import CLASSIFIER, import_openvino, prepare_for
from afdcli.inputs.discover import discover
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.export import quiet
from afdcli.models.shipped import shipped
from afdcli.view.build import build_view
from afdcli.view.crop import upright
from afdcli.view.spec import View, ViewSpec

#: Each drawn photo is seen as it is, and at these quality factors.
_QUALITIES = (25, 10)


def quantised_file(file: Path, network: AFDClassifier) -> Path:
    """The model in *file* with 8-bit convolutions; made where it is not kept yet.

    Args:
        file: from `afdcli.inference.openvino.model_file`.
        network: that it was converted from.

    Raises:
        ModuleError: there is nothing that can be done in integers.
    """

    def make(folder: Path) -> None:
        ov = import_openvino()
        model = _quantised(ov.Core().read_model(file), network)
        ov.save_model(model, folder / "model.xml", compress_to_fp16=False)

    return kept(key_of(network, "int8"), make)


def _quantised(model: Any, network: AFDClassifier) -> Any:
    names = [operation.get_friendly_name() for operation in model.get_ops()]
    layers = [name for name in names if name.startswith(CLASSIFIER)]
    inner = sorted(layers, key=lambda name: int(name.rpartition("#")[2]))[1:]
    if not inner:
        raise ModuleError("--precision int8: this classifier has no convolutions to do in integers")
    import_openvino()  # before nncf, which else finds its telemetry
    import nncf

    prepare = prepare_for(network)
    views = [
        list(prepare([array[None] for array in (view.pixels, view.grid, view.file_context)]))
        for view in drawn_views(network.spec)
    ]
    exact = nncf.IgnoredScope(names=sorted(set(names) - set(inner)), validate=False)
    nncf.set_log_level(logging.ERROR)
    with quiet(), contextlib.redirect_stdout(io.StringIO()):  # it draws progress bars
        return nncf.quantize(
            model,
            nncf.Dataset(views),
            preset=nncf.QuantizationPreset.MIXED,  # signed: timm has activations below zero, too
            subset_size=len(views),
            ignored_scope=exact,
        )


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
