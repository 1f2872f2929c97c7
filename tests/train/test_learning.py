"""What learns, how fast, and from which pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from kit.training import backbone_of, batch_of, plan_of, train

from afdcli.core import AFDModule, preset, weights_file
from afdcli.models.hooks import HookedBackbone
from afdcli.models.plug_points import stages
from afdcli.train import losses
from afdcli.train import run as session
from afdcli.train.augment import draw_variation
from afdcli.train.loop import Progress
from afdcli.train.photos import collect
from afdcli.train.settings import TrainSettings

pytestmark = pytest.mark.usefixtures("pairs_made_here")


@pytest.mark.slow
def test_gates_of_an_input_module_learn_slowly(world: Path, tmp_path: Path) -> None:
    """As quick as the rest, they closed within some hundred steps, and did not open again."""
    moved = {}
    for plug in ("stem", "input"):
        out = tmp_path / f"{plug}.safetensors"
        more = ("--plug", plug, "--steps", "4", "--seed", "3", "-q")
        train(world, out, *more)
        weights = torch.load(out.with_suffix(".ckpt"), weights_only=True)["module"]
        config = weights_file.load(out)[0].config
        torch.manual_seed(3)  # as the run did before it made its module
        before = AFDModule(config).state_dict()
        most = {
            part: max(
                float((value - before[name]).abs().max())
                for name, value in weights.items()
                if name.startswith(f"{part}.")
            )
            for part in ("fde", "fe")
        }
        moved[plug] = most["fde"] / most["fe"]
    assert 0.5 < moved["stem"] < 2
    assert 0.05 < moved["input"] < 0.2


def test_gates_of_an_input_module_wait_until_the_rest_has_learnt_something(
    world: Path, tmp_path: Path
) -> None:
    """Even slow ones closed in a long run: everything that comes through at first is noise."""
    plan = plan_of(world, "input")
    photos = collect([world / "photos"], 4, 0, set())
    module = AFDModule(plan.config)
    settings = TrainSettings(minutes=None, steps=20, batch_size=2, reuse=1)
    gates = [module.fde.gate.weight.detach().clone()]
    outputs = [module.fe.out.point.weight.detach().clone()]

    def watch(progress: Progress) -> None:
        gates.append(module.fde.gate.weight.detach().clone())
        outputs.append(module.fe.out.point.weight.detach().clone())
        if progress.step == 6:
            raise KeyboardInterrupt

    session.fit(plan, module, photos, settings, tmp_path / "a.ckpt", watch, workers=0)
    moved = [not torch.equal(gates[0], gate) for gate in gates]
    assert moved == [False, False, False, False, True, True, True]  # 0.15 of 20 steps
    assert not torch.equal(outputs[0], outputs[3])


def test_pictures_are_varied_alike_between_input_module_and_classifier(world: Path) -> None:
    plan = plan_of(world, "input")
    hooked, batch, module = plan.hooked[0], batch_of(2, plan.spec), AFDModule(plan.config)
    same = batch._replace(pixels=batch.clean)
    torch.manual_seed(1)
    vary = draw_variation()
    with torch.no_grad():
        plain, varied = (losses.run(hooked, module, same, vary=change) for change in (None, vary))
    assert torch.equal(varied.clean, plain.clean)  # the feature loss sees the picture itself
    assert not torch.equal(varied.clean_logits, plain.clean_logits)
    # An untrained module changes nothing, and so neither does the difference of the outputs.
    assert torch.equal(varied.restored_logits, varied.clean_logits)


def test_variations_keep_the_size_and_differ() -> None:
    pixels = torch.rand(2, 3, 40, 56) * 2 - 1
    torch.manual_seed(0)
    changes = [draw_variation() for _ in range(8)]
    made = [vary(pixels) for vary in changes]
    assert {tuple(x.shape) for x in made} == {(2, 3, 40, 56)}
    assert len({float(x.sum()) for x in made}) == 8
    assert all(torch.equal(vary(pixels), x) for vary, x in zip(changes, made, strict=True))
    assert all(float(x.abs().max()) <= 1.2 + 0.1 + 1e-5 for x in made)
    assert min(float((x - pixels).abs().mean()) for x in made) > 0.01


def test_training_pictures_are_small_where_the_classifier_takes_them(world: Path) -> None:
    plan = plan_of(world, "stem")
    assert min(plan.spec.height, plan.spec.width) > 32
    for side, expected in ((32, 32), (0, plan.spec.height), (1000, None)):
        view = session.training_view(plan, side)
        assert view.height == view.width == (expected or plan.spec.height), side
    for one in plan.hooked:
        one.remove()


def test_stages_of_families() -> None:
    resnet = timm.create_model("resnet18")
    assert stages(resnet) == ("layer2", "layer3", "layer4")
    mobile = timm.create_model("mobilenetv2_100")
    assert len(stages(mobile)) == 3
    assert stages(torch.nn.Conv2d(1, 1, 1)) == ()


@pytest.mark.slow
def test_a_module_can_learn_one_batch(world: Path) -> None:
    """Both losses reach all weights: what little can be learnt of eight pictures is learnt."""
    backbone = backbone_of(world)
    hooked = HookedBackbone(backbone, "stem", "act1")
    batch = batch_of(8, backbone.spec)
    torch.manual_seed(0)
    module = AFDModule(preset("light", 64))
    optimiser = torch.optim.AdamW(module.parameters(), 3e-3)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    for _ in range(60):
        f = losses.run(hooked, module, batch)
        loss = losses.feature_loss(f) + losses.angle_loss(f)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        after = losses.run(hooked, module, batch)
    assert float(losses.angle_loss(after)) < 0.97
    assert float(losses.feature_loss(after)) < 0.97
    for name, parameter in module.named_parameters():
        assert not torch.equal(parameter, before[name]), name


@pytest.mark.slow
def test_what_is_behind_the_stem_learns_what_the_outputs_ask_for(world: Path) -> None:
    """The divergence of the outputs reaches all its weights, and falls below the stem's alone."""

    def reached(part: str, changes: dict[str, int]) -> float:
        """The divergence after 60 steps, in which all weights of *part* have changed."""
        plan = plan_of(world, "stem", **changes)
        hooked, batch = plan.hooked[0], batch_of(8, plan.spec)
        torch.manual_seed(0)
        module = AFDModule(plan.config)
        of_part = {n: p for n, p in module.named_parameters() if n.startswith(part)}
        assert of_part
        before = {name: p.detach().clone() for name, p in of_part.items()}
        optimiser = torch.optim.AdamW(module.parameters(), 3e-3)
        for _ in range(60):
            loss = 1000 * losses.divergence(losses.run(hooked, module, batch))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        for name, parameter in of_part.items():
            assert not torch.equal(parameter, before[name]), name
        with torch.no_grad():
            return float(losses.divergence(losses.run(hooked, module, batch)))

    alone = reached("fe.", {"film_width": 0, "adapter_width": 0})
    assert reached("adapters", {"film_width": 0}) < 0.8 * alone
    assert reached("film", {"adapter_width": 0}) < 0.8 * alone
