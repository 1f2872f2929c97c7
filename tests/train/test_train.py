"""Training: pairs, losses, validation, checkpoints, and `afd train` and `afd fuse` for real."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from kit import small_models
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from afdcli.cli.main import app
from afdcli.codec.encode import Compression, compress
from afdcli.codec.read import read_photo
from afdcli.core import AFDModule, preset, weights_file
from afdcli.errors import UsageError
from afdcli.models import precision
from afdcli.models.afd_file import find_module
from afdcli.models.hooks import HookedBackbone
from afdcli.models.loader import load_backbone
from afdcli.models.plug_points import find_stem, stages
from afdcli.models.precision import bf16_is_faster, choose_precision
from afdcli.train import losses
from afdcli.train import run as session
from afdcli.train.augment import draw_variation
from afdcli.train.auto_preset import affordable
from afdcli.train.kept import Kept
from afdcli.train.loader import Batch, Pairs, tensors
from afdcli.train.loop import Progress
from afdcli.train.losses import Features
from afdcli.train.pair_cache import Replay
from afdcli.train.pairs import degraded_pair, draw_rounds, make_pair, random_crop
from afdcli.train.photos import collect
from afdcli.train.settings import Mix, Settings
from afdcli.train.validation import Score
from afdcli.view.spec import ViewSpec


def picture(seed: int, height: int = 150, width: int = 180) -> NDArray[np.uint8]:
    """Smooth colours with a few edges: something that JPEG changes."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (9, 11, 3), dtype=np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos, and a small classifier of the user's own."""
    root = tmp_path_factory.mktemp("world")
    (root / "photos" / "a").mkdir(parents=True)
    for i in range(32):
        Image.fromarray(picture(i)).save(root / "photos" / "a" / f"{i:02}.jpg", quality=95)
    (root / "photos" / "broken.jpg").write_bytes(b"no image at all")
    Image.fromarray(picture(99, 40, 40)).save(root / "photos" / "tiny.png")
    (root / "net.py").write_text(small_models.source("train_test_net"))
    with pytest.raises(Exception, match="give --checkpoint"):
        load_backbone("train_test_net", imports=[str(root / "net.py")])
    torch.manual_seed(0)
    save_file(timm.create_model("train_test_net").state_dict(), root / "net.safetensors")
    return root


def arguments(world: Path, out: Path, *more: str) -> list[str]:
    return [
        *("train", "--backbone", "train_test_net", "--import", str(world / "net.py")),
        *("--checkpoint", str(world / "net.safetensors"), "--data", str(world / "photos")),
        *("--preset", "nano", "--batch-size", "4", "--validation", "5", "--out", str(out), *more),
    ]


@pytest.mark.slow
def test_train_writes_a_module_that_classify_and_fuse_take(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    result = CliRunner().invoke(app, arguments(world, out, "--steps", "3"))
    assert result.exit_code == 0, result.output
    assert "5 held-out photos" in result.stdout
    assert "skipped 2 files" in result.stderr
    module, metadata = weights_file.load(out)
    assert metadata["plug"] == "stem"
    assert metadata["where"] == "maxpool"
    assert [stage.where for stage in module.config.stages] == ["layer1", "layer2", "layer3"]
    assert metadata["steps"] == "3"
    assert not module.config.fused

    backbone = load_backbone("train_test_net", checkpoint=world / "net.safetensors")
    loaded = find_module(str(out), backbone)
    assert loaded is not None
    assert loaded.module.config.fused

    fused = tmp_path / "f.safetensors"
    result = CliRunner().invoke(app, ["fuse", str(out), "--out", str(fused)])
    assert result.exit_code == 0, result.output
    assert "largest output difference" in result.stdout
    assert weights_file.load(fused)[0].config.fused
    found = find_module(str(fused), backbone)
    assert found is not None

    result = CliRunner().invoke(app, ["fuse", str(fused), "--out", str(tmp_path / "g.safetensors")])
    assert result.exit_code == 2
    assert "nothing to fuse" in result.stderr
    result = CliRunner().invoke(app, ["fuse", str(out), "--out", str(out)])
    assert result.exit_code == 2
    assert "would overwrite" in result.stderr


def test_resume_goes_on_and_refuses_other_options(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    result = CliRunner().invoke(app, arguments(world, out, "--resume", "--steps", "2"))
    assert result.exit_code == 2
    assert "there is no checkpoint" in result.stderr
    assert CliRunner().invoke(app, arguments(world, out, "--steps", "2", "-q")).exit_code == 0
    result = CliRunner().invoke(app, arguments(world, out, "--steps", "4", "--resume"))
    assert result.exit_code == 0, result.output
    assert weights_file.load(out)[1]["steps"] == "4"
    more = ("--steps", "5", "--resume", "--lr", "0.5")
    result = CliRunner().invoke(app, arguments(world, out, *more))
    assert result.exit_code == 2
    assert "other options" in result.stderr
    checkpoint = out.with_suffix(".ckpt")
    state = torch.load(checkpoint, weights_only=True)
    del state["kept"]  # as it was before there was a rule for what is kept
    torch.save(state, checkpoint)
    result = CliRunner().invoke(app, arguments(world, out, "--steps", "5", "--resume"))
    assert result.exit_code == 2
    assert "older afd" in " ".join(result.stderr.split())


@pytest.mark.parametrize("plug", ["stem", "input"])
def test_init_begins_with_a_trained_module(world: Path, tmp_path: Path, plug: str) -> None:
    """And all of it learns from the first step on."""
    first, out = tmp_path / "first.safetensors", tmp_path / "m.safetensors"
    more = ("--plug", plug, "--steps", "2", "-q")
    assert CliRunner().invoke(app, arguments(world, first, *more)).exit_code == 0
    more = ("--plug", plug, "--steps", "1", "--lr", "1e-7", "--seed", "5", "-q")
    result = CliRunner().invoke(app, arguments(world, out, *more, "--init", str(first)))
    assert result.exit_code == 0, result.output
    old, (new, metadata) = weights_file.load(first)[0], weights_file.load(out)
    assert json.loads(metadata["settings"])["init"] == "first.safetensors"
    weights = torch.load(out.with_suffix(".ckpt"), weights_only=True)["module"]
    before = old.state_dict()
    for name, value in new.state_dict().items():
        assert torch.allclose(value, before[name], atol=1e-5), name
    for part in ("fde.", "fe."):
        names = [name for name in weights if name.startswith(part)]
        assert any(not torch.equal(weights[name], before[name]) for name in names), part


def test_init_refuses_what_does_not_fit(world: Path, tmp_path: Path) -> None:
    first, out = tmp_path / "first.safetensors", tmp_path / "m.safetensors"
    assert CliRunner().invoke(app, arguments(world, first, "--steps", "1", "-q")).exit_code == 0
    fused = tmp_path / "fused.safetensors"
    assert CliRunner().invoke(app, ["fuse", str(first), "--out", str(fused)]).exit_code == 0
    for init, more, message in (
        (first, ("--preset", "small"), "made for another plug point, backbone or preset"),
        (first, ("--plug", "input"), "made for another plug point, backbone or preset"),
        (fused, (), "is fused"),
        (tmp_path / "none.safetensors", (), "does not exist"),
    ):
        line = arguments(world, out, "--steps", "1", "--init", str(init), *more)
        result = CliRunner().invoke(app, line)
        assert result.exit_code == 2
        assert message in " ".join(result.stderr.split())
    assert not out.exists()


def test_input_module_through_two_backbones(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "any.safetensors"
    net = f"train_test_net={world / 'net.safetensors'}"
    more = ("--plug", "input", "--steps", "2", "-q", "--json")
    command = [*arguments(world, out), *more]
    at = command.index("--checkpoint")
    del command[at : at + 2]
    command[command.index("--backbone") + 1] = net
    result = CliRunner().invoke(app, [*command, "--backbone", net])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    summary = json.loads(result.stdout)
    assert (summary["module"], summary["steps"]) == (str(out), 2)
    assert summary["validation"]["photos"] == 5
    assert sorted(summary["skipped"]) == ["broken.jpg", "tiny.png"]
    assert summary["next"].endswith(f"--afd {out}")
    module, metadata = weights_file.load(out)
    assert metadata["plug"] == "input"
    assert (module.config.channels, module.config.unshuffle) == (3, 2)
    assert (module.config.guide, module.config.width) == (True, 8)  # the width is nano's
    assert "signature" not in metadata


@pytest.mark.slow
def test_gates_of_an_input_module_learn_slowly(world: Path, tmp_path: Path) -> None:
    """As quick as the rest, they closed within some hundred steps, and did not open again."""
    moved = {}
    for plug in ("stem", "input"):
        out = tmp_path / f"{plug}.safetensors"
        more = ("--plug", plug, "--steps", "4", "--seed", "3", "-q")
        result = CliRunner().invoke(app, arguments(world, out, *more))
        assert result.exit_code == 0, result.output
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


def test_who_trained_for_nothing_is_told(world: Path, tmp_path: Path) -> None:
    line = arguments(world, tmp_path / "a.safetensors", "--steps", "1", "--lr", "1e-9")
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    assert "has learnt almost nothing" in " ".join(result.stderr.split())


def test_gates_of_an_input_module_wait_until_the_rest_has_learnt_something(
    world: Path, tmp_path: Path
) -> None:
    """Even slow ones closed in a long run: everything that comes through at first is noise."""
    backbone = load_backbone("train_test_net", checkpoint=world / "net.safetensors")
    plan = session.make_plan([backbone], "input", "nano")
    photos = collect([world / "photos"], 4, 0, set())
    module = AFDModule(plan.config)
    settings = Settings(minutes=None, steps=20, batch_size=2, reuse=1)
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
    backbone = load_backbone("train_test_net", checkpoint=world / "net.safetensors")
    plan = session.make_plan([backbone], "input", "nano")
    site, batch, module = plan.sites[0], batch_of(2, plan.spec), AFDModule(plan.config)
    same = batch._replace(pixels=batch.clean)
    torch.manual_seed(1)
    vary = draw_variation()
    with torch.no_grad():
        plain, varied = (losses.run(site, module, same, vary=change) for change in (None, vary))
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


def test_wrong_usage_is_one_line(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    for more, message in (
        (("--plug", "middle"), "choose stem or input"),
        (("--preset", "huge"), "no preset 'huge'"),
        (("--plug-at", "nowhere"), "no such module"),
        (("--out", str(tmp_path / "m.pth")), "must end in .safetensors"),
        (("--data", str(tmp_path / "none")), "no such folder"),
        (("--exclude", str(tmp_path / "none")), "cannot be read"),
        (("--backbone", "train_test_net"), "--checkpoint works with one backbone"),
    ):
        result = CliRunner().invoke(app, arguments(world, out, "--steps", "1", *more))
        assert result.exit_code == 2, more
        line = result.stderr.strip().splitlines()[-1]
        assert message in line, more
        assert not out.exists()


def test_too_few_photos_are_refused_and_the_skipped_ones_named(world: Path, tmp_path: Path) -> None:
    for i in range(4):
        Image.fromarray(picture(i)).save(tmp_path / f"{i}.png")
    (tmp_path / "odd.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(UsageError, match=r"4 usable.*skipped 1.*odd\.jpg"):
        collect([tmp_path], 5, 0, set())


def test_photos_are_split_once_and_excluded_ones_never_seen(world: Path) -> None:
    first = collect([world / "photos"], 6, 1, set())
    again = collect([world / "photos"], 6, 1, set())
    assert first == again
    assert len(first.validation) == 6
    assert not set(first.training) & set(first.validation)
    assert set(first.skipped) == {"broken.jpg", "tiny.png"}
    names = {f"a/{i:02}.jpg" for i in range(5)}
    fewer = collect([world / "photos"], 6, 1, names)
    left = {path.name for path in (*fewer.training, *fewer.validation)}
    assert not left & {name[2:] for name in names}


def test_ctrl_c_keeps_what_was_learnt(world: Path, tmp_path: Path) -> None:
    backbone = load_backbone("train_test_net", checkpoint=world / "net.safetensors")
    plan = session.make_plan([backbone], "stem", "nano")
    photos = collect([world / "photos"], 5, 0, set())

    def interrupt(progress: Progress) -> None:
        if progress.step == 2:
            raise KeyboardInterrupt

    out = tmp_path / "m.safetensors"
    settings = Settings(minutes=None, steps=50, batch_size=2, validation=5)
    outcome = session.train(plan, photos, settings, out, interrupt, workers=0)
    assert outcome.interrupted
    assert outcome.steps == 2
    assert weights_file.load(out)[1]["steps"] == "2"
    assert out.with_suffix(".ckpt").exists()


def score_of(divergence: float) -> Score:
    return Score(8, 9.0, 8.0, 0.5, 0.6, 1.0, divergence)


def test_the_newest_weights_are_kept_unless_earlier_ones_were_better_by_more_than_chance() -> None:
    noise = torch.tensor([0.3, -0.3] * 4, dtype=torch.float64)
    steps = [
        (torch.full((8,), 1.0), True),
        (torch.full((8,), 0.5), True),  # better
        (0.55 + noise, True),  # worse, but by chance
        (0.6 - noise, True),  # so against the best, not only against the last ones
        (0.9 + noise, False),
        (torch.full((8,), torch.nan), False),
        (torch.full((8,), 0.5), True),
    ]
    first = steps[0][0].double()
    kept = Kept(score_of(1.0), first, {"step": torch.tensor(0)})
    last = 0
    for i, (divergences, newest) in enumerate(steps[1:], 1):
        kept.offer(
            score_of(float(divergences.mean())), divergences.double(), {"step": torch.tensor(i)}
        )
        last = i if newest else last
        assert int(kept.state["step"]) == last
        kept = Kept.loaded(kept.saved())
    assert kept.score.divergence == 0.5


def test_small_steps_down_do_not_add_up() -> None:
    kept = Kept(score_of(0.5), torch.full((8,), 0.5).double(), {"step": torch.tensor(0)})
    noise = torch.tensor([0.3, -0.3] * 4, dtype=torch.float64)
    for i in range(1, 9):
        mean = 0.5 + 0.1 * i
        kept.offer(score_of(mean), mean + noise, {"step": torch.tensor(i)})
    assert int(kept.state["step"]) == 2, "0.7 is within two standard errors (0.21) of 0.5"


def test_pair_in_the_papers_protocol_has_the_files_own_blocks() -> None:
    """Cropped first, then compressed: the grid is the 28x28 blocks of the file."""
    pixels = picture(3, 224, 224)
    rounds = [Compression("jpeg", 10, "4:4:4")]
    pair = degraded_pair(pixels, rounds, ViewSpec())
    assert np.array_equal(pair.clean, pixels)
    photo = read_photo(compress(pixels, rounds))
    assert np.array_equal(pair.drifted.pixels, photo.pixels)
    luma = photo.coefficients.planes[0].coefficients
    expected = luma.transpose(2, 3, 0, 1).reshape(64, 28, 28)
    assert np.array_equal(pair.drifted.grid[:64].astype(np.float32), expected)
    context = pair.drifted.file_context
    assert context[:64] == pytest.approx(np.log(photo.coefficients.planes[0].steps).ravel())
    assert context[-5] == 1


def test_pairs_repeat_with_the_seed_and_show_the_same_crop_twice() -> None:
    pixels = picture(5, 300, 400)
    spec = ViewSpec(64, 64)
    for seed in range(12):
        a = make_pair(pixels, spec, Mix(), np.random.default_rng(seed))
        b = make_pair(pixels, spec, Mix(), np.random.default_rng(seed))
        assert np.array_equal(a.drifted.grid, b.drifted.grid)
        assert a.clean.shape == a.drifted.pixels.shape == (64, 64, 3)
        # The same picture but for compression: any shift or mirroring would cost far more.
        error = np.abs(a.clean.astype(int) - a.drifted.pixels).mean()
        assert error < 25
        mirrored = np.abs(a.clean[:, ::-1].astype(int) - a.drifted.pixels).mean()
        assert error < mirrored


def test_mix_draws_what_it_says() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_rounds(Mix(), rng) for _ in range(4000)]
    counts = np.bincount([len(rounds) for rounds in drawn], minlength=6) / len(drawn)
    mix = Mix()
    rest = 1 - mix.clean
    assert counts[0] == pytest.approx(mix.clean, abs=0.02)
    assert counts[1] == pytest.approx(rest * mix.single, abs=0.03)
    assert counts[2] == pytest.approx(rest * mix.double, abs=0.03)
    assert counts[3:].sum() == pytest.approx(rest * (1 - mix.single - mix.double), abs=0.03)
    last = [rounds[-1] for rounds in drawn if rounds]
    assert {c.codec for c in last} == {"jpeg", "avif", "webp"}
    assert {c.subsampling for c in last} == {"4:4:4", "4:2:2", "4:2:0"}
    assert min(c.quality for c in last) >= mix.lowest


def test_random_crop_sizes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert random_crop(picture(1), (64, 48), rng).shape == (64, 48, 3)
        native = random_crop(picture(1, 300, 420), (224, 224), rng, whole=True)
        assert min(native.shape[:2]) >= 16


def features(restored: torch.Tensor, logits: torch.Tensor) -> Features:
    clean, drifted = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    return Features(clean, drifted, restored, torch.tensor([[0.0, 1.0], [2.0, 0.0]]), logits)


def test_losses_are_what_they_say() -> None:
    same = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    nothing = features(torch.ones(2, 3, 4, 4), same)
    assert float(losses.feature_loss(nothing)) == 1  # doing nothing costs 1
    assert float(losses.feature_loss(features(torch.zeros(2, 3, 4, 4), same))) == 0
    assert float(losses.divergence(nothing)) == pytest.approx(0, abs=1e-6)
    flat = features(torch.ones(2, 3, 4, 4), torch.zeros(2, 2))
    expected = 0.0
    for row in same.softmax(1).tolist():
        expected += sum(p * (math.log(p) - math.log(0.5)) for p in row) / 2
    assert float(losses.divergence(flat)) == pytest.approx(expected, rel=1e-5)


def test_map_loss_compares_the_fdm_with_the_measured_angle(world: Path) -> None:
    backbone = load_backbone("train_test_net", checkpoint=world / "net.safetensors")
    site, batch = HookedBackbone(backbone, "stem", "act1"), batch_of(2, backbone.spec)
    module = AFDModule(preset("paper", 64))
    same = batch._replace(pixels=batch.clean)  # so that nothing drifts: 0 degrees
    assert module.fde is not None
    for bias, expected in ((-30.0, 0.0), (30.0, 1.0)):
        torch.nn.init.zeros_(module.fde.gate.weight)
        torch.nn.init.constant_(module.fde.gate.bias, bias)
        with torch.no_grad():
            f = losses.run(site, module, same)
            assert float(losses.map_loss(module, same, f)) == pytest.approx(expected, abs=1e-3)


def test_angle_loss_is_about_direction_only() -> None:
    same = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    clean, drifted = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    clean[:, 0], drifted[:, 1] = 1, 1
    for restored, cost in (
        (drifted, 1.0),  # doing nothing costs 1
        (3 * drifted, 1.0),
        (clean, 0.0),
        (5 * clean, 0.0),
        (clean + drifted, 2 * math.sin(math.pi / 8) / math.sqrt(2)),
    ):
        f = Features(clean, drifted, restored, same, same)
        assert float(losses.angle_loss(f)) == pytest.approx(cost, abs=3e-3)


def numbered(start: int, size: int = 2) -> Batch:
    """A batch whose pictures all carry their own number."""
    numbers = torch.arange(start, start + size)
    grid = numbers.half().view(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    pixels = numbers.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 4, 4, 3)
    return Batch(pixels, pixels, grid, numbers.float().view(-1, 1))


def test_replay_brings_whole_pairs_back(tmp_path: Path) -> None:
    drawn = []
    replay = Replay((numbered(2 * i) for i in itertools.count()), 4, tmp_path, seed=0)
    for _ in range(60):
        batch, _ = replay.draw()
        numbers = batch.file_context[:, 0]
        assert torch.equal(batch.clean[:, 0, 0, 0].float(), numbers)
        assert torch.equal(batch.pixels[:, 1, 1, 2].float(), numbers)
        assert torch.equal(batch.grid[:, 0, 0, 0].float(), numbers)
        drawn += numbers.tolist()
    fresh = len(set(drawn)) / len(drawn)
    assert 1 / 4 <= fresh < 1 / 3
    assert list(tmp_path.iterdir())
    replay.close()
    assert not list(tmp_path.iterdir())


def test_replay_that_uses_pairs_once_stores_nothing(tmp_path: Path) -> None:
    replay = Replay((numbered(2 * i) for i in itertools.count()), 1, tmp_path, seed=0)
    drawn = [replay.draw().batch.file_context[0, 0].item() for _ in range(5)]
    assert drawn == [0, 2, 4, 6, 8]
    assert not list(tmp_path.iterdir())


def batch_of(count: int, spec: ViewSpec) -> Batch:
    """Pictures, compressed at QF 7."""
    rng = np.random.default_rng(0)
    rounds = [Compression("jpeg", 7, "4:2:0")]
    pairs = [
        degraded_pair(random_crop(picture(n), (64, 64), rng), rounds, spec) for n in range(count)
    ]
    columns = zip(*(tensors(pair) for pair in pairs), strict=True)
    return Batch(*(torch.stack(column) for column in columns))


def test_replay_brings_back_what_is_known_of_each_pair(tmp_path: Path) -> None:
    replay = Replay((numbered(2 * i) for i in itertools.count()), 4, tmp_path, seed=0)
    remembered = 0
    for turn in range(40):
        batch, known = replay.draw()
        numbers = batch.file_context
        if known:
            remembered += 1
            assert torch.equal(known[0], 10 * numbers)
            assert torch.equal(known[1].float(), -numbers.view(-1, 1, 1, 1).expand(-1, 1, 2, 2))
        elif turn != 3:  # once it was forgotten: such a pair comes back with nothing
            replay.keep([10 * numbers, -numbers.half().view(-1, 1, 1, 1).expand(-1, 1, 2, 2)])
    assert 15 < remembered < 30
    replay.close()
    assert not list(tmp_path.iterdir())


def test_known_targets_change_no_loss(world: Path) -> None:
    backbone = load_backbone("train_test_net", checkpoint=world / "net.safetensors")
    site = HookedBackbone(backbone, "stem", "act1")
    batch = batch_of(2, backbone.spec)
    module = AFDModule(preset("nano", 64))
    deep = stages(site.net)
    with torch.no_grad():
        first = losses.run(site, module, batch, deep=deep)
    stored = first.targets.packed()
    assert {tensor.dtype for tensor in stored[1:]} == {torch.float16}
    targets = losses.Targets.unpacked(stored, torch.device("cpu"))
    with torch.no_grad():
        again = losses.run(site, module, batch, targets, deep=deep)
    assert torch.equal(again.clean, first.clean)
    assert float(losses.divergence(again)) == float(losses.divergence(first))
    assert float(losses.deep_loss(again)) == pytest.approx(float(losses.deep_loss(first)), rel=1e-3)


def test_training_pictures_are_small_where_the_classifier_takes_them(world: Path) -> None:
    backbone = load_backbone("train_test_net", checkpoint=world / "net.safetensors")
    plan = session.make_plan([backbone], "stem", "nano")
    assert min(plan.spec.height, plan.spec.width) > 32
    for side, expected in ((32, 32), (0, plan.spec.height), (1000, None)):
        view = session.training_view(plan, side)
        assert view.height == view.width == (expected or plan.spec.height), side
    for site in plan.sites:
        site.remove()


@pytest.mark.parametrize(
    ("name", "preset"), [("resnet50", "small"), ("mobilenetv2_100", "nano"), ("lcnet_035", "pico")]
)
def test_auto_preset_is_what_the_backbone_can_afford(name: str, preset: str) -> None:
    net = timm.create_model(name, pretrained=False).eval()
    point = find_stem(net, (224, 224), pooled=True)
    assert affordable(net, (224, 224), point) == preset


def test_each_folder_gives_as_many_pairs(world: Path, tmp_path: Path) -> None:
    for folder, count, grey in (("few", 12, 40), ("many", 60, 200)):
        (tmp_path / folder).mkdir()
        for i in range(count):
            Image.new("RGB", (128, 128), (grey,) * 3).save(tmp_path / folder / f"{i}.png")
    photos = collect([tmp_path / "few", tmp_path / "many"], 8, 0, set())
    assert [len(folder) for folder in photos.folders] == [12 - 2, 60 - 4]
    assert len(photos.validation) == 6
    spec = ViewSpec(64, 64)
    pairs = iter(Pairs(photos.folders, spec, Mix(clean=1.0), seed=0))
    drawn = [int(clean.float().mean()) for clean, *_ in itertools.islice(pairs, 200)]
    assert 60 < drawn.count(40) < 140
    assert drawn.count(40) + drawn.count(200) == 200


def test_deep_loss_is_relative_to_the_clean_features() -> None:
    none = torch.zeros(2, 3, 1, 1)
    clean = [torch.full((2, 4, 2, 2), 2.0), torch.full((2, 5, 6), -8.0)]
    restored = [torch.full((2, 4, 2, 2), 3.0), torch.full((2, 5, 6), -10.0)]
    f = Features(none, none, none, none, none, clean, restored)
    assert float(losses.deep_loss(f)) == pytest.approx((1 / 2 + 2 / 8) / 2)
    assert float(losses.deep_loss(f._replace(restored_deep=clean))) == 0
    assert float(losses.deep_loss(f._replace(clean_deep=[], restored_deep=[]))) == 0


def test_stages_of_families() -> None:
    resnet = timm.create_model("resnet18")
    assert stages(resnet) == ("layer2", "layer3", "layer4")
    mobile = timm.create_model("mobilenetv2_100")
    assert len(stages(mobile)) == 3
    assert stages(torch.nn.Conv2d(1, 1, 1)) == ()


def test_precision_is_chosen_by_the_machine_and_checked() -> None:
    assert choose_precision("fp32", "cpu") == torch.float32
    assert choose_precision("bf16", "cpu") == torch.bfloat16
    faster = bf16_is_faster("cpu")
    assert choose_precision("auto", "cpu") == (torch.bfloat16 if faster else torch.float32)
    assert choose_precision("auto", "mps") == torch.float32
    with pytest.raises(UsageError, match="choose auto, fp32"):
        choose_precision("int8", "cpu")
    with pytest.raises(UsageError, match="needs a CUDA device"):
        choose_precision("fp16", "cpu")


@pytest.mark.parametrize(
    ("vectors", "tiles", "maker", "chosen"),
    [
        (False, False, "GenuineIntel", torch.float32),
        (False, False, "AuthenticAMD", torch.float32),
        (True, True, "GenuineIntel", torch.bfloat16),
        (True, False, "GenuineIntel", torch.float32),
        (True, False, "AuthenticAMD", torch.bfloat16),
        (True, False, "", torch.float32),
    ],
)
def test_auto_precision_follows_from_the_processor_alone(
    vectors: bool, tiles: bool, maker: str, chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command computes the same way every time: nothing is measured."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: vectors)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    monkeypatch.setattr(precision, "_maker", lambda: maker)
    assert {choose_precision("auto", "cpu") for _ in range(20)} == {chosen}


@pytest.mark.slow
def test_a_module_can_learn_one_batch(world: Path) -> None:
    """Both losses reach all weights: what little can be learnt of eight pictures is learnt."""
    backbone = load_backbone("train_test_net", checkpoint=world / "net.safetensors")
    site = HookedBackbone(backbone, "stem", "act1")
    batch = batch_of(8, backbone.spec)
    torch.manual_seed(0)
    module = AFDModule(preset("nano", 64))
    optimiser = torch.optim.AdamW(module.parameters(), 3e-3)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    for _ in range(60):
        f = losses.run(site, module, batch)
        loss = losses.feature_loss(f) + losses.angle_loss(f)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        after = losses.run(site, module, batch)
    assert float(losses.angle_loss(after)) < 0.97
    assert float(losses.feature_loss(after)) < 0.97
    for name, parameter in module.named_parameters():
        assert not torch.equal(parameter, before[name]), name


@pytest.mark.parametrize(
    ("part", "with_it", "without"),
    [
        ("adapters", {"film_width": 0}, {"film_width": 0, "adapter_width": 0}),
        ("film", {"adapter_width": 0}, {"film_width": 0, "adapter_width": 0}),
    ],
)
@pytest.mark.slow
def test_what_is_behind_the_stem_learns_what_the_outputs_ask_for(
    world: Path, part: str, with_it: dict[str, int], without: dict[str, int]
) -> None:
    """The divergence of the outputs reaches all its weights, and falls below the stem's alone."""
    reached = []
    for changes in (without, with_it):
        backbone = load_backbone("train_test_net", checkpoint=world / "net.safetensors")
        plan = session.make_plan([backbone], "stem", "nano", **changes)
        site, batch = plan.sites[0], batch_of(8, plan.spec)
        torch.manual_seed(0)
        module = AFDModule(plan.config)
        of_part = {n: p for n, p in module.named_parameters() if n.startswith(part)}
        before = {name: p.detach().clone() for name, p in of_part.items()}
        optimiser = torch.optim.AdamW(module.parameters(), 3e-3)
        for _ in range(60):
            loss = 1000 * losses.divergence(losses.run(site, module, batch))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            reached.append(float(losses.divergence(losses.run(site, module, batch))))
        for name, parameter in of_part.items():
            assert not torch.equal(parameter, before[name]), name
    assert len(before) > 0
    assert reached[1] < 0.8 * reached[0]


@pytest.mark.shared
def test_train_on_real_photos_with_a_real_classifier(shared: Path, tmp_path: Path) -> None:
    """The whole path once, for real; how much a module wins takes minutes, and is measured."""
    out = tmp_path / "m.safetensors"
    folder = shared / "backbones"
    result = CliRunner().invoke(
        app,
        [
            *("train", "--backbone", "mobilenetv1_075_tf", "--preset", "nano", "-q"),
            *("--import", str(folder / "real_backbones.py"), "--batch-size", "4"),
            *("--checkpoint", str(folder / "mobilenetv1_075_tf.safetensors")),
            *("--data", str(shared / "data" / "train-photos" / "kodak"), "--steps", "3"),
            *("--validation", "5", "--out", str(out)),
        ],
    )
    assert result.exit_code == 0, result.output
    metadata = weights_file.load(out)[1]
    assert metadata["where"] == "bn1"
    assert json.loads(metadata["validation"])["angle_direct"] > 1
