"""One training run from options to a module file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import nn

from afdcli.core import weights_file
from afdcli.core.config import AFDConfig
from afdcli.core.growth import can_grow, grown
from afdcli.core.module import AFDModule
from afdcli.core.presets import LIGHT, PAPER, placement_of, preset
from afdcli.errors import ModuleError, UsageError
from afdcli.inference.torch_threads import keep_to_quota
from afdcli.models.afd_file import signature_text, view_for
from afdcli.models.bn_folding import fold_batch_norms, quicken_depthwise
from afdcli.models.hooks import HookedBackbone, Plug
from afdcli.models.loader import Backbone
from afdcli.models.plug_points import find_norm_layers, find_stages, find_stem
from afdcli.models.precision import PRECISIONS
from afdcli.train.checkpoint import identity_of
from afdcli.train.loader import Pairs, batches, validation_batches
from afdcli.train.loop import Progress, Trainer
from afdcli.train.pair_cache import Replay
from afdcli.train.photos import PhotoSet
from afdcli.train.settings import TrainSettings, checkpoint_path
from afdcli.train.validation import Score, Validation
from afdcli.version import __version__
from afdcli.view.spec import ViewSpec

AUTO = "auto"  # the preset for the plug point


@dataclass(frozen=True)
class Plan:
    """What is trained, and where.

    Attributes:
        backbones: one for the `stem` plug, one or more for `input`.
        plug: "stem" or "input".
        config: of the module.
        hooked: one per backbone.
        where: the plugged module's name, "" at the input.
        spec: the view all of them share.
    """

    backbones: tuple[Backbone, ...]
    plug: Plug
    config: AFDConfig
    hooked: tuple[HookedBackbone, ...]
    where: str
    spec: ViewSpec


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        score: validation of the saved module.
        steps: done in all.
        minutes: spent in all.
        interrupted: True after Ctrl-C; the module so far was saved.
        diverged: True if the losses were not finite at the end; the module of before was saved.
    """

    score: Score
    steps: int
    minutes: float
    interrupted: bool
    diverged: bool


def make_plan(
    backbones: Sequence[Backbone],
    plug: Plug,
    preset_name: str,
    at: str | None = None,
    device: str = "cpu",
    **changes: object,
) -> Plan:
    """Find the plug point and size the module; *changes* override the preset's configuration.

    Raises:
        UsageError: several backbones with the stem plug, or one that cannot take the first
            one's view.
        BackboneError, ModuleError: no such plug point or preset.
    """
    first = backbones[0]
    if plug == "stem" and len(backbones) > 1:
        raise UsageError(
            "a stem module fits one backbone; train each alone, or use --plug input for several"
        )
    for backbone in backbones:
        backbone.net.to(device)
    if plug == "stem":
        where, config = _at_stem(first, preset_name, at, changes)
    else:
        where, config = "", _at_input(preset_name, changes)
    for backbone in backbones:
        fold_batch_norms(backbone.net, (backbone.spec.height, backbone.spec.width))
        if device == "cpu":
            quicken_depthwise(backbone.net)
    hooked = tuple(
        HookedBackbone(backbone, plug, where, behind=config.corrected_names).to(device)
        for backbone in backbones
    )
    # The view of the first backbone serves all; convolutions take other sizes than their own, too.
    size = (first.spec.height, first.spec.width)
    for one, backbone in zip(hooked, backbones, strict=True):
        own = (backbone.spec.height, backbone.spec.width)
        if own != size and not one.accepts(*size):
            raise UsageError(
                f"{backbone.name} takes pictures of {own[1]}x{own[0]} pixels only, "
                f"{first.name} of {size[1]}x{size[0]}; train them separately"
            )
    spec = view_for(config, first.spec)
    return Plan(tuple(backbones), plug, config, hooked, where, spec)


def _at_stem(
    backbone: Backbone, preset_name: str, at: str | None, changes: Mapping[str, object]
) -> tuple[str, AFDConfig]:
    """The plugged module's name, and the AFD module for it and for what lies behind it."""
    net, view = backbone.net, (backbone.spec.height, backbone.spec.width)
    preset_name = LIGHT if preset_name == AUTO else preset_name
    placement = placement_of(preset_name)
    point = find_stem(net, view, at, quarter=placement.quarter)
    stages = find_stages(net, view, point.where, placement)
    norm_layers = find_norm_layers(net, view, point.where, placement)
    config = preset(
        preset_name,
        point.channels,
        stages,
        norm_layers,
        activation=point.activation,
        plug_stride=round(point.stride),
        **changes,
    )
    return point.where, config


def _at_input(preset_name: str, changes: Mapping[str, object]) -> AFDConfig:
    """The AFD module for pictures."""
    if preset_name == AUTO:
        preset_name, changes = PAPER, {"width": 24, **changes}
    options = {"activation": "none", "plug_stride": 1, "unshuffle": 2, "guide": True, **changes}
    return preset(preset_name, 3, **options)


def train(
    plan: Plan,
    photos: PhotoSet,
    settings: TrainSettings,
    out: Path,
    report: Callable[[Progress], None],
    *,
    init: Path | None = None,
    resume: bool = False,
    workers: int = 1,
    device: str = "cpu",
    command: str = "",
) -> Outcome:
    """Train, and write the module to *out* (safetensors). Ctrl-C keeps what was learnt.

    Args:
        init: module to begin with, see `begin`; its name becomes `TrainSettings.init`.

    Raises:
        UsageError, ModuleError: *init*, or the checkpoint to resume from, does not fit.
    """
    keep_to_quota()
    signed = _signature(plan)  # now: what fails shall fail before the work
    torch.manual_seed(settings.seed)
    module = begin(plan, init).to(device)
    settings = replace(settings, init=init.name if init else "")
    outcome = fit(
        plan, module, photos, settings, checkpoint_path(out), report, resume=resume, workers=workers
    )
    weights_file.save(
        module.cpu(), out, _metadata(plan, photos, settings, outcome, command) | signed
    )
    for one in plan.hooked:
        one.remove()
    return outcome


def begin(plan: Plan, init: Path | None = None) -> AFDModule:
    """A new module, or the one in *init*, a file of `afd train`, to be trained further.

    The plan's module may be larger than the one in *init*, see `afdcli.core.growth.can_grow`.

    Raises:
        ModuleError: *init* cannot be read, is for another place, or cannot grow to the plan's.
    """
    if init is None:
        return AFDModule(plan.config)
    module, metadata = weights_file.load(init)
    if module.config.fused:
        raise ModuleError(f"--init {init} is fused; give the file that `afd train` wrote")
    plug, where = metadata.get("plug", plan.plug), metadata.get("where", plan.where)
    if (plug, where) != (plan.plug, plan.where) or not can_grow(module.config, plan.config):
        raise ModuleError(
            f"--init {init} was made for another plug point, backbone or preset (--plug {plug}"
            f"{f', behind {where}' if where else ''}, c = {module.config.width}); "
            "give the options that it was trained with, or a larger --preset"
        )
    return grown(module, plan.config)


def fit(
    plan: Plan,
    module: nn.Module,
    photos: PhotoSet,
    settings: TrainSettings,
    checkpoint: Path,
    report: Callable[[Progress], None],
    *,
    resume: bool = False,
    workers: int = 1,
) -> Outcome:
    """Train *module* in place; it ends with the weights of `afdcli.train.kept`, in eval mode.

    Args:
        module: called as an `AFDModule` is, on the device where it lies.
        checkpoint: state of the run, written every minute and at the end.

    Raises:
        UsageError, ModuleError: the checkpoint to resume from does not fit.
    """
    device = next(module.parameters()).device
    for one in plan.hooked:
        one.precision = PRECISIONS[settings.precision]
    plan = replace(plan, spec=replace(plan.spec, icc=settings.icc))
    held_out = validation_batches(photos.validation, plan.spec, settings.seed, settings.batch_size)
    validation = Validation(plan.hooked, [batch.to(device) for batch in held_out])
    names = [each.name for each in plan.backbones]
    identity = identity_of(names, plan.plug, plan.config, settings, photos.validation)
    trainer = Trainer(plan.hooked, module, settings, validation, checkpoint, identity)
    if resume:
        trainer.resume()
    seed = settings.seed + trainer.step  # a resumed run must not see the same pairs again
    pairs = Pairs(photos.folders, training_view(plan, settings.side), settings.mix, seed)
    fresh = batches(pairs, settings.batch_size, workers)
    replay = Replay(fresh, settings.reuse, checkpoint.parent, pairs.seed)
    interrupted = diverged = False
    try:
        trainer.run(replay, report)
    except KeyboardInterrupt:
        interrupted = True
    except FloatingPointError:
        diverged = True
    finally:
        replay.close()
    module.load_state_dict(trainer.kept.state)
    module.eval()
    return Outcome(trainer.kept.score, trainer.step, trainer.elapsed / 60, interrupted, diverged)


def training_view(plan: Plan, side: int) -> ViewSpec:
    """The view of training pictures: *side* pixels wide and high, where all classifiers take it."""
    smaller = 0 < side < min(plan.spec.height, plan.spec.width)
    if not smaller or not all(one.accepts(side, side) for one in plan.hooked):
        return plan.spec
    return replace(plan.spec, height=side, width=side)


def _metadata(
    plan: Plan, photos: PhotoSet, settings: TrainSettings, outcome: Outcome, command: str
) -> dict[str, str]:
    """What travels with the module: where it fits, and how it came to be."""
    return {
        "afd_version": __version__,
        "plug": plan.plug,
        "where": plan.where,
        "backbone": ", ".join(backbone.name for backbone in plan.backbones),
        "photos": str(len(photos.training)),
        "settings": settings.to_json(),
        "validation": json.dumps(asdict(outcome.score)),
        "steps": str(outcome.steps),
        "minutes": f"{outcome.minutes:.1f}",
        "command": command,
    }


def _signature(plan: Plan) -> dict[str, str]:
    """What tells the classifier of a stem module from others, for its metadata."""
    if plan.plug != "stem":
        return {}
    first = plan.backbones[0]
    size = (first.spec.height, first.spec.width)
    return {"signature": signature_text(first.net, plan.where, plan.config, size)}
