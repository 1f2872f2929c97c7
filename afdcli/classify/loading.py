"""Load classifier, AFD module and network with torch, for a start that is not recorded."""

from __future__ import annotations

from dataclasses import replace

import torch

from afdcli.classify.arithmetic import Arithmetic, choose_arithmetic
from afdcli.classify.settings import Settings
from afdcli.classify.start import Loaded, Start
from afdcli.inference.cascade import Networks
from afdcli.inference.runtime import run_somewhere
from afdcli.inference.torch_threads import keep_to_quota
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import LoadedModule, find_module
from afdcli.models.bn_folding import fold_batch_norms
from afdcli.models.device import LARGEST_BATCH, choose_device, kind_of
from afdcli.models.loader import Backbone, load_backbone


def load(settings: Settings, arithmetic: Arithmetic | None = None) -> Loaded:
    """Load the classifier and its module; choose device, precision and runtime.

    Args:
        settings: options of the run.
        arithmetic: numerical settings to use instead of choosing them, on Ray.

    Raises:
        AfdError: as `afdcli.classify.setup.set_up`.
    """
    keep_to_quota()
    device = choose_device(settings.device)
    backbone = _backbone(settings)
    module = find_module(settings.afd, backbone)
    fold_batch_norms(backbone.net, (backbone.spec.height, backbone.spec.width))
    arithmetic = arithmetic or choose_arithmetic(settings, kind_of(device))
    precision = arithmetic.precision
    classifier = AFDClassifier(
        backbone, module, settings.compare, precision, features=settings.embeddings is not None
    ).eval()
    running = run_somewhere(
        *(classifier, arithmetic.runtime, device),
        compiled=settings.compile,
        exact=arithmetic.exact,
        batch_size=arithmetic.batch_size or settings.batch_size or LARGEST_BATCH["cpu"],
    )
    start = Start(
        backbone=backbone.facts,
        module=None if module is None else module.facts,
        note="; ".join(filter(None, (_note(settings.afd, module), running.note))),
        spec=classifier.spec,
        device=device,
        precision=arithmetic.name,
        runtime=running.runtime,
        threads=torch.get_num_threads(),
        features=classifier.features.width if classifier.features is not None else None,
    )
    networks = Networks(running.network, running.exact, integers=precision == torch.int8)
    files = backbone.files
    if files is not None and module is not None:
        files = (*files, module.path)
    return Loaded(start, networks, arithmetic.batch_size, files)


def _backbone(settings: Settings) -> Backbone:
    """Load the classifier, with the view as the options request."""
    backbone = load_backbone(
        settings.backbone,
        checkpoint=settings.checkpoint,
        imports=settings.imports,
        class_names=settings.class_names,
    )
    near = None if settings.near == "resize" else backbone.spec.near
    spec = replace(backbone.spec, near=near, icc=settings.icc, resize=settings.resize)
    return replace(backbone, spec=spec)


def _note(afd: str, module: LoadedModule | None) -> str:
    """What to tell the user about the module, or ""."""
    if module is not None:
        return module.note
    if afd == "off":
        return "AFD is off (--afd off)"
    return "this installation has no AFD module for this backbone: classified without AFD"
