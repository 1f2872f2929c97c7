"""Quantise the classifier's convolutions to 8-bit integers with NNCF.

This is post-training quantisation: one scale per output channel for weights, one per tensor for
activations. Activation scales are calibrated on the drawn photos that ship with afd, so the same
classifier and module always give the same model.

The classifier's first convolution, its head and the AFD module stay in float32. On ResNet-50 they
take a tenth of the time, and keeping them exact halves the number of labels that change.
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
from afdcli.inference.convert import CLASSIFIER, log_channels
from afdcli.inference.model_cache import derived_key, kept
from afdcli.inference.openvino import import_openvino, prepared
from afdcli.inputs.discover import discover
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.export import quiet
from afdcli.models.shipped import shipped
from afdcli.view.build import build_view
from afdcli.view.crop import upright
from afdcli.view.spec import View, ViewSpec

#: Each drawn photo is used as it is and at these quality factors.
_QUALITIES = (25, 10)


def quantised_file(file: Path, network: AFDClassifier) -> Path:
    """The model in *file* with 8-bit convolutions; quantised unless it is cached.

    Args:
        file: from `afdcli.inference.convert.model_file`.
        network: the network that *file* was converted from.

    Raises:
        ModuleError: the classifier has no convolution to quantise.
    """

    def make(folder: Path) -> None:
        ov = import_openvino()
        model = _quantised(ov.Core().read_model(file), network)
        ov.save_model(model, folder / "model.xml", compress_to_fp16=False)

    photos = [found.path for found in discover([_photos()])]
    return kept(derived_key(file, "nncf", photos), make)


def _quantised(model: Any, network: AFDClassifier) -> Any:
    names = [operation.get_friendly_name() for operation in model.get_ops()]
    layers = [name for name in names if name.startswith(CLASSIFIER)]
    inner = sorted(layers, key=lambda name: int(name.rpartition("#")[2]))[1:]
    if not inner:
        raise ModuleError(
            "--precision int8: this classifier has no convolutions to quantise; use another"
            " --precision"
        )
    import_openvino()  # before nncf, which would enable its telemetry
    import nncf

    views = [
        list(
            prepared(
                [array[None] for array in (view.pixels, view.grid, view.file_context)],
                log_channels(network),
            )
        )
        for view in drawn_views(network.spec)
    ]
    exact = nncf.IgnoredScope(names=sorted(set(names) - set(inner)), validate=False)
    nncf.set_log_level(logging.ERROR)
    with quiet(), contextlib.redirect_stdout(io.StringIO()):  # it draws progress bars
        return nncf.quantize(
            model,
            nncf.Dataset(views),
            preset=nncf.QuantizationPreset.MIXED,  # signed: some timm activations go below zero
            subset_size=len(views),
            ignored_scope=exact,
        )


def _photos() -> Path:
    return shipped("photos", "examples/photos")


def drawn_views(spec: ViewSpec) -> Iterator[View]:
    """Views of the drawn photos that ship with afd, clean and compressed."""
    for found in discover([_photos()]):
        try:
            photo = read_photo(found.path)
        except PhotoError:  # one of them is broken on purpose
            continue
        yield build_view(photo, spec)
        for quality in _QUALITIES:
            file = compress(upright(photo), [Compression("jpeg", quality)])
            yield build_view(read_photo(file), spec)
